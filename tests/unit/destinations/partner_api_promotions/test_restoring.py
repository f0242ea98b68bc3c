"""Changes of promotions that are refused: what ran before runs again, or is told to be gone."""

from __future__ import annotations

import pytest
from support.partner_promotions import FAILED, asked, completed, encoded, remembered, rows, run, sent, taken

from gateway.errors import OutcomeUnknown, Throttled
from gateway.model import RowState
from gateway.transport.http import Response

OLD, NEW = {"sku": "A", "price": "2"}, {"sku": "A", "price": "1.5"}
DEAR = {"invalid_discounted_skus": {"p1": ["A"], "p2": ["A"]}}


def changed(destination, clock, *cells):
    """Change what runs; returns code and message of each row by its key."""
    whole, found = rows(*cells), {}
    for batch in encoded(destination, whole):
        receipt, told = destination.submit(batch), {}
        while True:
            listed = [] if receipt.outcomes is None else receipt.outcomes.rows(named=True)
            told |= {one["line"]: (one["state"], one["code"], one["message"]) for one in listed}
            if receipt.closed:
                break
            receipt = asked(destination, clock, batch, receipt)
        rest = (str(receipt.rest), receipt.code, receipt.message)
        ids = dict(whole.select("effect", "promotion_id").rows())
        found |= {ids[effect]: told.get(line, rest) for effect, line in batch.effects.rows()}
    return found


@pytest.mark.parametrize("new", [FAILED, completed(**DEAR)])
def test_what_ran_before_a_change_that_is_refused_runs_again(made, clock, tmp_path, new):
    run(made(taken("1"), completed()), rows(OLD, {"sku": "B", "price": "2"}), clock)
    destination = made(taken("2"), completed(), taken("3"), new, taken("4"), completed())
    ((state, code, message),) = changed(destination, clock, NEW).values()
    assert (state, message.endswith("; what ran of it before runs again")) == ("refused", True)
    assert code in {"DEST_REFUSED_BATCH", "DEST_REFUSED"}
    assert remembered(tmp_path, clock) == [{"A": True, "B": True}]
    entries = {sku: (one["discount_value"], one["active"]) for one in sent(destination)[-1]["discount"]
               for sku in one["sku"]}  # fmt: skip
    assert entries == {"A": (2, True), "B": (2, True)}


@pytest.mark.parametrize(
    ("again", "how"),
    [
        ([taken("4"), FAILED], "has ended"),
        ([taken("4"), completed(**DEAR)], "has ended"),
        ([Response(400, {}, b"no")], "has ended"),
        ([taken("4"), {"job_status": "COMPLETED"}], "was begun again, which nothing confirms"),
    ],
)
def test_what_ran_before_a_change_and_is_not_known_to_run_again_is_gone(made, clock, again, how):
    run(made(taken("1"), completed()), rows(OLD), clock)
    destination = made(taken("2"), completed(), taken("3"), FAILED, *again)
    ((state, code, message),) = changed(destination, clock, NEW).values()
    assert (state, code) == ("refused", "PROMOTION_GONE")
    assert message == f"the job 3 failed: not created; what ran of it before {how}"


def test_nothing_is_begun_again_too_late(made, clock):
    run(made(taken("1"), completed()), rows(OLD), clock)
    destination = made(taken("2"), completed())
    (batch,) = encoded(destination, rows(NEW))
    receipt = asked(destination, clock, batch, destination.submit(batch), ago=8000)
    ((_, _, state, code, message, *_),) = receipt.outcomes.rows()
    assert (receipt.closed, state, code) == (True, "uncertain", "PROMOTION_GONE")
    assert message.endswith("what ran of it before has ended")


def test_trouble_on_the_way_leaves_what_ran_before_to_be_begun_again(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows(OLD), clock)
    trouble = [Throttled("wait", after=7.0), OutcomeUnknown("cut"), taken("4"), {"job_status": "QUEUED"}, completed()]
    destination = made(taken("2"), completed(), taken("3"), FAILED, *trouble)
    ((state, code, message),) = changed(destination, clock, NEW).values()
    assert (state, code, message.endswith("runs again")) == ("refused", "DEST_REFUSED_BATCH", True)
    assert remembered(tmp_path, clock) == [{"A": True}]


def test_what_runs_otherwise_at_one_store_only_has_ended_at_the_others(made, clock):
    run(made(taken("1"), completed()), rows(OLD), clock)
    lists = {"invalid_discounted_skus": {"p1": ["A"]}}
    destination = made(taken("2"), completed(), taken("3"), completed(**lists))
    ((state, code, message),) = changed(destination, clock, NEW).values()
    assert (state, code) == ("refused", "PROMOTION_GONE")
    assert message.endswith("(V1); the promotion runs at V2; what ran of it before has ended")


def test_what_moved_from_one_promotion_runs_there_again(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows(OLD), clock)
    destination = made(taken("2"), completed(), taken("3"), FAILED, taken("4"), completed())
    changed(destination, clock, {**OLD, "vendor_ids": "V1"})
    assert [one["vendors"] for one in sent(destination)] == [["p1", "p2"], ["p1"], ["p1", "p2"]]
    assert remembered(tmp_path, clock) == [{"A": True}]


def test_what_a_row_ends_is_ended_though_what_is_to_follow_is_refused(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows(OLD), clock)
    destination = made(taken("2"), completed(), taken("3"), completed(**DEAR))
    told = changed(destination, clock, {"sku": "A", "command": "end"}, {**NEW, "promotion_id": "W13"})
    assert {key: (state, code) for key, (state, code, _) in told.items()} == {
        "W12": ("applied", None), "W13": ("refused", "DEST_REFUSED"),
    }  # fmt: skip
    assert remembered(tmp_path, clock) == [{}]


def test_rows_that_ended_are_told_so_whatever_becomes_of_those_that_follow(made, clock):
    run(made(taken("1"), completed()), rows(*({"sku": sku, "price": "2"} for sku in "ABC")), clock)
    destination = made(taken("2"), completed(), taken("3"), FAILED)
    (batch,) = encoded(destination, rows({"sku": "A", "command": "end"}, {"sku": "B", "price": "1"}))
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.ticket, receipt.closed) == ("2/2 3", False)
    assert [(line, state) for line, _, state, *_ in receipt.outcomes.rows()] == [(1, "applied")]
    receipt = asked(destination, clock, batch, receipt)  # what B ran for is begun again
    assert [(line, state) for line, _, state, *_ in receipt.outcomes.rows()] == [(2, "refused")]
    destination._way._calls._transport.steps += [taken("4"), completed()]
    receipt = asked(destination, clock, batch, asked(destination, clock, batch, receipt))
    assert (receipt.closed, receipt.rest) == (True, RowState.REFUSED)


def test_an_end_that_failed_can_be_tried_again(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    ending = rows({"sku": "A", "command": "end"})
    again = made(taken("2"), FAILED, FAILED)
    (batch,) = encoded(again, ending)
    receipt = again.submit(batch)
    for _ in range(2):  # asked once more where the answer could not be kept
        assert asked(again, clock, batch, receipt).rest is RowState.REFUSED
        assert remembered(tmp_path, clock) == [{"A": True}]
    assert set(run(made(taken("3"), completed()), ending, clock).values()) == {"applied"}


def test_a_call_made_again_is_still_undone_as_a_whole(made, clock, tmp_path):
    run(made(taken("1"), completed()), rows({"sku": "A", "price": "2"}), clock)
    destination = made(taken("2"), taken("3"), FAILED)
    (batch,) = encoded(destination, rows({"sku": "B", "price": "2"}))
    destination.submit(batch)
    asked(destination, clock, batch, destination.submit(batch))
    assert remembered(tmp_path, clock) == [{"A": True}]
