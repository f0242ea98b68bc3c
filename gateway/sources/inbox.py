"""Looking into a folder: what is complete, what may still grow, what is refused and why."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.model import Arrival, Clock
from gateway.pauses import growing
from gateway.sources.handling import Handling
from gateway.sources.names import is_temporary, printable, why_refused
from gateway.sources.quiet import QuietRules, Sighting, judge
from gateway.sources.store import DeniedError, Entry, Store

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0
"""Seconds after which a file that could not be read is tried again: rights change without any sign in a listing."""


@dataclass(frozen=True, slots=True)
class _Aside:
    """A file that could not be read so many times, and until when it is let be."""

    arrival: Arrival
    reason: str
    tries: int
    until: float


class Inbox:
    """Listings of one folder with the memory that judging quietness needs. Not safe for threads by itself."""

    def __init__(self, name: str, store: Store, handling: Handling, clock: Clock) -> None:
        self._name = name
        self._store = store
        self._handling = handling
        self._clock = clock
        self._memory: dict[str, Sighting] = {}
        self._refused: list[tuple[str, str]] = []
        self._waiting: list[str] = []
        self._aside: dict[str, _Aside] = {}

    def arrivals(self, known: set[tuple[str, int, datetime]], *, by_ledger: bool) -> list[Arrival]:
        """Return the complete files, oldest first; `known` were taken by ledger before."""
        refused: list[tuple[str, str]] = []
        files = dict(self._files("", refused))
        rules = self._rules(by_ledger=by_ledger)
        listing = {path: (entry.size, entry.stamp) for path, entry in files.items()}
        self._memory, complete = judge(self._memory, listing, self._clock.monotonic(), rules)
        wanted = {
            path: entry
            for path, entry in files.items()
            if self._is_wanted(path, rules) and (path, entry.size, entry.mtime) not in known
        }
        clashing = _case_clashes(wanted)
        refused += clashing.items()
        out = {path for path, _ in refused} | self._still_aside(wanted)
        self._refused = sorted((printable(path), reason) for path, reason in refused)
        self._waiting = sorted(path for path in wanted if path not in complete and path not in out)
        arrivals = [
            Arrival(self._name, path, entry.size, entry.mtime)
            for path, entry in wanted.items()
            if path in complete and path not in out
        ]
        return sorted(arrivals, key=lambda arrival: (arrival.mtime, arrival.path))

    def present(self, known: set[tuple[str, int, datetime]], *, by_ledger: bool) -> list[str]:
        """Return the paths of the files that lie there, complete or not; nothing is remembered of this look."""
        rules = self._rules(by_ledger=by_ledger)
        return sorted(
            path
            for path, entry in self._files("", [])
            if self._is_wanted(path, rules) and (path, entry.size, entry.mtime) not in known
        )

    def _rules(self, *, by_ledger: bool) -> QuietRules:
        handling = self._handling
        return QuietRules(handling.settle, handling.done_marker, marker_suffices=not by_ledger)

    def refused(self) -> list[tuple[str, str]]:
        """Return (path, reason) as of the last listing."""
        return self._refused.copy()

    def waiting(self) -> list[str]:
        """Return the paths that were not complete in the last listing."""
        return self._waiting.copy()

    def set_aside(self, arrival: Arrival, reason: str) -> None:
        """Do not list a file that could not be read until it changes or a while has passed, a longer one each time."""
        before = self._aside.get(arrival.path)
        tries = before.tries + 1 if before is not None and before.arrival == arrival else 1
        pause = growing(tries - 1, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)
        self._aside[arrival.path] = _Aside(arrival, reason, tries, self._clock.monotonic() + pause)

    def unread(self) -> list[tuple[str, str]]:
        """Return (path, reason) of the files that could not be read when they were tried last."""
        return sorted((printable(path), one.reason) for path, one in self._aside.items())

    def left_behind(self) -> list[tuple[str, Entry]]:
        """Return (claimed path, entry) of the owner's claims, done-markers left out."""
        claims = self._handling.claims
        found: list[tuple[str, Entry]] = []
        for entry in self._store.entries(claims):
            if entry.kind == "folder" and entry.name.startswith(f"{self._handling.owner}-"):
                found += self._below(f"{claims}/{entry.name}")
        marker = self._handling.done_marker
        return [(path, entry) for path, entry in found if not marker or not path.endswith(marker)]

    def _below(self, folder: str) -> Iterator[tuple[str, Entry]]:
        for entry in self._store.entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.kind == "folder":
                yield from self._below(path)
            elif entry.kind == "file" and why_refused(entry.name) is None:
                yield path, entry

    def _files(self, folder: str, refused: list[tuple[str, str]]) -> Iterator[tuple[str, Entry]]:
        for entry in self._store.entries(folder):
            path = posixpath.join(folder, entry.name)
            reason = why_refused(entry.name)
            if not folder and entry.name in self._handling.own_folders:
                continue
            if entry.kind == "folder":
                if self._handling.recursive and reason is None and not entry.name.startswith("."):
                    try:
                        yield from self._files(path, refused)
                    except DeniedError as error:  # only this folder: what lies elsewhere is taken all the same
                        refused.append((path, str(error)))
            elif entry.kind == "file" and reason is None:
                yield path, entry
            elif not entry.name.startswith(".") and (reason is not None or self._handling.takes(entry.name)):
                what = "it is a link" if entry.kind == "link" else "it is no ordinary file"
                refused.append((path, reason or what))

    def _is_wanted(self, path: str, rules: QuietRules) -> bool:
        name = posixpath.basename(path)
        return not is_temporary(name) and not rules.is_marker(path) and self._handling.takes(name)

    def _still_aside(self, wanted: dict[str, Entry]) -> set[str]:
        self._aside = {
            path: one for path, one in self._aside.items() if path in wanted and wanted[path].is_of(one.arrival)
        }
        now = self._clock.monotonic()
        return {path for path, one in self._aside.items() if now < one.until}


def _case_clashes(files: dict[str, Entry]) -> dict[str, str]:
    """Return the newer ones of files whose paths differ only in case, each with the reason why it waits."""
    groups: dict[str, list[str]] = {}
    for path in files:
        groups.setdefault(path.casefold(), []).append(path)
    clashing = {}
    for group in groups.values():
        first, *others = sorted(group, key=lambda path: (files[path].stamp, path))
        for path in others:
            clashing[path] = f"it differs only in case from {first} and waits until that one is taken"
    return clashing
