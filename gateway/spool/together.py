"""Rows of a consignment that gave way to another row: the destination tells them apart by less than their keys."""

from __future__ import annotations

import polars as pl

from gateway.model import KEY, ROW
from gateway.spool.disk import write_frame
from gateway.spool.folders import ConsignmentFolder

GAVE_WAY_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "run": pl.UInt32,
    ROW: pl.Int64,
    KEY: pl.String,
    "seq": pl.Int64,
    "digest": pl.UInt64,
    "measure": pl.String,
    "ended": pl.Boolean,
    "known": pl.Boolean,
    "state": pl.String,
    "code": pl.String,
    "detail": pl.String,
    "run_of": pl.UInt32,
    "row_of": pl.Int64,
}
"""A row, and the one that stands for it: `row_of` of the run at `run_of`, null where that one is not sent.

`state`, `code`, `detail`: what it is told where that one takes effect; `known`: whether the baseline then learns of its
key. `@row` is null for a key without a row, `@key` for further rows of a key.
"""
_NAME = "gave-way.parquet"


def add_gave_way(folder: ConsignmentFolder, rows: pl.DataFrame) -> None:
    """Write such rows of a consignment (GAVE_WAY_SCHEMA), durably."""
    write_frame(rows, folder.root / _NAME)


def gave_way(folder: ConsignmentFolder) -> pl.DataFrame:
    """Return such rows of a consignment (GAVE_WAY_SCHEMA); most have none."""
    path = folder.root / _NAME
    return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=GAVE_WAY_SCHEMA)
