"""The contract `price`: prices of articles and their discounts for a time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from gateway.contracts.amounts import price_basis
from gateway.contracts.contract import Contract, RecordModel
from gateway.contracts.fields import Choice, Code, CodeList, Currency, Instant, Money, Rate
from gateway.contracts.rules import (
    in_order,
    looks_like_fraction,
    not_above,
    required_unless,
    told_in_time,
    unique_key,
)


class Price(RecordModel):
    """What one article costs."""

    sku: Annotated[str, Code(max_length=255)] = Field(
        description="The partner's own code of the article or of one variant of it.", examples=["TS-100-XL-BL"]
    )
    price: Annotated[Decimal, Money(decimals=6)] | None = Field(
        default=None, description="Price of one unit before any discount.", examples=["19.99"]
    )
    price_basis: Annotated[str, Choice(("net", "gross"))] | None = Field(
        default=None, description="Whether amounts of the row are without or with tax.", examples=["gross"]
    )
    tax_rate: Annotated[Decimal, Rate()] | None = Field(
        default=None, description="Tax rate in percentage points: 20 means 20 %.", examples=["21"]
    )
    currency: Annotated[str, Currency()] | None = Field(
        default=None, description="Currency of the amounts of the row.", examples=["EUR"]
    )
    discount_price: Annotated[Decimal, Money(decimals=6)] | None = Field(
        default=None, description="Price while the discount lasts.", examples=["14.99"]
    )
    discount_from: Annotated[datetime, Instant()] | None = Field(
        default=None, description="When the discount begins; not given: at once.", examples=["2026-11-27T00:00:00Z"]
    )
    discount_to: Annotated[datetime, Instant()] | None = Field(
        default=None, description="When it ends; not given: never.", examples=["2026-11-30T23:59:59Z"]
    )
    vendor_ids: Annotated[str, CodeList(max_length=2000)] | None = Field(
        default=None, description="Shops or vendors the row is for, where one file serves several.", examples=["V1|V2"]
    )
    valid_from: Annotated[datetime, Instant()] | None = Field(
        default=None, description="The row waits until then; not given: at once.", examples=["2026-12-01T00:00:00Z"]
    )
    command: Annotated[str, Choice(("upsert", "end"))] | None = Field(
        default=None, description="end: the price is taken back; not given: upsert.", examples=["upsert"]
    )
    timestamp: Annotated[datetime, Instant()] | None = Field(
        default=None,
        description="When the row was true; not given: the file's time.",
        examples=["2026-11-22T09:30:00Z"],
    )


CONTRACT = Contract(
    name="price",
    version=1,
    title="Prices",
    model=Price,
    key=("sku",),
    day_ends=frozenset({"discount_to"}),
    rules=(
        *required_unless("price", "command", "end"),
        *price_basis("price", "discount_price"),
        not_above("discount_price", "price", "DISCOUNT_PRICE"),
        in_order("discount_from", "discount_to", "SP-DATE", numeric=False),
        looks_like_fraction("tax_rate", "T-FRAC"),
    ),
    rows_rules=(unique_key(("sku",)),),
    dated_rules=told_in_time,
    required_unless={"price": ("command", "end")},
    required_with={"price_basis": ("price", "discount_price")},
)
