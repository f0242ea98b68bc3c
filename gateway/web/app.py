"""The receiver: an event is proven, bounded and stored before it is answered; what it means is found out later."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.journal import Journal, heard
from gateway.transport.hook import Hook

_SAID_EVERY = 60.0
"""Seconds between two log lines about the same refusal at the same hook."""

_CLOSE = {"connection": "close"}
"""No connection is used twice: each lives so long and no longer, whatever its client does with it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may cost. `body` in bytes; `keep`: how long an event that was stored is known again."""

    body: int = 1 << 20
    backlog: int = 10_000
    """Events of one destination that wait to be handed over."""
    keep: timedelta = timedelta(days=7)


class _Answer(Exception):
    """An event is not taken, and this is said instead."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Receiver:
    """Takes events in. `wake` is told the lanes of a destination once an event of its is stored."""

    def __init__(
        self, journal: Journal, hooks: Mapping[str, Hook], wake: Callable[[str], None], limits: Limits | None = None
    ) -> None:
        self._journal = journal
        self._hooks = hooks
        self._wake = wake
        self._limits = limits or Limits()
        self._said: dict[tuple[str, int], float] = {}
        self._log = structlog.get_logger("gateway")

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/hooks/{destination}", self._hear, methods=["POST"]),
                Route("/health", self._health, methods=["GET"]),
            ]
        )

    async def _health(self, request: Request) -> Response:
        """Say whether an event could be stored."""
        del request
        try:
            await run_in_threadpool(self._journal.paused)
        except Exception as error:  # noqa: BLE001  whatever it is, the answer is the same
            self._tell("", 503, type(error).__name__)
            return Response("the journal can't be read\n", 503, _CLOSE, "text/plain")
        return Response("ok\n", 200, _CLOSE, "text/plain")

    async def _hear(self, request: Request) -> Response:
        name = request.path_params["destination"]
        try:
            hook = self._hook(name)
            body = await self._body(request)
            _prove(hook, request)
            await self._keep(name, hook, request, body)
        except _Answer as answer:
            # Names that strangers make up must not fill the log.
            self._tell(name if name in self._hooks else "", answer.status, answer.text)
            return Response(f"{answer.text}\n", answer.status, _CLOSE, "text/plain")
        except ClientDisconnect:
            self._tell(name, 400, "the connection ended before the event did")
            return Response(status_code=400, headers=_CLOSE)
        return Response(status_code=200, headers=_CLOSE)

    def _hook(self, name: str) -> Hook:
        if name not in self._hooks:
            raise _Answer(404, "there is no such hook")
        return self._hooks[name]

    async def _body(self, request: Request) -> bytes:
        """Read the body, never more than the limit; before a refusal too, so that the client hears the answer."""
        most = self._limits.body
        too_large = _Answer(413, f"an event may have {most} bytes")
        if int(request.headers.get("content-length", "0")) > most:
            raise too_large
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise too_large
        return bytes(body)

    async def _keep(self, name: str, hook: Hook, request: Request, body: bytes) -> None:
        headers = {key: value for key, value in request.headers.items() if key in hook.kept()}
        try:
            lanes = await run_in_threadpool(self._store, name, headers, body)
        except _Answer:
            raise
        except Exception as error:  # noqa: BLE001  delivered once more; its words may hold the event
            raise _Answer(503, f"the event could not be stored ({type(error).__name__})") from None
        for lane in lanes:
            self._wake(lane)

    def _store(self, name: str, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Store an event durably; returns the lanes to wake. Runs in a thread: the journal may make it wait."""
        digest = hashlib.sha256(body).hexdigest()
        journal = self._journal
        now = journal.clock.now()
        with journal.begin() as tx:
            heard.forget(tx, name, now - self._limits.keep)
            if heard.backlog(tx, name) >= self._limits.backlog:
                raise _Answer(503, "too many events wait to be looked at")
            if not heard.add(tx, name, digest=digest, headers=headers, body=body, now=now):
                return []
            return heard.lanes_of(tx, name)

    def _tell(self, name: str, status: int, text: str) -> None:
        """Log a refusal without a word of what came; the same one not more often than once a minute."""
        now = self._journal.clock.monotonic()
        if now - self._said.get((name, status), -_SAID_EVERY) >= _SAID_EVERY:
            self._said[name, status] = now
            self._log.warning("event refused", hook=name or "unknown", status=status, said=text)


def _prove(hook: Hook, request: Request) -> None:
    if not hook.admits(request.headers.getlist(hook.header)):
        raise _Answer(401, "the secret is missing or wrong")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in hook.types:
        raise _Answer(415, f"an event must be {' or '.join(hook.types)}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _Answer(415, "an event must not be compressed")


__all__ = ["Limits", "Receiver"]
