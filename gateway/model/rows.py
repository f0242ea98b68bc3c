"""Rows on their way: the columns their frames carry, what is wrong with them, what became of them; and their reader."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import polars as pl
from pydantic import BaseModel

ROW = "@row"
"""Record number as a spreadsheet shows it (Int64): the header is row 1 where there is one."""
LINE = "@line"
"""Physical line on which the record starts (Int64, from 1); equals the row for XLSX, the source line for XML."""
KEY = "@key"
"""Key of the record (String): the contract's key fields joined by `KEY_SEPARATOR`."""
KEY_SEPARATOR = "\x1f"

LIST_SEPARATOR = "|"
"""Between the items of a list in canonical text."""
EACH = "@each"
"""The item of a list that an effect is for, where a row has one effect per item (String)."""
REGULAR = "@regular"
"""The price of the row's article as it was sent last, in the basis of the row (String).

Null where none is known; empty where one is, but not in the basis of the row, as no tax rate tells it.
"""
INSTEAD = "@instead"
"""Windows (`starts_at/ends_at`, joined by `LIST_SEPARATOR`) that end, which this row goes on instead of.

They are what other rows end, whose windows may leave out a date, or what was sent before and a full file says no more:
there `OPEN` stands for a date that was not given.
"""
OPEN = "open"
"""A date of a window that was not given: it has no begin, or no end."""

ISSUE_SCHEMA: dict[str, type[pl.DataType]] = {
    ROW: pl.Int64,
    LINE: pl.Int64,
    "code": pl.String,
    "field": pl.String,
    "value": pl.String,
    "detail": pl.String,
}
"""One row per issue: `field` is a contract field or a source header, `detail` completes the catalogue's sentence."""


def no_issues() -> pl.DataFrame:
    """Return an empty issue frame."""
    return pl.DataFrame(schema=ISSUE_SCHEMA)


class Kind(enum.IntEnum):
    """What a typed source cell was before it became text."""

    TEXT = 0
    NUMBER = 1
    DATE = 2
    TIME = 3
    BOOLEAN = 4
    ERROR = 5
    FORMULA_WITHOUT_VALUE = 6
    EMPTY = 7


class RowState(enum.StrEnum):
    """What became of a row, gravest first; `pending` and `held` are not final."""

    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    HELD = "held"
    REJECTED = "rejected"
    PENDING = "pending"
    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"

    @property
    def gravity(self) -> int:
        """Rank from 0 (gravest)."""
        return STATES.index(self)

    @property
    def final(self) -> bool:
        """Whether nothing more can happen to a row in this state by itself."""
        return self not in {RowState.PENDING, RowState.HELD, RowState.SCHEDULED}


STATES: tuple[RowState, ...] = tuple(RowState)


@dataclass(frozen=True, slots=True)
class Table:
    """A block of source records as text with their origins.

    `frame`: `@row`, `@line` (Int64), then one String column per source column named `c0`, `c1`, ... in file order;
    null is *missing* (record too short, element absent), "" is *empty*. Blank records are not in it but counted.
    `headers`: header text per column as written, the same for all tables of a file; "" where the file has none.
    `kinds`: UInt8 columns `c0`... parallel to the cells (values of Kind), or None when every cell is text.
    `issues`: faults of records of this block (frame of ISSUE_SCHEMA); a record with one is still in `frame`.
    `links`: only for a file of ours that came back: `@row`, `first_run`, `first_row` (String, Int64) per record.
    `blanks`: the blank characters that cells can begin or end with, as far as known: "" or " "; None: any.
    """

    frame: pl.DataFrame
    headers: tuple[str, ...]
    kinds: pl.DataFrame | None = None
    issues: pl.DataFrame = field(default_factory=no_issues)
    blank: int = 0
    links: pl.DataFrame | None = None
    blanks: str | None = None


@dataclass(frozen=True, slots=True)
class FieldTraits:
    """What a mapping must know of a contract's fields: sets of their names, none with a default to be forgotten.

    `numeric`, `instants`, `days`, `flags`: their canonical text is a number, a UTC time, a day, true or false.
    `day_ends`: instants that a date without a time of day names by its last second.
    `lined`: their text may have line breaks; a name that ends in `*` stands for all that begin as it does.
    `codes`: their canonical text is a code or a list of codes.
    `undated`: texts that are hardly ever dates, so that a date in a workbook is told of.
    """

    numeric: frozenset[str]
    instants: frozenset[str]
    days: frozenset[str]
    flags: frozenset[str]
    day_ends: frozenset[str]
    lined: frozenset[str]
    codes: frozenset[str]
    undated: frozenset[str]


@dataclass(frozen=True, slots=True)
class Filled:
    """A block in which cells took the value of a row above: each record of `table` stands by itself.

    Cells that would be copied from a faulty one are marked, like `[row 6]`. `above`: `@row`, then for each column that
    is filled, named as in the table, the row whose value its cell took (Int64); null where it is its own.
    """

    table: Table
    above: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Draft:
    """Mapped rows: `@row`, `@line`, then one String column per contract field that the mapping fills.

    null is missing, "" is empty. `issues` are faults the mapping found (unreadable number, two readings...).
    `skipped`: `@row`, `@line`, `code`, `detail` of rows that a row filter left out.
    `filled`: the block they were made of, where cells are filled from rows above; else None.
    """

    frame: pl.DataFrame
    issues: pl.DataFrame
    skipped: pl.DataFrame
    filled: Filled | None = None


@runtime_checkable
class Reader(Protocol):
    """Turns one file into tables of text."""

    def tables(self, path: Path, layout: BaseModel) -> Iterator[Table]:
        """Yield blocks in file order. Raises FileError when the file as a whole is unusable, at once or midway."""
        ...
