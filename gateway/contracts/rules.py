"""Rules beyond one cell: over the fields of a row, and over rows; each told in columns and, for one row, in Python."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import polars as pl

from gateway.contracts.fields import Instant
from gateway.model import ISSUE_SCHEMA, KEY, KEY_SEPARATOR, LINE, ROW
from gateway.wording import filled

_MOST_PARTS = 24
"""Parts a key can have, a contract's or that of an effect."""

Record = Mapping[str, str | None]
"""One row as canonical text by field; an absent field is a missing one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule over the fields of one row. It is not asked about rows where one of `columns` is itself at fault.

    `violated`: boolean over canonical text columns, null counts as kept. `field`: the field to name. `detail` completes
    the catalogue's sentence. `explain`: the same rule for one record, the detail where violated, else None. `needs`:
    fields without each of which it is never violated. `repeats`: whether the detail repeats cells as they are, so that
    it can be told of any texts.
    """

    code: str
    field: str
    columns: tuple[str, ...]
    violated: pl.Expr
    explain: Callable[[Record], str | None]
    detail: str | pl.Expr = ""
    needs: tuple[str, ...] = ()
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class RowsRule:
    """A rule over rows that have the same text in column `by` (a field, or `@key`).

    `where`: the rows it concerns, over all contract columns and `@key`; evaluate it before `columns` are cut out.
    `find`: takes `@row`, `@line` and `columns` of concerned rows, *every* row of each `by` value it is given (one hash
    partition or the whole file), and returns issues (ISSUE_SCHEMA) in row order. Only rows that are alike in all of
    `alike` (null is ""; not given: `by`) and differ in one of `differ` (not given: no matter) break the rule: of
    others `find` need not be given any. `repeats`: fields whose cells the details repeat as they are. `asks`: fields
    that must have been read (not given: all that are looked at); a row where one could not be is not concerned.
    """

    code: str
    by: str
    columns: tuple[str, ...]
    where: pl.Expr
    find: Callable[[pl.DataFrame], pl.DataFrame]
    alike: tuple[str | pl.Expr, ...] = ()
    differ: tuple[pl.Expr, ...] = ()
    repeats: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()

    def concerned(self, frame: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
        """Return `@row`, `@line` and `columns` of the rows the rule concerns."""
        return frame.lazy().filter(self.where).select(ROW, LINE, *self.columns).collect()

    def alike_hash(self) -> pl.Expr:
        """Return a hash (UInt64) that rows alike in `alike` share; null for rows the rule does not concern."""
        fields = (pl.col(one) if isinstance(one, str) else one for one in self.alike or (self.by,))
        return pl.when(self.where).then(_hashed(field.fill_null("") for field in fields))

    def differ_hash(self) -> pl.Expr:
        """Return a hash (UInt64) that tells apart rows which differ in `differ`; 0 where nothing is named."""
        return _hashed(self.differ) if self.differ else pl.lit(0, pl.UInt64)

    def suspects(self, hashes: pl.DataFrame) -> pl.Series:
        """Return the `@row`s of those that may break the rule, from `@row`, `alike` and `differ` (its hashes)."""
        differ = pl.col("differ")
        groups = hashes.lazy().group_by("alike").agg(pl.len(), least=differ.min(), most=differ.max())
        told = pl.col("least") != pl.col("most") if self.differ else pl.col("len") > 1
        return hashes.lazy().join(groups.filter(told), on="alike", how="semi").select(ROW).collect()[ROW]


def _hashed(parts: Iterable[pl.Expr]) -> pl.Expr:
    """Combine hashes of several values, each with a seed of its own: equal values in two columns don't cancel out."""
    hashes = (part.hash(seed=5 + place) for place, part in enumerate(parts))
    return functools.reduce(lambda all_, one: all_.xor(one), hashes)


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


def one_of_unless(fields: tuple[str, ...], other: str, word: str) -> Rule:
    """Return the rule by which one of `fields` must be given in rows whose `other` is not `word`."""
    detail = ", ".join(fields)

    def explain(record: Record) -> str | None:
        given_here = any(is_given(record, field) for field in fields)
        return detail if record.get(other) != word and not given_here else None

    none = ~pl.any_horizontal(given(field) for field in fields)
    return Rule("REQUIRED_ONE", fields[0], (*fields, other), none & pl.col(other).ne_missing(word), explain, detail)


def needed_with(field: str, others: tuple[str, ...], code: str) -> tuple[Rule, ...]:
    """Return the rules, one for each of `others`, by which `field` must be given where the other is.

    Where several are given without it, the first of them speaks. Rows that end their record need neither.
    """

    def rule(place: int) -> Rule:
        before, other = others[:place], others[place]

        def explain(record: Record) -> str | None:
            spoken = any(is_given(record, one) for one in before)
            lacking = is_given(record, other) and not spoken and not is_given(record, field)
            return other if lacking and record.get("command") != "end" else None

        spoken = pl.any_horizontal(pl.lit(False), *(given(one) for one in before))
        violated = stands() & given(other) & ~spoken & ~given(field)
        return Rule(code, field, (field, *others[: place + 1], "command"), violated, explain, other, (other,))

    return tuple(rule(place) for place in range(len(others)))


def number(field: str) -> pl.Expr:
    """Return the number that canonical text is (Decimal); null where not given."""
    return pl.col(field).cast(pl.Decimal(38, 15), strict=False)


def number_of(record: Record, field: str) -> Decimal | None:
    """Return the number that canonical text of one record is; None where not given."""
    text = record.get(field)
    return None if text is None or text == "" else Decimal(text)


def not_above(field: str, limit: str, code: str) -> Rule:
    """Return the rule that the number `field` is not above the number `limit` where both are given."""

    def explain(record: Record) -> str | None:
        high, low = number_of(record, field), number_of(record, limit)
        return f"{record[field]} of {record[limit]}" if high is not None and low is not None and high > low else None

    detail = filled("{} of {}", field, limit)
    fields = (field, limit)
    return Rule(code, field, fields, number(field) > number(limit), explain, detail, fields, repeats=True)


def in_order(start: str, end: str, code: str, *, numeric: bool) -> Rule:
    """Return the rule that `end` is not below `start` where both are given: numbers, or points in time."""

    def explain(record: Record) -> str | None:
        if not is_given(record, start) or not is_given(record, end):
            return None
        first, last = record[start] or "", record[end] or ""
        wrong = Decimal(last) < Decimal(first) if numeric else last < first
        return f"{start} {first}" if wrong else None

    both = given(start) & given(end)
    wrong = number(end) < number(start) if numeric else pl.col(end) < pl.col(start)
    detail = filled(f"{start} {{}}", start)
    return Rule(code, end, (end, start), both & wrong, explain, detail, (end, start), repeats=True)


def looks_like_fraction(field: str, code: str) -> Rule:
    """Return the rule told of rates between 0 and 1: percentage points are meant, a fraction was likely written.

    Rows that end their record are left be: what they end may be such a rate.
    """

    def explain(record: Record) -> str | None:
        value = None if record.get("command") == "end" else number_of(record, field)
        return f"{(value * 100).normalize():f}" if value is not None and 0 < value < 1 else None

    hundredfold = (number(field) * 100).cast(pl.Decimal(38, 15)).cast(pl.String).str.strip_chars_end("0")
    detail = hundredfold.str.strip_chars_end(".")
    return Rule(code, field, (field, "command"), stands() & is_fraction(field), explain, detail, (field,))


def is_fraction(field: str) -> pl.Expr:
    """Return whether the rate is between 0 and 1."""
    return (number(field) > 0) & (number(field) < 1)


def not_after(field: str, limit: str) -> Rule:
    """Return the warning for a point in time after `limit` (canonical text, which sorts as times do)."""

    def explain(record: Record) -> str | None:
        text = record.get(field)
        return "" if text is not None and text > limit else None

    return Rule("C-UTC-FUTURE", field, (field,), pl.col(field) > limit, explain, needs=(field,))


def told_in_time(now: datetime) -> tuple[Rule, ...]:
    """Return the warning for rows that say they were true more than a day after `now`."""
    return (not_after("timestamp", Instant.text(now + timedelta(days=1))),)


def issues_of(rows: pl.DataFrame, code: str, field: str, *, value: pl.Expr, detail: pl.Expr) -> pl.DataFrame:
    """Return an issue per row of `rows` (`@row`, `@line` and what the expressions read)."""
    named = (pl.lit(code).alias("code"), pl.lit(field).alias("field"))
    shaped = rows.select(ROW, LINE, *named, value.alias("value"), detail.alias("detail"))
    return shaped.cast({name: dtype() for name, dtype in ISSUE_SCHEMA.items()})


def shown_key(key: pl.Expr) -> pl.Expr:
    """Return a key as people read it: its given parts joined by a slash."""
    # the longest first: a third less work than a pattern of any number of them
    joints = [KEY_SEPARATOR * count for count in range(_MOST_PARTS, 0, -1)]
    return key.str.strip_chars(KEY_SEPARATOR).str.replace_many(joints, [" / "], leftmost=True)


def unique_key(required: tuple[str, ...], *, named: str = "") -> RowsRule:
    """Return the rule that a key stands in one row only; rows that lack a `required` key field have no key.

    `named`: the field the issue names, where it is not the first required one.
    """

    def find(rows: pl.DataFrame) -> pl.DataFrame:
        twice = rows.filter(pl.col(KEY).is_duplicated()).sort(ROW)
        detail = also_in_row(KEY)
        return issues_of(twice, "DUPLICATE_KEY", named or required[0], value=shown_key(pl.col(KEY)), detail=detail)

    where = pl.all_horizontal(pl.lit(True), *(given(field) for field in required))
    return RowsRule("DUPLICATE_KEY", KEY, (KEY,), where, find)


def also_in_row(*by: str) -> pl.Expr:
    """Return words that name another row alike in `by`, over rows in row order none of which stands alone."""
    first, second = pl.col(ROW).first().over(by), pl.col(ROW).get(1).over(by)
    other = pl.when(pl.col(ROW) == first).then(second).otherwise(first)
    more = pl.len().over(by) - 2
    and_more = pl.when(more > 0).then(filled(" and in {} more", more)).otherwise(pl.lit(""))
    return filled("also in row {}{}", other, and_more)


def stands() -> pl.Expr:
    """Return whether the row is not one that ends its record."""
    return pl.col("command").ne_missing("end")
