"""Proposes the layout of a delimited text file from its beginning, with the evidence in plain words."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from gateway.errors import FileError
from gateway.formats.layout import CsvLayout
from gateway.formats.unpack import demand

Encoding: TypeAlias = Literal["utf-8", "utf-16", "cp1252"]

SAMPLE = 256 << 10
"""Bytes looked at."""
_RECORDS = 200
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*\Z', re.IGNORECASE)
_VALUE = re.compile(r"[-+]?[0-9][0-9.,:/\- ]*(?:[T ][0-9:.Z+\-]+)?\Z|(?:true|false|yes|no)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A layout with one sentence of evidence per decision."""

    layout: CsvLayout
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Division:
    delimiter: str
    quote: str
    records: list[list[str]]
    columns: int
    share: float
    """Part of the records that have `columns` cells."""


def propose(path: Path) -> Proposal:
    """Propose delimiter, quote, encoding, header and lines to skip.

    Raises FileError FILE_EMPTY, FILE_FORMAT when the file is certainly not text, and what `demand` raises.
    """
    demand(path, "csv")
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    text, encoding, told = _decoded(head)
    lines = text.splitlines(keepends=True)
    if len(head) == SAMPLE and len(lines) > 1:
        lines.pop()
    named = _SEPARATOR_LINE.match(lines[0].rstrip("\r\n")) if lines else None
    skip = 1 if named else 0
    lines = lines[skip:]
    if not any(line.strip() for line in lines):
        raise FileError("FILE_EMPTY", "The file has no content.", fix="Send the file again with its rows.")
    found = _divided(lines, named.group(1) if named else None)
    header, why = _header(found)
    layout = CsvLayout(
        kind="csv",
        delimiter=found.delimiter,
        quote=found.quote,
        encoding=encoding,
        header=header,
        columns=None if header else found.columns,
        skip=skip,
    )
    name = _NAMES.get(found.delimiter, repr(found.delimiter))
    shown = f"delimiter {name}: {found.share:.0%} of {len(found.records)} records have {found.columns} cells"
    skipped = ("skip 1: the first line only names the delimiter",) if named else ()
    return Proposal(layout, (told, shown, f"quote {found.quote}", why, *skipped))


def _decoded(head: bytes) -> tuple[str, Encoding, str]:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", "replace"), "utf-16", "encoding utf-16: a byte order mark says so"
    if head[1::2].count(0) * 10 > len(head) * 3 or head[0::2].count(0) * 10 > len(head) * 3:
        order = "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
        return head.decode(order, "replace"), "utf-16", "encoding utf-16: every other byte is zero"
    if head.startswith(codecs.BOM_UTF8):
        return head.decode("utf-8-sig", "replace"), "utf-8", "encoding utf-8: a byte order mark says so"
    try:
        # the sample may end inside a character
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < SAMPLE)
    except UnicodeDecodeError as fault:
        told = f"encoding cp1252: byte {head[fault.start]:#04x} at {fault.start} is not UTF-8"
        return head.decode("cp1252", "replace"), "cp1252", told
    told = "plain ASCII so far" if head.isascii() else "all bytes are valid UTF-8"
    return text, "utf-8", f"encoding utf-8: {told}"


def _divided(lines: list[str], named: str | None) -> _Division:
    """Return the division whose records agree best on a number of cells; more columns decide between equals."""
    quote = _quote("".join(lines))
    tried = [_try(lines, mark, quote) for mark in ([named] if named else _NAMES)]
    return max(tried, key=lambda each: (each.columns > 1, round(each.share, 1), each.columns))


def _try(lines: list[str], delimiter: str, quote: str) -> _Division:
    records: list[list[str]] = []
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote)
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                records.append(record)
            if len(records) == _RECORDS:
                break
    except csv.Error:
        # a cell beyond all bounds or a stray CR: what was read so far is evidence enough
        records = records or [["".join(lines[:1])]]
    (columns, times), *_ = Counter(map(len, records)).most_common(1)
    return _Division(delimiter, quote, records, columns, times / len(records))


def _quote(text: str) -> str:
    """Return the apostrophe when it alone encloses cells, else the double quote."""
    around = re.compile(r"(?:^|[,;\t|])'[^'\r\n]*'(?=[,;\t|\r\n]|\Z)", re.MULTILINE)
    return "'" if '"' not in text and len(around.findall(text)) > 1 else '"'


def _header(found: _Division) -> tuple[bool, str]:
    why = no_header([cell.strip() for cell in found.records[0]])
    if why:
        return False, f"no header: the first record {why}"
    return True, "header: the first record holds only different texts"


def no_header(cells: Sequence[str]) -> str:
    """Say why trimmed cells can't be the names of columns; "" where they can."""
    values = [cell for cell in cells if _VALUE.match(cell)]
    if values:
        return f"holds {values[0]!r}"
    filled = [cell.casefold() for cell in cells if cell]
    return "repeats a text" if len(set(filled)) < len(filled) else ""
