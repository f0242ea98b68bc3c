"""Regular expressions and text as the mapping compares them; it knows no mapping file."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import polars as pl

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
WHITE = "".join(chr(point) for point in range(0x3001) if chr(point).isspace()) + ZERO_WIDTH
"""Characters taken off the ends of cells and headers: every Unicode space, and those that show nothing at all."""


def regex_fault(pattern: str, *, groups: int | None = None) -> str | None:
    """Say what is wrong with a regular expression of a mapping, or None. `groups`: how many it must have."""
    try:
        fields = pl.Series([""]).str.extract_groups(pattern).struct.fields
    except pl.exceptions.ComputeError as error:
        text = str(error).partition("\n\nThis error")[0]
        return f"{pattern!r} is not a regular expression ({text.rsplit('error: ', 1)[-1].strip()})"
    if groups is not None and len(fields) != groups:
        return f"{pattern!r} has {len(fields)} groups; put brackets round the one part that stays"
    return None


def plain(text: str) -> str:
    """Form in which headers are compared: trimmed, inner space as one blank, NFC, without case."""
    inner = " ".join(text.strip(WHITE).split())
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", inner).casefold())


_FEW = 4096


def few_distinct(texts: pl.Series) -> bool:
    """Tell whether the same few texts fill the column."""
    if texts.len() < _FEW:
        return False
    found = pl.DataFrame([texts.alias("text")]).select(pl.col("text").approx_n_unique()).item()
    return int(found) * 3 <= texts.len()


def by_unique(texts: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply a change to distinct texts only where there are few of them; same order and length as `texts`."""
    if not few_distinct(texts):
        return change(texts)
    distinct = texts.unique().alias("text")
    changed = pl.DataFrame([distinct, change(distinct).alias("changed")])
    whole = pl.DataFrame([texts.alias("text")])
    return whole.join(changed, on="text", how="left", nulls_equal=True, maintain_order="left")["changed"]
