"""Workbooks read by both libraries, which must agree; cells and rows of sheets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import FileError
from gateway.formats.layout import XlsxLayout
from gateway.model import Table
from gateway.readers.xlsx import XlsxReader

Workbook = Callable[..., Path]


def read(path: Path, **layout) -> Table:
    tables = list(XlsxReader().tables(path, XlsxLayout(kind="xlsx", **layout)))
    assert len(tables) == 1
    return tables[0]


def both(path: Path, **layout) -> Table:
    """Read with calamine and with openpyxl, and return the table when both are the same."""
    quick, slow = read(path, **layout), read(path, max_cells=1, **layout)
    assert quick.frame.to_dict(as_series=False) == slow.frame.to_dict(as_series=False)
    assert quick.kinds is not None
    assert slow.kinds is not None
    assert quick.kinds.to_dict(as_series=False) == slow.kinds.to_dict(as_series=False)
    assert quick.headers == slow.headers
    assert quick.issues.equals(slow.issues)
    assert quick.blank == slow.blank
    return quick


def cells(table: Table) -> list[tuple]:
    return table.frame.drop("@row", "@line").rows()


def row(number: int, *cells: str) -> str:
    return f'<row r="{number}">{"".join(cells)}</row>'


HEADER = row(1, '<c r="A1" t="inlineStr"><is><t>code</t></is></c>', '<c r="B1" t="inlineStr"><is><t>held</t></is></c>')


def refused(path: Path, **layout) -> FileError:
    with pytest.raises(FileError) as caught:
        list(XlsxReader().tables(path, XlsxLayout(kind="xlsx", **layout)))
    return caught.value
