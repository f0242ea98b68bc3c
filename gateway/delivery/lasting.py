"""What lasts under a name between two dates: other dates neither end nor replace it, and that is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import polars as pl

from gateway import delta
from gateway.delivery.baseline import Baseline
from gateway.delivery.portions import Candidate, Portions, key_parts
from gateway.delivery.setup import Leg
from gateway.model import KEY

_KNOWN = {KEY: pl.String, "seq": pl.Int64, "ended": pl.Boolean}
SENT = list(_KNOWN)
"""Columns of what was sent that tell whether it runs."""
_PLACED = _NAME, _FROM, _UNTIL, _RECORD = "@name", "@from", "@until", "@record"
_MOVED = {KEY: pl.String, "moved": pl.Int64, "former": pl.String}
"""Keys by which a file of the consignment changes the end of what runs by a former key, and its sequence."""
_LAST = "~"
"""Sorts after every instant: an open end."""
_IDLE = "DEST_NOTHING"
_NOTHING = "nothing with these dates was sent for it that still runs"


class Lasting:
    """What runs by the keys of one lane, read once for all portions of a consignment."""

    def __init__(self, leg: Leg, candidates: Sequence[Candidate], now: datetime) -> None:
        self._leg = leg
        self._candidates = candidates
        self._at = now
        self._now = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        self._live = pl.DataFrame(schema=_KNOWN)
        self._coming = pl.DataFrame(schema=_KNOWN)
        self._replaced = pl.Series(KEY, [], dtype=pl.String)
        self._moved = pl.DataFrame(schema=_MOVED)

    def look(self, baseline: Baseline, flying: Iterable[pl.DataFrame], portions: Portions) -> None:
        """Read what was sent and has not ended, and what the rows to be decided say.

        `baseline`, `flying`: of the lane; the latter with SENT columns.
        """
        if self._leg.operation.window is None:
            return
        confirmed = (frame.select(SENT) for frame in baseline.frames())
        sent = _newest(pl.concat([pl.DataFrame(schema=_KNOWN), *confirmed, *flying]))
        gone = replaced(sent, self._leg)
        self._replaced, sent = sent.filter(gone)[KEY], sent.filter(~gone)
        self._live = self._placed(sent.filter(~pl.col("ended"))).filter(_last(_UNTIL) >= self._now)
        self._coming = _named(self._ahead(self._stay(sent, portions)))
        for c in sorted(self._candidates, key=lambda one: one.row.seq):
            said = self._ahead(pl.concat([pl.DataFrame(schema=_KNOWN), *self._said(c, portions)]))
            if len(self._candidates) > 1:  # what is refused for what was said before it begins and ends nothing
                said = self._stay(said, portions)
                asked = said.with_columns(decision=pl.lit("send")).with_row_index("@at")
                said = asked.join(self._met(asked), on="@at", how="anti", maintain_order="left").select(said.columns)
                self._move(said)
            self._coming = pl.concat([self._coming, _named(said)])

    @property
    def former(self) -> pl.Series:
        """Keys of what runs and is given another end by the consignment: it goes on by that one, if at all."""
        return self._moved["former"]

    def judged(self, decided: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a portion with decision, `code` and `detail` changed where their dates are others.

        `send`: what was confirmed, but with another end since. `refused`: what would be ended or changed runs with
        other dates.
        """
        if self._leg.operation.window is None:
            return decided
        again = (pl.col("decision") == "unchanged") & pl.col(KEY).is_in(self._replaced.implode())
        decided = decided.with_columns(decision=pl.when(again).then(pl.lit("send")).otherwise("decision"))
        if not (decided["decision"] == "send").any():
            return decided
        frame = self._placed(decided.with_columns(_unsaid(decided))).with_row_index("@at")
        runs = frame.join(self._met(frame), on="@at", how="left", maintain_order="left")
        here = pl.col("runs").is_not_null()
        told = runs.with_columns(
            decision=pl.when(here).then(pl.lit("refused")).otherwise("decision"),
            code=pl.when(here).then(pl.lit("PROMOTION_RUNS")).otherwise("code"),
            detail=pl.when(here).then("runs").otherwise("detail"),
        )
        return told.select(frame.drop("@at", *_PLACED).columns)

    def vain(self, decided: pl.DataFrame) -> pl.Series:
        """Mask of rows that would be sent to end what does not run."""
        if self._leg.operation.window is None or not decided.select(_ends().any()).item():
            return pl.Series([False], dtype=pl.Boolean).new_from_index(0, decided.height)
        return self._placed(decided).select(self._idle()).to_series()

    def idle(self, decided: pl.DataFrame) -> pl.DataFrame:
        """Return the rows with those `skipped` that would still be sent to end what does not run."""
        if self._leg.operation.window is None or not (decided["decision"] == "send").any():
            return decided
        frame = self._placed(decided.with_columns(_unsaid(decided)))
        told = frame.with_columns(
            decision=pl.when(self._idle()).then(pl.lit("skipped")).otherwise("decision"),
            code=pl.when(self._idle()).then(pl.lit(_IDLE)).otherwise("code"),
            detail=pl.when(self._idle()).then(pl.lit(_NOTHING)).otherwise("detail"),
        )
        return told.drop(_PLACED)

    def marks(self, decided: pl.DataFrame) -> pl.DataFrame:
        """Return what the baseline should know of ends that were not sent (SEGMENT_SCHEMA): older rows are over."""
        if self._leg.operation.window is None or "code" not in decided.columns:
            return pl.DataFrame(schema=delta.SEGMENT_SCHEMA)
        idle = decided.filter((pl.col("decision") == "skipped") & (pl.col("code") == _IDLE))
        idle = idle.with_columns(digest=pl.lit(None), at=pl.lit(self._at))
        return idle.select(pl.col(n).cast(d) for n, d in delta.SEGMENT_SCHEMA.items())

    def _idle(self) -> pl.Expr:
        """Whether a row would end what does not run, by whatever key it was sent, nor was to run by its own dates."""
        known = pl.col(_RECORD).is_in(self._live[_RECORD].implode())
        if self._moved.height:
            first = self._moved.unique(KEY, keep="first", maintain_order=True)
            moved = pl.col(KEY).replace_strict(first[KEY], first["moved"], default=None)
            known |= (moved < pl.col("seq")).fill_null(value=False)
        return _ends() & ~known

    def _met(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `@at` of the rows beside which something runs under their name, and from when until when it `runs`."""
        asked = frame.filter((pl.col("decision") == "send") & (~pl.col("ended") | self._idle()))
        asked = asked.filter(pl.col(_NAME).is_not_null()).select("@at", KEY, "seq", "ended", _NAME, _FROM, _UNTIL)
        # A newer file that goes along says nothing yet, one file says what it ends, but not what it begins.
        told = asked.join(self._coming, on=_NAME, how="inner", suffix="_live", maintain_order="left_right").filter(
            (pl.col("seq_live") <= pl.col("seq")) & ~(pl.col("ended") & (pl.col(KEY) == pl.col(f"{KEY}_live")))
        )
        met = _begun(told).filter(
            ((pl.col(_FROM) != pl.col(f"{_FROM}_live")) | pl.col("ended"))
            & (pl.col(_FROM) <= _last(f"{_UNTIL}_live"))
            & (pl.col(f"{_FROM}_live") <= _last(_UNTIL))
        )
        said = pl.concat_str(_shown(f"{_FROM}_live"), pl.lit(" to "), _shown(f"{_UNTIL}_live"))
        met = met.sort("@at", "seq_live", f"{_FROM}_live").unique("@at", keep="first", maintain_order=True)
        return met.select("@at", runs=said)

    # ---- what is known

    def _said(self, candidate: Candidate, portions: Portions) -> Iterator[pl.DataFrame]:
        """Yield what the rows of a file say; those of a later date say nothing yet."""
        return (rows.select(SENT) for rows in portions.said(candidate, self._at))

    def _ahead(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return of the rows, placed, what is not over by its dates."""
        return self._placed(rows).filter(_last(_UNTIL) >= self._now)

    def _move(self, said: pl.DataFrame) -> None:
        """Remember which of the rows of a file change the end of what runs: from then on it ends by theirs."""
        runs = self._live.select(pl.col(KEY).alias("former"), since="seq", place=_place(self._live, self._leg))
        begun = said.filter(~pl.col("ended"))
        here = begun.select(KEY, moved="seq", place=_place(begun, self._leg)).join(runs, on="place")
        moved = pl.concat([self._moved, here.filter(pl.col("since") < pl.col("moved")).select(list(_MOVED))])
        self._moved = moved.unique([KEY, "former"], keep="first", maintain_order=True)

    def _stay(self, sent: pl.DataFrame, portions: Portions) -> pl.DataFrame:
        """Return what the newest full file does not leave out: that ends by itself."""
        full = [c for c in self._candidates if c.takes_away and c.ends(self._leg)]
        if not full:
            return sent
        present = pl.concat([pl.Series([], dtype=pl.String), *(keys[KEY] for keys in portions.keys(full[-1]))])
        return sent.filter(pl.col(KEY).is_in(present.implode()) | (pl.col("seq") > full[-1].row.seq))

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add the name of what a key is about (null where it has none), its dates, and the record there."""
        operation, names = self._leg.operation, self._leg.key_fields
        if operation.window is None or operation.record is None:
            raise AssertionError(operation.name)
        fields = key_parts(rows, self._leg)
        starts, ends = operation.window
        rest = [pl.col(name) for name in names if name not in operation.window]
        found = fields.select(
            pl.when(pl.col(operation.named) != "").then(pl.struct(rest).hash(seed=5)).alias(_NAME),
            pl.col(starts).alias(_FROM),
            pl.col(ends).alias(_UNTIL),
            pl.struct(operation.record.alias(_RECORD), pl.col(ends).alias(_UNTIL)).hash(seed=5).alias(_RECORD),
        )
        return rows.hstack(found)


def replaced(known: pl.DataFrame, leg: Leg) -> pl.Series:
    """Mask of what was said last of keys (`@key`, `seq`, `ended`) and goes on, but for a later row with another end.

    Where the destination tells them apart by their ends no more, that one took its place, and may have ended since.
    """
    if leg.operation.window is None:
        return pl.Series([False], dtype=pl.Boolean).new_from_index(0, known.height)
    later = pl.col("seq") < pl.col("seq").max().over(_place(known, leg))
    return known.select(~pl.col("ended") & later).to_series()


def _place(known: pl.DataFrame, leg: Leg) -> pl.Series:
    """Return a hash of all that is in a key but its end."""
    if leg.operation.window is None:
        raise AssertionError(leg.operation.name)
    rest = [name for name in leg.key_fields if name != leg.operation.window[1]]
    return key_parts(known, leg).select(pl.struct(rest).hash(seed=5)).to_series()


def _ends() -> pl.Expr:
    return (pl.col("decision") == "send") & pl.col("ended")


def _named(placed: pl.DataFrame) -> pl.DataFrame:
    return placed.filter(pl.col(_NAME).is_not_null())


def _begun(told: pl.DataFrame) -> pl.DataFrame:
    """Return, of what is said (`*_live`) beside a row (`@at`), what runs for it: its newest begin, by its newest end.

    What begins with another is another end of the same. It was begun before the row, and is not ended since.
    """
    place = ["@at", f"{_FROM}_live"]
    begun = told.filter(~pl.col("ended_live")).sort("seq_live", maintain_order=True)
    over = told.filter("ended_live").group_by("@at", f"{KEY}_live").agg(over=pl.col("seq_live").max())
    runs = begun.filter(pl.col("seq_live") < pl.col("seq")).unique(place, keep="last", maintain_order=True)
    runs = runs.join(over, on=["@at", f"{KEY}_live"], how="left", maintain_order="left")
    runs = runs.filter((pl.col("over") < pl.col("seq_live")).fill_null(value=True)).drop("over", f"{_UNTIL}_live")
    until = begun.unique(place, keep="last").select(*place, f"{_UNTIL}_live")
    return runs.join(until, on=place, how="left", maintain_order="left")


def _unsaid(decided: pl.DataFrame) -> list[pl.Expr]:
    """Columns to say something in, where the rows do not have them yet."""
    return [pl.lit(None, pl.String).alias(name) for name in ("code", "detail") if name not in decided.columns]


def _newest(known: pl.DataFrame) -> pl.DataFrame:
    return known.sort("seq", maintain_order=True).unique(KEY, keep="last", maintain_order=True)


def _last(name: str) -> pl.Expr:
    return pl.when(pl.col(name) == "").then(pl.lit(_LAST)).otherwise(name)


def _shown(name: str) -> pl.Expr:
    return pl.when(pl.col(name) == "").then(pl.lit("(no date)")).otherwise(name)
