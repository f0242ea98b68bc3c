"""What imports of every listed family share: submitting, one listing call for all that are open, finding a lost one.

Source: Mirakl seller API documentation, lifecycle of imports: ids come as numbers or text, unknown states are not an
end (general notes on compatibility; verified); no call gives back a name of ours, so a lost import is found by time and
line count (inferred).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from gateway.destinations.mirakl import sheet
from gateway.destinations.mirakl.calls import Api, Calls, Json, Query, count, moment, segment, text
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.errors import MayWorkLater, OutcomeUnknown, Refused, Throttled
from gateway.model import ABSENT, UNKNOWN, Batch, Receipt, RowState, Sent, Verdict

YOUNG, OLD = 20, 240
"""Ages in status intervals from which an import is asked about less often."""
WINDOW = timedelta(minutes=5)
"""How much further back than a call a listing is asked for."""
_UNDECIDED = 10
"""An import whose lines are not read yet is waited for this many find intervals before the search is given up."""

Raw = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the effects of a closed import are that no report names."""

    rest: RowState
    code: str = ""
    message: str = ""


APPLIED = Verdicts(RowState.APPLIED)


def uncertain(message: str) -> Verdicts:
    """The rest may or may not have been taken."""
    return Verdicts(RowState.UNCERTAIN, "DEST_UNCERTAIN", message)


def accepted(message: str) -> Verdicts:
    """The rest was taken and nothing says what became of it."""
    return Verdicts(RowState.ACCEPTED, "DEST_NOT_CONFIRMED", message)


def lines_of(sent: Sent) -> int:
    """Return how many data lines the file had; more than effects where an offer has several prices."""
    return int(sent.memo.get("lines", sent.records))


class Imports(ABC):
    """Imports of one family of one shop. What is kept here spreads calls and counts tries within this process."""

    submits: Api
    file: str
    state_field = "status"

    def __init__(self, calls: Calls, settings: MiraklSettings, name: str, interval: float) -> None:
        self._calls = calls
        self._settings = settings
        self._name = name
        self._interval = interval
        self._missing: dict[tuple[int, str], int] = {}
        self._mine: set[str] = set()

    # ---- what a family says

    @abstractmethod
    def listed(self, since: datetime, tickets: Sequence[str]) -> Iterable[Json]:
        """Yield imports since a time, newest first; only these where tickets are given and the call allows it."""

    @abstractmethod
    def single(self, ticket: str) -> Json | None:
        """Read one import the listing did not show; None when it is not known."""

    @abstractmethod
    def judged(self, sent: Sent, state: Json) -> Receipt:
        """Say what an import's state means."""

    @abstractmethod
    def lines_read(self, state: Json) -> int | None:
        """Return how many lines an import had; None while it has not been read."""

    def parts(self) -> Query:
        """Return the text parts beside the file."""
        return ()

    def same(self, sent: Sent, state: Json) -> bool:
        """Whether an import of the right time and size can be the one sent; asked for the only candidate."""
        del sent, state
        return True

    # ---- submitting

    def submit(self, batch: Batch) -> Receipt:
        """Send the file. Raises OutcomeUnknown too when the answer names no import."""
        done = sheet.ended(batch)
        if done is not None:
            return done
        answer = self._calls.post_file(self.submits, self.file, batch.body, self.parts())
        # Whatever the body says, the file was taken: an unreadable answer is an unknown outcome, not a failed call.
        ticket = text(answer.get("import_id"))
        if ticket is None:
            raise OutcomeUnknown(
                f"{self._name} took {self.file} ({self.submits.code}) but named no import id.",
                fix="It is looked up, and sent again unless newer values were sent.",
            )
        self._mine.add(ticket)
        return Receipt(ticket=ticket, after=self._interval)

    # ---- polling

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Ask about all open imports by one listing call. Raises Unreachable or Refused when it could not be asked."""
        waiting = [item for item in sent if item.ticket is not None]
        if not waiting:
            return {}
        try:
            states = self._states(waiting)
        except Throttled as error:
            return {item.batch_id: Receipt(ticket=item.ticket, after=error.after) for item in waiting}
        receipts: dict[int, Receipt] = {}
        for item in waiting:
            try:
                receipts[item.batch_id] = self._answered(item, states.get(item.ticket or ""))
            except Throttled as error:
                receipts[item.batch_id] = Receipt(ticket=item.ticket, after=error.after)
            except (MayWorkLater, Refused):
                if not receipts:
                    raise
                break
        return receipts

    def _states(self, waiting: Sequence[Sent]) -> Mapping[str, Json]:
        wanted = {item.ticket for item in waiting if item.ticket is not None}
        oldest = min(item.intent_at for item in waiting) - WINDOW
        found: dict[str, Json] = {}
        for state in self.listed(oldest, sorted(wanted)):
            ticket = text(state.get("import_id"))
            if ticket in wanted:
                found[ticket] = state
                if len(found) == len(wanted):
                    break
        return found

    def _answered(self, item: Sent, state: Json | None) -> Receipt:
        if state is None:
            state = self.single(item.ticket or "")
        if state is None:
            return self.open(item, f"The import {item.ticket} is not known any more.")
        receipt = self.judged(item, state)
        created = moment(state.get("date_created"))
        if not receipt.closed or receipt.rest is not RowState.APPLIED or created is None:
            return receipt
        older = (item.intent_at + timedelta(seconds=self._calls.skew) - created).total_seconds()
        if older <= self._settings.repeat_window:
            return receipt
        said = uncertain(
            f"the marketplace took the file for a repeat of its import {item.ticket} of {created:%Y-%m-%d %H:%M}; "
            "what was sent between the two may stand instead"
        )
        return replace(receipt, rest=said.rest, code=said.code, message=said.message)

    def open(self, item: Sent, message: str = "", outcomes: pl.DataFrame | None = None) -> Receipt:
        """Say that an import is under way; old ones are asked about less often."""
        age = (self._calls.clock.now() - item.intent_at).total_seconds()
        times = 1 if age < YOUNG * self._interval else 4 if age < OLD * self._interval else 20
        return Receipt(ticket=item.ticket, after=self._interval * times, message=message, outcomes=outcomes)

    def failed(self, item: Sent, state: Json, raw: Raw) -> Receipt:
        """Say that an import failed as a whole."""
        reason = text(state.get("reason_status")) or "no reason given"
        message = f"the import {item.ticket} ended {text(state.get(self.state_field))} as a whole: {reason}"
        code = "DEST_SETUP"
        return Receipt(ticket=item.ticket, closed=True, rest=RowState.REFUSED, code=code, message=message, raw=raw)

    def closed(self, item: Sent, said: Verdicts, named: pl.DataFrame, raw: Raw) -> Receipt:
        """Say how an import ended; report lines that name no effect make the rest uncertain."""
        if named.select((pl.col("line").is_null() & pl.col("key").is_null()).any()).item():
            said = uncertain("the error report has lines that can't be tied to lines sent")
        return Receipt(
            item.ticket, closed=True, rest=said.rest, code=said.code, message=said.message, outcomes=named, raw=raw
        )

    def raw(self, item: Sent, state: Json) -> Raw:
        """Keep a state as received."""
        name = f"{self.file.removesuffix('.csv')}-status-{item.batch_id}.json"
        return ((name, json.dumps(dict(state), indent=1).encode()),)

    def fetched(self, item: Sent, api: Api) -> tuple[bytes | None, bool]:
        """Read a report that is announced; second: whether it is to be asked for again, because it is not there yet."""
        place = (item.batch_id, api.code)
        try:
            content = self._calls.report(api)
        except Refused as error:
            if error.status != "404":
                raise
            self._missing[place] = self._missing.get(place, 0) + 1
            return None, self._missing[place] < self._settings.report_tries
        self._missing.pop(place, None)
        return content, False

    def asked(self, call: Callable[[], Json]) -> Json | None:
        """Ask about one import; None when it is not known."""
        try:
            return call()
        except Refused as error:
            if error.status != "404":
                raise
            return None

    # ---- finding what a lost answer left

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Look an import up by time and lines. Raises MayWorkLater while it may still turn up."""
        if sent.ticket is not None:
            return Receipt(ticket=sent.ticket, after=self._interval)
        if sheet.UNSENT in sent.memo:
            return ABSENT
        exact, unread = self._candidates(sent)
        age = (self._calls.clock.now() - sent.intent_at).total_seconds()
        wait = self._settings.find_interval
        if not exact and not unread:
            if age < wait:
                raise MayWorkLater(
                    f"{self._name}: the lost {self.file} is not among the imports yet.",
                    fix="It is looked for again by itself.",
                    after=min(30.0, wait - age),
                )
            return ABSENT
        if len(exact) == 1 and not unread and self.same(sent, exact[0]):
            return Receipt(ticket=text(exact[0].get("import_id")), after=self._interval)
        if unread and age < _UNDECIDED * wait:
            raise MayWorkLater(
                f"{self._name}: an import that may be the lost {self.file} has not been read yet.",
                fix="It is looked at again by itself.",
                after=self._interval,
            )
        return UNKNOWN

    def _candidates(self, sent: Sent) -> tuple[list[Json], list[Json]]:
        found = list(self.listed(sent.intent_at - WINDOW, ()))
        tolerance = 2.0 if self._calls.skew_known else self._settings.clock_tolerance
        earliest = sent.intent_at + timedelta(seconds=self._calls.skew - tolerance)
        exact: list[Json] = []
        unread: list[Json] = []
        for state in found:
            created, ticket = moment(state.get("date_created")), text(state.get("import_id"))
            if created is None or created < earliest or ticket is None or ticket in self._mine:
                continue
            lines = self.lines_read(state)
            if lines is None:
                unread.append(state)
            elif lines == lines_of(sent):
                exact.append(state)
        return exact, unread


def summed(*counters: int | None) -> int | None:
    """Return the sum of counters; None when one is missing."""
    total = 0
    for one in counters:
        if one is None:
            return None
        total += one
    return total


def number(state: Json, name: str) -> int | None:
    """Return a counter of an import."""
    return count(state.get(name))


def missing_report(lines: int, bad: int | None) -> Verdicts:
    """Say what the lines are when the report that names the bad ones can't be read."""
    if bad == 0:
        return Verdicts(
            RowState.APPLIED, "", "an error report was announced and never there, but no line is counted in error"
        )
    if bad is not None and bad >= lines:
        said = f"all {lines} lines are in error and the error report can't be read"
        return Verdicts(RowState.REFUSED, "DEST_REFUSED_BATCH", said)
    told = "some" if bad is None else str(bad)
    return uncertain(f"{told} of {lines} lines are in error and the error report that names them can't be read")


def below(api: Api, ticket: str, what: str = "") -> Api:
    """Return the call about one import."""
    return Api(api.code, f"{api.path}/{segment(ticket)}{what}", api.interval)
