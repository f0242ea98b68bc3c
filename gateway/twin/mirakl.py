"""The Mirakl twin: a strict stand-in for the seller API of one marketplace: products, offers, prices and stock.

Sources: Mirakl seller API documentation (its OpenAPI pages, named by their codes, and its general notes).
Each rule names its page and how sure it is: verified, live-reported, inferred, or assumption; assumptions are switches
of `MiraklTwinSettings`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from gateway.errors import SettingsError
from gateway.twin import mirakl_guide
from gateway.twin import mirakl_http as http
from gateway.twin.answering import json_answer, json_object
from gateway.twin.clock import TwinClock
from gateway.twin.faults import MiraklFaults
from gateway.twin.life import Site
from gateway.twin.mirakl_apis import OF22, Api
from gateway.twin.mirakl_export_api import ExportDesk
from gateway.twin.mirakl_market import Market
from gateway.twin.mirakl_offer_api import OfferDesk
from gateway.twin.mirakl_offer_views import OfferViews
from gateway.twin.mirakl_price_api import PriceDesk
from gateway.twin.mirakl_product_api import ProductDesk
from gateway.twin.mirakl_reference import ReferenceDesk
from gateway.twin.mirakl_settings import MiraklTwinSettings, ShopKey
from gateway.twin.mirakl_state import Change, Effect, Import, Offer, OfferImport, PriceImport, Product, ProductImport
from gateway.twin.mirakl_stock_api import StockDesk
from gateway.twin.server import CutConnection, LoopbackServer

__all__ = ["Call", "MiraklTwin", "MiraklTwinSettings", "ShopKey"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the twin saw it. `status` is 0 where the connection was cut instead of an answer."""

    api: str
    status: int
    at: datetime


class MiraklTwin(Site):
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
        self._market = market = Market(self.settings, self.clock, self.faults, state_file)
        self._door = http.Door(self.settings, self.clock)
        self._views = OfferViews(market)
        products = ProductDesk(market)
        offer_desk = OfferDesk(market, products, self._door)
        exports = ExportDesk(market, self._door)
        self._desks: list[http.Desk] = [ReferenceDesk(market), StockDesk(market), PriceDesk(market)]
        self._desks += [products, offer_desk, exports, self._views]
        self._server = LoopbackServer(self._app(), host, port)
        if offers and not self._market.offers(self.settings.default_shop):
            self._market.put_many(self.settings.default_shop, offers)

    # ------------------------------------------------------------ what tests and the demo look at

    def offers(self, shop_id: int | None = None) -> dict[str, int]:
        """Quantity per sku as buyers see it, of one shop (the default one unless named)."""
        return self._market.stock(self._shop(shop_id))

    def offer(self, sku: str, shop_id: int | None = None) -> Offer:
        """A copy of one offer with its warehouses. Raises KeyError."""
        return {offer.sku: offer for offer in self._market.offers(self._shop(shop_id))}[sku]

    def revoke(self, key: str) -> None:
        """Take an API key back, as a user does who makes a new one: calls with it are answered 401 from now on."""
        self._door.revoke(key)

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

    def changes(self, key: str | None = None) -> list[Change]:
        """Every product, offer and set of prices that imports changed, in order; of one sku or of all."""
        return [change for change in self._market.changes() if key in {None, change.key}]

    def shelf(self, shop_id: int | None = None) -> list[dict[str, Any]]:
        """What stands in the shop, one row per article, by sku.

        Keys: sku, product_sku, title, category, live (product), offer, active (offer), price, discount_price,
        discount_from, discount_to, quantity, state; amounts and dates are text, null where there is none.
        """
        return self._views.shelf(self._shop(shop_id))

    def put_product(
        self, sku: str, title: str, *, category: str = "GOODS", references: Mapping[str, str] | None = None,
        live: bool = True, shop_id: int | None = None,
    ) -> str:  # fmt: skip
        """Put a product into the catalog as the operator would; returns the operator's sku of it."""
        return self._market.put_product(
            self._shop(shop_id), sku, Product("", title, category, live, dict(references or {}))
        )

    def imports(self) -> list[Import]:
        """Every accepted stock import, oldest first."""
        return self._market.imports()

    def product_imports(self) -> list[ProductImport]:
        """Every accepted product import, oldest first."""
        return self._market.tasks("product_imports")

    def offer_imports(self) -> list[OfferImport]:
        """Every accepted offer import, oldest first."""
        return self._market.tasks("offer_imports")

    def price_imports(self) -> list[PriceImport]:
        """Every accepted price import, oldest first."""
        return self._market.tasks("price_imports")

    def _shop(self, shop_id: int | None) -> int:
        return self.settings.default_shop if shop_id is None else shop_id

    # ------------------------------------------------------------ the web edge

    def _app(self) -> Starlette:
        handlers: dict[Api, Callable[[http.Ask], Response]] = {}
        for desk in self._desks:
            handlers |= desk.handlers()
        # The page of one offer is last: its number would match any word in its place.
        ordered = sorted(handlers.items(), key=lambda pair: pair[0] is OF22)
        routes = [
            Route(api.path.replace("{offer}", "{offer:int}"), self._endpoint(api, handler), methods=[api.method])
            for api, handler in ordered
        ]
        app = Starlette(routes=[*routes, *self._twin_routes()], exception_handlers={HTTPException: _http_error})
        app.router.redirect_slashes = False
        return app

    def _endpoint(self, api: Api, handler: Callable[[http.Ask], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            response = await self._fault_before(api)
            if response is None:
                try:
                    shop_id = self._door.admit(api, request)
                    ask = await http.read(api, request, shop_id, self.settings)
                    response = await asyncio.to_thread(handler, ask)
                except http.RefusalError as refusal:
                    response = refusal.response()
                response = self._fault_after(api, response)
            status = 0 if isinstance(response, CutConnection) else response.status_code
            self.calls.append(Call(api.code, status, self.clock.now()))
            response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
            return response

        return answer

    async def _fault_before(self, api: Api) -> Response | None:
        strikes, code = self.faults.strikes, api.code
        if strikes("drop", code) or (api.method == "POST" and strikes("drop_before_post", code)):
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

    def _fault_after(self, api: Api, response: Response) -> Response:
        if api.method == "POST" and response.status_code == 201:
            if self.faults.strikes("drop_after_post", api.code):
                return CutConnection(self._server)
            if self.faults.strikes("error_after_post", api.code):
                return http.RefusalError(500, "Internal Server Error").response()
        return response

    # ------------------------------------------------------------ the twin's own pages

    def _twin_routes(self) -> list[Route]:
        return [
            Route("/twin", self._about_page),
            Route("/twin/offers", self._offers_page),
            Route("/twin/shelf", self._shelf_page),
            Route("/twin/effects", self._effects_page),
            Route("/twin/changes", self._changes_page),
            Route("/twin/calls", self._calls_page),
            Route("/twin/drift", self._drift_page, methods=["POST"]),
            Route("/twin/faults", self._faults_page, methods=["GET", "POST"]),
        ]

    async def _about_page(self, _request: Request) -> Response:
        shops = list(self.settings.shop_ids)
        about = {"system": "mirakl", "speed": self.clock.speed, "shops": shops}
        about |= mirakl_guide.facts(self.settings)
        return json_answer(about | {"settings": "\n".join(mirakl_guide.section(self.settings, self.url))})

    def _wanted_shop(self, request: Request) -> int:
        wanted = request.query_params.get("shop_id", str(self.settings.default_shop))
        if wanted not in {str(shop_id) for shop_id in self.settings.shop_ids}:
            raise HTTPException(400, f"The twin has no shop {wanted}")
        return int(wanted)

    async def _offers_page(self, request: Request) -> Response:
        offers = self._market.offers(self._wanted_shop(request))
        names = ("sku", "offer_id", "quantity", "warehouses", "total")
        return json_answer([{name: getattr(offer, name) for name in names} for offer in offers])

    async def _shelf_page(self, request: Request) -> Response:
        return json_answer(self.shelf(self._wanted_shop(request)))

    async def _changes_page(self, request: Request) -> Response:
        return json_answer(self.changes(request.query_params.get("key")))

    async def _effects_page(self, request: Request) -> Response:
        return json_answer(self.effects(request.query_params.get("sku")))

    async def _calls_page(self, _request: Request) -> Response:
        return json_answer(list(self.calls))

    async def _drift_page(self, request: Request) -> Response:
        body = await json_object(request)
        sku, quantity = body.get("sku"), body.get("quantity")
        if not isinstance(sku, str) or type(quantity) is not int:
            raise HTTPException(400, 'Expected {"sku": "text", "quantity": whole number}')
        try:
            return json_answer({"sku": sku, "quantity": self.drift(sku, quantity)})
        except SettingsError as error:
            raise HTTPException(400, str(error)) from error

    async def _faults_page(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self.faults.set(await json_object(request))
            except SettingsError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(self.faults.as_dict())


async def _http_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return http.not_found()
    return http.RefusalError(error.status_code, error.detail, error.headers).response()
