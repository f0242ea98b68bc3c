"""Products, special prices and pictures to batch files: exact bodies, what is required, what can't be expressed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from gateway.contracts import contract
from gateway.destinations.sage import SageDestination, SageSettings
from gateway.issues import WARNINGS
from gateway.model import ISSUE_SCHEMA, KEY, LINE, REGULAR, ROW, Reference
from gateway.testing.clock import FakeClock

STAMP = "2024-05-02T09:29:58Z"
TODAY = date(2024, 5, 2)
SHIRT = {
    "sku": "TS-100-XL-BL",
    "product_id": "TS-100",
    "name": "T-shirt",
    "barcode_type": "EAN-13",
    "barcode": "8412345678905",
    "price": "19.99",
    "tax_rate": "21",
    "discount": "0",
    "discount_by_unit": "false",
    "brand": "Acme",
    "category": "Clothing\\Shirts",
    "available": "true",
    "related_skus": "TS-200|TS-300",
    "variant1_type": "Size",
    "variant1_value": "XL",
    "variant2_type": "Color",
    "variant2_value": "Blue",
    "timestamp": STAMP,
}
PLAIN = {"sku": "A-7", "name": "Mug", "price": "4", "tax_rate": "20", "timestamp": STAMP}
OFFER = {
    "promotion_id": "P1",
    "sku": "TS-100",
    "type": "percentage",
    "percentage": "15",
    "quantity_from": "2",
    "starts_at": "2024-05-31T22:00:00Z",
    "ends_at": "2024-06-30T21:59:59Z",
    "timestamp": STAMP,
}
PICTURE = {"sku": "A-7", "order": "1", "picture": "iVBORw0KGgo=", "timestamp": STAMP}


def build(**more) -> SageDestination:
    settings = SageSettings(**{"outbox": Path("out"), "results": Path("in"), "profile": "acme", **more})
    return SageDestination(settings, clock=FakeClock(), account="a", name="sage")


def frame(*rows: dict) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    made = pl.DataFrame({n: [row.get(n) for row in rows] for n in names}, schema=dict.fromkeys(names, pl.String))
    numbers = pl.int_range(2, pl.len() + 2, dtype=pl.Int64)
    return made.with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.format("k{}", pl.int_range(pl.len())).alias(KEY),
        numbers.alias(ROW),
        numbers.alias(LINE),
    )


def encode(operation: str, *rows: dict, **more):
    return list(build(**more).encode(operation, frame(*rows), Reference()))


def body(operation: str, *rows: dict, **more) -> str:
    (batch,) = encode(operation, *rows, **more)
    return batch.body.decode()


def one(operation: str, row: dict, **more) -> dict:
    (item,) = json.loads(body(operation, row, **more))
    return item


def judged(operation: str, row: dict, **more) -> list[tuple[str, str]]:
    """What the operation's requirements say of a row, with every field they read there."""
    destination = build(**more)
    found = next(o for o in destination.operations if o.name == operation)
    names = {name for rule in found.requires for name in rule.columns}
    full = frame(row).with_columns(pl.lit(None, pl.String).alias(n) for n in names - row.keys())
    told = [(r.field, r.code) for r in found.requires if full.select(r.where.fill_null(False)).item()]
    return [(field, code) for field, code in told if code not in WARNINGS]


def checked(operation: str, *rows: dict, **more) -> list[tuple[int, str, str]]:
    destination, records = build(**more), frame(*rows)
    found = destination.check(operation, records, Reference(), TODAY)
    assert found.schema == ISSUE_SCHEMA
    return found.select(ROW, "code", "field").rows()


# ---------------------------------------------------------------- products


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


# ---------------------------------------------------------------- stock of a catalog


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


# ---------------------------------------------------------------- special prices


def test_a_rate():
    assert body("promotion", OFFER) == (
        '[{"productId":"TS-100","dateFrom":"2024-05-31T22:00:00Z","dateTo":"2024-06-30T21:59:59Z","discount":"15",'
        '"discountByUnit":false,"quantityFrom":2,"timestamp":"2024-05-02T09:29:58Z"}]'
    )


def test_every_other_property_of_a_special_price():
    row = OFFER | {
        "sku": None, "product_id": None, "brand": "Acme", "category": "A\\B", "customer_id": "C1", "quantity_to": "9",
        "spent_from": "10.5", "spent_to": "99", "discount_by_unit": "true", "type": None,
    }  # fmt: skip
    assert list(one("promotion", row)) == [
        "dateFrom", "dateTo", "discount", "discountByUnit", "quantityFrom", "quantityTo", "totalSpentFrom",
        "totalSpentTo", "brand", "category", "customerId", "timestamp",
    ]  # fmt: skip


FINAL = OFFER | {"type": "final_price", "percentage": None}
AMOUNT = OFFER | {"type": "amount", "percentage": None, "amount": "2.5"}
AMOUNTS = {"special_price_bare_discount": "amount"}


@pytest.mark.parametrize(
    ("row", "more", "discount", "by_unit"),
    [
        (OFFER | {"percentage": "12.5"}, {"special_price_percent_sign": True}, "12.5%", False),
        (FINAL | {"price": "15", "regular_price": "20"}, {}, "25", False),
        (FINAL | {"price": "2", "regular_price": "3"}, {"special_price_percent_sign": True}, "33.3333%", False),
        (FINAL | {"price": "0", "regular_price": "3"}, {}, "100", False),
        (FINAL | {"price": "19.99", "regular_price": "19.99"}, {}, "0", False),
        (FINAL | {"price": "9999.99", "regular_price": "10000"}, {}, "0.0001", False),
        (FINAL | {"price": "15.5", "regular_price": "20"}, AMOUNTS, "4.5", True),
        (FINAL | {"price": "1.234567", "regular_price": "2.469134"}, {}, "50", False),
        (AMOUNT, AMOUNTS, "2.5", False),
        (AMOUNT | {"type": None}, AMOUNTS, "2.5", False),
    ],
)
def test_discounts(row, more, discount, by_unit):
    item = one("promotion", row, **more)
    assert (item["discount"], item["discountByUnit"]) == (discount, by_unit)
    assert judged("promotion", row, **more) == []


SENT = FINAL | {"price": "15", "regular_price": "20"}


@pytest.mark.parametrize(
    ("row", "more", "discount"),
    [
        (SENT | {REGULAR: None}, {}, "25"),
        (SENT | {REGULAR: "30"}, {}, "50"),
        (SENT | {REGULAR: "30"}, AMOUNTS, "15"),
        (OFFER | {REGULAR: "30"}, {}, "15"),
    ],
)
def test_a_final_price_is_reckoned_from_the_price_that_was_sent(row, more, discount):
    assert one("promotion", row, **more)["discount"] == discount


@pytest.mark.parametrize(
    ("row", "more", "issues"),
    [
        (SENT | {REGULAR: "30"}, {}, []),
        (SENT | {REGULAR: None}, {}, []),
        (SENT | {REGULAR: "12"}, {}, [("price", "SP-PRICE", "15 above 12, as it was sent")]),
        (SENT | {REGULAR: "12"}, AMOUNTS, [("price", "SP-PRICE", "15 above 12, as it was sent")]),
        (FINAL | {"price": "0", REGULAR: "0"}, {},
         [("price", "DEST_LIMIT", "no discount rate of four decimals leads to it from the price that was sent")]),
        (FINAL | {"price": "12345.67", REGULAR: "99999.99"}, {},
         [("price", "DEST_LIMIT", "no discount rate of four decimals leads to it from the price that was sent")]),
        (FINAL | {"price": "12345.67", REGULAR: "99999.99"}, AMOUNTS, []),
        (SENT | {REGULAR: "12", "command": "end"}, {}, []),
        (AMOUNT | {REGULAR: "2", "discount_by_unit": "true"}, AMOUNTS,
         [("amount", "SP-AMOUNT", "2.5 of 2, as it was sent")]),
        (AMOUNT | {REGULAR: "2.5", "discount_by_unit": "true"}, AMOUNTS, []),
        (AMOUNT | {REGULAR: "2", "discount_by_unit": "false"}, AMOUNTS, []),
        (OFFER | {"price": "99", REGULAR: "12"}, {}, []),
    ],
)  # fmt: skip
def test_before_it_is_written_a_final_price_is_checked_against_the_price_that_was_sent(row, more, issues):
    destination, records = build(**more), frame(row)
    reference = destination.gather("promotion", records)
    found = destination.check("promotion", records, reference, TODAY)
    assert found.schema == ISSUE_SCHEMA
    assert found.select("field", "code", "detail").rows() == issues
    assert destination.check("product", records, reference, TODAY).is_empty(), "what was judged is not judged again"


@pytest.mark.parametrize(
    ("row", "more", "issues"),
    [
        (FINAL | {"price": "15"}, {}, []),
        (FINAL | {"price": "15"}, AMOUNTS, []),
        (FINAL | {"price": "0", "regular_price": "0"}, {}, [("regular_price", "DEST_LIMIT")]),
        (FINAL | {"price": "99999999.98", "regular_price": "99999999.99"}, {}, [("price", "DEST_LIMIT")]),
        (FINAL | {"price": "99999999.98", "regular_price": "99999999.99"}, AMOUNTS, []),
        (AMOUNT, {}, [("amount", "DEST_LIMIT")]),
        (AMOUNT | {"type": None}, {}, [("amount", "DEST_LIMIT")]),
        (OFFER, AMOUNTS, [("percentage", "DEST_LIMIT")]),
        (AMOUNT | {"amount": "0"}, AMOUNTS, [("amount", "DEST_LIMIT")]),
        (AMOUNT | {"amount": "0", "command": "end"}, AMOUNTS, []),
        (OFFER, AMOUNTS | {"special_price_percent_sign": True}, []),
        (OFFER | {"type": "bundle", "buy_quantity": "3", "get_quantity": "1"}, {}, [("type", "DEST_LIMIT")]),
        (OFFER | {"limit_total": "10"}, {}, [("limit_total", "DEST_LIMIT")]),
        (OFFER | {"limit_per_customer": "1"}, {}, [("limit_per_customer", "DEST_LIMIT")]),
        (OFFER | {"status": "inactive"}, {}, [("status", "DEST_LIMIT")]),
        (OFFER | {"status": "active"}, {}, []),
        (OFFER | {"sku": "TS-100-XL", "product_id": "TS-100"}, {}, [("sku", "DEST_LIMIT")]),
        (OFFER | {"sku": "TS-100-XL", "product_id": "TS-100"}, {"promotion_variants": "ignore"}, []),
        (OFFER | {"timestamp": None}, {}, [("timestamp", "DEST_REQUIRED")]),
        (OFFER | {"command": "end"}, {"promotion_end": "refuse"}, [("command", "DEST_COMMAND")]),
        ({"sku": "A", "command": "end", "timestamp": STAMP}, {}, []),
        ({"sku": "A", "command": "end", "timestamp": STAMP}, AMOUNTS, [("amount", "DEST_REQUIRED")]),
        (AMOUNT | {"command": "end"}, AMOUNTS, []),
        (FINAL | {"price": "1", "regular_price": "2", "command": "end"}, AMOUNTS, []),
        (AMOUNT | {"command": "end"}, {}, []),
    ],
)
def test_what_a_special_price_can_not_say(row, more, issues):
    assert judged("promotion", row, **more) == issues


@pytest.mark.parametrize(
    ("window", "until"),
    [
        ({"starts_at": "2024-05-01T00:00:00Z", "ends_at": "2024-06-30T21:59:59Z"}, STAMP),
        ({"starts_at": "2024-05-01T00:00:00Z", "ends_at": None}, STAMP),
        ({"starts_at": None, "ends_at": "2024-05-01T00:00:00Z"}, "2024-05-01T00:00:00Z"),
        ({"starts_at": "2024-05-31T22:00:00Z", "ends_at": None}, "2024-05-31T22:00:00Z"),
    ],
)
def test_an_ended_special_price_ends_at_the_time_of_the_row(window, until):
    item = one("promotion", OFFER | window | {"command": "end"})
    assert (item["dateTo"], item["discount"]) == (until, "15")


def test_a_special_price_that_a_full_file_left_out_ends_without_a_discount():
    gone = {"sku": "A", "starts_at": "2024-05-01T00:00:00Z", "command": "end", "timestamp": STAMP}
    assert one("promotion", gone) == {
        "productId": "A", "dateFrom": "2024-05-01T00:00:00Z", "dateTo": STAMP, "discount": "0",
        "discountByUnit": False, "timestamp": STAMP,
    }  # fmt: skip


def test_row_keys_of_special_prices_say_all_they_are_about():
    (batch,) = encode("promotion", OFFER)
    from gateway.destinations.sage import batches  # noqa: PLC0415  one test looks inside

    key = "TS-100////2024-05-31T22:00:00Z/2024-06-30T21:59:59Z/2///"
    assert batches.unpack(batch.memo["rows"]) == {key: [1]}


def told_apart(operation: str, *rows: dict, **more) -> int:
    """How many records the rows are to Sage."""
    found = next(o for o in build(**more).operations if o.name == operation)
    assert found.alone is (more.get("dedupe", "refuse") == "refuse")
    names = {*found.record.meta.root_names()} - {name for row in rows for name in row}
    full = frame(*rows).with_columns(pl.lit(None, pl.String).alias(name) for name in names)
    return full.select(found.record).n_unique()


def test_special_prices_that_sage_can_not_tell_apart():
    assert told_apart("promotion", OFFER, OFFER | {"promotion_id": "P2"}) == 1
    assert told_apart("promotion", OFFER, OFFER | {"command": "end", "timestamp": "2024-06-01T00:00:00Z"}) == 1
    assert told_apart("promotion", OFFER, OFFER | {"promotion_id": "P2", "quantity_from": "3"}, dedupe="last") == 2


def test_amounts_have_a_basis_and_rates_have_none():
    def terms(**more):
        return next(o for o in build(**more).operations if o.name == "promotion").prices

    assert terms() is None
    found = terms(special_price_bare_discount="amount", currency="GBP", tax_rate="20")
    assert (found.basis, found.decimals, found.currency, found.tax_rate) == ("net", 2, "GBP", "20")
    assert found.fields == ("price", "amount", "regular_price")


# ---------------------------------------------------------------- pictures


def test_a_picture():
    assert body("picture", PICTURE) == (
        '[{"productId":"A-7","order":1,"picture":"iVBORw0KGgo=","timestamp":"2024-05-02T09:29:58Z"}]'
    )
    more = {"product_id": "P", "description": "front", "variant1_type": "Size", "variant1_value": "XL"}
    item = one("picture", PICTURE | more)
    assert list(item) == [
        "productId", "order", "description", "picture", "variant1Type", "variant1Value", "timestamp"
    ]  # fmt: skip


def test_few_pictures_per_file():
    rows = [PICTURE | {"order": str(number)} for number in range(45)]
    assert [batch.effects.height for batch in encode("picture", *rows)] == [20, 20, 5]


@pytest.mark.parametrize(
    ("given", "more", "issues"),
    [
        ({}, {}, []),
        ({"picture": None}, {}, [("picture", "DEST_REQUIRED")]),
        ({"picture": None, "command": "end"}, {}, [("command", "DEST_COMMAND")]),
        ({"picture": "A" * 17}, {"picture_max_bytes": 12}, [("picture", "DEST_LIMIT")]),
        ({"picture": "A" * 16}, {"picture_max_bytes": 12}, []),
        ({"picture": "A" * 50_000}, {"max_bytes": 100_000}, []),
        ({"picture": "A" * 50_004}, {"max_bytes": 100_000}, [("picture", "DEST_LIMIT")]),
    ],
)
def test_what_a_picture_must_be(given, more, issues):
    assert judged("picture", PICTURE | given, **more) == issues


def test_pictures_of_one_place_are_one():
    red = {"product_id": "A-7", "variant1_type": "Colour", "variant1_value": "red"}
    assert told_apart("picture", PICTURE | red, PICTURE | red | {"sku": "A-8"}) == 1
    assert told_apart("picture", PICTURE | red, PICTURE | red | {"sku": "A-8", "order": "2"}) == 2


@pytest.mark.parametrize(
    ("one", "other", "records"),
    [
        ({"sku": "A-7", "product_id": "A-7"}, {"sku": "A-7"}, 1),
        ({"sku": "1", "product_id": "A-7"}, {"sku": "1", "product_id": "A-7"}, 1),
        ({"sku": "1", "product_id": "A-7"}, {"sku": "2", "product_id": "A-7"}, 2),
        ({"sku": "1", "product_id": "A-7"}, {"sku": "A-7"}, 2),
    ],
)
@pytest.mark.parametrize("operation", ["picture", "stock"])
def test_a_code_beside_its_product_may_be_that_of_a_variant(operation, one, other, records):
    base = PICTURE if operation == "picture" else {"quantity": "1", "timestamp": STAMP}
    assert told_apart(operation, base | one, base | other) == records


# ---------------------------------------------------------------- as data


def test_the_operations_as_data():
    found = {(o.name, o.contract): o for o in build().operations}
    assert list(found) == [
        ("stock", "stock"), ("stock", "catalog"), ("product", "catalog"), ("promotion", "promotion"),
        ("picture", "picture"),
    ]  # fmt: skip
    assert {o.family for o in found.values()} == {"stock", "product", "promotion", "picture"}
    product = found["product", "catalog"]
    assert (product.prices.basis, product.prices.decimals, product.measure) == ("net", 2, "price")
    assert (product.prices.currency, product.prices.tax_rate, product.after) == (None, None, ())
    assert all(o.after == ("product",) for o in found.values() if o.family != "product")
    assert {o.family for o in found.values() if not o.ends} == {"product", "picture"}
    promotion = found["promotion", "promotion"]
    assert [o.name for o in found.values() if o.gathers] == ["stock", "stock", "promotion", "picture"]
    assert (promotion.regular, promotion.reckoned) == ("product", True)
    assert promotion.key[0] == "sku"
    assert {*contract("promotion").key} < {*promotion.key}
    assert not next(o for o in build(**AMOUNTS).operations if o.name == "promotion").ends
    assert "attributes.*" in next(
        o.fields for o in build(contract_version="connected_cloud").operations if o.name == "product"
    )


@pytest.mark.parametrize(
    "wrong",
    [{"product_scope": "productstocks"}, {"currency": "eur"}, {"tax_rate": "20%"}, {"tax_rate": "100.5"}],
)
def test_settings_that_can_not_work_are_refused(wrong):
    with pytest.raises(ValidationError):
        build(**wrong)
