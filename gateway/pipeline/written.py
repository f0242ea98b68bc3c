"""Faults as the partner sees them: the cell as it was written, not what the mapping made of it; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.contracts import RowsRule, Rule
from gateway.contracts.checker import VALUE_LIMIT
from gateway.issues import BY_MAPPING, FROM_ROW
from gateway.mapping import Applier, Origin
from gateway.model import ROW, Filled, Table
from gateway.pipeline.across import MOST_SHOWN
from gateway.wording import filled as worded

_OWN = ("MAP_", "CELL_", "ROW_")
"""Codes that begin so show what was read already."""


def worded_as_written(
    issues: pl.DataFrame, table: Table, cells: Mapping[str, Origin], rows: pl.DataFrame, rules: Sequence[Rule]
) -> pl.DataFrame:
    """Return the issues with the details of `rules` (those that repeat cells) told of the cells of the table.

    `rows`: `@row` and contract fields; what stands in no cell of its own is told as it is there.
    """
    codes = set(issues["code"].unique())
    for rule in rules:
        if rule.code not in codes or isinstance(rule.detail, str):
            continue
        at = ((issues["code"] == rule.code) & (issues["field"] == rule.field)).fill_null(value=False).arg_true()
        names = list(dict.fromkeys(rule.detail.meta.root_names()))
        if not at.len() or cells.keys().isdisjoint(names):
            continue
        numbers = issues[ROW].gather(at)
        texts = with_cells(_rows_of(rows, numbers, names), table, {n: cells[n] for n in names if n in cells})
        detail = texts.select(rule.detail.alias("detail"))["detail"]
        detail = pl.select(pl.coalesce(detail, issues["detail"].gather(at))).to_series()
        issues = issues.with_columns(issues["detail"].scatter(at, detail))
    return issues


def with_cells(texts: pl.DataFrame, table: Table, cells: Mapping[str, Origin]) -> pl.DataFrame:
    """Return contract fields (`@row` and texts) with the cells of the table in their place, but for empty ones."""
    at = table.frame[ROW].search_sorted(texts[ROW])
    return texts.with_columns(
        pl.select(pl.coalesce(origin.texts(table.frame, at), texts[field])).to_series().alias(field)
        for field, origin in cells.items()
    )


def _rows_of(rows: pl.DataFrame, numbers: pl.Series, names: Sequence[str]) -> pl.DataFrame:
    found = rows.select(ROW, *(pl.col(n) if n in rows.columns else pl.lit(None, pl.String).alias(n) for n in names))
    return found[rows[ROW].search_sorted(numbers).to_numpy()]


def as_written(
    issues: pl.DataFrame, table: Table, cells: Mapping[str, Origin], constants: Collection[str] = ()
) -> pl.DataFrame:
    """Return the issues (ISSUE_SCHEMA) with the cells of the table as their values, where a value is shown at all.

    `cells`: contract field to the column it is read from. An empty cell was filled by the mapping: what it was filled
    with is shown, and so is what stands for a cell that is not asked. `constants`: fields that no cell says, which is
    told behind the value.
    """
    value = issues["value"]
    ours = [code for code in issues["code"].unique() if not code.startswith(_OWN)]
    asked = issues["code"].is_in(ours) & value.is_not_null()
    if not asked.any():
        return issues
    for field in issues["field"].filter(asked).drop_nulls().unique():
        if field not in cells:
            continue
        at = ((issues["field"] == field) & asked).fill_null(value=False).arg_true()
        cell = cells[field].texts(table.frame, table.frame[ROW].search_sorted(issues[ROW].gather(at)))
        cut = pl.concat_str(cell.str.head(VALUE_LIMIT), pl.lit("…"))
        shown = pl.when(cell.str.len_chars() > VALUE_LIMIT).then(cut).otherwise(cell)
        value = value.scatter(at, pl.select(pl.coalesce(shown, value.gather(at))).to_series())
    issues = issues.with_columns(value)
    fixed = asked & issues["field"].is_in(sorted(constants)).fill_null(value=False)
    if not fixed.any():
        return issues
    return issues.with_columns(value=pl.when(fixed).then(pl.concat_str("value", pl.lit(BY_MAPPING))).otherwise("value"))


def from_above(issues: pl.DataFrame, filled: Filled | None, cells: Mapping[str, Origin]) -> pl.DataFrame:
    """Return the issues with the row that a value came from behind it, where its cell is filled from above."""
    if filled is None:
        return issues
    value = issues["value"]
    asked = value.is_not_null() & (issues["code"] != _COPY)
    for field in issues["field"].filter(asked).drop_nulls().unique():
        column = f"c{cells[field].index}" if field in cells else ""
        if column not in filled.above.columns:
            continue
        at = ((issues["field"] == field) & asked).fill_null(value=False).arg_true()
        rows = issues[ROW].gather(at)
        above = filled.above[column].gather(filled.above[ROW].search_sorted(rows))
        said = cells[field].texts(filled.table.frame, filled.table.frame[ROW].search_sorted(rows))
        told = pl.select(
            pl.when(said.is_not_null()).then(worded(FROM_ROW, pl.lit(value.gather(at)), pl.lit(above).cast(pl.String)))
        ).to_series()
        value = value.scatter(at, pl.select(pl.coalesce(told, value.gather(at))).to_series())
    return issues.with_columns(value)


_COPY = "MAP_FILL"
"""Says itself which row is meant."""
_KEYS = "DUPLICATE_KEY"
"""Shows a whole key, which is no cell."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Shows issues of rules across rows as the partner sees them: found when no table is at hand any more.

    `again` reads the file once more: only where the mapping changed a text that is shown, and only as far as it has to.
    """

    applier: Applier | None
    again: Callable[[], Iterator[Table]]

    def late(self, issues: pl.DataFrame, repeated: Sequence[tuple[RowsRule, pl.DataFrame]]) -> pl.DataFrame:
        """Return the issues (ISSUE_SCHEMA) with the cells as they stand in the file, those of the first rows at least.

        `repeated`: rows of the groups whose issues repeat cells in their details, with the rule that told them.
        """
        cells = {} if self.applier is None else self.applier.altered
        if not cells or not issues.height:
            return issues
        valued = issues.filter(
            (pl.col("code") != _KEYS) & pl.col("value").is_not_null() & pl.col("field").is_in([*cells])
        )
        told = [(rule, rows) for rule, rows in repeated if not cells.keys().isdisjoint(rule.repeats)]
        wanted = pl.concat([valued[ROW], *(rows[ROW] for _, rows in told)]).unique().sort().head(MOST_SHOWN)
        if not wanted.len():
            return issues
        table = self._table(wanted)
        for rule, rows in told:
            here = rows.filter(pl.col(ROW).is_in(table.frame[ROW].implode())).sort(ROW)
            fields = {field: cells[field] for field in rule.repeats if field in cells}
            issues = _reworded(issues, rule.find(with_cells(here, table, fields)))
        near = issues[ROW].is_in(table.frame[ROW].implode()) & (issues["code"] != _KEYS)
        shown = as_written(issues.filter(near), table, cells)
        return pl.concat([shown, issues.filter(~near)]).sort(ROW, maintain_order=True)

    def _table(self, rows: pl.Series) -> Table:
        """Return the records of those rows."""
        found: list[pl.DataFrame] = []
        for table in self.again():
            found.append(table.frame.filter(table.frame[ROW].is_in(rows.implode())))
            if table.frame.height and table.frame[ROW][-1] >= rows[-1]:
                break
        return Table(pl.concat(found), ())


def _reworded(issues: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Return the issues with the details of `told` where it has the same ones."""
    same = [ROW, "code", "field"]
    words = told.select(*same, words="detail").unique(same, keep="first")
    joined = issues.join(words, on=same, how="left", maintain_order="left")
    return joined.with_columns(detail=pl.coalesce("words", "detail")).drop("words")
