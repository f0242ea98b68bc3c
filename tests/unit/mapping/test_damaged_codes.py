"""Codes of which a spreadsheet made something else when they were typed in."""

import datetime as dt
import io
import zipfile
from decimal import Decimal

import polars as pl
import pytest
import xlsxwriter

from gateway.contracts import contract
from gateway.formats.layout import XlsxLayout
from gateway.mapping import MappingFile, compile_mapping
from gateway.readers import reader_for

HEAD = ("code", "other", "name", "added")
FIELDS = {"sku": "code", "name": "name", "date_added": {"column": "added", "zone": "UTC"}}
DAY = dt.date(2026, 1, 5)


def workbook(*rows):
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    sheet, dates = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
    for number, cells in enumerate((HEAD, *rows)):
        for column, held in enumerate(cells):
            if isinstance(held, dt.date):
                sheet.write_datetime(number, column, dt.datetime(held.year, held.month, held.day), dates)
            elif isinstance(held, dt.time):
                sheet.write_datetime(number, column, held, book.add_format({"num_format": "hh:mm"}))
            else:
                sheet.write(number, column, held)
    book.close()
    return out.getvalue()


def draft(folder, fields, *rows, **more):
    path = folder / "catalog.xlsx"
    path.write_bytes(workbook(*rows))
    layout = {"kind": "xlsx"}
    given = {"contract": "catalog", "version": 1, "format": layout, "fields": fields, **more}
    mapping = MappingFile.model_validate(given)
    (table,) = reader_for(mapping.format).tables(path, mapping.format)
    return compile_mapping(mapping, table.headers, contract("catalog").traits).apply(table)


def told(found):
    return found.issues.select("@row", "code", "field", "value").rows()


def test_a_code_that_became_a_date_a_time_or_a_flag_is_no_code(tmp_path):
    rows = [(DAY, "", "1"), (True, "", "2"), (dt.time(1, 30), "", "3"), (105, "", "4"), ("5-1", "", "5")]
    found = draft(tmp_path, FIELDS, *rows)
    assert found.frame["sku"].to_list() == [None, None, None, "105", "5-1"]
    assert told(found) == [
        (2, "SPREADSHEET_DAMAGE", "sku", "2026-01-05"),
        (3, "SPREADSHEET_DAMAGE", "sku", "true"),
        (4, "SPREADSHEET_DAMAGE", "sku", "01:30:00"),
    ]


ROUNDED = [1.23456789012346e19, 1.23456789012345e17, 1e20, 1e-7, 1234567890123450]


def test_a_number_that_a_spreadsheet_rounds_is_no_code(tmp_path):
    kept = [123456789012345, 5012345678900, 12.5, "12345678901234567890", 0.01, 1234567890123456]
    found = draft(tmp_path, FIELDS, *((code, "", "1") for code in [*ROUNDED, *kept]))
    assert [(code, field) for _, code, field, _ in told(found)] == [("SPREADSHEET_DAMAGE", "sku")] * len(ROUNDED)
    assert found.frame["sku"].to_list() == [None] * len(ROUNDED) + [str(code) for code in kept]
    assert found.issues["detail"].unique().to_list() == [", or rounded as a number"]


@pytest.mark.parametrize("padding", [b"", b" ", b"\n      "])
@pytest.mark.parametrize("large", [False, True])
def test_a_code_that_a_program_stored_in_full_is_one_however_long_it_is(tmp_path, large, padding):
    codes = [340123450000000018, 1234567890123456, 89014103211118510721, 12345678901234568, 340123450000000000]
    path = tmp_path / "catalog.xlsx"
    with zipfile.ZipFile(io.BytesIO(workbook(*((100 + row, "", "1") for row in range(5))))) as made:
        parts = {name: made.read(name) for name in made.namelist()}
    with zipfile.ZipFile(path, "w") as out:
        for name, part in parts.items():
            stored = part
            for row, code in enumerate(codes):
                stored = stored.replace(b"<v>%d</v>" % (100 + row), b"<v>%s%d%s</v>" % (padding, code, padding))
            out.writestr(name, stored)
    layout = XlsxLayout(kind="xlsx", max_cells=1) if large else XlsxLayout(kind="xlsx")
    mapping = MappingFile.model_validate({"contract": "catalog", "version": 1, "format": layout, "fields": FIELDS})
    (table,) = reader_for(layout).tables(path, layout)
    found = compile_mapping(mapping, table.headers, contract("catalog").traits).apply(table)
    assert found.frame["sku"].to_list() == [*map(str, codes[:3]), None, None]


@pytest.mark.parametrize("number", ROUNDED)
def test_what_it_rounds_is_a_number_all_the_same(tmp_path, number):
    found = draft(tmp_path, {**FIELDS, "quantity": "other"}, ("a", number, "1"))
    assert (found.frame["quantity"].to_list(), told(found)) == ([f"{Decimal(str(number)):f}"], [])


def test_a_size_that_became_a_date_is_told_of_and_stays(tmp_path):
    fields = {**FIELDS, "variant1_value": "other"}
    found = draft(tmp_path, fields, ("a", DAY, "1"), ("b", dt.time(1, 30), "2"), ("c", "5-1", "3"), ("d", 38, "4"))
    assert found.frame["variant1_value"].to_list() == ["2026-01-05", "01:30:00", "5-1", "38"]
    assert told(found) == [
        (2, "CELL_DATE", "variant1_value", "2026-01-05"), (3, "CELL_DATE", "variant1_value", "01:30:00")
    ]  # fmt: skip


def test_texts_and_dates_may_be_dates(tmp_path):
    found = draft(tmp_path, FIELDS, ("a", "", DAY, DAY))
    assert found.frame.select("name", "date_added").rows() == [("2026-01-05", "2026-01-05T00:00:00Z")]
    assert told(found) == []


LOST = [DAY, True, dt.time(1, 30), 12345678901234500, 12345678901234567.0]


@pytest.mark.parametrize(
    "given",
    [
        {"first": ["code", "other"]},
        {"join": ["other", "code"], "with": "-"},
        {"column": "code", "replace": [["[ -]", ""]]},
        {"column": "code", "replace": [["^(....)-(..)-(..)$", "$1$2$3"]]},
        {"column": "code", "extract": "^(.*)$"},
        {"column": "code", "split": "-", "part": 1},
        {"column": "code", "words": {"old": "new"}, "else": "keep"},
        {"column": "code", "number": "1.234,5"},
    ],
)
@pytest.mark.parametrize("field", ["sku", "barcode"])
def test_whatever_a_mapping_makes_of_a_lost_code_it_stays_lost(tmp_path, field, given):
    rows = [(code, "", "n") for code in [*LOST, 5012345678900]]
    found = draft(tmp_path, {**FIELDS, field: given}, *rows)
    assert found.frame[field].to_list() == [*[None] * len(LOST), "5012345678900"]
    damaged = found.issues.filter(pl.col("field") == field)
    assert damaged.select("@row", "code").rows() == [(row, "SPREADSHEET_DAMAGE") for row in range(2, 2 + len(LOST))]


def test_each_entry_of_a_list_of_codes_is_one(tmp_path):
    fields = {**FIELDS, "related_skus": {"column": "other", "separators": [","], "with": "|"}}
    found = draft(tmp_path, fields, ("a", DAY, "1"), ("b", "5-1,2026-01-05", "2"))
    assert found.frame["related_skus"].to_list() == [None, "5-1|2026-01-05"]
    assert told(found) == [(2, "SPREADSHEET_DAMAGE", "related_skus", "2026-01-05")]


def test_texts_keep_going_through_the_steps(tmp_path):
    found = draft(tmp_path, {**FIELDS, "sku": {"column": "code", "replace": [["-", ""]]}}, ("2026-01-05", "", "n"))
    assert (found.frame["sku"].to_list(), told(found)) == (["20260105"], [])


@pytest.mark.parametrize("given", [{"words": {"true": "new"}}, {"words": {"true": "new"}, "else": "empty"}])
def test_a_table_that_lists_all_there_is_says_what_true_means(tmp_path, given):
    found = draft(tmp_path, {**FIELDS, "condition": {"column": "other", **given}}, ("a", True, "1"))
    assert (found.frame["condition"].to_list(), told(found)) == (["new"], [])


def test_a_code_may_be_joined_of_what_is_a_date_by_agreement(tmp_path):
    found = draft(tmp_path, {**FIELDS, "sku": {"join": ["code", "added"], "with": "/"}}, ("a", "", "n", DAY))
    assert (found.frame["sku"].to_list(), told(found)) == (["a/2026-01-05"], [])
    found = draft(tmp_path, {**FIELDS, "sku": {"join": ["code", "added"], "with": "/"}}, (DAY, "", "n", DAY))
    assert told(found) == [(2, "SPREADSHEET_DAMAGE", "sku", "2026-01-05")]


@pytest.mark.parametrize(("fill", "wrong"), [([], [2]), (["other"], [2, 3])])
def test_what_a_condition_leaves_out_is_not_asked(tmp_path, fill, wrong):
    given = {"column": "code", "when": {"column": "other", "is": "x"}}
    rows = [(DAY, "x", "1"), (DAY, "", "2")]
    found = draft(tmp_path, {**FIELDS, "sku": given}, *rows, fill_down=fill)
    assert [row for row, *_ in told(found)] == wrong


def test_other_files_have_no_spreadsheet_to_blame(tmp_path):
    path = tmp_path / "catalog.json"
    path.write_text('[{"code": true, "name": "n", "added": ""}]', "utf-8")
    mapping = MappingFile.model_validate(
        {"contract": "catalog", "version": 1, "format": {"kind": "json"}, "fields": FIELDS}
    )
    (table,) = reader_for(mapping.format).tables(path, mapping.format)
    applier = compile_mapping(mapping, table.headers, contract("catalog").traits)
    assert told(applier.apply(table)) == []


def test_the_codes_of_a_contract():
    assert contract("catalog").codes >= {"sku", "product_id", "reference", "barcode", "related_skus", "vendor_ids"}
    assert not contract("catalog").codes & {"name", "price", "date_added", "available", "category"}
