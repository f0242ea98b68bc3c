"""A source whose files live in memory: for tests of whatever takes files, and as the simplest Store there is."""

from __future__ import annotations

import posixpath
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from gateway.errors import Unreachable
from gateway.model import Arrival, Clock, Ledger
from gateway.sources.folder import FolderSource
from gateway.sources.handling import Handling
from gateway.sources.store import Entry, Moved


@dataclass(slots=True)
class MemoryFolder:
    """Files by path as (bytes, mtime in ns), shared by all sources made on it. `read_only`: every change is forbidden.

    `down`: every call raises Unreachable.
    """

    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    read_only: bool = False
    down: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def put(self, path: str, content: bytes, stamp: int) -> None:
        """Write a file as a partner would: `stamp` is its mtime in ns."""
        with self.lock:
            self.files[path] = (content, stamp)


class MemorySource(FolderSource):
    """A source over a MemoryFolder; answers go to its folder `out`."""

    def __init__(self, name: str, folder: MemoryFolder, handling: Handling, *, ledger: Ledger, clock: Clock) -> None:
        handling = replace(handling, passed_over=(*handling.passed_over, "out"))
        super().__init__(name, MemoryStore(folder), handling, ledger=ledger, clock=clock, answers="out")
        self.folder = folder


class MemoryStore:
    """A Store over a MemoryFolder; folders exist as long as a file is below them."""

    def __init__(self, folder: MemoryFolder) -> None:
        self._folder = folder

    @property
    def where(self) -> str:
        """Nowhere."""
        return "memory"

    def entries(self, folder: str) -> list[Entry]:
        """List a folder."""
        prefix = f"{folder}/" if folder else ""
        found: dict[str, Entry] = {}
        for path, (content, stamp) in self._reached().items():
            if path.startswith(prefix):
                name, _, deeper = path.removeprefix(prefix).partition("/")
                found[name] = Entry(name, 0, 0, "folder") if deeper else Entry(name, len(content), stamp, "file")
        return list(found.values())

    def look(self, path: str) -> Entry | None:
        """Return one entry."""
        found = self._reached().get(path)
        return None if found is None else Entry(posixpath.basename(path), len(found[0]), found[1], "file")

    def move(self, path: str, target: str) -> Moved:
        """Rename."""
        with self._folder.lock:
            files = self._reached()
            if self._folder.read_only:
                return Moved.DENIED
            if target in files:
                return Moved.TAKEN
            if path not in files:
                return Moved.GONE
            self._folder.files[target] = self._folder.files.pop(path)
            return Moved.DONE

    def make_folder(self, path: str) -> bool:
        """Folders come by themselves."""
        return bool(path) and not self._folder.read_only

    def remove(self, path: str) -> bool:
        """Delete a file."""
        if self._folder.read_only:
            return False
        self._folder.files.pop(path, None)
        return True

    def remove_folder(self, path: str) -> None:
        """Folders go by themselves."""

    def fetch(self, path: str, local: Path) -> bool:
        """Write the bytes to `local`."""
        found = self._reached().get(path)
        if found is None:
            return False
        local.parent.mkdir(parents=True, exist_ok=True)
        local.write_bytes(found[0])
        return True

    def publish(self, local: Path, path: str) -> None:
        """Keep an answer; its time is that of the local file."""
        self._reached()
        self._folder.put(path, local.read_bytes(), local.stat().st_mtime_ns)

    def close(self) -> None:
        """Nothing is held."""

    def _reached(self) -> dict[str, tuple[bytes, int]]:
        if self._folder.down:
            raise Unreachable("memory: the folder is switched off.")
        with self._folder.lock:
            return dict(self._folder.files)


class MemoryLedger:
    """A Ledger that forgets with the process."""

    def __init__(self) -> None:
        self._entries: dict[str, Arrival] = {}
        self._lock = threading.Lock()
        self._count = 0

    def take(self, arrival: Arrival) -> str | None:
        """Enter the arrival; None when it was entered before."""
        with self._lock:
            if arrival in self._entries.values():
                return None
            self._count += 1
            token = str(self._count)
            self._entries[token] = arrival
            return token

    def drop(self, token: str) -> None:
        """Forget an entry."""
        with self._lock:
            self._entries.pop(token, None)

    def seen(self, source: str) -> set[tuple[str, int, datetime]]:
        """Return (path, size, mtime) of every entry of the source."""
        with self._lock:
            entries = [each for each in self._entries.values() if each.source == source]
        return {(each.path, each.size, each.mtime) for each in entries}
