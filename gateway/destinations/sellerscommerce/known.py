"""What a store has: its SKUs, categories and brands, kept for a while so that nobody asks for them twice.

Names of the members of entries are assumptions; they are compared without case.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar

import polars as pl

from gateway.destinations.sellerscommerce import enums
from gateway.destinations.sellerscommerce.calls import Calls, Entry
from gateway.destinations.sellerscommerce.endpoints import READS
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.model import Clock

_What = TypeVar("_What")
SKU_SCHEMA = {"sku": pl.String, "product_code": pl.String, "price": pl.String, "quantity": pl.String}
_SKU_MEMBERS = {
    "sku": ("skucode", "sku", "code"),
    "product_code": ("productcode",),
    "price": ("price",),
    "quantity": ("inventory", "stock", "quantity"),
}


@dataclass(frozen=True, slots=True)
class Category:
    """One category; `parent` None at the root."""

    code: str
    name: str
    parent: str | None
    is_brand: bool


@dataclass(frozen=True, slots=True)
class _Kept(Generic[_What]):
    at: datetime
    what: _What
    products: int = 0
    """How many times products had been written when it was read."""


class Known:
    """What was read of the store; thread-safe."""

    def __init__(self, calls: Calls, settings: SellersCommerceSettings, clock: Clock) -> None:
        self._calls = calls
        self._settings = settings
        self._clock = clock
        self._all: _Kept[pl.DataFrame] | None = None
        self._products: dict[str, _Kept[pl.DataFrame]] = {}
        self._tree: _Kept[tuple[Category, ...]] | None = None
        self._named: _Kept[frozenset[str]] | None = None
        self._made: dict[str, _Kept[Category]] = {}
        """Categories this process made, by code: a listing may come to have them later."""
        self._pages: int | None = None
        """How many calls it took to read all SKUs; None: nobody did."""
        self._written = 0
        self._lock = threading.RLock()

    def skus(self, age: float | None = None) -> pl.DataFrame:
        """Return all SKUs of the store (SKU_SCHEMA), read at most `age` seconds ago and since products were written."""
        with self._lock:
            if self._all is None or not self._current(self._all, self._settings.known_for if age is None else age):
                self._all = _Kept(self._clock.now(), sku_frame(self._calls.listed(READS["skus"])), self._written)
            self._pages = self._all.what.height // self._settings.page_size + 1
            return self._all.what

    def skus_of(self, products: Sequence[str]) -> pl.DataFrame:
        """Return the SKUs of products with fresh prices: looked up one by one while they are few, else from all."""
        age = self._settings.price_known_for
        with self._lock:
            if len(products) > self._settings.lookup_limit or self._current(self._all, age):
                return self.skus(age).filter(pl.col("product_code").is_in(products))
            return pl.concat([pl.DataFrame(schema=SKU_SCHEMA), *(self._skus_of(code) for code in products)])

    def prices_of(self, product: str, ahead: int) -> pl.DataFrame:
        """Return the SKUs of a product with fresh prices; that others were written since is no reason to read anew.

        `ahead`: how many products will be asked for in a row. All SKUs are read where that takes fewer calls.
        """
        age = self._settings.price_known_for
        with self._lock:
            one = self._products.get(product)
            if one is not None and self._fresh(one, age):
                return one.what
            if not self._fresh(self._all, age):
                if self._pages is None or self._pages >= ahead:
                    return self._skus_of(product)
                self.skus(age)
            return (
                pl.DataFrame(schema=SKU_SCHEMA)
                if self._all is None
                else self._all.what.filter(pl.col("product_code") == product)
            )

    def categories(self) -> tuple[Category, ...]:
        """Return all categories."""
        with self._lock:
            self._tree = self._kept(self._tree, lambda: tuple(self._categories()))
            listed = {one.code for one in self._tree.what}
            return (*self._tree.what, *(one for one in self._made_of_late() if one.code not in listed))

    def categories_now(self, wanted: Collection[str]) -> tuple[Category, ...]:
        """Return the categories that are there at this moment, at least those of the codes wanted.

        Nothing is read where this process made all of them a while ago.
        """
        with self._lock:
            mine = tuple(one for one in self._made_of_late() if one.code in wanted)
            if len(mine) == len(set(wanted)):
                return mine
            self._tree = None
            return self.categories()

    def made(self, categories: Iterable[Category]) -> None:
        """Remember categories that were made."""
        with self._lock:
            self._made |= {one.code: _Kept(self._clock.now(), one) for one in categories}

    def _made_of_late(self) -> list[Category]:
        age = self._settings.known_for
        self._made = {code: one for code, one in self._made.items() if self._fresh(one, age)}
        return [one.what for one in self._made.values()]

    def brands(self) -> frozenset[str]:
        """Return the names of all brands, as `plain` makes them."""
        with self._lock:
            self._named = self._kept(self._named, lambda: frozenset(self._brands()))
            return self._named.what

    def wrote(self, what: str) -> None:
        """Forget what a write may have changed."""
        with self._lock:
            if what == "price":
                self._products.clear()
                self._all = None
            if what == "product":
                self._written += 1  # which SKUs there are is to be read anew; prices of others stay as they were
            if what == "category":
                self._tree = self._named = None

    def _fresh(self, kept: _Kept[_What] | None, age: float) -> bool:
        return kept is not None and self._clock.now() - kept.at < timedelta(seconds=age)

    def _current(self, kept: _Kept[_What] | None, age: float) -> bool:
        return kept is not None and kept.products == self._written and self._fresh(kept, age)

    def _kept(self, kept: _Kept[_What] | None, read: Callable[[], _What]) -> _Kept[_What]:
        """Return what is kept or, where that is too old, what is read now."""
        if kept is not None and self._fresh(kept, self._settings.known_for):
            return kept
        return _Kept(self._clock.now(), read())

    def _skus_of(self, product: str) -> pl.DataFrame:
        age = self._settings.price_known_for
        self._products = {code: one for code, one in self._products.items() if self._fresh(one, age)}
        found = self._products.get(product)
        if found is None or not self._current(found, age):
            read = sku_frame(self._calls.listed(READS["skus"], product), product)
            found = self._products[product] = _Kept(self._clock.now(), read, self._written)
        return found.what

    def _categories(self) -> Iterable[Category]:
        for entry in self._calls.listed(READS["categories"]):
            said = _folded(entry)
            code = _text(said, "categorycode", "code")
            if code is not None:
                brand = enums.reads_brand(said.get("isbrand"), inverted=self._settings.is_brand_inverted)
                parent = _text(said, "parentcategorycode", "parentcode")
                yield Category(code, _text(said, "categoryname", "name") or code, parent, brand)

    def _brands(self) -> Iterable[str]:
        for entry in self._calls.listed(READS["brands"]):
            name = _text(_folded(entry), "brandname", "name", "brand", "categoryname")
            if name is not None:
                yield plain(name)


def sku_frame(entries: Iterable[Entry], product: str | None = None) -> pl.DataFrame:
    """Return SKU_SCHEMA of entries; numbers as canonical text. `product`: of entries that name none."""
    rows = []
    for entry in entries:
        said = _folded(entry)
        found = {column: _text(said, *names) for column, names in _SKU_MEMBERS.items()}
        if found["sku"] is not None:
            rows.append({**found, "product_code": found["product_code"] or product})
    return pl.DataFrame(rows, schema=SKU_SCHEMA)


def _folded(entry: Entry) -> dict[str, Any]:
    return {str(name).casefold(): value for name, value in entry.items()}


def _text(said: dict[str, Any], *names: str) -> str | None:
    """Return the first member given as text; a number without exponent and spare zeros."""
    for name in names:
        value = said.get(name)
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, int | Decimal):
            return canonical(str(value))
        if isinstance(value, str) and value.strip() != "":
            return value.strip()
    return None


def plain(part: str) -> str:
    """Return a name as names are compared: without case, spare spaces and the way its accents are written."""
    return unicodedata.normalize("NFC", " ".join(part.split()).casefold())


def canonical(number: str) -> str:
    """Return a number as canonical text."""
    text = f"{Decimal(number):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
