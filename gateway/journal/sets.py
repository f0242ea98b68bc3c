"""Files that belong together in the journal: sets and their members."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.journal import tables as t

_SET = t.arrival_set
_MEMBER = t.set_member


def open_set(
    tx: Connection, *, source: str, route: str, name: str, of: int | None, now: datetime, until: datetime
) -> int:
    """Enter a set that waits for its files."""
    row = tx.execute(
        sa.insert(_SET).values(
            source=source, route=route, name=name, of=of, state="waiting", opened_at=now, last_at=now, until=until
        )
    )
    key = row.inserted_primary_key
    return int(key[0]) if key is not None else 0


def waiting_set(tx: Connection, route: str, name: str, of: int | None) -> Row[Any] | None:
    """Return the set of a route that waits under this name."""
    query = sa.select(_SET).where(_SET.c.route == route, _SET.c.name == name, _SET.c.state == "waiting")
    return tx.execute(query.where(_SET.c.of == of if of is not None else _SET.c.of.is_(None))).first()


def get_set(tx: Connection, identity: int) -> Row[Any]:
    """One set."""
    return tx.execute(sa.select(_SET).where(_SET.c.id == identity)).one()


def in_state(tx: Connection, *states: str) -> Sequence[Row[Any]]:
    """Sets in the given states, oldest first."""
    return tx.execute(_IN_STATE, {"states": states}).fetchall()


_IN_STATE = sa.select(_SET).where(_SET.c.state.in_(sa.bindparam("states", expanding=True))).order_by(_SET.c.id)


def set_state(tx: Connection, identity: int, state: str, **values: Any) -> None:
    """Change the state of a set, and what comes with it."""
    tx.execute(sa.update(_SET).where(_SET.c.id == identity).values(state=state, **values))


def add_member(tx: Connection, identity: int, *, arrival: int, part: int, answer: str, now: datetime) -> None:
    """Enter a file into a set; `answer` stands for the run in the name of its acknowledgement."""
    tx.execute(sa.insert(_MEMBER).values(set=identity, arrival=arrival, part=part, answer=answer, left=False))
    tx.execute(sa.update(_SET).where(_SET.c.id == identity).values(last_at=now))


def membership(tx: Connection, arrival: int, route: str) -> Row[Any] | None:
    """Return the place of a file in a set of the route: `set`, `part`, `answer`, `left`."""
    return tx.execute(_MEMBERSHIP, {"arrival": arrival, "route": route}).first()


_MEMBERSHIP = (
    sa.select(_MEMBER)
    .join(_SET, _SET.c.id == _MEMBER.c.set)
    .where(_MEMBER.c.arrival == sa.bindparam("arrival"), _SET.c.route == sa.bindparam("route"))
)


def by_answer(tx: Connection, answer: str) -> Row[Any] | None:
    """Return the set of the file whose acknowledgement has this in the place of a run."""
    query = sa.select(_SET).join(_MEMBER, _MEMBER.c.set == _SET.c.id)
    return tx.execute(query.where(_MEMBER.c.answer == answer).order_by(_SET.c.id.desc())).first()


def members(tx: Connection, identity: int) -> Sequence[Row[Any]]:
    """Arrivals of a set with `part` and `answer`, by part, path and claim; those that left are not among them."""
    query = (
        sa.select(t.arrival, _MEMBER.c.part, _MEMBER.c.answer)
        .join(_MEMBER, _MEMBER.c.arrival == t.arrival.c.id)
        .where(_MEMBER.c.set == identity, _MEMBER.c.left.is_(False))
        .order_by(_MEMBER.c.part, t.arrival.c.path, t.arrival.c.id)
    )
    return tx.execute(query).fetchall()


def parts_of(tx: Connection, identity: int) -> set[int]:
    """Numbers of the parts that are there."""
    query = sa.select(_MEMBER.c.part).where(_MEMBER.c.set == identity, _MEMBER.c.left.is_(False))
    return set(tx.scalars(query))


def in_place_of(tx: Connection, identity: int, *, part: int | None, path: str) -> Row[Any] | None:
    """Return the file of a set with this part, or with this path where parts are not counted (None)."""
    query = (
        sa.select(t.arrival, _MEMBER.c.part, _MEMBER.c.answer)
        .join(_MEMBER, _MEMBER.c.arrival == t.arrival.c.id)
        .where(_MEMBER.c.set == identity, _MEMBER.c.left.is_(False))
        .where(_MEMBER.c.part == part if part is not None else t.arrival.c.path == path)
    )
    return tx.execute(query).first()


def count_of(tx: Connection, identity: int) -> int:
    """Number of files of a set."""
    query = sa.select(sa.func.count()).select_from(_MEMBER)
    return int(tx.scalar(query.where(_MEMBER.c.set == identity, _MEMBER.c.left.is_(False))) or 0)


def sets_of(tx: Connection, arrival: int) -> Sequence[Row[Any]]:
    """Sets a file belongs to."""
    return tx.execute(_SETS, {"arrival": arrival}).fetchall()


_SETS = (
    sa.select(_SET)
    .join(_MEMBER, _MEMBER.c.set == _SET.c.id)
    .where(_MEMBER.c.arrival == sa.bindparam("arrival"), _MEMBER.c.left.is_(False))
)


def leave(tx: Connection, identity: int, arrival: int) -> None:
    """Have a file leave its set: another one took its place."""
    same = sa.and_(_MEMBER.c.set == identity, _MEMBER.c.arrival == arrival)
    tx.execute(sa.update(_MEMBER).where(same).values(left=True))


def waiting_answers(tx: Connection, arrival: int) -> list[str]:
    """Return what stands for a run in the answers to a file that waits in sets."""
    query = sa.select(_MEMBER.c.answer).join(_SET, _SET.c.id == _MEMBER.c.set)
    waits = sa.and_(_MEMBER.c.left.is_(False), _SET.c.state == "waiting")
    return list(tx.scalars(query.where(_MEMBER.c.arrival == arrival, waits).order_by(_MEMBER.c.set)))


def withdraw(tx: Connection, arrival: int) -> None:
    """Take a file that can't be used out of the sets that wait."""
    waits = sa.select(_SET.c.id).where(_SET.c.state == "waiting")
    tx.execute(sa.delete(_MEMBER).where(_MEMBER.c.arrival == arrival, _MEMBER.c.set.in_(waits)))
