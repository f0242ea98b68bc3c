"""What a route would send of a file: intake and consignment for real, on a copy of the state; nothing leaves."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Row

from gateway.delivery.book import Boundary, boundaries, instant
from gateway.delivery.build import Builder
from gateway.delivery.effects import row_states
from gateway.delivery.settle import Settler
from gateway.errors import FileError, SettingsError
from gateway.journal import Journal, open_journal, runs
from gateway.journal import tables as t
from gateway.model import Arrival, Claim, Clock, RowState
from gateway.outbox import Outbox
from gateway.pipeline.intake import Intake
from gateway.pipeline.reading import Read
from gateway.pipeline.setup import RouteSetup
from gateway.spool import Spool


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it would be made; `file` holds exactly its body."""

    file: str
    operation: str
    records: int
    size: int
    sha256: str


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
    """Least time the calls take, by the destination's intervals; lanes go side by side."""
    held: bool
    reason: str
    waiting: int
    """Runs that wait in the lanes before this one; they are not part of the plan."""
    boundaries: tuple[Boundary, ...] = ()
    """When promotions known by then begin and end, where the destination is told prices at those times."""

    def facts(self) -> dict[str, Any]:
        """Return the content of plan.json."""
        calls = [
            {"file": c.file, "operation": c.operation, "records": c.records, "bytes": c.size, "sha256": c.sha256}
            for c in self.calls
        ]
        return {
            "file": self.file, "route": self.route, "lanes": list(self.lanes), "mode": self.mode,
            "rows": self.rows, "states": dict(self.states), "derived": dict(self.derived), "held": self.held,
            "reason": self.reason, "calls": len(calls), "seconds": self.seconds,
            "waiting_before": self.waiting, "bodies": calls,
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
        outbox = Outbox(work / "outbox", self.journal)
        settler = Settler(self.journal, self.spool, outbox, read, layout)
        self.intake = Intake(
            self.journal, self.spool, outbox, settler, read, lambda _: [self.setup],
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
    """Write the exact bodies that would be sent and `plan.json` to `out`. `work`: an empty folder.

    `state` is only read. Raises FileError for an unusable file, SettingsError when `out` holds files already.
    """
    if out.exists() and any(out.iterdir()):
        raise SettingsError(f"The folder {out} is not empty.", fix="Name a new folder with --out.")
    trial = _Trial(setup, read, layout, state, work, clock)
    try:
        waiting = trial.set_aside()
        row = trial.take(file)
        if row is None:
            made = _plan(trial, file, None, (), trial.said(), waiting)
        elif row.state == "rejected":
            raise FileError(str(row.counts.get("code", "FILE_TROUBLE")), "; ".join(row.notes))
        else:
            builder = Builder(trial.journal, trial.spool, trial=True)
            for lane in trial.setup.lanes():
                builder.build(lane)
            row = trial.again(row.id)
            out.mkdir(parents=True, exist_ok=True)
            made = _plan(trial, file, row, _bodies(trial, row.id, out), _reason(row), waiting)
    finally:
        trial.journal.close()
    out.mkdir(parents=True, exist_ok=True)
    (out / "plan.json").write_text(json.dumps(made.facts(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return made


def _plan(trial: _Trial, file: Path, row: Row[Any] | None, calls: tuple[Call, ...], reason: str, waiting: int) -> Plan:
    setup = trial.setup
    open_state = RowState.HELD if row is not None and row.state == "held" else RowState.PENDING
    found = None if row is None else row_states(trial.journal, trial.spool, row.id, open_state)
    return Plan(
        file=file.name, route=setup.route.name, lanes=tuple(leg.lane for leg in setup.legs),
        mode=setup.route.mode if row is None else row.mode, rows=0 if row is None else row.rows,
        states={} if found is None else found.counts(), derived={} if found is None else found.derived, calls=calls,
        seconds=_seconds(setup, calls), held=row is not None and row.state == "held",
        reason="" if calls else reason or "No row needs to be sent.", waiting=waiting, boundaries=_boundaries(trial),
    )  # fmt: skip


def _boundaries(trial: _Trial) -> tuple[Boundary, ...]:
    lanes = [lane.name for lane in trial.setup.lanes() if lane.wanted]
    return tuple(one for lane in lanes for one in boundaries(trial.journal, trial.spool, lane))


def _seconds(setup: RouteSetup, calls: tuple[Call, ...]) -> float:
    times = (sum(c.operation == g.operation.name for c in calls) * g.operation.interval for g in setup.legs)
    return max(times, default=0.0)


def _reason(row: Row[Any]) -> str:
    return "; ".join(row.notes) if row.state == "held" or row.counts.get("over_limit") else ""


def _bodies(trial: _Trial, run: str, out: Path) -> tuple[Call, ...]:
    with trial.journal.read() as tx:
        made = [(c.id, runs.batches_of(tx, c.id)) for c in runs.consignments_of(tx, run)]
    calls: list[Call] = []
    for identity, sent in made:
        with (trial.spool.consignment(identity).root / "bodies").open("rb") as bodies:
            for b in sent:
                bodies.seek(b.offset)
                body = bodies.read(b.length)
                name = f"{len(calls) + 1:04d}-{b.operation}{_suffix(body)}"
                (out / name).write_bytes(body)
                calls.append(Call(name, b.operation, b.records, len(body), hashlib.sha256(body).hexdigest()))
    return tuple(calls)


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
