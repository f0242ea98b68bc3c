"""What the workbook reader relies on in calamine and openpyxl: a new release that changes it fails here."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl.utils.escape import unescape
from python_calamine import CalamineError, CalamineWorkbook

Workbook = Callable[..., Path]


def rows(path: Path) -> list[list]:
    return list(CalamineWorkbook.from_path(path).get_sheet_by_name("Stock").iter_rows())


def test_rows_begin_with_row_1_but_columns_with_the_first_filled(workbook: Workbook) -> None:
    path = workbook('<row r="3"><c r="B3" s="1"/><c r="C3"><v>1</v></c></row><row r="5"><c r="D5"><v>2</v></c></row>')
    sheet = CalamineWorkbook.from_path(path).get_sheet_by_name("Stock")
    assert sheet.start == (2, 2)
    assert sheet.end == (4, 3)
    assert list(sheet.iter_rows()) == [["", ""], ["", ""], [1.0, ""], ["", ""], ["", 2.0]]


def test_every_number_is_a_float(workbook: Workbook) -> None:
    (values,) = rows(workbook('<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>1234567890123456789</v></c></row>'))
    assert [type(value) for value in values] == [float, float]
    assert values[1] == 1.2345678901234568e18


def test_numbers_with_blanks_around_them_are_taken_for_texts(workbook: Workbook) -> None:
    body = '<row r="1"><c r="A1"><v> 12 </v></c><c r="B1" s="2"><v>46348\n</v></c></row>'
    assert rows(workbook(body)) == [[" 12 ", "46348\n"]]


def test_dates_by_their_format(workbook: Workbook) -> None:
    body = (
        '<row r="1"><c r="A1" s="2"><v>46348</v></c><c r="B1" s="3"><v>46348.39583333334</v></c>'
        '<c r="C1" s="4"><v>0.39583333333333331</v></c><c r="D1" s="5"><v>46348</v></c>'
        '<c r="E1" s="6"><v>1.5</v></c><c r="F1" s="1"><v>5</v></c></row>'
    )
    assert rows(workbook(body)) == [
        [
            dt.date(2026, 11, 22),
            dt.datetime(2026, 11, 22, 9, 30),
            dt.time(9, 30),
            dt.date(2026, 11, 22),
            dt.timedelta(days=1, hours=12),
            5.0,
        ]
    ]
    (values,) = rows(workbook(body, properties='<workbookPr date1904="1"/>', name="mac.xlsx"))
    assert values[0] == dt.date(2030, 11, 23)


def test_formulas_without_value_and_errors_are_empty(workbook: Workbook) -> None:
    body = (
        '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><f>1+1</f></c><c r="C1" t="e"><v>#N/A</v></c>'
        '<c r="D1" t="str"><f>""</f><v></v></c><c r="E1"><v>2</v></c></row>'
    )
    assert rows(workbook(body)) == [[1.0, "", "", "", 2.0]]


def test_an_unknown_error_value_fails_the_whole_sheet(workbook: Workbook) -> None:
    with pytest.raises(CalamineError):
        rows(workbook('<row r="1"><c r="A1" t="e"><v>#SPILL!</v></c></row>'))


def test_escaped_characters_are_unescaped_once(workbook: Workbook) -> None:
    body = '<row r="1"><c r="A1" t="s"><v>0</v></c></row>'
    assert rows(workbook(body, strings="<si><t>a_x000D_b_x005F_x000D_</t></si>")) == [["a\rb_x000D_"]]
    assert unescape("a_x000D_b") == "a\rb"
