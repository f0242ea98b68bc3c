"""Calls of one Mirakl shop: paths, budgets and the reading of answers; it knows no family of imports.

Source: Mirakl seller API documentation, general notes (verified): `shop_id` with every call, pages of 100 at most,
seek paging by `page_token` alone, limits per call code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.errors import Unreachable
from gateway.model import Clock
from gateway.transport import received
from gateway.transport.http import Request, Response, Transport, Upload

PAGE = 100
"""Most entries of a page."""
_REPORT_LIMIT = 256 * 1024 * 1024
_PAGES_MOST = 1000
"""A listing that goes on for longer is not one."""

Json = Mapping[str, Any]
Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Api:
    """One call: its code, which is its budget's name, its path, and the least seconds between two calls."""

    code: str
    path: str
    interval: float = 0.0


class Calls:
    """What may be asked of one shop."""

    def __init__(self, settings: MiraklSettings, transport: Transport, clock: Clock) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._shop: Query = () if settings.shop_id is None else (("shop_id", str(settings.shop_id)),)
        self.skew = 0.0
        """Seconds by which the marketplace's clock was ahead of ours in its last answer to a reading call."""
        self.skew_known = False

    @property
    def clock(self) -> Clock:
        """The clock everything waits by."""
        return self._clock

    def get(self, api: Api, query: Query = (), *, accept: str = "application/json") -> Response:
        """Read. Raises what the transport raises."""
        request = Request(
            "GET", api.path, query=(*query, *self._shop), accept=accept, budget=api.code, interval=api.interval,
            limit=_REPORT_LIMIT,
        )  # fmt: skip
        answer = self._transport.send(request)
        self._note_clock(answer)
        return answer

    def read(self, api: Api, query: Query = ()) -> Json:
        """Read a JSON object. Raises Unreachable when the answer is none."""
        return document(self.get(api, query))

    def report(self, api: Api) -> bytes:
        """Read a file. Reports answer text/csv or bytes, so anything is accepted."""
        return self.get(api, accept="*/*").body

    def post_file(self, api: Api, name: str, content: bytes, parts: Query = ()) -> Json:
        """Send a CSV as the part `file`; an unreadable answer is an empty object: the file was taken all the same."""
        request = Request(
            "POST", api.path, query=self._shop, upload=Upload("file", name, "text/csv", content), parts=parts,
            budget=api.code, interval=0.0, limit=1024 * 1024,
        )  # fmt: skip
        return _loaded(self._transport.send(request)) or {}

    def post_json(self, api: Api, body: Json) -> Json:
        """Send a JSON document."""
        request = Request(
            "POST", api.path, query=self._shop, body=json.dumps(body, sort_keys=True).encode(),
            content_type="application/json", budget=api.code, interval=api.interval, limit=1024 * 1024,
        )  # fmt: skip
        return document(self._transport.send(request))

    def sought(self, api: Api, query: Query) -> Iterator[Json]:
        """Yield the entries of a listing with seek paging; only the first page is held to the call's interval."""
        for place in range(_PAGES_MOST):
            page = self.read(api if place == 0 else Api(api.code, api.path), query)
            yield from entries(page, "data")
            token = text(page.get("next_page_token"))
            if token is None:
                return
            query = (("page_token", token),)

    def paged(self, api: Api, name: str, query: Query) -> Iterator[Json]:
        """Yield the entries of a listing with offset paging; only the first page is held to the call's interval."""
        offset = 0
        for place in range(_PAGES_MOST):
            part = (("max", str(PAGE)), ("offset", str(offset)))
            page = self.read(api if place == 0 else Api(api.code, api.path), (*query, *part))
            found = entries(page, name)
            yield from found
            offset += PAGE
            total = count(page.get("total_count"))
            if not found or (total is not None and offset >= total):
                return

    def close(self) -> None:
        """Give back connections."""
        self._transport.close()

    def _note_clock(self, answer: Response) -> None:
        try:
            said = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return
        aware = said if said.tzinfo is not None else said.replace(tzinfo=UTC)
        self.skew, self.skew_known = (aware - self._clock.now()).total_seconds(), True


def document(answer: Response) -> Json:
    """Return the JSON object of an answer. Raises Unreachable when it is none."""
    data = _loaded(answer)
    if data is None:
        raise Unreachable(
            "The marketplace answered something that is not the JSON object expected.",
            fix="It is asked again later by itself; check the host name if it stays so.",
        )
    return data


def _loaded(answer: Response) -> Json | None:
    try:
        data = received.loaded(answer.body)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def entries(page: Json, name: str) -> list[Json]:
    """Return the objects of a list in an answer; anything else in it is left out."""
    found = page.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def text(value: object) -> str | None:
    """Return an id or a word, which come as text or numbers; anything else is none."""
    if isinstance(value, str) and value != "":
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def count(value: object) -> int | None:
    """Return a counter; anything that is not a whole number from 0 on is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def moment(value: object) -> datetime | None:
    """Return a point in time of an answer; without a zone it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def wire_time(at: datetime) -> str:
    """Write a point in time as the API takes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def segment(ticket: str) -> str:
    """Quote a ticket for a path; it is the other side's text."""
    return quote(ticket, safe="")
