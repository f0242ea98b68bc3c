"""The calls of a consignment, written one behind the other in another thread while the next are made."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.ahead import Behind, beside


class Bodies:
    """Writes and digests bodies; leaving it waits for all, and raises what writing them raised.

    `keep` is given each with the place where it begins.
    """

    def __init__(self, path: Path, keep: Callable[[int, bytes], None]) -> None:
        self._keep = keep
        self._file = path.open("wb")
        self._end = 0
        self._behind = Behind[bytes | None](self._write)
        self._last: list[Future[str]] = []
        """Digest of the last body while it is computed: no more bodies are kept for it."""
        self.digests: list[str] = []
        """SHA-256 of each body, in hexadecimal; complete when the writing was left."""

    def add(self, body: bytes) -> int:
        """Hand over a body; returns where it begins. Raises what writing those before raised."""
        begins = self._end
        self._end += len(body)
        self._keep(begins, body)
        self._behind.put(body)
        return begins

    def sync(self) -> None:
        """Have what was handed over on the disk: of the calls there is little left to do at the end."""
        self._behind.put(None)

    def _write(self, body: bytes | None) -> None:
        if body is None:
            self._file.flush()
            os.fsync(self._file.fileno())
            return
        self._digested()
        self._last = [beside(_digest, body)]
        self._file.write(body)

    def _digested(self) -> None:
        self.digests += [one.result() for one in self._last]
        self._last = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._behind.__exit__(kind, error, trace)
        finally:
            self._file.close()
            self._digested()


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
