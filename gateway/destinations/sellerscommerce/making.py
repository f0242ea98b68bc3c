"""Categories at the moment they are made: what the store has by then is not made again, and never made another's.

Between the moment a product was encoded and the moment it is sent, other batches, other files and people make
categories. A store that is sent a code it has takes the name that comes with it (assumption), so such a call would turn
somebody's category into another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass

from gateway.destinations.sellerscommerce.bodies import array, lines
from gateway.destinations.sellerscommerce.known import Category
from gateway.destinations.sellerscommerce.tree import REMEDY, same

BEFORE = "before"
"""What a memo calls the bodies of the categories that its products need."""
_MADE = "made"
_NEEDS = "needs"


@dataclass(frozen=True, slots=True)
class Missing:
    """A category that is to be made, and its body."""

    category: Category
    text: str


def memo_of(needs: Sequence[Sequence[Missing]]) -> dict[str, str]:
    """Return what a batch remembers of the categories its products need, in the order of the products.

    Each code stands once: of one name in several spellings the first is made.
    """
    each_once: dict[str, Missing] = {}
    for one in (one for each in needs for one in each):
        each_once.setdefault(one.category.code, one)
    if not each_once:
        return {}
    places = {code: number for number, code in enumerate(each_once)}
    return {
        BEFORE: array([one.text for one in each_once.values()]),
        _MADE: json.dumps([astuple(one.category) for one in each_once.values()], ensure_ascii=False),
        _NEEDS: json.dumps([[places[one.category.code] for one in each] for each in needs]),
    }


@dataclass(frozen=True, slots=True)
class Making:
    """What is made for a batch: bodies and categories side by side, and why some of its products can't be sent."""

    items: Sequence[str]
    made: Sequence[Category]
    refused: Mapping[int, str]
    """By the product's place in the batch."""


def wanted(memo: Mapping[str, str]) -> list[Category]:
    """Return the categories that the products of a batch need."""
    return [Category(*one) for one in json.loads(memo.get(_MADE, "[]"))]


def making(memo: Mapping[str, str], there: Iterable[Category]) -> Making:
    """Return what is to be made, parents first; `there`: categories the store has at this moment.

    A product that needs a code which is another category's by now is refused, and nothing is made for it alone.
    """
    categories, items = wanted(memo), lines(memo.get(BEFORE, "[]").encode())
    if len(categories) != len(items):
        return Making(items, (), {})  # encoded by a release that did not say what the bodies are
    known = {one.code: one for one in there}
    taken = {
        number: known[one.code].name
        for number, one in enumerate(categories)
        if one.code in known and not same(known[one.code], one)
    }
    needs: list[list[int]] = json.loads(memo.get(_NEEDS, "[]"))
    refused = {
        place: _said(categories[lost[0]], taken[lost[0]])
        for place, each in enumerate(needs)
        if (lost := [number for number in each if number in taken])
    }
    needed = {number for place, each in enumerate(needs) if place not in refused for number in each}
    chosen = [number for number in sorted(needed) if categories[number].code not in known]
    return Making([items[number] for number in chosen], [categories[number] for number in chosen], refused)


def _said(one: Category, name: str) -> str:
    return f"the code {one.code} of its category {one.name!r} belongs to {name!r} in the store by now; {REMEDY}"
