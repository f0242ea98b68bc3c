"""Submits, looks up and polls batches; the intent is written first, and nothing is ever resent blindly."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import polars as pl
from sqlalchemy.engine import Connection, Row

from gateway.delivery.asking import Asker, Fault
from gateway.delivery.hear import Hearer
from gateway.delivery.setup import LaneSetup
from gateway.errors import (
    Busy,
    CallRefused,
    GatewayError,
    MayWorkLater,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unreachable,
)
from gateway.journal import Journal, batches
from gateway.model import ABSENT, UNKNOWN, Batch, Operation, Receipt, Repeat, RowState, Verdict
from gateway.spool import ConsignmentFolder, Spool

WINDOW = 64
"""Batches intended together where repeating is harmless; otherwise one at a time."""

FIRST = "stock"
"""Family that goes first where families share a budget: a level that is late sells what is not there."""

MOST_GIVEN = 4
"""Calls in a row that other families leave to it: its weight is four to one."""

_ACCOUNT_TROUBLE = frozenset({"301", "302", "303", "307", "308", "401", "403", "404", "405", "415"})
"""Answers to a submission that speak of the account, the address or the form of all calls, not of these rows."""

SETUP = "DEST_SETUP"
"""Code of a call that was refused for how it is made: the lane stays in trouble until the next call is taken."""

LAPSED_POLL = 60
"""A batch past its deadline is asked about this many times more rarely, so that a late truth is still heard."""


class Sender:
    """Moves batches of lanes from ready to closed."""

    def __init__(self, journal: Journal, spool: Spool, hearer: Hearer | None = None) -> None:
        self._journal = journal
        self._spool = spool
        self.hearer = hearer or Hearer(journal)
        self._asker = Asker()
        self._given: dict[str, float] = {}
        """Per account: since when calls of a shared budget are left to stock."""
        self._polled: dict[str, threading.Lock] = {}
        """Per account: lanes of one account share its batches, and two answers at once would overwrite each other."""

    # ---- submitting

    def send(self, setup: LaneSetup) -> None:
        """Submit what is ready, in order. Raises MayWorkLater when it must go on later; Refused for the account."""
        while True:
            window = self._next(setup)
            if not window:
                return
            if self._book(setup, window):
                self._submit(setup, window)

    def _next(self, setup: LaneSetup) -> list[Row[Any]]:
        with self._journal.read() as tx:
            ready = list(batches.of_lane(tx, setup.name, ["ready"], limit=WINDOW))
        if not ready:
            return []
        op = setup.operation(ready[0].operation)
        slots = {b.slot for b in ready}
        alone = op.repeat is Repeat.NEVER or op.interval > 0 or (slots != {""} and op.slot_until == "settled")
        alone = alone or len(slots) > 1
        return ready[:1] if alone else [b for b in ready if b.consignment == ready[0].consignment]

    def _book(self, setup: LaneSetup, window: Sequence[Row[Any]]) -> bool:
        op = setup.operation(window[0].operation)
        if op.interval > 0 and any(b.length for b in window):  # an empty batch ends without a call
            with self._journal.begin() as tx:
                _take_slot(tx, window)
            self._pace(setup, op, window)
        with self._journal.begin() as tx:
            _take_slot(tx, window)
            if batches.intend(tx, [b.id for b in window], self._journal.clock.now()):
                return True
            batches.free_slots(tx, [b.id for b in window])
            return False

    def _pace(self, setup: LaneSetup, op: Operation, window: Sequence[Row[Any]]) -> None:
        """Take a call from what may be made. Raises Throttled with the seconds to wait."""
        try:
            if op.budget:
                self._give_way(setup, op)
            self._journal.take(op.budget or f"{setup.destination.account}/{op.name}", op.interval)
            if op.family != FIRST:
                self._given.pop(setup.destination.account, None)
        except Throttled:
            self._free(window)
            raise

    def _give_way(self, setup: LaneSetup, op: Operation) -> None:
        """Leave the next calls of a shared budget to stock that waits, but not for ever."""
        account = setup.destination.account
        if op.family == FIRST:
            return
        with self._journal.read() as tx:
            waits = batches.family_waits(tx, account, FIRST, self._journal.clock.now())
        since = self._given.setdefault(account, self._journal.clock.monotonic())
        if waits and self._journal.clock.monotonic() - since < MOST_GIVEN * op.interval:
            raise Throttled(f"Stock of {account} goes first.", after=op.interval)

    def _free(self, window: Sequence[Row[Any]]) -> None:
        with self._journal.begin() as tx:
            batches.free_slots(tx, [b.id for b in window])

    def _submit(self, setup: LaneSetup, window: Sequence[Row[Any]]) -> None:
        folder = self._spool.consignment(window[0].consignment)
        done: list[tuple[Row[Any], Receipt]] = []
        unknown: list[int] = []
        trouble: Exception | None = None
        with folder.bodies.open("rb") as bodies:
            for b in window:
                try:
                    done.append((b, setup.destination.submit(_batch_of(b, _body(folder, b, bodies)))))
                except OutcomeUnknown as error:
                    unknown.append(b.id)
                    trouble = error
                    break
                except Refused as error:
                    if error.status in _ACCOUNT_TROUBLE:
                        trouble = error
                        break
                    code = SETUP if isinstance(error, CallRefused) else "DEST_REFUSED_BATCH"
                    done.append((b, Receipt(closed=True, rest=RowState.REFUSED, code=code, message=str(error))))
                except MayWorkLater as error:
                    trouble = error
                    break
        self._store(setup, done)
        answered = {b.id for b, _ in done}
        back = [b for b in window if b.id not in answered and b.id not in unknown]
        with self._journal.begin() as tx:
            batches.set_state(tx, [b.id for b in back], "ready")
            batches.set_state(tx, unknown, "unknown")
            batches.free_slots(tx, [b.id for b in back])
        if unknown:
            raise Unreachable(str(trouble), after=1.0)
        if trouble is not None:
            raise trouble

    # ---- receipts

    def _store(self, setup: LaneSetup, receipts: Sequence[tuple[Row[Any], Receipt]]) -> None:
        now = self._journal.clock.now()
        told = []
        until_ticket: list[int] = []
        for b, receipt in receipts:
            op = self._operation(setup, b)
            wait = receipt.after if receipt.after is not None else poll_pause(op)
            deadline = now + timedelta(seconds=op.deadline)
            if b.slot and (receipt.closed or receipt.frees or op.slot_until == "ticket"):
                until_ticket.append(b.id)
            kept = self._keep(b, receipt)
            told.append(batches.Told(b.id, _of_others(b, receipt), now + timedelta(seconds=wait), deadline, kept))
        if not told:
            return
        blameless = [(b, r.message) for b, r in receipts if r.closed and r.code == SETUP]
        with self._journal.begin() as tx:
            for b, message in blameless:
                self._journal.note(tx, batches.lane_of(tx, b.id), "setup", message)
            batches.apply_receipts(tx, told)
            batches.mark_late(tx, sorted({b.consignment for b, r in receipts if r.closed or r.outcomes is not None}))
            batches.free_slots(tx, until_ticket)
        self._asker.over([b.id for b, r in receipts if r.closed])

    def _operation(self, setup: LaneSetup, b: Row[Any]) -> Operation:
        """The operation of a batch, which may be another lane's of the same account."""
        own = (one for one in setup.destination.operations if one.name == b.operation)
        return next(own, setup.legs[0].operation)

    def _keep(self, b: Row[Any], receipt: Receipt) -> int:
        """Write outcomes and raw reports to the spool before the journal names them; returns the outcome files."""
        folder = self._spool.consignment(b.consignment)
        count: int = b.outcomes
        if receipt.outcomes is not None and receipt.outcomes.height:
            folder.add_outcomes(b.number, count, receipt.outcomes)
            count += 1
        for name, content in receipt.raw:
            path = folder.root / "raw" / f"{b.number:06d}-{name.replace('/', '_')}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        return count

    # ---- looking up what a crash or a lost answer left

    def resolve(self, setup: LaneSetup) -> None:
        """Find batches whose outcome is unknown. Raises MayWorkLater when the other side can't be asked."""
        with self._journal.read() as tx:
            lost = list(batches.of_lane(tx, setup.name, ["sending", "unknown"]))
        now = self._journal.clock.now()
        for b in lost:
            found = setup.destination.find(batches.as_sent(b, now))
            if isinstance(found, Receipt):
                self._store(setup, [(b, found)])
            elif found is ABSENT or (found is UNKNOWN and setup.operation(b.operation).repeat is not Repeat.NEVER):
                self._send_again(setup, b, found)
            else:
                self._store(setup, [(b, _lost("the answer to the call was lost and the call can't be looked up"))])

    def _send_again(self, setup: LaneSetup, b: Row[Any], found: Verdict) -> None:
        """Have a call sent again that did not arrive, or may not have; not one whose runs were cancelled meanwhile."""
        # Nothing newer can have been sent: a lane forms no consignment while a batch of it is unresolved.
        with self._journal.begin() as tx:
            off = batches.called_off(tx, b.id)
            if off and found is ABSENT:
                batches.call_off_lost(tx, b.id, "before it arrived")
            elif not off:
                batches.set_state(tx, [b.id], "ready")
                self._journal.note(tx, setup.name, "resend", f"batch {b.id}: {found.value}, sent again")
        if off and found is not ABSENT:
            self._store(
                setup, [(b, _lost("the answer to the call was lost, and it was cancelled before it was repeated"))]
            )

    # ---- being told and polling

    def hear(self, setup: LaneSetup) -> list[str]:
        """Take in what came by webhook; returns the consignments something was learnt of."""
        with self._polled.setdefault(setup.destination.account, threading.Lock()):
            return self.hearer.hear(setup, functools.partial(self._store, setup))

    def poll(self, setup: LaneSetup) -> list[str]:
        """Ask about all open batches of the account that are due; returns the consignments something was learnt of.

        A batch that can't be asked about by itself is tried again; `fault` says so of its lane.
        """
        with self._polled.setdefault(setup.destination.account, threading.Lock()):
            return self._poll(setup)

    def _poll(self, setup: LaneSetup) -> list[str]:
        now = self._journal.clock.now()
        with self._journal.read() as tx:
            due = list(batches.due(tx, setup.destination.account, now))
        if not due:
            return []
        asked = self._asker.ask(setup.destination, [batches.as_sent(b, now) for b in due], _own(setup))
        told = [(b, asked.answers[b.id]) for b in due if b.id in asked.answers]
        self._store(setup, told)
        if asked.trouble is None:
            silent = [b for b in due if b.id not in asked.answers]
            again = [self._again(setup, b, now, asked.faults.get(b.id)) for b in silent]
            with self._journal.begin() as tx:
                batches.apply_receipts(tx, again)
        elif not told:
            raise asked.trouble
        learnt = {b.consignment for b, r in told if r.closed or r.outcomes is not None}
        return sorted(learnt | {b.consignment for b in due if b.id in asked.faults or b.id in asked.changed})

    def fault(self, setup: LaneSetup) -> GatewayError | None:
        """Return what keeps open batches of the lane from being asked about, where others were."""
        with self._journal.read() as tx:
            return self._asker.fault({b.id for b in batches.of_lane(tx, setup.name, ["open"])})

    def _again(self, setup: LaneSetup, b: Row[Any], now: datetime, fault: Fault | None) -> batches.Told:
        wait = poll_pause(self._operation(setup, b)) * (LAPSED_POLL if b.state == "lapsed" else 1)
        wait = wait if fault is None else max(wait, fault.pause)
        return batches.Told(b.id, Receipt(), now + timedelta(seconds=wait), b.deadline or now, b.outcomes)

    def lapse(self, setup: LaneSetup) -> None:
        """End open batches of the lane whose deadline has passed."""
        now = self._journal.clock.now()
        with self._journal.begin() as tx:
            for b in batches.of_lane(tx, setup.name, ["open"]):
                if b.deadline is not None and b.deadline <= now:
                    ask = now + timedelta(seconds=poll_pause(setup.operation(b.operation)) * LAPSED_POLL)
                    batches.lapse(tx, b.id, "no final word within the deadline", ask)
                    batches.free_slots(tx, [b.id])


def _lost(message: str) -> Receipt:
    return Receipt(closed=True, rest=RowState.UNCERTAIN, code="DEST_UNCERTAIN", message=message)


def poll_pause(operation: Operation) -> float:
    """Seconds between two questions where the destination names none: a share of the deadline, within bounds."""
    return min(60.0, max(0.2, operation.deadline / 500))


def _own(setup: LaneSetup) -> set[str]:
    """Return the operations that batches of a lane have: where prices are computed, those that send them."""
    base = [one.name for one in setup.destination.operations if one.wanted == "base"] if setup.wanted else []
    return {*base, *(leg.operation.name for leg in setup.legs)}


def _of_others(b: Row[Any], receipt: Receipt) -> Receipt:
    """Leave out what is said of the rows not named, where every row is."""
    every = receipt.closed and receipt.outcomes is not None and receipt.outcomes.height >= b.records
    return replace(receipt, code="", message="") if every else receipt


def _take_slot(tx: Connection, window: Sequence[Row[Any]]) -> None:
    """Take the slot of a window, once more where it has it. Raises Busy."""
    if not batches.take_slot(tx, window[0].slot, window[0].id):
        raise Busy(f"The slot {window[0].slot} is taken by another batch.", after=1.0)


def _body(folder: ConsignmentFolder, b: Row[Any], bodies: BinaryIO) -> bytes:
    """Return the body of a batch, from memory where it was written a moment ago."""
    kept = folder.kept_call(b.offset)
    if kept is not None and len(kept) == b.length:  # an empty call begins where the next one does
        return kept
    bodies.seek(b.offset)
    return bodies.read(b.length)


def _batch_of(b: Row[Any], body: bytes) -> Batch:
    return Batch(b.operation, b.slot, body, pl.DataFrame(), b.memo)


__all__ = ["Sender", "poll_pause"]
