"""What must come before an effect: the same article's effect in another lane, while that one is pending."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.delivery.baseline import Baseline, inflight_keys
from gateway.delivery.effects import CODES, decided_rows, leg_codes
from gateway.delivery.regular import reckoned_from, reckons
from gateway.delivery.setup import rows_with_effect
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.journal.runs import runs_of
from gateway.model import KEY, KEY_SEPARATOR, ROW, RowState
from gateway.spool import STATE, Spool

_FAILED = (CODES[str(RowState.REFUSED)], CODES[str(RowState.UNCERTAIN)])


Moved = Callable[[pl.DataFrame], pl.Series]
_SEED = 13
_GROUP = "product_id"
_FROM = "valid_from"


def _article() -> pl.Expr:
    """Hash of the first part of a key: the article, whatever else the family's key names (UInt64)."""
    return pl.col(KEY).str.splitn(KEY_SEPARATOR, 2).struct.field("field_0").hash(seed=_SEED)


def _group(present: Collection[str]) -> pl.Expr:
    """Hash of the product an article is of (UInt64); null where the row names none."""
    if _GROUP not in present:
        return pl.lit(None, pl.UInt64).alias("group")
    return pl.when((pl.col(_GROUP) != "").fill_null(value=False)).then(pl.col(_GROUP).hash(seed=_SEED)).alias("group")


def _later(present: Collection[str], now: datetime) -> pl.Expr:
    """Whether a row waits for its date."""
    if _FROM not in present:
        return pl.lit(value=False)
    return (pl.col(_FROM) > f"{now:%Y-%m-%dT%H:%M:%SZ}").fill_null(value=False)


@dataclass(frozen=True, slots=True)
class _Lane:
    """What is known of a lane that goes before: hashes of articles, and of products (UInt64)."""

    pending: pl.Series
    known: pl.Series
    begun: pl.Series
    """Products with an article that is pending and was never confirmed."""
    coming: pl.Series
    """Articles whose effect there is under way, or would be by now."""


class Before:
    """Judges effects to be sent by lanes that go before; what it knows of them is read once.

    `reckoned`: the one of the lanes whose prices effects are reckoned from, or must lower; "" where there is none.
    `moved`: tells of rows where their article was written before, null where it is as they say; None: no article moves.
    """

    def __init__(
        self, journal: Journal, spool: Spool, lanes: Sequence[str], *, reckoned: str = "", moved: Moved | None = None
    ) -> None:
        self._journal = journal
        self._spool = spool
        self._lanes = lanes
        self._reckoned = reckoned
        self._moved = moved
        self._read: dict[str, _Lane] = {}
        self._failures: dict[tuple[str, str], pl.Series] = {}
        with journal.read() as tx:
            self._ended = self._count(tx)

    def judged(self, decided: pl.DataFrame, runs: Sequence[str]) -> pl.DataFrame:
        """Return the frame of `delta.decide` with its decision changed where an effect can't be sent yet, or at all.

        `waiting`: the article's effect in a lane before is pending and none was ever confirmed there, or it moves the
        article, or where the row is about a product that of one of its articles; and where it is reckoned from a price
        that is on its way: should that be refused, it would be reckoned from a price nobody has. `refused` with `code`
        and `detail`: that effect of the same row failed, and none was ever confirmed. `runs`: ids by position.
        """
        for lane in self._lanes:
            if (decided["decision"] == "send").any():
                decided = self._by_lane(decided, lane, runs)
        return decided

    def moved(self, tx: Connection) -> bool:
        """Whether a consignment of a lane before has ended since: rows that wait may be due already."""
        return self._count(tx) != self._ended

    def _count(self, tx: Connection) -> int:
        if not self._lanes:
            return 0
        ended = sa.and_(t.consignment.c.lane.in_(self._lanes), t.consignment.c.state != "open")
        return int(tx.scalar(sa.select(sa.func.count()).select_from(t.consignment).where(ended)) or 0)

    def _by_lane(self, decided: pl.DataFrame, lane: str, runs: Sequence[str]) -> pl.DataFrame:
        there = self._of(lane)
        frame = decided.with_columns(_group(decided.columns), article=_article())
        send = pl.col("decision") == "send"
        unknown = ~pl.col("article").is_in(there.known.implode())
        begun = pl.col("group").is_in(there.begun.implode()).fill_null(value=False)
        pending = pl.col("article").is_in(there.pending.implode())
        waiting = unknown & (pending | begun)
        if self._moved is not None and (there.pending.len() or self._any_failed(runs, lane)):
            moved = self._moved(decided).is_not_null()
            waiting, unknown = waiting | (moved & pending), unknown | moved
        if lane == self._reckoned:
            waiting |= reckons() & reckoned_from().hash(seed=_SEED).is_in(there.coming.implode())
        waiting &= send
        failed = pl.lit(value=False)
        for position, run in enumerate(runs):
            rows = self._failed(run, lane)
            if rows.len():
                failed = failed | ((pl.col("run") == position) & pl.col(ROW).is_in(rows.implode()))
        failed = send & unknown & ~waiting & failed
        family = lane.rsplit("/", 2)[-2]
        if "code" not in frame.columns:
            frame = frame.with_columns(code=pl.lit(None, pl.String), detail=pl.lit(None, pl.String))
        return frame.with_columns(
            decision=pl.when(waiting)
            .then(pl.lit("waiting"))
            .when(failed)
            .then(pl.lit("refused"))
            .otherwise("decision"),
            code=pl.when(failed).then(pl.lit("DEST_AFTER")).otherwise("code"),
            detail=pl.when(failed).then(pl.lit(family)).otherwise("detail"),
        ).drop("article", "group")

    def _of(self, lane: str) -> _Lane:
        """Read what is pending in a lane, and what it ever confirmed; pending first, for it moves to confirmed."""
        if lane not in self._read:
            pending = self._pending(lane)
            confirmed = Baseline.of_lane(self._journal, self._spool, lane).frames(renewed=False)
            known = _articles(f.filter(~pl.col("ended")) for f in confirmed)
            begun = pending.filter(~pl.col("article").is_in(known.implode()))["group"].drop_nulls().unique()
            coming = pending.filter("coming")["article"].unique()
            self._read[lane] = _Lane(pending["article"].unique(), known, begun, coming)
        return self._read[lane]

    def _pending(self, lane: str) -> pl.DataFrame:
        """Return `article` and `group` (hashes) of what is pending in a lane, and whether it is `coming` (Boolean)."""
        now = self._journal.clock.now()
        with self._journal.read() as tx:
            columns = (t.leg.c.run, t.leg.c.given, t.leg.c.held, t.run.c.state)
            query = sa.select(*columns).join(t.run, t.run.c.id == t.leg.c.run)
            query = query.where(t.leg.c.lane == lane, t.leg.c.open_rows > 0, t.run.c.state.in_(("waiting", "held")))
            opened = tx.execute(query).fetchall()
        found = [pl.DataFrame(schema={"article": pl.UInt64, "group": pl.UInt64, "coming": pl.Boolean})]
        for leg in opened:
            done = decided_rows(self._journal, self._spool, leg.run, lane)
            for block in self._spool.run(leg.run).blocks([*leg.given, _GROUP, _FROM]):
                rows = rows_with_effect(block, leg.given or ()).filter(pl.col(STATE).is_null())
                if done is not None:
                    rows = rows.filter(~pl.col(ROW).is_in(done.implode()))
                coming = pl.lit(not leg.held and leg.state == "waiting") & ~_later(rows.columns, now)
                found.append(rows.select(_article().alias("article"), _group(rows.columns), coming.alias("coming")))
        # Last: rows that were consigned while the others were read are under way by now.
        flying = inflight_keys(self._journal, self._spool, lane).select(_article().alias("article"))
        groups = pl.concat([found[0].drop("coming"), *self._consigned(lane)]).unique("article", keep="last")
        flying = flying.join(groups, on="article", how="left").with_columns(coming=pl.lit(value=True))
        return pl.concat([*found, flying])

    def _consigned(self, lane: str) -> Iterator[pl.DataFrame]:
        """Yield articles and products of the runs whose rows are under way."""
        with self._journal.read() as tx:
            query = sa.select(t.consignment.c.id).where(t.consignment.c.lane == lane, t.consignment.c.state == "open")
            names = dict.fromkeys(run for one in tx.scalars(query).all() for run in runs_of(tx, one))
        for name in names:
            if _GROUP in self._spool.run(name).columns():
                for block in self._spool.run(name).blocks([_GROUP]):
                    rows = block.select(_article().alias("article"), _group(block.columns))
                    yield rows.filter(pl.col("group").is_not_null())

    def _any_failed(self, runs: Sequence[str], lane: str) -> bool:
        return any(self._failed(run, lane).len() for run in runs)

    def _failed(self, run: str, lane: str) -> pl.Series:
        """Rows of a run whose own effect in a lane failed."""
        if (run, lane) not in self._failures:
            codes = leg_codes(self._journal, self._spool, run, lane)
            rows = pl.Series([], dtype=pl.Int64)
            if codes is not None:
                rows = pl.Series((codes == _FAILED[0]) | (codes == _FAILED[1])).arg_true().cast(pl.Int64)
            self._failures[run, lane] = rows
        return self._failures[run, lane]


def _articles(frames: Iterator[pl.DataFrame]) -> pl.Series:
    hashes = [frame.select(_article()).to_series() for frame in frames]
    return pl.concat(hashes).unique() if hashes else pl.Series([], dtype=pl.UInt64)
