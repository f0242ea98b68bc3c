"""Creation of products at the Partner API twin: C5 over HTTP.

Source: Partner API specification, product creation (beta): body, 202, job (verified); feedback per item and duplicates
are live-reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from gateway.twin import partner_calls as calls
from gateway.twin import partner_products as products
from gateway.twin.partner_catalog_api import CATEGORIES, accepted
from gateway.twin.partner_http import Ask, RefusalError, refused
from gateway.twin.partner_market import Market
from gateway.twin.partner_settings import Chain
from gateway.twin.partner_state import Item, Job

_FIELDS = {
    "sku", "title", "barcode", "barcodes", "description", "categories", "price", "is_sold_by_weight",
    "weight_specifications", "images",
}  # fmt: skip
_LOCALE = re.compile(r"[a-z]{2}_[A-Z]{2}")


class CreationDesk:
    """Takes new products for vendors of a chain."""

    def __init__(self, market: Market) -> None:
        self._market, self._settings = market, market.settings
        market.ends("C5", self._end)

    def handlers(self) -> dict[calls.Call, Callable[[Ask], Response]]:
        """What answers which call."""
        return {calls.C5: self._c5}

    def _c5(self, ask: Ask) -> Response:
        if not self._settings.create_products:
            raise RefusalError(501, "Product creation is not enabled for this account")
        try:
            vendors, listed = self._read(ask.body, ask.chain)
        except products.BadCallError as error:
            raise refused(error) from error
        known = [
            f"{vendor}:{item['sku']}" for vendor in vendors for item in listed if self._has(ask.chain, vendor, item)
        ]
        job = self._market.begin("C5", ask.chain.chain_id, body=ask.body)
        return accepted(job, duplicated_products=known) if known else accepted(job)

    def _has(self, chain: Chain, vendor: str, item: dict[str, Any]) -> bool:
        return item["sku"] in self._market.state.shelf(chain.chain_id, vendor)

    def _read(self, body: bytes, chain: Chain) -> tuple[list[str], list[dict[str, Any]]]:
        found = products.document(body)
        products.names_known(found, {"vendors", "products"}, self._settings, "body")
        names, listed = found.get("vendors"), found.get("products")
        if names in ("*", ["*"]):
            names = [vendor.vendor_id for vendor in chain.vendors]
        if not isinstance(names, list) or not names:
            raise products.BadCallError("vendors must be a list of ids, or *")
        vendors = [chain.vendor(str(name)) for name in names]
        if None in vendors:
            raise products.BadCallError(f"Vendor {names[vendors.index(None)]} not found")
        if not isinstance(listed, list) or not listed:
            raise products.BadCallError("products must be a list that is not empty")
        for place, item in enumerate(listed):
            where = f"products[{place}]"
            if not isinstance(item, dict) or not products.text_of(item, "sku", where):
                raise products.BadCallError(f"{where}.sku is required")
            products.names_known(item, _FIELDS, self._settings, where)
        return [vendor.vendor_id for vendor in vendors if vendor is not None], listed

    def _end(self, job: Job, at: datetime) -> None:
        chain = self._settings.chain(job.chain_id)
        if chain is None:
            job.state = "FAILED"
            return
        vendors, listed = self._read(job.body.encode(), chain)
        good, bad = self._settings.feedback_words
        feedback, twice = [], []
        for found in listed:
            reasons = ["Not taken now"] if job.plan == "refuse" else _faults(found)
            rejected = [{"rejected_data": text.split()[0], "rejected_reason": text} for text in reasons]
            word = bad if reasons else good
            feedback.append({"sku": found["sku"], "status": word, "rejection_reasons": rejected})
            if not reasons:
                twice += self._create(job, vendors, found, at)
        job.state = "COMPLETED"
        job.result = {"item_level_feedback": feedback, "duplicated_products": twice}

    def _create(self, job: Job, vendors: list[str], found: dict[str, Any], at: datetime) -> list[str]:
        """Put a product into assortments; returns those that had it as vendor:sku."""
        market, sku, twice = self._market, found["sku"], []
        price = products.cut(Decimal(found["price"])) if "price" in found else ""
        codes = tuple(found.get("barcodes", ())) or tuple(filter(None, (found.get("barcode"),)))
        title = str(next(iter(found["title"].values())))
        for vendor in vendors:
            shelf = market.state.shelf(job.chain_id, vendor)
            if sku in shelf:
                twice.append(f"{vendor}:{sku}")
                continue
            kinds = tuple(found["categories"])
            shelf[sku] = Item(sku, title, price, self._settings.created_active, barcodes=codes, categories=kinds)
            market.effect(job.chain_id, vendor, sku, job.job_id, at, "created", title, None)
        return twice


def _faults(found: dict[str, Any]) -> list[str]:
    faults: list[str] = []
    title, kinds, price = found.get("title"), found.get("categories"), found.get("price")
    if not isinstance(title, dict) or not title or not all(map(_LOCALE.fullmatch, title)):
        faults.append("title must give a text per locale such as en_GB")
    elif not all(isinstance(text, str) and text.strip() for text in title.values()):
        faults.append("title must not be empty")
    known = {one for one, _, _ in CATEGORIES}
    if not isinstance(kinds, list) or not kinds or not all(isinstance(one, str) and one in known for one in kinds):
        faults.append("categories must name known categories")
    if "price" in found:
        is_number = isinstance(price, int | Decimal) and not isinstance(price, bool)
        if not is_number or products.amount_fault(Decimal(str(price))):
            faults.append("price must be a number greater than 0")
    codes = found.get("barcodes", [found["barcode"]] if "barcode" in found else [])
    if not isinstance(codes, list) or not all(
        isinstance(code, str) and code.isdigit() and len(code) <= 14 for code in codes
    ):
        faults.append("barcodes must hold at most 14 digits each")
    return faults
