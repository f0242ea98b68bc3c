"""Files that belong together as one table: read one after another, rows and lines counted through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from gateway.errors import FileError
from gateway.formats.layout import CsvLayout, JsonLayout, XlsxLayout, XmlLayout
from gateway.formats.parts import parts_of
from gateway.issues import CATALOGUE, sentence
from gateway.model import LINE, ROW, Reader, Table

Tables = Callable[[Path, BaseModel], Iterator[Table]]
Told = Callable[[int, int, int], None]
"""Called after each file with its place from 0, its first and its last `@row`; without rows both are 0."""
_CHUNK = 1 << 20


class PartsReader:
    """Reads a file as another reader does, or a folder of files (`formats.parts`) as one table.

    Rows and lines are counted as if the files stood one below the other: the header of each is a row of its own.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def tables(self, path: Path, layout: BaseModel) -> Iterator[Table]:
        """Yield the tables of all files. Raises as the reader does, naming the file; FILE_HEADER as `joined` does."""
        if not path.is_dir():
            return self._reader.tables(path, layout)
        return joined(self._reader.tables, path, layout)


def joined(tables: Tables, path: Path, layout: BaseModel, told: Told | None = None) -> Iterator[Table]:
    """Yield the tables of all files of a folder, `@row` and `@line` counted through.

    Raises FileError FILE_HEADER when a file's header is not that of the first; the fault of a file with its name.
    """
    files = parts_of(path)
    layout = _with_columns(tables, files, layout)
    headers: tuple[str, ...] | None = None
    rows = lines = 0
    for place, file in enumerate(files):
        first = last = 0
        try:
            for table in tables(file, layout):
                headers = table.headers if headers is None else headers
                _demand_headers(table.headers, headers, files[0].name)
                if table.frame.height:
                    first, last = first or int(table.frame[ROW][0]), int(table.frame[ROW][-1])
                yield replace(_moved(table, rows, lines), headers=headers)
        except FileError as error:
            raise of_file(error, file.name) from error
        if told is not None:
            told(place, first and rows + first, last and rows + last)
        rows += max(last, _heading(layout))
        lines = rows if isinstance(layout, XlsxLayout) else lines + _lines_of(file, layout)


def of_file(error: FileError, name: str) -> FileError:
    """Return the fault of one of several files with its name."""
    return FileError(error.code, f"{name}: {error.message}", fix=error.fix, line=error.line)


def _with_columns(tables: Tables, files: list[Path], layout: BaseModel) -> BaseModel:
    """Have documents whose columns nobody named read with the columns of all of them."""
    if not isinstance(layout, XmlLayout | JsonLayout) or layout.columns:
        return layout
    found: dict[str, None] = {}
    for file in files:
        try:
            found.update(dict.fromkeys(next(iter(tables(file, layout))).headers))
        except FileError as error:
            raise of_file(error, file.name) from error
    return layout.model_copy(update={"columns": tuple(found)})


def _demand_headers(found: tuple[str, ...], expected: tuple[str, ...], of: str) -> None:
    here, there = ([name.strip() for name in names] for names in (found, expected))
    if here == there:
        return
    place = next((n for n, pair in enumerate(zip(here, there, strict=False)) if pair[0] != pair[1]), None)
    if place is not None:
        said = f"column {place + 1} is {here[place]!r}, in {of} it is {there[place]!r}"
    else:
        said = f"it has {len(here)} columns, {of} has {len(there)}"
    raise FileError("FILE_HEADER", sentence("FILE_HEADER", detail=said), fix=CATALOGUE["FILE_HEADER"].fix)


def _moved(table: Table, rows: int, lines: int) -> Table:
    """Return the table with its rows and lines further down."""
    if not rows and not lines:
        return table
    down = (pl.col(ROW) + rows, pl.col(LINE) + lines)
    links = None if table.links is None else table.links.with_columns(down[0])
    return replace(table, frame=table.frame.with_columns(down), issues=table.issues.with_columns(down), links=links)


def _heading(layout: BaseModel) -> int:
    """Rows a file has above its records, at least."""
    if isinstance(layout, CsvLayout):
        return layout.skip + layout.header
    if isinstance(layout, XlsxLayout):
        return layout.header if isinstance(layout.header, int) else int(layout.header == "find")
    return 0


def _lines_of(file: Path, layout: BaseModel) -> int:
    """Count the lines of a text file: CR, LF and CR LF each end one, and so does the end of the file."""
    encoding = layout.encoding if isinstance(layout, CsvLayout) else "utf-8"
    lines, last = 0, "\n"
    with file.open(encoding=encoding, errors="replace", newline=None) as text:
        while chunk := text.read(_CHUNK):
            lines, last = lines + chunk.count("\n"), chunk[-1]
    return lines + (last != "\n")
