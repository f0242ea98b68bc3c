"""Ends consignments and runs: baseline, answers, corrections, the link back to the first run of a re-drop."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import polars as pl
import structlog
from sqlalchemy.engine import Connection, Row

from gateway.delivery import baseline
from gateway.delivery.gave_way import confirmed
from gateway.delivery.mended import link_back, repaired
from gateway.delivery.outcomes import effect_states
from gateway.delivery.results import RunRows
from gateway.delivery.run_answers import LoadLayout, Read, RunAnswers
from gateway.delivery.setup import LaneSetup
from gateway.delivery.unwritten import mends_itself
from gateway.delivery.wanted_settle import settled
from gateway.delta import SEGMENT_SCHEMA
from gateway.journal import Journal, batches, runs
from gateway.model import ROW, RowState
from gateway.outbox import Outbox
from gateway.reports import errors_writer
from gateway.reports.verdict import counts_of
from gateway.spool import Spool


@dataclass(frozen=True, slots=True)
class Over:
    """A consignment of which nothing is to come, with its batches and the runs it took rows of."""

    consignment: str
    sent: Sequence[Row[Any]]
    runs: Sequence[str]


class Settler:
    """Brings runs to their end and writes their answers."""

    def __init__(self, journal: Journal, spool: Spool, outbox: Outbox, read: Read, load_layout: LoadLayout) -> None:
        self._journal = journal
        self._spool = spool
        self.answers = RunAnswers(journal, spool, outbox, read, load_layout)
        self._busy: dict[str, bool] = {}
        """Runs that a thread looks at, and whether another one came for them meanwhile."""
        self._faulty: set[str] = set()
        """Runs of which a fault of ours was told already."""
        self._lock = threading.Lock()
        self._afterwards = threading.Lock()
        """What is told of a run after its end is told by one thread at a time."""

    # ---- consignments

    def over(self, setup: LaneSetup) -> list[Over]:
        """Return the open consignments of the lane of which nothing is to come, oldest first."""
        with self._journal.read() as tx:
            opened = batches.consignments(tx, setup.name, "open")
            found = [Over(one, runs.batches_of(tx, one), runs.runs_of(tx, one)) for one in opened]
        return [one for one in found if not any(b.state in batches.LIVE for b in one.sent)]

    def close(self, setup: LaneSetup, over: Sequence[Over]) -> None:
        """Move the baseline by consignments of which nothing is to come, and close them."""
        for one in over:
            self._confirm(setup, one.consignment, one.sent, name=one.consignment)
            booked = settled(self._journal, self._spool, setup.name, one.consignment, one.sent)
            with self._journal.begin() as tx:
                booked.join(tx)
                self._shut(tx, one.consignment, one.sent)
            (self._spool.consignment(one.consignment).bodies).unlink(missing_ok=True)
        if over:
            baseline.compact(self._journal, self._spool, setup.name, over[-1].consignment)

    def _shut(self, tx: Connection, consignment: str, sent: Sequence[Row[Any]]) -> None:
        """End a consignment; it stays to be corrected where more was learnt of its batches than is told in `sent`."""
        state = "closed" if _same(sent, runs.batches_of(tx, consignment)) else "late"
        batches.set_consignment(tx, consignment, state)

    def _confirm(self, setup: LaneSetup, consignment: str, sent: Sequence[Row[Any]], *, name: str) -> None:
        """Move the baseline: only what was confirmed (or accepted where nothing better exists), or is gone."""
        good = [str(RowState.APPLIED)]
        operation = setup.operation(sent[0].operation) if sent else None
        if operation is not None and operation.confirms == "accepted":
            good.append(str(RowState.ACCEPTED))
        lasts = operation is not None and operation.window is not None
        doubtful = [str(RowState.ACCEPTED), str(RowState.UNCERTAIN)] if lasts else []
        folder = self._spool.consignment(consignment)
        columns = [name for name in SEGMENT_SCHEMA if name != "at"]
        now = self._journal.clock.now()
        parts = chain(effect_states(folder, sent, columns), confirmed(folder, sent))
        frames = (baseline.moved(part, good, now, doubtful=doubtful) for part in parts)
        baseline.add_segments(self._journal, self._spool, setup.name, frames, consignment=consignment, name=name)

    # ---- runs

    def finish(self, names: Sequence[str]) -> list[str]:
        """Settle those of the runs of which nothing is to come; the others get their progress written.

        One that can't be for a fault of ours holds up neither the others nor its lane.
        """
        free = (name for name in names if self._alone(name))
        return [name for name in free if self._sound(name, functools.partial(self._finished, name))]

    def _sound(self, run: str, work: Callable[[], bool | None]) -> bool:
        """Do the work on a run; a fault of ours is told and gives False. What another try can mend is raised."""
        try:
            return bool(work())
        except Exception as error:
            if mends_itself(error):
                raise
            structlog.get_logger("gateway").exception("a run can't be ended", run=run)
            if run not in self._faulty:
                self._faulty.add(run)
                with self._journal.begin() as tx:
                    self._journal.note(tx, run, "fault", f"It can't be ended ({type(error).__name__}: {error}).")
            return False

    def _alone(self, name: str) -> bool:
        """Claim a run for this thread; False when another one is at it, which then looks once more."""
        with self._lock:
            free = name not in self._busy
            self._busy[name] = not free
            return free

    def _finished(self, name: str) -> bool:
        """Settle a run, or write its progress; once more where its last effects ended in another lane meanwhile."""
        try:
            ended = self._ended(name)
            while not ended and self._asked_again(name):
                ended = self._ended(name)
        except BaseException:
            self._leave(name)
            raise
        if ended:
            self._leave(name)
        return ended

    def _leave(self, name: str) -> None:
        with self._lock:
            del self._busy[name]

    def _asked_again(self, name: str) -> bool:
        """Whether another thread came for the run since this was asked last; if not, the run is nobody's again."""
        with self._lock:
            again = self._busy[name]
            self._busy[name] = False
            if not again:
                del self._busy[name]
            return again

    def _ended(self, name: str) -> bool:
        with self._journal.read() as tx:
            legs = runs.legs_of(tx, name)
            row = runs.get_run(tx, name)  # after its legs: what a lane says as it closes one is in it
            live = 0 if row is None else batches.live_of(tx, name)
        if row is None or row.state not in {"waiting", "cancelled"}:
            if row is not None and row.state == "held":
                self.answers.progress(row)
            return False
        opened = [leg for leg in legs if leg.open_rows]
        if (row.state == "waiting" and opened) or live:
            if live:
                self.answers.progress(row)
            else:
                self._tell_scheduled(row, opened)
            return False
        self.settle(row)
        return True

    def _tell_scheduled(self, row: Row[Any], opened: Sequence[Row[Any]]) -> None:
        """Answer when all that is left waits for its date; what becomes of those rows is a correction later."""
        now = self._journal.clock.now()
        left = sum(leg.open_rows for leg in opened)
        if any(leg.waits or leg.wake_at is None or leg.wake_at <= now for leg in opened):
            return
        if row.counts.get("told") == left:
            return
        rows = self.rows(row)
        told = self.answers.write(row, rows, self._journal.clock.now())
        self._spool.run(row.id).keep_told(rows.states.codes)
        with self._journal.begin() as tx:
            runs.count(tx, row.id, {"told": left, **counts_of(told)})

    def tell_held(self, run: str) -> None:
        """Say in `progress.json` that a run waits for a person, and why: for several lanes one after the other."""
        self.finish([run])

    def settle(self, row: Row[Any]) -> None:
        """Write all answers of a run and mark it settled. Doing it twice gives the same files."""
        if "told" in row.counts:
            self._correct_run(row.id)
            with self._journal.read() as tx:
                row = runs.get_run(tx, row.id) or row
        rows = self.rows(row)
        now = self._journal.clock.now()
        told = self.answers.write(row, rows, now)
        self._spool.run(row.id).keep_told(rows.states.codes)
        self._link_back(row, rows)
        with self._journal.begin() as tx:
            errors = told.listed or errors_writer(rows.layout()).kind
            runs.count(tx, row.id, {**counts_of(told), "errors": errors, "listed": told.listed})
            runs.set_run(tx, row.id, state="settled", ended_at=row.ended_at or now, notes=list(told.notes))
            runs.set_legs(tx, row.id, open_rows=0, waits=0)
            self._journal.note(tx, row.id, "settled", _spoken(told.states))
            sent = [c.id for c in runs.consignments_of(tx, row.id)]
        self._spool.recent.drop(self._spool.run(row.id).root)
        for one in sent:
            self._spool.consignment(one).drop()

    def rows(self, row: Row[Any]) -> RunRows:
        """Return the rows of a run with their present states."""
        return self.answers.rows(row)

    # ---- what comes after the end

    def correct(self, setup: LaneSetup) -> None:
        """A truth arrived for batches that had ended: move the baseline and write corrections of settled runs."""
        with self._journal.read() as tx:
            found = batches.consignments(tx, setup.name, "late")
        for identity in found:
            with self._journal.read() as tx:
                sent = runs.batches_of(tx, identity)
                names = runs.runs_of(tx, identity)
            number = sum(b.outcomes for b in sent) + sum(b.state == "closed" for b in sent)
            self._confirm(setup, identity, sent, name=f"{identity}-late-{number}")
            booked = settled(self._journal, self._spool, setup.name, identity, sent)
            for name in names:
                with self._journal.read() as tx:
                    row = runs.get_run(tx, name)
                if row is not None and row.state == "settled":
                    self._sound(name, functools.partial(self._correct_run, name))
            with self._journal.begin() as tx:
                booked.join(tx)
                self._shut(tx, identity, sent)

    def _correct_run(self, run: str) -> None:
        with self._afterwards:  # lanes with effects of one run may learn something of it at the same time
            with self._journal.read() as tx:
                row = runs.get_run(tx, run)
            if row is not None:
                self._tell_changed(row)

    def _tell_changed(self, row: Row[Any]) -> None:
        """Write a correction with the rows whose state is another than was told; after a kill it is written again."""
        folder = self._spool.run(row.id)
        rows = self.rows(row)
        before = folder.told()
        changed = np.flatnonzero(before != rows.states.codes)
        if changed.size == 0:
            return
        number = row.corrections + 1
        which = pl.Series(ROW, changed.astype(np.int64))
        self.answers.correction(row, rows, which, number)
        now = self.answers.summary(row, rows, row.ended_at)
        with self._journal.begin() as tx:
            runs.count(tx, row.id, counts_of(now))
            runs.set_run(tx, row.id, corrections=number)
            self._journal.note(tx, row.id, "corrected", f"{changed.size} rows changed after the result")
        folder.keep_told(rows.states.codes)  # last: whatever is killed before, these rows are told once more

    def _link_back(self, row: Row[Any], rows: RunRows) -> None:
        """Complete the reports of runs whose faulty rows took effect by this one."""
        again = frozenset({"report.html", "summary.json"})
        with self._afterwards:
            for origin in link_back(self._journal, self._spool, row, rows):
                self.answers.write(origin, self.rows(origin), origin.ended_at or self._journal.clock.now(), again)

    def repaired(self, run: str) -> list[tuple[int, str]]:
        """Rows of a run that came back mended and took effect: (row, by which run)."""
        return repaired(self._spool, run)


def _same(before: Sequence[Row[Any]], now: Sequence[Row[Any]]) -> bool:
    """Whether nothing was learnt of batches meanwhile: other lanes of the account ask about them too."""
    return [(b.state, b.outcomes) for b in before] == [(b.state, b.outcomes) for b in now]


def _spoken(states: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states.items()) or "no rows"
