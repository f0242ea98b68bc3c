"""JSON documents and JSON lines to tables of canonical text with a kind per cell, or to nested records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel

from gateway.errors import FileError
from gateway.formats.layout import OUR_COLUMNS, JsonLayout
from gateway.formats.unpack import demand
from gateway.model import ISSUE_SCHEMA, LINE, ROW, Kind, Table
from gateway.readers.json_stream import Item, array_items, line_items
from gateway.readers.repeated import REPEATED, Said, repeated_issues

BLOCK = 20_000
BLOCK_CELLS = 500_000
MOST_COLUMNS = 5_000
_MOST_DIGITS = 400
"""Digits a number is written out to; one with a larger exponent is no quantity of anything and stays as written."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_ON_PURPOSE = re.compile(r"\[1\](?=/|$)")
_TEXT, _NUMBER, _BOOLEAN, _EMPTY = (kind.value for kind in (Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.EMPTY))
_ABSENT = (None, _EMPTY)


class JsonReader:
    """Reads files of JsonLayout (UTF-8).

    Columns: `key`, `object/key`; the first element of an array has the array's name, further ones `key[2]`, `key[3]`,
    and `key[1]` is the first, on purpose. A column named without a number that lies in an array of several elements is
    the issue CELL_REPEATED.
    Numbers are exact decimal text without exponent or zeros at the end, null is "", an absent key is missing (null).
    `@row` counts records from 1. A record `{}` or null is blank. Records with a key `error_run` are of an errors file
    of ours: our keys go to `links`.
    """

    def tables(self, path: Path, layout: BaseModel) -> Iterator[Table]:
        """Yield tables in file order. Raises FileError FILE_EMPTY, FILE_ENCODING, FILE_JSON; TypeError otherwise.

        Without `columns` in the layout a pass of its own finds them first; a key that never holds anything but empty
        arrays and objects is one.
        """
        columns = _layout(layout).columns or tuple(_columns(path, _layout(layout)))
        rows = _Rows(columns)
        for item in _items(path, _layout(layout)):
            rows.take(item)
            if rows.full:
                yield rows.table()
        yield rows.table()


def records(path: Path, layout: BaseModel) -> Iterator[dict[str, Any]]:
    """Yield the records nested as they are, numbers as int or Decimal; blank ones are left out.

    Raises as JsonReader.tables does.
    """
    for item in _items(path, _layout(layout)):
        if item is not None and item.value:
            yield item.value


def canonical(number: Decimal | int) -> str:
    """Return a number as exact decimal text: no exponent, no zeros behind the last decimal, no negative zero."""
    if isinstance(number, int):
        return str(number)
    if not number:
        return "0"
    if abs(number.adjusted()) > _MOST_DIGITS:
        return str(number)
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _layout(layout: BaseModel) -> JsonLayout:
    if not isinstance(layout, JsonLayout):
        raise TypeError(f"JsonReader reads files of JsonLayout, not of {type(layout).__name__}")
    return layout


def _items(path: Path, layout: JsonLayout) -> Iterator[Item | None]:
    """Yield records, None for blank ones. Raises FileError when a record is no object."""
    demand(path, "json")
    steps = tuple(step for step in layout.record.split("/") if step)
    for item in line_items(path) if layout.lines else array_items(path, steps):
        if item is None or item.value is None:
            yield None
        elif isinstance(item.value, dict):
            yield item
        else:
            raise FileError(
                "FILE_JSON",
                f"The record on line {item.line} is {type(item.value).__name__}, expected is an object.",
                fix="Export each record as an object with keys.",
                line=item.line,
            )


def _columns(path: Path, layout: JsonLayout) -> dict[str, None]:
    found: dict[str, None] = {}
    hollow: dict[str, None] = {}
    for item in _items(path, layout):
        if item is not None:
            found.update(dict.fromkeys(_flat(item.value)[0]))
            hollow.update(dict.fromkeys(_hollow(item.value, "")))
        if len(found) > MOST_COLUMNS:
            raise FileError(
                "FILE_JSON",
                f"The records have more than {MOST_COLUMNS} different keys.",
                fix="Use the agreed path of the records.",
            )
    if (broken := next((name for name in found if _SURROGATE.search(name)), None)) is not None:
        raise FileError(
            "FILE_JSON",
            f"The key {_whole(broken)!r} holds half a character (\\ud800 to \\udfff without its other half).",
            fix="Export the file again; keys must be text.",
        )
    found.update((name, None) for name in hollow if not any(one.startswith(f"{name}/") for one in found))
    return {name: None for name in found if name not in OUR_COLUMNS} if OUR_COLUMNS[0] in found else found


def _flat(record: dict[str, Any]) -> tuple[dict[str, tuple[str, int]], dict[str, int]]:
    """Return the record's cells and their kinds by column, and how many elements its longer arrays have."""
    cells: dict[str, tuple[str, int]] = {}
    several: dict[str, int] = {}
    _add(record, "", cells, several)
    return cells, several


def _add(value: Any, name: str, cells: dict[str, tuple[str, int]], several: dict[str, int]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _add(inner, f"{name}/{key}" if name else key, cells, several)
    elif isinstance(value, list):
        if len(value) > 1:
            several[name] = len(value)
        for number, inner in enumerate(value, 1):
            _add(inner, name if number == 1 else f"{name}[{number}]", cells, several)
    elif isinstance(value, str):
        cells[name] = (value, _TEXT if value else _EMPTY)
    elif value is None:
        cells[name] = ("", _EMPTY)
    elif isinstance(value, bool):
        cells[name] = ("true" if value else "false", _BOOLEAN)
    else:
        cells[name] = (canonical(value), _NUMBER)


def _hollow(value: Any, name: str) -> Iterator[str]:
    """Yield the keys of the record that hold an empty array or object: no cell, and yet there."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _hollow(inner, f"{name}/{key}" if name else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _hollow(inner, name if number == 1 else f"{name}[{number}]")
    if name and value in ([], {}):
        yield name


def _series(name: str, texts: list[str | None]) -> tuple[pl.Series, list[int]]:
    """Return the column, and which of its texts hold half a surrogate pair.

    JSON can spell it, but it is no text: it becomes the replacement character, and the record is at fault.
    """
    try:
        return pl.Series(name, texts, dtype=pl.String), []
    except UnicodeEncodeError:
        broken = [place for place, text in enumerate(texts) if text is not None and _SURROGATE.search(text)]
        return pl.Series(name, [text and _whole(text) for text in texts], dtype=pl.String), broken


def _whole(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)


@dataclass(slots=True)
class _Rows:
    columns: tuple[str, ...]
    _cells: list[dict[str, tuple[str, int]]] = field(default_factory=list)
    _lines: list[int] = field(default_factory=list)
    _issues: list[Said] = field(default_factory=list)
    _heads: dict[str, str | None] = field(default_factory=dict)
    """By the name of an array: the first column that takes its first element without saying so."""
    _first: int = 1
    _blank: int = 0

    @property
    def full(self) -> bool:
        """Whether there are rows enough for a table."""
        return len(self._cells) >= min(BLOCK, max(1, BLOCK_CELLS // max(1, len(self.columns))))

    def take(self, item: Item | None) -> None:
        """Add a record."""
        if item is None or not item.value:
            self._blank += 1
            return
        cells, several = _flat(item.value)
        for name, times in several.items():
            if (column := self._head(name)) is not None:
                self._blame(item, column, f"{name} has {times} elements")
        if (column := self._lost(cells)) is not None:
            self._blame(item, column, "the record had several when it came; only the first is in this file")
        self._cells.append(cells)
        self._lines.append(item.line)

    def _blame(self, item: Item, column: str, said: str) -> None:
        self._issues.append((self._first + len(self._cells), item.line, column, said))

    def _lost(self, cells: dict[str, tuple[str, int]]) -> str | None:
        """Return the column that a record of an errors file of ours was given back for, while it is wanted as it was.

        Such a file holds the wanted columns only: what was repeated is not seen in it any more.
        """
        if cells.get("error_code", _ABSENT)[0] != REPEATED:
            return None
        column = cells.get("error_field", _ABSENT)[0]
        return column if column in self.columns else None

    def _head(self, name: str) -> str | None:
        if name not in self._heads:
            known = any(column.startswith(f"{name}[") for column in self.columns)
            inside = (one for one in self.columns if not known and (one == name or one.startswith(f"{name}/")))
            self._heads[name] = next(inside, None)
        return self._heads[name]

    def table(self) -> Table:
        """Return the rows taken since the last table."""
        rows = len(self._cells)
        numbers = pl.int_range(self._first, self._first + rows, dtype=pl.Int64, eager=True).alias(ROW)
        texts, kinds, broken = [], [], set()
        for index, column in enumerate(self.columns):
            key = _ON_PURPOSE.sub("", column)
            found = [cells.get(key, _ABSENT) for cells in self._cells]
            if key != column:  # an errors file of ours names its keys like the columns
                found = [cells.get(column, here) for cells, here in zip(self._cells, found, strict=True)]
            cells, halves = _series(f"c{index}", [text for text, _ in found])
            texts.append(cells)
            broken.update(halves)
            kinds.append(pl.Series(f"c{index}", [kind for _, kind in found], dtype=pl.UInt8))
        table = Table(
            frame=pl.DataFrame([numbers, pl.Series(LINE, self._lines, dtype=pl.Int64), *texts]),
            headers=self.columns,
            kinds=pl.DataFrame(kinds),
            issues=pl.concat([repeated_issues(self._issues), self._unreadable(sorted(broken))]).sort(
                ROW, maintain_order=True
            ),
            blank=self._blank,
            links=self._links(numbers),
        )
        self._first += rows
        self._cells, self._lines, self._issues, self._blank = [], [], [], 0
        return table

    def _unreadable(self, places: list[int]) -> pl.DataFrame:
        """Return the issues of records with a text that is none."""
        said = "text: half a character (\\ud800 to \\udfff without its other half)"
        rows = [(self._first + at, self._lines[at], "ROW_ENCODING", None, None, said) for at in places]
        return pl.DataFrame(rows, schema=ISSUE_SCHEMA, orient="row")

    def _links(self, numbers: pl.Series) -> pl.DataFrame | None:
        none = ("", _EMPTY)
        runs = [cells.get("error_run", none)[0].strip() or None for cells in self._cells]
        if all(run is None for run in runs):
            return None
        rows = [cells.get("error_row", none)[0].strip() for cells in self._cells]
        known = [
            int(row) if run and row.isascii() and row.isdigit() else None for run, row in zip(runs, rows, strict=True)
        ]
        return pl.DataFrame(
            [numbers, pl.Series("first_run", runs, dtype=pl.String), pl.Series("first_row", known, dtype=pl.Int64)]
        )
