"""The strict CSV reader: record by record, with recovery from faulty quotes; its reading is the true one.

Line ends are CR LF, LF and CR. A quote opens a cell only as its first character; inside, a doubled quote is one
quote. A quote counts as never closed when its cell runs over more than QUOTED_LINES lines or QUOTED_SIZE
characters, to the end of the file, or over a line end to a quote that text follows (the quote that opens some later
cell). Then the record ends with the line where the quote was opened, the quote is plain text, and reading goes on
with the next line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import polars as pl

from gateway.formats.layout import CsvLayout
from gateway.model import ISSUE_SCHEMA
from gateway.readers.csv_shape import (
    BLANKS,
    QUOTED_LINES,
    QUOTED_SIZE,
    SHOWN,
    Part,
    Place,
    Shape,
    schema_of,
    too_many,
)

_UNREADABLE = re.compile("[\udc80-\udcff]")
_FIRST_WINDOW = 64 << 10
_SMALL_WINDOW = 2 << 10

_IssueRow: TypeAlias = tuple[int, int, str, str | None, str | None, str | None]


class Record(NamedTuple):
    """One record: `lines` physical lines from `line` on; `code` names a fault of its quotes at `fault_line`."""

    line: int
    lines: int
    cells: list[str]
    code: str = ""
    fault_line: int = 0


@dataclass(frozen=True, slots=True)
class _Open:
    """An unclosed quote met in a line `offset` lines below the record's first, with the cells before it."""

    offset: int
    cells: list[str]


class StrictReader:
    """Reads records from the head of UTF-8 bytes that begin at a record."""

    def __init__(self, layout: CsvLayout) -> None:
        self._layout = layout
        self._delimiter = layout.delimiter
        self._quote = layout.quote

    def records(self, data: bytes, line: int, size: int, *, ended: bool) -> tuple[list[Record], int]:
        """Return records from the first `size` bytes or a little more (at least one if there is one), and bytes used.

        No record is returned whose end can't be judged before more bytes come; `ended` says that none will.
        """
        window = size + _FIRST_WINDOW
        while True:
            whole = window >= len(data)
            found, used = self._window(data if whole else data[:window], line, size, ended=ended and whole)
            if found or whole:
                return found, used
            window *= 4

    def _window(self, data: bytes, line: int, size: int, *, ended: bool) -> tuple[list[Record], int]:
        text = data.decode("utf-8", "surrogateescape")
        lines = io.StringIO(text, newline="").readlines()
        if lines and not ended and not lines[-1].endswith("\n"):
            # the line may go on, and a CR may be the first half of a line end
            lines.pop()
        records: list[Record] = []
        index = used = 0
        plain, delimiter = self._quote or None, self._delimiter
        while index < len(lines) and used < size:
            first = lines[index]
            if plain is None or plain not in first:
                records.append(Record(line + index, 1, first.rstrip("\r\n").split(delimiter)))
                used += len(first)
                index += 1
                continue
            record = self._quoted(lines, index, line + index, ended=ended)
            if record is None:
                break
            records.append(record)
            used += sum(map(len, lines[index : index + record.lines]))
            index += record.lines
        return records, used if len(text) == len(data) else _bytes_of(lines[:index])

    def one(self, data: bytes, at: int, line: int) -> tuple[Record, int] | None:
        """Return the record that begins at byte `at` and the place behind it; None when its end is not in `data`."""
        window = _SMALL_WINDOW
        while True:
            found, used = self._window(data[at : at + window], line, 1, ended=False)
            if found:
                return found[0], at + used
            if at + window >= len(data):
                return None
            window *= 8

    def _quoted(self, lines: list[str], index: int, line: int, *, ended: bool) -> Record | None:
        rows = csv.reader(
            lines[index : index + QUOTED_LINES], delimiter=self._delimiter, quotechar=self._quote, strict=True
        )
        try:
            cells = next(rows)
        except csv.Error:
            return self._careful(lines, index, line, ended=ended)
        return Record(line, rows.line_num, cells)

    def _careful(self, lines: list[str], index: int, line: int, *, ended: bool) -> Record | None:
        """Read one record by the rules themselves; None when more lines are needed to judge it."""
        cells: list[str] = []
        row, at, stray = index, 0, 0
        while True:
            text = lines[row]
            if not text.startswith(self._quote, at):
                cell, at, ends = self._plain(text, at)
                cells.append(cell)
            else:
                closing = self._closing(lines, row, at, ended=ended)
                if closing is None:
                    return None
                if isinstance(closing, _Open):
                    return self._recovered(lines, index, _Open(row - index, cells), at, line)
                cell, row, at = closing
                rest, at, ends = self._plain(lines[row], at)
                stray = stray or (line + row - index if rest else 0)
                cells.append(cell + rest)
            if ends:
                return Record(line, row - index + 1, cells, "ROW_STRAY_QUOTE" if stray else "", stray)

    def _closing(self, lines: list[str], row: int, at: int, *, ended: bool) -> tuple[str, int, int] | _Open | None:
        """Follow a quoted cell that opens at `lines[row][at]` to behind its closing quote."""
        quote, first, pieces, start, size = self._quote, row, [], at + 1, 0
        unclosed = _Open(0, [])
        while True:
            text = lines[row]
            found = text.find(quote, start)
            if found < 0:
                pieces.append(text[start:])
                size += len(text) - start
                row, start = row + 1, 0
                if row - first >= QUOTED_LINES or size > QUOTED_SIZE:
                    return unclosed
                if row >= len(lines):
                    return unclosed if ended else None
            elif text.startswith(quote, found + 1):
                pieces.append(text[start : found + 1])
                size += found + 1 - start
                start = found + 2
            else:
                pieces.append(text[start:found])
                size += found - start
                follows = text[found + 1 : found + 2]
                if size > QUOTED_SIZE or (row > first and follows not in {self._delimiter, "\r", "\n", ""}):
                    return unclosed
                return "".join(pieces), row, found + 1

    def _recovered(self, lines: list[str], index: int, opened: _Open, at: int, line: int) -> Record:
        rest = lines[index + opened.offset][at:].rstrip("\r\n").split(self._delimiter)
        return Record(line, opened.offset + 1, [*opened.cells, *rest], "ROW_OPEN_QUOTE", line + opened.offset)

    def _plain(self, text: str, at: int) -> tuple[str, int, bool]:
        """Return the text up to the next delimiter or line end, the place behind it, and whether the record ends."""
        found = text.find(self._delimiter, at)
        if found < 0:
            return text[at:].rstrip("\r\n"), len(text), True
        return text[at:found], found + 1, False

    def part(self, data: bytes, place: Place, shape: Shape, size: int, *, ended: bool) -> Part:
        """Read as `records` does and judge each record: blank, too short, too long, faulty quotes or bytes."""
        found, used = self.records(data, place.line, size, ended=ended)
        after = Place(place.row + len(found), found[-1].line + found[-1].lines if found else place.line)
        numbers = range(place.row, after.row)
        frame, issues = self.judged(zip(numbers, found, strict=True), shape, clean=_is_text(data[:used]))
        return Part(frame, issues, len(found) - frame.height, used, after)

    def judged(
        self, records: Iterable[tuple[int, Record]], shape: Shape, *, clean: bool
    ) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """Return numbered records as `frame` and `issues` of a part; `clean`: all bytes are text."""
        rows: list[Sequence[str | None]] = []
        numbers: list[int] = []
        lines: list[int] = []
        issues: list[_IssueRow] = []
        for number, record in records:
            cells = record.cells
            if not cells[0].strip(BLANKS) and not "".join(cells).strip(BLANKS):
                continue
            numbers.append(number)
            lines.append(record.line)
            if clean and not record.code and len(cells) == shape.columns:
                rows.append(cells)
                continue
            unreadable = "" if clean else undecodable(cells, self._layout.encoding)
            issues.extend(_faults(record, number, shape, unreadable))
            missing: list[str | None] = [None] * (shape.columns - len(cells))
            rows.append([*(shown(cells) if unreadable else cells)[: shape.columns], *missing])
        columns = list(zip(*rows, strict=True)) if rows else [()] * shape.columns
        schema = schema_of(shape)
        frame = pl.DataFrame(dict(zip(schema, [numbers, lines, *columns], strict=True)), schema=schema)
        return frame, pl.DataFrame(issues, schema=ISSUE_SCHEMA, orient="row") if issues else None


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _bytes_of(lines: list[str]) -> int:
    return len("".join(lines).encode("utf-8", "surrogateescape"))


def undecodable(cells: list[str], encoding: str) -> str:
    """Return what the bytes of these cells are not (the detail of ROW_ENCODING), or "" when all is well."""
    text = "".join(cells)
    if text.isascii():
        return "text: there is a zero byte" if "\0" in text else ""
    if _UNREADABLE.search(text):
        return encoding
    return "text: there is a zero byte" if "\0" in text else ""


def shown(cells: list[str]) -> list[str]:
    """Return the cells with a replacement character for each byte that is not text."""
    return [_UNREADABLE.sub(SHOWN, cell).replace("\0", SHOWN) for cell in cells]


def _faults(record: Record, number: int, shape: Shape, unreadable: str) -> list[_IssueRow]:
    """Return the issues of one record: the number of cells is not judged where a quote may have swallowed some."""
    issues: list[_IssueRow] = []
    if unreadable:
        issues.append((number, record.line, "ROW_ENCODING", None, None, unreadable))
    if record.code:
        issues.append((number, record.fault_line, record.code, None, None, None))
    elif len(record.cells) < shape.needed:
        issues.append((number, record.line, "ROW_TOO_SHORT", None, None, too_many(len(record.cells), shape)))
    elif any(cell.strip(BLANKS) for cell in record.cells[shape.columns :]):
        issues.append((number, record.line, "ROW_TOO_LONG", None, None, too_many(len(record.cells), shape)))
    return issues
