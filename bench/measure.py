"""What a measurement is: wall and CPU time of a piece of work beside a yardstick's, and the line it becomes."""

from __future__ import annotations

import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

_T = TypeVar("_T")


class Skipped(Exception):
    """A part of the system that a line needs is not there; the text says which."""


class Broken(Exception):
    """What was measured did not do its work; a ratio would say nothing."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds a piece of work took: on the wall, and of all processors (its own process, or its children's)."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """Wall and CPU time as multiples of the yardstick's, and the seconds behind them."""

    wall: float
    cpu: float | None
    seconds: float | None = None
    yardstick: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    `unit`: "x" a multiple of `yardstick`, "of" a share of it that should be reached, "MB", "s".
    `target` None: for comparison only. `skipped`: why nothing was measured.
    """

    name: str
    unit: Literal["x", "of", "MB", "s"]
    target: float | None
    yardstick: str = ""
    found: Ratio | None = None
    skipped: str = ""

    @property
    def verdict(self) -> Literal["ok", "miss", "skipped", ""]:
        """Wall time decides; the CPU ratio stands beside it for a machine that others use too."""
        if self.found is None:
            return "skipped"
        if self.target is None:
            return ""
        met = self.found.wall >= self.target if self.unit == "of" else self.found.wall <= self.target
        return "ok" if met else "miss"


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes and the like, as the command line gives them."""

    data: Path
    rounds: int = 3
    scale: float = 1.0
    large: bool = False

    def sized(self, count: int) -> int:
        """Return a count of records or bytes by the scale."""
        return max(1, round(count * self.scale))


def taken(work: Callable[[], _T], *, children: bool = False) -> tuple[_T, Taken]:
    """Time a piece of work; `children`: its CPU time is that of the child processes it waits for."""
    cpu, wall = _cpu(children=children), time.perf_counter()
    result = work()
    return result, Taken(time.perf_counter() - wall, _cpu(children=children) - cpu)


def _cpu(*, children: bool) -> float:
    if not children:
        return time.process_time()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(slots=True)
class Watch:
    """Times works with a pass of the yardstick before and after each, so that both see the same machine."""

    yardstick: Callable[[], Taken]
    samples: dict[str, list[tuple[Taken, Taken]]] = field(default_factory=lambda: defaultdict(list))

    def time(self, name: str, work: Callable[[], _T], *, children: bool = False) -> _T:
        """Time a work; returns its result."""
        before = self.yardstick()
        result, mine = taken(work, children=children)
        after = self.yardstick()
        beside = Taken((before.wall + after.wall) / 2, (before.cpu + after.cpu) / 2)
        self.samples[name].append((mine, beside))
        return result

    def ratio(self, name: str) -> Ratio:
        """Return the median over the rounds against the yardstick."""
        return _median(self.samples[name])

    def between(self, name: str, other: str) -> Ratio:
        """Return the median over the rounds of one work against another of the same round."""
        pairs = zip(self.samples[name], self.samples[other], strict=True)
        return _median([(mine, theirs) for (mine, _), (theirs, _) in pairs])

    def share(self, name: str) -> Ratio:
        """Return which share of the yardstick's speed a work reaches, median over the rounds."""
        swapped = _median([(beside, mine) for mine, beside in self.samples[name]])
        return Ratio(swapped.wall, swapped.cpu, swapped.yardstick, swapped.seconds)


def _median(pairs: list[tuple[Taken, Taken]]) -> Ratio:
    floor = 1e-6  # a tiny sample may take no time a clock can see
    return Ratio(
        statistics.median(mine.wall / max(beside.wall, floor) for mine, beside in pairs),
        statistics.median(mine.cpu / max(beside.cpu, floor) for mine, beside in pairs),
        statistics.median(mine.wall for mine, _ in pairs),
        statistics.median(beside.wall for _, beside in pairs),
    )
