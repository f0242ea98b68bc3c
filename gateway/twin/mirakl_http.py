"""The door of the Mirakl twin: keys, roles, parameters, media types, limits, and the words it refuses with."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from gateway.twin.answering import AnsweredError, json_answer, retry_after
from gateway.twin.clock import TwinClock
from gateway.twin.mirakl_apis import Api
from gateway.twin.mirakl_dates import read_moment
from gateway.twin.mirakl_settings import MiraklTwinSettings, ShopKey

_HOUR = 3600.0
_DEFAULT_WAIT = 60.0
_BODY_SETS_LIMIT = frozenset({"OF01", "OF52"})
_PER_LIST = {"VL11": "code", "H11": "hierarchy", "PM11": "hierarchy"}


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that was let in: whose shop it is about and what it brought."""

    request: Request
    shop_id: int
    file: bytes = b""
    parts: Mapping[str, str] = field(default_factory=dict)
    document: Any = None

    @property
    def query(self) -> Mapping[str, str]:
        """Parameters of the address."""
        return self.request.query_params

    def flag(self, name: str) -> bool | None:
        """A boolean parameter; None where it is absent. Raises RefusalError."""
        return _flag(self.query.get(name), name)

    def switch(self, name: str) -> bool:
        """A boolean part, false where it is absent. Raises RefusalError."""
        return _flag(self.parts.get(name), name) or False

    def moment(self, name: str) -> datetime | None:
        """A date parameter; None where it is absent. Raises RefusalError: `+` must be sent as `%2B` (general notes)."""
        text = self.query.get(name)
        found = None if text is None else read_moment(text)
        if text is not None and found is None:
            raise RefusalError(400, f"Param '{name}' is not a date")
        return found

    def period(self) -> Callable[[datetime], bool]:
        """Whether a moment is between the parameters `start_date` and `end_date`. Raises RefusalError."""
        start, end = self.moment("start_date"), self.moment("end_date")
        return lambda moment: (start is None or moment >= start) and (end is None or moment <= end)

    def choice(self, name: str, allowed: Collection[str], given: str | None = None) -> str | None:
        """A parameter that takes some words only. Raises RefusalError."""
        value = self.query.get(name) if given is None else given
        if value is not None and value not in allowed:
            raise RefusalError(400, f"Param '{name}' does not take '{value}'")
        return value

    def choices(self, name: str, allowed: Collection[str]) -> frozenset[str]:
        """A repeated parameter. Raises RefusalError."""
        values = self.request.query_params.getlist(name)
        return frozenset(str(self.choice(name, allowed, value)) for value in values)

    def address(self, path: str) -> str:
        """Absolute address of a path of this host."""
        return str(self.request.url.replace(path=path, query=""))


class Desk(Protocol):
    """What answers the calls of one family."""

    def handlers(self) -> dict[Api, Callable[[Ask], Response]]:
        """What answers which call."""
        ...


def _flag(text: str | None, name: str) -> bool | None:
    if text is None or text in {"true", "false"}:
        return None if text is None else text == "true"
    raise RefusalError(400, f"Param '{name}' is neither true nor false")


class RefusalError(AnsweredError):
    """The call is answered with an error of this system."""

    def response(self) -> Response:
        """Error bodies carry message and status (read so by the official connector; verified)."""
        return json_answer({"message": self.message, "status": self.status}, self.status, self.headers)


def not_found() -> Response:
    """A wrong path, hyphens for underscores included, is answered by a bare body (live-reported)."""
    return json_answer({"message": "Not Found"}, 404)


def csv_answer(text: str, name: str, kind: str = "text/csv") -> Response:
    """Answer as a file."""
    return Response(text, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def no_report(import_id: object) -> RefusalError:
    """The text differs from that of a wrong path (live-reported)."""
    return RefusalError(404, f"Resource not available : report on import id {import_id}")


class Door:
    """Lets a call in or raises RefusalError. Limits are kept per shop and API code (scope not documented; inferred)."""

    def __init__(self, settings: MiraklTwinSettings, clock: TwinClock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: dict[tuple[int, str, str], deque[datetime]] = defaultdict(deque)
        self._revoked: set[str] = set()

    def revoke(self, key: str) -> None:
        """Refuse a key with 401 from now on."""
        self._revoked.add(key)

    def admit(self, api: Api, request: Request) -> int:
        """Return the shop the call is about. Raises RefusalError: 401, 403, 429, 400, 406, in this order."""
        key = self._key(api, request)
        shop_id = self._shop(key, request)
        if api.code not in _BODY_SETS_LIMIT:
            self.limit(shop_id, api.code, self._scope(api, request))
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
            if key.key == given and given not in self._revoked:
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

    def _scope(self, api: Api, request: Request) -> str:
        name = _PER_LIST.get(api.code)
        return request.query_params.get(name, "") if name and self._settings.limit_per_list else ""

    def limit(self, shop_id: int, code: str, scope: str = "") -> None:
        """429 when the page's "Maximum usage" is exceeded (general notes; verified). Raises RefusalError."""
        interval = self._settings.limits.get(code)
        if not interval:
            return
        # As a count over the last hour, a limit of once a day still is once a day.
        window = interval if self._settings.limit_style == "each" else max(_HOUR, interval)
        with self._lock:
            calls = self._calls[shop_id, code, scope]
            while calls and self._clock.since(calls[0]) >= window:
                calls.popleft()
            if len(calls) >= int(window / interval):
                raise self._too_early(window - self._clock.since(calls[0]))
            calls.append(self._clock.now())

    def _too_early(self, seconds: float) -> RefusalError:
        return RefusalError(429, "Too many requests", retry_after(self._clock, seconds, self._settings.retry_after))

    def _parameters(self, api: Api, request: Request) -> None:
        names = [name for name, _ in request.query_params.multi_items()]
        for name in names:
            if name != "shop_id" and name not in api.query and self._settings.refuse_unknown:
                raise RefusalError(400, f"Unknown param '{name}'")
            if names.count(name) > 1 and name not in api.many:
                raise RefusalError(400, f"Param '{name}' appears more than once")
        locale = request.query_params.get("locale")
        if locale is not None and "locale" in api.query and locale not in self._settings.locales:
            raise RefusalError(400, f"Locale '{locale}' is not activated")

    def _media_type(self, api: Api, request: Request) -> None:
        if not self._settings.strict_accept or not api.produces:
            return
        given = request.headers.get("accept", "*/*")
        wanted = {part.split(";")[0].strip().lower() for part in given.split(",")}
        families = {f"{name.split('/')[0]}/*" for name in api.produces}
        if not wanted & (api.produces | families | {"*/*"}):
            raise RefusalError(406, "Not Acceptable")


async def read(api: Api, request: Request, shop_id: int, settings: MiraklTwinSettings) -> Ask:
    """Return the call with its body. Raises RefusalError."""
    if api.takes_json:
        return Ask(request, shop_id, document=await _document(request))
    if not api.parts:
        return Ask(request, shop_id)
    if _kind(request) != "multipart/form-data":
        # A JSON body (live-reported of P41 and OF01; inferred of the other file imports).
        raise RefusalError(415, "Unsupported Media Type")
    try:
        form = await request.form(max_files=10, max_fields=10)
    except (MultiPartException, HTTPException) as error:
        raise RefusalError(400, "The multipart body cannot be read") from error
    try:
        names = [name for name, _ in form.multi_items()]
        for name in names:
            if name not in api.parts and settings.refuse_unknown:
                raise RefusalError(400, f"Unknown part '{name}'")
            if names.count(name) > 1:
                raise RefusalError(400, f"Part '{name}' appears more than once")
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise RefusalError(400, "Param 'file' is required")
        # Plain text, not in JSON quotes as in generated samples (official SDK; verified).
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        for name, value in form.items():
            if name != "file" and not isinstance(value, str):
                raise RefusalError(400, f"Param '{name}' is a file")
        return Ask(request, shop_id, await part.read(), texts)
    finally:
        await form.close()


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def _document(request: Request) -> Any:
    if _kind(request) != "application/json":
        raise RefusalError(415, "Unsupported Media Type")
    try:
        # Amounts stay text: no digit is lost.
        document = json.loads(await request.body(), parse_float=str)
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, "The body is not JSON") from error
    if not isinstance(document, dict):
        # A bare array (live-reported of OF24).
        raise RefusalError(400, "The body is not a JSON object")
    return document
