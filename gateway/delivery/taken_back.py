"""Prices from before runs that a person released: what goes back to them takes a leap back, and is none itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from gateway import guard
from gateway.delivery.portions import Candidate
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.spool import Spool, write_frame


def tallied(candidate: Candidate, send: pl.DataFrame, *, known: int, file_keys: int, priced: bool) -> guard.Tally:
    """Count a candidate's part as `guard.tally` does, and gather the prices that leap in a run that was released."""
    limits = candidate.pinned.route.guard if priced else None
    if limits is not None and candidate.row.released:
        candidate.leapt.append(guard.leaps(send, limits))
    return guard.tally(
        send, known=known, file_keys=file_keys, full=candidate.shortens, priced=limits, former=candidate.former
    )


def look(journal: Journal, spool: Spool, lane: str, candidates: Iterable[Candidate], now: datetime) -> None:
    """Tell candidates from which prices those leapt that were released in a lane before, as long as that counts."""
    for one in candidates:
        since = now - timedelta(seconds=one.pinned.route.guard.back_within)
        query = sa.select(t.run.c.id).join(t.leg, t.leg.c.run == t.run.c.id)
        query = query.where(t.leg.c.lane == lane, t.leg.c.released, t.run.c.received_at > since)
        with journal.read() as tx:
            found = list(tx.scalars(query.where(t.run.c.seq < one.row.seq, t.run.c.id != one.row.id)))
        places = (_place(spool, run, lane) for run in found)
        frames = [pl.read_parquet(place) for place in places if place.exists()]
        one.former = pl.concat(frames) if frames else None


def keep(spool: Spool, lane: str, candidates: Iterable[Candidate]) -> None:
    """Keep with released runs from which prices theirs leap: before anything of them is sent."""
    for one in candidates:
        frames = [frame for frame in one.leapt if frame.height]
        if frames:
            write_frame(pl.concat(frames), _place(spool, one.row.id, lane))


def _place(spool: Spool, run: str, lane: str) -> Path:
    digest = hashlib.blake2b(lane.encode(), digest_size=6).hexdigest()
    return spool.run(run).root / f"before-{digest}.parquet"
