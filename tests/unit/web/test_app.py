"""The receiver: proven, bounded, stored, then answered; nothing of what came is ever logged."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from gateway.journal import heard
from gateway.journal import tables as t

SECRET = "hunter2-do-not-show"
PRIVATE = "Jane Doe, 1 Main Street"


def test_an_event_is_stored_before_it_is_answered(place, clock):
    answer = place.post(b'{"job": 1}', x_request_id="r-1", x_other="no")
    assert (answer.status_code, answer.content) == (200, b"")
    (event,) = place.stored()
    assert (event.destination, event.body, event.state, event.tries) == ("shop", b'{"job": 1}', "new", 0)
    assert event.received_at == event.next_at == clock.now()
    assert event.headers == {"content-type": "application/json", "x-request-id": "r-1"}


def test_the_lanes_of_its_destination_are_woken_durably(place, clock):
    place.post()
    assert place.woken == ["shop/stock/acme"]
    with place.journal.read() as tx:
        found = dict(tx.execute(sa.select(t.lane.c.name, t.lane.c.wake_at)).fetchall())
    assert found == {"shop/stock/acme": clock.now(), "other/stock/acme": None}


def test_a_repeated_delivery_is_once_and_wakes_nobody(place):
    assert [place.post().status_code for _ in range(3)] == [200] * 3
    assert len(place.stored()) == 1
    assert place.woken == ["shop/stock/acme"]
    place.post(b'{"job": 2}')
    assert len(place.stored()) == 2


def test_what_has_ended_is_forgotten_after_days(places, clock):
    place = places(keep=timedelta(days=1))
    place.post()
    (event,) = place.stored()
    with place.journal.begin() as tx:
        heard.end(tx, event.id, "done")
    clock.advance(86400 + 1)
    place.post(b'{"job": 2}')
    assert [event.body for event in place.stored()] == [b'{"job": 2}']


def test_what_still_waits_is_not_forgotten(places, clock):
    place = places(keep=timedelta(days=1))
    place.post()
    clock.advance(86400 * 2)
    place.post(b'{"job": 2}')
    assert len(place.stored()) == 2


def refused(answer, place, status):
    assert answer.status_code == status
    assert place.stored() == []
    assert place.woken == []
    assert answer.headers["connection"] == "close"


def test_a_hook_that_does_not_exist(place):
    refused(place.post(hook="other"), place, 404)
    refused(place.post(hook="%2e%2e"), place, 404)


@pytest.mark.parametrize("secret", ["", "wrong", f"{SECRET}x", f"Basic {SECRET}"])
def test_a_wrong_secret(place, secret):
    refused(place.post(x_api_key=secret), place, 401)


def test_a_secret_in_another_header(place):
    refused(place.post(x_api_key="", authorization=SECRET), place, 401)


def test_a_secret_given_twice(place):
    headers = [("x-api-key", SECRET), ("x-api-key", SECRET), ("content-type", "application/json")]
    refused(place.request("POST", "/hooks/shop", content=b"{}", headers=headers), place, 401)


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_content_type_nobody_knows(place, kind):
    refused(place.post(content_type=kind), place, 415)


def test_a_content_type_with_parameters(place):
    assert place.post(content_type="Application/JSON; charset=utf-8").status_code == 200


def test_a_compressed_event(place):
    refused(place.post(content_encoding="gzip"), place, 415)


def test_another_method(place):
    for method in ("GET", "PUT", "DELETE"):
        assert place.request(method, "/hooks/shop").status_code == 405


def test_an_event_of_the_limit_is_taken_and_one_byte_more_is_not(places):
    place = places(body=100)
    refused(place.post(b"x" * 101), place, 413)
    assert place.post(b"x" * 100).status_code == 200


def test_an_event_without_a_length_is_counted_as_it_comes(places):
    place = places(body=100)
    given = []

    async def endless():
        while True:
            given.append(1)
            yield b"x" * 60

    refused(place.post(endless()), place, 413)
    assert len(given) <= 4


def test_a_connection_that_ends_in_the_middle_stores_nothing(place, logged):
    messages = [
        {"type": "http.request", "body": b'{"jo', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return messages.pop(0)

    scope = {
        "type": "http", "method": "POST", "path": "/hooks/shop", "raw_path": b"/hooks/shop", "query_string": b"",
        "headers": [(b"x-api-key", SECRET.encode()), (b"content-type", b"application/json")], "http_version": "1.1",
        "scheme": "http", "server": ("here", 80), "client": ("there", 1), "root_path": "",
    }  # fmt: skip
    asyncio.run(place.app(scope, receive, send))
    assert place.stored() == []
    assert [line["status"] for line in logged] == [400]


def test_too_many_events_wait(places):
    place = places(backlog=2)
    codes = [place.post(b'{"job": %d}' % number).status_code for number in range(4)]
    assert codes == [200, 200, 503, 503]
    assert len(place.stored()) == 2


def test_what_can_t_be_stored_is_not_taken(place, monkeypatch, logged):
    monkeypatch.setattr(heard, "add", fails)
    refused(place.post(PRIVATE.encode()), place, 503)
    assert PRIVATE not in str(logged)


def fails(*_given, **_named):
    raise OSError(f"disk full while writing {PRIVATE}")


def test_nothing_of_an_event_is_logged(place, logged):
    place.post(PRIVATE.encode(), x_request_id=PRIVATE)
    place.post(PRIVATE.encode(), x_api_key=f"{SECRET}-almost", x_request_id=PRIVATE)
    place.post(PRIVATE.encode(), content_type=PRIVATE, x_request_id=PRIVATE)
    place.post(PRIVATE.encode(), hook=PRIVATE)
    assert [(line["hook"], line["status"]) for line in logged] == [("shop", 401), ("shop", 415), ("unknown", 404)]
    assert PRIVATE not in str(logged)
    assert SECRET not in str(logged)


def test_refusals_are_logged_once_a_minute(place, clock, logged):
    for _ in range(5):
        place.post(x_api_key="wrong")
        place.post(hook=f"made-up-{_}")
    assert len(logged) == 2
    clock.advance(60)
    place.post(x_api_key="wrong")
    assert len(logged) == 3


def test_health_says_whether_the_journal_answers(place, monkeypatch):
    answer = place.request("GET", "/health")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    monkeypatch.setattr(place.journal, "paused", fails)
    answer = place.request("GET", "/health")
    assert answer.status_code == 503
    assert PRIVATE not in answer.text


def test_a_message_of_the_journal_repeats_nothing(place):
    """What the database's library says of a statement that failed does not hold what was to be stored."""
    values = {"id": 1, "destination": "shop", "received_at": place.journal.clock.now(), "digest": PRIVATE}
    insert = sa.insert(t.heard).values(**values, headers={}, body=PRIVATE.encode(), state="new", tries=0)
    with place.journal.begin() as tx:
        tx.execute(insert)
        with pytest.raises(sa.exc.IntegrityError) as caught:
            tx.execute(insert)
    assert PRIVATE not in str(caught.value)
