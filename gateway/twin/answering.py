"""What the sites of all twins share: JSON out and in, amounts, the bare refusal; the words are each system's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, Literal

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.twin.clock import TwinClock


class AnsweredError(Exception):
    """The call is answered with an error."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def json_answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer as JSON; amounts are fragments, so that no digit is lost."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def number(text: str) -> orjson.Fragment | None:
    """An amount as a JSON number with the digits it was sent with; None for ""."""
    return orjson.Fragment(text.encode()) if text else None


def retry_after(clock: TwinClock, seconds: float, style: Literal["seconds", "date", "none"]) -> dict[str, str]:
    """Headers that say how long to wait, from twin seconds: in whole real seconds, as a date, or not at all."""
    wait = max(1, math.ceil(clock.real(seconds)))
    if style == "none":
        return {}
    date = format_datetime(clock.now() + timedelta(seconds=wait), usegmt=True)
    return {"Retry-After": str(wait) if style == "seconds" else date}


async def json_object(request: Request, *known: str) -> dict[str, Any]:
    """Read a body of a twin's own pages; `known`: the keys it may have, where not any. Raises HTTPException."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, "The body is not JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "The body is not a JSON object")
    strange = [name for name in body if known and name not in known]
    if strange:
        raise HTTPException(400, f"Found {', '.join(map(repr, strange))}: expected {', '.join(known)}")
    return body
