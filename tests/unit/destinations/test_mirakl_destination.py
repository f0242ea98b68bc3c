"""Calls and endings of the Mirakl destination, answer by answer."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.errors import CallRefused, OutcomeUnknown, Refused, SettingsError, Throttled, Unreachable
from gateway.model import UNKNOWN, Batch, Reference, RowState, Sent
from gateway.transport.http import Response

EFFECTS = pl.DataFrame({"effect": [0], "line": [2]}, schema={"effect": pl.UInt32, "line": pl.Int64})
BATCH = Batch("stock", "a:stock", b"body", EFFECTS)
RUNNING = {"status": "RUNNING"}


@pytest.fixture
def build(scripted, clock):
    def make(*steps, **more):
        transport = scripted(*steps)
        settings = MiraklSettings(**{"host": "shop.mirakl.net", "api_key": SecretStr("k"), "shop_id": 2110, **more})
        return MiraklDestination(settings, transport=transport, clock=clock, account="a", name="saks"), transport

    return make


def sent(clock, number=1, ticket="t-1", records=3, age=0.0, key="sku,warehouse"):
    return Sent(number, "stock", "a:stock", ticket, "d", records, clock.now() - timedelta(seconds=age), {"key": key})


def complete(good, bad, *, report=False):
    return {"status": "COMPLETE", "has_error_report": report, "lines_in_success": good, "lines_in_error": bad}


def report_of(*numbers):
    lines = [f"{number};No such offer;S{number};1;;update" for number in numbers]
    return "\n".join(["line;reason;offer-sku;quantity;warehouse-code;update-delete", *lines, ""]).encode()


def test_submit_posts_one_file_part_and_gives_the_ticket(build):
    destination, transport = build(Response(201, {}, b'{"import_id": "stk-1"}'))
    receipt = destination.submit(BATCH)
    assert (receipt.ticket, receipt.closed, receipt.after) == ("stk-1", False, 15.0)
    (request,) = transport.seen
    assert (request.method, request.path, request.budget) == ("POST", "/api/offers/stock/imports", "STO01")
    assert request.query == (("shop_id", "2110"),)
    assert (request.upload.part, request.upload.content, request.upload.content_type) == ("file", b"body", "text/csv")


def test_a_form_that_is_not_taken_is_no_fault_of_the_rows(build):
    with pytest.raises(CallRefused, match="Unknown column") as caught:
        build(Refused("Unknown column 'x'", status="400"))[0].submit(BATCH)
    assert "columns and codes of the settings" in caught.value.fix
    with pytest.raises(Refused) as caught:
        build(Refused("no", status="401"))[0].submit(BATCH)
    assert not isinstance(caught.value, CallRefused)


def test_ids_may_be_numbers(build):
    assert build(Response(201, {}, b'{"import_id": 17}'))[0].submit(BATCH).ticket == "17"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"import_id": null}', b'{"import_id": ""}', b"{"])
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_taken_file_without_a_ticket_is_an_unknown_outcome(build, body, status):
    with pytest.raises(OutcomeUnknown, match="no import id"):
        build(Response(status, {}, body))[0].submit(BATCH)


@pytest.mark.parametrize("error", [OutcomeUnknown("x"), Throttled("x", after=5), Unreachable("x"), Refused("x")])
def test_submit_lets_the_transport_speak(build, error):
    with pytest.raises(type(error)):
        build(error)[0].submit(BATCH)


def test_a_transport_is_needed(clock):
    settings = MiraklSettings(host="x.net", api_key=SecretStr("k"))
    with pytest.raises(SettingsError, match="saks"):
        MiraklDestination(settings, clock=clock, account="a", name="saks")


def test_an_unknown_operation_is_named(build, stock_records):
    with pytest.raises(SettingsError, match="offers"):
        build()[0].encode("offers", stock_records({"sku": "A", "quantity": "1"}), Reference())


def test_all_lines_good(build, clock):
    destination, transport = build(complete(3, 0))
    receipt = destination.poll([sent(clock)])[1]
    assert (receipt.closed, receipt.rest, receipt.code, receipt.outcomes.height) == (True, RowState.APPLIED, "", 0)
    assert transport.seen[0].path == "/api/offers/stock/imports/t-1/status"
    assert (transport.seen[0].budget, transport.seen[0].interval) == ("STO02", 15.0)
    assert receipt.raw[0][0] == "status-1.json"


def test_bad_lines_come_from_the_report(build, clock):
    destination, transport = build(complete(2, 1, report=True), report_of(3))
    receipt = destination.poll([sent(clock)])[1]
    assert (receipt.closed, receipt.rest) == (True, RowState.APPLIED)
    assert receipt.outcomes.rows() == [(3, "S3\x1f", "refused", "DEST_REFUSED", "No such offer", None)]
    request = transport.seen[1]
    assert request.path == "/api/offers/stock/imports/t-1/error_report"
    assert (request.budget, request.interval, request.accept) == ("STO03", 60.0, "*/*")
    assert receipt.raw[1] == ("error-report-1.csv", report_of(3))


def test_errors_are_asked_for_even_when_no_report_is_announced(build, clock):
    receipt = build(complete(2, 1, report=False), report_of(2))[0].poll([sent(clock)])[1]
    assert receipt.outcomes["line"].to_list() == [2]


@pytest.mark.parametrize(
    ("status", "report"),
    [
        (complete(1, 1, report=True), report_of(3)),  # a line is missing from the counters
        (complete(1, 2, report=True), report_of(3)),  # a line is missing from the report
        (complete(2, 1, report=True), report_of(2, 3)),  # a line too much in the report
        (complete(3, 1, report=True), report_of(3)),  # a line too much in the counters
    ],
)
def test_counters_that_disagree_confirm_nothing(build, clock, status, report):
    receipt = build(status, report)[0].poll([sent(clock)])[1]
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.UNCERTAIN, "DEST_UNCERTAIN")
    assert "3 lines sent" in receipt.message
    assert receipt.outcomes.height > 0


def test_several_reasons_for_one_line_agree_with_the_counters(build, clock):
    body = report_of(3) + b"3;Another reason;S3;1;;update\n"
    receipt = build(complete(2, 1, report=True), body)[0].poll([sent(clock)])[1]
    assert (receipt.rest, receipt.outcomes["message"].to_list()) == (
        RowState.APPLIED,
        ["No such offer; Another reason"],
    )


def test_no_counters_is_no_confirmation(build, clock):
    status = {"status": "COMPLETE", "has_error_report": False}
    receipt = build(status)[0].poll([sent(clock)])[1]
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.ACCEPTED, "DEST_NOT_CONFIRMED")


def test_report_lines_that_name_nothing_make_the_rest_uncertain(build, clock):
    receipt = build(complete(2, 1, report=True), b"l;r\n77;why\n")[0].poll([sent(clock)])[1]
    assert receipt.rest is RowState.UNCERTAIN


def test_failed_refuses_every_row(build, clock):
    receipt = build({"status": "FAILED", "reason_status": "bad file"})[0].poll([sent(clock)])[1]
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.REFUSED, "DEST_SETUP")
    assert "bad file" in receipt.message


@pytest.mark.parametrize("word", ["WAITING", "RUNNING"])
def test_under_way_is_asked_again(build, clock, word):
    receipt = build({"status": word})[0].poll([sent(clock)])[1]
    assert (receipt.closed, receipt.after, receipt.message) == (False, 15.0, "")


@pytest.mark.parametrize("word", ["PAUSED", "complete", None, 7])
def test_an_unknown_status_is_no_end(build, clock, word):
    receipt = build({"status": word})[0].poll([sent(clock)])[1]
    assert not receipt.closed
    assert "unknown status" in receipt.message


@pytest.mark.parametrize(("age", "after"), [(0, 15.0), (299, 15.0), (300, 60.0), (3600, 300.0)])
def test_old_imports_are_asked_about_less_often(build, clock, age, after):
    assert build(RUNNING)[0].poll([sent(clock, age=age)])[1].after == after


def test_a_missing_report_is_asked_for_some_times(build, clock):
    gone = Refused("no report", status="404")
    steps = [step for _ in range(3) for step in (complete(1, 2, report=True), gone)]
    destination, _ = build(*steps, report_tries=3)
    for _ in range(2):
        receipt = destination.poll([sent(clock)])[1]
        assert (receipt.closed, receipt.after) == (False, 15.0)
    receipt = destination.poll([sent(clock)])[1]
    assert (receipt.closed, receipt.rest, receipt.code) == (True, RowState.UNCERTAIN, "DEST_UNCERTAIN")
    assert "2 of 3 lines" in receipt.message


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (complete(3, 0, report=True), RowState.APPLIED),
        (complete(0, 3, report=True), RowState.REFUSED),
        ({"status": "COMPLETE", "has_error_report": True}, RowState.UNCERTAIN),
    ],
)
def test_what_counters_say_when_the_report_never_comes(build, clock, status, state):
    destination, _ = build(status, Refused("no report", status="404"), report_tries=1)
    receipt = destination.poll([sent(clock)])[1]
    assert (receipt.closed, receipt.rest) == (True, state)


def test_a_throttled_report_keeps_the_batch_open(build, clock):
    destination, _ = build(complete(2, 1, report=True), Throttled("later", after=44.0))
    receipt = destination.poll([sent(clock)])[1]
    assert (receipt.ticket, receipt.closed, receipt.after) == ("t-1", False, 44.0)


def test_a_throttled_poll_answers_for_all_that_wait(build, clock):
    destination, transport = build(RUNNING, Throttled("later", after=15.0))
    receipts = destination.poll([sent(clock, number=n, ticket=f"t-{n}") for n in (1, 2, 3)])
    assert {number: receipt.after for number, receipt in receipts.items()} == {1: 15.0, 2: 15.0, 3: 15.0}
    assert len(transport.seen) == 2


def test_the_one_not_asked_about_for_longest_comes_first(build, clock):
    later = Throttled("later", after=15.0)
    destination, transport = build(RUNNING, later, RUNNING, later, RUNNING, later)
    waiting = [sent(clock, number=n, ticket=f"t-{n}") for n in (1, 2, 3)]
    for _ in range(3):
        destination.poll(waiting)
        clock.advance(15)
    asked = [request.path.split("/")[-2] for request in transport.seen[::2]]
    assert asked == ["t-1", "t-2", "t-3"]


def test_an_import_that_is_not_known_any_more_stays_open(build, clock):
    receipt = build(Refused("no", status="404"))[0].poll([sent(clock)])[1]
    assert not receipt.closed
    assert "not known any more" in receipt.message


@pytest.mark.parametrize("error", [Unreachable("x"), Refused("x", status="401")])
def test_trouble_is_raised_only_when_nothing_was_learnt(build, clock, error):
    with pytest.raises(type(error)):
        build(error)[0].poll([sent(clock)])
    receipts = build(complete(3, 0), error)[0].poll([sent(clock), sent(clock, number=2)])
    assert list(receipts) == [1]


@pytest.mark.parametrize("body", [b"", b"<html/>", b"[]", b"null"])
def test_a_malformed_status_is_asked_again_later(build, clock, body):
    with pytest.raises(Unreachable):
        build(body)[0].poll([sent(clock)])


def test_batches_without_a_ticket_are_not_asked_about(build, clock):
    destination, transport = build()
    assert destination.poll([sent(clock, ticket=None)]) == {}
    assert transport.seen == []


def test_tickets_are_quoted(build, clock):
    destination, transport = build(RUNNING)
    destination.poll([sent(clock, ticket="../x?y")])
    assert transport.seen[0].path == "/api/offers/stock/imports/..%2Fx%3Fy/status"


def test_a_stock_import_can_not_be_found(build, clock):
    destination, transport = build()
    assert destination.find(sent(clock, ticket=None)) is UNKNOWN
    assert destination.find(sent(clock)).ticket == "t-1"
    assert transport.seen == []


ACCOUNT = {"shop_id": 2110, "shop_name": "Acme", "shop_state": "OPEN", "currency_iso_code": "USD"}


def test_probe_reads_the_account_and_the_platform(build):
    destination, transport = build(ACCOUNT, {"features": {}})
    assert destination.probe() == "saks: shop 2110 (Acme) is OPEN"
    assert [(request.path, request.budget) for request in transport.seen] == [
        ("/api/account", "A01"),
        ("/api/platform/configuration", "PC01"),
    ]


def test_probe_goes_on_where_the_key_may_not_read_the_platform(build):
    assert "not heeded" in build(ACCOUNT, Refused("no", status="403"))[0].probe()
    with pytest.raises(Refused):
        build(ACCOUNT, Refused("no", status="401"))[0].probe()


def test_probe_says_that_a_closed_shop_sells_nothing(build):
    line = build({**ACCOUNT, "shop_state": "SUSPENDED"}, {})[0].probe()
    assert line == "saks: shop 2110 (Acme) is SUSPENDED: nothing is sold until it is OPEN"


def test_probe_compares_shop_and_currency(build):
    with pytest.raises(Refused, match="the settings say 2110"):
        build({"shop_id": 7, "state": "OPEN"})[0].probe()
    with pytest.raises(Refused, match="sells in USD, the settings say EUR") as caught:
        build(ACCOUNT, currency="EUR")[0].probe()
    assert caught.value.status == "currency"
    assert "is OPEN" in build(ACCOUNT, {}, currency="USD")[0].probe()


class Kept(dict):
    """Facts without a journal."""

    def put(self, name, text):
        self[name] = text


def test_the_account_is_compared_as_it_was_where_it_may_not_be_asked_again(build, clock):
    facts = Kept()
    first, _ = build(ACCOUNT, {}, currency="EUR")
    first.remember(facts)
    with pytest.raises(Refused, match=r"sells in USD, the settings say EUR\. Correct"):
        first.probe()
    clock.advance(3 * 3600)
    later, transport = build(Throttled("once a day"), {}, currency="EUR")
    later.remember(facts)
    with pytest.raises(Refused, match=r"say EUR \(as it said on 2026-11-22 09:30 UTC, 3\.0 hours ago\)\."):
        later.probe()
    corrected, transport = build(Throttled("once a day"), {}, currency="USD")
    corrected.remember(facts)
    assert corrected.probe() == (
        "saks: shop 2110 (Acme) is OPEN; shop and currency are compared with what the account said on "
        "2026-11-22 09:30 UTC, 3.0 hours ago, as it is asked once a day"
    )
    assert [request.budget for request in transport.seen] == ["A01", "PC01"]
    clock.advance(7 * 86400)
    assert "on 2026-11-22 09:30 UTC, as" in _again(build, facts).probe()


def _again(build, facts):
    destination, _ = build(Throttled("once a day"), {}, currency="USD")
    destination.remember(facts)
    return destination


def test_what_another_shop_said_is_not_compared(build):
    facts = Kept()
    first, _ = build(ACCOUNT, {}, currency="USD")
    first.remember(facts)
    first.probe()
    other, _ = build(Throttled("once a day"), {}, shop_id=7)
    other.remember(facts)
    assert "were not compared" in other.probe()


def test_where_nothing_is_known_of_the_account_it_says_that_nothing_was_compared(build):
    told = build(Throttled("once a day"), {"features": {}}, currency="EUR")[0].probe()
    assert told == (
        "saks: reached; shop and currency were not compared with the account: it may be asked for about once a day, "
        "and what it said is not known; ask again tomorrow, or look both up in the back office"
    )


@pytest.mark.parametrize(
    ("theirs", "settings", "told"),
    [
        (None, {"currency": "EUR"}, "its currency was not compared with EUR of the settings: the account names none;"),
        ("USD", {"price_basis": "net"}, "its currency, USD, was not compared: the settings name none; set currency ="),
        (None, {"price_basis": "net"}, "its currency was not compared: neither the account nor the settings name one;"),
    ],
)
def test_a_currency_that_could_not_be_compared_is_no_fault_and_not_well_either(build, theirs, settings, told):
    answer = {**ACCOUNT, "currency_iso_code": theirs}
    assert build(answer, {"features": {}}, **settings)[0].probe().startswith(f"saks: shop 2110 (Acme) is OPEN; {told} ")


@pytest.mark.parametrize(("theirs", "settings"), [("USD", {"currency": "USD"}), ("USD", {}), (None, {})])
def test_of_a_currency_that_agrees_or_that_nothing_is_priced_in_nothing_is_said(build, theirs, settings):
    answer = {**ACCOUNT, "currency_iso_code": theirs}
    assert build(answer, {"features": {}}, **settings)[0].probe() == "saks: shop 2110 (Acme) is OPEN"


def test_nothing_is_priced_in_the_wrong_currency_though_the_account_may_not_be_asked_again(build):
    facts = Kept()
    rows = pl.DataFrame({"sku": ["A"]})
    first, _ = build(ACCOUNT, currency="EUR", price_basis="net")
    first.remember(facts)
    with pytest.raises(Refused, match="sells in USD"):
        first.gather("price", rows)
    with pytest.raises(Refused, match="sells in USD"):
        _priced(build, facts, Throttled("once a day")).gather("price", rows)


def _priced(build, facts, *steps):
    destination, _ = build(*steps, currency="EUR", price_basis="net")
    destination.remember(facts)
    return destination


def test_without_a_shop_id_none_is_sent(build, clock):
    destination, transport = build(RUNNING, shop_id=None)
    destination.poll([sent(clock)])
    assert transport.seen[0].query == ()


def test_close_closes_the_transport(build):
    destination, transport = build()
    destination.close()
    assert transport.closed
