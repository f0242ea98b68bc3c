"""What rows are judged by beside the baseline: the prices they lower; pure frames."""

from __future__ import annotations

import polars as pl

from gateway import guard
from gateway.contracts.lowered import as_told, leaves_less, lowering_fields
from gateway.delivery.portions import Candidate
from gateway.delivery.setup import Leg
from gateway.model import KEY, REGULAR


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
    filled = [name for name in known if rows[name].null_count() < rows.height]
    low = looked.filter(leaves_less(limits.promotion_floor, fields, filled)).select(KEY, told=as_told(fields))
    return guard.lowered(low.collect())
