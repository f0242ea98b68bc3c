"""Sentences put together in columns; it knows none of them."""

from __future__ import annotations

import polars as pl


def filled(template: str, *parts: str | pl.Expr) -> pl.Expr:
    """Return text with the parts (column names or expressions) in the places of `{}`; null where one of them is null.

    What `polars.format` does, which panics over columns that have an empty chunk before another (polars 2.1).
    """
    texts = template.split("{}")
    if len(texts) != len(parts) + 1:
        raise ValueError(f"{template!r} has {len(texts) - 1} places for {len(parts)} parts.")
    pieces: list[pl.Expr] = [pl.lit(texts[0])] if texts[0] else []
    for part, text in zip(parts, texts[1:], strict=True):
        pieces.append(pl.col(part) if isinstance(part, str) else part)
        if text:
            pieces.append(pl.lit(text))
    return pl.concat_str(pieces)


ENDS = (".", "…")
"""What a sentence ends with: no dot follows one."""


_VALUED = ": {value}"


def told(template: str) -> pl.Expr:
    """Return text with columns in the places of their names in braces; a null is an empty text.

    A value at the end that is empty takes its colon with it. A column at the end whose text ends like a sentence has no
    second dot behind it.
    """
    pieces: list[pl.Expr] = []
    if template.endswith(_VALUED):
        value = pl.col("value").fill_null("")
        after = pl.when(value == "").then(pl.lit(".")).otherwise(pl.concat_str(pl.lit(": "), value))
        return pl.concat_str(told(template.removesuffix(_VALUED)), after)
    if template.endswith("}."):
        last = pl.col(template[template.rindex("{") + 1 : -2]).fill_null("")
        ended = pl.any_horizontal(last.str.ends_with(mark) for mark in ENDS)
        return pl.concat_str(told(template[:-1]), pl.when(ended).then(pl.lit("")).otherwise(pl.lit(".")))
    for position, literal in enumerate(template.split("{")):
        name, brace, rest = literal.partition("}")
        if position and brace:
            pieces.append(pl.col(name).fill_null(""))
            literal = rest  # noqa: PLW2901  what follows the placeholder is the literal part
        if literal:
            pieces.append(pl.lit(literal))
    return pl.concat_str(pieces)
