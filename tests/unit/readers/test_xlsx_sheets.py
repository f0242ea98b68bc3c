"""Sheets of workbooks: where the header stands, which rows and columns there are, and which sheet is read."""

from pathlib import Path

import openpyxl
import polars as pl
import xlsxwriter
from support.workbooks import HEADER, Workbook, both, cells, read, refused, row

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def test_rows_and_columns_without_values_do_no_harm(workbook: Workbook) -> None:
    ghosts = "".join(
        f'<row r="{number}" s="1" customFormat="1"><c r="A{number}" s="1"/></row>' for number in (6, 1048576)
    )
    body = (
        HEADER
        + row(2, '<c r="A2"><v>1</v></c>', '<c r="B2"><v>2</v></c>', '<c r="XFD2" s="1"/>')
        + row(3, '<c r="A3" s="1"/>')
        + row(4, '<c r="A4" t="inlineStr"><is><t> </t></is></c>')
        + row(5, '<c r="B5"><v>3</v></c>')
        + ghosts
    )
    table = both(workbook(body))
    assert table.headers == ("code", "held")
    assert table.frame["@row"].to_list() == [2, 5]
    assert table.frame["@line"].to_list() == [2, 5]
    assert table.blank == 2
    assert cells(table) == [("1", "2"), ("", "3")]


def test_ghost_rows_down_to_the_last_are_not_read(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx", {"constant_memory": True})
    page = book.add_worksheet()
    style = book.add_format({"bold": True})
    page.write_row(0, 0, ["sku", "quantity"])
    page.write_row(1, 0, ["A", 1])
    for number in range(2, 120_000):
        page.write_blank(number, 0, None, style)
    page.write_blank(1_048_575, 0, None, style)
    book.close()
    table = read(tmp_path / "a.xlsx")
    assert cells(table) == [("A", "1")]
    assert table.blank == 0


def test_a_stray_cell_far_off_is_named_instead_of_filling_memory(workbook: Workbook) -> None:
    body = HEADER + row(2, '<c r="A2"><v>1</v></c>') + row(1048576, '<c r="XFD1048576"><v>1</v></c>')
    fault = refused(workbook(body))
    assert fault.code == "FILE_TOO_LARGE"
    assert "16384 columns" in fault.message


def test_cells_may_stand_in_any_order(workbook: Workbook) -> None:
    body = row(3, '<c r="B3"><v>4</v></c>', '<c r="A3"><v>3</v></c>') + HEADER + row(2, '<c r="A2"><v>1</v></c>')
    assert cells(read(workbook(body))) == [("1", ""), ("3", "4")]


def test_a_merged_header_names_every_column_of_the_merge(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.append(["sku", "stock", None, "price"])
    page.append([None, "shop", "store", None])
    page.append(["A", 1, 2, 3])
    for merge in ("A1:A2", "B1:C1", "D1:D2"):
        page.merge_cells(merge)
    book.save(tmp_path / "a.xlsx")
    assert both(tmp_path / "a.xlsx").headers == ("sku", "stock", "stock", "price")
    table = both(tmp_path / "a.xlsx", header=2)
    assert table.headers == ("sku", "shop", "store", "price")
    assert cells(table) == [("A", "1", "2", "3")]


def test_data_right_of_the_header_keeps_its_columns(workbook: Workbook) -> None:
    table = both(
        workbook(HEADER + row(2, '<c r="A2"><v>1</v></c>', '<c r="D2"><v>note 1</v></c>').replace("note 1", "5"))
    )
    assert table.headers == ("code", "held", "", "")
    assert cells(table) == [("1", "", "", "5")]


def test_the_header_is_found_by_its_texts(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    for line in (["Stock list"], [], [" SKU ", "Qty"], ["A", 1], [], ["B", 2]):
        page.append(line)
    book.save(tmp_path / "a.xlsx")
    table = both(tmp_path / "a.xlsx", header="find", find=("qty", "sku"))
    assert table.headers == (" SKU ", "Qty")
    assert table.frame["@row"].to_list() == [4, 6]
    assert table.blank == 1
    fault = refused(tmp_path / "a.xlsx", header="find", find=("ean",))
    assert fault.code == "FILE_HEADER"
    assert "ean" in fault.message


def test_no_header(workbook: Workbook) -> None:
    path = workbook(row(2, '<c r="B2"><v>1</v></c>') + row(4, '<c r="C4"><v>2</v></c>'))
    table = both(path, header="none")
    assert table.headers == ("", "", "")
    assert cells(table) == [("", "1", ""), ("", "", "2")]
    assert table.frame["@row"].to_list() == [2, 4]
    assert table.blank == 2
    assert len(both(path, header="none", columns=5).headers) == 5


def test_an_empty_header_row_and_an_empty_sheet(workbook: Workbook) -> None:
    assert refused(workbook(row(2, '<c r="A2"><v>1</v></c>'))).code == "FILE_HEADER"
    assert refused(workbook("")).code == "FILE_EMPTY"
    assert refused(workbook(sheet=f'<worksheet xmlns="{MAIN}"><sheetData/></worksheet>')).code == "FILE_EMPTY"
    table = both(workbook(HEADER))
    assert len(table.frame) == 0
    assert table.headers == ("code", "held")
    assert table.frame.schema == {"@row": pl.Int64, "@line": pl.Int64, "c0": pl.String, "c1": pl.String}


def test_sheets_by_name_and_by_position_among_the_visible(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Lists"
    book.active.sheet_state = "hidden"
    book.active.append(["hidden"])
    for title in ("Stock", "Prices"):
        book.create_sheet(title).append([title])
    book.active = 1
    book.save(tmp_path / "a.xlsx")
    assert both(tmp_path / "a.xlsx").headers == ("Stock",)
    assert both(tmp_path / "a.xlsx", sheet=2).headers == ("Prices",)
    assert both(tmp_path / "a.xlsx", sheet=" prices ").headers == ("Prices",)
    assert both(tmp_path / "a.xlsx", sheet="Lists").headers == ("hidden",)
    for wanted in (3, 0, "Catalog"):
        fault = refused(tmp_path / "a.xlsx", sheet=wanted)
        assert fault.code == "FILE_SHEET"
        assert "'Stock', 'Prices'" in fault.message
