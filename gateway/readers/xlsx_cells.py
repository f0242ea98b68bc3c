"""Typed cells to canonical text and kinds, column by column; it knows no files.

Number: decimal text of at most 15 significant digits (whole numbers in full), without exponent or trailing .0. Date
2026-11-22, date and time 2026-11-22T09:30:00 (no zone; at midnight it is the date alone), time 09:30:00, duration
36:30:00, boolean true/false. Fractions of a second are kept to the millisecond where there are any.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
LONG_DIGITS = 16
"""Digits of a whole number from LONG on: a float may differ from it as written."""

Parts = Mapping[type, pl.Series]
"""The values of a column of some rows by their type, null where another type stands; no series where none stands."""


def parts_of(values: Sequence[Any]) -> Parts:
    """Return the typed values of a column by their type: all that is done while they are Python's.

    Values are str, float, int, bool, date, datetime, time, timedelta or None, as calamine and openpyxl give them.
    """
    if isinstance(next((value for value in values if value is not None), None), str):
        with suppress(TypeError):  # most columns are all text; anything else among it is refused
            return {str: _TYPES[str].raw(values)}
    types = set(map(type, values)) - {type(None)}
    if len(types) == 1:
        return {found: _TYPES[found].raw(values) for found in types}
    return {found: _TYPES[found].raw([v if type(v) is found else None for v in values]) for found in types}


def cell_column(name: str, slices: Sequence[tuple[int, Parts]]) -> tuple[pl.Series, pl.Series]:
    """Return the text (String, "" where empty) and the kinds (UInt8) of a column, of slices of so many rows."""
    rows = sum(length for length, _ in slices)
    met = {found for _, parts in slices for found in parts}
    columns = [(_TYPES[found], _whole(found, slices)) for found in _TYPES if found in met]
    if len(columns) == 1:
        cell, raw = columns[0]
        text = cell.text(raw).alias(name)
        if not text.null_count() and not (cell.kind is Kind.TEXT and (text == "").any()):
            return text, _constant(name, cell.kind, rows)
    texts = pl.repeat("", rows, dtype=pl.String, eager=True).alias(name)
    kinds = _constant(name, Kind.EMPTY, rows)
    for cell, raw in columns:
        text = cell.text(raw)
        there = (text != "").fill_null(value=False)
        texts = text.alias(name).zip_with(there, texts)
        kinds = _constant(name, cell.kind, rows).zip_with(there, kinds)
    return texts, kinds


def may_be_long(slices: Sequence[tuple[int, Parts]]) -> bool:
    """Tell whether a column holds whole numbers so long that a float may differ from them as written."""
    return any(_long(parts) for _, parts in slices)


def _long(parts: Parts) -> bool:
    floats, integers = parts.get(float), parts.get(int)
    if floats is not None and not ((floats < LONG) & (floats > -LONG)).all():
        return True
    return integers is not None and bool((integers.str.len_bytes() >= LONG_DIGITS).any())


def _whole(found: type, slices: Sequence[tuple[int, Parts]]) -> pl.Series:
    dtype = next(parts[found].dtype for _, parts in slices if found in parts)
    return pl.concat(
        parts[found] if found in parts else pl.repeat(None, length, dtype=dtype, eager=True) for length, parts in slices
    )


def float_text(numbers: pl.Series) -> pl.Series:
    """Return floats (Float64, null kept) as canonical decimal text."""
    if (numbers < LONG).all() and (numbers > -LONG).all():
        whole = numbers.cast(pl.Int64)
        if (whole.cast(pl.Float64) == numbers).all():
            return whole.cast(pl.String)
    size = numbers.abs()
    # A zero may be negative; an absolute one is not.
    values = size.zip_with((size == 0).fill_null(value=False), numbers)
    text = values.cast(pl.String).str.strip_suffix(".0")
    noisy = text.str.len_bytes() > DIGITS + 2
    far = ((size >= LONG) | ((size < SHORT) & (size > 0)) | noisy).fill_null(value=False)
    if not far.any():
        return text
    exact = [_plain(value) if long else None for value, long in zip(values, far, strict=True)]
    return pl.Series(exact, dtype=pl.String).zip_with(far, text)


def _plain(number: float) -> str:
    text = repr(number)
    if not number.is_integer():
        text = f"{number:.{DIGITS}g}"  # what a spreadsheet shows: 0.1 + 0.2 is 0.3
    return format(Decimal(text), "f").removesuffix(".0")


def _constant(name: str, kind: Kind, length: int) -> pl.Series:
    return pl.Series(name, np.full(length, kind.value, np.uint8))


def _series(dtype: type[pl.DataType] | pl.DataType) -> Callable[[Sequence[Any]], pl.Series]:
    return lambda values: pl.Series("", values, dtype=dtype)


def _written(write: Callable[[Any], str]) -> Callable[[Sequence[Any]], pl.Series]:
    return lambda values: pl.Series("", [None if v is None else write(v) for v in values], dtype=pl.String)


def _same(text: pl.Series) -> pl.Series:
    return text


def _cast(raw: pl.Series) -> pl.Series:
    return raw.cast(pl.String)


def _moments(raw: pl.Series) -> pl.Series:
    text = raw.dt.round("1ms").dt.to_string("%Y-%m-%dT%H:%M:%S%.f")
    return text.str.replace(r"T00:00:00$", "")


def _clock(value: dt.timedelta) -> str:
    milliseconds = round(value / dt.timedelta(milliseconds=1))
    seconds, rest = divmod(abs(milliseconds), 1000)
    fraction = f".{rest:03}" if rest else ""
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


@dataclass(frozen=True, slots=True)
class _Type:
    """How values of a type become a series (`raw`), and that one text."""

    kind: Kind
    raw: Callable[[Sequence[Any]], pl.Series]
    text: Callable[[pl.Series], pl.Series]


_TYPES = {
    str: _Type(Kind.TEXT, _series(pl.String), _same),
    float: _Type(Kind.NUMBER, _series(pl.Float64), float_text),
    int: _Type(Kind.NUMBER, _written(str), _same),
    bool: _Type(Kind.BOOLEAN, _series(pl.Boolean), _cast),
    dt.date: _Type(Kind.DATE, _series(pl.Date), _cast),
    dt.datetime: _Type(Kind.DATE, _series(pl.Datetime("us")), _moments),
    dt.time: _Type(Kind.TIME, _written(dt.time.isoformat), _same),
    dt.timedelta: _Type(Kind.TIME, _written(_clock), _same),
}
