"""What is particular to the dispatcher of one process: workers, its own clock, the sweep."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from gateway.dispatch.local import LocalDispatcher
from gateway.testing.clock import FakeClock, RealClock

PATIENCE = 10.0


def in_thread(dispatcher, advance):
    thread = threading.Thread(target=dispatcher.run, args=(advance,), daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("workers", [1, 3])
def test_as_many_lanes_at_once_as_there_are_workers(workers):
    dispatcher = LocalDispatcher(RealClock(), list, workers=workers)
    gate, enough = threading.Event(), threading.Semaphore(0)
    lock, now, most = threading.Lock(), [], []

    def advance(lane):
        with lock:
            now.append(lane)
            most.append(len(now))
        enough.release()
        gate.wait(PATIENCE)
        with lock:
            now.remove(lane)

    for number in range(6):
        dispatcher.wake(f"lane {number}")
    thread = in_thread(dispatcher, advance)
    for _ in range(workers):
        assert enough.acquire(timeout=PATIENCE)
    assert not enough.acquire(timeout=0.1)
    gate.set()
    for _ in range(6 - workers):
        assert enough.acquire(timeout=PATIENCE)
    dispatcher.stop()
    thread.join(PATIENCE)
    assert max(most) == workers


def test_times_go_by_the_clock_it_was_given():
    clock, seen = FakeClock(), threading.Event()
    dispatcher = LocalDispatcher(clock, list)
    dispatcher.wake("a", clock.now() + timedelta(hours=1))

    def advance(lane):
        del lane
        seen.set()

    thread = in_thread(dispatcher, advance)
    assert not seen.wait(0.2)
    clock.advance(3600)
    dispatcher.wake("b")
    assert seen.wait(PATIENCE)
    dispatcher.stop()
    thread.join(PATIENCE)


def test_busy_says_whether_a_lane_is_under_way():
    dispatcher = LocalDispatcher(RealClock(), list)
    gate, begun = threading.Event(), threading.Event()

    def advance(lane):
        del lane
        begun.set()
        gate.wait(PATIENCE)

    assert not dispatcher.busy
    dispatcher.wake("a")
    thread = in_thread(dispatcher, advance)
    assert begun.wait(PATIENCE)
    assert dispatcher.busy
    gate.set()
    dispatcher.stop()
    thread.join(PATIENCE)
    assert not dispatcher.busy


def test_a_sweep_that_fails_ends_the_run():
    def due():
        raise OSError("the journal is gone")

    with pytest.raises(OSError, match="the journal is gone"):
        LocalDispatcher(RealClock(), due).run(lambda _: None)


def test_the_first_of_several_faults_surfaces_and_no_lane_is_started_after_it():
    dispatcher = LocalDispatcher(RealClock(), list, workers=1)
    seen = []

    def advance(lane):
        seen.append(lane)
        raise ZeroDivisionError(lane)

    for name in ("a", "b", "c"):
        dispatcher.wake(name)
    with pytest.raises(ZeroDivisionError, match="a"):
        dispatcher.run(advance)
    assert seen == ["a"]


def test_stopped_before_it_ran_it_returns_at_once():
    dispatcher = LocalDispatcher(RealClock(), list)
    dispatcher.wake("a")
    dispatcher.stop()
    dispatcher.run(lambda _: pytest.fail("a lane was advanced after stop"))
