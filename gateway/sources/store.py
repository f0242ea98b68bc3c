"""What a folder of files can do, wherever it is: the few steps all claims, endings and answers are made of."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

from gateway.errors import Refused
from gateway.model import Arrival

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DeniedError(Refused):
    """A right is missing for one folder or file; all others of the source can go on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a folder, links not followed. `stamp`: mtime in ns as the store's own clock has it."""

    name: str
    size: int
    stamp: int
    kind: Literal["file", "folder", "link", "other"]

    @property
    def mtime(self) -> datetime:
        """The stamp as aware UTC time, to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.stamp // 1000)

    def is_of(self, arrival: Arrival) -> bool:
        """Whether this is still the file that was listed."""
        return self.kind == "file" and (self.size, self.mtime) == (arrival.size, arrival.mtime)


class Moved(enum.Enum):
    """What became of a rename."""

    DONE = "done"
    GONE = "gone"
    TAKEN = "taken"
    DENIED = "denied"


class Store(Protocol):
    """Files below one root; paths are relative to it and posix. Every method may raise Unreachable."""

    @property
    def where(self) -> str:
        """The root for people."""
        ...

    def entries(self, folder: str) -> list[Entry]:
        """List a folder ("" is the root); [] for one that is gone.

        Raises DeniedError for one that may not be listed, and Unreachable when the root is gone or may not be listed.
        """
        ...

    def look(self, path: str) -> Entry | None:
        """Return one entry, None when there is none. Raises DeniedError where that may not be known."""
        ...

    def move(self, path: str, target: str) -> Moved:
        """Rename atomically; never replaces `target`."""
        ...

    def make_folder(self, path: str) -> bool:
        """Create a folder and those above it; False when that is forbidden."""
        ...

    def remove(self, path: str) -> bool:
        """Delete a file; False when that is forbidden; a file that is gone is fine."""
        ...

    def remove_folder(self, path: str) -> None:
        """Delete a folder if it is empty and we may."""
        ...

    def fetch(self, path: str, local: Path) -> bool:
        """Copy to `local`, which appears only when it is whole; False when the file is gone.

        Raises Busy when the file changes meanwhile or the spool is full, Refused when it can't be read.
        """
        ...

    def publish(self, local: Path, path: str) -> None:
        """Put a file under its final name by temporary name, size compared, rename over what is there."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
