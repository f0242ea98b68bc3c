"""Imports sent and followed by their listing until they end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.mirakl_imports import EFFECTS, live, page, poll

from gateway.errors import OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.model import Batch, RowState
from gateway.transport.http import Response

CODES = {"product": "P51", "offer": "OF04", "price": "PRI02"}
PATHS = {
    "product": "/api/products/imports",
    "offer": "/api/offers/imports",
    "price": "/api/offers/pricing/imports",
}


# ---------------------------------------------------------------- submitting


@pytest.mark.parametrize(
    ("operation", "family", "parts"),
    [
        ("product", "product", (("operator_format", "true"),)),
        ("offer", "offer", (("import_mode", "NORMAL"),)),
        ("price", "price", ()),
        ("discount", "price", ()),
    ],
)
def test_submit_posts_one_file_with_its_parts(build, operation, family, parts):
    destination, transport = build(Response(201, {}, b'{"import_id": 17}'))
    assert destination.submit(Batch(operation, "s", b"body", EFFECTS)).ticket == "17"
    (request,) = transport.seen
    assert (request.method, request.path, request.parts) == ("POST", PATHS[family], parts)
    assert (request.upload.part, request.upload.content) == ("file", b"body")
    assert request.query == (("shop_id", "7"),)


def test_the_shops_own_format_is_a_setting(build):
    destination, transport = build({"import_id": 1}, operator_format=False)
    destination.submit(Batch("product", "s", b"", EFFECTS))
    assert transport.seen[0].parts == (("operator_format", "false"),)


@pytest.mark.parametrize("operation", ["product", "offer", "price", "discount", "stock"])
@pytest.mark.parametrize(("why", "rest"), [("nothing", RowState.SKIPPED), ("unknown", RowState.REFUSED)])
def test_what_can_not_be_sent_ends_without_a_call(build, operation, why, rest):
    destination, transport = build()
    receipt = destination.submit(Batch(operation, "s", b"", EFFECTS, {"unsent": why}))
    assert (receipt.closed, receipt.rest, transport.seen) == (True, rest, [])


@pytest.mark.parametrize("operation", ["product", "offer", "price"])
def test_a_taken_file_without_a_ticket_is_an_unknown_outcome(build, operation):
    with pytest.raises(OutcomeUnknown, match="no import id"):
        build(Response(201, {}, b"<html>"))[0].submit(Batch(operation, "s", b"x", EFFECTS))


# ---------------------------------------------------------------- polling: common


@pytest.mark.parametrize("operation", ["product", "offer", "price"])
def test_one_listing_call_answers_for_all_open_imports(build, sent, state, operation):
    states = [state(operation, ticket=n, **(live(3) if operation == "product" else {})) for n in (1, 2, 3, 4)]
    destination, transport = build(page(operation, *states))
    receipts = destination.poll([sent(operation, number=n, ticket=str(n)) for n in (1, 2, 3)])
    assert {number: receipt.rest for number, receipt in receipts.items()} == dict.fromkeys((1, 2, 3), RowState.APPLIED)
    (request,) = transport.seen
    assert (request.method, request.path, request.budget, request.interval) == (
        "GET", PATHS[operation], CODES[operation], 60.0
    )  # fmt: skip


def test_listings_ask_for_large_pages_and_the_newest_first(build, sent, state, clock):
    since = (clock.now() - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    queries = {}
    for operation in ("product", "offer", "price"):
        destination, transport = build(page(operation, state(operation, **live(3))))
        destination.poll([sent(operation)])
        queries[operation] = transport.seen[0].query
    assert queries["product"] == (
        ("last_request_date", since), ("sort", "dateCreated"), ("order", "desc"), ("max", "100"), ("offset", "0"),
        ("shop_id", "7"),
    )  # fmt: skip
    assert queries["offer"] == (
        ("start_date", since), ("origins", "API"), ("limit", "100"), ("sort", "dateCreated,DESC"), ("shop_id", "7")
    )  # fmt: skip
    assert queries["price"] == (("import_id", "1"), ("limit", "100"), ("shop_id", "7"))


def test_listings_are_followed_to_their_end(build, sent, state):
    first = page("offer", state("offer", ticket=9)) | {"next_page_token": "next"}
    destination, transport = build(first, page("offer", state("offer", ticket=1)))
    assert destination.poll([sent("offer")])[1].rest is RowState.APPLIED
    assert transport.seen[1].query == (("page_token", "next"), ("shop_id", "7"))
    full = {"product_import_trackings": [state("product", ticket=n) for n in range(100, 200)], "total_count": 101}
    rest = {"product_import_trackings": [state("product", ticket=1, **live(3))], "total_count": 101}
    destination, transport = build(full, rest)
    assert destination.poll([sent("product")])[1].rest is RowState.APPLIED
    assert dict(transport.seen[1].query)["offset"] == "100"


@pytest.mark.parametrize(("operation", "code"), [("product", "P42"), ("offer", "OF02")])
def test_an_import_the_listing_does_not_show_is_asked_for_alone(build, sent, state, operation, code):
    destination, transport = build(page(operation), state(operation, **live(3)))
    assert destination.poll([sent(operation)])[1].rest is RowState.APPLIED
    assert (transport.seen[1].budget, transport.seen[1].path) == (code, f"{PATHS[operation]}/1")


@pytest.mark.parametrize("operation", ["product", "offer", "price"])
def test_an_import_nobody_knows_stays_open(build, sent, operation):
    steps = [page(operation)] if operation == "price" else [page(operation), Refused("no", status="404")]
    receipt = poll(build, sent(operation), *steps)
    assert not receipt.closed
    assert "not known any more" in receipt.message


@pytest.mark.parametrize("operation", ["product", "offer", "price"])
@pytest.mark.parametrize("word", ["PAUSED", None, 7])
def test_an_unknown_state_is_no_end(build, sent, state, operation, word):
    field = "import_status" if operation == "product" else "status"
    receipt = poll(build, sent(operation), page(operation, state(operation, **{field: word})))
    assert not receipt.closed
    assert "unknown status" in receipt.message


@pytest.mark.parametrize("operation", ["product", "offer", "price"])
def test_a_failed_import_refuses_every_row(build, sent, state, operation):
    field = "import_status" if operation == "product" else "status"
    failed = state(operation, reason_status="bad header", **{field: "FAILED"})
    receipt = poll(build, sent(operation), page(operation, failed))
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.REFUSED, "DEST_SETUP")
    assert "bad header" in receipt.message


@pytest.mark.parametrize("operation", ["product", "offer", "price"])
def test_a_throttled_listing_says_when_to_come_back(build, sent, operation):
    receipt = poll(build, sent(operation), Throttled("x", after=33.0))
    assert (receipt.ticket, receipt.closed, receipt.after) == ("1", False, 33.0)


def test_trouble_with_one_family_leaves_the_others(build, sent, state):
    destination, _ = build(
        Unreachable("down"), page("offer", state("offer")), page("price", state("price", ticket="2"))
    )
    receipts = destination.poll(
        [sent("product", number=1), sent("offer", number=2), sent("discount", number=3, ticket="2")]
    )
    assert sorted(receipts) == [2, 3]
    with pytest.raises(Unreachable):
        build(Unreachable("down"))[0].poll([sent("product")])


def test_old_imports_are_asked_about_less_often(build, sent, state):
    waiting = page("offer", state("offer", status="WAITING"))
    found = [poll(build, sent("offer", age=age), waiting).after for age in (0, 1200, 14_400)]
    assert found == [60.0, 240.0, 1200.0]


@pytest.mark.parametrize("operation", ["offer", "price"])
def test_an_import_older_than_the_call_was_taken_for_a_repeat(build, sent, state, operation):
    receipt = poll(build, sent(operation), page(operation, state(operation, age=3600)))
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.UNCERTAIN, "DEST_UNCERTAIN")
    assert "for a repeat of its import 1" in receipt.message
    assert poll(build, sent(operation), page(operation, state(operation, age=600))).rest is RowState.APPLIED


@pytest.mark.parametrize("operation", ["product", "offer", "price"])
def test_an_announced_report_that_is_not_there_is_asked_for_some_times(build, sent, state, operation):
    bad = {"product": {"transform_lines_in_error": 1, "transform_lines_in_success": 2, **live(2)},
           "offer": {"lines_in_error": 1, "lines_in_success": 2},
           "price": {"lines_in_error": 1, "lines_in_success": 2}}[operation]  # fmt: skip
    gone = Refused("no", status="404")
    listing = page(operation, state(operation, **bad))
    destination, _ = build(listing, gone, listing, gone, report_tries=2)
    assert not destination.poll([sent(operation)])[1].closed
    receipt = destination.poll([sent(operation)])[1]
    assert (receipt.closed, receipt.rest) == (True, RowState.UNCERTAIN)
    assert "1 of 3 lines" in receipt.message
