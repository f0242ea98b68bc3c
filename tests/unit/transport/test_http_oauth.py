"""Access tokens: both grants, one renewal at a time, stored before use, one repeat on 401, nothing of them shown."""

from __future__ import annotations

import json
import logging
import threading
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr
from support.token_shop import SECRET, USER, Shop, Store

from gateway.errors import GatewayError, OutcomeUnknown, Refused, SettingsError, Throttled, Unreachable
from gateway.journal import open_journal
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.drive import FreeBudget
from gateway.transport.http import Access, OAuth, Request, Response, Tokens, connect

KEYS = OAuth("password", SecretStr(USER), SecretStr(SECRET), refresh_life=14_100.0)
PLACE = "https://api.example"
GET = Request("GET", "/api/thing")
POST = Request("POST", "/api/thing", body=b"{}")


@pytest.fixture
def world():
    clock = FakeClock()
    store = Store(clock)
    return clock, store, Shop(clock, order=store.order)


def client(world, keys=KEYS, *, store=None, shop=None, timeout=60.0):
    clock, own, there = world
    return Tokens(
        shop or there, keys, place=PLACE, account="shop", clock=clock, store=store or own, timeout=timeout
    )  # fmt: skip


def test_the_first_token_is_got_by_the_keys_as_a_form(world):
    client(world).send(GET)
    (asked,) = world[2].asked
    assert asked.content_type == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(asked.body.decode())) == {"grant_type": "password", "username": USER, "password": SECRET}
    assert world[2].calls == ["access-1"]


def test_keys_may_go_as_json_and_belong_to_a_client(world):
    keys = OAuth("client_credentials", SecretStr("id"), SecretStr("x"), encoding="json", scope="jobs", scheme="Bearer")
    world[2].trouble = [Response(200, {}, b'{"access_token":"a","expires_in":"60"}')]
    shown: list[str] = []
    world[2].send, token = lambda one: token(one) if one.path == "/token" else shown.append(one.secrets), world[2].token
    client(world, keys).send(GET)
    assert dict(shown[0])["Authorization"].get_secret_value() == "Bearer a"
    assert json.loads(world[2].asked[0].body) == {
        "grant_type": "client_credentials", "client_id": "id", "client_secret": "x", "scope": "jobs",
    }  # fmt: skip
    assert world[2].asked[0].content_type == "application/json"


def test_a_pair_is_stored_before_it_is_used(world):
    client(world).send(GET)
    assert world[1].order == ["stored", "used"]


def test_a_token_serves_until_four_fifths_of_its_life_and_is_then_refreshed(world):
    one = client(world)
    one.send(GET)
    world[0].advance(3599 * 0.8 - 1)
    one.send(GET)
    assert world[2].grants == ["password"]
    world[0].advance(2)
    one.send(GET)
    assert world[2].grants == ["password", "refresh_token"]
    assert world[2].calls == ["access-1", "access-1", "access-2"]


def test_the_chain_goes_on_with_the_newest_refresh_token_and_never_shows_the_keys_again(world):
    one = client(world)
    for _ in range(6):
        one.send(GET)
        world[0].advance(3500)
    assert world[2].grants == ["password", *["refresh_token"] * 5]


def test_after_the_life_of_the_refresh_token_the_keys_open_a_new_chain(world):
    one = client(world)
    one.send(GET)
    world[0].advance(14_101)
    one.send(GET)
    assert world[2].grants == ["password", "password"]


def test_a_restart_goes_on_with_what_is_stored(world):
    client(world).send(GET)
    client(world).send(GET)
    assert world[2].grants == ["password"]


def test_other_keys_never_use_the_tokens_of_the_first(world):
    client(world).send(GET)
    other = OAuth("password", SecretStr("other"), SecretStr(SECRET))
    with pytest.raises(Refused, match="invalid_grant"):
        client(world, other).send(GET)


def test_a_stored_value_of_another_shape_is_none(world):
    world[1].values["oauth/shop"] = ('{"token": 1}', None)
    client(world).send(GET)
    assert world[2].grants == ["password"]


def test_a_crash_between_answer_and_store_costs_one_refused_refresh(world):
    client(world).send(GET)
    world[0].advance(3000)
    world[1].crash = True
    with pytest.raises(KeyboardInterrupt):
        client(world).send(GET)
    assert world[2].calls == ["access-1"]  # what could not be stored was not used
    client(world).send(GET)
    assert world[2].grants == ["password", "refresh_token", "refresh_token", "password"]
    assert world[2].calls == ["access-1", "access-3"]


def test_a_crash_that_leaves_the_lease_holds_nobody_up_for_ever(world):
    world[1].lease("oauth/shop", 150.0)
    with pytest.raises(Unreachable, match="Another worker") as caught:
        client(world).send(GET)
    assert caught.value.after == 5
    world[0].advance(150)
    client(world).send(GET)
    assert world[2].grants == ["password"]


@pytest.mark.parametrize(("timeout", "lease"), [(2.0, 150), (300.0, 630)])
def test_the_lease_outlasts_both_calls_for_a_token(world, timeout, lease):
    asked, store = [], world[1]
    store.lease, take = lambda name, seconds: asked.append(seconds) or take(name, seconds), store.lease
    client(world, timeout=timeout).send(GET)
    assert asked == [lease]


def test_who_was_held_up_longer_than_its_lease_takes_what_another_one_got(world):
    clock, store, shop = world
    one, other = client(world), client(world)

    def held_up(request):
        shop.token = token
        answer = token(request)
        clock.advance(151)  # a machine that slept
        other.send(GET)
        assert store.lease("oauth/shop", 150.0)  # a third one is renewing by now
        return answer

    shop.token, token = held_up, shop.token
    one.send(GET)
    assert shop.calls == ["access-2", "access-2"]
    assert json.loads(store.get("oauth/shop")[0])["access"] == "access-2"
    assert "oauth/shop" in store.leased  # the lease of the third one stands


def test_while_another_one_renews_a_living_token_is_used(world):
    one = client(world)
    one.send(GET)
    world[0].advance(3000)
    world[1].lease("oauth/shop", 150.0)
    one.send(GET)
    assert world[2].calls == ["access-1", "access-1"]
    assert world[0].slept == []


@pytest.mark.parametrize("request_", [GET, POST], ids=["get", "post"])
def test_a_refused_token_is_renewed_and_the_call_repeated(world, request_):
    one = client(world)
    one.send(GET)
    world[2].good.clear()
    one.send(request_)
    assert world[2].grants == ["password", "refresh_token"]
    assert world[2].calls == ["access-1", "access-1", "access-2"]


def test_it_is_repeated_exactly_once(world):
    one = client(world, shop=Shop(world[0], life=0))
    with pytest.raises(Refused) as caught:
        one.send(GET)
    assert caught.value.status == "401"
    assert len(one._inner.calls) == 2


def test_a_refused_token_that_another_one_renewed_is_not_renewed_again(world):
    first, second = client(world), client(world)
    first.send(GET)
    second.send(GET)
    world[2].good.clear()
    first.send(GET)
    second.send(GET)
    assert world[2].grants == ["password", "refresh_token"]


def test_other_refusals_are_not_repeated(world):
    one = client(world)
    one.send(GET)
    world[2].send = lambda _request: (_ for _ in ()).throw(Refused("no", status="403"))
    with pytest.raises(Refused) as caught:
        one.send(GET)
    assert caught.value.status == "403"


def test_a_lost_answer_to_a_refresh_falls_back_to_the_keys(world):
    one = client(world)
    one.send(GET)
    world[0].advance(3000)
    world[2].trouble = [OutcomeUnknown("timed out")]
    one.send(GET)
    assert world[2].grants == ["password", "password"]


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Unreachable("no route", after=7), Unreachable),
        (Throttled("429", after=7), Throttled),
        (OutcomeUnknown("timed out"), Unreachable),
        (Refused("404", status="404"), Refused),
        (Response(200, {}, b"<html>"), Unreachable),
        (Response(200, {}, b'{"access_token": 7}'), Unreachable),
        (Response(401, {}, b'{"error":"invalid_client"}'), Refused),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_what_goes_wrong_with_the_keys_is_told_as_what_to_do_next(world, trouble, kind):
    world[2].trouble = [trouble]
    with pytest.raises(kind) as caught:
        client(world).send(GET)
    assert type(caught.value) is kind
    assert world[2].calls == []
    if getattr(trouble, "after", None):
        assert caught.value.after == 7
    client(world).send(GET)  # the lease was given back


def test_a_life_nobody_names_is_the_documented_one(world):
    answers = [Response(200, {}, b'{"access_token":"access-9"}')]
    world[2].trouble = answers
    world[2].good["access-9"] = world[0].now() + timedelta(days=1)
    one = client(world, OAuth("password", SecretStr(USER), SecretStr(SECRET), life=100.0))
    one.send(GET)
    world[0].advance(49)
    one.send(GET)
    assert world[2].grants == []
    world[0].advance(2)
    one.send(GET)
    assert world[2].grants == ["password"]


def test_nothing_of_it_is_shown(world, caplog):
    caplog.set_level(logging.DEBUG)
    one = client(world)
    one.send(GET)
    echo = f"bad request: {USER} {SECRET} {world[2].refresh} access-1"
    shown = [repr(one._known), repr(KEYS), repr(world[2].asked), repr(Access(PLACE, oauth=KEYS)), repr(one)]
    world[0].advance(3000)
    for trouble in (
        Refused(echo, status="400"),
        Unreachable(echo),
        Response(400, {}, json.dumps({"error": echo}).encode()),
    ):
        world[2].trouble = [trouble, trouble]
        with pytest.raises(GatewayError) as caught:
            one.send(GET)
        shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    for word in (USER, SECRET, "access-1", "refresh-1"):
        assert word not in " ".join(shown)
        assert word not in caplog.text


def test_many_threads_with_several_clients_over_one_journal_renew_once(tmp_path):
    clock = RealClock()
    shop = Shop(clock, life=3599)
    shop.pause = 0.05
    journals = [open_journal(tmp_path, clock) for _ in range(3)]  # as three processes would
    clients = [Tokens(shop, KEYS, place=PLACE, account="shop", clock=clock, store=one.tokens()) for one in journals]
    start = threading.Barrier(9)
    failed: list[BaseException] = []

    def work(one):
        try:
            start.wait()
            one.send(GET)
        except BaseException as error:  # noqa: BLE001  told by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in clients for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for journal in journals:
        journal.close()
    assert failed == []
    assert shop.grants == ["password"]
    assert set(shop.calls) == {"access-1"}


def test_connect_stacks_it_and_wants_a_store(world):
    access = Access(PLACE, oauth=KEYS)
    with pytest.raises(SettingsError, match="store"):
        connect(access, account="a", clock=world[0], budget=FreeBudget())
    made = connect(access, account="a", clock=world[0], budget=FreeBudget(), tokens=world[1])
    assert isinstance(made._inner._inner, Tokens)
    made.close()
