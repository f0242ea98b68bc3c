"""One pass over a sheet's XML for what the value readers hide; it converts no values.

The quick pass searches bytes and is taken only where the sheet is written the way Excel writes it (`<c r="A1"...`, row
by row, left to right); otherwise the exact pass parses it. Both give the same answer.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import polars as pl
from lxml import etree
from numpy.typing import NDArray

from gateway.ahead import one_ahead
from gateway.errors import FileError
from gateway.formats.xml_closed import CLOSED
from gateway.readers.xlsx_bounds import Words, all_begin, bounds, pairs_of, references_alone, words_of
from gateway.readers.xlsx_package import Package, unsafe
from gateway.readers.xlsx_styles import CodeFormat

Merge = tuple[int, int, int, int]
"""First row, first column, last row, last column; rows from 1, columns from 0."""


class Oddity(enum.IntEnum):
    """What is odd about a cell."""

    NO_VALUE = 0
    ERROR = 1
    SHOWN = 2
    """Shown otherwise than held: `text` is what is shown."""
    EXACT = 3
    """More digits than a float holds: `text` is the number as written."""
    TWICE = 4
    """The sheet has another cell at the same place."""


ODD_SCHEMA: dict[str, type[pl.DataType]] = {"row": pl.Int64, "column": pl.Int64, "what": pl.UInt8, "text": pl.String}


@dataclass(frozen=True, slots=True)
class Scan:
    """What a pass found. `odd`: frame of ODD_SCHEMA; `last_row`, `width`: bound of the cells that hold something.

    `far`: last row and width of the cells with any content, be it an empty text.
    """

    odd: pl.DataFrame
    merges: tuple[Merge, ...]
    last_row: int
    width: int
    far: tuple[int, int] = (0, 0)

    @property
    def box(self) -> int:
        """Cells of the rectangle from A1 to the farthest cell: a dense reader holds no more in memory."""
        return max(self.last_row, self.far[0]) * max(self.width, self.far[1])


_START = b'<c r="'
_A_CELL, _FORMULA, _NOT_DATA, _OF_SHEET_DATA = (int.from_bytes(s, "little") for s in (b"<c", b"<f", b"<!", b"tD"))
_REF = re.compile(rb"([A-Z]+)([0-9]+)")
_VALUELESS = re.compile(rb"<f(?:[ \t\r\n][^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>|</c>)")
_ERROR = re.compile(rb' t="e"[^>]*>\s*(?:<f(?:[ \t\r\n][^>]*)?(?:/>|>[^<]*</f>)\s*)?<v>([^<]*)</v>')
_LONG = re.compile(rb"<v>(-?[0-9]{16,})(?:\.0*)?</v>")
_VALUED = re.compile(rb'<c r="([A-Z]+)([0-9]+)"[^>]*>\s*(?:<f(?:[ \t\r\n][^>]*)?(?:/>|>[^<]*</f>)\s*)?<(?:v>[^<]|is>)')
_CONTENT = re.compile(rb'<c r="([A-Z]+)([0-9]+)"((?: [\w:]+="[^"<>]*")*\s*/>)?')
"""A cell; its third group is there where the cell certainly has no content."""
_MERGE = re.compile(rb'<mergeCell [^>]*?ref="([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)"')
_TEXT_TYPES = (b' t="s"', b' t="str"', b' t="inlineStr"', b' t="b"', b' t="e"', b' t="d"')


def column_number(letters: str) -> int:
    """Return the column's position from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_letters(number: int) -> str:
    """Return the letters of a column's position from 0."""
    letters, rest = "", number + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(65 + digit) + letters
    return letters


def scan(package: Package, part: str, codes: Mapping[int, CodeFormat], max_cells: int) -> Scan:
    """Look through the sheet once (a second time only when its box is suspiciously large).

    `codes`: code formats by style number. Raises FileError when the part declares a DOCTYPE or is broken.
    """
    try:
        found = _quick(package, part, codes)
    except _NotPlain:
        return exact_scan(package, part, codes)
    if found.box > max_cells:
        return _narrowed(package, part, found)
    return found


def long_numbers(package: Package, part: str) -> pl.DataFrame:
    """Return the whole numbers of 16 digits and more as written (ODD_SCHEMA): floats don't hold them."""
    odd = _Odd()
    try:
        with _plain_chunks(package, part) as chunks:
            for chunk in chunks:
                _long(chunk.body, odd)
    except _NotPlain:
        return exact_scan(package, part, {}).odd.filter(pl.col("what") == Oddity.EXACT)
    return odd.frame()


def _long(body: bytes, odd: _Odd) -> None:
    for match in _LONG.finditer(body):
        start, tag = _cell(body, match.start())
        if not any(kind in tag for kind in _TEXT_TYPES):
            odd.add(body, start, Oddity.EXACT, match[1])


class _NotPlain(Exception):
    """The sheet is not written the plain way."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    body: bytes
    words: Words
    cells: NDArray[np.intp]
    """Where each cell's `<` stands in `body`."""
    formulas: bool = False
    tail: bytes = b""
    """What follows the cells, with the last chunk."""


class _Odd:
    def __init__(self) -> None:
        self._cells: list[tuple[int, int, int, str]] = []

    def add(self, body: bytes, start: int, what: Oddity, text: bytes) -> None:
        match = _REF.match(body, start + len(_START))
        if match is None:
            raise _NotPlain
        self.put(int(match[2]), column_number(match[1].decode()), what, _plain_text(text))

    def put(self, row: int, column: int, what: Oddity, text: str) -> None:
        self._cells.append((row, column, what.value, text))

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame(self._cells, schema=ODD_SCHEMA, orient="row").unique(maintain_order=True)


def _plain_text(text: bytes) -> str:
    return text.decode("utf-8", "replace")


@contextmanager
def _plain_chunks(package: Package, part: str) -> Iterator[Iterator[_Chunk]]:
    """Give the cells in pieces that end with a row. Raises _NotPlain, FileError for a DOCTYPE."""
    with closing(package.stream(part)) as pieces, closing(one_ahead(pieces)) as coming:
        yield _chunks(coming, part)


def _chunks(pieces: Iterator[bytes], part: str) -> Iterator[_Chunk]:
    head = b""
    for piece in pieces:
        head += piece
        start = head.find(b"<sheetData")
        if start >= 0:
            break
        if len(head) > 16 << 20:
            raise _NotPlain
    else:
        raise _NotPlain
    if b"<!DOCTYPE" in head[:start]:
        raise unsafe(part)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"<!" in head[:start]:
        raise _NotPlain
    yield from _rows(head[start:], pieces)


def _rows(rest: bytes, pieces: Iterator[bytes]) -> Iterator[_Chunk]:
    end = b"</sheetData>"
    while True:
        stop = rest.find(end) if any(bool((pairs == _OF_SHEET_DATA).any()) for pairs in pairs_of(rest)) else -1
        if stop >= 0:
            yield _plain(rest[:stop], rest[stop:] + b"".join(pieces))
            return
        cut = rest.rfind(b"</row>") + len(b"</row>")
        if cut > len(b"</row>"):
            yield _plain(rest[:cut])
            rest = rest[cut:]
        piece = next(pieces, None)
        if piece is None:
            # An empty sheet is written <sheetData/>; anything else without an end is left to the parser to judge.
            if rest.startswith(b"<sheetData/>"):
                yield _plain(b"", rest)
                return
            raise _NotPlain
        rest += piece


def _plain(body: bytes, tail: bytes = b"") -> _Chunk:
    """Prove that every cell is written the plain way: each `<c` begins `<c r="`, and nothing is a comment or CDATA."""
    cells: list[NDArray[np.intp]] = []
    formulas = False
    for first, pairs in enumerate(pairs_of(body)):
        if bool((pairs == _NOT_DATA).any()):
            raise _NotPlain
        formulas = formulas or bool((pairs == _FORMULA).any())
        cells.append(np.flatnonzero(pairs == _A_CELL) * 2 + first)
    places = np.sort(np.concatenate(cells), kind="stable")  # two runs in order: merged, not sorted
    words = words_of(body)
    if not all_begin(words, places, _START) or not references_alone(body, words, len(places)):
        raise _NotPlain
    return _Chunk(body, words, places, formulas, tail)


def _cell(body: bytes, position: int) -> tuple[int, bytes]:
    """Return where the cell around `position` starts, and its start tag."""
    start = body.rfind(_START, 0, position + len(_START))
    if start < 0:
        raise _NotPlain
    return start, body[start : body.find(b">", start) + 1]


def _quick(package: Package, part: str, codes: Mapping[int, CodeFormat]) -> Scan:
    odd, last_row, width = _Odd(), 0, 0
    tail = b""
    styled = _styled(codes)
    with _plain_chunks(package, part) as chunks:
        for chunk in chunks:
            body, tail = chunk.body, chunk.tail
            _note(chunk, styled, codes, odd)
            if b"</c>" in body:
                here = bounds(chunk.words, chunk.cells + len(_START))
                if here is None or not here.ascending or 0 < here.first_row <= last_row:
                    raise _NotPlain
                last_row, width = max(last_row, here.last_row), max(width, here.width)
    return Scan(odd.frame(), _merges(tail), last_row, width)


def _note(chunk: _Chunk, styled: re.Pattern[bytes] | None, codes: Mapping[int, CodeFormat], odd: _Odd) -> None:
    if chunk.formulas:
        _valueless(chunk.body, odd)
    # Every error value begins with this sign.
    if b"#" in chunk.body:
        for match in _ERROR.finditer(chunk.body):
            odd.add(chunk.body, _cell(chunk.body, match.start())[0], Oddity.ERROR, match[1])
    if styled is not None:
        _shown(chunk.body, styled, codes, odd)


def _valueless(body: bytes, odd: _Odd) -> None:
    for match in _VALUELESS.finditer(body):
        start, tag = _cell(body, match.start())
        # A formula whose text is empty is stored as t="str" with an empty v: that is a value.
        if b' t="str"' in tag and not match[0].endswith(b"</c>"):
            continue
        odd.add(body, start, Oddity.NO_VALUE, b"")


def _styled(codes: Mapping[int, CodeFormat]) -> re.Pattern[bytes] | None:
    if not codes:
        return None
    numbers = b"|".join(str(number).encode() for number in codes)
    return re.compile(
        rb' s="(' + numbers + rb')"[^>]*>\s*(?:<f(?:[ \t\r\n][^>]*)?(?:/>|>[^<]*</f>)\s*)?<v>([0-9]+)(?:\.0*)?</v>'
    )


def _shown(body: bytes, styled: re.Pattern[bytes], codes: Mapping[int, CodeFormat], odd: _Odd) -> None:
    for match in styled.finditer(body):
        start, tag = _cell(body, match.start())
        held = match[2].decode()
        shown = codes[int(match[1])].shown(held)
        if shown != held and not any(kind in tag for kind in _TEXT_TYPES):
            odd.add(body, start, Oddity.SHOWN, shown.encode())


def _narrowed(package: Package, part: str, found: Scan) -> Scan:
    """Return the scan with the bounds of the cells that hold something, and of those with any content."""
    last_row, letters = 0, {b""}
    far_row, far_letters = 0, {b""}
    with _plain_chunks(package, part) as chunks:
        for chunk in chunks:
            if b"</c>" not in chunk.body:
                continue
            for match in _VALUED.finditer(chunk.body):
                letters.add(match[1])
                last_row = max(last_row, int(match[2]))
            for match in _CONTENT.finditer(chunk.body):
                if match[3] is None:
                    far_letters.add(match[1])
                    far_row = max(far_row, int(match[2]))
    return Scan(found.odd, found.merges, last_row, _width(letters), (far_row, _width(far_letters)))


def _width(letters: set[bytes]) -> int:
    return max(column_number(text.decode()) + 1 for text in letters)


def _merges(tail: bytes) -> tuple[Merge, ...]:
    return tuple(
        (int(match[2]), column_number(match[1].decode()), int(match[4]), column_number(match[3].decode()))
        for match in _MERGE.finditer(tail)
    )


# ---------------------------------------------------------------- the exact pass


def exact_scan(package: Package, part: str, codes: Mapping[int, CodeFormat]) -> Scan:
    """Parse the sheet: the same answer as the quick pass for any well-formed XML, several times slower."""
    exact = _Exact(codes)
    tags = ("{*}row", "{*}mergeCell")
    parser = etree.XMLPullParser(events=("end",), tag=tags, **CLOSED)
    try:
        with closing(package.stream(part)) as pieces:
            for piece in pieces:
                parser.feed(piece)
                for _, element in parser.read_events():
                    row = cast("Any", element)
                    if row.getroottree().docinfo.internalDTD is not None:
                        raise unsafe(part)
                    exact.take(row)
        parser.close()
    except etree.XMLSyntaxError as error:
        raise FileError(
            "FILE_FORMAT",
            f"The sheet is not well-formed: {error.msg} (line {error.lineno}).",
            fix="Open it in Excel and save it again as an Excel workbook (*.xlsx).",
            line=error.lineno,
        ) from error
    except ValueError as error:  # a row or style that is no number
        raise FileError(
            "FILE_FORMAT",
            f"The sheet can't be read as an Excel sheet: {error}.",
            fix="Open it in Excel and save it again as an Excel workbook (*.xlsx).",
        ) from error
    return Scan(exact.odd.frame(), tuple(exact.merges), exact.last_row, exact.width, exact.far)


class _Exact:
    def __init__(self, codes: Mapping[int, CodeFormat]) -> None:
        self._codes = codes
        self._columns: dict[str, int] = {}
        self._row = 0
        self._rows: set[int] = set()
        self.odd = _Odd()
        self.merges: list[Merge] = []
        self.last_row = 0
        self.width = 0
        self.far = (0, 0)

    def take(self, element: etree._Element) -> None:
        if str(element.tag).endswith("mergeCell"):
            match = re.fullmatch(r"([A-Z]+)(\d+):([A-Z]+)(\d+)", element.get("ref", ""))
            if match is not None:
                self.merges.append((int(match[2]), column_number(match[1]), int(match[4]), column_number(match[3])))
            return
        self._row = int(element.get("r", self._row + 1))
        again = self._row in self._rows
        self._rows.add(self._row)
        held: set[int] = set()
        column = -1
        for cell in element.iterchildren("{*}c"):
            reference = cell.get("r", "")
            letters = reference.rstrip("0123456789")
            column = self._column(letters) if letters else column + 1
            if len(cell):
                # Readers differ in what they go by where a cell names another row than the one it stands in.
                row = max(self._row, int(reference[len(letters) :] or 0))
                self.far = (max(self.far[0], row), max(self.far[1], column + 1))
                self._cell(cell, column)
                if again or column in held:
                    self.odd.put(self._row, column, Oddity.TWICE, "")
                held.add(column)
        element.clear()
        while (before := element.getprevious()) is not None:
            before.getparent().remove(before)  # type: ignore[union-attr]  # a sibling has a parent

    def _column(self, letters: str) -> int:
        number = self._columns.get(letters)
        if number is None:
            number = self._columns[letters] = column_number(letters)
        return number

    def _cell(self, cell: etree._Element, column: int) -> None:
        kind = cell.get("t", "n")
        parts = {str(part.tag).rpartition("}")[2]: part.text or "" for part in cell.iterchildren()}
        text, formula = parts.get("v", ""), "f" in parts
        if text or "is" in parts:
            self.last_row, self.width = max(self.last_row, self._row), max(self.width, column + 1)
        if formula and not text and (kind != "str" or "v" not in parts):
            self.odd.put(self._row, column, Oddity.NO_VALUE, "")
        elif kind == "e" and "v" in parts:
            self.odd.put(self._row, column, Oddity.ERROR, text)
        elif kind == "n" and (len(text) >= 16 or self._codes):
            self._number(cell, column, text)

    def _number(self, cell: etree._Element, column: int, text: str) -> None:
        whole = re.fullmatch(r"(-?[0-9]+)(?:\.0*)?", text)
        if whole is None:
            return
        held = whole[1]
        code = self._codes.get(int(cell.get("s", "0")))
        if code is not None and (shown := code.shown(held)) != held:
            self.odd.put(self._row, column, Oddity.SHOWN, shown)
        if len(held.lstrip("-")) >= 16:
            self.odd.put(self._row, column, Oddity.EXACT, held)
