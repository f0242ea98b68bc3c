"""Events that came by webhook: stored before they are answered, kept until a lane has handed them over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.journal import tables as t

LIVE = ("new", "waiting")
"""States in which an event is still to be handed over: for the first time, or once a ticket it names exists."""


def add(
    tx: Connection, destination: str, *, digest: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> bool:
    """Store an event and wake the lanes of its destination; False when the same event was stored before."""
    same = sa.and_(t.heard.c.destination == destination, t.heard.c.digest == digest)
    if tx.scalar(sa.select(t.heard.c.id).where(same)) is not None:
        return False
    values = {"destination": destination, "received_at": now, "digest": digest, "headers": dict(headers), "body": body}
    tx.execute(sa.insert(t.heard).values(**values, state="new", tries=0, next_at=now))
    tx.execute(sa.update(t.lane).where(t.lane.c.destination == destination).values(wake_at=now))
    return True


def backlog(tx: Connection, destination: str) -> int:
    """How many events of a destination are still to be handed over."""
    live = sa.and_(t.heard.c.destination == destination, t.heard.c.state.in_(LIVE))
    return tx.scalar(sa.select(sa.func.count()).select_from(t.heard).where(live)) or 0


def lanes_of(tx: Connection, destination: str) -> list[str]:
    """Lanes that send to a destination."""
    return list(tx.scalars(sa.select(t.lane.c.name).where(t.lane.c.destination == destination)))


def forget(tx: Connection, destination: str, before: datetime) -> None:
    """Delete what has ended and came before a time: from then on the same event would be a new one."""
    old = sa.and_(t.heard.c.destination == destination, t.heard.c.received_at < before, t.heard.c.state.not_in(LIVE))
    tx.execute(sa.delete(t.heard).where(old))


def standing(tx: Connection) -> Sequence[Row[Any]]:
    """Events nothing came of so far: `destination`, `state`, `events`, `since` (the oldest), `ticket` (one of them)."""
    tickets = sa.select(t.heard_ticket.c.heard, sa.func.min(t.heard_ticket.c.ticket).label("ticket"))
    named = tickets.group_by(t.heard_ticket.c.heard).subquery()
    query = sa.select(
        t.heard.c.destination, t.heard.c.state, sa.func.count().label("events"),
        sa.func.min(t.heard.c.received_at).label("since"), sa.func.min(named.c.ticket).label("ticket"),
    ).outerjoin(named, named.c.heard == t.heard.c.id)  # fmt: skip
    query = query.where(t.heard.c.state.in_((*LIVE, "unreadable", "expired")))
    return tx.execute(
        query.group_by(t.heard.c.destination, t.heard.c.state).order_by(t.heard.c.destination, t.heard.c.state)
    ).fetchall()


# ---- handing over


def due(tx: Connection, destination: str, account: str, now: datetime, limit: int) -> Sequence[Row[Any]]:
    """Events to be handed over now, oldest first: new ones, and those that wait for a ticket the account has now."""
    asked = {"destination": destination, "account": account, "now": now, "most": limit}
    return tx.execute(_DUE, asked).fetchall()


def begin(tx: Connection, events: Mapping[int, datetime]) -> None:
    """Count a try of events before it is made, and say when the next one is due should this one never end."""
    change = sa.update(t.heard).where(t.heard.c.id == sa.bindparam("which"))
    change = change.values(state="new", tries=t.heard.c.tries + 1, next_at=sa.bindparam("again"))
    tx.execute(change, [{"which": event, "again": at} for event, at in events.items()])


def again(tx: Connection, event: int, at: datetime) -> None:
    """Have an event handed over once more at a time."""
    tx.execute(sa.update(t.heard).where(t.heard.c.id == event).values(next_at=at))


def wait(tx: Connection, event: int, tickets: Collection[str]) -> None:
    """Keep an event until a batch has one of the tickets."""
    _unname(tx, [event])
    tx.execute(sa.insert(t.heard_ticket), [{"heard": event, "ticket": one} for one in sorted(tickets)])
    tx.execute(sa.update(t.heard).where(t.heard.c.id == event).values(state="waiting", next_at=None))


def end(tx: Connection, event: int, state: str) -> None:
    """End an event (done, ignored, unreadable); the body is kept only of what nobody could read."""
    _unname(tx, [event])
    values: dict[str, Any] = {"state": state, "next_at": None}
    if state != "unreadable":
        values["body"] = b""
    tx.execute(sa.update(t.heard).where(t.heard.c.id == event).values(values))


def expire(tx: Connection, destination: str, before: datetime) -> list[tuple[int, datetime, list[str]]]:
    """End what came before a time and could not be handed over; returns id, time and the tickets it waited for."""
    late = sa.and_(t.heard.c.destination == destination, t.heard.c.state.in_(LIVE), t.heard.c.received_at < before)
    gone = tx.execute(sa.select(t.heard.c.id, t.heard.c.received_at).where(late).order_by(t.heard.c.id)).fetchall()
    told = []
    for event, at in gone:
        tickets = sa.select(t.heard_ticket.c.ticket).where(t.heard_ticket.c.heard == event)
        told.append((event, at, sorted(tx.scalars(tickets))))
        end(tx, event, "expired")
    return told


def wake_at(tx: Connection, destination: str, account: str, now: datetime, keep: timedelta) -> datetime | None:
    """When the next event is to be handed over or given up; None: there is none."""
    oldest = tx.scalar(_OLDEST, {"destination": destination})
    if oldest is None:
        return None
    if due(tx, destination, account, now, 1):
        return now
    planned = tx.scalar(_PLANNED, {"destination": destination})
    end_of_it: datetime = oldest + keep
    return end_of_it if planned is None else min(planned, end_of_it)


def _ripe() -> sa.ColumnElement[bool]:
    known = sa.and_(t.batch.c.ticket == t.heard_ticket.c.ticket, t.batch.c.account == sa.bindparam("account"))
    named = sa.select(t.heard_ticket.c.heard).join(t.batch, known)
    return sa.or_(
        sa.and_(t.heard.c.state == "new", t.heard.c.next_at <= sa.bindparam("now")),
        sa.and_(t.heard.c.state == "waiting", t.heard.c.id.in_(named)),
    )


# built once: every turn of a lane asks for them
_OF = t.heard.c.destination == sa.bindparam("destination")
_DUE = sa.select(t.heard).where(_OF, _ripe()).order_by(t.heard.c.id).limit(sa.bindparam("most"))
_OLDEST = sa.select(sa.func.min(t.heard.c.received_at)).where(_OF, t.heard.c.state.in_(LIVE))
_PLANNED = sa.select(sa.func.min(t.heard.c.next_at)).where(_OF, t.heard.c.state.in_(LIVE))


def _unname(tx: Connection, events: Sequence[int]) -> None:
    tx.execute(sa.delete(t.heard_ticket).where(t.heard_ticket.c.heard.in_(events)))
