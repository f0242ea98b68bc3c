"""Jobs of promotions: what they say of rows, and what a platform makes of a campaign."""

from __future__ import annotations

from support.partner_promotions import (
    FAILED,
    TOKEN,
    asked,
    completed,
    encoded,
    remembered,
    rows,
    run,
    sent,
    settings,
    taken,
)

from gateway.destinations.partner_api import PartnerApiDestination
from gateway.errors import Refused, Throttled
from gateway.model import Receipt, RowState
from gateway.testing.clock import RealClock
from gateway.testing.drive import FreeBudget, states
from gateway.transport.http import RetryPolicy, connect
from gateway.twin.partner import Chain, Item, PartnerTwin, PartnerTwinSettings, Token, Vendor


def test_lists_of_a_job_name_rows_and_vendors(made, clock):
    lists = {"missing_skus": {"p2": ["A"]}, "invalid_discounted_skus": {"p1": ["B"], "p2": ["B"]}}
    destination = made(taken("1"), completed(**lists))
    (batch,) = encoded(destination, rows(*({"sku": sku, "price": "2"} for sku in "ABC")))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert receipt.rest is RowState.APPLIED
    assert [(line, code, said) for line, _, _, code, said, *_ in receipt.outcomes.rows()] == [
        (
            1,
            "DEST_REFUSED",
            "the vendor does not have it, or it is not on sale there (V2); the promotion runs at V1",
        ),
        (2, "DEST_REFUSED", "its price is not below the regular one (V1, V2)"),
    ]


def test_a_product_that_no_vendor_of_the_call_has_needs_onboarding(made, clock):
    destination = made(taken("1"), completed(missing_skus={"p2": ["A"]}))
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2", "vendor_ids": "V2"}))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert receipt.outcomes.select("code", "message").rows() == [
        ("DEST_ONBOARDING", "the vendor does not have it, or it is not on sale there (V2)")
    ]


def test_what_no_vendor_took_is_repeated_by_no_later_call(made, clock, tmp_path):
    lists = {"missing_skus": {"p1": ["A", "B"], "p2": ["A"]}, "invalid_discounted_skus": {"p2": ["B"]}}
    run(made(taken("1"), completed(**lists)), rows(*({"sku": sku, "price": "2"} for sku in "ABC")), clock)
    assert remembered(tmp_path, clock) == [{"C": True}]
    destination = made(taken("2"), completed(missing_skus={"p1": ["D"]}))
    run(destination, rows({"sku": "D", "price": "2"}), clock)
    assert [one["sku"] for one in sent(destination)[0]["discount"]] == [["C", "D"]]
    assert remembered(tmp_path, clock) == [{"C": True, "D": True}]  # one vendor has it


def test_the_end_repeats_the_body_as_it_was_sent_whatever_was_refused_of_it(made, clock):
    first = made(taken("1"), completed(missing_skus={"p1": ["A"], "p2": ["A"]}))
    run(first, rows({"sku": "A", "price": "2"}, {"sku": "B", "price": "2"}), clock)
    second = made(taken("2"), completed())
    run(second, rows({"sku": "B", "command": "end"}), clock)
    assert sent(second) == [{**sent(first)[0], "active": False}]


def test_a_promotion_that_failed_leaves_nothing_to_repeat(made, clock, tmp_path):
    run(made(taken("1"), FAILED), rows({"sku": "A", "price": "2"}), clock)
    assert remembered(tmp_path, clock) == []
    run(made(taken("2"), completed()), rows({"sku": "B", "price": "2"}), clock)
    run(made(taken("3"), FAILED), rows({"sku": "C", "price": "2"}), clock)
    assert remembered(tmp_path, clock) == [{"B": True}]


def test_unknown_vendors_refuse_all_rows(made, clock):
    destination = made(taken("1"), completed(invalid_vendors=["p2"]))
    records = rows({"sku": "A", "price": "2"})
    (batch,) = encoded(destination, records)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert set(states(batch, records, receipt).values()) == {"refused"}


def test_a_job_without_lists_confirms_nothing(made, clock):
    destination = made(taken("1"), {"job_status": "COMPLETED"})
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2"}))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.rest, receipt.code) == (RowState.ACCEPTED, "DEST_NOT_CONFIRMED")


def test_a_failed_job_refuses_with_its_words(made, clock):
    destination = made(taken("1"), {"job_status": "FAILED", "result": {"message": "limit reached"}})
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2"}))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.rest, receipt.message) == (RowState.REFUSED, "the job 1 failed: limit reached")


def test_a_job_that_can_not_be_asked_about_is_accepted_after_its_time(made, clock):
    gone = Refused("no such job", status="404")
    destination = made(taken("1"), gone, gone)
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2"}))
    receipt = destination.submit(batch)
    assert not asked(destination, clock, batch, receipt, 2999).closed
    assert asked(destination, clock, batch, receipt, 3000).rest is RowState.ACCEPTED


def test_the_second_call_waits_for_its_turn_and_is_not_sent_too_late(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    busy = Throttled("wait", after=7.0)
    destination = made(taken("2"), {"job_status": "QUEUED"}, completed(), busy, completed(), taken("3"), completed())
    (batch,) = encoded(destination, rows({"sku": "A", "price": "1"}))
    receipt = destination.submit(batch)
    assert receipt.ticket == "1/2 2"
    receipt = asked(destination, clock, batch, receipt)
    assert (receipt.ticket, receipt.closed) == ("1/2 2", False)
    receipt = asked(destination, clock, batch, receipt)
    assert (receipt.ticket, receipt.after) == ("1/2 2", 7.0)
    receipt = asked(destination, clock, batch, receipt)
    assert receipt.ticket == "2/2 3"
    assert asked(destination, clock, batch, receipt).rest is RowState.APPLIED
    late = asked(made(completed()), clock, batch, Receipt(ticket="1/2 2"), ago=8000)
    assert (late.closed, late.rest) == (True, RowState.UNCERTAIN)


def test_a_campaign_lives_changes_and_ends_at_the_platform(tmp_path):
    real = RealClock()
    chain = Chain("c-1", (Vendor("p1"), Vendor("p2")), tokens=(Token("all", TOKEN),))
    at_once = dict.fromkeys(("queued_seconds", "running_seconds", "promotion_queued_seconds"), 0.0)
    goods = [Item(sku, price="5", active=True) for sku in "ABC"]
    with PartnerTwin(goods, settings=PartnerTwinSettings(chains=(chain,), calls_per_window=0, **at_once)) as twin:
        chosen = settings(tmp_path, host=twin.url)
        transport = connect(
            chosen.access(), account="a", clock=real, budget=FreeBudget(), policy=RetryPolicy(attempts=1)
        )
        destination = PartnerApiDestination(chosen, transport=transport, clock=real, account="acc", name="panda")

        def go(*cells):
            records, found = rows(*cells), {}
            for batch in encoded(destination, records):
                receipt = destination.submit(batch)
                while not receipt.closed:
                    receipt = asked(destination, real, batch, receipt)
                found |= states(batch, records, receipt)
            return sorted(found.values())

        def running():
            return {
                (sku, entry.value)
                for one in twin.promotions() if one.active
                for sku, entry in one.entries["p1"].items() if entry.active
            }  # fmt: skip

        assert go({"sku": "A", "price": "2"}, {"sku": "B", "price": "3"}) == ["applied"] * 2
        assert running() == {("A", "2"), ("B", "3")}
        assert go({"sku": "C", "price": "9"}, {"sku": "X", "price": "1"}) == ["refused", "refused"]
        assert go({"sku": "A", "price": "1"}) == ["applied"]
        assert running() == {("A", "1"), ("B", "3")}
        assert go({"sku": "B", "command": "end"}) == ["applied"]
        assert running() == {("A", "1")}
        assert go({"sku": "A", "command": "end"}) == ["applied"]
        assert running() == set()
        assert go({"sku": "C", "price": "4"}) == ["applied"]
        assert running() == {("C", "4")}
        transport.close()
