"""Forms consignments of lanes that send wanted prices: due rows of base prices and promotions, and boundaries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import polars as pl
from sqlalchemy.engine import Connection

from gateway.delivery import forming, taken_back, wanted, wanted_runs
from gateway.delivery import wanted_sends as sends_of
from gateway.delivery.baseline import Baseline, inflight_keys
from gateway.delivery.before import Before
from gateway.delivery.bodies import Bodies
from gateway.delivery.book import Book, Pages, compact, next_boundary, wakes
from gateway.delivery.effects import decided_rows
from gateway.delivery.encoded import new_batch
from gateway.delivery.portions import Candidate
from gateway.delivery.setup import LaneSetup, Leg, Pinned
from gateway.delivery.silenced import last_spoken, overtaken
from gateway.delivery.wanted_coming import Coming
from gateway.delivery.wanted_parts import Part, Parts, Waiting, silent, stored, transmitted
from gateway.delivery.wanted_settle import write_offered
from gateway.issues import WARNINGS
from gateway.journal import Journal, batches, runs
from gateway.model import KEY, LINE, ROW, Operation, Reference
from gateway.spool import EFFECT_SCHEMA, MEMBER_SCHEMA, ConsignmentFolder, Spool


@dataclass(slots=True)
class WantedDraft:
    """A consignment of wanted prices while it is written."""

    setup: LaneSetup
    waiting: list[Waiting]
    identity: str
    folder: ConsignmentFolder
    bodies: Bodies
    pages: Pages
    before: dict[tuple[str, ...], Before]
    coming: Coming | None
    now: datetime
    effects: int = 0
    made: list[batches.NewBatch] = field(default_factory=list)
    decided: int = 0
    boundary: int = 0
    """Articles sent because a promotion began or ended, without a row."""

    @property
    def candidates(self) -> list[Candidate]:
        """The waiting runs by position."""
        return [w.candidate for w in self.waiting]

    @property
    def decimals(self) -> int:
        """Decimals of a price the lane sends."""
        terms = self.setup.base().prices
        return 2 if terms is None else terms.decimals


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows of a part with their decisions, the articles concerned, and what is to be booked of them."""

    base: pl.DataFrame
    promotions: pl.DataFrame
    shown: pl.DataFrame
    prices: pl.DataFrame
    booked: pl.DataFrame

    def without(self, refused: pl.DataFrame) -> _Judged:
        """Leave out articles the destination can't take: nothing of theirs begins to count."""
        bad = pl.col(KEY).is_in(refused[KEY].implode())
        return _Judged(
            sends_of.without(self.base, refused),
            sends_of.without(self.promotions, refused),
            self.shown.with_columns(send=pl.col("send") & ~bad),
            self.prices.filter(~bad),
            self.booked.filter(~(bad & pl.col("begun"))),
        )


class WantedBuilder:
    """Forms consignments of wanted prices; `trial`: nobody is asked, and nothing waits for another effect."""

    def __init__(self, journal: Journal, spool: Spool, *, trial: bool = False) -> None:
        self._journal = journal
        self._spool = spool
        self._trial = trial

    def build(self, setup: LaneSetup) -> list[str]:
        """Form one consignment of what is due; returns the runs that are held for a person instead.

        Raises MayWorkLater when the destination has to be asked and can't answer now.
        """
        held: dict[str, str] = {}
        while True:
            now = self._journal.clock.now()
            waiting = self._waiting(setup, now)
            if not waiting and not self._due(setup, now):
                return list(held)
            identity, folder = forming.begin(self._journal, self._spool, now)
            pages = Pages(self._spool, setup.name)
            taken_back.look(self._journal, self._spool, setup.name, (w.candidate for w in waiting), now)
            before = {w.leg.after: Before(self._journal, self._spool, w.leg.after) for w in waiting if w.leg.after}
            coming = Coming(self._journal, self._spool, setup, {w.candidate.row.id for w in waiting})
            try:
                with Bodies(folder.bodies, folder.keep_call) as bodies:
                    draft = WantedDraft(
                        setup, waiting, identity, folder, bodies, pages,
                        {} if self._trial else before, None if self._trial else coming, now,
                    )  # fmt: skip
                    self._decide(draft)
            except BaseException:
                folder.remove()
                pages.drop()
                raise
            promotions = frozenset(w.candidate.position for w in waiting if w.promotes)
            stopped = forming.stopped(self._journal, setup.name, draft.candidates, now, alone=promotions)
            if not stopped and self._seal(draft):
                compact(self._journal, self._spool, setup.name)
                return list(held)
            folder.remove()
            pages.drop()
            forming.hold(self._journal, setup.name, stopped)
            held |= stopped

    def _waiting(self, setup: LaneSetup, now: datetime) -> list[Waiting]:
        """All runs that are due, whatever their operation: prices and promotions are decided together."""
        with self._journal.read() as tx:
            rows = [r for r in runs.waiting(tx, setup.name) if r.wake_at is None or r.wake_at <= now]
        found: list[Waiting] = []
        for row in rows:
            pinned = Pinned.model_validate(row.pinned)
            leg = setup.leg(row.operation, pinned.route.contract)
            if leg is not None:
                decided = decided_rows(self._journal, self._spool, row.id, setup.name)
                found.append(Waiting(Candidate(len(found), row, pinned, decided), leg))
        return found

    def _due(self, setup: LaneSetup, now: datetime) -> bool:
        with self._journal.read() as tx:
            return any(at <= now for at in wakes(tx, setup.name))

    # ---- deciding

    def _decide(self, draft: WantedDraft) -> None:
        lane = draft.setup.name
        known = (
            Book.of_lane(self._journal, self._spool, lane),
            Baseline.of_lane(self._journal, self._spool, lane),
            inflight_keys(self._journal, self._spool, lane),
        )
        spoken = [
            Waiting(*found)
            for word in ("base", "promotion")
            if (found := last_spoken(self._journal, draft.setup, draft.candidates, partial(_writes, word)))
        ]
        overtaken(self._journal, draft.setup, [(w.candidate, w.leg) for w in draft.waiting])
        parts = Parts(self._spool, draft.setup, draft.waiting, known, draft.now, draft.folder.root, spoken)
        for number, part in enumerate(parts):
            self._part(draft, number, part)

    def _part(self, draft: WantedDraft, number: int, part: Part) -> None:
        judged = self._judged(draft, part)
        refused, reference = self._asked(draft, judged.shown)
        judged = judged.without(refused)
        self._book(draft, number, part, judged)
        for w in draft.waiting:
            mine = (judged.promotions if w.promotes else judged.base).filter(pl.col("run") == w.candidate.position)
            sends_of.count(w.candidate, mine, judged.shown)
            self._write_decisions(draft, number, w.candidate, mine)
        self._write_sends(draft, number, judged, (part, reference))

    def _judged(self, draft: WantedDraft, part: Part) -> _Judged:
        """Decide the rows of a part, and compute what is to be shown."""
        now, decimals = draft.now, draft.decimals
        fields = stored(draft.setup, [*part.base.columns, *part.book["base"].columns])
        base = wanted.newest(sends_of.filled(part.base, fields), part.book["base"], KEY, now, part.left[0])
        base = self._ready(draft, base, promotes=False).with_columns(own=wanted.plain(base.columns, decimals))
        entries = sends_of.inherited(wanted.base_entries(base, fields), part.book["base"], silent(draft.setup, fields))
        entries = pl.concat([part.gone[0].drop("run"), entries], how="diagonal")
        prices = sends_of.filled(wanted.merged("base", part.book["base"], entries), fields)
        promotions = wanted.newest(part.promotions, part.book["promotion"], "promotion", now, part.left[1])
        promotions = self._ready(draft, promotions, promotes=True)
        promotions = wanted_runs.refused(promotions, part.book["promotion"], part.gone[1], now)
        promotions = wanted.judged_promotions(promotions, prices, now, decimals)
        if draft.coming is not None:
            promotions = draft.coming.waited_for(promotions, base)
        booked = pl.concat([part.gone[1].drop("run"), wanted.promotion_entries(promotions)])
        force = wanted.merged("promotion", part.book["promotion"], booked)
        shown = wanted.wanted(sends_of.touched(part, base, promotions, now), prices, force, now, decimals)
        ends = [one.name for one in draft.setup.destination.operations if one.ends]
        shown = wanted.compared(
            shown, part.known, part.flying, ["price", *transmitted(draft.setup, shown.columns)], ends
        )
        shown = wanted.trusted(shown, now, self._trust(draft))
        for w in draft.waiting:
            told = sends_of.tally(w, part, promotions if w.promotes else base)
            w.candidate.tally = w.candidate.tally.plus(told)
        return _Judged(wanted.answered(base, shown), wanted.answered(promotions, shown), shown, entries, booked)

    def _book(self, draft: WantedDraft, number: int, part: Part, judged: _Judged) -> None:
        """Write what rows say into the book or, where a call decides about it, beside the call."""
        shown, book = judged.shown, part.book
        kept = wanted.kept(judged.prices, book["told"], shown)
        under_way = pl.col("begun") & pl.col(KEY).is_in(shown.filter("send")[KEY].implode())
        write_offered(draft.folder, number, kept.offered, judged.booked.filter(under_way))
        again = wanted.again_entries(shown, book["again"], draft.now)
        draft.pages.add("base", wanted.fresh(kept.base, book["base"], KEY))
        draft.pages.add("told", wanted.fresh(kept.told, book["base"], KEY))
        draft.pages.add("promotion", wanted.fresh(judged.booked.filter(~under_way), book["promotion"], "promotion"))
        draft.pages.add("again", again)
        force = wanted.merged("promotion", book["promotion"], judged.booked)
        draft.pages.wake(next_boundary(force, wanted.merged("again", book["again"], again), draft.now))

    def _ready(self, draft: WantedDraft, rows: pl.DataFrame, *, promotes: bool) -> pl.DataFrame:
        """Have rows wait for, or be refused with, what must come before them."""
        names = [w.candidate.row.id for w in draft.waiting]
        for after, before in draft.before.items():
            mine = [w.candidate.position for w in draft.waiting if w.leg.after == after and w.promotes is promotes]
            concerned = pl.col("run").is_in(mine)
            if mine and rows.filter(concerned).height:
                judged = before.judged(rows.filter(concerned), names)
                rows = pl.concat([rows.filter(~concerned), judged.select(rows.columns)])
        return rows.sort("seq", ROW, maintain_order=True)

    def _trust(self, draft: WantedDraft) -> float | None:
        rules = next((w.candidate.pinned.route.delta for w in draft.waiting), None)
        if rules is None:
            return 0.0  # no row speaks: nothing is looked at by its age
        return rules.unchanged_for if draft.setup.base().drifts else rules.resend_after

    # ---- asking

    def _asked(self, draft: WantedDraft, shown: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Reference]]:
        """Ask the destination about the articles, where the operation wants that; return those it refuses."""
        wrong = [pl.DataFrame(schema=dict.fromkeys((KEY, "code", "detail", "field"), pl.String))]
        known: dict[str, Reference] = {}
        if self._trial:
            return wrong[0], known
        for operation, sends in sends_of.by_operation(draft.setup, shown.filter("send")):
            if operation.gathers:
                records = sends_of.records(draft.setup, sends.with_row_index("effect"), draft.now)
                records = records.with_columns(
                    pl.col("effect").cast(pl.Int64).alias(ROW), pl.lit(0, pl.Int64).alias(LINE)
                )
                destination = draft.setup.destination
                reference = destination.gather(operation.name, records)
                found = destination.check(operation.name, records, reference, draft.now.date())
                found = found.filter(~pl.col("code").is_in(sorted(WARNINGS))).unique(ROW, keep="first")
                wrong.append(records.join(found, on=ROW, how="inner").select(KEY, "code", "detail", "field"))
                known[operation.name] = reference
        return pl.concat(wrong), known

    # ---- writing

    def _write_decisions(self, draft: WantedDraft, number: int, candidate: Candidate, rows: pl.DataFrame) -> None:
        """Write rows that end here; and of rows that are sent what there is to say beside their effect."""
        ended = rows.filter(pl.col("decision").is_in(["unchanged", "superseded", "refused", "skipped"]))
        draft.decided += ended.height
        beside = rows.filter((pl.col("decision") == "send") & pl.col("code").is_not_null())
        told = pl.concat([ended, beside.with_columns(decision=pl.lit("applied"))])
        code = pl.when(pl.col("detail").is_not_null()).then(pl.coalesce("code", pl.col("decision").str.to_uppercase()))
        told = told.select(ROW, pl.col("decision").alias("state"), code.alias("code"), "detail", "field").sort(ROW)
        draft.folder.add_decisions(number, candidate.row.id, told)

    def _write_sends(
        self, draft: WantedDraft, number: int, judged: _Judged, more: tuple[Part, dict[str, Reference]]
    ) -> None:
        part, reference = more
        sends = judged.shown.filter("send")
        rows = [
            f.filter(pl.col("decision") == "send").select(KEY, "run", ROW) for f in (judged.base, judged.promotions)
        ]
        effects = sends_of.effects(sends, pl.concat(rows), sends_of.turn(part, draft.now), draft.effects)
        first = effects.group_by(KEY).agg(pl.col("effect").min())
        places = [
            frame
            for operation, mine in sends_of.by_operation(draft.setup, sends.join(first, on=KEY).sort("effect"))
            for frame in self._encoded(draft, operation, mine, (effects, reference.get(operation.name, Reference())))
        ]
        placed = (
            pl.concat(places)
            if places
            else pl.DataFrame(schema={"effect": pl.UInt32, "batch": pl.UInt32, "line": pl.Int64})
        )
        placed = first.join(placed, on="effect", how="left").drop("effect")
        effects = effects.join(placed, on=KEY, how="left", maintain_order="left")
        if effects["batch"].null_count():
            raise ValueError("effects are in no batch: the encoder lost records")
        draft.effects += effects.height
        draft.decided += effects.height
        draft.boundary += int((effects["derived"] & effects["run"].is_null()).sum())
        wanted_effects = effects.select(pl.col(n).cast(d) for n, d in EFFECT_SCHEMA.items())
        draft.folder.add_effects(number, wanted_effects, pl.DataFrame(schema=MEMBER_SCHEMA))

    def _encoded(
        self, draft: WantedDraft, operation: Operation, sends: pl.DataFrame, more: tuple[pl.DataFrame, Reference]
    ) -> Iterator[pl.DataFrame]:
        """Encode and write the calls of an operation; yields where each record lies."""
        effects, reference = more
        for encoded in draft.setup.destination.encode(
            operation.name, sends_of.records(draft.setup, sends, draft.now), reference
        ):
            number = len(draft.made)
            keys = sends.join(encoded.effects.select(pl.col("effect").cast(pl.UInt32)), on="effect", how="semi")
            positions = effects.join(keys.select(KEY), on=KEY, how="semi")["run"].drop_nulls().unique().sort()
            names = tuple(draft.waiting[p].candidate.row.id for p in positions)
            draft.made.append(new_batch(number, encoded, draft.bodies.add(encoded.body), names))
            yield encoded.effects.select(
                pl.col("effect").cast(pl.UInt32),
                pl.lit(number, pl.UInt32).alias("batch"),
                pl.col("line").cast(pl.Int64),
            )

    def _seal(self, draft: WantedDraft) -> bool:
        """Have the journal name the consignment; False where a run of it was cancelled meanwhile."""
        lane = draft.setup.name
        if draft.decided == 0:
            with self._journal.begin() as tx:
                if not forming.all_wait(tx, lane, draft.candidates):
                    return False
                self._leave(tx, draft)
            draft.folder.remove()  # nothing was ended or sent: a consignment would say nothing
            return True
        draft.folder.make_durable()
        taken_back.keep(self._spool, lane, draft.candidates)
        values = {
            "id": draft.identity, "lane": lane, "operation": draft.setup.base().name, "state": "open",
            "created_at": self._journal.clock.now(), "effects": draft.effects,
            "guard": forming.summed(w.candidate for w in draft.waiting if not w.promotes),
        }  # fmt: skip
        with self._journal.begin() as tx:
            if not forming.all_wait(tx, lane, draft.candidates):
                return False
            batches.add_consignment(tx, values, [c.row.id for c in draft.candidates])
            batches.add_batches(tx, draft.identity, draft.setup.destination.account, draft.made, draft.bodies.digests)
            if draft.boundary:
                told = "1 price" if draft.boundary == 1 else f"{draft.boundary:,} prices"
                self._journal.note(tx, lane, "boundary", f"{told}: promotions began or ended")
            self._leave(tx, draft)
        return True

    def _leave(self, tx: Connection, draft: WantedDraft) -> None:
        """Write what stays open of the runs, and the book: with the consignment, or it never was."""
        moved = any(before.moved(tx) for before in draft.before.values())
        forming.leave(tx, draft.setup.name, draft.candidates, draft.now, moved=moved)
        draft.pages.enter(tx, draft.now)


def _writes(wanted: str, leg: Leg) -> bool:
    return leg.operation.wanted == wanted
