"""Rows of several keys that are one record to the destination: the last of them is sent, and it ends with the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import polars as pl

from gateway import delta
from gateway.contracts.rules import shown_key
from gateway.delivery.baseline import Baseline
from gateway.delivery.lasting import replaced
from gateway.delivery.portions import Candidate, Portions, key_parts
from gateway.delivery.setup import Leg
from gateway.model import KEY, ROW
from gateway.wording import filled

_RECORD, _OF = "@record", "@of"
_SAID = {_RECORD: pl.UInt64, _OF: pl.UInt64, "run": pl.UInt32, ROW: pl.Int64, "seq": pl.Int64, "ended": pl.Boolean}
"""What a row of the consignment says of a record: hashes of the record and of its key."""
_KNOWN = {_RECORD: pl.UInt64, _OF: pl.UInt64, KEY: pl.String, "seq": pl.Int64, "ended": pl.Boolean}
_LAST = ("run", ROW, "seq", "ended")


class Together:
    """What one consignment says of such records, found once for all its portions; hashes stand for keys and records.

    Where the record shows in the key, the baseline knows of rows that were never sent by themselves: they go on as
    long as nothing ended them.
    """

    def __init__(self, leg: Leg, candidates: Sequence[Candidate], portions: Portions, now: datetime) -> None:
        self._leg = leg
        self._candidates = candidates
        self._now = now
        self._said = pl.DataFrame(schema=_SAID)
        self._last = pl.DataFrame(schema={_RECORD: pl.UInt64, **{f"{name}_last": _SAID[name] for name in _LAST}})
        self._running = pl.DataFrame(schema=_KNOWN)
        self._marks: list[pl.DataFrame] = []
        if leg.operation.record is not None:
            self._said = self._newest(portions)
            self._last = _last_of(self._said)

    @property
    def _in_key(self) -> bool:
        """Whether a key says which record it is about."""
        operation = self._leg.operation
        if operation.record is None or operation.part or operation.each is not None:
            return False
        return {*operation.record.meta.root_names()} <= {*self._leg.key_fields}

    def look(self, baseline: Baseline, flying: Iterable[pl.DataFrame], portions: Portions, former: pl.Series) -> None:
        """Read which keys go on, where anything of this consignment ends one.

        `baseline`, `flying`: of the lane; the latter has `@key`, `seq` and `ended`. `former`: keys that go on by
        another end, if at all.
        """
        leaves_out = [c for c in self._candidates if c.takes_away and c.ends(self._leg)]
        if not self._in_key or not (leaves_out or self._said["ended"].any()):
            return
        found = pl.concat([pl.DataFrame(schema=_KNOWN), *self._known(baseline.frames()), *self._known(flying)])
        if not leaves_out:
            found = found.filter(pl.col(_RECORD).is_in(self._said.filter("ended")[_RECORD].implode()))
        newest = found.sort("seq", maintain_order=True).unique(_OF, keep="last")
        running = newest.filter(~pl.col("ended") & ~replaced(newest, self._leg))
        running = running.filter(~pl.col(KEY).is_in(former.implode()))
        late = self._said.join(newest.select(_OF, known="seq"), on=_OF).filter(pl.col("seq") < pl.col("known"))
        self._said = self._said.join(late, on=_OF, how="anti")  # what is known of their keys is newer
        self._last = _last_of(self._said)
        if leaves_out:
            here = _keys_of(leaves_out[-1], portions)
            newer = pl.col("seq") > leaves_out[-1].row.seq
            running = running.filter(pl.col(_OF).is_in(here.implode()) | newer)
        said = running.join(self._said.select(_OF, told="seq"), on=_OF, how="left")
        self._running = said.filter(pl.col("told").is_null() | (pl.col("told") < pl.col("seq"))).select(list(_KNOWN))

    # ---- what is decided

    def shared(self, decided: pl.DataFrame) -> pl.Series:
        """Mask of the rows of a portion that stand for a record of which another row speaks as well."""
        if not self._last.height:
            return pl.Series([False], dtype=pl.Boolean).new_from_index(0, decided.height)
        stands = pl.col("decision").is_in(["send", "unchanged"]) & ~pl.col("ended")
        here = pl.col(_RECORD).is_in(self._last[_RECORD].implode())
        return self._placed(decided).select(stands & here).to_series()

    def judged(self, decided: pl.DataFrame, vain: pl.Series) -> pl.DataFrame:
        """Return the rows of a portion with decision, `code` and `detail` changed where another row is its record.

        `superseded`: a later row of the record is sent. `skipped`: it would end what goes on for another key.
        `vain`: a mask of rows that end nothing and stand for no record.
        """
        if not self._last.height and not self._running.height:
            return decided
        frame = self._placed(decided).join(self._last, on=_RECORD, how="left", maintain_order="left")
        frame = frame.join(_first_of(self._running), on=_RECORD, how="left", maintain_order="left")
        absent = [pl.lit(None, pl.String).alias(name) for name in ("code", "detail") if name not in frame.columns]
        stands = (pl.col("decision") == "send") | ((pl.col("decision") == "unchanged") & ~pl.col("ended"))
        lost = (stands & _another() & ~pl.col("ended_last")).fill_null(value=False)
        kept = stands & pl.col("ended") & (lost | pl.col("goes_on").is_not_null())
        frame = frame.with_columns(absent).with_columns(
            decision=pl.when(kept).then(pl.lit("skipped")).otherwise("decision"),
            code=pl.when(kept).then(pl.lit("DEST_GOES_ON")).otherwise("code"),
            detail=pl.when(kept & lost).then(_which()).when(kept).then("goes_on").otherwise("detail"),
            marked=kept & ~vain,  # as an end that was meant it would count as another end of what goes on
        )
        frame = _superseded(frame, lost & (pl.col("decision") != "skipped"))
        ends = frame.filter((pl.col("decision") == "send") & pl.col("ended") & ~vain)
        if ends[_RECORD].is_duplicated().any():
            frame = frame.drop(f"{name}_last" for name in _LAST).join(
                _last_of(ends), on=_RECORD, how="left", maintain_order="left"
            )
            frame = _superseded(frame, (pl.col("decision") == "send") & pl.col("ended") & ~vain & _another())
        if self._in_key:  # what goes on counts as known, but as nothing the destination confirmed
            digest = pl.when("ended").then("digest").alias("digest")
            self._marks.append(self._as_known(frame.filter("marked").with_columns(digest)))
        return frame.select(*decided.columns, *(one.meta.output_name() for one in absent))

    def left(self, derived: pl.DataFrame) -> pl.DataFrame:
        """Return the keys to be ended without those whose record goes on for another key."""
        if not derived.height or not self._in_key:
            return derived
        said = self._said.filter(~pl.col("ended"))
        on = pl.concat([self._running[_RECORD], said[_RECORD]])
        placed = self._known_record(derived)
        stays = pl.col("ended") & pl.col(_RECORD).is_in(on.implode())
        self._marks.append(self._as_known(placed.filter(stays).with_columns(digest=pl.lit(None, pl.UInt64))))
        return placed.filter(~stays).select(derived.columns)

    def marks(self) -> pl.DataFrame:
        """Give out what the baseline should know of keys that were not sent by themselves (delta.SEGMENT_SCHEMA)."""
        found = pl.concat([pl.DataFrame(schema=delta.SEGMENT_SCHEMA), *self._marks])
        self._marks = []
        return found

    def _as_known(self, rows: pl.DataFrame) -> pl.DataFrame:
        now = pl.lit(self._now).cast(delta.SEGMENT_SCHEMA["at"])
        return rows.with_columns(at=now).select(pl.col(n).cast(d) for n, d in delta.SEGMENT_SCHEMA.items())

    # ---- what is said, and what is known

    def _newest(self, portions: Portions) -> pl.DataFrame:
        """Return what the newest row of each key says (_SAID); rows of a later date say nothing yet."""
        record = self._leg.operation.record
        if record is None or (len(self._candidates) == 1 and self._leg.operation.alone and not self._in_key):
            return self._said
        found = [self._said]
        full = [c for c in self._candidates if c.speaks_of_absence and c.ends(self._leg)]
        oldest, present = 0, pl.lit(value=False)
        if full and len(self._candidates) > 1:  # what it leaves out is said by nobody who comes before it
            oldest, present = full[-1].row.seq, pl.col(_OF).is_in(_keys_of(full[-1], portions).implode())
        for c in self._candidates:
            for rows in portions.said(c, self._now, record.meta.root_names()):
                here = self._placed(rows).with_columns(run=pl.lit(c.position, pl.UInt32))
                found.append(here.filter(present | (pl.col("seq") >= oldest)).select(list(_SAID)))
        # of rows that are summed the first one stands for all
        return pl.concat(found).sort("seq", ROW, descending=[True, False]).unique(_OF, keep="first")

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        record = self._leg.operation.record
        if record is None:
            raise AssertionError(self._leg.operation.name)
        return rows.with_columns(record.hash(seed=5).alias(_RECORD), pl.col(KEY).hash(seed=5).alias(_OF))

    def _known(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        return (self._known_record(frame).select(pl.col(n).cast(d) for n, d in _KNOWN.items()) for frame in frames)

    def _known_record(self, known: pl.DataFrame) -> pl.DataFrame:
        """Add hashes of record and key, the record worked out from the parts of the key."""
        placed = self._placed(key_parts(known, self._leg).with_columns(known[KEY]))
        return known.with_columns(placed[_RECORD], placed[_OF])


def _keys_of(candidate: Candidate, portions: Portions) -> pl.Series:
    """Return hashes of all keys of a file."""
    hashes = (keys[KEY].hash(seed=5) for keys in portions.keys(candidate))
    return pl.concat([pl.Series([], dtype=pl.UInt64), *hashes])


def _another() -> pl.Expr:
    """Whether it is another row that stands for the record; null where none does."""
    return (pl.col("run") != pl.col("run_last")) | (pl.col(ROW) != pl.col(f"{ROW}_last"))


def _superseded(frame: pl.DataFrame, lost: pl.Expr) -> pl.DataFrame:
    lost = lost.fill_null(value=False)
    return frame.with_columns(
        decision=pl.when(lost).then(pl.lit("superseded")).otherwise("decision"),
        code=pl.when(lost).then(pl.lit("DEST_SAID")).otherwise("code"),
        detail=pl.when(lost).then(_which()).otherwise("detail"),
        marked=pl.col("marked") | lost,
    )


def _which() -> pl.Expr:
    """Name the row that stands for the record."""
    newer = pl.when(pl.col("seq_last") > pl.col("seq")).then(pl.lit("a newer file")).otherwise(pl.lit("another file"))
    return pl.when(pl.col("run") == pl.col("run_last")).then(filled("row {}", f"{ROW}_last")).otherwise(newer)


def _last_of(said: pl.DataFrame) -> pl.DataFrame:
    """Return what stands for each record that several keys speak of: the last that goes on, else the last."""
    several = said.filter(pl.col(_RECORD).is_duplicated())
    last = several.sort(~pl.col("ended"), "seq", ROW).group_by(_RECORD, maintain_order=True)
    return last.agg(pl.col(name).last().name.suffix("_last") for name in _LAST)


def _first_of(running: pl.DataFrame) -> pl.DataFrame:
    return running.sort(KEY).group_by(_RECORD).agg(goes_on=shown_key(pl.col(KEY).first()))
