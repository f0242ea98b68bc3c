"""Files as the platform reads them: names, the dialect, columns, and what each row of a catalog file says.

Source: Partner API documentation, catalog files: names, columns, header (verified); comma, UTF-8, unknown columns and
row limits come from a public checker (inferred); byte order mark and line ends are assumptions.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from gateway.twin.partner_products import BadCallError, Given
from gateway.twin.partner_settings import Chain, Feed, PartnerTwinSettings

CATALOG = ("sku", "barcode", "price", "active", "quantity", "maximum_sales_quantity")
MULTI = ("vendors", "exclude")
PROMOTION = (
    "barcode", "sku", "campaign_name", "reason", "start_date", "end_date", "promotion_type", "promotion_sub_type",
    "discount_usage_limit", "bundle_details", "bundle_discount", "discounted_price", "max_no_of_orders",
    "maximum_sales_quantity", "campaign_status",
)  # fmt: skip
PROMOTION_NEEDED = ("campaign_name", "reason", "start_date", "end_date", "promotion_type")
SINGLE = ("barcode", "sku", "active", "quantity", "maximum_sales_quantity")
SINGLE_PROMOTION = ("reason", "start_date", "end_date", "campaign_status", "max_no_of_orders")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_BARCODE = re.compile(r"[0-9]{1,14}", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class BadRowError(Exception):
    """A row is not taken."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row by column; `line` counts records with the header as 1. With `fault` it could not be taken apart."""

    line: int
    cells: Mapping[str, str]
    fault: str = ""

    def cell(self, name: str) -> str:
        """A cell, "" where it is empty or its column absent."""
        return self.cells.get(name, "")

    def check(self) -> None:
        """Raise BadRowError for a row that could not be taken apart."""
        if self.fault:
            raise BadRowError(self.fault)

    @property
    def key(self) -> str:
        """What its product is called by."""
        return self.cell("sku") or self.cell("barcode")


def vendor_of(name: str, feed: Feed, chain: Chain, settings: PartnerTwinSettings) -> str | None:
    """Id of the vendor whose file it is by its name, "" of many in one; None for a name that is never picked up.

    `<prefix>_<vendor>.csv`, or `<prefix>.csv` for many vendors (catalog files, use cases; verified).
    """
    prefix = re.escape(settings.prefixes[feed]) + (r"\d*" if settings.numbered_prefixes else "")
    if settings.layout == "multi":
        return "" if re.fullmatch(rf"{prefix}\.csv", name) else None
    found = re.fullmatch(rf"{prefix}_([^_]+(?:_[^_]+)*)\.csv", name)
    vendor = None if found is None else chain.vendor(found[1])
    return None if vendor is None else vendor.vendor_id


def table(body: bytes, feed: Feed, settings: PartnerTwinSettings) -> list[Row]:
    """The rows of a file. Raises BadCallError for a file that is unusable as a whole."""
    text = _decoded(body, settings)
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise BadCallError(f"The file is no CSV: {error}") from error
    limit = settings.max_rows[feed]
    if len(records) > limit:
        raise BadCallError(f"The file has {len(records)} rows with its header, at most {limit} are allowed")
    header = records[0]
    _check(header, feed, settings)
    if len(records) == 1:
        raise BadCallError("The file has no rows")
    return [_row(line, cells, header) for line, cells in enumerate(records[1:], start=2) if cells]


def prices(settings: PartnerTwinSettings) -> tuple[str, str]:
    """Columns of the regular and of the promotion's price in a single file."""
    regular, lower = settings.price_variant.split("+")
    return regular, lower


def given(row: Row, price: str = "price") -> Given:
    """What a row says about its product, `price` being the column of the regular price. Faults are in it."""
    try:
        return Given(
            row.line,
            row.cell("sku"),
            barcode(row),
            number(row, price),
            _flag(row, "active"),
            whole(row, "quantity"),
            whole(row, "maximum_sales_quantity"),
            fault="" if row.key else "sku or barcode is required",
        )
    except BadRowError as error:
        return Given(row.line, row.cell("sku"), row.cell("barcode"), fault=str(error))


def reach(row: Row, chain: Chain) -> tuple[str, ...]:
    """The vendors that a row of a file for many is about. Raises BadRowError.

    A comma list of ids, or `all`; `exclude` goes with `all` only (catalog files, use cases; verified).
    """
    wanted, left = (_ids(row.cell(name)) for name in MULTI)
    if not wanted:
        raise BadRowError("vendors is required")
    if wanted == ["all"]:
        out = {_known(name, chain) for name in left}
        return tuple(vendor.vendor_id for vendor in chain.vendors if vendor.vendor_id not in out)
    if left:
        raise BadRowError("exclude is only allowed where vendors is all")
    return tuple(dict.fromkeys(_known(name, chain) for name in wanted))


def number(row: Row, name: str) -> Decimal | None:
    """A decimal cell with a dot. Raises BadRowError."""
    text = row.cell(name)
    if text and not _NUMBER.fullmatch(text):
        raise BadRowError(f"{name} '{text}' is not a number")
    return Decimal(text) if text else None


def whole(row: Row, name: str) -> int | None:
    """A cell with a whole number. Raises BadRowError."""
    text = row.cell(name)
    if text and not _WHOLE.fullmatch(text):
        raise BadRowError(f"{name} '{text}' is not an integer")
    return int(text) if text else None


def barcode(row: Row) -> str:
    """A barcode: digits only, leading zeros kept. Raises BadRowError."""
    text = row.cell("barcode")
    if text and not _BARCODE.fullmatch(text):
        raise BadRowError(f"barcode '{text}' must hold at most 14 digits")
    return text


def _flag(row: Row, name: str) -> bool | None:
    text = row.cell(name)
    if text and text not in _FLAGS:
        raise BadRowError(f"{name} '{text}' is neither true, false, 1 nor 0")
    return _FLAGS.get(text)


def _ids(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(",") if part.strip()]


def _known(name: str, chain: Chain) -> str:
    vendor = chain.vendor(name)
    if vendor is None:
        raise BadRowError(f"Vendor '{name}' is not known")
    return vendor.vendor_id


def _decoded(body: bytes, settings: PartnerTwinSettings) -> str:
    try:
        text = body.decode("utf-8-sig" if settings.accept_bom else "utf-8")
    except UnicodeDecodeError as error:
        raise BadCallError("The file is not UTF-8") from error
    if not text.strip():
        raise BadCallError("The file is empty")
    if settings.needs_final_newline and not text.endswith("\n"):
        raise BadCallError("The file has no newline at its end")
    return text


def _columns(feed: Feed, settings: PartnerTwinSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that a file may have, and those it must."""
    more = MULTI if settings.layout == "multi" else ()
    if feed == "catalog":
        return CATALOG + more, more[:1]
    if feed == "promotions":
        return PROMOTION + more, PROMOTION_NEEDED + more[:1]
    return SINGLE + SINGLE_PROMOTION + prices(settings), ()


def _check(header: list[str], feed: Feed, settings: PartnerTwinSettings) -> None:
    known, needed = _columns(feed, settings)
    if len(header) == 1 and ";" in header[0]:
        _refuse("The columns are not divided by commas")
    for name in header:
        if header.count(name) > 1:
            _refuse(f"Column '{name}' appears more than once")
        if name not in known and settings.unknown_columns == "refuse":
            _refuse(f"Column '{name}' is not known")
    for name in needed:
        if name not in header:
            _refuse(f"Column '{name}' is missing")
    if not {"sku", "barcode"} & set(header):
        _refuse("Column 'sku' or 'barcode' is missing")


def _row(line: int, cells: list[str], header: list[str]) -> Row:
    named = dict(zip(header, cells, strict=False))
    if len(cells) != len(header):
        return Row(line, named, f"The row has {len(cells)} cells instead of {len(header)}")
    return Row(line, named)


def _refuse(message: str) -> NoReturn:
    raise BadCallError(message)
