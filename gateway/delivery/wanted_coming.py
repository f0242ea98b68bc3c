"""Base prices nobody has decided about yet: promotions of their articles wait for them instead of being refused."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl
import sqlalchemy as sa

from gateway.delivery.effects import decided_rows
from gateway.delivery.setup import LaneSetup, Pinned, rows_with_effect
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.model import KEY, ROW
from gateway.spool import STATE, Spool

_SEED = 13
_ARTICLE = "sku"
_OPEN = ("waiting", "scheduled")


class Coming:
    """Articles with a base price in runs of the lane that are not looked at now: they wait, or are held.

    `due`: runs that are looked at. Nothing is read before a promotion asks.
    """

    def __init__(self, journal: Journal, spool: Spool, setup: LaneSetup, due: Collection[str]) -> None:
        self._journal = journal
        self._spool = spool
        self._setup = setup
        self._due = due
        self._found: pl.Series | None = None

    def waited_for(self, promotions: pl.DataFrame, base: pl.DataFrame) -> pl.DataFrame:
        """Have promotions without a base price wait (decision `waiting`) while one of their article is still open.

        `base`: the decided base rows of the same articles. The wait is over with the price: once it was sent they are
        reckoned from it, once it was refused or called off they are refused.
        """
        baseless = (pl.col("decision") == "refused") & (pl.col("code") == "PROMOTION_BASE").fill_null(value=False)
        asked = promotions.filter(baseless)[KEY].unique()
        if not asked.len():
            return promotions
        gives = ~pl.col("ended") & (pl.col("price") != "").fill_null(value=False)
        open_here = base.filter(pl.col("decision").is_in(_OPEN) & gives)[KEY]
        waits = baseless & pl.col(KEY).is_in(pl.concat([open_here, self._of(asked)]).implode())
        nothing = pl.lit(None, pl.String)
        return promotions.with_columns(
            decision=pl.when(waits).then(pl.lit("waiting")).otherwise("decision"),
            code=pl.when(waits).then(nothing).otherwise("code"),
            detail=pl.when(waits).then(nothing).otherwise("detail"),
        )

    def _of(self, asked: pl.Series) -> pl.Series:
        """Return those of the articles that have a price in the other runs."""
        if self._found is None:
            self._found = self._read()
        return asked.filter(asked.hash(_SEED).is_in(self._found.implode()))

    def _read(self) -> pl.Series:
        """Return hashes of the articles (UInt64)."""
        columns = (t.run.c.id, t.run.c.pinned, t.leg.c.operation, t.leg.c.given)
        query = sa.select(*columns).join(t.leg, t.leg.c.run == t.run.c.id)
        query = query.where(t.leg.c.lane == self._setup.name, t.leg.c.open_rows > 0)
        with self._journal.read() as tx:
            opened = tx.execute(query.where(t.run.c.state.in_(("waiting", "held")))).fetchall()
        found = [pl.Series([], dtype=pl.UInt64)]
        for one in opened:
            leg = self._setup.leg(one.operation, Pinned.model_validate(one.pinned).route.contract)
            if one.id in self._due or leg is None or leg.operation.wanted != "base":
                continue
            done = decided_rows(self._journal, self._spool, one.id, self._setup.name)
            present = [name for name in ("price", "command") if name in self._spool.run(one.id).columns()]
            for block in self._spool.run(one.id).blocks([*(one.given or ()), _ARTICLE, *present]):
                rows = rows_with_effect(block, one.given or ()).filter(pl.col(STATE).is_null())
                if done is not None:
                    rows = rows.filter(~pl.col(ROW).is_in(done.implode()))
                found.append(_priced(rows)[_ARTICLE].drop_nulls().hash(_SEED))
        return pl.concat(found).unique()


def _priced(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out rows that give no price."""
    gives = (pl.col("price") != "").fill_null(value=False) if "price" in rows.columns else pl.lit(value=False)
    stands = pl.col("command").ne_missing("end") if "command" in rows.columns else pl.lit(value=True)
    return rows.filter(gives & stands)
