"""Categories of products: which codes their paths have, which of them the store lacks; pure but for one table.

Source: Sellers Commerce Open API documentation, response codes (verified): a parent must be there before its child
(32), and the brand of a product is its first-level category (35: that it stands in the tree so is an assumption).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.destinations.sellerscommerce.known import Category
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings

PART = "\\"
"""What joins the parts of a category's path."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a product stands: its categories from the root on, those the store lacks, and why it can't stand there."""

    chain: tuple[Category, ...]
    missing: tuple[Category, ...]
    fault: str = ""


class Tree:
    """The store's categories by path, as far as known; `known` None: nobody asked."""

    def __init__(
        self, settings: SellersCommerceSettings, table: Mapping[str, str] | None, known: Iterable[Category] | None
    ) -> None:
        self._settings = settings
        self._table = None if table is None else {_plain(path): code for path, code in table.items()}
        self._asked = known is not None
        self._by_code = {one.code: one for one in known or ()}
        self._by_path = {path: one for one in self._by_code.values() if (path := self._path(one)) is not None}

    def place(self, brand: str | None, category: str | None) -> Place:
        """Return the categories of a product of a brand in a category path."""
        parts = [part.strip() for part in (category or "").split(PART) if part.strip() != ""]
        branded = self._settings.brand_categories and brand is not None and brand != ""
        if branded and brand is not None and (not parts or _plain(parts[0]) != _plain(brand)):
            parts.insert(0, brand)
        if len(parts) > self._settings.category_depth:
            return Place((), (), f"more than {self._settings.category_depth} levels of categories")
        chain: list[Category] = []
        missing: list[Category] = []
        for depth in range(1, len(parts) + 1):
            path = tuple(parts[:depth])
            one = self._by_path.get(_folded(path))
            if one is None:
                one = Category(self._code(path), parts[depth - 1], chain[-1].code if chain else None,
                               branded and depth == 1)  # fmt: skip
                there = self._by_code.get(one.code)
                if there is not None:
                    told = f"its code {one.code} belongs to another category of the store, {there.name!r}"
                    return Place((), (), f"{PART.join(path)}: {told}")
                missing.append(one)
            chain.append(one)
        return Place(tuple(chain), tuple(missing) if self._asked else ())

    def _code(self, path: tuple[str, ...]) -> str:
        named = (self._table or {}).get(_plain(PART.join(path)))
        if named is None and self._table is not None and self._settings.brand_categories:
            named = self._table.get(_plain(PART.join(path[1:])))
        words = (re.sub(r"[^0-9A-Za-z]+", self._settings.category_separator, part).strip("-._") for part in path)
        return named or self._settings.category_separator.join(word.upper() for word in words)

    def _path(self, one: Category) -> tuple[str, ...] | None:
        """Return the names from the root on; None for one whose parents lead nowhere or round in a circle."""
        names: list[str] = []
        seen: set[str] = set()
        while True:
            if one.code in seen:
                return None
            seen.add(one.code)
            names.append(one.name)
            if one.parent is None:
                return _folded(tuple(reversed(names)))
            above = self._by_code.get(one.parent)
            if above is None:
                return None
            one = above


def _folded(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_plain(part) for part in path)


def _plain(part: str) -> str:
    return " ".join(part.split()).casefold()
