"""The strict CSV reader: record by record, with recovery from faulty quotes; its reading is the true one.

Line ends are CR LF, LF and CR. A quote opens a cell only as its first character; inside, a doubled quote is one
quote. A quote that is closed makes a cell, however many lines it runs over; one of more than QUOTED_SIZE characters is
cut, and its record faulty as a whole. A quote counts as never closed when its cell runs to the end of the file, or
over a line end to a quote that text follows (the quote that opens some later cell). Then the record ends with the line
where the quote was opened, the quote is plain text, and reading goes on with the next line.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import polars as pl

from gateway.formats.layout import CsvLayout
from gateway.model import ISSUE_SCHEMA
from gateway.readers.csv_shape import (
    BLANKS,
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
_CHARACTER = 8
"""Bytes that hold a quote and a character behind it, whichever they are."""

_IssueRow: TypeAlias = tuple[int, int, str, str | None, str | None, str | None]


class Record(NamedTuple):
    """One record: `lines` physical lines from `line` on; `code` names a fault of its quotes at `fault_line`."""

    line: int
    lines: int
    cells: list[str]
    code: str = ""
    fault_line: int = 0


class _Open(NamedTuple):
    """A quote at `at` that nothing closes: `decided` is False where more text may do so."""

    at: int
    decided: bool


class StrictReader:
    """Reads records from the head of UTF-8 bytes that begin at a record.

    `ended`: no bytes will follow. `unclosed`: of a quote that is open at the end of the bytes it is known that what
    follows does not close it.
    """

    def __init__(self, layout: CsvLayout) -> None:
        self._layout = layout
        self._delimiter = layout.delimiter
        self._quote = layout.quote
        self._ends = re.compile(f"{re.escape(layout.delimiter)}|\r\n|\n|\r")

    def records(
        self, data: bytes, line: int, size: int, *, ended: bool, unclosed: bool = False
    ) -> tuple[list[Record], int]:
        """Return records from the first `size` bytes or a little more (at least one if there is one), and bytes used.

        No record is returned whose end can't be judged before more bytes come.
        """
        window = size + _FIRST_WINDOW
        while True:
            whole = window >= len(data)
            part = data if whole else data[:window]
            found, used = self._window(part, line, size, ended=ended and whole, unclosed=unclosed and whole)
            if found or whole:
                return found, used
            window *= 4

    def _window(
        self, data: bytes, line: int, size: int, *, ended: bool, unclosed: bool = False
    ) -> tuple[list[Record], int]:
        text = data.decode("utf-8", "surrogateescape")
        ascii_only = len(text) == len(data)
        if not ended:
            text = text[: _whole_lines(text)]
        lines = io.StringIO(text, newline="")
        records: list[Record] = []
        used = 0
        plain, delimiter = self._quote or None, self._delimiter
        while used < len(text) and used < size:
            first = lines.readline()
            if plain is None or plain not in first:
                records.append(Record(line, 1, first.rstrip("\r\n").split(delimiter)))
                used += len(first)
                line += 1
                continue
            record = self._quoted(itertools.chain([first], lines), line)
            end = lines.tell()
            if record is None or end - used > QUOTED_SIZE:
                read = self._careful(text, used, line, decided=ended or unclosed)
                if isinstance(read, int):
                    break
                record, end = read
                lines.seek(end)
            records.append(record)
            used, line = end, line + record.lines
        return records, used if ascii_only else len(text[:used].encode("utf-8", "surrogateescape"))

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

    def open_quote(self, data: bytes) -> int | None:
        """Return the byte behind the quote that the first record leaves open at the end of the bytes; None: none."""
        text = data.decode("utf-8", "surrogateescape")
        text = text[: _whole_lines(text)]
        if not self._quote or not text:
            return None
        read = self._careful(text, 0, 1, decided=False)
        return len(text[: read + 1].encode("utf-8", "surrogateescape")) if isinstance(read, int) else None

    def _quoted(self, lines: Iterable[str], line: int) -> Record | None:
        """Read one record as the library does; None where its quotes or its length are beyond it."""
        rows = csv.reader(lines, delimiter=self._delimiter, quotechar=self._quote, strict=True)
        try:
            cells = next(rows)
        except csv.Error:
            return None
        return Record(line, rows.line_num, cells)

    def _careful(self, text: str, begin: int, line: int, *, decided: bool) -> tuple[Record, int] | int:
        """Read the record at `begin` by the rules themselves; returns it and the place behind it.

        Where more text is needed to judge it: the place of the quote in doubt. `decided`: none will close it.
        """
        cells: list[str] = []
        at, ends, code, fault = begin, False, "", begin
        while not ends:
            if not text.startswith(self._quote, at):
                cell, at, ends = self._plain(text, at)
                cells.append(cell)
                continue
            closing = self._closing(text, at, decided=decided)
            if isinstance(closing, _Open):
                if not closing.decided:
                    return closing.at
                cells, at, code, fault = self._recovered(text, at, cells)
                break
            cell, behind = closing
            rest, following, ends = self._plain(text, behind)
            if len(cell) > QUOTED_SIZE and code != "ROW_CELL_SIZE":
                code, fault = "ROW_CELL_SIZE", at
            elif rest and not code:
                code, fault = "ROW_STRAY_QUOTE", behind
            cells.append((cell + rest)[:QUOTED_SIZE] if code == "ROW_CELL_SIZE" else cell + rest)
            at = following
        lines = _line_ends(text, begin, at) + (not text.endswith(("\r", "\n"), begin, at))
        fault_line = line + _line_ends(text, begin, fault) if code else 0
        return Record(line, lines, cells, code, fault_line), at

    def _closing(self, text: str, at: int, *, decided: bool) -> tuple[str, int] | _Open:
        """Follow the quoted cell that opens at `at` to behind its closing quote."""
        quote, pieces, start = self._quote, [], at + 1
        while (found := text.find(quote, start)) >= 0:
            if not text.startswith(quote, found + 1):
                follows = text[found + 1 : found + 2]
                if follows not in {self._delimiter, "\r", "\n", ""} and _line_ends(text, at, found):
                    return _Open(at, decided=True)
                pieces.append(text[start:found])
                return "".join(pieces), found + 1
            pieces.append(text[start : found + 1])
            start = found + 2
        return _Open(at, decided=decided)

    def _recovered(self, text: str, at: int, cells: list[str]) -> tuple[list[str], int, str, int]:
        """Take what is left of the line of an unclosed quote for plain cells."""
        rest, ends, quote = list(cells), False, at
        while not ends:
            cell, at, ends = self._plain(text, at)
            rest.append(cell)
        return rest, at, "ROW_OPEN_QUOTE", quote

    def _plain(self, text: str, at: int) -> tuple[str, int, bool]:
        """Return the text up to the next delimiter or line end, the place behind it, and whether the record ends."""
        found = self._ends.search(text, at)
        if found is None:
            return text[at:], len(text), True
        return text[at : found.start()], found.end(), found[0] != self._delimiter

    def part(self, data: bytes, place: Place, shape: Shape, size: int, *, ended: bool, unclosed: bool = False) -> Part:
        """Read as `records` does and judge each record: blank, too short, too long, faulty quotes or bytes."""
        found, used = self.records(data, place.line, size, ended=ended, unclosed=unclosed)
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


def closed_in(pieces: Iterable[bytes], layout: CsvLayout, *, crossed: bool) -> int | None:
    """Return in how many bytes, all told, the quoted cell that `pieces` are the rest of is closed; None: never.

    `crossed`: the cell ran over a line end already.
    """
    quote = layout.quote.encode()
    ends = (layout.delimiter.encode(), b"\r", b"\n")
    before, text, start = 0, b"", 0
    for piece in itertools.chain(pieces, [b""]):
        text, last = text + piece, not piece
        while 0 <= (found := text.find(quote, start)) < len(text) - (0 if last else _CHARACTER):
            behind = found + len(quote)
            if not text.startswith(quote, behind):
                crossed = crossed or b"\n" in text[:found] or b"\r" in text[:found]
                proper = behind == len(text) or text.startswith(ends, behind)
                return before + behind if proper or not crossed else None
            start = behind + len(quote)
        # a quote and the character behind it are looked at together
        kept = found if found >= 0 else max(len(text) - _CHARACTER, start)
        crossed = crossed or b"\n" in text[:kept] or b"\r" in text[:kept]
        before, text, start = before + kept, text[kept:], 0
    return None


def _whole_lines(text: str) -> int:
    """Return the place behind the last line that is whole; a CR at the very end may be the first half of its end."""
    return max(text.rfind("\n"), text.rfind("\r", 0, max(len(text) - 1, 0))) + 1


def _line_ends(text: str, begin: int, end: int) -> int:
    """Return how many line ends stand there."""
    returns = text.count("\r", begin, end)
    return text.count("\n", begin, end) + (returns and returns - text.count("\r\n", begin, end))


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
        detail = f"{QUOTED_SIZE:,} characters" if record.code == "ROW_CELL_SIZE" else None
        issues.append((number, record.fault_line, record.code, None, None, detail))
    elif len(record.cells) < shape.needed:
        issues.append((number, record.line, "ROW_TOO_SHORT", None, None, too_many(len(record.cells), shape)))
    elif any(cell.strip(BLANKS) for cell in record.cells[shape.columns :]):
        issues.append((number, record.line, "ROW_TOO_LONG", None, None, too_many(len(record.cells), shape)))
    return issues
