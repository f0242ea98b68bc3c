"""What calls decide about a lane's book: base prices and promotions count once the call that shows them was taken.

A consignment keeps what it offers beside its effects; the book gets it when the consignment has ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Row

from gateway.delivery.book import OFFERED, PROMOTION, Pages, bare, completed
from gateway.delivery.outcomes import effect_states
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.model import KEY, RowState
from gateway.spool import ConsignmentFolder, Spool, write_frame

_NAMED = 5
"""Articles an event names."""
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
    hidden: list[pl.DataFrame] = []
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
        shown = bad.filter("told", "stands").select(KEY, "seq", "price")
        refused = effects.filter(pl.col("state") == str(RowState.REFUSED)).select(KEY, "message")
        hidden.append(shown.join(refused.unique(KEY, keep="last"), on=KEY))
    pages.notes = [{"at": now, **one} for one in _told_too_well(journal, lane, pl.concat(hidden))] if hidden else []
    return pages


def _told_too_well(journal: Journal, lane: str, hidden: pl.DataFrame) -> Iterator[dict[str, str]]:
    """Yield events for the runs whose rows ended as hidden by a promotion, and were refused when they were shown.

    `hidden`: `@key`, `seq`, `price`, `message`. The rows keep their state: their run has been answered, and no call of
    its own was ever made for them.
    """
    if not hidden.height:
        return
    with journal.read() as tx:
        query = sa.select(t.run.c.id, t.run.c.seq).join(t.leg, t.leg.c.run == t.run.c.id).where(t.leg.c.lane == lane)
        runs = tx.execute(query.where(t.run.c.seq.in_(hidden["seq"].unique().to_list()))).fetchall()
    for run, seq in runs:
        mine = hidden.filter(pl.col("seq") == seq).sort(KEY)
        said = [f"{key}: {price} ({message or 'refused'})" for key, _, price, message in mine.head(_NAMED).iter_rows()]
        more = f" and {mine.height - _NAMED:,} more" if mine.height > _NAMED else ""
        text = f"no promotion hides these prices any more, and they were refused: {'; '.join(said)}{more}"
        yield {"subject": run, "kind": "refused later", "text": f"{text}. The prices before them count on."}


def _offered(folder: ConsignmentFolder, part: int) -> pl.DataFrame:
    path = _path(folder, "offered", part)
    return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=dict(OFFERED))


def _promotions(folder: ConsignmentFolder, part: int) -> pl.DataFrame:
    path = _path(folder, "promotion", part)
    return completed(pl.read_parquet(path), PROMOTION) if path.exists() else pl.DataFrame(schema=dict(PROMOTION))


def _path(folder: ConsignmentFolder, kind: str, part: int) -> Path:
    return folder.root / f"{kind}-{part:04d}.parquet"
