"""What a Sellers Commerce twin remembers: catalog, orders, shoppers, tokens, and the audit of every change."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gateway.twin.sellerscommerce_members import Row

Family = Literal["product", "price", "stock", "category", "link", "order", "shopper", "return"]


@dataclass(frozen=True, slots=True)
class Effect:
    """One change a call made. `key`: sku, product code, order number...; values are text, "" where there is none.

    `part`: what of it (Price, Inventory, shipped, captured...).
    """

    at: datetime
    call: str
    family: Family
    key: str
    part: str
    value: str
    before: str


@dataclass(slots=True)
class Session:
    """A pair of tokens, of which only digests are kept."""

    user: str
    access: str
    access_until: datetime
    refresh: str
    refresh_until: datetime
    refreshed: bool = False
    """Whether the refresh token was used."""


@dataclass(slots=True)
class SellersCommerceState:
    """Everything that survives a restart of the twin: records by their codes, in the order of their creation.

    `links`: product code -> category codes.
    """

    products: dict[str, Row] = field(default_factory=dict)
    skus: dict[str, Row] = field(default_factory=dict)
    categories: dict[str, Row] = field(default_factory=dict)
    links: dict[str, list[str]] = field(default_factory=dict)
    orders: dict[str, Row] = field(default_factory=dict)
    shoppers: dict[str, Row] = field(default_factory=dict)
    returns: dict[str, Row] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    next_id: int = 1001

    def number(self) -> int:
        """The next free number of a record."""
        self.next_id += 1
        return self.next_id - 1


class Unit:
    """Changes of one call that can be taken back. Records are replaced, never changed in place."""

    def __init__(self, state: SellersCommerceState, call: str, at: datetime) -> None:
        self.state = state
        self.at = at
        self.stamp = at.isoformat()
        self._call = call
        self._undo: list[tuple[MutableMapping[str, Any], dict[str, Any]]] = []
        self._effects: list[Effect] = []

    def put(self, table: MutableMapping[str, Any], key: str, value: object) -> None:
        """Create or replace a record."""
        self._undo.append((table, {key: table[key]} if key in table else {key: None}))
        table[key] = value

    def stamped(self, table: MutableMapping[str, Row], key: str, changes: Row, id_name: str = "") -> Row:
        """Create or change a record with its dates, and with a number of its own under `id_name`."""
        old = table.get(key)
        fresh = {"CreatedDate": self.stamp} | ({id_name: self.state.number()} if id_name else {})
        row = (fresh if old is None else old) | changes | {"ModifiedDate": self.stamp}
        self.put(table, key, row)
        return row

    def remove(self, table: MutableMapping[str, Any], key: str) -> None:
        """Take a record away."""
        self._undo.append((table, {key: table[key]}))
        del table[key]

    def effect(self, family: Family, key: str, part: str, value: object, before: object = None) -> None:
        """Note what was changed by a call; what the operator does has none."""
        if not self._call:
            return
        texts = ["" if one is None else str(one) for one in (value, before)]
        self._effects.append(Effect(self.at, self._call, family, key, part, *texts))

    def commit(self) -> None:
        """Make what was done so far final."""
        self.state.effects.extend(self._effects)
        self._effects, self._undo = [], []

    def roll_back(self) -> None:
        """Take back what was done since the last commit."""
        for table, before in reversed(self._undo):
            for key, value in before.items():
                if value is None:
                    table.pop(key, None)
                else:
                    table[key] = value
        self._effects, self._undo = [], []
