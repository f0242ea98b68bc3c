"""Promotions to Sage 50 ProductSpecialPrice batch files; pure.

Source: Sage 50 Cloud API documentation, e-commerce solution, ProductSpecialPrice: names, types and required properties
are verified, `discount` being a text. What a bare discount means, and that a record has no other key than what it is
about and when, are assumptions. There is no final price, no bundle and no limit of use.
"""

from __future__ import annotations

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.rules import given
from gateway.destinations import _json
from gateway.destinations.sage import article
from gateway.destinations.sage.article import Member
from gateway.destinations.sage.batches import Shape
from gateway.destinations.sage.settings import SageSettings
from gateway.model import Operation, PriceTerms, Repeat, Requirement, no_issues

OPERATION = "promotion"
_RULED = ("brand", "category", "customer_id")
_WINDOW = ("starts_at", "ends_at")
_RANGES = ("quantity_from", "quantity_to", "spent_from", "spent_to")
_GIVES = ("type", "price", "percentage", "amount", "regular_price", "buy_quantity")
_FIELDS = ("sku", "product_id", *_RULED, *_GIVES, "discount_by_unit", *_RANGES, *_WINDOW, "timestamp")
_LIMITS = ("limit_total", "limit_per_customer")
_PARTS = 10_000
"""Parts of one unit of money, and of one percentage point: four decimals, as a discount may have at most."""
_WHOLE = 100 * _PARTS


def operation(settings: SageSettings) -> Operation:
    """Describe how special prices are written."""
    amounts = settings.special_price_bare_discount == "amount"
    terms = PriceTerms("net", 2, settings.currency, settings.tax_rate, ("price", "amount", "regular_price"))
    return Operation(
        name=OPERATION,
        contract="promotion",
        family="promotion",
        fields=_FIELDS,
        batch_size=settings.max_records,
        requires=_requires(settings),
        confirms="accepted" if settings.results is None else "applied",
        # The same special price again is the same special price, unless a newer one was written since.
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.deadline,
        slot_until="ticket",
        ends=settings.promotion_end == "date_to",
        after=("product",),
        # A rate has no basis; amounts are taken off Product.netPrice, which is net.
        prices=terms if amounts else None,
        gathers=True,
    )


def _requires(settings: SageSettings) -> tuple[Requirement, ...]:
    rules = [
        profiles.needed("timestamp", "the time of the last update"),
        *(one for one in article.requires(settings) if not {*one.columns} & {*article.VARIANTS}),
        *(profiles.at_most_characters(field, article.TEXT_LENGTH) for field in _RULED),
        *(_without(field, "special prices have no limit of use") for field in _LIMITS),
        *_kinds(settings),
    ]
    idle = pl.col("status") == "inactive"
    detail = "special prices have no status: send the row command end"
    rules.append(Requirement("DEST_LIMIT", "status", ("status",), idle, detail))
    if settings.promotion_variants == "refuse":
        other = given("sku") & given("product_id") & (pl.col("sku") != pl.col("product_id"))
        detail = "special prices hold for a whole product, not for one of its variants"
        rules.append(Requirement("DEST_LIMIT", "sku", ("sku", "product_id"), other, detail))
    if settings.promotion_end == "refuse":
        rules.append(profiles.without_command("end"))
    return tuple(rules)


def _without(field: str, detail: str) -> Requirement:
    return Requirement("DEST_LIMIT", field, (field,), given(field), detail)


def _kinds(settings: SageSettings) -> list[Requirement]:
    """Refuse the types a special price can't express; rows that end one need none."""
    live = ~article.ended()
    bundle = Requirement(
        "DEST_LIMIT", "type", ("type", *_GIVES[1:], "command"), (_kind() == "bundle") & live,
        "special prices have no bundles",
    )  # fmt: skip
    if settings.special_price_bare_discount == "amount":
        return [bundle, *_final(live), *([] if settings.special_price_percent_sign else [_no_rates(live)])]
    detail = "discounts of special prices are rates here, amounts can't be told apart from them"
    amount = Requirement(
        "DEST_LIMIT", "amount", (*_GIVES, "command"), (_kind() == "amount") & live, detail
    )  # fmt: skip
    return [bundle, amount, *_final(live), _inexact(live)]


def _no_rates(live: pl.Expr) -> Requirement:
    detail = "discounts of special prices are amounts here, rates can't be told apart from them"
    return Requirement("DEST_LIMIT", "percentage", (*_GIVES, "command"), (_kind() == "percentage") & live, detail)


def _final(live: pl.Expr) -> list[Requirement]:
    """A final price is written as the discount that leads to it: the price it starts from must be known."""
    columns = (*_GIVES, "command")
    final = (_kind() == "final_price") & live
    detail = "special prices have no final price, only a discount on the regular one"
    above = (
        final & given("regular_price") & ((_parts("price") > _parts("regular_price")) | (_parts("regular_price") == 0))
    )
    return [
        Requirement("DEST_REQUIRED", "regular_price", columns, final & ~given("regular_price"), detail),
        Requirement("DEST_LIMIT", "price", columns, above, "not below the regular price"),
    ]


def _inexact(live: pl.Expr) -> Requirement:
    regular, price, rate = _parts("regular_price"), _parts("price"), _final_rate()
    back = _divided(regular * (_WHOLE - rate), pl.lit(_WHOLE * 100)) * 100
    off = (_kind() == "final_price") & live & (rate >= 0) & (back != price)
    detail = "no discount rate of four decimals leads to it"
    return Requirement("DEST_LIMIT", "price", (*_GIVES, "command"), off, detail)


def check(records: pl.DataFrame, settings: SageSettings, *, at_dispatch: bool) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of rows that are one special price to Sage; at dispatch, of rows about nothing."""
    full = article.complete(records, (*_FIELDS, "promotion_id"))
    if at_dispatch:
        nothing = article.ended() & ~pl.any_horizontal(given(f) for f in ("sku", "product_id", *_RULED, *_RANGES[2:]))
        return article.issues(full.filter(nothing), "DEST_REQUIRED", "product_id", "what to end is not known any more")
    if settings.dedupe == "last":
        return no_issues()
    apart = pl.struct("promotion_id", "sku")
    detail = "one special price to Sage: it tells them apart by article, brand, category, customer, dates and ranges"
    return article.collisions(full, _row_key(settings.separator), apart, "promotion_id", detail)


def shape(settings: SageSettings) -> Shape:
    """Return how a special price is written."""
    by_unit = article.flag("discount_by_unit", default=settings.discount_by_unit)
    if settings.special_price_bare_discount == "amount":
        # So much off each unit is what a final price per unit means.
        by_unit = pl.when(_kind() == "final_price").then(pl.lit("true")).otherwise(by_unit)
    members = (
        Member("productId", _json.quoted(_product())),
        article.text("dateFrom", "starts_at"),
        Member("dateTo", _json.quoted(_until())),
        Member("discount", _json.quoted(_discount(settings)), required=True),
        Member("discountByUnit", by_unit, required=True),
        article.number("quantityFrom", "quantity_from"),
        article.number("quantityTo", "quantity_to"),
        article.number("totalSpentFrom", "spent_from"),
        article.number("totalSpentTo", "spent_to"),
        article.text("brand", "brand"),
        article.text("category", "category"),
        article.text("customerId", "customer_id"),
        article.timestamp(),
    )
    key = _row_key(settings.separator)
    return Shape(OPERATION, settings.promotion_scope, settings.max_records, _FIELDS, members, key)


def _row_key(separator: str) -> pl.Expr:
    """Row key of answers: everything a special price is about and when, empty where it is not given."""
    parts = (_product(), *(pl.col(one) for one in (*_RULED, "starts_at")), _until(), *(pl.col(one) for one in _RANGES))
    return pl.concat_str([part.fill_null("") for part in parts], separator=separator)


def _product() -> pl.Expr:
    named = article.product()
    return pl.when(named != "").then(named)


def _until() -> pl.Expr:
    """When it ends: as the row says; a row that ends it, at its own time if earlier, but not before the start."""
    ends = pl.when(given("ends_at")).then(pl.col("ends_at"))
    starts = pl.when(given("starts_at")).then(pl.col("starts_at"))
    now = pl.max_horizontal(pl.min_horizontal(ends, pl.col("timestamp")), starts)
    return pl.when(article.ended()).then(now).otherwise(ends)


def _kind() -> pl.Expr:
    """The type the row names, else what it gives."""
    kind = pl.when(given("type")).then(pl.col("type")).when(given("percentage")).then(pl.lit("percentage"))
    kind = kind.when(given("amount")).then(pl.lit("amount")).when(given("buy_quantity")).then(pl.lit("bundle"))
    return kind.when(given("price")).then(pl.lit("final_price"))


def _discount(settings: SageSettings) -> pl.Expr:
    """The discount as text: a rate, with or without its sign, or an amount. What ends needs none: nothing."""
    sign = pl.lit("%" if settings.special_price_percent_sign else "")
    rate = pl.when(_kind() == "percentage").then(pl.concat_str("percentage", sign))
    if settings.special_price_bare_discount == "amount":
        less = _text(_parts("regular_price") - _parts("price"))
        found = rate.when(_kind() == "amount").then(pl.col("amount")).when(_kind() == "final_price").then(less)
    else:
        found = rate.when(_kind() == "final_price").then(pl.concat_str(_text(_final_rate()), sign))
    return pl.when(article.ended()).then(found.otherwise(None).fill_null("0")).otherwise(found.otherwise(None))


def _final_rate() -> pl.Expr:
    """Rate that leads from the regular price to the final one, in parts of a percentage point; null where none does."""
    regular, price = _parts("regular_price"), _parts("price")
    rate = _divided((regular - price) * _WHOLE, regular)
    return pl.when((regular > 0) & (price <= regular)).then(rate)


def _parts(field: str) -> pl.Expr:
    """Money as a whole number of parts: exact, and a quotient of two has no unit."""
    return (pl.col(field).cast(pl.Decimal(38, 4), strict=False) * _PARTS).cast(pl.Int128, strict=False)


def _divided(value: pl.Expr, by: pl.Expr) -> pl.Expr:
    """Quotient of whole numbers that are not negative, rounded half up."""
    return (value * 2 + by) // (by * 2)


def _text(parts: pl.Expr) -> pl.Expr:
    """Canonical text of a number of parts."""
    rest = (parts % _PARTS).cast(pl.String).str.zfill(4)
    return (
        pl.concat_str((parts // _PARTS).cast(pl.String), pl.lit("."), rest)
        .str.strip_chars_end("0")
        .str.strip_suffix(".")
    )
