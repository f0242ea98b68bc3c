"""The clock of the machine, for whatever is started; everything else is handed one."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """model.Clock on the machine's own clock."""

    def now(self) -> datetime:
        """Aware UTC time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
