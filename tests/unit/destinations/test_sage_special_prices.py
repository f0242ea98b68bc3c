"""Special prices to batch files: discounts, what Sage can't say, how they end and what they are about."""

from __future__ import annotations

import pytest
from support.sage_records import AMOUNTS, OFFER, STAMP, TODAY, body, build, encode, frame, judged, one, told_apart

from gateway.model import ISSUE_SCHEMA, REGULAR


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
        (SENT | {REGULAR: "12"}, AMOUNTS, [("price", "SP-PRICE", "15 above 12, both without tax, as it was sent")]),
        (FINAL | {"price": "0", REGULAR: "0"}, {},
         [("price", "DEST_LIMIT", "no discount rate of four decimals leads to it from the price that was sent")]),
        (FINAL | {"price": "12345.67", REGULAR: "99999.99"}, {},
         [("price", "DEST_LIMIT", "no discount rate of four decimals leads to it from the price that was sent")]),
        (FINAL | {"price": "12345.67", REGULAR: "99999.99"}, AMOUNTS, []),
        (SENT | {REGULAR: "12", "command": "end"}, {}, []),
        (AMOUNT | {REGULAR: "2", "discount_by_unit": "true"}, AMOUNTS,
         [("amount", "SP-AMOUNT", "2.5 of 2, both without tax, as it was sent")]),
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
        (OFFER | {"status": "inactive", "command": "end"}, {}, []),
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


def test_special_prices_that_sage_can_not_tell_apart():
    assert told_apart("promotion", OFFER, OFFER | {"promotion_id": "P2"}) == 1
    assert told_apart("promotion", OFFER, OFFER | {"command": "end", "timestamp": "2024-06-01T00:00:00Z"}) == 1
    assert told_apart("promotion", OFFER, OFFER | {"promotion_id": "P2", "quantity_from": "3"}, dedupe="last") == 2


EUR = {"currency": "EUR"}
FOREIGN = [("currency", "PRICE_CURRENCY")]


@pytest.mark.parametrize(
    ("row", "more", "issues"),
    [
        (SENT | {"price": "600", "regular_price": "1000", "currency": "JPY"}, EUR, FOREIGN),
        (FINAL | {"price": "600", "currency": "JPY"}, EUR, FOREIGN),
        (OFFER | {"currency": "JPY"}, EUR, FOREIGN),
        (OFFER | {"currency": "JPY"}, EUR | AMOUNTS | {"special_price_percent_sign": True}, FOREIGN),
        (OFFER | {"currency": "EUR"}, EUR, []),
        (OFFER, EUR, []),
        (OFFER | {"currency": "JPY"}, {}, []),
        (OFFER | {"currency": "JPY", "command": "end"}, EUR, []),
        (OFFER | {"currency": "???"}, EUR, []),  # what is no currency, the contract tells
        (AMOUNT | {"currency": "JPY"}, EUR | AMOUNTS, []),  # what its terms of prices tell
    ],
)
def test_a_special_price_is_in_the_currency_of_the_company(row, more, issues):
    assert judged("promotion", row, **more) == issues


def test_amounts_have_a_basis_and_rates_have_none():
    def terms(**more):
        return next(o for o in build(**more).operations if o.name == "promotion").prices

    assert terms() is None
    found = terms(special_price_bare_discount="amount", currency="GBP", tax_rate="20")
    assert (found.basis, found.decimals, found.currency, found.tax_rate) == ("net", 2, "GBP", "20")
    assert found.fields == ("price", "amount", "regular_price")
