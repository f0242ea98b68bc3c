"""The door of the Sellers Commerce twin: paths, verbs, tokens, headers, limits, bodies; and how it answers.

Source: Sellers Commerce Open API documentation, headers, status table and error sample. Bodies of answers without a
response code are those of the server software that its samples point to (inferred).
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.twin.answering import AnsweredError, json_answer, retry_after
from gateway.twin.clock import TwinClock
from gateway.twin.sellerscommerce_apis import ODATA, TOKEN, Api
from gateway.twin.sellerscommerce_codes import CODES, INVALID, PROCESSED, DataError
from gateway.twin.sellerscommerce_members import nulls, spelt, wire
from gateway.twin.sellerscommerce_odata import QueryError, page, select
from gateway.twin.sellerscommerce_settings import SellersCommerceTwinSettings
from gateway.twin.sellerscommerce_store import Ask, Found

_JSON = "application/json"


class RefusalError(AnsweredError):
    """The call is answered with a status of HTTP and no response code."""

    def response(self) -> Response:
        """`Message` alone, as such servers answer (inferred)."""
        return json_answer({"Message": self.message}, self.status, self.headers)


def coded(code: int, settings: SellersCommerceTwinSettings, status: int | None = None) -> Response:
    """Answer with a response code: `Results`, `ResponseMessage`, `StatusCode` (error sample; verified)."""
    name, message, usual = CODES.get(code, ("Unknown", "Unknown", 406))
    body = {"Results": name, "ResponseMessage": message, "StatusCode": code}
    return json_answer(spelt(body, settings), usual if status is None else status)


def answer(found: Found | None, settings: SellersCommerceTwinSettings, *, bare: bool, empty: bool) -> Response:
    """Answer what was found, in an envelope unless `bare`; `empty`: every value is null."""
    if found is None:
        return coded(PROCESSED, settings)
    schema = found.schema
    rows = [nulls(schema, settings) if empty else wire(row, schema, settings) for row in found.rows]
    content: Any = rows[0] if found.one else rows
    if bare:
        return json_answer(content)
    return json_answer(spelt({"Results": content, "ResponseMessage": CODES[PROCESSED][1], "StatusCode": 20}, settings))


def shown(ask: Ask, found: Found, settings: SellersCommerceTwinSettings) -> Found:
    """Return the part of a list that the query asks for. Raises RefusalError."""
    try:
        if ask.api.odata:
            return Found(found.schema, select(found.rows, ask.query, found.schema, settings))
        if "top" in ask.api.query:
            top, skip = ask.query.get("top") or None, ask.query.get("skip") or None
            return Found(found.schema, page(found.rows, top, skip, settings))
    except QueryError as error:
        raise RefusalError(400, f"The query specified in the URI is not valid. {error}") from error
    return found


def lacks_query(ask: Ask, settings: SellersCommerceTwinSettings) -> bool:
    """Whether an OData query lacks what it must carry, "other wise it will return you null values" (verified)."""
    asked = any(name in ask.query for name in ODATA)
    wanted = settings.additional_query.items()
    return ask.api.odata and asked and any(ask.query.get(name.lower()) != value for name, value in wanted)


class Door:
    """Lets a call in or raises RefusalError. Limits are kept per user."""

    def __init__(self, settings: SellersCommerceTwinSettings, clock: TwinClock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: dict[str, deque[datetime]] = defaultdict(deque)

    def find(self, path: str, method: str, apis: Mapping[str, Api]) -> tuple[Api, str]:
        """Return the call at a path, and the value the path ends with. Raises RefusalError: 404, 405."""
        room, *words = path.split("/")
        name, rest = "/".join(words[:2]), words[2:]
        if self._settings.ignore_case:
            room, name = room.lower(), name.lower()
        api = TOKEN if room == "token" and not words else apis.get(name) if room == "api" else None
        if api is None or len(rest) != (1 if api.argument else 0) or "" in rest:
            raise RefusalError(404, f"No HTTP resource was found that matches the request URI '/{path}'.")
        if method not in {self._settings.verbs.get(api.name, api.method), "*"} and not api.forbidden:
            raise RefusalError(405, f"The requested resource does not support http method '{method}'.")
        return api, rest[0] if rest else ""

    def limit(self, user: str) -> None:
        """429 above the rate limit (status table; verified, without numbers). Raises RefusalError."""
        most, window = self._settings.limit_calls, self._settings.limit_seconds
        if not most:
            return
        with self._lock:
            calls = self._calls[user]
            while calls and self._clock.since(calls[0]) >= window:
                calls.popleft()
            if len(calls) >= most:
                raise self.throttled(window - self._clock.since(calls[0]))
            calls.append(self._clock.now())

    def throttled(self, seconds: float | None = None) -> RefusalError:
        """The refusal of a call too many; without seconds, the window of the limit is told."""
        wait = self._settings.limit_seconds if seconds is None else seconds
        return RefusalError(429, "Too many requests", retry_after(self._clock, wait, self._settings.retry_after))

    def headers(self, api: Api, request: Request) -> None:
        """`Accept` and `Content-Type` as the page demands them. Raises RefusalError: 406, 415."""
        accepted = {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")}
        if self._settings.demand_accept and _JSON not in accepted:
            raise RefusalError(406, "Accept must be application/json")
        demanded = self._settings.demand_content_type
        if demanded == "every" or (demanded == "bodies" and api.body is not None):
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != _JSON:
                raise RefusalError(415, f"The media type '{kind}' is not supported for this resource.")

    def query(self, api: Api, request: Request) -> dict[str, str]:
        """Return the parameters by lower-case names. Raises RefusalError: unknown or repeated ones."""
        known = {name.lower() for name in (*api.query, *(ODATA if api.odata else ()), *self._settings.additional_query)}
        if _in_query(api, self._settings):
            known |= {self._settings.names.get(name, name).lower() for name in api.body or ()}
        found: dict[str, str] = {}
        for given, value in request.query_params.multi_items():
            name = given.lower()
            if name not in known and not api.forbidden and (self._settings.refuse_unknown or name.startswith("$")):
                raise RefusalError(400, f"The query parameter '{given}' is not supported.")
            if name in found:
                raise RefusalError(400, f"The query parameter '{given}' is given twice.")
            found[name] = value
        return found

    def items(self, api: Api, body: bytes, query: Mapping[str, str]) -> Sequence[object]:
        """Return what the body holds, item by item. Raises RefusalError (no JSON), DataError (30: another shape)."""
        if api.body is None:
            return ()
        if _in_query(api, self._settings) and (not body or self._settings.delete_in == "query"):
            action = self._settings.names.get("ActionId", "ActionId").lower()
            whole = {action: int(query[action])} if query.get(action, "").isdecimal() else {}
            return [{**query, **whole}]
        document = _document(body)
        shape = self._settings.bodies.get(api.name, api.shape)
        if isinstance(document, list) and shape != "single":
            if not 0 < len(document) <= self._settings.batch_limit:
                raise DataError(INVALID, f"{len(document)} items, expected 1 to {self._settings.batch_limit}")
            return document
        if isinstance(document, list) or shape == "list":
            raise DataError(INVALID, f"found {type(document).__name__}, expected the shape {shape}")
        return [document]


def _in_query(api: Api, settings: SellersCommerceTwinSettings) -> bool:
    return api.method == "DELETE" and settings.delete_in != "body"


def _document(body: bytes) -> object:
    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        # Amounts keep their digits; NaN and Infinity are no JSON.
        return json.loads(body.decode(), parse_float=Decimal, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, "The request is invalid: the body is not JSON.") from error
