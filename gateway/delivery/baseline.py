"""The baseline of a lane: immutable segments of what was confirmed, and the keys under way."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway import delta
from gateway.ahead import beside
from gateway.delivery.split import Split
from gateway.delta import SEGMENT_SCHEMA
from gateway.issues import UNDONE
from gateway.journal import Journal, batches
from gateway.journal import tables as t
from gateway.model import KEY
from gateway.spool import Spool, gave_way, write_frame

MOST_SEGMENTS = 8
"""Segments of more consignments than this are folded."""

_SEGMENTS = (
    sa.select(t.segment, t.renewal.c.file.label("seqs"))
    .outerjoin(t.renewal, t.renewal.c.segment == t.segment.c.id)
    .where(t.segment.c.lane == sa.bindparam("lane"))
    .order_by(t.segment.c.id)
)
_CONSIGNED = sa.select(t.segment.c.consignment).where(t.segment.c.lane == sa.bindparam("lane")).distinct()
_FILES = sa.select(t.segment.c.file).where(t.segment.c.consignment == sa.bindparam("consignment"))
_ADD = sa.insert(t.segment)


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of confirmed effects; `seqs`: newer sequences of its rows, where a run found them unchanged."""

    id: int
    path: Path
    rows: int
    seqs: Path | None

    def read(self, *, renewed: bool = True) -> pl.DataFrame:
        """Return its rows (SEGMENT_SCHEMA); digests of another hasher are null."""
        frame = pl.read_parquet(self.path)
        if f".{delta.HASHER}." not in self.path.name:
            frame = frame.with_columns(digest=pl.lit(None, pl.UInt64))
        return frame if self.seqs is None or not renewed else frame.with_columns(self.sequences())

    def sequences(self) -> pl.Series:
        """Return the newest sequence of each row (Int64)."""
        return pl.read_parquet(self.path if self.seqs is None else self.seqs, columns=["seq"])["seq"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Segments of one lane as the journal names them."""

    segments: Sequence[Segment]
    keys: pl.Expr | None = None
    """Which of their keys count (over `@key`); None: all."""

    @property
    def rows(self) -> int:
        """Rows of all segments, whatever keys count; a key may have one in several."""
        return sum(one.rows for one in self.segments)

    @classmethod
    def of_lane(cls, journal: Journal, spool: Spool, lane: str, keys: pl.Expr | None = None) -> Baseline:
        """Find the lane's segments; `keys`: those that count."""
        with journal.read() as tx:
            found = tx.execute(_SEGMENTS, {"lane": lane}).fetchall()
        folder = spool.segments
        return cls([Segment(r.id, folder / r.file, r.rows, folder / r.seqs if r.seqs else None) for r in found], keys)

    def frames(self, *, renewed: bool = True) -> Iterator[pl.DataFrame]:
        """Yield the segments, oldest first (SEGMENT_SCHEMA); digests of another hasher are null.

        Without `renewed` the sequences are those of the confirmation: for who wants the keys of another lane, whose
        newer sequences may be replaced meanwhile.
        """
        return (only(one.read(renewed=renewed), self.keys) for one in self.segments)

    def placed(self) -> Iterator[pl.DataFrame]:
        """Yield the segments with `@segment` (number of the segment here) and `@place` in it (UInt32)."""
        for number, one in enumerate(self.segments):
            frame = one.read().with_row_index("@place")
            yield only(frame.with_columns(pl.lit(number, pl.UInt32).alias("@segment")), self.keys)


def only(frame: pl.DataFrame, keys: pl.Expr | None) -> pl.DataFrame:
    """Return the rows of a frame whose key counts."""
    return frame if keys is None else frame.filter(keys)


PLACED_SCHEMA = {"@place": pl.UInt32, **delta.SEGMENT_SCHEMA, "@segment": pl.UInt32}
"""What `Baseline.placed` gives."""


class Renewal:
    """Rows of a baseline that a newer run found unchanged: their sequence is written beside the segment."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._marked: dict[int, npt.NDArray[np.bool_]] = {}

    def mark(self, rows: pl.DataFrame) -> None:
        """Remember rows by their `@segment` and `@place`."""
        if not rows.height:
            return
        for (number,), places in rows.select("@segment", "@place").partition_by("@segment", as_dict=True).items():
            at = int(str(number))
            marked = self._marked.setdefault(at, np.zeros(self._baseline.segments[at].rows, dtype=np.bool_))
            marked[places["@place"].to_numpy()] = True

    def write(self, spool: Spool, seq: int, name: str) -> Renewed:
        """Write the sequences of all rows of the marked segments, durably; the journal has to name them."""
        files: dict[int, str] = {}
        old: list[Path] = []
        for number, marked in self._marked.items():
            segment = self._baseline.segments[number]
            seqs = pl.Series("seq", np.where(marked, seq, segment.sequences().to_numpy()), dtype=pl.Int64)
            files[segment.id] = f"{name}-seqs-{segment.id}.parquet"
            write_frame(seqs.to_frame(), spool.segments / files[segment.id])
            old.extend([segment.seqs] if segment.seqs is not None else [])
        return Renewed(files, old)


@dataclass(frozen=True, slots=True)
class Renewed:
    """Files of newer sequences by the segment they belong to, and those they replace."""

    files: Mapping[int, str]
    replaced: Sequence[Path]

    def name(self, tx: Connection) -> None:
        """Have the journal name the files."""
        if self.files:
            tx.execute(sa.delete(t.renewal).where(t.renewal.c.segment.in_(self.files)))
            rows = [{"segment": segment, "file": file} for segment, file in self.files.items()]
            tx.execute(sa.insert(t.renewal), rows)

    def clear(self) -> None:
        """Remove the files that the journal does not name any more."""
        for path in self.replaced:
            path.unlink(missing_ok=True)


def moved(
    states: pl.DataFrame, good: Collection[str], now: datetime, *, doubtful: Collection[str] = ()
) -> pl.DataFrame:
    """Return what the baseline is to know (SEGMENT_SCHEMA) of effects with their `state` and `code`.

    Effects in a `good` state as they were sent; of keys whose former value is gone that nothing is known of them, so
    that whatever is sent next is news. So of effects in a `doubtful` state: they may be there, and may have to end.
    What is gone and was to end, though nothing was sent for it, has ended.
    """
    frame = states.filter(pl.col("state").is_in(list(good)))
    if doubtful or states["code"].null_count() < states.height:
        unsure = pl.col("state").is_in([one for one in doubtful if one not in good])
        gone = states.filter(unsure | pl.col("code").is_in(sorted(UNDONE)).fill_null(value=False))
        over = pl.col("ended") & (pl.col("state") == "skipped")
        nothing = (pl.lit(None).alias(name) for name in ("digest", "measure"))
        frame = pl.concat([frame, gone.with_columns(*nothing, ended=over)], how="vertical_relaxed")
    at = pl.lit(now).cast(SEGMENT_SCHEMA["at"])
    return frame.with_columns(at=at).select(pl.col(n).cast(d) for n, d in SEGMENT_SCHEMA.items())


def add_segments(
    journal: Journal, spool: Spool, lane: str, frames: Iterable[pl.DataFrame], *, consignment: str, name: str
) -> None:
    """Write confirmed effects (SEGMENT_SCHEMA) as segments: durable first, then the journal rows that name them."""
    written: list[dict[str, str | int]] = []
    under_way: list[Future[dict[str, str | int]]] = []
    try:
        for number, frame in enumerate(frames):  # one is written while the next is made
            written.extend(one.result() for one in under_way)
            called = f"{name}-{number:04d}"
            write = partial(write_segment, spool, lane, frame, consignment=consignment, name=called)
            under_way = [beside(write)] if frame.height else []
    finally:
        wait(under_way)
    written.extend(one.result() for one in under_way)
    with journal.begin() as tx:
        known = set(tx.scalars(_FILES, {"consignment": consignment}))
        fresh = [row for row in written if row["file"] not in known]
        if fresh:
            tx.execute(_ADD, fresh)


def write_segment(spool: Spool, lane: str, frame: pl.DataFrame, *, consignment: str, name: str) -> dict[str, str | int]:
    """Write one segment durably; returns the journal row that will name it."""
    file = f"{name}.{delta.HASHER}.parquet"
    write_frame(frame, spool.segments / file)
    return {"lane": lane, "file": file, "rows": frame.height, "consignment": consignment}


def compact(journal: Journal, spool: Spool, lane: str, name: str) -> None:
    """Fold the segments of a lane when they are of too many consignments; until then the old ones are read."""
    with journal.read() as tx:
        found = set(tx.scalars(_CONSIGNED, {"lane": lane}))
    if len(found) <= MOST_SEGMENTS:
        return
    whole = Baseline.of_lane(journal, spool, lane)
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
        old = [one.id for one in whole.segments]
        tx.execute(sa.delete(t.renewal).where(t.renewal.c.segment.in_(old)))
        tx.execute(sa.delete(t.segment).where(t.segment.c.id.in_(old)))
        tx.execute(sa.insert(t.segment), written)
    for one in whole.segments:
        for path in (one.path, one.seqs):
            if path is not None:
                path.unlink(missing_ok=True)


def sweep(journal: Journal, spool: Spool) -> None:
    """Remove segments and consignments that no journal row names, and bodies nobody sends again: a crash came first.

    Only before anything else works on the folders.
    """
    with journal.read() as tx:
        named = {*tx.scalars(sa.select(t.segment.c.file)), *tx.scalars(sa.select(t.renewal.c.file))}
        states = {r[0]: r[1] for r in tx.execute(sa.select(t.consignment.c.id, t.consignment.c.state))}
    spool.sweep(spool.segments, named)
    for path in (spool.root / "consignments").iterdir():
        if path.name not in states:
            shutil.rmtree(path)
        elif states[path.name] != "open":
            spool.consignment(path.name).bodies.unlink(missing_ok=True)


def inflight_keys(journal: Journal, spool: Spool, lane: str) -> pl.DataFrame:
    """Keys of effects under way in a lane with the sequence they were sent for (INFLIGHT_SCHEMA)."""
    frames = [e.select(KEY, pl.col("seq").alias("seq_sent")) for e in under_way(journal, spool, lane, [KEY, "seq"])]
    return pl.concat(frames) if frames else pl.DataFrame(schema=delta.INFLIGHT_SCHEMA)


def under_way(journal: Journal, spool: Spool, lane: str, columns: list[str]) -> Iterator[pl.DataFrame]:
    """Yield these columns of the effects of a lane's open consignments, and of rows for which one of them stands."""
    with journal.read() as tx:
        opened = batches.consignments(tx, lane, "open")
    for identity in opened:
        folder = spool.consignment(identity)
        yield from folder.effects(columns)
        others = gave_way(folder)
        if others.height:
            yield others.filter(pl.col(KEY).is_not_null() & pl.col("row_of").is_not_null()).select(columns)
