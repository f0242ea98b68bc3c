"""Typed cells to canonical text and kinds, column by column; it knows no files.

Number: decimal text of at most 15 significant digits (whole numbers in full), without exponent or trailing .0. Date
2026-11-22, date and time 2026-11-22T09:30:00 (no zone; at midnight it is the date alone), time 09:30:00, duration
36:30:00, boolean true/false. Fractions of a second are kept to the millisecond where there are any.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from gateway.model import Kind

DIGITS = 15
"""Significant digits a spreadsheet keeps of a number; what a float has beyond them is noise of its arithmetic."""
LONG = 1e15
SHORT = 1e-3
"""Below it, and from LONG on, a float's own text may have an exponent."""


def cell_columns(name: str, values: Sequence[Any]) -> tuple[pl.Series, pl.Series]:
    """Return the text (String, "" where empty) and the kinds (UInt8) of one column of typed values.

    Values are str, float, int, bool, date, datetime, time, timedelta or None, as calamine and openpyxl give them.
    """
    types = set(map(type, values))
    if types <= {str}:
        text = pl.Series(name, values, dtype=pl.String)
        return text, _kinds(text, Kind.TEXT)
    if types == {float}:
        return float_text(pl.Series(name, values, dtype=pl.Float64)), _constant(name, Kind.NUMBER, len(values))
    text = pl.repeat("", len(values), dtype=pl.String, eager=True).alias(name)
    kinds = _constant(name, Kind.EMPTY, len(values))
    for found in types - {type(None)}:
        kind, convert = _CONVERT[found]
        part = convert(name, [value if type(value) is found else None for value in values])
        there = (part != "").fill_null(value=False)
        text = part.zip_with(there, text)
        kinds = _constant(name, kind, len(values)).zip_with(there, kinds)
    return text, kinds


def float_text(numbers: pl.Series) -> pl.Series:
    """Return floats (Float64, null kept) as canonical decimal text."""
    # Adding zero makes a negative zero positive.
    values = numbers + 0.0
    size = values.abs()
    if (size < LONG).all() and (values == values.floor()).all():
        return values.cast(pl.Int64).cast(pl.String)
    text = values.cast(pl.String).str.strip_suffix(".0")
    noisy = text.str.len_bytes() > DIGITS + 2
    far = ((size >= LONG) | ((size < SHORT) & (size > 0)) | noisy).fill_null(value=False)
    if not far.any():
        return text
    exact = [_plain(value) if long else None for value, long in zip(values, far, strict=True)]
    return pl.Series(numbers.name, exact, dtype=pl.String).zip_with(far, text)


def _plain(number: float) -> str:
    text = repr(number)
    if not number.is_integer():
        text = f"{number:.{DIGITS}g}"  # what a spreadsheet shows: 0.1 + 0.2 is 0.3
    return format(Decimal(text), "f").removesuffix(".0")


def _constant(name: str, kind: Kind, length: int) -> pl.Series:
    return pl.Series(name, np.full(length, kind.value, np.uint8))


def _kinds(text: pl.Series, kind: Kind) -> pl.Series:
    full, empty = _constant(text.name, kind, len(text)), text == ""
    return full.zip_with(~empty, _constant(text.name, Kind.EMPTY, len(text))) if empty.any() else full


def _texts(name: str, values: list[Any]) -> pl.Series:
    return pl.Series(name, values, dtype=pl.String)


def _floats(name: str, values: list[Any]) -> pl.Series:
    return float_text(pl.Series(name, values, dtype=pl.Float64))


def _integers(name: str, values: list[Any]) -> pl.Series:
    return _texts(name, [None if value is None else str(value) for value in values])


def _booleans(name: str, values: list[Any]) -> pl.Series:
    return pl.Series(name, values, dtype=pl.Boolean).cast(pl.String)


def _dates(name: str, values: list[Any]) -> pl.Series:
    return pl.Series(name, values, dtype=pl.Date).cast(pl.String)


def _moments(name: str, values: list[Any]) -> pl.Series:
    rounded = pl.Series(name, values, dtype=pl.Datetime("us")).dt.round("1ms")
    text = rounded.dt.to_string("%Y-%m-%dT%H:%M:%S%.f")
    return text.str.replace(r"T00:00:00$", "")


def _times(name: str, values: list[Any]) -> pl.Series:
    return _texts(name, [None if value is None else value.isoformat() for value in values])


def _durations(name: str, values: list[Any]) -> pl.Series:
    return _texts(name, [None if value is None else _clock(value) for value in values])


def _clock(value: dt.timedelta) -> str:
    milliseconds = round(value / dt.timedelta(milliseconds=1))
    seconds, rest = divmod(abs(milliseconds), 1000)
    fraction = f".{rest:03}" if rest else ""
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


_CONVERT: dict[type, tuple[Kind, Callable[[str, list[Any]], pl.Series]]] = {
    str: (Kind.TEXT, _texts),
    float: (Kind.NUMBER, _floats),
    int: (Kind.NUMBER, _integers),
    bool: (Kind.BOOLEAN, _booleans),
    dt.date: (Kind.DATE, _dates),
    dt.datetime: (Kind.DATE, _moments),
    dt.time: (Kind.TIME, _times),
    dt.timedelta: (Kind.TIME, _durations),
}
