"""What the contracts of catalog, prices, promotions and pictures ask, told by one record each."""

import base64
from datetime import UTC, datetime

import jsonschema
import polars as pl
import pytest
from support import pictures

from gateway.contracts import check, contract
from gateway.contracts.offers import promotion_type
from gateway.model import LINE, ROW

NOW = datetime(2026, 11, 22, tzinfo=UTC)
JPEG = pictures.cell(pictures.JPEG)


def codes(name, record):
    """Codes and fields that both sides of the contract find."""
    agreed = contract(name)
    frame = pl.DataFrame({ROW: [2], LINE: [2], **{field: [text] for field, text in record.items()}})
    found = check(agreed, frame.with_columns(pl.col(pl.Null).cast(pl.String)), now=NOW).issues
    verdict = agreed.row_verdict(record, now=NOW)
    assert sorted(found.select("code", "field").rows()) == sorted((one.code, one.field) for one in verdict)
    return [(one.code, one.field) for one in verdict]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"price": "0", "price_basis": "net"}, []),
        ({"price": "19.99"}, [("PRICE_BASIS", "price_basis")]),
        ({"price": "19.99", "command": "end"}, []),
        ({"price": "19.99", "price_basis": ""}, [("PRICE_BASIS", "price_basis")]),
        ({"price": "19.99", "price_basis": "with tax"}, [("NOT_LISTED", "price_basis")]),
        ({"price": "-1", "price_basis": "net"}, [("TOO_SMALL", "price")]),
        ({"price": "19.9912345", "price_basis": "net"}, [("DECIMALS", "price")]),
        ({"tax_rate": "0.21"}, [("T-FRAC", "tax_rate")]),
        ({"tax_rate": "101"}, [("TOO_LARGE", "tax_rate")]),
        ({"discount": "0.5"}, [("C-RATE", "discount")]),
        ({"discount": "0.5", "command": "end"}, []),
        ({"currency": "eur"}, [("NOT_A_CURRENCY", "currency")]),
        ({"related_skus": "b|a|c"}, [("R-REL", "related_skus")]),
        ({"related_skus": "b|aa"}, []),
        ({"related_skus": "b|b"}, [("LISTED_TWICE", "related_skus")]),
        ({"quantity": "1.5", "unit_name": "Units"}, [("C-QTY", "quantity")]),
        ({"quantity": "1.5", "unit_name": "litres"}, []),
        ({"quantity": "1", "minimum_to_sell": "2"}, [("MINIMUM_ABOVE_STOCK", "minimum_to_sell")]),
        ({"variant1_type": "Size"}, [("V-PAIR", "variant1_value")]),
        ({"category": "a/b"}, []),
        ({"image_urls": "1.jpg"}, [("NOT_AN_ADDRESS", "image_urls")]),
        ({"attributes.11": "x", "attributes.Größe": ""}, []),
        ({"attributes.11": "x\x00"}, [("CHARACTERS", "attributes.11")]),
        ({"attributes.11": "x" * 5001}, [("TOO_LONG", "attributes.11")]),
    ],
)
def test_a_catalog_row(more, expected):
    assert codes("catalog", {"sku": "a", **more}) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"price": "10", "price_basis": "net"}, []),
        ({"command": "end"}, []),
        ({}, [("REQUIRED", "price")]),
        ({"price": ""}, [("NOT_BLANK", "price")]),
        ({"price": "10"}, [("PRICE_BASIS", "price_basis")]),
        ({"price": "10", "discount_price": "9"}, [("PRICE_BASIS", "price_basis")]),
        ({"price": "10", "price_basis": "net", "discount_price": "10.01"}, [("DISCOUNT_PRICE", "discount_price")]),
        ({"price": "10", "price_basis": "net", "discount_price": "9.5"}, []),
        (
            {
                "price": "10",
                "price_basis": "net",
                "discount_from": "2026-12-02T00:00:00Z",
                "discount_to": "2026-12-01T00:00:00Z",
            },
            [("SP-DATE", "discount_to")],
        ),
    ],
)
def test_a_price_row(more, expected):
    assert codes("price", {"sku": "a", **more}) == expected


OPEN = {"sku": "a", "starts_at": "2026-12-01T00:00:00Z"}
OFF = {**OPEN, "percentage": "10"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (OFF, []),
        ({**OPEN, "price": "9", "price_basis": "gross"}, []),
        ({**OPEN, "amount": "1", "price_basis": "gross"}, []),
        ({**OPEN, "buy_quantity": "2", "get_quantity": "1"}, []),
        ({"sku": "a", "command": "end"}, []),
        ({"sku": "a"}, [("REQUIRED_ONE", "price"), ("REQUIRED_ONE", "starts_at")]),
        (OPEN, [("REQUIRED_ONE", "price")]),
        ({"sku": "a", "percentage": "10"}, [("REQUIRED_ONE", "starts_at")]),
        ({**OPEN, "percentage": "ten"}, [("NOT_A_NUMBER", "percentage")]),
        ({**OFF, "type": "amount"}, [("SP-TYPE", "type")]),
        ({**OFF, "type": "percentage", "price": "9", "price_basis": "net"}, []),
        ({**OFF, "price": "9", "price_basis": "net"}, [("SP-TYPE", "type")]),
        ({**OPEN, "buy_quantity": "2"}, [("SP-TYPE", "type")]),
        ({**OPEN, "type": "bundle", "buy_quantity": "2"}, [("SP-TYPE", "type")]),
        ({**OPEN, "price": "9"}, [("PRICE_BASIS", "price_basis")]),
        ({**OFF, "sku": None}, [("SP-SEL", "sku")]),
        ({**OFF, "sku": None, "spent_from": "50"}, []),
        ({**OFF, "brand": "Acme"}, [("SP-SEL-BOTH", "brand")]),
        ({**OFF, "category": "a"}, [("SP-SEL-BOTH", "category")]),
        ({**OFF, "ends_at": "2026-11-30T00:00:00Z"}, [("SP-DATE", "ends_at")]),
        ({**OFF, "ends_at": "2026-12-01T00:00:00Z"}, []),
        ({**OFF, "starts_at": None, "ends_at": "2026-11-21T23:59:59Z"}, [("SP-EXPIRED", "ends_at")]),
        ({**OFF, "quantity_from": "10", "quantity_to": "9"}, [("SP-RANGE", "quantity_to")]),
        ({**OFF, "quantity_from": "9", "quantity_to": "10"}, []),
        ({**OFF, "spent_from": "0.5", "spent_to": "0.05"}, [("SP-RANGE", "spent_to")]),
        ({**OFF, "percentage": "0"}, [("SP-DISC-MAX", "percentage")]),
        ({**OFF, "percentage": "100.5"}, [("TOO_LARGE", "percentage")]),
        ({**OFF, "percentage": "0.15"}, [("C-RATE", "percentage")]),
        ({**OFF, "percentage": "0.15", "command": "end"}, []),
        ({**OFF, "percentage": "1"}, []),
        ({**OPEN, "price": "9.1", "regular_price": "9", "price_basis": "net"}, [("SP-PRICE", "price")]),
        ({**OPEN, "price": "9", "regular_price": "9", "price_basis": "net"}, []),
        ({**OPEN, "amount": "9.1", "regular_price": "9", "price_basis": "net"}, [("SP-AMOUNT", "amount")]),
    ],
)
def test_a_promotion_row(record, expected):
    assert codes("promotion", record) == expected


@pytest.mark.parametrize(
    ("name", "record"),
    [("promotion", {**OFF, "percentage": "0.2"}), ("catalog", {"sku": "a", "discount": "0.2"})],
)
def test_a_fraction_for_a_discount_rejects_the_row(name, record):
    frame = pl.DataFrame({ROW: [2], LINE: [2], **{field: [text] for field, text in record.items()}})
    checked = check(contract(name), frame, now=NOW)
    assert (checked.good.to_list(), checked.issues["detail"].to_list()) == ([False], ["20"])


def test_the_type_of_a_promotion_is_told_from_what_is_filled():
    rows = [
        {"type": "amount", "percentage": "5"},
        {"price": "1"},
        {"percentage": "0"},
        {"amount": "1", "type": ""},
        {"buy_quantity": "2"},
        {},
    ]
    frame = contract("promotion").complete(
        pl.DataFrame(rows, schema=["type", "price", "percentage", "amount", "buy_quantity"])
    )
    found = frame.select(promotion_type()).to_series().to_list()
    assert found == ["amount", "final_price", "percentage", "amount", "bundle", None]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"picture": JPEG}, []),
        ({"command": "end"}, []),
        ({}, [("REQUIRED", "picture")]),
        ({"picture": f"data:image/jpeg;base64,{JPEG}"}, [("NOT_BASE64", "picture")]),
        ({"picture": "a_1.jpg"}, [("NOT_BASE64", "picture")]),
        ({"picture": base64.b64encode(b"BM123456").decode()}, [("P-KIND", "picture")]),
        ({"picture": base64.b64encode(b"%PDF-1.7").decode()}, [("P-KIND", "picture")]),
        ({"picture": pictures.cell(pictures.PNG[:40])}, [("P-WHOLE", "picture")]),
        ({"picture": pictures.cell(b"GIF89a")}, [("P-WHOLE", "picture")]),
        ({"picture": "/9j/"}, [("P-WHOLE", "picture")]),
        ({"picture": pictures.cell(pictures.WEBP[:16])}, [("P-WHOLE", "picture")]),
        ({"picture": pictures.cell(pictures.png(0, 5)), "command": "end"}, [("P-WHOLE", "picture")]),
        ({"picture": JPEG, "order": "-1"}, [("TOO_SMALL", "order")]),
        ({"picture": JPEG, "order": "1.5"}, [("NOT_WHOLE", "order")]),
    ],
)
def test_a_picture_row(more, expected):
    assert codes("picture", {"sku": "a", **more}) == expected


def test_open_fields_are_fields():
    catalog = contract("catalog")
    assert catalog.has("attributes.11")
    assert not any(catalog.has(name) for name in ("attributes.", "attributes", "attribute.11", "other"))
    assert not contract("stock").has("attributes.11")
    assert [one.name for one in catalog.of(("attributes.b", "x", "sku", "attributes.a"))][-2:] == [
        "attributes.b",
        "attributes.a",
    ]


def test_open_fields_must_be_text_like_all_others():
    catalog = contract("catalog")
    with pytest.raises(TypeError, match=r"not text: attributes\.11"):
        catalog.complete(pl.DataFrame({"sku": ["a"], "attributes.11": [1]}))
    assert catalog.complete(pl.DataFrame({"attributes.11": [None]}))["attributes.11"].dtype == pl.String
    assert catalog.values({"sku": "a", "attributes.11": "x", "attributes.12": ""})["attributes.12"] is None


@pytest.mark.parametrize(
    ("name", "filled", "lacking"),
    [
        ("catalog", ("sku",), ()),
        ("catalog", ("sku", "price"), ("price_basis",)),
        ("price", ("sku", "price_basis"), ("price",)),
        ("promotion", ("sku",), ("price", "starts_at")),
        ("promotion", ("sku", "command"), ()),
        ("promotion", ("percentage", "ends_at"), ()),
        ("promotion", ("amount", "ends_at"), ("price_basis",)),
        ("picture", ("sku",), ("picture",)),
    ],
)
def test_which_fields_a_mapping_must_fill(name, filled, lacking):
    assert contract(name).unfilled(filled) == lacking


@pytest.mark.parametrize(
    ("name", "record", "sound"),
    [
        ("catalog", {"sku": "a", "attributes.11": "x"}, True),
        ("catalog", {"sku": "a", "attributes.11": 5}, False),
        ("catalog", {"sku": "a", "attributes.": "x"}, False),
        ("catalog", {"sku": "a", "price": "1"}, False),
        ("catalog", {"sku": "a", "price": "1", "price_basis": "net"}, True),
        ("catalog", {"sku": "a", "price": "", "price_basis": None}, True),
        ("catalog", {"sku": "a", "price": "1", "command": "end"}, True),
        ("promotion", OFF, True),
        ("promotion", OPEN, False),
        ("promotion", {"sku": "a", "command": "end"}, True),
        ("picture", {"sku": "a", "picture": JPEG}, True),
        ("picture", {"sku": "a"}, False),
    ],
)
def test_the_json_schema_judges_records(name, record, sound):
    schema = contract(name).json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert jsonschema.Draft202012Validator(schema).is_valid(record) is sound
