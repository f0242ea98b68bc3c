"""Hands stored webhook events to their destination and its receipts to the batches they name, whatever their lane."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection, Row

from gateway.delivery.setup import LaneSetup
from gateway.errors import GatewayError, MayWorkLater
from gateway.journal import Journal, batches, heard, runs
from gateway.model import Hearing, Receipt
from gateway.pauses import growing

KEEP = timedelta(days=7)
"""How long an event waits for its ticket, and how long a repeated one is known."""

_AT_ONCE = 64
"""Events handed over before the lane looks at other things."""

_LONGEST_PAUSE = 300.0

Store = Callable[[Sequence[tuple[Row[Any], Receipt]]], None]
"""Stores receipts of batches."""


def expect(journal: Journal, lanes: Iterable[LaneSetup]) -> None:
    """Enter the lanes of destinations that may be told before anything was sent: lanes are who hands events over."""
    now = journal.clock.now()
    with journal.begin() as tx:
        for lane in (one for one in lanes if isinstance(one.destination, Hearing)):
            runs.ensure_lane(
                tx, lane.name, destination=lane.target.name, account=lane.destination.account,
                operation=lane.legs[0].operation.name, wake_at=now,
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hearer:
    """What came by webhook, for the lanes. Only one thread per account may be inside: receipts count their files."""

    journal: Journal
    keep: timedelta = KEEP

    def hear(self, setup: LaneSetup, store: Store) -> list[str]:
        """Hand over what is due; returns the consignments something was learnt of. Never raises for an event."""
        name, account = setup.target.name, setup.destination.account
        now = self.journal.clock.now()
        with self.journal.read() as tx:
            stale = heard.wake_at(tx, name, account, now, self.keep)
            events = [] if stale is None else heard.due(tx, name, account, now, _AT_ONCE)
        if events:
            with self.journal.begin() as tx:
                heard.begin(tx, {event.id: now + _pause(event.tries) for event in events})
        touched: set[str] = set()
        for event in events:
            touched |= self._hand_over(setup, event, store)
        if stale is not None and stale <= now and len(events) < _AT_ONCE:  # each is tried before it is given up
            self._expire(name, now)
        return sorted(touched)

    def wake_at(self, tx: Connection, setup: LaneSetup) -> datetime | None:
        """When an event of the lane's destination is to be looked at next."""
        now = self.journal.clock.now()
        return heard.wake_at(tx, setup.target.name, setup.destination.account, now, self.keep)

    # ---- one event

    def _hand_over(self, setup: LaneSetup, event: Row[Any], store: Store) -> set[str]:
        destination = setup.destination
        if not isinstance(destination, Hearing):
            self._end(event, "ignored", "its destination is not told by webhooks; the event was put aside")
            return set()
        try:
            receipts = dict(destination.hear(event.body, event.headers))
        except MayWorkLater as error:
            self._later(event, error)
            return set()
        except Exception as error:  # noqa: BLE001  whatever is wrong with an event, the lane must go on
            self._end(event, "unreadable", f"the event can't be read: {_said(error)}")
            return set()
        with self.journal.read() as tx:
            known = batches.with_tickets(tx, destination.account, receipts)
        told = [(b, _patient(b, receipts[b.ticket], self.journal.clock.now())) for b in known if b.state != "closed"]
        store(told)
        missing = receipts.keys() - {b.ticket for b in known}
        with self.journal.begin() as tx:
            if missing:
                heard.wait(tx, event.id, missing)
            else:
                heard.end(tx, event.id, "done")
        return {b.consignment for b, receipt in told if receipt.closed or receipt.outcomes is not None}

    def _later(self, event: Row[Any], error: MayWorkLater) -> None:
        with self.journal.begin() as tx:
            if error.after is not None:
                heard.again(tx, event.id, self.journal.clock.now() + timedelta(seconds=error.after))
            if event.tries == 0:
                self.journal.note(tx, _subject(event.destination), "postponed", f"event {event.id}: {error}")

    def _end(self, event: Row[Any], state: str, text: str) -> None:
        with self.journal.begin() as tx:
            heard.end(tx, event.id, state)
            self.journal.note(tx, _subject(event.destination), state, f"event {event.id}: {text}")

    def _expire(self, name: str, now: datetime) -> None:
        with self.journal.begin() as tx:
            for event, at, tickets in heard.expire(tx, name, now - self.keep):
                whose = f"no import of ours has the ticket {', '.join(tickets)}" if tickets else "it could not be used"
                self.journal.note(
                    tx, _subject(name), "unmatched", f"event {event} of {at:%Y-%m-%d %H:%M} UTC was given up: {whose}"
                )


def _subject(name: str) -> str:
    return f"hook {name}"


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=growing(tries, first=1.0, longest=_LONGEST_PAUSE))


def _patient(b: Row[Any], receipt: Receipt, now: datetime) -> Receipt:
    """An event that brings no end must not put off the next question."""
    if receipt.closed or receipt.after is not None or b.ask_at is None:
        return receipt
    return replace(receipt, after=max(0.0, (b.ask_at - now).total_seconds()))


def _said(error: Exception) -> str:
    """What people may read of an error; the words of a library's may repeat the event itself."""
    if isinstance(error, GatewayError):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


__all__ = ["KEEP", "Hearer", "expect"]
