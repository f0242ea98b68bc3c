"""Products and the stock of a catalog to batch files: exact bodies, what is required, what can't be expressed."""

from __future__ import annotations

import json

import pytest
from support.sage_records import OFFER, PLAIN, SHIRT, STAMP, body, build, checked, encode, judged, one


def test_a_product_with_variants():
    assert body("product", SHIRT) == (
        '[{"id":"TS-100","reference":"TS-100-XL-BL","name":"T-shirt","barCodeType":"EAN-13","barCode":"8412345678905",'
        '"netPrice":19.99,"tax":21,"discount":0,"discountByUnit":false,"brand":"Acme","category":"Clothing\\\\Shirts",'
        '"available":true,"relatedItems":"TS-200,TS-300","variant1Type":"Size","variant1Value":"XL",'
        '"variant2Type":"Color","variant2Value":"Blue","timestamp":"2024-05-02T09:29:58Z"}]'
    )


def test_a_product_with_little():
    assert body("product", PLAIN) == (
        '[{"id":"A-7","name":"Mug","netPrice":4,"tax":20,"discountByUnit":false,"available":true,'
        '"timestamp":"2024-05-02T09:29:58Z"}]'
    )


def test_every_other_property_of_a_product():
    row = PLAIN | {
        "reference": "R-1", "short_description": "A mug", "long_description": 'line\n"two" é', "discount": "12.5",
        "discount_by_unit": "true", "date_added": "2024-01-01T00:00:00Z", "available": "false",
    }  # fmt: skip
    item = one("product", row)
    assert list(item) == [
        "id", "reference", "name", "shortDescription", "longDescription", "netPrice", "tax", "discount",
        "discountByUnit", "dateAdded", "available", "timestamp",
    ]  # fmt: skip
    assert (item["longDescription"], item["discount"], item["discountByUnit"]) == ('line\n"two" é', 12.5, True)
    assert (item["available"], item["dateAdded"], item["reference"]) == (False, "2024-01-01T00:00:00Z", "R-1")


def test_the_whole_file_in_an_envelope():
    (batch,) = encode("product", SHIRT, PLAIN, envelope="wrapped")
    data = json.loads(batch.body)
    head = {name: value for name, value in data.items() if name != "items"}
    batch_id = batch.memo["batch"]
    assert head == {
        "domain": "ecommerce", "scope": "products", "batchId": batch_id, "createdAt": STAMP, "count": 2
    }  # fmt: skip
    assert batch.memo["file"] == f"acme_products_{batch_id}_0001.json"
    assert (batch.operation, batch.slot) == ("product", "a:products")


@pytest.mark.parametrize(
    ("given", "more", "expected"),
    [
        ({}, {"available": False}, {"available": False}),
        ({"available": "true"}, {"available": False}, {"available": True}),
        ({"available": "true", "command": "end"}, {}, {"available": False}),
        ({}, {"discount_by_unit": True}, {"discountByUnit": True}),
        ({"tax_rate": None}, {"tax_rate": "5.5"}, {"tax": 5.5}),
        ({"tax_rate": "0"}, {"tax_rate": "20"}, {"tax": 0}),
    ],
)
def test_what_a_row_leaves_open_the_company_says(given, more, expected):
    item = one("product", PLAIN | given, **more)
    assert {name: item[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"barcode": "8412345678905"}, "EAN-13"),
        ({"barcode": "96385074"}, "EAN-8"),
        ({"barcode": "036000291452"}, "UPC-A"),
        ({"barcode": "98412345678908"}, "GTIN-14"),
        ({"barcode": "12345"}, None),
        ({"barcode": "8412345678905", "barcode_type": "EAN-13"}, "EAN-13"),
        ({"barcode": "X1", "barcode_type": "CODE128"}, "CODE128"),
        ({}, None),
    ],
)
def test_types_of_barcodes(given, kind):
    assert one("product", PLAIN | given).get("barCodeType") == kind


def test_a_barcode_gets_its_lost_zeros_back():
    item = one("product", PLAIN | {"barcode": "36000291452", "barcode_type": "EAN-13"})
    assert item["barCode"] == "0036000291452"


def test_a_surcharge_is_said_where_the_contract_has_one():
    row = PLAIN | {"attributes.surcharge": "true"}
    assert "surcharge" not in one("product", row)
    assert one("product", row, contract_version="connected_cloud")["surcharge"] is True
    assert "surcharge" not in one("product", PLAIN, contract_version="connected_cloud")
    odd = PLAIN | {"attributes.surcharge": "yes"}
    found = checked("product", odd, contract_version="connected_cloud")
    assert found == [(2, "NOT_A_FLAG", "attributes.surcharge")]
    assert checked("product", odd) == []


def test_nulls_are_written_only_where_wanted():
    item = one("product", PLAIN, emit_nulls=True)
    assert {name for name, value in item.items() if value is None} == {
        "reference", "shortDescription", "longDescription", "barCodeType", "barCode", "discount", "dateAdded", "brand",
        "category", "relatedItems", "variant1Type", "variant1Value", "variant2Type", "variant2Value",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "more", "issues"),
    [
        ({}, {}, []),
        ({"name": None}, {}, [("name", "DEST_REQUIRED")]),
        ({"price": None}, {}, [("price", "DEST_REQUIRED")]),
        ({"tax_rate": None}, {}, [("tax_rate", "DEST_REQUIRED")]),
        ({"tax_rate": None}, {"tax_rate": "20"}, []),
        ({"timestamp": None}, {}, [("timestamp", "DEST_REQUIRED")]),
        ({"name": "x" * 61}, {}, [("name", "DEST_LIMIT")]),
        ({"name": "x" * 61}, {"length_profile": "none"}, []),
        ({"barcode": "x" * 61}, {}, [("barcode", "DEST_LIMIT")]),
        ({"related_skus": "A|B,C"}, {}, [("related_skus", "DEST_LIMIT")]),
        ({"long_description": "x" * 416_667}, {}, [("long_description", "DEST_LIMIT")]),
        ({"variant1_type": "Size", "variant1_value": "XL"}, {}, [("product_id", "DEST_REQUIRED")]),
        ({"sku": "a/b"}, {}, [("sku", "DEST_LIMIT")]),
        ({"command": "end"}, {}, []),
    ],
)
def test_what_a_product_must_be(given, more, issues):
    assert judged("product", PLAIN | given, **more) == issues


@pytest.mark.parametrize(
    ("more", "issues"),
    [
        ({}, []),
        ({"country": "GB"}, []),
        ({"country": "ES", "strict": True}, [("tax_rate", "T-RATE-STRICT")]),
        ({"country": "GB", "strict": True}, []),
    ],
)
def test_tax_rates_are_those_of_the_country(more, issues):
    assert judged("product", PLAIN, **more) == issues


def test_a_special_price_for_everything_is_refused_where_wanted():
    everything = OFFER | {"sku": None}
    assert judged("promotion", everything) == []
    assert judged("promotion", everything, strict=True) == [("sku", "SP-SEL-STRICT")]


def test_related_products_are_not_the_product_itself():
    assert judged("product", SHIRT | {"related_skus": "TS-100|X"}) == [("related_skus", "R-REL")]


def test_the_widest_product_fits_the_smallest_file():
    wide, long = "é" * 1000, "é" * (100_000 // 12)
    texts = ("sku", "reference", "short_description", "barcode_type", "barcode", "brand", "category", "name")
    variants = ("product_id", "variant1_type", "variant1_value", "variant2_type", "variant2_value")
    row = PLAIN | dict.fromkeys((*texts, *variants), wide) | {"long_description": long, "related_skus": "é" * 4000}
    small = {"max_bytes": 100_000, "length_profile": "none"}
    assert judged("product", row, **small) == []
    assert len(body("product", row, envelope="wrapped", **small).encode()) < 100_000


def test_products_that_mix_rows_with_and_without_variants_are_told():
    bare = PLAIN | {"sku": "TS-100"}
    assert checked("product", SHIRT, bare, PLAIN) == [(3, "DEST_LIMIT", "variant1_type")]


def test_two_rows_of_one_record_that_go_together_go_one_after_the_other():
    other = SHIRT | {"sku": "TS-100-OTHER", "price": "18"}
    first, second = encode("product", SHIRT, PLAIN, other, dedupe="last")
    assert [item["id"] for item in json.loads(first.body)] == ["TS-100", "A-7"]
    assert [(item["id"], item["netPrice"]) for item in json.loads(second.body)] == [("TS-100", 18)]
    assert first.effects.rows() + second.effects.rows() == [(0, 1), (1, 2), (2, 1)]
    assert (first.memo["file"][-9:], second.memo["file"][-9:]) == ("0001.json", "0002.json")


def test_the_stock_of_a_catalog_is_written_like_any_other():
    operations = [o for o in build().operations if o.family == "stock"]
    assert [(o.name, o.contract, o.when, o.after) for o in operations] == [
        ("stock", "stock", (), ("product",)),
        ("stock", "catalog", ("quantity",), ("product",)),
    ]
    assert {o.key for o in operations} == {("sku", "warehouse")}
    assert all("warehouse" not in rule.columns for rule in operations[1].requires)
    row = SHIRT | {"quantity": "14", "unit_name": "units", "minimum_to_sell": "1"}
    assert body("stock", row) == (
        '[{"productId":"TS-100","stock":14,"unitName":"units","minimumToSell":1,"variant1Type":"Size",'
        '"variant1Value":"XL","variant2Type":"Color","variant2Value":"Blue","timestamp":"2024-05-02T09:29:58Z"}]'
    )
