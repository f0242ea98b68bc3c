"""Bytes that a route took before: whether they are a duplicate, and which of their rows need not go again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Row

from gateway.delivery.effects import CODES
from gateway.delivery.settle import Settler
from gateway.journal import Journal, runs
from gateway.journal import tables as t
from gateway.mapping import load_mapping
from gateway.model import LINE, ROW, STATES, RowState, no_issues
from gateway.pipeline.bundle import Bundle
from gateway.pipeline.pin import versions_of
from gateway.pipeline.setup import RouteSetup, is_named
from gateway.reports.verdict import FAILED, failed
from gateway.spool import LATE_SCHEMA, STATE, RunFolder, Spool

_WITHOUT_EFFECT = frozenset({RowState.REJECTED, RowState.REFUSED, RowState.SKIPPED})
_TAKEN = {
    RowState.APPLIED: RowState.UNCHANGED,
    RowState.ACCEPTED: RowState.UNCHANGED,
    RowState.UNCHANGED: RowState.UNCHANGED,
    RowState.SUPERSEDED: RowState.SUPERSEDED,
}
"""How rows ended that need not go again as they are, and what becomes of them then."""

_AGAIN, _FAILED = 254, 255
"""In place of a state: the row goes again, and whether it failed before."""


@dataclass(frozen=True, slots=True)
class Before:
    """The run that took these bytes. `duplicate`: nothing is to be done with them; else they read otherwise now."""

    run: Row[Any]
    duplicate: bool


def met_before(journal: Journal, spool: Spool, settler: Settler, setup: RouteSetup, bundle: Bundle) -> Before | None:
    """Return the newest run of the route where it has these bytes; None where they are to be taken as any others.

    A run of rows that came back mended hides the run of the whole file from nobody. Bytes are no duplicate where the
    name is part of what they say, where nothing of that run took effect, or where rows of it failed and are read by
    another mapping or contract now. Raises SettingsError for a faulty mapping.
    """
    with journal.read() as tx:
        known = [runs.newest_of_route(tx, setup.route.name, mended=mended) for mended in (True, False)]
    same = (one for one in known if one is not None and one.sha256 == bundle.sha256 and one.arrival != bundle.id)
    newest = next(same, None)
    if newest is None:
        return None
    name = bundle.arrival.name
    if newest.file != name and not name.lower().endswith(".zip") and is_named(setup):
        return None
    if all(one.state == "settled" and is_without_effect(one) for one in (newest, *_retries(journal, newest))):
        return None
    changed = _reads_otherwise(newest, setup) and bool((_left(journal, spool, settler, newest) == _FAILED).any())
    return Before(newest, duplicate=not changed)


def is_without_effect(row: Row[Any]) -> bool:
    """Whether nothing that a settled run wanted has come about."""
    counts = row.counts
    told = [counts.get("states", {}), counts.get("derived", {}), *counts.get("effects", {}).values()]
    return all(state in _WITHOUT_EFFECT for states in told for state, count in states.items() if count)


def _reads_otherwise(row: Row[Any], setup: RouteSetup) -> bool:
    """Whether rows of a settled run failed that may fare better by the present mapping or contract."""
    if row.state != "settled" or not failed(row.counts.get("states", {})):
        return False
    then, now = row.pinned.get("versions", {}), versions_of(setup, load_mapping(setup.mapping))
    return any(then.get(name) != now[name] for name in ("mapping", "contract"))


def leave_out(journal: Journal, spool: Spool, settler: Settler, before: Row[Any], folder: RunFolder) -> int:
    """Give a state to the rows of a new run that are as an earlier run of these bytes took them; returns how many.

    Rows that came back mended meanwhile are among them, whatever they say now.
    """
    codes = _left(journal, spool, settler, before)
    if not codes.size:
        return 0
    stamped = "timestamp" not in before.pinned.get("columns", {})
    old = spool.run(before.id)
    names = sorted({*old.columns(), *folder.columns()} - {ROW, LINE, STATE} - ({"timestamp"} if stamped else set()))
    known = np.zeros(codes.size, dtype=np.uint64)
    for block in old.blocks(names):
        known[block[ROW].to_numpy()] = _contents(block, names)
    mended = np.zeros(codes.size, dtype=np.bool_)
    mended[[row for row, _ in settler.repaired(before.id) if row < codes.size]] = True
    words = pl.Series([str(state) for state in STATES])
    found = [folder.late()]
    for block in folder.blocks(names):
        here = block.filter(pl.col(STATE).is_null() & (pl.col(ROW) < codes.size))
        rows = here[ROW].to_numpy()
        same = (codes[rows] < _AGAIN) & ((known[rows] == _contents(here, names)) | mended[rows])
        if same.any():
            found.append(pl.DataFrame({ROW: rows[same], "state": words.gather(codes[rows[same]])}, schema=LATE_SCHEMA))
    folder.add_late(pl.concat(found), no_issues())
    return sum(frame.height for frame in found[1:])


def _left(journal: Journal, spool: Spool, settler: Settler, before: Row[Any]) -> npt.NDArray[np.uint8]:
    """What becomes of each row, by `@row`, when it comes again as it was: a state's code, _AGAIN or _FAILED."""
    ended = spool.run(before.id).told()
    becomes = np.full(256, _AGAIN, dtype=np.uint8)
    becomes[[CODES[state] for state in FAILED]] = _FAILED
    for state, again in _TAKEN.items():
        becomes[CODES[state]] = CODES[again]
    codes = becomes[ended]
    for one in _retries(journal, before):
        retried = spool.run(one.id)
        later = retried.told()
        for block in retried.states():
            rows = block[ROW].to_numpy()
            told = becomes[later[rows]] if later.size else np.full(rows.size, CODES[RowState.SUPERSEDED])
            codes[rows] = np.where(told < _AGAIN, told, codes[rows])
    codes[[row for row, _ in settler.repaired(before.id) if row < codes.size]] = CODES[RowState.SUPERSEDED]
    return codes


def _retries(journal: Journal, before: Row[Any]) -> Sequence[Row[Any]]:
    with journal.read() as tx:
        return tx.execute(sa.select(t.run).where(t.run.c.retry_of == before.id).order_by(t.run.c.id)).fetchall()


def _contents(block: pl.DataFrame, names: list[str]) -> npt.NDArray[np.uint64]:
    """Say what the rows hold in one number each: a field that no row has is like one that is missing."""
    missing = (pl.lit(None, pl.String).alias(name) for name in names if name not in block.columns)
    return block.with_columns(missing).select(pl.col(names).cast(pl.String)).hash_rows(seed=0).to_numpy()
