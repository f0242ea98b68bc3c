"""What people do: status, show, retry, release, cancel, pause, resume; for the command line and the web alike."""

from __future__ import annotations

import difflib
import getpass
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.delivery.again import send_again
from gateway.delivery.results import RunRows
from gateway.delivery.send import SETUP
from gateway.delivery.settle import Settler
from gateway.delivery.wanted_left import LeftBehind, left_behind
from gateway.errors import WillNeverWork
from gateway.issues import sentence
from gateway.journal import Journal, batches, heard, refusals, runs, sets
from gateway.journal import tables as t
from gateway.model import ROW, RowState, Summary
from gateway.pipeline.sets import waiting_sets
from gateway.reports.answers import PROGRESS_KIND
from gateway.reports.causes import Cause, causes
from gateway.spool import Spool

RETRIED = (RowState.REFUSED, RowState.UNCERTAIN)
"""Row states a retry sends again."""


class NoSuchRunError(WillNeverWork):
    """No run has this id; the run may belong to another state folder."""


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """A lane for people."""

    name: str
    waiting_runs: int
    open_batches: int
    unsent_batches: int
    trouble: str | None
    trouble_since: Any
    wake_at: Any
    paused: bool


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Files that wait for others, for people. `name`: None where they are not counted; `lacks`: what they wait for."""

    route: str
    name: str | None
    files: int
    lacks: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class EventStatus:
    """Webhook events of a destination that nothing came of so far. `since`: the oldest; `said`: of the newest."""

    destination: str
    state: str
    count: int
    since: datetime
    said: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the journal stood: what came after is what happened since."""

    event: int
    arrivals: frozenset[int]
    """Arrivals that had ended by then."""
    runs: frozenset[str]
    """Runs that had ended by then."""
    refusal: int


class Operations:
    """Actions and questions on a journal; safe beside a running service."""

    def __init__(self, journal: Journal, spool: Spool, settler: Settler) -> None:
        self._journal = journal
        self._spool = spool
        self._settler = settler

    # ---- questions

    def runs(self, limit: int = 20, *, state: str | None = None) -> Sequence[Row[Any]]:
        """Newest runs first."""
        query = sa.select(t.run).order_by(t.run.c.started_at.desc(), t.run.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(t.run.c.state == state)
        with self._journal.read() as tx:
            return tx.execute(query).fetchall()

    def run(self, run: str) -> Row[Any]:
        """One run by its id, in any case. Raises NoSuchRunError with the nearest ids."""
        with self._journal.read() as tx:
            row = runs.get_run(tx, run.strip().upper())
            if row is not None:
                return row
            last = list(tx.scalars(sa.select(t.run.c.id).order_by(t.run.c.id.desc()).limit(1000)))
        near = difflib.get_close_matches(run.strip().upper(), last, 3, cutoff=0.7)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise NoSuchRunError(
            f"There is no run {run!r}.", fix=f"{hint}The last ones are: {', '.join(last[:5]) or 'none'}."
        )

    def summary(self, run: str) -> Summary:
        """Everything about a run besides its rows."""
        row = self.run(run)
        if not row.pinned:
            raise NoSuchRunError(f"Run {row.id} was refused as a whole: {'; '.join(row.notes)}")
        return self._settler.answers.summary(row, self._settler.rows(row), row.ended_at)

    def comparison(self, run: str) -> list[str]:
        """Say why a run is held, the newest reason first: one for each lane that holds it; nothing else it notes."""
        row = self.run(run)
        said = sa.select(t.event.c.text).where(t.event.c.subject == row.id, t.event.c.kind == "held")
        with self._journal.read() as tx:
            reasons = set(tx.scalars(said))
        return [note for note in row.notes if note in reasons]

    def legs(self, run: str) -> Sequence[Row[Any]]:
        """Legs of a run: the lanes its rows have effects in, with what is open there."""
        with self._journal.read() as tx:
            return runs.legs_of(tx, run)

    def answers(self, run: str) -> Sequence[Row[Any]]:
        """Answer files of a run; its progress as long as it is under way."""
        with self._journal.read() as tx:
            rows = tx.execute(sa.select(t.answer).where(t.answer.c.run == run).order_by(t.answer.c.id)).fetchall()
        return [row for row in rows if row.kind != PROGRESS_KIND or Path(row.file).exists()]

    def events(self, subject: str | None = None, limit: int = 20) -> Sequence[Row[Any]]:
        """Newest events first."""
        query = sa.select(t.event).order_by(t.event.c.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(t.event.c.subject == subject)
        with self._journal.read() as tx:
            return tx.execute(query).fetchall()

    def lanes(self) -> list[LaneStatus]:
        """All lanes with what waits in them."""
        paused = self._journal.paused()
        with self._journal.read() as tx:
            rows = tx.execute(sa.select(t.lane).order_by(t.lane.c.name)).fetchall()
            return [self._lane(tx, row, paused=not paused.isdisjoint({row.name, row.destination})) for row in rows]

    def _lane(self, tx: Connection, row: Row[Any], *, paused: bool) -> LaneStatus:
        waiting = len(runs.waiting(tx, row.name))
        opened = len(batches.of_lane(tx, row.name, ["open"]))
        unsent = len(batches.of_lane(tx, row.name, batches.UNSENT))
        trouble, since = row.trouble, row.trouble_since
        last = None if trouble else batches.last_called(tx, row.name)
        if last is not None and last.code == SETUP:  # nothing has gone through since
            trouble, since = sentence(SETUP, detail=last.message or ""), last.intent_at
        return LaneStatus(row.name, waiting, opened, unsent, trouble, since, row.wake_at, paused)

    def left_behind(self, lanes: Mapping[str, bool]) -> list[LeftBehind]:
        """Lanes that no route writes any more although something waits in them; see delivery.wanted_left."""
        return left_behind(self._journal, self._spool, lanes)

    def sets(self) -> list[SetStatus]:
        """Sets of files that wait, oldest first."""
        with self._journal.read() as tx:
            return [
                SetStatus(one.route, one.name or None, files, lacks, one.opened_at, one.until)
                for one, files, lacks in waiting_sets(tx)
            ]

    def heard(self) -> list[EventStatus]:
        """Webhook events that wait, or that nobody could read or match: all that came in the days they are kept."""
        with self._journal.read() as tx:
            return [
                EventStatus(one.destination, one.state, one.events, one.since, self._said_of(tx, one))
                for one in heard.standing(tx)
            ]

    def _said_of(self, tx: Connection, one: Row[Any]) -> str:
        if one.state in heard.LIVE:
            return "to be looked at" if one.ticket is None else f"no call of ours has the ticket {one.ticket} yet"
        kind = "unmatched" if one.state == "expired" else one.state
        mine = sa.and_(t.event.c.subject == f"hook {one.destination}", t.event.c.kind == kind)
        newest = sa.select(t.event.c.text).where(mine).order_by(t.event.c.id.desc()).limit(1)
        return tx.scalar(newest) or ""

    def sources_in_trouble(self) -> dict[str, tuple[str, Any]]:
        """Sources whose last word was trouble: name -> (what, since)."""
        found: dict[str, tuple[str, Any]] = {}
        query = sa.select(t.event).where(
            t.event.c.subject.like("source %"), t.event.c.kind.in_(["trouble", "recovered"])
        )
        with self._journal.read() as tx:
            for event in tx.execute(query.order_by(t.event.c.id)):
                name = event.subject.removeprefix("source ")
                if event.kind == "recovered":
                    found.pop(name, None)
                else:
                    found[name] = (event.text, event.at)
        return found

    def rows(self, run: str) -> RunRows | None:
        """Return the rows of a run with their states; None when the file was refused as a whole."""
        row = self.run(run)
        return self._settler.rows(row) if row.pinned else None

    def causes(self, run: str) -> list[Cause]:
        """Return what is wrong with the rows of a run by cause, errors first, the most frequent first."""
        rows = self.rows(run)
        return [] if rows is None else causes(rows.issues(), rows.columns())

    def calls(self, run: str) -> Sequence[Row[Any]]:
        """Batches with rows of a run, in sending order."""
        query = sa.select(t.batch).join(t.batch_run, t.batch_run.c.batch == t.batch.c.id)
        with self._journal.read() as tx:
            return tx.execute(query.where(t.batch_run.c.run == run).order_by(t.batch.c.id)).fetchall()

    def open_imports(self) -> Sequence[Row[Any]]:
        """Batches the destinations have and have not finished, with their lane, oldest first."""
        query = (
            sa.select(t.batch, t.consignment.c.lane)
            .join(t.consignment, t.consignment.c.id == t.batch.c.consignment)
            .where(t.batch.c.state.in_(("open", "sending", "unknown")))
            .order_by(t.batch.c.id)
        )
        with self._journal.read() as tx:
            return tx.execute(query).fetchall()

    def mark(self) -> Mark:
        """Remember where the journal stands now."""
        with self._journal.read() as tx:
            event = int(tx.scalar(sa.select(sa.func.max(t.event.c.id))) or 0)
            gone = frozenset(tx.scalars(sa.select(t.arrival.c.id).where(t.arrival.c.state == "ended")))
            ended = frozenset(tx.scalars(sa.select(t.run.c.id).where(t.run.c.ended_at.is_not(None))))
            return Mark(event, gone, ended, refusals.last(tx))

    def runs_since(self, mark: Mark) -> list[Row[Any]]:
        """Runs that were open at the mark or are newer, oldest first."""
        with self._journal.read() as tx:
            found = tx.execute(sa.select(t.run).order_by(t.run.c.started_at, t.run.c.id)).fetchall()
        return [row for row in found if row.id not in mark.runs]

    def refused_since(self, mark: Mark) -> list[str]:
        """Names of files that went to the rejected folder since the mark."""
        query = sa.select(t.arrival).where(t.arrival.c.ending == "reject").order_by(t.arrival.c.id)
        with self._journal.read() as tx:
            return [row.path for row in tx.execute(query) if row.id not in mark.arrivals]

    def refusals(self, limit: int = 20) -> Sequence[Row[Any]]:
        """Files that came to no run, the newest first."""
        with self._journal.read() as tx:
            return refusals.newest(tx, limit)

    def refusals_since(self, mark: Mark) -> Sequence[Row[Any]]:
        """Files that came to no run since the mark, oldest first."""
        with self._journal.read() as tx:
            return refusals.since(tx, mark.refusal)

    def refusal(self, name: str) -> Row[Any] | None:
        """Return the file that came to no run by what stands for one in its answer's name; None: there is none."""
        with self._journal.read() as tx:
            return refusals.of_name(tx, name.strip().upper())

    def run_of_answer(self, name: str) -> str | None:
        """Return the run a set of files made, by what stands for a run in the answer of one of them; "": none yet."""
        with self._journal.read() as tx:
            one = sets.by_answer(tx, name.strip().upper())
            made = [] if one is None or one.first is None else runs.of_arrival(tx, one.first)
            return None if one is None else next((run.id for run in made if run.route == one.route), "")

    def events_since(self, event: int) -> Sequence[Row[Any]]:
        """Events after one, oldest first."""
        with self._journal.read() as tx:
            return tx.execute(sa.select(t.event).where(t.event.c.id > event).order_by(t.event.c.id)).fetchall()

    def unreturned(self) -> int:
        """Answers that wait for a partner's server."""
        with self._journal.read() as tx:
            query = sa.select(sa.func.count()).select_from(t.answer).where(t.answer.c.state == "returning")
            return int(tx.scalar(query) or 0)

    def paused(self) -> list[str]:
        """Names that are paused."""
        return sorted(self._journal.paused())

    # ---- actions

    def release(self, run: str) -> None:
        """Send the rows of a held run after all. Raises WillNeverWork when it is not held."""
        row = self._in_state(run, ("held",), "released")
        with self._journal.begin() as tx:
            runs.set_run(tx, row.id, state="waiting")
            tx.execute(sa.update(t.leg).where(t.leg.c.run == row.id, t.leg.c.held).values(held=False, released=True))
            self._acted(tx, "release", row.id, "; ".join(row.notes))
            runs.wake_legs(tx, row.id, self._journal.clock.now())

    def cancel(self, run: str) -> None:
        """End the rows of a run that were not sent yet; what was sent can't be called back."""
        row = self._in_state(run, ("held", "waiting"), "cancelled")
        with self._journal.begin() as tx:
            notes = ["The operator cancelled the run: rows that were not sent by then are left out.", *row.notes]
            runs.set_run(tx, row.id, state="cancelled", notes=notes)
            runs.set_legs(tx, row.id, open_rows=0, waits=0, held=False)
            batches.cancel_unsent(tx, row.id, "before it was sent")
            self._acted(tx, "cancel", row.id, "; ".join(row.notes))
            runs.wake_legs(tx, row.id, self._journal.clock.now())

    def retry(self, run: str) -> tuple[str, int]:
        """Send refused and uncertain rows of a settled run again as a run of their own; returns its id and rows.

        It keeps the sequence of the first: a row whose key has a newer value by now ends superseded.
        """
        row = self._in_state(run, ("settled",), "retried")
        states = self._settler.rows(row).states
        taken = self._taken_since(row)

        def chosen(block: pl.DataFrame) -> pl.DataFrame:
            block = block.filter(states.of(block[ROW]).is_in([str(s) for s in RETRIED]))
            return block.filter(~pl.col(ROW).is_in(taken.implode()))

        identity, count = send_again(
            self._journal, self._spool, row, chosen, note=f"Retry of run {row.id}.",
            entered=lambda tx, made, rows: self._acted(tx, "retry", row.id, f"{rows} rows as run {made}"),
        )  # fmt: skip
        if count == 0:
            rejected = row.counts.get("states", {}).get(str(RowState.REJECTED), 0)
            mended = f"Its rejected rows ({rejected:,}) go again mended, or by the file once its mapping is mended."
            raise WillNeverWork(
                f"Run {row.id} has no refused or uncertain rows that no later run took.",
                fix=mended if rejected else "There is nothing to retry.",
            )
        return identity, count

    def _taken_since(self, row: Row[Any]) -> pl.Series:
        """Rows of a run that an earlier retry took, or that came back mended: sending them again would undo sales."""
        with self._journal.read() as tx:
            retries = tx.execute(sa.select(t.run).where(t.run.c.retry_of == row.id)).fetchall()
        found = [pl.Series(ROW, [], dtype=pl.Int64)]
        for one in retries:
            states = self._settler.rows(one).states
            found.extend(
                block.filter(~states.of(block[ROW]).is_in([str(s) for s in RETRIED]))[ROW]
                for block in self._spool.run(one.id).states()
            )
        found.append(pl.Series(ROW, [first for first, _ in self._settler.repaired(row.id)], dtype=pl.Int64))
        return pl.concat(found)

    def pause(self, name: str) -> None:
        """Stop scanning a source, or sending to a destination or lane, until it is resumed."""
        with self._journal.begin() as tx:
            if tx.scalar(sa.select(t.paused.c.name).where(t.paused.c.name == name)) is None:
                tx.execute(sa.insert(t.paused).values(name=name, since=self._journal.clock.now()))
            self._acted(tx, "pause", name, "")

    def resume(self, name: str) -> bool:
        """Go on; False when it was not paused."""
        with self._journal.begin() as tx:
            gone = tx.execute(sa.delete(t.paused).where(t.paused.c.name == name)).rowcount
            self._acted(tx, "resume", name, "")
            now = self._journal.clock.now()
            tx.execute(
                sa.update(t.lane).where(sa.or_(t.lane.c.name == name, t.lane.c.destination == name)).values(wake_at=now)
            )
        return gone > 0

    def _in_state(self, run: str, states: tuple[str, ...], done: str) -> Row[Any]:
        row = self.run(run)
        if row.state not in states:
            raise WillNeverWork(
                f"Run {row.id} is {row.state}; only a run that is {' or '.join(states)} can be {done}.",
                fix=f"gateway show {row.id} says what became of it.",
            )
        return row

    def _acted(self, tx: Connection, action: str, target: str, text: str) -> None:
        now = self._journal.clock.now()
        tx.execute(sa.insert(t.audit).values(at=now, who=_who(), action=action, target=target, text=text))
        self._journal.note(tx, target, action, text or f"by {_who()}")


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
