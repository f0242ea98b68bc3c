"""One pass over a sheet's XML for what the value readers hide; it converts no values.

The quick pass searches bytes and is taken only where the sheet is written the way Excel writes it (`<c r="A1"...`, row
by row, left to right); otherwise the exact pass parses it. Both give the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from gateway.ahead import one_ahead
from gateway.readers.xlsx_bounds import Words, all_begin, bounds, pairs_of, references_alone, words_of
from gateway.readers.xlsx_exact import exact_scan
from gateway.readers.xlsx_found import Merge, Oddities, Oddity, Scan, column_number
from gateway.readers.xlsx_package import Package, unsafe
from gateway.readers.xlsx_styles import CodeFormat

_START = b'<c r="'
_A_CELL, _FORMULA, _NOT_DATA, _OF_SHEET_DATA, _BEFORE, _BEHIND = (
    int.from_bytes(pair, "little") for pair in (b"<c", b"<f", b"<!", b"tD", b"> ", b" <")
)
_REF = re.compile(rb"([A-Z]+)([0-9]+)")
_VALUELESS = re.compile(rb"<f(?:[ \t\r\n][^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>|</c>)")
_ERROR = re.compile(rb' t="e"[^>]*>\s*(?:<f(?:[ \t\r\n][^>]*)?(?:/>|>[^<]*</f>)\s*)?<v>([^<]*)</v>')
_LONG = re.compile(rb"<v>\s*(-?[0-9]{16,})(?:\.0*)?\s*</v>")
_PADDED = re.compile(rb"<v>(?:\s+[^<\s][^<]*|[^<]*[^<\s]\s+)</v>")
_VALUED = re.compile(rb'<c r="([A-Z]+)([0-9]+)"[^>]*>\s*(?:<f(?:[ \t\r\n][^>]*)?(?:/>|>[^<]*</f>)\s*)?<(?:v>[^<]|is>)')
_CONTENT = re.compile(rb'<c r="([A-Z]+)([0-9]+)"((?: [\w:]+="[^"<>]*")*\s*/>)?')
"""A cell; its third group is there where the cell certainly has no content."""
_MERGE = re.compile(rb'<mergeCell [^>]*?ref="([A-Z]+)([0-9]+):([A-Z]+)([0-9]+)"')
_AS_IT_STANDS = (b' t="str"', b' t="inlineStr"', b' t="e"')
_TEXT_TYPES = (b' t="s"', b' t="str"', b' t="inlineStr"', b' t="b"', b' t="e"', b' t="d"')


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
    odd = Oddities()
    try:
        with _plain_chunks(package, part) as chunks:
            for chunk in chunks:
                _long(chunk.body, odd)
    except _NotPlain:
        return exact_scan(package, part, {}).odd.filter(pl.col("what") == Oddity.EXACT)
    return odd.frame()


def _long(body: bytes, odd: Oddities) -> None:
    for match in _LONG.finditer(body):
        start, tag = _cell(body, match.start())
        if not any(kind in tag for kind in _TEXT_TYPES):
            _add(odd, body, start, Oddity.EXACT, match[1])


class _NotPlain(Exception):
    """The sheet is not written the plain way."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    body: bytes
    words: Words
    cells: NDArray[np.intp]
    """Where each cell's `<` stands in `body`."""
    formulas: bool = False
    spaced: bool = False
    """Whether a value may have blanks at its ends."""
    tail: bytes = b""
    """What follows the cells, with the last chunk."""


def _add(odd: Oddities, body: bytes, start: int, what: Oddity, text: bytes) -> None:
    match = _REF.match(body, start + len(_START))
    if match is None:
        raise _NotPlain
    odd.put(int(match[2]), column_number(match[1].decode()), what, _plain_text(text))


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
    formulas, spaced = False, any(blank in body for blank in (b"\n", b"\t", b"\r"))
    for first, pairs in enumerate(pairs_of(body)):
        if bool((pairs == _NOT_DATA).any()):
            raise _NotPlain
        formulas = formulas or bool((pairs == _FORMULA).any())
        spaced = spaced or bool((pairs == _BEFORE).any()) or bool((pairs == _BEHIND).any())
        cells.append(np.flatnonzero(pairs == _A_CELL) * 2 + first)
    places = np.sort(np.concatenate(cells), kind="stable")  # two runs in order: merged, not sorted
    words = words_of(body)
    if not all_begin(words, places, _START) or not references_alone(body, words, len(places)):
        raise _NotPlain
    return _Chunk(body, words, places, formulas, spaced, tail)


def _cell(body: bytes, position: int) -> tuple[int, bytes]:
    """Return where the cell around `position` starts, and its start tag."""
    start = body.rfind(_START, 0, position + len(_START))
    if start < 0:
        raise _NotPlain
    return start, body[start : body.find(b">", start) + 1]


def _quick(package: Package, part: str, codes: Mapping[int, CodeFormat]) -> Scan:
    odd, last_row, width = Oddities(), 0, 0
    tail, padded = b"", False
    styled = _styled(codes)
    with _plain_chunks(package, part) as chunks:
        for chunk in chunks:
            body, tail = chunk.body, chunk.tail
            _note(chunk, styled, codes, odd)
            padded = padded or (chunk.spaced and _padded(body))
            if b"</c>" in body:
                here = bounds(chunk.words, chunk.cells + len(_START))
                if here is None or not here.ascending or 0 < here.first_row <= last_row:
                    raise _NotPlain
                last_row, width = max(last_row, here.last_row), max(width, here.width)
    return Scan(odd.frame(), _merges(tail), last_row, width, padded=padded)


def _padded(body: bytes) -> bool:
    tags = (_cell(body, match.start())[1] for match in _PADDED.finditer(body))
    return any(not any(kind in tag for kind in _AS_IT_STANDS) for tag in tags)


def _note(chunk: _Chunk, styled: re.Pattern[bytes] | None, codes: Mapping[int, CodeFormat], odd: Oddities) -> None:
    if chunk.formulas:
        _valueless(chunk.body, odd)
    # Every error value begins with this sign.
    if b"#" in chunk.body:
        for match in _ERROR.finditer(chunk.body):
            _add(odd, chunk.body, _cell(chunk.body, match.start())[0], Oddity.ERROR, match[1])
    if styled is not None:
        _shown(chunk.body, styled, codes, odd)


def _valueless(body: bytes, odd: Oddities) -> None:
    for match in _VALUELESS.finditer(body):
        start, tag = _cell(body, match.start())
        # A formula whose text is empty is stored as t="str" with an empty v: that is a value.
        if b' t="str"' in tag and not match[0].endswith(b"</c>"):
            continue
        _add(odd, body, start, Oddity.NO_VALUE, b"")


def _styled(codes: Mapping[int, CodeFormat]) -> re.Pattern[bytes] | None:
    if not codes:
        return None
    numbers = b"|".join(str(number).encode() for number in codes)
    return re.compile(
        rb' s="(' + numbers + rb')"[^>]*>\s*(?:<f(?:[ \t\r\n][^>]*)?(?:/>|>[^<]*</f>)\s*)?'
        rb"<v>\s*([0-9]+)(?:\.0*)?\s*</v>"
    )


def _shown(body: bytes, styled: re.Pattern[bytes], codes: Mapping[int, CodeFormat], odd: Oddities) -> None:
    for match in styled.finditer(body):
        start, tag = _cell(body, match.start())
        held = match[2].decode()
        shown = codes[int(match[1])].shown(held)
        if shown != held and not any(kind in tag for kind in _TEXT_TYPES):
            _add(odd, body, start, Oddity.SHOWN, shown.encode())


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
    return Scan(found.odd, found.merges, last_row, _width(letters), (far_row, _width(far_letters)), found.padded)


def _width(letters: set[bytes]) -> int:
    return max(column_number(text.decode()) + 1 for text in letters)


def _merges(tail: bytes) -> tuple[Merge, ...]:
    return tuple(
        (int(match[2]), column_number(match[1].decode()), int(match[4]), column_number(match[3].decode()))
        for match in _MERGE.finditer(tail)
    )
