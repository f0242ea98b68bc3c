"""The Sellers Commerce twin's own pages at /twin: what stands there, what was called, what is to go wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import SettingsError
from gateway.twin.answering import json_answer, json_object
from gateway.twin.clock import TwinClock
from gateway.twin.sellerscommerce_faults import SellersCommerceFaults
from gateway.twin.sellerscommerce_http import RefusalError

SHOWN = ("shelf", "effects", "calls", "violations", "orders", "faults")
"""Pages that show something: GET /twin/NAME."""


class Shown(Protocol):
    """What the pages need of a twin."""

    clock: TwinClock
    faults: SellersCommerceFaults
    calls: list[Any]
    violations: list[Any]

    @property
    def url(self) -> str:
        """Base address."""
        ...

    def shelf(self) -> list[dict[str, Any]]:
        """Rows of the store."""
        ...

    def effects(self, key: str | None = None) -> Sequence[Any]:
        """Changes that calls made."""
        ...

    def records(self, table: str) -> dict[str, dict[str, Any]]:
        """Records of one kind."""
        ...

    def drift(self, sku: str, quantity: int) -> int:
        """Sell units."""
        ...

    def place_order(self, items: Mapping[str, int], *, number: str = "", placed: datetime | None = None) -> str:
        """Buy."""
        ...


def section(url: str) -> list[str]:
    """Return a settings section that fits a store at `url`, by lines; its keys are the environment's."""
    return [
        "[destinations.store]",
        'kind = "sellerscommerce"',
        f'host = "{url}"',
        'access_key = { env = "TWIN_ACCESS_KEY" }',
        'shared_secret = { env = "TWIN_SHARED_SECRET" }',
        'price_basis = "net"  # or "gross"',
        'currency = "EUR"',
    ]


def routes(twin: Shown) -> list[Route]:
    """The pages of a twin, as JSON. Wrong calls are answered 400 with the reason."""
    pages = _Pages(twin)
    reads: dict[str, Callable[[Request], Any]] = {
        "/twin": pages.about,
        "/twin/shelf": pages.shelf,
        "/twin/effects": pages.effects,
        "/twin/calls": pages.calls,
        "/twin/violations": pages.violations,
    }
    both = {"/twin/orders": pages.orders, "/twin/faults": pages.faults}
    return [
        *(Route(path, _page(page)) for path, page in reads.items()),
        *(Route(path, _page(page), methods=["GET", "POST"]) for path, page in both.items()),
        Route("/twin/drift", _page(pages.drift), methods=["POST"]),
    ]


class _Pages:
    """What each page shows and does."""

    def __init__(self, twin: Shown) -> None:
        self._twin = twin

    async def about(self, _request: Request) -> object:
        twin = self._twin
        return {
            "system": "sellerscommerce", "speed": twin.clock.speed, "pages": [f"/twin/{name}" for name in SHOWN],
            "violations": len(twin.violations), "settings": "\n".join(section(twin.url)),
        }  # fmt: skip

    async def shelf(self, _request: Request) -> object:
        return self._twin.shelf()

    async def effects(self, request: Request) -> object:
        return self._twin.effects(request.query_params.get("key"))

    async def calls(self, _request: Request) -> object:
        return self._twin.calls

    async def violations(self, _request: Request) -> object:
        return self._twin.violations

    async def orders(self, request: Request) -> object:
        if request.method == "POST":
            body = await json_object(request)
            items, number = body.get("items"), body.get("number", "")
            if not isinstance(items, dict) or any(type(one) is not int or one < 1 for one in items.values()):
                raise RefusalError(400, 'Expected {"items": {"sku": whole number}}')
            return {"number": self._twin.place_order(items, number=str(number))}
        return list(self._twin.records("orders").values())

    async def drift(self, request: Request) -> object:
        body = await json_object(request)
        sku, quantity = body.get("sku"), body.get("quantity")
        if not isinstance(sku, str) or type(quantity) is not int:
            raise RefusalError(400, 'Expected {"sku": "text", "quantity": whole number}')
        return {"sku": sku, "quantity": self._twin.drift(sku, quantity)}

    async def faults(self, request: Request) -> object:
        if request.method == "POST":
            self._twin.faults.set(await json_object(request))
        return self._twin.faults.as_dict()


def _page(page: Callable[[Request], Any]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        try:
            return json_answer(await page(request))
        except RefusalError as refusal:
            return refusal.response()
        except HTTPException as error:
            return RefusalError(error.status_code, error.detail).response()
        except SettingsError as error:
            return RefusalError(400, str(error)).response()

    return answer
