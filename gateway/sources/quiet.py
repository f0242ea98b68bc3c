"""Has it stopped changing? Decides from listings alone which files are complete; pure, no clock, no disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.sources.names import TEMPORARY, is_temporary


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file as listings showed it: `stamp` is the server's mtime in ns, `since` when these values were first seen."""

    size: int
    stamp: int
    since: float


@dataclass(frozen=True, slots=True)
class QuietRules:
    """`settle`: seconds between two equal listings. `done_marker`: suffix of the file that says "complete".

    With a done-marker nothing else counts; `marker_suffices` False asks for two equal listings besides, where a marker
    can't be taken away and may be left from an earlier file of the name.
    """

    settle: float
    done_marker: str = ""
    marker_suffices: bool = True

    def is_marker(self, path: str) -> bool:
        """Whether the path is a done-marker."""
        return bool(self.done_marker) and path.endswith(self.done_marker)


def judge(
    before: Mapping[str, Sighting], listing: Mapping[str, tuple[int, int]], now: float, rules: QuietRules
) -> tuple[dict[str, Sighting], set[str]]:
    """Return the memory for the next call and the paths that are complete.

    `listing`: path to (size, server mtime in ns) of all files, temporary ones and markers among them. `now`: monotonic
    seconds of the listing; it is never compared with a server's time. `before`: what the last call returned.
    """
    memory = {path: _sighting(path, seen, before, listing, now) for path, seen in listing.items()}
    complete = {
        path
        for path, seen in memory.items()
        if not is_temporary(path.rsplit("/", 1)[-1])
        and not rules.is_marker(path)
        and _complete(path, seen, before, listing, now, rules)
    }
    return memory, complete


def _sighting(
    path: str, seen: tuple[int, int], before: Mapping[str, Sighting], listing: Mapping[str, tuple[int, int]], now: float
) -> Sighting:
    earlier = before.get(path) or _under_temporary_name(path, before, listing)
    if earlier is not None and (earlier.size, earlier.stamp) == seen:
        return earlier
    return Sighting(*seen, now)


def _under_temporary_name(
    path: str, before: Mapping[str, Sighting], listing: Mapping[str, tuple[int, int]]
) -> Sighting | None:
    """A rename keeps size and time: the wait under the temporary name counts."""
    names = (path + suffix for suffix in TEMPORARY)
    return next((before[name] for name in names if name in before and name not in listing), None)


def _complete(
    path: str,
    seen: Sighting,
    before: Mapping[str, Sighting],
    listing: Mapping[str, tuple[int, int]],
    now: float,
    rules: QuietRules,
) -> bool:
    earlier = before.get(path) or _under_temporary_name(path, before, listing)
    quiet = earlier is not None and seen == earlier and now - seen.since >= rules.settle
    if not rules.done_marker:
        return quiet
    marked = path + rules.done_marker in listing
    return marked and (quiet or rules.marker_suffices)
