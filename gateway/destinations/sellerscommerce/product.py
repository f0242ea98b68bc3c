"""Catalog rows to products; pure.

Source: Sellers Commerce Open API documentation, product/products: one product per call, added or updated (verified).
What stands in the body is an assumption, see the bodies; that SKUs left out of it stay as they are, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.reduced import discounted
from gateway.contracts.rules import given, issues_of
from gateway.destinations.sellerscommerce import inside, placing
from gateway.destinations.sellerscommerce.bodies import Bodies, array
from gateway.destinations.sellerscommerce.known import SKU_SCHEMA, Category
from gateway.destinations.sellerscommerce.levels import DISCOUNT, for_everybody
from gateway.destinations.sellerscommerce.placing import ATTRIBUTE, PERMIT
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.destinations.sellerscommerce.tree import Tree
from gateway.model import ROW, Batch, Operation, PriceTerms, Reference, Repeat, Requirement, no_issues

OPERATION = "product"
_VARIANTS = ("variant1_type", "variant1_value", "variant2_type", "variant2_value")
_FIELDS = (
    "sku", "product_id", "name", "short_description", "long_description", "barcode", "brand", "category", "available",
    "image_urls", *_VARIANTS, "attributes.*",
)  # fmt: skip
_LEVELS = ("price", DISCOUNT, "quantity")
_COMPUTED = {"product_code", "image", "images", "status", "categories", "skus", "listed_price", "new_quantity", "first",
             "options"}  # fmt: skip


def operation(settings: SellersCommerceSettings, bodies: Bodies) -> Operation:
    """Describe how products are written."""
    terms = None
    if settings.price_basis is not None:
        # A product that ends is written as any other, with the prices of SKUs the store does not have.
        terms = PriceTerms(
            settings.price_basis, settings.price_decimals, settings.currency, settings.tax_rate, of_ended=True
        )
    return Operation(
        name=OPERATION,
        contract="catalog",
        family="product",
        fields=_FIELDS,
        # Prices and quantities go along with new SKUs only: a change of them alone is no change of the product.
        # The same goes for what the route allows: rows that stand are not sent again because of it.
        context=(*_LEVELS, PERMIT),
        batch_size=1,
        requires=_requires(settings, bodies),
        # A product is added or updated: repeating it is harmless unless a newer one was written since.
        repeat=Repeat.IF_NEWEST,
        deadline=settings.deadline,
        interval=settings.call_interval,
        budget=settings.budget,
        # There is no method that ends a product, and a key without its row names none.
        ends=False,
        prices=terms,
        gathers=True,
        # A product is written with all its rows, and switched off where all of them are.
        border=("product_id", "sku"),
    )


def _requires(settings: SellersCommerceSettings, bodies: Bodies) -> tuple[Requirement, ...]:
    needs = {one.source for name in ("product", "sku") for one in bodies[name].required()}
    plain = sorted(needs - _COMPUTED - {"sku", ""})
    rules = [
        profiles.needed(field, "products are written whole", unless=("command", "end"))
        for field in plain
        if not field.startswith(ATTRIBUTE)
    ]
    slashed = (profiles.without_characters(field, "/\\") for field in ("sku", "product_id"))
    rules += [*slashed, profiles.whole("quantity"), *for_everybody(settings)]
    if settings.ended == "refuse":
        rules.append(profiles.without_command("end"))
    return tuple(rules)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read of the store for products; None: nobody asked."""

    skus: pl.DataFrame | None
    categories: Sequence[Category] | None
    brands: frozenset[str]

    @staticmethod
    def of(reference: Reference) -> Facts:
        """Return what a reference holds."""
        facts = reference.facts
        return Facts(facts.get("skus"), facts.get("categories"), facts.get("brands", frozenset()))


def product_codes(records: pl.DataFrame) -> pl.Series:
    """Return the product code of each row: its group or, where it has none, its own code."""
    if "product_id" not in records.columns:
        return records["sku"].alias("product_code")
    code = pl.when(given("product_id")).then("product_id").otherwise("sku")
    return records.select(code.alias("product_code")).to_series()


# ---------------------------------------------------------------- checking


def check(
    records: pl.DataFrame, reference: Reference, settings: SellersCommerceSettings, bodies: Bodies,
    table: Mapping[str, str] | None,
) -> pl.DataFrame:  # fmt: skip
    """Say which cells can't be what their member is and, once the store was asked, which rows it would not take."""
    if not records.height:
        return no_issues()
    facts = Facts.of(reference)
    rows = _complete(records).with_columns(product_codes(records))
    found = [no_issues(), *_shapes(rows, bodies), _unsent(rows, settings)]
    tree, stands = Tree(settings, table, facts.categories), rows.filter(~_ended())
    brands = None if facts.categories is None else facts.brands
    found += [placing.misplaced(stands, tree, brands), *placing.unlinked(stands, tree, settings)]
    if facts.skus is not None:
        found += [_half_off(rows, facts.skus), _priceless(rows, facts, settings, bodies)]
    return pl.concat(found).sort(ROW)


def _shapes(rows: pl.DataFrame, bodies: Bodies) -> Iterator[pl.DataFrame]:
    """Yield issues of free attributes that can't be what their member is, each once."""
    members = [one for name in ("product", "sku") for one in bodies[name].members if one.type not in {"list", "object"}]
    free = {(one.source, one.type, one.enum): one for one in members if one.source.startswith(ATTRIBUTE)}
    for one in free.values():
        if one.source in rows.columns:
            detail = pl.lit(f"{one.name} is a {one.type}")
            wrong = rows.filter(one.strange())
            yield issues_of(wrong, "DEST_LIMIT", one.source, value=pl.col(one.source), detail=detail)


def _unsent(rows: pl.DataFrame, settings: SellersCommerceSettings) -> pl.DataFrame:
    """Return warnings of discounts that no price carries: there is no member for them."""
    without = rows.filter(pl.col(DISCOUNT).cast(pl.Decimal(38, 4), strict=False) > 0).filter(~_ended())
    text = "prices are not written, as the settings name no price_basis"
    if settings.price_basis is not None:
        without, text = without.filter(~given("price")), "it is taken off the row's price, and the row gives none"
    return issues_of(without, "DEST_NOT_SENT", DISCOUNT, value=pl.col(DISCOUNT), detail=pl.lit(text))


def _half_off(rows: pl.DataFrame, skus: pl.DataFrame) -> pl.DataFrame:
    """Return issues of rows that end or are not available while other SKUs of their product go on.

    Only whole products can be switched off. A SKU beside others that go on is out of sale with the quantity 0.
    """
    all_off = _off().all().over("product_code")
    going = rows.filter(all_off)["sku"]
    others = skus.filter(~pl.col("sku").is_in(going.implode()))["product_code"].unique()
    sold_out = ~_ended() & ~all_off & (pl.col("quantity") == "0").fill_null(value=False)
    half = rows.filter(_off() & (~all_off | pl.col("product_code").is_in(others.implode())) & ~sold_out)
    text = pl.lit("other SKUs of the product go on: only whole products are switched off; send the quantity 0 instead")
    found = (
        issues_of(half.filter(here), "DEST_LIMIT", field, value=pl.col(field), detail=text)
        for field, here in (("command", _ended()), ("available", ~_ended()))
    )
    return pl.concat(found)


def _priceless(rows: pl.DataFrame, facts: Facts, settings: SellersCommerceSettings, bodies: Bodies) -> pl.DataFrame:
    """Return issues of new SKUs without the price that their body needs."""
    if "listed_price" not in {one.source for one in bodies["sku"].required()} or settings.product_prices == "never":
        return no_issues()
    known = () if facts.skus is None else facts.skus["sku"].to_list()
    bare = _levelled(rows, facts, settings).filter(pl.col("listed_price").is_null() & ~pl.col("sku").is_in(known))
    text = pl.lit("the store does not have the SKU, and a new one has a price")
    return issues_of(bare.filter(~_ended()), "DEST_REQUIRED", "price", value=pl.lit(""), detail=text)


# ---------------------------------------------------------------- encoding


def encode(
    records: pl.DataFrame, reference: Reference, slot: str, settings: SellersCommerceSettings, bodies: Bodies,
    table: Mapping[str, str] | None,
) -> Iterator[Batch]:  # fmt: skip
    """Yield batches of whole products in the order of their first rows; each line of a body is one call.

    The memo names what goes before (missing categories) and after it (links), and how many rows each line has.
    """
    if not records.height:
        return
    facts = Facts.of(reference)
    products = _products(_skus(_complete(records), facts, settings, bodies))
    tree = Tree(settings, table, facts.categories)
    placed = placing.placed(products, tree, settings, bodies)
    lines = bodies["product"].render(placed.frame, inverted=settings.is_brand_inverted)
    size, rule = settings.product_batch_size, inside.rule(settings, bodies)
    for start in range(0, products.height, size):
        part = products.slice(start, size)
        effects = part.select(pl.col("effects").explode().alias("effect"))
        effects = effects.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"))
        memo = {"to": "product", "body": "single", "rows": ",".join(str(n) for n in part["count"])}
        memo |= placed.memo(range(start, start + part.height))
        if rule:
            memo[inside.LEVELS] = rule
        yield Batch(OPERATION, slot, array(lines.slice(start, size).to_list()).encode(), effects, memo)


def _skus(records: pl.DataFrame, facts: Facts, settings: SellersCommerceSettings, bodies: Bodies) -> pl.DataFrame:
    """Add `product_code` and `sku_json` of each row."""
    rows = _levelled(records.with_columns(product_codes(records)), facts, settings)
    there = pl.Series([], dtype=pl.String) if facts.skus is None else facts.skus["product_code"]
    begun = pl.col("product_code").is_in(there.implode())
    opening = (~begun & (pl.int_range(pl.len()).over("product_code") == 0)).fill_null(value=False)
    rows = rows.with_columns(
        pl.when(opening).then(pl.lit("true")).alias("first"), _options(rows, settings, bodies).alias("options")
    )
    return rows.with_columns(bodies["sku"].render(rows, inverted=settings.is_brand_inverted).alias("sku_json"))


def _levelled(rows: pl.DataFrame, facts: Facts, settings: SellersCommerceSettings) -> pl.DataFrame:
    """Add `listed_price` and `new_quantity`: what stands inside the product, see the setting `product_prices`."""
    skus = pl.DataFrame(schema=SKU_SCHEMA) if facts.skus is None else facts.skus
    theirs = skus.select("sku", pl.col("price").alias("their_price"), pl.lit(value=True).alias("there"))
    joined = rows.join(theirs.unique("sku", keep="first"), on="sku", how="left", maintain_order="left")
    new = pl.col("there").is_null()
    own = pl.lit(None, pl.String)
    if settings.price_basis is not None:
        own = discounted(pl.when(given("price")).then("price"), pl.col(DISCOUNT), settings.price_decimals)
    listed = {"never": pl.lit(None, pl.String), "new": pl.when(new).then(own), "kept": pl.coalesce("their_price", own)}
    quantity = pl.when(new & given("quantity")).then("quantity")
    return joined.with_columns(
        listed[settings.product_prices].alias("listed_price"), quantity.alias("new_quantity")
    ).drop("their_price", "there")


def _options(rows: pl.DataFrame, settings: SellersCommerceSettings, bodies: Bodies) -> pl.Series:
    """Return the JSON array of each row's variants; null where it has none."""
    swatches = [word.casefold() for word in settings.swatch_options]
    pieces = []
    for kind, value in zip(_VARIANTS[::2], _VARIANTS[1::2], strict=True):
        swatch = pl.col(kind).str.to_lowercase().is_in(swatches)
        shown = rows.select(
            pl.col(kind).alias("option_name"),
            pl.col(value).alias("option_value"),
            pl.when(swatch).then(pl.lit("Swatch")).otherwise(pl.lit("Multiple")).alias("option_type"),
            given(value).alias("here"),
        )
        text = bodies["option"].render(shown, inverted=settings.is_brand_inverted)
        pieces.append(shown.select(pl.when("here").then(text).alias(value)).to_series())
    joined = pl.concat_str(*(pl.col(one.name) for one in pieces), separator=",", ignore_nulls=True)
    listed = pl.when(joined != "").then(pl.concat_str(pl.lit("["), joined, pl.lit("]")))
    return pl.DataFrame(pieces).select(listed.alias("options")).to_series()


def _products(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row per product: its first given cells, its SKUs, its effects in their order."""
    own = [name for name in rows.columns if name not in {"effect", "product_code", "sku_json", "sku", "command"}]
    first = (pl.col(name).filter(given(name)).first().alias(name) for name in own if rows[name].dtype == pl.String)
    switched = pl.when(_off().all())
    text = pl.col("sku_json").str.join(",")
    return rows.group_by("product_code", maintain_order=True).agg(
        *first,
        pl.col("effect").alias("effects"),
        pl.len().alias("count"),
        switched.then(pl.lit("false")).otherwise(pl.lit("true")).alias("status"),
        pl.when(pl.col("sku_json").is_not_null().any())
        .then(pl.concat_str(pl.lit("["), text, pl.lit("]")))
        .alias("skus"),
    )


def _off() -> pl.Expr:
    return _ended() | (pl.col("available") == "false").fill_null(value=False)


def _ended() -> pl.Expr:
    return (pl.col("command") == "end").fill_null(value=False)


def _complete(records: pl.DataFrame) -> pl.DataFrame:
    wanted = (*(name for name in _FIELDS if "*" not in name), *_LEVELS, PERMIT, "command")
    return records.with_columns(pl.lit(None, pl.String).alias(name) for name in wanted if name not in records.columns)
