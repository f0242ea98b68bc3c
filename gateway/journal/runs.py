"""Arrivals, runs, lanes and answers in the journal.

Statements of every file's way are built once: building one takes longer than having it done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.journal import tables as t
from gateway.journal.names import run_id
from gateway.model import Arrival

_CLAIMS_PER_MS = 1 << 20
_LATEST_MS = (1 << 43) - 1


FULL_KEYS = "full_keys"
"""Count of a full file: its keys, by the lane that took them; several rows may be one, rejected ones are none."""


def fresh_consignment_id(tx: Connection, now: datetime) -> str:
    """Return a consignment id that no consignment has yet; ids sort by time like those of runs."""
    while tx.scalar(_CONSIGNMENT_ID, {"which": (identity := run_id(now))}) is not None:
        now += timedelta(milliseconds=1)
    return identity


_CONSIGNMENT_ID = sa.select(t.consignment.c.id).where(t.consignment.c.id == sa.bindparam("which"))


def counted(mtime: datetime, claimed_at: datetime) -> datetime:
    """Return the time that counts of a file: its source's, but never one after its arrival.

    A wrong date, or a clock that is ahead, would else make its rows newer than all that comes until then.
    """
    return min(mtime, claimed_at)


def _counted() -> sa.ColumnElement[datetime]:
    """Return what `counted` says, for a query of arrivals."""
    mtime, claimed_at = t.arrival.c.mtime, t.arrival.c.claimed_at
    return sa.case((mtime > claimed_at, claimed_at), else_=mtime)


def placed(tx: Connection, at: datetime, arrival: int) -> datetime:
    """Return the time by which a run of an arrival is put in order, `at` being the one that counts of its files.

    Where a file is dated later than it came, our own clock may be the one that is wrong: what came before is no newer.
    """
    mtime = tx.scalar(_AHEAD, {"which": arrival, "at": at})
    if mtime is None:
        return at
    latest = tx.scalar(sa.select(sa.func.max(_counted())).where(t.arrival.c.id < arrival))
    return at if latest is None else max(at, min(mtime, latest))


_AHEAD = sa.select(t.arrival.c.mtime).where(
    t.arrival.c.id == sa.bindparam("which"), t.arrival.c.mtime > sa.bindparam("at")
)


def sequence(mtime: datetime, arrival: int) -> int:
    """Order of a run: source time in milliseconds, then claim; fits a signed 64-bit integer.

    A server's clock may say anything: a time after the year 2248 is as late as can be, one before 1692 as early.
    """
    stamp = max(-_LATEST_MS, min(_LATEST_MS, (mtime - t.EPOCH) // timedelta(milliseconds=1)))
    return stamp * _CLAIMS_PER_MS + arrival % _CLAIMS_PER_MS


def source_time(sequences: pl.Series) -> pl.Series:
    """Source times of sequences (Int64) as canonical instants (String)."""
    moments = (sequences // _CLAIMS_PER_MS).cast(pl.Datetime("ms", "UTC"))
    return moments.dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def add_arrival(tx: Connection, arrival: Arrival, *, token: str, local: str, now: datetime) -> int:
    """Enter a claimed file; a claim found again after a crash keeps its first entry."""
    known = tx.scalar(_SAME_ARRIVAL, {"local": local})
    if known is not None:
        return int(known)
    row = tx.execute(_ADD_ARRIVAL, {
        "source": arrival.source, "path": arrival.path, "size": arrival.size, "mtime": arrival.mtime,
        "token": token, "local": local, "claimed_at": now, "state": "claimed", "attempts": 0,
    })  # fmt: skip
    key = row.inserted_primary_key
    return int(key[0]) if key is not None else 0


_SAME_ARRIVAL = sa.select(t.arrival.c.id).where(
    t.arrival.c.local == sa.bindparam("local"), t.arrival.c.state != "ended"
)
_ADD_ARRIVAL = sa.insert(t.arrival)


def arrivals(tx: Connection, *states: str) -> Sequence[Row[Any]]:
    """Arrivals in the given states, oldest first by the time that counts (see `counted`)."""
    return tx.execute(_ARRIVALS, {"states": states}).fetchall()


_ARRIVALS = (
    sa.select(t.arrival)
    .where(t.arrival.c.state.in_(sa.bindparam("states", expanding=True)))
    .order_by(_counted(), t.arrival.c.id)
)


def arrival_state(tx: Connection, arrival: int) -> str | None:
    """State of an arrival."""
    return tx.scalar(_ARRIVAL_STATE, {"which": arrival})


_ARRIVAL_STATE = sa.select(t.arrival.c.state).where(t.arrival.c.id == sa.bindparam("which"))


def set_arrival(tx: Connection, arrival: int, **values: Any) -> None:
    """Change an arrival."""
    tx.execute(_SET_ARRIVAL, {"which": arrival, **values})


_SET_ARRIVAL = sa.update(t.arrival).where(t.arrival.c.id == sa.bindparam("which"))


def newest_of_route(tx: Connection, route: str, *, mended: bool) -> Row[Any] | None:
    """Newest run of a route by sequence, retries apart; `mended`: whether one may be of rows that came back mended."""
    return tx.execute(_NEWEST if mended else _NEWEST_WHOLE, {"route": route}).first()


_NEWEST = (
    sa.select(t.run)
    .where(t.run.c.route == sa.bindparam("route"), t.run.c.retry_of.is_(None), t.run.c.state != "rejected")
    .order_by(t.run.c.seq.desc())
    .limit(1)
)
_NEWEST_WHOLE = _NEWEST.where(t.run.c.first_run.is_(None))


def last_full(tx: Connection, lane: str, before: int, operation: str) -> int | None:
    """Number of keys of the last full file a lane took for an operation before sequence `before`.

    One that was called off before the lane took it says nothing.
    """
    called_off = sa.select(t.audit.c.id).where(t.audit.c.target == t.run.c.id, t.audit.c.action == "cancel")
    query = (
        sa.select(t.run.c.counts, called_off.exists().label("called_off"))
        .join(t.leg, t.leg.c.run == t.run.c.id)
        .where(t.leg.c.lane == lane, t.leg.c.operation == operation, t.run.c.mode == "full")
        .where(t.run.c.state == "settled", t.run.c.seq < before)
        .order_by(t.run.c.seq.desc())
    )
    for row in tx.execute(query):
        taken = row.counts.get(FULL_KEYS, {}).get(lane)
        if taken is not None or not row.called_off:
            return int(row.counts.get("keys", 0) if taken is None else taken)
    return None


def count_full(tx: Connection, run: str, lane: str, keys: int) -> None:
    """Keep how many keys of a full file a lane took."""
    row = get_run(tx, run)
    count(tx, run, {FULL_KEYS: {**(row.counts.get(FULL_KEYS, {}) if row is not None else {}), lane: keys}})


def add_run(tx: Connection, **values: Any) -> None:
    """Enter a run."""
    tx.execute(_ADD_RUN, values)


_ADD_RUN = sa.insert(t.run)


def set_run(tx: Connection, run: str, **values: Any) -> None:
    """Change a run."""
    tx.execute(_SET_RUN, {"which": run, **values})


_SET_RUN = sa.update(t.run).where(t.run.c.id == sa.bindparam("which"))


def count(tx: Connection, run: str, found: Mapping[str, Any]) -> None:
    """Keep what was counted of a run, beside what others counted of it meanwhile."""
    kept = tx.scalar(sa.select(t.run.c.counts).where(t.run.c.id == run).with_for_update())
    set_run(tx, run, counts={**(kept or {}), **found})


def forget_run(tx: Connection, run: str) -> None:
    """Take out a run that came to nothing: no row of it was taken."""
    tx.execute(sa.delete(t.run).where(t.run.c.id == run))


def get_run(tx: Connection, run: str) -> Row[Any] | None:
    """One run."""
    return tx.execute(_RUN, {"which": run}).first()


_RUN = sa.select(t.run).where(t.run.c.id == sa.bindparam("which"))


def first_of(tx: Connection, run: str | None, partner: str) -> str | None:
    """Return the run that rows of a partner came back from; None where it is no run, or another partner's."""
    mine = sa.and_(t.run.c.id == run, t.run.c.partner == partner)
    return None if run is None else tx.scalar(sa.select(t.run.c.id).where(mine))


def add_legs(tx: Connection, run: str, legs: Sequence[Mapping[str, Any]]) -> None:
    """Enter the legs of a run in their order; entering them again after a crash replaces them."""
    tx.execute(_DROP_LEGS, {"run": run})
    usual = {"waits": 0, "fans_out": False, "held": False, "released": False, "run": run}
    rows = [{**usual, **leg, "place": place} for place, leg in enumerate(legs)]
    if rows:
        tx.execute(_ADD_LEGS, rows)


_DROP_LEGS = sa.delete(t.leg).where(t.leg.c.run == sa.bindparam("run"))
_ADD_LEGS = sa.insert(t.leg)


def legs_of(tx: Connection, run: str) -> Sequence[Row[Any]]:
    """Legs of a run in their order."""
    return tx.execute(_LEGS, {"run": run}).fetchall()


_LEGS = sa.select(t.leg).where(t.leg.c.run == sa.bindparam("run")).order_by(t.leg.c.place)


def set_leg(tx: Connection, run: str, lane: str, **values: Any) -> None:
    """Change one leg of a run."""
    tx.execute(_SET_LEG, {"of": run, "there": lane, **values})


def set_legs(tx: Connection, run: str, **values: Any) -> None:
    """Change all legs of a run."""
    tx.execute(_SET_LEGS, {"of": run, **values})


_SET_LEGS = sa.update(t.leg).where(t.leg.c.run == sa.bindparam("of"))
_SET_LEG = _SET_LEGS.where(t.leg.c.lane == sa.bindparam("there"))


def wake_legs(tx: Connection, run: str, now: datetime) -> None:
    """Have the lanes of a run advanced now."""
    lanes = sa.select(t.leg.c.lane).where(t.leg.c.run == run)
    tx.execute(sa.update(t.lane).where(t.lane.c.name.in_(lanes)).values(wake_at=now))


def wake_waits(tx: Connection, lane: str, now: datetime) -> None:
    """Have the rows of a lane that wait for another effect looked at now."""
    waits = sa.and_(t.leg.c.lane == lane, t.leg.c.waits > 0)
    if tx.execute(sa.update(t.leg).where(waits).values(wake_at=now)).rowcount:
        wake_lane(tx, lane, now)


def waiting(tx: Connection, lane: str) -> Sequence[Row[Any]]:
    """Runs of a lane with rows still to be decided there, with `operation`, `wake_at`, `released` of their leg."""
    return tx.execute(_WAITING, {"lane": lane}).fetchall()


_WAITING = (
    sa.select(t.run, t.leg.c.operation, t.leg.c.wake_at, t.leg.c.released)
    .join(t.leg, t.leg.c.run == t.run.c.id)
    .where(t.leg.c.lane == sa.bindparam("lane"), t.leg.c.open_rows > 0, t.leg.c.held.is_(False))
    .where(t.run.c.state.in_(("waiting", "held")))
    .order_by(t.run.c.seq, t.run.c.id)
)


def in_lane(tx: Connection, lane: str, *states: str) -> list[str]:
    """Runs in the given states that have a leg in a lane."""
    return list(tx.scalars(_IN_LANE, {"lane": lane, "states": states}))


_IN_LANE = (
    sa.select(t.run.c.id)
    .join(t.leg, t.leg.c.run == t.run.c.id)
    .where(t.leg.c.lane == sa.bindparam("lane"), t.run.c.state.in_(sa.bindparam("states", expanding=True)))
    .order_by(t.run.c.id)
)


def of_arrival(tx: Connection, arrival: int) -> Sequence[Row[Any]]:
    """Runs of an arrival."""
    return tx.execute(_OF_ARRIVAL, {"arrival": arrival}).fetchall()


_OF_ARRIVAL = sa.select(t.run).where(t.run.c.arrival == sa.bindparam("arrival")).order_by(t.run.c.id)


def consignments_of(tx: Connection, run: str) -> Sequence[Row[Any]]:
    """Consignments that took rows of a run, oldest first."""
    return tx.execute(_CONSIGNMENTS, {"run": run}).fetchall()


_CONSIGNMENTS = (
    sa.select(t.consignment)
    .join(t.consignment_run, t.consignment_run.c.consignment == t.consignment.c.id)
    .where(t.consignment_run.c.run == sa.bindparam("run"))
    .order_by(t.consignment.c.created_at, t.consignment.c.id)
)


def runs_of(tx: Connection, consignment: str) -> list[str]:
    """Runs of a consignment in the order their position in the effects counts."""
    return list(tx.scalars(_RUNS, {"consignment": consignment}))


_RUNS = (
    sa.select(t.consignment_run.c.run)
    .join(t.run, t.run.c.id == t.consignment_run.c.run)
    .where(t.consignment_run.c.consignment == sa.bindparam("consignment"))
    .order_by(t.run.c.seq, t.run.c.id)
)


def batches_of(tx: Connection, consignment: str) -> Sequence[Row[Any]]:
    """Batches of a consignment by number."""
    return tx.execute(_BATCHES, {"consignment": consignment}).fetchall()


_BATCHES = sa.select(t.batch).where(t.batch.c.consignment == sa.bindparam("consignment")).order_by(t.batch.c.number)


def wake_lane(tx: Connection, lane: str, at: datetime | None) -> None:
    """Have a lane advanced at a time (None: not before somebody wakes it)."""
    tx.execute(_SET_LANE, {"which": lane, "wake_at": at})


_SET_LANE = sa.update(t.lane).where(t.lane.c.name == sa.bindparam("which"))
_ADD_LANE = sa.insert(t.lane)


def ensure_lane(tx: Connection, name: str, **values: Any) -> None:
    """Enter a lane or bring its destination up to date."""
    if tx.execute(_SET_LANE, {"which": name, **values}).rowcount == 0:
        tx.execute(_ADD_LANE, {"name": name, "attempts": 0, **values})


def due_lanes(tx: Connection, now: datetime) -> list[str]:
    """Lanes whose time has come."""
    return list(tx.scalars(_DUE_LANES, {"now": now}))


_DUE_LANES = sa.select(t.lane.c.name).where(t.lane.c.wake_at <= sa.bindparam("now")).order_by(t.lane.c.wake_at)


def add_answer(tx: Connection, *, run: str | None, source: str | None, kind: str, file: str, now: datetime) -> None:
    """Enter an answer file; with a source it is to be returned there."""
    state = "local" if source is None else "returning"
    values = {
        "run": run, "source": source, "kind": kind, "file": file, "at": now, "state": state, "next_at": now,
        "attempts": 0,
    }  # fmt: skip
    found = tx.scalar(_KNOWN_ANSWER, {"file": file, "kind": kind})
    if found is None:
        tx.execute(_ADD_ANSWER, values)
    else:
        tx.execute(_SET_ANSWER, {"which": found, **values})


_KNOWN_ANSWER = sa.select(t.answer.c.id).where(
    t.answer.c.file == sa.bindparam("file"), t.answer.c.kind == sa.bindparam("kind")
)
_ADD_ANSWER = sa.insert(t.answer)
_SET_ANSWER = sa.update(t.answer).where(t.answer.c.id == sa.bindparam("which"))
