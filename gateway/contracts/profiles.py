"""Requirements in stock: what destinations commonly need beyond a contract, worded once; it knows no destination."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from gateway.contracts.offers import promotion_type
from gateway.contracts.rules import given, stands
from gateway.model import Requirement


def needed(field: str, detail: str, *, unless: tuple[str, str] | None = None) -> Requirement:
    """Require that the field is given, except in rows whose field `unless[0]` is the word `unless[1]`."""
    missing = ~given(field)
    if unless is None:
        return Requirement("DEST_REQUIRED", field, (field,), missing, detail)
    other, word = unless
    return Requirement("DEST_REQUIRED", field, (field, other), missing & pl.col(other).ne_missing(word), detail)


def at_most_characters(field: str, limit: int) -> Requirement:
    """Cap the length of a text, in characters."""
    return Requirement(
        "DEST_LIMIT", field, (field,), pl.col(field).str.len_chars() > limit, f"at most {limit} characters"
    )


def without_spaces(field: str) -> Requirement:
    """Forbid spaces inside an identifier."""
    return Requirement("DEST_LIMIT", field, (field,), pl.col(field).str.contains(" ", literal=True), "no spaces")


def without_characters(field: str, characters: str) -> Requirement:
    """Forbid each of `characters`, for destinations that use them as separators."""
    found = pl.any_horizontal(pl.col(field).str.contains(one, literal=True) for one in characters)
    return Requirement("DEST_LIMIT", field, (field,), found, f"none of {' '.join(characters)}")


def whole(field: str) -> Requirement:
    """Forbid decimals; sound numbers have a dot only before decimals that count."""
    dot = pl.col(field).str.contains(".", literal=True)
    return Requirement("DEST_LIMIT", field, (field,), dot, "whole numbers only")


def at_most(field: str, limit: Decimal) -> Requirement:
    """Cap a number."""
    value = pl.col(field).cast(pl.Decimal(38, 15), strict=False)
    return Requirement("DEST_LIMIT", field, (field,), value > limit, f"at most {limit:f}")


def above_zero(field: str) -> Requirement:
    """Forbid 0 in rows that do not end their record, for destinations that take it for no price."""
    return Requirement(
        "DEST_LIMIT", field, (field, "command"), (pl.col(field) == "0") & stands(), "it has to be above 0"
    )


def without_command(word: str) -> Requirement:
    """Refuse rows with a command the destination can't carry out."""
    return Requirement("DEST_COMMAND", "command", ("command",), pl.col("command") == word)


def discount_not_sent() -> Requirement:
    """Tell of a lasting discount of a catalog row, for destinations that have nowhere to put it."""
    off = pl.col("discount").cast(pl.Decimal(38, 15), strict=False) > 0
    detail = "the price goes without it; send it as a promotion"
    return Requirement("DEST_NOT_SENT", "discount", ("discount", "command"), off & stands(), detail)


_THRESHOLDS = {"quantity_from": Decimal(1), "spent_from": Decimal(0), "quantity_to": None, "spent_to": None}
"""Fields that make a promotion depend on the sale, with the greatest value that still means every sale."""
_BY_ARTICLE = "promotions of single articles only, as their price is what is changed"


def shown_as_price() -> tuple[Requirement, ...]:
    """Require of promotions what a price per article and time can say: for destinations that have nothing else.

    An article, for everybody, from one unit on, as often as anybody likes; not a bundle, not an amount off the total.
    Rows that end a promotion need the article only.
    """
    names = ("brand", "category", "product_id")
    return (
        *(_instead_of_article(field, ("sku", *names[:place])) for place, field in enumerate(names)),
        _article_needed(names),
        _absent("customer_id", "for everybody, not one customer"),
        *(_absent(field, "any number of uses") for field in ("limit_total", "limit_per_customer")),
        *(_every_sale(field, most) for field, most in _THRESHOLDS.items()),
        _no_bundle(),
        _by_unit(),
    )


def _article_needed(instead: tuple[str, ...]) -> Requirement:
    nothing = ~pl.any_horizontal(given(name) for name in ("sku", *instead))
    return Requirement("DEST_REQUIRED", "sku", ("sku", *instead), nothing, _BY_ARTICLE)


def _instead_of_article(field: str, before: tuple[str, ...]) -> Requirement:
    where = given(field) & ~pl.any_horizontal(given(other) for other in before)
    return Requirement("DEST_LIMIT", field, (field, *before), where, _BY_ARTICLE)


def _absent(field: str, detail: str) -> Requirement:
    return Requirement("DEST_LIMIT", field, (field, "command"), given(field) & stands(), detail)


def _every_sale(field: str, most: Decimal | None) -> Requirement:
    where = given(field) & stands()
    if most is not None:
        where = where & (pl.col(field).cast(pl.Decimal(38, 15), strict=False) > most)
    return Requirement("DEST_LIMIT", field, (field, "command"), where, "every sale alike, whatever its size")


def _no_bundle() -> Requirement:
    where = (promotion_type() == "bundle") & stands()
    columns = ("type", "price", "percentage", "amount", "buy_quantity", "get_quantity", "command")
    return Requirement("DEST_LIMIT", "type", columns, where, "final_price, percentage or amount, no bundle")


def _by_unit() -> Requirement:
    where = (promotion_type() == "amount") & (pl.col("discount_by_unit") == "false") & stands()
    columns = ("discount_by_unit", "type", "price", "percentage", "amount", "buy_quantity", "get_quantity", "command")
    return Requirement("DEST_LIMIT", "discount_by_unit", columns, where, "amounts off each unit, not off the total")
