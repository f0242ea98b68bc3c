"""Stock imports: STO01, their states by STO02 one by one, their error reports by STO03.

Source of every rule: Mirakl seller API documentation, the pages of these three calls (verified unless said otherwise).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from gateway.destinations.mirakl import report, sheet
from gateway.destinations.mirakl.calls import Api, Calls, Json, count, text
from gateway.destinations.mirakl.imports import OLD, YOUNG, Raw, below
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.errors import MayWorkLater, OutcomeUnknown, Refused, Throttled
from gateway.model import UNKNOWN, Batch, Receipt, RowState, Sent, Verdict

_PATH = "/api/offers/stock/imports"


class StockImports:
    """Stock imports of one shop; they can't be listed. What is kept here spreads calls within this process."""

    def __init__(self, calls: Calls, settings: MiraklSettings, name: str) -> None:
        self._calls = calls
        self._settings = settings
        self._name = name
        self._state = Api("STO02", _PATH, settings.status_interval)
        self._errors = Api("STO03", _PATH, settings.report_interval)
        self._asked: dict[int, float] = {}
        self._missing: dict[int, int] = {}

    def submit(self, batch: Batch) -> Receipt:
        """Send the CSV (STO01). Raises OutcomeUnknown too when the answer names no import."""
        done = sheet.ended(batch)
        if done is not None:
            return done
        answer = self._calls.post_file(Api("STO01", _PATH), "stock.csv", batch.body)
        # Whatever the body says, the file was taken: an unreadable answer is an unknown outcome, not a failed call.
        ticket = text(answer.get("import_id"))
        if ticket is None:
            raise OutcomeUnknown(
                f"{self._name} took the stock import but named no import id.",
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

    def _ask(self, item: Sent) -> Receipt:
        try:
            status = self._calls.read(below(self._state, item.ticket or "", "/status"))
        except Refused as error:
            if error.status != "404":
                raise
            return self._open(item, f"The import {item.ticket} is not known any more.")
        self._asked[item.batch_id] = self._calls.clock.monotonic()
        raw = ((f"status-{item.batch_id}.json", json.dumps(dict(status), indent=1).encode()),)
        word = text(status.get("status"))
        match word:
            case "COMPLETE":
                return self._complete(item, status, raw)
            case "FAILED":
                return self._failed(item, status, raw)
            case "WAITING" | "RUNNING":
                return self._open(item, "")
            case _:
                # New values must be tolerated (general notes on compatibility): not an end until we know better.
                return self._open(item, f"The import has the unknown status {word!r}; it is asked about again.")

    def _open(self, item: Sent, message: str) -> Receipt:
        interval = self._settings.status_interval
        age = (self._calls.clock.now() - item.intent_at).total_seconds()
        times = 1 if age < YOUNG * interval else 4 if age < OLD * interval else 20
        return Receipt(ticket=item.ticket, after=interval * times, message=message)

    def _failed(self, item: Sent, status: Json, raw: Raw) -> Receipt:
        reason = text(status.get("reason_status")) or "no reason given"
        return Receipt(
            ticket=item.ticket,
            closed=True,
            rest=RowState.REFUSED,
            code="DEST_SETUP",
            message=f"the import {item.ticket} failed as a whole: {reason}",
            raw=raw,
        )

    def _complete(self, item: Sent, status: Json, raw: Raw) -> Receipt:
        good, bad = count(status.get("lines_in_success")), count(status.get("lines_in_error"))
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
        try:
            return self._calls.report(below(self._errors, item.ticket or "", "/error_report"))
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
