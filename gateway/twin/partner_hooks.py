"""The webhook sender of the Partner API twin: tells a partner's address how jobs ended.

Source: Partner API documentation, testing the integration and general FAQ: the address and a mandatory secret are set
in the portal, the secret is sent as it is (verified); retries, order and repeats are documented nowhere (assumption).
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import orjson

from gateway.errors import SettingsError
from gateway.twin.partner_market import Market
from gateway.twin.partner_state import Delivery, Job


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a chain is told about its jobs. Raises SettingsError: without a secret it can't be enabled (verified)."""

    url: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise SettingsError(f"The webhook's address is {self.url!r}: expected http:// or https://.")
        if not self.secret:
            raise SettingsError("The webhook has no secret: the portal enables none without.")


class Sender:
    """Sends what is due, one after another; `tells` makes what is said about a job."""

    def __init__(self, market: Market, tells: Callable[[Job], dict[str, Any]]) -> None:
        self._market, self._tells = market, tells
        self._hooks: dict[str, Hook] = {}
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        market.told = lambda job: job.chain_id in self._hooks

    def hear(self, chain_id: str, hook: Hook | None) -> None:
        """Set the webhook of a chain, as its portal does, or take it away."""
        if hook is None:
            self._hooks.pop(chain_id, None)
        else:
            self._hooks[chain_id] = hook

    def close(self) -> None:
        """Give connections back."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def step(self) -> None:
        """Send everything that is due now."""
        with self._lock:
            while (delivery := self._next()) is not None:
                self._send(delivery)

    def _next(self) -> Delivery | None:
        market = self._market
        with market.lock:
            market.settle()
            now = market.clock.now()
            due = [one for one in market.state.deliveries if one.state == "waiting" and self._ready(one, now)]
            return min(due, key=lambda one: (one.due, one.number), default=None)

    def _ready(self, one: Delivery, now: datetime) -> bool:
        if one.due > now:
            return False
        listed = self._market.state.deliveries
        first = listed[one.after - 1] if 0 < one.after <= len(listed) else None
        if one.after == 0 or (first is not None and (first.state != "waiting" or bool(first.answers))):
            return True
        return self._market.clock.since(one.due) >= self._market.faults.late_seconds  # no other came to overtake it

    def _send(self, delivery: Delivery) -> None:
        market = self._market
        hook = self._hooks.get(delivery.chain_id)
        with market.lock:
            job = market.state.jobs.get(delivery.job_id)
            if hook is None or job is None:
                delivery.state = "given_up"
                market.save()
                return
        # Not under the market's lock: whoever is told may ask back before answering.
        status = self._post(hook, delivery, self._body(delivery, job))
        with market.lock:
            self._note(delivery, status)
            market.save()

    def _note(self, delivery: Delivery, status: int) -> None:
        delivery.answers.append(status)
        waits, clock = self._market.settings.hook_retry_seconds, self._market.clock
        if 200 <= status < 300:
            delivery.state = "delivered"
        elif len(delivery.answers) > len(waits):
            delivery.state = "given_up"
        else:
            delivery.due = clock.later(clock.now(), waits[len(delivery.answers) - 1])

    def _body(self, delivery: Delivery, job: Job) -> bytes:
        body = orjson.dumps(self._tells(job))
        if delivery.foreign:
            stranger = str(uuid.uuid5(uuid.NAMESPACE_URL, job.job_id))
            body = body.replace(job.job_id.encode(), stranger.encode())
        return body[: len(body) // 2] if delivery.garbage else body

    def _post(self, hook: Hook, delivery: Delivery, body: bytes) -> int:
        settings = self._market.settings
        secret = f"not-{hook.secret}" if delivery.wrong_secret else hook.secret
        shown = f"Bearer {secret}" if settings.hook_bearer else secret
        headers = {settings.hook_header: shown, "Content-Type": "application/json"}
        if self._client is None:
            self._client = httpx.Client(timeout=settings.hook_timeout, trust_env=False)
        try:
            return self._client.post(hook.url, content=body, headers=headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            return 0
