"""What a route would send of a file: intake and consignment for real, on a copy of the state; nothing leaves."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Row

from gateway.delivery.book import Boundary, boundaries, instant
from gateway.delivery.build import Builder
from gateway.delivery.results import RunRows
from gateway.delivery.settle import Settler
from gateway.errors import FileError, SettingsError
from gateway.journal import Journal, open_journal, runs
from gateway.journal import tables as t
from gateway.model import Arrival, Batch, Claim, Clock, Outgoing, RowState, Showing
from gateway.outbox import Outbox
from gateway.pipeline.expected import seconds_of
from gateway.pipeline.intake import Intake
from gateway.pipeline.reading import Read
from gateway.pipeline.setup import RouteSetup
from gateway.reports.causes import Cause, causes
from gateway.spool import Spool


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it would be made; `file` holds its body, `to` says where it goes as far as that is told.

    `complete`: whether that is exactly the body. It is not where the destination is asked before, as for the present
    prices of offers: what it would tell is not in it, and rows that don't fit that are in it.
    """

    file: str
    operation: str
    to: str
    records: int
    size: int
    sha256: str
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of the file. `reason` says why nothing is sent, "" where something is."""

    file: str
    route: str
    lanes: tuple[str, ...]
    mode: str
    rows: int
    states: Mapping[str, int]
    derived: Mapping[str, int]
    calls: tuple[Call, ...]
    seconds: float
    """Least time the calls take, by the destination's intervals; lanes of one budget take turns."""
    held: bool
    reason: str
    waiting: int
    """Runs that wait in the lanes before this one; they are not part of the plan."""
    causes: tuple[Cause, ...] = ()
    """What is to be said of rows, grouped: why some are rejected or refused, errors first."""
    without_call: int = 0
    """Rows that are done without a call: the destination has nothing to change for them."""
    boundaries: tuple[Boundary, ...] = ()
    """When promotions known by then begin and end, where the destination is told prices at those times."""
    dated: str = ""
    """Time by which the file is put in order among others: its own, as if it were dropped with it; "" without a run."""

    def facts(self) -> dict[str, Any]:
        """Return the content of plan.json."""
        calls = [
            {"file": c.file, "operation": c.operation, "to": c.to, "records": c.records, "bytes": c.size,
             "sha256": c.sha256, "complete": c.complete}
            for c in self.calls
        ]  # fmt: skip
        return {
            "file": self.file, "route": self.route, "lanes": list(self.lanes), "mode": self.mode, "dated": self.dated,
            "rows": self.rows, "states": dict(self.states), "derived": dict(self.derived), "held": self.held,
            "reason": self.reason, "issues": [cause.facts() for cause in self.causes], "calls": len(calls),
            "without_call": self.without_call, "seconds": self.seconds, "waiting_before": self.waiting, "bodies": calls,
            "boundaries": [{"at": instant(b.at), "begin": b.begin, "end": b.end} for b in self.boundaries],
        }  # fmt: skip


class _Trial:
    """A gateway of one route on a copy of the state, below `work`."""

    def __init__(
        self, setup: RouteSetup, read: Read, layout: Callable[[Path], BaseModel], state: Path, work: Path, clock: Clock
    ) -> None:
        _copy_state(state, work)
        any_name = setup.route.model_copy(update={"files": ("*",), "set": None})
        self.setup = RouteSetup(any_name, setup.mapping, setup.contract, setup.target, setup.legs)
        self.journal = open_journal(work, clock)
        self.spool = Spool(work)
        self.spool.make()
        _link_state(state, work, self.journal)
        _show_earlier(state, work, self.journal, setup.route.name)
        outbox = Outbox(work / "outbox", self.journal)
        self._settler = Settler(self.journal, self.spool, outbox, read, layout)
        self.intake = Intake(
            self.journal, self.spool, outbox, self._settler, read, lambda _: [self.setup],
            lambda _: (setup.route.partner, False),
        )  # fmt: skip

    def take(self, file: Path) -> Row[Any] | None:
        """Take the file; None when it made no run (a duplicate)."""
        stat = file.stat()
        mtime = datetime.fromtimestamp(stat.st_mtime_ns // 1000 / 1e6, UTC)
        claim = Claim(Arrival(self.setup.route.source, file.name, stat.st_size, mtime), file, "")
        number = self.intake.enter(claim)
        with self.journal.read() as tx:
            row = tx.execute(sa.select(t.arrival).where(t.arrival.c.id == number)).one()
        self.intake.take(row)
        with self.journal.read() as tx:
            made = runs.of_arrival(tx, number)
        return made[0] if made else None

    def set_aside(self) -> int:
        """Keep runs that wait in the lane already out of the plan; returns how many they are."""
        names = [leg.lane for leg in self.setup.legs]
        inside = sa.select(t.leg.c.run).where(t.leg.c.lane.in_(names))
        waiting = sa.and_(t.run.c.id.in_(inside), t.run.c.state == "waiting")
        with self.journal.begin() as tx:
            tx.execute(sa.update(t.leg).where(t.leg.c.lane.in_(names)).values(held=True))
            return int(tx.execute(sa.update(t.run).where(waiting).values(state="held")).rowcount)

    def said(self) -> str:
        """Return the last event's text."""
        with self.journal.read() as tx:
            return str(tx.scalar(sa.select(t.event.c.text).order_by(t.event.c.id.desc()).limit(1)) or "")

    def rows(self, row: Row[Any]) -> RunRows:
        """Return the rows of the run."""
        return self._settler.rows(row)

    def again(self, run: str) -> Row[Any]:
        """Return the run as it is now."""
        with self.journal.read() as tx:
            return tx.execute(sa.select(t.run).where(t.run.c.id == run)).one()


def plan_file(
    file: Path,
    setup: RouteSetup,
    read: Read,
    layout: Callable[[Path], BaseModel],
    *,
    state: Path,
    work: Path,
    out: Path,
    clock: Clock,
) -> Plan:
    """Write the bodies that would be sent and `plan.json` to `out`. `work`: an empty folder.

    `state` is only read. Raises FileError for an unusable file, SettingsError when `out` holds files already.
    """
    if out.exists() and any(out.iterdir()):
        raise SettingsError(f"The folder {out} is not empty.", fix="Name a new folder with --out.")
    trial = _Trial(setup, read, layout, state, work, clock)
    try:
        waiting = trial.set_aside()
        row = trial.take(file)
        if row is None:
            made = _plan(trial, file, None, _Sends(), trial.said(), waiting)
        elif row.state == "rejected":
            raise FileError(str(row.counts.get("code", "FILE_TROUBLE")), "; ".join(row.notes))
        else:
            builder = Builder(trial.journal, trial.spool, trial=True)
            for lane in trial.setup.lanes():
                builder.build(lane)
            row = trial.again(row.id)
            out.mkdir(parents=True, exist_ok=True)
            made = _plan(trial, file, row, _sends(trial, row.id, out, builder.unasked), _reason(row), waiting)
    finally:
        trial.journal.close()
    out.mkdir(parents=True, exist_ok=True)
    (out / "plan.json").write_text(json.dumps(made.facts(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return made


@dataclass(frozen=True, slots=True)
class _Sends:
    """The calls of a run, and how many of its rows are done without one."""

    calls: tuple[Call, ...] = ()
    without: int = 0


def _plan(trial: _Trial, file: Path, row: Row[Any] | None, sends: _Sends, reason: str, waiting: int) -> Plan:
    setup, calls = trial.setup, sends.calls
    rows = None if row is None else trial.rows(row)
    found = None if rows is None else rows.states
    told = () if rows is None else tuple(causes(rows.issues(), rows.columns()))
    states = {} if found is None else found.counts()
    return Plan(
        file=file.name, route=setup.route.name, lanes=tuple(leg.lane for leg in setup.legs),
        mode=setup.route.mode if row is None else row.mode, rows=0 if row is None else row.rows,
        states=states, derived={} if found is None else found.derived, calls=calls,
        seconds=_seconds(setup, calls), held=row is not None and row.state == "held",
        reason="" if calls else reason or _nothing(states, sends.without), waiting=waiting, causes=told,
        without_call=sends.without, boundaries=_boundaries(trial),
        dated="" if row is None else str(runs.source_time(pl.Series([row.seq]))[0]),
    )  # fmt: skip


def _nothing(states: Mapping[str, int], without: int) -> str:
    """Say why there is no call, where no person and no limit is the reason."""
    failed = sum(states.get(str(one), 0) for one in (RowState.REJECTED, RowState.REFUSED))
    if failed:
        return f"{failed:,} of {sum(states.values()):,} rows can't be sent as they are, and no other needs to be."
    return "What is to be sent causes no call." if without else "No row needs to be sent."


def _boundaries(trial: _Trial) -> tuple[Boundary, ...]:
    lanes = [lane.name for lane in trial.setup.lanes() if lane.wanted]
    return tuple(one for lane in lanes for one in boundaries(trial.journal, trial.spool, lane))


def _seconds(setup: RouteSetup, calls: tuple[Call, ...]) -> float:
    return seconds_of(setup.legs, lambda leg: sum(c.operation == leg.operation.name for c in calls))


def _reason(row: Row[Any]) -> str:
    return "; ".join(row.notes) if row.state == "held" or row.counts.get("over_limit") else ""


def _sends(trial: _Trial, run: str, out: Path, unasked: frozenset[str]) -> _Sends:
    """Write the body of each call, byte for byte, but of operations in `unasked`."""
    with trial.journal.read() as tx:
        made = [(c.id, runs.batches_of(tx, c.id)) for c in runs.consignments_of(tx, run)]
    calls: list[Call] = []
    without = 0
    for identity, sent in made:
        with (trial.spool.consignment(identity).root / "bodies").open("rb") as bodies:
            for b in sent:
                bodies.seek(b.offset)
                leaving = _outgoing(trial, b, bodies.read(b.length))
                without += 0 if leaving else b.records
                for one in leaving:
                    name = f"{len(calls) + 1:04d}-{b.operation}{_suffix(one.body)}"
                    (out / name).write_bytes(one.body)
                    digest = hashlib.sha256(one.body).hexdigest()
                    calls.append(
                        Call(name, b.operation, one.to, one.records, len(one.body), digest, b.operation not in unasked)
                    )
    return _Sends(tuple(calls), without)


def _outgoing(trial: _Trial, batch: Row[Any], body: bytes) -> Sequence[Outgoing]:
    """Return the calls of a batch: as the destination tells them, else one, told by what no other batch may hold."""
    destination = trial.setup.target.destination
    if isinstance(destination, Showing):
        nothing = pl.DataFrame(schema={"effect": pl.UInt32, "line": pl.Int64})
        return destination.outgoing(Batch(batch.operation, batch.slot, body, nothing, batch.memo))
    return (Outgoing(batch.slot, body, batch.records),) if body else ()


def _suffix(body: bytes) -> str:
    marks = {b"{": ".json", b"[": ".json", b"<": ".xml", b"PK": ".xlsx"}
    return next((suffix for mark, suffix in marks.items() if body.lstrip().startswith(mark)), ".csv")


def _copy_state(state: Path, work: Path) -> None:
    """Copy the journal as of now; a gateway may be running on it."""
    work.mkdir(parents=True, exist_ok=True)
    journal = state / "journal.sqlite"
    if not journal.is_file():
        return
    with (
        closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(work / "journal.sqlite")) as target,
    ):
        source.backup(target)


def _link_state(state: Path, work: Path, journal: Journal) -> None:
    """Show the trial what the lane has confirmed and what is under way, link by link: new files stay its own."""
    with journal.read() as tx:
        segments = [*tx.scalars(sa.select(t.segment.c.file)), *tx.scalars(sa.select(t.renewal.c.file))]
        opened = list(tx.scalars(sa.select(t.consignment.c.id).where(t.consignment.c.state == "open")))
        books = list(tx.scalars(sa.select(t.book_segment.c.file)))
    for kind, names in (("segments", segments), ("consignments", opened), ("books", books)):
        for name in names:
            (work / kind / name).symlink_to((state / kind / name).resolve())


def _show_earlier(state: Path, work: Path, journal: Journal, route: str) -> None:
    """Show the trial what became of the rows of the newest file of the route: the same bytes may come again."""
    with journal.read() as tx:
        newest = [runs.newest_of_route(tx, route, mended=mended) for mended in (True, False)]
        known = {one.id for one in newest if one is not None}
        known.update(tx.scalars(sa.select(t.run.c.id).where(t.run.c.retry_of.in_(sorted(known)))))
    for run in known:
        (work / "runs" / run).mkdir()
        for name in ("rows", "late.parquet", "states.npy", "repaired.parquet"):
            if (state / "runs" / run / name).exists():
                (work / "runs" / run / name).symlink_to((state / "runs" / run / name).resolve())
