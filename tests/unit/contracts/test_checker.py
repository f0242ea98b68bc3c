from datetime import UTC, datetime

import polars as pl
import pytest

from gateway.contracts import check, contract
from gateway.contracts.checker import VALUE_LIMIT
from gateway.issues import with_text
from gateway.model import ISSUE_SCHEMA, LINE, ROW, Requirement

STOCK = contract("stock")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def rows(*records):
    names = [name for name in STOCK.fields if any(name in record for record in records)]
    places = {ROW: range(2, len(records) + 2), LINE: range(12, len(records) + 12)}
    cells = {name: pl.Series([record.get(name) for record in records], dtype=pl.String) for name in names}
    return pl.DataFrame({**{name: pl.Series(place, dtype=pl.Int64) for name, place in places.items()}, **cells})


def faults(checked):
    return [(row, code, field) for row, _, code, field, *_ in checked.issues.rows()]


def judge(*records, **more):
    return check(STOCK, rows(*records), **more)


def test_good_rows_bring_nothing():
    checked = judge({"sku": "a", "quantity": "0"}, {"sku": "b", "quantity": "1.5", "warehouse": ""})
    assert checked.good.to_list() == [True, True]
    assert checked.issues.schema == pl.Schema(ISSUE_SCHEMA)
    assert checked.issues.is_empty()


def test_no_rows_at_all():
    checked = check(STOCK, rows({"sku": "a", "quantity": "1"}).clear())
    assert checked.good.to_list() == []
    assert checked.good.dtype == pl.Boolean


def test_all_faults_of_all_rows_in_row_order_with_their_places():
    checked = judge(
        {"sku": "a", "quantity": "x", "command": "drop"},
        {"sku": "b", "quantity": "1"},
        {"sku": " c", "quantity": "-1"},
    )
    assert checked.good.to_list() == [False, True, False]
    assert checked.issues.rows() == [
        (2, 12, "NOT_A_NUMBER", "quantity", "x", ""),
        (2, 12, "NOT_LISTED", "command", "drop", "upsert, end"),
        (4, 14, "CHARACTERS", "sku", " c", "a space before or after it"),
        (4, 14, "TOO_SMALL", "quantity", "-1", "0"),
    ]
    assert with_text(checked.issues)["message"][1] == "command is not one of upsert, end: drop"


@pytest.mark.parametrize(("sku", "code"), [(None, "REQUIRED"), ("", "NOT_BLANK"), ("  ", "NOT_BLANK")])
def test_a_required_field_missing_empty_and_blank(sku, code):
    checked = judge({"sku": sku, "quantity": "1"})
    assert faults(checked) == [(2, code, "sku")]
    assert checked.issues["value"].to_list() == [sku]


def test_an_absent_required_column_is_missing_in_every_row():
    checked = judge({"quantity": "1"}, {"quantity": "2"})
    assert faults(checked) == [(2, "REQUIRED", "sku"), (3, "REQUIRED", "sku")]


def test_an_optional_field_may_be_missing_or_empty():
    fields = [name for name, one in STOCK.fields.items() if not one.required and name != "quantity"]
    empty = dict.fromkeys(fields, "")
    missing = dict.fromkeys(fields)
    checked = judge({"sku": "a", "quantity": "1", **empty}, {"sku": "b", "quantity": "1", **missing})
    assert checked.good.to_list() == [True, True]


@pytest.mark.parametrize("record", [{"quantity": None}, {}])
@pytest.mark.parametrize(
    ("command", "expected"),
    [(None, [(2, "REQUIRED", "quantity")]), ("", [(2, "REQUIRED", "quantity")]), ("end", [])],
)
def test_quantity_is_needed_unless_the_row_ends_the_article(record, command, expected):
    assert faults(judge({"sku": "a", "command": command, **record})) == expected


def test_an_empty_quantity_is_blank_and_zero_is_a_fact():
    checked = judge(
        {"sku": "a", "quantity": ""}, {"sku": "b", "quantity": "0"}, {"sku": "c", "quantity": "", "command": "end"}
    )
    assert faults(checked) == [(2, "NOT_BLANK", "quantity")]


def test_a_rule_is_silent_where_a_field_it_reads_is_at_fault():
    checked = judge({"sku": "a", "command": "ende"}, {"sku": "a", "quantity": "1", "variant1_type": "a\x00b"})
    assert faults(checked) == [(2, "NOT_LISTED", "command"), (3, "CHARACTERS", "variant1_type")]


def variant(*cells):
    names = ("variant1_type", "variant1_value", "variant2_type", "variant2_value")
    return {"sku": "a", "quantity": "1", **dict(zip(names, cells, strict=True))}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("Size", "XL", "Color", "Blue"), []),
        (("Size", "XL", "", None), []),
        (("Size", "", "", ""), [("V-PAIR", "variant1_value", "variant1_value is missing")]),
        ((None, "XL", None, None), [("V-PAIR", "variant1_type", "variant1_type is missing")]),
        (("Size", "XL", "Color", ""), [("V-PAIR", "variant2_value", "variant2_value is missing")]),
        (("", "", "Color", "Blue"), [("V-ORDER", "variant1_type", "")]),
        (("Größe", "XL", "GRÖSSE", "L"), []),
        (("Größe", "XL", "GRÖßE", "L"), [("V-DIST", "variant2_type", "")]),
        (("Size", "XL", "size", "L"), [("V-DIST", "variant2_type", "")]),
    ],
)
def test_variants(cells, expected):
    checked = judge(variant(*cells))
    assert checked.issues.select("code", "field", "detail").rows() == expected
    assert checked.good.to_list() == [not expected]


def test_a_minimum_above_the_stock_is_a_warning_that_leaves_the_row_good():
    checked = judge(
        {"sku": "a", "quantity": "2", "minimum_to_sell": "2.5"},
        {"sku": "b", "quantity": "0", "minimum_to_sell": "5"},
        {"sku": "c", "quantity": "10", "minimum_to_sell": "9"},
        {"sku": "d", "quantity": "x", "minimum_to_sell": "9"},
    )
    assert faults(checked) == [(2, "MINIMUM_ABOVE_STOCK", "minimum_to_sell"), (5, "NOT_A_NUMBER", "quantity")]
    assert checked.issues["detail"][0] == "2.5 of 2"
    assert checked.good.to_list() == [True, True, True, False]


def test_a_timestamp_more_than_a_day_ahead_is_a_warning_when_the_time_is_known():
    records = [
        {"sku": "a", "quantity": "2", "timestamp": "2026-11-23T12:00:00Z"},
        {"sku": "b", "quantity": "2", "timestamp": "2026-11-23T12:00:01Z"},
        {"sku": "c", "quantity": "2", "valid_from": "2027-11-23T12:00:01Z"},
    ]
    checked = judge(*records, now=NOW)
    assert faults(checked) == [(3, "C-UTC-FUTURE", "timestamp")]
    assert checked.good.all()
    assert judge(*records).issues.is_empty()


def known(*places, **more):
    frame = {ROW: [row for row, _ in places], "field": [field for _, field in places], **more}
    return pl.DataFrame(frame, schema_overrides={ROW: pl.Int64, "field": pl.String})


def test_a_cell_known_as_faulty_brings_nothing_more_and_spoils_its_row():
    records = [{"sku": "a", "quantity": None}, {"sku": "b", "quantity": None}, {"sku": "", "quantity": "x"}]
    checked = judge(*records, faulty=known((2, "quantity"), (4, "quantity")))
    assert faults(checked) == [(3, "REQUIRED", "quantity"), (4, "NOT_BLANK", "sku")]
    assert checked.good.to_list() == [False, False, False]


def test_a_fault_of_the_record_as_such_silences_the_whole_row():
    checked = judge({"sku": "", "quantity": "x"}, {"sku": "b", "quantity": "x"}, faulty=known((2, None)))
    assert faults(checked) == [(3, "NOT_A_NUMBER", "quantity")]
    assert checked.good.to_list() == [False, False]


def test_a_known_fault_under_a_source_header_silences_the_whole_row():
    checked = judge({"sku": "", "quantity": "x"}, faulty=known((2, "Artikel-Nr")))
    assert faults(checked) == []
    assert checked.good.to_list() == [False]


def test_known_warnings_and_rows_of_other_blocks_change_nothing():
    faulty = known((2, "quantity"), (99, "quantity"), code=["C-UTC-FUTURE", "MAP_NUMBER"])
    assert judge({"sku": "a", "quantity": "1"}, faulty=faulty).good.to_list() == [True]


def test_what_a_destination_requires():
    unit = pl.col("unit_name").str.len_chars() > 8
    requires = [
        Requirement("DEST_LIMIT", "unit_name", ("unit_name",), unit, "at most 8 characters"),
        Requirement("DEST_REQUIRED", "product_id", ("product_id",), pl.col("product_id").is_null(), "Sage"),
    ]
    checked = judge(
        {"sku": "a", "quantity": "1", "unit_name": "kilograms", "product_id": "p"},
        {"sku": "b", "quantity": "1", "unit_name": "kilo\x00grams"},
        requires=requires,
    )
    assert checked.issues.select(ROW, "code", "field", "value", "detail").rows() == [
        (2, "DEST_LIMIT", "unit_name", "kilograms", "at most 8 characters"),
        (3, "CHARACTERS", "unit_name", "kilo\x00grams", "control characters"),
        (3, "DEST_REQUIRED", "product_id", None, "Sage"),
    ]
    assert checked.good.to_list() == [False, False]


@pytest.mark.parametrize(("cell", "code"), [(None, "REQUIRED"), ("", "NOT_BLANK")])
def test_what_the_contract_and_a_destination_need_is_told_once(cell, code):
    needed = Requirement("DEST_REQUIRED", "quantity", ("quantity",), pl.col("quantity").fill_null("") == "")
    checked = judge({"sku": "a", "quantity": cell}, {"sku": "b", "quantity": "", "command": "end"}, requires=(needed,))
    assert faults(checked) == [(2, code, "quantity"), (3, "DEST_REQUIRED", "quantity")]


def test_a_requirement_on_a_column_the_file_does_not_fill():
    requires = [Requirement("DEST_REQUIRED", "warehouse", ("warehouse",), pl.col("warehouse").is_null(), "needed")]
    assert faults(judge({"sku": "a", "quantity": "1"}, requires=requires)) == [(2, "DEST_REQUIRED", "warehouse")]


def test_a_long_value_is_cut_in_the_issue():
    checked = judge({"sku": "x" * (VALUE_LIMIT + 1), "quantity": "1"}, {"sku": "x" * VALUE_LIMIT, "quantity": "1"})
    assert checked.issues["value"].to_list() == ["x" * VALUE_LIMIT + "…", "x" * VALUE_LIMIT]


def test_columns_that_are_not_text_are_a_mistake_of_the_caller():
    frame = rows({"sku": "a"}).with_columns(quantity=pl.lit(5))
    with pytest.raises(TypeError, match="not text: quantity"):
        check(STOCK, frame)


def test_columns_beside_the_contract_are_left_alone():
    frame = rows({"sku": "a", "quantity": "1"}).with_columns(note=pl.lit(1.5))
    assert check(STOCK, frame).good.to_list() == [True]
