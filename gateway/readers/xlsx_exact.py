"""The pass over a sheet that parses its XML: for sheets that are not written the way Excel writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any, cast

from lxml import etree

from gateway.errors import FileError
from gateway.formats.xml_closed import CLOSED
from gateway.readers.xlsx_found import Merge, Oddities, Oddity, Scan, column_number
from gateway.readers.xlsx_package import Package, unsafe
from gateway.readers.xlsx_styles import CodeFormat

_BLANKS = " \t\r\n"
_AS_IT_STANDS = ("str", "inlineStr", "e")


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
    return Scan(exact.odd.frame(), tuple(exact.merges), exact.last_row, exact.width, exact.far, exact.padded)


class _Exact:
    def __init__(self, codes: Mapping[int, CodeFormat]) -> None:
        self._codes = codes
        self._columns: dict[str, int] = {}
        self._row = 0
        self._rows: set[int] = set()
        self.odd = Oddities()
        self.merges: list[Merge] = []
        self.last_row = 0
        self.width = 0
        self.far = (0, 0)
        self.padded = False

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
        if kind not in _AS_IT_STANDS and text.strip(_BLANKS):
            self.padded = self.padded or text != text.strip(_BLANKS)
            text = text.strip(_BLANKS)
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
