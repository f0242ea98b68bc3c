"""The Sage 50 twin's own pages at /twin: what the installation holds, what it was sent, what is to go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Self

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import SettingsError
from gateway.twin.answering import json_answer, json_object
from gateway.twin.life import Site
from gateway.twin.sage import SageTwin
from gateway.twin.server import LoopbackServer

PAGES: Mapping[str, Callable[[SageTwin], Any]] = {
    "shop": SageTwin.shop,
    "products": SageTwin.products,
    "stock": SageTwin.stock,
    "special_prices": SageTwin.special_prices,
    "pictures": SageTwin.pictures,
    "effects": SageTwin.effects,
    "violations": SageTwin.violations,
    "files": SageTwin.read_files,
    "faults": lambda twin: twin.faults.as_dict(),
}
"""Pages that show something: GET /twin/NAME."""


class SageSite(Site):
    """A twin with pages: Sage itself is reached by its folders only, people who try it out look at the pages.

    Starts and stops the twin with it. Raises SettingsError for a host that is not loopback, and, from `start`,
    Unreachable.
    """

    def __init__(self, twin: SageTwin, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.twin = twin
        self._server = LoopbackServer(Starlette(routes=self._routes()), host, port)

    def start(self) -> Self:
        """Begin to read batch files and to answer calls."""
        super().start()
        self.twin.start()
        return self

    def stop(self) -> None:
        """End both."""
        self.twin.stop()
        super().stop()

    def section(self) -> list[str]:
        """Return a settings section that fits, by lines."""
        settings = self.twin.settings
        wrapped = ['envelope = "wrapped"'] if settings.envelope == "wrapped" else []
        newer = [f'contract_version = "{settings.contract_version}"'] * (settings.contract_version != "sage50cloud")
        return [
            "[destinations.sage]",
            'kind = "sage"',
            f"outbox = {json.dumps(str(self.twin.inbox.resolve()), ensure_ascii=False)}",
            f"results = {json.dumps(str(self.twin.results.resolve()), ensure_ascii=False)}",
            'profile = "twin"',
            'currency = "EUR"',
            *wrapped,
            *newer,
            *(['special_price_bare_discount = "amount"'] if settings.bare_discount == "amount" else []),
        ]

    def _routes(self) -> list[Route]:
        shown = [Route(f"/twin/{name}", self._page(show)) for name, show in PAGES.items() if name != "faults"]
        return [
            Route("/twin", self._page(self._about)),
            *shown,
            Route("/twin/faults", self._faults, methods=["GET", "POST"]),
            Route("/twin/drift", self._drift, methods=["POST"]),
        ]

    def _page(self, show: Callable[[SageTwin], object]) -> Callable[[Request], Any]:
        async def page(_request: Request) -> Response:
            return json_answer(show(self.twin))

        return page

    def _about(self, twin: SageTwin) -> object:
        return {
            "system": "sage", "speed": twin.clock.speed, "inbox": str(twin.inbox), "results": str(twin.results),
            "pages": [f"/twin/{name}" for name in PAGES], "settings": "\n".join(self.section()),
            "violations": len(twin.violations()),
        }  # fmt: skip

    async def _faults(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self.twin.faults.set(await json_object(request))
            except SettingsError as error:
                raise HTTPException(400, str(error)) from error
        return json_answer(self.twin.faults.as_dict())

    async def _drift(self, request: Request) -> Response:
        """Sell units at Sage itself."""
        body = await json_object(request, "key", "quantity")
        key, quantity = body.get("key"), body.get("quantity")
        if not isinstance(key, str) or type(quantity) is not int:
            raise HTTPException(400, 'Expected {"key": "text", "quantity": whole number}')
        try:
            return json_answer({"key": key, "stock": self.twin.drift(key, quantity)})
        except SettingsError as error:
            raise HTTPException(400, str(error)) from error
