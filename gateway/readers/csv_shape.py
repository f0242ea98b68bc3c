"""What both ways of reading CSV share: the shape of a record, the place in the file, the part that was read."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from gateway.model import LINE, ROW

BLANKS = " \t\r\n\v\f\u00a0\u2007\u202f\u3000\ufeff"
"""Characters a blank cell may hold: named here because Python and polars strip different sets by default."""

QUOTED_SIZE = 1 << 20
"""Characters one quoted cell may hold, on however many lines; a record with a longer one is faulty as a whole."""

SHOWN = "\ufffd"
"""Stands in a cell for what could not be decoded."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many cells a record has: `columns` in all, of which it must carry the first `needed`."""

    columns: int
    needed: int

    @property
    def names(self) -> list[str]:
        """Column names of the frame."""
        return [f"c{index}" for index in range(self.columns)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading stands: number of the next record and its physical line, both from 1."""

    row: int
    line: int


@dataclass(frozen=True, slots=True)
class Part:
    """Records read from the head of some bytes.

    `taken`: bytes used up; `after`: the place behind them; `frame` and `issues` as in Table.
    `doubtful`: what follows can't be read in columns, or waits for a judgement of the strict reader.
    `blanks` as in Table.
    """

    frame: pl.DataFrame
    issues: pl.DataFrame | None
    blank: int
    taken: int
    after: Place
    doubtful: bool = False
    blanks: str | None = None


def schema_of(shape: Shape) -> dict[str, type[pl.DataType]]:
    """Return the schema of a frame of this shape."""
    return {ROW: pl.Int64, LINE: pl.Int64} | dict.fromkeys(shape.names, pl.String)


def too_many(cells: int, shape: Shape) -> str:
    """Return the detail of an issue about the number of cells."""
    return f"{cells} instead of {shape.columns}"
