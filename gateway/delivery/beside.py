"""What rows are judged by beside the baseline: other rows that go with them, and the prices they lower; pure frames."""

from __future__ import annotations

import polars as pl

from gateway import guard
from gateway.contracts.lowered import as_told, leaves_less, lowering_fields
from gateway.delivery.portions import Candidate
from gateway.delivery.setup import Leg
from gateway.model import KEY, REGULAR, ROW


def last_of_record(leg: Leg, decided: pl.DataFrame) -> pl.DataFrame:
    """Supersede rows that the destination would take for the record of a later one."""
    if leg.operation.record is None:
        return decided
    stands = pl.col("decision").is_in(["send", "unchanged"])
    frame = decided.with_columns(pl.when(stands).then(leg.operation.record).alias("@record")).with_row_index("@at")
    several = frame.filter(pl.col("@record").is_not_null() & pl.col("@record").is_duplicated()).sort("seq", ROW)
    last = several.group_by("@record").agg(pl.col("@at", "run", ROW).last().name.suffix("_last"))
    lost = several.join(last, on="@record").filter(pl.col("@at") != pl.col("@at_last"))
    if not lost.height:
        return decided
    row = pl.concat_str(pl.lit("by row "), f"{ROW}_last", pl.lit(": one record there"))
    told = pl.when(pl.col("run") == pl.col("run_last")).then(row).otherwise(pl.lit("by a newer file: one record there"))
    words = lost.select("@at", told=told)
    if "code" not in frame.columns:
        frame = frame.with_columns(code=pl.lit(None, pl.String), detail=pl.lit(None, pl.String))
    frame = frame.join(words, on="@at", how="left", maintain_order="left")
    here = pl.col("told").is_not_null()
    return frame.with_columns(
        decision=pl.when(here).then(pl.lit("superseded")).otherwise("decision"),
        code=pl.when(here).then(pl.lit("SUPERSEDED")).otherwise("code"),
        detail=pl.coalesce("told", "detail"),
    ).drop("told", "@record", "@at")


def lowered(leg: Leg, candidate: Candidate, rows: pl.DataFrame) -> guard.Tally:
    """Count promotions and discounts to be sent that lower a price too far; those that stand already are no news."""
    fields = lowering_fields(candidate.pinned.route.contract, leg.operation.fields)
    limits = candidate.pinned.route.guard
    if not fields or not limits.promotion_floor:
        return guard.Tally()
    known = [name for name in dict.fromkeys((*fields, REGULAR, "status")) if name in rows.columns]
    absent = [pl.lit(None, pl.String).alias(name) for name in (*fields, REGULAR) if name not in known]
    news = (pl.col("decision") == "send") & ~pl.col("same") & ~pl.col("ended")
    if "status" in known:
        news &= pl.col("status").ne_missing("inactive")
    looked = rows.lazy().filter(news).select(KEY, *known, *absent)
    low = looked.filter(leaves_less(limits.promotion_floor, fields)).select(KEY, told=as_told(fields))
    return guard.lowered(low.collect())
