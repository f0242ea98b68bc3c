"""What an errors workbook takes over from the partner's own: names of sheets, looks of cells; never its records."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl

from gateway.formats.layout import OUR_COLUMNS, XlsxLayout
from gateway.reports.stream import header_texts

_CHEAP = 20 * 1024 * 1024
"""Bytes of a workbook up to which its looks are taken over: opening it costs time and memory."""
_SEARCHED = 60
"""Rows from the top among which a header is looked for."""
_PLAIN = {"bold": True, "bg_color": "#DEE2E6"}


@dataclass(frozen=True, slots=True)
class SheetLook:
    """`before`: visible sheets before it, where the layout knows the sheet by its position.

    `header_style`: XlsxWriter properties of the header cells. `formats`: number format per column of the errors sheet
    (from 0, ours counted), as the first record has it.
    """

    name: str
    headers: tuple[str, ...]
    before: tuple[str, ...] = ()
    header_style: Mapping[str, object] = field(default_factory=lambda: dict(_PLAIN))
    formats: Mapping[int, str] = field(default_factory=dict)


def look(source: Path, layout: XlsxLayout, headers: tuple[str, ...]) -> SheetLook:
    """Return what the errors sheet takes over; `headers` as the reader found them ("" where there are none).

    Our reader takes workbooks that openpyxl does not (Strict Open XML, odd styles or properties, a number that is
    none): of these, as of large ones, nothing is taken over but the sheet's place.
    """
    if source.stat().st_size > _CHEAP:
        return _bare(layout, headers)
    try:
        return _taken_over(source, layout, headers)
    except Exception:  # noqa: BLE001  openpyxl names no error of its own, and looks are not worth the failed rows
        return _bare(layout, headers)


def _taken_over(source: Path, layout: XlsxLayout, headers: tuple[str, ...]) -> SheetLook:
    with _opened(source) as book:
        sheet = _sheet(book, layout)
        rows = list(sheet.iter_rows(max_row=_SEARCHED))
        at = _header_at(rows, layout, headers)
        header = rows[at] if 0 <= at < len(rows) else ()
        first = rows[at + 1] if at + 1 < len(rows) else ()
        ours = _leading(header)
        return SheetLook(
            name=sheet.title,
            headers=header_texts(headers),
            before=_before(book, layout),
            header_style=_style(header[ours:]),
            formats={
                n + len(OUR_COLUMNS): cell.number_format
                for n, cell in enumerate(first[ours:])
                if cell.value is not None and cell.number_format not in ("General", "@")
            },
        )


def _bare(layout: XlsxLayout, headers: tuple[str, ...]) -> SheetLook:
    if isinstance(layout.sheet, str):
        return SheetLook(layout.sheet, header_texts(headers))
    names = tuple(f"Sheet{n}" for n in range(1, layout.sheet + 1))
    return SheetLook(names[-1], header_texts(headers), names[:-1])


@contextmanager
def _opened(source: Path) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # extensions openpyxl does not know are of no concern here
        with source.open("rb") as file:
            book = openpyxl.load_workbook(file, read_only=True)
            try:
                yield book
            finally:
                book.close()


def _sheet(book: Any, layout: XlsxLayout) -> Any:
    if isinstance(layout.sheet, str):
        wanted = layout.sheet.strip().casefold()
        named = [sheet for sheet in book.worksheets if sheet.title.strip().casefold() == wanted]
        return (named or book.worksheets)[0]
    return _visible(book)[layout.sheet - 1]


def _before(book: Any, layout: XlsxLayout) -> tuple[str, ...]:
    if isinstance(layout.sheet, str):
        return ()
    return tuple(sheet.title for sheet in _visible(book)[: layout.sheet - 1])


def _visible(book: Any) -> list[Any]:
    return [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]


def _header_at(rows: list[tuple[Any, ...]], layout: XlsxLayout, headers: tuple[str, ...]) -> int:
    """Return the index of the header row; -1 where the file has none."""
    if layout.header == "none":
        return -1
    if isinstance(layout.header, int):
        return layout.header - 1
    wanted = {header.strip() for header in headers if header.strip() != ""}
    found = (n for n, row in enumerate(rows) if wanted <= {_text(cell).strip() for cell in row})
    return next(found, 0)


def _leading(header: tuple[Any, ...]) -> int:
    """Return how many columns of ours lead the sheet: it may be an errors file that came back."""
    names = tuple(_text(cell) for cell in header[: len(OUR_COLUMNS)])
    return len(OUR_COLUMNS) if names == OUR_COLUMNS else 0


def _text(cell: Any) -> str:
    return "" if cell.value is None else str(cell.value)


def _style(header: tuple[Any, ...]) -> dict[str, object]:
    cell = next((cell for cell in header if cell.value is not None), None)
    if cell is None:
        return dict(_PLAIN)
    style: dict[str, object] = {"bold": bool(cell.font.b), "italic": bool(cell.font.i)}
    for name, colour in (("font_color", cell.font.color), ("bg_color", cell.fill.fgColor)):
        solid = name == "font_color" or cell.fill.fill_type == "solid"
        if solid and colour is not None and colour.type == "rgb" and len(colour.rgb) == 8:
            style[name] = f"#{colour.rgb[2:]}"
    return style if style != {"bold": False, "italic": False} else dict(_PLAIN)
