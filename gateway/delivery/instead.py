"""What goes on instead of what was: where rows of the same key end that, and where a full file says it no more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway.delivery.portions import Candidate, Portions
from gateway.delivery.setup import Leg, Pinned
from gateway.journal import Journal, runs
from gateway.model import INSTEAD, KEY, LIST_SEPARATOR, OPEN, ROW
from gateway.spool import STATE, Spool

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


def says_all(
    journal: Journal, spool: Spool, leg: Leg, candidates: Sequence[Candidate], portions: Portions
) -> pl.Expr | None:
    """Return whether a row (`run`, `@key`) is all that a full file has of its key; None: no row is.

    Also where the file takes nothing away, as a key of it could not be read, and where a part of it comes back or is
    sent again. What the file says of the key in a rejected row, or in one that did not come back, may be what was
    before.
    """
    sure: list[pl.Expr] = []
    for one in candidates if _windowed(leg) else ():
        rest = _rest(journal, spool, one, leg)
        if rest is None:
            continue
        unsure = [pl.Series([], dtype=pl.UInt64)]
        unsure += [rows[KEY].hash(_SEED) for file, there in rest for rows in portions.named(file, there)]
        here = pl.col("run") == one.position
        sure.append(here & ~pl.col(KEY).hash(_SEED).is_in(pl.concat(unsure).unique().implode()))
    return pl.any_horizontal(sure) if sure else None


def _rest(journal: Journal, spool: Spool, one: Candidate, leg: Leg) -> list[tuple[Candidate, pl.Expr]] | None:
    """Return which further rows there are of the full file that a candidate is, or is a part of; None: it is neither.

    It is none either where a file that rows come back from can't be looked at any more.
    """
    rest = [(one, pl.col(STATE) == "rejected")] if one.row.counts.get("bad", 1) else []
    files = [one]
    while files:
        file = files.pop()
        before = _parts(spool, file.row)
        if not before and not (file.pinned.route.mode == "full" and file.ends(leg)):
            return None
        for run, rows in before:
            with journal.read() as tx:
                row = runs.get_run(tx, run)
            if row is None or row.id >= file.row.id or row.partner != file.row.partner:
                return None
            if not row.pinned or not spool.run(row.id).root.exists():  # it was refused as a whole, or cleared away
                return None
            files.append(Candidate(len(files), row, Pinned.model_validate(row.pinned), None))
            rest.append((files[-1], ~pl.col(ROW).is_in(rows.implode())))
    return rest


def _parts(spool: Spool, row: Row[Any]) -> list[tuple[str, pl.Series]]:
    """Return the runs that the rows of one were in before, and which rows they were there; none of a file of its own.

    A run id may have been typed by hand.
    """
    folder = spool.run(row.id)
    if row.retry_of is not None:
        return [(row.retry_of, pl.concat(states[ROW] for states in folder.states()))]
    path = folder.root / "links.parquet"
    if row.first_run is None or not path.exists():
        return []
    parts = pl.read_parquet(path).partition_by("first_run", as_dict=True)
    return [(str(first), rows["first_row"]) for (first,), rows in parts.items()]


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
