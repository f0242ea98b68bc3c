"""A consignment while it is written: what is decided about its rows, portion by portion, and the calls made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from gateway import delta
from gateway.ahead import beside
from gateway.delivery.absence import LEAVES, Absence
from gateway.delivery.alike import judged_alike
from gateway.delivery.baseline import Baseline, Renewal, inflight_keys, only, under_way, write_segment
from gateway.delivery.before import Before
from gateway.delivery.beside import lowered
from gateway.delivery.bodies import Bodies
from gateway.delivery.encoded import in_batches, new_batch, runs_in
from gateway.delivery.instead import one_change, remembered, says_all, with_known
from gateway.delivery.lasting import SENT, Lasting
from gateway.delivery.portions import Candidate, Portion, Portions, transmitted
from gateway.delivery.regular import WRITTEN, Regular
from gateway.delivery.setup import LaneSetup, Leg
from gateway.delivery.silenced import overtaken, silenced
from gateway.delivery.taken_back import tallied
from gateway.delivery.together import Together
from gateway.errors import GatewayError
from gateway.issues import WARNINGS
from gateway.journal import Journal, batches, runs
from gateway.model import EACH, INSTEAD, KEY, KEY_SEPARATOR, LINE, REGULAR, ROW, Reference
from gateway.spool import EFFECT_SCHEMA, MEMBER_SCHEMA, ConsignmentFolder, Spool


@dataclass(slots=True)
class Draft:
    """A consignment while it is written."""

    setup: LaneSetup
    leg: Leg
    candidates: list[Candidate]
    identity: str
    folder: ConsignmentFolder
    before: Before
    bodies: Bodies
    now: datetime
    effects: int = 0
    made: list[batches.NewBatch] = field(default_factory=list)
    segments: list[dict[str, str | int]] = field(default_factory=list)
    """Of unchanged rows that were cut into parts: the baseline holds for their newer sequence."""
    renewal: Renewal = field(default_factory=lambda: Renewal(Baseline([])))
    """The same of rows that met it in memory."""
    together: Together | None = None
    """Where rows of several keys are one record."""
    lasting: Lasting | None = None
    """Where dates are of the key."""
    silenced: pl.Expr | None = None
    """Which rows a full file left out that was looked at before and is newer; None: none."""
    alone: pl.Expr | None = None
    """Which rows are all that a full file has of their key, where one may take the place of what it was; None: none."""
    absence: Absence | None = None
    """Where a full file may leave keys out."""
    regular: Regular | None = None
    """Where promotions are compared with prices."""
    decided: int = 0
    """Rows that ended here or are sent, and keys derived."""
    writing: list[Future[None]] = field(default_factory=list)
    """Effects that are made durable while the next portion is decided."""

    def write(self, number: int, effects: pl.DataFrame, members: pl.DataFrame) -> None:
        """Write the effects of a portion, when those of the one before are written."""
        self.written()
        self.bodies.sync()
        self.writing = [beside(self.folder.add_effects, number, effects, members)]

    def written(self) -> None:
        """Wait until all effects given so far are durable. Raises what writing them raised."""
        for each in self.writing:
            each.result()


class Decider:
    """Decides the rows of a draft and writes their effects, bodies and decisions; `trial`: nobody can be asked."""

    def __init__(self, journal: Journal, spool: Spool, *, trial: bool) -> None:
        self._journal = journal
        self._spool = spool
        self._trial = trial
        self.unasked: set[str] = set()
        """Operations in a trial that ask the destination first, which was not asked."""

    def decide(self, draft: Draft) -> None:
        """Decide all rows of the candidates. Raises MayWorkLater when the destination can't be asked now."""
        lane = draft.setup.name
        mine = draft.leg.written()
        baseline = Baseline.of_lane(self._journal, self._spool, lane, mine)
        draft.renewal = Renewal(baseline)
        draft.regular = self._regular(draft)
        flying = only(inflight_keys(self._journal, self._spool, lane), mine)
        portions = Portions(self._spool, draft.leg, draft.candidates, (baseline, flying), draft.folder.root)
        draft.silenced = silenced(self._journal, draft.setup, draft.leg, draft.candidates, portions.keys)
        portions.silenced = draft.silenced
        overtaken(self._journal, draft.setup, [(c, draft.leg) for c in draft.candidates])
        draft.alone = says_all(self._journal, self._spool, draft.leg, draft.candidates, portions)
        draft.lasting = Lasting(draft.leg, draft.candidates, draft.now)
        draft.lasting.look(baseline, self._under_way(draft, SENT), portions)
        draft.together = Together(draft.leg, draft.candidates, portions, draft.now)
        draft.together.look(baseline, self._under_way(draft, SENT), portions, draft.lasting.former)
        draft.absence = Absence(draft.leg, draft.candidates, draft.now)
        draft.absence.look(baseline, self._under_way(draft, [*LEAVES]), portions)
        try:
            for number, portion in enumerate(portions):
                self._portion(draft, number, portion)
        finally:
            wait(draft.writing)
        draft.written()

    def _regular(self, draft: Draft) -> Regular | None:
        family, lane = draft.leg.operation.regular, draft.leg.regular
        written = [one for one in draft.setup.destination.operations if one.family == family]
        follows = draft.leg.operation.follows
        return Regular(self._journal, self._spool, lane, written, follows=follows) if lane else None

    def _portion(self, draft: Draft, number: int, portion: Portion) -> None:
        leg = draft.leg
        frame, members = _gathered(draft, portion)
        if draft.regular is not None:
            frame = draft.regular.beside(frame)
        frame = frame.with_columns(
            digest=delta.digest_expr(_compared(leg, frame.columns)),
            measure=remembered(leg),
            ended=pl.col("command").fill_null("") == "end",
        )
        rules = draft.candidates[0].pinned.route.delta
        drifts = leg.operation.drifts
        if portion.beside is None:
            decided = delta.decide(frame, portion.known, portion.flying, drifts=drifts, rules=rules, now=draft.now)
        else:
            decided = delta.judged(frame.hstack(portion.beside), drifts=drifts, rules=rules, now=draft.now)
        if draft.absence is None:
            raise AssertionError(draft.identity)
        decided, derived = draft.absence.judged(decided, portion, draft.silenced), draft.absence.derived(portion)
        portion = replace(portion, live=portion.live - draft.absence.over.height)
        decided = draft.before.judged(decided, [c.row.id for c in draft.candidates])
        decided, derived = self._together(draft, number, (decided, derived), members)
        decided = with_known(decided, draft.alone, draft.now)
        counting = beside(self._tally, draft, decided, derived, portion)
        try:
            self._made(draft, number, (decided, derived, portion), members)
        finally:
            wait([counting])
        counting.result()

    def _made(
        self,
        draft: Draft,
        number: int,
        frames: tuple[pl.DataFrame, pl.DataFrame, Portion],
        members: dict[int, pl.DataFrame],
    ) -> None:
        """Write what became of the rows of a portion: decisions, what the baseline learns, effects and calls."""
        decided, derived, portion = frames
        decided, reference = self._asked(draft, decided, derived)
        self._write_decisions(draft, number, decided, members)
        touched = delta.touched(decided) if portion.beside is None else None
        if touched is None:
            draft.renewal.mark(decided.filter(delta.renewed()))
        elif touched.height:
            name = f"{draft.identity}-touched-{number:04d}"
            draft.segments.append(
                write_segment(self._spool, draft.setup.name, touched, consignment=draft.identity, name=name)
            )
        self._write_sends(draft, number, (decided, derived, reference), members)

    def _under_way(self, draft: Draft, columns: list[str]) -> Iterator[pl.DataFrame]:
        """Yield what the leg has under way in its lane, read when it is asked for."""
        mine = draft.leg.written()
        return (only(one, mine) for one in under_way(self._journal, self._spool, draft.setup.name, columns))

    def _together(
        self, draft: Draft, number: int, both: tuple[pl.DataFrame, pl.DataFrame], members: dict[int, pl.DataFrame]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Set aside what another row of the same record says better."""
        decided, derived = both
        if draft.together is None or draft.lasting is None or draft.absence is None:
            return decided, derived
        decided = draft.lasting.judged(decided)
        shared, operation = draft.together.shared(decided), draft.leg.operation
        asked, today = draft.setup.destination, draft.now.date()
        decided = judged_alike(decided, shared, operation, asked, today, trial=self._trial)
        decided = draft.together.judged(decided, draft.lasting.vain(decided), members.values())
        derived = draft.together.left(derived)
        decided = draft.lasting.idle(decided)
        known = {"together": draft.together.marks(), "lasting": draft.lasting.marks(decided)}
        for word, marks in (known | {"over": draft.absence.over}).items():
            if marks.height:
                name = f"{draft.identity}-{word}-{number:04d}"
                draft.segments.append(
                    write_segment(self._spool, draft.setup.name, marks, consignment=draft.identity, name=name)
                )
        return decided, derived

    def _asked(self, draft: Draft, decided: pl.DataFrame, derived: pl.DataFrame) -> tuple[pl.DataFrame, Reference]:
        """Ask the destination what it knows of what is to be sent, where the operation wants that; judge rows by it."""
        operation = draft.leg.operation
        if not operation.gathers:
            return decided, Reference()
        placed = decided.with_row_index("effect")
        sends = placed.filter(pl.col("decision") == "send")
        if not sends.height + derived.height:
            return decided, Reference()
        records = _records(draft.leg, sends)
        records = records.with_columns(sends["effect"].cast(pl.Int64).alias(ROW), pl.lit(0, pl.Int64).alias(LINE))
        absent = _with_derived(sends.clear(), derived).with_columns(effect=pl.lit(0, pl.UInt32))
        absent = _records(draft.leg, absent).with_columns(_of_derived(absent, draft.leg))
        destination = draft.setup.destination
        try:
            reference = destination.gather(operation.name, pl.concat([records, absent], how="diagonal"))
        except GatewayError:
            if not self._trial:
                raise
            self.unasked.add(operation.name)
            return decided, Reference()  # nobody is called: what does not lie at hand stays unknown
        found = destination.check(operation.name, records, reference, draft.now.date())
        found = found.filter(~pl.col("code").is_in(sorted(WARNINGS))).unique(ROW, keep="first")
        if not found.height:
            return decided, reference
        told = ("decision", "code", "detail", "field")
        wrong = found.select(
            pl.col(ROW).cast(pl.UInt32).alias("effect"),
            pl.lit("refused").alias("decision"),
            "code",
            "detail",
            "field",
        )
        absent_text = [name for name in told if name not in placed.columns]
        placed = placed.with_columns(pl.lit(None, pl.String).alias(name) for name in absent_text)
        placed = placed.join(wrong, on="effect", how="left", suffix="_told", maintain_order="left")
        placed = placed.with_columns(pl.coalesce(f"{name}_told", name).alias(name) for name in told)
        return placed.drop("effect", *(f"{name}_told" for name in told)), reference

    def _tally(self, draft: Draft, decided: pl.DataFrame, derived: pl.DataFrame, portion: Portion) -> None:
        candidates = draft.candidates
        compared = portion.known.height > 0 or portion.beside is not None
        columns = ["run", KEY, "ended", "measure", "measure_known"]
        there = pl.col("measure_known").is_not_null()  # from what is not there nothing is taken away
        for c in candidates:
            mine = decided if len(candidates) == 1 else decided.filter(pl.col("run") == c.position)
            if compared:
                moved = mine.filter((pl.col("decision") == "send") & there)
                send = pl.concat([moved.select(columns), derived.filter(pl.col("run") == c.position).select(columns)])
            else:
                send = mine.select(columns).clear()
            c.tally = c.tally.plus(lowered(draft.leg, c, mine))
            told = tallied(c, send, known=portion.live, file_keys=mine.height, priced=draft.leg.priced)
            c.tally = c.tally.plus(told)
            c.waits += int((mine["decision"] == "waiting").sum())
            c.again += int((mine["same"] & (mine["decision"] == "send")).sum()) if compared else 0
            later = mine.filter(pl.col("decision") == "scheduled")["due"]
            c.scheduled += later.len()
            first = later.min()
            if isinstance(first, str):
                at = datetime.fromisoformat(first)
                c.next_due = at if c.next_due is None else min(c.next_due, at)

    # ---- writing

    def _write_decisions(
        self, draft: Draft, number: int, decided: pl.DataFrame, members: dict[int, pl.DataFrame]
    ) -> None:
        ended = decided.filter(pl.col("decision").is_in(["unchanged", "superseded", "refused", "skipped"]))
        if not ended.height:
            return
        draft.decided += ended.height
        absent = [name for name in ("code", "detail", "field") if name not in ended.columns]
        ended = ended.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
        for c in draft.candidates:
            mine = ended.filter(pl.col("run") == c.position)
            newer = pl.when(pl.col("decision") == "superseded").then(pl.lit("by a newer file"))
            detail = pl.coalesce("detail", newer)
            code = pl.when(detail.is_not_null()).then(pl.coalesce("code", pl.col("decision").str.to_uppercase()))
            rows = mine.select(
                ROW, pl.col("decision").alias("state"), code.alias("code"), detail.alias("detail"), "field"
            )
            if c.position in members:
                more = members[c.position].join(rows, on=ROW, how="inner")
                more = more.select(pl.col("member").alias(ROW), "state", "code", "detail", "field")
                rows = pl.concat([rows, more]).sort(ROW)
            draft.folder.add_decisions(number, c.row.id, rows)

    def _write_sends(
        self,
        draft: Draft,
        number: int,
        frames: tuple[pl.DataFrame, pl.DataFrame, Reference],
        members: dict[int, pl.DataFrame],
    ) -> None:
        decided, derived, reference = frames
        sends = decided.filter(pl.col("decision") == "send").with_columns(derived=pl.lit(value=False))
        if derived.height:
            sends = _with_derived(sends, derived)
        if len(draft.candidates) > 1 or derived.height:
            sends = sends.sort("seq", "derived", ROW, KEY, nulls_last=True)
        sends = sends.with_row_index("effect", offset=draft.effects)
        placed = self._encode(draft, sends, reference)
        draft.effects += sends.height
        draft.decided += sends.height
        effects = sends
        if derived.height:
            effects = sends.with_columns(digest=delta.digest_expr(_compared(draft.leg, decided.columns)))
        effects = in_batches(effects, placed)
        joined = pl.DataFrame(schema=MEMBER_SCHEMA)
        if members:
            of_run = effects.select("effect", "run", ROW)
            joined = pl.concat(members.values()).join(of_run, on=["run", ROW], how="inner")
            joined = joined.select("effect", pl.col("member").alias(ROW))
        wanted = effects.select(pl.col(n).cast(d) for n, d in EFFECT_SCHEMA.items())
        draft.write(number, wanted, joined)

    def _encode(self, draft: Draft, sends: pl.DataFrame, reference: Reference) -> list[tuple[int, pl.DataFrame]]:
        records = _records(draft.leg, sends)
        if sends["derived"].any():
            records = records.with_columns(_of_derived(sends, draft.leg))
        placed: list[tuple[int, pl.DataFrame]] = []
        for encoded in draft.setup.destination.encode(draft.leg.operation.name, records, reference):
            number = len(draft.made)
            placed.append((number, encoded.effects))
            offset = draft.bodies.add(encoded.body)
            draft.made.append(new_batch(number, encoded, offset, runs_in(encoded, sends, draft.candidates)))
        return placed


def _gathered(draft: Draft, portion: Portion) -> tuple[pl.DataFrame, dict[int, pl.DataFrame]]:
    """Return the rows that are decided, of all candidates, and by position those that go along with one of them."""
    rows: list[pl.DataFrame] = []
    members: dict[int, pl.DataFrame] = {}
    for candidate, mine in zip(draft.candidates, portion.rows, strict=True):
        grouping = candidate.pinned.grouping
        if grouping is not None:
            kept, joined = delta.collapse(mine, grouping.sums)
            members[candidate.position] = joined.with_columns(run=pl.lit(candidate.position, pl.UInt32))
            rows.append(kept)
        else:
            rows.append(mine)
    frame = pl.concat(rows, how="diagonal") if len(rows) > 1 else rows[0]
    if draft.leg.operation.instead:
        frame, along = one_change(frame)
        for (position,), further in along.partition_by("run", as_dict=True).items():
            before = [members[position]] if position in members else []
            members[position] = pl.concat([*before, further], how="diagonal")
    return frame, members


def _with_derived(sends: pl.DataFrame, derived: pl.DataFrame) -> pl.DataFrame:
    """Append derived effects to those of rows."""
    command = pl.when(pl.col("ended")).then(pl.lit("end")).otherwise(pl.lit(None, pl.String))
    return pl.concat([sends, derived.with_columns(derived=pl.lit(value=True), command=command)], how="diagonal")


def _records(leg: Leg, sends: pl.DataFrame) -> pl.DataFrame:
    beside = [*([] if leg.operation.each is None else [EACH]), *([REGULAR] if leg.regular else [])]
    beside += [INSTEAD] if leg.operation.instead else []
    wanted = dict.fromkeys([KEY, "command", *beside, *transmitted(leg, sends.columns), *leg.operation.context])
    return sends.select(pl.col("effect").cast(pl.UInt32), *wanted)


def _compared(leg: Leg, present: Collection[str]) -> list[str]:
    """Fields whose change makes a row new; the time stamp of the file alone does not."""
    beside = [*([REGULAR] if leg.operation.reckoned else []), *([WRITTEN] if leg.operation.follows else [])]
    return [f for f in dict.fromkeys(["command", *transmitted(leg, present), *beside]) if f != "timestamp"]


def _of_derived(sends: pl.DataFrame, leg: Leg) -> list[pl.Expr]:
    """Key fields and the measure of derived effects, which have no row to take them from."""
    names, fields = leg.key_fields, leg.operation.fields
    more = (leg.operation.part != "") + (leg.operation.each is not None)
    parts = pl.col(KEY).str.splitn(KEY_SEPARATOR, len(names) + more)
    filled = [
        pl.when(sends["derived"]).then(parts.struct.field(f"field_{n}")).otherwise(pl.col(name)).alias(name)
        for n, name in enumerate(names)
        if name in fields
    ]
    if leg.measure in fields and leg.measure not in names:
        measure = pl.when(sends["derived"]).then(sends["measure"]).otherwise(pl.col(leg.measure))
        filled.append(measure.alias(leg.measure))
    if leg.operation.each is not None:
        item = parts.struct.field(f"field_{len(names) + more - 1}")
        filled.append(pl.when(sends["derived"]).then(item).otherwise(pl.col(EACH)).alias(EACH))
    if "timestamp" in fields:
        stamp = runs.source_time(sends["seq"])  # the file that left the key out speaks at its own time
        filled.append(pl.when(sends["derived"]).then(stamp).otherwise(pl.col("timestamp")).alias("timestamp"))
    return filled
