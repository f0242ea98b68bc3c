"""The loop: scan, claim, take, dispatch, return answers; clean shutdown; one bad source never stops another."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from gateway.delivery.lane import Delivery
from gateway.dispatch.local import LocalDispatcher
from gateway.dispatch.patience import Patience
from gateway.dispatch.told import Told
from gateway.dispatch.turns import Outcome, Turn, Turns
from gateway.errors import GatewayError, HostKeyError, Unreachable, no_room
from gateway.journal import Journal, runs
from gateway.journal import tables as t
from gateway.model import Arrival, Claim, Clock, Ending, Source
from gateway.outbox import Outbox
from gateway.pauses import growing
from gateway.pipeline import Intake
from gateway.sources.store import DeniedError
from gateway.spool import Spool

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 120.0
_LOOK = 0.5
"""Seconds after which `run --once` looks whether its time is over, whatever it waits for."""
_NO_WAY = (Unreachable, HostKeyError)  # to any file of a source
_SOON = 90.0
"""`run --once` does not wait for rows that are valid only later; open imports are asked about more often."""


@dataclass(kw_only=True)
class Service:
    """A running gateway. `scan_every` holds seconds per source; `reload` takes changed settings up."""

    journal: Journal
    spool: Spool
    outbox: Outbox
    intake: Intake
    delivery: Delivery
    dispatcher: LocalDispatcher
    sources: Mapping[str, Source]
    scan_every: Mapping[str, float]
    clock: Clock
    reload: Callable[[], bool] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _next_scan: dict[str, datetime] = field(default_factory=dict)
    _fails: dict[str, int] = field(default_factory=dict)
    _reached: set[str] = field(default_factory=set)
    _unrecovered: set[str] = field(default_factory=set)
    _claims: list[Claim] = field(default_factory=list)
    """Files that are ours and not in the journal yet."""
    _failure: BaseException | None = None

    def __post_init__(self) -> None:
        self._patience = Patience(self._stop)
        self._turns = Turns(self.journal, self._trouble)
        self._told = Told(self.journal)

    # ---- running

    def run(self) -> None:
        """Work until `stop`; what was under way is resumed by the next start. A fault of ours in a lane ends it.

        While the disk is full nothing is taken and nothing sent; it goes on when there is room.
        """
        self._patience.until_room("start", self.recover)
        worker = threading.Thread(target=self._dispatch, name="dispatch", daemon=True)
        answers = threading.Thread(target=self._return_answers, name="answers", daemon=True)
        worker.start()
        answers.start()
        self._watch()
        try:
            while not self._stop.is_set() and worker.is_alive():
                self._patience.has_room("intake", self.sweep)
                self._wake.wait(timeout=self._pause())
                self._wake.clear()
        finally:
            self._stop.set()
            self.dispatcher.stop()
            worker.join()
            answers.join()
            for source in self.sources.values():
                source.close()
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Ask for the end; `run` returns at a safe point."""
        self._stop.set()
        self._wake.set()

    def look(self, source: str | None = None) -> None:
        """Something changed at a source (None: at any): list it soon. The listing judges; an event says nothing."""
        for name in self.sources if source is None else (source,):
            self._next_scan[name] = self.clock.now()
        self._wake.set()

    def _watch(self) -> None:
        """Let folders that can be watched wake the loop."""
        for name, source in self.sources.items():
            watch: Callable[[Callable[[], None]], bool] | None = getattr(source, "watch", None)
            if watch is not None:
                watch(functools.partial(self.look, name))

    def _dispatch(self) -> None:
        try:
            self._patience.until_room("dispatch", lambda: self.dispatcher.run(self._advance))
        except BaseException as error:  # noqa: BLE001  raised again by `run`
            self._failure = error
            self._wake.set()

    def _advance(self, lane: str) -> datetime | None:
        at: list[datetime | None] = []
        self._patience.has_room(f"lane {lane}", lambda: at.append(self.delivery.advance(lane)))
        return at[0] if at else None

    def _return_answers(self) -> None:
        while not self._stop.is_set():
            self._patience.has_room("answers", self.return_answers)
            self._stop.wait(0.5)

    def _pause(self) -> float:
        now = self.clock.now()
        waits = [(at - now).total_seconds() for at in list(self._next_scan.values())]
        return max(0.05, min([1.0, *waits]))

    # ---- one sweep

    def recover(self) -> None:
        """Take up what a crash left: claims that the journal does not know, arrivals and copies that have ended."""
        self._sweep_claims()
        self.intake.settle_arrivals()
        self._unrecovered |= self.sources.keys()
        for name, source in self.sources.items():
            if self._stop.is_set():
                return
            try:
                self._recover(name, source)
            except DeniedError:
                continue  # each listing tries it again, says so, and takes what is new
            except GatewayError as error:
                self._trouble(name, error)
        with self.journal.begin() as tx:
            tx.execute(sa.update(t.lane).values(wake_at=self.clock.now()))

    def _recover(self, name: str, source: Source) -> None:
        with self.journal.read() as tx:
            known = set(tx.scalars(sa.select(t.arrival.c.local).where(t.arrival.c.state != "ended")))
        self._claims.extend(claim for claim in source.recover(self.spool.claims) if str(claim.local) not in known)
        self._enter()
        self._unrecovered.discard(name)

    def _still_to_recover(self, name: str, source: Source) -> DeniedError | None:
        """Take up what a crash left; where we may not, new files are taken all the same and the reason is returned."""
        try:
            if name in self._unrecovered:
                self._recover(name, source)
        except DeniedError as error:
            return error
        return None

    def _enter(self) -> None:
        """Write claims to the journal. Where it has no room they are kept: the source hands each out once."""
        while self._claims:
            self.intake.enter(self._claims[0])
            self._claims.pop(0)

    def _sweep_claims(self) -> None:
        """Remove copies of files that have ended: the crash came between the journal and the removal."""
        with self.journal.read() as tx:
            ended = set(tx.scalars(sa.select(t.arrival.c.local).where(t.arrival.c.state == "ended")))
        for path in self.spool.claims.iterdir():
            if str(path) in ended:
                path.unlink(missing_ok=True)

    def sweep(self) -> int:
        """Scan what is due, take what was claimed, end what has ended; returns how many files moved."""
        if self.reload is not None:
            self.reload()
        self._enter()
        moved = 0
        paused = self.journal.paused()
        for name, source in self.sources.items():
            if name not in paused and self._next_scan.get(name, self.clock.now()) <= self.clock.now():
                moved += self._scan(name, source)
        moved += self.take()
        moved += self.end()
        return moved

    def _scan(self, name: str, source: Source) -> int:
        claimed = 0
        trouble: GatewayError | None = None
        try:
            trouble = self._still_to_recover(name, source)
            for arrival in source.scan():
                if self._stop.is_set():
                    break
                try:
                    claim = source.claim(arrival, self.spool.claims)
                except _NO_WAY:
                    raise
                except GatewayError as error:  # of this file: the next one is taken all the same
                    trouble = error
                    continue
                if claim is not None:
                    self._claims.append(claim)
                    self._enter()
                    claimed += 1
        except GatewayError as error:
            trouble = error
        if trouble is not None:
            self._trouble(name, trouble)
            return claimed
        if self._fails.pop(name, 0) or name not in self._reached:
            self._recovered(name)
        self._told.after_listing(name, source)
        self._next_scan[name] = self.clock.now() + timedelta(seconds=self._scan_pause(name, source))
        return claimed

    def _recovered(self, name: str) -> None:
        self._reached.add(name)
        self._told.recovered(name)

    def _scan_pause(self, name: str, source: Source) -> float:
        """Seconds to the next listing: sooner while a file is only waited for to be quiet."""
        handling = getattr(source, "handling", None)
        if handling is None or not _waiting(source):
            return self.scan_every[name]
        return min(self.scan_every[name], max(0.1, float(handling.settle)))

    def _trouble(self, name: str, error: GatewayError) -> None:
        fails = self._fails.get(name, 0)
        self._fails[name] = fails + 1
        pause = _LONGEST_PAUSE if isinstance(error, HostKeyError) else _pause(fails)
        if no_room(error):  # nobody is spared by waiting
            pause = _FIRST_PAUSE
        self._next_scan[name] = self.clock.now() + timedelta(seconds=pause)
        if fails == 0:
            with self.journal.begin() as tx:
                self.journal.note(tx, f"source {name}", "trouble", str(error))

    def take(self) -> int:
        """Take every claimed arrival through its routes, oldest first, then the sets of files that are due."""
        with self.journal.read() as tx:
            claimed = runs.arrivals(tx, "claimed")
        intake = self.intake
        taken = 0
        for row in claimed:
            turn = Turn(
                row.source, f"arrival {row.id}", row.path, functools.partial(_copies, row),
                functools.partial(intake.take, row), functools.partial(intake.trouble, row),
            )  # fmt: skip
            if (outcome := self._turn(turn)) is Outcome.ALL_WAIT:
                return taken
            taken += outcome is Outcome.DONE
        growing = {name: _waiting(source) for name, source in self.sources.items()}
        for one in intake.sets.due(growing):
            turn = Turn(
                one.source, f"set {one.id}", one.name or one.route, functools.partial(intake.sets.copies, one),
                functools.partial(intake.sets.take, one), functools.partial(intake.sets.give_up, one),
            )  # fmt: skip
            if (outcome := self._turn(turn)) is Outcome.ALL_WAIT:
                return taken
            taken += outcome is Outcome.DONE
        return taken

    def _turn(self, turn: Turn) -> Outcome:
        if self._stop.is_set():
            return Outcome.ALL_WAIT
        outcome = self._turns.take(turn)
        if outcome is Outcome.DONE:
            self._wake_lanes()
        return outcome

    def _wake_lanes(self) -> None:
        with self.journal.read() as tx:
            due = runs.due_lanes(tx, self.clock.now())
        for lane in due:
            self.dispatcher.wake(lane)

    def end(self) -> int:
        """Archive or reject at the source what has ended; a source out of reach is tried again."""
        now = self.clock.now()
        with self.journal.read() as tx:
            ending = [r for r in runs.arrivals(tx, "ending") if r.next_at is None or r.next_at <= now]
        done, out_of_reach = 0, set[str]()
        for row in ending:
            source = self.sources.get(row.source)
            if source is None or row.source in out_of_reach:
                continue
            arrival = Arrival(row.source, row.path, row.size, row.mtime)
            try:
                source.end(Claim(arrival, Path(row.local), row.token), Ending(row.ending))
                self._told.late(row.source, source)
            except GatewayError as error:
                self._put_off(row, error, now)
                out_of_reach |= {row.source} if isinstance(error, _NO_WAY) else set()
                continue
            with self.journal.begin() as tx:
                runs.set_arrival(tx, row.id, state="ended")
            Path(row.local).unlink(missing_ok=True)
            if row.attempts and row.source not in self._fails:
                self._recovered(row.source)
            done += 1
        return done

    def _put_off(self, row: Row[Any], error: GatewayError, now: datetime) -> None:
        """Try an ending later, with all of a source out of reach: each of them would keep other sources waiting."""
        at = now + timedelta(seconds=_pause(row.attempts))
        mine = sa.update(t.arrival).where(t.arrival.c.source == row.source, t.arrival.c.state == "ending")
        with self.journal.begin() as tx:
            if isinstance(error, _NO_WAY):
                tx.execute(mine.values(next_at=at))
            runs.set_arrival(tx, row.id, attempts=row.attempts + 1, next_at=at)
            self.journal.note(tx, f"source {row.source}", "trouble", str(error))

    def return_answers(self) -> int:
        """Return due answers to the partners' servers."""
        gone = 0
        for name in self.outbox.pending():
            source = self.sources.get(name)
            if source is not None:
                gone += self.outbox.give_back(source)
        return gone

    # ---- `run --once`

    def drain(self) -> None:
        """Do everything that can be done now, in this thread, until nothing moves and no lane is due soon."""
        self.recover()
        while not self._stop.is_set():
            moved = self.sweep()
            with self.journal.read() as tx:
                lanes = runs.due_lanes(tx, self.clock.now())
            for lane in lanes:
                self.delivery.advance(lane)
            moved += self.end() + self.return_answers() + len(lanes)
            if moved == 0:
                wait = self._until_next()
                if wait is None:
                    return
                self.clock.sleep(wait)

    def _until_next(self) -> float | None:
        """Seconds until a file under observation or an open import wants attention; None: nothing is under way."""
        now = self.clock.now()
        with self.journal.read() as tx:
            busy = tx.scalar(sa.select(sa.func.count()).select_from(t.run).where(t.run.c.state == "waiting"))
            at = tx.scalar(sa.select(sa.func.min(t.lane.c.wake_at)))
        if any(_waiting(source) for source in self.sources.values()):
            self._next_scan.clear()
            return 0.2
        quiet = self.intake.sets.next_quiet()
        if quiet is not None and (quiet - now).total_seconds() <= _SOON:
            return float(max(0.02, min(1.0, (quiet - now).total_seconds())))
        if busy and at is not None and (at - now).total_seconds() <= _SOON:
            return float(max(0.02, min(_LOOK, (at - now).total_seconds())))
        return None


def _waiting(source: Source) -> Sequence[str]:
    """Files the source saw that may still grow."""
    seen: Callable[[], Sequence[str]] | None = getattr(source, "waiting", None)
    return [] if seen is None else seen()


def _pause(fails: int) -> float:
    return growing(fails, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)


def _copies(row: Row[Any]) -> Sequence[Path]:
    """Where the bytes of an arrival lie in the spool."""
    return [Path(row.local)]
