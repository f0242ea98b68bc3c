"""What an encoder made of effects: which batch each is in and where, and the batches as the journal will know them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from gateway.delivery.portions import Candidate
from gateway.journal import batches
from gateway.model import Batch


def new_batch(number: int, encoded: Batch, offset: int, names: tuple[str, ...]) -> batches.NewBatch:
    """Return a batch as the journal will know it."""
    first: Any = encoded.effects["effect"].min()
    return batches.NewBatch(
        number=number, operation=encoded.operation, slot=encoded.slot, offset=offset, length=len(encoded.body),
        records=encoded.effects.height,
        first_effect=int(first) if first is not None else 0, memo=encoded.memo, runs=names,
    )  # fmt: skip


def runs_in(encoded: Batch, sends: pl.DataFrame, candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the runs whose rows a batch carries."""
    if len(candidates) == 1:
        return (candidates[0].row.id,)
    of = sends.select(pl.col("effect").cast(pl.UInt32), "run")
    positions = encoded.effects.join(of, on="effect", how="inner")["run"].unique()
    return tuple(candidates[p].row.id for p in sorted(positions.to_list()))


def in_batches(effects: pl.DataFrame, placed: Sequence[tuple[int, pl.DataFrame]]) -> pl.DataFrame:
    """Add batch and line to the effects. Raises ValueError when the encoder lost one."""
    if not placed:
        if effects.height:
            raise ValueError(f"{effects.height} effects are in no batch: the encoder made none")
        return effects.with_columns(batch=pl.lit(0, pl.UInt32), line=pl.lit(0, pl.Int64))
    places = pl.concat([f for _, f in placed]).select(pl.col("effect").cast(pl.UInt32), pl.col("line").cast(pl.Int64))
    numbers = pl.Series([n for n, _ in placed], dtype=pl.UInt32)
    lengths = pl.Series([f.height for _, f in placed], dtype=pl.UInt32)
    index = pl.select(pl.lit(numbers).repeat_by(lengths).explode()).to_series()
    places = places.with_columns(index.alias("batch"))
    if places["effect"].equals(effects["effect"]):
        return effects.hstack([places["batch"], places["line"]])
    joined = effects.join(places, on="effect", how="left", maintain_order="left")
    if joined["batch"].null_count() or joined.height != effects.height:
        raise ValueError("effects are in no batch or in several: the encoder lost or repeated records")
    return joined
