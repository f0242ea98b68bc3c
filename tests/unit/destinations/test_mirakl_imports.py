"""Imports of products, offers and prices: what each state and report means, and how a lost one is found."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.errors import MayWorkLater, OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.model import ABSENT, UNKNOWN, Batch, Receipt, RowState, Sent
from gateway.transport.http import Response

EFFECTS = pl.DataFrame({"effect": [0], "line": [2]}, schema={"effect": pl.UInt32, "line": pl.Int64})
CODES = {"product": "P51", "offer": "OF04", "price": "PRI02"}
PATHS = {
    "product": "/api/products/imports",
    "offer": "/api/offers/imports",
    "price": "/api/offers/pricing/imports",
}


@pytest.fixture
def build(scripted, clock):
    def make(*steps, **more):
        transport = scripted(*steps)
        settings = MiraklSettings(
            **{"host": "shop.mirakl.net", "api_key": SecretStr("k"), "shop_id": 7, "price_basis": "gross", **more}
        )
        return MiraklDestination(settings, transport=transport, clock=clock, account="a", name="saks"), transport

    return make


@pytest.fixture
def sent(clock):
    def make(operation, number=1, ticket="1", records=3, age=0.0, **memo):
        known = {"key": "sku", "tail": "", **memo}
        return Sent(
            number, operation, f"a:{operation}", ticket, "d", records, clock.now() - timedelta(seconds=age), known
        )

    return make


@pytest.fixture
def state(clock):
    def make(operation, *, ticket=1, age=0.0, **more):
        created = (clock.now() - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
        common = {"import_id": ticket, "date_created": created, "has_error_report": False, "shop_id": 7}
        if operation == "product":
            counters = {"transform_lines_read": 3, "transform_lines_in_success": 3, "transform_lines_in_error": 0,
                        "transform_lines_with_warning": 0, "import_status": "COMPLETE",
                        "has_transformation_error_report": False, "has_transformed_file": False}  # fmt: skip
        elif operation == "offer":
            counters = {"lines_read": 3, "lines_in_success": 3, "lines_in_error": 0, "lines_in_pending": 0,
                        "status": "COMPLETE", "mode": "NORMAL"}  # fmt: skip
        else:
            counters = {"lines_in_success": 3, "lines_in_error": 0, "offers_in_error": 0, "offers_updated": 3,
                        "status": "COMPLETE"}  # fmt: skip
        return {**common, **counters, **more}

    return make


def page(operation, *states):
    if operation == "product":
        return {"product_import_trackings": list(states), "total_count": len(states)}
    return {"data": list(states)}


def live(count, **more):
    return {"integration_details": {"products_successfully_synchronized": count, **more}}


def poll(build, item, *steps, **more) -> Receipt:
    destination, _ = build(*steps, **more)
    return destination.poll([item])[item.batch_id]


def told(receipt):
    return receipt.outcomes.select("line", "key", "state", "message").rows()


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


# ---------------------------------------------------------------- offers


REPORT = '"sku";"product-id";"price";"error-line";"error-message"\n"B";"0017";"5";"3";"The product does not exist"\n'


def test_bad_offers_are_named_by_line_and_code(build, sent, state):
    listing = page("offer", state("offer", lines_in_error=1, lines_in_success=2, has_error_report=True))
    destination, transport = build(listing, REPORT.encode())
    receipt = destination.poll([sent("offer")])[1]
    assert (receipt.rest, told(receipt)) == (RowState.APPLIED, [(3, "B", "refused", "The product does not exist")])
    assert (transport.seen[1].path, transport.seen[1].budget) == ("/api/offers/imports/1/error_report", "OF03")
    assert [name for name, _ in receipt.raw] == ["offers-status-1.json", "offers-error-report-1.csv"]


def test_every_line_in_error_is_a_complete_import(build, sent, state):
    report = "sku;error-line;error-message\n" + "".join(f"S{n};{n};no\n" for n in (2, 3, 4))
    listing = page("offer", state("offer", lines_in_error=3, lines_in_success=0, has_error_report=True))
    assert len(told(poll(build, sent("offer"), listing, report.encode()))) == 3


@pytest.mark.parametrize("word", ["WAITING_SYNCHRONIZATION_PRODUCT", "WAITING", "RUNNING", "QUEUED"])
def test_offers_under_way(build, sent, state, word):
    receipt = poll(build, sent("offer"), page("offer", state("offer", status=word)))
    assert not receipt.closed
    assert ("wait for their products" in receipt.message) is (word == "WAITING_SYNCHRONIZATION_PRODUCT")


@pytest.mark.parametrize(
    ("counters", "rest"),
    [
        ({"lines_in_pending": 2, "lines_in_success": 1}, RowState.ACCEPTED),
        ({"lines_read": 2, "lines_in_success": 2}, RowState.UNCERTAIN),
        ({"lines_in_success": 2}, RowState.UNCERTAIN),
        ({"lines_in_success": None}, RowState.ACCEPTED),
    ],
)
def test_what_the_counters_of_offers_say(build, sent, state, counters, rest):
    assert poll(build, sent("offer"), page("offer", state("offer", **counters))).rest is rest


@pytest.mark.parametrize(
    ("operation", "counters"),
    [
        ("offer", {"lines_in_error": 1, "lines_in_success": 2}),
        ("price", {"lines_in_error": 1, "lines_in_success": 2}),
        ("product", {"transform_lines_in_error": 1, "transform_lines_in_success": 2, **live(2)}),
    ],
)
def test_a_report_with_a_cell_that_never_ends_confirms_nothing(build, sent, state, operation, counters):
    broken = b'error-line;error-message;sku;line number;errors;shop_sku\n2;"why\n' + b"x" * 200_000
    receipt = poll(build, sent(operation), page(operation, state(operation, **counters)), broken)
    assert (receipt.closed, receipt.rest) == (True, RowState.UNCERTAIN)
    assert broken in [content for _, content in receipt.raw]


def test_a_report_in_another_shape_confirms_nothing(build, sent, state):
    listing = page("offer", state("offer", lines_in_error=1, lines_in_success=2, has_error_report=True))
    receipt = poll(build, sent("offer"), listing, b"who;knows\n1;2\n")
    assert receipt.rest is RowState.UNCERTAIN
    untied = b"sku;error-line;error-message\n;77;why\n"
    assert poll(build, sent("offer"), listing, untied).rest is RowState.UNCERTAIN


# ---------------------------------------------------------------- prices


def test_a_bad_price_takes_its_offer_along_and_no_other(build, sent, state):
    report = "line;reason;offer-sku;price\n2;price too low;A;1\n3;;A;2\n"
    listing = page(
        "price", state("price", lines_in_error=1, lines_in_success=4, offers_in_error=1, has_error_report=True)
    )
    receipt = poll(build, sent("price", records=3, lines="5"), listing, report.encode())
    assert (receipt.rest, told(receipt)) == (RowState.APPLIED, [(None, "A", "refused", "price too low")])


def test_prices_and_discounts_have_their_own_keys(build, sent, state):
    report = "l;r;offer-sku;price\n2;no;A;1\n"
    listing = page(
        "price", state("price", lines_in_error=1, lines_in_success=2, offers_in_error=1, has_error_report=True)
    )
    receipt = poll(build, sent("discount", tail="\x1fdiscount"), listing, report.encode())
    assert told(receipt) == [(None, "A\x1fdiscount", "refused", "no")]


@pytest.mark.parametrize(
    ("counters", "report", "rest"),
    [
        ({}, b"", RowState.APPLIED),
        ({"lines_in_success": 2}, b"", RowState.UNCERTAIN),
        ({"lines_in_success": None}, b"", RowState.ACCEPTED),
        ({"lines_in_error": 1, "lines_in_success": 2, "offers_in_error": 2}, b"l;r;s\n2;no;A\n", RowState.UNCERTAIN),
        ({"lines_in_error": 1, "lines_in_success": 2, "offers_in_error": 1}, b"l;r;s\n", RowState.UNCERTAIN),
        ({"lines_in_error": 2, "lines_in_success": 1, "offers_in_error": 1}, b"l;r;s\n2;no;A\n", RowState.UNCERTAIN),
        ({"lines_in_error": 1, "lines_in_success": 2, "offers_in_error": 1}, b"l;r;s\n2;no;\n", RowState.UNCERTAIN),
    ],
)
def test_what_the_counters_of_prices_say(build, sent, state, counters, report, rest):
    steps = [report] if report else []
    assert poll(build, sent("price"), page("price", state("price", **counters)), *steps).rest is rest


def test_tickets_of_prices_are_asked_for_in_one_call(build, sent, state):
    listing = page("price", *(state("price", ticket=f"t{n}") for n in range(3)))
    destination, transport = build(listing)
    destination.poll([sent("price", number=n, ticket=f"t{n}") for n in range(3)])
    assert transport.seen[0].query[:3] == (("import_id", "t0"), ("import_id", "t1"), ("import_id", "t2"))


# ---------------------------------------------------------------- products


P47 = (
    '"shop_sku";"title";"line number";"warnings";"errors"\n'
    '"B";"x";"3";"2004|Too long";"1001|Category unknown"\n"C";"y";"4";"2006|Not listed";""\n'
)


def test_a_product_is_applied_only_when_it_is_live(build, sent, state):
    item = sent("product")
    assert not poll(build, item, page("product", state("product", import_status="SENT"))).closed
    waiting = poll(build, item, page("product", state("product")))
    assert not waiting.closed
    assert "not said of every product" in waiting.message
    assert not poll(build, item, page("product", state("product", **live(2)))).closed
    assert poll(build, item, page("product", state("product", **live(3)))).rest is RowState.APPLIED


def test_the_first_stage_refuses_at_once_and_warnings_are_kept(build, sent, state):
    counters = {"transform_lines_in_error": 1, "transform_lines_in_success": 2, "transform_lines_with_warning": 2,
                "has_transformation_error_report": True}  # fmt: skip
    halfway = page("product", state("product", import_status="SENT", **counters))
    ended = page("product", state("product", **counters, **live(2)))
    destination, transport = build(halfway, P47.encode(), halfway, ended, P47.encode())
    early = destination.poll([sent("product")])[1]
    reason = "1001|Category unknown; (warning) 2004|Too long"
    assert (early.closed, told(early)) == (False, [(3, "B", "refused", reason)])
    assert destination.poll([sent("product")])[1].outcomes is None
    last = destination.poll([sent("product")])[1]
    assert (last.closed, last.rest) == (True, RowState.APPLIED)
    assert told(last) == [(3, "B", "refused", reason), (4, "C", "applied", "2006|Not listed")]
    assert last.outcomes["code"].to_list() == ["DEST_REFUSED", "DEST_WARNING"]
    assert transport.seen[1].path == "/api/products/imports/1/transformation_error_report"


def test_the_second_stage_refuses_what_the_first_let_through(build, sent, state):
    report = b'"shop_sku";"title";"errors"\n"A";"x";"MCM-04012|Rejected by the operator"\n'
    ended = page("product", state("product", has_error_report=True, **live(2, rejected_products=1)))
    destination, transport = build(ended, report)
    receipt = destination.poll([sent("product")])[1]
    assert (receipt.rest, told(receipt)) == (
        RowState.APPLIED, [(None, "A", "refused", "MCM-04012|Rejected by the operator")]
    )  # fmt: skip
    assert (transport.seen[1].path, transport.seen[1].budget) == ("/api/products/imports/1/error_report", "P44")


def test_an_operators_own_layout_is_a_setting(build, sent, state):
    ended = page("product", state("product", has_error_report=True, **live(2, invalid_products=1)))
    assert poll(build, sent("product"), ended, b"code;why\nA;no\n").rest is RowState.UNCERTAIN
    more = {"product_report_key": ("code",), "product_report_message": ("why",)}
    assert told(poll(build, sent("product"), ended, b"code,why\nA,no\n", **more)) == [(None, "A", "refused", "no")]


def test_what_both_stages_say_of_one_product_stands_together(build, sent, state):
    first = b"shop_sku;line number;warnings;errors\nA;2;2004|Too long;\n"
    second = b"shop_sku;errors\nA;MCM-1|No\n"
    ended = page("product", state("product", transform_lines_with_warning=1, has_error_report=True,
                                  **live(2, rejected_products=1)))  # fmt: skip
    receipt = poll(build, sent("product"), ended, first, second)
    assert told(receipt) == [(2, "A", "refused", "MCM-1|No; (warning) 2004|Too long")]


@pytest.mark.parametrize(
    ("details", "report", "rest"),
    [
        (live(2, rejected_products=1), b"shop_sku;errors\nA;x\nB;y\n", RowState.UNCERTAIN),
        (live(2, rejected_products=1), b"shop_sku;errors\n", RowState.UNCERTAIN),
        (live(2, products_reimported=1), None, RowState.ACCEPTED),
        (live(0, rejected_products=3), b"shop_sku;errors\nA;x\nB;y\nC;z\n", RowState.APPLIED),
    ],
)
def test_what_the_details_say(build, sent, state, details, report, rest):
    steps = [] if report is None else [report]
    assert poll(build, sent("product"), page("product", state("product", **details)), *steps).rest is rest


def test_where_no_details_come_the_reports_decide(build, sent, state):
    ended = page("product", state("product", has_error_report=True))
    receipt = poll(build, sent("product"), ended, b"shop_sku;error\nA;no\n", product_final="reports")
    assert (receipt.rest, told(receipt)) == (RowState.APPLIED, [(None, "A", "refused", "no")])


def test_nothing_got_through_the_first_stage(build, sent, state):
    report = "shop_sku;line number;warnings;errors\n" + "".join(f"S{n};{n};;1004|x\n" for n in (2, 3, 4))
    ended = page("product", state("product", transform_lines_in_error=3, transform_lines_in_success=0))
    receipt = poll(build, sent("product"), ended, report.encode())
    assert receipt.closed
    assert [row[2] for row in told(receipt)] == ["refused"] * 3


@pytest.mark.parametrize("word", ["CANCELLED", "TRANSFORMATION_FAILED"])
def test_products_that_end_badly(build, sent, state, word):
    receipt = poll(build, sent("product"), page("product", state("product", import_status=word)))
    assert (receipt.closed, receipt.rest) == (True, RowState.REFUSED)
    assert word in receipt.message


def test_a_report_that_counts_lines_without_the_header(build, sent, state):
    report = b"shop_sku;line number;warnings;errors\n;1;;1001|x\n"
    ended = page("product", state("product", transform_lines_in_error=1, transform_lines_in_success=2, **live(2)))
    assert told(poll(build, sent("product"), ended, report))[0][0] == 2


# ---------------------------------------------------------------- lost answers


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
