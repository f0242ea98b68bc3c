"""Prices at the Mirakl twin: PRI01, PRI02, PRI03, and what an import does to the shop."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from starlette.responses import Response

from gateway.twin import mirakl_apis as apis
from gateway.twin import mirakl_prices as prices
from gateway.twin.answering import json_answer
from gateway.twin.mirakl_csv import BadFileError, decode, header, numbered_report, sheet
from gateway.twin.mirakl_dates import wire_time
from gateway.twin.mirakl_http import Ask, RefusalError, csv_answer, no_report
from gateway.twin.mirakl_market import ODD_STATUS, Event, Market
from gateway.twin.mirakl_paging import seek
from gateway.twin.mirakl_state import Change, PriceImport
from gateway.twin.mirakl_tasks import begin, digest, numbered

_ORIGINS = ("API", "FTP", "SFTP", "HTTP", "HTTPS", "FRONT", "PENDING_OFFERS")
_STATUSES = ("WAITING", "RUNNING", "COMPLETE", "FAILED")


class PriceDesk:
    """Takes price files and gives each offer in them the prices it holds, and no others."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._settings = market.settings
        market.add(self)

    def handlers(self) -> dict[apis.Api, Callable[[Ask], Response]]:
        """What answers which call."""
        return {apis.PRI01: self._pri01, apis.PRI02: self._pri02, apis.PRI03: self._pri03}

    def _pri01(self, ask: Ask) -> Response:
        """201 and the import's id as text (PRI01; verified). No repetition is noticed: its page says nothing of it."""
        market, settings = self._market, self._settings
        self._check_columns(ask.file)
        with market.lock:
            plan = market.plan("PRI01")
            odd = ODD_STATUS if market.faults.strikes("unknown_status", "PRI01") else "RUNNING"
            steps = [("WAITING", settings.waiting_seconds), (odd, settings.running_seconds)]
            last = "FAILED" if plan == "fail" else "COMPLETE"
            start = begin(market, "PRI01", market.state.price_imports, ask.shop_id, steps, last)
            terms = numbered(market, ask.shop_id, start, digest(ask.file), plan, ask.file)
            item = PriceImport(**terms | {"import_id": str(uuid.uuid4())})
            market.state.price_imports[item.import_id] = item
            market.save()
        # There is no path for one import: the list filtered by its id is its status (PRI02; verified).
        location = f"{ask.address(apis.PRI02.path)}?import_id={item.import_id}"
        return json_answer({"import_id": item.import_id}, 201, {"Location": location})

    def _check_columns(self, body: bytes) -> None:
        unknown = prices.unknown_column(header(body, self._settings))
        if unknown is not None and self._settings.refuse_unknown:
            raise RefusalError(400, f"Unknown column '{unknown}'")

    # ------------------------------------------------------------ what happens

    def due(self, now: datetime) -> Iterator[Event]:
        """Ends of imports."""
        for item in self._market.state.price_imports.values():
            if not item.settled and item.ends_at is not None and item.ends_at <= now:
                yield item.ends_at, partial(self._end, item)

    def _end(self, item: PriceImport, at: datetime) -> None:
        state, settings = self._market.state, self._settings
        if item.plan == "fail":
            item.fail("The file could not be processed", at)
            return
        try:
            table = sheet(decode(item.body, settings))
            prices.check_header(table)
        except BadFileError as error:
            item.fail(str(error), at)
            return
        if not table.records and settings.fail_empty:
            item.fail("The file holds no prices", at)
            return
        offers = state.shops[item.shop_id].offers
        verdict = prices.judge(table, offers, settings, at, spoiled=item.plan == "all_in_error")
        for sku, (line, rows) in verdict.prices.items():
            offers[sku].prices, offers[sku].updated = rows, at
            state.changes.append(Change(at, item.shop_id, item.import_id, "price", line, sku, "replace"))
        item.settled, item.body = True, b""
        item.errors = len(verdict.bad) if settings.price_errors_count_offer else verdict.faulty
        item.success = verdict.lines - len(verdict.bad)
        item.offers_updated, item.offers_in_error = len(verdict.prices), verdict.offers_in_error
        item.report = numbered_report(verdict.bad, table.columns, settings) if verdict.bad else ""

    # ------------------------------------------------------------ the seller API

    def _pri02(self, ask: Ask) -> Response:
        with self._market.lock:
            self._market.settle()
            now = self._market.clock.now()
            items = [item for item in self._market.state.price_imports.values() if item.shop_id == ask.shop_id]
            return json_answer(seek(ask, self._settings, items, partial(_filters, now=now), partial(_view, now=now)))

    def _pri03(self, ask: Ask) -> Response:
        import_id = ask.request.path_params["import_id"]
        with self._market.lock:
            self._market.settle()
            item = self._market.state.price_imports.get(import_id)
        if item is None or item.shop_id != ask.shop_id:
            raise RefusalError(404, f"Resource not available : import id {import_id}")
        if not item.report or self._market.faults.strikes("report_missing", "PRI03"):
            raise no_report(import_id)
        return csv_answer(item.report, f"price-errors-{import_id}.csv")


def _view(item: PriceImport, now: datetime) -> dict[str, Any]:
    """One import (PRI02; fields verified); nothing is counted before the end."""
    return {
        "import_id": item.import_id,
        "status": item.status(now),
        "date_created": wire_time(item.created),
        "has_error_report": bool(item.report),
        "lines_in_success": item.success,
        "lines_in_error": item.errors,
        "offers_updated": item.offers_updated,
        "offers_in_error": item.offers_in_error,
        "origin": "API",
        "reason_status": item.reason,
        "shop_id": item.shop_id,
    }


def _filters(ask: Ask, now: datetime) -> Callable[[PriceImport], bool]:
    """Filters of PRI02 (parameters verified). Raises RefusalError."""
    within, status, origins = ask.period(), ask.choice("status", _STATUSES), ask.choices("origins", _ORIGINS)
    ids = ask.request.query_params.getlist("import_id")

    def keep(item: PriceImport) -> bool:
        wanted = within(item.created) and status in {None, item.status(now)} and (not ids or item.import_id in ids)
        return wanted and (not origins or "API" in origins)

    return keep
