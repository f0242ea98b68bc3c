"""The offer file of Mirakl: its columns, the verdict on each line, what it changes, and its error report.

Source: Mirakl seller API documentation, OF01 and OF03; columns verified. Messages are worded after those sellers have
seen (live-reported and help pages); each line is reported with its first fault.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gateway.twin import mirakl_amounts as amounts
from gateway.twin.mirakl_csv import BadFileError, BadLine, Record, Sheet, write
from gateway.twin.mirakl_reference import ACTIVE_STATES, CHANNEL_CODES, CLASS_CODES
from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_state import MiraklState, Offer, Price, Shop

COLUMNS = (
    *("sku", "product-id", "product-id-type", "description", "internal-description", "price", "price-additional-info"),
    *("quantity", "min-quantity-alert", "state", "available-start-date", "available-end-date", "logistic-class"),
    *("favorite-rank", "discount-price", "discount-start-date", "discount-end-date", "discount-ranges"),
    *("allow-quote-requests", "leadtime-to-ship", "min-order-quantity", "max-order-quantity", "package-quantity"),
    *("update-delete", "price-ranges", "pricing-unit", "product-tax-code"),
)
PRICE_COLUMNS = (
    *("price", "discount-price", "discount-start-date", "discount-end-date", "price-ranges", "discount-ranges"),
)
_NEEDS_FEATURE: Mapping[str, str] = {
    "price-ranges": "volume_pricing",
    "discount-ranges": "volume_discount",
    "min-order-quantity": "minimum_order_quantity",
    "max-order-quantity": "maximum_order_quantity",
    "package-quantity": "package_order_quantity",
}
_WHOLE = frozenset(
    {
        *("quantity", "min-quantity-alert", "favorite-rank", "leadtime-to-ship"),
        *("min-order-quantity", "max-order-quantity", "package-quantity"),
    }
)
_CHANNEL = re.compile(rf"({'|'.join(PRICE_COLUMNS)})\[channel=([^\]]+)\]")
_KEYS = frozenset({"sku", "product-id", "product-id-type", "update-delete", "quantity", *PRICE_COLUMNS})
NO_PRODUCT = "The product does not exist"


@dataclass(frozen=True, slots=True)
class Draft:
    """One line that is right: an offer to delete, or all its columns as they will be."""

    number: int
    sku: str
    command: Literal["upsert", "delete"]
    values: dict[str, str] = field(default_factory=dict)
    product_sku: str = ""


@dataclass(slots=True)
class Rules:
    """What lines of one import are judged by."""

    state: MiraklState
    shop: Shop
    settings: MiraklTwinSettings
    now: datetime
    mode: str
    reset: bool = False
    references: dict[tuple[str, str], str] = field(init=False)
    """Type and value of a reference -> the operator's sku of the product."""

    def __post_init__(self) -> None:
        known = self.state.products.values()
        self.references = {pair: product.product_sku for product in known for pair in product.references.items()}


def known_column(name: str, settings: MiraklTwinSettings) -> bool:
    """Whether an offer file may have that column: a standard one, a custom field, or a price of a channel."""
    if name in COLUMNS or name in dict(settings.custom_fields):
        return True
    match = _CHANNEL.fullmatch(name)
    return match is not None and "channel_pricing" in settings.features and match[2] in CHANNEL_CODES


def check_header(table: Sheet, settings: MiraklTwinSettings) -> None:
    """Raises BadFileError: a column twice, or missing."""
    for name in table.columns:
        if table.columns.count(name) > 1:
            raise BadFileError(f"Column '{name}' appears more than once")
    for name in settings.offer_columns_required:
        if name not in table.columns:
            raise BadFileError(f"Column '{name}' is required")


def judge(table: Sheet, rules: Rules, *, spoiled: bool = False) -> tuple[list[Draft], list[BadLine]]:
    """Tell good lines from bad ones. `spoiled`: every line is in error."""
    drafts, bad, seen = [], [], set()
    counts = Counter(record.value("sku") for record in table.records)
    for record in table.records:
        sku = record.value("sku") or ""
        fault, draft = table.misfit(record), None
        if spoiled:
            fault = "The offer is not valid"
        elif not fault and not sku:
            fault = "The sku is mandatory"
        elif not fault and counts[sku] > 1 and (rules.settings.duplicate_sku == "all" or sku in seen):
            fault = f"The sku '{sku}' is duplicated in the file"
        elif not fault:
            fault, draft = _line(record, sku, rules)
        seen.add(sku)
        if draft is not None:
            drafts.append(draft)
        else:
            bad.append(BadLine(record.number, fault, record.cells))
    return drafts, bad


def _line(record: Record, sku: str, rules: Rules) -> tuple[str, Draft | None]:
    offer, word = rules.shop.offers.get(sku), (record.value("update-delete") or "")
    # Both spellings have been seen (live-reported).
    if word.lower() not in {"", "update", "delete"}:
        return f"update-delete '{word}' is not allowed", None
    if word and rules.mode == "REPLACE":
        return "update-delete is not allowed in this mode", None
    if word.lower() == "delete":
        # Only the sku is read; an unknown one is an error (help pages; verified).
        return (
            (f"The offer '{sku}' does not exist", None) if offer is None else ("", Draft(record.number, sku, "delete"))
        )
    product_sku, fault = _product(record, offer, rules)
    if fault:
        return fault, None
    values = _merged(record, offer, rules)
    fault = _values_fault(record, values, rules)
    return (fault, None) if fault else ("", Draft(record.number, sku, "upsert", values, product_sku))


def _product(record: Record, offer: Offer | None, rules: Rules) -> tuple[str, str]:
    """The operator's sku of the product, or what is wrong."""
    value, kind = record.value("product-id") or "", record.value("product-id-type") or ""
    if not value and not kind:
        return (offer.product_sku, "") if offer is not None else ("", "The product-id is mandatory")
    if not (value and kind):
        return "", "product-id and product-id-type are given together"
    types = {attribute.reference for attribute in rules.settings.catalog.attributes} - {""}
    if kind not in {"SKU", "SHOP_SKU"} | types:
        return "", f"The product-id-type '{kind}' does not exist"
    found: str | None = value
    if kind != "SKU":
        found = rules.shop.products.get(value) if kind == "SHOP_SKU" else rules.references.get((kind, value))
    product = rules.state.products.get(found or "")
    if product is None or not (product.live or not rules.settings.offer_needs_live_product):
        return "", NO_PRODUCT
    if offer is not None and offer.product_sku != product.product_sku:
        return "", "The product differs from the one of the existing offer"
    return product.product_sku, ""


def _merged(record: Record, offer: Offer | None, rules: Rules) -> dict[str, str]:
    """All columns as they will be: absent ones unchanged (verified), or back to their defaults with `reset` (OF24)."""
    before = {} if offer is None or rules.reset else flat(offer)
    given = {name: value for name, value in record.values.items() if known_column(name, rules.settings)}
    if not rules.settings.empty_clears:
        given = {name: value for name, value in given.items() if value}
    after = before | given
    for suffix in {match[2] for name in after if (match := _CHANNEL.fullmatch(name))} | {""}:
        end = f"[channel={suffix}]" if suffix else ""
        if not after.get(f"discount-price{end}"):
            # A discount that goes takes dates with it that the file does not name.
            for name in (f"discount-start-date{end}", f"discount-end-date{end}"):
                if name not in given:
                    after.pop(name, None)
    return after


def flat(offer: Offer) -> dict[str, str]:
    """An offer as columns of the file; prices by date or customer have none there."""
    columns = dict(offer.fields) | {"quantity": str(offer.total)}
    for price in offer.prices:
        if price.default or _channel_only(price):
            end = f"[channel={price.channels[0]}]" if price.channels else ""
            cells = (price.price, price.discount_price, price.discount_start, price.discount_end)
            ranges = (price.price_ranges, price.discount_ranges)
            columns |= {f"{name}{end}": cell for name, cell in zip(PRICE_COLUMNS, cells + ranges, strict=True)}
    return columns


def _values_fault(record: Record, values: Mapping[str, str], rules: Rules) -> str:
    settings = rules.settings
    for name, value in record.values.items():
        if value and known_column(name, settings):
            fault = _cell_fault(name, value, settings)
            if fault:
                return fault
    mandatory = ["price", "quantity", "state"]
    mandatory += ["logistic-class"] if settings.logistic_class_mandatory else []
    mandatory += ["product-tax-code"] if "product_tax_code_mandatory" in settings.features else []
    for name in mandatory:
        if not values.get(name):
            return f"The {name} is mandatory"
    channels = {match[2] for name in values if (match := _CHANNEL.fullmatch(name)) and values[name]}
    for end in ("", *(f"[channel={code}]" for code in sorted(channels))):
        price, discount, start, finish = (values.get(f"{name}{end}", "") for name in PRICE_COLUMNS[:4])
        if not price:
            return f"The price{end} is mandatory"
        fault = amounts.discount_fault(price, discount, start, finish, settings, rules.now)
        if fault:
            return fault
    return amounts.period_fault(
        "available", values.get("available-start-date", ""), values.get("available-end-date", ""), settings
    )


def _cell_fault(name: str, value: str, settings: MiraklTwinSettings) -> str:
    column = match[1] if (match := _CHANNEL.fullmatch(name)) else name
    kind = dict(settings.custom_fields).get(name)
    if column in _NEEDS_FEATURE and _NEEDS_FEATURE[column] not in settings.features:
        # That a value is refused where PC01 says the column is not usable is inferred.
        return f"{name} is not allowed"
    if column in _WHOLE:
        return amounts.whole_fault(name, value)
    if column in {"price", "discount-price"}:
        return amounts.amount_fault(name, value, settings)
    if column in {"price-ranges", "discount-ranges"}:
        return amounts.ranges_fault(name, value, settings)
    if column == "state" and value not in ACTIVE_STATES:
        return f"The state '{value}' of the product is unknown"
    if column == "logistic-class" and value not in CLASS_CODES:
        return f"The logistic class '{value}' does not exist"
    if (column == "allow-quote-requests" or kind == "BOOLEAN") and value not in {"true", "false"}:
        return f"{name} '{value}' is neither true nor false"
    if kind == "NUMERIC" and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value, re.ASCII):
        return f"{name} '{value}' is not a number"
    return ""


def apply(draft: Draft, rules: Rules, at: datetime) -> Literal["insert", "update", "delete"]:
    """Write a good line to the shop; tells what it did."""
    shop, offer = rules.shop, rules.shop.offers.get(draft.sku)
    if draft.command == "delete":
        remove(shop, draft.sku, at)
        return "delete"
    action: Literal["insert", "update"] = "update"
    if offer is None:
        offer, action = rules.state.new_offer(shop.shop_id, draft.sku, draft.product_sku, at), "insert"
    values, settings = draft.values, rules.settings
    if values["quantity"] != str(offer.total) or action == "insert":
        offer.quantity, offer.warehouses = int(values["quantity"]), {}
    offer.fields = {name: value for name, value in values.items() if value and name not in _KEYS and "[" not in name}
    for side in ("start", "end"):
        name = f"available-{side}-date"
        if name in offer.fields:
            offer.fields[name] = amounts.bound(offer.fields[name], settings, end=side == "end")
    others = [price for price in offer.prices if not (price.default or _channel_only(price))]
    offer.prices = [*_prices(values, settings), *others]
    offer.updated = at
    return action


def _channel_only(price: Price) -> bool:
    return len(price.channels) == 1 and price.context == Price("", channels=price.channels).context


def _prices(values: Mapping[str, str], settings: MiraklTwinSettings) -> Iterator[Price]:
    channels = {match[2] for name in values if (match := _CHANNEL.fullmatch(name)) and values[name]}
    for channel in ("", *sorted(channels)):
        end = f"[channel={channel}]" if channel else ""
        price, discount, start, finish, steps, less = (values.get(f"{name}{end}", "") for name in PRICE_COLUMNS)
        yield Price(
            amounts.amount(price, settings), amounts.amount(discount, settings),
            amounts.bound(start, settings, end=False), amounts.bound(finish, settings, end=True),
            steps, less, (channel,) if channel else (),
        )  # fmt: skip


def remove(shop: Shop, sku: str, at: datetime) -> None:
    """Take an offer out of the shop; an export still tells of it."""
    offer = shop.offers.pop(sku)
    offer.updated = at
    shop.gone.append(offer)


def report(table: Sheet, bad: Iterable[BadLine], settings: MiraklTwinSettings) -> str:
    """Write OF03: offer columns, `error-line` with the header as line 1, `error-message` (OF03; verified)."""
    sent = settings.offer_report_columns == "sent"
    columns = table.columns if sent else COLUMNS
    lines = []
    for line in bad:
        cells = dict(zip(table.columns, line.cells, strict=False))
        lines.append([*(cells.get(name, "") for name in columns), line.number, line.reason])
    return write([[*columns, "error-line", "error-message"], *lines])
