"""What all consignments have in common while they are formed: a name, the guard's word, what stays open of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway import guard
from gateway.delivery.portions import Candidate
from gateway.journal import Journal, runs
from gateway.journal import tables as t
from gateway.reports.verdict import kept_as_is
from gateway.spool import ConsignmentFolder, Spool

_LOOK_AGAIN = 60.0
"""Seconds after which rows that wait for another effect are looked at again by themselves."""

_WAITING = ("waiting", "held")
"""States of runs with rows to be decided; where one leg is held, the others go on."""


def begin(journal: Journal, spool: Spool, now: datetime) -> tuple[str, ConsignmentFolder]:
    """Take a name that no other lane has, nor takes at the same moment: the journal knows only finished ones."""
    while True:
        with journal.read() as tx:
            identity = runs.fresh_consignment_id(tx, now)
        folder = spool.consignment(identity)
        if folder.begin():
            return identity, folder
        now += timedelta(milliseconds=1)


def stopped(
    journal: Journal, lane: str, candidates: Sequence[Candidate], now: datetime, *, alone: frozenset[int] = frozenset()
) -> dict[str, str]:
    """Return the runs that the guard holds, and why.

    `alone`: positions of candidates that are judged without what the lane sent before.
    """
    found = {c.row.id: _why(journal, lane, c, now, alone=c.position in alone) for c in candidates}
    return {run: why for run, why in found.items() if why is not None}


def _why(journal: Journal, lane: str, candidate: Candidate, now: datetime, *, alone: bool) -> str | None:
    tally = candidate.tally
    if candidate.row.released or tally.harmless:
        return None
    limits = candidate.pinned.route.guard
    with journal.read() as tx:
        since = now - timedelta(seconds=limits.window)
        query = sa.select(t.consignment.c.guard).where(
            t.consignment.c.lane == lane, t.consignment.c.created_at >= since
        )
        sums = [] if alone else list(tx.scalars(query))
        last = runs.last_full(tx, lane, candidate.row.seq, candidate.row.operation)
    hour = {word: sum(int(s.get(word, 0)) for s in sums) for word in guard.SUMMED}
    rejected = int(candidate.row.counts.get("bad", 0))
    return guard.verdict(tally, limits, hour=hour, last_full=last, rejected=rejected)


def summed(candidates: Iterable[Candidate]) -> dict[str, int]:
    """Return what a consignment adds to the sums of its lane; what a person released was looked at and adds nothing."""
    judged = [c.tally for c in candidates if not c.row.released]
    return {word: sum(getattr(one, word) for one in judged) for word in guard.SUMMED}


def all_wait(tx: Connection, lane: str, candidates: Sequence[Candidate]) -> bool:
    """Whether all candidates still wait: a person may have cancelled one while its rows were decided."""
    asked = [c.row.id for c in candidates]
    return len(tx.execute(_WAIT, {"lane": lane, "runs": asked}).fetchall()) == len(asked)


_WAIT = (
    sa.select(t.leg.c.run)
    .join(t.run, t.run.c.id == t.leg.c.run)
    .where(t.leg.c.lane == sa.bindparam("lane"), t.leg.c.open_rows > 0)
    .where(t.leg.c.run.in_(sa.bindparam("runs", expanding=True)), t.run.c.state.in_(_WAITING))
    .with_for_update(of=t.leg)
)


def hold(journal: Journal, lane: str, held: Mapping[str, str]) -> None:
    """Have runs wait for a person; one that was cancelled meanwhile stays so."""
    with journal.begin() as tx:
        for run, reason in held.items():
            row = runs.get_run(tx, run)
            if row is None or row.state not in _WAITING:
                continue
            runs.set_leg(tx, run, lane, held=True)
            before = row.notes if row.state == "held" else []
            if reason not in before:  # of a file as a whole each of its lanes says the same
                runs.set_run(tx, run, state="held", notes=[reason, *before])
                journal.note(tx, run, "held", reason)


def leave(tx: Connection, lane: str, candidates: Sequence[Candidate], now: datetime, *, moved: bool) -> None:
    """Write what stays open of the runs: rows of a later date, and rows that wait for another effect.

    `moved`: what they wait for may have ended meanwhile.
    """
    for c in candidates:
        at = c.next_due
        if c.waits:  # the lane before wakes this one; looking again by itself is for what a crash left
            again = now if moved else now + timedelta(seconds=_LOOK_AGAIN)
            at = again if at is None else min(at, again)
        left = {"open_rows": c.scheduled + c.waits, "waits": c.waits, "wake_at": at}
        runs.set_leg(tx, c.row.id, lane, **left)
        if c.shortens:
            runs.count_full(tx, c.row.id, lane, c.tally.file_keys)
        if why := [*_why_again(c, lane), *_why_kept(c, lane), *_why_passed(c)]:
            row = runs.get_run(tx, c.row.id) or c.row
            notes = [*row.notes, *(one for one in why if one not in row.notes)]
            runs.set_run(tx, c.row.id, notes=notes)
            if c.overtaken:
                runs.count(tx, c.row.id, {"untouched": c.overtaken})


def _why_again(candidate: Candidate, lane: str) -> list[str]:
    if candidate.again == 0:
        return []
    rows = "1 row" if candidate.again == 1 else f"{candidate.again:,} rows"
    what = lane.rsplit("/", 2)[-2]
    return [f"The {what} of {rows} equals what was confirmed last and was sent again: it can drift meanwhile."]


def _why_passed(candidate: Candidate) -> list[str]:
    count = candidate.tally.returned
    if not count or candidate.row.released:
        return []
    one, many = "1 price goes back to about what it was", f"{count:,} prices go back to about what they were"
    return [f"{one if count == 1 else many} before a run that a person released: a change like that is not held."]


def _why_kept(candidate: Candidate, lane: str) -> list[str]:
    if not candidate.overtaken:
        return []
    what = lane.rsplit("/", 2)[-2]
    return [f"{kept_as_is(candidate.overtaken, candidate.pinned.route.absent)} ({what})."]
