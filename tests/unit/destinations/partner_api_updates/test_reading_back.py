"""Catalog updates without a result: what the catalog shows tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from pydantic import SecretStr
from support.partner_updates import Script, _kind, accepted, asked, done, only, outcomes, page, records, told

from gateway.errors import Refused, Throttled
from gateway.model import Receipt, Reference
from gateway.testing.drive import as_sent
from gateway.transport.http import Response


def test_without_a_result_rows_are_accepted_in_the_end(made, clock):
    gone = Refused("unknown", status="404")
    destination = made(Script(put=[accepted("j1")], job=[gone] * 3), webhook_secret=SecretStr("hush"))
    batch = only(destination, 1)
    receipt, at = destination.submit(batch), clock.now()
    assert not asked(destination, clock, batch, receipt, at).closed
    clock.advance(1800)
    receipt = asked(destination, clock, batch, receipt, at)
    assert receipt.closed
    assert told(batch, receipt, 1) == {"S0\x1fV1": "accepted"}


def test_the_catalog_is_read_back_in_pages_where_jobs_are_silent(made, clock):
    gone = Refused("unknown", status="404")
    shown = [
        page({"sku": "S0", "price": 5, "active": True}, {"sku": "S1", "active": False}, total=2),
        page({"sku": "S2", "active": True}, total=2),
    ]
    script = Script(put=[accepted("j1")], job=[gone] * 3, page=shown * 2)
    destination = made(script, keys={"features": {"read_back": "pages"}})
    batch = only(destination)
    receipt, at = destination.submit(batch), clock.now()
    assert not asked(destination, clock, batch, receipt, at).closed
    clock.advance(1800)
    receipt = asked(destination, clock, batch, receipt, at)
    assert sorted(outcomes(receipt)) == [
        *((line, "accepted", "DEST_NOT_CONFIRMED") for line in (1, 2, 3)), (4, "refused", "DEST_ONBOARDING"),
    ]  # fmt: skip
    whys = sorted(receipt.outcomes.filter(pl.col("code") == "DEST_NOT_CONFIRMED")["message"].unique())
    assert whys == [
        "it reads back as off sale: the sales buffer of the vendor may be above its level",
        "the vendor's catalog, read back, does not show its level",
    ]
    assert [dict(one.query)["page"] for one in script.seen if _kind(one) == "page"] == ["1", "2", "1", "2"]


def test_a_price_that_reads_back_otherwise_is_uncertain(made, clock):
    gone = Refused("unknown", status="404")
    shown = page({"sku": "S0", "price": 2.351}, {"sku": "S1", "price": "2.35"})
    script = Script(put=[accepted("j1")], job=[gone], page=[shown])
    destination = made(script, keys={"features": {"read_back": "pages"}}, price_basis="gross", currency="EUR")
    (batch,) = destination.encode("price", records(2, price="2.35").drop("quantity"), Reference())
    receipt = asked(destination, clock, batch, destination.submit(batch), clock.now() - timedelta(hours=1))
    assert outcomes(receipt) == [(1, "uncertain", "DEST_UNCERTAIN"), (2, "applied", None)]


@pytest.mark.parametrize(
    ("cells", "shown", "state"),
    [
        ({"quantity": "0"}, {"active": False}, "applied"),
        ({"quantity": "0"}, {"active": True}, "uncertain"),
        ({"quantity": "7"}, {"active": True}, "accepted"),
        ({"quantity": "7"}, {"active": False}, "accepted"),
        ({"available": "true"}, {"active": True}, "applied"),
        ({"available": "true"}, {}, "accepted"),
        ({"available": "true", "maximum_sales_quantity": "3"}, {"active": True}, "accepted"),
        (
            {"available": "true", "maximum_sales_quantity": "3"},
            {"active": True, "maximum_sales_quantity": 3},
            "applied",
        ),
        ({"price": "4"}, {"active": True}, "accepted"),
        ({"price": "4"}, {"price": "4.0"}, "applied"),
    ],
)
def test_only_what_the_catalog_shows_is_applied(made, clock, cells, shown, state):
    script = Script(put=[accepted("j1")], job=[Refused("unknown", status="404")], page=[
        page(*({"sku": f"S{n}", **shown} for n in range(2)))
    ])  # fmt: skip
    destination = made(script, keys={"features": {"read_back": "pages"}}, price_basis="gross", currency="EUR")
    rows = records(2, **cells) if "quantity" in cells else records(2, **cells).drop("quantity")
    (batch,) = destination.encode("price" if "price" in cells else "stock", rows, Reference())
    receipt = asked(destination, clock, batch, destination.submit(batch), clock.now() - timedelta(hours=1))
    assert [one for _, one, _ in outcomes(receipt)] == [state] * 2


def test_pages_read_before_a_break_are_not_read_again(made, clock):
    gone = Refused("unknown", status="404")
    pages = [page({"sku": "S0"}, total=2), Throttled("wait", after=2.0), page({"sku": "S1"}, total=2)]
    destination = made(
        Script(put=[accepted("j1")], job=[gone] * 2, page=pages), keys={"features": {"read_back": "pages"}}
    )
    batch = only(destination, 2, quantity="7")
    receipt, at = destination.submit(batch), clock.now() - timedelta(hours=1)
    receipt = asked(destination, clock, batch, receipt, at)
    assert (receipt.closed, receipt.after) == (False, 2.0)
    assert asked(destination, clock, batch, receipt, at).closed


def test_the_list_ends_where_a_page_brings_nothing_new(made, clock):
    gone = Refused("unknown", status="404")
    same = {"products": [{"sku": "S0", "active": True}]}
    script = Script(put=[accepted("j1")], job=[gone], page=[same] * 2)
    destination = made(script, keys={"features": {"read_back": "pages"}})
    batch = only(destination, 1)
    assert asked(destination, clock, batch, destination.submit(batch), clock.now() - timedelta(hours=1)).closed


def test_an_export_is_read_where_it_can_be_had(made, clock):
    gone = Refused("unknown", status="404")
    text = '\ufeff"sku","barcode","price","active","maximum_sales_quantity"\n"S0","00123;456","5","true","3"\n'
    script = Script(
        put=[accepted("j1")], export=[accepted("e1")], job=[gone, done("/e/1")], log=[Response(200, {}, text.encode())]
    )
    destination = made(script, keys={"features": {"read_back": "export"}})
    batch = only(destination, 1, maximum_sales_quantity="3")
    receipt = asked(destination, clock, batch, destination.submit(batch), clock.now() - timedelta(hours=1))
    assert outcomes(receipt) == [(1, "accepted", "DEST_AS_FLAG")]


def test_others_have_their_turn_between_questions_and_pages(made, clock):
    gone = Refused("unknown", status="404")
    pages = [page({"sku": f"S{n}", "active": True}, total=3) for n in range(3)]
    script = Script(
        put=[accepted(f"j{n}") for n in range(3)], job=[{"job_status": "QUEUED"}] * 2 + [gone] * 2, page=pages
    )
    destination = made(script, keys={"features": {"read_back": "pages"}})
    batch = only(destination, 3)
    sent = [
        replace(as_sent(batch, destination.submit(batch), intent_at=clock.now()), batch_id=number)
        for number in range(3)
    ]
    receipts = destination.poll(sent)
    assert [receipts[number].after for number in range(3)] == [60.0, 60.0, 60 / 45]
    late = as_sent(batch, Receipt("j0"), intent_at=clock.now() - timedelta(hours=1))
    assert not destination.poll([late])[1].closed
    assert destination.poll([late])[1].closed
    assert [dict(one.query)["page"] for one in script.seen if _kind(one) == "page"] == ["1", "2", "3"]
