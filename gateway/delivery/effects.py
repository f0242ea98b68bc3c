"""Final states of effects and rows, worked out from what the journal and the spool know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy.engine import Row

from gateway.journal import Journal, runs
from gateway.model import KEY, ROW, STATES, RowState
from gateway.spool import STATE, ConsignmentFolder, RunFolder, Spool

UNDECIDED = 255
"""State code of a row nobody has decided yet."""

STATE_ENUM = pl.Enum([str(state) for state in STATES])
"""States as polars keeps them in frames of effects: one byte each, its code is the place in STATES."""

CODES: dict[str, int] = {str(state): code for code, state in enumerate(STATES)}

EXTRA_SCHEMA: dict[str, type[pl.DataType]] = {
    ROW: pl.Int64,
    "code": pl.String,
    "detail": pl.String,
    "remote_id": pl.String,
}
"""What delivery has to say about single rows beyond their state."""


def effect_states(folder: ConsignmentFolder, rows: Sequence[Row[Any]]) -> Iterator[pl.DataFrame]:
    """Yield effects part by part with `state`, `code`, `message`, `remote_id` (String; state null: still open).

    `rows` are the consignment's batches as the journal knows them, by number.
    """
    rest = pl.DataFrame(
        {
            "batch": [b.number for b in rows],
            "state": [b.rest if b.state in {"closed", "lapsed"} else None for b in rows],
            "code": [b.code for b in rows],
            "message": [b.message for b in rows],
        },
        schema={"batch": pl.UInt32, "state": STATE_ENUM, "code": pl.String, "message": pl.String},
    )
    named = _outcomes(folder, rows)
    misread = _misread(folder, named)
    for part in folder.effects():
        frame = part.join(rest, on="batch", how="left", maintain_order="left")
        frame = frame.with_columns(remote_id=pl.lit(None, pl.String))
        if misread.len():
            bad = pl.col("batch").is_in(misread.implode()) & pl.col("state").is_not_null()
            why = "the destination's report names rows that were not in the call"
            frame = frame.with_columns(
                state=pl.when(bad).then(pl.lit(str(RowState.UNCERTAIN), STATE_ENUM)).otherwise("state"),
                code=pl.when(bad).then(pl.lit("DEST_UNCERTAIN")).otherwise("code"),
                message=pl.when(bad).then(pl.lit(why)).otherwise("message"),
            )
        yield _overlaid(frame, named) if named.height else frame


def _outcomes(folder: ConsignmentFolder, rows: Sequence[Row[Any]]) -> pl.DataFrame:
    """Newest outcome per batch and line or key."""
    frames = [
        frame.with_columns(batch=pl.lit(b.number, pl.UInt32), order=pl.lit(n, pl.Int64))
        for b in rows
        if b.outcomes
        for n, frame in enumerate(folder.outcomes(b.number, b.outcomes))
    ]
    if not frames:
        return pl.DataFrame(schema={"batch": pl.UInt32})
    named = pl.concat(frames, how="diagonal").unique(["batch", "line", "key"], keep="last", maintain_order=True)
    return named.with_columns(pl.col("state").cast(STATE_ENUM))


def _overlaid(frame: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Lay outcomes over effects: by key where they name one of their batch, else by line.

    A key is the surer name: whether a report's lines count a header is an assumption. An outcome that fits no effect
    means that the report was misread: the effects of its batch that nothing names are uncertain then, never applied.
    """
    keyed = named.filter(pl.col("key").is_not_null()).rename({"key": KEY})
    here = frame.select("batch", KEY).with_columns(found=pl.lit(value=True))
    keyed = keyed.join(here, on=["batch", KEY], how="left")
    by_key = keyed.filter(pl.col("found").is_not_null())
    rest = pl.concat([named.filter(pl.col("key").is_null()), keyed.filter(pl.col("found").is_null())], how="diagonal")
    by_line = rest.filter(pl.col("line").is_not_null())
    lines = frame.select("batch", "line").with_columns(fits=pl.lit(value=True))
    by_line = by_line.join(lines, on=["batch", "line"], how="left")
    frame = _laid(frame, by_key, ["batch", KEY])
    return _laid(frame, by_line.filter(pl.col("fits").is_not_null()), ["batch", "line"])


def _laid(frame: pl.DataFrame, other: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    if not other.height:
        return frame
    told = ["state", "code", "message", "remote_id"]
    newest = other.unique(keys, keep="last", maintain_order=True)
    joined = newest.select(*keys, *told).with_columns(told=pl.lit(value=True))
    frame = frame.join(joined, on=keys, how="left", suffix="_told", maintain_order="left")
    return frame.with_columns(
        pl.when(pl.col("told").is_not_null()).then(pl.col(f"{c}_told")).otherwise(pl.col(c)).alias(c) for c in told
    ).drop("told", *(f"{c}_told" for c in told))


def _misread(folder: ConsignmentFolder, named: pl.DataFrame) -> pl.Series:
    """Batches with an outcome that fits no effect (UInt32)."""
    if not named.height:
        return pl.Series("batch", [], dtype=pl.UInt32)
    left = named.select("batch", "line", pl.col("key").alias(KEY)).with_row_index("outcome")
    for part in folder.effects(["batch", "line", KEY]):
        for keys in (["batch", KEY], ["batch", "line"]):
            left = left.join(part.select(keys), on=keys, how="anti")
    return left["batch"].unique()


@dataclass(frozen=True, slots=True)
class RowStates:
    """States of a run's rows: `codes` indexed by `@row`; `extra` has more to say about some (EXTRA_SCHEMA)."""

    codes: npt.NDArray[np.uint8]
    extra: pl.DataFrame
    derived: dict[str, int]
    """Counts per state of effects without an input row."""

    def of(self, rows: pl.Series) -> pl.Series:
        """States of rows (STATE_ENUM)."""
        return pl.Series("state", self.codes[rows.to_numpy()]).cat.to(STATE_ENUM)

    def counts(self) -> dict[str, int]:
        """Rows per state; undecided rows are not counted."""
        found = {str(state): int(np.count_nonzero(self.codes == code)) for code, state in enumerate(STATES)}
        return {state: count for state, count in found.items() if count}


def intake_codes(folder: RunFolder) -> npt.NDArray[np.uint8]:
    """States that intake gave, indexed by `@row`: UNDECIDED where it gave none, 254 where there is no such row."""
    codes = np.full(folder.last_row() + 1, UNDECIDED - 1, dtype=np.uint8)  # blank rows and the header have none
    for block in folder.states():
        codes[block[ROW].to_numpy()] = UNDECIDED
        given = block.filter(pl.col(STATE).is_not_null())
        if given.height:
            codes[given[ROW].to_numpy()] = given[STATE].cast(STATE_ENUM).to_physical().to_numpy()
    return codes


def row_states(journal: Journal, spool: Spool, run: str, open_state: RowState) -> RowStates:
    """Work out the states of all rows of a run; undecided rows take `open_state`, as do effects still open."""
    codes = intake_codes(spool.run(run))
    extra: list[pl.DataFrame] = []
    derived: dict[str, int] = {}
    with journal.read() as tx:
        consignments = [(c.id, runs.runs_of(tx, c.id), runs.batches_of(tx, c.id)) for c in _all(tx, run)]
    for identity, in_it, sent in consignments:
        consignment = spool.consignment(identity)
        _apply_decisions(consignment, run, codes, extra)
        _apply_effects(consignment, sent, (in_it.index(run), open_state), codes, extra, derived)
    codes[codes == UNDECIDED] = CODES[str(open_state)]
    said = pl.concat(extra).unique(ROW, keep="last") if extra else pl.DataFrame(schema=EXTRA_SCHEMA)
    return RowStates(codes, said, derived)


def _all(tx: Any, run: str) -> Sequence[Row[Any]]:
    return runs.consignments_of(tx, run)


def _apply_decisions(
    folder: ConsignmentFolder, run: str, codes: npt.NDArray[np.uint8], extra: list[pl.DataFrame]
) -> None:
    for frame in folder.decisions(run):
        codes[frame[ROW].to_numpy()] = frame["state"].cast(STATE_ENUM).to_physical().to_numpy()
        said = frame.filter(pl.col("detail").is_not_null())
        if said.height:
            extra.append(said.select(ROW, "code", "detail", pl.lit(None, pl.String).alias("remote_id")))


def _apply_effects(
    folder: ConsignmentFolder,
    sent: Sequence[Row[Any]],
    mine: tuple[int, RowState],
    codes: npt.NDArray[np.uint8],
    extra: list[pl.DataFrame],
    derived: dict[str, int],
) -> None:
    position, open_state = mine
    members = folder.members()
    for part in effect_states(folder, sent):
        own = part.filter(pl.col("run") == position)
        own = own.with_columns(pl.col("state").fill_null(pl.lit(str(open_state), STATE_ENUM)))
        lost = own.filter(pl.col("derived"))
        for state, count in lost.group_by("state").len().iter_rows():
            derived[state] = derived.get(state, 0) + count
        rows = own.filter(~pl.col("derived")).select(ROW, "effect", "state", "code", "message", "remote_id")
        if members.height:
            joined = members.join(rows.drop(ROW), on="effect", how="inner")
            rows = pl.concat([rows, joined.select(rows.columns)])
        codes[rows[ROW].to_numpy()] = rows["state"].to_physical().to_numpy()
        said = rows.filter(pl.col("code").is_not_null() | pl.col("remote_id").is_not_null())
        if said.height:
            extra.append(said.select(ROW, "code", pl.col("message").alias("detail"), "remote_id"))
