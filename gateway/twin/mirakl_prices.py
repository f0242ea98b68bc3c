"""The price file of Mirakl: its columns, the verdict on each offer, and the prices an offer has afterwards.

Source: Mirakl seller API documentation, PRI01 and PRI03; columns, one line per price, lines of an offer together, 50
prices per offer, and delete-and-replace verified. Wording of faults is inferred.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.twin import mirakl_amounts as amounts
from gateway.twin.mirakl_csv import BadFileError, BadLine, Record, Sheet
from gateway.twin.mirakl_reference import CHANNEL_CODES
from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_state import Offer, Price

COLUMNS = ("offer-sku", "price", "discount-price", "discount-start-date", "discount-end-date")
MAX_PRICES = 50
_NEEDS_FEATURE: Mapping[str, str] = {
    "price-ranges": "volume_pricing",
    "discount-ranges": "volume_discount",
    "channels": "channel_pricing",
    "start-date": "scheduled_pricing",
    "end-date": "scheduled_pricing",
    "customer-organization-ids": "customer_pricing",
    "customer-group-ids": "customer_pricing",
    "price-type": "retail_pricing",
}
_KNOWN = frozenset({*COLUMNS, *_NEEDS_FEATURE})
_OTHER_LINE = "Another line of this offer is in error"


@dataclass(slots=True)
class Verdict:
    """New prices per sku with the line its prices begin on, lines for the report, and counts of what failed."""

    prices: dict[str, tuple[int, list[Price]]] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)
    lines: int = 0
    faulty: int = 0
    offers_in_error: int = 0


def unknown_column(columns: Sequence[str]) -> str | None:
    """The first column that no page names."""
    return next((name for name in columns if name not in _KNOWN), None)


def check_header(table: Sheet) -> None:
    """Raises BadFileError: a column twice, or sku or price missing."""
    for name in table.columns:
        if table.columns.count(name) > 1:
            raise BadFileError(f"Column '{name}' appears more than once")
    for name in COLUMNS[:2]:
        if name not in table.columns:
            raise BadFileError(f"Column '{name}' is required")


def judge(
    table: Sheet, offers: Mapping[str, Offer], settings: MiraklTwinSettings, now: datetime, *, spoiled: bool = False
) -> Verdict:
    """Tell offers whose prices are right from the others, whose lines are all reported (PRI03; verified)."""
    verdict, seen = Verdict(), set[str]()
    for sku, group in itertools.groupby(table.records, key=lambda record: record.value("offer-sku") or ""):
        lines = list(group)
        faults = list(_faults(sku, lines, table, settings, now))
        common = "The price is not valid" if spoiled else _offer_fault(sku, lines, seen, offers, settings)
        faults = [fault or common for fault in faults]
        seen.add(sku)
        verdict.lines += len(lines)
        if any(faults):
            verdict.offers_in_error += 1
            verdict.faulty += sum(bool(fault) for fault in faults)
            pairs = zip(lines, faults, strict=True)
            verdict.bad += [BadLine(line.number, fault or _OTHER_LINE, line.cells) for line, fault in pairs]
        else:
            verdict.prices[sku] = lines[0].number, [_price(line, settings) for line in lines]
    return verdict


def _offer_fault(
    sku: str, lines: list[Record], seen: set[str], offers: Mapping[str, Offer], settings: MiraklTwinSettings
) -> str:
    if not sku:
        return "offer-sku is required"
    if sku in seen:
        # Apart from the first ones these lines would replace their prices: in error, or the last ones win.
        return "Lines of the same offer must be grouped together" if settings.require_adjacent else ""
    if sku not in offers:
        return f"Offer with sku '{sku}' does not exist"
    if len(lines) > MAX_PRICES:
        return f"An offer has {MAX_PRICES} prices at most"
    return ""


def _faults(sku: str, lines: list[Record], table: Sheet, settings: MiraklTwinSettings, now: datetime) -> Iterator[str]:
    """What is wrong with each line of one offer."""
    contexts = Counter(_context(line) for line in lines)
    always = any(_default(line) for line in lines)
    for line in lines:
        fault = table.misfit(line) or _line_fault(line, settings, now)
        if not fault and contexts[_context(line)] > 1:
            fault = f"The prices of offer '{sku}' overlap"
        if not fault and settings.default_price_required and not always:
            fault = f"Offer '{sku}' has no default price"
        yield fault


def _line_fault(line: Record, settings: MiraklTwinSettings, now: datetime) -> str:
    cell = {name: line.value(name) or "" for name in _KNOWN}
    for name, feature in _NEEDS_FEATURE.items():
        if cell[name] and feature not in settings.features:
            # That a value is refused where PC01 says the column is not usable is inferred.
            return f"{name} is not allowed"
    if not cell["price"]:
        return "price is required"
    for name in ("price", "discount-price"):
        fault = amounts.amount_fault(name, cell[name], settings) if cell[name] else ""
        if fault:
            return fault
    for name in ("price-ranges", "discount-ranges"):
        fault = amounts.ranges_fault(name, cell[name], settings) if cell[name] else ""
        if fault:
            return fault
    unknown = [code for code in _list(cell["channels"]) if code not in CHANNEL_CODES]
    if unknown:
        return f"Channel '{unknown[0]}' does not exist"
    if cell["price-type"] not in {"", "PRICE", "RETAIL-PRICE"}:
        return f"price-type '{cell['price-type']}' is not allowed"
    dates = cell["discount-start-date"], cell["discount-end-date"]
    return amounts.discount_fault(cell["price"], cell["discount-price"], *dates, settings, now) or amounts.period_fault(
        "price", cell["start-date"], cell["end-date"], settings
    )


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split("|")) if text else ()


def _context(line: Record) -> tuple[object, ...]:
    names = ("price-type", "start-date", "end-date")
    lists = ("channels", "customer-organization-ids", "customer-group-ids")
    texts = [line.value(name) or "" for name in names]
    return (*texts, *(frozenset(_list(line.value(name) or "")) for name in lists))


def _default(line: Record) -> bool:
    return not any(line.value(name) for name in _NEEDS_FEATURE if not name.endswith("-ranges") and name != "price-type")


def _price(line: Record, settings: MiraklTwinSettings) -> Price:
    cell = {name: line.value(name) or "" for name in _KNOWN}
    return Price(
        price=amounts.amount(cell["price"], settings),
        discount_price=amounts.amount(cell["discount-price"], settings),
        discount_start=amounts.bound(cell["discount-start-date"], settings, end=False),
        discount_end=amounts.bound(cell["discount-end-date"], settings, end=True),
        price_ranges=cell["price-ranges"],
        discount_ranges=cell["discount-ranges"],
        channels=_list(cell["channels"]),
        start=amounts.bound(cell["start-date"], settings, end=False),
        end=amounts.bound(cell["end-date"], settings, end=True),
        organizations=_list(cell["customer-organization-ids"]),
        groups=_list(cell["customer-group-ids"]),
        kind=cell["price-type"] or "PRICE",
    )
