"""Rows of typed values and what the scan found, made into tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat, zip_longest
from typing import Any

import polars as pl

from gateway.model import ISSUE_SCHEMA, LINE, ROW, Kind, Table, no_issues
from gateway.readers.xlsx_cells import Parts, cell_column, may_be_long, parts_of
from gateway.readers.xlsx_found import Oddity, column_letters

BLOCK_CELLS = 500_000
LARGEST_BLOCK = 50_000
SLICE_CELLS = 15_000
"""Cells made into columns at a time: as Python values so few stay in the processor's cache and out of the collector's
way."""
LEAST_SLICE = 500
BUNCH = 600
"""Rows held at a time: with what goes through them so few objects that the collector does not look through them all."""
BLANKS = " \t\r\n\v\f\u00a0\u2007\u202f\u3000\ufeff"
"""Characters a blank cell may hold."""

_CODES = {
    Oddity.NO_VALUE: "CELL_NO_VALUE", Oddity.ERROR: "CELL_ERROR", Oddity.SHOWN: "CELL_DISPLAY",
    Oddity.TWICE: "CELL_TWICE",
}  # fmt: skip
_KINDS = {Oddity.NO_VALUE: Kind.FORMULA_WITHOUT_VALUE, Oddity.ERROR: Kind.ERROR, Oddity.EXACT: Kind.NUMBER}


class Oddities:
    """Odd cells of a sheet; the exact digits of long numbers are looked up when the first one is met."""

    def __init__(self, odd: pl.DataFrame, look_up: Iterator[pl.DataFrame]) -> None:
        self._odd = odd.filter(pl.col("what") != Oddity.EXACT.value)
        self._look_up = look_up
        self._exact: pl.DataFrame | None = None

    @property
    def last_row(self) -> int:
        """Last row with an odd cell."""
        return int(self._odd.select(pl.col("row").max().fill_null(0)).item())

    @property
    def width(self) -> int:
        """Columns up to the last one with an odd cell."""
        return int(self._odd.select(pl.col("column").max().fill_null(-1)).item()) + 1

    def between(self, first: int, last: int) -> pl.DataFrame:
        """Return odd cells of these rows."""
        return self._odd.filter(pl.col("row").is_between(first, last))

    def exact(self, first: int, last: int) -> pl.DataFrame:
        """Return long numbers of these rows as written."""
        if self._exact is None:
            self._exact = next(self._look_up)
        return self._exact.filter(pl.col("row").is_between(first, last))


@dataclass(frozen=True, slots=True)
class _Raw:
    """Typed values of some rows, by column and slice."""

    rows: int
    columns: list[list[tuple[int, Parts]]]


@dataclass(slots=True)
class Blocks:
    """Makes tables of the rows behind the header. `offset`: column of the first value of a row."""

    headers: tuple[str, ...]
    offset: int
    oddities: Oddities
    _trailing: int = 0

    @property
    def size(self) -> int:
        """Rows per table."""
        return max(1, min(LARGEST_BLOCK, BLOCK_CELLS // max(1, len(self.headers))))

    def tables(self, rows: Iterator[Sequence[Any]], first: int) -> Iterator[Table]:
        """Yield tables of `rows`, the first of which is row `first`; at least one, blank rows at the end uncounted."""
        yielded = False
        while (raw := self._read(rows)).rows:
            table = self._table(raw, first)
            first += raw.rows
            if len(table.frame):
                yield table
                yielded = True
        if not yielded:
            yield self._table(raw, first)

    def _read(self, rows: Iterator[Sequence[Any]]) -> _Raw:
        """Return the values of the next rows; none behind the last one."""
        columns: list[list[tuple[int, Parts]]] = [[] for _ in self.headers]
        missing, at_once = self.size, max(LEAST_SLICE, SLICE_CELLS // max(1, len(self.headers)))
        while missing:
            found, values = self._values(islice(rows, min(missing, at_once)))
            if not found:
                break
            for column, given in zip(columns, values, strict=True):
                column.append((found, parts_of(given)))
            missing -= found
        return _Raw(self.size - missing, columns)

    def _values(self, rows: Iterator[Sequence[Any]]) -> tuple[int, list[list[Any]]]:
        """Return the number of rows, and their values by column."""
        columns: list[list[Any]] = [[] for _ in self.headers]
        found = 0
        while count := self._bunch(rows, columns):
            found += count
        return found, columns

    def _bunch(self, rows: Iterator[Sequence[Any]], columns: list[list[Any]]) -> int:
        bunch = list(islice(rows, BUNCH))
        nothing = [None] * len(bunch)
        even = len(set(map(len, bunch))) < 2  # as rows mostly are, and turned in half the time
        turned = zip(*bunch, strict=False) if even else zip_longest(*bunch)
        for column, values in zip(columns, chain(repeat(nothing, self.offset), turned, repeat(nothing)), strict=False):
            column.extend(values)
        return len(bunch)

    def _table(self, raw: _Raw, first: int) -> Table:
        both = [cell_column(f"c{at}", slices) for at, slices in enumerate(raw.columns)]
        texts, kinds = [text for text, _ in both], [kind for _, kind in both]
        last = first + raw.rows - 1
        odd = self.oddities.between(first, last)
        if any(map(may_be_long, raw.columns)):
            odd = pl.concat([odd, self.oddities.exact(first, last)])
        odd = odd.filter(pl.col("column") < len(self.headers))
        if len(odd):
            _override(texts, kinds, odd, first)
        numbers = pl.int_range(first, first + raw.rows, dtype=pl.Int64, eager=True)
        frame = pl.DataFrame([numbers.alias(ROW), numbers.alias(LINE), *texts])
        issues = self._issues(odd, frame, first)
        filled = _filled(frame, odd)
        kind_frame = pl.DataFrame(kinds)
        if filled is not None:
            frame, kind_frame = frame.filter(filled), kind_frame.filter(filled)
        blank = self._blank(frame, first, raw.rows)
        return Table(frame=frame, headers=self.headers, kinds=kind_frame, issues=issues, blank=blank)

    def _issues(self, odd: pl.DataFrame, frame: pl.DataFrame, first: int) -> pl.DataFrame:
        named = odd.filter(pl.col("what") != Oddity.EXACT.value)
        if not len(named):
            return no_issues()
        codes = {what.value: code for what, code in _CODES.items()}
        fields = [header or column_letters(index) for index, header in enumerate(self.headers)]
        held = [frame[row - first, f"c{column}"] for row, column in named.select("row", "column").iter_rows()]
        shown = pl.col("what") == Oddity.SHOWN.value
        return named.select(
            pl.col("row").alias(ROW),
            pl.col("row").alias(LINE),
            pl.col("what").replace_strict(codes, return_dtype=pl.String).alias("code"),
            pl.col("column").replace_strict(dict(enumerate(fields)), return_dtype=pl.String).alias("field"),
            pl.Series("value", held, dtype=pl.String),
            pl.when(shown).then(pl.col("text")).otherwise(pl.lit("")).alias("detail"),
        ).cast(ISSUE_SCHEMA)  # type: ignore[arg-type]  # a schema of types is a mapping to types

    def _blank(self, frame: pl.DataFrame, first: int, rows: int) -> int:
        """Count blank rows before the last record; those behind it count once another record follows."""
        if not len(frame):
            self._trailing += rows
            return 0
        through_last = int(frame[ROW][-1]) - first + 1
        blank = self._trailing + through_last - len(frame)
        self._trailing = rows - through_last
        return blank


def _override(texts: list[pl.Series], kinds: list[pl.Series], odd: pl.DataFrame, first: int) -> None:
    for what, kind in _KINDS.items():
        cells = odd.filter(pl.col("what") == what.value)
        for (column,), group in cells.partition_by("column", as_dict=True).items():
            at = group["row"] - first
            texts[column] = texts[column].scatter(at, group["text"])
            kinds[column] = kinds[column].scatter(at, kind.value)


def _filled(frame: pl.DataFrame, odd: pl.DataFrame) -> pl.Series | None:
    """Tell which records hold something; None when all do."""
    names = [name for name in frame.columns if name not in {ROW, LINE}]
    if names and not frame.select(_blank_cell(names[0]).any()).item():
        return None
    blank = frame.select(pl.all_horizontal(pl.lit(True), *(_blank_cell(name) for name in names)).alias("b"))["b"]
    if not blank.any():
        return None
    return ~blank | frame[ROW].is_in(odd["row"].implode())


def _blank_cell(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars(BLANKS).str.len_bytes() == 0
