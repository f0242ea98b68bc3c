"""Advances one lane: resolve, poll, settle, consign, send; says when it wants to be woken next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Row

from gateway.ahead import beside
from gateway.delivery import book
from gateway.delivery.build import Builder
from gateway.delivery.send import Sender
from gateway.delivery.settle import Over, Settler
from gateway.delivery.setup import LaneSetup
from gateway.errors import Busy, GatewayError, MayWorkLater, Throttled, Unreachable, no_room
from gateway.journal import Journal, batches, runs
from gateway.journal import tables as t
from gateway.pauses import growing

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 300.0
_LONGEST_OWN = 10.0
"""Where our own disk is in the way nobody is spared by waiting."""

_ASKED = sa.select(sa.func.min(t.batch.c.ask_at)).where(
    t.batch.c.account == sa.bindparam("account"), t.batch.c.state.in_(("open", "lapsed"))
)
_DEADLINE = (  # every open batch has one
    sa.select(sa.func.min(t.batch.c.deadline))
    .join(t.consignment, t.consignment.c.id == t.batch.c.consignment)
    .where(t.consignment.c.lane == sa.bindparam("lane"), t.batch.c.state == "open")
)
_STILL_LIVE = sa.select(t.batch.c.id).where(
    t.batch.c.consignment == t.consignment.c.id, t.batch.c.state.in_(batches.LIVE)
)
_RIPE = (
    sa.select(t.consignment.c.id)
    .where(t.consignment.c.lane == sa.bindparam("lane"))
    .where(sa.or_(t.consignment.c.state == "late", sa.and_(t.consignment.c.state == "open", ~_STILL_LIVE.exists())))
    .limit(1)
)
_PAUSED = sa.select(t.paused.c.name).where(t.paused.c.name.in_(sa.bindparam("names", expanding=True))).with_for_update()
_CALM = (
    sa.update(t.lane)
    .where(t.lane.c.name == sa.bindparam("lane"), t.lane.c.attempts > 0)
    .values(attempts=0, trouble=None, trouble_since=None)
)


class Delivery:
    """The dispatch half of the way of a file: one lane, all that is due."""

    def __init__(
        self,
        journal: Journal,
        builder: Builder,
        sender: Sender,
        settler: Settler,
        setups: Mapping[str, LaneSetup],
        ended: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._builder = builder
        self._sender = sender
        self._settler = settler
        self._setups = setups
        self._ended = ended

    def advance(self, lane: str) -> datetime | None:
        """Do what can be done now; returns when the lane wants to be woken next, or None. Never raises for a peer.

        That the disk is full is let out (see `no_room`) where there is no room to write it down either.
        """
        setup = self._setups.get(lane)
        if setup is None:  # no route writes it any more
            with self._journal.begin() as tx:
                runs.wake_lane(tx, lane, None)
            return None
        if self._rests(setup):
            return None
        try:
            self._work(setup)
        except GatewayError as error:
            return self._trouble(lane, error)
        except Exception as error:  # noqa: BLE001  a fault of ours in one lane must not stop the others
            if isinstance(error, OSError) or no_room(error):
                what = getattr(error, "filename", None) or "A file of ours"
                said = f"{what} can't be read or written: {getattr(error, 'strerror', None) or error}."
                own = Unreachable(said, fix="Make room, or mend what is said; the lane goes on by itself.")
                return self._trouble(lane, own, longest=_LONGEST_OWN)
            structlog.get_logger("gateway").exception("a lane failed", lane=lane)
            return self._trouble(lane, GatewayError(f"The program failed here ({type(error).__name__}: {error}).",
                                                    fix="Tell the maintainers; the log has the trace."))  # fmt: skip
        fault = self._sender.fault(setup)
        with self._journal.begin() as tx:  # one transaction: a run that comes in between must not be slept over
            self._calm(tx, lane, fault)
            at = self._next_wake(tx, setup)
            runs.wake_lane(tx, lane, at)
        return at

    def _work(self, setup: LaneSetup) -> None:
        self._cancelled(setup)
        self._hear(setup)
        self._sender.resolve(setup)
        told = self._sender.poll(setup)
        self._sender.lapse(setup)
        self._settle(setup)
        self._settler.correct(setup)
        if told:
            self._wake_others(setup, told)
        self._consign(setup)
        try:
            self._sender.send(setup)
        finally:
            self._settle(setup)

    def _hear(self, setup: LaneSetup) -> None:
        """What came by webhook ends effects though the other side may be out of reach for us at this moment."""
        told = self._sender.hear(setup)
        if told:
            self._settle(setup)
            self._settler.correct(setup)
            self._wake_others(setup, told)

    def _consign(self, setup: LaneSetup) -> None:
        with self._journal.read() as tx:
            unsent = batches.of_lane(tx, setup.name, batches.UNSENT, limit=1)
            first = any(leg.operation.settle_first for leg in setup.legs)
            opened = batches.of_lane(tx, setup.name, ["open"], limit=1) if first else []
        if unsent or opened:
            return
        for run in self._builder.build(setup):
            self._settler.tell_held(run)

    def _settle(self, setup: LaneSetup) -> None:
        """Close what is over while answers are written: these depend on what was told of the calls alone.

        Whichever is cut off is done again: a run that is settled stays so, and a consignment that is open is closed.
        """
        over = self._settler.over(setup)
        closing = beside(self._close, setup, over) if over else None
        try:
            with self._journal.read() as tx:
                waiting = runs.in_lane(tx, setup.name, "waiting", "cancelled")
            for run in self._settler.finish(list(dict.fromkeys([*(r for o in over for r in o.runs), *waiting]))):
                self._ended(run)
        finally:
            if closing is not None:
                wait([closing])
        if closing is not None:
            closing.result()

    def _close(self, setup: LaneSetup, over: Sequence[Over]) -> None:
        """Close consignments: something of this lane has ended, and effects that waited for it are looked at again."""
        self._settler.close(setup, over)
        now = self._journal.clock.now()
        after = [s.name for s in self._setups.values() if any(setup.name in leg.after for leg in s.legs)]
        with self._journal.begin() as tx:
            for lane in after:
                runs.wake_waits(tx, lane, now)

    def _cancelled(self, setup: LaneSetup) -> None:
        with self._journal.read() as tx:
            names = runs.in_lane(tx, setup.name, "cancelled")
        for run in self._settler.finish(names):
            self._ended(run)

    def _wake_others(self, setup: LaneSetup, consignments: list[str]) -> None:
        now = self._journal.clock.now()
        with self._journal.begin() as tx:
            query = sa.select(t.consignment.c.lane).where(t.consignment.c.id.in_(consignments))
            for lane in set(tx.scalars(query)) - {setup.name}:
                runs.wake_lane(tx, lane, now)

    # ---- when next

    def _next_wake(self, tx: Connection, setup: LaneSetup) -> datetime | None:
        now = self._journal.clock.now()
        asked = tx.scalar(_ASKED, {"account": setup.destination.account})
        deadline = tx.scalar(_DEADLINE, {"lane": setup.name})
        heard = self._sender.hearer.wake_at(tx, setup)
        times = [at for at in (asked, deadline, heard) if at is not None]
        first = any(leg.operation.settle_first for leg in setup.legs)
        if deadline is None or not first:  # else what waits goes on when the open have settled
            times.extend(r.wake_at or now for r in runs.waiting(tx, setup.name))
            times.extend(book.wakes(tx, setup.name) if setup.wanted else [])
        # Another lane of the account may have learnt something of our batches after we looked, and woken us.
        times.extend([now] if tx.scalar(_RIPE, {"lane": setup.name}) is not None else [])
        return min(times) if times else None

    def _rests(self, setup: LaneSetup) -> bool:
        """Whether a person paused the lane; then it sleeps. In one transaction: who resumes it wakes it after that."""
        with self._journal.begin() as tx:
            if tx.execute(_PAUSED, {"names": (setup.name, setup.target.name)}).first() is None:
                return False
            runs.wake_lane(tx, setup.name, None)
            return True

    def _trouble(self, lane: str, error: GatewayError, *, longest: float = _LONGEST_PAUSE) -> datetime | None:
        now = self._journal.clock.now()
        with self._journal.begin() as tx:
            row = self._row(tx, lane)
            expected = isinstance(error, MayWorkLater) and error.after is not None
            pause = growing(row.attempts, first=_FIRST_PAUSE, longest=longest)
            wait = error.after if isinstance(error, MayWorkLater) and error.after is not None else pause
            at = now + timedelta(seconds=wait)
            values = {"wake_at": at} if expected else {"wake_at": at, "attempts": row.attempts + 1}
            if isinstance(error, Throttled | Busy):  # a limit speaks of a destination that can be reached
                values |= {"attempts": 0, "trouble": None, "trouble_since": None}
            if not expected:
                values |= self._said(tx, row, error)
            tx.execute(sa.update(t.lane).where(t.lane.c.name == lane).values(**values))
        return at

    def _calm(self, tx: Connection, lane: str, fault: GatewayError | None) -> None:
        """The lane did all it could; a call that can't be asked about is told all the same."""
        if fault is None:
            tx.execute(_CALM, {"lane": lane})
        else:
            said = self._said(tx, self._row(tx, lane), fault)
            tx.execute(sa.update(t.lane).where(t.lane.c.name == lane).values(attempts=1, **said))

    def _row(self, tx: Connection, lane: str) -> Row[Any]:
        return tx.execute(sa.select(t.lane).where(t.lane.c.name == lane)).one()

    def _said(self, tx: Connection, row: Row[Any], error: GatewayError) -> dict[str, Any]:
        """Return the columns of a lane that say its trouble; the journal's events say it once."""
        if row.trouble != str(error):
            self._journal.note(tx, row.name, "trouble", str(error))
        return {"trouble": str(error), "trouble_since": row.trouble_since or self._journal.clock.now()}
