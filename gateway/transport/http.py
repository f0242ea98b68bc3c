"""HTTP for destinations: retry, pacing and auth as wrappers around one client; it knows no marketplace.

`connect` is the one place where they are stacked. Each is a Transport and holds a Transport.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic import SecretStr

from gateway.errors import MayWorkLater, SettingsError, Throttled, Unreachable
from gateway.model import Budget, Clock, TokenStore
from gateway.transport.http_model import (
    Access,
    HttpSettings,
    OAuth,
    Request,
    Response,
    Transport,
    Upload,
    base_url,
    is_loopback,
)
from gateway.transport.http_oauth import Tokens

__all__ = [
    "Access",
    "Authorized",
    "HttpSettings",
    "OAuth",
    "Paced",
    "Request",
    "Response",
    "RetryPolicy",
    "Retrying",
    "Tokens",
    "Transport",
    "Upload",
    "bare",
    "base_url",
    "connect",
    "is_loopback",
]

_STAND_BACK = 0.1
DEFAULT_BLOCK = 60.0
"""Seconds to keep away after a 429 that does not say how long."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a call that changes nothing is repeated on the spot; longer waits are the caller's."""

    attempts: int = 3
    first_wait: float = 0.5
    longest_wait: float = 5.0
    total: float = 15.0
    """Seconds after which no further attempt begins."""

    def wait(self, attempt: int, error: MayWorkLater, spread: float) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up. `spread` is 0..1."""
        if attempt >= self.attempts:
            return None
        if error.after is not None:
            return error.after if error.after <= self.longest_wait else None
        if isinstance(error, Throttled):
            return None
        return min(self.longest_wait, self.first_wait * 2.0 ** (attempt - 1)) * (0.5 + spread / 2)


def _spread() -> float:
    return secrets.randbelow(1000) / 1000


class Retrying:
    """Repeats GET and HEAD; a POST or PUT passes once, whatever happens to it.

    The loop is our own and not a retry library's: waiting must go through the injected clock.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        clock: Clock,
        policy: RetryPolicy = RetryPolicy(),
        spread: Callable[[], float] = _spread,
    ) -> None:
        self._inner = inner
        self._clock = clock
        self._policy = policy
        self._spread = spread

    def send(self, request: Request) -> Response:
        """Send; repeat within the policy where that is harmless. Raises the last failure.

        A repeat that our own budget forbids raises the trouble that made it needed, not the budget's.
        """
        if not request.safe:
            return self._inner.send(request)
        start = self._clock.monotonic()
        attempt = 1
        before: Unreachable | None = None
        while True:
            try:
                return self._inner.send(request)
            except Throttled as error:
                if before is not None:
                    raise Unreachable(before.message, fix=before.fix, after=error.after) from error
                wait = self._wait(attempt, error, start)
            except Unreachable as error:
                before = error
                wait = self._wait(attempt, error, start)
            self._clock.sleep(wait)
            attempt += 1

    def _wait(self, attempt: int, error: MayWorkLater, start: float) -> float:
        """Return the seconds to wait before the next attempt. Raises `error` where there is none."""
        wait = self._policy.wait(attempt, error, self._spread())
        if wait is None or self._clock.monotonic() - start + wait > self._policy.total:
            raise error
        return wait

    def close(self) -> None:
        """Give back connections."""
        self._inner.close()


class Paced:
    """Books every attempt with the budget and keeps away for as long as the other side asks (429)."""

    def __init__(self, inner: Transport, *, budget: Budget, account: str, clock: Clock | None = None) -> None:
        self._inner = inner
        self._clock = clock
        self._budget = budget
        self._account = account

    def send(self, request: Request) -> Response:
        """Send when the budget allows, waiting as long as the request would. Raises Throttled with `after` set."""
        if request.budget == "":
            return self._inner.send(request)
        name = request.budget if request.shared else f"{self._account}:{request.budget}"
        if not request.booked:
            self._take(name, request)
        try:
            return self._inner.send(request)
        except Throttled as error:
            after = DEFAULT_BLOCK if error.after is None else error.after
            self._budget.block(name, after)
            raise Throttled(error.message, fix=error.fix, after=after) from error

    def _take(self, name: str, request: Request) -> None:
        """Book the call. One that stands back comes a little after its turn began: who does not is there by then."""
        late = min(_STAND_BACK, request.interval / 4) if request.stands_back else 0.0
        waited = 0.0
        while True:
            try:
                self._budget.take(name, request.interval)
            except Throttled as error:
                wait = DEFAULT_BLOCK if error.after is None else error.after + late
                if self._clock is None or waited + wait > request.patience:
                    raise
                self._clock.sleep(wait)
                waited += wait
            else:
                return

    def close(self) -> None:
        """Give back connections."""
        self._inner.close()


class Authorized:
    """Adds the secret headers; innermost, so that no other wrapper ever holds them."""

    def __init__(self, inner: Transport, headers: tuple[tuple[str, SecretStr], ...]) -> None:
        self._inner = inner
        self._headers = headers

    def send(self, request: Request) -> Response:
        """Send with the headers added."""
        return self._inner.send(replace(request, secrets=request.secrets + self._headers))

    def close(self) -> None:
        """Give back connections."""
        self._inner.close()


def bare(access: Access, *, clock: Clock) -> Transport:
    """Return a client without login, pacing or retries."""
    from gateway.transport.http_client import HttpxClient  # noqa: PLC0415  httpx is loaded by who makes calls only

    return HttpxClient(access, clock=clock)


def connect(
    access: Access,
    *,
    account: str,
    clock: Clock,
    budget: Budget,
    policy: RetryPolicy = RetryPolicy(),
    tokens: TokenStore | None = None,
) -> Transport:
    """Return the stacked transport of one account. Raises SettingsError for an address that may not be used.

    Retrying is outermost so that each attempt is booked; auth is innermost so that nothing above sees a secret.
    `tokens`: where access tokens are kept; needed where the access has to get them.
    """
    client: Transport = Authorized(bare(access, clock=clock), access.secrets)
    if access.oauth is not None:
        if tokens is None:
            raise SettingsError(f"{account} needs a store for its access tokens.", fix="Give connect() one.")
        client = Tokens(
            client, access.oauth, place=access.base_url, account=account, clock=clock, store=tokens,
            timeout=access.timeout,
        )  # fmt: skip
    return Retrying(Paced(client, budget=budget, account=account, clock=clock), clock=clock, policy=policy)
