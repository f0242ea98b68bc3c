"""Promotions that change and end: what was sent before is remembered."""

from __future__ import annotations

import pytest
from support.partner_promotions import completed, encoded, rows, run, sent, taken

from gateway.destinations.partner_api.memory import Memory
from gateway.errors import Unreachable
from gateway.model import RowState
from gateway.transport.http import Response


def test_new_rows_of_a_promotion_are_sent_with_what_is_in_it(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), completed())
    run(destination, rows({"sku": "B", "price": "2"}, {"sku": "C", "price": "3"}), clock)
    (one,) = sent(destination)
    assert [(entry["discount_value"], entry["sku"]) for entry in one["discount"]] == [(2, ["A", "B"]), (3, ["C"])]


def test_rows_that_end_are_taken_out_and_the_last_ends_it_by_its_body(made, clock):
    whole = rows({"sku": "A", "price": "2.50"}, {"sku": "B", "price": "3"})
    first = made(taken("1"), completed())
    run(first, whole, clock)
    second = made(taken("2"), completed())
    run(second, rows({"sku": "A", "command": "end"}), clock)
    (one,) = sent(second)
    assert [(entry["sku"], entry["active"]) for entry in one["discount"]] == [(["A"], False), (["B"], True)]
    assert one["active"] is True
    third = made(taken("3"), completed())
    run(third, rows({"sku": "B", "command": "end"}), clock)
    assert sent(third) == [{**one, "active": False}]
    assert b'"discount_value":2.50' in third._way._calls._transport.seen[0].body


def test_inactive_is_an_end(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), completed())
    run(destination, rows({"sku": "A", "price": "2", "status": "inactive"}), clock)
    assert [one["active"] for one in sent(destination)] == [False]


def test_a_changed_price_is_an_end_and_a_new_promotion(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}, {"sku": "B", "price": "2"}), clock)
    destination = made(taken("2"), completed(), taken("3"), completed())
    assert set(run(destination, rows({"sku": "A", "price": "1.5"}), clock).values()) == {"applied"}
    ended, new = sent(destination)
    assert [(e["sku"], e["discount_value"], e["active"]) for e in ended["discount"]] == [
        (["A"], 2, False),
        (["B"], 2, True),
    ]
    assert [(e["sku"], e["discount_value"], e["active"]) for e in new["discount"]] == [
        (["B"], 2, True),
        (["A"], 1.5, True),
    ]


def test_a_change_may_be_sent_at_once(made, clock):
    keys = {"promo": {"change_strategy": "replace"}}
    run(made(taken("1"), completed(), keys=keys), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), completed(), keys=keys)
    run(destination, rows({"sku": "A", "price": "1.5"}), clock)
    assert len(sent(destination)) == 1


def test_other_vendors_end_the_promotion_of_before(made, clock):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), completed(), taken("3"), completed())
    run(destination, rows({"sku": "A", "price": "2", "vendor_ids": "V1"}), clock)
    ended, new = sent(destination)
    assert (ended["active"], ended["vendors"]) == (False, ["p1", "p2"])
    assert (new["active"], new["vendors"]) == (True, ["p1"])


def test_the_same_rows_again_are_the_same_call(made, clock):
    whole = rows({"sku": "A", "price": "2"}, {"sku": "B", "percentage": "10"})
    first, second = made(taken("1"), completed()), made(taken("2"), {"job_status": "DUPLICATE"})
    run(first, whole, clock)
    assert set(run(second, whole, clock).values()) == {"applied"}
    assert sent(first) == sent(second)


def test_a_promotion_that_has_ended_may_begin_again(made, clock):
    whole = rows({"sku": "A", "price": "2"}, {"sku": "B", "price": "2"})
    run(made(taken("1"), completed()), whole, clock)
    run(made(taken("2"), completed()), rows({"sku": "A", "command": "end"}, {"sku": "B", "command": "end"}), clock)
    destination = made(taken("3"), completed())
    run(destination, rows({"sku": "B", "price": "2"}), clock)
    (one,) = sent(destination)
    entries = [(entry["sku"], entry["active"]) for entry in one["discount"]]
    assert (one["active"], entries) == (True, [(["A"], False), (["B"], True)])


def test_what_nobody_remembers_can_not_be_ended(made):
    destination = made()
    (batch,) = encoded(destination, rows({"sku": "A", "command": "end"}))
    receipt = destination.submit(batch)
    assert (receipt.closed, receipt.rest, batch.body) == (True, RowState.SKIPPED, b"")
    assert (receipt.code, receipt.message) == (
        "DEST_NOTHING", "no promotion of this article, id and dates is known to be running"
    )  # fmt: skip


def test_nothing_is_remembered_of_a_call_that_was_refused(made, clock, tmp_path):
    destination = made(Response(400, {}, b'{"message":"start_time is missing"}'))
    (batch,) = encoded(destination, rows({"sku": "A", "price": "2"}))
    receipt = destination.submit(batch)
    assert (receipt.rest, receipt.message) == (RowState.REFUSED, "400, start_time is missing")
    assert Memory(tmp_path / "sent", "acc", "rest").promotions(clock.now()) == {}


def test_promotions_long_over_are_forgotten_and_a_broken_memory_stops_us(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    memory = Memory(tmp_path / "sent", "acc", "rest")
    (path,) = (tmp_path / "sent" / "acc" / "promotions-rest").iterdir()
    assert len(memory.promotions(clock.now())) == 1
    path.write_text("{", "utf-8")
    with pytest.raises(Unreachable, match="can't be read"):
        memory.promotions(clock.now())
    memory.keep([{"identity": "x", "until": "2026-01-01T00:00:00Z"}])
    path.unlink()
    assert memory.promotions(clock.now()) == {}
    assert list(path.parent.iterdir()) == []
