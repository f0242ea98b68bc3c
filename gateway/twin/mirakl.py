"""The Mirakl twin: a strict stand-in for the seller API of one marketplace, as far as stock goes.

Sources: Mirakl seller API documentation (its OpenAPI pages A01, V01, PC01, OF21, STO01-STO03 and its general notes).
Each rule names its page and how sure it is: verified, live-reported, inferred, or assumption; assumptions are switches
of `MiraklTwinSettings`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from gateway.errors import SettingsError
from gateway.twin import mirakl_http as http
from gateway.twin.clock import TwinClock
from gateway.twin.faults import MiraklFaults
from gateway.twin.mirakl_market import Market
from gateway.twin.mirakl_platform import account, configuration, offer_view, product_sku
from gateway.twin.mirakl_settings import MiraklTwinSettings, ShopKey
from gateway.twin.mirakl_state import Effect, Import, Offer
from gateway.twin.mirakl_stock import BadFileError
from gateway.twin.server import CutConnection, LoopbackServer

__all__ = ["Call", "MiraklTwin", "MiraklTwinSettings", "ShopKey"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the twin saw it. `status` is 0 where the connection was cut instead of an answer."""

    api: str
    status: int
    at: datetime


class MiraklTwin:
    """A marketplace on `http://127.0.0.1:port`; a context manager that starts and stops it.

    `offers`: sku -> quantity of the default shop, put in unless the state file already has offers. `port` 0 takes any
    free one. `speed` shrinks limits and delays; `clock` replaces it where a test moves time. With `state_file` offers,
    imports and effects outlive the twin. Raises SettingsError (no loopback host, speed) and, from `start`, Unreachable.
    """

    def __init__(
        self,
        offers: Mapping[str, int] | None = None,
        *,
        settings: MiraklTwinSettings | None = None,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        state_file: Path | None = None,
        clock: TwinClock | None = None,
    ) -> None:
        self.settings = settings or MiraklTwinSettings()
        self.clock = clock or TwinClock(speed)
        self.faults = MiraklFaults()
        self.calls: list[Call] = []
        self._market = Market(self.settings, self.clock, self.faults, state_file)
        self._door = http.Door(self.settings, self.clock)
        self._server = LoopbackServer(self._app(), host, port)
        if offers and not self._market.offers(self.settings.default_shop):
            self._market.put_many(self.settings.default_shop, offers)

    # ------------------------------------------------------------ life

    def start(self) -> Self:
        """Listen; calls are answered when this returns."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections. `start` listens on the same port again."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Base address without a trailing slash; the port is known once started."""
        return self._server.url

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._server.port

    # ------------------------------------------------------------ what tests and the demo look at

    def offers(self, shop_id: int | None = None) -> dict[str, int]:
        """Quantity per sku as buyers see it, of one shop (the default one unless named)."""
        return {offer.sku: offer.total for offer in self._market.offers(self._shop(shop_id))}

    def offer(self, sku: str, shop_id: int | None = None) -> Offer:
        """A copy of one offer with its warehouses. Raises KeyError."""
        return {offer.sku: offer for offer in self._market.offers(self._shop(shop_id))}[sku]

    def put_offer(
        self, sku: str, quantity: int, *, warehouses: Mapping[str, int] | None = None, shop_id: int | None = None
    ) -> None:
        """Create an offer or replace its quantities, as the operator's back office would."""
        self._market.put(self._shop(shop_id), sku, quantity, warehouses)

    def drift(self, sku: str, quantity: int, *, warehouse: str = "", shop_id: int | None = None) -> int:
        """Sell `quantity` units (negative: returns). Returns the new stock. Raises SettingsError for an unknown sku."""
        return self._market.sell(self._shop(shop_id), sku, quantity, warehouse)

    def effects(self, sku: str | None = None) -> list[Effect]:
        """Every applied line in order, of one sku or of all."""
        return [effect for effect in self._market.effects() if sku in {None, effect.sku}]

    def imports(self) -> list[Import]:
        """Every accepted import, oldest first."""
        return self._market.imports()

    def _shop(self, shop_id: int | None) -> int:
        return self.settings.default_shop if shop_id is None else shop_id

    # ------------------------------------------------------------ the web edge

    def _app(self) -> Starlette:
        handlers: dict[http.Api, Callable[[Request, int, bytes], Response]] = {
            http.A01: self._a01,
            http.V01: lambda _request, _shop, _body: Response(status_code=200),
            http.PC01: lambda _request, _shop, _body: JSONResponse(configuration(self.settings)),
            http.OF21: self._of21,
            http.STO01: self._sto01,
            http.STO02: self._sto02,
            http.STO03: self._sto03,
        }
        routes = [
            Route(api.path, self._endpoint(api, handler), methods=[api.method]) for api, handler in handlers.items()
        ]
        app = Starlette(routes=[*routes, *self._twin_routes()], exception_handlers={HTTPException: _http_error})
        app.router.redirect_slashes = False
        return app

    def _endpoint(
        self, api: http.Api, handler: Callable[[Request, int, bytes], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            response = await self._fault_before(api)
            if response is None:
                try:
                    shop_id = self._door.admit(api, request)
                    body = await http.stock_file(request, self.settings) if api is http.STO01 else b""
                    response = await asyncio.to_thread(handler, request, shop_id, body)
                except http.RefusalError as refusal:
                    response = refusal.response()
                response = self._fault_after(api, response)
            status = 0 if isinstance(response, CutConnection) else response.status_code
            self.calls.append(Call(api.code, status, self.clock.now()))
            response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
            return response

        return answer

    async def _fault_before(self, api: http.Api) -> Response | None:
        strikes, code = self.faults.strikes, api.code
        if strikes("drop", code) or (api.method == "POST" and self.faults.take("drop_before_post")):
            return CutConnection(self._server)
        if strikes("slow", code):
            await asyncio.sleep(self.clock.real(self.faults.slow_seconds))
        if strikes("error_500", code):
            return http.RefusalError(500, "Internal Server Error").response()
        if strikes("error_503", code):
            return http.RefusalError(503, "Service Unavailable").response()
        if strikes("html_502", code):
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
        if strikes("throttled", code):
            return self._door.throttled(api).response()
        return None

    def _fault_after(self, api: http.Api, response: Response) -> Response:
        if api.method == "POST" and response.status_code == 201:
            if self.faults.take("drop_after_post"):
                return CutConnection(self._server)
            if self.faults.take("error_after_post"):
                return http.RefusalError(500, "Internal Server Error").response()
        return response

    # ------------------------------------------------------------ the seller API

    def _a01(self, request: Request, shop_id: int, body: bytes) -> Response:
        del request, body
        return JSONResponse(account(self._market.shop(shop_id), self.settings))

    def _of21(self, request: Request, shop_id: int, body: bytes) -> Response:
        """Offers of the shop, active or not (OF21: total_count counts both; verified)."""
        del body
        place, query = http.page(request, self.settings), request.query_params
        found = [
            offer
            for offer in self._market.offers(shop_id)
            if query.get("sku", offer.sku) == offer.sku
            and query.get("product_id", product_sku(offer)) == product_sku(offer)
            and "11" in query.get("offer_state_codes", "11").split(",")
            and query.get("favorite", "false") == "false"
        ]
        # All prices are equal here, so price orders fall back to the offer's number.
        found.sort(key=lambda offer: offer.sku if place.sort == "productTitle" else "", reverse=False)
        if place.descending:
            found.reverse()
        shown = found[place.offset : place.offset + place.size]
        views = [offer_view(offer, self.settings, self.clock.now()) for offer in shown]
        content = {"offers": views, "total_count": len(found)}
        return JSONResponse(content, headers=http.link_header(request, place, len(found)))

    def _sto01(self, request: Request, shop_id: int, body: bytes) -> Response:
        """201, the import's id as text, and the address of its status in `Location` (STO01; verified)."""
        try:
            item = self._market.accept(shop_id, body)
        except BadFileError as error:
            raise http.RefusalError(400, str(error)) from error
        path = http.STO02.path.format(import_id=item.import_id)
        location = str(request.url.replace(path=path, query=""))
        return JSONResponse({"import_id": item.import_id}, 201, {"Location": location})

    def _sto02(self, request: Request, shop_id: int, body: bytes) -> Response:
        del body
        return JSONResponse(self._market.status(self._import(request, shop_id)))

    def _sto03(self, request: Request, shop_id: int, body: bytes) -> Response:
        del body
        item = self._import(request, shop_id)
        report = self._market.report(item)
        if report is None:
            # The text differs from that of a wrong path (live-reported).
            raise http.RefusalError(404, f"Resource not available : report on import id {item.import_id}")
        headers = {"Content-Disposition": f'attachment; filename="stock-errors-{item.import_id}.csv"'}
        return Response(report, media_type="text/csv", headers=headers)

    def _import(self, request: Request, shop_id: int) -> Import:
        import_id = request.path_params["import_id"]
        item = self._market.find(shop_id, import_id)
        if item is None:
            raise http.RefusalError(404, f"Resource not available : import id {import_id}")
        return item

    # ------------------------------------------------------------ the twin's own pages

    def _twin_routes(self) -> list[Route]:
        return [
            Route("/twin", self._about_page),
            Route("/twin/offers", self._offers_page),
            Route("/twin/effects", self._effects_page),
            Route("/twin/calls", self._calls_page),
            Route("/twin/drift", self._drift_page, methods=["POST"]),
            Route("/twin/faults", self._faults_page, methods=["GET", "POST"]),
        ]

    async def _about_page(self, _request: Request) -> Response:
        shops = list(self.settings.shop_ids)
        return _json({"system": "mirakl", "speed": self.clock.speed, "shops": shops})

    async def _offers_page(self, request: Request) -> Response:
        wanted = request.query_params.get("shop_id", str(self.settings.default_shop))
        if wanted not in {str(shop_id) for shop_id in self.settings.shop_ids}:
            raise HTTPException(400, f"The twin has no shop {wanted}")
        return _json([asdict(offer) | {"total": offer.total} for offer in self._market.offers(int(wanted))])

    async def _effects_page(self, request: Request) -> Response:
        return _json(self.effects(request.query_params.get("sku")))

    async def _calls_page(self, _request: Request) -> Response:
        return _json(list(self.calls))

    async def _drift_page(self, request: Request) -> Response:
        body = await _json_object(request)
        sku, quantity = body.get("sku"), body.get("quantity")
        if not isinstance(sku, str) or type(quantity) is not int:
            raise HTTPException(400, 'Expected {"sku": "text", "quantity": whole number}')
        try:
            return _json({"sku": sku, "quantity": self.drift(sku, quantity)})
        except SettingsError as error:
            raise HTTPException(400, str(error)) from error

    async def _faults_page(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self.faults.set(await _json_object(request))
            except SettingsError as error:
                raise HTTPException(400, str(error)) from error
        return _json(self.faults.as_dict())


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, "The body is not JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "The body is not a JSON object")
    return body


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


async def _http_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return http.not_found()
    return http.RefusalError(error.status_code, error.detail, error.headers).response()
