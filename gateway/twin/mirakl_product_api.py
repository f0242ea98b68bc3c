"""Products at the Mirakl twin: P31, P41, P42, P44-P47, P51, and the two stages an import goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from starlette.responses import Response

from gateway.twin import mirakl_apis as apis
from gateway.twin import mirakl_products as products
from gateway.twin.answering import json_answer
from gateway.twin.mirakl_catalog import CATEGORY_ROLE, SKU_ROLE, TITLE_ROLE
from gateway.twin.mirakl_csv import BadFileError, header
from gateway.twin.mirakl_dates import wire_time
from gateway.twin.mirakl_http import Ask, RefusalError, csv_answer, no_report
from gateway.twin.mirakl_market import ODD_STATUS, Event, Market
from gateway.twin.mirakl_paging import link_header, page
from gateway.twin.mirakl_state import Action, Change, Product, ProductImport
from gateway.twin.mirakl_tasks import begin, digest, numbered

Owners = dict[tuple[str, str], str]
"""Which product has a reference: type and value -> the operator's sku."""
_STATUSES = ("CANCELLED", "WAITING", "RUNNING", "SENT", "COMPLETE", "FAILED")
_DETAILS = (
    "invalid_products",
    "products_not_accepted_in_time",
    "products_not_synchronized_in_time",
    "products_reimported",
    "products_successfully_synchronized",
    "products_with_synchronization_issues",
    "products_with_wrong_identifiers",
    "rejected_products",
)
_REPORTS: Mapping[str, tuple[str, str, frozenset[str]]] = {
    "P44": ("report", "error_report", frozenset({"COMPLETE"})),
    "P45": ("added_report", "new_product_report", frozenset({"COMPLETE"})),
    "P46": ("transformed", "transformed_file", frozenset({"SENT", "COMPLETE"})),
    "P47": ("source_report", "transformation_error_report", frozenset({"SENT", "COMPLETE"})),
}
"""Where a report is kept, its name, and the statuses in which it can be had (P42; verified)."""


class ProductDesk:
    """Takes product files, runs both stages, and puts on the shelf what the operator accepts."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._settings = market.settings
        market.add(self)

    def handlers(self) -> dict[apis.Api, Callable[[Ask], Response]]:
        """What answers which call."""
        reports = {api: partial(self._report, api.code) for api in (apis.P44, apis.P45, apis.P46, apis.P47)}
        return {apis.P31: self._p31, apis.P41: self._p41, apis.P51: self._p51, apis.P42: self._p42, **reports}

    # ------------------------------------------------------------ accepting

    def accept(self, shop_id: int, body: bytes, *, operator_format: bool, with_offers: bool = False) -> ProductImport:
        """Take a product file. Raises RefusalError for a column that the operator has not."""
        market, settings = self._market, self._settings
        if operator_format and settings.refuse_unknown and not with_offers:
            known = {attribute.code for attribute in settings.catalog.attributes}
            for name in header(body, settings, comma=True):
                if name not in known:
                    raise RefusalError(400, f"Unknown column '{name}'")
        wait, run = settings.waiting_seconds, settings.running_seconds
        with market.lock:
            plan = market.plan("P41")
            odd = ODD_STATUS if market.faults.strikes("unknown_status", "P41") else "RUNNING"
            # The words: P42; verified. Their order, TRANSFORMATION_* first: inferred.
            steps = [("TRANSFORMATION_WAITING", wait), ("TRANSFORMATION_RUNNING", run), ("WAITING", wait), (odd, run)]
            last = "FAILED" if plan == "fail" else "COMPLETE"
            if plan != "fail":
                steps.append(("SENT", settings.sent_seconds))
            started = begin(market, "P41", market.state.product_imports, shop_id, steps, last)
            ends_at = started.ends_at
            item = ProductImport(
                **numbered(market, shop_id, started, digest(body), plan, body),
                operator_format=operator_format,
                judged_at=ends_at if plan == "fail" else dict(started.timeline)["SENT"],
                details_at=None if ends_at is None else market.clock.later(ends_at, settings.details_seconds),
            )
            market.state.product_imports[item.import_id] = item
            market.save()
        return item

    # ------------------------------------------------------------ what happens

    def due(self, now: datetime) -> Iterator[Event]:
        """Ends of first and second stages."""
        for item in self._market.state.product_imports.values():
            if not item.judged and item.judged_at is not None and item.judged_at <= now:
                yield item.judged_at, partial(self._judge, item)
            if not item.settled and item.ends_at is not None and item.ends_at <= now:
                yield item.ends_at, partial(self._integrate, item)

    def _judge(self, item: ProductImport, at: datetime) -> None:
        item.judged = True
        if item.plan == "fail":
            item.fail("The file could not be processed", at)
            return
        try:
            verdict = products.judge(
                item.body, self._settings, operator_format=item.operator_format, spoiled=item.plan == "all_in_error"
            )
        except BadFileError as error:
            item.fail(str(error), at)
            return
        if not verdict.read and self._settings.fail_empty:
            item.fail("The file holds no products", at)
            return
        item.read, item.errors, item.warnings = verdict.read, verdict.errors, verdict.warnings
        item.success, item.columns, item.passed = len(verdict.passed), verdict.columns, verdict.passed
        item.source_report, item.transformed, item.body = verdict.source_report, verdict.transformed, b""

    def _integrate(self, item: ProductImport, at: datetime) -> None:
        """Second stage: the operator takes or turns down each product; only this makes one live (live-reported)."""
        if item.settled:
            return
        item.settled = True
        rejected: list[tuple[Mapping[str, str], str]] = []
        added: list[tuple[Mapping[str, str], str]] = []
        counts = dict.fromkeys(_DETAILS, 0)
        spoiled = self._market.faults.strikes("rejects", "P41")
        owners, newer = self._owners(), self._newer(item)
        for line, values in item.passed:
            name, message = self._verdict(item, values, owners, newer, spoiled=spoiled)
            counts[name] += 1
            if message:
                rejected.append((values, message))
            elif name == "products_successfully_synchronized" and self._stock(item, line, values, owners, at):
                added.append((values, ""))
        item.report = products.integration_report(item.columns, rejected, self._settings, "error")
        item.added_report = products.integration_report(item.columns, added, self._settings, "added")
        item.details, item.passed = counts, []

    def _verdict(
        self, item: ProductImport, values: Mapping[str, str], owners: Owners, newer: frozenset[str], *, spoiled: bool
    ) -> tuple[str, str]:
        settings = self._settings
        sku = values.get(settings.catalog.role(SKU_ROLE), "")
        if spoiled or sku in settings.operator_rejects:
            reason = settings.operator_rejects.get(sku, "The product was rejected by the operator")
            return "rejected_products", f"{products.OPERATOR_REJECTED}|{reason}"
        if sku in newer:
            return "products_reimported", ""
        own = self._market.state.shops[item.shop_id].products.get(sku)
        claimed = {owners[pair] for pair in self._references(values).items() if pair in owners}
        if len(claimed | ({own} if own else set())) > 1:
            return "products_with_wrong_identifiers", f"{products.OPERATOR_REJECTED}|Identifiers of several products"
        return "products_successfully_synchronized", ""

    def _newer(self, item: ProductImport) -> frozenset[str]:
        """Skus that a more recent file under way holds too (P42 `products_reimported`; verified)."""
        role = self._settings.catalog.role(SKU_ROLE)
        return frozenset(
            values.get(role, "")
            for other in self._market.state.product_imports.values()
            if other.shop_id == item.shop_id and other.number > item.number
            for _, values in other.passed
        )

    def _references(self, values: Mapping[str, str]) -> dict[str, str]:
        attributes = self._settings.catalog.attributes
        return {one.reference: values[one.code] for one in attributes if one.reference and values.get(one.code)}

    def _owners(self) -> Owners:
        known = self._market.state.products.values()
        return {pair: product.product_sku for product in known for pair in product.references.items()}

    def _stock(self, item: ProductImport, line: int, values: dict[str, str], owners: Owners, at: datetime) -> bool:
        """Put the product on the shelf; whether it is new there."""
        state, catalog = self._market.state, self._settings.catalog
        own = state.shops[item.shop_id].products
        sku, references = values.get(catalog.role(SKU_ROLE), ""), self._references(values)
        product_sku = own.get(sku) or next((owners[pair] for pair in references.items() if pair in owners), None)
        new = product_sku is None
        if product_sku is None:
            product_sku = f"MKP{1_000_000_000 + state.number():012d}"
        own[sku] = product_sku
        title, category = values.get(catalog.role(TITLE_ROLE), sku), values.get(catalog.role(CATEGORY_ROLE), "")
        state.products[product_sku] = Product(product_sku, title, category, live=True, references=references,
                                              values=values)  # fmt: skip
        owners |= dict.fromkeys(references.items(), product_sku)
        action: Action = "insert" if new else "update"
        state.changes.append(Change(at, item.shop_id, item.import_id, "product", line, sku, action))
        return new

    # ------------------------------------------------------------ the seller API

    def _p41(self, ask: Ask) -> Response:
        """201, the import's number, and the address of its status in `Location` (P41; verified)."""
        if "conversion_type" in ask.parts or "conversion_options" in ask.parts:
            # Only operators with Catalog Transformer take them (P41; verified); that others refuse is an assumption.
            raise RefusalError(400, "Param 'conversion_type' is not available")
        item = self.accept(ask.shop_id, ask.file, operator_format=ask.switch("operator_format"))
        location = ask.address(f"{apis.P41.path}/{item.import_id}")
        return json_answer({"import_id": item.number}, 201, {"Location": location})

    def _p42(self, ask: Ask) -> Response:
        return json_answer(self._view(self._find(ask), self._market.clock.now()))

    def _p51(self, ask: Ask) -> Response:
        """Oldest first unless told, all of them without a date (P51; verified)."""
        place = page(ask.request, self._settings, ("dateCreated",))
        since, status = ask.moment("last_request_date"), ask.choice("status", _STATUSES)
        only_transformed = ask.flag("has_transformed_file")
        with self._market.lock:
            self._market.settle()
            now = self._market.clock.now()
            found = [
                item
                for item in self._market.state.product_imports.values()
                if item.shop_id == ask.shop_id
                and (since is None or self._changed(item, now) >= since)
                and status in {None, item.status(now)}
                and (not only_transformed or self._view(item, now)["has_transformed_file"])
            ]
            found.sort(key=lambda item: (item.created, item.number), reverse=place.descending)
            shown = [self._view(item, now) for item in place.of(found)]
        content = {"product_import_trackings": shown, "total_count": len(found)}
        return json_answer(content, headers=link_header(ask.request, place, len(found)))

    def _changed(self, item: ProductImport, now: datetime) -> datetime:
        late = item.details_at is not None and item.details_at <= now and bool(item.details)
        return item.details_at if late and item.details_at is not None else item.changed(now)

    def _view(self, item: ProductImport, now: datetime) -> dict[str, Any]:
        """One import (P42; fields verified). Flags and counters are filled when SENT or COMPLETE (verified)."""
        status = item.status(now)
        judged, complete = status in {"SENT", "COMPLETE"}, status == "COMPLETE"
        view: dict[str, Any] = {
            "import_id": item.number,
            "import_status": status,
            "date_created": wire_time(item.created),
            "shop_id": item.shop_id,
            "has_error_report": complete and bool(item.report),
            "has_new_product_report": complete and bool(item.added_report),
            "has_transformation_error_report": judged and bool(item.source_report),
            "has_transformed_file": judged and bool(item.transformed),
            "transform_lines_read": item.read if judged else 0,
            "transform_lines_in_success": item.success if judged else 0,
            "transform_lines_in_error": item.errors if judged else 0,
            "transform_lines_with_warning": item.warnings if judged else 0,
        }
        if item.reason:
            view["reason_status"] = item.reason
        if complete and item.details_at is not None and item.details_at <= now:
            view["integration_details"] = item.details
        return view

    def _find(self, ask: Ask) -> ProductImport:
        with self._market.lock:
            self._market.settle()
            item = self._market.state.product_imports.get(ask.request.path_params["import"])
        if item is None or item.shop_id != ask.shop_id:
            raise RefusalError(404, f"Resource not available : import id {ask.request.path_params['import']}")
        return item

    def _report(self, code: str, ask: Ask) -> Response:
        item = self._find(ask)
        name, file_name, ripe = _REPORTS[code]
        early = item.status(self._market.clock.now()) not in ripe
        text = "" if early else str(getattr(item, name))
        if not text or self._market.faults.strikes("report_missing", code):
            raise no_report(item.import_id)
        return csv_answer(text, f"{file_name}-{item.import_id}.csv")

    def _p31(self, ask: Ask) -> Response:
        """Live products by reference, 100 at most, sorted by their sku (P31; verified)."""
        text = ask.query.get("product_references")
        if not text:
            raise RefusalError(400, "Param 'product_references' is required")
        kinds = {attribute.reference for attribute in self._settings.catalog.attributes} - {""}
        wanted = [tuple(pair.split("|", 1)) for pair in text.split(",")]
        if len(wanted) > 100:
            raise RefusalError(400, "Param 'product_references' takes 100 references at most")
        for pair in wanted:
            if len(pair) != 2 or pair[0] not in kinds:
                raise RefusalError(400, f"Param 'product_references' does not take '{'|'.join(pair)}'")
        with self._market.lock:
            self._market.settle()
            found = [
                self._product(product, kind, value)
                for product in self._market.state.products.values()
                for kind, value in product.references.items()
                if product.live and (kind, value) in wanted
            ]
        found.sort(key=lambda view: (view["product_sku"], view["product_id_type"], view["product_id"]))
        return json_answer({"products": found, "total_count": len(found)})

    def _product(self, product: Product, kind: str, value: str) -> dict[str, Any]:
        path = self._settings.catalog.path(product.category)
        return {
            "product_id": value,
            "product_id_type": kind,
            "product_sku": product.product_sku,
            "product_title": product.title,
            "category_code": product.category,
            "category_label": path[0].label if path else product.category,
        }
