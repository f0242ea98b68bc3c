"""What of a picture's name can't be read is one fault of the name as a whole, however many fields are read from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from gateway.mapping.sources import cell
from gateway.model import ROW

_NAMES = ("name", "stem")
"""Columns of picture files that their names stand in."""


def by_name(
    issues: pl.DataFrame, frame: pl.DataFrame, headers: Sequence[str], read: dict[str, Collection[int]]
) -> pl.DataFrame:
    """Return the issues of a block of pictures (ISSUE_SCHEMA, sorted by row), one per name that is not as agreed.

    `read`: contract field to the columns it is read from. The first field that could not be read stands for all.
    """
    places = {headers.index(name) for name in _NAMES}
    fields = [field for field, columns in read.items() if columns and places.issuperset(columns)]
    misnamed = (pl.col("code") == "MAP_EXTRACT") & pl.col("field").is_in(fields)
    told = issues.filter(~misnamed | (misnamed.cast(pl.Int64).cum_sum().over(ROW) == 1))
    names = frame.select(ROW, own=cell(headers.index("name")))
    return told.join(names, on=ROW, how="left", maintain_order="left").select(
        pl.col(issues.columns).exclude("code", "value"),
        code=pl.when(misnamed).then(pl.lit("ROW_PICTURE_NAME")).otherwise("code"),
        value=pl.when(misnamed).then("own").otherwise("value"),
    ).select(issues.columns)  # fmt: skip
