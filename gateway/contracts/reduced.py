"""What promotions make of an article's base price: exact, half up at the decimals a destination takes."""

from __future__ import annotations

import polars as pl

_SHIFT = 6
_MILLION = 10**_SHIFT
_RATE_DECIMALS = 4


def units(text: pl.Expr, decimals: int) -> pl.Expr:
    """Return an amount of money (canonical text) in smallest units (Int128), half up; null where it is none."""
    return _half_up(_millionths(text) * _whole(10**decimals), _whole(_MILLION))


def reduced(base: pl.Expr, kind: pl.Expr, value: pl.Expr, decimals: int) -> pl.Expr:
    """Return what a promotion makes of a base price, in smallest units (Int128).

    `base`: canonical text of money; `kind`: final_price, percentage or amount; `value`: what it gives, an amount in the
    basis of `base` or percentage points. Null where it makes nothing that can be asked: a price that is not above zero,
    unless the promotion itself says that the article is free (final_price 0, percentage 100).
    """
    unit = _whole(10**decimals)
    whole = _millionths(base)
    rate = value.cast(pl.Decimal(38, _RATE_DECIMALS), strict=False).to_physical().cast(pl.Int128)
    share = _half_up(whole * (_whole(_MILLION) - rate) * unit, _whole(_MILLION**2))
    less = whole - _millionths(value)
    found = (
        pl.when(kind == "final_price").then(units(value, decimals))
        .when(kind == "percentage").then(pl.when(rate <= _whole(_MILLION)).then(share))
        .when(kind == "amount").then(pl.when(less > _whole(0)).then(_half_up(less * unit, _whole(_MILLION))))
    )  # fmt: skip
    free = (kind == "final_price") | ((kind == "percentage") & (rate == _whole(_MILLION)))
    return pl.when(whole.is_not_null() & ((found > _whole(0)) | free)).then(found)


def discounted(price: pl.Expr, percentage: pl.Expr, decimals: int) -> pl.Expr:
    """Return canonical text of a price less a percentage, half up; the price itself where that lowers nothing."""
    less = reduced(price, pl.lit("percentage"), percentage, decimals)
    return pl.when(less < units(price, decimals)).then(amount(less, decimals)).otherwise(price)


def amount(smallest: pl.Expr, decimals: int) -> pl.Expr:
    """Return canonical text of an amount in smallest units."""
    unit = _whole(10**decimals)
    whole = (smallest // unit).cast(pl.String)
    if decimals == 0:
        return whole
    rest = (smallest % unit).cast(pl.String).str.zfill(decimals).str.strip_chars_end("0")
    return pl.when(rest == "").then(whole).otherwise(pl.concat_str(whole, pl.lit("."), rest))


def _whole(value: int) -> pl.Expr:
    return pl.lit(value, pl.Int128)


def _millionths(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.Decimal(38, _SHIFT), strict=False).to_physical().cast(pl.Int128)


def _half_up(above: pl.Expr, below: pl.Expr) -> pl.Expr:
    return (above * _whole(2) + below) // (below * _whole(2))
