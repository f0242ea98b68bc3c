"""What goes on instead of what was: where rows of the same key end that, and where a full file says it no more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from gateway.delivery.portions import Candidate, Portions
from gateway.delivery.setup import Leg
from gateway.model import INSTEAD, KEY, LIST_SEPARATOR, OPEN, ROW

_WINDOW = ("starts_at", "ends_at")
_BETWEEN = "/"
_CHANGE = ("run", KEY, "due")
_SEED = 5


def one_change(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows that are decided, with INSTEAD, and those that go along with one of them.

    `rows`: `run`, `@row`, `@key`, `due` and `command`; of the window what the operation reads. A row that ends goes
    along with one of the same run, key and day that does not; what older runs end is told as well. Going along: `run`,
    `@row` of the row that is decided, `member` (`@row` of the one that ends).
    """
    ends = pl.col("command").eq_missing("end")
    ending, going = rows.filter(ends), rows.filter(~ends)
    along = ending.select(*_CHANGE, pl.col(ROW).alias("member")).join(
        going.select(*_CHANGE, ROW).unique(_CHANGE, keep="first", maintain_order=True),
        on=_CHANGE, how="inner", nulls_equal=True, maintain_order="left",
    )  # fmt: skip
    told = [pl.col(name).fill_null("") if name in rows.columns else pl.lit("") for name in _WINDOW]
    windows = ending.select(KEY, pl.concat_str(told, separator=_BETWEEN).alias(INSTEAD)).group_by(KEY).agg(
        pl.col(INSTEAD).unique(maintain_order=True).str.join(LIST_SEPARATOR)
    )  # fmt: skip
    kept = rows.join(
        along.select("run", pl.col("member").alias(ROW)), on=["run", ROW], how="anti", maintain_order="left"
    )
    kept = kept.join(windows, on=KEY, how="left", maintain_order="left")
    return kept.with_columns(pl.when(~ends).then(INSTEAD).alias(INSTEAD)), along.select("run", ROW, "member")


def remembered(leg: Leg) -> pl.Expr:
    """Return what the baseline is to know of a row as its measure: the whole window where another may take its place.

    The window is `starts_at/ends_at`, with OPEN for a date the row does not give.
    """
    if not _windowed(leg):
        return pl.col(leg.measure)
    dates = (pl.when(pl.col(name) != "").then(name).otherwise(pl.lit(OPEN)) for name in _WINDOW)
    return pl.concat_str(*dates, separator=_BETWEEN)


def last_of(measure: pl.Expr) -> pl.Expr:
    """Return the end of a remembered window; what has no begin with it is an end."""
    return measure.str.split(_BETWEEN).list.last()


def says_all(leg: Leg, candidates: Sequence[Candidate], portions: Portions) -> pl.Expr | None:
    """Return whether a row (`run`, `@key`) is all that a full file has of its key; None: no row is.

    What the file says of the key in a rejected row may be what was before.
    """
    full = [c for c in candidates if c.row.mode == "full" and c.ends(leg)] if _windowed(leg) else []
    if not full:
        return None
    unsure = [pl.Series([], dtype=pl.UInt64)]
    unsure += [rows[KEY].hash(_SEED) for c in full if c.row.counts.get("bad", 1) for rows in portions.rejected(c)]
    here = pl.col("run").is_in([c.position for c in full])
    return here & ~pl.col(KEY).hash(_SEED).is_in(pl.concat(unsure).unique().implode())


def with_known(decided: pl.DataFrame, alone: pl.Expr | None, now: datetime) -> pl.DataFrame:
    """Return the rows of `delta.decide` with INSTEAD naming too what was sent before, where it is said no more.

    `alone`: whether a row is all that is said of its key (`says_all`). What is over by now itself has `ended` then: it
    leaves nothing. Of what was remembered without its begin any begin counts.
    """
    if alone is None:
        return decided
    known = pl.col("measure_known")
    going = (pl.col("decision") == "send") & ~pl.col("ended") & (known != "") & alone
    over = (last_of(pl.col("measure")) < f"{now:%Y-%m-%dT%H:%M:%SZ}").fill_null(value=False)
    begun = pl.when(~known.str.contains(_BETWEEN, literal=True)).then(pl.lit(_BETWEEN)).otherwise(pl.lit(""))
    window = pl.when(going).then(begun + known)
    return decided.with_columns(
        pl.concat_str(INSTEAD, window, separator=LIST_SEPARATOR, ignore_nulls=True).replace("", None).alias(INSTEAD),
        ended=pl.col("ended") | (going & over).fill_null(value=False),
    )


def _windowed(leg: Leg) -> bool:
    return leg.operation.instead and leg.measure == _WINDOW[1]
