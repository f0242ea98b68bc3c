"""What ended imports of offers and prices say of their rows."""

from __future__ import annotations

import pytest
from support.mirakl_imports import live, page, poll, told

from gateway.model import RowState

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


KEPT = '[[2, "A", "12 until 2026-12-01, ..."], [4, "B", "9 until 2026-12-01, ..."]]'


def test_a_discount_that_stays_beside_a_new_price_is_told_with_it(build, sent, state):
    report = "line;reason;offer-sku;price\n2;price too low;A;1\n"
    some = {"lines_in_error": 1, "lines_in_success": 2, "offers_in_error": 1, "has_error_report": True}
    fine = poll(build, sent("price", kept=KEPT), page("price", state("price")))
    assert fine.outcomes.select("line", "key", "state", "code").rows() == [
        (2, "A", "applied", "DISCOUNT_KEPT"), (4, "B", "applied", "DISCOUNT_KEPT")
    ]  # fmt: skip
    mixed = poll(build, sent("price", kept=KEPT), page("price", state("price", **some)), report.encode())
    assert told(mixed) == [(None, "A", "refused", "price too low"), (4, "B", "applied", "9 until 2026-12-01, ...")]


@pytest.mark.parametrize("more", [{"lines_in_success": 1}, {"lines_in_success": None}, {"age": 9000.0}])
def test_nothing_is_told_of_a_discount_beside_a_price_that_is_in_doubt(build, sent, state, more):
    receipt = poll(build, sent("price", kept=KEPT), page("price", state("price", **more)))
    assert (receipt.closed, receipt.rest is RowState.APPLIED, told(receipt)) == (True, False, [])


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
