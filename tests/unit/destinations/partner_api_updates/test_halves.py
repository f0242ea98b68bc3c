"""Catalog updates that are refused as a whole: what is at fault is found by halves."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from support.partner_updates import STORES, Script, accepted, answer, asked, done, log, only, outcomes

from gateway.errors import OutcomeUnknown, Throttled
from gateway.model import UNKNOWN, RowState
from gateway.testing.drive import as_sent
from gateway.transport.http import Response


def drive(destination, clock, batch, receipt, most=40):
    at, found = clock.now(), {}
    for _ in range(most):
        if receipt.outcomes is not None:
            found |= {line: state for line, _, state, *_ in receipt.outcomes.rows()}
        if receipt.closed:
            return found, receipt
        receipt = asked(destination, clock, batch, receipt, at)
    raise AssertionError("it never ends")


class Judge(Script):
    """A platform that refuses a call with any bad product, and one with more than `most`."""

    def __init__(self, bad, most=10**9):
        super().__init__()
        self.bad, self.most, self.calls = bad, most, []

    def send(self, request):
        if request.method == "PUT":
            skus = [one["sku"] for one in json.loads(request.body)["products"]]
            self.calls.append(skus)
            if len(skus) > self.most:
                return answer(413, "too large")
            if self.bad & set(skus):
                return answer(400, "barcode must be digits")
            return accepted(f"job {len(self.calls)}/x")
        if "/jobs/" in request.path:
            number = int(request.path.rsplit("/", 1)[1].removeprefix("job%20").removesuffix("%2Fx"))
            return Response(200, {}, json.dumps(done(f"/logs/{number}")).encode())
        number = int(request.path.rsplit("/", 1)[1])
        return log(*(f"{sku},SUCCESS,null" for sku in self.calls[number - 1]))


@pytest.mark.parametrize("bad", [{"S5"}, {"S0", "S15"}, {"S3", "S4", "S5"}, {f"S{n}" for n in range(16)}])
def test_bad_rows_are_found_by_halves_and_the_others_are_applied(made, clock, bad):
    judge = Judge(bad)
    destination = made(judge)
    batch = only(destination, 16)
    found, receipt = drive(destination, clock, batch, destination.submit(batch), most=80)
    alone = {one for (one, *more) in judge.calls if not more}  # its level went as a flag
    good = {f"S{n}": "accepted" if f"S{n}" in alone else "applied" for n in range(16)}
    assert found == {n + 1: "refused" if f"S{n}" in bad else good[f"S{n}"] for n in range(16)}
    assert len(judge.calls) <= 1 + 2 * 4 * len(bad)
    assert receipt.closed


def test_a_single_bad_row_is_refused_with_the_platforms_words(made):
    destination = made(Script(put=[answer(400, "quantity must be an integer")]))
    receipt = destination.submit(only(destination, 1))
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.REFUSED, "DEST_REFUSED")
    assert receipt.message == "quantity must be an integer"


def test_a_call_too_large_is_halved_down_to_the_floor(made, clock):
    judge = Judge(set(), most=4)
    destination = made(judge, keys={"rest": {"limits": {"floor_products": 2}}})
    batch = only(destination, 16)
    found, _ = drive(destination, clock, batch, destination.submit(batch))
    assert set(found.values()) == {"applied"}
    assert sorted(map(len, judge.calls)) == [4, 4, 4, 4, 8, 8, 16]
    narrow = made(Judge(set(), most=1), keys={"rest": {"limits": {"floor_products": 4}}})
    found, _ = drive(narrow, clock, batch, narrow.submit(batch))
    assert set(found.values()) == {"refused"}


def test_one_job_of_a_vendor_is_under_way_at_a_time(made, clock):
    script = Script(
        put=[answer(400), accepted("a"), accepted("b")],
        job=[{"job_status": "QUEUED"}, done(), done("/l/2")],
        log=[log("S0,SUCCESS,", "S1,SUCCESS,"), log("S2,SUCCESS,", "S3,SUCCESS,")],
    )
    destination = made(script)
    batch = only(destination)
    receipt = destination.submit(batch)
    assert receipt.ticket == "split 0-2;2-4"
    seen = []
    while not receipt.closed:
        receipt = asked(destination, clock, batch, receipt)
        seen.append(receipt.ticket)
    assert seen == ["split 0-2=a;2-4", "split 0-2=a;2-4", "split 2-4=b", "split 2-4=b"]


def test_what_is_left_of_a_call_is_taken_up_by_another_process(made, clock):
    first = made(Script(put=[answer(400), accepted("a")]))
    batch = only(first)
    receipt = asked(first, clock, batch, first.submit(batch))
    second = made(
        Script(put=[accepted("b")], job=[done(), done("/l/2")],
               log=[log("S0,SUCCESS,", "S1,SUCCESS,"), log("S2,SUCCESS,", "S3,SUCCESS,")])
    )  # fmt: skip
    found, _ = drive(second, clock, batch, receipt)
    assert found == dict.fromkeys((1, 2, 3, 4), "applied")


def test_what_is_left_is_not_sent_once_newer_values_may_have_been(made, clock):
    destination = made(Script(put=[answer(400)]))
    batch = only(destination)
    receipt = destination.submit(batch)
    receipt = asked(destination, clock, batch, receipt, clock.now() - timedelta(hours=3))
    assert receipt.closed
    assert {state for _, state, _ in outcomes(receipt)} == {"refused"}


def test_trouble_while_sending_what_is_left_comes_again_later(made, clock):
    script = Script(
        put=[answer(400), Throttled("wait", after=9.0), OutcomeUnknown("lost"), accepted("a"), accepted("b")],
        job=[done(), done("/2")], log=[log("S0,OK,", "S1,OK,"), log("S2,OK,", "S3,OK,")],
    )  # fmt: skip
    destination = made(script)
    batch = only(destination)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.ticket, receipt.after) == ("split 0-2;2-4", 9.0)
    found, _ = drive(destination, clock, batch, receipt)
    assert found == dict.fromkeys((1, 2, 3, 4), "applied")


def test_a_call_whose_answer_is_lost_twice_goes_in_halves(made, clock):
    script = Script(put=[OutcomeUnknown("no answer")])
    destination = made(script, keys={"rest": {"limits": {"floor_products": 2}}})
    batch = only(destination)
    with pytest.raises(OutcomeUnknown):
        destination.submit(batch)
    assert destination.find(as_sent(batch, None)) is UNKNOWN
    assert destination.submit(batch).ticket == "split 0-2;2-4"


@pytest.mark.parametrize("status", [403, 404])
def test_a_vendor_that_can_not_be_written_leaves_the_others_be(made, status):
    destination = made(Script(put=[answer(status, "no such vendor")]), vendors=STORES)
    receipt = destination.submit(only(destination, 3))
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.REFUSED, "DEST_REFUSED_BATCH")
    assert "vendor V1" in receipt.message
