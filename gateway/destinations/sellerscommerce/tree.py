"""Categories of products: which codes their paths have, which of them the store lacks; pure but for one table.

Source: Sellers Commerce Open API documentation, response codes (verified): a parent must be there before its child
(32), and the brand of a product is its first-level category (35: that it stands in the tree so is an assumption).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from anyascii import anyascii

from gateway.destinations.sellerscommerce.known import Category
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings

PART = "\\"
"""What joins the parts of a category's path."""
_REMEDY = "write the code it is to have into the table that the setting `categories` names"


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
        self._made: dict[str, tuple[str, ...]] = {}
        """Paths of categories that are to be made, by code: the first that has it keeps it."""
        self._by_path = {path: one for one in self._by_code.values() if (path := self._path(one)) is not None}

    def place(self, brand: str | None, category: str | None, *, make: bool) -> Place:
        """Return the categories of a product of a brand in a category path; `make`: missing ones are to be made."""
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
                fault = self._unusable(one, path, make=make)
                if fault:
                    return Place((), (), f"{PART.join(path)}: {fault}")
                missing.append(one)
            chain.append(one)
        return Place(tuple(chain), tuple(missing) if self._asked else ())

    def _unusable(self, one: Category, path: tuple[str, ...], *, make: bool) -> str:
        """Return why a category that the store lacks can't be made with its code; "" where it can."""
        there = self._by_code.get(one.code)
        if there is not None:
            return f"its code {one.code} belongs to another category of the store, {there.name!r}; {_REMEDY}"
        if not (self._asked and make):
            return ""
        if self._named(path) is None and "" in self._words(path):
            return f"no code can be made of its name; {_REMEDY}"
        first = self._made.setdefault(one.code, path)
        if _folded(first) == _folded(path):
            return ""
        return f"its code {one.code} is that of {PART.join(first)}, too; {_REMEDY}"

    def _code(self, path: tuple[str, ...]) -> str:
        separator = self._settings.category_separator
        return self._named(path) or separator.join(word.upper() for word in self._words(path))

    def _named(self, path: tuple[str, ...]) -> str | None:
        """Return the code that the table gives a path, with or without its brand."""
        named = (self._table or {}).get(_plain(PART.join(path)))
        if named is None and self._table is not None and self._settings.brand_categories:
            named = self._table.get(_plain(PART.join(path[1:])))
        return named

    def _words(self, path: tuple[str, ...]) -> list[str]:
        """Return what codes are made of: letters of other alphabets as the Latin ones that sound like them."""
        separator = self._settings.category_separator
        return [re.sub(r"[^0-9A-Za-z]+", separator, anyascii(part)).strip("-._") for part in path]

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
