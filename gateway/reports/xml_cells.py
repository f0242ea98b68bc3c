"""Cells put into a record of an XML document where nothing stands, by their paths; it knows no faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
from lxml import etree

from gateway.formats.xml_names import Names, occurrence_of, qualified
from gateway.model import ROW, Rows, Table
from gateway.reports.stream import RowCursor, positions

_AHEAD = 20_000
_OWN_TEXT = "."


class FilledCells:
    """What cells of failed rows took from rows above, asked for in row order."""

    def __init__(self, rows: Rows) -> None:
        self._paths = tuple(rows.filled())
        self._cursor = RowCursor(_frames(rows.tables(), self._paths)) if self._paths else None
        self._until = 0
        self._known: dict[int, tuple[str | None, ...]] = {}

    def at(self, row: int) -> dict[str, str]:
        """Return the texts of the row's cells in filled columns by their paths; empty ones are left out."""
        if self._cursor is None:
            return {}
        if row > self._until:
            self._until = row + _AHEAD
            frame = self._cursor.upto(self._until)
            self._known = {} if frame is None else {number: tuple(cells) for number, *cells in frame.rows()}
        cells = self._known.get(row, ())
        return {path: text for path, text in zip(self._paths, cells, strict=False) if text is not None and text.strip()}


def _frames(tables: Iterator[Table], paths: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    for table in tables:
        at = positions({path: path for path in paths}, table.headers)
        yield table.frame.select(ROW, *(pl.col(f"c{at[path]}").alias(path) for path in paths))


def put(element: Any, path: str, text: str, names: Names, namespaces: Mapping[str, str]) -> None:
    """Write a text at a path below an element, where there is none yet; elements that are not there are made."""
    own = etree.QName(element).namespace
    beside = own if own not in namespaces.values() else namespaces.get("")
    for step in path.split("/") if path != _OWN_TEXT else ():
        if step.startswith("@"):
            _attribute(element, step[1:], text, names, namespaces)
            return
        name, occurrence = occurrence_of(step)
        found = [child for child in element if names[str(child.tag)] == name]
        while len(found) < occurrence:
            found.append(etree.SubElement(element, qualified(name, namespaces, beside)))
        element = found[occurrence - 1]
    if not len(element) and not (element.text or "").strip():
        element.text = text


def _attribute(element: Any, name: str, text: str, names: Names, namespaces: Mapping[str, str]) -> None:
    key = next((key for key in element.keys() if names[str(key)] == name), None)  # noqa: SIM118  it iterates children
    if key is None:
        # an attribute without a prefix is in no namespace, whatever its element is in
        key = qualified(name, {prefix: uri for prefix, uri in namespaces.items() if prefix}, None)
    if not (element.get(key) or "").strip():
        element.set(key, text)
