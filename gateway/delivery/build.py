"""Forms a consignment: everything a lane holds that is due, newest value per key, guarded, encoded, on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Row

from gateway import delta, guard
from gateway.delivery.baseline import Baseline, inflight_keys
from gateway.delivery.setup import LaneSetup, Pinned
from gateway.journal import Journal, batches, runs
from gateway.journal import tables as t
from gateway.model import KEY, ROW, Batch, Reference
from gateway.spool import EFFECT_SCHEMA, MEMBER_SCHEMA, STATE, ConsignmentFolder, Spool, durable, write_frame


@dataclass(slots=True)
class Candidate:
    """A waiting run while its consignment is being formed."""

    position: int
    row: Row[Any]
    pinned: Pinned
    decided: pl.Series | None
    """Rows that earlier consignments decided; None: none did."""
    tally: guard.Tally = field(default_factory=guard.Tally)
    scheduled: int = 0
    next_due: datetime | None = None


@dataclass(slots=True)
class Plan:
    """Outcome of the deciding pass over all parts."""

    parts: int
    sends: int = 0
    decisions: int = 0
    held: dict[str, str] = field(default_factory=dict)


class Builder:
    """Forms consignments of lanes."""

    def __init__(self, journal: Journal, spool: Spool) -> None:
        self._journal = journal
        self._spool = spool

    def build(self, setup: LaneSetup, reference: Reference) -> bool:
        """Form one consignment of what is due; False when nothing was waiting. Held runs are marked as such."""
        while True:
            candidates = self._candidates(setup)
            if not candidates:
                return False
            now = self._journal.clock.now()
            identity = runs.run_id(now)
            folder = self._spool.consignment(identity)
            folder.begin()
            plan = self._decide(setup, candidates, folder, now)
            if plan.held:
                self._hold(plan.held)
                continue
            self._seal(setup, candidates, folder, identity, reference, plan)
            return True

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

    def _decide(self, setup: LaneSetup, candidates: list[Candidate], folder: ConsignmentFolder, now: datetime) -> Plan:
        baseline = Baseline.of_lane(self._journal, self._spool, setup.name)
        inflight = inflight_keys(self._journal, self._spool, setup.name)
        total = max(sum(c.row.rows for c in candidates), baseline.rows)
        plan = Plan(delta.parts_for(total))
        for part in range(plan.parts):
            known = baseline.part(part, plan.parts)
            flying = inflight.filter(delta.in_part(part, plan.parts))
            self._decide_part(setup, candidates, folder, (part, plan), (known, flying), now)
        for candidate in candidates:
            reason = self._guard(setup, candidate, now)
            if reason is not None:
                plan.held[candidate.row.id] = reason
        return plan

    def _decide_part(
        self,
        setup: LaneSetup,
        candidates: list[Candidate],
        folder: ConsignmentFolder,
        at: tuple[int, Plan],
        known: tuple[pl.DataFrame, pl.DataFrame],
        now: datetime,
    ) -> None:
        part, plan = at
        baseline, flying = known
        gathered: list[pl.DataFrame] = []
        members: dict[int, pl.DataFrame] = {}
        for candidate in candidates:
            rows = self._rows(setup, candidate, part, plan.parts)
            if candidate.pinned.grouping is not None:
                rows, joined = delta.collapse(rows, candidate.pinned.grouping.sums)
                members[candidate.position] = joined.with_columns(run=pl.lit(candidate.position, pl.UInt32))
            gathered.append(rows)
        frame = pl.concat(gathered, how="diagonal")
        frame = frame.with_columns(
            digest=delta.digest_expr(_compared(setup)),
            measure=pl.col(setup.measure),
            ended=pl.col("command").fill_null("") == "end",
        )
        route = candidates[0].pinned.route
        decided = delta.decide(frame, baseline, flying, drifts=setup.operation.drifts, rules=route.delta, now=now)
        derived = self._derived(setup, candidates, (part, plan.parts), known)
        self._tally(candidates, decided, derived, baseline)
        self._write_part(candidates, folder, part, plan, (decided, derived, members))

    def _rows(self, setup: LaneSetup, candidate: Candidate, part: int, parts: int) -> pl.DataFrame:
        wanted = list(dict.fromkeys([*setup.operation.fields, "command", "valid_from"]))
        blocks: list[pl.DataFrame] = []
        for block in self._spool.run(candidate.row.id).blocks():
            have = [c for c in wanted if c in block.columns]
            rows = block.filter(pl.col(STATE).is_null() & delta.in_part(part, parts)).select(ROW, KEY, *have)
            blocks.append(rows)
        frame = pl.concat(blocks) if blocks else pl.DataFrame(schema={ROW: pl.Int64, KEY: pl.String})
        if candidate.decided is not None:
            frame = frame.join(pl.DataFrame({ROW: candidate.decided}), on=ROW, how="anti", maintain_order="left")
        missing = [pl.lit(None, pl.String).alias(c) for c in wanted if c not in frame.columns]
        return frame.with_columns(
            *missing,
            run=pl.lit(candidate.position, pl.UInt32),
            seq=pl.lit(candidate.row.seq, pl.Int64),
        ).with_columns(
            due=pl.col("valid_from").str.strptime(pl.Datetime("us", "UTC"), "%Y-%m-%dT%H:%M:%SZ", strict=False)
        )

    def _derived(
        self,
        setup: LaneSetup,
        candidates: list[Candidate],
        at: tuple[int, int],
        known: tuple[pl.DataFrame, pl.DataFrame],
    ) -> pl.DataFrame:
        part, parts = at
        full = [c for c in candidates if c.row.mode == "full" and c.pinned.route.absent != "keep" and c.decided is None]
        found: list[pl.DataFrame] = []
        for candidate in full[-1:]:  # of several full files only the newest speaks of absence
            blocks = self._spool.run(candidate.row.id).blocks([])
            keys = [b.filter(delta.in_part(part, parts)).select(KEY) for b in blocks]
            newer = [
                self._rows(setup, c, part, parts).select(KEY, pl.col("seq").alias("seq_sent"))
                for c in candidates
                if c.row.seq > candidate.row.seq
            ]
            to_zero = candidate.pinned.route.absent == "zero"
            gone = delta.absent(
                known[0], pl.concat([known[1], *newer]), pl.concat(keys).unique(),
                seq=candidate.row.seq, to_zero=to_zero,
            )  # fmt: skip
            found.append(
                gone.with_columns(
                    run=pl.lit(candidate.position, pl.UInt32),
                    seq=pl.lit(candidate.row.seq, pl.Int64),
                    ended=pl.lit(not to_zero),
                    measure=pl.lit("0" if to_zero else None, pl.String),
                )
            )
        if found:
            return found[0]
        schema = {KEY: pl.String, "measure_known": pl.String, "run": pl.UInt32, "seq": pl.Int64}
        return pl.DataFrame(schema=schema | {"ended": pl.Boolean, "measure": pl.String})

    def _tally(
        self, candidates: list[Candidate], decided: pl.DataFrame, derived: pl.DataFrame, baseline: pl.DataFrame
    ) -> None:
        live = baseline.filter(~pl.col("ended")).height
        columns = ["run", KEY, "ended", "measure", "measure_known"]
        send = pl.concat([decided.filter(pl.col("decision") == "send").select(columns), derived.select(columns)])
        for c in candidates:
            mine = decided.filter(pl.col("run") == c.position)
            full = c.row.mode == "full" and c.decided is None
            part = guard.tally(send.filter(pl.col("run") == c.position), known=live, file_keys=mine.height, full=full)
            c.tally = c.tally.plus(part)
            later = mine.filter(pl.col("decision") == "scheduled")
            c.scheduled += later.height
            if later.height:
                first = later["due"].min()
                if isinstance(first, datetime) and (c.next_due is None or first < c.next_due):
                    c.next_due = first

    def _guard(self, setup: LaneSetup, candidate: Candidate, now: datetime) -> str | None:
        if candidate.row.released:
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
        tally = candidate.tally
        if tally.ended == 0 and tally.zeroed == 0 and not tally.full:
            return None
        return guard.verdict(tally, limits, hour=hour, last_full=last)

    def _hold(self, held: dict[str, str]) -> None:
        with self._journal.begin() as tx:
            for run, reason in held.items():
                runs.set_run(tx, run, state="held", notes=[reason])
                self._journal.note(tx, run, "held", reason)

    def _write_part(
        self,
        candidates: list[Candidate],
        folder: ConsignmentFolder,
        part: int,
        plan: Plan,
        frames: tuple[pl.DataFrame, pl.DataFrame, dict[int, pl.DataFrame]],
    ) -> None:
        decided, derived, members = frames
        sends = decided.filter(pl.col("decision") == "send").with_columns(derived=pl.lit(value=False))
        if derived.height:
            rows = derived.with_columns(derived=pl.lit(value=True), command=_derived_command())
            sends = pl.concat([sends, rows], how="diagonal")
        plan.sends += sends.height
        write_frame(sends, folder.root / f"send-{part:04d}.parquet", sync=False)
        if members:
            write_frame(pl.concat(members.values()), folder.root / f"joined-{part:04d}.parquet", sync=False)
        ended = decided.filter(pl.col("decision").is_in(["unchanged", "superseded"]))
        for c in candidates:
            mine = ended.filter(pl.col("run") == c.position)
            code = pl.col("decision").str.to_uppercase()
            detail = pl.when(pl.col("decision") == "superseded").then(pl.lit("by a newer file"))
            rows = mine.select(ROW, pl.col("decision").alias("state"), code.alias("code"), detail.alias("detail"))
            if c.position in members:
                more = members[c.position].join(rows, on=ROW, how="inner")
                more = more.select(pl.col("member").alias(ROW), "state", "code", "detail")
                rows = pl.concat([rows, more]).sort(ROW)
            plan.decisions += rows.height
            folder.add_decisions(part, c.row.id, rows)

    # ---- sealing

    def _seal(
        self,
        setup: LaneSetup,
        candidates: list[Candidate],
        folder: ConsignmentFolder,
        identity: str,
        reference: Reference,
        plan: Plan,
    ) -> None:
        made: list[batches.NewBatch] = []
        with folder.bodies.open("wb") as out:
            for part in range(plan.parts):
                made.extend(self._encode(setup, candidates, folder, part, reference, (out, made)))
        durable(folder.bodies)
        ended = sum(c.tally.ended for c in candidates)
        zeroed = sum(c.tally.zeroed for c in candidates)
        values = {
            "id": identity, "lane": setup.name, "operation": setup.operation.name, "state": "open",
            "created_at": self._journal.clock.now(), "effects": plan.sends,
            "guard": {"ended": ended, "zeroed": zeroed},
        }  # fmt: skip
        with self._journal.begin() as tx:
            batches.add_consignment(tx, values, [c.row.id for c in candidates])
            batches.add_batches(tx, identity, setup.destination.account, made)
            for c in candidates:
                runs.set_run(tx, c.row.id, open_rows=c.scheduled, wake_at=c.next_due)
        for path in [*folder.root.glob("send-*.parquet"), *folder.root.glob("joined-*.parquet")]:
            path.unlink()

    def _encode(
        self,
        setup: LaneSetup,
        candidates: list[Candidate],
        folder: ConsignmentFolder,
        part: int,
        reference: Reference,
        sink: tuple[BinaryIO, list[batches.NewBatch]],
    ) -> Iterator[batches.NewBatch]:
        out, before = sink
        base = sum(b.records for b in before)
        sends = pl.read_parquet(folder.root / f"send-{part:04d}.parquet")
        sends = sends.sort("seq", "derived", ROW, KEY, nulls_last=True).with_row_index("effect", offset=base)
        wanted = list(dict.fromkeys([KEY, "command", *setup.operation.fields]))
        have = [pl.col(c) if c in sends.columns else pl.lit(None, pl.String).alias(c) for c in wanted]
        keys = _key_columns(sends, setup)
        records = sends.select(pl.col("effect").cast(pl.UInt32), *have).with_columns(**keys)
        placed: list[pl.DataFrame] = []
        for number, encoded in enumerate(
            setup.destination.encode(setup.operation.name, records, reference), start=len(before)
        ):
            placed.append(encoded.effects.with_columns(batch=pl.lit(number, pl.UInt32)))
            offset = out.tell()
            out.write(encoded.body)
            yield _new_batch(number, encoded, offset, _runs_in(encoded, sends, candidates))
        self._write_effects(folder, part, sends, placed)

    def _write_effects(
        self, folder: ConsignmentFolder, part: int, sends: pl.DataFrame, placed: list[pl.DataFrame]
    ) -> None:
        places = (
            pl.concat(placed)
            if placed
            else pl.DataFrame(schema={"effect": pl.UInt32, "line": pl.Int64, "batch": pl.UInt32})
        )
        effects = sends.with_columns(pl.col("effect").cast(pl.UInt32)).join(
            places.with_columns(pl.col("effect").cast(pl.UInt32)), on="effect", how="left", maintain_order="left"
        )
        if effects["batch"].null_count():
            raise ValueError(f"{effects['batch'].null_count()} effects are in no batch: the encoder lost them")
        path = folder.root / f"joined-{part:04d}.parquet"
        members = pl.DataFrame(schema=MEMBER_SCHEMA)
        if path.exists():
            joined = pl.read_parquet(path).join(effects.select("effect", "run", ROW), on=["run", ROW], how="inner")
            members = joined.select("effect", pl.col("member").alias(ROW))
        folder.add_effects(part, effects.select(pl.col(n).cast(d) for n, d in EFFECT_SCHEMA.items()), members)


def _compared(setup: LaneSetup) -> list[str]:
    return list(dict.fromkeys(["command", *setup.operation.fields]))


def _derived_command() -> pl.Expr:
    return pl.when(pl.col("ended")).then(pl.lit("end")).otherwise(pl.lit(None, pl.String))


def _key_columns(sends: pl.DataFrame, setup: LaneSetup) -> dict[str, pl.Expr]:
    """Fill key fields and the measure of derived effects, which have no row to take them from."""
    if not sends["derived"].any():
        return {}
    names = setup.key_fields
    parts = pl.col(KEY).str.splitn("\x1f", len(names))
    filled = {
        name: pl.coalesce(pl.col(name), parts.struct.field(f"field_{n}")).alias(name)
        for n, name in enumerate(names)
        if name in setup.operation.fields
    }
    zero = pl.Series(sends["measure"]).rename(setup.measure)
    filled[setup.measure] = pl.coalesce(pl.col(setup.measure), zero)
    return filled


def _runs_in(encoded: Batch, sends: pl.DataFrame, candidates: list[Candidate]) -> tuple[str, ...]:
    if len(candidates) == 1:
        return (candidates[0].row.id,)
    positions = encoded.effects.join(sends.select(pl.col("effect").cast(pl.UInt32), "run"), on="effect", how="inner")[
        "run"
    ].unique()
    return tuple(candidates[p].row.id for p in sorted(positions.to_list()))


def _new_batch(number: int, encoded: Batch, offset: int, in_runs: tuple[str, ...]) -> batches.NewBatch:
    first = encoded.effects["effect"].min()
    return batches.NewBatch(
        number=number,
        operation=encoded.operation,
        slot=encoded.slot,
        offset=offset,
        length=len(encoded.body),
        digest=hashlib.sha256(encoded.body).hexdigest(),
        records=encoded.effects.height,
        first_effect=int(first) if isinstance(first, int) else 0,
        memo=encoded.memo,
        runs=in_runs,
    )
