"""Cells of workbooks: canonical text with kinds, whatever wrote them."""

import datetime as dt
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from support.workbooks import HEADER, Workbook, both, cells, read, refused, row

from gateway.errors import FileError
from gateway.formats.layout import CsvLayout, XlsxLayout
from gateway.model import Kind
from gateway.readers import xlsx_table
from gateway.readers.xlsx import XlsxReader
from gateway.readers.xlsx_cells import float_text
from gateway.readers.xlsx_found import ODD_SCHEMA
from gateway.readers.xlsx_table import Oddities


def test_cells_become_canonical_text_with_kinds(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    page = book.add_worksheet("Stock")
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    clock = book.add_format({"num_format": "hh:mm:ss"})
    for column in range(9):
        page.write(0, column, f"h{column}")
    page.write_string(1, 0, "00123")
    page.write_number(1, 1, 5012345678900)
    page.write_number(1, 2, 12.5)
    page.write_number(1, 3, 0)
    page.write_datetime(1, 4, dt.datetime(2026, 11, 22), day)
    page.write_datetime(1, 5, dt.datetime(2026, 11, 22, 9, 30), moment)
    page.write_datetime(1, 6, dt.time(9, 30), clock)
    page.write_boolean(1, 7, True)
    book.close()
    table = both(tmp_path / "a.xlsx")
    expected = ("00123", "5012345678900", "12.5", "0", "2026-11-22", "2026-11-22T09:30:00", "09:30:00", "true", "")
    assert cells(table) == [expected]
    assert table.kinds is not None
    kinds = [Kind(kind).name for kind in table.kinds.row(0)]
    assert kinds == ["TEXT", "NUMBER", "NUMBER", "NUMBER", "DATE", "DATE", "TIME", "BOOLEAN", "EMPTY"]
    assert table.frame["@row"].to_list() == [2]
    assert table.frame.schema["c0"] == pl.String


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("1234567890123456789", "1234567890123456789"),
        ("9007199254740993", "9007199254740993"),
        ("5.0123456789E+12", "5012345678900"),
        ("0.28999999999999998", "0.29"),
        ("1E-7", "0.0000001"),
        ("1.5E+20", "150000000000000000000"),
        ("-0", "0"),
        ("-12.50", "-12.5"),
        ("100000000000000", "100000000000000"),
    ],
)
def test_numbers_are_exact(workbook: Workbook, stored: str, text: str) -> None:
    path = workbook(HEADER + row(2, '<c r="A2"><v>1</v></c>', f'<c r="B2"><v>{stored}</v></c>'))
    assert cells(both(path)) == [("1", text)]


PADDED = [
    ("", "1.234", "1.234", Kind.NUMBER),
    ("", "83711492198943728", "83711492198943728", Kind.NUMBER),
    ('t="b"', "1", "true", Kind.BOOLEAN),
    ("", "83711492198943727.0", "83711492198943727", Kind.NUMBER),
    ('s="1"', "123", "123", Kind.NUMBER),
    ('s="2"', "46348", "2026-11-22", Kind.DATE),
    ('t="b"', "0", "false", Kind.BOOLEAN),
    ('t="s"', "1", "two", Kind.TEXT),
]


@pytest.mark.parametrize(("before", "behind"), [(" ", " "), ("\n    ", "\n  "), ("\t", ""), ("", " "), (" ", "")])
@pytest.mark.parametrize(("given", "stored", "text", "kind"), PADDED)
@pytest.mark.parametrize("apart", ["", "\n "])
def test_blanks_around_a_value_are_none_of_it(
    workbook: Workbook, before: str, behind: str, given: str, stored: str, text: str, kind: Kind, apart: str
) -> None:
    padded = f'<c r="B2" {given}>{apart}<v>{before}{stored}{behind}</v>{apart}</c>'.replace('" >', '">')
    strings = "<si><t>one</t></si><si><t>two</t></si>"
    table = both(workbook(HEADER + row(2, '<c r="A2"><v>1</v></c>', padded), strings=strings))
    assert cells(table) == [("1", text)]
    assert table.kinds is not None
    assert table.kinds["c1"].to_list() == [kind]
    assert table.issues["code"].to_list() == (["CELL_DISPLAY"] if given == 's="1"' else [])


def test_blanks_around_the_text_of_a_formula_are_its_own(workbook: Workbook) -> None:
    body = HEADER + row(2, '<c r="A2"><v>1</v></c>', '<c r="B2" t="str"><f>C2</f><v> 83711492198943728 </v></c>')
    table = both(workbook(body))
    assert cells(table) == [("1", " 83711492198943728 ")]
    assert table.kinds is not None
    assert table.kinds["c1"].to_list() == [Kind.TEXT]


def test_dates_follow_the_1904_flag(workbook: Workbook) -> None:
    body = HEADER + row(2, '<c r="A2" s="2"><v>46348</v></c>', '<c r="B2" s="5"><v>46348.5</v></c>')
    assert cells(both(workbook(body))) == [("2026-11-22", "2026-11-22T12:00:00")]
    mac = workbook(body, properties='<workbookPr date1904="1"/>', name="mac.xlsx")
    assert cells(both(mac)) == [("2030-11-23", "2030-11-23T12:00:00")]


def test_durations_and_fractions_of_seconds(workbook: Workbook) -> None:
    body = HEADER + row(2, '<c r="A2" s="6"><v>1.5208333333333333</v></c>', '<c r="B2" s="3"><v>46348.39584</v></c>')
    assert cells(both(workbook(body))) == [("36:30:00", "2026-11-22T09:30:00.576")]


def test_a_formula_without_stored_value_is_an_issue(workbook: Workbook) -> None:
    body = (
        HEADER
        + row(2, '<c r="A2"><f>1+1</f></c>', '<c r="B2"><f>1+1</f><v>2</v></c>')
        + row(3, '<c r="A3"><f>1+1</f><v></v></c>', '<c r="B3" t="str"><f>""</f><v></v></c>')
        + row(4, '<c r="A4"><v>7</v></c>', '<c r="B4"><f t="shared" si="0"/><v/></c>')
        + row(6, '<c r="B6"><f>1+1</f></c>')
    )
    table = both(workbook(body))
    assert table.issues.select("@row", "code", "field").rows() == [
        (2, "CELL_NO_VALUE", "code"),
        (3, "CELL_NO_VALUE", "code"),
        (4, "CELL_NO_VALUE", "held"),
        (6, "CELL_NO_VALUE", "held"),
    ]
    assert cells(table) == [("", "2"), ("", ""), ("7", ""), ("", "")]
    assert table.blank == 1
    assert table.kinds is not None
    assert table.kinds["c0"].to_list()[:2] == [Kind.FORMULA_WITHOUT_VALUE] * 2


def test_openpyxl_writes_formulas_without_values(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.append(["sku", "quantity"])
    page.append(["A", "=1+1"])
    book.save(tmp_path / "a.xlsx")
    assert both(tmp_path / "a.xlsx").issues["code"].to_list() == ["CELL_NO_VALUE"]


def test_error_cells_are_issues(workbook: Workbook) -> None:
    body = HEADER + row(2, '<c r="A2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', '<c r="B2" t="e"><v>#N/A</v></c>')
    table = both(workbook(body))
    assert table.issues.select("code", "field", "value").rows() == [
        ("CELL_ERROR", "code", "#DIV/0!"),
        ("CELL_ERROR", "held", "#N/A"),
    ]
    assert table.kinds is not None
    assert table.kinds.row(0) == (Kind.ERROR, Kind.ERROR)


def test_an_error_calamine_does_not_know_is_left_to_openpyxl(workbook: Workbook) -> None:
    body = HEADER + row(2, '<c r="A2" t="e"><v>#SPILL!</v></c>', '<c r="B2"><v>1</v></c>')
    table = both(workbook(body))
    assert cells(table) == [("#SPILL!", "1")]
    assert table.issues["value"].to_list() == ["#SPILL!"]


def test_codes_shown_with_zeros_are_issues(workbook: Workbook) -> None:
    body = (
        HEADER
        + row(2, '<c r="A2" s="1"><v>123</v></c>', '<c r="B2" s="1"><v>12345</v></c>')
        + row(3, '<c r="A3" s="7"><v>1234</v></c>', '<c r="B3" s="8"><v>5</v></c>')
        + row(4, '<c r="A4" s="1" t="s"><v>0</v></c>', '<c r="B4" t="s" s="1"><v>0</v></c>')
    )
    table = both(workbook(body, strings="<si><t>00777</t></si>"))
    assert table.issues.select("@row", "code", "field", "value", "detail").rows() == [
        (2, "CELL_DISPLAY", "code", "123", "00123"),
        (3, "CELL_DISPLAY", "code", "1234", "001-234"),
    ]
    assert cells(table)[2] == ("00777", "00777")


def test_strings_of_every_kind(workbook: Workbook) -> None:
    strings = (
        "<si><t>pl &amp; x</t></si>"
        '<si><r><t>ri</t></r><r><rPr><b/></rPr><t xml:space="preserve"> ch</t></r>'
        '<rPh sb="0" eb="1"><t>no</t></rPh></si>'
        "<si><t>a_x000D_\nb</t></si>"
    )
    body = (
        HEADER
        + row(2, '<c r="A2" t="s"><v>0</v></c>', '<c r="B2" t="s"><v>1</v></c>')
        + row(
            3, '<c r="A3" t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c>', '<c r="B3" t="s"><v>2</v></c>'
        )
        + row(4, '<c r="A4" t="str"><f>B2</f><v>ü</v></c>', '<c r="B4" t="b"><v>0</v></c>')
    )
    assert cells(both(workbook(body, strings=strings))) == [("pl & x", "ri ch"), ("inline", "a\r\nb"), ("ü", "false")]


def test_a_cell_that_stands_twice_is_an_issue(workbook: Workbook) -> None:
    twice = row(3, '<c r="A3"><v>3</v></c>', '<c r="B3"><v>4</v></c>', '<c r="A3"><v>5</v></c>')
    table = read(workbook(HEADER + row(2, '<c r="A2"><v>1</v></c>') + twice))
    assert cells(table) == [("1", ""), ("5", "4")]
    found = table.issues.select("@row", "code", "field", "value").rows()
    assert found == [(3, "CELL_TWICE", table.headers[0], "5")]


def test_an_errors_file_of_ours_comes_back(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.append(["error_run", "error_row", "error_code", "error_field", "error_message", "sku", "'=note"])
    page.append(["r1", 17, "REQUIRED", "sku", "sku is missing.", "A", "'=1+1"])
    page.append(["r1", "19", "REQUIRED", "sku", "sku is missing.", "B", "-5"])
    page.append([None, None, None, None, None, "C", 3])
    book.save(tmp_path / "a.xlsx")
    for layout in ({}, {"header": 3}, {"header": "none"}):
        table = both(tmp_path / "a.xlsx", **layout)
        assert table.headers == ("sku", "=note")
        assert cells(table) == [("A", "=1+1"), ("B", "-5"), ("C", "3")]
        assert table.links is not None
        assert table.links.rows() == [(2, "r1", 17), (3, "r1", 19), (4, None, None)]
        assert table.kinds is not None
        assert table.kinds.columns == ["c0", "c1"]


def test_a_column_made_slice_by_slice_is_the_column_made_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    values = ["one", 2, None, 3.5, True, dt.date(2026, 11, 22), "", "=1/0", 12345678901234567]
    for row_values in [["a", "b", "c"], *([values[n % 9], values[n % 4], None] for n in range(40))]:
        page.append(row_values)
    page["C20"] = "alone"
    book.save(tmp_path / "a.xlsx")
    at_once = both(tmp_path / "a.xlsx")
    monkeypatch.setattr(xlsx_table, "SLICE_CELLS", 9)
    monkeypatch.setattr(xlsx_table, "LEAST_SLICE", 2)
    monkeypatch.setattr(xlsx_table, "BUNCH", 1)
    sliced = both(tmp_path / "a.xlsx")
    assert sliced.frame.equals(at_once.frame)
    assert sliced.kinds is not None
    assert at_once.kinds is not None
    assert sliced.kinds.equals(at_once.kinds)
    assert sliced.issues.equals(at_once.issues)
    assert sliced.blank == at_once.blank


def test_tables_before_a_fault_are_yielded() -> None:
    def rows() -> Iterator[tuple[str, ...]]:
        yield from repeat(("a", "b"), 5)
        raise FileError("FILE_FORMAT", "The sheet can't be read.")

    odd = Oddities(pl.DataFrame(schema=ODD_SCHEMA), iter(()))
    blocks = xlsx_table.Blocks(("x", "y"), 0, odd)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xlsx_table, "BLOCK_CELLS", 4)
        patch.setattr(xlsx_table, "LEAST_SLICE", 2)
        tables = blocks.tables(rows(), 2)
        assert [next(tables).frame["@row"].to_list() for _ in range(2)] == [[2, 3], [4, 5]]
        with pytest.raises(FileError):
            next(tables)


def test_tables_are_flat_blocks_with_running_numbers(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx", {"constant_memory": True})
    page = book.add_worksheet()
    page.write_row(0, 0, ["sku", "quantity"])
    for number in range(1, 60_001):
        if number not in {49_999, 50_000, 50_001}:
            page.write_row(number, 0, [f"S{number}", number])
    book.close()
    tables = list(XlsxReader().tables(tmp_path / "a.xlsx", XlsxLayout(kind="xlsx")))
    assert len(tables) == 2
    assert max(len(table.frame) for table in tables) <= 50_000
    frame = pl.concat(table.frame for table in tables)
    assert (frame["@row"] - 1).cast(pl.String).to_list() == frame["c1"].to_list()
    assert sum(table.blank for table in tables) == 3


def test_a_strict_workbook_is_read_while_it_is_small(workbook: Workbook) -> None:
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    path = workbook(HEADER + row(2, '<c r="A2"><v>1</v></c>'), namespace=strict)
    assert cells(read(path)) == [("1", "")]
    assert refused(path, max_cells=1).code == "FILE_FORMAT"


def test_a_layout_of_another_kind_is_a_programming_error(workbook: Workbook) -> None:
    layout = CsvLayout(kind="csv", delimiter=",", encoding="utf-8")
    with pytest.raises(TypeError, match="CsvLayout"):
        list(XlsxReader().tables(workbook(HEADER), layout))


def test_the_noise_of_float_arithmetic_is_not_read():
    numbers = pl.Series("n", [0.1 + 0.2, 1.1 * 3, 5e-5, 1 / 3, -2.675, 12.5, 7.0])
    assert float_text(numbers).to_list() == ["0.3", "3.3", "0.00005", "0.333333333333333", "-2.675", "12.5", "7"]
