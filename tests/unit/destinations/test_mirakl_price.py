"""Mirakl prices: what is written, kept and refused beside the discounts of an offer."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.mirakl_prices import AT, BASE, CHANNEL, RUNNING, TAIL, encode, issues, lines, reference, settings

from gateway.contracts import check, contract
from gateway.destinations.mirakl import (
    MiraklDestination,
    discount,
    offers_read,
    price,
)
from gateway.destinations.mirakl.platform import Platform
from gateway.model import LINE, ROW, Reference, RowState
from gateway.testing.clock import FakeClock

# ---------------------------------------------------------------- prices


def test_a_new_price_keeps_the_running_discount_and_every_other_price(records):
    (batch,) = encode("price", records({"sku": "A", "price": "18"}), reference({"A": [CHANNEL, RUNNING], "B": [BASE]}))
    assert lines(batch) == [
        {"offer-sku": "A", "price": "18", "discount-price": "15", "discount-end-date": "2026-12-01T00:00:00Z"},
        {"offer-sku": "A", "price": "25", "discount-price": "22", "channels": "FR|CA"},
    ]
    assert batch.effects.rows() == [(100, 2)]
    said = '[[2, "A", "15 until 2026-12-01T00:00:00Z, while the price went from 20 to 18"]]'
    assert batch.memo == {"key": "sku", "tail": "", "lines": "2", "kept": said}
    assert (batch.operation, batch.slot) == ("price", "a:price")


def test_a_discount_that_is_over_is_not_sent_again(records):
    over = {**RUNNING, "discount_end_date": "2026-11-22T09:29:59Z"}
    later = {**CHANNEL, "discount_end_date": "2026-01-01T00:00:00Z"}
    past = {"context": {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-02-01T00:00:00Z"}, "origin_price": "9"}
    (batch,) = encode("price", records({"sku": "A", "price": "18"}), reference({"A": [over, later, past]}))
    assert lines(batch) == [
        {"offer-sku": "A", "price": "18"}, {"offer-sku": "A", "price": "25", "channels": "FR|CA"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "present"),
    [
        ({"price": "20.00"}, RUNNING),
        ({"price": "18"}, BASE),
        ({"price": "18"}, {**RUNNING, "discount_end_date": "2026-11-22T09:29:59Z"}),
        ({"price": "18", "discount_price": "9"}, RUNNING),
        ({"price": "18", "discount_price": ""}, RUNNING),
    ],
)
def test_nothing_is_told_of_a_discount_that_stands_as_it_should(records, row, present):
    (batch,) = encode("price", records({"sku": "A", **row}), reference({"A": [present, CHANNEL]}))
    assert "kept" not in batch.memo


def test_a_price_row_may_set_keep_or_end_the_discount(records):
    rows = [
        {"sku": "A", "price": "18", "discount_price": "9", "discount_from": "2026-11-27T00:00:00Z"},
        {"sku": "B", "price": "18", "discount_price": None},
        {"sku": "C", "price": "18", "discount_price": ""},
    ]
    (batch,) = encode("price", records(*rows), reference({sku: [RUNNING] for sku in "ABC"}))
    assert lines(batch) == [
        {"offer-sku": "A", "price": "18", "discount-price": "9", "discount-start-date": "2026-11-27T00:00:00Z"},
        {"offer-sku": "B", "price": "18", "discount-price": "15", "discount-end-date": "2026-12-01T00:00:00Z"},
        {"offer-sku": "C", "price": "18"},
    ]


def test_volume_prices_stay_and_their_first_step_follows(records):
    volumes = [
        {"quantity_threshold": "10", "unit_origin_price": "17", "unit_discount_price": "12"},
        {"quantity_threshold": "1", "unit_origin_price": "20", "unit_discount_price": "15"},
    ]
    (batch,) = encode(
        "price",
        records({"sku": "A", "price": "18"}),
        reference({"A": [{"origin_price": "20", "volume_prices": volumes}]}),
    )
    assert lines(batch) == [
        {"offer-sku": "A", "price": "18", "price-ranges": "1|18,10|17", "discount-price": "15",
         "discount-ranges": "1|15,10|12"}
    ]  # fmt: skip


def test_prices_of_customers_times_and_kinds_are_kept(records):
    known = offers_read.from_export(
        [
            {
                "shop_sku": "A",
                "prices": [
                    BASE,
                    {"context": {"customer_organization_ids": ["O1", "O2"], "start_date": "2026-01-01T00:00:00Z"},
                     "origin_price": "16"},
                    {"context": {"customer_group_ids": ["G"]}, "origin_price": "17"},
                ],
                "retail_prices": [{"origin_price": "30"}],
            }
        ]
    )  # fmt: skip
    (batch,) = encode("price", records({"sku": "A", "price": "18"}), Reference(AT, {"offers": known}))
    assert lines(batch) == [
        {"offer-sku": "A", "price": "18", "price-type": "PRICE"},
        {"offer-sku": "A", "price": "16", "customer-organization-ids": "O1|O2", "start-date": "2026-01-01T00:00:00Z",
         "price-type": "PRICE"},
        {"offer-sku": "A", "price": "17", "customer-group-ids": "G", "price-type": "PRICE"},
        {"offer-sku": "A", "price": "30", "price-type": "RETAIL-PRICE"},
    ]  # fmt: skip


def test_lines_of_one_offer_are_never_torn_apart(records):
    frame = records(*({"sku": f"S{n}", "price": "18"} for n in range(5)))
    batches = encode("price", frame, reference({f"S{n}": [BASE, CHANNEL] for n in range(5)}), price_batch_size=5)
    assert [[line["offer-sku"] for line in lines(batch)] for batch in batches] == [
        ["S0", "S0", "S1", "S1"], ["S2", "S2", "S3", "S3"], ["S4", "S4"]
    ]  # fmt: skip
    assert [batch.effects.rows() for batch in batches] == [[(100, 2), (101, 4)], [(102, 2), (103, 4)], [(104, 2)]]
    assert [batch.memo["lines"] for batch in batches] == ["4", "4", "2"]


def test_what_was_not_read_is_never_sent(records):
    frame = records({"sku": "A", "price": "18"}, {"sku": "B", "price": "18"})
    sent, unsent = encode("price", frame, reference({"A": [BASE]}))
    assert lines(sent) == [{"offer-sku": "A", "price": "18"}]
    assert (unsent.body, unsent.memo, unsent.effects["effect"].to_list()) == (b"", {"unsent": "unknown"}, [101])


@pytest.mark.parametrize("operation", ["price", "discount"])
def test_what_a_plan_shows_without_asking_can_not_be_sent(records, scripted, operation):
    frame = records({"sku": "A", "price": "18"}, {"sku": "B", "price": "18"})
    (batch,) = encode(operation, frame, Reference())
    shown = {"price": "18"} if operation == "price" else {"discount-price": "18"}
    assert lines(batch) == [{"offer-sku": "A", **shown}, {"offer-sku": "B", **shown}]
    assert (batch.memo, batch.effects["effect"].to_list()) == ({"unsent": "unknown"}, [100, 101])
    transport = scripted()
    made = MiraklDestination(settings(), transport=transport, clock=FakeClock(), account="a", name="saks")
    receipt = made.submit(batch)
    assert (receipt.closed, receipt.rest, transport.seen) == (True, RowState.REFUSED, [])


def test_an_ended_catalog_row_has_no_price_to_write(records):
    (batch,) = encode("price", records({"sku": "A", "price": "1", "command": "end"}), reference({"A": [BASE]}))
    assert (batch.body, batch.memo) == (b"", {"unsent": "nothing"})


def test_days_are_written_in_the_platforms_zone(records):
    row = {"sku": "A", "price": "18", "discount_price": "9", "discount_from": "2026-11-27T05:00:00Z",
           "discount_to": "2026-12-01T05:00:00Z"}  # fmt: skip
    known = reference({"A": [BASE]}, Platform(timezone="America/New_York"))
    (batch,) = encode("price", records(row), known, price_dates="day")
    (line,) = lines(batch)
    assert (line["discount-start-date"], line["discount-end-date"]) == ("2026-11-27", "2026-11-30")
    strange = reference({"A": [BASE]}, Platform(timezone="Nowhere/Land"))
    assert lines(*encode("price", records(row), strange, price_dates="day"))[0]["discount-start-date"] == "2026-11-27"


@given(st.decimals("0.01", "99999999.99", places=2), st.decimals("0", "100", places=4))
def test_percentages_are_exact_and_half_up(base, rate):
    frame = pl.DataFrame({"base": [f"{base:f}"], "percentage": [f"{rate:f}"]}).with_columns(
        pl.lit(None, pl.String).alias(name) for name in ("command", *discount.FIELDS) if name != "percentage"
    )
    found = frame.select(discount.wanted(pl.col("base"), 2))["d_price"][0]
    exact = Decimal(base) * (100 - Decimal(rate)) / 100
    assert Decimal(found) == exact.quantize(Decimal("0.01"), "ROUND_HALF_UP")


def test_half_up_of_the_library_is_the_one_we_mean():
    cells = pl.DataFrame({"a": ["1.005", "2.675", "0.125", "-1.005"]}).select(pl.col("a").cast(pl.Decimal(38, 10)))
    assert cells.select(discount.half_up(pl.col("a"), 2))["a"].to_list() == ["1.01", "2.68", "0.13", "-1.01"]
    assert cells.select(discount.half_up(pl.col("a"), 0))["a"].to_list() == ["1", "3", "0", "-1"]


def requirement(**row: str | None):
    fields = {**dict.fromkeys(("sku", "discount_by_unit", "get_quantity", "command", *discount.FIELDS,
                               "quantity_from", *discount._LIMITING)), **row}  # fmt: skip
    frame = pl.DataFrame({name: [cell] for name, cell in fields.items()}, schema=dict.fromkeys(fields, pl.String))
    return [one.field for one in discount._requires() if frame.select(one.where.fill_null(value=False)).item()]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"sku": "A", "type": "bundle", "buy_quantity": "2"}, ["type"]),
        ({"sku": "A", "buy_quantity": "2"}, ["type"]),
        ({"brand": "Acme", "price": "5"}, ["sku"]),
        ({"sku": "A", "price": "5", "customer_id": "C"}, ["customer_id"]),
        ({"sku": "A", "price": "5", "quantity_from": "2"}, ["quantity_from"]),
        ({"sku": "A", "price": "5", "limit_total": "9"}, ["limit_total"]),
        ({"sku": "A", "amount": "5", "discount_by_unit": "false"}, ["discount_by_unit"]),
        ({"sku": "A", "price": "5", "quantity_from": "1"}, []),
        ({"sku": "A", "percentage": "5", "discount_by_unit": "false"}, []),
        ({"sku": "A", "price": "0"}, ["price"]),
        ({"sku": "A", "type": "final_price", "price": "0", "status": "active"}, ["price"]),
        ({"sku": "A", "percentage": "100"}, ["percentage"]),
        ({"sku": "A", "percentage": "0", "price": "0", "type": "percentage"}, []),
        ({"sku": "A", "price": "0", "status": "inactive"}, []),
        ({"sku": "A", "percentage": "100", "command": "end"}, []),
    ],
)
def test_what_a_discount_would_widen_is_refused_at_intake(row, field):
    row = {name: cell for name, cell in row.items() if name != "brand"}
    assert requirement(**row) == field


# ---------------------------------------------------------------- check


def test_nothing_is_said_before_the_shop_was_asked(records):
    assert issues("price", records({"sku": "A", "price": "1"}), Reference()) == []


def test_unknown_offers_and_unknown_prices_are_refused(records):
    frame = records({"sku": "A", "percentage": "5"}, {"sku": "B", "percentage": "5"}, tail=TAIL)
    assert issues("discount", frame, reference({"B": [CHANNEL]})) == [
        (2, "DEST_NO_OFFER", "the shop does not have it"), (3, "DEST_NO_OFFER", "its present price is not known")
    ]  # fmt: skip


def test_a_discount_is_below_the_price_and_both_are_named(records):
    known = reference({"A": [RUNNING], "B": [BASE], "C": [BASE], "D": [BASE]})
    told = (
        "the running discount price 15 is not below the price 15; end that discount first, then send the price, then "
        "the promotion again"
    )
    assert issues("price", records({"sku": "A", "price": "15"}), known) == [(2, "DEST_PRICE", told)]
    frame = records(
        {"sku": "B", "price": "20"}, {"sku": "C", "amount": "20"}, {"sku": "D", "amount": "19.99"}, tail=TAIL
    )
    assert issues("discount", frame, known) == [
        (2, "DEST_DISCOUNT", "the price 20 is not below the price 20"),
        (3, "DEST_DISCOUNT", "of the price 20 it would leave 0"),
    ]


def test_the_platform_decides_on_periods_and_decimals(records):
    strict = Platform(known=True, price_decimals=1, discount_period_required=True, discount_in_past_blocked=True)
    known = reference({sku: [BASE] for sku in "ABCD"}, strict)
    frame = records(
        {"sku": "A", "price": "12", "ends_at": "2026-12-01T00:00:00Z"},
        {"sku": "B", "price": "12", "starts_at": "2026-11-01T00:00:00Z", "ends_at": "2026-11-21T23:00:00Z"},
        {"sku": "C", "price": "12.55", "starts_at": "2026-11-01T00:00:00Z", "ends_at": "2026-11-22T23:00:00Z"},
        {"sku": "D", "command": "end"},
        tail=TAIL,
    )
    assert issues("discount", frame, known) == [
        (2, "DEST_DISCOUNT", "the marketplace wants a start and an end of every discount"),
        (4, "DEST_LIMIT", "the marketplace takes at most 1 decimals"),
    ]
    row = {"sku": "A", "price": "15", "discount_price": "12", "discount_to": "2026-11-21T23:00:00Z"}
    assert issues("price", records({**row, "discount_from": "2026-11-01T00:00:00Z"}), known) == [
        (2, "DEST_DISCOUNT", "its end 2026-11-21T23:00:00Z is past, which the marketplace does not take")
    ]
    assert issues("discount", frame, reference({sku: [BASE] for sku in "ABCD"})) == []


def test_another_currency_is_refused(records):
    assert issues("price", records({"sku": "A", "price": "1", "currency": "USD"}), reference({"A": [BASE]})) == [
        (2, "DEST_LIMIT", "the shop's offer is in EUR")
    ]


# ---------------------------------------------------------------- operations


@pytest.mark.parametrize(
    ("cells", "more", "told"),
    [
        ({"discount": "20"}, {}, [(True, "DEST_NOT_SENT", "discount", "20")]),
        ({"discount": "0"}, {}, []),
        ({"discount": "20", "command": "end"}, {}, []),
        ({"discount": "20"}, {"product_columns": {"discount": "rebate"}}, []),
        ({"discount": "20"}, {"offer_columns": {"discount": "rebate"}}, []),
    ],
)
def test_a_lasting_discount_of_the_catalog_is_not_lost_without_a_word(cells, more, told):
    made = {(one.contract, one.name): one for one in MiraklDestination.SPEC.operations(settings(**more))}
    row = {"sku": "A", "price": "8.26", "price_basis": "gross", **cells}
    frame = pl.DataFrame({ROW: [2], LINE: [2], **{name: [cell] for name, cell in row.items()}})
    checked = check(contract("catalog"), frame, requires=made["catalog", "price"].requires)
    found = checked.issues.select("code", "field", "value").rows()
    assert [(good, *one) for good, one in zip(checked.good, found, strict=False)] == told
    assert checked.good.to_list() == [True]


@pytest.mark.parametrize(
    ("place", "cells", "more", "told"),
    [
        (("catalog", "price"), {"price": "0"}, {}, [("DEST_LIMIT", "price", "0")]),
        (("catalog", "price"), {"price": "0", "command": "end"}, {}, []),
        (("catalog", "price"), {"price": "0.01"}, {}, []),
        (("catalog", "price"), {"price": "0"}, {"price_above_zero": False}, []),
        (("price", "price"), {"price": "0"}, {}, [("DEST_LIMIT", "price", "0")]),
        (("price", "price"), {"price": "5", "discount_price": "0"}, {}, [("DEST_LIMIT", "discount_price", "0")]),
        (("price", "price"), {"price": "5", "discount_price": "0"}, {"price_above_zero": False}, []),
    ],
)
def test_no_price_of_zero_is_sent(place, cells, more, told):
    made = {(one.contract, one.name): one for one in MiraklDestination.SPEC.operations(settings(**more))}
    row = {"sku": "A", "price_basis": "gross", **cells}
    frame = pl.DataFrame({ROW: [2], LINE: [2], **{name: [cell] for name, cell in row.items()}})
    checked = check(contract(place[0]), frame, requires=made[place].requires)
    assert checked.issues.select("code", "field", "value").rows() == told
    assert checked.good.to_list() == [not told]


def test_operations_need_a_basis_and_ask_before_they_write():
    assert price.terms(settings(price_basis=None)) is None
    assert [one.contract for one in MiraklDestination.SPEC.operations(settings(price_basis=None))] == ["stock"]
    made = {(one.contract, one.name): one for one in MiraklDestination.SPEC.operations(settings(currency="EUR"))}
    assert list(made) == [
        ("stock", "stock"), ("catalog", "product"), ("catalog", "offer"), ("catalog", "price"), ("catalog", "stock"),
        ("price", "price"), ("promotion", "discount"),
    ]  # fmt: skip
    for place in (("catalog", "price"), ("price", "price"), ("promotion", "discount")):
        one = made[place]
        assert (one.family, one.settle_first, one.gathers, one.searchable) == ("price", True, True, True)
        assert (one.prices.basis, one.prices.decimals, one.prices.currency) == ("gross", 2, "EUR")
    assert (made["promotion", "discount"].key, made["promotion", "discount"].part) == (("sku",), "discount")
    assert made["promotion", "discount"].prices.fields == ("price", "amount")
    assert (made["promotion", "discount"].regular, made["promotion", "discount"].follows) == ("price", True)
    assert made["price", "price"].prices.fields == ("price", "discount_price")
    catalog = made["catalog", "price"]
    assert (catalog.when, catalog.after, catalog.measure, catalog.ends) == (("price",), ("offer",), "price", False)
    levels = made["catalog", "stock"]
    assert (levels.when, levels.after, levels.key) == (("quantity",), ("offer",), ("sku", "warehouse"))
