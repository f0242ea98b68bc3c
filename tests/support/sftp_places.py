"""A partner's SFTP server on this machine with a folder, and a source before it."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from gateway.sources.handling import Handling
from gateway.sources.sftp import SftpSource
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.memory_source import MemoryLedger
from gateway.transport.sftp import SftpSession, SftpSettings
from gateway.twin.drop import Account, Drop

SECRET = "hunter2-geheim"
BIG = bytes(range(256)) * 4096  # 1 MiB


class Place:
    """A bundled drop with one account, and sources on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "root"
        self.known = home / "known_hosts"
        self.drop = Drop(home / "state", [Account("shop", self.root, SECRET)], RealClock())
        self.drop.start()
        self.known.write_text(self.drop.known_hosts_line + "\n")
        self.faults = self.drop.faults("shop")
        self.inbox = self.root / "in"
        self.inbox.mkdir()
        self.ledger = MemoryLedger()
        self.clock = FakeClock()
        self.opened: list[SftpSession] = []

    def settings(self, **changes: object) -> SftpSettings:
        given = {
            "host": "127.0.0.1",
            "port": self.drop.port,
            "user": "shop",
            "password": SecretStr(SECRET),
            "known_hosts": self.known,
        }
        return SftpSettings(**(given | changes))  # type: ignore[arg-type]

    def session(self, **changes: object) -> SftpSession:
        session = SftpSession(self.settings(**changes), self.clock)
        self.opened.append(session)
        return session

    def source(self, session: SftpSession | None = None, **changes: object) -> SftpSource:
        handling = Handling(**({"settle": 0.0} | changes))  # type: ignore[arg-type]
        return SftpSource(
            "shop",
            session or self.session(),
            handling,
            ledger=self.ledger,
            clock=self.clock,
            folder="in",
            answers="out",
        )

    def close(self) -> None:
        for session in self.opened:
            session.close()
        self.drop.stop()


def first(source):
    source.scan()
    return source.scan()[0]
