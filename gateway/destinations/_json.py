"""Records to JSON text in columns, and cutting them into bodies of a bounded size; pure, nothing per row in Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl


def quoted(column: pl.Expr) -> pl.Expr:
    """Return a String column as JSON strings with their quotes; null stays null."""
    encoded = pl.struct(column.alias("v")).struct.json_encode()
    return pl.when(column.is_not_null()).then(encoded.str.strip_prefix('{"v":').str.strip_suffix("}"))


def objects(frame: pl.DataFrame, members: Sequence[tuple[str, pl.Expr]]) -> pl.Series:
    """Return one JSON object per row. A member is a plain ASCII name and JSON text; null leaves the member out."""
    values = frame.select(value.alias(name) for name, value in members)
    missing = values.null_count().row(0, named=True)
    present = [name for name in values.columns if missing[name] < frame.height]
    if not present:
        return pl.repeat("{}", frame.height, eager=True).alias("json")
    # A first member that every row has needs no comma, so no row has one to strip.
    whole = missing[present[0]] == 0
    pieces: list[pl.Expr] = [pl.lit("{")]
    for place, name in enumerate(present):
        label = pl.lit(f'"{name}":' if whole and place == 0 else f',"{name}":')
        piece = [label, pl.col(name)]
        pieces += piece if missing[name] == 0 else [pl.concat_str(piece).fill_null("")]
    text = pl.concat_str(*pieces, pl.lit("}"))
    if not whole:
        text = pl.when(text.str.starts_with("{,")).then(pl.concat_str(pl.lit("{"), text.str.slice(2))).otherwise(text)
    return values.select(text.alias("json")).to_series()


def cuts(items: pl.Series, *, records: int | None, size: int | None, around: int = 0) -> Iterator[tuple[int, int]]:
    """Yield (start, end) so that no part has more records or, joined by one byte each, more bytes than allowed.

    `around`: bytes a body has besides its items. An item that is too large by itself stands alone.
    """
    ends = (items.str.len_bytes().cast(pl.Int64) + 1).cum_sum()
    start, used = 0, 0
    while start < len(items):
        end = len(items) if records is None else min(len(items), start + records)
        if size is not None and int(ends[end - 1]) - used + around > size:
            fitting = int(ends.search_sorted(used + size - around, side="right"))
            end = max(start + 1, min(end, fitting))
        yield start, end
        used = int(ends[end - 1])
        start = end


def array(items: pl.Series) -> str:
    """Return the items as a JSON array."""
    return "[" + str(items.str.join(",").item()) + "]" if len(items) else "[]"
