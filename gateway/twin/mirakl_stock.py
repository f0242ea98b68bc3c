"""The stock import file of Mirakl: its header, the verdict on each line, its effects and its error report."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from gateway.twin.mirakl_csv import BadFileError, BadLine, decode, numbered_report, rows
from gateway.twin.mirakl_settings import MiraklTwinSettings
from gateway.twin.mirakl_state import Effect, Import, MiraklState, Offer

__all__ = ["BadFileError", "apply", "columns", "decode", "every_line_bad", "judge", "report"]

COLUMNS = ("offer-sku", "quantity", "warehouse-code", "update-delete")
"""Columns of the file, separated by semicolons (Mirakl seller API documentation, STO01; verified)."""
REQUIRED = COLUMNS[:2]
"""Columns that must be there; that the others may be left out is an assumption."""
MAX_QUANTITY = 2_147_483_647
"""Quantities are int32 (Mirakl seller API documentation, OF21; verified; that STO01 refuses more is inferred)."""

_MAX_DIGITS = len(str(MAX_QUANTITY))
_WHOLE = re.compile(r"[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file. `number` counts records, the header being 1; `quantity` is None for a delete without."""

    number: int
    cells: tuple[str, ...]
    sku: str
    warehouse: str
    command: Literal["update", "delete"]
    quantity: int | None
    fault: str


@dataclass(slots=True)
class Verdict:
    """Lines to apply, and lines for the report in file order."""

    good: list[Line] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)


def columns(text: str, settings: MiraklTwinSettings) -> tuple[str, ...]:
    """Read the header. Raises BadFileError: no header, a column missing, twice or unknown."""
    header = next(rows(text), None)
    if header is None:
        raise BadFileError("The file is empty")
    for name in header:
        if name not in COLUMNS and settings.refuse_unknown:
            raise BadFileError(f"Unknown column '{name}'")
        if header.count(name) > 1:
            raise BadFileError(f"Column '{name}' appears more than once")
    for name in REQUIRED:
        if name not in header:
            raise BadFileError(f"Column '{name}' is required")
    return tuple(header)


def judge(text: str, offers: dict[str, Offer], settings: MiraklTwinSettings) -> Verdict:
    """Tell good lines from bad ones, offer by offer. Raises BadFileError for a broken quote."""
    verdict = Verdict()
    seen: set[str] = set()
    for sku, group in itertools.groupby(_lines(text, settings), key=lambda line: line.sku):
        lines = list(group)
        faults = [line.fault or _offer_fault(sku, seen, offers, settings) for line in lines]
        if settings.one_value_per_place:
            faults = [fault or clash for fault, clash in zip(faults, _clashes(lines), strict=True)]
        seen.add(sku)
        # "Only returns lines of offers with at least one [...] in error" (STO03; verified).
        whole = settings.report_whole_offer and any(faults)
        for line, fault in zip(lines, faults, strict=True):
            if fault or whole:
                verdict.bad.append(BadLine(line.number, fault or "Another line of this offer is in error", line.cells))
            else:
                verdict.good.append(line)
    return verdict


def apply(lines: Sequence[Line], state: MiraklState, item: Import, at: datetime, settings: MiraklTwinSettings) -> None:
    """Write good lines to the shop's offers and to the audit."""
    offers = state.shops[item.shop_id].offers
    for line in lines:
        offer = offers.get(line.sku) or state.put(item.shop_id, line.sku, 0)
        before = offer.warehouses.get(line.warehouse) if line.warehouse else offer.total
        if line.command == "delete" and line.warehouse:
            offer.warehouses.pop(line.warehouse, None)
            # The last warehouse took the stock with it: what is left is no stock, not an older global number.
            offer.quantity = offer.quantity if offer.warehouses else 0
        elif line.warehouse:
            offer.warehouses[line.warehouse] = line.quantity or 0
        else:
            offer.quantity = 0 if line.command == "delete" else line.quantity or 0
            if settings.global_clears_warehouses:
                offer.warehouses.clear()
        offer.updated = at
        value = 0 if line.command == "delete" else line.quantity or 0
        effect = Effect(
            at, item.shop_id, item.import_id, line.number, line.sku, line.warehouse, line.command, value, before
        )
        state.effects.append(effect)


def report(item: Import, settings: MiraklTwinSettings) -> bytes:
    """Write the error report."""
    return numbered_report(item.errors, item.columns, settings).encode()


def every_line_bad(text: str, settings: MiraklTwinSettings) -> list[BadLine]:
    """Return every line as one in error. Raises BadFileError for a broken quote."""
    return [BadLine(line.number, "The offer is not valid", line.cells) for line in _lines(text, settings)]


def _lines(text: str, settings: MiraklTwinSettings) -> Iterator[Line]:
    records = rows(text)
    header = next(records)
    place = {name: header.index(name) for name in COLUMNS if name in header}
    for number, cells in enumerate(records, start=2):
        if cells:
            yield _line(number, cells, len(header), place, settings)


def _line(number: int, cells: list[str], width: int, place: dict[str, int], settings: MiraklTwinSettings) -> Line:
    padded = [*cells, *[""] * (width - len(cells))]
    sku, quantity, warehouse, word = (padded[place[name]] if name in place else "" for name in COLUMNS)
    # "update", "delete" or nothing, which means update (STO01; inferred from the offer import's column of that name).
    command: Literal["update", "delete"] = "delete" if word == "delete" else "update"
    fault = ""
    if len(cells) != width:
        fault = f"The line has {len(cells)} columns instead of {width}"
    elif not sku:
        fault = "offer-sku is required"
    elif word not in {"", "update", "delete"}:
        fault = f"update-delete '{word}' is not allowed"
    elif warehouse and settings.warehouses is not None and warehouse not in settings.warehouses:
        fault = f"Warehouse '{warehouse}' does not exist"
    elif command == "delete" and not warehouse and not settings.delete_zeroes:
        fault = "warehouse-code is required to delete"
    else:
        fault = _quantity_fault(quantity, required=command == "update" or settings.delete_needs_quantity)
    value = int(quantity) if not fault and quantity else None
    return Line(number, tuple(cells), sku, warehouse, command, value, fault)


def _quantity_fault(quantity: str, *, required: bool) -> str:
    """Quantity is a whole number from 0 (OF21 gives int32; that signs, blanks and decimals are refused: inferred)."""
    if not quantity:
        return "quantity is required" if required else ""
    if not _WHOLE.fullmatch(quantity):
        return f"quantity '{quantity}' is not a positive integer"
    digits = quantity.lstrip("0")
    too_large = len(digits) > _MAX_DIGITS or int(digits or "0") > MAX_QUANTITY
    return f"quantity '{quantity}' is too large" if too_large else ""


def _offer_fault(sku: str, seen: set[str], offers: dict[str, Offer], settings: MiraklTwinSettings) -> str:
    if sku in seen and settings.require_adjacent:
        return "Lines of the same offer must be grouped together"
    if sku not in offers and not settings.create_unknown:
        return f"Offer with sku '{sku}' does not exist"
    return ""


def _clashes(lines: list[Line]) -> Iterator[str]:
    places = Counter(line.warehouse for line in lines)
    mixed = "" in places and len(places) > 1
    for line in lines:
        if mixed:
            yield "An offer takes either a global quantity or quantities per warehouse"
        elif places[line.warehouse] > 1:
            yield "The quantity of this offer and warehouse is given more than once"
        else:
            yield ""
