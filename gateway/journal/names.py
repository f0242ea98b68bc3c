"""Ids of runs, and what stands for one in the name of an answer to a file that came to no run: each is given once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.journal import tables as t

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread
_RUN_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_BORNE = (t.run.c.id, t.refusal.c.name, t.set_member.c.answer)
"""Where ids stand that were given before they were written down by themselves."""


def run_id(now: datetime) -> str:
    """Return a nine-letter id that sorts by time (milliseconds since 2024, base 32)."""
    number = (now - _RUN_EPOCH) // timedelta(milliseconds=1)
    letters = []
    for _ in range(9):
        number, rest = divmod(number, 32)
        letters.append(_ALPHABET[rest])
    return "".join(reversed(letters))


def fresh_run_id(tx: Connection, now: datetime) -> str:
    """Return a run id that nothing has yet, nor ever will: it is given with the transaction."""
    return _give(tx, now, arrival=None, purpose=None)


def answer_id(tx: Connection, arrival: int, purpose: str, at: datetime) -> str:
    """Return what stands for a run in the name of an answer to a file; asked again, after a crash too, it is the same.

    `purpose`: which of the answers to the file it is.
    """
    query = sa.select(t.given.c.id).where(t.given.c.arrival == arrival, t.given.c.purpose == purpose)
    known = tx.scalar(query)
    return _give(tx, at, arrival=arrival, purpose=purpose) if known is None else str(known)


def _give(tx: Connection, at: datetime, *, arrival: int | None, purpose: str | None) -> str:
    while _is_given(tx, identity := run_id(at)):
        at += timedelta(milliseconds=1)
    tx.execute(_GIVE, {"id": identity, "arrival": arrival, "purpose": purpose})
    return identity


def _is_given(tx: Connection, identity: str) -> bool:
    return bool(tx.scalar(_IS_GIVEN, {"which": identity}))


_GIVE = sa.insert(t.given)
_IS_GIVEN = sa.select(
    sa.or_(*(sa.select(one).where(one == sa.bindparam("which")).exists() for one in (t.given.c.id, *_BORNE)))
)
