"""Promotions to Sage 50 ProductSpecialPrice batch files; pure.

Source: Sage 50 Cloud API documentation, e-commerce solution, ProductSpecialPrice: names, types and required properties
are verified, `discount` being a text. What a bare discount means, and that a record has no other key than what it is
about and when, are assumptions. There is no final price, no bundle and no limit of use.
"""

from __future__ import annotations

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.fields.trade import currencies
from gateway.contracts.offers import promotion_type
from gateway.contracts.rules import given
from gateway.contracts.sage_profile import promotion_requirements
from gateway.destinations import _json
from gateway.destinations.sage import article, known
from gateway.destinations.sage.article import Member
from gateway.destinations.sage.batches import Shape
from gateway.destinations.sage.settings import SageSettings
from gateway.model import REGULAR, Operation, PriceTerms, Repeat, Requirement, no_issues
from gateway.wording import filled

OPERATION = "promotion"
_RULED = ("brand", "category", "customer_id")
_WINDOW: tuple[str, str] = ("starts_at", "ends_at")
_MONEY = ("price", "amount", "regular_price")
_RANGES = ("quantity_from", "quantity_to", "spent_from", "spent_to")
_GIVES = ("type", "price", "percentage", "amount", "regular_price", "buy_quantity")
_FIELDS = ("sku", "product_id", *_RULED, *_GIVES, "discount_by_unit", *_RANGES, *_WINDOW, "timestamp")
_WRITTEN = (*_FIELDS, REGULAR)
_AS_SENT = ", as it was sent"
_NET_SENT = ", both without tax, as it was sent"
_ONLY = "special prices have no final price, only a discount, and"
_NO_PRICE = f"{_ONLY} no price of the article was sent"
_SEVERAL = f"{_ONLY} prices were sent for articles of the product, none for the product itself"
_NET = "gross, where the price of the article was sent net,"
_NO_RATE = "no discount rate of four decimals leads to it"
_WHOLE_PRODUCT = "special prices hold for a whole product, not for one of its variants"
_APART = "one special price holds for the whole product, and no discount is right for all of these: {}"
_PLACE, _OWN, _GIVEN, _TOLD = "@place", "@own", "@given", "@told"
_SHOWN = 10
_LIMITS = ("limit_total", "limit_per_customer")
_WHOLE = 1_000_000
"""All of a price as a rate: 100 percentage points of four decimals, as many as a discount may have."""
_CENT = 10_000
"""Millionths of money in the smallest amount Sage tells apart."""


def operation(settings: SageSettings) -> Operation:
    """Describe how special prices are written."""
    amounts = settings.special_price_bare_discount == "amount"
    # What ends is written with the discount that its row gives.
    terms = PriceTerms("net", 2, settings.currency, settings.tax_rate, _MONEY, of_ended=True)
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
        ends=settings.promotion_end == "date_to" and _says_nothing(settings),
        # The article first: it is what waits for its product.
        key=("sku", "product_id", "promotion_id", *_RULED, *_WINDOW, *_RANGES),
        window=_WINDOW,
        named="promotion_id",
        after=("product",),
        # A rate has no basis; amounts are taken off Product.netPrice, which is net.
        prices=terms if amounts else None,
        # Sage takes the discount off the price it has: the one that was sent to it.
        regular="product",
        reckoned=True,
        gathers=True,
        # Articles of a product have one discount: each has to be right beside the others.
        whole=True,
    )


def _requires(settings: SageSettings) -> tuple[Requirement, ...]:
    rules = [
        profiles.needed("timestamp", "the time of the last update"),
        *promotion_requirements(settings.company, _MONEY if settings.special_price_bare_discount == "amount" else ()),
        *(one for one in article.requires(settings) if not {*one.columns} & {*article.VARIANTS}),
        *(profiles.at_most_characters(field, article.TEXT_LENGTH) for field in _RULED),
        *(_without(field, "special prices have no limit of use") for field in _LIMITS),
        *([] if settings.currency is None else [_foreign(settings, settings.currency)]),
        *_kinds(settings),
    ]
    idle = (pl.col("status") == "inactive") & ~article.ended()
    detail = "special prices have no status: send the row command end"
    rules.append(Requirement("DEST_LIMIT", "status", ("status", "command"), idle, detail))
    if settings.promotion_variants == "refuse":
        other = given("sku") & given("product_id") & (pl.col("sku") != pl.col("product_id"))
        rules.append(Requirement("DEST_LIMIT", "sku", ("sku", "product_id"), other, _WHOLE_PRODUCT))
    if settings.promotion_end == "refuse":
        rules.append(profiles.without_command("end"))
    return tuple(rules)


def _says_nothing(settings: SageSettings) -> bool:
    """Whether a discount of nothing can be written, as what ends needs one: a rate of 0 can, an amount of 0 not."""
    return settings.special_price_bare_discount == "rate" or settings.special_price_percent_sign


def _without(field: str, detail: str) -> Requirement:
    return Requirement("DEST_LIMIT", field, (field,), given(field), detail)


def _foreign(settings: SageSettings, own: str) -> Requirement:
    """Refuse another currency than the company's, where no terms of prices judge it: a rate is taken off its prices."""
    judged = _MONEY if settings.special_price_bare_discount == "amount" else ()
    foreign = pl.col("currency").is_in(currencies()) & (pl.col("currency") != own) & ~article.ended()
    where = foreign & ~pl.any_horizontal(pl.lit(value=False), *(given(field) for field in judged))
    return Requirement("PRICE_CURRENCY", "currency", ("currency", "command", *judged), where, own)


def _kinds(settings: SageSettings) -> list[Requirement]:
    """Refuse the types a special price can't express; rows that end one need none."""
    live = ~article.ended()
    no_amount = Requirement(
        "DEST_LIMIT", "amount", (*_GIVES, "command"),
        (promotion_type() == "amount") & (pl.col("amount") == "0") & live, "a discount of no money is none",
    )  # fmt: skip
    bundle = Requirement(
        "DEST_LIMIT", "type", ("type", *_GIVES[1:], "command"), (promotion_type() == "bundle") & live,
        "special prices have no bundles",
    )  # fmt: skip
    if settings.special_price_bare_discount == "amount":
        return [bundle, no_amount, *_final(live), *([] if _says_nothing(settings) else _amounts_only(live))]
    detail = "discounts of special prices are rates here, amounts can't be told apart from them"
    amount = Requirement(
        "DEST_LIMIT", "amount", (*_GIVES, "command"), (promotion_type() == "amount") & live, detail
    )  # fmt: skip
    return [bundle, amount, *_final(live), _inexact(live)]


def _amounts_only(live: pl.Expr) -> list[Requirement]:
    detail = "discounts of special prices are amounts here, rates can't be told apart from them"
    rates = promotion_type() == "percentage"
    columns = (*_GIVES, "command")
    nothing = ~live & ~rates.fill_null(False) & ~given("amount") & ~(given("price") & given("regular_price"))
    return [
        Requirement("DEST_LIMIT", "percentage", columns, rates, detail),
        Requirement("DEST_REQUIRED", "amount", columns, nothing, "what ends is written with its discount"),
    ]


def _final(live: pl.Expr) -> list[Requirement]:
    """A final price is written as the discount that leads to it: there is none on nothing."""
    columns = (*_GIVES, "command")
    final = (promotion_type() == "final_price") & live
    nothing = final & (_millionths(pl.col("regular_price")) == 0)
    return [Requirement("DEST_LIMIT", "regular_price", columns, nothing, "there is no discount on nothing")]


def _inexact(live: pl.Expr) -> Requirement:
    off = (promotion_type() == "final_price") & live & _misses(pl.col("regular_price"))
    return Requirement("DEST_LIMIT", "price", (*_GIVES, "command"), off, _NO_RATE)


def _misses(regular: pl.Expr, rate: pl.Expr | None = None) -> pl.Expr:
    """Whether no rate (or this one) leads to the final price: of a high price four decimals may miss the very cent."""
    rate = _final_rate(regular) if rate is None else rate
    back = _divided(_millionths(regular) * (_WHOLE - rate), _CENT * _WHOLE)
    return back != _divided(_millionths(pl.col("price")), pl.lit(_CENT))


def check_sent(records: pl.DataFrame, articles: pl.DataFrame, settings: SageSettings) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of what the price sent last does not allow.

    Final prices that no discount on it, or on any price, leads to; amounts off each unit that are more than it.
    `articles`: what is known of them.
    """
    full = article.complete(records, (*_WRITTEN, "tax_rate"))
    final = (promotion_type() == "final_price") & ~article.ended()
    unknown = final & ~given(REGULAR) & ~given("regular_price")
    untold = unknown & (pl.col(REGULAR) == "").fill_null(value=False)
    of_several = ~given("sku") & pl.col("product_id").is_in(articles["product_id"].implode())
    why = pl.when(of_several).then(pl.lit(_SEVERAL)).otherwise(pl.lit(_NO_PRICE))
    final = given(REGULAR) & final
    sent = _NET_SENT if settings.special_price_bare_discount == "amount" else _AS_SENT  # amounts are made net
    regular, price = _millionths(pl.col(REGULAR)), _millionths(pl.col("price"))
    above = final & (price > regular)
    inexact = final & ~above & (_misses(pl.col(REGULAR)) | (regular == 0))
    if settings.special_price_bare_discount == "amount":
        inexact = final & ~above & (regular == 0)
    found = [
        article.issues(full.filter(untold), "TAX_RATE_MISSING", "tax_rate", _NET),
        article.issues(full.filter(unknown & ~untold), "DEST_REQUIRED", "regular_price", why),
        article.issues(full.filter(above), "SP-PRICE", "price", filled(f"{{}} above {{}}{sent}", "price", REGULAR)),
        article.issues(
            full.filter(_more_than_all(settings)),
            "SP-AMOUNT",
            "amount",
            filled(f"{{}} of {{}}{sent}", "amount", REGULAR),
        ),
        article.issues(full.filter(inexact), "DEST_LIMIT", "price", f"{_NO_RATE} from the price that was sent"),
    ]
    return pl.concat(found)


def check_one_rate(records: pl.DataFrame, settings: SageSettings) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of rows of articles that are one special price, which can't be right for all.

    The last row would be written: with its discount the others would not cost what their rows say.
    """
    place, own = record(settings.separator).alias(_PLACE), article.complete(records, _WRITTEN)
    live = own.filter(~article.ended()).with_columns(place, _article().alias(_OWN))
    live = live.filter(pl.col(_OWN).n_unique().over(_PLACE) > 1)
    if not live.height:
        return article.issues(live, "DEST_LIMIT", "price", "")
    last = live.unique([_PLACE, _OWN], keep="last", maintain_order=True)
    if settings.special_price_bare_discount == "amount":
        last = last.with_columns(_discount(settings).alias(_GIVEN))
        other = pl.col(_GIVEN).ne_missing(pl.col(_GIVEN).last().over(_PLACE)) & (promotion_type() != "percentage")
    else:
        points = pl.col("percentage").cast(pl.Decimal(38, 4), strict=False).to_physical().cast(pl.Int128)
        rate = pl.when(promotion_type() == "percentage").then(points).otherwise(_final_rate(_regular()))
        last = last.with_columns(rate.alias(_GIVEN))
        other = _misses(_regular(), pl.col(_GIVEN).last().over(_PLACE)).fill_null(value=True)
        other &= promotion_type() == "final_price"
    one = filled("{} {}", _OWN, _worth())
    apart = last.with_columns(one.alias(_TOLD)).group_by(_PLACE, maintain_order=True)
    wrong = apart.agg(other.any().alias("wrong"), pl.col(_TOLD).head(_SHOWN).str.join(", ")).filter("wrong")
    found = live.join(wrong.select(_PLACE, _TOLD), on=_PLACE, maintain_order="left")
    return article.issues(found, "DEST_LIMIT", "price", filled(_APART, _TOLD))


def _article() -> pl.Expr:
    return pl.when(given("sku")).then(pl.col("sku")).otherwise(pl.col("product_id")).fill_null("")


def _worth() -> pl.Expr:
    """What a row gives, as it is told of: a price with the one it lowers, an amount or a rate."""
    known = pl.when(given(REGULAR) | given("regular_price")).then(_regular()).otherwise(pl.lit("an unknown price"))
    price = pl.when(promotion_type() == "final_price").then(filled("{} of {}", "price", known))
    rate = pl.when(given("percentage")).then(pl.concat_str("percentage", pl.lit("%")))
    return pl.coalesce(price, rate, "amount", pl.lit("-"))


def check_whole(records: pl.DataFrame, articles: pl.DataFrame, settings: SageSettings) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of rows that name only an article which is one of several of its product.

    `articles`: what is known of them. Such a row may still end what was sent for it.
    """
    full = article.complete(records, _WRITTEN).join(
        articles.with_columns(of="product_id", varied=pl.any_horizontal(given(one) for one in article.VARIANTS)).select(
            "sku", "of", "varied"
        ),
        on="sku", how="left", maintain_order="left",
    )  # fmt: skip
    alone = pl.col("sku").is_in(known.wholes(articles)["sku"].implode())
    found = full.filter((pl.col("of") != pl.col("sku")) & ~given("product_id") & ~article.ended() & ~alone)
    varied, code, field = pl.col("varied"), "DEST_REQUIRED", "product_id"
    said = filled("the article is a variant of {}, and special prices hold for a whole product", "of")
    if settings.promotion_variants == "refuse":
        code, field, said = "DEST_LIMIT", "sku", filled(f"{_WHOLE_PRODUCT}: it is one of {{}}", "of")
    several = filled("special prices hold for a whole product, and this is one of several articles of {}", "of")
    return article.issues(found, code, field, pl.when(varied).then(said).otherwise(several))


def check_one_record(records: pl.DataFrame, articles: pl.DataFrame, settings: SageSettings) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of rows that are one special price only by what is known of their articles."""
    if settings.dedupe == "last":
        return no_issues()
    return known.check_wholes(article.complete(records, _WRITTEN), articles, record(settings.separator))


def _more_than_all(settings: SageSettings) -> pl.Expr:
    """Whether so much is taken off each unit that nothing would be left of the price that was sent."""
    by_unit = article.flag("discount_by_unit", default=settings.discount_by_unit) == "true"
    amount = (promotion_type() == "amount") & ~article.ended() & by_unit
    return amount & given(REGULAR) & (_millionths(pl.col("amount")) > _millionths(pl.col(REGULAR)))


def shape(settings: SageSettings) -> Shape:
    """Return how a special price is written."""
    by_unit = article.flag("discount_by_unit", default=settings.discount_by_unit)
    if settings.special_price_bare_discount == "amount":
        # So much off each unit is what a final price per unit means.
        by_unit = pl.when(promotion_type() == "final_price").then(pl.lit("true")).otherwise(by_unit)
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
    return Shape(OPERATION, settings.promotion_scope, settings.max_records, _WRITTEN, members, key)


def record(separator: str) -> pl.Expr:
    """What a special price is about and from when: what ends it, or moves its end, changes its dateTo only."""
    parts = (_product(), *(pl.col(one) for one in (*_RULED, _WINDOW[0], *_RANGES)))
    return pl.concat_str([part.fill_null("") for part in parts], separator=separator)


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


def _discount(settings: SageSettings) -> pl.Expr:
    """The discount as text: a rate, with or without its sign, or an amount. What ends and says none has none."""
    sign = pl.lit("%" if settings.special_price_percent_sign else "")
    rate = pl.when(promotion_type() == "percentage").then(pl.concat_str("percentage", sign))
    if settings.special_price_bare_discount == "amount":
        less = _text(_millionths(_regular()) - _millionths(pl.col("price")), 6)
        found = (
            rate.when(promotion_type() == "amount")
            .then(pl.col("amount"))
            .when(promotion_type() == "final_price")
            .then(less)
        )
    else:
        found = rate.when(promotion_type() == "final_price").then(
            pl.concat_str(_text(_final_rate(_regular()), 4), sign)
        )
    nothing = pl.when(article.ended()).then(pl.concat_str(pl.lit("0"), sign))
    return pl.coalesce(found, nothing)


def _regular() -> pl.Expr:
    """What Sage takes the discount off: the price that was sent to it or, where none was, what the row says it is."""
    return pl.when(given(REGULAR)).then(pl.col(REGULAR)).otherwise(pl.col("regular_price"))


def _final_rate(regular: pl.Expr) -> pl.Expr:
    """Rate that leads from the regular price to the final one, in ten-thousandths of a point; null where none does."""
    whole, price = _millionths(regular), _millionths(pl.col("price"))
    rate = _divided((whole - price) * _WHOLE, whole)
    return pl.when((whole > 0) & (price <= whole)).then(rate)


def _millionths(amount: pl.Expr) -> pl.Expr:
    """Money as a whole number, exact (Int128): amounts have at most six decimals."""
    return amount.cast(pl.Decimal(38, 6), strict=False).to_physical().cast(pl.Int128)


def _divided(value: pl.Expr, by: pl.Expr | int) -> pl.Expr:
    """Quotient of whole numbers that are not negative, rounded half up."""
    return (value * 2 + by) // (by * 2)


def _text(parts: pl.Expr, decimals: int) -> pl.Expr:
    """Canonical text of a number counted in its last decimal."""
    rest = (parts % 10**decimals).cast(pl.String).str.zfill(decimals)
    whole = (parts // 10**decimals).cast(pl.String)
    return pl.concat_str(whole, pl.lit("."), rest).str.strip_chars_end("0").str.strip_suffix(".")
