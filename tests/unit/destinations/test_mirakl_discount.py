"""Mirakl promotions become discount prices: which of several a row is about, ends, or gives way to."""

from __future__ import annotations

import pytest
from support.mirakl_prices import BASE, CHANNEL, RUNNING, TAIL, encode, issues, lines, reference

from gateway.destinations.mirakl import (
    sheet,
)
from gateway.model import INSTEAD


@pytest.mark.parametrize(
    ("row", "left"),
    [
        ({"type": "final_price", "price": "12.5"}, "12.5"),
        ({"price": "12"}, "12"),
        ({"type": "percentage", "percentage": "15"}, "17"),
        ({"percentage": "33.3333"}, "13.33"),
        ({"percentage": "0.025"}, "20"),  # 19.995 half up
        ({"amount": "2.25"}, "17.75"),
    ],
)
def test_promotions_become_discount_prices(records, row, left):
    frame = records(
        {"sku": "A", "starts_at": "2026-11-27T00:00:00Z", "ends_at": "2026-12-01T00:00:00Z", **row}, tail=TAIL
    )
    (batch,) = encode("discount", frame, reference({"A": [BASE, CHANNEL]}))
    first, second = lines(batch)
    assert first == {
        "offer-sku": "A", "price": "20", "discount-price": left, "discount-start-date": "2026-11-27T00:00:00Z",
        "discount-end-date": "2026-12-01T00:00:00Z",
    }  # fmt: skip
    assert second["price"] == "25"
    assert batch.memo["tail"] == TAIL


@pytest.mark.parametrize("row", [{"command": "end"}, {"status": "inactive", "price": "12"}])
def test_ending_a_promotion_sends_the_price_without_discount(records, row):
    (batch,) = encode("discount", records({"sku": "A", **row}, tail=TAIL), reference({"A": [RUNNING, CHANNEL]}))
    assert lines(batch)[0] == {"offer-sku": "A", "price": "20"}
    assert lines(batch)[1]["discount-price"] == "22"


@pytest.mark.parametrize("row", [{"command": "end"}, {"status": "inactive", "percentage": "20"}])
@pytest.mark.parametrize(
    ("present", "first", "last", "runs"),
    [
        ("LASTS", "2026-12-01T00:00:00Z", "2026-12-31T00:00:00Z", "2026-11-20T00:00:00Z to 2026-12-31T00:00:00Z"),
        ("LASTS", "2027-01-01T00:00:00Z", "2027-01-31T00:00:00Z", "2026-11-20T00:00:00Z to 2026-12-31T00:00:00Z"),
        ("LASTS", "2026-11-01T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-20T00:00:00Z to 2026-12-31T00:00:00Z"),
        ("COMES", None, "2026-12-15T00:00:00Z", "2026-12-01T00:00:00Z to 2026-12-11T00:00:00Z"),
        ("OPEN", "2026-11-20T00:00:00Z", "2026-12-31T00:00:00Z", "always to further notice"),
    ],
)
def test_an_end_that_misses_the_discount_of_the_offer_is_refused_with_its_dates(
    records, row, present, first, last, runs
):
    offers = {"LASTS": LASTS, "COMES": COMES, "OPEN": OPEN}
    frame = records({"sku": "A", "starts_at": first, "ends_at": last, **row}, tail=TAIL)
    known = reference({"A": [offers[present], CHANNEL]})
    assert issues("discount", frame, known) == [(2, "PROMOTION_RUNS", runs)]


def dated(first: str | None, last: str | None) -> dict:
    return {**BASE, "discount_price": "15", "discount_start_date": first, "discount_end_date": last}


LASTS = dated("2026-11-20T00:00:00Z", "2026-12-31T00:00:00Z")
COMES = dated("2026-12-01T00:00:00Z", "2026-12-11T00:00:00Z")
OPEN = dated(None, None)
OVER = dated("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z")


@pytest.mark.parametrize(
    ("present", "first", "last", "ends"),
    [
        (LASTS, "2026-11-20T00:00:00Z", "2026-12-31T00:00:00Z", True),
        (LASTS, "2026-11-18T00:00:00Z", "2026-12-30T23:59:59Z", True),  # both have begun; a second before midnight
        (LASTS, None, "2026-12-31T00:00:00Z", True),
        (LASTS, "2026-11-20T00:00:00Z", None, True),
        (LASTS, None, None, True),
        (LASTS, "2026-10-01T00:00:00Z", "2026-10-31T00:00:00Z", False),
        (COMES, "2026-12-01T05:00:00Z", "2026-12-11T05:00:00Z", True),
        (OPEN, "2026-11-20T00:00:00Z", None, True),
        (OVER, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", False),
        (OVER, None, None, False),
        (BASE, None, None, False),
    ],
)
def test_only_the_discount_a_row_is_about_is_ended(records, present, first, last, ends):
    frame = records({"sku": "A", "command": "end", "starts_at": first, "ends_at": last}, tail=TAIL)
    known = reference({"A": [present, CHANNEL]})
    assert issues("discount", frame, known) == []
    (batch,) = encode("discount", frame, known)
    if ends:
        assert lines(batch)[0] == {"offer-sku": "A", "price": "20"}
        return
    receipt = sheet.ended(batch)
    another = ("skipped", "DEST_NOTHING", "the offer has no discount of these dates")
    none = ("skipped", "DEST_NOT_THERE", "the offer has no discount")
    assert (receipt.rest, receipt.code, receipt.message) == (another if present is LASTS else none)


@pytest.mark.parametrize(
    ("present", "first", "last", "code"),
    [
        (LASTS, "2026-11-20T00:00:00Z", "2026-12-31T00:00:00Z", []),  # another price for the same time
        (LASTS, None, "2026-12-31T23:00:00Z", []),
        (LASTS, "2026-12-01T00:00:00Z", "2026-12-10T00:00:00Z", ["DEST_DISCOUNT"]),
        (LASTS, None, "2026-12-05T00:00:00Z", ["DEST_DISCOUNT"]),
        (LASTS, "2027-01-02T00:00:00Z", "2027-01-09T00:00:00Z", ["DEST_DISCOUNT"]),
        (COMES, None, "2026-11-30T00:00:00Z", ["DEST_DISCOUNT"]),
        (OPEN, None, "2026-12-31T00:00:00Z", ["DEST_DISCOUNT"]),
        (OPEN, "2026-11-01T00:00:00Z", None, []),
        (OVER, "2026-12-01T00:00:00Z", "2026-12-10T00:00:00Z", []),
        (BASE, "2026-12-01T00:00:00Z", "2026-12-10T00:00:00Z", []),
    ],
)
def test_a_discount_that_lasts_gives_way_to_no_other(records, present, first, last, code):
    frame = records({"sku": "A", "price": "12", "starts_at": first, "ends_at": last}, tail=TAIL)
    assert [one for _, one, _ in issues("discount", frame, reference({"A": [present, CHANNEL]}))] == code


def test_what_is_refused_for_another_discount_names_it(records):
    frame = records({"sku": "A", "price": "12", "starts_at": "2026-12-01T00:00:00Z"}, tail=TAIL)
    told = (
        "an offer holds one discount, and this one has 15 from 2026-11-20T00:00:00Z to 2026-12-31T00:00:00Z; "
        "to change that, send in one file a row that ends it (command end, with these dates) and this row; "
        "or send this row when it is over"
    )
    assert issues("discount", frame, reference({"A": [LASTS]})) == [(2, "DEST_DISCOUNT", told)]


@pytest.mark.parametrize(
    ("instead", "code"),
    [
        ("2026-11-20T00:00:00Z/2026-12-31T00:00:00Z", []),
        ("2026-10-01T00:00:00Z/2026-11-01T00:00:00Z|2026-11-20T00:00:00Z/2026-12-31T00:00:00Z", []),
        ("/", []),
        ("2026-10-01T00:00:00Z/2026-11-01T00:00:00Z", ["DEST_DISCOUNT"]),
        ("2026-11-20T00:00:00Z/open", ["DEST_DISCOUNT"]),
        ("open/2026-12-31T00:00:00Z", []),
        ("open/open", ["DEST_DISCOUNT"]),
        (None, ["DEST_DISCOUNT"]),
    ],
)
def test_a_discount_that_another_row_ends_gives_way(records, instead, code):
    row = {"sku": "A", "price": "12", "starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-10T00:00:00Z"}
    frame = records({**row, INSTEAD: instead}, tail=TAIL)
    known = reference({"A": [LASTS]})
    assert [one for _, one, _ in issues("discount", frame, known)] == code
    if not code:
        (batch,) = encode("discount", frame, known)
        assert lines(batch)[0]["discount-start-date"] == "2026-12-01T00:00:00Z"


def test_a_promotion_that_is_over_is_not_sent_and_takes_nothing_away(records):
    last = ["2026-11-22T09:29:59Z", "2026-11-01T00:00:00Z"]
    frame = records(
        *({"sku": sku, "price": "12", "ends_at": at} for sku, at in zip("AB", last, strict=True)), tail=TAIL
    )
    known = reference({"A": [LASTS], "B": [BASE]})
    assert issues("discount", frame, known) == []
    (batch,) = encode("discount", frame, known)
    assert (batch.body, batch.effects["line"].to_list()) == (b"", [2, 3])
    told = sheet.ended(batch).outcomes.select("line", "state", "code", "message").rows()
    assert told == [(n, "skipped", "PROMOTION_OVER", at) for n, at in enumerate(last, start=2)]
