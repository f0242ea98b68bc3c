"""Rows of several keys that are one record: judged beside each other before one of them is sent for all."""

from __future__ import annotations

from datetime import date

import polars as pl

from gateway.errors import GatewayError
from gateway.issues import WARNINGS
from gateway.model import LINE, ROW, Destination, Operation

_TOLD = ("code", "detail", "field")


def judged_alike(
    decided: pl.DataFrame,
    shared: pl.Series,
    operation: Operation,
    destination: Destination,
    today: date,
    *,
    trial: bool,
) -> pl.DataFrame:
    """Return the rows of a portion with those `refused` that the destination can't hold beside each other.

    `shared`: a mask of the rows that stand for a record of which others speak as well. `trial`: nobody can be asked.
    Raises MayWorkLater when the destination can't be asked now.
    """
    if not operation.reckoned or not shared.any():
        return decided
    placed = decided.with_row_index("@at")
    rows = placed.filter(shared).sort("seq", ROW).with_columns(pl.lit(0, pl.Int64).alias(LINE))
    rows = rows.with_columns(pl.col("@at").cast(pl.Int64).alias(ROW))
    try:
        reference = destination.gather(operation.name, rows)
    except GatewayError:
        if not trial:
            raise
        return decided
    found = destination.check(operation.name, rows, reference, today)
    found = found.filter(~pl.col("code").is_in(sorted(WARNINGS))).unique(ROW, keep="first", maintain_order=True)
    if not found.height:
        return decided
    wrong = found.select(pl.col(ROW).cast(pl.UInt32).alias("@at"), *_TOLD, decision=pl.lit("refused"))
    absent = [pl.lit(None, pl.String).alias(name) for name in _TOLD if name not in placed.columns]
    told = placed.with_columns(absent).join(wrong, on="@at", how="left", suffix="_told", maintain_order="left")
    told = told.with_columns(pl.coalesce(f"{name}_told", name).alias(name) for name in ("decision", *_TOLD))
    return told.drop("@at", *(f"{name}_told" for name in ("decision", *_TOLD)))
