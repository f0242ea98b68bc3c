"""The machine's own clock."""

from __future__ import annotations

from gateway.clock import SystemClock


def test_it_is_aware_and_never_goes_back():
    clock = SystemClock()
    before, start = clock.now(), clock.monotonic()
    clock.sleep(0.01)
    assert before.tzinfo is not None
    assert clock.now() >= before
    assert clock.monotonic() > start
