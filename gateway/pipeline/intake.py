"""Intake: one claimed file becomes runs of checked rows in the spool and an acknowledgement, or a refusal."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.engine import Row

from gateway.delivery.kept import left_out_keys
from gateway.delivery.settle import Settler
from gateway.delivery.setup import Pinned, legs_written
from gateway.errors import FileError, GatewayError
from gateway.issues import CATALOGUE, sentence
from gateway.journal import Journal, names, runs, sets
from gateway.mapping import MappingFile
from gateway.model import Claim, Ending
from gateway.outbox import Outbox
from gateway.pipeline.bundle import Bundle, dated_ahead, keep_listing, lay_out, sha256_of
from gateway.pipeline.expected import calls_of, seconds_of
from gateway.pipeline.first_answers import FirstAnswers
from gateway.pipeline.keyless import UNSENT, kept_note, sends_none
from gateway.pipeline.mentioned import Mentions
from gateway.pipeline.ours import told_run
from gateway.pipeline.pin import pin, pinned_by
from gateway.pipeline.reading import FileReading, Read, Readout
from gateway.pipeline.repeated import leave_out, met_before
from gateway.pipeline.sets import Sets
from gateway.pipeline.setup import RouteSetup
from gateway.spool import Keeping, RunFolder, Spool, durable

_Unread = tuple[str, RouteSetup, FileError]
_TROUBLE = " trouble"
"""Purpose of an answer beside those of the routes, whose names begin with no blank."""


class Intake:
    """Takes claimed files. `routes` gives the setups of a source's routes; `partner_of` names who gets a refusal."""

    def __init__(
        self,
        journal: Journal,
        spool: Spool,
        outbox: Outbox,
        settler: Settler,
        read: Read,
        routes: Callable[[str], Sequence[RouteSetup]],
        returns: Callable[[str], tuple[str, bool]],
    ) -> None:
        self._journal = journal
        self._spool = spool
        self._settler = settler
        self._read = read
        self._routes = routes
        self._answers = FirstAnswers(journal, spool, outbox, returns)
        self.sets = Sets(journal, outbox, self, self._setup_of, returns)

    def enter(self, claim: Claim) -> int:
        """Write a claim to the journal; entering it again after a crash is the same arrival."""
        now = self._journal.clock.now()
        with self._journal.begin() as tx:
            for note in dated_ahead([(claim.arrival.path, claim.arrival.mtime, now)]):
                self._journal.note(tx, f"source {claim.arrival.source}", "clock", note)
            return runs.add_arrival(tx, claim.arrival, token=claim.token, local=str(claim.local), now=now)

    def take(self, row: Row[Any]) -> None:
        """Take one arrival in state `claimed` through its routes. What an interrupted take left is done anew."""
        with Keeping() as keeping:  # until it is `taken`, a copy that a power cut broke is fetched anew
            keeping.begin([Path(row.local)])
            self._take(row, keeping)

    def _take(self, row: Row[Any], keeping: Keeping) -> None:
        digest = sha256_of(Path(row.local))
        bundle = Bundle.of_one(row, digest)
        name = bundle.arrival.name
        with self._journal.begin() as tx:
            runs.set_arrival(tx, row.id, sha256=digest)
        ours = self._of_errors_file(row, name)
        routes = [s for s in self._routes(row.source) if s.route.matches(name)] if ours is None else [ours]
        if not routes:
            known = ", ".join(sorted({p for s in self._routes(row.source) for p in s.route.files}))
            error = FileError("FILE_ROUTE", f"No route takes {name!r}; taken are: {known or 'none'}.",
                              fix="Rename the file, or ask for a route.")  # fmt: skip
            self._answers.refuse(bundle, error)
            self._end(row.id, Ending.REJECT)
            return
        faulty = 0
        unread: list[_Unread] = []
        for setup in routes:
            try:
                alone = ours is not None or not self.sets.join(row, digest, setup)
            except FileError as error:
                self._answers.refuse(bundle, error, purpose=setup.route.name)
                faulty += 1
                continue
            if alone:
                self._through(bundle, setup, unread)
        for one in unread:
            self._not_read(bundle, *one)
        if faulty == len(routes):
            self._end(row.id, Ending.REJECT)
            return
        keeping.wait()
        durable(self._spool.claims)
        with self._journal.begin() as tx:
            runs.set_arrival(tx, row.id, state="taken")
        self.settle_arrival(row.id)

    def _of_errors_file(self, row: Row[Any], name: str) -> RouteSetup | None:
        """Return the route that wrote an errors file that came back: it concerns that one, whatever fits its name."""
        setups = self._routes(row.source)
        run = told_run(Path(row.local), name, self._read, (one.mapping for one in setups))
        with self._journal.read() as tx:
            first = None if run is None else runs.get_run(tx, run)
        if first is None:  # a run id may be typed by hand: it touches no other partner's
            return None
        return next((s for s in setups if (s.route.name, s.route.partner) == (first.route, first.partner)), None)

    def _setup_of(self, source: str, route: str) -> RouteSetup | None:
        return next((setup for setup in self._routes(source) if setup.route.name == route), None)

    # ---- one route

    def begin(self, bundle: Bundle, setup: RouteSetup) -> None:
        """Take files that belong together through their route."""
        self._through(bundle, setup)

    def _through(self, bundle: Bundle, setup: RouteSetup, unread: list[_Unread] | None = None) -> None:
        """Take a bundle through a route. `unread`: gathers runs that could not read it, for the caller to answer."""
        with self._journal.read() as tx:
            known = next((r for r in runs.of_arrival(tx, bundle.id) if r.route == setup.route.name), None)
        if known is not None and known.state != "reading":
            if known.state != "rejected":  # a crash may have come before the acknowledgement: writing it twice is once
                self._answer_taken(known.id, setup)
            return
        before = met_before(self._journal, self._spool, self._settler, setup, bundle) if known is None else None
        if before is not None and before.duplicate:
            self._answers.duplicate(bundle, before.run, setup.route.name, route=self._routed(bundle, setup))
            return
        run = known.id if known is not None else self._begin(bundle, setup, None if before is None else before.run.id)
        with Keeping() as keeping:
            folder = self._spool.run(run, keeping)
            try:
                readout, mapping, notes = self._read_into(folder, setup, bundle)
            except FileError as error:
                if unread is None:
                    self._reject(run, bundle, setup, error)
                else:
                    unread.append((run, setup, error))
                return
            if (other := self._meant_for(readout, setup, bundle)) is not None:
                self._through(bundle, other)  # first: a crash in between finds this run half read
                self._pass_on(run, readout.first_run or "", other.route.name)
                return
            self._taken(run, folder, setup, readout, mapping, [*self._left_out(run, readout), *notes])

    def _meant_for(self, readout: Readout, setup: RouteSetup, bundle: Bundle) -> RouteSetup | None:
        """Return the route whose rows an errors file under another name brings back, where that is not this one."""
        if readout.first_run is None:
            return None
        with self._journal.read() as tx:
            first = runs.get_run(tx, readout.first_run)
        if first is None or first.route == setup.route.name or first.partner != setup.route.partner:
            return None
        return self._setup_of(bundle.arrival.source, first.route)

    def _not_read(self, bundle: Bundle, run: str, setup: RouteSetup, error: FileError) -> None:
        """Refuse a file that a route can't read, unless another route knows it as an errors file of its own."""
        with self._journal.read() as tx:
            others = [r for r in runs.of_arrival(tx, bundle.id) if r.first_run and r.route != setup.route.name]
        if others:
            self._pass_on(run, others[0].first_run, others[0].route)
        else:
            self._reject(run, bundle, setup, error)

    def _pass_on(self, run: str, first: str, other: str) -> None:
        """Forget a run whose rows are another route's: that one answers."""
        note = sentence("FILE_OTHER_ROUTE", detail=f"those of run {first}; {other} takes it")
        with self._journal.begin() as tx:
            self._journal.note(tx, run, "passed on", note)
            runs.forget_run(tx, run)
        shutil.rmtree(self._spool.run(run).root, ignore_errors=True)

    def _left_out(self, run: str, readout: Readout) -> list[str]:
        """Leave rows out that an earlier run of these bytes took; returns what is to be said of them."""
        with self._journal.read() as tx:
            row = runs.get_run(tx, run)
            named = None if row is None else row.counts.get("before")
            before = None if named is None else runs.get_run(tx, named)
        if before is None:
            return []
        same = leave_out(self._journal, self._spool, self._settler, before, self._spool.run(run))
        readout.good -= same
        said = f"The file came before, as run {before.id}, and was read by another mapping or contract then."
        return [f"{said} {same:,} of its rows took effect as they are and are not sent again."] if same else [said]

    def _begin(self, bundle: Bundle, setup: RouteSetup, before: str | None) -> str:
        now = self._journal.clock.now()
        arrival = bundle.arrival
        with self._journal.begin() as tx:
            run = names.fresh_run_id(tx, now)
            runs.add_run(
                tx, id=run, arrival=bundle.id, route=setup.route.name, partner=setup.route.partner,
                feed=setup.route.feed, file=arrival.name, sha256=bundle.sha256, size=arrival.size,
                seq=runs.sequence(runs.placed(tx, arrival.mtime, bundle.id), bundle.id), mode=setup.route.mode,
                state="reading", rows=0, blank=0, pinned={}, notes=[], corrections=0,
                counts={"before": before, "routed": self._routed(bundle, setup) is not None},
                received_at=bundle.claimed_at, started_at=now,
            )  # fmt: skip
        return run

    def _routed(self, bundle: Bundle, setup: RouteSetup) -> str | None:
        """Return the route where the names of answers say it: where the file makes several runs."""
        fitting = sum(one.route.matches(bundle.files[0][1]) for one in self._routes(bundle.arrival.source))
        return setup.route.name if fitting > 1 else None

    def _read_into(
        self, folder: RunFolder, setup: RouteSetup, bundle: Bundle
    ) -> tuple[Readout, MappingFile, list[str]]:
        """Read a bundle into the run's folder; returns what it told, the pinned mapping and notes on its files."""
        mapping = pin(folder, setup.mapping)
        folder.begin()
        laid = lay_out(bundle, folder, mapping.format.kind)
        reading = FileReading(
            setup, mapping, laid.reading(self._read), folder, source_time=bundle.arrival.mtime,
            now=self._journal.clock.now(),
        )  # fmt: skip
        readout = reading.run(laid.path, Mentions(self._journal, self._spool, setup).find)
        if readout.rows == 0 and setup.route.empty != "no_change":
            raise FileError("FILE_NO_ROWS", CATALOGUE["FILE_NO_ROWS"].text, fix=CATALOGUE["FILE_NO_ROWS"].fix)
        return readout, mapping, [*bundle.notes, *keep_listing(folder, laid.listed())]

    def _taken(
        self, run: str, folder: RunFolder, setup: RouteSetup, readout: Readout, mapping: MappingFile, notes: list[str]
    ) -> None:
        now = self._journal.clock.now()
        legs = legs_written(setup.legs, readout.columns)
        calls = {leg.lane: calls_of(leg, readout, folder) for leg in legs}
        finish = now + timedelta(seconds=seconds_of(legs, lambda leg: calls[leg.lane]))
        pinned = pinned_by(setup, mapping, readout.columns)
        with self._journal.read() as tx:
            first = runs.first_of(tx, readout.first_run, setup.route.partner)
        notes = [*_said_before(readout, first), *notes, *self._said_after(run, readout, setup, pinned)]
        counts: dict[str, Any] = {
            "calls": sum(calls.values()), "finish": finish.isoformat() if readout.good else None,
            "warnings": readout.warnings, "bad": readout.bad, "keys": readout.rows - readout.skipped,
            "over_limit": readout.over_limit is not None,
            "unread_keys": 0 if readout.first_run else readout.unread.count,
            "untouched": UNSENT if sends_none(setup, readout) else "",
        }  # fmt: skip
        mode = "delta" if readout.first_run or readout.unread.count else setup.route.mode
        folder.make_durable()
        with self._journal.begin() as tx:
            begun = runs.get_run(tx, run)
            counts |= {} if begun is None else begun.counts
            runs.set_run(
                tx, run, state="waiting", rows=readout.rows, blank=readout.blank,
                counts=counts, pinned=pinned.model_dump(mode="json"), notes=notes, first_run=readout.first_run,
                mode=mode,
            )  # fmt: skip
            runs.add_legs(tx, run, [
                {"lane": leg.lane, "operation": leg.operation.name, "given": list(leg.operation.when),
                 "fans_out": leg.operation.each is not None, "open_rows": readout.good}
                for leg in legs
            ])  # fmt: skip
            for leg in legs:
                runs.ensure_lane(
                    tx, leg.lane, destination=setup.target.name, account=setup.target.destination.account,
                    operation=leg.operation.name, wake_at=now,
                )  # fmt: skip
        self._answer_taken(run, setup, sends=bool(legs and readout.good))

    def _said_after(self, run: str, readout: Readout, setup: RouteSetup, pinned: Pinned) -> list[str]:
        """Say what is not done with the file, in the notes of a run."""
        if readout.over_limit is not None:
            return [f"Nothing was sent: {readout.over_limit}."]
        said = kept_note(setup, readout)
        if said is None:
            return []
        with self._journal.read() as tx:
            row = runs.get_run(tx, run)
        now = self._journal.clock.now()
        kept = 0 if row is None else left_out_keys(self._journal, self._spool, setup.legs, row, pinned, now)
        return [said(kept)]

    def _answer_taken(self, run: str, setup: RouteSetup, *, sends: bool = False) -> None:
        """Acknowledge a run, and end one that sends nothing: it may have no lane that would. `sends`: this one does."""
        self._answers.acknowledge(run, setup)
        if sends:
            return
        try:
            self._settler.finish([run])
        except Exception:  # noqa: BLE001  the file was taken and is not refused any more: the run is ended later
            structlog.get_logger("gateway").exception("a run is ended later", run=run)

    # ---- refusals

    def _reject(self, run: str, bundle: Bundle, setup: RouteSetup, error: FileError) -> None:
        quiet = error.code in {"FILE_EMPTY", "FILE_NO_ROWS"} and setup.route.empty != "reject"
        # before the state: a crash in between does both again
        self._answers.refuse(bundle, error, run=run, route=self._routed(bundle, setup))
        with self._journal.begin() as tx:
            told = {"ended_at": self._journal.clock.now(), "counts": {"code": error.code, "quiet": quiet}}
            runs.set_run(tx, run, state="rejected", notes=[str(error)], **told)
            self._journal.note(tx, run, "rejected", f"{bundle.arrival.name}: {error}")

    def refuse(self, bundle: Bundle, error: FileError, *, named: str) -> None:
        """Answer that files are not taken; `named` stands for the run in the answer's name."""
        self._answers.refuse(bundle, error, named=named)

    # ---- the arrival's end

    def settle_arrival(self, arrival: int) -> None:
        """Give the arrival its ending when all its runs have ended."""
        with self._journal.read() as tx:
            state = runs.arrival_state(tx, arrival)
            waits, more, refused = self.sets.of_arrival(tx, arrival)
            found = [*runs.of_arrival(tx, arrival), *more]
        if state != "taken" or waits or any(r.state not in {"settled", "rejected"} for r in found):
            return
        kept = [r for r in found if not (r.state == "rejected" and not r.counts.get("quiet"))]
        limited = [r for r in kept if r.counts.get("over_limit")]
        rejected = (bool(found) or refused) and (not kept or len(limited) == len(found))
        self._end(arrival, Ending.REJECT if rejected else Ending.ARCHIVE)

    def settle_arrivals(self) -> None:
        """Give every arrival its ending whose runs had all ended when a crash came, or had no lane that ends them."""
        with self._journal.read() as tx:
            taken = [row.id for row in runs.arrivals(tx, "taken")]
            alone = [run.id for one in taken for run in runs.of_arrival(tx, one) if not runs.legs_of(tx, run.id)]
        self._settler.finish(alone)
        for arrival in taken:
            self.settle_arrival(arrival)

    def run_ended(self, run: str) -> None:
        """Give the arrivals of the run their ending, if this was their last run."""
        with self._journal.read() as tx:
            row = runs.get_run(tx, run)
            ended = [] if row is None else self.sets.fellows(tx, row.arrival, row.route)
        for arrival in ended:
            self.settle_arrival(arrival)

    def trouble(self, row: Row[Any], error: GatewayError) -> None:
        """Tell the partner that the file can't be processed for a reason of ours, and keep the file."""
        bundle = Bundle.of_one(row, sha256_of(Path(row.local)))
        with self._journal.read() as tx:
            waited = sets.waiting_answers(tx, row.id)
        for named in waited:  # it was told to wait: that answer is replaced
            self._answers.refuse(bundle, _trouble(error), named=named)
        if not waited:
            self._answers.refuse(bundle, _trouble(error), purpose=_TROUBLE)
        with self._journal.begin() as tx:
            sets.withdraw(tx, row.id)
        self._end_begun(bundle, None, error)
        self._end(row.id, Ending.REJECT)

    def give_up(self, bundle: Bundle, route: str, error: GatewayError) -> None:
        """Tell the partner that files can't be processed for a reason of ours; end what their route began."""
        self._answers.refuse(bundle, _trouble(error), purpose=route)  # replaces the answer that a single file waits
        self._end_begun(bundle, route, error)

    def _end_begun(self, bundle: Bundle, route: str | None, error: GatewayError) -> None:
        """End the runs that were begun through a route (None: any) and can't go on."""
        with self._journal.begin() as tx:
            now = self._journal.clock.now()
            begun = [r for r in runs.of_arrival(tx, bundle.id) if r.state == "reading" and route in {None, r.route}]
            for r in begun:
                told = {"code": "FILE_TROUBLE", "quiet": False}
                runs.set_run(tx, r.id, state="rejected", ended_at=now, notes=[str(error)], counts=told)

    def _end(self, arrival: int, ending: Ending) -> None:
        with self._journal.begin() as tx:
            runs.set_arrival(tx, arrival, state="ending", ending=str(ending), next_at=self._journal.clock.now())


def _trouble(error: GatewayError) -> FileError:
    return FileError("FILE_TROUBLE", error.message, fix=error.fix)


def _said_before(readout: Readout, first: str | None) -> list[str]:
    """Say where the rows come from, in the notes of a run; what is no run of the partner's is not named to it."""
    if readout.first_run is None:
        return []
    if first is None:
        return ["The file names a run that is none of this partner's: its rows are linked to none."]
    return [f"The file brings back rows that failed in run {first}."]
