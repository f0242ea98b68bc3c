"""Catalog rows as product imports: the operator's columns, categories, images, variants, free attributes."""

from __future__ import annotations

import csv
import io

import pytest
from pydantic import SecretStr, ValidationError

from gateway.destinations._categories import categories
from gateway.destinations.mirakl import MiraklDestination, MiraklSettings, product
from gateway.errors import SettingsError
from gateway.testing.clock import FakeClock


def settings(**more) -> MiraklSettings:
    return MiraklSettings(**{"host": "x.net", "api_key": SecretStr("k"), **more})


def encode(frame, table=None, **more):
    return list(product.encode(frame, "a:product", settings(**more), table))


def lines(batch) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(batch.body.decode()), delimiter=";"))


def test_columns_are_the_operators_codes(records):
    row = {"sku": "A", "product_id": "P", "name": 'A "b"; c', "brand": "Acme", "category": "Clothing\\Shirts",
           "price": "5", "quantity": "2"}  # fmt: skip
    (batch,) = encode(records(row), product_columns={"brand": "brand_name", "category": "cat"})
    assert lines(batch) == [
        {
            "shop_sku": "A",
            "variant_group_code": "P",
            "name": 'A "b"; c',
            "brand_name": "Acme",
            "cat": "Clothing\\Shirts",
        }
    ]
    assert (batch.operation, batch.slot) == ("product", "a:product")
    assert batch.memo == {"key": "sku", "tail": "", "first": "A"}
    assert batch.effects.rows() == [(100, 2)]


def test_columns_nothing_is_given_for_are_left_out(records):
    (batch,) = encode(records({"sku": "A", "name": None, "brand": ""}, {"sku": "B"}))
    assert [list(line.items()) for line in lines(batch)] == [
        [("shop_sku", "A"), ("brand", "")], [("shop_sku", "B"), ("brand", "")]
    ]  # fmt: skip


def test_free_attributes_have_their_own_columns(records):
    row = {"sku": "A", "attributes.color": "red|blue", "attributes.ecotax": "1"}
    (batch,) = encode(records(row))
    assert lines(batch) == [{"shop_sku": "A", "color": "red|blue", "ecotax": "1"}]
    (batch,) = encode(records(row), offer_columns={"attributes.ecotax": "ecotax"})
    assert lines(batch) == [{"shop_sku": "A", "color": "red|blue"}]


def test_images_take_their_columns_in_order(records):
    frame = records(
        {"sku": "A", "image_urls": "https://x/1|https://x/2|https://x/3"}, {"sku": "B", "image_urls": "https://y"}
    )
    (batch,) = encode(frame, image_columns=("main", "second"))
    assert lines(batch) == [
        {"shop_sku": "A", "main": "https://x/1", "second": "https://x/2"},
        {"shop_sku": "B", "main": "https://y", "second": ""},
    ]
    found = product.check(frame, settings(image_columns=("main", "second")), None)
    assert found.select("@row", "code", "detail").rows() == [
        (2, "DEST_PART_SENT", "the first 2 of 3 images, as many as image_columns has")
    ]


def test_variants_become_attributes_by_their_type(records):
    frame = records(
        {
            "sku": "A",
            "variant1_type": "Size",
            "variant1_value": "XL",
            "variant2_type": "Color",
            "variant2_value": "Blue",
        },
        {"sku": "B", "variant1_type": "Color", "variant1_value": "Red"},
    )
    more = {"variant_columns": {"Size": "size", "Color": "colour"}}
    (batch,) = encode(frame, **more)
    assert [(line["size"], line["colour"]) for line in lines(batch)] == [("XL", "Blue"), ("", "Red")]
    assert product.check(frame, settings(**more), None).height == 0
    found = product.check(frame, settings(variant_columns={"Size": "size"}), None)
    assert found.select("@row", "code", "field", "value").rows() == [
        (2, "DEST_LIMIT", "variant2_type", "Color"), (3, "DEST_LIMIT", "variant1_type", "Color")
    ]  # fmt: skip


def test_categories_are_translated_and_unknown_ones_told(records):
    frame = records({"sku": "A", "category": "Clothing\\Shirts"}, {"sku": "B", "category": "Toys"}, {"sku": "C"})
    table = {"Clothing\\Shirts": "CL-1"}
    (batch,) = encode(frame, table)
    assert [line["category"] for line in lines(batch)] == ["CL-1", "", ""]
    assert product.check(frame, settings(), table).select("@row", "field", "value").rows() == [(3, "category", "Toys")]
    assert product.check(frame, settings(), None).height == 0


def test_ended_rows_are_not_sent(records):
    first, second = encode(records({"sku": "A", "command": "end"}, {"sku": "B", "command": None}))
    assert lines(first) == [{"shop_sku": "B"}]
    assert (second.body, second.memo, second.effects["effect"].to_list()) == (b"", {"unsent": "nothing"}, [100])
    frame = records({"sku": "A", "command": "end", "category": "Toys"})
    assert product.check(frame, settings(), {"x": "y"}).height == 0


def test_batches_keep_their_size(records):
    batches = encode(records(*({"sku": f"S{n}"} for n in range(7))), product_batch_size=3)
    assert [batch.effects["line"].to_list() for batch in batches] == [[2, 3, 4], [2, 3, 4], [2]]
    assert [batch.memo["first"] for batch in batches] == ["S0", "S3", "S6"]


def test_nothing_gives_nothing(records):
    assert encode(records({"sku": "A"}).clear()) == []
    assert product.check(records({"sku": "A"}).clear(), settings(), None).height == 0


# ---------------------------------------------------------------- settings


def test_the_table_of_categories_is_read(tmp_path):
    path = tmp_path / "categories.csv"
    path.write_text("category;code\nClothing\\Shirts;CL-1\n\n", "utf-8")
    assert categories(path, "categories") == {"Clothing\\Shirts": "CL-1"}
    assert categories(None, "categories") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line"),
        ("a;b\nx;y\n", "first line"),
        ("category;code\nx\n", "csv:2"),
        ("category;code\nx;\n", "csv:2"),
    ],
)
def test_a_bad_table_of_categories_is_told_with_its_line(tmp_path, text, said):
    path = tmp_path / "categories.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=said):
        categories(path, "categories")


def test_a_missing_table_of_categories_stops_the_destination(tmp_path):
    made = settings(categories=tmp_path / "no.csv")
    with pytest.raises(SettingsError, match=r"no\.csv"):
        MiraklDestination(made, transport=object(), clock=FakeClock(), account="a", name="saks")


def test_the_code_column_is_needed():
    with pytest.raises(ValidationError, match="reports are tied"):
        settings(product_columns={"sku": ""})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"product_columns": {"skuu": "x"}}, "unknown contract field 'skuu'; did you mean 'sku'?"),
        ({"product_columns": {"brnd": ""}}, "unknown contract field 'brnd'; did you mean 'brand'?"),
        ({"offer_columns": {"lead_tme": "x"}}, "unknown contract field 'lead_tme'; did you mean 'lead_time'?"),
        ({"offer_columns": {"attribute.ecotax": "x"}}, "unknown contract field 'attribute.ecotax'"),
        ({"product_id_types": {"EAN13": "EAN"}}, "unknown barcode type of the contract 'EAN13'; did you mean 'EAN-13'"),
    ],
)
def test_a_word_that_is_no_field_of_the_contract_is_a_fault_with_the_nearest(table, said):
    with pytest.raises(ValidationError) as caught:
        settings(**table)
    assert said in str(caught.value)


def test_tables_are_laid_over_their_defaults():
    made = settings(product_columns={"name": "title", "brand": ""})
    assert (made.product_columns["name"], "brand" in made.product_columns) == ("title", False)
    assert made.product_columns["sku"] == "shop_sku"


def test_the_operation_never_ends_a_product():
    made = product.operation(settings())
    assert (made.contract, made.family, made.ends, made.interval) == ("catalog", "product", False, 900.0)
    assert "attributes.*" in made.fields
