"""Offers in JSON (OF24) as the offer file they mean.

Source: Mirakl seller API documentation, OF24; fields verified. Names differ from the file's, and file names in JSON
are ignored by the real one (live-reported); this one refuses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.twin.mirakl_csv import write
from gateway.twin.mirakl_http import RefusalError
from gateway.twin.mirakl_offers import COLUMNS, PRICE_COLUMNS
from gateway.twin.mirakl_reference import CHANNEL_CODES
from gateway.twin.mirakl_settings import MiraklTwinSettings

_PLAIN: Mapping[str, str] = {
    "shop_sku": "sku",
    "product_id": "product-id",
    "product_id_type": "product-id-type",
    "description": "description",
    "internal_description": "internal-description",
    "price": "price",
    "price_additional_info": "price-additional-info",
    "quantity": "quantity",
    "min_quantity_alert": "min-quantity-alert",
    "state_code": "state",
    "available_started": "available-start-date",
    "available_ended": "available-end-date",
    "logistic_class": "logistic-class",
    "allow_quote_requests": "allow-quote-requests",
    "leadtime_to_ship": "leadtime-to-ship",
    "min_order_quantity": "min-order-quantity",
    "max_order_quantity": "max-order-quantity",
    "package_quantity": "package-quantity",
    "update_delete": "update-delete",
    "pricing_unit": "pricing-unit",
    "product_tax_code": "product-tax-code",
}
_REQUIRED = ("shop_sku", "state_code", "price", "update_delete")
_DISCOUNT: Mapping[str, str] = {
    "price": "discount-price",
    "start_date": "discount-start-date",
    "end_date": "discount-end-date",
}
_PRICE: Mapping[str, str] = {
    "unit_origin_price": "price",
    "unit_discount_price": "discount-price",
    "discount_start_date": "discount-start-date",
    "discount_end_date": "discount-end-date",
}


def as_file(document: Mapping[str, Any], settings: MiraklTwinSettings) -> bytes:
    """Return the file of a request. Raises RefusalError: not `offers`, a field missing, unknown or of a wrong type."""
    offers = document.get("offers")
    _known(document, {"offers"}, settings)
    if not isinstance(offers, list) or not offers:
        raise RefusalError(400, "Field 'offers' is required")
    channels = [f"{name}[channel={code}]" for code in sorted(CHANNEL_CODES) for name in PRICE_COLUMNS]
    columns = [*COLUMNS, *(channels if "channel_pricing" in settings.features else ())]
    columns += [code for code, _ in settings.custom_fields]
    rows = [_row(offer, columns, settings) for offer in offers]
    return write([columns, *([row.get(name, "") for name in columns] for row in rows)]).encode()


def _row(offer: Any, columns: list[str], settings: MiraklTwinSettings) -> dict[str, str]:
    fields = _object(offer, "offers")
    _known(fields, {*_PLAIN, "discount", "all_prices", "offer_additional_fields"}, settings)
    for name in _REQUIRED:
        if fields.get(name) is None:
            raise RefusalError(400, f"Field '{name}' is required")
    # Left out, quantity goes to 0 and quote requests to false; everything else is deleted (OF24; verified).
    row = {"quantity": "0", "allow-quote-requests": "false"}
    row |= {_PLAIN[name]: _text(name, value) for name, value in fields.items() if name in _PLAIN and value is not None}
    for price in fields.get("all_prices") or []:
        row |= _price(_object(price, "all_prices"), settings)
    discount = _object(fields.get("discount") or {}, "discount")
    _known(discount, {*_DISCOUNT, "ranges"}, settings)
    row |= {_DISCOUNT[name]: _text(name, value) for name, value in discount.items() if name in _DISCOUNT and value}
    row |= {"discount-ranges": _ranges(discount.get("ranges"), "price")} if discount.get("ranges") else {}
    for custom in fields.get("offer_additional_fields") or []:
        one = _object(custom, "offer_additional_fields")
        _known(one, {"code", "type", "value"}, settings)
        row[str(one.get("code"))] = _text("value", one.get("value"))
    unknown = sorted(set(row) - set(columns))
    if unknown and settings.refuse_unknown:
        raise RefusalError(400, f"Unknown field '{unknown[0]}'")
    return row


def _price(price: Mapping[str, Any], settings: MiraklTwinSettings) -> dict[str, str]:
    """One price; without channel it is the default one (OF24; verified)."""
    _known(price, {*_PRICE, "channel_code", "volume_prices"}, settings)
    channel = price.get("channel_code")
    end = f"[channel={channel}]" if channel is not None else ""
    row = {f"{_PRICE[name]}{end}": _text(name, value) for name, value in price.items() if name in _PRICE and value}
    steps = price.get("volume_prices") or []
    if steps:
        row[f"price-ranges{end}"] = _ranges(steps, "unit_origin_price")
    if any(step.get("unit_discount_price") for step in steps):
        row[f"discount-ranges{end}"] = _ranges(steps, "unit_discount_price")
    return row


def _ranges(steps: Any, name: str) -> str:
    pairs = [_object(step, "ranges") for step in steps]
    return ",".join(f"{_text('', pair.get('quantity_threshold'))}|{_text(name, pair.get(name))}" for pair in pairs)


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RefusalError(400, f"Field '{name}' has a wrong type")
    return value


def _known(fields: Mapping[str, Any], names: set[str], settings: MiraklTwinSettings) -> None:
    unknown = sorted(set(fields) - names)
    if unknown and settings.refuse_unknown:
        raise RefusalError(400, f"Unknown field '{unknown[0]}'")


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int)):
        return str(value)
    raise RefusalError(400, f"Field '{name}' has a wrong type")
