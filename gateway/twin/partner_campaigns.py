"""Promotion rows of files: what a row must say, whom it reaches, and how a campaign begins and ends.

Source: Partner API documentation, promotion files: columns, dates, types, and that a campaign ends only by the same
row with another status (verified); bundles and their sub types are live-reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.twin import partner_promotions as promotions
from gateway.twin import partner_tables as tables
from gateway.twin.partner_products import barcodes, bare, plain
from gateway.twin.partner_promotions import Shelves
from gateway.twin.partner_settings import Chain, PartnerTwinSettings, Vendor
from gateway.twin.partner_state import Entry, Item, Kind, Promotion, RowFault
from gateway.twin.partner_tables import BadRowError, Row

_BUNDLE = re.compile(r"B([1-9][0-9]?)G([1-9][0-9]?)", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2})?", re.ASCII)
_TYPES = frozenset({"strikethrough", "same_item_bundle"})
_SUB_TYPES: Mapping[str, Kind] = {
    "free_item": "FREE_ITEM",
    "percentage_value_off": "PERCENTAGE",
    "absolute_value_off": "ABSOLUTE",
}
_WORDS = {
    "missing": "Product not found or not active in the catalog of the vendor",
    "price": "discounted_price must be lower than the price",
}
_STATUS = "campaign_status"


@dataclass(frozen=True, slots=True)
class Files:
    """The chain a file is for, the vendor it names (None: its rows do), and the rules it is read by."""

    chain: Chain
    vendor: Vendor | None
    settings: PartnerTwinSettings
    now: datetime


@dataclass(slots=True)
class Taken:
    """What came of promotion rows: rows that took effect at some vendor, faults, and what was set or ended."""

    lines: set[int] = field(default_factory=set)
    faults: list[RowFault] = field(default_factory=list)
    set: list[tuple[str, str, str]] = field(default_factory=list)
    """Vendor, sku and what it got; "" where a promotion ended."""


def take(rows: Sequence[Row], files: Files, known: list[Promotion], shelves: Shelves) -> Taken:
    """Begin, change or end campaigns in `known`."""
    taken = Taken()
    reaches = {(row.cell("vendors"), row.cell("exclude")) for row in rows}
    if files.settings.layout == "multi" and files.settings.same_vendors and len(reaches) > 1:
        rows = [replace(row, fault=row.fault or "All rows of a file must name the same vendors") for row in rows]
    for row in rows:
        try:
            row.check()
            _row(row, files, known, shelves, taken)
        except BadRowError as error:
            taken.faults.append(RowFault(row.line, row.key, "", str(error)))
    return taken


def _row(row: Row, files: Files, known: list[Promotion], shelves: Shelves, taken: Taken) -> None:
    new, entry = _campaign(row, files), _entry(row, files.settings)
    said = {name: text for name, text in row.cells.items() if name != _STATUS and text}
    old = next((one for one in known if one.identity == new.identity), None)
    if old is not None and old.origin != "file":
        # What was made by one way is changed by that way (promotions FAQ; verified).
        raise BadRowError("The promotion was created by API")
    if not new.active:
        _end(row, said, old, shelves, taken)
        return
    if new.end <= files.now:
        raise BadRowError("end_date is in the past")
    campaign = new if old is None else old
    for vendor in new.vendors:
        shelf = shelves(vendor)
        sku = _sku(row, shelf)
        if why := promotions.bar(shelf.get(sku), entry, new.kind):
            taken.faults.append(RowFault(row.line, row.key, vendor, _WORDS[why]))
            continue
        campaign.entries.setdefault(vendor, {})[sku] = entry
        taken.lines.add(row.line)
        taken.set.append((vendor, sku, f"{new.name}: {entry.kind} {entry.value}".rstrip()))
    if row.line in taken.lines:
        campaign.active = True
        campaign.made = (campaign.made or {}) | {row.key: said}
        if old is None:
            known.append(campaign)


def _sku(row: Row, shelf: Mapping[str, Item]) -> str:
    return row.cell("sku") or barcodes(shelf).get(bare(row.cell("barcode")), "")


def _end(row: Row, said: Mapping[str, str], old: Promotion | None, shelves: Shelves, taken: Taken) -> None:
    """End what the same row once began: any other difference and it does not end (testing files; verified)."""
    made = None if old is None or not old.active else (old.made or {}).get(row.key)
    if old is None or made is None:
        raise BadRowError("There is no such campaign to end")
    if made != said:
        differing = sorted(name for name in {*made, *said} if made.get(name) != said.get(name))
        raise BadRowError(f"The row differs from the one that began the campaign in {', '.join(differing)}")
    for vendor, entries in old.entries.items():
        sku = _sku(row, shelves(vendor))
        entry = entries.get(sku)
        if entry is not None and entry.active:
            entry.active = False
            taken.set.append((vendor, sku, ""))
    taken.lines.add(row.line)
    old.active = any(entry.active for entries in old.entries.values() for entry in entries.values())


def _campaign(row: Row, files: Files) -> Promotion:
    settings = files.settings
    if bool(row.cell("sku")) == bool(row.cell("barcode")) and settings.layout != "single":
        raise BadRowError("Either sku or barcode is required")
    tables.barcode(row)
    name = row.cell("campaign_name")
    kind = row.cell("promotion_type") or ("strikethrough" if settings.layout == "single" else "")
    if not name and settings.layout != "single":
        raise BadRowError("campaign_name is required")
    if kind not in _TYPES or kind.upper() not in settings.promotion_types:
        raise BadRowError(f"promotion_type '{kind}' is not allowed")
    reason = row.cell("reason")
    if not reason or (settings.file_reasons is not None and reason not in settings.file_reasons):
        raise BadRowError(f"reason '{reason}' is not allowed")
    status = row.cell(_STATUS) or "1"
    if status not in {"0", "1"}:
        raise BadRowError(f"{_STATUS} '{status}' is neither 1 nor 0")
    for column, least in (("discount_usage_limit", 0), ("max_no_of_orders", 1), ("maximum_sales_quantity", 0)):
        value = tables.whole(row, column)
        if value is not None and value < least:
            raise BadRowError(f"{column} '{value}' must be at least {least}")
    reached = (files.vendor.vendor_id,) if files.vendor is not None else tables.reach(row, files.chain)
    zone = _zone(reached, files)
    start, end = (_moment(row, column, zone, settings) for column in ("start_date", "end_date"))
    if end <= start:
        raise BadRowError("end_date must be after start_date")
    vendors = tuple(sorted(reached))
    return Promotion(files.chain.chain_id, "file", name, kind.upper(), vendors, start, end, status == "1")


def _zone(reached: Sequence[str], files: Files) -> ZoneInfo:
    """Dates are in the store's time; rows for many stores take that of the first."""
    first = files.chain.vendor(reached[0]) if reached else None
    if first is None or files.settings.promotion_times == "utc":
        return ZoneInfo("UTC")
    return first.zone


def _moment(row: Row, column: str, zone: ZoneInfo, settings: PartnerTwinSettings) -> datetime:
    text = row.cell(column)
    whole_day = len(text) == len("2026-03-16")
    if not _MOMENT.fullmatch(text) or (whole_day and settings.date_only == "refuse"):
        raise BadRowError(f"{column} '{text}' is no date like 2026-03-16 00:00:00")
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError as error:
        raise BadRowError(f"{column} '{text}' does not exist") from error
    return local.astimezone(UTC)


def _entry(row: Row, settings: PartnerTwinSettings) -> Entry:
    if row.cell("promotion_type") == "same_item_bundle":
        return _bundle(row)
    if row.cell("bundle_details") or row.cell("bundle_discount"):
        raise BadRowError("bundle_details and bundle_discount belong to bundles only")
    column = tables.prices(settings)[1] if settings.layout == "single" else "discounted_price"
    price = tables.number(row, column)
    if price is None or price <= 0:
        raise BadRowError(f"{column} must be greater than 0")
    exponent = price.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > settings.promotion_decimals:
        raise BadRowError(f"{column} has more than {settings.promotion_decimals} decimals")
    return Entry("FINAL_PRICE", plain(price))


def _bundle(row: Row) -> Entry:
    details = _BUNDLE.fullmatch(row.cell("bundle_details"))
    if details is None:
        raise BadRowError(f"bundle_details '{row.cell('bundle_details')}' is not of the form B2G1")
    sub_type = row.cell("promotion_sub_type")
    if sub_type not in _SUB_TYPES:
        raise BadRowError(f"promotion_sub_type '{sub_type}' is not allowed")
    value, kind = tables.number(row, "bundle_discount"), _SUB_TYPES[sub_type]
    if (kind == "FREE_ITEM") is (value is not None):
        raise BadRowError(f"bundle_discount does not fit promotion_sub_type '{sub_type}'")
    if value is not None and (value <= 0 or (kind == "PERCENTAGE" and value > Decimal(100))):
        raise BadRowError(f"bundle_discount '{value}' is out of range")
    return Entry(kind, "" if value is None else plain(value), buy=int(details[1]), get=int(details[2]))
