"""The errors file of an XLSX feed: a workbook with the failed records, faulty cells coloured and commented.

It keeps what a cell was (number, text, date...) and takes from the partner's workbook the name and position of the
sheet, the header's look and the number formats. Its header is in row 1, wherever the partner's stands.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import xlsxwriter

from gateway.formats.layout import OUR_COLUMNS, XlsxLayout
from gateway.formats.parts import parts_of
from gateway.model import ROW, Rows, Summary
from gateway.reports.cells import LONGEST, CellWriter, is_cut
from gateway.reports.sheet import SheetLook, look
from gateway.reports.stream import FailedBlock, failed_blocks
from gateway.reports.verdict import to_mend

MOST_COMMENTS = 5000
"""Comments in one workbook: beyond it spreadsheets open slowly, and the text stands in `error_message` anyway."""

_OURS = len(OUR_COLUMNS)
_OUR_WIDTHS = (24, 10, 18, 18, 60)
_NARROW, _WIDE = 8, 50
_LINE_HEIGHT, _TALLEST = 15, 409
"""Points of a line of text, and of the highest row there can be."""
_SPARE = 10
"""Share of a column's width that a wrapped line may not get: some letters are wider than the digits widths go by."""
_A4 = 9
_LEGIBLE = 240
"""Characters side by side that can be read on a printed page."""
_SCALE = 60
"""Per cent at which a wider sheet is printed, on pages that repeat run and row."""


class XlsxErrorsWriter:
    """Rejected and refused records in a workbook like the partner's own."""

    kind: ClassVar[str] = "errors.xlsx"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write the failed records; False and no file where every record passed."""
        if to_mend(summary) == 0:
            return False
        layout = rows.layout()
        if not isinstance(layout, XlsxLayout):
            raise TypeError(f"an errors.xlsx needs an XLSX layout, not {type(layout).__name__}")
        with xlsxwriter.Workbook(str(out), {"constant_memory": True, "tmpdir": str(out.parent)}) as book:
            book.set_properties({"author": "gateway", "created": summary.received_at.replace(tzinfo=None)})
            sheet: _ErrorSheet | None = None
            for block in failed_blocks(rows):
                if sheet is None:
                    sheet = _ErrorSheet(book, look(parts_of(rows.source())[0], layout, block.table.headers))
                sheet.add(block, summary.run)
            if sheet is None:
                book.add_worksheet("errors")
            else:
                sheet.finish()
        return True


class _ErrorSheet:
    """The one sheet of the workbook, filled from the top."""

    def __init__(self, book: Any, seen: SheetLook) -> None:
        for name in seen.before:
            book.add_worksheet(name).write_string(0, 0, f"The rows to mend are on the sheet '{seen.name}'.")
        self._sheet = book.add_worksheet(seen.name)
        self._sheet.activate()
        self._sheet.set_landscape()
        self._sheet.set_paper(_A4)
        self._sheet.repeat_rows(0)
        self._cells = CellWriter(book, self._sheet, seen.formats)
        self._widths = [min(max(_NARROW, len(header)), _WIDE) for header in seen.headers]
        self._headers = seen.headers
        self._comments = 0
        self._header(book, seen)
        self._next = 1

    def _header(self, book: Any, seen: SheetLook) -> None:
        ours = book.add_format({"bold": True, "bg_color": "#3D4852", "font_color": "#FFFFFF", "valign": "top"})
        theirs = book.add_format({"valign": "top", "text_wrap": True, **seen.header_style})
        for column, name in enumerate(OUR_COLUMNS):
            self._cells.text(0, column, name, ours)
        for column, header in enumerate(seen.headers):
            self._cells.text(0, column + _OURS, header, theirs)
        # a header is wrapped within the width that `finish` gives its column at least
        self._heighten(0, [(header, width + 2) for header, width in zip(seen.headers, self._widths, strict=True)])
        self._sheet.freeze_panes(1, 0)

    def _heighten(self, row: int, texts: Iterable[tuple[str, int]]) -> None:
        """Make a row as high as its wrapped texts, each with the width of its column: some programs never do."""
        lines = max((_lines(text, width) for text, width in texts), default=1)
        if lines > 1:
            self._sheet.set_row(row, min(lines * _LINE_HEIGHT, _TALLEST))

    def add(self, block: FailedBlock, run: str) -> None:
        """Append the failed records of a block."""
        table = block.table
        names = [name for name in table.frame.columns if not name.startswith("@")]
        cells = table.frame.select(names).rows()
        kinds = table.kinds.select(names).rows() if table.kinds is not None else None
        said = block.faults.select(pl.lit(run), ROW, *OUR_COLUMNS[2:]).rows()
        notes = _notes(block.spots)
        for n, ours in enumerate(said):
            kind, spots = kinds[n] if kinds is not None else None, notes.get(ours[1], {})
            cut = [place for place, cell in enumerate(cells[n]) if cell is not None and is_cut(cell)]
            message = "; ".join([ours[-1], *(_shortened(self._headers[one]) for one in cut)])
            told = (*ours[:-1], message)
            self._heighten(self._next, zip(map(str, told), _OUR_WIDTHS, strict=True))
            for column, text in enumerate(told):
                self._ours(column, text)
            self._record(cells[n], kind, spots)
            self._next += 1

    def _ours(self, column: int, text: str | int) -> None:
        if isinstance(text, int):
            self._sheet.write_number(self._next, column, text, self._cells.said)
        else:
            self._cells.text(self._next, column, text, self._cells.said)

    def _record(self, cells: Sequence[str | None], kinds: Sequence[int] | None, notes: dict[int, str]) -> None:
        for n, cell in enumerate(cells):
            kind = kinds[n] if kinds is not None else None
            self._cells.put(self._next, n + _OURS, cell, kind, faulty=n in notes)
            if cell is not None:
                self._widths[n] = max(self._widths[n], min(len(cell), _WIDE))
            if n in notes and self._comments < MOST_COMMENTS:
                self._comments += 1
                self._sheet.write_comment(self._next, n + _OURS, notes[n], {"author": "gateway", "x_scale": 2})

    def finish(self) -> None:
        """Set the widths, known only after the last record; a sheet too wide to be read on one page takes several."""
        widths = (*_OUR_WIDTHS, *(width + 2 for width in self._widths))
        for column, width in enumerate(widths):
            self._sheet.set_column(column, column, width)
        if sum(widths) <= _LEGIBLE:
            self._sheet.fit_to_pages(1, 0)
        else:
            self._sheet.set_print_scale(_SCALE)
            self._sheet.repeat_columns(0, 1)


def _lines(text: str, width: int) -> int:
    """Return how many lines a text takes in a column of a width, at most as many as the highest row has."""
    room = width - 1 - width // _SPARE
    if len(text) <= room and "\n" not in text:
        return 1
    shown = text[: width * _TALLEST // _LINE_HEIGHT]
    return sum(max(1, len(textwrap.wrap(part, room))) for part in shown.split("\n"))


def _shortened(header: str) -> str:
    return f"{header} is cut here: a cell of a workbook holds {LONGEST:,} characters. Put its text in again"


def _notes(spots: pl.DataFrame) -> dict[int, dict[int, str]]:
    """Return what is wrong by row and position."""
    notes: dict[int, dict[int, str]] = {}
    for row, position, message in spots.select(ROW, "position", "message").rows():
        cells = notes.setdefault(row, {})
        cells[position] = f"{cells[position]}\n{message}" if position in cells else message
    return notes
