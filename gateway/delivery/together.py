"""Rows of several keys that are one record to the destination: the last of them is sent, and it ends with the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import polars as pl

from gateway import delta
from gateway.contracts.rules import shown_key
from gateway.delivery.baseline import Baseline
from gateway.delivery.gave_way import GIVES_WAY
from gateway.delivery.lasting import replaced
from gateway.delivery.portions import Candidate, Portions, key_parts
from gateway.delivery.setup import Leg
from gateway.model import KEY, ROW
from gateway.spool import GAVE_WAY_SCHEMA
from gateway.wording import filled

_RECORD, _OF = "@record", "@of"
_SAID = {_RECORD: pl.UInt64, _OF: pl.UInt64, "run": pl.UInt32, ROW: pl.Int64, "seq": pl.Int64, "ended": pl.Boolean}
"""What a row of the consignment says of a record: hashes of the record and of its key."""
_KNOWN = {_RECORD: pl.UInt64, _OF: pl.UInt64, KEY: pl.String, "seq": pl.Int64, "ended": pl.Boolean, "open": pl.Boolean}
"""What was sent of a key, and whether it is under way."""
_GOES_ON, _SAID_BY = "DEST_GOES_ON", "DEST_SAID"
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
        self._pairs: list[pl.DataFrame] = []
        self._members: list[pl.DataFrame] = []
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
        sent = [*self._known(baseline.frames(), under_way=False), *self._known(flying, under_way=True)]
        found = pl.concat([pl.DataFrame(schema=_KNOWN), *sent])
        if not leaves_out:
            found = found.filter(pl.col(_RECORD).is_in(self._said.filter("ended")[_RECORD].implode()))
        found = found.sort("seq", maintain_order=True)
        sure = found.filter(~pl.col("open")).unique(_OF, keep="last").filter(~pl.col("ended"))[_OF]
        newest = found.unique(_OF, keep="last").with_columns(pl.col("open") & ~pl.col(_OF).is_in(sure.implode()))
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

    def judged(self, decided: pl.DataFrame, vain: pl.Series, members: Iterable[pl.DataFrame] = ()) -> pl.DataFrame:
        """Return the rows of a portion with decision, `code` and `detail` changed where another row is its record.

        GIVES_WAY: another row of the record stands for it. `skipped`: it would end what goes on for another key.
        `waiting`: whether that one goes on has to be answered first. `vain`: a mask of rows that end nothing and stand
        for no record. `members`: further rows of a key.
        """
        if not self._last.height and not self._running.height:
            return decided
        frame = self._placed(decided.with_columns(vain=vain))
        frame = frame.join(self._last, on=_RECORD, how="left", maintain_order="left")
        frame = frame.join(_first_of(self._running), on=_RECORD, how="left", maintain_order="left")
        absent = [pl.lit(None, pl.String).alias(name) for name in ("code", "detail") if name not in frame.columns]
        send = pl.col("decision") == "send"
        stands = send | ((pl.col("decision") == "unchanged") & ~pl.col("ended"))
        frame = self._given(frame.with_columns(absent), stands & _another() & ~pl.col("ended_last"), pl.col("ended"))
        runs = send & pl.col("ended") & pl.col("goes_on").is_not_null()
        kept = runs & ~pl.col("unsure")
        frame = frame.with_columns(
            decision=pl.when(kept).then(pl.lit("skipped")).when(runs).then(pl.lit("waiting")).otherwise("decision"),
            code=pl.when(kept).then(pl.lit(_GOES_ON)).otherwise("code"),
            detail=pl.when(kept).then("goes_on").otherwise("detail"),
            marked=kept & ~pl.col("vain"),
        )
        over = send & pl.col("ended") & ~pl.col("vain")
        ends = frame.filter(over)
        if ends[_RECORD].is_duplicated().any():
            frame = frame.drop(f"{name}_last" for name in _LAST).join(
                _last_of(ends), on=_RECORD, how="left", maintain_order="left"
            )
            frame = self._given(frame, over & _another(), pl.lit(value=False))
        self._members.extend(members)
        if self._in_key:
            self._marks.append(self._as_known(frame.filter("marked")))
        return frame.select(*decided.columns, *(one.meta.output_name() for one in absent))

    def _given(self, frame: pl.DataFrame, lost: pl.Expr, kept: pl.Expr) -> pl.DataFrame:
        """Set rows aside that are `lost` to the last of their record: what they are told, and what is known of keys.

        `kept`: those that end what goes on. That counts as known, but as nothing the destination confirmed; an end
        that was not meant would count as another end of it.
        """
        lost = lost.fill_null(value=False)
        self._pairs.append(
            frame.filter(lost)
            .with_columns(
                digest=pl.when("ended").then("digest"),
                known=pl.lit(self._in_key) & ~(pl.col("ended") & pl.col("vain")),
                state=pl.when(kept).then(pl.lit("skipped")).otherwise(pl.lit("superseded")),
                code=pl.when(kept).then(pl.lit(_GOES_ON)).otherwise(pl.lit(_SAID_BY)),
                detail=_which(),
                run_of="run_last",
                row_of=f"{ROW}_last",
            )
            .select(pl.col(name).cast(kind) for name, kind in GAVE_WAY_SCHEMA.items())
        )
        return frame.with_columns(decision=pl.when(lost).then(pl.lit(GIVES_WAY)).otherwise("decision"))

    def left(self, derived: pl.DataFrame) -> pl.DataFrame:
        """Return the keys to be ended without those whose record goes on for another key."""
        if not derived.height or not self._in_key:
            return derived
        said = self._said.filter(~pl.col("ended"))
        on = pl.concat([self._running[_RECORD], said[_RECORD]])
        placed = self._known_record(derived)
        stays = pl.col("ended") & pl.col(_RECORD).is_in(on.implode())
        runs = pl.col(_RECORD).is_in(self._running.filter(~pl.col("open"))[_RECORD].implode())
        known = placed.filter(stays).with_columns(digest=pl.lit(None, pl.UInt64))
        self._marks.append(self._as_known(known.filter(runs)))
        last = said.sort("seq", ROW).unique(_RECORD, keep="last").select(_RECORD, run_of="run", row_of=ROW)
        alone = known.filter(~runs).join(last, on=_RECORD, maintain_order="left")
        absent = [pl.lit(None, GAVE_WAY_SCHEMA[name]).alias(name) for name in (ROW, "state", "code", "detail")]
        alone = alone.with_columns(*absent, known=pl.lit(value=True))
        self._pairs.append(alone.select(pl.col(name).cast(kind) for name, kind in GAVE_WAY_SCHEMA.items()))
        return placed.filter(~stays).select(derived.columns)

    def marks(self) -> pl.DataFrame:
        """Give out what the baseline should know of keys that were not sent by themselves (delta.SEGMENT_SCHEMA)."""
        found = pl.concat([pl.DataFrame(schema=delta.SEGMENT_SCHEMA), *self._marks])
        self._marks = []
        return found

    def given(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of all portions for which others stand (GAVE_WAY_SCHEMA), and further rows of their keys."""
        pairs = pl.concat([pl.DataFrame(schema=GAVE_WAY_SCHEMA), *self._pairs])
        schema = {"run": pl.UInt32, ROW: pl.Int64, "member": pl.Int64}
        members = (one.select(list(schema)) for one in self._members)
        return pairs, pl.concat([pl.DataFrame(schema=schema), *members])

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

    def _known(self, frames: Iterable[pl.DataFrame], *, under_way: bool) -> Iterator[pl.DataFrame]:
        placed = (self._known_record(frame).with_columns(open=pl.lit(under_way)) for frame in frames)
        return (frame.select(pl.col(n).cast(d) for n, d in _KNOWN.items()) for frame in placed)

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
    """Return by which key each record goes on, one that is `unsure` for want of an answer last."""
    first = running.sort("open", KEY).group_by(_RECORD, maintain_order=True)
    return first.agg(goes_on=shown_key(pl.col(KEY).first()), unsure=pl.col("open").first())
