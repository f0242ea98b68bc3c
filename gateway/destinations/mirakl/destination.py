"""A Mirakl shop as destination: stock imports by STO01, their status by STO02, error reports by STO03.

Source of every rule: Mirakl seller API documentation, the pages of these three calls (verified unless said otherwise).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, ClassVar
from urllib.parse import quote

import polars as pl

from gateway.destinations.mirakl import report, stock
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.errors import MayWorkLater, OutcomeUnknown, Refused, SettingsError, Throttled, Unreachable
from gateway.model import (
    UNKNOWN,
    Batch,
    Clock,
    Operation,
    Receipt,
    Reference,
    RowState,
    Sent,
    Spec,
    Verdict,
    no_issues,
)
from gateway.transport.http import Request, Response, Transport, Upload

_IMPORTS = "/api/offers/stock/imports"
_YOUNG, _OLD = 20, 240
"""Ages in status intervals from which an import is asked about less often: 5 minutes and 1 hour by default."""


class MiraklDestination:
    """One shop. Holds no truth: what it remembers only spreads calls and counts tries within this process."""

    SPEC: ClassVar[Spec] = Spec(
        name="mirakl",
        title="Mirakl marketplaces (stock imports)",
        settings=MiraklSettings,
        operations=lambda settings: (stock.operation(settings),),
    )

    def __init__(
        self, settings: MiraklSettings, *, transport: Transport | None = None, clock: Clock, account: str, name: str
    ) -> None:
        if transport is None:
            raise SettingsError(f"Destination {name} needs an HTTP transport.", fix="Build it with http.connect.")
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._account = account
        self._name = name
        self._operations = self.SPEC.operations(settings)
        self._asked: dict[int, float] = {}
        self._missing: dict[int, int] = {}

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Stock only."""
        return self._operations

    @property
    def account(self) -> str:
        """The shop's account name."""
        return self._account

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Nothing is read: stock is checked by what the operation requires."""
        del operation, records
        return Reference()

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Return no issues."""
        del operation, records, reference, today
        return no_issues()

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield one CSV per import; the slot is one per shop and family."""
        del reference
        if operation != stock.OPERATION:
            raise SettingsError(f"Destination {self._name} has no operation {operation!r}; it has: stock.")
        return stock.encode(records, f"{self._account}:stock", self._settings)

    def submit(self, batch: Batch) -> Receipt:
        """Send the CSV (STO01). Raises OutcomeUnknown too when the answer names no import."""
        upload = Upload("file", "stock.csv", "text/csv", batch.body)
        answer = self._transport.send(
            Request("POST", _IMPORTS, query=self._shop(), upload=upload, budget="STO01", limit=1024 * 1024)
        )
        # Whatever the body says, the file was taken: an unreadable answer is an unknown outcome, not a failed call.
        ticket = _text((_json(answer) or {}).get("import_id"))
        if ticket is None:
            raise OutcomeUnknown(
                f"{self._name} took the stock import (status {answer.status}) but named no import id.",
                fix="It is sent again unless newer values of the same offers were sent.",
            )
        return Receipt(ticket=ticket, after=self._settings.status_interval)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Ask for imports, the one not asked about for longest first, as many as the budget allows.

        Raises Unreachable or Refused when not even the first could be asked about.
        """
        waiting = sorted(
            (item for item in sent if item.ticket is not None), key=lambda item: self._asked.get(item.batch_id, -1.0)
        )
        receipts: dict[int, Receipt] = {}
        for place, item in enumerate(waiting):
            try:
                receipts[item.batch_id] = self._ask(item)
            except Throttled as error:
                rest = waiting[place:]
                return receipts | {one.batch_id: Receipt(ticket=one.ticket, after=error.after) for one in rest}
            except (MayWorkLater, Refused):
                if not receipts:
                    raise
                return receipts
        return receipts

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Stock imports can't be listed: known only by their ticket."""
        return UNKNOWN if sent.ticket is None else Receipt(ticket=sent.ticket, after=self._settings.status_interval)

    def probe(self) -> str:
        """Read the account (A01), which may be asked for once a day."""
        try:
            account = _object(self._transport.send(Request("GET", "/api/account", query=self._shop(), budget="A01")))
        except Throttled:
            return f"{self._name}: reached; the account was asked for already and is not asked for again today"
        shop, state = _text(account.get("shop_id")), _text(account.get("shop_state", account.get("state")))
        wanted = self._settings.shop_id
        if wanted is not None and shop != str(wanted):
            raise Refused(
                f"{self._name}: the key opens shop {shop}, the settings say {wanted}.",
                fix="Correct shop_id or take the key of that shop.",
                status="shop",
            )
        return f"{self._name}: shop {shop} ({account.get('shop_name')}) is {state}"

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _shop(self) -> tuple[tuple[str, str], ...]:
        return () if self._settings.shop_id is None else (("shop_id", str(self._settings.shop_id)),)

    def _get(self, item: Sent, what: str, *, budget: str, interval: float, accept: str) -> Response:
        path = f"{_IMPORTS}/{_segment(item.ticket or '')}/{what}"
        return self._transport.send(
            Request("GET", path, query=self._shop(), accept=accept, budget=budget, interval=interval)
        )

    def _ask(self, item: Sent) -> Receipt:
        interval = self._settings.status_interval
        try:
            answer = self._get(item, "status", budget="STO02", interval=interval, accept="application/json")
        except Refused as error:
            if error.status != "404":
                raise
            return self._open(item, f"The import {item.ticket} is not known any more.")
        self._asked[item.batch_id] = self._clock.monotonic()
        status = _object(answer)
        word = _text(status.get("status"))
        match word:
            case "COMPLETE":
                return self._complete(item, status, answer.body)
            case "FAILED":
                return self._failed(item, status, answer.body)
            case "WAITING" | "RUNNING":
                return self._open(item, "")
            case _:
                # New values must be tolerated (general notes on compatibility): not an end until we know better.
                return self._open(item, f"The import has the unknown status {word!r}; it is asked about again.")

    def _open(self, item: Sent, message: str) -> Receipt:
        interval = self._settings.status_interval
        age = (self._clock.now() - item.intent_at).total_seconds()
        times = 1 if age < _YOUNG * interval else 4 if age < _OLD * interval else 20
        return Receipt(ticket=item.ticket, after=interval * times, message=message)

    def _failed(self, item: Sent, status: dict[str, Any], body: bytes) -> Receipt:
        reason = _text(status.get("reason_status")) or "no reason given"
        return Receipt(
            ticket=item.ticket,
            closed=True,
            rest=RowState.REFUSED,
            code="DEST_REFUSED_BATCH",
            message=f"the import {item.ticket} failed as a whole: {reason}",
            raw=((f"status-{item.batch_id}.json", body),),
        )

    def _complete(self, item: Sent, status: dict[str, Any], body: bytes) -> Receipt:
        good, bad = _count(status.get("lines_in_success")), _count(status.get("lines_in_error"))
        raw: tuple[tuple[str, bytes], ...] = ((f"status-{item.batch_id}.json", body),)
        lines: list[report.ReportLine] | None = []
        if status.get("has_error_report") is True or (bad is not None and bad > 0):
            content = self._report(item)
            if content is None and self._missing[item.batch_id] < self._settings.report_tries:
                return self._open(item, "The error report is announced but not there yet; it is asked for again.")
            lines = None if content is None else report.read(content)
            raw += () if content is None else ((f"error-report-{item.batch_id}.csv", content),)
        self._missing.pop(item.batch_id, None)
        self._asked.pop(item.batch_id, None)
        rest, code, message = _verdict(item, good, bad, lines)
        named = report.outcomes(
            lines or (),
            records=item.records,
            counts_header=self._settings.report_counts_header,
            key=item.memo.get("key", ""),
        )
        if named.filter(pl.col("line").is_null() & pl.col("key").is_null()).height:
            rest, code = RowState.UNCERTAIN, "DEST_UNCERTAIN"
            message = "the error report has lines that can't be tied to lines sent"
        return Receipt(item.ticket, closed=True, rest=rest, code=code, message=message, outcomes=named, raw=raw)

    def _report(self, item: Sent) -> bytes | None:
        interval = self._settings.report_interval
        try:
            return self._get(item, "error_report", budget="STO03", interval=interval, accept="*/*").body
        except Refused as error:
            if error.status != "404":
                raise
            self._missing[item.batch_id] = self._missing.get(item.batch_id, 0) + 1
            return None


def _verdict(
    item: Sent, good: int | None, bad: int | None, lines: Sequence[report.ReportLine] | None
) -> tuple[RowState, str, str]:
    """Say what the lines are that no report names: applied only when the counters agree with file and report."""
    sent = item.records
    if lines is None and bad == 0:
        return RowState.APPLIED, "", "an error report was announced and never there, but no line is counted in error"
    if lines is None and bad is not None and bad >= sent:
        return RowState.REFUSED, "DEST_REFUSED_BATCH", f"all {sent} lines are in error and the error report is missing"
    if lines is None:
        told = "some" if bad is None else str(bad)
        text = f"{told} of {sent} lines are in error and the error report that names them is missing"
        return RowState.UNCERTAIN, "DEST_UNCERTAIN", text
    if good is None or bad is None:
        if not lines:
            return RowState.ACCEPTED, "DEST_NOT_CONFIRMED", "the import is complete but gives no counters"
        return RowState.ACCEPTED, "DEST_NOT_CONFIRMED", "the line is not in the error report, but there are no counters"
    named = {len(lines), len({entry.line for entry in lines})}
    if good + bad == sent and bad in named:
        return RowState.APPLIED, "", ""
    text = f"the counters disagree: {sent} lines sent, {good} in success, {bad} in error, {len(lines)} in the report"
    return RowState.UNCERTAIN, "DEST_UNCERTAIN", text


def _json(answer: Response) -> dict[str, Any] | None:
    try:
        data = json.loads(answer.body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _object(answer: Response) -> dict[str, Any]:
    """Return the JSON object of an answer to a reading call. Raises Unreachable when it is none."""
    data = _json(answer)
    if data is None:
        raise Unreachable(
            "The marketplace answered something that is not the JSON object expected.",
            fix="It is asked again later by itself; check the host name if it stays so.",
        )
    return data


def _text(value: object) -> str | None:
    """Ids come as text or numbers; anything else is no id."""
    if isinstance(value, str) and value != "":
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _segment(ticket: str) -> str:
    """Quote a ticket for a path; it is the other side's text."""
    return quote(ticket, safe="")
