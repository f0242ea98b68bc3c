import polars as pl
import pytest

from gateway.contracts import contract
from gateway.model import ISSUE_SCHEMA, LINE, ROW

STOCK = contract("stock")


def rule(code):
    return next(one for one in STOCK.rows_rules if one.code == code)


def found(code, *records):
    frame = STOCK.complete(pl.DataFrame(records, infer_schema_length=None))
    places = pl.int_range(2, len(records) + 2)
    frame = frame.select(places.alias(ROW), places.alias(LINE), STOCK.key_expr(), *STOCK.fields)
    concerned = rule(code).concerned(frame)
    assert concerned.columns == [ROW, LINE, *rule(code).columns]
    # the order in which a partition comes must not matter
    issues = rule(code).find(concerned.reverse())
    assert issues.schema == pl.Schema(ISSUE_SCHEMA)
    assert issues.equals(rule(code).find(concerned))
    return issues.select(ROW, "value", "detail").rows()


def test_all_rows_of_a_key_are_duplicates_and_name_another():
    records = [{"sku": sku, "warehouse": place} for sku, place in [("a", "W"), ("b", "W"), ("a", "V"), ("a", "W")]]
    assert found("DUPLICATE_KEY", *records) == [(2, "a / W", "also in row 5"), (5, "a / W", "also in row 2")]


def test_more_than_two_rows_of_a_key_are_counted():
    records = [{"sku": "a"}] * 4
    details = [detail for _, _, detail in found("DUPLICATE_KEY", *records)]
    assert details == ["also in row 3 and in 2 more", *["also in row 2 and in 2 more"] * 3]


def test_missing_and_empty_warehouse_are_one_key():
    records = [{"sku": "a", "warehouse": None}, {"sku": "a", "warehouse": ""}]
    assert found("DUPLICATE_KEY", *records) == [(2, "a", "also in row 3"), (3, "a", "also in row 2")]


@pytest.mark.parametrize("sku", [None, ""])
def test_rows_without_a_key_are_no_duplicates(sku):
    assert found("DUPLICATE_KEY", {"sku": sku, "warehouse": "W"}, {"sku": sku, "warehouse": "W"}) == []


def piece(product, first=None, second=None):
    values = {"variant1_value": first and "v", "variant2_value": second and "w"}
    return {"sku": "s", "product_id": product, "variant1_type": first, "variant2_type": second, **values}


def test_types_in_another_order_are_told_to_every_row_of_the_product():
    assert found(
        "V-CONS",
        piece("p", "Size", "Color"),
        piece("p", "Size", "Color"),
        piece("q", "Size"),
        piece("p", "Color", "Size"),
        piece("q", "Size", ""),
    ) == [
        (2, "Size", "Size, Color here, Color, Size in row 5"),
        (3, "Size", "Size, Color here, Color, Size in row 5"),
        (5, "Color", "Color, Size here, Size, Color in row 2"),
    ]


@pytest.mark.parametrize(
    "records",
    [
        (piece("p", "Size"), piece("q", "Color")),
        (piece("", "Size"), piece("", "Color")),
        (piece(None, "Size"), piece(None, "Color")),
        (piece("p", "Size"), piece("p")),
        (piece("p", "Size"), {**piece("p", "Color"), "variant1_value": ""}),
    ],
)
def test_types_are_not_compared_across_products_nor_with_rows_at_fault_or_without_variants(records):
    assert found("V-CONS", *records) == []


def test_rows_without_variants_beside_rows_with_them():
    records = (piece("p"), piece("p", "Size"), piece("q"), piece("p", "", ""), piece("r", "Size"), piece("p", "Size"))
    assert found("V-MIX", *records) == [
        (2, None, "none here, some in row 3"),
        (5, None, "none here, some in row 3"),
    ]


def test_rules_answer_an_empty_part():
    frame = STOCK.complete(pl.DataFrame(schema={ROW: pl.Int64, LINE: pl.Int64, "sku": pl.String}))
    frame = frame.with_columns(STOCK.key_expr())
    for one in STOCK.rows_rules:
        assert one.find(one.concerned(frame)).is_empty()
