"""Keys that a full file leaves out: those known, those under way, and those that older files beside it speak of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import polars as pl

from gateway import delta
from gateway.delivery.baseline import Baseline
from gateway.delivery.instead import last_of
from gateway.delivery.portions import Candidate, Portion, Portions, key_parts
from gateway.delivery.setup import Leg
from gateway.delivery.silenced import LEFT_OUT
from gateway.model import KEY

DERIVED: dict[str, type[pl.DataType]] = {
    KEY: pl.String, "measure_known": pl.String, "run": pl.UInt32, "seq": pl.Int64,
    "ended": pl.Boolean, "measure": pl.String,
}  # fmt: skip
"""Effects without a row: what becomes of a key that was left out."""
LEAVES = {KEY: pl.String, "seq": pl.Int64, "ended": pl.Boolean, "measure": pl.String}
"""Columns of what is under way that tell whether it has to be ended or zeroed."""
_LAST = "ends_at"
"""Where it is of the key, or the measure, it says when what the key names is over."""
_INSTANT = r"^\d{4}-\d{2}-\d{2}T"


class Absence:
    """What the newest full file of a consignment leaves out: of several only that one speaks, if none newer came."""

    def __init__(self, leg: Leg, candidates: Sequence[Candidate], now: datetime) -> None:
        self._leg = leg
        self._now = now
        self.over = pl.DataFrame(schema=delta.SEGMENT_SCHEMA)
        """What the baseline should know of keys of the last portion: left out, and over by the date in their key."""
        full = [c for c in candidates if c.speaks_of_absence and c.ends(leg)]
        self._last_full = full[-1] if full else None
        self._one = full[-1] if full and full[-1].takes_away else None
        self._candidates = candidates
        self._coming = pl.DataFrame(schema=LEAVES)
        """Keys under way of which nothing is confirmed, and which it leaves out."""

    def look(self, baseline: Baseline, flying: Iterable[pl.DataFrame], portions: Portions) -> None:
        """Read what is under way and stays unless it is ended: the baseline learns of it too late.

        `flying`: of the lane, with LEAVES columns.
        """
        one = self._one
        if one is None:
            return
        sent = pl.concat([pl.DataFrame(schema=LEAVES), *flying]).sort("seq", maintain_order=True)
        there = sent.unique(KEY, keep="last", maintain_order=True)
        there = there.filter(~pl.col("ended"), pl.col("seq") <= one.row.seq)
        if self._to_zero:
            there = there.filter(pl.col("measure").ne_missing("0"))
        if not there.height:
            return
        newer = (c for c in self._candidates if c.row.seq > one.row.seq)
        for said in (portions.keys(one), *(portions.said(c, self._now) for c in newer)):
            for rows in said:
                there = there.join(rows, on=KEY, how="anti")
        known = delta.fold([frame.join(there, on=KEY, how="semi") for frame in baseline.frames()])
        goes_on = ~pl.col("ended")
        if self._to_zero:
            goes_on &= pl.col("measure").ne_missing("0")
        told = goes_on | (pl.col("seq") > one.row.seq)  # it ends by what is known of it, or stays
        self._coming = there.join(known.filter(told), on=KEY, how="anti").sort(KEY)

    @property
    def _to_zero(self) -> bool:
        return self._one is not None and self._one.pinned.route.absent == "zero"

    def derived(self, portion: Portion) -> pl.DataFrame:
        """Return the effects of keys of a portion that are left out (DERIVED); with the first those under way."""
        one = self._one
        if one is None:
            return pl.DataFrame(schema=DERIVED)
        coming, self._coming = self._coming, self._coming.clear()
        found = [coming.select(KEY, pl.lit(None, pl.String).alias("measure_known"))]
        self.over = self.over.clear()
        if portion.known.height:
            present = portion.present.get(one.position, portion.known.select(KEY).clear())
            under_way = pl.concat([portion.flying, *self._newer(portion)])
            found.append(delta.absent(portion.known, under_way, present, seq=one.row.seq, to_zero=self._to_zero))
        return self._lasting(pl.concat(found), one).with_columns(
            run=pl.lit(one.position, pl.UInt32),
            seq=pl.lit(one.row.seq, pl.Int64),
            ended=pl.lit(not self._to_zero),
            measure=pl.lit("0" if self._to_zero else None, pl.String),
        )

    def _lasting(self, gone: pl.DataFrame, one: Candidate) -> pl.DataFrame:
        """Leave out what has ended by itself since: nothing is to be sent, and nothing is taken away."""
        last = self._last(gone)
        if last is None:
            return gone
        past = last.str.contains(_INSTANT) & (last < f"{self._now:%Y-%m-%dT%H:%M:%SZ}")
        past = past.fill_null(value=False)
        known = {"seq": one.row.seq, "digest": None, "measure": None, "ended": True, "at": self._now}
        over = gone.filter(past).with_columns(pl.lit(value).alias(name) for name, value in known.items())
        self.over = over.select(pl.col(name).cast(kind) for name, kind in delta.SEGMENT_SCHEMA.items())
        return gone.filter(~past)

    def _last(self, gone: pl.DataFrame) -> pl.Series | None:
        """Return until when what the keys name lasts, as it stands in them or is remembered; None: nobody knows."""
        if not gone.height:
            return None
        if _LAST in self._leg.key_fields:
            return key_parts(gone, self._leg)[_LAST]
        return gone.select(last_of(pl.col("measure_known"))).to_series() if self._leg.measure == _LAST else None

    def _newer(self, portion: Portion) -> Iterator[pl.DataFrame]:
        for c, rows in zip(self._candidates, portion.rows, strict=True):
            if self._one is not None and c.row.seq > self._one.row.seq:
                yield rows.select(KEY, pl.col("seq").alias("seq_sent"))

    def judged(self, decided: pl.DataFrame, portion: Portion, silenced: pl.Expr | None) -> pl.DataFrame:
        """Return the frame of `delta.decide` without what older files would send of keys that a full one leaves out.

        `silenced`: the same of one that was looked at before.
        """
        left = [] if silenced is None else [silenced]
        one = self._last_full
        if one is not None and len(self._candidates) > 1:
            present = portion.present.get(one.position, portion.known.select(KEY).clear())
            left.append((pl.col("seq") < one.row.seq) & ~pl.col(KEY).is_in(present[KEY].implode()))
        if not left:
            return decided
        lost = decided.select((pl.col("decision") == "send") & pl.any_horizontal(left)).to_series()
        if not lost.any():
            return decided
        before = pl.col("detail") if "detail" in decided.columns else pl.lit(None, pl.String)
        return decided.with_columns(
            decision=pl.when(lost).then(pl.lit("superseded")).otherwise("decision"),
            detail=pl.when(lost).then(pl.lit(LEFT_OUT)).otherwise(before),
        )
