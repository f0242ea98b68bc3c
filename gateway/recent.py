"""Blocks written a moment ago, still in memory: of a small run nothing is read back from the disk."""

from __future__ import annotations

import threading
from pathlib import Path

import polars as pl

_ROOM = 32 << 20
"""Bytes that blocks of all folders take together, as polars estimates them."""
_REFUSED = 1000
"""Folders of which it is remembered that they are too large; at one that is forgotten it shows once more."""


class Recent:
    """Keeps the frames written into a folder until they are too many, or the folder is dropped; safe among threads.

    A folder with more than there is room for keeps nothing: who walks through it would find each block just gone.
    Older folders make room for a newer one. What is not here is on the disk: nothing is lost by forgetting.
    """

    def __init__(self, room: int | None = None) -> None:
        self._room = _ROOM if room is None else room
        self._lock = threading.Lock()
        self._folders: dict[Path, dict[str, pl.DataFrame]] = {}
        self._refused: dict[Path, None] = {}
        """Folders that are too large, those found last at the end."""
        self._sizes: dict[Path, int] = {}

    def __len__(self) -> int:
        """Return of how many folders something is remembered, be it that they are too large."""
        with self._lock:
            return len(self._folders) + len(self._refused)

    def put(self, folder: Path, name: str, frame: pl.DataFrame) -> None:
        """Remember what was written into a folder under a name, which is never written anew."""
        size = int(frame.estimated_size())
        with self._lock:
            if folder in self._refused:
                return
            self._folders.setdefault(folder, {})[name] = frame
            self._sizes[folder] = self._sizes.get(folder, 0) + size
            if self._sizes[folder] > self._room:
                self._refuse(folder)
            while sum(self._sizes.values()) > self._room:
                self._drop(next(iter(self._sizes)))

    def refuse(self, folder: Path) -> None:
        """Keep nothing of a folder: it will be too large."""
        with self._lock:
            self._refuse(folder)

    def get(self, folder: Path, name: str) -> pl.DataFrame | None:
        """Return the frame, None where it is not remembered."""
        with self._lock:
            return self._folders.get(folder, {}).get(name)

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
