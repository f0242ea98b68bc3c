"""Forms a consignment: everything a lane holds that is due, newest value per key, guarded, encoded, on disk."""

from __future__ import annotations

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway import delta
from gateway.delivery import forming, taken_back
from gateway.delivery.baseline import write_segment
from gateway.delivery.before import Before, Moved
from gateway.delivery.bodies import Bodies
from gateway.delivery.draft import Decider, Draft
from gateway.delivery.effects import decided_rows
from gateway.delivery.gave_way import kept
from gateway.delivery.portions import Candidate
from gateway.delivery.setup import LaneSetup, Leg, Pinned
from gateway.delivery.wanted_build import WantedBuilder
from gateway.delta import SEGMENT_SCHEMA
from gateway.journal import Journal, batches, runs
from gateway.journal import tables as t
from gateway.model import Placing
from gateway.spool import Spool, add_gave_way


class Builder:
    """Forms consignments of lanes; `trial`: nobody can be asked, and nothing waits for another effect."""

    def __init__(self, journal: Journal, spool: Spool, *, trial: bool = False) -> None:
        self._journal = journal
        self._spool = spool
        self._trial = trial
        self._decider = Decider(journal, spool, trial=trial)
        self._wanted = WantedBuilder(journal, spool, trial=trial)

    @property
    def unasked(self) -> frozenset[str]:
        """Operations whose bodies lack what the destination alone could tell: in a trial it is not asked."""
        return frozenset(self._decider.unasked)

    def build(self, setup: LaneSetup) -> list[str]:
        """Form one consignment of what is due; returns the runs that are held for a person instead.

        Batches are encoded while the rows are decided; should the guard hold a run, they are thrown away and formed
        again without it. Nothing counts before the journal names it. Raises MayWorkLater when the destination has to
        be asked about the rows and can't answer now.
        """
        if setup.wanted:
            return self._wanted.build(setup)
        held: dict[str, str] = {}
        while True:
            leg, candidates = self._candidates(setup)
            if leg is None:
                return list(held)
            now = self._journal.clock.now()
            identity, folder = forming.begin(self._journal, self._spool, now)
            folder.expect(sum(candidate.row.rows for candidate in candidates))
            taken_back.look(self._journal, self._spool, setup.name, candidates, now)
            try:
                with Bodies(folder.bodies, folder.keep_call) as bodies:
                    reckoned = leg.regular if leg.regular in leg.after else ""
                    lanes = () if self._trial else leg.after
                    before = Before(self._journal, self._spool, lanes, reckoned=reckoned, moved=_moved(setup, leg))
                    draft = Draft(setup, leg, candidates, identity, folder, before, bodies, now)
                    self._decider.decide(draft)
                self._give_way(draft)
            except BaseException:
                folder.remove()
                raise
            stopped = forming.stopped(self._journal, setup.name, candidates, now)
            if not stopped and self._seal(draft):
                return list(held)
            folder.remove()
            forming.hold(self._journal, setup.name, stopped)
            held |= stopped

    def _give_way(self, draft: Draft) -> None:
        """Write which rows another one of their record stands for, all being decided."""
        pairs, members = (None, None) if draft.together is None else draft.together.given()
        if pairs is None or members is None or not pairs.height:
            return
        found = kept(pairs, members, draft.folder, draft.candidates, draft.made)
        add_gave_way(draft.folder, found.rows)
        draft.made = found.batches
        draft.decided += found.rows.height
        known = found.rows.filter(pl.col("known") & pl.col("row_of").is_null())
        known = known.with_columns(at=pl.lit(draft.now).cast(SEGMENT_SCHEMA["at"]))
        if known.height:
            marks, name = known.select(list(SEGMENT_SCHEMA)), f"{draft.identity}-gave-way"
            lane = draft.setup.name
            draft.segments.append(write_segment(self._spool, lane, marks, consignment=draft.identity, name=name))

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
        if chosen.operation.border and sum(r.rows for r in rows) > delta.PART_ROWS:
            rows = rows[:1]  # parts are by key where files meet, and may cut a record: one after the other
        return chosen, [
            Candidate(n, row, pinned[row.id], decided_rows(self._journal, self._spool, row.id, setup.name))
            for n, row in enumerate(rows)
        ]

    def _seal(self, draft: Draft) -> bool:
        """Have the journal name the consignment; False where a run of it was cancelled meanwhile."""
        candidates, lane = draft.candidates, draft.setup.name
        if draft.decided == 0 and any(c.waits + c.scheduled for c in candidates):
            with self._journal.begin() as tx:
                if not forming.all_wait(tx, lane, candidates):
                    return False
                self._leave(tx, draft)
            draft.folder.remove()  # nothing but waiting: a consignment would say nothing
            return True
        draft.folder.make_durable()
        taken_back.keep(self._spool, lane, candidates)
        renewed = draft.renewal.write(self._spool, candidates[0].row.seq, draft.identity)
        values = {
            "id": draft.identity, "lane": lane, "operation": draft.leg.operation.name, "state": "open",
            "created_at": self._journal.clock.now(), "effects": draft.effects,
            "guard": forming.summed(candidates),
        }  # fmt: skip
        with self._journal.begin() as tx:
            if not forming.all_wait(tx, lane, candidates):
                return False
            batches.add_consignment(tx, values, [c.row.id for c in candidates])
            batches.add_batches(tx, draft.identity, draft.setup.destination.account, draft.made, draft.bodies.digests)
            if draft.segments:
                tx.execute(sa.insert(t.segment), draft.segments)
            renewed.name(tx)
            self._leave(tx, draft)
        renewed.clear()
        return True

    def _leave(self, tx: Connection, draft: Draft) -> None:
        """Write what stays open of the runs: rows of a later date, and rows that wait for another effect."""
        moved = draft.before.moved(tx)  # in this transaction: its wake must not be slept over
        forming.leave(tx, draft.setup.name, draft.candidates, draft.now, moved=moved)


def _moved(setup: LaneSetup, leg: Leg) -> Moved | None:
    """Return what tells where articles of rows were written before, where the destination has places for them."""
    destination = setup.destination
    if not isinstance(destination, Placing):
        return None
    name, places = leg.operation.name, destination.places

    def moved(rows: pl.DataFrame) -> pl.Series:
        return destination.moved(name, rows.select(one for one in places if one in rows.columns))

    return moved
