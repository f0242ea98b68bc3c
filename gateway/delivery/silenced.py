"""Full files that have spoken: what they left out, older files bring no more, nor do these end what they leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Row

from gateway.delivery.portions import Candidate
from gateway.delivery.setup import LaneSetup, Leg, Pinned
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.model import KEY

LEFT_OUT = "by a newer full file without it"
"""What is said of a row that is older than a full file which left it out."""

_SEED = 5


def last_spoken(
    journal: Journal, setup: LaneSetup, candidates: Sequence[Candidate], mine: Callable[[Leg], bool]
) -> tuple[Candidate, Leg] | None:
    """Return the newest full file that the lane has looked at, where it is newer than one of the candidates.

    `mine`: whether a leg writes what the candidates do. What a file leaves out is looked at with its first rows.
    """
    if not candidates or not any(one.operation.ends or one.measure == "quantity" for one in setup.legs if mine(one)):
        return None
    oldest = min(c.row.seq for c in candidates)
    with journal.read() as tx:
        found = tx.execute(_SPOKEN, {"lane": setup.name, "oldest": oldest}).fetchall()
    for row in found:
        one = Candidate(len(candidates), row, Pinned.model_validate(row.pinned), None)
        leg = setup.leg(row.operation, one.pinned.route.contract)
        if leg is not None and mine(leg) and one.speaks_of_absence and one.ends(leg):
            return one, leg
    return None


_TAKEN = (
    sa.select(t.consignment.c.id)
    .join(t.consignment_run, t.consignment_run.c.consignment == t.consignment.c.id)
    .where(t.consignment_run.c.run == t.run.c.id, t.consignment.c.lane == sa.bindparam("lane"))
)
_WAITS = sa.and_(t.run.c.state == "waiting", t.leg.c.wake_at.is_not(None))  # for a date: nothing is consigned yet
_SPOKEN = (
    sa.select(t.run, t.leg.c.operation)
    .join(t.leg, t.leg.c.run == t.run.c.id)
    .where(t.leg.c.lane == sa.bindparam("lane"), t.run.c.mode == "full", t.run.c.seq > sa.bindparam("oldest"))
    .where(sa.or_(_TAKEN.exists(), _WAITS))
    .order_by(t.run.c.seq.desc())
)


def overtaken(journal: Journal, setup: LaneSetup, candidates: Iterable[tuple[Candidate, Leg]]) -> None:
    """Have full files say nothing of what they leave out where a newer one of the lane was taken, and say why.

    Whatever became of the rows of that one, and whether or not all its keys could be read: it may name what an older
    one leaves out. One that was called off before anything of it went out says nothing.
    """
    for one, leg in candidates:
        if one.speaks_of_absence and one.ends(leg):
            newer = _newer_full(journal, setup, one, leg)
            one.overtaken = "" if newer is None else _named(newer, one)


def _newer_full(journal: Journal, setup: LaneSetup, one: Candidate, mine: Leg) -> Row[Any] | None:
    called_off = sa.select(t.audit.c.id).where(t.audit.c.target == t.run.c.id, t.audit.c.action == "cancel")
    read_in_part = sa.and_(  # it was taken as a delta file, but is none that brings back rows
        t.run.c.counts["unread_keys"].as_integer() > 0, t.run.c.first_run.is_(None), t.run.c.retry_of.is_(None)
    )
    query = sa.select(t.run, t.leg.c.operation).join(t.leg, t.leg.c.run == t.run.c.id)
    query = query.where(t.leg.c.lane == setup.name, t.run.c.seq > one.row.seq, t.run.c.rows > 0)
    query = query.where(t.run.c.state.not_in(("reading", "rejected")), sa.or_(t.run.c.mode == "full", read_in_part))
    query = query.where(sa.or_(~called_off.exists(), _TAKEN.exists())).order_by(t.run.c.seq.desc())
    with journal.read() as tx:
        for row in tx.execute(query, {"lane": setup.name}):
            newer = Candidate(0, row, Pinned.model_validate(row.pinned), None)
            leg = setup.leg(row.operation, newer.pinned.route.contract)
            same = leg is not None and _written(leg) == _written(mine) and newer.ends(leg)
            if same and newer.pinned.route.mode == "full":
                return row
    return None


def _written(leg: Leg) -> tuple[str | None, str]:
    """Return what of its lane's keys a leg writes: of routes with other contracts several may write the same."""
    return leg.operation.wanted, leg.operation.part


def _named(newer: Row[Any], one: Candidate) -> str:
    """Name a newer full file; what is no file of the partner's is not named to it."""
    which = f", {newer.file} (run {newer.id})," if newer.partner == one.row.partner else ""
    return f"a newer full file{which} alone says what is there"


def left_out(by: str, seq: int, keys: Iterable[pl.Series]) -> pl.Expr:
    """Return whether a row (`seq` and the column `by`) is older than a full file of sequence `seq` without its key.

    `keys`: all keys of the file, faulty rows included.
    """
    there = pl.concat([pl.Series([], dtype=pl.UInt64), *(one.hash(_SEED) for one in keys)])
    return (pl.col("seq") < seq) & ~pl.col(by).hash(_SEED).is_in(there.implode())


def silenced(
    journal: Journal,
    setup: LaneSetup,
    leg: Leg,
    candidates: Sequence[Candidate],
    keys: Callable[[Candidate], Iterable[pl.DataFrame]],
) -> pl.Expr | None:
    """Return whether a row of the candidates (`seq`, `@key`) was left out by a newer full file; None: no row was.

    `keys`: gives all keys of a file (`@key`).
    """
    found = last_spoken(journal, setup, candidates, lambda one: one is leg)
    if found is None:
        return None
    return left_out(KEY, found[0].row.seq, (frame[KEY] for frame in keys(found[0])))
