"""What records of every scope say of their article: product, variants, the row key of answers; pure.

Source: Sage 50 Cloud API documentation, e-commerce solution: all combinations of one article keep one product id and
differ in up to two variant values (verified). Lengths are those of the Sage 50 UK import (verified; that they bind here
is an assumption).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.rules import given
from gateway.destinations import _json
from gateway.destinations.sage.settings import SageSettings
from gateway.model import LINE, ROW, Requirement

VARIANTS = ("variant1_type", "variant1_value", "variant2_type", "variant2_value")
VALUES = ("variant1_value", "variant2_value")
TEXT_LENGTH = 1_000
"""Characters per text field, whatever the profile: one record must fit the smallest file allowed."""
_ID_LENGTH = 30


@dataclass(frozen=True, slots=True)
class Member:
    """One property of a record: its name, its JSON text (null: not given), and whether the contract demands it."""

    name: str
    value: pl.Expr
    required: bool = False


def product() -> pl.Expr:
    """Id of the product: the group of its variants or, where the row has none, the article's own code."""
    return pl.when(given("product_id")).then(pl.col("product_id")).otherwise(pl.col("sku"))


def row_key(separator: str) -> pl.Expr:
    """Row key of answers: the product, then the values of its variants."""
    tails = [
        pl.when(given(name)).then(pl.concat_str(pl.lit(separator), pl.col(name))).otherwise(pl.lit(""))
        for name in VALUES
    ]
    return pl.concat_str(product(), *tails)


def record(separator: str) -> pl.Expr:
    """What a row is about, as far as it says so itself.

    One that names a product and no variants may be about the variant its own code stands for, so that counts, too.
    """
    own = ~pl.any_horizontal(given(name) for name in VARIANTS) & given("product_id")
    code = pl.when(own & (pl.col("sku") != pl.col("product_id"))).then(pl.col("sku"))
    return pl.concat_str(row_key(separator), pl.concat_str(pl.lit(separator * 2), code).fill_null(""))


def product_member(name: str) -> Member:
    """Return the id of the product."""
    return Member(name, _json.quoted(product()), required=True)


def ended() -> pl.Expr:
    """Whether the row ends what its key names."""
    return (pl.col("command") == "end").fill_null(False)


def text(name: str, field: str) -> Member:
    """Return an optional text."""
    return Member(name, _json.quoted(pl.when(given(field)).then(pl.col(field))))


def number(name: str, field: str) -> Member:
    """Return an optional number: canonical text has no exponent and no spare zeros, as a JSON number may look."""
    return Member(name, pl.when(given(field)).then(pl.col(field)))


def flag(field: str, *, default: bool) -> pl.Expr:
    """JSON text of a flag of the contract, or of the default where the row says none."""
    return pl.when(given(field)).then(pl.col(field)).otherwise(pl.lit(str(default).lower()))


def variant_members() -> tuple[Member, ...]:
    """Return the four optional properties of variants."""
    names = ("variant1Type", "variant1Value", "variant2Type", "variant2Value")
    return tuple(text(name, field) for name, field in zip(names, VARIANTS, strict=True))


def timestamp() -> Member:
    """Return the time of the last update, in UTC."""
    return Member("timestamp", _json.quoted(pl.col("timestamp")), required=True)


def complete(records: pl.DataFrame, fields: Iterable[str]) -> pl.DataFrame:
    """Return the records with every field, absent ones as null text."""
    absent = [name for name in (*fields, "command") if name not in records.columns]
    return records.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)


# ---------------------------------------------------------------- what is required


def requires(settings: SageSettings) -> list[Requirement]:
    """What every record that names an article needs: ids and variants that fit, a product where there are variants."""
    rules = [
        *(at_most("sku", _ID_LENGTH, settings), at_most("product_id", _ID_LENGTH, settings)),
        *(at_most(field, TEXT_LENGTH, settings) for field in VARIANTS),
        *(_separated(field, settings.separator) for field in ("sku", "product_id", *VALUES)),
        _lone_variant(),
    ]
    if settings.length_profile == "uk_csv":
        rules += [profiles.without_spaces("product_id"), _if_sent(profiles.without_spaces("sku"))]
    return rules


def at_most(field: str, uk_length: int, settings: SageSettings) -> Requirement:
    """Cap a text at the length of the profile."""
    limit = uk_length if settings.length_profile == "uk_csv" else TEXT_LENGTH
    rule = profiles.at_most_characters(field, limit)
    return _if_sent(rule) if field == "sku" else rule


def _separated(field: str, separator: str) -> Requirement:
    found = pl.col(field).str.contains(separator, literal=True)
    detail = f"{separator!r} separates product and variants in answers"
    rule = Requirement("DEST_LIMIT", field, (field,), found, detail)
    return _if_sent(rule) if field == "sku" else rule


def _if_sent(rule: Requirement) -> Requirement:
    """The sku itself is sent as id only where no product is named."""
    return replace(rule, columns=(*rule.columns, "product_id"), where=rule.where & ~given("product_id"))


def _lone_variant() -> Requirement:
    first = VALUES[0]
    lone = given(first) & ~given("product_id")
    detail = "a row with variants names its product"
    return Requirement("DEST_REQUIRED", "product_id", ("product_id", first), lone, detail)


# ---------------------------------------------------------------- rules across rows


def issues(rows: pl.DataFrame, code: str, field: str, detail: str | pl.Expr) -> pl.DataFrame:
    """Return one issue (ISSUE_SCHEMA) per row, naming a field of it."""
    text = pl.lit(detail) if isinstance(detail, str) else detail
    origin = [pl.col(name) if name in rows.columns else pl.lit(None, pl.Int64).alias(name) for name in (ROW, LINE)]
    said = {"code": pl.lit(code), "field": pl.lit(field), "value": pl.col(field), "detail": text}
    return rows.select(*origin, *(words.alias(name) for name, words in said.items()))
