"""Promotions as discounts of offers: which can be, and what price they come to; pure.

Source: Mirakl seller API documentation, PRI01: an offer has one discount price with a start and an end (verified).
Seller promotions with baskets, limits and customers are another call that many operators do not activate.
"""

from __future__ import annotations

import polars as pl

from gateway.contracts.offers import promotion_type
from gateway.contracts.profiles import needed
from gateway.contracts.rules import given
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.model import Operation, PriceTerms, Repeat, Requirement

OPERATION = "discount"
PART = "discount"
FIELDS = ("type", "price", "percentage", "amount", "buy_quantity", "currency", "starts_at", "ends_at", "status")
_LIMITING = ("customer_id", "quantity_to", "spent_from", "spent_to", "limit_total", "limit_per_customer")
_EXACT = pl.Decimal(38, 10)


def operation(settings: MiraklSettings, prices: PriceTerms) -> Operation:
    """Describe the discount operation under the settings."""
    return Operation(
        name=OPERATION,
        contract="promotion",
        family="price",
        after=("offer",),
        fields=("sku", *FIELDS),
        batch_size=settings.price_batch_size,
        requires=_requires(),
        confirms="applied",
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.price_deadline,
        settle_first=True,
        slot_until="ticket",
        interval=settings.price_interval,
        ends=True,
        key=("sku",),
        part=PART,
        prices=PriceTerms(prices.basis, prices.decimals, prices.currency, prices.tax_rate, ("price", "amount")),
        gathers=True,
        regular="price",
    )


def _requires() -> tuple[Requirement, ...]:
    """Refuse what a discount of one offer would turn into something wider or other than was meant."""
    columns = ("type", "price", "percentage", "amount", "buy_quantity", "get_quantity")
    more_than_one = pl.col("quantity_from").cast(pl.Decimal(38, 3), strict=False) > 1
    total = (pl.col("discount_by_unit") == "false") & (promotion_type() == "amount")
    return (
        needed("sku", "a discount belongs to one offer"),
        Requirement(
            "DEST_LIMIT", "type", columns, (promotion_type() == "bundle").fill_null(value=False),
            "bundles can't be expressed as a discount",
        ),
        Requirement("DEST_LIMIT", "quantity_from", ("quantity_from",), more_than_one, "discounts count from one unit"),
        *(Requirement("DEST_LIMIT", name, (name,), given(name), "discounts have no such limit") for name in _LIMITING),
        Requirement(
            "DEST_LIMIT", "discount_by_unit", ("discount_by_unit", *columns), total,
            "an amount off the total can't be expressed as a discount",
        ),
    )  # fmt: skip


def wanted(base: pl.Expr, decimals: int) -> list[pl.Expr]:
    """Return what the rows want: `act` (set or clear), `d_price`, `d_from`, `d_to`.

    They read FIELDS and `command` as columns. `base`: the present price (String). Discounts are rounded half up.
    """
    off = (pl.col("command") == "end").fill_null(value=False) | (pl.col("status") == "inactive").fill_null(value=False)
    now = base.cast(_EXACT, strict=False)
    kind = promotion_type()
    hundred, hundredth = pl.lit("100").cast(_EXACT), pl.lit("0.01").cast(_EXACT)
    kept = hundred - pl.col("percentage").cast(_EXACT, strict=False)
    price = (
        pl.when(kind == "final_price")
        .then(pl.col("price").cast(_EXACT, strict=False))
        .when(kind == "percentage")
        .then(now * kept * hundredth)
        .when(kind == "amount")
        .then(now - pl.col("amount").cast(_EXACT, strict=False))
    )
    return [
        pl.when(off).then(pl.lit("clear")).otherwise(pl.lit("set")).alias("act"),
        pl.when(~off).then(half_up(price, decimals)).alias("d_price"),
        pl.when(~off).then("starts_at").alias("d_from"),
        pl.when(~off).then("ends_at").alias("d_to"),
    ]


def half_up(amount: pl.Expr, decimals: int) -> pl.Expr:
    """Return an amount as text with at most so many decimals."""
    rounded = amount.round(decimals, mode="half_away_from_zero").cast(pl.Decimal(38, decimals)).cast(pl.String)
    return rounded.str.replace(r"\.?0+\z", "") if decimals else rounded
