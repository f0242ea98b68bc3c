"""The door of the Mirakl twin: keys, roles, parameters, media types, limits, and the words it refuses with."""

from __future__ import annotations

import math
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.twin.clock import TwinClock
from gateway.twin.mirakl_settings import ADMIN, OFFER_READ, SHOP_READ, STOCK_WRITE, MiraklTwinSettings, ShopKey

_HOUR = 3600.0
_DEFAULT_WAIT = 60.0
_JSON = frozenset({"application/json"})
_CSV = frozenset({"text/csv", "application/octet-stream"})
MAX_PAGE = 100
DEFAULT_PAGE = 10


@dataclass(frozen=True, slots=True)
class Api:
    """One call: its code, path, method, the roles of which one is needed, its query parameters and answer types."""

    code: str
    path: str
    method: str
    roles: frozenset[str]
    query: frozenset[str] = frozenset()
    produces: frozenset[str] = _JSON


_PAGING = frozenset({"max", "offset", "sort", "order", "locale"})
_FILTERS = frozenset(
    {
        "offer_state_codes",
        "sku",
        "product_id",
        "favorite",
        "pricing_channel_code",
        "pricing_customer_organization_id",
    }
)
_STOCK = frozenset({ADMIN, STOCK_WRITE})

# Paths, methods, roles and parameters: Mirakl seller API documentation, page of each code; verified.
A01 = Api("A01", "/api/account", "GET", frozenset({ADMIN, SHOP_READ}))
V01 = Api("V01", "/api/version", "GET", frozenset(), produces=frozenset())
PC01 = Api("PC01", "/api/platform/configuration", "GET", frozenset({ADMIN}))
OF21 = Api("OF21", "/api/offers", "GET", frozenset({ADMIN, OFFER_READ}), _PAGING | _FILTERS)
STO01 = Api("STO01", "/api/offers/stock/imports", "POST", _STOCK)
STO02 = Api("STO02", "/api/offers/stock/imports/{import_id}/status", "GET", _STOCK)
STO03 = Api("STO03", "/api/offers/stock/imports/{import_id}/error_report", "GET", _STOCK, produces=_CSV)


class RefusalError(Exception):
    """The call is answered with an error."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Error bodies carry message and status (read so by the official connector; verified)."""
        return JSONResponse({"message": self.message, "status": self.status}, self.status, self.headers)


def not_found() -> Response:
    """A wrong path, hyphens for underscores included, is answered by a bare body (live-reported)."""
    return JSONResponse({"message": "Not Found"}, 404)


class Door:
    """Lets a call in or raises RefusalError. Limits are kept per shop and API code (scope not documented; inferred)."""

    def __init__(self, settings: MiraklTwinSettings, clock: TwinClock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: dict[tuple[int, str], deque[datetime]] = defaultdict(deque)

    def admit(self, api: Api, request: Request) -> int:
        """Return the shop the call is about. Raises RefusalError: 401, 403, 429, 400, 406, in this order."""
        key = self._key(api, request)
        shop_id = self._shop(key, request)
        self._limit(shop_id, api.code)
        self._parameters(api, request)
        self._media_type(api, request)
        return shop_id

    def throttled(self, api: Api) -> RefusalError:
        """The refusal of a call that came too early, with the API's own limit as the time to wait."""
        return self._too_early(self._settings.limits.get(api.code, _DEFAULT_WAIT))

    def _key(self, api: Api, request: Request) -> ShopKey:
        """The raw key without a scheme word, else 401 (general notes; verified; `Bearer` live-reported)."""
        given = request.headers.get("authorization", "")
        if api.code == "V01" and not self._settings.version_needs_key:
            return self._settings.keys[0]
        for key in self._settings.keys:
            if key.key == given:
                # A valid key without a role of the API's list: 403 (general notes; verified).
                if api.roles and not (api.roles & key.roles):
                    raise RefusalError(403, "Access is denied")
                return key
        raise RefusalError(401, "Unauthorized")

    def _shop(self, key: ShopKey, request: Request) -> int:
        """`shop_id` is taken on every call and falls back to the user's default shop (every page; verified)."""
        values = request.query_params.getlist("shop_id")
        if not values:
            return key.shops[0]
        if len(values) > 1 or not (values[0].isascii() and values[0].isdigit()):
            raise RefusalError(400, "Param 'shop_id' is not a number")
        if int(values[0][:18]) not in key.shops:
            raise RefusalError(self._settings.foreign_shop_status, "The user has no access to this shop")
        return int(values[0])

    def _limit(self, shop_id: int, code: str) -> None:
        """429 when the page's "Maximum usage" is exceeded (general notes; verified)."""
        interval = self._settings.limits.get(code)
        if not interval:
            return
        # As a count over the last hour, a limit of once a day still is once a day.
        window = interval if self._settings.limit_style == "each" else max(_HOUR, interval)
        with self._lock:
            calls = self._calls[shop_id, code]
            while calls and self._clock.since(calls[0]) >= window:
                calls.popleft()
            if len(calls) >= int(window / interval):
                raise self._too_early(window - self._clock.since(calls[0]))
            calls.append(self._clock.now())

    def _too_early(self, seconds: float) -> RefusalError:
        wait = max(1, math.ceil(self._clock.real(seconds)))
        headers = {}
        if self._settings.retry_after == "seconds":
            headers["Retry-After"] = str(wait)
        elif self._settings.retry_after == "date":
            headers["Retry-After"] = format_datetime(self._clock.now() + timedelta(seconds=wait), usegmt=True)
        return RefusalError(429, "Too many requests", headers)

    def _parameters(self, api: Api, request: Request) -> None:
        names = [name for name, _ in request.query_params.multi_items()]
        for name in names:
            if name != "shop_id" and name not in api.query and self._settings.refuse_unknown:
                raise RefusalError(400, f"Unknown param '{name}'")
            if names.count(name) > 1:
                raise RefusalError(400, f"Param '{name}' appears more than once")

    def _media_type(self, api: Api, request: Request) -> None:
        if not self._settings.strict_accept or not api.produces:
            return
        given = request.headers.get("accept", "*/*")
        wanted = {part.split(";")[0].strip().lower() for part in given.split(",")}
        families = {f"{name.split('/')[0]}/*" for name in api.produces}
        if not wanted & (api.produces | families | {"*/*"}):
            raise RefusalError(406, "Not Acceptable")


async def stock_file(request: Request, settings: MiraklTwinSettings) -> bytes:
    """Return the bytes of the part `file`, the only one there is (STO01; verified). Raises RefusalError."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "multipart/form-data":
        # Live-reported for the other file imports; inferred for this one.
        raise RefusalError(415, "Unsupported Media Type")
    try:
        form = await request.form(max_files=10, max_fields=10)
    except (MultiPartException, HTTPException) as error:
        raise RefusalError(400, "The multipart body cannot be read") from error
    try:
        names = [name for name, _ in form.multi_items()]
        unknown = [name for name in names if name != "file"]
        if unknown and settings.refuse_unknown:
            raise RefusalError(400, f"Unknown part '{unknown[0]}'")
        if names.count("file") > 1:
            raise RefusalError(400, "Part 'file' appears more than once")
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise RefusalError(400, "Param 'file' is required")
        return await part.read()
    finally:
        await form.close()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an offset listing, and what it is sorted by."""

    size: int
    offset: int
    sort: str
    descending: bool


def page(request: Request, settings: MiraklTwinSettings) -> Page:
    """Read offset paging: 10 rows unless told, 100 at most (general notes, offset pagination; verified)."""
    query = request.query_params
    size = _number(query.get("max", str(DEFAULT_PAGE)), "max")
    if size > MAX_PAGE:
        if settings.page_over_maximum == "refuse":
            raise RefusalError(400, f"Param 'max' must not be above {MAX_PAGE}")
        size = MAX_PAGE
    sort = query.get("sort", "totalPrice")
    if sort not in {"totalPrice", "price", "productTitle"}:
        raise RefusalError(400, f"Param 'sort' does not take '{sort}'")
    order = query.get("order", "asc")
    if order not in {"asc", "desc"}:
        raise RefusalError(400, f"Param 'order' does not take '{order}'")
    return Page(max(1, size), _number(query.get("offset", "0"), "offset"), sort, order == "desc")


def link_header(request: Request, place: Page, total: int) -> dict[str, str]:
    """Return the `Link` header with `previous` and `next` where they exist (general notes; verified)."""
    links = []
    if place.offset > 0:
        url = request.url.include_query_params(max=place.size, offset=max(0, place.offset - place.size))
        links.append(f'<{url}>; rel="previous"')
    if place.offset + place.size < total:
        url = request.url.include_query_params(max=place.size, offset=place.offset + place.size)
        links.append(f'<{url}>; rel="next"')
    return {"Link": ", ".join(links)} if links else {}


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise RefusalError(400, f"Param '{name}' is not a number")
    return int(text)
