"""Numbers of a workbook that may have been rounded: no code is safe there, while a quantity is what it is."""

from __future__ import annotations

import polars as pl

_KEPT = 15
"""Digits a spreadsheet keeps of a number that is typed."""
_PRINTED = 17
"""Most digits by which a double is printed, zeros behind them, unless it is printed in full."""
_EXACT = 2**53
"""Whole numbers below it are doubles, and nothing that is rounded to a double becomes one of them."""
_TOO_FINE = rf"^-?(([0-9]\.?){{{_KEPT + 1}}}|0\.000)"
"""Numbers of more digits, and those so small that a spreadsheet stores them with an exponent."""
_WHOLE = r"^-?0*([0-9]+)$"


def rounded(texts: pl.Series) -> pl.Series:
    """Mask of numbers (as the workbook stores them, without exponent) that are not certain in their last digits.

    Of whole numbers with more digits than a spreadsheet keeps, those are certain that no rounding leaves: with digits
    other than 0 behind the 15th, they are below 2**53, or they are no double and not printed from one.
    """
    unlike = (texts.str.len_bytes() > _KEPT) | texts.str.starts_with("0.000")
    if not unlike.any():
        return unlike
    fine = texts.str.contains(_TOO_FINE)
    at = (fine & texts.str.contains(_WHOLE)).fill_null(value=False).arg_true()
    return fine.scatter(at, _uncertain(texts.gather(at))) if at.len() else fine


def _uncertain(texts: pl.Series) -> pl.Series:
    """Mask of whole numbers that may have been rounded; what is too long for an Int128 always may."""
    digits = texts.str.extract(_WHOLE)
    size, told = digits.str.len_bytes().cast(pl.Int64), digits.str.strip_chars_end("0").str.len_bytes().cast(pl.Int64)
    number = digits.cast(pl.Int128, strict=False)
    doubled = number.cast(pl.Float64).cast(pl.Int128, strict=False) == number
    printed = told < size.clip(upper_bound=_PRINTED + 1)
    return ((told <= _KEPT) | ((number >= _EXACT) & (doubled | printed))).fill_null(value=True)
