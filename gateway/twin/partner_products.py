"""Products of catalog calls: what a call must look like, what is wrong with a product, what it changes.

Source: Partner API documentation, catalog use cases and FAQ: key, price above 0 and cut to three decimals, quantity
compared with the sales buffer (verified); that a bad barcode or decimal quantity refuses the call is live-reported.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any, NoReturn

from gateway.twin.partner_settings import PartnerTwinSettings, Vendor
from gateway.twin.partner_state import Change, Item, LogRow

MAX_COUNT = 2_147_483_647
"""Largest whole number; inferred."""
_BARCODE = re.compile(r"[0-9]{1,14}", re.ASCII)
_MAX_EXPONENT = 9
_THREE = Decimal("0.001")


class BadCallError(Exception):
    """A call or file is refused as a whole; `status` is what a call is answered with."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Given:
    """One product as it was sent; None: not sent. `place` is its index or line; with `fault` it is refused."""

    place: int
    sku: str = ""
    barcode: str = ""
    price: Decimal | None = None
    active: bool | None = None
    quantity: int | None = None
    maximum: int | None = None
    fault: str = ""


@dataclass(slots=True)
class Verdict:
    """What comes of products: changes in order, and one row per product."""

    changes: list[Change] = field(default_factory=list)
    rows: list[LogRow] = field(default_factory=list)


def document(body: bytes) -> dict[str, Any]:
    """A JSON object with its decimals as Decimal. Raises BadCallError."""
    try:
        found = json.loads(body.decode(), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadCallError("The body is not JSON") from error
    if not isinstance(found, dict):
        raise BadCallError("The body is not a JSON object")
    return found


def products(body: bytes, settings: PartnerTwinSettings) -> list[Given]:
    """Read the products of C1. Raises BadCallError: 400, or 413 for too many."""
    found = document(body)
    names_known(found, {"products"}, settings, "body")
    listed = found.get("products")
    if not isinstance(listed, list) or not listed:
        raise BadCallError("products must be a list that is not empty")
    if settings.max_products and len(listed) > settings.max_products:
        raise BadCallError(f"products holds {len(listed)} items, at most {settings.max_products} are allowed", 413)
    return [_given(place, item, settings) for place, item in enumerate(listed)]


def judge(
    given: Sequence[Given], vendor: Vendor, items: Mapping[str, Item], settings: PartnerTwinSettings, *, call: bool
) -> Verdict:
    """Hold products against a vendor's assortment; `call`: the rule for calls with a single product applies."""
    verdict = Verdict()
    codes = barcodes(items)
    found = [one.sku if one.sku in items else codes.get(bare(one.barcode), "") for one in given]
    twice = Counter(sku for sku in found if sku)
    alone = call and len(given) == 1 and settings.single_quantity_keeps_active
    for one, sku in zip(given, found, strict=True):
        fault = one.fault or _fault(one, settings)
        if not fault and not sku:
            fault = "Product not found in the catalog of the vendor"
        if not fault and twice[sku] > 1 and settings.duplicates == "error":
            fault = "Product is given more than once"
        verdict.rows.append(LogRow(one.sku or sku or one.barcode, fault))
        if not fault:
            verdict.changes.append(_change(one, sku, vendor, settings, alone=alone))
    return verdict


def barcodes(items: Mapping[str, Item]) -> dict[str, str]:
    """Which sku a barcode belongs to, without leading zeros: reads show other zeros than were sent (live-reported)."""
    return {bare(code): item.sku for item in items.values() for code in item.barcodes}


def bare(barcode: str) -> str:
    """A barcode without leading zeros."""
    return barcode.lstrip("0")


def cut(price: Decimal) -> str:
    """Keep three decimals: 4.5555 becomes 4.555 (catalog FAQ; verified)."""
    return plain(price.quantize(_THREE, ROUND_DOWN))


def plain(value: Decimal) -> str:
    """A number without exponent and needless zeros."""
    return format(value.normalize(), "f")


def amount_fault(price: Decimal) -> str:
    """What is wrong with a price; "" when nothing is."""
    if not price.is_finite() or price <= 0:
        return f"price {price} must be greater than 0"
    return f"price {price} is too large" if price.adjusted() > _MAX_EXPONENT else ""


def names_known(found: Mapping[str, Any], known: set[str], settings: PartnerTwinSettings, where: str) -> None:
    """Refuse fields that no page names. Raises BadCallError."""
    unknown = sorted(set(found) - known)
    if unknown and settings.refuse_unknown:
        raise BadCallError(f"Unknown field '{unknown[0]}' in {where}")


def text_of(found: Mapping[str, Any], name: str, where: str) -> str:
    """A text field, "" where it is absent. Raises BadCallError."""
    value = found.get(name, "")
    if not isinstance(value, str):
        raise BadCallError(f"{where}.{name} must be a string")
    return value


def whole_of(found: Mapping[str, Any], name: str, where: str) -> int | None:
    """A whole number, None where it is absent. Raises BadCallError: a decimal refuses the call (live-reported)."""
    value = found.get(name)
    if value is None and name not in found:
        return None
    if type(value) is not int:
        raise BadCallError(f"{where}.{name} must be an integer")
    return value


def flag_of(found: Mapping[str, Any], name: str, where: str) -> bool | None:
    """A flag, None where it is absent. Raises BadCallError."""
    value = found.get(name)
    if value is None and name not in found:
        return None
    if not isinstance(value, bool):
        raise BadCallError(f"{where}.{name} must be a boolean")
    return value


def number_of(found: Mapping[str, Any], name: str, where: str) -> Decimal | None:
    """A number, None where it is absent. Raises BadCallError."""
    value = found.get(name)
    if value is None and name not in found:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadCallError(f"{where}.{name} must be a number")
    return Decimal(value)


def barcode_of(value: str, where: str) -> str:
    """A barcode: 14 digits at most. Raises BadCallError: anything else refuses the whole call (live-reported)."""
    if value and not _BARCODE.fullmatch(value):
        raise BadCallError(f"{where}.barcode must hold at most 14 digits")
    return value


def _given(place: int, item: object, settings: PartnerTwinSettings) -> Given:
    where, most = f"products[{place}]", settings.max_quantity_name
    if not isinstance(item, dict):
        raise BadCallError(f"{where} must be an object")
    names_known(item, {"sku", "barcode", "price", "active", "quantity", most}, settings, where)
    one = Given(
        place,
        text_of(item, "sku", where),
        barcode_of(text_of(item, "barcode", where), where),
        number_of(item, "price", where),
        flag_of(item, "active", where),
        whole_of(item, "quantity", where),
        whole_of(item, most, where),
    )
    if not one.sku and not one.barcode:
        raise BadCallError(f"{where} must have a sku or a barcode")
    if one.price is not None and settings.bad_price == "call" and amount_fault(one.price):
        raise BadCallError(f"{where}.{amount_fault(one.price)}")
    return one


def _fault(one: Given, settings: PartnerTwinSettings) -> str:
    """What is wrong with a product by itself; "" when nothing is."""
    if one.sku and one.barcode and settings.one_identifier:
        return "Use either sku or barcode"
    if one.price is None and one.active is None and one.quantity is None and one.maximum is None:
        return "Nothing to update"
    if one.price is not None and amount_fault(one.price):
        return amount_fault(one.price)
    if one.active is not None and one.quantity is not None and settings.active_or_quantity:
        return "Use either active or quantity"
    for name, value in (("quantity", one.quantity), (settings.max_quantity_name, one.maximum)):
        if value is not None and not 0 <= value <= MAX_COUNT:
            return f"{name} {value} is out of range"
    return ""


def _change(one: Given, sku: str, vendor: Vendor, settings: PartnerTwinSettings, *, alone: bool) -> Change:
    price = None if one.price is None else cut(one.price)
    return Change(sku, price, _active(one, vendor, settings, alone=alone), one.quantity, one.maximum)


def _active(one: Given, vendor: Vendor, settings: PartnerTwinSettings, *, alone: bool) -> bool | None:
    """Availability by flag and quantity (catalog use cases; verified). False wins; a low quantity beats True."""
    if one.quantity is None or one.active is False:
        return one.active
    edge = vendor.sales_buffer
    enough = one.quantity > edge or (one.quantity == edge and not settings.buffer_is_inactive)
    return one.active if alone and not enough else enough


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)
