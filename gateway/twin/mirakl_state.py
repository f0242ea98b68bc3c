"""What a Mirakl twin remembers: offers, imports, and the audit of every row it applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson


@dataclass(slots=True)
class Offer:
    """One offer of a shop. With warehouses, their sum is what can be sold; else `quantity` is."""

    sku: str
    offer_id: int
    quantity: int
    warehouses: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Quantity that buyers see."""
        return sum(self.warehouses.values()) if self.warehouses else self.quantity


@dataclass(frozen=True, slots=True)
class Effect:
    """One line that took effect. `warehouse` is "" for the global quantity; `before` is the place's old quantity."""

    at: datetime
    shop_id: int
    import_id: str
    line: int
    sku: str
    warehouse: str
    command: Literal["update", "delete"]
    quantity: int
    before: int | None


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line of the error report. `number` counts records, the header being 1."""

    number: int
    reason: str
    cells: tuple[str, ...]


@dataclass(slots=True)
class Import:
    """A stock import: what was sent, when it changes its status, and how it ended."""

    import_id: str
    shop_id: int
    created: datetime
    runs_at: datetime
    ends_at: datetime | None
    plan: Literal["apply", "fail", "all_in_error"]
    odd_status: bool
    body: str
    columns: tuple[str, ...]
    settled: bool = False
    failed: bool = False
    success: int = 0
    errors: list[BadLine] = field(default_factory=list)


@dataclass(slots=True)
class Shop:
    """One shop with its offers by sku."""

    shop_id: int
    offers: dict[str, Offer] = field(default_factory=dict)


@dataclass(slots=True)
class MiraklState:
    """Everything that survives a restart of the twin."""

    shops: dict[int, Shop]
    imports: dict[str, Import] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    next_offer_id: int = 5001

    def put(self, shop_id: int, sku: str, quantity: int, warehouses: dict[str, int] | None = None) -> Offer:
        """Create the offer or replace its quantities."""
        offers = self.shops[shop_id].offers
        if sku in offers:
            offer = offers[sku]
            offer.quantity, offer.warehouses = quantity, dict(warehouses or {})
        else:
            offer = offers[sku] = Offer(sku, self.next_offer_id, quantity, dict(warehouses or {}))
            self.next_offer_id += 1
        return offer

    def save(self, path: Path) -> None:
        """Write the state by temporary name and rename."""
        offers = [(shop.shop_id, offer) for shop in self.shops.values() for offer in shop.offers.values()]
        document = {
            "offers": offers,
            "imports": list(self.imports.values()),
            "effects": self.effects,
            "next_offer_id": self.next_offer_id,
        }
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(orjson.dumps(document))
        temporary.replace(path)


def load(path: Path, shop_ids: tuple[int, ...]) -> MiraklState:
    """Read a saved state; an empty one when there is no file."""
    state = MiraklState({shop_id: Shop(shop_id) for shop_id in shop_ids})
    if not path.exists():
        return state
    document = orjson.loads(path.read_bytes())
    for shop_id, offer in document["offers"]:
        state.shops.setdefault(shop_id, Shop(shop_id)).offers[offer["sku"]] = Offer(**offer)
    for item in document["imports"]:
        state.imports[item["import_id"]] = _import(item)
    for effect in document["effects"]:
        state.effects.append(Effect(**effect | {"at": datetime.fromisoformat(effect["at"])}))
    state.next_offer_id = document["next_offer_id"]
    return state


def _import(item: dict[str, Any]) -> Import:
    ends_at = item["ends_at"]
    return Import(
        **item
        | {
            "created": datetime.fromisoformat(item["created"]),
            "runs_at": datetime.fromisoformat(item["runs_at"]),
            "ends_at": None if ends_at is None else datetime.fromisoformat(ends_at),
            "columns": tuple(item["columns"]),
            "errors": [BadLine(bad["number"], bad["reason"], tuple(bad["cells"])) for bad in item["errors"]],
        }
    )
