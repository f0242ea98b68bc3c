"""What a Sage 50 installation holds: how a record changes it, what answers call a record, and how it all looks.

Source: Sage 50 Cloud e-commerce contracts; that a record replaces the one of its key unless it is older, and how
answers name records that are no orders, are assumptions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.twin.sage_answers import BatchName, result
from gateway.twin.sage_contract import JsonNumber, Judged, Known
from gateway.twin.sage_kinds import decoded
from gateway.twin.sage_pictures import picture_kind
from gateway.twin.sage_settings import SageTwinSettings
from gateway.twin.sage_state import Entry, Level, SageEffect, SageState

PRODUCTS, STOCK, PRICES, PICTURES = "products", "productstocks", "productspecialprices", "productpictures"
_SHOWN = {PRODUCTS: "netPrice", STOCK: "stock", PRICES: "discount"}
_END = 5
"""Place of `dateTo` among the parts of a special price's key."""


@dataclass(frozen=True, slots=True)
class ShopRow:
    """One product or variant as a shop shows it; `stock` is None where none was ever told."""

    key: str
    name: str
    available: bool
    net_price: str
    tax: str
    stock: str | None
    special_prices: tuple[str, ...]
    pictures: tuple[str, ...]


def name_of(row: Judged, place: int, settings: SageTwinSettings) -> str:
    """Return what answers call a record by: `TS-100/XL/Blue`, a picture's with `#1` behind it, or its place `#1`.

    A special price is called by everything SP-KEY names, empty where it says nothing.
    """
    if row.kind.scope == PRICES and any(row.key):
        return settings.separator.join(row.key)
    words = row.key[:3]
    name = settings.separator.join(word for word in words if word)
    if row.kind.scope == PICTURES and row.word("order"):
        name += f"#{row.word('order')}"
    return name if words[0] else f"#{place}"


def known(state: SageState, settings: SageTwinSettings) -> Known | None:
    """Return the products that exist; None where everything anybody names exists."""
    if settings.products is None:
        return None
    read: dict[str, set[tuple[str, str]]] = {}
    for entry in state.shelves.get(PRODUCTS, {}).values():
        values = entry.fields.get("variant1Value", ""), entry.fields.get("variant2Value", "")
        read.setdefault(entry.fields["id"], set()).add(values)
    there: dict[str, frozenset[tuple[str, str]] | None] = {product: frozenset(found) for product, found in read.items()}
    return there | dict.fromkeys(settings.products)


def take(
    state: SageState, batch: BatchName, file: str, row: Judged, name: str, at: datetime, settings: SageTwinSettings
) -> dict[str, Any]:
    """Let a good record take effect unless it is older than what is there; returns its result."""
    scope, timestamp = row.kind.scope, row.text("timestamp")
    key, value = _ledger_key(row, name, settings), _shown(row, settings)
    shelf = state.shelves.setdefault(scope, {})
    old = state.levels.get(key) if scope == STOCK else shelf.get(key)
    # Timestamps of one form sort as text (C-STALE; assumption).
    if old is not None and timestamp < old.timestamp and "C-STALE" not in settings.skip_rules:
        return result(name, "skipped", reasons=[f"C-STALE: {timestamp} is older than {old.timestamp}"])
    count = len(state.levels) if scope == STOCK else len(shelf)
    number = old.number if old is not None else f"SG-{count + 1:06d}"
    before = None if old is None else old.stock if isinstance(old, Level) else old.value
    if scope == STOCK:
        state.levels[key] = Level(value, timestamp, number)
    else:
        shelf[key] = Entry(_fields(row, settings), value, timestamp, number)
    state.effects.append(SageEffect(at, batch.batch_id, file, scope, name, value, before, timestamp))
    return result(name, "accepted", number=number)


def _ledger_key(row: Judged, name: str, settings: SageTwinSettings) -> str:
    if row.kind.scope != PRICES or settings.special_price_key == "whole":
        return name
    return settings.separator.join((*row.key[:_END], *row.key[_END + 1 :]))


def _shown(row: Judged, settings: SageTwinSettings) -> str:
    if row.kind.scope != PICTURES:
        return row.word(_SHOWN[row.kind.scope])
    data = decoded(row.text("picture"), settings.picture_max_bytes) or row.text("picture").encode()
    return hashlib.sha256(data).hexdigest()[:16]


def _fields(row: Judged, settings: SageTwinSettings) -> dict[str, Any]:
    found = {name: value.text if isinstance(value, JsonNumber) else value for name, value in row.record.items()}
    if "picture" in found:
        data = decoded(found["picture"], settings.picture_max_bytes) or b""
        found["picture"] = {"kind": picture_kind(data), "bytes": len(data), "digest": _shown(row, settings)}
    return found


def rows(state: SageState, separator: str) -> list[ShopRow]:
    """Return every product with what belongs to it, in the order the products came."""
    prices = [entry.fields for entry in state.shelves.get(PRICES, {}).values()]
    pictures = [entry.fields for entry in state.shelves.get(PICTURES, {}).values()]
    found = []
    for key, entry in state.shelves.get(PRODUCTS, {}).items():
        product = entry.fields
        level = state.levels.get(key)
        found.append(
            ShopRow(
                key,
                product["name"],
                product["available"],
                product["netPrice"],
                product["tax"],
                None if level is None else level.stock,
                tuple(_price(one) for one in prices if one.get("productId") == product["id"]),
                tuple(_picture(one) for one in pictures if _is_of(one, product, key, separator)),
            )
        )
    return found


def _is_of(picture: dict[str, Any], product: dict[str, Any], key: str, separator: str) -> bool:
    """Whether a picture is of the product or variant; one without variants is of all of them."""
    parts = [picture["productId"], picture.get("variant1Value", ""), picture.get("variant2Value", "")]
    named = separator.join(part for part in parts if part)
    return named in {key, product["id"]}


def _price(fields: dict[str, Any]) -> str:
    words = [fields["discount"]]
    words += [f"from {fields['dateFrom']}"] if fields.get("dateFrom") else []
    words += [f"until {fields['dateTo']}"] if fields.get("dateTo") else []
    return " ".join(words)


def _picture(fields: dict[str, Any]) -> str:
    return f"{fields['picture']['kind']} of {fields['picture']['bytes']} bytes"
