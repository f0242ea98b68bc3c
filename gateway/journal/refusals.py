"""Answers in the journal that a file is not taken, where it came to no run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.journal import tables as t

_REFUSAL = t.refusal


def add(tx: Connection, name: str, **values: Any) -> None:
    """Enter a refusal: `arrival`, `file`, `at`, `code`, `message`, `fix`; entering it again replaces it."""
    tx.execute(sa.delete(_REFUSAL).where(_REFUSAL.c.name == name))
    tx.execute(sa.insert(_REFUSAL).values(name=name, **values))


def of_name(tx: Connection, name: str) -> Row[Any] | None:
    """Return the refusal of this name."""
    return tx.execute(sa.select(_REFUSAL).where(_REFUSAL.c.name == name)).first()


def newest(tx: Connection, limit: int) -> Sequence[Row[Any]]:
    """Newest refusals first."""
    return tx.execute(sa.select(_REFUSAL).order_by(_REFUSAL.c.id.desc()).limit(limit)).fetchall()


def since(tx: Connection, identity: int) -> Sequence[Row[Any]]:
    """Refusals after one, oldest first."""
    return tx.execute(sa.select(_REFUSAL).where(_REFUSAL.c.id > identity).order_by(_REFUSAL.c.id)).fetchall()


def last(tx: Connection) -> int:
    """Return the newest refusal's identity; 0 without one."""
    return int(tx.scalar(sa.select(sa.func.max(_REFUSAL.c.id))) or 0)
