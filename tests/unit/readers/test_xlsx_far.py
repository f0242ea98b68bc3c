"""Cells far off: whatever a sheet says of its cells, reading it takes no more memory than its bounds promise."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import FileError
from gateway.formats.layout import XlsxLayout
from gateway.readers.xlsx import XlsxReader
from gateway.readers.xlsx_bounds import references_alone, words_of
from gateway.readers.xlsx_package import Package
from gateway.readers.xlsx_scan import scan

Workbook = Callable[..., Path]
NEAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v></c></row>'
MOST = 10_000_000


def read(path: Path) -> list[tuple[str | None, ...]]:
    tables = XlsxReader().tables(path, XlsxLayout(kind="xlsx", header="none"))
    return [row for table in tables for row in table.frame.drop("@row", "@line").rows()]


def box(path: Path) -> int:
    with Package(path) as package:
        return scan(package, "xl/worksheets/sheet1.xml", {}, MOST).box


@pytest.mark.parametrize(
    "content",
    [
        't="str"><v></v></c>',
        't="str"><v/></c>',
        't="str"><v ></v></c>',
        't="inlineStr"><is/></c>',
        't="inlineStr"><is ><t></t></is></c>',
        't="str"><f>A1</f><v></v></c>',
        's="1" ><v></v></c>',
    ],
)
def test_empty_texts_far_off_are_within_the_bounds(workbook: Workbook, content: str) -> None:
    path = workbook(f'{NEAR}<row r="1048576"><c r="XFD1048576" {content}</row>')
    assert box(path) == 1_048_576 * 16_384
    assert read(path) == [("1",), ("2",)]


def test_cells_without_content_far_off_are_nothing(workbook: Workbook) -> None:
    path = workbook(f'{NEAR}<row r="1048576"><c r="XFD1048576" s="1"/></row>')
    assert box(path) == 2
    assert read(path) == [("1",), ("2",)]


def test_a_cell_that_names_another_row_than_its_own_is_within_the_bounds(workbook: Workbook) -> None:
    path = workbook(NEAR.replace("<c r=", '<c t="n" r=').replace('"A2"', '"XFD1048576"'))
    assert box(path) == 1_048_576 * 16_384
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.code == "FILE_TOO_LARGE"


@pytest.mark.parametrize(
    "second", [' r="XFD1048576"', '\tr="XFD1048576"', ' r ="XFD1048576"', " r='XFD1048576'", 'r="XFD1048576"']
)
def test_a_cell_with_two_references_is_refused(workbook: Workbook, second: str) -> None:
    path = workbook(NEAR.replace('<c r="A2"', f'<c r="A2"{second}'))
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.code == "FILE_FORMAT"


@pytest.mark.parametrize("row", ["x", "", "1e3"])
def test_a_row_without_a_number_is_refused(workbook: Workbook, row: str) -> None:
    path = workbook(f'<row r="{row}"><c t="n" r="A1"><v>1</v></c></row>')
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.code == "FILE_FORMAT"


def test_a_formula_without_value_far_off_is_told_at_once(workbook: Workbook) -> None:
    path = workbook(f'{NEAR}<row r="1048576"><c r="XFD1048576"><f>A1</f></c></row>')
    with pytest.raises(FileError) as caught:
        read(path)
    assert caught.value.code == "FILE_TOO_LARGE"


@pytest.mark.parametrize(
    ("body", "cells", "alone"),
    [
        (b'<sheetData><row r="1"><c r="A1" s="1"><v>1</v></c></row>', 1, True),
        (b'<sheetData><row spans="1:1"><c r="A1" t="str"><v>red or rare</v></c></row>', 1, True),
        (b'<row r="1"><c r="A1" r="B1"/></row>', 1, False),
        (b'<row r="1"><c r="A1" s="1"r="B1"/></row>', 1, False),
        (b'<row r="1" r="2"><c r="A1"/></row>', 1, False),
        (b'<row r="1"><c r="A1"><v>size r =</v></c></row>', 1, False),
    ],
)
def test_references_stand_alone(body: bytes, cells: int, alone: bool) -> None:
    assert references_alone(body, words_of(body), cells) is alone
