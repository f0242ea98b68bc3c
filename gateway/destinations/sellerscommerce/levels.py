"""Prices and stock to calls of many SKUs; pure.

Source: Sellers Commerce Open API documentation, updateskuprice and updateskuinventory (verified); that quantities are
absolute, and that a call takes many SKUs, are assumptions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.rules import given, issues_of
from gateway.destinations.sellerscommerce.bodies import Bodies, array
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.model import ROW, Batch, Operation, PriceTerms, Reference, Repeat, Requirement, no_issues

PRICE, STOCK, PROMOTION = "price", "stock", "promotion"
DISCOUNT = "discount"
_PROMOTION_FIELDS = (
    "sku", "type", "price", "percentage", "amount", "buy_quantity", "currency", "starts_at", "ends_at", "status",
)  # fmt: skip


def for_everybody(settings: SellersCommerceSettings) -> tuple[Requirement, ...]:
    """Require of rows that they are for no vendor among several: what is written holds for the whole store."""
    code, detail = "DEST_LIMIT", "there is one store, no vendors in it: leave vendor_ids out of its mapping"
    if settings.vendors == "warn":
        code, detail = "DEST_NOT_SENT", "there is one store, and the row holds for all of it"
    return (Requirement(code, "vendor_ids", ("vendor_ids",), given("vendor_ids"), detail),)


def stock_operations(settings: SellersCommerceSettings) -> tuple[Operation, ...]:
    """Describe how levels are written: those of stock files, and those that stand in a catalog."""
    rules = [profiles.whole("quantity"), *for_everybody(settings)]
    if settings.warehouses == "refuse":
        detail = "there are no warehouses: sum them in the mapping"
        rules.append(Requirement("DEST_LIMIT", "warehouse", ("warehouse",), given("warehouse"), detail))
    stock = Operation(
        name=STOCK,
        contract="stock",
        family="stock",
        fields=("sku", "quantity"),
        context=("product_id",),
        batch_size=1 if settings.stock_body == "single" else settings.stock_batch_size,
        requires=tuple(rules),
        drifts=True,
        # A level is absolute: repeating it is harmless unless a newer one was written since.
        repeat=Repeat.IF_NEWEST,
        deadline=settings.deadline,
        interval=settings.call_interval,
        budget=settings.budget,
        ends=True,
        key=("sku", "warehouse"),
        after=("product",),
        measure="quantity",
        gathers=settings.check_skus,
    )
    placed = tuple(rule for rule in stock.requires if "warehouse" not in rule.columns)
    return stock, replace(stock, contract="catalog", requires=placed, when=("quantity",))


def price_operations(settings: SellersCommerceSettings) -> tuple[Operation, ...]:
    """Describe how prices are written; none where the settings do not say the basis of the store's prices."""
    if settings.price_basis is None:
        return ()
    terms = PriceTerms(settings.price_basis, settings.price_decimals, settings.currency, settings.tax_rate)
    price = _price(settings, terms)
    promotion = replace(
        price,
        name=PROMOTION,
        contract="promotion",
        fields=_PROMOTION_FIELDS,
        context=(),
        requires=(*profiles.shown_as_price(), *for_everybody(settings)),
        ends=True,
        after=(),
        prices=replace(terms, fields=("price", "amount")),
        wanted="promotion",
    )
    in_price = replace(price, context=())
    # A lasting discount of the catalog is a promotion without end: what is sent is the price less the discount.
    in_catalog = replace(
        price, contract="catalog", requires=for_everybody(settings), when=("price",),
        context=(*price.context, DISCOUNT),
    )  # fmt: skip
    return in_price, in_catalog, promotion


def _price(settings: SellersCommerceSettings, terms: PriceTerms) -> Operation:
    return Operation(
        name=PRICE,
        contract="price",
        family="price",
        fields=("sku", "price", "currency"),
        context=("product_id",),
        batch_size=1 if settings.price_body == "single" else settings.price_batch_size,
        requires=(profiles.without_command("end"), _without_discount(), *for_everybody(settings)),
        repeat=Repeat.IF_NEWEST,
        deadline=settings.deadline,
        interval=settings.call_interval,
        budget=settings.budget,
        # An article without a price can't be: what ends it is its product.
        ends=False,
        key=("sku",),
        after=("product",),
        measure="price",
        prices=terms,
        gathers=settings.check_skus,
        wanted="base",
    )


def _without_discount() -> Requirement:
    detail = "there are no discounts beside the price: send them as promotions"
    return Requirement("DEST_LIMIT", "discount_price", ("discount_price",), given("discount_price"), detail)


def check(records: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """Say which SKUs the store does not have, where it was asked."""
    skus: pl.DataFrame | None = reference.facts.get("skus")
    if skus is None:
        return no_issues()
    strange = records.filter(~pl.col("sku").is_in(skus["sku"].implode()))
    text = pl.lit("the store does not have the SKU")
    return issues_of(strange, "DEST_LIMIT", "sku", value=pl.col("sku"), detail=text).sort(ROW)


def encode(
    operation: str, records: pl.DataFrame, reference: Reference, slot: str, settings: SellersCommerceSettings,
    bodies: Bodies,
) -> Iterator[Batch]:  # fmt: skip
    """Yield calls in the order of the records; lines are positions inside the body, from 1."""
    stock = operation == STOCK
    single = (settings.stock_body if stock else settings.price_body) == "single"
    size = settings.stock_batch_size if stock else settings.price_batch_size
    if not records.height:
        return
    rows = _placed(records, reference)
    if stock:
        level = pl.when(pl.col("command") == "end").then(pl.lit("0")).otherwise(pl.col("quantity"))
        rows = rows.with_columns(level.alias("quantity"))
    objects = bodies[STOCK if stock else PRICE].render(rows, inverted=settings.is_brand_inverted)
    for start in range(0, rows.height, size):
        part = rows.slice(start, size)
        body = array(objects.slice(start, size).to_list()).encode()
        effects = part.select("effect", pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"))
        memo = {"to": STOCK if stock else PRICE, "body": "single" if single else "list"}
        yield Batch(operation, slot, body, effects, memo)


def _placed(records: pl.DataFrame, reference: Reference) -> pl.DataFrame:
    """Add the product code: the row's, or the one the store has for the SKU."""
    missing = [name for name in ("product_id", "command", "quantity", "price") if name not in records.columns]
    rows = records.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    own = pl.when(given("product_id")).then("product_id")
    skus: pl.DataFrame | None = reference.facts.get("skus")
    if skus is None:
        return rows.with_columns(own.alias("product_code"))
    theirs = skus.select("sku", pl.col("product_code").alias("theirs")).unique("sku", keep="first")
    rows = rows.join(theirs, on="sku", how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce(own, "theirs").alias("product_code"))
