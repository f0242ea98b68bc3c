"""What is said of rows and files: the catalogue's sentences, for one issue and for frames of them."""

from __future__ import annotations

import polars as pl

from gateway.issues.catalogue import CATALOGUE, FIELDED, UNDONE, WARNINGS
from gateway.issues.kinds import IssueKind
from gateway.wording import ENDS, told

__all__ = [
    "BY_MAPPING",
    "CATALOGUE",
    "FIELDED",
    "FROM_ROW",
    "UNDONE",
    "WARNINGS",
    "WORDS",
    "IssueKind",
    "sentence",
    "with_text",
]


BY_MAPPING = " (set by the mapping, which the operator can change)"
"""What stands behind a value at fault that is a constant: it is in no cell, and nobody mends it in the file."""
FROM_ROW = "{} (filled down from row {})"
"""A value at fault whose cell is empty in the file, and the row whose value it took."""
_VALUED = ": {value}"


def sentence(code: str, *, field: str = "", value: str = "", detail: str = "") -> str:
    """Return the catalogue's sentence for one issue. Raises KeyError for a code the catalogue does not have."""
    text = CATALOGUE[code].text
    if not value and text.endswith(_VALUED):
        text = f"{text.removesuffix(_VALUED)}."
    said = text.format(field=field, value=value, detail=detail)
    return said[:-1] if text.endswith("}.") and said[:-1].endswith(ENDS) else said


WORDS = ("severity", "message", "fix")
"""Columns that `with_text` can add."""


def with_text(issues: pl.DataFrame, words: tuple[str, ...] = WORDS) -> pl.DataFrame:
    """Add `severity`, `message` and `fix` (String), or those of them in `words`, for codes of the catalogue only.

    Rows without a code get null; they cost next to nothing, so a frame of good rows may pass as well.
    """
    coded = issues["code"].is_not_null()
    count = int(coded.sum())
    if count == 0:
        return issues.with_columns(pl.lit(None, pl.String).alias(name) for name in words)
    if count == issues.height:
        return issues.with_columns(_words(issues, words))
    found = _words(issues.filter(coded), words)
    place = pl.select(pl.when(coded).then(coded.cum_sum().cast(pl.Int64) - 1)).to_series()
    return issues.with_columns(word.gather(place) for word in found)


def _words(issues: pl.DataFrame, words: tuple[str, ...]) -> list[pl.Series]:
    made = dict.fromkeys(words, pl.lit(None, pl.String))
    for code in issues["code"].unique().sort().to_list():
        kind, here = CATALOGUE[code], pl.col("code") == code
        says = {"severity": pl.lit(kind.severity), "message": told(kind.text), "fix": pl.lit(kind.fix)}
        made = {name: pl.when(here).then(says[name]).otherwise(expression) for name, expression in made.items()}
    return issues.select(**made).get_columns()
