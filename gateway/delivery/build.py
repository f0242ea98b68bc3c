"""Forms a consignment: everything a lane holds that is due, newest value per key, guarded, encoded, on disk."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import polars as pl
import sqlalchemy as sa

from gateway import delta, guard
from gateway.delivery.baseline import Baseline, inflight_keys, write_segment
from gateway.delivery.portions import Candidate, Portion, Portions
from gateway.delivery.setup import LaneSetup, Pinned
from gateway.journal import Journal, batches, runs
from gateway.journal import tables as t
from gateway.model import KEY, ROW, Batch, Reference
from gateway.spool import EFFECT_SCHEMA, MEMBER_SCHEMA, ConsignmentFolder, Spool, durable

_DERIVED_SCHEMA: dict[str, type[pl.DataType]] = {
    KEY: pl.String, "measure_known": pl.String, "run": pl.UInt32, "seq": pl.Int64,
    "ended": pl.Boolean, "measure": pl.String,
}  # fmt: skip


@dataclass(slots=True)
class Draft:
    """A consignment while it is written."""

    setup: LaneSetup
    candidates: list[Candidate]
    identity: str
    folder: ConsignmentFolder
    reference: Reference
    bodies: BinaryIO
    now: datetime
    effects: int = 0
    made: list[batches.NewBatch] = field(default_factory=list)
    segments: list[dict[str, str | int]] = field(default_factory=list)
    """Of unchanged rows: the baseline holds for their newer sequence."""


class Builder:
    """Forms consignments of lanes."""

    def __init__(self, journal: Journal, spool: Spool) -> None:
        self._journal = journal
        self._spool = spool

    def build(self, setup: LaneSetup, reference: Reference) -> list[str]:
        """Form one consignment of what is due; returns the runs that are held for a person instead.

        Batches are encoded while the rows are decided; should the guard hold a run, they are thrown away and formed
        again without it. Nothing counts before the journal names it.
        """
        held: dict[str, str] = {}
        while True:
            candidates = self._candidates(setup)
            if not candidates:
                return list(held)
            now = self._journal.clock.now()
            identity, folder = self._begin(now)
            with folder.bodies.open("wb") as bodies:
                draft = Draft(setup, candidates, identity, folder, reference, bodies, now)
                self._decide(draft)
            stopped = {c.row.id: why for c in candidates if (why := self._guard(setup, c, now)) is not None}
            if not stopped:
                self._seal(draft)
                return list(held)
            shutil.rmtree(folder.root)
            self._hold(stopped)
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

    def _candidates(self, setup: LaneSetup) -> list[Candidate]:
        with self._journal.read() as tx:
            now = self._journal.clock.now()
            rows = [r for r in runs.waiting(tx, setup.name) if r.wake_at is None or r.wake_at <= now]
            earlier = {r.id: [c.id for c in runs.consignments_of(tx, r.id)] for r in rows}
        return [
            Candidate(n, row, Pinned.model_validate(row.pinned), self._decided_rows(row.id, earlier[row.id]))
            for n, row in enumerate(rows)
        ]

    def _decided_rows(self, run: str, consignments: Sequence[str]) -> pl.Series | None:
        found: list[pl.Series] = []
        for identity in consignments:
            with self._journal.read() as tx:
                position = runs.runs_of(tx, identity).index(run)
            folder = self._spool.consignment(identity)
            found.extend(e.filter(pl.col("run") == position)[ROW].drop_nulls() for e in folder.effects(["run", ROW]))
            found.extend(d[ROW] for d in folder.decisions(run))
            found.append(folder.members()[ROW])
        return pl.concat(found) if found else None

    # ---- deciding

    def _decide(self, draft: Draft) -> None:
        lane = draft.setup.name
        baseline = Baseline.of_lane(self._journal, self._spool, lane)
        flying = inflight_keys(self._journal, self._spool, lane)
        portions = Portions(self._spool, draft.setup, draft.candidates, (baseline, flying), draft.folder.root)
        for number, portion in enumerate(portions):
            self._portion(draft, number, portion)

    def _portion(self, draft: Draft, number: int, portion: Portion) -> None:
        setup = draft.setup
        gathered: list[pl.DataFrame] = []
        members: dict[int, pl.DataFrame] = {}
        for candidate, rows in zip(draft.candidates, portion.rows, strict=True):
            grouping = candidate.pinned.grouping
            if grouping is not None:
                kept, joined = delta.collapse(rows, grouping.sums)
                members[candidate.position] = joined.with_columns(run=pl.lit(candidate.position, pl.UInt32))
                gathered.append(kept)
            else:
                gathered.append(rows)
        frame = pl.concat(gathered, how="diagonal") if len(gathered) > 1 else gathered[0]
        frame = frame.with_columns(
            digest=delta.digest_expr(_compared(setup)),
            measure=pl.col(setup.measure),
            ended=pl.col("command").fill_null("") == "end",
        )
        rules = draft.candidates[0].pinned.route.delta
        decided = delta.decide(
            frame, portion.known, portion.flying, drifts=setup.operation.drifts, rules=rules, now=draft.now
        )
        derived = self._derived(draft, portion)
        self._tally(draft.candidates, decided, derived, portion.known)
        self._write_decisions(draft, number, decided, members)
        touched = delta.touched(decided)
        if touched.height:
            name = f"{draft.identity}-touched-{number:04d}"
            draft.segments.append(
                write_segment(self._spool, setup.name, touched, consignment=draft.identity, name=name)
            )
        self._write_sends(draft, number, (decided, derived), members)

    def _derived(self, draft: Draft, portion: Portion) -> pl.DataFrame:
        """Effects of keys that the newest full file leaves out: of several full files only the newest speaks."""
        full = [c for c in draft.candidates if c.speaks_of_absence]
        if not full or portion.known.height == 0:
            return pl.DataFrame(schema=_DERIVED_SCHEMA)
        one = full[-1]
        newer = [
            rows.select(KEY, pl.col("seq").alias("seq_sent"))
            for c, rows in zip(draft.candidates, portion.rows, strict=True)
            if c.row.seq > one.row.seq
        ]
        to_zero = one.pinned.route.absent == "zero"
        present = portion.present.get(one.position, portion.known.select(KEY).clear())
        gone = delta.absent(
            portion.known, pl.concat([portion.flying, *newer]), present, seq=one.row.seq, to_zero=to_zero
        )
        return gone.with_columns(
            run=pl.lit(one.position, pl.UInt32),
            seq=pl.lit(one.row.seq, pl.Int64),
            ended=pl.lit(not to_zero),
            measure=pl.lit("0" if to_zero else None, pl.String),
        )

    def _tally(
        self, candidates: list[Candidate], decided: pl.DataFrame, derived: pl.DataFrame, baseline: pl.DataFrame
    ) -> None:
        live = baseline.filter(~pl.col("ended")).height
        columns = ["run", KEY, "ended", "measure", "measure_known"]
        for c in candidates:
            mine = decided if len(candidates) == 1 else decided.filter(pl.col("run") == c.position)
            if live:
                send = pl.concat([mine.filter(pl.col("decision") == "send").select(columns), derived.select(columns)])
                send = send.filter(pl.col("run") == c.position)
            else:
                send = mine.select(columns).clear()
            full = c.row.mode == "full" and c.decided is None
            c.tally = c.tally.plus(guard.tally(send, known=live, file_keys=mine.height, full=full))
            c.again += int((mine["same"] & (mine["decision"] == "send")).sum()) if live else 0
            later = mine.filter(pl.col("decision") == "scheduled")["due"]
            c.scheduled += later.len()
            first = later.min()
            if isinstance(first, str):
                at = datetime.fromisoformat(first)
                c.next_due = at if c.next_due is None else min(c.next_due, at)

    def _guard(self, setup: LaneSetup, candidate: Candidate, now: datetime) -> str | None:
        tally = candidate.tally
        if candidate.row.released or (tally.ended == 0 and tally.zeroed == 0 and not tally.full):
            return None
        limits = candidate.pinned.route.guard
        with self._journal.read() as tx:
            since = now - timedelta(seconds=limits.window)
            query = sa.select(t.consignment.c.guard).where(
                t.consignment.c.lane == setup.name, t.consignment.c.created_at >= since
            )
            sums = list(tx.scalars(query))
            last = runs.last_full(tx, setup.name, candidate.row.seq)
        hour = {word: sum(int(s.get(word, 0)) for s in sums) for word in ("ended", "zeroed")}
        return guard.verdict(tally, limits, hour=hour, last_full=last)

    def _hold(self, held: dict[str, str]) -> None:
        with self._journal.begin() as tx:
            for run, reason in held.items():
                runs.set_run(tx, run, state="held", notes=[reason])
                self._journal.note(tx, run, "held", reason)

    # ---- writing

    def _write_decisions(
        self, draft: Draft, number: int, decided: pl.DataFrame, members: dict[int, pl.DataFrame]
    ) -> None:
        ended = decided.filter(pl.col("decision").is_in(["unchanged", "superseded"]))
        if not ended.height:
            return
        for c in draft.candidates:
            mine = ended.filter(pl.col("run") == c.position)
            code = pl.col("decision").str.to_uppercase()
            detail = pl.when(pl.col("decision") == "superseded").then(pl.lit("by a newer file"))
            rows = mine.select(ROW, pl.col("decision").alias("state"), code.alias("code"), detail.alias("detail"))
            if c.position in members:
                more = members[c.position].join(rows, on=ROW, how="inner")
                more = more.select(pl.col("member").alias(ROW), "state", "code", "detail")
                rows = pl.concat([rows, more]).sort(ROW)
            draft.folder.add_decisions(number, c.row.id, rows)

    def _write_sends(
        self,
        draft: Draft,
        number: int,
        frames: tuple[pl.DataFrame, pl.DataFrame],
        members: dict[int, pl.DataFrame],
    ) -> None:
        decided, derived = frames
        sends = decided.filter(pl.col("decision") == "send").with_columns(derived=pl.lit(value=False))
        if derived.height:
            command = pl.when(pl.col("ended")).then(pl.lit("end")).otherwise(pl.lit(None, pl.String))
            rows = derived.with_columns(derived=pl.lit(value=True), command=command)
            sends = pl.concat([sends, rows], how="diagonal")
        if len(draft.candidates) > 1 or derived.height:
            sends = sends.sort("seq", "derived", ROW, KEY, nulls_last=True)
        sends = sends.with_row_index("effect", offset=draft.effects)
        placed = self._encode(draft, sends)
        draft.effects += sends.height
        effects = sends.with_columns(digest=_digest_of(draft.setup, derived.height > 0))
        effects = _placed(effects, placed)
        joined = pl.DataFrame(schema=MEMBER_SCHEMA)
        if members:
            of_run = effects.select("effect", "run", ROW)
            joined = pl.concat(members.values()).join(of_run, on=["run", ROW], how="inner")
            joined = joined.select("effect", pl.col("member").alias(ROW))
        wanted = effects.select(pl.col(n).cast(d) for n, d in EFFECT_SCHEMA.items())
        draft.folder.add_effects(number, wanted, joined)

    def _encode(self, draft: Draft, sends: pl.DataFrame) -> list[tuple[int, pl.DataFrame]]:
        setup = draft.setup
        wanted = list(dict.fromkeys([KEY, "command", *setup.operation.fields]))
        records = sends.select(pl.col("effect").cast(pl.UInt32), *wanted)
        if sends["derived"].any():
            records = records.with_columns(_of_derived(sends, setup))
        placed: list[tuple[int, pl.DataFrame]] = []
        for encoded in setup.destination.encode(setup.operation.name, records, draft.reference):
            number = len(draft.made)
            placed.append((number, encoded.effects))
            offset = draft.bodies.tell()
            draft.bodies.write(encoded.body)
            draft.made.append(_new_batch(number, encoded, offset, _runs_in(encoded, sends, draft.candidates)))
        return placed

    def _seal(self, draft: Draft) -> None:
        durable(draft.folder.bodies)
        candidates = draft.candidates
        values = {
            "id": draft.identity, "lane": draft.setup.name, "operation": draft.setup.operation.name, "state": "open",
            "created_at": self._journal.clock.now(), "effects": draft.effects,
            "guard": {
                "ended": sum(c.tally.ended for c in candidates), "zeroed": sum(c.tally.zeroed for c in candidates),
            },
        }  # fmt: skip
        with self._journal.begin() as tx:
            batches.add_consignment(tx, values, [c.row.id for c in candidates])
            batches.add_batches(tx, draft.identity, draft.setup.destination.account, draft.made)
            if draft.segments:
                tx.execute(sa.insert(t.segment), draft.segments)
            for c in candidates:
                runs.set_run(
                    tx, c.row.id, open_rows=c.scheduled, wake_at=c.next_due, notes=[*c.row.notes, *_why_again(c)]
                )


def _why_again(candidate: Candidate) -> list[str]:
    if candidate.again == 0:
        return []
    rows = "1 row equals" if candidate.again == 1 else f"{candidate.again:,} rows equal"
    sent = "was" if candidate.again == 1 else "were"
    return [f"{rows} what was confirmed last and {sent} sent again: the value can drift meanwhile."]


def _compared(setup: LaneSetup) -> list[str]:
    """Fields whose change makes a row new; the time stamp of the file alone does not."""
    return [f for f in dict.fromkeys(["command", *setup.operation.fields]) if f != "timestamp"]


def _digest_of(setup: LaneSetup, derived: bool) -> pl.Expr:  # noqa: FBT001  one question, asked here only
    return delta.digest_expr(_compared(setup)) if derived else pl.col("digest")


def _of_derived(sends: pl.DataFrame, setup: LaneSetup) -> list[pl.Expr]:
    """Key fields and the measure of derived effects, which have no row to take them from."""
    names = setup.key_fields
    parts = pl.col(KEY).str.splitn("\x1f", len(names))
    filled = [
        pl.when(sends["derived"]).then(parts.struct.field(f"field_{n}")).otherwise(pl.col(name)).alias(name)
        for n, name in enumerate(names)
        if name in setup.operation.fields
    ]
    if setup.measure in setup.operation.fields:
        measure = pl.when(sends["derived"]).then(sends["measure"]).otherwise(pl.col(setup.measure))
        filled.append(measure.alias(setup.measure))
    if "timestamp" in setup.operation.fields:
        stamp = runs.source_time(sends["seq"])  # the file that left the key out speaks at its own time
        filled.append(pl.when(sends["derived"]).then(stamp).otherwise(pl.col("timestamp")).alias("timestamp"))
    return filled


def _placed(effects: pl.DataFrame, placed: list[tuple[int, pl.DataFrame]]) -> pl.DataFrame:
    """Add batch and line to the effects. Raises ValueError when the encoder lost one."""
    if not placed:
        if effects.height:
            raise ValueError(f"{effects.height} effects are in no batch: the encoder made none")
        return effects.with_columns(batch=pl.lit(0, pl.UInt32), line=pl.lit(0, pl.Int64))
    places = pl.concat([f for _, f in placed]).select(pl.col("effect").cast(pl.UInt32), pl.col("line").cast(pl.Int64))
    numbers = pl.Series([n for n, _ in placed], dtype=pl.UInt32)
    lengths = pl.Series([f.height for _, f in placed], dtype=pl.UInt32)
    index = pl.select(pl.lit(numbers).repeat_by(lengths).explode()).to_series()
    places = places.with_columns(index.alias("batch"))
    if places["effect"].equals(effects["effect"]):
        return effects.hstack([places["batch"], places["line"]])
    joined = effects.join(places, on="effect", how="left", maintain_order="left")
    if joined["batch"].null_count() or joined.height != effects.height:
        raise ValueError("effects are in no batch or in several: the encoder lost or repeated records")
    return joined


def _runs_in(encoded: Batch, sends: pl.DataFrame, candidates: list[Candidate]) -> tuple[str, ...]:
    if len(candidates) == 1:
        return (candidates[0].row.id,)
    of = sends.select(pl.col("effect").cast(pl.UInt32), "run")
    positions = encoded.effects.join(of, on="effect", how="inner")["run"].unique()
    return tuple(candidates[p].row.id for p in sorted(positions.to_list()))


def _new_batch(number: int, encoded: Batch, offset: int, in_runs: tuple[str, ...]) -> batches.NewBatch:
    first: Any = encoded.effects["effect"].min()
    return batches.NewBatch(
        number=number,
        operation=encoded.operation,
        slot=encoded.slot,
        offset=offset,
        length=len(encoded.body),
        digest=hashlib.sha256(encoded.body).hexdigest(),
        records=encoded.effects.height,
        first_effect=int(first) if first is not None else 0,
        memo=encoded.memo,
        runs=in_runs,
    )
