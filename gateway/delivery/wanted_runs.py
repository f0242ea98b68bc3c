"""Promotions that run under the identity of another row: nobody ended them, so what is said beside them is refused."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from gateway.delivery.book import instant
from gateway.model import KEY, KEY_SEPARATOR, ROW

_LAST = "~"
"""Sorts after every instant: an open end."""


def refused(rows: pl.DataFrame, book: pl.DataFrame, gone: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Refuse rows that count while a promotion of their identity and article runs in a window that meets theirs.

    Dates are of a promotion's key: with other dates, a row neither ends nor replaces it. `book`: folded promotions,
    `gone`: those that a full file leaves out. What rows that count end does not run; a row that ends without dates
    meets every window, one that was over before it came only what began with it.
    """
    named = _named(rows.filter(pl.col("decision") == "send"))
    if not named.height:
        return rows
    ended = pl.concat([rows.filter((pl.col("decision") == "send") & pl.col("off"))["promotion"], gone["promotion"]])
    names = [KEY, "promotion", "id", "seq", "starts_at", "ends_at"]
    live = pl.concat([_named(book.filter(~pl.col("off"))).select(names), named.filter(~pl.col("off")).select(names)])
    live = live.filter(~pl.col("promotion").is_in(ended.implode())).sort("seq", "starts_at")
    asked = named.select(*names, "run", ROW, known=pl.col("promotion").is_in(book["promotion"].implode()), off="off")
    met = asked.join(live, on=[KEY, "id"], how="inner", suffix="_live", maintain_order="left_right").filter(
        (pl.col("promotion") != pl.col("promotion_live")) & (pl.col("seq_live") < pl.col("seq"))
        & ~(pl.col("off") & pl.col("known")) & _meet(instant(now))
    )  # fmt: skip
    if not met.height:
        return rows
    said = pl.concat_str(_shown("starts_at_live"), pl.lit(" to "), _shown("ends_at_live"))
    told = met.unique(["run", ROW], keep="first", maintain_order=True).select("run", ROW, runs=said)
    frame = rows.join(told, on=["run", ROW], how="left", maintain_order="left")
    here = pl.col("runs").is_not_null()
    return frame.with_columns(
        decision=pl.when(here).then(pl.lit("refused")).otherwise("decision"),
        code=pl.when(here).then(pl.lit("PROMOTION_RUNS")).otherwise("code"),
        detail=pl.when(here).then("runs").otherwise("detail"),
    ).drop("runs")


def _named(promotions: pl.DataFrame) -> pl.DataFrame:
    """Return promotions that have an identity, with it as `id`: the first part of their key."""
    identity = pl.col("promotion").str.split_exact(KEY_SEPARATOR, 1).struct.field("field_0")
    return promotions.with_columns(id=identity).filter(pl.col("id") != "")


def _meet(now: str) -> pl.Expr:
    """Return whether two windows have a moment in common."""
    last, last_live = (pl.when(pl.col(n) == "").then(pl.lit(_LAST)).otherwise(n) for n in ("ends_at", "ends_at_live"))
    over = ~pl.col("off") & (last < now)
    meets = (pl.col("starts_at") <= last_live) & (pl.col("starts_at_live") <= last)
    return meets & (~over | (pl.col("starts_at") == pl.col("starts_at_live")))


def _shown(name: str) -> pl.Expr:
    return pl.when(pl.col(name) == "").then(pl.lit("(no date)")).otherwise(name)
