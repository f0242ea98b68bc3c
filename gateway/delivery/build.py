"""Forms a consignment: everything a lane holds that is due, newest value per key, guarded, encoded, on disk."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway import guard
from gateway.delivery.before import Before
from gateway.delivery.draft import Decider, Draft
from gateway.delivery.effects import decided_rows
from gateway.delivery.portions import Candidate
from gateway.delivery.setup import LaneSetup, Leg, Pinned
from gateway.journal import Journal, batches, runs
from gateway.journal import tables as t
from gateway.spool import ConsignmentFolder, Spool, durable

_LOOK_AGAIN = 60.0
"""Seconds after which rows that wait for another effect are looked at again by themselves."""


class Builder:
    """Forms consignments of lanes; `trial`: nobody is asked, and nothing waits for another effect."""

    def __init__(self, journal: Journal, spool: Spool, *, trial: bool = False) -> None:
        self._journal = journal
        self._spool = spool
        self._trial = trial
        self._decider = Decider(journal, spool, trial=trial)

    def build(self, setup: LaneSetup) -> list[str]:
        """Form one consignment of what is due; returns the runs that are held for a person instead.

        Batches are encoded while the rows are decided; should the guard hold a run, they are thrown away and formed
        again without it. Nothing counts before the journal names it. Raises MayWorkLater when the destination has to
        be asked about the rows and can't answer now.
        """
        held: dict[str, str] = {}
        while True:
            leg, candidates = self._candidates(setup)
            if leg is None:
                return list(held)
            now = self._journal.clock.now()
            identity, folder = self._begin(now)
            try:
                with folder.bodies.open("wb") as bodies:
                    before = Before(self._journal, self._spool, () if self._trial else leg.after)
                    draft = Draft(setup, leg, candidates, identity, folder, before, bodies, now)
                    self._decider.decide(draft)
            except BaseException:
                shutil.rmtree(folder.root)
                raise
            stopped = {c.row.id: why for c in candidates if (why := self._guard(draft, c)) is not None}
            if not stopped:
                self._seal(draft)
                return list(held)
            shutil.rmtree(folder.root)
            self._hold(setup, stopped)
            held |= stopped

    def _begin(self, now: datetime) -> tuple[str, ConsignmentFolder]:
        """Take a name that no other lane has, nor takes at the same moment: the journal knows only finished ones."""
        while True:
            with self._journal.read() as tx:
                identity = runs.fresh_consignment_id(tx, now)
            folder = self._spool.consignment(identity)
            if folder.begin():
                return identity, folder
            now += timedelta(milliseconds=1)

    # ---- candidates

    def _candidates(self, setup: LaneSetup) -> tuple[Leg | None, list[Candidate]]:
        """Runs that are due, of one operation: that of the oldest; the others have their turn after it."""
        with self._journal.read() as tx:
            now = self._journal.clock.now()
            rows = [r for r in runs.waiting(tx, setup.name) if r.wake_at is None or r.wake_at <= now]
        pinned = {r.id: Pinned.model_validate(r.pinned) for r in rows}
        legs = {r.id: setup.leg(r.operation, pinned[r.id].route.contract) for r in rows}
        chosen = next((legs[r.id] for r in rows if legs[r.id] is not None), None)
        if chosen is None:
            return None, []
        rows = [r for r in rows if legs[r.id] is chosen]
        return chosen, [
            Candidate(n, row, pinned[row.id], decided_rows(self._journal, self._spool, row.id, setup.name))
            for n, row in enumerate(rows)
        ]

    def _guard(self, draft: Draft, candidate: Candidate) -> str | None:
        tally, setup, now = candidate.tally, draft.setup, draft.now
        if candidate.row.released or tally.harmless:
            return None
        limits = candidate.pinned.route.guard
        with self._journal.read() as tx:
            since = now - timedelta(seconds=limits.window)
            query = sa.select(t.consignment.c.guard).where(
                t.consignment.c.lane == setup.name, t.consignment.c.created_at >= since
            )
            sums = list(tx.scalars(query))
            last = runs.last_full(tx, setup.name, candidate.row.seq)
        hour = {word: sum(int(s.get(word, 0)) for s in sums) for word in guard.SUMMED}
        return guard.verdict(tally, limits, hour=hour, last_full=last)

    def _hold(self, setup: LaneSetup, held: dict[str, str]) -> None:
        with self._journal.begin() as tx:
            for run, reason in held.items():
                runs.set_leg(tx, run, setup.name, held=True)
                row = runs.get_run(tx, run)
                before = [] if row is None or row.state != "held" else row.notes
                runs.set_run(tx, run, state="held", notes=[reason, *before])
                self._journal.note(tx, run, "held", reason)

    def _seal(self, draft: Draft) -> None:
        if draft.decided == 0 and any(c.waits + c.scheduled for c in draft.candidates):
            shutil.rmtree(draft.folder.root)  # nothing but waiting: a consignment would say nothing
            with self._journal.begin() as tx:
                self._leave(tx, draft)
            return
        durable(draft.folder.bodies)
        renewed = draft.renewal.write(self._spool, draft.candidates[0].row.seq, draft.identity)
        candidates = draft.candidates
        values = {
            "id": draft.identity, "lane": draft.setup.name, "operation": draft.leg.operation.name, "state": "open",
            "created_at": self._journal.clock.now(), "effects": draft.effects,
            "guard": {word: sum(getattr(c.tally, word) for c in candidates) for word in guard.SUMMED},
        }  # fmt: skip
        with self._journal.begin() as tx:
            batches.add_consignment(tx, values, [c.row.id for c in candidates])
            batches.add_batches(tx, draft.identity, draft.setup.destination.account, draft.made)
            if draft.segments:
                tx.execute(sa.insert(t.segment), draft.segments)
            renewed.name(tx)
            self._leave(tx, draft)
        renewed.clear()

    def _leave(self, tx: Connection, draft: Draft) -> None:
        """Write what stays open of the runs: rows of a later date, and rows that wait for another effect."""
        moved = draft.before.moved(tx)  # in this transaction: its wake must not be slept over
        for c in draft.candidates:
            at = c.next_due
            if c.waits:  # the lane before wakes this one; looking again by itself is for what a crash left
                again = draft.now if moved else draft.now + timedelta(seconds=_LOOK_AGAIN)
                at = again if at is None else min(at, again)
            left = {"open_rows": c.scheduled + c.waits, "waits": c.waits, "wake_at": at}
            runs.set_leg(tx, c.row.id, draft.setup.name, **left)
            if why := _why_again(c):
                row = runs.get_run(tx, c.row.id)
                runs.set_run(tx, c.row.id, notes=[*(c.row.notes if row is None else row.notes), *why])


def _why_again(candidate: Candidate) -> list[str]:
    if candidate.again == 0:
        return []
    rows = "1 row equals" if candidate.again == 1 else f"{candidate.again:,} rows equal"
    sent = "was" if candidate.again == 1 else "were"
    return [f"{rows} what was confirmed last and {sent} sent again: the value can drift meanwhile."]
