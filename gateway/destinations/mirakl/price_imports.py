"""Price imports: PRI01, their states by PRI02, their error reports by PRI03.

Source: Mirakl seller API documentation, PRI01 to PRI03: imports replace all prices of an offer; the report has the line
number, the reason and the columns as sent, and holds every line of an offer that has one bad line (verified).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from gateway.destinations.mirakl import report
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
from gateway.destinations.mirakl.price import KEPT
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.model import OUTCOME_SCHEMA, Receipt, RowState, Sent

_PATH = "/api/offers/pricing/imports"
_IDS = 50
"""Import ids asked for in one call: addresses have a length."""
_NO_REASON = "no reason given"


class PriceImports(Imports):
    """Price imports of one shop."""

    submits = Api("PRI01", _PATH)
    file = "prices.csv"

    def __init__(self, calls: Calls, settings: MiraklSettings, name: str) -> None:
        super().__init__(calls, settings, name, settings.price_status_interval)
        self._list = Api("PRI02", _PATH, settings.price_status_interval)
        self._errors = Api("PRI03", _PATH, settings.price_report_interval)

    def listed(self, since: datetime, tickets: Sequence[str]) -> Iterator[Json]:
        """Yield the imports of these tickets, or those started by API since a time (PRI02)."""
        size = ("limit", str(PAGE))
        if not tickets:
            started: Query = (("start_date", wire_time(since)), ("origins", "API"), size, ("sort", "dateCreated,DESC"))
            yield from self._calls.sought(self._list, started)
            return
        for start in range(0, len(tickets), _IDS):
            wanted = tuple(("import_id", ticket) for ticket in tickets[start : start + _IDS])
            yield from self._calls.sought(self._list, (*wanted, size))

    def single(self, ticket: str) -> Json | None:
        """There is no call for one import: the listing by id has answered already."""
        del ticket
        return None

    def lines_read(self, state: Json) -> int | None:
        """Return the lines counted; they are counted at the end only."""
        if text(state.get("status")) != "COMPLETE":
            return None
        return summed(number(state, "lines_in_success"), number(state, "lines_in_error"))

    def _answered(self, item: Sent, state: Json | None) -> Receipt:
        """Tell of discounts beside a price that was taken, once nothing is doubted of it any more."""
        receipt = super()._answered(item, state)
        if not receipt.closed or receipt.rest is not RowState.APPLIED or KEPT not in item.memo:
            return receipt
        named = pl.DataFrame(schema=OUTCOME_SCHEMA) if receipt.outcomes is None else receipt.outcomes
        return replace(receipt, outcomes=pl.concat([named, _kept(item.memo[KEPT], named["key"].to_list())]))

    def judged(self, sent: Sent, state: Json) -> Receipt:
        """Follow the state word; only COMPLETE with counters that agree says applied."""
        word = text(state.get("status"))
        raw = self.raw(sent, state)
        if word == "COMPLETE":
            return self._complete(sent, state, raw)
        if word == "FAILED":
            return self.failed(sent, state, raw)
        if word in {"WAITING", "RUNNING"}:
            return self.open(sent)
        return self.open(sent, f"The import has the unknown status {word!r}; it is asked about again.")

    def _complete(self, sent: Sent, state: Json, raw: Raw) -> Receipt:
        bad = number(state, "lines_in_error")
        entries: list[report.ReportLine] | None = []
        if state.get("has_error_report") is True or (bad is not None and bad > 0):
            content, again = self.fetched(sent, below(self._errors, sent.ticket or "", "/error_report"))
            if again:
                return self.open(sent, "The error report is announced but not there yet; it is asked for again.")
            entries = None if content is None else report.read(content)
            raw += () if content is None else ((f"prices-error-report-{sent.batch_id}.csv", content),)
        named = outcomes(entries or (), tail=sent.memo.get("tail"))
        return self.closed(sent, _verdict(lines_of(sent), state, entries, named.height), named, raw)


def outcomes(entries: Iterable[report.ReportLine], *, tail: str | None) -> pl.DataFrame:
    """Return one refused outcome (OUTCOME_SCHEMA) per offer: a bad line takes all lines of its offer along.

    Lines of one offer are put together by the offer's code, the first column as sent; a line without one stays alone.
    """
    found: dict[str | None, list[str]] = {}
    for entry in entries:
        sku = entry.cells[0] if entry.cells and entry.cells[0] != "" else None
        reasons = found.setdefault(None if sku is None or tail is None else sku + tail, [])
        if entry.reason not in reasons:
            reasons.append(entry.reason)
    rows = [
        (None, key, str(RowState.REFUSED), "DEST_REFUSED", _joined(reasons), None) for key, reasons in found.items()
    ]
    return pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row")


def _kept(told: str, named: Sequence[str | None]) -> pl.DataFrame:
    """Return the outcomes (OUTCOME_SCHEMA) of prices taken beside which a discount stays; `named`: keys told of."""
    rows = [
        (line, key, str(RowState.APPLIED), "DISCOUNT_KEPT", said, None)
        for line, key, said in json.loads(told)
        if key not in named
    ]
    return pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row")


def _joined(reasons: Sequence[str]) -> str:
    told = [reason for reason in reasons if reason != _NO_REASON]
    return "; ".join(told or reasons)


def _verdict(lines: int, state: Json, entries: Sequence[report.ReportLine] | None, named: int) -> Verdicts:
    """Say what the offers are that no report names.

    The report may hold more lines than are counted in error, so the offers are what is compared.
    """
    good, bad = number(state, "lines_in_success"), number(state, "lines_in_error")
    offers = number(state, "offers_in_error")
    if entries is None:
        return missing_report(lines, bad)
    if good is None or bad is None:
        return accepted("the import is complete but gives no counters")
    if good + bad != lines or (bad > 0) != (named > 0) or bad > len(entries) or offers not in {None, named}:
        return uncertain(
            f"the counters disagree: {lines} lines sent, {good} in success, {bad} in error, {offers} offers in error, "
            f"{named} in the report"
        )
    return APPLIED
