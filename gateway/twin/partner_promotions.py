"""Promotions: what a request must look like, which vendors and skus it reaches, and what it changes.

Source: Partner API documentation, promotions use cases and FAQ (verified: vendors, types, ends, the later start shows,
the discounted price is lower, products are active); lists of refused skus, reasons and subtypes are live-reported.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateway.twin import partner_products as products
from gateway.twin.partner_products import BadCallError, flag_of, names_known, number_of, text_of, whole_of
from gateway.twin.partner_settings import REASONS, Chain, PartnerTwinSettings
from gateway.twin.partner_state import Entry, Item, Promotion

BUNDLE = "SAME_ITEM_BUNDLE"
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z", re.ASCII)
_BODY = {"vendors", "type", "active", "reason", "display_name", "conditions", "discount", "limits"}
_CONDITIONS = {"start_time", "end_time", "purchased_quantity", "discounted_quantity"}
_DISCOUNT = {"sku", "discount_subtype", "discount_value", "active", "max_quantity"}
_LIMITS = {"global_limit", "max_discount_per_order", "max_items_per_order"}
_HUNDRED = Decimal(100)

Shelves = Callable[[str], Mapping[str, Item]]
"""The assortment of a vendor of the chain."""


@dataclass(slots=True)
class Wish:
    """A request as read: the promotion still without entries, what each sku is to get, vendors that don't exist."""

    promotion: Promotion
    wanted: dict[str, Entry]
    invalid_vendors: list[str]


@dataclass(slots=True)
class Outcome:
    """How a request ends. `result` lists what was refused."""

    state: str
    reason: str = ""
    missing: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    too_dear: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    invalid_vendors: list[str] = field(default_factory=list)

    @property
    def result(self) -> dict[str, Any]:
        """As the job's status carries it (live-reported)."""
        lists = (self.invalid_vendors, dict(self.missing), dict(self.too_dear))
        names = ("invalid_vendors", "missing_skus", "invalid_discounted_skus")
        return dict(zip(names, lists, strict=True)) | ({"message": self.reason} if self.reason else {})


def read(body: bytes, chain: Chain, settings: PartnerTwinSettings, now: datetime) -> Wish:
    """Read P1. Raises BadCallError: 400, or 413 for too many skus times vendors."""
    found = products.document(body)
    names_known(found, _BODY, settings, "body")
    kind = text_of(found, "type", "body")
    if kind not in settings.promotion_types:
        raise BadCallError(f"type '{kind}' is not supported")
    if found.get("reason") not in REASONS:
        raise BadCallError(f"reason '{found.get('reason')}' is not allowed")
    active = flag_of(found, "active", "body") is not False
    start, end, buy, get = _conditions(found, kind, settings)
    if active and end <= now:
        raise BadCallError("conditions.end_time is in the past")
    _limits(found, settings)
    names = _strings(found.get("vendors"), "vendors")
    vendors, unknown = _vendors(names, chain)
    wanted = _discounts(found.get("discount"), kind, buy, get, settings)
    if len(wanted) * len(vendors) > settings.max_promotion_pairs:
        raise BadCallError("Too many products and vendors in one request", 413)
    name = _display_name(found.get("display_name"))
    made = _plain(found)
    promotion = Promotion(chain.chain_id, "api", name, kind, vendors, start, end, active, made=made)
    return Wish(promotion, wanted, unknown)


def take(wish: Wish, known: list[Promotion], shelves: Shelves, settings: PartnerTwinSettings) -> Outcome:
    """Create, change or end a promotion in `known`. Refusals are in the outcome."""
    new = wish.promotion
    old = next((one for one in known if one.identity == new.identity), None)
    if old is not None and old.origin != new.origin:
        # What was made by one way is changed by that way (promotions FAQ; verified).
        return Outcome("FAILED", "The promotion was not created by this API")
    if not new.active:
        return _end(old, new, settings)
    if old is not None and old.active and old.made == new.made:
        return Outcome("DUPLICATE", "The same promotion exists")
    outcome = Outcome("COMPLETED", invalid_vendors=wish.invalid_vendors)
    if old is not None and settings.absent_skus == "kept":
        _keep(old, new, wish.wanted)
    for vendor in new.vendors:
        shelf = shelves(vendor)
        for sku, entry in wish.wanted.items():
            place = _refused(outcome, shelf.get(sku), entry, new.kind) if entry.active else None
            if place is not None:
                place[vendor].append(sku)
            elif entry.active:
                new.entries.setdefault(vendor, {})[sku] = entry
    refused = bool(outcome.missing or outcome.too_dear or outcome.invalid_vendors)
    nothing = not any(new.entries.values()) and not (
        old is not None and any(not entry.active for entry in wish.wanted.values())
    )
    if nothing or (refused and settings.promotion_all_or_nothing):
        outcome.state, outcome.reason = "FAILED", "The promotion was not created"
        return outcome
    if old is not None:
        known.remove(old)
    known.append(new)
    return outcome


def dear(wish: Wish, shelves: Shelves) -> None:
    """Raise BadCallError for the first sku whose price would not be lower."""
    for vendor in wish.promotion.vendors if wish.promotion.active else ():
        shelf = shelves(vendor)
        for sku, entry in wish.wanted.items():
            if entry.active and bar(shelf.get(sku), entry, wish.promotion.kind) == "price":
                raise BadCallError(f"The discounted price of '{sku}' is not lower than its price at vendor {vendor}")


def bar(item: Item | None, entry: Entry, kind: str) -> str:
    """Why a promotion can't reach a product: "missing" (or not active), "price", or "" when it can."""
    if item is None or not item.active:
        return "missing"
    if kind.upper() == BUNDLE:
        return ""
    price = reduced(item.price, entry)
    return "" if price is not None and Decimal(0) < price < Decimal(item.price) else "price"


def reduced(price: str, entry: Entry) -> Decimal | None:
    """The price that shoppers pay; None where the product has none."""
    if not price:
        return None
    if entry.kind == "FINAL_PRICE":
        return Decimal(entry.value)
    if entry.kind == "PERCENTAGE":
        return Decimal(price) * (_HUNDRED - Decimal(entry.value)) / _HUNDRED
    return Decimal(price) - Decimal(entry.value or "0")


def shown(known: Iterable[Promotion], chain_id: str, vendor: str, sku: str, now: datetime) -> Promotion | None:
    """The promotion that shoppers see: of several in force, the one that started last (promotions FAQ; verified)."""
    in_force = [
        one
        for one in known
        if one.chain_id == chain_id and one.active and one.start <= now < one.end
        and (entry := one.entries.get(vendor, {}).get(sku)) is not None and entry.active
    ]  # fmt: skip
    return max(in_force, key=lambda one: one.start, default=None)


def label(promotion: Promotion, entry: Entry, price: str) -> str:
    """What stands on the shelf: the reduced price, or `B2G1` with what the goods of the bundle cost less."""
    if promotion.kind.upper() != BUNDLE:
        lower = reduced(price, entry)
        return "" if lower is None else products.plain(round(lower, 2))
    less = {"PERCENTAGE": f" -{entry.value}%", "ABSOLUTE": f" -{entry.value}", "FINAL_PRICE": f" {entry.value}"}
    return f"B{entry.buy}G{entry.get}{less.get(entry.kind, '')}"


def _keep(old: Promotion, new: Promotion, wanted: Mapping[str, Entry]) -> None:
    for vendor, entries in old.entries.items():
        new.entries[vendor] = {sku: entry for sku, entry in entries.items() if sku not in wanted}


def _refused(outcome: Outcome, item: Item | None, entry: Entry, kind: str) -> dict[str, list[str]] | None:
    return {"missing": outcome.missing, "price": outcome.too_dear}.get(bar(item, entry, kind))


def _end(old: Promotion | None, new: Promotion, settings: PartnerTwinSettings) -> Outcome:
    if old is None or not old.active:
        return Outcome("FAILED", "There is no such promotion to end")
    if settings.end_needs_same_body and _without_active(old.made) != _without_active(new.made):
        return Outcome("FAILED", "The request differs from the one that made the promotion")
    old.active = False
    return Outcome("COMPLETED")


def _without_active(made: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in made.items() if name != "active"}


def _conditions(
    found: Mapping[str, Any], kind: str, settings: PartnerTwinSettings
) -> tuple[datetime, datetime, int, int]:
    conditions = _object(found.get("conditions"), "conditions")
    names_known(conditions, _CONDITIONS, settings, "conditions")
    start, end = (_moment(conditions, name) for name in ("start_time", "end_time"))
    if end <= start:
        raise BadCallError("conditions.end_time must be after start_time")
    buy = whole_of(conditions, "purchased_quantity", "conditions") or 0
    get = whole_of(conditions, "discounted_quantity", "conditions") or 0
    if kind == BUNDLE and (buy < 1 or get < 1):
        raise BadCallError("conditions must hold purchased_quantity and discounted_quantity of a bundle")
    return start, end, buy, get


def _limits(found: Mapping[str, Any], settings: PartnerTwinSettings) -> None:
    limits = _object(found.get("limits", {}), "limits")
    names_known(limits, _LIMITS, settings, "limits")
    for name in limits:
        value = number_of(limits, name, "limits")
        if value is None or value <= 0:
            raise BadCallError(f"limits.{name} must be greater than 0")


def _moment(conditions: Mapping[str, Any], name: str) -> datetime:
    """UTC with `Z`, milliseconds allowed (use cases; verified)."""
    text = text_of(conditions, name, "conditions")
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        pass  # a day or hour that does not exist
    raise BadCallError(f"conditions.{name} must be a UTC time like 2026-03-16T00:00:00Z")


def _vendors(names: list[str], chain: Chain) -> tuple[tuple[str, ...], list[str]]:
    if "*" in names:
        if len(names) > 1:
            raise BadCallError("vendors must be * alone, or ids")
        return tuple(sorted(vendor.vendor_id for vendor in chain.vendors)), []
    found = {name: chain.vendor(name) for name in names}
    known = {vendor.vendor_id for vendor in found.values() if vendor is not None}
    return tuple(sorted(known)), [name for name, vendor in found.items() if vendor is None]


def _discounts(listed: object, kind: str, buy: int, get: int, settings: PartnerTwinSettings) -> dict[str, Entry]:
    if not isinstance(listed, list) or not listed:
        raise BadCallError("discount must be a list that is not empty")
    wanted: dict[str, Entry] = {}
    for place, item in enumerate(listed):
        where = f"discount[{place}]"
        found = _object(item, where)
        names_known(found, _DISCOUNT, settings, where)
        entry = _entry(found, where)
        entry.buy, entry.get = (buy, get) if kind == BUNDLE else (0, 0)
        for sku in _strings(found.get("sku"), f"{where}.sku"):
            if sku in wanted:
                raise BadCallError(f"{where}.sku '{sku}' appears more than once")
            wanted[sku] = entry
    return wanted


def _entry(found: Mapping[str, Any], where: str) -> Entry:
    subtype = text_of(found, "discount_subtype", where)
    if subtype not in {"FINAL_PRICE", "PERCENTAGE", "ABSOLUTE"}:
        raise BadCallError(f"{where}.discount_subtype '{subtype}' is not allowed")
    value = number_of(found, "discount_value", where)
    if value is None or products.amount_fault(value):
        raise BadCallError(f"{where}.discount_value must be a number greater than 0")
    if subtype == "PERCENTAGE" and not 1 <= value <= _HUNDRED:
        raise BadCallError(f"{where}.discount_value must be from 1 to 100")
    most = whole_of(found, "max_quantity", where)
    if most is not None and most < 1:
        raise BadCallError(f"{where}.max_quantity must be greater than 0")
    active = flag_of(found, "active", where) is not False
    return Entry(subtype, products.plain(value), active)  # type: ignore[arg-type] # one of the words above


def _display_name(found: object) -> str:
    names = _object(found, "display_name")
    if not names or not all(isinstance(text, str) and text.strip() for text in names.values()):
        raise BadCallError("display_name must give a text per locale")
    return str(names[min(names)])


def _object(found: object, where: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise BadCallError(f"{where} must be an object")
    return found


def _strings(found: object, where: str) -> list[str]:
    if not isinstance(found, list) or not found or not all(isinstance(item, str) and item for item in found):
        raise BadCallError(f"{where} must be a list of strings that is not empty")
    return list(dict.fromkeys(found))


def _plain(value: Any) -> Any:
    """A body that can be kept and compared: numbers as text, so that 1.50 equals 1.5."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return f"number {products.plain(Decimal(value))}"
