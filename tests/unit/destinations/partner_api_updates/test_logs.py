"""Catalog updates under way: jobs and their logs end rows."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import timedelta

import pytest
from support.partner_updates import (
    STORES,
    TOKEN,
    Script,
    accepted,
    answer,
    asked,
    done,
    event,
    log,
    only,
    outcomes,
    page,
    records,
    told,
)

from gateway.destinations.partner_api import calls
from gateway.errors import Refused, Unreachable
from gateway.model import Reference, RowState
from gateway.testing.drive import as_sent
from gateway.transport.http import Response

LOG = "sku,state,errors\nS0,SUCCESS,null\n"
LOG_OF_2 = Response(200, {}, f"{LOG}S1,SUCCESS,null\n".encode())


def test_a_log_ends_each_row(made, clock):
    script = Script(
        put=[accepted("j1")], job=[{"job_status": "IN_PROGRESS"}, done()],
        log=[log("S0,SUCCESS,null", 'S1,FAILED,"price must be greater than 0"', "S2,FAILED,Product not found", "S3,,")],
    )  # fmt: skip
    destination = made(script)
    batch = only(destination)
    receipt = destination.submit(batch)
    assert (receipt.ticket, receipt.closed, receipt.after) == ("j1", False, 60.0)
    receipt = asked(destination, clock, batch, receipt)
    assert not receipt.closed
    receipt = asked(destination, clock, batch, receipt)
    assert receipt.closed
    assert sorted(outcomes(receipt)) == [
        (1, "applied", None), (2, "refused", "DEST_REFUSED"), (3, "refused", "DEST_ONBOARDING"), (4, "applied", None),
    ]  # fmt: skip
    assert [name for name, _ in receipt.raw] == ["catalog-log-j1.csv"]
    put, job, *_ = script.seen
    assert (put.method, put.path) == ("PUT", "/v2/chains/c-1/vendors/p1/catalog")
    assert (put.budget, put.shared, put.booked) == ("egress", True, True)
    assert (job.path, job.booked, job.stands_back) == ("/v2/chains/c-1/catalog/jobs/j1", False, True)
    assert [secret.get_secret_value() for _, secret in put.secrets] == [f"Bearer {TOKEN}"]


def test_rows_a_log_leaves_out_are_not_confirmed(made, clock):
    destination = made(Script(put=[accepted("j1")], job=[done()], log=[log("S0,SUCCESS,null")]))
    batch = only(destination, 2)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert told(batch, receipt, 2) == {"S0\x1fV1": "applied", "S1\x1fV1": "accepted"}


def test_logs_may_list_failures_only(made, clock):
    script = Script(put=[accepted("j1")], job=[done()], log=[log("S1,FAILED,no")])
    destination = made(script, keys={"jobs": {"log_lists": "failures"}})
    batch = only(destination, 2)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert told(batch, receipt, 2) == {"S0\x1fV1": "applied", "S1\x1fV1": "refused"}


def test_a_failed_job_refuses_all_its_rows(made, clock):
    destination = made(Script(put=[accepted("j1")], job=[{"status": "failed"}]))
    batch = only(destination, 2)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert outcomes(receipt) == [(1, "refused", "DEST_REFUSED_BATCH"), (2, "refused", "DEST_REFUSED_BATCH")]


@pytest.mark.parametrize("status", [200, 204])
def test_an_older_edition_answers_at_once(made, status):
    destination = made(Script(put=[Response(status, {}, b"")]))
    receipt = destination.submit(only(destination, 1))
    assert (receipt.closed, receipt.rest) == (True, RowState.ACCEPTED)


def test_a_compressed_log_from_elsewhere_is_fetched_without_our_token(made, clock):
    elsewhere = Script(log=[Response(200, {}, gzip.compress(LOG.encode()))])
    places = []

    def outside(place):
        places.append(place)
        return elsewhere

    url = "https://bucket.s3.amazonaws.com/l/1.csv?X-Sig=s3cr3t%2Bx&n=1"
    destination = made(Script(put=[accepted("j1")], job=[done(url)]), outside=outside)
    batch = only(destination, 1)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert told(batch, receipt, 1) == {"S0\x1fV1": "accepted"}
    assert places == ["https://bucket.s3.amazonaws.com"]
    (request,) = elsewhere.seen
    assert (request.path, request.query) == ("/l/1.csv", (("X-Sig", "s3cr3t+x"), ("n", "1")))
    assert request.secrets == ()


@pytest.mark.parametrize(
    "url", ["https://evil.example/x.csv", "http://127.0.0.1:1/x.csv", "ftp://bucket.s3.amazonaws.com/x", "https:///x"]
)
def test_a_log_at_a_host_that_is_not_allowed_is_left_alone(made, clock, url):
    def outside(place):
        raise AssertionError(place)

    keys = {"jobs": {"download_hosts": ["*.amazonaws.com", "127.0.0.1"]}}
    script = Script(put=[accepted("j1")], job=[done(url)], log=[Refused("nothing here", status="404")])
    destination = made(script, outside=outside, keys=keys)
    batch = only(destination, 1)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert told(batch, receipt, 1) == {"S0\x1fV1": "accepted"}


UNREADABLE = 'sku,state,errors\nS0,SUCCESS,"open' + "x" * 140_000


def test_a_log_nobody_can_read_stops_nothing_and_frees_the_vendor(made, clock):
    broken = Response(200, {}, UNREADABLE.encode())
    script = Script(put=[accepted("j1")], job=[done(), done()], log=[broken, LOG_OF_2], page=[page()])
    destination = made(script, keys={"features": {"read_back": "pages"}})
    batch = only(destination, 2)
    first = as_sent(batch, destination.submit(batch), intent_at=clock.now())
    other = replace(first, batch_id=2, ticket="j2")
    receipts = destination.poll([first, other])
    assert (receipts[1].closed, receipts[1].frees) == (False, True)
    assert told(batch, receipts[2], 2) == {"S0\x1fV1": "applied", "S1\x1fV1": "applied"}


def test_a_log_nobody_can_read_is_told_where_nothing_is_read_back(made, clock):
    script = Script(put=[accepted("j1")], job=[done()], log=[Response(200, {}, UNREADABLE.encode())])
    destination = made(script)
    batch = only(destination, 1)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert receipt.outcomes["message"].to_list() == ["the job j1 has a log that can't be read"]


def test_an_export_nobody_can_read_is_read_in_pages(made, clock):
    broken = Response(200, {}, b'sku,price\nS0,"5' + b"x" * 140_000)
    shown = {"sku": "S0", "price": 5, "active": True}
    script = Script(put=[accepted("j1")], export=[accepted("x1")], job=[done(""), done()], log=[broken],
                    page=[page(shown)])  # fmt: skip
    destination = made(script, keys={"features": {"read_back": "export"}})
    batch = only(destination, 1)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert told(batch, receipt, 1) == {"S0\x1fV1": "accepted"}


@pytest.mark.parametrize(
    "trouble",
    [Unreachable("down"), Refused("gone", status="410"), gzip.compress(b"x" * 99, mtime=0)[:-9]],
    ids=["away", "gone", "cut off"],
)
def test_a_log_that_can_not_be_had_gives_way_to_reading_back(made, clock, trouble):
    step = trouble if isinstance(trouble, Exception) else Response(200, {}, trouble)
    shown = {"sku": "S0", "price": 5, "active": True}
    early_pages = [page()] if isinstance(trouble, Refused) else []  # nothing to wait for: the log is gone
    script = Script(put=[accepted("j1")], job=[done()] * 2, log=[step] * 2, page=[*early_pages, page(shown)])
    destination = made(script, keys={"features": {"read_back": "pages"}})
    batch = only(destination, 1)
    receipt = destination.submit(batch)
    early = asked(destination, clock, batch, receipt)
    assert (early.closed, early.frees) == (False, True)
    late = asked(destination, clock, batch, receipt, clock.now() - timedelta(hours=1))
    assert told(batch, late, 1) == {"S0\x1fV1": "accepted"}


def test_a_job_without_a_log_keeps_its_vendor_until_it_is_read_back(made, clock):
    destination = made(Script(put=[accepted("j1")], job=[done("")], page=[page()]),
                       keys={"features": {"read_back": "pages"}})  # fmt: skip
    batch = only(destination, 1)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.closed, receipt.frees) == (False, False)  # newer values would read back as none of its own


@pytest.mark.parametrize(("newer", "state"), [(False, "uncertain"), (True, "accepted")])
def test_what_newer_values_may_have_overtaken_is_not_uncertain(made, clock, newer, state):
    """The log of the first call can't be had, so the second went: what reads back may well be its values."""
    shown = {"products": [{"sku": "S0", "price": 9}], "total_pages": 1}
    gone = Refused("gone", status="410")
    script = Script(put=[accepted("j1"), accepted("j2")], job=[done()], log=[gone], page=[shown])
    destination = made(script, keys={"features": {"read_back": "pages"}}, price_basis="gross")
    prices = (records(1, price=price) for price in ("4", "9"))
    first, second = (batch for one in prices for batch in destination.encode("price", one, Reference()))
    receipt = destination.submit(first)
    if newer:
        destination.submit(second)
    late = asked(destination, clock, first, receipt, clock.now() - timedelta(hours=1))
    assert late.closed
    assert late.outcomes["state"].to_list() == [state]
    assert ("newer values" in late.outcomes["message"][0]) is newer


def test_a_log_that_is_too_large_unpacked_is_not_fetched_for_ever(monkeypatch):
    monkeypatch.setattr(calls, "_MOST", 50)
    with pytest.raises(Refused, match="too large"):
        calls.plain(gzip.compress(b"x" * 99))
    with pytest.raises(Unreachable, match="cut off"):
        calls.plain(gzip.compress(b"x" * 40)[:-9])


def test_a_single_product_whose_level_went_as_a_flag_says_so(made, clock):
    logs = [log("S0,SUCCESS,null"), log("S0,SUCCESS,"), log("S1,FAILED,bad")]
    calls = [accepted("j1"), Response(200, {}, b"{}"), answer(400), accepted("j2"), accepted("j3")]
    destination = made(Script(put=calls, job=[done()] * 3, log=logs))
    batch, two = only(destination, 1), only(destination, 2)
    assert outcomes(asked(destination, clock, batch, destination.submit(batch))) == [(1, "accepted", "DEST_AS_FLAG")]
    older = destination.submit(batch)
    assert (older.rest, older.code) == (RowState.ACCEPTED, "DEST_AS_FLAG")
    receipt, told = destination.submit(two), []
    while not receipt.closed:
        receipt = asked(destination, clock, two, receipt)
        told += outcomes(receipt) if receipt.outcomes is not None else []
    assert told == [(1, "accepted", "DEST_AS_FLAG"), (2, "refused", "DEST_REFUSED")]


@pytest.mark.parametrize(("level", "state"), [("0", "applied"), ("3", "accepted")])
def test_a_level_that_was_not_sent_did_not_take_effect(made, clock, level, state):
    """Off sale is what a level of nothing is for; any other is known to nobody there."""
    silent = [accepted("j1"), Response(200, {}, b"{}")]
    destination = made(Script(put=silent, job=[done()], log=[log("S0,SUCCESS,null")]))
    batch = only(destination, 1, quantity=level)
    assert outcomes(asked(destination, clock, batch, destination.submit(batch))) == [(1, state, "DEST_AS_FLAG")]
    assert str(destination.submit(batch).rest) == state


def test_of_a_single_product_more_is_said_than_its_log_does(made):
    script = Script(log=[log("S0,SUCCESS,null")])
    receipt = made(script).hear(event(download_url="/logs/1.csv"), {})["j1"]
    assert (receipt.closed, receipt.after) == (False, 0.0)


def test_what_is_said_of_rows_names_the_vendor_where_there_are_several(made, clock):
    lines = ["S0,SUCCESS,null", "S1,FAILED,no such product"]
    script = Script(put=[accepted("j1"), answer(409, "busy")], job=[done()], log=[log(*lines)] * 2)
    destination = made(script, vendors=STORES)
    batch = only(destination, 2)
    told = asked(destination, clock, batch, destination.submit(batch))
    heard = destination.hear(event(download_url="/logs/1.csv"), {})["j1"]
    for receipt in (told, heard):
        assert receipt.outcomes["message"].to_list() == [None, "vendor V1: no such product"]
    assert destination.submit(batch).message == "vendor V1: busy"


def test_a_call_whose_items_are_all_named_says_nothing_of_others(made, clock):
    script = Script(put=[accepted("j1")], job=[done()], log=[log("S0,SUCCESS,null", "S1,FAILED,no such product")])
    destination = made(script)
    batch = only(destination, 2)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.closed, receipt.code, receipt.message) == (True, "", "")
