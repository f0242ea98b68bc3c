"""Calls that are repeated or wait for their turn, and budgets they are booked to."""

from __future__ import annotations

import pytest
from support.http_doubles import GET, Budgets

from gateway.errors import OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.testing.clock import FakeClock
from gateway.transport.http import (
    Paced,
    Request,
    Response,
    Retrying,
    RetryPolicy,
)


class Script:
    """A transport that does what it was told, in order."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.seen: list[Request] = []

    def send(self, request):
        self.seen.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def close(self):
        self.steps.clear()


OK = Response(200, {}, b"{}")


def test_a_get_is_repeated_on_the_spot_through_the_clock():
    clock, inner = FakeClock(), Script(Throttled("b", after=2.0), Unreachable("a"), OK)
    assert Retrying(inner, clock=clock, spread=lambda: 1.0).send(GET) is OK
    assert clock.slept == [2.0, 1.0]


def test_a_repeat_our_own_budget_forbids_tells_of_the_trouble_itself():
    clock = FakeClock()
    budget = Budgets(clock)
    paced = Paced(Script(Unreachable("the line is dead")), budget=budget, account="a")
    with pytest.raises(Unreachable, match="the line is dead") as caught:
        Retrying(paced, clock=clock, spread=lambda: 1.0).send(Request("GET", "/x", budget="STO02", interval=15.0))
    assert caught.value.after == 14.5


def test_a_get_is_given_up_after_its_attempts():
    inner = Script(*(Unreachable(str(n)) for n in range(5)))
    with pytest.raises(Unreachable, match="2"):
        Retrying(inner, clock=FakeClock(), policy=RetryPolicy(attempts=3)).send(GET)
    assert len(inner.seen) == 3


def test_retrying_stops_when_its_time_is_over():
    clock, inner = FakeClock(), Script(*(Unreachable("x", after=5.0) for _ in range(20)))
    with pytest.raises(Unreachable):
        Retrying(inner, clock=clock, policy=RetryPolicy(attempts=20, total=12.0)).send(GET)
    assert clock.slept == [5.0, 5.0]


@pytest.mark.parametrize(
    "error", [Throttled("long", after=60.0), Throttled("silent"), Refused("no"), OutcomeUnknown("?")]
)
def test_long_waits_and_refusals_are_the_callers(error):
    clock, inner = FakeClock(), Script(error, OK)
    with pytest.raises(type(error)):
        Retrying(inner, clock=clock).send(GET)
    assert (len(inner.seen), clock.slept) == (1, [])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("error", [Unreachable("x"), Throttled("x", after=0.1), OutcomeUnknown("x")])
def test_what_changes_things_is_sent_once(method, error):
    clock, inner = FakeClock(), Script(error, OK)
    with pytest.raises(type(error)):
        Retrying(inner, clock=clock).send(Request(method, "/x"))
    assert (len(inner.seen), clock.slept) == (1, [])


def test_the_budget_is_booked_by_account_and_name():
    clock = FakeClock()
    budget = Budgets(clock)
    paced = Paced(Script(OK, OK, OK), budget=budget, account="shop-a")
    request = Request("GET", "/x", budget="STO02", interval=15.0)
    paced.send(request)
    with pytest.raises(Throttled) as caught:
        paced.send(request)
    assert caught.value.after == 15.0
    clock.advance(15)
    paced.send(request)
    paced.send(GET)
    assert budget.taken == [("shop-a:STO02", 15.0), ("shop-a:STO02", 15.0)]


@pytest.mark.parametrize(("asked", "kept"), [(7.0, 7.0), (0.0, 0.0), (None, 60.0)])
def test_a_429_keeps_us_away(asked, kept):
    clock = FakeClock()
    budget = Budgets(clock)
    paced = Paced(Script(Throttled("429", after=asked)), budget=budget, account="a")
    with pytest.raises(Throttled) as caught:
        paced.send(Request("POST", "/x", budget="STO01"))
    assert caught.value.after == kept
    assert budget.next["a:STO01"] == kept


def test_a_call_waits_for_its_turn_as_long_as_it_would():
    clock = FakeClock()
    paced = Paced(Script(OK, OK, OK), budget=Budgets(clock), account="a", clock=clock)
    asked = Request("POST", "/x", budget="calls", interval=2.0, patience=5.0)
    paced.send(asked)
    paced.send(asked)
    assert clock.slept == [2.0]
    with pytest.raises(Throttled):
        paced.send(Request("POST", "/x", budget="calls", interval=2.0, patience=1.0))
    assert clock.slept == [2.0]


def test_a_call_that_stands_back_comes_after_one_that_does_not():
    clock = FakeClock()
    paced = Paced(Script(OK, OK), budget=Budgets(clock), account="a", clock=clock)
    back = Request("POST", "/x", budget="calls", interval=0.5, patience=5.0, stands_back=True)
    paced.send(back)
    paced.send(back)
    assert clock.slept == [0.6]


def test_a_shared_budget_is_one_name_for_all_accounts():
    clock = FakeClock()
    budgets = Budgets(clock)
    request = Request("GET", "/api/thing", budget="egress", interval=2.0, shared=True)
    Paced(Script(Response(200, {}, b"")), budget=budgets, account="one").send(request)
    with pytest.raises(Throttled):
        Paced(Script(Response(200, {}, b"")), budget=budgets, account="two").send(request)
    assert budgets.taken == [("egress", 2.0)]


def test_a_booked_call_takes_no_turn_but_tells_what_is_blocked():
    clock = FakeClock()
    budgets = Budgets(clock)
    request = Request("PUT", "/api/thing", budget="egress", interval=2.0, shared=True, booked=True)
    with pytest.raises(Throttled):
        Paced(Script(Throttled("slow down", after=30.0)), budget=budgets, account="one").send(request)
    assert budgets.taken == []
    assert budgets.next == {"egress": clock.monotonic() + 30.0}
