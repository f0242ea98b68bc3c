"""Rules of products with up to two variant features, for every contract that carries them.

Source: Sage 50 Cloud e-commerce contracts, variants: all combinations of one article keep one product id and differ
in the values only (verified); the checks drawn from it are ours (assumption).
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from gateway.contracts.rules import Record, RowsRule, Rule, also_in_row, given, is_given, issues_of, stands
from gateway.model import ROW
from gateway.wording import filled

_PAIRS = (("variant1_type", "variant1_value"), ("variant2_type", "variant2_value"))
VARIANT_FIELDS = tuple(field for pair in _PAIRS for field in pair)
_TYPES = ("variant1_type", "variant2_type")


def variant_rules() -> tuple[Rule, ...]:
    """Return V-PAIR, V-ORDER and V-DIST for the four variant fields."""
    pairs = tuple(_both(missing, present) for pair in _PAIRS for missing, present in (pair, pair[::-1]))
    return (*pairs, _order(), _distinct())


def _both(missing: str, present: str) -> Rule:
    detail = f"{missing} is missing"

    def explain(record: Record) -> str | None:
        return detail if is_given(record, present) and not is_given(record, missing) else None

    return Rule("V-PAIR", missing, (missing, present), given(present) & ~given(missing), explain, detail)


def _order() -> Rule:
    def explain(record: Record) -> str | None:
        first, second = ([is_given(record, field) for field in pair] for pair in _PAIRS)
        return "" if any(second) and not any(first) else None

    first, second = (given(types) | given(value) for types, value in _PAIRS)
    return Rule("V-ORDER", "variant1_type", VARIANT_FIELDS, second & ~first, explain)


def _distinct() -> Rule:
    def explain(record: Record) -> str | None:
        first, second = (record.get(field) or "" for field in _TYPES)
        return "" if first != "" and first.lower() == second.lower() else None

    return Rule("V-DIST", "variant2_type", _TYPES, _alike_types(), explain)


def _alike_types() -> pl.Expr:
    first, second = (pl.col(field) for field in _TYPES)
    return (first != "") & (first.str.to_lowercase() == second.str.to_lowercase())


def variant_rows_rules(group: str, *, mixed: str = "V-MIX") -> tuple[RowsRule, ...]:
    """Return V-CONS and V-MIX (under the code `mixed`) over the rows that have the same `group`."""
    varied = pl.any_horizontal(given(field) for field in VARIANT_FIELDS)
    first, second = _TYPES
    # what is no two variants by itself is told so, and nothing else about its types
    paired = pl.all_horizontal(given(types) == given(value) for types, value in _PAIRS)
    apart = ~_alike_types().fill_null(False)
    return (
        RowsRule(
            "V-CONS", group, (group, *_TYPES), given(group) & given(first) & paired & apart, _consistent(group),
            differ=(pl.col(first), pl.col(second)), repeats=_TYPES,
        ),
        RowsRule(
            mixed, group, (group, *VARIANT_FIELDS), given(group), _mixed(group, mixed), differ=(varied,), asks=(group,),
        ),
    )  # fmt: skip


def unique_variant(group: str) -> RowsRule:
    """Return V-KEY: one product and the same variants are one article; rows without variants are not compared."""
    values = ("variant1_value", "variant2_value")
    where = given(group) & stands() & pl.any_horizontal(given(value) for value in values)

    def find(rows: pl.DataFrame) -> pl.DataFrame:
        alike = rows.sort(ROW).with_columns(pl.col(value).fill_null("") for value in values)
        twice = alike.filter(pl.col("sku").n_unique().over(group, *values) > 1)
        detail = also_in_row(group, *values)
        return issues_of(twice, "V-KEY", group, value=pl.col(group), detail=detail)

    alike, differ = (group, *values), (pl.col("sku"),)
    return RowsRule("V-KEY", group, (group, "sku", *values), where, find, alike, differ)


def same_parent(group: str, fields: tuple[str, ...]) -> RowsRule:
    """Return V-PARENT: `fields` are alike in all rows of one product; told once per product and field."""

    def differing(rows: pl.DataFrame, field: str) -> pl.DataFrame:
        here = rows.filter(given(field)).with_columns(
            first_row=pl.col(ROW).first().over(group), first_text=pl.col(field).first().over(group)
        )
        odd = here.filter(pl.col(field) != pl.col("first_text")).unique(group, keep="first", maintain_order=True)
        detail = filled("{} in row {}", "first_text", "first_row")
        return issues_of(odd, "V-PARENT", field, value=pl.col(field), detail=detail)

    def find(rows: pl.DataFrame) -> pl.DataFrame:
        ordered = rows.sort(ROW)
        return pl.concat([differing(ordered, field) for field in fields]).sort(ROW, maintain_order=True)

    differ = tuple(pl.col(field) for field in fields)
    columns, where = (group, *fields), given(group) & stands()
    return RowsRule("V-PARENT", group, columns, where, find, differ=differ, repeats=fields, asks=(group,))


def _consistent(group: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def find(rows: pl.DataFrame) -> pl.DataFrame:
        pieces = (pl.when(given(field)).then(pl.col(field)) for field in _TYPES)
        shaped = rows.with_columns(shape=pl.concat_str(pieces, separator=", ", ignore_nulls=True))
        odd = shaped.filter(pl.col("shape").n_unique().over(group) > 1).sort(ROW)
        # rows shaped like the group's first row are told of the first that differs, all others of the first row
        first_row, first_shape = pl.col(ROW).first().over(group), pl.col("shape").first().over(group)
        differs = pl.col("shape") != pl.col("first_shape")
        told = odd.with_columns(first_row=first_row, first_shape=first_shape).with_columns(
            odd_row=pl.col(ROW).filter(differs).first().over(group),
            odd_shape=pl.col("shape").filter(differs).first().over(group),
        )
        other_row = pl.when(differs).then(pl.col("first_row")).otherwise(pl.col("odd_row"))
        other_shape = pl.when(differs).then(pl.col("first_shape")).otherwise(pl.col("odd_shape"))
        detail = filled("{} here, {} in row {}", pl.col("shape"), other_shape, other_row)
        return issues_of(told, "V-CONS", "variant1_type", value=pl.col("variant1_type"), detail=detail)

    return find


def _mixed(group: str, code: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def find(rows: pl.DataFrame) -> pl.DataFrame:
        varied = pl.any_horizontal(given(field) for field in VARIANT_FIELDS)
        told = rows.sort(ROW).with_columns(varied=varied)
        told = told.with_columns(varied_row=pl.col(ROW).filter(pl.col("varied")).first().over(group))
        plain = told.filter(~pl.col("varied") & pl.col("varied_row").is_not_null())
        detail = filled("none here, some in row {}", pl.col("varied_row"))
        return issues_of(plain, code, "variant1_type", value=pl.lit(None, pl.String), detail=detail)

    return find
