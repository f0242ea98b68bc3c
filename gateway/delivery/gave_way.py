"""Rows that give way to another of their record: what becomes of the one that is sent becomes of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway.delivery.outcomes import STATE_ENUM, effect_states
from gateway.delivery.portions import Candidate
from gateway.delta import SEGMENT_SCHEMA
from gateway.journal.batches import NewBatch
from gateway.model import KEY, ROW, RowState
from gateway.spool import GAVE_WAY_SCHEMA, ConsignmentFolder, gave_way

GIVES_WAY = "gives way"
"""Decision of a row for which another one of its record stands."""
_FELL = "DEST_TOGETHER"
_SETUP = "DEST_SETUP"
_OTHER = ("run_of", "row_of")
"""The row that stands for a record: its run's position and its `@row`."""
_STATES: dict[str, pl.DataType | type[pl.DataType]] = {
    "run_of": pl.UInt32, "row_of": pl.Int64, "state_of": STATE_ENUM, "code_of": pl.String, "message_of": pl.String,
}  # fmt: skip
_GOOD = [str(one) for one in (RowState.APPLIED, RowState.ACCEPTED, RowState.UNCHANGED, RowState.SUPERSEDED)]
_FAILED = [str(one) for one in (RowState.REFUSED, RowState.UNCERTAIN)]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a consignment knows of rows that gave way: `rows` (GAVE_WAY_SCHEMA), and the `batches` they hang on."""

    rows: pl.DataFrame
    batches: list[NewBatch]


def kept(
    pairs: pl.DataFrame,
    members: pl.DataFrame,
    folder: ConsignmentFolder,
    candidates: Sequence[Candidate],
    made: Sequence[NewBatch],
) -> Kept:
    """Say of rows that gave way (GAVE_WAY_SCHEMA) how they hang on those that stand for them, all being decided.

    Where that one is not sent what becomes of them is known: `row_of` is null then. Where it waits they wait too, are
    counted as such in the candidates and left out. `members`: `run`, `@row` of rows and, as `member`, that of further
    rows which are told the same. A batch belongs to the runs of all rows that hang on it.
    """
    others = pairs.select(_OTHER).unique()
    found = pairs.join(_decided(others, folder, candidates), on=_OTHER, how="left", maintain_order="left")
    waits = pl.col("met").is_null()
    for c in candidates:
        mine = found.filter(waits & (pl.col("run") == c.position))
        c.waits += mine.height - mine[ROW].null_count()
    sent, refused = pl.col("batch").is_not_null(), pl.col("met") == str(RowState.REFUSED)
    told = found.filter(~waits).with_columns(
        *(pl.when(sent).then(name).alias(name) for name in _OTHER),
        state=pl.when(refused).then(pl.lit(str(RowState.REFUSED))).otherwise("state"),
        code=pl.when(refused).then(pl.lit(_FELL)).otherwise("code"),
        known=pl.col("known") & ~refused,
    )
    more = members.join(told, on=["run", ROW], how="inner").with_columns(
        pl.lit(None, pl.String).alias(KEY), pl.col("member").alias(ROW), known=pl.lit(value=False)
    )
    rows = pl.concat([one.select(list(GAVE_WAY_SCHEMA)) for one in (told, more)])
    names = [c.row.id for c in candidates]
    batches = list(made)
    for number, run in told.filter(sent & pl.col(ROW).is_not_null()).select("batch", "run").unique().rows():
        runs = dict.fromkeys([*batches[number].runs, names[run]])
        batches[number] = replace(batches[number], runs=tuple(runs))
    return Kept(rows, batches)


def _decided(others: pl.DataFrame, folder: ConsignmentFolder, candidates: Sequence[Candidate]) -> pl.DataFrame:
    """Return how rows were decided (`met`) and the number of the `batch` of those that are sent."""
    nothing = pl.DataFrame(schema={"run_of": pl.UInt32, "row_of": pl.Int64, "met": pl.String, "batch": pl.UInt32})
    found = [nothing]
    for part in folder.effects(["run", ROW, "batch"]):
        mine = _of(part, others).with_columns(met=pl.lit("send"))
        found.append(mine.select(nothing.columns))
    for c in candidates:
        for part in folder.decisions(c.row.id):
            mine = _of(part.with_columns(run=pl.lit(c.position, pl.UInt32)), others)
            found.append(mine.select(*_OTHER, met="state", batch=pl.lit(None, pl.UInt32)))
    return pl.concat(found).unique(_OTHER, keep="first", maintain_order=True)


def _of(rows: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return those of the rows (`run`, `@row`) that stand for others."""
    return rows.rename({"run": "run_of", ROW: "row_of"}).join(others, on=_OTHER, how="semi", maintain_order="left")


# ---------------------------------------------------------------- what became of them


def answered(folder: ConsignmentFolder, sent: Sequence[Row[Any]]) -> pl.DataFrame:
    """Return the rows that gave way in a consignment with the state, code and message of those that stand for them.

    GAVE_WAY_SCHEMA, and `state_of` (STATE_ENUM; null: open, or nothing was sent), `code_of`, `message_of`.
    """
    rows = gave_way(folder)
    if not rows.height:
        return rows
    others = rows.select(_OTHER).drop_nulls().unique()
    told = {"state_of": "state", "code_of": "code", "message_of": "message"}
    found = [_of(part, others).select(*_OTHER, **told) for part in effect_states(folder, sent, ["run", ROW])]
    states = pl.concat([pl.DataFrame(schema=_STATES), *found])
    states = states.sort("state_of", maintain_order=True).unique(_OTHER, keep="first", maintain_order=True)
    return rows.join(states, on=_OTHER, how="left", maintain_order="left")


def states_of(
    folder: ConsignmentFolder, sent: Sequence[Row[Any]], position: int, open_state: RowState
) -> pl.DataFrame | None:
    """Return `@row`, `state`, `code` and `detail` of a run's rows that gave way; None where there are none.

    `sent`: whether the destination was asked to take what stands for them. `open_state`: of what is open.
    """
    found = answered(folder, sent)
    mine = found.filter((pl.col("run") == position) & pl.col(ROW).is_not_null()) if found.height else found
    if not mine.height:
        return None
    hangs = pl.col("row_of").is_not_null()
    state = pl.col("state_of").fill_null(pl.lit(str(open_state), STATE_ENUM)).cast(pl.String)
    fell = hangs & state.is_in(_FAILED) & (pl.col("code_of") != _SETUP).fill_null(value=True)
    theirs = hangs & pl.col("state_of").is_not_null() & ~state.is_in(_GOOD)
    return mine.select(
        ROW,
        pl.when(hangs & ~state.is_in(_GOOD)).then(state).otherwise("state").cast(STATE_ENUM).alias("state"),
        pl.when(fell).then(pl.lit(_FELL)).when(theirs).then("code_of").otherwise("code").alias("code"),
        pl.when(theirs & ~fell).then("message_of").otherwise("detail").alias("detail"),
        sent=hangs,
    )


def confirmed(folder: ConsignmentFolder, sent: Sequence[Row[Any]]) -> Iterator[pl.DataFrame]:
    """Yield the keys that hang on what was sent, as the baseline takes effects: with its `state` and `code`."""
    found = answered(folder, sent)
    if found.height:
        hangs = found.filter(pl.col("known") & pl.col("row_of").is_not_null())
        columns = [name for name in SEGMENT_SCHEMA if name != "at"]
        yield hangs.select(*columns, state="state_of", code="code_of")
