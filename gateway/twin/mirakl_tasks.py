"""How work begins at the marketplace: its schedule, its number, and whether it is a repetition."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from gateway.twin.mirakl_market import Market
from gateway.twin.mirakl_state import Plan, Task

_T = TypeVar("_T", bound=Task)


@dataclass(frozen=True, slots=True)
class Start:
    """When a task was taken, its statuses with their beginnings, and its end; None: it never ends."""

    now: datetime
    timeline: list[tuple[str, datetime]]
    ends_at: datetime | None

    def stuck(self) -> Start:
        """The same, staying in its first status for ever."""
        return Start(self.now, self.timeline[:1], None)


def digest(body: bytes, *terms: object) -> str:
    """Fingerprint of a request: its bytes and what else was said."""
    return hashlib.sha256(body + repr(terms).encode()).hexdigest()


def begin(
    market: Market,
    api: str,
    tasks: Mapping[str, Task],
    shop_id: int,
    steps: Sequence[tuple[str, float]],
    last: str,
    not_before: datetime | None = None,
) -> Start:
    """Plan a task. `steps`: status and twin seconds in it; `last`: the status it ends in.

    The last step takes longer, or forever, where a fault says so; the first one takes longer for what has to be waited
    for: earlier tasks where they run in order, and `not_before`.
    """
    now = market.clock.now()
    start = now if not_before is None else max(now, not_before)
    if market.settings.in_order:
        ends = [task.ends_at for task in tasks.values() if task.shop_id == shop_id and task.ends_at]
        start = max([start, *ends])
    extra, at = market.delay(api), now
    timeline: list[tuple[str, datetime]] = []
    for place, (word, seconds) in enumerate(steps):
        timeline.append((word, at))
        longer = extra or 0.0 if place == len(steps) - 1 else 0.0
        at = market.clock.later(start if place == 0 else at, seconds + longer)
    if extra is None:
        return Start(now, timeline, None)
    return Start(now, [*timeline, (last, at)], at)


def numbered(market: Market, shop_id: int, start: Start, mark: str, plan: Plan, body: bytes) -> dict[str, Any]:
    """What every task begins with, its number used up."""
    number = market.state.number()
    return {
        "import_id": str(number), "number": number, "shop_id": shop_id, "created": start.now, "digest": mark,
        "timeline": start.timeline, "ends_at": start.ends_at, "plan": plan, "body": body,
    }  # fmt: skip


def duplicate(market: Market, tasks: Mapping[str, _T], shop_id: int, mark: str) -> _T | None:
    """The earlier task that an equal request is answered with, newest first; None: it is new."""
    settings, clock = market.settings, market.clock
    for task in reversed(list(tasks.values())):
        if task.shop_id == shop_id and task.digest == mark:
            recent = clock.since(task.created) < settings.duplicate_seconds
            if (settings.duplicates == "open" and not task.settled) or (settings.duplicates == "recent" and recent):
                return task
    return None
