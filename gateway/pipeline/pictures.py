"""Picture files by their names: people know a picture by its name, not by the row it makes."""

from __future__ import annotations

import polars as pl

from gateway.model import ROW, Table
from gateway.wording import filled

_OTHER = r"^(.*)\brow ([0-9]+)(.*)$"
"""Details that name another row: the last number after the word."""
_KEYS = "DUPLICATE_KEY"
"""Shows a whole key, which is no cell."""


class PictureNames:
    """The names of the pictures of a run, by row: `see` is told of every table, `named` words what is said late."""

    def __init__(self) -> None:
        self._seen: list[pl.DataFrame] = []

    def see(self, table: Table) -> None:
        """Take note of the names of a block (column `name` of picture files)."""
        self._seen.append(table.frame.select(ROW, name=f"c{table.headers.index('name')}"))

    def named(self, issues: pl.DataFrame) -> pl.DataFrame:
        """Return the issues (ISSUE_SCHEMA) with the names of the pictures they are about, and of those they name."""
        if not issues.height or not self._seen:
            return issues
        names = pl.concat(self._seen)
        said = issues.with_columns(other=pl.col("detail").str.extract(_OTHER, 2).cast(pl.Int64, strict=False))
        for row, name in ((ROW, "own"), ("other", "another")):
            known = names.rename({ROW: row, "name": name})
            said = said.join(known, on=row, how="left", maintain_order="left")
        front, back = pl.col("detail").str.extract(_OTHER, 1), pl.col("detail").str.extract(_OTHER, 3)
        told = filled("{}{}, row {}{}", front, "another", pl.col("other").cast(pl.String), back)
        return said.select(
            pl.col(issues.columns).exclude("value", "detail"),
            value=pl.when(pl.col("code") == _KEYS).then(pl.coalesce("own", "value")).otherwise("value"),
            detail=pl.when(pl.col("another").is_not_null()).then(told).otherwise("detail"),
        ).select(issues.columns)
