"""Catalog updates that a webhook tells about."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from pydantic import SecretStr
from support.partner_updates import Script, accepted, answer, asked, event, log, only, outcomes, told

from gateway.errors import Refused, Unreachable
from gateway.model import RowState
from gateway.transport.http import Response

HOST = "https://foodpanda.partner.deliveryhero.io"


def test_the_settings_say_how_deliveries_prove_themselves(made):
    hook = made(Script(), webhook_secret=SecretStr("hush"))._account.settings.hook()
    assert (hook.header, hook.accept, hook.admits(["Bearer hush"])) == ("Authorization", ("exact", "bearer"), True)
    assert made(Script())._account.settings.hook() is None


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
