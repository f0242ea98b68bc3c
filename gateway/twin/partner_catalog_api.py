"""Assortments at the Partner API twin: C1 to C4, C6 and C8 over HTTP."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from starlette.responses import Response

from gateway.twin import partner_calls as calls
from gateway.twin import partner_products as products
from gateway.twin.answering import json_answer, number
from gateway.twin.partner_downloads import Downloads, export, log, padded
from gateway.twin.partner_http import Ask, RefusalError, refused
from gateway.twin.partner_market import Market
from gateway.twin.partner_settings import Vendor
from gateway.twin.partner_state import Item, Job, LogRow

CATEGORIES = (
    ("0b1d7a52-63a5-4b55-9a33-000000000001", "Dairy", None),
    ("0b1d7a52-63a5-4b55-9a33-000000000002", "Milk", "0b1d7a52-63a5-4b55-9a33-000000000001"),
    ("0b1d7a52-63a5-4b55-9a33-000000000003", "Bakery", None),
)
"""Id, name and parent of each category; the parents are no leaves."""
_STATUSES = frozenset({"OPEN", "CLOSED_TODAY", "CLOSED_UNTIL", "CHECKIN"})
_OUTLET_REASONS = frozenset(
    [
        "TOO_BUSY_NO_DRIVERS",
        "TOO_BUSY_KITCHEN",
        "UPDATES_IN_MENU",
        "TECHNICAL_PROBLEM",
        "CLOSED",
        "OTHER",
        "BAD_WEATHER",
        "HOLIDAY_SPECIAL_DAY",
    ]
)


class CatalogDesk:
    """Takes updates of assortments, shows them, and answers for their jobs."""

    def __init__(self, market: Market, downloads: Downloads) -> None:
        self._market, self._settings, self._downloads = market, market.settings, downloads
        market.ends("C1", self._end_update)
        market.ends("C3", self._end_export)

    def handlers(self) -> dict[calls.Call, Callable[[Ask], Response]]:
        """What answers which call."""
        return {
            calls.C1: self._c1,
            calls.C2: self._c2,
            calls.C3: self._c3,
            calls.C4: self._c4,
            calls.C6: self._c6,
            calls.C8_READ: self._outlet,
            calls.C8_WRITE: self._set_outlet,
        }

    # ------------------------------------------------------------ updates

    def _c1(self, ask: Ask) -> Response:
        """202 and a job (use cases; verified); one product may be done at once with 200 (older edition)."""
        market, chain_id, vendor = self._market, ask.chain.chain_id, ask.store
        try:
            given = products.products(ask.body, self._settings)
        except products.BadCallError as error:
            raise refused(error) from error
        with market.lock:
            market.settle()
            busy = market.under_way("C1", chain_id, vendor.vendor_id)
            if busy and self._settings.overlap == "refuse":
                market.note("overlap", vendor.vendor_id, f"sent while {busy[-1].job_id} was under way")
                raise RefusalError(409, "A job of this vendor is in progress")
            if len(given) == 1 and self._settings.single_answer == "done":
                return self._at_once(ask, vendor, given)
            job = market.begin("C1", chain_id, vendor.vendor_id, ask.body)
        return accepted(job)

    def _at_once(self, ask: Ask, vendor: Vendor, given: list[products.Given]) -> Response:
        market, chain_id = self._market, ask.chain.chain_id
        shelf = market.state.shelf(chain_id, vendor.vendor_id)
        verdict = products.judge(given, vendor, shelf, self._settings, call=True)
        row = verdict.rows[0]
        if row.error:
            raise RefusalError(400, row.error)
        market.apply(chain_id, vendor.vendor_id, verdict.changes, "at once", market.clock.now())
        market.save()
        return json_answer({"sku": row.sku})

    def _end_update(self, job: Job, at: datetime) -> None:
        del at
        vendor = self._vendor(job)
        given = products.products(job.body.encode(), self._settings)
        shelf = self._market.state.shelf(job.chain_id, vendor.vendor_id)
        verdict = products.judge(given, vendor, shelf, self._settings, call=True)
        if job.plan == "refuse":
            verdict = products.Verdict([], [LogRow(row.sku, "Product cannot be updated now") for row in verdict.rows])
        job.state, job.rows, job.changes = "COMPLETED", verdict.rows, verdict.changes
        job.file = log(job.rows[:-1] if job.log_short else job.rows, self._settings)

    # ------------------------------------------------------------ reads

    def _c2(self, ask: Ask) -> Response:
        """Pages from 1 by `page`; `page_number`, as the answer calls it, is ignored (live-reported)."""
        page, size = ask.whole("page", 1), ask.whole("page_size", self._settings.page_size)
        if size > self._settings.max_page_size:
            raise RefusalError(400, f"page_size must be at most {self._settings.max_page_size}")
        active, term = ask.flag("is_active"), ask.query.get("query_term", "").lower()
        wanted = {word for word in ask.query.get("category_global_ids", "").split(",") if word}
        found = [
            item
            for item in self._market.shelf(ask.chain.chain_id, ask.store.vendor_id).values()
            if (active is None or item.active is active)
            and (not wanted or wanted & set(item.categories))
            and (not term or term in item.sku.lower() or term in item.title.lower() or term in item.barcodes)
        ]
        rows = [self._view(item) for item in found[(page - 1) * size : page * size]]
        pages = math.ceil(len(found) / size)
        return json_answer({"page_number": page, "page_size": size, "total_pages": pages, "products": rows})

    def _view(self, item: Item) -> dict[str, Any]:
        settings = self._settings
        codes = [padded(code, settings) for code in item.barcodes]
        shown = codes if settings.barcode_field == "barcodes" else (codes[0] if codes else None)
        title = dict.fromkeys(settings.locales, item.title) if settings.title_map else item.title
        view = {"sku": item.sku, settings.barcode_field: shown, "title": title}
        return view | {"price": number(item.price), "active": item.active}

    def _c3(self, ask: Ask) -> Response:
        return accepted(self._market.begin("C3", ask.chain.chain_id, ask.store.vendor_id))

    def _end_export(self, job: Job, at: datetime) -> None:
        del at
        job.state = "COMPLETED"
        job.file = export(self._market.state.shelf(job.chain_id, job.vendor_id), self._settings)

    def _c4(self, ask: Ask) -> Response:
        """Categories; only the parameter is documented, the fields are inferred from those of C2 and C5."""
        parents = {parent for _, _, parent in CATEGORIES if parent}
        leaves = ask.flag("only_leaves") or False
        names = self._settings.locales
        rows = [
            {"global_id": one, "name": dict.fromkeys(names, name), "parent_global_id": parent}
            for one, name, parent in CATEGORIES
            if not (leaves and one in parents)
        ]
        return json_answer({"categories": rows})

    def _c6(self, ask: Ask) -> Response:
        """State of a job: documented for creation (verified), answers for the others live-reported."""
        job = self._market.find(ask.request.path_params["job"])
        if job is None or job.chain_id != ask.chain.chain_id or job.call == "P1":
            raise RefusalError(404, "Job not found")
        if job.call != "C5" and self._settings.polls == "creation":
            raise RefusalError(404, "Job not found")
        return json_answer(self.told(job))

    def told(self, job: Job) -> dict[str, Any]:
        """What is said about a job, by its status and by the webhook; field names are live-reported."""
        settings = self._settings
        view: dict[str, Any] = {"job_id": job.job_id, settings.status_name: self._market.word(job)}
        if job.vendor_id:
            view[settings.vendor_name] = job.vendor_id
        if (address := self._downloads.address(job)) is not None:
            view["download_url"] = address
        if job.result is not None:
            view["result"] = job.result
        return view

    # ------------------------------------------------------------ outlets

    def _outlet(self, ask: Ask) -> Response:
        with self._market.lock:
            return json_answer(self._said(ask))

    def _said(self, ask: Ask) -> dict[str, Any]:
        key = f"{ask.chain.chain_id}/{ask.store.vendor_id}"
        return self._market.state.outlets.get(key, {"status": "OPEN"})

    def _set_outlet(self, ask: Ask) -> Response:
        """Statuses and reasons are live-reported, that CLOSED_UNTIL wants a time too."""
        try:
            said = products.document(ask.body)
            products.names_known(said, {"status", "reason", "closed_until"}, self._settings, "body")
        except products.BadCallError as error:
            raise refused(error) from error
        if said.get("status") not in _STATUSES:
            raise RefusalError(400, f"status '{said.get('status')}' is not allowed")
        if said["status"] == "CLOSED_UNTIL" and not isinstance(said.get("closed_until"), str):
            raise RefusalError(400, "closed_until is required")
        if said.get("reason") not in _OUTLET_REASONS | {None}:
            raise RefusalError(400, f"reason '{said.get('reason')}' is not allowed")
        with self._market.lock:
            self._market.state.outlets[f"{ask.chain.chain_id}/{ask.store.vendor_id}"] = said
            self._market.save()
        return Response(status_code=204) if self._settings.status_answer == "empty" else json_answer(said)

    def _vendor(self, job: Job) -> Vendor:
        chain = self._settings.chain(job.chain_id)
        vendor = None if chain is None else chain.vendor(job.vendor_id)
        return vendor or Vendor(job.vendor_id)


def accepted(job: Job, **more: object) -> Response:
    """202 with the job (specification; verified of C5, testing the integration of C1)."""
    state = job.state or "QUEUED"
    return Response(orjson.dumps({"job_id": job.job_id, "job_status": state} | more), 202, None, "application/json")
