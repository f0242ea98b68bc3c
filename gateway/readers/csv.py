"""CSV files to tables of text: columnar where a byte scan proves it equal to the strict reader, else strict."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from gateway.errors import FileError
from gateway.formats.layout import OUR_COLUMNS, CsvLayout
from gateway.formats.neutral import restore, restored
from gateway.formats.unpack import demand
from gateway.issues import CATALOGUE
from gateway.model import ROW, Table, no_issues
from gateway.readers.csv_bytes import Utf8Stream
from gateway.readers.csv_columns import ColumnReader
from gateway.readers.csv_shape import BLANKS, Part, Place, Shape, schema_of
from gateway.readers.csv_strict import Record, StrictReader, closed_in, undecodable

BLOCK = 9 << 18
"""Bytes read at a time, 2.25 MiB: smaller blocks cost more per row, larger ones memory."""
_SMALL, _BLOCKS = 16 << 20, 3
"""Bytes of a file up to which it is read in so many blocks where `BLOCK` would make more: two are worked on while one
is read, and its memory is small anyway."""
_FULL, _PARTS = 16, 4
"""A table has at least one cell for so many bytes of the block, or is so many blocks long: few rows of long texts cost
as many steps as many short ones, and hardly more memory than their bytes."""
MOST_ROWS = 1 << 16
"""Records in one table: what is made of a record later costs memory however short its line is."""
STRICT_SLICE = 1 << 20
"""Bytes the strict reader reads before columns are tried again."""
PATIENCE = 8 << 20
"""Bytes without the end of a record after which the file is looked through for the end of a quoted cell."""
LONGEST = 64 << 20
"""Bytes without the end of a record after which the file is given up: memory must stay flat."""
_SHOWN = 60
_COMMON_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


class CsvReader:
    """Reads files of CsvLayout. `columnar` = False has the strict reader read everything.

    `block`: bytes per table; None: as many as do the file good.

    The header is the first record that is not blank, after `skip` lines; it counts as a row, and so do skipped lines.
    A file whose header begins with OUR_COLUMNS is an errors file of ours that came back: these columns are taken off
    into `links` and formula neutralising is undone; nothing is skipped above its header, and it has one even where
    the layout says the partner's files have none.
    """

    def __init__(self, *, block: int | None = None, columnar: bool = True) -> None:
        self._block = block
        self._columnar = columnar

    def tables(self, path: Path, layout: BaseModel) -> Iterator[Table]:
        """Yield tables in file order, at least one.

        Raises FileError FILE_EMPTY, FILE_ENCODING, FILE_DELIMITER, FILE_HEADER, FILE_FORMAT or what `demand` raises;
        TypeError for a layout of another kind.
        """
        if not isinstance(layout, CsvLayout):
            raise TypeError(f"CsvReader reads files of CsvLayout, not of {type(layout).__name__}")
        demand(path, "csv")
        block = self._block or _fitting(path.stat().st_size)
        with path.open("rb") as file:
            stream = Utf8Stream(file, layout.encoding, block)
            if stream.empty:
                raise _file_error("FILE_EMPTY")
            reading = _Reading(stream, layout, block, columnar=self._columnar)
            head = reading.begin()
            parts: list[Part] = []
            yielded = False
            for part in reading.parts():
                parts.append(part)
                if _full(parts, head.shape, block):
                    yield from _pieces(head.table(parts))
                    yielded, parts = True, []
            if parts or not yielded:
                yield from _pieces(head.table(parts))


def _fitting(size: int) -> int:
    return max(BLOCK, -(-size // _BLOCKS)) if size <= _SMALL else BLOCK


def _full(parts: list[Part], shape: Shape, block: int) -> bool:
    taken = 2 * sum(part.taken for part in parts)
    cells = shape.columns * sum(part.frame.height for part in parts)
    return taken > block * (2 * _PARTS - 1) or (taken >= block and cells >= block // _FULL)


def _pieces(table: Table) -> Iterator[Table]:
    """Yield a table in tables of at most MOST_ROWS records, each with its issues and links."""
    if table.frame.height <= MOST_ROWS:
        yield table
        return
    rest, blank = table.issues, table.blank
    for at in range(0, table.frame.height, MOST_ROWS):
        frame = table.frame.slice(at, MOST_ROWS)
        here = rest.height if at + MOST_ROWS >= table.frame.height else rest[ROW].search_sorted(frame[ROW][-1], "right")
        links = None if table.links is None else table.links.slice(at, MOST_ROWS)
        yield replace(table, frame=frame, issues=rest.head(here), links=links, blank=blank)
        rest, blank = rest.slice(here), 0


def _together(blanks: list[str | None]) -> str | None:
    """Blanks that the cells of all parts can hold."""
    known = [held for held in blanks if held is not None]
    return max(known, key=len, default="") if len(known) == len(blanks) else None


@dataclass(slots=True)
class _Head:
    """What is known before the first record: headers, shape of the cells in the file, blank records on the way."""

    headers: tuple[str, ...]
    shape: Shape
    ours: tuple[str, ...]
    blank: int

    def table(self, parts: list[Part]) -> Table:
        frames = [part.frame for part in parts] or [pl.DataFrame(schema=schema_of(self.shape))]
        faults = [part.issues for part in parts if part.issues is not None]
        table = Table(
            frame=pl.concat(frames, rechunk=True) if len(frames) > 1 else frames[0],
            headers=self.headers,
            issues=pl.concat(faults) if faults else no_issues(),
            blank=sum(part.blank for part in parts) + self.blank,
            blanks=_together([part.blanks for part in parts]),
        )
        self.blank = 0
        return self._linked(table) if self.ours else table

    def _linked(self, table: Table) -> Table:
        """Move our leading columns into `links` and give the others back as the partner wrote them."""
        at = {name: f"c{index}" for index, name in enumerate(self.ours)}
        run = pl.col(at["error_run"])
        row = pl.col(at["error_row"]) if "error_row" in at else pl.lit(None, pl.String)
        known = run.str.strip_chars() != ""
        links = table.frame.select(
            ROW,
            pl.when(known).then(run.str.strip_chars()).alias("first_run"),
            pl.when(known).then(row.str.strip_chars().cast(pl.Int64, strict=False)).alias("first_row"),
        )
        own = len(self.ours)
        frame = table.frame.drop(at.values()).rename(
            {f"c{index}": f"c{index - own}" for index in range(own, self.shape.columns)}
        )
        cells = [restored(pl.col(f"c{index}")).alias(f"c{index}") for index in range(self.shape.columns - own)]
        return replace(table, frame=frame.with_columns(cells), links=links)


class _Reading:
    """One pass over a file: bytes not yet read, and the place they begin at."""

    def __init__(self, stream: Utf8Stream, layout: CsvLayout, block: int, *, columnar: bool) -> None:
        self._stream = stream
        self._layout = layout
        self._strict = StrictReader(layout)
        self._columns = ColumnReader(layout, self._strict)
        self._columnar = columnar and self._columns.usable
        self._data = b""
        self._place = Place(1, 1)
        self._shape = Shape(1, 0)
        self._window = block
        self._unclosed = False
        """Whether it is known that a quote which is open at the end of the bytes at hand is never closed."""

    def begin(self) -> _Head:
        """Read up to and including the header. Raises FileError when it is unusable or there is no record at all."""
        first, used = self._first()
        ours = first is not None and bool(first.cells) and _is_ours(first.cells[0])
        if self._layout.skip and not ours:
            self._skip()
            first, used = self._first()
        blank = 0
        while first is not None and not any(cell.strip(BLANKS) for cell in first.cells):
            blank += 1
            self._pass(first, used)
            first, used = self._first()
        if first is None:
            raise _file_error("FILE_EMPTY")
        if self._layout.header or _is_ours(first.cells[0]):
            head = self._header(first)
            self._pass(first, used)
        else:
            _check_delimiter(first, self._layout, self._layout.columns)
            columns = self._layout.columns or len(first.cells)
            head = _Head(("",) * columns, Shape(columns, columns), (), 0)
        self._shape, head.blank = head.shape, blank
        return head

    def parts(self) -> Iterator[Part]:
        """Yield the records behind the header in parts, until the end of the file."""
        while True:
            if self._stream.ended and self._data and not self._data.endswith((b"\n", b"\r")):
                self._data += b"\n"
            doubtful = not self._columnar
            if self._columnar:
                part = self._in_columns()
                doubtful = part.doubtful or self._unclosed or self._stream.ended
                if part.taken:
                    yield part
            if doubtful and self._data:
                part = self._strict.part(
                    self._data, self._place, self._shape, STRICT_SLICE, ended=self._stream.ended,
                    unclosed=self._unclosed,
                )  # fmt: skip
                self._advance(part.taken, part.after)
                if part.taken:
                    yield part
                    continue
            if self._stream.ended and not self._data:
                return
            self._fill()

    def _in_columns(self) -> Part:
        """Read in columns until something is doubtful, or no whole record is left.

        After a doubt only a little is tried at first, and more as long as that goes well: where doubts are dense the
        scan of a whole block would be for nothing.
        """
        while True:
            whole = self._window >= len(self._data)
            part = self._columns.part(self._data if whole else self._data[: self._window], self._place, self._shape)
            self._advance(part.taken, part.after)
            self._window = STRICT_SLICE if part.doubtful else self._window * 4
            if part.taken or part.doubtful or whole:
                return part

    def _fill(self) -> None:
        """Read more, or learn that a quote in the bytes at hand is never closed, whatever more there is."""
        size = len(self._data)
        opened = self._strict.open_quote(self._data) if size > PATIENCE and not self._unclosed else None
        needed = size + 1
        if opened is not None:
            closed = self._closed_in(opened)
            self._unclosed = closed is None
            needed = size if closed is None else max(needed, opened + closed)
        if size > LONGEST or needed > LONGEST:
            raise FileError(
                "FILE_FORMAT",
                f"No record ends within {LONGEST >> 20} MB of text after line {self._place.line}.",
                fix="Export the file again as delimited text with one record per line.",
                line=self._place.line,
            )
        more: list[bytes] = []
        while size < needed and not self._stream.ended:
            more.append(self._stream.more())
            size += len(more[-1])
        self._data = b"".join((self._data, *more))

    def _closed_in(self, opened: int) -> int | None:
        """Look through the file for the end of the quoted cell whose text begins at byte `opened`."""
        with closing(self._stream.ahead()) as ahead:
            rest = self._data[opened:]
            return closed_in(itertools.chain([rest] if rest else [], filter(None, ahead)), self._layout, crossed=False)

    def _advance(self, taken: int, after: Place) -> None:
        self._data, self._place = self._data[taken:], after
        self._unclosed = self._unclosed and not taken

    def _pass(self, record: Record, used: int) -> None:
        self._advance(used, Place(self._place.row + 1, self._place.line + record.lines))

    def _first(self) -> tuple[Record | None, int]:
        """Return the next record without passing it, and its bytes."""
        while True:
            found, used = self._strict.records(
                self._data, self._place.line, 1, ended=self._stream.ended, unclosed=self._unclosed
            )
            if found or self._stream.ended:
                return (found[0] if found else None), used
            self._fill()

    def _skip(self) -> None:
        """Pass the lines above the header: each is a line and a row, whatever quotes it holds."""
        bare = StrictReader(self._layout.model_copy(update={"quote": ""}))
        for _ in range(self._layout.skip):
            while True:
                found, used = bare.records(self._data, self._place.line, 1, ended=self._stream.ended)
                if found or self._stream.ended:
                    break
                self._fill()
            if not found:
                return
            self._pass(found[0], used)

    def _header(self, record: Record) -> _Head:
        unreadable = undecodable(record.cells, self._layout.encoding)
        if unreadable:
            raise _not_decodable(record, unreadable)
        if record.code:
            said = CATALOGUE[record.code].text
            raise _file_error("FILE_HEADER", said[0].lower() + said[1:-1], line=record.fault_line)
        ours = _our_columns(record.cells)
        named = [index for index, name in enumerate(record.cells) if name.strip(BLANKS)]
        if ours:
            columns = len(record.cells)
            texts = [restore(name) for name in record.cells[len(ours) :]]
            needed = named[-1] + 1 if self._layout.header else columns
            headers = tuple(texts) if self._layout.header else ("",) * len(texts)
            return _Head(headers, Shape(columns, needed), ours, 0)
        _check_delimiter(record, self._layout, None)
        return _Head(tuple(record.cells), Shape(len(record.cells), named[-1] + 1), (), 0)


def _is_ours(cell: str) -> bool:
    return cell.strip(BLANKS) == OUR_COLUMNS[0]


def _our_columns(cells: list[str]) -> tuple[str, ...]:
    """Return which of our columns lead the header: a person may have removed some."""
    found: list[str] = []
    for cell in cells if _is_ours(cells[0]) else []:
        name = cell.strip(BLANKS)
        if name not in OUR_COLUMNS or name in found:
            break
        found.append(name)
    return tuple(found)


def _check_delimiter(record: Record, layout: CsvLayout, columns: int | None) -> None:
    """Raise FileError FILE_DELIMITER when the record is one cell that another common delimiter would divide."""
    if len(record.cells) > 1 or columns == 1:
        return
    text = record.cells[0]
    counts = {mark: text.count(mark) for mark in _COMMON_DELIMITERS if mark != layout.delimiter}
    found = max(counts, key=lambda mark: counts[mark])
    if counts[found]:
        agreed = _COMMON_DELIMITERS.get(layout.delimiter, repr(layout.delimiter))
        raise _file_error(
            "FILE_DELIMITER",
            f"agreed is {agreed}, but line {record.line} is divided by {_COMMON_DELIMITERS[found]}",
            line=record.line,
        )


def _not_decodable(record: Record, unreadable: str) -> FileError:
    """Return the fault of a header whose bytes are not of the encoding, with another one that reads them."""
    raw = " ".join(record.cells).encode("utf-8", "surrogateescape")
    try:
        read = raw.decode("cp1252")[:_SHOWN]
    except UnicodeDecodeError:
        read = ""
    if unreadable != "utf-8" or not read:
        return _file_error("FILE_ENCODING", unreadable, line=record.line)
    error = _file_error("FILE_ENCODING", f"utf-8; as cp1252 its header reads {read!r}", line=record.line)
    error.fix = f'{error.fix.rstrip(".")}, or ask to change the mapping: encoding = "cp1252".'
    return error


def _file_error(code: str, detail: str = "", line: int | None = None) -> FileError:
    kind = CATALOGUE[code]
    return FileError(code, kind.text.format(detail=detail, field="", value=""), fix=kind.fix, line=line)
