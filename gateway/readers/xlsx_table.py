"""Rows of typed values and what the scan found, made into tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any

import polars as pl

from gateway.model import ISSUE_SCHEMA, LINE, ROW, Kind, Table, no_issues
from gateway.readers.xlsx_cells import cell_columns
from gateway.readers.xlsx_scan import Oddity, column_letters

BLOCK_CELLS = 500_000
LARGEST_BLOCK = 50_000
SLICE_CELLS = 50_000
"""Cells made into columns at a time: as Python values so few stay in the processor's cache and out of the collector's
way."""
LEAST_SLICE = 1_000
BLANKS = " \t\r\n\v\f\u00a0\u2007\u202f\u3000\ufeff"
"""Characters a blank cell may hold."""
_LONG = 16
"""Digits from which a float may differ from the number as written."""

_CODES = {Oddity.NO_VALUE: "CELL_NO_VALUE", Oddity.ERROR: "CELL_ERROR", Oddity.SHOWN: "CELL_DISPLAY"}
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
class _Columns:
    """Text and kinds of the cells of some rows, by column."""

    rows: int
    texts: list[pl.Series]
    kinds: list[pl.Series]

    def __len__(self) -> int:
        return self.rows


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
        while (columns := self._read(rows)) is not None:
            table = self._table(columns, first)
            first += len(columns)
            if len(table.frame):
                yield table
                yielded = True
        if not yielded:
            yield self._table(self._columns([]), first)

    def _read(self, rows: Iterator[Sequence[Any]]) -> _Columns | None:
        """Return the columns of the next rows, None behind the last one."""
        slices: list[_Columns] = []
        size, at_once = self.size, max(LEAST_SLICE, SLICE_CELLS // max(1, len(self.headers)))
        while size and (several := list(islice(rows, min(size, at_once)))):
            slices.append(self._columns(several))
            size -= len(several)
        return _joined(slices) if slices else None

    def _table(self, columns: _Columns, first: int) -> Table:
        texts, kinds = columns.texts, columns.kinds
        last = first + len(columns) - 1
        odd = self.oddities.between(first, last)
        if _may_be_long(texts, kinds):
            odd = pl.concat([odd, self.oddities.exact(first, last)])
        odd = odd.filter(pl.col("column") < len(self.headers))
        if len(odd):
            _override(texts, kinds, odd, first)
        numbers = pl.int_range(first, first + len(columns), dtype=pl.Int64, eager=True)
        frame = pl.DataFrame([numbers.alias(ROW), numbers.alias(LINE), *texts])
        issues = self._issues(odd, frame, first)
        filled = _filled(frame, odd)
        kind_frame = pl.DataFrame(kinds)
        if filled is not None:
            frame, kind_frame = frame.filter(filled), kind_frame.filter(filled)
        blank = self._blank(frame, first, len(columns))
        return Table(frame=frame, headers=self.headers, kinds=kind_frame, issues=issues, blank=blank)

    def _columns(self, rows: list[Sequence[Any]]) -> _Columns:
        texts: list[pl.Series] = []
        kinds: list[pl.Series] = []
        values = [()] * self.offset + list(zip_longest(*rows))
        for index in range(len(self.headers)):
            column = values[index] if index < len(values) and values[index] else [""] * len(rows)
            text, kind = cell_columns(f"c{index}", column)
            texts.append(text)
            kinds.append(kind)
        return _Columns(len(rows), texts, kinds)

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


def _joined(slices: list[_Columns]) -> _Columns:
    if len(slices) == 1:
        return slices[0]
    texts = [pl.concat(parts) for parts in zip(*(one.texts for one in slices), strict=True)]
    kinds = [pl.concat(parts) for parts in zip(*(one.kinds for one in slices), strict=True)]
    return _Columns(sum(map(len, slices)), texts, kinds)


def _may_be_long(texts: list[pl.Series], kinds: list[pl.Series]) -> bool:
    return any(
        bool(
            (
                (text.str.len_bytes() >= _LONG) & (kind == Kind.NUMBER.value) & ~text.str.contains(".", literal=True)
            ).any()
        )
        for text, kind in zip(texts, kinds, strict=True)
        if bool((kind == Kind.NUMBER.value).any())
    )


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
