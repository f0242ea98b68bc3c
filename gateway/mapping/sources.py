"""Where the text of a field comes from: source columns found by their place; transforms come after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from gateway.formats.blanks import WHITE
from gateway.mapping.functions import Transform, call
from gateway.model import Kind


def cell(index: int) -> str:
    """Name of a source column in a table's frame."""
    return f"c{index}"


def kind_of(index: int) -> str:
    """Name of a source column's kinds beside its cells."""
    return f"k{index}"


@dataclass(frozen=True, slots=True)
class Taken:
    """Text of a field before its transforms; `faults`: what a function said, by place."""

    texts: pl.Series
    kinds: pl.Series | None = None
    faults: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """One source column."""

    index: int

    @property
    def indices(self) -> tuple[int, ...]:
        """Source columns read."""
        return (self.index,)

    def take(self, texts: Sequence[pl.Series], kinds: Sequence[pl.Series]) -> Taken:
        """Take the cells as they are."""
        return Taken(texts[0], kinds[0] if kinds else None)


@dataclass(frozen=True, slots=True)
class First:
    """First of several columns that is neither empty nor missing; empty if one is empty, else missing."""

    indices: tuple[int, ...]

    def take(self, texts: Sequence[pl.Series], kinds: Sequence[pl.Series]) -> Taken:
        """Choose per row."""
        frame = pl.DataFrame([column.alias(f"t{place}") for place, column in enumerate(texts)])
        places = range(len(texts))
        filled = [pl.when(pl.col(f"t{place}") != "").then(pl.col(f"t{place}")) for place in places]
        chosen = frame.select(pl.coalesce(*filled, *(pl.col(f"t{place}") for place in places))).to_series()
        if not kinds:
            return Taken(chosen)
        frame = frame.hstack([column.alias(f"k{place}") for place, column in enumerate(kinds)])
        filled = [pl.when(pl.col(f"t{place}") != "").then(pl.col(f"k{place}")) for place in places]
        kind = pl.coalesce(*filled, pl.lit(int(Kind.EMPTY), dtype=pl.UInt8))
        return Taken(chosen, frame.select(kind).to_series())


@dataclass(frozen=True, slots=True)
class Join:
    """Columns joined; empty and missing ones are left out; empty if all are and one is empty, else missing."""

    indices: tuple[int, ...]
    mark: str

    def take(self, texts: Sequence[pl.Series], kinds: Sequence[pl.Series]) -> Taken:  # noqa: ARG002  the result is text
        """Join per row."""
        frame = pl.DataFrame([column.alias(f"t{place}") for place, column in enumerate(texts)])
        filled = [pl.when(pl.col(name) != "").then(pl.col(name)) for name in frame.columns]
        joined = pl.concat_str(filled, separator=self.mark, ignore_nulls=True)
        some = pl.any_horizontal(pl.col(name).is_not_null() for name in frame.columns)
        return Taken(frame.select(pl.when(some).then(joined)).to_series())


@dataclass(frozen=True, slots=True)
class Function:
    """What a Python function makes of several columns."""

    indices: tuple[int, ...]
    function: Transform

    def take(self, texts: Sequence[pl.Series], kinds: Sequence[pl.Series]) -> Taken:  # noqa: ARG002  functions see text
        """Call it on whole columns."""
        column, faults = call(self.function, texts)
        return Taken(column, None, faults)


Source = Column | First | Join | Function


def texts_of(source: Source, ragged: frozenset[int]) -> list[pl.Expr]:
    """Return the cells a source reads; those of `ragged` columns are trimmed."""
    cells = [(index, pl.col(cell(index))) for index in source.indices]
    return [column.str.strip_chars(WHITE) if index in ragged else column for index, column in cells]


def ragged_columns(frame: pl.DataFrame, indices: Iterable[int], blanks: str | None) -> frozenset[int]:
    """Return the columns that have blanks at the ends of cells, as far as that is found cheaply, else all.

    `blanks`: those that cells can begin or end with (as in Table).
    """
    if blanks is None or not blanks.isspace():
        return frozenset(indices) if blanks is None else frozenset()
    columns = {index: pl.col(cell(index)) for index in indices}
    ends = [
        (column.str.starts_with(" ") | column.str.ends_with(" ")).any().alias(str(index))
        for index, column in columns.items()
    ]
    return frozenset(index for index, some in zip(columns, frame.select(ends).row(0), strict=True) if some)


def as_stood(source: Source) -> pl.Expr:
    """Return the text of a source as it stood in the file, for reports."""
    if isinstance(source, Column):
        return pl.col(cell(source.index))
    if isinstance(source, First):
        columns = [pl.col(cell(index)) for index in source.indices]
        return pl.coalesce(*(pl.when(column.str.strip_chars(WHITE) != "").then(column) for column in columns), *columns)
    mark = source.mark if isinstance(source, Join) else " | "
    return pl.concat_str([pl.col(cell(index)).fill_null("") for index in source.indices], separator=mark)
