"""Where calls of destinations meet httpx: sends a request, bounds the answer, translates every failure.

No destination may see an httpx exception. What a failure means depends on whether the request may have left: before
that nothing was done (Unreachable), after it only a call that changes nothing may be called undone.
"""

from __future__ import annotations

import email.utils
import re
from datetime import UTC
from typing import Any

import httpx

from gateway.errors import GatewayError, OutcomeUnknown, Refused, SettingsError, Throttled, Unreachable
from gateway.model import Clock
from gateway.transport import received
from gateway.transport.http_model import Access, Request, Response, authority, base_url

_BEFORE_SENDING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NEVER_SENT = (httpx.InvalidURL, httpx.UnsupportedProtocol)
_TRANSLATED = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)
_UNCLEAR = frozenset({408, 425})
"""Statuses below 500 that say as little about what was done as a 5xx does."""
_MESSAGE_LENGTH = 300
_LONGEST_WAIT = 86_400.0
_CONNECT_SECONDS = 10.0


class HttpxClient:
    """Transport over the network: TLS verified, no redirects followed, no proxy or netrc taken from the environment."""

    def __init__(self, access: Access, *, clock: Clock) -> None:
        try:
            self._base = base_url(access.base_url)
        except ValueError as error:
            raise SettingsError(f"The address can't be used: {error}.") from error
        self._clock = clock
        timeout = httpx.Timeout(access.timeout, connect=min(_CONNECT_SECONDS, access.timeout))
        context = authority(access.ca_file) if access.ca_file is not None else True
        self._client = httpx.Client(
            verify=context, timeout=timeout, follow_redirects=False, trust_env=False, headers={"user-agent": "gateway"}
        )

    def send(self, request: Request) -> Response:
        """Send once; see Transport."""
        if not request.path.startswith("/") or request.path.startswith("//"):
            raise Refused(f"{request.path!r} is not a path below {self._base}.", fix="Report this as a fault.")
        failure: GatewayError | None = None
        cause: Exception | None = None
        try:
            return self._exchange(request)
        except _TRANSLATED as error:
            failure, cause = translate(error, request, self._base), error
        raise failure from cause

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def _exchange(self, request: Request) -> Response:
        headers = {"accept": request.accept}
        headers.update((name, value.get_secret_value()) for name, value in request.secrets)
        arguments: dict[str, Any] = {"params": list(request.query), "headers": headers}
        if request.upload is not None:
            upload = request.upload
            arguments["files"] = {upload.part: (upload.name, upload.content, upload.content_type)}
            arguments["data"] = dict(request.parts)
        elif request.content_type:
            headers["content-type"] = request.content_type
            arguments |= {"content": request.body} if request.body else {}
        with self._client.stream(request.method, self._base + request.path, **arguments) as answer:
            body = _bounded(answer, request)
            headers_in = {name.lower(): value for name, value in answer.headers.items()}
            if answer.status_code == 403 and request.block_page > 0 and body.lstrip()[:1] == b"<":
                text = f"{self._base} blocks us: a page of the proxy in front answered {request.method} {request.path}."
                raise Throttled(text, fix="It is asked again later by itself.", after=request.block_page)
            if 200 <= answer.status_code < 300:
                return Response(answer.status_code, headers_in, body)
            body = _masked(body, request)  # before anybody cuts it: the beginning of a secret is one, too
            if answer.status_code in request.answers:
                return Response(answer.status_code, headers_in, body)
            raise self._failure(request, answer.status_code, headers_in, body)

    def _failure(self, request: Request, status: int, headers: dict[str, str], body: bytes) -> GatewayError:
        place = f"{self._base} answered {status} to {request.method} {request.path}"
        said = _mask(server_message(body), request)
        text = f"{place}: {said}" if said else f"{place}."
        after = retry_after(headers.get("retry-after"), self._clock)
        if status == 429:
            return Throttled(text, fix="It is asked again later by itself.", after=after)
        if status >= 500 or status in _UNCLEAR:
            if request.safe:
                return Unreachable(text, fix="It is asked again later by itself.", after=after)
            return OutcomeUnknown(text, fix="It is looked up before anything is sent again.")
        return Refused(text, fix=_FIXES.get(status, _redirected(status)), status=str(status))


_FIXES = {
    401: "The key is not accepted: check the API key and that it belongs to this host.",
    403: "The key is valid but may not do this: check which shop or account the settings name, and its user's roles.",
    404: "Check the host name; the other side does not know this address or this item.",
    415: "Report this as a fault: the other side expects another kind of body.",
}


def _redirected(status: int) -> str:
    if 300 <= status < 400:
        return "Redirects are not followed: check the host name."
    return "Read what the other side says and correct it."


def _bounded(answer: httpx.Response, request: Request) -> bytes:
    pieces: list[bytes] = []
    size = 0
    for piece in answer.iter_bytes():
        size += len(piece)
        if size > request.limit:
            text = f"The answer to {request.method} {request.path} is larger than {request.limit} bytes."
            if request.safe:
                raise Refused(text, fix="Raise the limit in the settings if such an answer is right.", status="size")
            raise OutcomeUnknown(text, fix="It is looked up before anything is sent again.")
        pieces.append(piece)
    return b"".join(pieces)


def translate(error: Exception, request: Request, place: str) -> GatewayError:
    """Say what an httpx exception means for the call that raised it."""
    what = _mask(str(error) or type(error).__name__, request)
    text = f"{request.method} {place}{request.path} failed ({type(error).__name__}: {what})."
    if isinstance(error, _NEVER_SENT):
        return Refused(text, fix="Check the host name in the settings.")
    if isinstance(error, _BEFORE_SENDING):
        return Unreachable(text, fix="Nothing was sent; it is tried again later. Check host name, network and TLS.")
    if request.safe:
        return Unreachable(text, fix="It is asked again later by itself.")
    return OutcomeUnknown(text, fix="It is looked up before anything is sent again.")


def retry_after(value: str | None, clock: Clock) -> float | None:
    """Return the seconds a Retry-After header asks for (seconds or an HTTP date); None when absent or unreadable."""
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), _LONGEST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max(0.0, (aware - clock.now()).total_seconds()), _LONGEST_WAIT)


def server_message(body: bytes) -> str:
    """Return what an error body says in at most 300 characters on one line; "" when it says nothing readable.

    JSON: `message` and the messages of `errors`; HTML: a note that it is a page; anything else: its text.
    """
    text = body[: 64 * 1024].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return "(an HTML page)"
    try:
        data = received.loaded(text.encode()) if text else ""
    except ValueError:
        data = text
    said = "; ".join(_sentences(data)) if isinstance(data, dict) else text
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())
    return line if len(line) <= _MESSAGE_LENGTH else line[: _MESSAGE_LENGTH - 3] + "..."


def _sentences(data: dict[str, Any]) -> list[str]:
    found = [str(data["message"])] if data.get("message") is not None else []
    errors = data.get("errors")
    for entry in errors if isinstance(errors, list) else []:
        if isinstance(entry, dict) and entry.get("message") is not None:
            field = entry.get("field")
            found.append(f"{field}: {entry['message']}" if field is not None else str(entry["message"]))
    return found


def _mask(text: str, request: Request) -> str:
    for secret in _secrets(request):
        text = text.replace(secret, "***")
    return text


def _masked(body: bytes, request: Request) -> bytes:
    for secret in _secrets(request):
        body = body.replace(secret.encode(), b"***")
    return body


def _secrets(request: Request) -> list[str]:
    """Return what no message may show: what is sent as `bearer x` may come back without its first word."""
    whole = [value.get_secret_value() for _, value in request.secrets]
    return [shown for one in whole for shown in (one, one.rpartition(" ")[2]) if shown != ""]
