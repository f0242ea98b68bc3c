"""Excel workbooks (*.xlsx) to tables of canonical text with a kind per cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel

from gateway.errors import FileError
from gateway.formats.layout import OUR_COLUMNS, XlsxLayout
from gateway.formats.neutral import restore, restored
from gateway.model import ROW, Table
from gateway.readers.xlsx_cells import cell_column, parts_of
from gateway.readers.xlsx_found import Merge, Scan
from gateway.readers.xlsx_package import Contents, Package, SheetPart
from gateway.readers.xlsx_rows import Rows, Unreadable, calamine_rows, openpyxl_rows
from gateway.readers.xlsx_scan import long_numbers, scan
from gateway.readers.xlsx_styles import code_styles
from gateway.readers.xlsx_table import BLANKS, Blocks, Oddities

SEARCHED = 200
"""Rows in which a header is looked for."""
WIDEST = 4_000
"""Columns of a sheet above `max_cells`: wider means a stray cell far off, not a table."""


class XlsxReader:
    """Reads files of XlsxLayout.

    Values come from calamine, or from openpyxl's read-only mode where the sheet has more than `max_cells` cells
    (rectangle from A1 to the last cell that holds something), or its XML has blanks around values. The header stands at
    row `header`; where it is merged, the merged text names every column of the merge. Data right of the header keeps
    its columns, with header "".
    An errors file of ours that came back (first cell `error_run`) has its header in its first filled row, loses our
    columns to `links` and has formula neutralising undone.
    """

    def tables(self, path: Path, layout: BaseModel) -> Iterator[Table]:
        """Yield tables in row order, at least one.

        Raises FileError as Package does, and FILE_EMPTY, FILE_SHEET, FILE_HEADER; TypeError for another layout.
        """
        if not isinstance(layout, XlsxLayout):
            raise TypeError(f"XlsxReader reads files of XlsxLayout, not of {type(layout).__name__}")
        with Package(path) as package:
            contents = package.contents()
            sheet = _sheet(contents, layout.sheet)
            for part in contents.strings:
                package.verify(part)
            codes = code_styles(package.xml(contents.styles)) if contents.styles is not None else {}
            found = scan(package, sheet.part, codes, layout.max_cells)
            oddities = Oddities(found.odd, (long_numbers(package, sheet.part) for _ in repeat(None)))
            if oddities.width > WIDEST and oddities.width * oddities.last_row > layout.max_cells:
                raise _too_wide(oddities.width, oddities.last_row)
            rows = _open(path, sheet, contents, found, layout.max_cells)
            yield from _Reading(rows, found.merges, oddities, layout, sheet.name).tables()


def _sheet(contents: Contents, wanted: str | int) -> SheetPart:
    visible = [sheet for sheet in contents.sheets if sheet.visible]
    names = ", ".join(f"'{sheet.name}'" for sheet in visible) or "none"
    if isinstance(wanted, int):
        if 1 <= wanted <= len(visible):
            return visible[wanted - 1]
        asked = f"visible sheet {wanted}"
    else:
        exact = [sheet for sheet in contents.sheets if sheet.name == wanted]
        alike = [sheet for sheet in contents.sheets if _folded(sheet.name) == _folded(wanted)]
        if exact or len(alike) == 1:
            return (exact or alike)[0]
        asked = f"sheet '{wanted}'"
    raise FileError(
        "FILE_SHEET",
        f"The workbook has no {asked}; its visible sheets: {names}.",
        fix="Name the sheet as agreed.",
    )


def _open(path: Path, sheet: SheetPart, contents: Contents, found: Scan, max_cells: int) -> Rows:
    if found.box <= max_cells and not found.padded:
        try:
            return calamine_rows(path, sheet.name)
        except Unreadable:
            pass
    if contents.strict:
        how = "in this size" if found.box > max_cells else "with its cells written in this way"
        raise FileError(
            "FILE_FORMAT",
            f"The workbook is a Strict Open XML Spreadsheet, which is not taken {how}.",
            fix="Save it as an Excel workbook (*.xlsx), not as a strict one.",
        )
    if found.width > WIDEST:
        raise _too_wide(found.width, found.last_row)
    return openpyxl_rows(path, sheet.name, found.last_row, found.width)


def _too_wide(width: int, last_row: int) -> FileError:
    return FileError(
        "FILE_TOO_LARGE",
        f"The sheet reaches {width} columns to the right and row {last_row}.",
        fix="Delete what stands far right of the table and save the workbook again.",
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    rows: Rows
    merges: tuple[Merge, ...]
    oddities: Oddities
    layout: XlsxLayout
    sheet: str

    def tables(self) -> Iterator[Table]:
        rows = chain(self.rows.rows)
        seen: list[list[str]] = []
        raw: list[Sequence[Any]] = []
        first = self._advance(rows, raw, seen)
        if first is None and not self.oddities.last_row:
            raise FileError("FILE_EMPTY", f"The sheet '{self.sheet}' is empty.", fix="Send it again with its rows.")
        ours = first is not None and seen[first][0].strip(BLANKS) == OUR_COLUMNS[0]
        if ours and first is not None:
            header: int | None = first
        else:
            header = self._header(rows, raw, seen)
        texts = self._texts(seen, header) if header is not None else []
        after = 0 if header is None else header + 1
        width = max(
            len(texts), self.rows.width, self.oddities.width, (self.layout.columns or 0) if header is None else 0
        )
        headers = (*texts, *[""] * (width - len(texts)))
        blocks = Blocks(headers, self.rows.offset, self.oddities)
        rest = chain(raw[after:], rows)
        if self.oddities.last_row > after:
            rest = chain(_at_least(rest, self.oddities.last_row - after))
        for table in blocks.tables(rest, after + 1):
            yield _linked(table) if ours else table

    def _advance(self, rows: Iterator[Sequence[Any]], raw: list[Sequence[Any]], seen: list[list[str]]) -> int | None:
        """Read up to the first row that holds something and return its index."""
        for row in rows:
            raw.append(row)
            seen.append(self._row_texts(row))
            if any(text.strip(BLANKS) for text in seen[-1]):
                return len(seen) - 1
        return None

    def _header(self, rows: Iterator[Sequence[Any]], raw: list[Sequence[Any]], seen: list[list[str]]) -> int | None:
        wanted = self.layout.header
        if wanted == "none":
            return None
        limit = SEARCHED if wanted == "find" else wanted
        while len(seen) < limit and (row := next(rows, None)) is not None:
            raw.append(row)
            seen.append(self._row_texts(row))
        if wanted == "find":
            return self._found(seen)
        if wanted > len(seen) or not any(text.strip(BLANKS) for text in self._texts(seen, wanted - 1)):
            raise FileError(
                "FILE_HEADER",
                f"Row {wanted} of the sheet '{self.sheet}' should be the header but is empty.",
                fix="Restore the agreed header row.",
            )
        return wanted - 1

    def _found(self, seen: list[list[str]]) -> int:
        wanted = {_folded(text) for text in self.layout.find}
        for index, texts in enumerate(seen):
            there = {_folded(text) for text in texts} - {""}
            if there and wanted <= there:
                return index
        raise FileError(
            "FILE_HEADER",
            f"None of the first {len(seen)} rows of the sheet '{self.sheet}' holds all of: "
            f"{', '.join(self.layout.find)}.",
            fix="Restore the agreed header row.",
        )

    def _row_texts(self, row: Sequence[Any]) -> list[str]:
        return [""] * self.rows.offset + cell_column("h", [(len(row), parts_of(row))])[0].to_list() or [""]

    def _texts(self, seen: list[list[str]], header: int) -> list[str]:
        """Return the header's texts without empty ones at the end, merged cells filled."""
        texts = list(seen[header])
        for top, left, bottom, right in self.merges:
            if top - 1 <= header <= bottom - 1 and top <= len(seen):
                above = seen[top - 1]
                name = above[left] if left < len(above) else ""
                texts.extend([""] * (right + 1 - len(texts)))
                texts[left : right + 1] = [name] * (right + 1 - left)
        while texts and not texts[-1].strip(BLANKS):
            texts.pop()
        return texts


def _folded(text: str) -> str:
    return text.strip(BLANKS).casefold()


def _at_least(rows: Iterator[Sequence[Any]], least: int) -> Iterator[Sequence[Any]]:
    """Yield the rows, then empty ones until there are `least`: rows of valueless formulas end no reader's range."""
    count = 0
    for row in rows:
        count += 1
        yield row
    yield from repeat((), max(0, least - count))


def _linked(table: Table) -> Table:
    """Move our leading columns into `links` and give the others back as the partner wrote them."""
    ours: list[str] = []
    for header in table.headers:
        name = header.strip(BLANKS)
        if name not in OUR_COLUMNS or name in ours:
            break
        ours.append(name)
    run = pl.col(f"c{ours.index('error_run')}").str.strip_chars(BLANKS)
    row = pl.col(f"c{ours.index('error_row')}") if "error_row" in ours else pl.lit(None, pl.String)
    links = table.frame.select(
        ROW,
        pl.when(run != "").then(run).alias("first_run"),
        pl.when(run != "").then(row.str.strip_chars(BLANKS).cast(pl.Int64, strict=False)).alias("first_row"),
    )
    own = len(ours)
    dropped = [f"c{index}" for index in range(own)]
    renamed = {f"c{index}": f"c{index - own}" for index in range(own, len(table.headers))}
    frame = table.frame.drop(dropped).rename(renamed)
    return replace(
        table,
        frame=frame.with_columns(restored(pl.col(name)).alias(name) for name in renamed.values()),
        headers=tuple(restore(header) for header in table.headers[own:]),
        kinds=table.kinds.drop(dropped).rename(renamed) if table.kinds is not None else None,
        links=links,
    )
