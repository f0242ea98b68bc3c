"""The twins' clock: real time that never goes back, and twin seconds that pass `speed` times as fast."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from gateway.errors import SettingsError


class TwinClock:
    """Shrinks limits and delays alike, so that a demo shows a day's rules in a minute.

    Dates are real time (plus what `advance` added), durations are twin seconds. Raises SettingsError for a speed that
    is not above zero.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise SettingsError(f"The clock factor of the twin is {speed}: expected a number above 0.")
        self.speed = float(speed)
        self._lock = threading.Lock()
        self._started = datetime.now(UTC)
        self._origin = time.monotonic()
        self._jumped = 0.0

    def now(self) -> datetime:
        """Aware UTC time that never goes back."""
        with self._lock:
            return self._started + timedelta(seconds=time.monotonic() - self._origin + self._jumped)

    def since(self, moment: datetime) -> float:
        """Twin seconds from `moment` until now."""
        return (self.now() - moment).total_seconds() * self.speed

    def later(self, moment: datetime, seconds: float) -> datetime:
        """The moment `seconds` twin seconds after `moment`."""
        return moment + timedelta(seconds=seconds / self.speed)

    def real(self, seconds: float) -> float:
        """Real seconds that so many twin seconds take."""
        return seconds / self.speed

    def advance(self, seconds: float) -> None:
        """Let `seconds` twin seconds pass at once."""
        with self._lock:
            self._jumped += seconds / self.speed
