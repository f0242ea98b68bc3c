"""The link from a file of mended rows back to the run they failed in: which of them took effect, and by which run."""

from __future__ import annotations

from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway.delivery.results import RunRows
from gateway.journal import Journal, runs
from gateway.model import ROW, RowState
from gateway.spool import Spool, write_frame

_REPAIRED = "repaired.parquet"
_GOOD = (str(RowState.APPLIED), str(RowState.ACCEPTED), str(RowState.UNCHANGED))


def link_back(journal: Journal, spool: Spool, row: Row[Any], rows: RunRows) -> list[Row[Any]]:
    """Tell the first runs which of their faulty rows took effect by this one; returns those whose report says more now.

    Not for several threads at once: two runs may mend rows of one.
    """
    path = spool.run(row.id).root / "links.parquet"
    if not path.exists():
        return []
    links = pl.read_parquet(path)
    linked = links.with_columns(state=rows.states.of(links[ROW]))
    found: list[Row[Any]] = []
    for (first,), mended in linked.filter(pl.col("state").is_in(_GOOD)).group_by("first_run", maintain_order=True):
        with journal.read() as tx:
            origin = runs.get_run(tx, str(first))
        if origin is None or origin.partner != row.partner:
            continue  # a run id typed by hand must not touch another partner's answers
        if not spool.run(origin.id).root.exists():
            continue  # cleared away meanwhile: there is no report left to complete
        note = mended.select("first_row", pl.lit(row.id).alias("run"))
        target = spool.run(origin.id).root / _REPAIRED
        known = pl.read_parquet(target) if target.exists() else note.clear()
        write_frame(pl.concat([known, note]).unique("first_row", keep="last").sort("first_row"), target)
        found.append(origin)
    return [origin for origin in found if origin.state == "settled"]


def repaired(spool: Spool, run: str) -> list[tuple[int, str]]:
    """Rows of a run that came back mended and took effect: (row, by which run)."""
    path = spool.run(run).root / _REPAIRED
    return [] if not path.exists() else [(r[0], r[1]) for r in pl.read_parquet(path).iter_rows()]
