"""Levels inside products as they are when the call is made: a call that waited must not take back a newer price."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from gateway.destinations.sellerscommerce.bodies import Bodies
from gateway.destinations.sellerscommerce.known import Known
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings

LEVELS = "levels"
"""What a memo calls the members of its products that say what levels SKUs have."""
_WORDS = {"skus": "skus", "code": "product_code", "sku": "sku", "price": "listed_price", "quantity": "new_quantity"}

Rule = Mapping[str, Any]


def rule(settings: SellersCommerceSettings, bodies: Bodies) -> str:
    """Return which members of products and their SKUs say prices and quantities, and which prices stand there (JSON).

    "" where the bodies say nothing of them.
    """
    found = {
        word: [one.name for one in bodies["product" if word in {"skus", "code"} else "sku"].members
               if one.source == source]
        for word, source in _WORDS.items()
    }  # fmt: skip
    if not (found["skus"] and found["code"] and found["sku"] and (found["price"] or found["quantity"])):
        return ""
    return json.dumps({**found, "prices": settings.product_prices})


class Inside:
    """Says products anew before they are sent. A product and a price never pass each other: one call at a time."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._turn = threading.Lock()

    @contextmanager
    def product(self, item: str, rule: str, ahead: int) -> Iterator[str]:
        """Give the product as it is to be sent now, and keep prices from being sent meanwhile.

        `ahead`: how many products are still to be sent with it. Raises what reading the store raises.
        """
        with self._turn:
            yield self._anew(item, json.loads(rule), ahead) if rule else item

    @contextmanager
    def prices(self, wrote: Callable[[], None]) -> Iterator[None]:
        """Keep products from being sent while prices are; `wrote` is called before they are sent again."""
        with self._turn:
            try:
                yield
            finally:
                wrote()

    def _anew(self, item: str, rule: Rule, ahead: int) -> str:
        # Numbers that stay go back as they came.
        said = json.loads(item, parse_float=_Number, parse_int=_Number)
        there = self._known.prices_of(str(said.get(rule["code"][0])), ahead)
        theirs = dict(zip(there["sku"], there["price"], strict=True))
        changed = [_levelled(one, rule, theirs) for name in rule["skus"] for one in said.get(name) or ()]
        if not any(changed):
            return item
        return orjson.dumps(said, default=_as_written, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()


def _levelled(sku: dict[str, Any], rule: Rule, theirs: Mapping[str, str | None]) -> bool:
    """Say the levels of one SKU as they are now, in place; return whether that changed it.

    What the store has is left to calls of its own, its price repeated where that is wanted.
    """
    code = str(sku.get(rule["sku"][0]))
    if code not in theirs:
        return False
    before = dict(sku)
    for name in rule["quantity"]:
        sku.pop(name, None)
    for name in rule["price"]:
        price = theirs[code]
        if rule["prices"] == "new":
            sku.pop(name, None)
        elif rule["prices"] == "kept" and price is not None:
            sku[name] = _Number(price)
    return sku != before


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def _as_written(number: _Number) -> orjson.Fragment:
    return orjson.Fragment(str(number))
