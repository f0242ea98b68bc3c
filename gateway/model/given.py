"""What lower rooms need from above: they declare it here and get it from `wiring`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from gateway.model.arrivals import Arrival


class Clock(Protocol):
    """The only source of time: everything that waits waits through it."""

    def now(self) -> datetime:
        """Aware UTC time."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Budget(Protocol):
    """Calls per time for a credential and operation; kept in the journal, so it holds across threads."""

    def take(self, name: str, interval: float) -> None:
        """Book one call. Raises Throttled with the seconds to wait when the last was less than `interval` ago."""
        ...

    def block(self, name: str, seconds: float) -> None:
        """Nobody may call `name` for so long: the other side said so."""
        ...


class TokenStore(Protocol):
    """Access tokens kept in the journal, so that threads and processes share them; values never appear in a repr."""

    def get(self, name: str) -> tuple[str, datetime | None] | None:
        """Return value and expiry of a token; None when there is none."""
        ...

    def put(self, name: str, value: str, expires_at: datetime | None) -> None:
        """Store a token durably; it replaces the one of that name."""
        ...

    def lease(self, name: str, seconds: float) -> bool:
        """Take the right to renew a token for so long; False while another thread or process has it."""
        ...

    def release(self, name: str) -> None:
        """Give the right back."""
        ...


class Ledger(Protocol):
    """Memory of files taken from servers that only let us read."""

    def take(self, arrival: Arrival) -> str | None:
        """Enter the arrival; None when it was entered before (same path, size and mtime)."""
        ...

    def drop(self, token: str) -> None:
        """Forget an entry: the file was released and may be taken again."""
        ...

    def seen(self, source: str) -> set[tuple[str, int, datetime]]:
        """(path, size, mtime) of every entry of the source."""
        ...


class Facts(Protocol):
    """What a destination was told and may not ask again soon; kept in the journal, by destination, without secrets."""

    def get(self, name: str) -> str | None:
        """Return what was put last; None for nothing."""
        ...

    def put(self, name: str, text: str) -> None:
        """Keep it durably; it replaces what was there."""
        ...


class Dispatcher(Protocol):
    """Runs lanes. Waking twice is once."""

    def wake(self, lane: str, at: datetime | None = None) -> None:
        """Have the lane advanced now or at a time."""
        ...

    def run(self, advance: Callable[[str], datetime | None]) -> None:
        """Advance woken lanes until stopped; `advance` returns when the lane wants to be woken next, or None."""
        ...

    def stop(self) -> None:
        """Return from `run` when the lanes under way have come to a safe point."""
        ...
