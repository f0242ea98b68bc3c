"""Records that can't be written again from their cells: fetched from the source file as they stand there.

A record with surplus cells, faulty quotes or undecodable bytes would come back mended, and wrong, if only the cells
the reader made of it were written. It knows lines and quotes, not what cells mean.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from gateway.formats.layout import OUR_COLUMNS, CsvLayout
from gateway.formats.neutral import neutralise
from gateway.formats.parts import parts_of

DAMAGED = frozenset({"ROW_TOO_LONG", "ROW_OPEN_QUOTE", "ROW_STRAY_QUOTE", "ROW_ENCODING"})
"""Faults by which a record is more than its cells."""
_BLANKS = " \t\r\n"


class RawRecords:
    """Gives raw records of a text file in the order of their lines; reads forward only. `close` ends it.

    Of a folder of files that belong together the lines are counted through.
    """

    def __init__(self, source: Path, layout: CsvLayout, codec: str) -> None:
        self._quote = layout.quote
        self._delimiter = layout.delimiter
        # undecodable bytes go through as they are; UTF-16 has no way to carry them
        self._errors = "replace" if codec.startswith("utf-16") else "surrogateescape"
        self._codec = codec
        first, *self._later = parts_of(source)
        self._own = _own_columns(first, layout, codec)
        self._file: TextIO = self._opened(first)
        self._line = 1

    def record(self, line: int, until: int | None, known: Sequence[str | None] = ()) -> str:
        """Return the cells of the record from `line` up to before line `until` (None: the end), ready to be written.

        Cells a spreadsheet would run are neutralised; columns of ours that lead an errors file are left out. `known`:
        what the mapping filled its cells with, ready to be written too, null for all others; it is put into empty cells
        of a record that has as many.
        """
        while self._line < line:
            if self._file.readline() != "" or not self._later:
                self._line += 1
            else:
                self._file.close()
                self._file = self._opened(self._later.pop(0))
        lines: list[str] = []
        while until is None or self._line < until:
            text = self._file.readline()
            if text == "":
                break
            lines.append(text)
            self._line += 1
        while len(lines) > 1 and lines[-1].strip(_BLANKS + self._delimiter) == "":
            lines.pop()
        return self._safe("".join(lines).rstrip("\r\n"), known)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _opened(self, path: Path) -> TextIO:
        return path.open(encoding=self._codec, errors=self._errors, newline="")

    def _safe(self, raw: str, known: Sequence[str | None]) -> str:
        cells = self._pieces(raw) if self._quote == "" or self._quote not in raw else self._cells(raw)
        if self._own:
            return self._delimiter.join(cells[self._own :])
        if len(cells) == len(known):
            cells = [cell if self._says(cell) else text or cell for cell, text in zip(cells, known, strict=True)]
        return self._delimiter.join(self._neutral(cell) for cell in cells)

    def _says(self, cell: str) -> bool:
        return cell.strip(_BLANKS + self._quote) != ""

    def _pieces(self, raw: str) -> list[str]:
        return raw.split(self._delimiter)

    def _cells(self, raw: str) -> list[str]:
        """Return the cells as written, quotes and all; a piece of a cell counts as one where quotes are faulty."""
        cells: list[str] = []
        open_piece = ""
        for piece in self._pieces(raw):
            whole = f"{open_piece}{self._delimiter}{piece}" if open_piece != "" else piece
            # an odd number of quotes: the delimiter behind the piece is part of the cell
            open_piece = whole if whole.startswith(self._quote) and whole.count(self._quote) % 2 else ""
            if open_piece == "":
                cells.append(whole)
        return cells if open_piece == "" else [*cells, *self._pieces(open_piece)]

    def _neutral(self, cell: str) -> str:
        if self._quote != "" and cell.startswith(self._quote):
            body = cell[1:]
            closed = body.removesuffix(self._quote)
            return cell if neutralise(closed) == closed else f"{self._quote}'{body}"
        return neutralise(cell)


def _own_columns(source: Path, layout: CsvLayout, codec: str) -> int:
    """Return how many columns of ours lead the file: it may be an errors file that came back."""
    with source.open(encoding=codec, errors="replace", newline="") as file:
        first = file.readline().removeprefix("\ufeff")
    if layout.quote == "":
        header = first.rstrip("\r\n").split(layout.delimiter)
    else:
        header = next(csv.reader([first], delimiter=layout.delimiter, quotechar=layout.quote), [])
    own = 0
    while own < len(OUR_COLUMNS) and header[own : own + 1] == [OUR_COLUMNS[own]]:
        own += 1
    return own
