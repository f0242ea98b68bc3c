"""Rows that end what was, beside a row of the same key with what goes on instead: one change, told to both rows."""

from __future__ import annotations

import polars as pl

from gateway.model import INSTEAD, KEY, LIST_SEPARATOR, ROW

_WINDOW = ("starts_at", "ends_at")
_CHANGE = ("run", KEY, "due")


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
    windows = ending.select(KEY, pl.concat_str(told, separator="/").alias(INSTEAD)).group_by(KEY).agg(
        pl.col(INSTEAD).unique(maintain_order=True).str.join(LIST_SEPARATOR)
    )  # fmt: skip
    kept = rows.join(
        along.select("run", pl.col("member").alias(ROW)), on=["run", ROW], how="anti", maintain_order="left"
    )
    kept = kept.join(windows, on=KEY, how="left", maintain_order="left")
    return kept.with_columns(pl.when(~ends).then(INSTEAD).alias(INSTEAD)), along.select("run", ROW, "member")
