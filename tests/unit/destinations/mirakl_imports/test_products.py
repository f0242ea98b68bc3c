"""What the two stages of an import of products say of their rows."""

from __future__ import annotations

import pytest
from support.mirakl_imports import live, page, poll, told

from gateway.model import RowState

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


@pytest.mark.parametrize(
    ("reason", "field"),
    [
        ("1000|Attribute title is required", "name"),
        ("1000|The attribute 'image_2' is too large; 2000|Attribute image_1 is missing", "image_urls"),
        ("1000|Attribute title is required; 2004|Attribute ean is wrong", None),
        ("1000|Attribute care is not for this title", None),
        ("1001|Category unknown", None),
        ("1000|Attribute titles is required", None),
    ],
)
def test_a_refusal_names_the_field_whose_attribute_it_names(build, sent, state, reason, field):
    counters = {"transform_lines_in_error": 1, "transform_lines_in_success": 2, "has_transformation_error_report": True}
    ended = page("product", state("product", **counters, **live(2)))
    report = f'"shop_sku";"line number";"warnings";"errors"\n"B";"3";"2004|Attribute brand is long";"{reason}"\n'
    columns = {"product_columns": {"name": "title"}, "image_columns": ("image_1", "image_2")}
    receipt = poll(build, sent("product"), ended, report.encode(), **columns)
    assert receipt.outcomes["field"].to_list() == [field]


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
