"""What a destination has beside what it confirmed last, and sending once more what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway import delta
from gateway.delivery.again import send_again
from gateway.delivery.baseline import Baseline, add_segments, inflight_keys
from gateway.delivery.book import base_prices
from gateway.delivery.portions import key_parts
from gateway.delivery.setup import Leg
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.model import KEY, KEY_SEPARATOR
from gateway.spool import STATE, Spool

_PLACE = "warehouse"
_EXACT = pl.Decimal(38, 10)


@dataclass(frozen=True, slots=True)
class Compared:
    """One lane beside its destination.

    `differences`: `@key`, `sku`, `ours` and `theirs` (canonical text; theirs null: it has no such article), `seq` and
    `at` of our confirmation. `known`: articles confirmed; `under_way`: left out, something of them is being sent.
    """

    differences: pl.DataFrame
    known: int
    under_way: int


class Reconciler:
    """Compares lanes with what their destination has; safe beside a running service."""

    def __init__(self, journal: Journal, spool: Spool) -> None:
        self._journal = journal
        self._spool = spool

    def compare(self, leg: Leg, theirs: pl.DataFrame) -> Compared:
        """Compare a lane whose keys begin with the sku. `theirs`: `sku` and `value` (text; null: it does not say).

        Articles with levels in several warehouses are left out: what is told is the level of all together.
        """
        known = delta.fold(list(Baseline.of_lane(self._journal, self._spool, leg.lane, leg.written()).frames()))
        live = known.filter(~pl.col("ended") & pl.col("measure").is_not_null())
        if _PLACE in leg.key_fields:
            live = live.filter(~key_parts(live, leg)[leg.key_fields[0]].is_duplicated())
        flying = inflight_keys(self._journal, self._spool, leg.lane)
        still = live.join(flying, on=KEY, how="anti")
        sku = pl.col(KEY).str.splitn(KEY_SEPARATOR, 2).struct.field("field_0")
        there = theirs.unique("sku", keep="last").with_columns(pl.lit(value=True).alias("there"))
        beside = still.with_columns(sku.alias("sku")).join(there, on="sku", how="left", maintain_order="left")
        same = pl.col("measure").cast(_EXACT, strict=False) == pl.col("value").cast(_EXACT, strict=False)
        silent = pl.col("there").is_not_null() & pl.col("value").is_null()
        wrong = beside.filter(~(same.fill_null(value=False) | silent)).sort("sku")
        told = wrong.select(KEY, "sku", pl.col("measure").alias("ours"), pl.col("value").alias("theirs"), "seq", "at")
        return Compared(told, live.height, live.height - still.height)

    def resend(self, leg: Leg, differences: pl.DataFrame) -> tuple[list[str], int]:
        """Send the rows again that were confirmed for these keys; returns the runs made and the keys without a row.

        What was confirmed is forgotten first, so that nothing counts as unchanged. A key without a row was ended or
        zeroed because a file left it out, or its run was cleared away: the next file that names it sends it.
        """
        if not differences.height:
            return [], 0
        now = self._journal.clock.now()
        forgotten = differences.select(
            KEY, "seq", pl.lit(None, pl.UInt64).alias("digest"), pl.col("theirs").alias("measure"),
            pl.lit(value=False).alias("ended"), pl.lit(now).cast(delta.SEGMENT_SCHEMA["at"]).alias("at"),
        )  # fmt: skip
        name = f"reconcile-{leg.lane.replace('/', '-')}-{now:%Y%m%d%H%M%S%f}"
        add_segments(self._journal, self._spool, leg.lane, [forgotten], consignment=name, name=name)
        made: list[str] = []
        sent = 0
        rows = self._spoken(leg, differences)
        for (seq,), part in rows.group_by("seq", maintain_order=True):
            identity, count = self._run(leg, int(str(seq)), part[KEY])
            made += [identity] if count else []
            sent += count
        return made, differences.height - sent

    def _spoken(self, leg: Leg, differences: pl.DataFrame) -> pl.DataFrame:
        """Return the keys with the sequence of the row that speaks: a wanted price is sent at a turn of its own."""
        if leg.operation.wanted is None:
            return differences.select(KEY, "seq")
        base = base_prices(self._journal, self._spool, leg.lane)
        return differences.select(KEY).join(base.select(KEY, "seq"), on=KEY, how="inner", maintain_order="left")

    def _run(self, leg: Leg, seq: int, keys: pl.Series) -> tuple[str, int]:
        query = (
            sa.select(t.run)
            .join(t.leg, t.leg.c.run == t.run.c.id)
            .where(t.leg.c.lane == leg.lane, t.run.c.seq == seq, t.run.c.state == "settled")
            .order_by(t.run.c.id)
        )
        with self._journal.read() as tx:
            found = tx.execute(query).fetchall()

        def chosen(block: pl.DataFrame) -> pl.DataFrame:
            wanted = _key(leg.key_fields, block.columns).is_in(keys.implode())
            return block.filter(pl.col(STATE).is_null() & wanted)

        for row in found:
            if not self._spool.run(row.id).root.exists():
                continue
            identity, count = send_again(
                self._journal, self._spool, row, chosen, note=f"What differs at the destination, of run {row.id}.",
                lanes=[leg.lane], entered=self._noted,
            )  # fmt: skip
            if count:
                return identity, count
        return "", 0

    def _noted(self, tx: Connection, made: str, rows: int) -> None:
        self._journal.note(tx, made, "reconcile", f"{rows} rows that differ at the destination")


def _key(names: Sequence[str], present: Sequence[str]) -> pl.Expr:
    parts = [pl.col(name).fill_null("") if name in present else pl.lit("") for name in names]
    return pl.concat_str(parts, separator=KEY_SEPARATOR)
