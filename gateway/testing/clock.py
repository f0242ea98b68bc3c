"""Clocks for tests: one that stands still until somebody waits, one that runs."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from gateway.clock import SystemClock as RealClock

__all__ = ["START", "FakeClock", "RealClock", "at"]

START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
"""When time begins in tests."""


def at(hour: float) -> str:
    """Return the canonical text of the time so many hours after START."""
    return f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"


class FakeClock:
    """A clock whose time moves only by `sleep` and `advance`. `start`: aware time it begins with. Thread-safe."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Aware UTC time."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Move time on at once and remember in `slept` that somebody waited."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move time on."""
        with self._lock:
            self._elapsed += seconds
            self._now += timedelta(seconds=seconds)
