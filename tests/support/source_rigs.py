"""Sources of every kind with the folder they look at, and files dropped there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from gateway.model import Arrival, Clock
from gateway.sources.folder import FolderSource
from gateway.sources.handling import Handling
from gateway.sources.local import LocalSource
from gateway.sources.sftp import SftpSource
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.memory_source import MemoryFolder, MemoryLedger, MemorySource
from gateway.transport.sftp import SftpSession, SftpSettings

SETTLE = 10.0


class Rig(Protocol):
    """One place with files, and sources on it."""

    clock: FakeClock
    ledger: MemoryLedger

    def put(self, path: str, content: bytes, seconds: int = 1_000) -> None: ...
    def read(self, path: str) -> bytes | None: ...
    def rename(self, path: str, target: str) -> None: ...
    def names(self, folder: str = "") -> list[str]: ...
    def source(self, **changes: object) -> FolderSource: ...


class DiskRig:
    """Files on this machine, reached by one kind of source."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)
        self.clock = FakeClock()
        self.ledger = MemoryLedger()
        self.made: list[FolderSource] = []

    def put(self, path: str, content: bytes, seconds: int = 1_000) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        os.utime(target, (seconds, seconds))

    def read(self, path: str) -> bytes | None:
        target = self.root / path
        return target.read_bytes() if target.exists() else None

    def rename(self, path: str, target: str) -> None:
        (self.root / path).rename(self.root / target)

    def names(self, folder: str = "") -> list[str]:
        target = self.root / folder
        return sorted(each.name for each in target.iterdir()) if target.exists() else []

    def source(self, **changes: object) -> FolderSource:
        made = self.build(Handling(**({"settle": SETTLE} | changes)), self.clock)  # type: ignore[arg-type]
        self.made.append(made)
        return made

    def build(self, handling: Handling, clock: Clock) -> FolderSource:
        return LocalSource("shop", self.root, handling, ledger=self.ledger, clock=clock, answers=Path("out"))

    def close(self) -> None:
        for source in self.made:
            source.close()


class SftpRig(DiskRig):
    """The same files, reached over SFTP."""

    def __init__(self, root: Path, folder: str, settings: SftpSettings, idle: list[SftpSession]) -> None:
        super().__init__(root)
        self.idle = idle
        self.used: list[SftpSession] = []
        self.folder = folder
        self.settings = settings

    def build(self, handling: Handling, clock: Clock) -> FolderSource:
        session = self.idle.pop() if self.idle else SftpSession(self.settings, RealClock())
        self.used.append(session)
        return SftpSource(
            "shop", session, handling, ledger=self.ledger, clock=clock, folder=self.folder, answers=f"{self.folder}/out"
        )

    def close(self) -> None:
        self.idle += self.used


class MemoryRig:
    """Files in memory."""

    def __init__(self) -> None:
        self.folder = MemoryFolder()
        self.clock = FakeClock()
        self.ledger = MemoryLedger()

    def put(self, path: str, content: bytes, seconds: int = 1_000) -> None:
        self.folder.put(path, content, seconds * 1_000_000_000)

    def read(self, path: str) -> bytes | None:
        found = self.folder.files.get(path)
        return None if found is None else found[0]

    def rename(self, path: str, target: str) -> None:
        self.folder.files[target] = self.folder.files.pop(path)

    def names(self, folder: str = "") -> list[str]:
        prefix = f"{folder}/" if folder else ""
        return sorted(
            {path.removeprefix(prefix).split("/")[0] for path in self.folder.files if path.startswith(prefix)}
        )

    def source(self, **changes: object) -> FolderSource:
        handling = Handling(**({"settle": SETTLE} | changes))  # type: ignore[arg-type]
        return MemorySource("shop", self.folder, handling, ledger=self.ledger, clock=self.clock)

    def close(self) -> None:
        """Nothing is held."""


def settled(rig: Rig, source: FolderSource) -> list[Arrival]:
    source.scan()
    rig.clock.advance(SETTLE)
    return source.scan()


def only(arrivals: list[Arrival]) -> Arrival:
    assert len(arrivals) == 1, arrivals
    return arrivals[0]
