"""Product imports: P41, both stages by P51 and P42, their reports by P47 and P44, a lost one known again by P46.

Source: Mirakl seller API documentation, P41 to P51: the counters `transform_lines_*` are of the first stage only
(verified). COMPLETE does not say that a product is listed: an operator may reject all of them, and
`integration_details` come late (live-reported). SENT may last for hours (live-reported).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from gateway.destinations.mirakl import named_report
from gateway.destinations.mirakl.calls import Api, Calls, Json, Query, text, wire_time
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
    uncertain,
)
from gateway.destinations.mirakl.named_report import Entry, Shape
from gateway.destinations.mirakl.report_text import cells_of
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.errors import Refused
from gateway.model import Receipt, RowState, Sent

_PATH = "/api/products/imports"
_FIRST_STAGE = frozenset(
    {"TRANSFORMATION_WAITING", "TRANSFORMATION_RUNNING", "TRANSFORMATION_QUEUED", "QUEUED", "WAITING", "RUNNING"}
)
_ENDED = frozenset({"FAILED", "CANCELLED", "TRANSFORMATION_FAILED"})
_LOST = (
    "rejected_products",
    "invalid_products",
    "products_with_wrong_identifiers",
    "products_with_synchronization_issues",
    "products_not_accepted_in_time",
    "products_not_synchronized_in_time",
)
_AGAIN = "The report is announced but not there yet; it is asked for again."


@dataclass(frozen=True, slots=True)
class Stage:
    """What a report of one stage says: None where it can't be read."""

    entries: list[Entry] | None
    raw: Raw = ()
    again: bool = False

    def rows(self) -> list[Entry]:
        """Return the records, none where the report can't be read."""
        return self.entries or []

    def bad(self) -> int:
        """Return how many products the report says something wrong of."""
        return len({(entry.line, entry.sku) for entry in self.rows() if entry.errors})


class ProductImports(Imports):
    """Product imports of one shop."""

    submits = Api("P41", _PATH)
    file = "products.csv"
    state_field = "import_status"

    def __init__(self, calls: Calls, settings: MiraklSettings, name: str) -> None:
        super().__init__(calls, settings, name, settings.product_status_interval)
        self._list = Api("P51", _PATH, settings.product_status_interval)
        self._one = Api("P42", _PATH, settings.product_status_interval)
        self._first = Api("P47", _PATH, settings.product_report_interval)
        self._second = Api("P44", _PATH, settings.product_report_interval)
        self._file = Api("P46", _PATH, settings.product_report_interval)
        self._told: set[int] = set()

    def parts(self) -> Query:
        """Say whose columns they are."""
        return (("operator_format", "true" if self._settings.operator_format else "false"),)

    def listed(self, since: datetime, tickets: Sequence[str]) -> Iterator[Json]:
        """Yield imports changed since a time, newest first (P51 lists the oldest first unless told)."""
        del tickets
        query = (("last_request_date", wire_time(since)), ("sort", "dateCreated"), ("order", "desc"))
        return self._calls.paged(self._list, "product_import_trackings", query)

    def single(self, ticket: str) -> Json | None:
        """Read one import (P42)."""
        return self.asked(lambda: self._calls.read(below(self._one, ticket)))

    def lines_read(self, state: Json) -> int | None:
        """Return the lines once they are read."""
        lines = number(state, "transform_lines_read")
        return None if text(state.get("import_status")) in _FIRST_STAGE and not lines else lines

    def same(self, sent: Sent, state: Json) -> bool:
        """Compare the first product with the transformed file (P46) where there is one: P51 names no origin."""
        first = sent.memo.get("first")
        if first is None or state.get("has_transformed_file") is not True:
            return True
        ticket = text(state.get("import_id")) or ""
        try:
            content = self._calls.report(below(self._file, ticket, "/transformed_file"))
        except Refused:
            return True
        records = cells_of(content)
        return records is None or any(first in cells for cells in records)

    def judged(self, sent: Sent, state: Json) -> Receipt:
        """Follow the state word through both stages."""
        word = text(state.get("import_status"))
        raw = self.raw(sent, state)
        if word == "COMPLETE":
            return self._complete(sent, state, raw)
        if word in _ENDED:
            return self.failed(sent, state, raw)
        if word == "SENT":
            return self._sent(sent, state)
        if word in _FIRST_STAGE:
            return self.open(sent)
        return self.open(sent, f"The import has the unknown status {word!r}; it is asked about again.")

    # ---- stage one is over

    def _sent(self, sent: Sent, state: Json) -> Receipt:
        """Name at once what the first stage refused: the second may take a day."""
        if sent.batch_id in self._told:
            return self.open(sent)
        first = self._stage_one(sent, state)
        if first.again:
            return self.open(sent, _AGAIN)
        self._told.add(sent.batch_id)
        bad = [entry for entry in first.rows() if entry.errors]
        return self.open(sent, "", self._outcomes(sent, bad, RowState.PENDING) if bad else None)

    def _stage_one(self, sent: Sent, state: Json) -> Stage:
        wanted = state.get("has_transformation_error_report") is True or any(
            (number(state, f"transform_lines_{name}") or 0) > 0 for name in ("in_error", "with_warning")
        )
        shape = Shape(
            line=("line number",), sku=(self._settings.product_columns["sku"],), errors=("errors",),
            warnings=("warnings",),
        )  # fmt: skip
        stage = self._stage(sent, self._first, "/transformation_error_report", shape, wanted=wanted)
        if stage.entries is None:
            return stage
        counted = named_report.shift(
            stage.entries, records=lines_of(sent), counts_header=self._settings.report_counts_header
        )
        return Stage(counted, stage.raw)

    def _stage_two(self, sent: Sent, state: Json, lost: int | None) -> Stage:
        shape = Shape(
            sku=(self._settings.product_columns["sku"], *self._settings.product_report_key),
            errors=self._settings.product_report_message, warnings=("warnings",),
        )  # fmt: skip
        wanted = state.get("has_error_report") is True or bool(lost)
        return self._stage(sent, self._second, "/error_report", shape, wanted=wanted)

    def _stage(self, sent: Sent, api: Api, what: str, shape: Shape, *, wanted: bool) -> Stage:
        if not wanted:
            return Stage([])
        content, again = self.fetched(sent, below(api, sent.ticket or "", what))
        if content is None:
            return Stage(None, again=again)
        name = f"products-{api.code}-{sent.batch_id}.csv"
        return Stage(named_report.read(content, shape), ((name, content),))

    # ---- stage two is over

    def _complete(self, sent: Sent, state: Json, raw: Raw) -> Receipt:
        first = self._stage_one(sent, state)
        if first.again:
            return self.open(sent, _AGAIN)
        passed = number(state, "transform_lines_in_success")
        if passed == 0:
            said = self._first_verdict(sent, state, first) or APPLIED
            return self._ended(sent, said, first.rows(), raw + first.raw)
        details = state.get("integration_details")
        lost = None
        if self._settings.product_final == "details":
            if not isinstance(details, Mapping) or passed is None or _decided(details) < passed:
                return self.open(sent, "The operator has not said of every product yet whether it is live.")
            lost = sum(number(details, name) or 0 for name in _LOST)
        second = self._stage_two(sent, state, lost)
        if second.again:
            return self.open(sent, _AGAIN)
        said = self._first_verdict(sent, state, first) or _second_verdict(lost, details, second)
        return self._ended(sent, said, [*first.rows(), *second.rows()], raw + first.raw + second.raw)

    def _ended(self, sent: Sent, said: Verdicts, entries: Sequence[Entry], raw: Raw) -> Receipt:
        self._told.discard(sent.batch_id)
        return self.closed(sent, said, self._outcomes(sent, entries, said.rest), raw)

    def _outcomes(self, sent: Sent, entries: Sequence[Entry], rest: RowState) -> pl.DataFrame:
        tail = sent.memo.get("tail")
        by_key: dict[str, Entry] = {}
        unkeyed: list[Entry] = []
        for entry in entries:
            if tail is None or not entry.sku:
                unkeyed.append(entry)
                continue
            before = by_key.get(entry.sku)
            by_key[entry.sku] = entry if before is None else _both(before, entry)
        known = range(2, lines_of(sent) + 2)
        attributes = {code: field for field, code in self._settings.product_columns.items()}
        attributes |= dict.fromkeys(self._settings.image_columns, "image_urls")
        return named_report.outcomes(
            [*by_key.values(), *unkeyed], tail=tail, known=known, rest=rest, attributes=attributes
        )

    def _first_verdict(self, sent: Sent, state: Json, first: Stage) -> Verdicts | None:
        """Return what makes the first stage's report unfit to speak for the lines it does not name."""
        lines = lines_of(sent)
        read, bad = number(state, "transform_lines_read"), number(state, "transform_lines_in_error")
        if first.entries is None:
            said = missing_report(lines, bad)
            return None if said.rest is RowState.APPLIED else said
        if read is None or bad is None:
            return accepted("the import is complete but gives no counters")
        if read != lines or bad != first.bad():
            return uncertain(
                f"the counters disagree: {lines} lines sent, {read} read, {bad} in error, {first.bad()} in the report"
            )
        return None


def _decided(details: Mapping[str, object]) -> int:
    names = ("products_successfully_synchronized", "products_reimported", *_LOST)
    return sum(number(details, name) or 0 for name in names)


def _second_verdict(lost: int | None, details: object, second: Stage) -> Verdicts:
    if second.entries is None:
        if lost == 0:
            return APPLIED
        told = "some" if lost is None else str(lost)
        return uncertain(f"{told} products are not live and the report that names them can't be read: see the raw file")
    if lost is not None and lost != second.bad():
        return uncertain(f"the counters disagree: {lost} products are not live, {second.bad()} are in the report")
    again = number(details, "products_reimported") if isinstance(details, Mapping) else None
    if again:
        return accepted(f"{again} products were sent again by a newer import before this one ended")
    return APPLIED


def _both(one: Entry, other: Entry) -> Entry:
    """Put two things said of one product together."""
    errors, warnings = (
        "; ".join(said for said in dict.fromkeys(pair) if said)
        for pair in ((one.errors, other.errors), (one.warnings, other.warnings))
    )
    return Entry(one.line if one.line is not None else other.line, one.sku, errors, warnings)
