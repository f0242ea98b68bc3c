"""What rows leave of an article's regular price: exact, for whoever has to tell an ordinary reduction from a slip."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import polars as pl

from gateway.contracts.offers import promotion_type
from gateway.contracts.rules import given
from gateway.model import REGULAR
from gateway.wording import filled

_PROMOTION = (
    *("type", "price", "percentage", "amount", "buy_quantity", "get_quantity"),
    *("regular_price", "discount_by_unit", "quantity_from", "spent_from", "status"),
)
_DISCOUNT_PRICE = ("price", "discount_price")
_RATE = ("discount",)
_SHIFT = 6
_PARTS = 10_000
_HUNDRED = pl.lit(100 * 10**_SHIFT, pl.Int128)
Reduction = tuple[pl.Expr, pl.Expr, pl.Expr, pl.Expr]
"""Whether a row gives it, what it leaves, of how much (Int128), and how that reads."""


def lowering_fields(contract: str, transmitted: Collection[str]) -> tuple[str, ...]:
    """Return the fields that say how far rows of a contract lower a price; () where they lower none.

    `transmitted`: what of the rows is sent; a discount that nobody sends lowers nothing.
    """
    if contract == "promotion":
        return _PROMOTION
    found = _DISCOUNT_PRICE if "discount_price" in transmitted else ()
    return (*found, *(_RATE if "discount" in transmitted else ()))


def leaves_less(share: float, fields: tuple[str, ...], filled: Collection[str]) -> pl.Expr:
    """Return whether a row leaves less than `share` (0 to 1) of the regular price.

    `fields`: those of `lowering_fields`, all of them columns (String), and REGULAR beside promotions: the regular price
    where it is known better than the row says it. `filled`: those of them that any row fills. A row of which nothing
    can be told leaves enough.
    """
    parts = pl.lit(int(Decimal(str(share)) * _PARTS), pl.Int128)
    found = [
        here & (left * pl.lit(_PARTS, pl.Int128) < whole * parts).fill_null(value=False)
        for by, (here, left, whole, _) in _reductions(fields).items()
        if by in filled
    ]
    return pl.any_horizontal(pl.lit(value=False), *found)


def as_told(fields: tuple[str, ...]) -> pl.Expr:
    """Return what a row leaves of the regular price, in words (String)."""
    told = [pl.when(here).then(words) for here, _, _, words in _reductions(fields).values()]
    return pl.coalesce(*told, pl.lit(None, pl.String))


def _reductions(fields: tuple[str, ...]) -> dict[str, Reduction]:
    """Return the ways to lower a price, each by the field without which a row does not go it."""
    if fields == _PROMOTION:
        return _promotion()
    found: dict[str, Reduction] = {}
    if "discount_price" in fields:
        words = filled("{} instead of {}", "discount_price", "price")
        found["discount_price"] = (given("discount_price"), _number("discount_price"), _number("price"), words)
    if "discount" in fields:
        left = _HUNDRED - _number("discount")
        found["discount"] = (given("discount"), left, _HUNDRED, filled("{} % off", "discount"))
    return found


def _promotion() -> dict[str, Reduction]:
    """What each kind leaves; an amount off the total is off the least total the promotion asks for."""
    kind = promotion_type()
    text = pl.when(given(REGULAR)).then(REGULAR).otherwise("regular_price")
    regular = pl.coalesce(_number(REGULAR), _number("regular_price"))
    least = pl.max_horizontal(_number("quantity_from"), pl.lit(10**_SHIFT, pl.Int128))
    total = pl.max_horizontal(regular * least // pl.lit(10**_SHIFT, pl.Int128), _number("spent_from"))
    whole = pl.when((pl.col("discount_by_unit") == "true").fill_null(value=False)).then(regular).otherwise(total)
    buy = _number("buy_quantity")
    less = _HUNDRED - _number("percentage")
    more = filled("buy {}, get {} more", "buy_quantity", "get_quantity")
    return {
        "price": (kind == "final_price", _number("price"), regular, filled("{} instead of {}", "price", text)),
        "percentage": (kind == "percentage", less, _HUNDRED, filled("{} % off", "percentage")),
        "amount": (kind == "amount", whole - _number("amount"), whole, _amount_words(text)),
        "buy_quantity": (kind == "bundle", buy, buy + _number("get_quantity"), more),
    }


def _amount_words(regular: pl.Expr) -> pl.Expr:
    return pl.coalesce(filled("{} off {}", "amount", regular), filled("{} off", "amount"))


def _number(name: str) -> pl.Expr:
    """Return a number in millionths (Int128), exact; null where the cell is none."""
    return pl.col(name).cast(pl.Decimal(38, _SHIFT), strict=False).to_physical().cast(pl.Int128)
