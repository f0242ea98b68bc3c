"""Consignments and batches in the journal: every change of state is one function here.

Statements of every file's way are built once: building one takes longer than having it done.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.journal import tables as t
from gateway.model import Receipt, RowState, Sent

LIVE = ("ready", "sending", "unknown", "open")
"""Batch states in which something is still to come."""

UNSENT = ("ready", "sending", "unknown")
"""Batch states that keep the lane from forming a new consignment."""


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch as encoded: where its bytes lie and which effects it holds."""

    number: int
    operation: str
    slot: str
    offset: int
    length: int
    records: int
    first_effect: int
    memo: Mapping[str, str]
    runs: tuple[str, ...]


def add_consignment(tx: Connection, values: Mapping[str, Any], runs: Sequence[str]) -> None:
    """Enter a consignment and the runs it takes rows of; without any, it is a lane's own doing."""
    tx.execute(_ADD_CONSIGNMENT, values)
    if runs:
        tx.execute(_ADD_RUNS, [{"consignment": values["id"], "run": run} for run in runs])


_ADD_CONSIGNMENT = sa.insert(t.consignment)
_ADD_RUNS = sa.insert(t.consignment_run)


def add_batches(
    tx: Connection, consignment: str, account: str, batches: Sequence[NewBatch], digests: Sequence[str]
) -> None:
    """Enter the batches of a consignment as ready, each with the digest of its body."""
    base = (tx.scalar(_LAST) or 0) + 1
    rows: list[dict[str, Any]] = []
    links: list[dict[str, Any]] = []
    for place, (new, digest) in enumerate(zip(batches, digests, strict=True)):
        rows.append({
            "id": base + place, "consignment": consignment, "number": new.number, "operation": new.operation,
            "account": account, "slot": new.slot, "offset": new.offset, "length": new.length, "digest": digest,
            "records": new.records, "first_effect": new.first_effect, "state": "ready", "attempts": 0,
            "outcomes": 0, "memo": dict(new.memo),
        })  # fmt: skip
        links.extend({"batch": base + place, "run": run} for run in new.runs)
    for start in range(0, len(rows), 500):
        tx.execute(_ADD_BATCHES, rows[start : start + 500])
    for start in range(0, len(links), 1000):
        tx.execute(_ADD_LINKS, links[start : start + 1000])


_LAST = sa.select(sa.func.max(t.batch.c.id))
_ADD_BATCHES = sa.insert(t.batch)
_ADD_LINKS = sa.insert(t.batch_run)


def consignments(tx: Connection, lane: str, state: str) -> list[str]:
    """Consignments of a lane in a state, oldest first."""
    return list(tx.scalars(_CONSIGNMENTS, {"lane": lane, "state": state}))


_CONSIGNMENTS = (
    sa.select(t.consignment.c.id)
    .where(t.consignment.c.lane == sa.bindparam("lane"), t.consignment.c.state == sa.bindparam("state"))
    .order_by(t.consignment.c.created_at, t.consignment.c.id)
)


def set_consignment(tx: Connection, consignment: str, state: str) -> None:
    """Give a consignment a state."""
    tx.execute(_SET_CONSIGNMENT, {"which": consignment, "state": state})


_SET_CONSIGNMENT = sa.update(t.consignment).where(t.consignment.c.id == sa.bindparam("which"))


def of_lane(tx: Connection, lane: str, states: Sequence[str], limit: int | None = None) -> Sequence[Row[Any]]:
    """Batches of a lane in the given states, in sending order."""
    asked = {"lane": lane, "states": states}
    return tx.execute(_SOME_OF_LANE if limit else _OF_LANE, asked | {"most": limit} if limit else asked).fetchall()


_OF_LANE = (
    sa.select(t.batch)
    .join(t.consignment, t.consignment.c.id == t.batch.c.consignment)
    .where(t.consignment.c.lane == sa.bindparam("lane"), t.consignment.c.state == "open")
    .where(t.batch.c.state.in_(sa.bindparam("states", expanding=True)))
    .order_by(t.batch.c.id)
)
_SOME_OF_LANE = _OF_LANE.limit(sa.bindparam("most"))


def family_waits(tx: Connection, account: str, family: str, now: datetime) -> bool:
    """Whether batches or rows of a family of an account could be sent now."""
    lanes = sa.select(t.lane.c.name).where(t.lane.c.account == account, t.lane.c.name.like(f"%/{family}/%"))
    ready = sa.select(t.batch.c.id).join(t.consignment, t.consignment.c.id == t.batch.c.consignment)
    ready = ready.where(t.consignment.c.lane.in_(lanes), t.batch.c.state == "ready", t.batch.c.length > 0)
    rows = sa.select(t.leg.c.run).where(t.leg.c.lane.in_(lanes), t.leg.c.open_rows > 0, t.leg.c.held.is_(False))
    rows = rows.where(t.leg.c.waits == 0, sa.or_(t.leg.c.wake_at.is_(None), t.leg.c.wake_at <= now))
    return tx.scalar(ready.limit(1)) is not None or tx.scalar(rows.limit(1)) is not None


def due(tx: Connection, account: str, now: datetime) -> Sequence[Row[Any]]:
    """Open or lapsed batches of an account that may be asked about now."""
    return tx.execute(_DUE, {"account": account, "now": now}).fetchall()


_DUE = (
    sa.select(t.batch)
    .where(t.batch.c.account == sa.bindparam("account"), t.batch.c.ask_at <= sa.bindparam("now"))
    .where(t.batch.c.state.in_(("open", "lapsed")))
    .order_by(t.batch.c.ask_at, t.batch.c.id)
)


def with_tickets(tx: Connection, account: str, tickets: Collection[str]) -> Sequence[Row[Any]]:
    """Batches of an account that have one of the tickets, whatever became of them."""
    wanted = sorted(tickets)
    found: list[Row[Any]] = []
    for start in range(0, len(wanted), 500):
        mine = sa.and_(t.batch.c.account == account, t.batch.c.ticket.in_(wanted[start : start + 500]))
        found.extend(tx.execute(sa.select(t.batch).where(mine).order_by(t.batch.c.id)))
    return found


def intend(tx: Connection, ids: Sequence[int], now: datetime) -> bool:
    """Write the intent: these batches are about to be sent; False when a person cancelled one of them meanwhile."""
    if len(tx.execute(_READY, {"ids": ids}).fetchall()) != len(ids):
        return False
    tx.execute(_INTEND, {"ids": ids, "now": now})
    return True


_THESE = t.batch.c.id.in_(sa.bindparam("ids", expanding=True))
_READY = sa.select(t.batch.c.id).where(_THESE, t.batch.c.state == "ready").with_for_update()
_INTEND = (
    sa.update(t.batch)
    .where(_THESE, t.batch.c.state == "ready")
    .values(state="sending", intent_at=sa.bindparam("now"), attempts=t.batch.c.attempts + 1)
)


def cancel_unsent(tx: Connection, run: str, message: str) -> int:
    """Close the batches of a run that were never sent and hold no row of another run; returns how many."""
    shared = sa.select(t.batch_run.c.batch).where(t.batch_run.c.run != run)
    mine = sa.select(t.batch_run.c.batch).where(t.batch_run.c.run == run, t.batch_run.c.batch.not_in(shared))
    return _call_off(tx, sa.and_(t.batch.c.id.in_(mine), t.batch.c.state == "ready"), message)


def _call_off(tx: Connection, unsent: sa.ColumnElement[bool], message: str) -> int:
    tx.execute(sa.delete(t.slot).where(t.slot.c.batch.in_(sa.select(t.batch.c.id).where(unsent))))
    ended = {"state": "closed", "rest": str(RowState.SKIPPED), "code": "CANCELLED", "message": message}
    return tx.execute(sa.update(t.batch).where(unsent).values(**ended)).rowcount


def called_off(tx: Connection, batch: int) -> bool:
    """Whether a person cancelled every run of a batch."""
    of_run = t.batch_run.c.run == t.run.c.id
    states = sa.select(t.run.c.state).join(t.batch_run, of_run).where(t.batch_run.c.batch == batch)
    return set(tx.scalars(states)) == {"cancelled"}


def call_off_lost(tx: Connection, batch: int, message: str) -> None:
    """Close a batch whose call did not arrive, as one that was never sent."""
    _call_off(tx, t.batch.c.id == batch, message)


def set_state(tx: Connection, ids: Sequence[int], state: str) -> None:
    """Give batches a state."""
    if ids:
        tx.execute(sa.update(t.batch).where(t.batch.c.id.in_(ids)).values(state=state))


@dataclass(frozen=True, slots=True)
class Told:
    """A receipt to be stored: when to ask again, the deadline of a batch that is open now, outcome files so far."""

    batch: int
    receipt: Receipt
    ask_at: datetime
    deadline: datetime
    outcomes: int


def apply_receipts(tx: Connection, told: Sequence[Told]) -> None:
    """Store what calls told. A closed batch stays closed; an open one keeps its first deadline."""
    closed = [one for one in told if one.receipt.closed]
    opened = [one for one in told if not one.receipt.closed]
    if closed:
        tx.execute(_CLOSE, [_closing(one) for one in closed])
    if opened:
        tx.execute(_TELL, [
            {"which": o.batch, "to_ask": o.ask_at, "to_outcomes": o.outcomes, "to_ticket": o.receipt.ticket}
            for o in opened
        ])  # fmt: skip
        tx.execute(_OPEN, [{"which": o.batch, "to_deadline": o.deadline} for o in opened])


_MINE = sa.update(t.batch).where(t.batch.c.id == sa.bindparam("which"))
_TICKET: sa.ColumnElement[str] = sa.func.coalesce(sa.bindparam("to_ticket"), t.batch.c.ticket)
_CLOSE = _MINE.where(t.batch.c.state != "closed").values(
    state="closed", rest=sa.bindparam("to_rest"), code=sa.bindparam("to_code"), message=sa.bindparam("to_message"),
    outcomes=sa.bindparam("to_outcomes"), ticket=_TICKET,
)  # fmt: skip
_TELL = _MINE.where(t.batch.c.state != "closed").values(
    ask_at=sa.bindparam("to_ask"), outcomes=sa.bindparam("to_outcomes"), ticket=_TICKET
)
_OPEN = _MINE.where(
    sa.or_(*(t.batch.c.state == state for state in UNSENT))  # IN can't be executed for many at once
).values(state="open", deadline=sa.bindparam("to_deadline"))


def live_of(tx: Connection, run: str) -> int:
    """Return how many batches of a run there are of which something is still to come."""
    return int(tx.scalar(_LIVE_OF, {"run": run}) or 0)


_LIVE_OF = (
    sa.select(sa.func.count())
    .select_from(t.batch.join(t.batch_run, t.batch_run.c.batch == t.batch.c.id))
    .where(t.batch_run.c.run == sa.bindparam("run"), t.batch.c.state.in_(LIVE))
)


def lane_of(tx: Connection, batch: int) -> str:
    """Return the lane a batch is of."""
    query = sa.select(t.consignment.c.lane).join(t.batch, t.batch.c.consignment == t.consignment.c.id)
    return str(tx.scalar(query.where(t.batch.c.id == batch)))


def last_called(tx: Connection, lane: str) -> Row[Any] | None:
    """Return the newest batch of a lane that the other side answered; None where there is none."""
    query = sa.select(t.batch).join(t.consignment, t.consignment.c.id == t.batch.c.consignment)
    query = query.where(t.consignment.c.lane == lane, t.batch.c.intent_at.is_not(None), t.batch.c.length > 0)
    answered = query.where(t.batch.c.state.in_(("open", "closed", "lapsed"))).order_by(t.batch.c.id.desc())
    return tx.execute(answered.limit(1)).first()


def mark_late(tx: Connection, consignments: Sequence[str]) -> None:
    """Remember that something was learnt of consignments that had ended: their runs are to be corrected."""
    tx.execute(_LATE, {"ids": consignments})


_LATE = (
    sa.update(t.consignment)
    .where(t.consignment.c.state == "closed", t.consignment.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(state="late")
)


def _closing(one: Told) -> dict[str, Any]:
    receipt = one.receipt
    return {
        "which": one.batch,
        "to_rest": None if receipt.rest is None else str(receipt.rest),
        "to_code": receipt.code or None,
        "to_message": receipt.message or None,
        "to_outcomes": one.outcomes,
        "to_ticket": receipt.ticket,
    }


def lapse(tx: Connection, batch: int, message: str, ask_at: datetime) -> None:
    """End an open batch by its deadline: accepted, never confirmed; it may still be corrected."""
    tx.execute(
        sa.update(t.batch)
        .where(t.batch.c.id == batch, t.batch.c.state == "open")
        .values(state="lapsed", rest=str(RowState.ACCEPTED), code="DEST_NOT_CONFIRMED", message=message, ask_at=ask_at)
    )


def take_slot(tx: Connection, name: str, batch: int) -> bool:
    """Take a slot for a batch; False when another batch holds it. Taking twice is once."""
    if not name:
        return True
    held = tx.scalar(_HOLDER, {"name": name})
    if held is None:
        tx.execute(_TAKE, {"name": name, "batch": batch})
        return True
    return bool(held == batch)


_HOLDER = sa.select(t.slot.c.batch).where(t.slot.c.name == sa.bindparam("name"))
_TAKE = sa.insert(t.slot)


def free_slots(tx: Connection, held: Sequence[int]) -> None:
    """Give back the slots that these batches hold."""
    if held:
        tx.execute(_FREE, {"held": held})


_FREE = sa.delete(t.slot).where(t.slot.c.batch.in_(sa.bindparam("held", expanding=True)))


def as_sent(row: Row[Any], now: datetime) -> Sent:
    """Describe a batch for `poll` and `find`."""
    return Sent(
        batch_id=row.id,
        operation=row.operation,
        slot=row.slot,
        ticket=row.ticket,
        body_digest=row.digest,
        records=row.records,
        intent_at=row.intent_at or now,
        memo=row.memo,
    )
