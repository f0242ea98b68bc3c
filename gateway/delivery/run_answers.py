"""The answers of a run: its rows and summary as they are now, and the files that say so."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
import structlog
from pydantic import BaseModel
from sqlalchemy.engine import Row

from gateway.ahead import spread
from gateway.delivery.effects import row_states
from gateway.delivery.mended import repaired
from gateway.delivery.results import RunRows
from gateway.delivery.setup import Pinned
from gateway.delivery.unwritten import Unwritten, instead, mends_itself
from gateway.delivery.worded import Worded
from gateway.journal import Journal, runs
from gateway.journal import tables as t
from gateway.model import ReportWriter, RowState, Summary, Table
from gateway.outbox import Outbox, Prepared, answer_of
from gateway.reports import errors_writer, writers
from gateway.reports.answers import write_progress
from gateway.reports.delimited import correction_kind, write_correction
from gateway.reports.verdict import counts_of, verdict_of
from gateway.spool import Spool

Read = Callable[[Path, BaseModel], Iterator[Table]]
LoadLayout = Callable[[Path], BaseModel]

_WRITERS = 3
"""Answers of a run written at the same time."""

_SENT = (
    sa.select(t.batch.c.ticket, t.batch.c.attempts)
    .join(t.batch_run, t.batch_run.c.batch == t.batch.c.id)
    .where(t.batch_run.c.run == sa.bindparam("run"))
    .order_by(t.batch.c.id)
)
_NO_TICKET = frozenset({None, "", "none"})
"""Tickets of calls that were not made, as what was to be sent was there already: nobody can be asked about them."""
_OPEN_STATES = {
    "waiting": RowState.PENDING,
    "reading": RowState.PENDING,
    "held": RowState.HELD,
    "cancelled": RowState.SKIPPED,
    "settled": RowState.SKIPPED,
    "rejected": RowState.REJECTED,
}


class RunAnswers:
    """Says what became of runs; it ends none."""

    def __init__(self, journal: Journal, spool: Spool, outbox: Outbox, read: Read, load_layout: LoadLayout) -> None:
        self._journal = journal
        self._spool = spool
        self._outbox = outbox
        self._read = read
        self._load_layout = load_layout

    def rows(self, row: Row[Any]) -> RunRows:
        """Return the rows of a run with their present states."""
        pinned = Pinned.model_validate(row.pinned)
        folder = self._spool.run(row.id)
        opened = _OPEN_STATES.get(row.state, RowState.PENDING)
        states = row_states(self._journal, self._spool, row.id, opened)
        said = {"held": "HELD", "cancelled": "CANCELLED", "settled": "CANCELLED"}.get(row.state)
        note = row.notes[0] if row.state == "held" and row.notes else "before it was sent"
        return RunRows(
            folder=folder,
            states=states,
            names=pinned.columns,
            file=next(iter(sorted(folder.file.iterdir()))),
            format=self._load_layout(folder.pinned / pinned.mapping),
            read=self._read,
            mapping=folder.pinned / pinned.mapping,
            open_code=(said, note) if said else None,
            worded=Worded(pinned),
        )

    def summary(self, row: Row[Any], rows: RunRows, ended_at: datetime | None) -> Summary:
        """Say everything about a run besides its rows."""
        pinned = Pinned.model_validate(row.pinned)
        with self._journal.read() as tx:
            sent = tx.execute(_SENT, {"run": row.id}).fetchall()
            linked = runs.first_of(tx, row.first_run, row.partner)
        counted: dict[str, Any] = {
            "states": rows.states.counts(), "derived": rows.states.derived,
            "effects": {leg.family: leg.counts() for leg in rows.states.legs},
            "blameless": rows.blameless().len(), "unsent": rows.unsent().len(),
        }  # fmt: skip
        expected = None if row.state == "held" else row.counts.get("finish")  # a person is not to be reckoned
        listed = str(row.counts.get("listed", ""))
        return Summary(
            run=row.id, partner=row.partner, route=row.route, feed=row.feed,
            destination=pinned.route.destination, file_name=row.file, size=row.size, sha256=row.sha256,
            received_at=row.received_at, started_at=row.started_at, ended_at=ended_at,
            contract=pinned.route.contract, mode=row.mode, rows=row.rows, blank=row.blank,
            tickets=[b.ticket for b in sent if b.ticket not in _NO_TICKET],
            calls=sum(b.attempts for b in sent), calls_expected=int(row.counts.get("calls", 0)),
            finish_expected=datetime.fromisoformat(expected) if expected else None,
            warnings=int(row.counts.get("warnings", 0)), linked_run=linked, notes=row.notes,
            verdict=_said(row, counted, listed or errors_writer(rows.layout()).kind),
            versions=pinned.versions, first_run_rows=repaired(self._spool, row.id), listed=listed,
            stem=answer_of(row, ""), **counted,
        )  # fmt: skip

    def write(self, row: Row[Any], rows: RunRows, ended_at: datetime, only: frozenset[str] = frozenset()) -> Summary:
        """Write the answers (`only`: those of these kinds); returns the summary as it was told.

        They come into the partner's folder together: who finds one finds all of them.
        """
        summary = self.summary(row, rows, ended_at)
        pinned = Pinned.model_validate(row.pinned)
        chosen = [w for w in writers(rows.layout()) if not only or w.kind in only]
        prepared: dict[str, Prepared] = {}
        try:
            done = spread(chosen, lambda one: self._prepared(row, one, (summary, rows), prepared), workers=_WRITERS)
            unwritten = [one for one in done if one is not None]
            if unwritten:
                said = functools.partial(_said, row, counts_of(summary))
                summary, again = instead(summary, rows, unwritten, said)
                for writer in again:
                    self._prepared(row, writer, (summary, rows), prepared)
            source = pinned.route.source if pinned.route.answers else None
            self._outbox.release(list(prepared.values()), run=row.id, source=source)
        finally:
            for answer in prepared.values():
                answer.drop()
        if not only:
            name = answer_of(row, "progress.json")
            (self._outbox.folder(row.partner) / name).unlink(missing_ok=True)
        return summary

    def _prepared(
        self, row: Row[Any], writer: ReportWriter, content: tuple[Summary, RunRows], prepared: dict[str, Prepared]
    ) -> Unwritten | None:
        """Write an answer into `prepared`; one that can't be written for a fault of ours is told and given back."""
        kind = writer.kind
        try:
            answer = self._outbox.prepare(
                row.partner, answer_of(row, kind), lambda out: writer.write(*content, out), kind=kind
            )
        except Exception as error:
            if mends_itself(error):
                raise
            structlog.get_logger("gateway").exception("an answer can't be written", run=row.id, kind=kind)
            with self._journal.begin() as tx:
                text = f"{kind} can't be written ({type(error).__name__}: {error})."
                self._journal.note(tx, row.id, "fault", text)
            return Unwritten(writer, error)
        if answer is not None:
            prepared[kind] = answer
        return None

    def progress(self, row: Row[Any]) -> None:
        """Overwrite `progress.json` of a run that is under way, held or scheduled (local only)."""
        rows = self.rows(row)
        summary = self.summary(row, rows, None)
        self._outbox.publish(
            row.partner, answer_of(row, "progress.json"),
            lambda out: self._write_progress(row, summary, out),
            run=row.id, kind="progress.json", source=None,
        )  # fmt: skip

    def _write_progress(self, row: Row[Any], summary: Summary, out: Path) -> bool:
        write_progress(
            out, run=summary.run, at=self._journal.clock.now(), states=summary.states,
            open_tickets=summary.tickets, finish_expected=summary.finish_expected,
            held=row.notes[0] if row.state == "held" and row.notes else None,
        )  # fmt: skip
        return True

    def correction(self, row: Row[Any], rows: RunRows, which: pl.Series, number: int) -> None:
        """Write correction `number` with the rows `which` (by `@row`)."""
        pinned = Pinned.model_validate(row.pinned)
        self._outbox.publish(
            row.partner, answer_of(row, correction_kind(number)),
            lambda out: write_correction(rows, which, out),
            run=row.id, kind=correction_kind(number), source=pinned.route.source if pinned.route.answers else None,
        )  # fmt: skip


def _said(row: Row[Any], counted: Mapping[str, Any], errors: str) -> str:
    """Draw the verdict on a run. `counted`: of its rows, as they are now; `errors`: the file that lists failed ones."""
    route = Pinned.model_validate(row.pinned).route
    return verdict_of({**row.counts, **counted}, errors=errors, destination=route.destination, absent=route.absent)
