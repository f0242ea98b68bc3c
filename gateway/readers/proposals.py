"""Proposes how a file is laid out, from its beginning, with what its columns are called and hold."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

from lxml import etree

from gateway.errors import FileError
from gateway.formats.blanks import WHITE
from gateway.formats.dialect import no_header, propose
from gateway.formats.images import ENDINGS, TITLES
from gateway.formats.layout import ImageLayout, JsonLayout, Layout, XlsxLayout, XmlLayout
from gateway.formats.unpack import sniff
from gateway.formats.xml_closed import CLOSED
from gateway.formats.xml_names import Names
from gateway.model import ROW, Kind, Table
from gateway.readers import reader_for
from gateway.readers.xml_stream import check_prolog

_ROWS = 50
"""Rows in which the header of a sheet is looked for, and examples of columns."""
_MOST_JSON = 16 << 20
"""Bytes of a JSON object in which its records are looked for."""
_SECOND = "[2]"
_NO_DATA = "?"
"""Stands for an element that is no data, like the errors we add."""
_FEWEST = 2
"""Values an element has at least whose repetitions may be rows."""
_LOOKED_AT = 1 << 20
"""Bytes of an XML document in which its repeated element is looked for."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its header ("" where the file has none) and the first text in it, "" where there is none so far."""

    header: str
    example: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """A layout, the columns it gives, and one sentence of evidence per decision."""

    layout: Layout
    columns: tuple[Column, ...]
    evidence: tuple[str, ...]


def proposed(path: Path) -> Proposed:
    """Propose a layout and read the file's first rows by it. Raises FileError for a file no layout fits."""
    layout, evidence = _layout(path)
    if isinstance(layout, ImageLayout):
        return Proposed(layout, (), evidence)
    try:
        table = next(iter(reader_for(layout).tables(path, layout)))
    except FileError as error:
        return Proposed(layout, (), (*evidence, f"columns could not be read: {error}"))
    return Proposed(layout, tuple(_columns(table)), (*evidence, *_repeated(table.headers)))


def _repeated(headers: Sequence[str]) -> list[str]:
    """Say which elements stand several times in a record."""
    several = dict.fromkeys(header[: header.index(_SECOND)] for header in headers if _SECOND in header)
    return [
        f"{one} stands several times in a record: a mapping that takes the first and no other says {one}[1]"
        for one in several
    ]


def _layout(path: Path) -> tuple[Layout, tuple[str, ...]]:
    nature = sniff(path)
    if nature == "xlsx":
        return _sheet(path)
    if nature == "xml":
        return _document(path)
    if nature in ENDINGS.values():
        return ImageLayout(kind="image"), (f"the bytes are those of {TITLES[nature]}",)
    if nature == "text" and (found := _json(path)) is not None:
        return found
    told = propose(path)
    return told.layout, told.evidence


def _columns(table: Table) -> list[Column]:
    frame = table.frame.head(_ROWS)
    found = []
    for number, header in enumerate(table.headers):
        texts = frame[f"c{number}"].str.strip_chars(WHITE)
        told = texts.filter((texts != "").fill_null(value=False))
        found.append(Column(header, told[0] if told.len() else ""))
    return found


# ---------------------------------------------------------------- sheets


def _sheet(path: Path) -> tuple[XlsxLayout, tuple[str, ...]]:
    """Find the header: the first row that names nearly as many columns as the fullest row fills."""
    bytes_told = "the bytes are those of an XLSX file"
    plain = XlsxLayout(kind="xlsx", header="none")
    table = next(iter(reader_for(plain).tables(path, plain)))
    rows = table.frame.head(_ROWS)
    names = [f"c{number}" for number in range(len(table.headers))]
    kinds = None if table.kinds is None else table.kinds.head(_ROWS).select(names).rows()
    cells = [[text or "" for text in row] for row in rows.select(names).rows()]
    filled = [[text.strip(WHITE) for text in row if text.strip(WHITE)] for row in cells]
    least = max(map(len, filled), default=0)
    for place, texts in enumerate(filled):
        typed = kinds is not None and any(kind not in {Kind.TEXT, Kind.EMPTY} for kind in kinds[place])
        if texts and len(texts) * 2 >= least and (least == 1 or len(texts) > 1) and not typed and not no_header(texts):
            row = int(rows[ROW][place])
            told = f"header {row}: row {row} is the first that holds only different texts, in {len(texts)} columns"
            return XlsxLayout(kind="xlsx", sheet=1, header=row), (bytes_told, told)
    told = f"no header: none of the first {rows.height} rows holds only different texts"
    return XlsxLayout(kind="xlsx", sheet=1, header="none", columns=len(names) or None), (bytes_told, told)


# ---------------------------------------------------------------- documents


def _document(path: Path) -> tuple[XmlLayout, tuple[str, ...]]:
    """Find the element that is repeated: the outermost one that holds others, or has attributes."""
    check_prolog(path)
    seen = _elements(path)
    counts, holding = seen.counts, seen.values.keys()
    several = [one for one in counts if counts[one] > 1]
    inner = [one for one in several if one in holding] or several or [one for one in counts if one in holding]
    chosen = min(inner or counts, key=lambda one: (len(one), -counts[one]), default=("root", "record"))
    if len(chosen) == 1:  # a document of one record
        chosen = next((one for one in counts if len(one) > 1), chosen)
    record, times = "/".join(chosen), counts[chosen]
    so_far = "" if path.stat().st_size <= _LOOKED_AT else " so far"
    told = f"record {record}: the element stands {times:,} times{so_far}" if times else "no element was found"
    found = ("the bytes are those of an XML file", told)
    exploded = seen.exploded(chosen)
    if exploded is None:
        return XmlLayout(kind="xml", record=record), found
    part, size = "/".join(exploded[len(chosen) :]), len(seen.values[exploded])
    told = (
        f"explode {part}: up to {seen.most[exploded]} of these stand in a record, each with {size} values of its own; "
        "each is a row then, beside what the record says of all (leave it out where they are no articles)"
    )
    return XmlLayout(kind="xml", record=record, explode=part), (*found, told)


_Path = tuple[str, ...]


@dataclass(slots=True)
class _Elements:
    """By path: how often an element stands there, how often in one element, and the names directly inside it."""

    counts: Counter[_Path] = field(default_factory=Counter)
    most: Counter[_Path] = field(default_factory=Counter)
    values: dict[_Path, set[str]] = field(default_factory=dict)

    def exploded(self, record: _Path) -> _Path | None:
        """Return the path whose elements may be rows of their own: repeated in a record, with most to say."""
        depth = len(record)
        found = [
            path
            for path, names in self.values.items()
            if path[:depth] == record and len(path) > depth and self.most[path] > 1 and len(names) >= _FEWEST
            if _NO_DATA not in path
        ]
        return max(found, key=lambda path: (len(self.values[path]), -len(path)), default=None)


def _elements(path: Path) -> _Elements:
    """Count the elements of a document, as far as it is read."""
    parser = etree.XMLPullParser(events=("start", "end"), **CLOSED)
    seen = _Elements()
    names, here, inside = Names({}), list[str](), [Counter[str]()]
    # what stands before a fault is evidence enough
    with path.open("rb") as file, contextlib.suppress(etree.XMLSyntaxError):
        parser.feed(file.read(_LOOKED_AT))
    for kind, item in parser.read_events():
        element = cast("Any", item)
        if not isinstance(element.tag, str):
            continue
        if kind == "end":
            here.pop()
            inside.pop()
            continue
        name = names[element.tag] or _NO_DATA
        if here:
            seen.values.setdefault(tuple(here), set()).add(name)
        here.append(name)
        place = tuple(here)
        seen.counts[place] += 1
        inside[-1][name] += 1
        seen.most[place] = max(seen.most[place], inside[-1][name])
        inside.append(Counter())
        if element.attrib:
            seen.values.setdefault(place, set()).update(f"@{key}" for key in element.attrib)
    return seen


def _json(path: Path) -> tuple[JsonLayout, tuple[str, ...]] | None:
    """Tell JSON by its first sign; the records are the root's, those of its outermost array, or one per line."""
    with path.open("rb") as file:
        lines = [line.strip() for line in islice(file, _ROWS)]
    head = [line for line in lines if line]
    first = head[0].removeprefix(b"\xef\xbb\xbf") if head else b""
    if first[:1] == b"[":
        return JsonLayout(kind="json", record=""), ("the file begins like a JSON array",)
    if first[:1] != b"{":
        return None
    if len(head) > 1 and all(line[:1] == b"{" and line[-1:] == b"}" for line in head):
        return JsonLayout(kind="json", lines=True), ("every line is a JSON object",)
    record = _array(path)
    if record is None:
        return None
    return JsonLayout(kind="json", record=record), (f"record {record}: the outermost array of objects",)


def _array(path: Path) -> str | None:
    """Return the path of the outermost array of objects in a document; None where there is none, or it is too large."""
    if path.stat().st_size > _MOST_JSON:
        return None
    try:
        level = {"": json.loads(path.read_bytes())}
    except (ValueError, RecursionError):
        return None
    while level:
        for place, value in level.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                return place
        inner = ((place, value) for place, value in level.items() if isinstance(value, dict))
        level = {f"{place}/{key}".strip("/"): one for place, value in inner for key, one in value.items()}
    return None


__all__ = ["Column", "Proposed", "proposed"]
