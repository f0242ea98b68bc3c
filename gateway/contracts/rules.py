"""Rules beyond one cell: over the fields of a row, and over rows; each told in columns and, for one row, in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from gateway.model import ISSUE_SCHEMA, KEY, KEY_SEPARATOR, LINE, ROW

Record = Mapping[str, str | None]
"""One row as canonical text by field; an absent field is a missing one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule over the fields of one row. It is not asked about rows where one of `columns` is itself at fault.

    `violated`: boolean over canonical text columns, null counts as kept. `field`: the field to name. `detail` completes
    the catalogue's sentence. `explain`: the same rule for one record, the detail where violated, else None.
    """

    code: str
    field: str
    columns: tuple[str, ...]
    violated: pl.Expr
    explain: Callable[[Record], str | None]
    detail: str | pl.Expr = ""


@dataclass(frozen=True, slots=True)
class RowsRule:
    """A rule over rows that have the same text in column `by` (a field, or `@key`).

    `where`: the rows it concerns, over all contract columns and `@key`; evaluate it before `columns` are cut out.
    `find`: takes `@row`, `@line` and `columns` of concerned rows, *every* row of each `by` value it is given (one hash
    partition or the whole file), and returns issues (ISSUE_SCHEMA) in row order.
    """

    code: str
    by: str
    columns: tuple[str, ...]
    where: pl.Expr
    find: Callable[[pl.DataFrame], pl.DataFrame]

    def concerned(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `@row`, `@line` and `columns` of the rows the rule concerns."""
        return frame.lazy().filter(self.where).select(ROW, LINE, *self.columns).collect()


def given(field: str) -> pl.Expr:
    """Return whether the field is neither missing nor empty."""
    return (pl.col(field) != "").fill_null(False)


def is_given(record: Record, field: str) -> bool:
    """Tell whether the field is neither missing nor empty in one record."""
    return record.get(field) not in {None, ""}


def required_unless(field: str, other: str, word: str) -> tuple[Rule, Rule]:
    """Return the rules by which `field` must be given in rows whose `other` is not `word`."""
    here = pl.col(other).ne_missing(word)

    def explain(wanted: str | None) -> Callable[[Record], str | None]:
        def one(record: Record) -> str | None:
            return "" if record.get(other) != word and record.get(field) == wanted else None

        return one

    columns = (field, other)
    return (
        Rule("REQUIRED", field, columns, here & pl.col(field).is_null(), explain(None)),
        Rule("NOT_BLANK", field, columns, here & (pl.col(field) == ""), explain("")),
    )


def not_after(field: str, limit: str) -> Rule:
    """Return the warning for a point in time after `limit` (canonical text, which sorts as times do)."""

    def explain(record: Record) -> str | None:
        text = record.get(field)
        return "" if text is not None and text > limit else None

    return Rule("C-UTC-FUTURE", field, (field,), pl.col(field) > limit, explain)


def issues_of(rows: pl.DataFrame, code: str, field: str, *, value: pl.Expr, detail: pl.Expr) -> pl.DataFrame:
    """Return an issue per row of `rows` (`@row`, `@line` and what the expressions read)."""
    named = (pl.lit(code).alias("code"), pl.lit(field).alias("field"))
    shaped = rows.select(ROW, LINE, *named, value.alias("value"), detail.alias("detail"))
    return shaped.cast({name: dtype() for name, dtype in ISSUE_SCHEMA.items()})


def shown_key(key: pl.Expr) -> pl.Expr:
    """Return a key as people read it: its parts joined by a slash, absent last parts left out."""
    return key.str.strip_chars_end(KEY_SEPARATOR).str.replace_all(KEY_SEPARATOR, " / ", literal=True)


def unique_key(required: tuple[str, ...]) -> RowsRule:
    """Return the rule that a key stands in one row only; rows that lack a `required` key field have no key."""

    def find(rows: pl.DataFrame) -> pl.DataFrame:
        twice = rows.filter(pl.col(KEY).is_duplicated()).sort(ROW)
        first, second = pl.col(ROW).first().over(KEY), pl.col(ROW).get(1).over(KEY)
        other = pl.when(pl.col(ROW) == first).then(second).otherwise(first)
        more = pl.len().over(KEY) - 2
        and_more = pl.when(more > 0).then(pl.format(" and in {} more", more)).otherwise(pl.lit(""))
        detail = pl.format("also in row {}{}", other, and_more)
        return issues_of(twice, "DUPLICATE_KEY", required[0], value=shown_key(pl.col(KEY)), detail=detail)

    where = pl.all_horizontal(given(field) for field in required)
    return RowsRule("DUPLICATE_KEY", KEY, (KEY,), where, find)
