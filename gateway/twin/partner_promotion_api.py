"""Promotions at the Partner API twin: P1 and P2 over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.responses import Response

from gateway.twin import partner_calls as calls
from gateway.twin import partner_promotions as promotions
from gateway.twin.answering import json_answer
from gateway.twin.partner_catalog_api import accepted
from gateway.twin.partner_http import Ask, RefusalError, refused
from gateway.twin.partner_market import Market
from gateway.twin.partner_products import BadCallError
from gateway.twin.partner_state import Job


class PromotionDesk:
    """Takes promotions and answers for their jobs."""

    def __init__(self, market: Market) -> None:
        self._market, self._settings = market, market.settings
        market.ends("P1", self._end)

    def handlers(self) -> dict[calls.Call, Callable[[Ask], Response]]:
        """What answers which call."""
        return {calls.P1: self._p1, calls.P2: self._p2}

    def _p1(self, ask: Ask) -> Response:
        """202 with a job (use cases; verified)."""
        chain = ask.chain
        try:
            wish = promotions.read(ask.body, chain, self._settings, self._market.clock.now())
            if self._settings.dear_promotion == "call":
                promotions.dear(wish, lambda vendor: self._market.shelf(chain.chain_id, vendor))
        except BadCallError as error:
            raise refused(error) from error
        queued = self._settings.promotion_queued_seconds
        return accepted(self._market.begin("P1", chain.chain_id, body=ask.body, queued=queued))

    def _p2(self, ask: Ask) -> Response:
        job = self._market.find(ask.request.path_params["job"])
        if job is None or job.chain_id != ask.chain.chain_id or job.call != "P1" or not self._settings.promotion_polls:
            raise RefusalError(404, "Job not found")
        view: dict[str, Any] = {"job_id": job.job_id, "job_status": self._market.word(job)}
        if job.result is not None and self._settings.promotion_results:
            view["result"] = job.result
        return json_answer(view)

    def _end(self, job: Job, at: datetime) -> None:
        market, chain = self._market, self._settings.chain(job.chain_id)
        if chain is None:
            job.state = "FAILED"
            return
        # Judged by the rules of the moment it was sent: it may have begun or ended since.
        wish = promotions.read(job.body.encode(), chain, self._settings, job.created)
        if job.plan == "refuse":
            every = {vendor: list(wish.wanted) for vendor in wish.promotion.vendors}
            outcome = promotions.Outcome("COMPLETED", missing=every)
        else:
            shelf = market.state.shelf
            known = market.state.promotions
            outcome = promotions.take(wish, known, lambda vendor: shelf(job.chain_id, vendor), self._settings)
            if outcome.state == "COMPLETED":
                self._note(job, wish, at)
        job.state, job.result = outcome.state, outcome.result

    def _note(self, job: Job, wish: promotions.Wish, at: datetime) -> None:
        new = wish.promotion
        for vendor in new.vendors:
            for sku, wanted in wish.wanted.items():
                entry = new.entries.get(vendor, {}).get(sku)
                gone = not new.active or not wanted.active
                if entry is not None or gone:
                    value = "" if gone or entry is None else f"{new.name}: {entry.kind} {entry.value}"
                    self._market.effect(job.chain_id, vendor, sku, job.job_id, at, "promotion", value, None)
