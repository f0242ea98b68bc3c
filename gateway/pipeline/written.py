"""Faults as the partner sees them: the cell as it was written, not what the mapping made of it; pure."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from gateway.contracts.checker import VALUE_LIMIT
from gateway.model import ROW, Table

_OWN = ("MAP_", "CELL_", "ROW_")
"""Codes that begin so show what was read already."""


def as_written(issues: pl.DataFrame, table: Table, cells: Mapping[str, int]) -> pl.DataFrame:
    """Return the issues (ISSUE_SCHEMA) with the cells of the table as their values, where a value is shown at all.

    `cells`: contract field to the column it is read from. An empty cell was filled by the mapping: what it was filled
    with is shown.
    """
    value = issues["value"]
    ours = [code for code in issues["code"].unique() if not code.startswith(_OWN)]
    asked = issues["code"].is_in(ours) & value.is_not_null()
    if not asked.any():
        return issues
    for field in issues["field"].filter(asked).drop_nulls().unique():
        name = f"c{cells.get(field)}"
        if name not in table.frame.columns:
            continue
        at = ((issues["field"] == field) & asked).fill_null(value=False).arg_true()
        cell = table.frame[name].gather(table.frame[ROW].search_sorted(issues[ROW].gather(at))).str.strip_chars()
        cut = pl.concat_str(cell.str.head(VALUE_LIMIT), pl.lit("…"))
        shown = pl.when(cell.str.len_chars() > VALUE_LIMIT).then(cut).when(cell != "").then(cell)
        value = value.scatter(at, pl.select(shown.otherwise(value.gather(at))).to_series())
    return issues.with_columns(value)
