"""The web edge of the Partner API twin: calls with their faults, and the twin's own pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gateway.twin import partner_calls as calls
from gateway.twin.partner_hooks import Sender
from gateway.twin.partner_http import Ask, Desk, Door, RefusalError, block_page
from gateway.twin.partner_market import CATALOG, Market
from gateway.twin.server import CutConnection, LoopbackServer

_DEFAULT_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One call as the twin saw it. `status` is 0 where the connection was cut instead of an answer."""

    code: str
    status: int
    at: datetime
    address: str


class Edge:
    """Answers calls; `log` gets each of them."""

    def __init__(self, market: Market, door: Door, sender: Sender, log: list[Seen]) -> None:
        self.server: LoopbackServer | None = None
        """What a fault cuts connections of."""
        self._market, self._door, self._sender, self._log = market, door, sender, log

    def app(self, desks: list[Desk], pages: list[Route]) -> Starlette:
        """The whole site."""
        handlers: dict[calls.Call, Callable[[Ask], Response]] = {}
        for desk in desks:
            handlers |= desk.handlers()
        routes = [
            Route(call.path, self._endpoint(call, handler), methods=[call.method]) for call, handler in handlers.items()
        ]
        routes.append(Route(calls.TOKEN.path, self._endpoint(calls.TOKEN, None), methods=["POST"]))
        app = Starlette(routes=[*routes, *pages], exception_handlers={HTTPException: self._http_error})
        app.router.redirect_slashes = False
        return app

    def _endpoint(
        self, call: calls.Call, handler: Callable[[Ask], Response] | None
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            response = self._door.count(request) or await self._fault_before(call)
            if response is None:
                try:
                    response = await self._answer(call, handler, request)
                except RefusalError as refusal:
                    response = refusal.response(self._market.settings)
                response = await self._fault_after(call, response)
            status = 0 if isinstance(response, CutConnection) else response.status_code
            address = request.client.host if request.client is not None else ""
            self._log.append(Seen(call.code, status, self._market.clock.now(), address))
            response.headers["Date"] = format_datetime(self._market.clock.now(), usegmt=True)
            return response

        return answer

    async def _answer(self, call: calls.Call, handler: Callable[[Ask], Response] | None, request: Request) -> Response:
        if handler is None:
            kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
            if kind != "application/x-www-form-urlencoded":
                raise RefusalError(400, "The body must be form-encoded")
            return self._door.token(dict(await request.form()))
        chain, vendor = self._door.admit(call, request)
        body = await self._door.body(request) if call.takes else b""
        return await asyncio.to_thread(handler, Ask(request, chain, vendor, body))

    async def _fault_before(self, call: calls.Call) -> Response | None:
        faults, code = self._market.faults, call.code
        if faults.strikes("drop", code):
            return self._cut()
        if faults.strikes("slow", code):
            await asyncio.sleep(self._market.clock.real(faults.slow_seconds))
        if faults.strikes("blocked", code):
            return block_page()
        if faults.strikes("throttled", code):
            return self._door.too_many(self._market.clock.real(_DEFAULT_WAIT))
        if faults.strikes("throttled_bare", code):
            return self._door.too_many(_DEFAULT_WAIT, told=False)
        if faults.strikes("html_502", code):
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
        words = {
            "unauthorized": (401, "Unauthorized"),
            "forbidden": (403, "The token has no access"),
            "too_large": (413, "Payload too large"),
            "error_500": (500, "Internal Server Error"),
            "error_503": (503, "Service Unavailable"),
        }
        for name, (status, message) in words.items():
            if faults.strikes(name, code):
                return RefusalError(status, message).response(self._market.settings)
        if code in {"C6", "P2"} and faults.strikes("status_missing", code):
            return RefusalError(404, "Job not found").response(self._market.settings)
        return None

    async def _fault_after(self, call: calls.Call, response: Response) -> Response:
        faults, code = self._market.faults, call.code
        if call.method == "GET" or response.status_code >= 300:
            return response
        if code in CATALOG and response.status_code == 202 and faults.strikes("hook_early", code):
            await asyncio.to_thread(self._tell_early, orjson.loads(response.body)["job_id"])
        if faults.strikes("drop_after", code):
            return self._cut()
        if faults.strikes("error_after", code):
            return RefusalError(500, "Internal Server Error").response(self._market.settings)
        return response

    def _tell_early(self, job_id: str) -> None:
        job = self._market.find(job_id)
        if job is not None and not job.state:
            self._market.finish(job, self._market.clock.now())
        self._sender.step()

    def _cut(self) -> Response:
        if self.server is None:
            return RefusalError(503, "Service Unavailable").response(self._market.settings)
        return CutConnection(self.server)

    async def _http_error(self, _request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return RefusalError(error.status_code, error.detail, error.headers).response(self._market.settings)
