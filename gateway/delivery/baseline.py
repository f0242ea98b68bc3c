"""The baseline of a lane: immutable segments of what was confirmed, and the keys under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from gateway import delta
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.model import KEY
from gateway.spool import Spool, write_frame

MOST_SEGMENTS = 8
"""More segments than this are folded into one."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Segments of one lane as the journal names them."""

    paths: Sequence[Path]
    rows: int

    @classmethod
    def of_lane(cls, journal: Journal, spool: Spool, lane: str) -> Baseline:
        """Find the lane's segments."""
        with journal.read() as tx:
            query = sa.select(t.segment.c.file, t.segment.c.rows).where(t.segment.c.lane == lane)
            found = tx.execute(query.order_by(t.segment.c.id)).fetchall()
        return cls([spool.segments / r.file for r in found], sum(r.rows for r in found))

    def part(self, part: int, parts: int) -> pl.DataFrame:
        """Newest row per key of one part (SEGMENT_SCHEMA); digests of another hasher are null."""
        frames = [_read(path).filter(delta.in_part(part, parts)) for path in self.paths]
        return delta.fold([f for f in frames if f.height])


def _read(path: Path) -> pl.DataFrame:
    frame = pl.read_parquet(path)
    if f".{delta.HASHER}." not in path.name:
        frame = frame.with_columns(digest=pl.lit(None, pl.UInt64))
    return frame


def add_segment(
    journal: Journal, spool: Spool, lane: str, frames: Sequence[pl.DataFrame], *, consignment: str, name: str
) -> None:
    """Write confirmed effects (SEGMENT_SCHEMA) as a segment: durable first, then the journal row that names it."""
    rows = sum(f.height for f in frames)
    if rows == 0:
        return
    file = f"{name}.{delta.HASHER}.parquet"
    write_frame(pl.concat(frames), spool.segments / file)
    with journal.begin() as tx:
        known = sa.select(t.segment.c.id).where(t.segment.c.file == file)
        if tx.scalar(known) is None:
            tx.execute(sa.insert(t.segment).values(lane=lane, file=file, rows=rows, consignment=consignment))


def compact(journal: Journal, spool: Spool, lane: str, name: str) -> None:
    """Fold the segments of a lane into one when there are too many. Reading goes on with the old ones until then."""
    with journal.read() as tx:
        query = sa.select(t.segment).where(t.segment.c.lane == lane).order_by(t.segment.c.id)
        found = tx.execute(query).fetchall()
    if len(found) <= MOST_SEGMENTS:
        return
    baseline = Baseline([spool.segments / r.file for r in found], sum(r.rows for r in found))
    parts = delta.parts_for(baseline.rows)
    folded = pl.concat([baseline.part(n, parts) for n in range(parts)])
    file = f"{name}-folded.{delta.HASHER}.parquet"
    write_frame(folded, spool.segments / file)
    with journal.begin() as tx:
        tx.execute(sa.delete(t.segment).where(t.segment.c.id.in_([r.id for r in found])))
        tx.execute(sa.insert(t.segment).values(lane=lane, file=file, rows=folded.height))
    for row in found:
        (spool.segments / row.file).unlink(missing_ok=True)


def sweep(journal: Journal, spool: Spool) -> None:
    """Remove segment files that no journal row names: a crash came between file and row."""
    with journal.read() as tx:
        named = set(tx.scalars(sa.select(t.segment.c.file)))
    for path in spool.segments.glob("*.parquet*"):
        if path.name not in named:
            path.unlink(missing_ok=True)


def inflight_keys(journal: Journal, spool: Spool, lane: str) -> pl.DataFrame:
    """Keys of effects under way in a lane with the sequence they were sent for (INFLIGHT_SCHEMA)."""
    with journal.read() as tx:
        query = sa.select(t.consignment.c.id).where(t.consignment.c.lane == lane, t.consignment.c.state == "open")
        identities = list(tx.scalars(query))
    frames = [
        e.select(KEY, pl.col("seq").alias("seq_sent"))
        for identity in identities
        for e in spool.consignment(identity).effects([KEY, "seq"])
    ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=delta.INFLIGHT_SCHEMA)
