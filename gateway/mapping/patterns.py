"""Regular expressions and text as the mapping compares them; it knows no mapping file."""

from __future__ import annotations

import unicodedata

import polars as pl

from gateway.formats.blanks import WHITE


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
