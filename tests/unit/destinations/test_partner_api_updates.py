"""Catalog updates under way: over the twin and over scripted answers."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings, calls
from gateway.errors import OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.model import EACH, KEY, UNKNOWN, Receipt, Reference, RowState
from gateway.testing.clock import FakeClock
from gateway.testing.drive import as_sent, states
from gateway.transport.http import Response

TOKEN = "portal-token-51aa"
HOST = "https://foodpanda.partner.deliveryhero.io"
LOG = "sku,state,errors\nS0,SUCCESS,null\n"
LOG_OF_2 = Response(200, {}, f"{LOG}S1,SUCCESS,null\n".encode())


class Script:
    """Answers by method and path from lists; an exception is raised."""

    def __init__(self, **steps):
        self.steps = {name: list(found) for name, found in steps.items()}
        self.seen = []

    def send(self, request):
        self.seen.append(request)
        kind = _kind(request)
        step = self.steps[kind].pop(0)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, dict):
            return Response(200, {}, json.dumps(step).encode())
        return step

    def close(self):
        self.steps.clear()


def _kind(request):
    if request.method == "PUT":
        return "put"
    if request.method == "POST":
        return "export"
    if "/jobs/" in request.path:
        return "job"
    if request.path.endswith("/status"):
        return "status"
    return "page" if request.path.endswith("/catalog") else "log"


def accepted(job):
    return Response(202, {}, json.dumps({"job_id": job, "job_status": "QUEUED"}).encode())


def answer(status, text="bad"):
    return Response(status, {}, json.dumps({"message": text}).encode())


def done(url="/logs/1.csv", **more):
    return {"job_status": "COMPLETED", "download_url": url, **more}


def log(*rows):
    return Response(200, {}, ("sku,state,errors\n" + "".join(f"{one}\n" for one in rows)).encode())


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def made(clock, tmp_path):
    def build(script, outside=None, **more):
        chosen = {
            "brand": "foodpanda", "channel": "rest", "chain_id": "c-1", "tokens": {"catalog": SecretStr(TOKEN)},
            "vendors": {"V1": {"id": "p1"}}, "archive": tmp_path,
        }  # fmt: skip
        keys = {"features": {"read_back": "none"}} | more.pop("keys", {})
        return PartnerApiDestination(
            PartnerApiSettings(**{**chosen, **more}, keys=keys), transport=script, clock=clock, account="acc",
            name="panda", outside=outside,
        )  # fmt: skip

    return build


def records(count, **alike):
    cells = {"quantity": "7", **alike}
    return pl.DataFrame({"sku": [f"S{n}" for n in range(count)]}, schema={"sku": pl.String}).with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.lit("V1").alias(EACH),
        pl.concat_str("sku", pl.lit("\x1fV1")).alias(KEY),
        *(pl.lit(value).alias(name) for name, value in cells.items()),
    )


def only(destination, count=4, **alike):
    (batch,) = destination.encode("stock", records(count, **alike), Reference())
    return batch


def asked(destination, clock, batch, receipt, at=None):
    sent = as_sent(batch, receipt, intent_at=at or clock.now())
    return destination.poll([sent])[1]


def told(batch, receipt, count=4):
    return states(batch, records(count), receipt)


def outcomes(receipt):
    return [(line, state, code) for line, _, state, code, *_ in receipt.outcomes.rows()]


# ---------------------------------------------------------------- the common way


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


# ---------------------------------------------------------------- calls refused as a whole


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


# ---------------------------------------------------------------- nobody says anything


def test_without_a_result_rows_are_accepted_in_the_end(made, clock):
    gone = Refused("unknown", status="404")
    destination = made(Script(put=[accepted("j1")], job=[gone] * 3), webhook_secret=SecretStr("hush"))
    batch = only(destination, 1)
    receipt, at = destination.submit(batch), clock.now()
    assert not asked(destination, clock, batch, receipt, at).closed
    clock.advance(1800)
    receipt = asked(destination, clock, batch, receipt, at)
    assert receipt.closed
    assert told(batch, receipt, 1) == {"S0\x1fV1": "accepted"}


def page(*products, total=1):
    return {"page_number": 1, "page_size": 500, "total_pages": total, "products": list(products)}


def test_the_catalog_is_read_back_in_pages_where_jobs_are_silent(made, clock):
    gone = Refused("unknown", status="404")
    shown = [
        page({"sku": "S0", "price": 5, "active": True}, {"sku": "S1", "active": False}, total=2),
        page({"sku": "S2", "active": True}, total=2),
    ]
    script = Script(put=[accepted("j1")], job=[gone] * 3, page=shown * 2)
    destination = made(script, keys={"features": {"read_back": "pages"}})
    batch = only(destination)
    receipt, at = destination.submit(batch), clock.now()
    assert not asked(destination, clock, batch, receipt, at).closed
    clock.advance(1800)
    receipt = asked(destination, clock, batch, receipt, at)
    assert sorted(outcomes(receipt)) == [
        *((line, "accepted", "DEST_NOT_CONFIRMED") for line in (1, 2, 3)), (4, "refused", "DEST_ONBOARDING"),
    ]  # fmt: skip
    whys = sorted(receipt.outcomes.filter(pl.col("code") == "DEST_NOT_CONFIRMED")["message"].unique())
    assert whys == [
        "it reads back as off sale: the sales buffer of the vendor may be above its level",
        "the vendor's catalog, read back, does not show its level",
    ]
    assert [dict(one.query)["page"] for one in script.seen if _kind(one) == "page"] == ["1", "2", "1", "2"]


def test_a_price_that_reads_back_otherwise_is_uncertain(made, clock):
    gone = Refused("unknown", status="404")
    shown = page({"sku": "S0", "price": 2.351}, {"sku": "S1", "price": "2.35"})
    script = Script(put=[accepted("j1")], job=[gone], page=[shown])
    destination = made(script, keys={"features": {"read_back": "pages"}}, price_basis="gross", currency="EUR")
    (batch,) = destination.encode("price", records(2, price="2.35").drop("quantity"), Reference())
    receipt = asked(destination, clock, batch, destination.submit(batch), clock.now() - timedelta(hours=1))
    assert outcomes(receipt) == [(1, "uncertain", "DEST_UNCERTAIN"), (2, "applied", None)]


@pytest.mark.parametrize(
    ("cells", "shown", "state"),
    [
        ({"quantity": "0"}, {"active": False}, "applied"),
        ({"quantity": "0"}, {"active": True}, "uncertain"),
        ({"quantity": "7"}, {"active": True}, "accepted"),
        ({"quantity": "7"}, {"active": False}, "accepted"),
        ({"available": "true"}, {"active": True}, "applied"),
        ({"available": "true"}, {}, "accepted"),
        ({"available": "true", "maximum_sales_quantity": "3"}, {"active": True}, "accepted"),
        (
            {"available": "true", "maximum_sales_quantity": "3"},
            {"active": True, "maximum_sales_quantity": 3},
            "applied",
        ),
        ({"price": "4"}, {"active": True}, "accepted"),
        ({"price": "4"}, {"price": "4.0"}, "applied"),
    ],
)
def test_only_what_the_catalog_shows_is_applied(made, clock, cells, shown, state):
    script = Script(put=[accepted("j1")], job=[Refused("unknown", status="404")], page=[
        page(*({"sku": f"S{n}", **shown} for n in range(2)))
    ])  # fmt: skip
    destination = made(script, keys={"features": {"read_back": "pages"}}, price_basis="gross", currency="EUR")
    rows = records(2, **cells) if "quantity" in cells else records(2, **cells).drop("quantity")
    (batch,) = destination.encode("price" if "price" in cells else "stock", rows, Reference())
    receipt = asked(destination, clock, batch, destination.submit(batch), clock.now() - timedelta(hours=1))
    assert [one for _, one, _ in outcomes(receipt)] == [state] * 2


def test_pages_read_before_a_break_are_not_read_again(made, clock):
    gone = Refused("unknown", status="404")
    pages = [page({"sku": "S0"}, total=2), Throttled("wait", after=2.0), page({"sku": "S1"}, total=2)]
    destination = made(
        Script(put=[accepted("j1")], job=[gone] * 2, page=pages), keys={"features": {"read_back": "pages"}}
    )
    batch = only(destination, 2, quantity="7")
    receipt, at = destination.submit(batch), clock.now() - timedelta(hours=1)
    receipt = asked(destination, clock, batch, receipt, at)
    assert (receipt.closed, receipt.after) == (False, 2.0)
    assert asked(destination, clock, batch, receipt, at).closed


def test_the_list_ends_where_a_page_brings_nothing_new(made, clock):
    gone = Refused("unknown", status="404")
    same = {"products": [{"sku": "S0", "active": True}]}
    script = Script(put=[accepted("j1")], job=[gone], page=[same] * 2)
    destination = made(script, keys={"features": {"read_back": "pages"}})
    batch = only(destination, 1)
    assert asked(destination, clock, batch, destination.submit(batch), clock.now() - timedelta(hours=1)).closed


def test_an_export_is_read_where_it_can_be_had(made, clock):
    gone = Refused("unknown", status="404")
    text = '\ufeff"sku","barcode","price","active","maximum_sales_quantity"\n"S0","00123;456","5","true","3"\n'
    script = Script(
        put=[accepted("j1")], export=[accepted("e1")], job=[gone, done("/e/1")], log=[Response(200, {}, text.encode())]
    )
    destination = made(script, keys={"features": {"read_back": "export"}})
    batch = only(destination, 1, maximum_sales_quantity="3")
    receipt = asked(destination, clock, batch, destination.submit(batch), clock.now() - timedelta(hours=1))
    assert outcomes(receipt) == [(1, "accepted", "DEST_AS_FLAG")]


def test_others_have_their_turn_between_questions_and_pages(made, clock):
    gone = Refused("unknown", status="404")
    pages = [page({"sku": f"S{n}", "active": True}, total=3) for n in range(3)]
    script = Script(
        put=[accepted(f"j{n}") for n in range(3)], job=[{"job_status": "QUEUED"}] * 2 + [gone] * 2, page=pages
    )
    destination = made(script, keys={"features": {"read_back": "pages"}})
    batch = only(destination, 3)
    sent = [
        replace(as_sent(batch, destination.submit(batch), intent_at=clock.now()), batch_id=number)
        for number in range(3)
    ]
    receipts = destination.poll(sent)
    assert [receipts[number].after for number in range(3)] == [60.0, 60.0, 60 / 45]
    late = as_sent(batch, Receipt("j0"), intent_at=clock.now() - timedelta(hours=1))
    assert not destination.poll([late])[1].closed
    assert destination.poll([late])[1].closed
    assert [dict(one.query)["page"] for one in script.seen if _kind(one) == "page"] == ["1", "2", "3"]


# ---------------------------------------------------------------- webhook


def test_the_settings_say_how_deliveries_prove_themselves(made):
    hook = made(Script(), webhook_secret=SecretStr("hush"))._account.settings.hook()
    assert (hook.header, hook.accept, hook.admits(["Bearer hush"])) == ("Authorization", ("exact", "bearer"), True)
    assert made(Script())._account.settings.hook() is None


def event(**more):
    return json.dumps({"job_id": "j1", "job_status": "COMPLETED", "platform_vendor_id": "p1", **more}).encode()


def test_a_delivery_ends_rows_by_their_keys(made):
    script = Script(log=[log("S0,SUCCESS,null", "S1,FAILED,no such product")])
    heard = made(script).hear(event(download_url=f"{HOST}/logs/1.csv"), {})
    receipt = heard["j1"]
    assert (receipt.closed, receipt.rest) == (True, RowState.ACCEPTED)
    assert [(key, state) for _, key, state, *_ in receipt.outcomes.rows()] == [
        ("S0\x1fV1", "applied"), ("S1\x1fV1", "refused"),
    ]  # fmt: skip


def test_a_delivery_with_other_names_is_read_too(made):
    script = Script(log=[log("S0,SUCCESS,null", "S1,SUCCESS,null")])
    body = {"jobId": "j1", "status": "completed", "vendor_id": "V1", "downloadURL": "/logs/1.csv"}
    assert made(script).hear(json.dumps(body).encode(), {})["j1"].closed


@pytest.mark.parametrize(
    "more", [{}, {"download_url": "/l", "platform_vendor_id": "strange"}, {"job_status": "IN_PROGRESS"}]
)
def test_a_delivery_that_says_too_little_has_the_job_asked_about(made, more):
    receipt = made(Script()).hear(event(**more), {})["j1"]
    assert (receipt.closed, receipt.after) == (False, 0.0)


def test_what_was_heard_is_used_where_jobs_can_not_be_asked_about(made, clock):
    script = Script(put=[accepted("j1")], log=[Refused("gone", status="404"), log("S0,SUCCESS,null")])
    destination = made(script)
    batch = only(destination, 1)
    receipt = destination.submit(batch)
    assert not destination.hear(event(download_url="/logs/1.csv"), {})["j1"].closed
    assert told(batch, asked(destination, clock, batch, receipt), 1) == {"S0\x1fV1": "accepted"}


def test_a_log_that_can_not_be_fetched_now_is_fetched_later(made):
    with pytest.raises(Unreachable):
        made(Script(log=[Unreachable("down")])).hear(event(download_url="/logs/1.csv"), {})


def test_events_about_no_job_are_nothing_to_us(made):
    assert made(Script()).hear(b'{"order_id":"o-1","status":"RECEIVED"}', {}) == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"no json"])
def test_events_nobody_can_read_are_said_to_be_so(made, body):
    with pytest.raises(Refused, match="JSON object"):
        made(Script()).hear(body, {})


def test_a_job_of_a_part_wakes_the_batch_it_is_of(made, clock):
    destination = made(Script(put=[answer(400), accepted("j1")], log=[log("S0,SUCCESS,", "S1,SUCCESS,")]))
    batch = only(destination)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert receipt.after == 60.0
    heard = destination.hear(event(download_url="/logs/1.csv"), {})
    assert {ticket: (one.closed, one.after) for ticket, one in heard.items()} == {receipt.ticket: (False, 0.0)}
    left = asked(destination, clock, batch, receipt, clock.now() - timedelta(hours=3))
    assert outcomes(left)[:2] == [(1, "applied", None), (2, "applied", None)]


def test_a_part_told_of_before_its_answer_is_looked_at_at_once(made, clock):
    destination = made(Script(put=[answer(400), accepted("j1")]))
    batch = only(destination)
    receipt = destination.submit(batch)
    destination.hear(event(), {})
    assert asked(destination, clock, batch, receipt).after == 0.0


def test_an_export_that_is_told_of_is_no_batch_and_no_log(made, clock):
    table = Response(200, {}, b'"sku","barcode","price","active","maximum_sales_quantity"\n"S0","","5","true",""\n')
    script = Script(put=[accepted("j1")], job=[Refused("none", status="404")], export=[accepted("x1")], log=[table] * 2)
    destination = made(script, keys={"features": {"read_back": "export"}})
    batch = only(destination, 1)
    early = destination.hear(event(job_id="x1", download_url="/exports/1.csv"), {})["x1"]
    assert (early.closed, early.outcomes) == (False, None)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert told(batch, receipt, 1) == {"S0\x1fV1": "accepted"}


def test_an_export_that_was_ordered_waits_for_what_is_told_of_it(made, clock):
    gone = Refused("none", status="404")
    script = Script(put=[accepted("j1")], job=[gone, gone, gone], export=[accepted("x1")])
    destination = made(script, keys={"features": {"read_back": "export"}})
    batch = only(destination, 1)
    assert not asked(destination, clock, batch, destination.submit(batch)).closed
    assert destination.hear(event(job_id="x1", download_url="/exports/1.csv"), {}) == {}


def test_a_failed_job_is_told_by_webhook(made):
    receipt = made(Script()).hear(event(job_status="FAILED"), {})["j1"]
    assert (receipt.closed, receipt.rest) == (True, RowState.REFUSED)


# ---------------------------------------------------------------- the account


STORES = {"V1": {"id": "p1"}, "V2": {}, "V3": {"id": "p3"}}


def test_probe_asks_every_outlet(made):
    script = Script(status=[{"status": "OPEN"}, {"status": "CLOSED"}, {}])
    assert made(script, vendors=STORES).probe() == "panda: vendor V1 is OPEN, V2 is CLOSED, V3 is known; 3 in all"
    assert [one.path.split("/")[5] for one in script.seen] == ["p1", "V2", "p3"]
    assert all(one.patience >= 30 * one.interval > 0 for one in script.seen)


def test_probe_names_every_vendor_that_is_none(made):
    no = Refused("https://x answered 404 to GET /status: Vendor not found", status="404")
    script = Script(status=[{"status": "OPEN"}, no, no])
    with pytest.raises(Refused, match=r"2 of 3 vendors can't be used: V2 \(V2\), V3 \(p3\)\. .*Vendor not found"):
        made(script, vendors=STORES).probe()


@pytest.mark.parametrize("error", [Refused("no", status="401"), Unreachable("gone")])
def test_probe_asks_no_more_where_the_account_is_in_trouble(made, error):
    script = Script(status=[error])
    with pytest.raises(type(error)):
        made(script, vendors=STORES).probe()
    assert len(script.seen) == 1


def test_many_vendors_are_not_all_listed(made):
    script = Script(status=[{"status": "OPEN"}] * 30)
    assert "V19 is OPEN and 10 more; 30 in all" in made(script, vendors={f"V{n}": {} for n in range(30)}).probe()


def test_tokens_go_by_their_use(made, tmp_path):
    tokens = {"catalog": SecretStr("for-catalog"), "status": SecretStr("for-status")}
    script = Script(status=[{"status": "OPEN"}], put=[accepted("j")])
    destination = made(script, tokens=tokens)
    destination.probe()
    destination.submit(only(destination, 2))
    assert [one.secrets[0][1].get_secret_value() for one in script.seen] == ["Bearer for-status", "Bearer for-catalog"]
    assert "for-status" not in repr(script.seen)


def test_trouble_with_the_account_is_raised(made, clock):
    destination = made(Script(put=[accepted("j1")], job=[Refused("no", status="401")]))
    batch = only(destination, 1)
    receipt = destination.submit(batch)
    with pytest.raises(Refused):
        asked(destination, clock, batch, receipt)


def test_trouble_with_one_job_leaves_it_open(made, clock):
    destination = made(Script(put=[accepted("j1")], job=[Throttled("wait", after=4.0)]))
    batch = only(destination, 1)
    receipt = asked(destination, clock, batch, destination.submit(batch))
    assert (receipt.ticket, receipt.closed, receipt.after) == ("j1", False, 4.0)
