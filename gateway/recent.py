"""Blocks and calls written a moment ago, still in memory: of a small run nothing is read back from the disk."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Generic, TypeVar

import polars as pl

_T = TypeVar("_T", pl.DataFrame, bytes)

_ROOM = 32 << 20
"""Bytes that what is kept of all folders takes together; blocks as polars estimates them."""
_REFUSED = 1000
"""Folders of which it is remembered that they are too large; at one that is forgotten it shows once more."""


def _size(kept: pl.DataFrame | bytes) -> int:
    return len(kept) if isinstance(kept, bytes) else int(kept.estimated_size())


class Recent(Generic[_T]):
    """Keeps what was written into a folder until it is too much, or the folder is dropped; safe among threads.

    A folder with more than there is room for keeps nothing: who walks through it would find each block just gone.
    Older folders make room for a newer one. What is not here is on the disk: nothing is lost by forgetting.
    """

    def __init__(self, room: int | None = None) -> None:
        self._room = _ROOM if room is None else room
        self._lock = threading.Lock()
        self._folders: dict[Path, dict[str, _T]] = {}
        self._refused: dict[Path, None] = {}
        """Folders that are too large, those found last at the end."""
        self._sizes: dict[Path, int] = {}

    def __len__(self) -> int:
        """Return of how many folders something is remembered, be it that they are too large."""
        with self._lock:
            return len(self._folders) + len(self._refused)

    def put(self, folder: Path, name: str, written: _T) -> None:
        """Remember what was written into a folder under a name, which is never written anew."""
        size = _size(written)
        with self._lock:
            if folder in self._refused:
                return
            self._folders.setdefault(folder, {})[name] = written
            self._sizes[folder] = self._sizes.get(folder, 0) + size
            if self._sizes[folder] > self._room:
                self._refuse(folder)
            while sum(self._sizes.values()) > self._room:
                self._drop(next(iter(self._sizes)))

    def refuse(self, folder: Path) -> None:
        """Keep nothing of a folder: it will be too large."""
        with self._lock:
            self._refuse(folder)

    def get(self, folder: Path, name: str) -> _T | None:
        """Return what was written; None where it is not remembered."""
        with self._lock:
            return self._folders.get(folder, {}).get(name)

    def take(self, folder: Path, name: str) -> _T | None:
        """Return what was written, and forget it: it is mostly wanted once. None where it is not remembered."""
        with self._lock:
            found = self._folders.get(folder, {}).pop(name, None)
            if found is not None:
                self._sizes[folder] -= _size(found)
            return found

    def drop(self, folder: Path) -> None:
        """Forget a folder."""
        with self._lock:
            self._drop(folder)

    def _refuse(self, folder: Path) -> None:
        self._drop(folder)
        self._refused[folder] = None
        if len(self._refused) > _REFUSED:
            del self._refused[next(iter(self._refused))]

    def _drop(self, folder: Path) -> None:
        self._refused.pop(folder, None)
        self._folders.pop(folder, None)
        self._sizes.pop(folder, None)
