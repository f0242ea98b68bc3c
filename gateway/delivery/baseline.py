"""The baseline of a lane: immutable segments of what was confirmed, and the keys under way."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from gateway import delta
from gateway.delivery.split import Split
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.model import KEY
from gateway.spool import Spool, write_frame

MOST_SEGMENTS = 8
"""Segments of more consignments than this are folded."""


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

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the segments, oldest first (SEGMENT_SCHEMA); digests of another hasher are null."""
        return (_read(path) for path in self.paths)


def _read(path: Path) -> pl.DataFrame:
    frame = pl.read_parquet(path)
    if f".{delta.HASHER}." not in path.name:
        frame = frame.with_columns(digest=pl.lit(None, pl.UInt64))
    return frame


def add_segments(
    journal: Journal, spool: Spool, lane: str, frames: Iterable[pl.DataFrame], *, consignment: str, name: str
) -> None:
    """Write confirmed effects (SEGMENT_SCHEMA) as segments: durable first, then the journal rows that name them."""
    written: list[dict[str, str | int]] = []
    with ThreadPoolExecutor(1, thread_name_prefix="segment") as pool:
        under_way: list[Future[dict[str, str | int]]] = []
        for number, frame in enumerate(frames):  # one is written while the next is made
            written.extend(one.result() for one in under_way)
            called = f"{name}-{number:04d}"
            write = partial(write_segment, spool, lane, frame, consignment=consignment, name=called)
            under_way = [pool.submit(write)] if frame.height else []
        written.extend(one.result() for one in under_way)
    with journal.begin() as tx:
        known = set(tx.scalars(sa.select(t.segment.c.file).where(t.segment.c.consignment == consignment)))
        fresh = [row for row in written if row["file"] not in known]
        if fresh:
            tx.execute(sa.insert(t.segment), fresh)


def write_segment(spool: Spool, lane: str, frame: pl.DataFrame, *, consignment: str, name: str) -> dict[str, str | int]:
    """Write one segment durably; returns the journal row that will name it."""
    file = f"{name}.{delta.HASHER}.parquet"
    write_frame(frame, spool.segments / file)
    return {"lane": lane, "file": file, "rows": frame.height, "consignment": consignment}


def compact(journal: Journal, spool: Spool, lane: str, name: str) -> None:
    """Fold the segments of a lane when they are of too many consignments; until then the old ones are read."""
    with journal.read() as tx:
        query = sa.select(t.segment).where(t.segment.c.lane == lane).order_by(t.segment.c.id)
        found = tx.execute(query).fetchall()
    if len({r.consignment for r in found}) <= MOST_SEGMENTS:
        return
    whole = Baseline([spool.segments / r.file for r in found], sum(r.rows for r in found))
    parts = delta.parts_for(whole.rows)
    written: list[dict[str, str | int]] = []
    with tempfile.TemporaryDirectory(prefix="fold-", dir=spool.segments) as folder:
        split = Split(Path(folder), parts)
        split.add("known", whole.frames())
        for part in range(parts):
            folded = delta.fold(split.part("known", part))
            written.append(
                write_segment(spool, lane, folded, consignment=f"{name}-folded", name=f"{name}-folded-{part:04d}")
            )
    with journal.begin() as tx:
        tx.execute(sa.delete(t.segment).where(t.segment.c.id.in_([r.id for r in found])))
        tx.execute(sa.insert(t.segment), written)
    for row in found:
        (spool.segments / row.file).unlink(missing_ok=True)


def sweep(journal: Journal, spool: Spool) -> None:
    """Remove segments and consignments that no journal row names, and bodies nobody sends again: a crash came first."""
    with journal.read() as tx:
        named = set(tx.scalars(sa.select(t.segment.c.file)))
        states = {r[0]: r[1] for r in tx.execute(sa.select(t.consignment.c.id, t.consignment.c.state))}
    for path in spool.segments.glob("*.parquet*"):
        if path.name not in named:
            path.unlink(missing_ok=True)
    for path in (spool.root / "consignments").iterdir():
        if path.name not in states:
            shutil.rmtree(path)
        elif states[path.name] != "open":
            spool.consignment(path.name).bodies.unlink(missing_ok=True)


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
