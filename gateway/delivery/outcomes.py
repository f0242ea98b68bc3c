"""What became of single effects: their batches as the journal knows them, and outcomes laid over by key or line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway.model import KEY, STATES, RowState
from gateway.spool import ConsignmentFolder

STATE_ENUM = pl.Enum([str(state) for state in STATES])
"""States as polars keeps them in frames of effects: one byte each, its code is the place in STATES."""


def effect_states(
    folder: ConsignmentFolder, rows: Sequence[Row[Any]], columns: Sequence[str] | None = None
) -> Iterator[pl.DataFrame]:
    """Yield effects part by part with `state`, `code`, `message`, `remote_id`, `field` (state null: still open).

    `rows` are the consignment's batches as the journal knows them, by number. `columns` of the effects, None: all;
    what outcomes are matched by comes too.
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
    wanted = None if columns is None else [*columns, "batch", *(["line", KEY] if named.height else [])]
    counted = [b.number for b in rows] == list(range(len(rows)))
    for part in folder.effects(None if wanted is None else list(dict.fromkeys(wanted))):
        if counted and part.height:
            frame = part.hstack([rest[name].gather(part["batch"]) for name in ("state", "code", "message")])
        else:
            frame = part.join(rest, on="batch", how="left", maintain_order="left")
        frame = frame.with_columns(remote_id=pl.lit(None, pl.String), field=pl.lit(None, pl.String))
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
    if "field" not in named.columns:
        named = named.with_columns(field=pl.lit(None, pl.String))
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
    told = ["state", "code", "message", "remote_id", "field"]
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
