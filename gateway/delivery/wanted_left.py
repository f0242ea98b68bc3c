"""Lanes that no route writes any more although something waits in them: nobody advances them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.delivery.book import Book, boundaries, folded, pruned
from gateway.journal import Journal, batches, runs
from gateway.journal import tables as t
from gateway.spool import Spool


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What waits in one of them.

    `boundaries`: moments at which promotions begin or end, those that have passed included; `first`: the first of them;
    `prices`: prices of boundaries before that are not known to stand; `runs`: with rows for later; `calls`: not ended.
    """

    lane: str
    boundaries: int
    first: datetime | None
    prices: int
    runs: int
    calls: int

    @property
    def said(self) -> str:
        """Return it as a sentence."""
        counts = (
            (self.boundaries, "boundary of promotions", "boundaries of promotions"),
            (self.prices, "price to be looked at again", "prices to be looked at again"),
            (self.runs, "run", "runs"),
            (self.calls, "call", "calls"),
        )
        waits = [f"{count:,} {one if count == 1 else many}" for count, one, many in counts if count]
        verb = "waits" if sum(count for count, _, _ in counts) == 1 else "wait"
        first = f"; the first boundary is at {self.first:%Y-%m-%d %H:%M:%S} UTC" if self.first is not None else ""
        return f"no route writes it any more, and {', '.join(waits)} {verb} in it{first}"

    @property
    def fix(self) -> str:
        """Return what to do about it."""
        destination, family, owner = self.lane.split("/", 2)
        what = f"a route with effect {family} to the destination {destination!r}, with owner = {owner!r}"
        return f"Give {what}, and it goes on there; or set these prices at the destination by hand."


def left_behind(journal: Journal, spool: Spool, lanes: Mapping[str, bool]) -> list[LeftBehind]:
    """Return the lanes in which something waits that nobody will do.

    `lanes`: those that routes write, and whether they compute wanted prices.
    """
    with journal.read() as tx:
        names = list(tx.scalars(sa.select(t.lane.c.name).order_by(t.lane.c.name)))
        booked = set(tx.scalars(sa.select(t.book.c.lane).where(t.book.c.next_at.is_not(None))))
        left = {name: _left(tx, name) for name in names if name not in lanes}
    found: list[LeftBehind] = []
    for name in names:
        open_runs, calls = left.get(name, (0, 0))
        moments: list[datetime] = []
        prices = 0
        if name in booked and not lanes.get(name, False):
            book = Book.of_lane(journal, spool, name)
            moments = [one.at for one in boundaries(journal, spool, name, since=book.until)]
            prices = pruned("again", folded("again", list(book.frames("again"))), None).height
        if moments or prices or open_runs or calls:
            found.append(LeftBehind(name, len(moments), min(moments, default=None), prices, open_runs, calls))
    return found


def _left(tx: Connection, lane: str) -> tuple[int, int]:
    calls = batches.of_lane(tx, lane, ("open", *batches.UNSENT))
    return len(runs.waiting(tx, lane)), len(calls)
