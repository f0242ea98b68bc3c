"""Rows of typed values from calamine (fast, the sheet in memory) or openpyxl (slow, flat memory)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, XmlError, ZipError

from gateway.errors import FileError

_FIX = "Open it in Excel and save it again as an Excel workbook (*.xlsx)."


class Unreadable(Exception):
    """Calamine gives up on a value that openpyxl may read."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows from row 1 on, empty ones too; a row's first value belongs to column `offset` (from 0).

    `width`: columns up to the last one that holds something. Empty cells are "" or None.
    """

    rows: Iterator[Sequence[Any]]
    offset: int
    width: int


def calamine_rows(path: Path, sheet: str) -> Rows:
    """Open the sheet with calamine. Raises Unreadable, FileError FILE_FORMAT."""
    try:
        with CalamineWorkbook.from_path(path) as book:
            values = book.get_sheet_by_name(sheet)
    except (XmlError, ZipError) as error:
        raise _broken(str(error)) from error
    except CalamineError as error:
        raise Unreadable(str(error)) from error
    except BaseException as error:
        # A panic of the Rust side is no Exception.
        if type(error).__name__ == "PanicException":
            raise Unreadable("panic") from error
        raise
    if values.start is None or values.end is None:
        return Rows(iter(()), 0, 0)
    return Rows(values.iter_rows(), values.start[1], values.end[1] + 1)


def openpyxl_rows(path: Path, sheet: str, last_row: int, width: int) -> Rows:
    """Open the sheet with openpyxl's read-only mode; rows behind `last_row` are not given."""
    if not last_row:
        return Rows(iter(()), 0, 0)
    return Rows(_openpyxl(path, sheet, last_row, width), 0, width)


def _openpyxl(path: Path, sheet: str, last_row: int, width: int) -> Iterator[Sequence[Any]]:
    import openpyxl  # noqa: PLC0415  a tenth of a second that only the largest sheets need

    try:
        # By an open file: openpyxl judges a path by its suffix.
        with path.open("rb") as file, closing(_quiet_book(file, openpyxl.load_workbook)) as book:
            page = book[sheet]
            page.reset_dimensions()
            rows = page.iter_rows(max_row=last_row, max_col=width, values_only=True)
            yield from map(_unescaped, _quietly(iter(rows)))
    except GeneratorExit:
        raise
    except Exception as error:
        raise _broken(f"{type(error).__name__}: {error}") from error


def _quiet_book(file: BinaryIO, load: Callable[..., Any]) -> Any:
    with warnings.catch_warnings():
        # Extensions it does not know and formats it can't apply are no matter for values.
        warnings.simplefilter("ignore")
        return load(file, read_only=True, data_only=True)


def _quietly(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row = next(rows, None)
        if row is None:
            return
        yield row


def _unescaped(row: tuple[Any, ...]) -> Sequence[Any]:
    """Undo `_x000D_` as calamine does."""
    if any(type(value) is str and "_x" in value for value in row):
        from openpyxl.utils.escape import unescape  # noqa: PLC0415  as above

        return [unescape(value) if type(value) is str else value for value in row]
    return row


def _broken(detail: str) -> FileError:
    return FileError("FILE_FORMAT", f"The sheet can't be read as an Excel sheet: {detail}.", fix=_FIX)
