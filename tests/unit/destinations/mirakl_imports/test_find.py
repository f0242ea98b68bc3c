"""Imports whose answer was lost are looked for."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from support.mirakl_imports import EFFECTS, page

from gateway.errors import MayWorkLater, Refused, Unreachable
from gateway.model import ABSENT, UNKNOWN, Batch
from gateway.transport.http import Response


@pytest.mark.parametrize("operation", ["product", "offer", "price"])
class TestFind:
    def test_a_known_ticket_needs_no_call(self, build, sent, operation):
        destination, transport = build()
        assert destination.find(sent(operation, ticket="7")).ticket == "7"
        assert transport.seen == []

    def test_the_import_of_the_right_time_and_size_is_adopted(self, build, sent, state, operation):
        others = [state(operation, ticket=8, age=900), state(operation, ticket=9, **size(operation, 5))]
        listing = page(operation, others[1], state(operation, ticket=7), others[0])
        assert build(listing)[0].find(sent(operation, ticket=None, age=5)).ticket == "7"

    def test_it_may_still_turn_up_for_a_while(self, build, sent, operation):
        with pytest.raises(MayWorkLater) as caught:
            build(page(operation))[0].find(sent(operation, ticket=None, age=170))
        assert caught.value.after == 10.0

    def test_then_it_is_certainly_absent(self, build, sent, state, operation):
        listing = page(operation, state(operation, ticket=8, age=900))
        assert build(listing)[0].find(sent(operation, ticket=None, age=200)) is ABSENT

    def test_an_import_not_read_yet_is_waited_for_and_then_given_up(self, build, sent, state, operation):
        field = "import_status" if operation == "product" else "status"
        waiting = page(operation, state(operation, age=1, **{field: "WAITING"}, **size(operation, 0)))
        with pytest.raises(MayWorkLater):
            build(waiting)[0].find(sent(operation, ticket=None, age=200))
        young = page(operation, state(operation, **{field: "WAITING"}, **size(operation, 0)))
        assert build(young)[0].find(sent(operation, ticket=None, age=2000)) is UNKNOWN

    def test_two_that_fit_are_none(self, build, sent, state, operation):
        listing = page(operation, state(operation, ticket=7), state(operation, ticket=8))
        assert build(listing)[0].find(sent(operation, ticket=None, age=5)) is UNKNOWN

    def test_imports_of_our_own_calls_are_not_taken_for_the_lost_one(self, build, sent, state, operation):
        destination, _ = build({"import_id": 7}, page(operation, state(operation, ticket=7)))
        destination.submit(Batch(operation, "s", b"x", EFFECTS))
        assert destination.find(sent(operation, ticket=None, age=200)) is ABSENT

    def test_clocks_that_differ_are_compared_by_the_other_sides(self, build, sent, state, clock, operation):
        behind = (clock.now() - timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")

        body = json.dumps(page(operation, state(operation, ticket=7, age=3600))).encode()
        destination, _ = build(Response(200, {"date": behind}, body))
        assert destination.find(sent(operation, ticket=None, age=1)).ticket == "7"

    def test_trouble_is_told(self, build, sent, operation):
        with pytest.raises(Unreachable):
            build(Unreachable("down"))[0].find(sent(operation, ticket=None))

    def test_what_caused_no_call_is_absent(self, build, sent, operation):
        destination, transport = build()
        assert destination.find(sent(operation, ticket=None, unsent="nothing")) is ABSENT
        assert transport.seen == []


def size(operation, lines):
    if operation == "product":
        return {"transform_lines_read": lines, "transform_lines_in_success": lines}
    if operation == "offer":
        return {"lines_read": lines, "lines_in_success": lines}
    return {"lines_in_success": lines}


def test_a_lost_price_import_is_known_by_its_lines(build, sent, state):
    listing = page("price", state("price", ticket="p", lines_in_success=4, lines_in_error=1))
    assert build(listing)[0].find(sent("price", ticket=None, records=2, lines="5")).ticket == "p"


def test_a_replace_of_another_tool_is_none_of_ours(build, sent, state):
    listing = page("offer", state("offer", mode="REPLACE"))
    assert build(listing)[0].find(sent("offer", ticket=None)) is UNKNOWN


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"shop_sku;name\nA;x\n", True),
        (b"shop_sku;name\nZ;x\n", False),
        (b'shop_sku;name\nZ;"x\n' + b"x" * 200_000, True),
        (None, True),
    ],
)
def test_a_lost_product_import_is_compared_with_its_file(build, sent, state, content, found):
    listing = page("product", state("product", ticket=7, has_transformed_file=True))
    step = Refused("no", status="404") if content is None else content
    destination, transport = build(listing, step)
    verdict = destination.find(sent("product", ticket=None, first="A"))
    assert (verdict is not UNKNOWN) is found
    assert (transport.seen[1].path, transport.seen[1].budget) == ("/api/products/imports/7/transformed_file", "P46")
