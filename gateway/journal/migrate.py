"""Brings the tables of an earlier version up to date, in one transaction each."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine

_MOVED = ("lane", "open_rows", "wake_at", "released")
"""Columns of `run` that version 2 keeps per leg."""


def to_2(engine: Engine) -> None:
    """Give every run of version 1 its one leg."""
    with engine.begin() as tx:
        tx.execute(
            sa.text(
                "INSERT INTO leg "
                "(run, lane, place, operation, given, fans_out, open_rows, waits, wake_at, held, released) "
                "SELECT run.id, run.lane, 0, lane.operation, '[]', false, run.open_rows, 0, run.wake_at, "
                "run.state = 'held', run.released FROM run JOIN lane ON lane.name = run.lane"
            )
        )
        tx.execute(sa.text("DROP INDEX IF EXISTS ix_run_lane"))
        for column in _MOVED:
            tx.execute(sa.text(f"ALTER TABLE run DROP COLUMN {column}"))
        tx.execute(sa.text("UPDATE meta SET value = '2' WHERE name = 'version'"))
