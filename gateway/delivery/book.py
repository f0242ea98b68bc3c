"""The book of a lane: base prices, promotions and boundaries to look at again; immutable segments the journal names.

Where a destination has no promotions of its own, what it is told is the *wanted* price: the base price, or what the
promotions in force make of it. The book holds what that is computed from: what was confirmed or accepted, and what
needed no call. What is under way stands in its consignment, and counts as long as that is open.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway import delta
from gateway.delivery.split import Split
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.model import KEY
from gateway.spool import Spool, write_frame

Schema = Mapping[str, pl.DataType | type[pl.DataType]]

BASE: Schema = {KEY: pl.String, "seq": pl.Int64, "price": pl.String, "ended": pl.Boolean, "operation": pl.String}
"""Base prices: newest of each article, as its operation takes it; further columns are fields that it transmits."""

OFFERED: Schema = {**BASE, "stands": pl.Boolean, "told": pl.Boolean, "alone": pl.Boolean}
"""Base prices that a call under way decides about. `stands`: it shows them as they are; `told`: kept as such before;
`alone`: no other is known, so that this one counts even if it is refused."""

PROMOTION: Schema = {
    KEY: pl.String,
    "promotion": pl.String,
    "seq": pl.Int64,
    "kind": pl.String,
    "value": pl.String,
    "starts_at": pl.String,
    "ends_at": pl.String,
    "off": pl.Boolean,
    "begun": pl.Boolean,
}
"""Promotions: newest of each contract key (`promotion`) with the article as `@key`; "" is an open end.

`off`: taken back. `begun`: its row came to its start; one that has not begun is never in force, whatever its window.
"""

AGAIN: Schema = {KEY: pl.String, "at": pl.Datetime("us", "UTC"), "tries": pl.Int64}
"""Articles to look at again: what a boundary sent is not known to stand yet; `at` is null where it does."""

KINDS: Mapping[str, Schema] = {"base": BASE, "told": BASE, "promotion": PROMOTION, "again": AGAIN}
"""Kinds of segments. `base`: prices that a call showed. `told`: newer ones that promotions hide, so that nobody knows
yet whether they are taken; without `operation` where that is settled."""
_OPEN: Mapping[str, Schema] = {"offered": OFFERED, "promotion": PROMOTION}
"""Kinds of what is under way."""
MOST_SEGMENTS = 8
"""Segments of one kind written at more times than this are folded."""
MOST_TOLD = 3
"""Base prices of an article that promotions hide: so many of the newest are kept."""


def instant(at: datetime) -> str:
    """Return the second a time lies in, as canonical text: windows are told in seconds, both ends within."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class Book:
    """Segments of one lane as the journal names them, oldest first, then what is under way.

    `until`: boundaries up to then are done.
    """

    paths: Mapping[str, Sequence[Path]]
    counts: Mapping[str, int]
    until: datetime | None

    @classmethod
    def of_lane(cls, journal: Journal, spool: Spool, lane: str) -> Book:
        """Find the lane's segments."""
        with journal.read() as tx:
            query = sa.select(t.book_segment).where(t.book_segment.c.lane == lane).order_by(t.book_segment.c.id)
            found = tx.execute(query).fetchall()
            until = tx.scalar(sa.select(t.book.c.until).where(t.book.c.lane == lane))
            opened = sa.select(t.consignment.c.id).where(t.consignment.c.lane == lane, t.consignment.c.state == "open")
            folders = [spool.consignment(one) for one in tx.scalars(opened.order_by(t.consignment.c.id))]
        paths = {kind: [spool.books / r.file for r in found if r.kind == kind] for kind in KINDS}
        for kind in _OPEN:
            under_way = [path for folder in folders for path in sorted(folder.root.glob(f"{kind}-*.parquet"))]
            paths[kind] = [*paths.get(kind, ()), *under_way]
        return cls(paths, {kind: sum(r.rows for r in found if r.kind == kind) for kind in KINDS}, until)

    def frames(self, kind: str) -> Iterator[pl.DataFrame]:
        """Yield the segments of a kind, oldest first, all with the same columns."""
        columns: dict[str, Any] = dict(_OPEN[kind] if kind in _OPEN else KINDS[kind])
        for path in self.paths[kind]:
            columns |= {name: pl.String for name in pl.read_parquet_schema(path) if name not in columns}
        for path in self.paths[kind]:
            yield completed(pl.read_parquet(path), columns)


def completed(frame: pl.DataFrame, columns: Mapping[str, Any]) -> pl.DataFrame:
    """Return the frame with exactly these columns; those it lacks are null."""
    absent = [pl.lit(None, kind).alias(name) for name, kind in columns.items() if name not in frame.columns]
    return frame.with_columns(absent).select(pl.col(name).cast(kind) for name, kind in columns.items())


def folded(kind: str, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Fold frames of a kind, oldest first, into one row per article, or per promotion; the newest sequence wins.

    Of base prices that promotions hide all are kept: should the newest be refused, the one before counts.
    """
    if not frames:
        return pl.DataFrame(schema=dict(_OPEN[kind] if kind in _OPEN else KINDS[kind]))
    whole = pl.concat(frames, how="diagonal")
    key = {"promotion": ["promotion"], "told": [KEY, "seq"]}.get(kind, [KEY])
    if kind != "again":
        whole = whole.sort("seq", maintain_order=True)
    return whole.unique(key, keep="last", maintain_order=True)


def pruned(kind: str, frame: pl.DataFrame, until: datetime | None) -> pl.DataFrame:
    """Leave out of a folded frame what nothing depends on any more: promotions that are over, what stands."""
    if kind == "again":
        return frame.filter(pl.col("at").is_not_null())
    if kind == "told":
        return frame.filter(pl.col("operation").is_not_null()).group_by(KEY, maintain_order=True).tail(MOST_TOLD)
    if kind == "promotion" and until is not None:
        over = (pl.col("ends_at") != "") & (pl.col("ends_at") < instant(until))
        return frame.filter(~over.fill_null(value=False))
    return frame


def bare(offered: pl.DataFrame) -> pl.DataFrame:
    """Return base prices on offer as the book keeps them (BASE and fields)."""
    return offered.drop("stands", "told", "alone")


def in_force(base: pl.DataFrame, told: pl.DataFrame, offered: pl.DataFrame) -> pl.DataFrame:
    """Return the base price that counts for each article: the newest that was not refused. All folded."""
    return folded("base", [base, pruned("told", told, None), bare(offered)])


def base_prices(journal: Journal, spool: Spool, lane: str) -> pl.DataFrame:
    """Return the base prices that count in a lane."""
    book = Book.of_lane(journal, spool, lane)
    base, told, offered = (folded(kind, list(book.frames(kind))) for kind in ("base", "told", "offered"))
    return in_force(base, told, offered)


# ---------------------------------------------------------------- boundaries


def next_boundary(promotions: pl.DataFrame, again: pl.DataFrame, now: datetime) -> datetime | None:
    """Return when the wanted prices have to be looked at next. `promotions`, `again`: folded."""
    text = instant(now)
    live = promotions.filter(pl.col("begun") & ~pl.col("off"))
    starts = live.filter(pl.col("starts_at") > text)["starts_at"].min()
    ends = live.filter((pl.col("ends_at") != "") & (pl.col("ends_at") >= text))["ends_at"].min()
    times = [datetime.fromisoformat(starts)] if isinstance(starts, str) else []
    times += [datetime.fromisoformat(ends) + timedelta(seconds=1)] if isinstance(ends, str) else []
    later = again["at"].min()
    times += [later] if isinstance(later, datetime) else []
    return min(times, default=None)


def crossed(promotions: pl.DataFrame, until: datetime | None, now: datetime) -> pl.Series:
    """Return the articles (String, unique) with a promotion that began or ended since `until`; a clock may go back."""
    if until is None or not promotions.height:
        return pl.Series(KEY, [], dtype=pl.String)
    low, high = sorted((instant(until), instant(now)))
    starts = (pl.col("starts_at") > low) & (pl.col("starts_at") <= high)
    ends = (pl.col("ends_at") != "") & (pl.col("ends_at") >= low) & (pl.col("ends_at") < high)
    return promotions.filter(pl.col("begun") & ~pl.col("off") & (starts | ends))[KEY].unique()


@dataclass(frozen=True, slots=True)
class Boundary:
    """A moment at which promotions begin or end; counts of articles' promotions."""

    at: datetime
    begin: int
    end: int


def boundaries(journal: Journal, spool: Spool, lane: str, since: datetime | None = None) -> list[Boundary]:
    """Return the boundaries of a lane from now on, or from `since` on, in their order."""
    now = instant(since or journal.clock.now())
    known = folded("promotion", list(Book.of_lane(journal, spool, lane).frames("promotion"))).filter(~pl.col("off"))
    begin = known.filter(pl.col("starts_at") > now).select(at="starts_at", begin=1, end=0)
    last = pl.col("ends_at").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False) + timedelta(seconds=1)
    ends = known.filter((pl.col("ends_at") != "") & (pl.col("ends_at") >= now))
    ends = ends.select(last.dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("at"), begin=0, end=1)
    counted = pl.concat([begin, ends]).group_by("at").agg(pl.col("begin", "end").sum()).sort("at")
    return [Boundary(datetime.fromisoformat(at), first, last) for at, first, last in counted.iter_rows()]


def wakes(tx: Connection, lane: str) -> list[datetime]:
    """Return when the lane's book wants it to be woken: one time, or none."""
    at = tx.scalar(sa.select(t.book.c.next_at).where(t.book.c.lane == lane))
    return [] if at is None else [at]


# ---------------------------------------------------------------- writing


@dataclass(slots=True)
class Pages:
    """What a consignment adds to the book: durable files, named by the journal once the consignment is."""

    spool: Spool
    lane: str
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    written: list[dict[str, str | int]] = field(default_factory=list)
    next_at: datetime | None = None
    notes: list[dict[str, Any]] = field(default_factory=list)
    """Events to be written with it (rows of tables.event)."""

    def add(self, kind: str, frame: pl.DataFrame) -> None:
        """Write a file of a kind durably; an empty frame is none."""
        if not frame.height:
            return
        file = f"{kind}-{self.name}-{len(self.written):04d}.parquet"
        write_frame(frame, self.spool.books / file)
        self.written.append(
            {"lane": self.lane, "kind": kind, "file": file, "rows": frame.height, "written_by": self.name}
        )

    def wake(self, at: datetime | None) -> None:
        """Remember a boundary to come; the earliest counts."""
        if at is not None:
            self.next_at = at if self.next_at is None else min(self.next_at, at)

    def drop(self) -> None:
        """Remove the files: the consignment is formed anew."""
        for row in self.written:
            (self.spool.books / str(row["file"])).unlink(missing_ok=True)
        self.written.clear()

    def join(self, tx: Connection) -> None:
        """Name the files in the journal beside what it knows, and have the lane woken where they want it sooner.

        Writes the notes down.
        """
        if self.written:
            tx.execute(sa.insert(t.book_segment), self.written)
        if self.notes:
            tx.execute(sa.insert(t.event), self.notes)
        if self.next_at is not None:
            sooner = sa.or_(t.book.c.next_at.is_(None), t.book.c.next_at > self.next_at)
            mine = sa.update(t.book).where(t.book.c.lane == self.lane, sooner)
            tx.execute(mine.values(next_at=self.next_at))

    def enter(self, tx: Connection, until: datetime) -> None:
        """Name the files in the journal: boundaries up to `until` are done."""
        if self.written:
            tx.execute(sa.insert(t.book_segment), self.written)
        values = {"until": until, "next_at": self.next_at}
        if tx.execute(sa.update(t.book).where(t.book.c.lane == self.lane).values(**values)).rowcount == 0:
            tx.execute(sa.insert(t.book).values(lane=self.lane, **values))


def compact(journal: Journal, spool: Spool, lane: str) -> None:
    """Fold the segments of a kind when they were written at too many times; until then the old ones are read."""
    with journal.read() as tx:
        query = sa.select(t.book_segment).where(t.book_segment.c.lane == lane).order_by(t.book_segment.c.id)
        found = tx.execute(query).fetchall()
        until = tx.scalar(sa.select(t.book.c.until).where(t.book.c.lane == lane))
    for kind in KINDS:
        rows = [r for r in found if r.kind == kind]
        if len({r.written_by for r in rows}) <= MOST_SEGMENTS:
            continue
        pages = Pages(spool, lane)
        named = Book({kind: [spool.books / r.file for r in rows]}, {}, until)
        for frame in _in_parts(named.frames(kind), spool.books, sum(r.rows for r in rows)):
            pages.add(kind, pruned(kind, folded(kind, frame), until))
        with journal.begin() as tx:
            tx.execute(sa.delete(t.book_segment).where(t.book_segment.c.id.in_([r.id for r in rows])))
            if pages.written:
                tx.execute(sa.insert(t.book_segment), pages.written)
        for row in rows:
            (spool.books / row.file).unlink(missing_ok=True)


def _in_parts(frames: Iterable[pl.DataFrame], folder: Path, rows: int) -> Iterator[list[pl.DataFrame]]:
    """Yield what is of the same articles together."""
    parts = delta.parts_for(rows)
    with tempfile.TemporaryDirectory(prefix="fold-", dir=folder) as inside:
        split = Split(Path(inside), parts)
        split.add("book", frames)
        for part in range(parts):
            yield split.part("book", part)


def sweep(journal: Journal, spool: Spool) -> None:
    """Remove files that no journal row names: a crash came before it. Only before anything else works on them."""
    with journal.read() as tx:
        named = set(tx.scalars(sa.select(t.book_segment.c.file)))
    spool.sweep(spool.books, named)
