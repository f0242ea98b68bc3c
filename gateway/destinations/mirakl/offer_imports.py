"""Offer imports: OF01, their states by OF04 and OF02, their error reports by OF03.

Source: Mirakl seller API documentation, OF01 to OF04: COMPLETE is reached with every line in error too; success is what
the counters say (verified); `error-line` counts the header as line 1 (verified).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from gateway.destinations.mirakl import named_report
from gateway.destinations.mirakl.calls import PAGE, Api, Calls, Json, Query, text, wire_time
from gateway.destinations.mirakl.imports import (
    APPLIED,
    Imports,
    Raw,
    Verdicts,
    accepted,
    below,
    lines_of,
    missing_report,
    number,
    summed,
    uncertain,
)
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.model import Receipt, Sent

_PATH = "/api/offers/imports"
_UNDER_WAY = frozenset({"WAITING_SYNCHRONIZATION_PRODUCT", "WAITING", "RUNNING", "QUEUED"})
_SHAPE = named_report.Shape(line=("error-line",), sku=("sku",), errors=("error-message",))


class OfferImports(Imports):
    """Offer imports of one shop; always NORMAL: REPLACE deletes every offer that is not in the file."""

    submits = Api("OF01", _PATH)
    file = "offers.csv"

    def __init__(self, calls: Calls, settings: MiraklSettings, name: str) -> None:
        super().__init__(calls, settings, name, settings.offer_status_interval)
        self._list = Api("OF04", _PATH, settings.offer_status_interval)
        self._one = Api("OF02", _PATH, settings.offer_status_interval)
        self._errors = Api("OF03", _PATH, settings.offer_report_interval)

    def parts(self) -> Query:
        """Return the mode, which must be named."""
        return (("import_mode", "NORMAL"),)

    def listed(self, since: datetime, tickets: Sequence[str]) -> Iterator[Json]:
        """Yield imports started by API since a time (OF04)."""
        del tickets
        query = (
            ("start_date", wire_time(since)),
            ("origins", "API"),
            ("limit", str(PAGE)),
            ("sort", "dateCreated,DESC"),
        )
        return self._calls.sought(self._list, query)

    def single(self, ticket: str) -> Json | None:
        """Read one import (OF02)."""
        return self.asked(lambda: self._calls.read(below(self._one, ticket)))

    def lines_read(self, state: Json) -> int | None:
        """Return the lines once they are read."""
        lines = number(state, "lines_read")
        return None if text(state.get("status")) in _UNDER_WAY and not lines else lines

    def same(self, sent: Sent, state: Json) -> bool:
        """Another tool's REPLACE is none of ours."""
        del sent
        return text(state.get("mode")) in {None, "NORMAL"}

    def judged(self, sent: Sent, state: Json) -> Receipt:
        """Follow the state word; only COMPLETE with counters that agree says applied."""
        word = text(state.get("status"))
        raw = self.raw(sent, state)
        if word == "COMPLETE":
            return self._complete(sent, state, raw)
        if word == "FAILED":
            return self.failed(sent, state, raw)
        if word in _UNDER_WAY:
            waits = "the offers wait for their products" if word == "WAITING_SYNCHRONIZATION_PRODUCT" else ""
            return self.open(sent, waits)
        return self.open(sent, f"The import has the unknown status {word!r}; it is asked about again.")

    def _complete(self, sent: Sent, state: Json, raw: Raw) -> Receipt:
        bad = number(state, "lines_in_error")
        entries: list[named_report.Entry] | None = []
        if state.get("has_error_report") is True or (bad is not None and bad > 0):
            content, again = self.fetched(sent, below(self._errors, sent.ticket or "", "/error_report"))
            if again:
                return self.open(sent, "The error report is announced but not there yet; it is asked for again.")
            entries = None if content is None else named_report.read(content, _SHAPE)
            raw += () if content is None else ((f"offers-error-report-{sent.batch_id}.csv", content),)
        lines = lines_of(sent)
        said = _verdict(lines, state, entries)
        named = named_report.outcomes(
            entries or (), tail=sent.memo.get("tail"), known=range(2, lines + 2), rest=said.rest
        )
        return self.closed(sent, said, named, raw)


def _verdict(lines: int, state: Json, entries: Sequence[named_report.Entry] | None) -> Verdicts:
    """Say what the lines are that no report names."""
    read, good, bad, waits = (
        number(state, f"lines_{name}") for name in ("read", "in_success", "in_error", "in_pending")
    )
    if entries is None:
        return missing_report(lines, bad)
    if read is None or good is None or bad is None:
        return accepted("the import is complete but gives no counters")
    named = {len(entries), len({entry.line for entry in entries})}
    if read != lines or summed(good, bad, waits or 0) != read or bad not in named:
        return uncertain(
            f"the counters disagree: {lines} lines sent, {read} read, {good} in success, {bad} in error, "
            f"{len(entries)} in the report"
        )
    if waits:
        return accepted(f"{waits} of {lines} offers wait for an approval of the marketplace")
    return APPLIED
