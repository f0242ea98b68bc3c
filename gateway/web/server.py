"""The receiver's web server: a thread of its own, with bounds on what strangers can make it hold."""

from __future__ import annotations

import asyncio
import functools
import socket
import threading
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.errors import SettingsError

_HEADERS = 16 << 10
"""Bytes of one request's head."""

_STOP_TIMEOUT = 5
"""Seconds that calls under way have to end when the server stops."""


class _Bounded(H11Protocol):
    """A connection that ends by itself, whatever the other side does or leaves undone, and that is one of few."""

    def __init__(self, patience: float, most: int, **given: Any) -> None:
        super().__init__(**given)
        self._patience = patience
        self._most = most
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base class has it
        """Begin to count the seconds; beyond the most that are answered at all, hang up."""
        super().connection_made(transport)
        if len(self.connections) > self._most:
            transport.abort()
            return
        self._end = self.loop.call_later(self._patience, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        if self._end is not None:
            self._end.cancel()
        super().connection_lost(exc)


class WebServer:
    """Serves an application on `host:port` (port 0: any free one) until stopped. Starting and stopping twice is once.

    `patience`: seconds a connection may last. `connections`: more at the same time are told to come back (503), more
    than twice as many are cut. It logs nothing itself. Raises SettingsError when it can't listen.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, *, patience: float = 10.0, connections: int = 64) -> None:
        self._app = app
        self.host = host
        self.port = port
        self._patience = patience
        self._connections = connections
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Base address without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Listen; connections are taken when this returns."""
        if self._thread is not None:
            return
        listener = self._listen()
        self.port = int(listener.getsockname()[1])
        protocol = functools.partial(_Bounded, self._patience, 2 * self._connections)
        config = uvicorn.Config(
            self._app, http=cast("type[asyncio.Protocol]", protocol), ws="none", loop="asyncio", lifespan="off",
            log_config=None, log_level="critical", access_log=False, server_header=False, proxy_headers=False,
            limit_concurrency=self._connections, timeout_keep_alive=1, timeout_graceful_shutdown=_STOP_TIMEOUT,
            h11_max_incomplete_event_size=_HEADERS,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="web", daemon=True
        )
        self._thread.start()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            # Listening at once lets callers connect before the loop of the thread is up: they wait in the backlog.
            listener.listen(self._connections)
        except OSError as error:
            listener.close()
            raise SettingsError(
                f"The receiver of webhooks can't listen on {self.host} port {self.port}: {error.strerror or error}.",
                fix="Choose another port or address in [web] of the settings, or end what listens there.",
            ) from error
        return listener

    def stop(self) -> None:
        """Take no more connections, let calls under way end, and end the thread."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(2 * _STOP_TIMEOUT)
        self._server = self._thread = None
