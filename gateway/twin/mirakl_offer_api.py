"""Offers at the Mirakl twin: OF01, OF02, OF03, OF04, OF24, and what an import does to the shop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from starlette.responses import Response

from gateway.twin import mirakl_apis as apis
from gateway.twin import mirakl_offers as offers
from gateway.twin.answering import json_answer
from gateway.twin.mirakl_csv import BadFileError, Sheet, decode, header, sheet
from gateway.twin.mirakl_dates import wire_time
from gateway.twin.mirakl_http import Ask, Door, RefusalError, csv_answer, no_report
from gateway.twin.mirakl_market import ODD_STATUS, Event, Market
from gateway.twin.mirakl_offer_json import as_file
from gateway.twin.mirakl_paging import seek
from gateway.twin.mirakl_product_api import ProductDesk
from gateway.twin.mirakl_state import Change, OfferImport
from gateway.twin.mirakl_tasks import begin, digest, duplicate, numbered

ORIGINS = ("API", "FTP", "SFTP", "HTTP", "HTTPS", "FRONT", "PENDING_OFFERS")
_STATUSES = ("WAITING_SYNCHRONIZATION_PRODUCT", "WAITING", "RUNNING", "COMPLETE", "FAILED")
_MODES = ("NORMAL", "REPLACE")


class OfferDesk:
    """Takes offer files and offers in JSON, and writes them to the shop."""

    def __init__(self, market: Market, products: ProductDesk, door: Door) -> None:
        self._market = market
        self._settings = market.settings
        self._products = products
        self._door = door
        market.add(self)

    def handlers(self) -> dict[apis.Api, Callable[[Ask], Response]]:
        """What answers which call."""
        return {
            apis.OF01: self._of01,
            apis.OF02: self._of02,
            apis.OF03: self._of03,
            apis.OF04: self._of04,
            apis.OF24: self._of24,
        }

    # ------------------------------------------------------------ accepting

    def _of01(self, ask: Ask) -> Response:
        """201, one number or two, and the address of the status in `Location` (OF01; verified)."""
        with_products = ask.switch("with_products")
        self._door.limit(ask.shop_id, "OF01_PRODUCTS" if with_products else "OF01")
        mode = ask.parts.get("import_mode")
        if mode is None:
            # Text live-reported.
            raise RefusalError(400, "Param 'import_mode' is required")
        if mode not in _MODES:
            raise RefusalError(400, f"Param 'import_mode' does not take '{mode}'")
        operator_format = ask.switch("operator_format")
        if not (with_products and not operator_format):
            self._check_columns(ask.file, with_products=with_products)
        mark = digest(ask.file, mode, with_products, operator_format)
        with self._market.lock:
            self._market.settle()
            item = duplicate(self._market, self._market.state.offer_imports, ask.shop_id, mark)
            if item is None:
                item = self._accept(ask, ask.file, mode, mark, with_products=with_products, operator=operator_format)
        return self._accepted(ask, item)

    def _of24(self, ask: Ask) -> Response:
        """Offers in JSON: whole records, what is left out goes back to its default (OF24; verified)."""
        body = as_file(ask.document, self._settings)
        mark = digest(body, "OF24")
        with self._market.lock:
            self._market.settle()
            item = duplicate(self._market, self._market.state.offer_imports, ask.shop_id, mark)
            if item is None:
                item = self._accept(ask, body, "NORMAL", mark, reset=True)
        return self._accepted(ask, item)

    def _accepted(self, ask: Ask, item: OfferImport) -> Response:
        content = {"import_id": item.number}
        if item.product_import is not None:
            content["product_import_id"] = item.product_import
        location = ask.address(f"{apis.OF01.path}/{item.import_id}")
        return json_answer(content, 201, {"Location": location})

    def _check_columns(self, body: bytes, *, with_products: bool) -> None:
        if not self._settings.refuse_unknown:
            return
        attributes = {attribute.code for attribute in self._settings.catalog.attributes} if with_products else set()
        for name in header(body, self._settings):
            if name not in attributes and not offers.known_column(name, self._settings):
                raise RefusalError(400, f"Unknown column '{name}'")

    def _accept(
        self, ask: Ask, body: bytes, mode: str, mark: str, *, with_products: bool = False, operator: bool = False,
        reset: bool = False,
    ) -> OfferImport:  # fmt: skip
        market, settings, api = self._market, self._settings, "OF24" if reset else "OF01"
        products = None
        if with_products:
            products = self._products.accept(ask.shop_id, body, operator_format=operator, with_offers=True)
        plan = market.plan(api)
        odd = ODD_STATUS if market.faults.strikes("unknown_status", api) else "RUNNING"
        steps = [("WAITING", settings.waiting_seconds), (odd, settings.running_seconds)]
        last = "FAILED" if plan == "fail" else "COMPLETE"
        if products is not None:
            steps.insert(0, ("WAITING_SYNCHRONIZATION_PRODUCT", 0.0))
        not_before = None if products is None else products.ends_at
        start = begin(market, api, market.state.offer_imports, ask.shop_id, steps, last, not_before)
        if products is not None and products.ends_at is None:
            start = start.stuck()
        item = OfferImport(
            **numbered(market, ask.shop_id, start, mark, plan, body),
            mode=mode, reset=reset, product_import=None if products is None else products.number,
        )  # fmt: skip
        market.state.offer_imports[item.import_id] = item
        market.save()
        return item

    # ------------------------------------------------------------ what happens

    def due(self, now: datetime) -> Iterator[Event]:
        """Ends of imports."""
        for item in self._market.state.offer_imports.values():
            if not item.settled and item.ends_at is not None and item.ends_at <= now:
                yield item.ends_at, partial(self._end, item)

    def _end(self, item: OfferImport, at: datetime) -> None:
        if item.plan == "fail":
            item.fail("The file could not be processed", at)
            return
        try:
            table = sheet(decode(item.body, self._settings))
            offers.check_header(table, self._settings)
        except BadFileError as error:
            item.fail(str(error), at)
            return
        if not table.records and self._settings.fail_empty:
            item.fail("The file holds no offers", at)
            return
        item.settled, item.body, item.read = True, b"", len(table.records)
        self._run(item, table, at)

    def _run(self, item: OfferImport, table: Sheet, at: datetime) -> None:
        state, settings = self._market.state, self._settings
        shop = state.shops[item.shop_id]
        rules = offers.Rules(state, shop, settings, at, item.mode, item.reset)
        drafts, bad = offers.judge(table, rules, spoiled=item.plan == "all_in_error")
        counts = dict.fromkeys(("insert", "update", "delete"), 0)
        for draft in drafts:
            action = offers.apply(draft, rules, at)
            counts[action] += 1
            change = Change(at, item.shop_id, item.import_id, "offer", draft.number, draft.sku, action)
            state.changes.append(change)
        if item.mode == "REPLACE":
            counts["delete"] += self._replace(item, table, {draft.sku for draft in drafts}, at)
        item.success, item.errors = len(drafts), len(bad)
        item.inserted, item.updated, item.deleted = counts["insert"], counts["update"], counts["delete"]
        item.report = offers.report(table, bad, settings) if bad else ""

    def _replace(self, item: OfferImport, table: Sheet, good: set[str], at: datetime) -> int:
        """Delete what the file leaves out (OF01, mode REPLACE; help pages; verified)."""
        state = self._market.state
        shop = state.shops[item.shop_id]
        named = {record.value("sku") for record in table.records} if self._settings.replace_spares_faulty else good
        left_out = [sku for sku in shop.offers if sku not in named]
        for sku in left_out:
            offers.remove(shop, sku, at)
            state.changes.append(Change(at, item.shop_id, item.import_id, "offer", 0, sku, "delete"))
        return len(left_out)

    # ------------------------------------------------------------ the seller API

    def _of02(self, ask: Ask) -> Response:
        """One import; `type` is deprecated but always there (OF02; verified)."""
        view = self._view(self._find(ask), self._market.clock.now())
        return json_answer(view | {"type": "MIRAKL"})

    def _of04(self, ask: Ask) -> Response:
        with self._market.lock:
            self._market.settle()
            now = self._market.clock.now()
            items = [item for item in self._market.state.offer_imports.values() if item.shop_id == ask.shop_id]

            def view(item: OfferImport) -> dict[str, Any]:
                row = self._view(item, now) | {"origin": "API", "shop_id": item.shop_id}
                return row if item.reason else {name: cell for name, cell in row.items() if name != "reason_status"}

            return json_answer(seek(ask, self._settings, items, partial(_filters, now=now), view))

    def _view(self, item: OfferImport, now: datetime) -> dict[str, Any]:
        """One import (OF02; fields verified). Nothing is counted before the end; no offers wait for an approval."""
        return {
            "import_id": item.number,
            "status": item.status(now),
            "mode": item.mode,
            "date_created": wire_time(item.created),
            "has_error_report": bool(item.report),
            "lines_read": item.read,
            "lines_in_success": item.success,
            "lines_in_error": item.errors,
            "lines_in_pending": 0,
            "offer_inserted": item.inserted,
            "offer_updated": item.updated,
            "offer_deleted": item.deleted,
            "reason_status": item.reason or None,
        }

    def _of03(self, ask: Ask) -> Response:
        item = self._find(ask)
        if not item.report or self._market.faults.strikes("report_missing", "OF03"):
            raise no_report(item.import_id)
        return csv_answer(item.report, f"offer-errors-{item.import_id}.csv", "application/octet-stream")

    def _find(self, ask: Ask) -> OfferImport:
        with self._market.lock:
            self._market.settle()
            item = self._market.state.offer_imports.get(ask.request.path_params["import"])
        if item is None or item.shop_id != ask.shop_id:
            raise RefusalError(404, f"Resource not available : import id {ask.request.path_params['import']}")
        return item


def _filters(ask: Ask, now: datetime) -> Callable[[OfferImport], bool]:
    """Filters of OF04 (parameters verified). Raises RefusalError."""
    within, status, mode = ask.period(), ask.choice("status", _STATUSES), ask.choice("mode", _MODES)
    origins = ask.choices("origins", ORIGINS)

    def keep(item: OfferImport) -> bool:
        wanted = within(item.created) and status in {None, item.status(now)} and mode in {None, item.mode}
        return wanted and (not origins or "API" in origins)

    return keep
