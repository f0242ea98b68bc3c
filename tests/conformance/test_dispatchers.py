"""What every dispatcher must do, whatever runs the lanes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest

from gateway.dispatch.local import LocalDispatcher
from gateway.model import Dispatcher
from gateway.testing.clock import RealClock

PATIENCE = 10.0


class Bench:
    """A dispatcher that runs in a thread, with lanes that write down what happens to them."""

    def __init__(self, dispatcher, due):
        self.dispatcher = dispatcher
        self.due = due
        self.clock = RealClock()
        self.began = Counter()
        self.ended = Counter()
        self.together = 0
        self.under_way = Counter()
        self.gates = {}
        self.answers = {}
        self.changed = threading.Condition()
        self.failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            self.dispatcher.run(self.advance)
        except BaseException as error:  # noqa: BLE001  looked at by the test
            self.failure = error

    def advance(self, lane):
        with self.changed:
            self.began[lane] += 1
            self.under_way[lane] += 1
            self.together = max(self.together, self.under_way[lane])
            self.changed.notify_all()
        gate = self.gates.get(lane)
        if gate is not None:
            gate.wait(PATIENCE)
        answer = self.answers.get(lane)
        with self.changed:
            self.under_way[lane] -= 1
            self.ended[lane] += 1
            self.changed.notify_all()
        if callable(answer):
            return answer()
        return answer

    def start(self):
        self._thread.start()
        return self

    def until(self, what):
        with self.changed:
            assert self.changed.wait_for(what, PATIENCE), (self.began, self.ended)

    def stop(self):
        self.dispatcher.stop()
        self._thread.join(PATIENCE)
        return not self._thread.is_alive()


@pytest.fixture(params=["local"])
def bench(request):
    due = []
    made = {"local": lambda: LocalDispatcher(RealClock(), lambda: list(due), workers=2)}[request.param]()
    one = Bench(made, due)
    yield one
    for gate in one.gates.values():
        gate.set()
    if one._thread.ident is not None:
        assert one.stop()


def test_it_is_a_dispatcher(bench):
    held: Dispatcher = bench.dispatcher
    assert callable(held.wake)
    assert callable(held.run)
    assert callable(held.stop)


def test_a_woken_lane_is_advanced(bench):
    bench.start().dispatcher.wake("a")
    bench.until(lambda: bench.ended["a"] == 1)


def test_waking_twice_is_once(bench):
    for _ in range(5):
        bench.dispatcher.wake("a")
    bench.start().dispatcher.wake("b")
    bench.until(lambda: bench.ended["a"] and bench.ended["b"])
    assert bench.stop()
    assert bench.began == {"a": 1, "b": 1}


def test_a_lane_never_runs_twice_at_the_same_time_and_a_wake_meanwhile_is_not_lost(bench):
    bench.gates["a"] = threading.Event()
    bench.start().dispatcher.wake("a")
    bench.until(lambda: bench.began["a"] == 1)
    for _ in range(3):
        bench.dispatcher.wake("a")
    bench.dispatcher.wake("b")  # the other worker is free: had "a" been taken twice, it would run by now
    bench.until(lambda: bench.ended["b"] == 1)
    assert bench.began["a"] == 1
    bench.gates["a"].set()
    bench.until(lambda: bench.ended["a"] == 2)
    assert bench.stop()
    assert (bench.together, bench.began["a"]) == (1, 2)


def test_a_wake_is_not_lost_when_the_sweep_names_the_lane_too(bench):
    bench.gates["a"] = threading.Event()
    bench.due.append("a")
    bench.start()
    bench.until(lambda: bench.began["a"] == 1)
    bench.dispatcher.wake("a")
    bench.dispatcher.wake("b")
    bench.until(lambda: bench.ended["b"] == 1)
    bench.due.clear()
    bench.gates["a"].set()
    bench.until(lambda: bench.ended["a"] == 2)
    assert bench.together == 1


def test_a_lane_is_advanced_at_its_time_and_not_before(bench):
    at = bench.clock.now() + timedelta(seconds=0.3)
    bench.dispatcher.wake("a", at)
    bench.start()
    bench.until(lambda: bench.ended["a"] == 1)
    assert bench.clock.now() >= at


def test_a_lane_that_names_a_time_is_advanced_again(bench):
    times = iter([bench.clock.now() + timedelta(seconds=0.2)])
    bench.answers["a"] = lambda: next(times, None)
    bench.start().dispatcher.wake("a")
    bench.until(lambda: bench.ended["a"] == 2)
    assert bench.stop()
    assert bench.began["a"] == 2


def test_the_sweep_wakes_lanes_the_journal_says_are_due(bench):
    bench.answers["a"] = bench.due.clear
    bench.start()
    bench.due.append("a")
    bench.until(lambda: bench.ended["a"] == 1)


def test_stop_waits_for_the_lanes_under_way_and_starts_no_more(bench):
    bench.gates = {name: threading.Event() for name in ("a", "b")}
    for name in ("a", "b", "c", "d"):
        bench.dispatcher.wake(name)
    bench.start()
    bench.until(lambda: bench.began["a"] and bench.began["b"])
    bench.dispatcher.stop()
    bench._thread.join(0.2)
    assert bench._thread.is_alive()
    for gate in bench.gates.values():
        gate.set()
    bench._thread.join(PATIENCE)
    assert not bench._thread.is_alive()
    assert bench.ended == {"a": 1, "b": 1}


def test_a_lane_that_waits_blocks_no_other(bench):
    bench.gates["slow"] = threading.Event()
    bench.start().dispatcher.wake("slow")
    bench.until(lambda: bench.began["slow"] == 1)
    for n in range(20):
        bench.dispatcher.wake(f"lane {n}")
    bench.until(lambda: sum(bench.ended.values()) == 20)
    assert bench.ended["slow"] == 0


def test_an_exception_in_advance_surfaces(bench):
    def fail():
        raise ZeroDivisionError("a fault of ours")

    bench.answers["a"] = fail
    began = time.monotonic()
    bench.start().dispatcher.wake("a")
    bench._thread.join(PATIENCE)
    assert isinstance(bench.failure, ZeroDivisionError)
    assert time.monotonic() - began < PATIENCE
