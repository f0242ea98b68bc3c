"""CSV as Mirakl takes and gives it: strict UTF-8, semicolons, doubled quotes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.twin.mirakl_settings import MiraklTwinSettings

_BOM = b"\xef\xbb\xbf"


class BadFileError(Exception):
    """The file as a whole cannot be taken; the text says why."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line of an error report. `number` counts records, the header being 1."""

    number: int
    reason: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a file. `number` counts records, the header being 1; `value` is None where the column is absent."""

    number: int
    cells: tuple[str, ...]
    values: dict[str, str]

    def value(self, column: str) -> str | None:
        """The cell of that column."""
        return self.values.get(column)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file with a header. A column given twice has the value of its last cell."""

    columns: tuple[str, ...]
    delimiter: str
    records: tuple[Record, ...]

    def misfit(self, record: Record) -> str:
        """What is wrong with the number of cells; "" when nothing is."""
        if len(record.cells) == len(self.columns):
            return ""
        return f"The line has {len(record.cells)} columns instead of {len(self.columns)}"


def decode(body: bytes, settings: MiraklTwinSettings) -> str:
    """Return the file's text. Raises BadFileError: not UTF-8, or a byte order mark where none is taken."""
    if body.startswith(_BOM):
        if not settings.accept_bom:
            raise BadFileError("Unknown column '\ufeff'")
        body = body[len(_BOM) :]
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise BadFileError("The file is not encoded in UTF-8") from error


def rows(text: str, delimiter: str = ";") -> Iterator[list[str]]:
    """Read records. Raises BadFileError for a broken quote."""
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise BadFileError("The file cannot be read as CSV") from error


def delimiter_of(text: str, *, comma: bool) -> str:
    """Tell the delimiter from the header: a semicolon, or a comma where that is taken and no semicolon is there."""
    header = text.partition("\n")[0]
    return "," if comma and ";" not in header and "," in header else ";"


def sheet(text: str, *, comma: bool = False) -> Sheet:
    """Read a file with a header; blank lines count but hold nothing. Raises BadFileError: no header, a broken quote."""
    delimiter = delimiter_of(text, comma=comma)
    lines = rows(text, delimiter)
    header = next(lines, None)
    if not header:
        raise BadFileError("The file is empty")
    records = [
        Record(number, tuple(cells), dict(zip(header, cells, strict=False)))
        for number, cells in enumerate(lines, start=2)
        if cells
    ]
    return Sheet(tuple(header), delimiter, tuple(records))


def header(body: bytes, settings: MiraklTwinSettings, *, comma: bool = False) -> list[str]:
    """Read the header alone; empty where there is none to read."""
    try:
        text = decode(body, settings)
        return next(rows(text, delimiter_of(text, comma=comma)), [])
    except BadFileError:
        return []


def write(lines: Iterable[Iterable[object]], delimiter: str = ";") -> str:
    """Write records, every cell in quotes."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(lines)
    return out.getvalue()


def numbered_report(bad: Iterable[BadLine], columns: Iterable[str], settings: MiraklTwinSettings) -> str:
    """Write a report by position: line number, reason, then the columns as sent (STO03, PRI03; verified)."""
    shift = 0 if settings.report_counts_header else 1
    lines = ([line.number - shift, line.reason, *line.cells] for line in bad)
    return write([[*settings.report_headers, *columns], *lines], settings.report_delimiter)
