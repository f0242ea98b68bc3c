"""How many keys a full file left out, by what became of them: a key may have several effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway.delivery.outcomes import STATE_ENUM, effect_states
from gateway.model import KEY, KEY_SEPARATOR, STATES, RowState
from gateway.spool import ConsignmentFolder

Lost = tuple[ConsignmentFolder, Sequence[Row[Any]], int, RowState, int]
"""Where effects of a run without a row stand: a consignment, its batches, the run's position among its runs, the state
of what is open there, and the place of the leg."""


def by_key(lost: Sequence[Lost], fans_out: Mapping[int, bool]) -> dict[str, int]:
    """Count keys per state, each by the gravest of its effects. `fans_out`: by place of a leg, whether items end keys.

    A key is what the keys of all legs begin with: of the levels of an offer at several places, the offer. Keys are
    told apart by 64 bits of a hash: a million of them are eight megabytes.
    """
    marks = min(_separators(one) - fans_out[one[-1]] for one in lost)
    further = f"({KEY_SEPARATOR}[^{KEY_SEPARATOR}]*)"
    found = []
    for folder, sent, position, open_state, _ in lost:
        for part in effect_states(folder, sent, ["run", KEY, "derived"]):
            mine = part.filter((pl.col("run") == position) & pl.col("derived"))
            key = pl.col(KEY).str.extract(f"^([^{KEY_SEPARATOR}]*{further}{{{marks}}})")
            state = pl.col("state").fill_null(pl.lit(str(open_state), STATE_ENUM))
            found.append(mine.select(key.hash().alias(KEY), state))
    gravest = pl.concat(found).group_by(KEY).agg(pl.col("state").to_physical().min())
    counts = gravest.group_by("state").len().sort("state")
    return {str(STATES[code]): count for code, count in counts.iter_rows()}


def _separators(lost: Lost) -> int:
    """Return how many separators each key of a leg has."""
    folder, _, position, _, _ = lost
    for part in folder.effects(["run", KEY, "derived"]):
        mine = part.filter((pl.col("run") == position) & pl.col("derived"))
        if mine.height:
            return int(str(mine[KEY][0]).count(KEY_SEPARATOR))
    raise AssertionError(folder.root)
