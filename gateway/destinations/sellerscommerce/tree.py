"""Categories of products: which codes their paths have, which of them the store lacks; pure but for one table.

Source: Sellers Commerce Open API documentation, response codes (verified): a parent must be there before its child
(32), and the brand of a product is its first-level category (35: that it stands in the tree so is an assumption).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from anyascii import anyascii

from gateway.destinations.sellerscommerce.known import Category, plain
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings

PART = "\\"
"""What joins the parts of a category's path."""
REMEDY = "write the code it is to have into the table that the setting `categories` names"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a product stands: its categories from the root on, those the store lacks, and why it can't stand there."""

    chain: tuple[Category, ...]
    missing: tuple[Category, ...]
    fault: str = ""
    of_brand: bool = False
    """Whether the brand is at fault."""


class Tree:
    """The store's categories by parent and name, as far as known; `known` None: nobody asked."""

    def __init__(
        self, settings: SellersCommerceSettings, table: Mapping[str, str] | None, known: Iterable[Category] | None
    ) -> None:
        self._settings = settings
        self._table = None if table is None else {plain(path): code for path, code in table.items()}
        self._asked = known is not None
        self._by_code = {one.code: one for one in known or ()}
        self._below = {(one.parent, plain(one.name)): one for one in self._by_code.values()}
        self._made: dict[str, tuple[Category, tuple[str, ...]]] = {}
        """Categories that are to be made, with their paths, by code: the first that has it keeps it."""

    def place(self, brand: str | None, category: str | None, *, make: bool) -> Place:
        """Return the categories of a product of a brand in a category path; `make`: missing ones are to be made."""
        parts = [part.strip() for part in (category or "").split(PART) if part.strip() != ""]
        branded = self._settings.brand_categories and brand is not None and brand != ""
        if branded and brand is not None and (not parts or plain(parts[0]) != plain(brand)):
            parts.insert(0, brand)
        begun, chain = self._given(parts, branded=branded)
        if len(chain) + len(parts) - begun > self._settings.category_depth:
            return Place((), (), f"more than {self._settings.category_depth} levels of categories")
        missing: list[Category] = []
        for depth in range(begun + 1, len(parts) + 1):
            path, above = tuple(parts[:depth]), chain[-1].code if chain else None
            one = self._below.get((above, plain(parts[depth - 1])))
            if one is None:
                words = self._words([*(each.name for each in chain), parts[depth - 1]])
                code = self._named(path) or self._settings.category_separator.join(words).upper()
                one = Category(code, parts[depth - 1], above, branded and depth == 1)
                fault = self._unusable(one, path, make=make, named="" not in words or self._named(path) is not None)
                if fault:
                    return Place((), (), f"{PART.join(path)}: {fault}", of_brand=one.is_brand)
                missing.append(one)
            chain.append(one)
        return Place(tuple(chain), tuple(missing) if self._asked else ())

    def _unusable(self, one: Category, path: tuple[str, ...], *, make: bool, named: bool) -> str:
        """Return why a category that the store lacks can't be made with its code; "" where it can.

        `named`: whether each part of its code is of something.
        """
        there = self._by_code.get(one.code)
        if there is not None:
            return f"its code {one.code} belongs to another category of the store, {there.name!r}; {REMEDY}"
        if not (self._asked and make):
            return ""
        if not named:
            return f"no code can be made of its name; {REMEDY}"
        first, at = self._made.setdefault(one.code, (one, path))
        return "" if same(first, one) else f"its code {one.code} is that of {PART.join(at)}, too; {REMEDY}"

    def _named(self, path: tuple[str, ...]) -> str | None:
        """Return the code that the table gives a path, with or without its brand."""
        named = (self._table or {}).get(plain(PART.join(path)))
        if named is None and self._table is not None and self._settings.brand_categories:
            named = self._table.get(plain(PART.join(path[1:])))
        return named

    def _words(self, path: Iterable[str]) -> list[str]:
        """Return what codes are made of: letters of other alphabets as the Latin ones that sound like them."""
        separator = self._settings.category_separator
        return [re.sub(r"[^0-9A-Za-z]+", separator, anyascii(part)).strip("-._") for part in path]

    def _given(self, parts: Sequence[str], *, branded: bool) -> tuple[int, list[Category]]:
        """Return the way to the deepest category of the store that the table names for a path, and how deep it stands.

        One below another brand is none: a path without its brand may stand in the table for another brand's category.
        """
        for depth in range(len(parts) if self._table else 0, 0, -1):
            one = self._by_code.get(self._named(tuple(parts[:depth])) or "")
            way = [] if one is None else self._way(one)
            if way and (not branded or depth == 1 or way[0] == self._brand(parts[0])):
                return depth, way
        return 0, []

    def _brand(self, name: str) -> Category | None:
        named = self._by_code.get(self._named((name,)) or "")
        return self._below.get((None, plain(name))) if named is None else named

    def _way(self, one: Category) -> list[Category]:
        """Return the categories from the root on; parents that lead nowhere or round in a circle end it."""
        way, seen = [one], {one.code}
        while (above := self._by_code.get(way[0].parent or "")) is not None and above.code not in seen:
            way.insert(0, above)
            seen.add(above.code)
        return way


def same(one: Category, other: Category) -> bool:
    """Whether two categories of one code are one: they stand at the same place under the same name."""
    return (one.parent, plain(one.name)) == (other.parent, plain(other.name))
