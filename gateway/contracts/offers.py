"""Rules of promotions: what they give, what they are for, when they last.

Source: Sage 50 Cloud e-commerce contracts, ProductSpecialPrice: its properties (verified); the checks drawn from them
are ours (assumption).
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from gateway.contracts.rules import Record, RowsRule, Rule, given, is_given, issues_of, stands
from gateway.model import ROW, no_issues
from gateway.wording import filled

KINDS = {
    "final_price": ("price",),
    "percentage": ("percentage",),
    "amount": ("amount",),
    "bundle": ("buy_quantity", "get_quantity"),
}
"""Types of promotions and the fields each of them needs."""

SELECTION = (
    *("sku", "product_id", "brand", "category", "customer_id"),
    *("quantity_from", "quantity_to", "spent_from", "spent_to"),
)
"""What two promotions are alike in when they are for the same things."""

_NAMES = ("sku", "product_id", "brand", "category", "customer_id", "spent_from", "spent_to")
_ALL_FIELDS = tuple(field for fields in KINDS.values() for field in fields)


def promotion_type() -> pl.Expr:
    """Return the type of a sound promotion (String): as given, else told from what is filled; null for neither."""
    kinds = (pl.when(given(fields[0])).then(pl.lit(kind)) for kind, fields in KINDS.items())
    return pl.coalesce(pl.when(given("type")).then("type"), *kinds)


def kind_rules() -> tuple[Rule, ...]:
    """Return SP-TYPE: what the type needs is given, and without a type it can be told."""
    needs = [_needs(kind, field) for kind, fields in KINDS.items() for field in fields]
    return (*needs, _half_bundle(), _several_kinds())


def _standing(record: Record) -> bool:
    return record.get("command") != "end"


def _needs(kind: str, field: str) -> Rule:
    detail = f"{kind} without {field}"

    def explain(record: Record) -> str | None:
        lacking = _standing(record) and record.get("type") == kind and not is_given(record, field)
        return detail if lacking else None

    lacking = stands() & (pl.col("type") == kind) & ~given(field)
    return Rule("SP-TYPE", "type", ("type", field, "command"), lacking, explain, detail, ("type",))


def _half_bundle() -> Rule:
    buy, get = KINDS["bundle"]
    detail = f"a bundle needs {buy} and {get}"

    def explain(record: Record) -> str | None:
        half = is_given(record, buy) is not is_given(record, get)
        return detail if _standing(record) and not is_given(record, "type") and half else None

    half = stands() & ~given("type") & (given(buy) != given(get))
    return Rule("SP-TYPE", "type", ("type", buy, get, "command"), half, explain, detail)


def _several_kinds() -> Rule:
    firsts = {kind: fields[0] for kind, fields in KINDS.items()}

    def explain(record: Record) -> str | None:
        found = [kind for kind, field in firsts.items() if is_given(record, field)]
        several = _standing(record) and not is_given(record, "type") and len(found) > 1
        return f"{' and '.join(found)}: name the one that counts" if several else None

    counted = pl.sum_horizontal(given(field).cast(pl.Int64) for field in firsts.values())
    several = stands() & ~given("type") & (counted > 1)
    words = pl.concat_str(
        (pl.when(given(field)).then(pl.lit(kind)) for kind, field in firsts.items()),
        separator=" and ",
        ignore_nulls=True,
    )
    detail = filled("{}: name the one that counts", words)
    return Rule("SP-TYPE", "type", ("type", "command", *_ALL_FIELDS), several, explain, detail)


def selection_rules() -> tuple[Rule, ...]:
    """Return SP-SEL and SP-SEL-BOTH."""
    return (_for_everything(), _article_and("brand"), _article_and("category"))


def _for_everything() -> Rule:
    def explain(record: Record) -> str | None:
        return "" if _standing(record) and not any(is_given(record, field) for field in _NAMES) else None

    nothing = stands() & ~pl.any_horizontal(given(field) for field in _NAMES)
    return Rule("SP-SEL", "sku", (*_NAMES, "command"), nothing, explain)


def _article_and(field: str) -> Rule:
    articles = ("sku", "product_id")

    def explain(record: Record) -> str | None:
        return field if is_given(record, field) and any(is_given(record, one) for one in articles) else None

    both = given(field) & pl.any_horizontal(given(one) for one in articles)
    return Rule("SP-SEL-BOTH", field, (field, *articles), both, explain, field, (field,))


def over(now: str) -> Rule:
    """Return the warning for a promotion that ended before `now` (canonical text)."""

    def explain(record: Record) -> str | None:
        last = record.get("ends_at") or ""
        return "" if _standing(record) and last != "" and last < now else None

    past = stands() & given("ends_at") & (pl.col("ends_at") < now)
    return Rule("SP-EXPIRED", "ends_at", ("ends_at", "command"), past, explain, needs=("ends_at",))


def overlaps() -> tuple[RowsRule, ...]:
    """Return SP-OVERLAP by article, and for promotions that name none by product, brand, category and customer."""
    by = ("sku", "product_id", "brand", "category", "customer_id")
    return tuple(_overlap(field, by[:place]) for place, field in enumerate(by))


def _overlap(by: str, instead: tuple[str, ...]) -> RowsRule:
    columns = (*SELECTION, "promotion_id", "starts_at", "ends_at")
    ordered = (pl.col("starts_at").fill_null("") <= pl.col("ends_at")) | ~given("ends_at")
    dated = given("starts_at") | given("ends_at")  # one without is told so
    on = stands() & pl.col("status").ne_missing("inactive") & dated & ordered
    where = given(by) & on & ~pl.any_horizontal(pl.lit(False), *(given(field) for field in instead))
    differ = tuple(pl.col(field) for field in columns if field not in SELECTION)
    return RowsRule("SP-OVERLAP", by, columns, where, _overlapping(columns), SELECTION, differ)


def _overlapping(columns: tuple[str, ...]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    # a row that stands twice is told as a duplicate: here it would only be told again
    def find(rows: pl.DataFrame) -> pl.DataFrame:
        if rows.is_empty():
            return no_issues()
        known = rows.sort(ROW).with_columns(pl.col(field).fill_null("") for field in columns)
        known = known.unique(columns, keep="first", maintain_order=True)
        # "~" sorts after every digit: an open end is later than any other
        last = pl.when(pl.col("ends_at") == "").then(pl.lit("~")).otherwise("ends_at")
        known = known.with_columns(last=last).sort("starts_at", "last", ROW)
        # the latest end so far and the row it is of, as one number: both parts have room in 32 bits
        known = known.with_columns(latest=pl.col("last").rank("dense").cast(pl.Int64) * 2**32 + pl.col(ROW))
        before = pl.col("latest").cum_max().shift(1).over(SELECTION)
        known = known.with_columns(other=before % 2**32)
        ends = known.select(pl.col(ROW).alias("other"), pl.col("last").alias("other_last"))
        told = known.join(ends, on="other", how="inner").filter(pl.col("starts_at") <= pl.col("other_last")).sort(ROW)
        detail = filled("also in row {}", "other")
        return issues_of(told, "SP-OVERLAP", "starts_at", value=pl.col("starts_at").replace("", None), detail=detail)

    return find
