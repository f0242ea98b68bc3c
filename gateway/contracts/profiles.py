"""Requirements in stock: what destinations commonly need beyond a contract, worded once; it knows no destination."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from gateway.contracts.rules import given
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


def without_command(word: str) -> Requirement:
    """Refuse rows with a command the destination can't carry out."""
    return Requirement("DEST_COMMAND", "command", ("command",), pl.col("command") == word)
