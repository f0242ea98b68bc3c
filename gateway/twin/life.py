"""How twins live: started and stopped by a `with`, listening on an address, at work in threads of their own."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from gateway.twin.server import LoopbackServer


class Living(ABC):
    """A context manager that starts and stops."""

    @abstractmethod
    def start(self) -> Self:
        """Begin; all works when this returns."""

    @abstractmethod
    def stop(self) -> None:
        """End. `start` begins again."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Site(Living):
    """A twin that is called on one address."""

    _server: LoopbackServer

    def start(self) -> Self:
        """Listen; calls are answered when this returns."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections. `start` listens on the same port again."""
        self._server.stop()

    @property
    def url(self) -> str:
        """Base address without a trailing slash; the port is known once started."""
        return self._server.url

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._server.port


class Passes:
    """Works done again and again, `pause` seconds apart, each in a thread of its own with its name."""

    def __init__(self, pause: float, works: Mapping[str, Callable[[], object]]) -> None:
        self.trouble = ""
        """What the last pass could not do, such as list a folder; "" when all went well."""
        self._pause = pause
        self._works = works
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def running(self) -> bool:
        """Whether passes were started and not stopped."""
        return bool(self._threads)

    def start(self) -> None:
        """Begin; starting twice is once."""
        if self._threads:
            return
        self._stopping.clear()
        for name, work in self._works.items():
            thread = threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End after the passes under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _run(self, work: Callable[[], object]) -> None:
        while not self._stopping.wait(self._pause):
            try:
                work()
                self.trouble = ""
            except OSError as error:
                # A folder may be away for a while; the next pass looks again.
                self.trouble = str(error)
