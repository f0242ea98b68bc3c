"""The door of the Partner API twin: tokens, chains and vendors, the limit per address, and words of refusal."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.twin.answering import AnsweredError, json_answer
from gateway.twin.partner_calls import Call
from gateway.twin.partner_market import Market
from gateway.twin.partner_products import BadCallError
from gateway.twin.partner_settings import Chain, PartnerTwinSettings, Vendor

_BEARER = "bearer "
BLOCK_PAGE = (
    "<!DOCTYPE html><html><head><title>Access denied</title></head>"
    "<body><h1>Error 1015</h1><p>You are being rate limited</p></body></html>"
)


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that was let in: whose it is, which vendor it names, and what it brought."""

    request: Request
    chain: Chain
    vendor: Vendor | None
    body: bytes

    @property
    def query(self) -> Mapping[str, str]:
        """Parameters of the address."""
        return self.request.query_params

    @property
    def store(self) -> Vendor:
        """The vendor of a call that names one."""
        if self.vendor is None:
            raise RefusalError(404, "Vendor not found")
        return self.vendor

    def whole(self, name: str, default: int) -> int:
        """A whole number above 0 among the parameters. Raises RefusalError."""
        text = self.query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and int(text[:18]) > 0):
            raise RefusalError(400, f"{name} must be a positive integer")
        return int(text[:18])

    def flag(self, name: str) -> bool | None:
        """A boolean parameter; None where it is absent. Raises RefusalError."""
        text = self.query.get(name)
        if text not in {None, "true", "false"}:
            raise RefusalError(400, f"{name} must be true or false")
        return None if text is None else text == "true"


class Desk(Protocol):
    """What answers the calls of one family."""

    def handlers(self) -> dict[Call, Callable[[Ask], Response]]:
        """What answers which call."""
        ...


class RefusalError(AnsweredError):
    """The call is answered with an error. Its body is documented nowhere: its shape is a setting."""

    def response(self, settings: PartnerTwinSettings) -> Response:
        """Put the refusal into the shape of the settings."""
        shape, text = settings.error_shape, self.message
        if shape == "text":
            return Response(text, self.status, self.headers, "text/plain")
        return json_answer({shape: [{"message": text}] if shape == "errors" else text}, self.status, self.headers)


class Door:
    """Lets a call in or raises RefusalError."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._settings, self._clock = market.settings, market.clock
        self._lock = threading.Lock()
        self._calls: dict[str, deque[datetime]] = defaultdict(deque)
        self._blocked: dict[str, datetime] = {}
        self._revoked: set[str] = set()

    def revoke(self, secret: str) -> None:
        """Refuse a token, or a client's secret, with 401 from now on; tokens given out before end too (assumption)."""
        self._revoked.add(secret)
        with self._market.lock:
            self._market.state.tokens.clear()
            self._market.save()

    # ------------------------------------------------------------ the proxy in front

    def count(self, request: Request) -> Response | None:
        """The answer to a call above the limit of its address, whatever chain it is for; None lets it pass.

        Counted per address and not per token (catalog API FAQ; verified).
        """
        settings, clock = self._settings, self._clock
        if not settings.calls_per_window:
            return None
        address = request.client.host if request.client is not None else ""
        with self._lock:
            end = self._blocked.get(address)
            if end is not None and clock.now() < end:
                return self.blocked((end - clock.now()).total_seconds())
            calls = self._calls[address]
            while calls and clock.since(calls[0]) >= settings.window_seconds:
                calls.popleft()
            if len(calls) >= settings.calls_per_window:
                self._blocked[address] = clock.later(clock.now(), settings.block_seconds)
                self._market.note("rate", address, f"more than {settings.calls_per_window} calls")
                return self.blocked(clock.real(settings.block_seconds))
            calls.append(clock.now())
        return None

    def blocked(self, wait: float) -> Response:
        """The answer to a blocked address; `wait` in real seconds."""
        return self.too_many(wait) if self._settings.over_limit == "429" else block_page()

    def too_many(self, wait: float, *, told: bool = True) -> Response:
        """429, with the time to wait where it is told."""
        told = told and self._settings.retry_after
        headers = {"Retry-After": str(max(1, math.ceil(wait)))} if told else {}
        return RefusalError(429, "Too many requests", headers).response(self._settings)

    # ------------------------------------------------------------ who calls

    def admit(self, call: Call, request: Request) -> tuple[Chain, Vendor | None]:
        """Whose call it is and about which vendor. Raises RefusalError: 401, 404, 403, 404, in this order."""
        opened = self._opened(request.headers.get("authorization", ""))
        if opened is None:
            raise RefusalError(401, "Unauthorized")
        chain = self._settings.chain(request.path_params["chain"])
        if chain is None:
            raise RefusalError(404, "Chain not found")
        if chain.chain_id != opened:
            raise RefusalError(self._settings.foreign_status, "The token has no access to this chain")
        if "{vendor}" not in call.path:
            return chain, None
        vendor = chain.vendor(request.path_params["vendor"])
        if vendor is None:
            raise RefusalError(404, "Vendor not found")
        return chain, vendor

    def _opened(self, header: str) -> str | None:
        """Id of the chain that a token opens."""
        if header[: len(_BEARER)].lower() != _BEARER:
            return None
        shown = header[len(_BEARER) :].strip()
        if shown in self._revoked:
            return None
        for chain in self._settings.chains:
            if any(hmac.compare_digest(token.value.encode(), shown.encode()) for token in chain.tokens):
                return chain.chain_id
        with self._market.lock:
            found = self._market.state.tokens.get(_digest(shown))
        return found[0] if found is not None and self._clock.now() < found[1] else None

    def token(self, form: Mapping[str, Any]) -> Response:
        """Give out a token for client credentials; any number of them live at a time (general FAQ; verified)."""
        if form.get("grant_type") != "client_credentials":
            raise RefusalError(400, "unsupported_grant_type")
        client_id, secret = str(form.get("client_id", "")), str(form.get("client_secret", ""))
        if secret in self._revoked:
            raise RefusalError(401, "invalid_client")
        for chain in self._settings.chains:
            for client in chain.clients:
                if client.client_id == client_id and hmac.compare_digest(client.secret.encode(), secret.encode()):
                    return self._give(chain)
        raise RefusalError(401, "invalid_client")

    def _give(self, chain: Chain) -> Response:
        # It looks like a JWT, as real ones do (live-reported); nobody may read its claims.
        head = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').rstrip(b"=").decode()
        token = f"{head}.{secrets.token_urlsafe(24)}.{secrets.token_urlsafe(32)}"
        now = self._clock.now()
        with self._market.lock:
            tokens = self._market.state.tokens
            for mark in [mark for mark, (_, end) in tokens.items() if end <= now]:
                del tokens[mark]
            tokens[_digest(token)] = chain.chain_id, self._clock.later(now, self._settings.token_seconds)
            self._market.save()
        life = max(1, math.floor(self._clock.real(self._settings.token_seconds)))
        return json_answer({"access_token": token, "expires_in": life, "token_type": "Bearer"})

    async def body(self, request: Request) -> bytes:
        """What a call brings. Raises RefusalError: 413, 415."""
        limit = self._settings.max_body_bytes
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
        if limit and len(body) > limit:
            raise RefusalError(413, "Payload too large")
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            raise RefusalError(415, "Content-Type must be application/json")
        return bytes(body)


def block_page() -> Response:
    """What the proxy shows to a blocked address."""
    return HTMLResponse(BLOCK_PAGE, 403)


def refused(error: BadCallError) -> RefusalError:
    """The answer to a call that is faulty as a whole."""
    return RefusalError(error.status, str(error))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
