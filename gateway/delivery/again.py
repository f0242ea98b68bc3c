"""Rows of a settled run as a run of their own: what a retry and a reconciliation send once more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection
from typing import Any

import polars as pl
from sqlalchemy.engine import Connection, Row

from gateway.journal import Journal, names, runs
from gateway.journal import tables as t
from gateway.spool import STATE, Keeping, RunFolder, Spool


def send_again(
    journal: Journal,
    spool: Spool,
    row: Row[Any],
    chosen: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    note: str,
    entered: Callable[[Connection, str, int], None],
    lanes: Collection[str] | None = None,
) -> tuple[str, int]:
    """Make a run of the rows that `chosen` keeps of each block; returns its id and rows, ("", 0) where there are none.

    It keeps the sequence of the first: a row whose key has a newer value by now ends superseded. `lanes`: only their
    legs. `entered` is called in the transaction that enters the run.
    """
    old, now = spool.run(row.id), journal.clock.now()
    with journal.begin() as tx:
        identity = names.fresh_run_id(tx, now)
    with Keeping() as keeping:
        new = spool.run(identity, keeping)
        count = _copied(old, new, chosen)
        if count == 0:
            return "", 0
        new.make_durable()
    with journal.begin() as tx:
        values = {c.name: getattr(row, c.name) for c in t.run.c}
        values |= {
            "id": identity, "state": "waiting", "retry_of": row.id, "rows": count, "blank": 0,
            "mode": "delta", "counts": {**row.counts, "warnings": 0}, "notes": [note],
            "started_at": now, "ended_at": None, "corrections": 0,
            "first_run": None,
        }  # fmt: skip
        runs.add_run(tx, **values)
        told = ("lane", "operation", "given", "fans_out")
        legs = [{name: getattr(leg, name) for name in told} for leg in runs.legs_of(tx, row.id)]
        legs = [leg for leg in legs if lanes is None or leg["lane"] in lanes]
        runs.add_legs(tx, identity, [{**leg, "open_rows": count} for leg in legs])
        entered(tx, identity, count)
        runs.wake_legs(tx, identity, now)
    return identity, count


def _copied(old: RunFolder, new: RunFolder, chosen: Callable[[pl.DataFrame], pl.DataFrame]) -> int:
    """Fill the folder of a run with chosen rows of another; returns how many: where there are none, it is gone."""
    new.begin()
    count = 0
    for number, block in enumerate(old.blocks()):
        kept = chosen(block)
        new.add(number, kept.with_columns(pl.lit(None, pl.String).alias(STATE)), old.issues().clear())
        count += kept.height
    if count == 0:
        shutil.rmtree(new.root)
        return 0
    for name in ("file", "pinned"):
        shutil.copytree(old.root / name, new.root / name, dirs_exist_ok=True, copy_function=_link)
    return count


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
