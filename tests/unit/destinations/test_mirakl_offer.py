"""Catalog rows as offer imports: new, present and ended offers in files of their own."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklSettings, offer, offers_read, price, sheet
from gateway.destinations.mirakl.platform import Platform
from gateway.model import PriceTerms, Reference, RowState

TODAY = date(2026, 11, 22)
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def settings(**more) -> MiraklSettings:
    return MiraklSettings(**{"host": "x.net", "api_key": SecretStr("k"), "price_basis": "gross", **more})


def reference(*skus: str, currency: str = "EUR") -> Reference:
    prices = [{"unit_origin_price": "5", "volume_prices": []}]
    known = offers_read.from_list(
        {"shop_sku": sku, "currency_iso_code": currency, "all_prices": prices} for sku in skus
    )
    return Reference(AT, {"offers": known})


def files(batches) -> list[list[dict[str, str]]]:
    return [list(csv.DictReader(io.StringIO(batch.body.decode()), delimiter=";")) for batch in batches]


def encode(frame, known=None, **more):
    return list(offer.encode(frame, known or Reference(), "a:offer", settings(**more)))


def test_a_new_offer_has_price_quantity_and_product(records):
    row = {
        "sku": "A",
        "barcode": "8412345678905",
        "price": "19.9",
        "quantity": "4",
        "condition": "11",
        "lead_time": "2",
    }
    (batch,) = encode(records(row), reference("B"))
    assert files([batch]) == [
        [
            {
                "sku": "A", "product-id": "8412345678905", "product-id-type": "EAN", "price": "19.9", "quantity": "4",
                "state": "11", "leadtime-to-ship": "2", "min-order-quantity": "", "max-order-quantity": "",
                "update-delete": "update",
            }
        ]
    ]  # fmt: skip
    assert batch.effects.rows() == [(100, 2)]
    assert (batch.operation, batch.slot, batch.memo) == ("offer", "a:offer", {"key": "sku", "tail": ""})


def test_a_present_offer_leaves_price_and_quantity_to_their_own_families(records):
    row = {"sku": "A", "price": "19.9", "quantity": "4", "condition": "11"}
    ((line,),) = files(encode(records(row), reference("A")))
    assert line == {
        "sku": "A", "product-id": "A", "product-id-type": "SHOP_SKU", "state": "11", "update-delete": "update"
    }  # fmt: skip


def test_missing_cells_are_not_cleared_and_empty_ones_are(records):
    rows = [
        {"sku": "A", "condition": "11", "lead_time": "3"},
        {"sku": "B", "condition": "11"},
        {"sku": "C", "condition": "11", "lead_time": ""},
    ]
    first, second = files(encode(records(*rows), reference("A", "B", "C")))
    assert [(line["sku"], line["leadtime-to-ship"]) for line in first] == [("A", "3"), ("C", "")]
    assert [list(line) for line in second] == [["sku", "product-id", "product-id-type", "state", "update-delete"]]


def test_new_and_present_offers_are_never_in_one_file(records):
    rows = [{"sku": sku, "price": "1", "quantity": "1", "condition": "11"} for sku in "ABCD"]
    batches = encode(records(*rows), reference("B", "D"))
    assert [[line["sku"] for line in file] for file in files(batches)] == [["A", "C"], ["B", "D"]]
    assert [batch.effects["effect"].to_list() for batch in batches] == [[100, 102], [101, 103]]


@pytest.mark.parametrize(
    ("barcode", "kind", "expected"),
    [
        ("8412345678905", None, ("8412345678905", "EAN")),
        ("036000291452", None, ("036000291452", "UPC")),
        ("96385074", "EAN-8", ("96385074", "EAN")),
        ("12345", "CODE128", ("A", "SHOP_SKU")),  # no reference a catalog knows
        ("98412345678908", "GTIN-14", ("98412345678908", "GTIN")),
        ("", None, ("A", "SHOP_SKU")),
        (None, None, ("A", "SHOP_SKU")),
        ("36000291452", "EAN-13", ("0036000291452", "EAN")),  # zeros a spreadsheet took
    ],
)
def test_an_offer_names_its_product(records, barcode, kind, expected):
    ((line,),) = files(encode(records({"sku": "A", "barcode": barcode, "barcode_type": kind, "price": "1"})))
    assert (line["product-id"], line["product-id-type"]) == expected


def test_the_reference_and_its_types_are_settings(records):
    row = {"sku": "A", "barcode": "8412345678905", "price": "1"}
    ((line,),) = files(encode(records(row), offer_reference="shop_sku"))
    assert (line["product-id"], line["product-id-type"]) == ("A", "SHOP_SKU")
    ((line,),) = files(encode(records(row), product_id_types={"EAN-13": "GTIN"}))
    assert line["product-id-type"] == "GTIN"


def test_what_is_not_available_begins_with_nothing(records):
    rows = [{"sku": "A", "quantity": "9", "available": "false"}, {"sku": "B", "quantity": "9", "available": "true"}]
    (lines,) = files(encode(records(*rows)))
    assert [line["quantity"] for line in lines] == ["0", "9"]


def test_defaults_fill_what_rows_leave_open(records):
    ((line,),) = files(encode(records({"sku": "A", "price": "1"}), condition="11", new_offer_quantity=0))
    assert (line["state"], line["quantity"]) == ("11", "0")


def test_columns_are_settings_and_take_attributes(records):
    row = {"sku": "A", "price": "1", "attributes.ecotax": "0.5", "condition": "11"}
    columns = {"attributes.ecotax": "ecotax", "lead_time": ""}
    ((line,),) = files(encode(records(row), offer_columns=columns))
    assert (line["ecotax"], "leadtime-to-ship" in line, line["state"]) == ("0.5", False, "11")
    assert "attributes.ecotax" in offer.operation(settings(offer_columns=columns), PriceTerms("gross")).fields


@pytest.mark.parametrize(
    ("end_offers", "expected"),
    [
        ("zero", {"sku": "A", "quantity": "0", "update-delete": "update"}),
        ("delete", {"sku": "A", "update-delete": "delete"}),
    ],
)
def test_the_command_end_ends_a_present_offer(records, end_offers, expected):
    (batch,) = encode(records({"sku": "A", "command": "end"}), reference("A"), end_offers=end_offers)
    assert files([batch]) == [[expected]]


def test_an_offer_that_is_not_there_needs_no_call_to_end(records):
    (batch,) = encode(records({"sku": "A", "command": "end"}), reference("B"))
    assert (batch.body, batch.effects["effect"].to_list()) == (b"", [100])
    receipt = sheet.ended(batch)
    assert receipt is not None
    assert (receipt.rest, receipt.code, receipt.message) == (
        RowState.SKIPPED, "DEST_NOT_THERE", "the shop has no such offer",
    )  # fmt: skip


def test_what_nobody_asked_about_is_ended_by_a_call(records):
    asked = Reference(AT, {**reference("A").facts, "asked": pl.Series(["A", "B"])})
    first, second = encode(records({"sku": "B", "command": "end"}, {"sku": "C", "command": "end"}), asked)
    assert files([first]) == [[{"sku": "C", "quantity": "0", "update-delete": "update"}]]
    assert (second.memo, second.effects["effect"].to_list()) == ({"unsent": "absent"}, [100])


def test_batches_keep_their_size_and_lose_no_effect(records):
    rows = [{"sku": f"S{n}", "price": "1", "command": "end" if n % 3 == 0 else None} for n in range(20)]
    batches = encode(records(*rows), reference(*(f"S{n}" for n in range(0, 20, 2))), offer_batch_size=3)
    assert sorted(effect for batch in batches for effect in batch.effects["effect"]) == list(range(100, 120))
    assert all(batch.effects.height <= 3 for batch in batches)
    assert all(batch.effects["line"].to_list() == list(range(2, batch.effects.height + 2)) for batch in batches)


def test_nothing_gives_nothing(records):
    assert encode(records({"sku": "A"}).clear()) == []


def test_columns_the_platform_has_not_activated_are_left_out_and_told(records):
    asked = reference("A")
    known = Reference(AT, {**asked.facts, "platform": Platform(unusable=frozenset({"leadtime-to-ship"}))})
    frame = records({"sku": "A", "condition": "11", "lead_time": "2"}, {"sku": "B", "price": "1", "quantity": "1",
                                                                       "condition": "11"})  # fmt: skip
    assert all("leadtime-to-ship" not in line for file in files(encode(frame, known)) for line in file)
    assert check(frame, known) == [(2, "DEST_NOT_SENT", "lead_time")]


# ---------------------------------------------------------------- check


def check(frame, known, **more):
    return offer.check(frame, known, TODAY, settings(**more)).select("@row", "code", "field").rows()


def test_nothing_is_said_before_the_shop_was_asked(records):
    assert check(records({"sku": "A"}), Reference()) == []


def test_a_new_offer_needs_price_quantity_and_condition(records):
    rows = [{"sku": "A"}, {"sku": "B"}, {"sku": "C", "price": "1", "quantity": "0", "condition": "11"}]
    assert check(records(*rows), reference("B")) == [
        (2, "DEST_REQUIRED", "price"), (2, "DEST_REQUIRED", "quantity"), (2, "DEST_REQUIRED", "condition")
    ]  # fmt: skip
    assert check(records(*rows), reference("B"), new_offer_quantity=0, condition="11") == [
        (2, "DEST_REQUIRED", "price")
    ]


def test_an_ended_row_needs_nothing(records):
    assert check(records({"sku": "A", "command": "end"}), reference()) == []


def test_another_currency_than_the_offers_is_refused(records):
    frame = records({"sku": "A", "currency": "USD"}, {"sku": "B", "currency": "EUR"}, {"sku": "C"})
    assert check(frame, reference("A", "B", "C")) == [(2, "DEST_LIMIT", "currency")]


# ---------------------------------------------------------------- the operation


def test_the_operation_waits_for_products_and_asks_first():
    made = offer.operation(settings(), price.terms(settings()))
    assert (made.contract, made.family, made.after, made.gathers, made.ends) == (
        "catalog",
        "offer",
        ("product",),
        True,
        True,
    )
    assert (made.searchable, made.repeat, made.interval) == (True, "if_newest", 60.0)
    assert {"sku", "condition", "lead_time"} <= set(made.fields)
    assert set(made.context) == {"price", "currency", "quantity"}
