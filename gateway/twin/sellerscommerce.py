"""The Sellers Commerce twin: a strict stand-in for the Open API of one store.

Source: Sellers Commerce Open API documentation. Each rule says how sure it is: verified, inferred, or assumption;
assumptions are switches of `SellersCommerceTwinSettings`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gateway.twin import sellerscommerce_http as http
from gateway.twin.answering import json_answer
from gateway.twin.clock import TwinClock
from gateway.twin.life import Site
from gateway.twin.sellerscommerce_apis import FORBIDDEN, TOKEN, Api
from gateway.twin.sellerscommerce_categories import CategoryDesk
from gateway.twin.sellerscommerce_codes import (
    AUTHORIZE_ONLY,
    CATEGORY_FAILED,
    EXISTS,
    FAILED,
    PLACED,
    PROVIDER_UNKNOWN,
    DataError,
)
from gateway.twin.sellerscommerce_faults import SellersCommerceFaults
from gateway.twin.sellerscommerce_members import Row
from gateway.twin.sellerscommerce_office import Office
from gateway.twin.sellerscommerce_orders import OrderDesk
from gateway.twin.sellerscommerce_pages import routes
from gateway.twin.sellerscommerce_products import ProductDesk
from gateway.twin.sellerscommerce_settings import Account, SellersCommerceTwinSettings
from gateway.twin.sellerscommerce_shoppers import ShopperDesk
from gateway.twin.sellerscommerce_state import Effect
from gateway.twin.sellerscommerce_store import Ask, Desk, Handler, Store
from gateway.twin.sellerscommerce_tokens import GrantError, Tokens
from gateway.twin.server import CutConnection, LoopbackServer

__all__ = ["Account", "Call", "SellersCommerceTwin", "SellersCommerceTwinSettings"]

_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_DENIED = ("portaladmin/", "portallogin/")
_CODE_FAULTS = {
    "failed": (FAILED, None),
    "insert_failed": (CATEGORY_FAILED, None),
    "exists": (EXISTS, None),
    "no_provider": (PROVIDER_UNKNOWN, None),
    "unknown_code": (23, None),
    "hidden": (FAILED, 200),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the twin saw it.

    `call`: the path below /api without its value. `status`: 0 where the connection was cut. `code`: the response code,
    0 where there was none. `why`: what the twin did not like, which the answer does not say.
    """

    call: str
    method: str
    status: int
    at: datetime
    code: int = 0
    why: str = ""


class SellersCommerceTwin(Site):
    """A store on `http://127.0.0.1:port`, token endpoint included; a context manager that starts and stops it.

    `port` 0 takes any free one. `speed` shrinks limits, delays and the life of tokens; `clock` replaces it where a test
    moves time. With `state_file` catalog, orders, tokens (as digests) and effects outlive the twin. Raises
    SettingsError (no loopback host, speed) and, from `start`, Unreachable.
    """

    def __init__(
        self,
        *,
        settings: SellersCommerceTwinSettings | None = None,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        state_file: Path | None = None,
        clock: TwinClock | None = None,
    ) -> None:
        self.settings = settings or SellersCommerceTwinSettings()
        self.clock = clock or TwinClock(speed)
        self.faults = SellersCommerceFaults()
        self.calls: list[Call] = []
        self.violations: list[Call] = []
        """Calls that no client should make: portal and undocumented endpoints, whatever they were answered."""
        self._store = store = Store(self.settings, self.clock, self.faults, state_file)
        self.tokens = Tokens(store)
        self._office = Office(store)
        self._door = http.Door(self.settings, self.clock)
        self._handlers: dict[Api, Handler] = {api: lambda _: None for api in FORBIDDEN}
        desks: list[Desk] = [ProductDesk(store), CategoryDesk(store), OrderDesk(store), ShopperDesk(store)]
        for desk in desks:
            self._handlers |= desk.handlers()
        self._apis = {api.key if self.settings.ignore_case else api.name: api for api in self._handlers}
        app = Starlette(routes=[*routes(self), Route("/{path:path}", self._endpoint, methods=_VERBS)])
        app.router.redirect_slashes = False
        self._server = LoopbackServer(app, host, port)

    # ------------------------------------------------------------ what tests and the demo look at

    def shelf(self) -> list[dict[str, Any]]:
        """What stands in the store, one row per SKU, by SKU.

        Keys: sku, product_code, name, price (text), stock (whole number), category (names of the product's last
        category from the first level down, joined by a backslash), active (of the product).
        """
        return self._office.shelf()

    def effects(self, key: str | None = None) -> list[Effect]:
        """Every change that calls made, in order; of one SKU, product, category, order... or of all."""
        with self._store.lock:
            return [effect for effect in self._store.state.effects if key in {None, effect.key}]

    def records(self, table: str) -> dict[str, Row]:
        """A copy of products, skus, categories, orders, shoppers or returns, by their codes. Raises AttributeError."""
        with self._store.lock:
            return dict(getattr(self._store.state, table))

    def put_product(self, document: Mapping[str, object]) -> None:
        """Put a product in with the body that product/products takes. Raises SettingsError."""
        self._office.put_product(dict(document))

    def put_sku(self, sku: str, stock: int = 0, price: str = "10") -> None:
        """Put a SKU in as a product of its own, of the brand House, or replace its price and stock."""
        self._office.put_sku(sku, stock, price)

    def drift(self, sku: str, quantity: int) -> int:
        """Sell `quantity` units (negative: returns). Returns the new stock. Raises SettingsError for an unknown SKU."""
        return self._office.sell(sku, quantity)

    def place_order(
        self, items: Mapping[str, int], *, number: str = "", user: str = "jane@example.com", status: int = PLACED,
        payment: int = AUTHORIZE_ONLY, placed: datetime | None = None,
    ) -> str:  # fmt: skip
        """Buy: SKU -> quantity. Returns the order's number. Raises SettingsError for unknown statuses."""
        return self._office.place_order(items, number, user, status, payment, placed)

    # ------------------------------------------------------------ the web edge

    async def _endpoint(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/")
        seen = Call(path.lower().removeprefix("api/"), request.method, 404, self.clock.now())
        try:
            api, argument = self._door.find(path, request.method, self._apis)
            seen = replace(seen, call=api.key)
            seen, response = await self._serve(api, argument, request, seen)
        except http.RefusalError as refusal:
            seen, response = replace(seen, why=refusal.message), refusal.response()
        status = 0 if isinstance(response, CutConnection) else response.status_code
        seen = replace(seen, status=status)
        self.calls.append(seen)
        if seen.call.startswith(_DENIED) or seen.call in {api.key for api in FORBIDDEN}:
            self.violations.append(seen)
        response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
        return response

    async def _serve(self, api: Api, argument: str, request: Request, seen: Call) -> tuple[Call, Response]:
        body = await request.body()
        faulty = await self._fault_before(api)
        if faulty is not None:
            return seen, faulty
        try:
            if api is TOKEN:
                kind = request.headers.get("content-type", "")
                response = json_answer(await asyncio.to_thread(self.tokens.grant, body, kind))
            else:
                seen, response = await asyncio.to_thread(self._work, api, argument, request, body, seen)
        except GrantError as error:
            return replace(seen, why=str(error)), json_answer({"error": str(error)}, 400)
        return seen, self._fault_after(api, response)

    def _work(self, api: Api, argument: str, request: Request, body: bytes, seen: Call) -> tuple[Call, Response]:
        """Let in, judge and do. Raises RefusalError."""
        authorization = request.headers.get("authorization", "")
        if self.faults.strikes("expired", api.key):
            self.tokens.expire(authorization)
        user = self.tokens.user(authorization)
        if user is None:
            raise http.RefusalError(401, "Authorization has been denied for this request.")
        self._door.limit(user)
        self._door.headers(api, request)
        query = self._door.query(api, request)
        for name, (code, status) in _CODE_FAULTS.items():
            if self.faults.strikes(name, api.key):
                return replace(seen, code=code, why=f"fault {name}"), http.coded(code, self.settings, status)
        try:
            ask = Ask(api, argument, query, self._door.items(api, body, query))
            with self._store.lock:
                found = self._handlers[api](ask)
                shown = None if found is None else http.shown(ask, found, self.settings)
        except DataError as error:
            if not error.code:
                raise http.RefusalError(404, "Not Found") from error
            return replace(seen, code=error.code, why=error.why), http.coded(error.code, self.settings)
        reads = shown is not None
        bare = self.settings.envelope == "bare" or (reads and self.faults.strikes("bare", api.key))
        empty = http.lacks_query(ask, self.settings) or (reads and self.faults.strikes("nulls", api.key))
        return replace(seen, code=20), http.answer(shown, self.settings, bare=bare, empty=empty)

    async def _fault_before(self, api: Api) -> Response | None:
        def strikes(name: str) -> bool:
            return self.faults.strikes(name, api.key)

        if strikes("drop"):
            return CutConnection(self._server)
        if strikes("slow"):
            await asyncio.sleep(self.clock.real(self.faults.slow_seconds))
        for status in (500, 502, 503, 504):
            if strikes(f"error_{status}"):
                return http.RefusalError(status, "An error has occurred.").response()
        if strikes("html_502"):
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
        if strikes("throttled"):
            return self._door.throttled().response()
        if strikes("throttled_bare"):
            return http.RefusalError(429, "Too many requests").response()
        return None

    def _fault_after(self, api: Api, response: Response) -> Response:
        if response.status_code != 200:
            return response
        if self.faults.strikes("drop_after", api.key):
            return CutConnection(self._server)
        if self.faults.strikes("error_after", api.key):
            return http.RefusalError(504, "An error has occurred.").response()
        if self.faults.strikes("garbage", api.key):
            return Response(bytes(response.body)[: len(response.body) // 2], 200, media_type="application/json")
        return response
