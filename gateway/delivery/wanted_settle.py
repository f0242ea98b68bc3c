"""What calls decide about a lane's book: base prices and promotions count once the call that shows them was taken.

A consignment keeps what it offers beside its effects; the book gets it when the consignment has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway.delivery.book import OFFERED, PROMOTION, Pages, bare, completed
from gateway.delivery.effects import effect_states
from gateway.journal import Journal
from gateway.model import KEY, RowState
from gateway.spool import ConsignmentFolder, Spool, write_frame

_TAKEN = (str(RowState.APPLIED), str(RowState.ACCEPTED))


def write_offered(folder: ConsignmentFolder, part: int, base: pl.DataFrame, promotions: pl.DataFrame) -> None:
    """Write what the calls of one part decide about: base prices (book.OFFERED) and promotions (book.PROMOTION)."""
    if base.height:
        write_frame(base, _path(folder, "offered", part))
    if promotions.height:
        write_frame(promotions, _path(folder, "promotion", part))


def settled(journal: Journal, spool: Spool, lane: str, consignment: str, sent: Sequence[Row[Any]]) -> Pages:
    """Return what the book gets of a consignment that has ended; the journal has to name it.

    What was refused, is uncertain or was called off is left out: what counted before counts on. Articles of these are
    looked at again at once, as others may have been told prices that were computed from it.
    """
    folder = spool.consignment(consignment)
    pages = Pages(spool, lane)
    if not any(any(folder.root.glob(f"{kind}-*.parquet")) for kind in ("offered", "promotion")):
        return pages
    now = journal.clock.now()
    for number, effects in enumerate(effect_states(folder, sent, [KEY])):
        taken = pl.col(KEY).is_in(effects.filter(pl.col("state").is_in(_TAKEN))[KEY].unique().implode())
        base, promotions = _offered(folder, number), _promotions(folder, number)
        good, bad = base.filter(taken), base.filter(~taken & ~pl.col("alone"))
        done = pl.concat([good, bad]).filter("told").with_columns(operation=pl.lit(None, pl.String))
        pages.add("base", bare(good.filter("stands")))
        pages.add("told", bare(pl.concat([good.filter(~pl.col("stands")), done])))
        pages.add("promotion", promotions.filter(taken))
        lost = pl.concat([bad.select(KEY), promotions.filter(~taken).select(KEY)]).unique()
        at = pl.lit(now).cast(pl.Datetime("us", "UTC"))
        pages.add("again", lost.with_columns(at=at, tries=pl.lit(0, pl.Int64)))
        pages.wake(now if lost.height else None)
    return pages


def _offered(folder: ConsignmentFolder, part: int) -> pl.DataFrame:
    path = _path(folder, "offered", part)
    return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=dict(OFFERED))


def _promotions(folder: ConsignmentFolder, part: int) -> pl.DataFrame:
    path = _path(folder, "promotion", part)
    return completed(pl.read_parquet(path), PROMOTION) if path.exists() else pl.DataFrame(schema=dict(PROMOTION))


def _path(folder: ConsignmentFolder, kind: str, part: int) -> Path:
    return folder.root / f"{kind}-{part:04d}.parquet"
