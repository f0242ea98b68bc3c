"""Doubles of the parts a client is stacked of: budgets that keep what was asked, and transports that answer."""

from __future__ import annotations

from gateway.errors import Throttled
from gateway.transport.http import (
    Request,
    Upload,
)

GET = Request("GET", "/api/thing")
POST = Request("POST", "/api/thing", upload=Upload("file", "a.csv", "text/csv", b"a;b\n"))
KEY = "s3cret-Key-0123456789"


class Budgets:
    """A budget in memory over a clock."""

    def __init__(self, clock):
        self.clock = clock
        self.next: dict[str, float] = {}
        self.taken: list[tuple[str, float]] = []

    def take(self, name, interval):
        now = self.clock.monotonic()
        if self.next.get(name, 0.0) > now:
            raise Throttled(f"{name} may not be called yet", after=self.next[name] - now)
        self.taken.append((name, interval))
        self.next[name] = now + interval

    def block(self, name, seconds):
        self.next[name] = self.clock.monotonic() + seconds
