"""Files on their way in: what a listing shows, what is ours, and where both come from."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file seen in a listing. `path` is relative to the source's root, posix; `mtime` is the source's own clock."""

    source: str
    path: str
    size: int
    mtime: datetime

    @property
    def name(self) -> str:
        """File name without folders."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that is ours until archived, rejected or released. `local` holds its bytes inside the spool."""

    arrival: Arrival
    local: Path
    token: str
    """What the source needs to end the claim: the claimed path, or the ledger's identity."""


class Ending(enum.StrEnum):
    """How a claim ends at its source."""

    ARCHIVE = "archive"
    REJECT = "reject"
    RELEASE = "release"


@runtime_checkable
class Source(Protocol):
    """Where files come from: a folder, an SFTP account, a marketplace pull."""

    name: str

    def scan(self) -> list[Arrival]:
        """List the complete files, oldest first. Raises Unreachable or HostKeyError; an unfinished file is absent."""
        ...

    def claim(self, arrival: Arrival, spool: Path) -> Claim | None:
        """Take the file and copy its bytes to `spool`; None when another worker won or the file changed or went."""
        ...

    def end(self, claim: Claim, ending: Ending) -> None:
        """Archive, reject or release the claimed file. Ending twice is once."""
        ...

    def recover(self, spool: Path) -> list[Claim]:
        """Return claims that a crash left behind, their bytes in `spool`."""
        ...

    def deliver(self, local: Path, name: str) -> None:
        """Put an answer file into the partner's answer folder by temporary name, size compared, rename."""
        ...

    def probe(self) -> str:
        """Say in one line that the source can be reached and listed. Raises what `scan` raises."""
        ...

    def close(self) -> None:
        """Give back connections and watchers."""
        ...
