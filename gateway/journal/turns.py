"""Turns that end with their process, however it ends: locks the operating system or the database server takes back."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.engine import Engine

_Back = Callable[[], None]


class Turns:
    """One turn per name among all who open the same database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: dict[str, _Back] = {}
        self._lock = threading.Lock()

    def take(self, name: str) -> bool:
        """Take the turn; False while another process, or another thread of this one, has it."""
        with self._lock:
            if name in self._held:
                return False
            back = self._by_server(name) if self._engine.dialect.name == "postgresql" else self._by_file(name)
            if back is None:
                return False
            self._held[name] = back
            return True

    def give(self, name: str) -> None:
        """Give the turn back; nothing happens where it is not held."""
        with self._lock:
            back = self._held.pop(name, None)
        if back is not None:
            back()

    def close(self) -> None:
        """Give back all that are held."""
        with self._lock:
            held = list(self._held)
        for name in held:
            self.give(name)

    def _by_file(self, name: str) -> _Back | None:
        """Lock a file beside the database: the operating system lets go of it when the process ends."""
        folder = Path(str(self._engine.url.database)).parent / "turns"
        folder.mkdir(mode=0o700, exist_ok=True)
        # The file stays: were it deleted, two could hold locks of one name.
        lock = FileLock(folder / f"{_digest(name):016x}.lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock.release

    def _by_server(self, name: str) -> _Back | None:
        """Lock by a session of its own: the server lets go of it when the connection ends."""
        session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        schema = session.scalar(sa.select(sa.func.current_schema()))  # such locks are those of a whole database
        key = _digest(f"{schema}/{name}") - (1 << 63)  # a signed number of 64 bits
        if not session.scalar(sa.select(sa.func.pg_try_advisory_lock(key))):
            session.close()
            return None

        def back() -> None:
            session.invalidate()  # ends the session itself: back in the pool it would keep the lock
            session.close()

        return back


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
