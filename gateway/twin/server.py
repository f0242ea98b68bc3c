"""A web server in a thread, on loopback only, that can also cut a connection in the middle."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.errors import SettingsError, Unreachable

_TICK = 0.02
_STOP_TIMEOUT = 10.0


class _PromptServer(uvicorn.Server):
    """Stops at once: connections are cut instead of being waited for, as when a machine goes down."""

    async def main_loop(self) -> None:
        # `stop` comes from another thread, perhaps before this loop runs: a flag cannot be missed, an Event could.
        while not self.should_exit:  # noqa: ASYNC110 - see above
            await asyncio.sleep(_TICK)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, H11Protocol):
                connection.transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class LoopbackServer:
    """Serves an ASGI app on `host:port` (port 0: any free one, kept over restarts of the same object).

    Raises SettingsError for a host that is not loopback, Unreachable when the port is taken. Starting and stopping
    twice is once. It logs nothing.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise SettingsError(f"A twin was asked to listen on {host}: expected a loopback address like 127.0.0.1.")
        self._app = app
        self.host = host
        self.port = port
        self._server: _PromptServer | None = None
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
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
        )
        self._server = _PromptServer(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name=f"twin-{self.port}", daemon=True
        )
        self._thread.start()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # asyncio turns Nagle's delay off only where the socket names its protocol.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            # Listening at once lets callers connect before the loop of the thread is up: they wait in the backlog.
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise Unreachable(
                f"The twin cannot listen on {self.host}:{self.port}: {error.strerror or error}.",
                fix="Choose another port, or 0 for any free one.",
            ) from error
        return listener

    def stop(self) -> None:
        """Close the port and every connection, and end the thread."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(_STOP_TIMEOUT)
        self._server = self._thread = None

    def cut(self, scope: Scope) -> None:
        """Close the connection of a request without another byte. Must be called on the server's own loop."""
        if self._server is None:
            return
        for connection in list(self._server.server_state.connections):
            if isinstance(connection, H11Protocol) and connection.client == scope["client"]:
                connection.transport.abort()


class CutConnection(Response):
    """The answer that never comes: the connection is closed instead."""

    def __init__(self, server: LoopbackServer) -> None:
        super().__init__()
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Cut, then wait until the server has noticed, so that it does not send an error of its own."""
        del send
        self._server.cut(scope)
        while (await receive())["type"] != "http.disconnect":
            pass
