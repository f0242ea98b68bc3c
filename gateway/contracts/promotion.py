"""The contract `promotion`: what is cheaper, for whom, from when to when."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from gateway.contracts.amounts import is_zero, price_basis
from gateway.contracts.contract import Contract, RecordModel
from gateway.contracts.fields import (
    Category,
    Choice,
    Code,
    CodeList,
    Currency,
    Flag,
    Instant,
    Money,
    Quantity,
    Rate,
    Text,
)
from gateway.contracts.offers import KINDS, SELECTION, kind_rules, over, overlaps, selection_rules
from gateway.contracts.rules import (
    Rule,
    in_order,
    looks_like_fraction,
    not_above,
    one_of_unless,
    told_in_time,
    unique_key,
)

_WHOLE = Quantity(decimals=0, low=Decimal(1))
_GIVES = ("price", "percentage", "amount", "buy_quantity")
_WINDOW = ("starts_at", "ends_at")


class Promotion(RecordModel):
    """One promotion of an article, or of all articles of a brand or category, or for one customer."""

    promotion_id: Annotated[str, Code(max_length=255)] | None = Field(
        default=None, description="The partner's own code of the promotion.", examples=["BF26"]
    )
    sku: Annotated[str, Code(max_length=255)] | None = Field(
        default=None, description="The article it is for.", examples=["TS-100-XL-BL"]
    )
    product_id: Annotated[str, Code(max_length=255)] | None = Field(
        default=None, description="The product it is for, or to which the article belongs.", examples=["TS-100"]
    )
    brand: Annotated[str, Text(max_length=255)] | None = Field(
        default=None, description="All articles of this brand.", examples=[""]
    )
    category: Annotated[str, Category(max_length=500)] | None = Field(
        default=None, description="All articles of this category.", examples=[""]
    )
    customer_id: Annotated[str, Code(max_length=255)] | None = Field(
        default=None, description="Only this customer.", examples=["C-1"]
    )
    type: Annotated[str, Choice(tuple(KINDS))] | None = Field(
        default=None, description="What it gives; not given: told from what is filled.", examples=["percentage"]
    )
    price: Annotated[Decimal, Money(decimals=6)] | None = Field(
        default=None, description="final_price: what a unit costs while it lasts.", examples=[""]
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
    percentage: Annotated[Decimal, Rate()] | None = Field(
        default=None, description="percentage: taken off, in percentage points.", examples=["15"]
    )
    amount: Annotated[Decimal, Money(decimals=6)] | None = Field(
        default=None, description="amount: money taken off.", examples=[""]
    )
    discount_by_unit: Annotated[bool, Flag()] | None = Field(
        default=None, description="Whether the discount is for each unit or for the total.", examples=["false"]
    )
    buy_quantity: Annotated[Decimal, _WHOLE] | None = Field(
        default=None, description="bundle: units to buy.", examples=[""]
    )
    get_quantity: Annotated[Decimal, _WHOLE] | None = Field(
        default=None, description="bundle: units that come on top.", examples=[""]
    )
    quantity_from: Annotated[Decimal, Quantity()] | None = Field(
        default=None, description="Least units in one sale; not given: 0.", examples=["2"]
    )
    quantity_to: Annotated[Decimal, Quantity()] | None = Field(
        default=None, description="Most units in one sale.", examples=["10"]
    )
    spent_from: Annotated[Decimal, Money(decimals=6)] | None = Field(
        default=None, description="Least total of one sale; not given: 0.", examples=[""]
    )
    spent_to: Annotated[Decimal, Money(decimals=6)] | None = Field(
        default=None, description="Greatest total of one sale.", examples=[""]
    )
    starts_at: Annotated[datetime, Instant()] | None = Field(
        default=None, description="When it begins; not given: at once.", examples=["2026-11-27T00:00:00Z"]
    )
    ends_at: Annotated[datetime, Instant()] | None = Field(
        default=None, description="Its last second; not given: open.", examples=["2026-11-30T23:59:59Z"]
    )
    limit_total: Annotated[Decimal, _WHOLE] | None = Field(
        default=None, description="How often it may be used altogether.", examples=["1000"]
    )
    limit_per_customer: Annotated[Decimal, _WHOLE] | None = Field(
        default=None, description="How often one customer may use it.", examples=["2"]
    )
    regular_price: Annotated[Decimal, Money(decimals=6)] | None = Field(
        default=None, description="Price without the promotion, to compare with.", examples=["19.99"]
    )
    campaign: Annotated[str, Text(max_length=255)] | None = Field(
        default=None, description="Name of the campaign.", examples=["Black Friday 2026"]
    )
    reason: Annotated[str, Text(max_length=255)] | None = Field(
        default=None, description="Why, in the words the destination asks for.", examples=["seasonal"]
    )
    status: Annotated[str, Choice(("active", "inactive"))] | None = Field(
        default=None, description="inactive: known, but off; not given: active.", examples=["active"]
    )
    vendor_ids: Annotated[str, CodeList(max_length=2000)] | None = Field(
        default=None, description="Shops or vendors the row is for, where one file serves several.", examples=["V1|V2"]
    )
    valid_from: Annotated[datetime, Instant()] | None = Field(
        default=None, description="The row waits until then; not given: at once.", examples=["2026-11-20T00:00:00Z"]
    )
    command: Annotated[str, Choice(("upsert", "end"))] | None = Field(
        default=None, description="end: the promotion is taken back; not given: upsert.", examples=["upsert"]
    )
    timestamp: Annotated[datetime, Instant()] | None = Field(
        default=None,
        description="When the row was true; not given: the file's time.",
        examples=["2026-11-22T09:30:00Z"],
    )


def _dated(now: datetime) -> tuple[Rule, ...]:
    return (*told_in_time(now), over(Instant.text(now)))


CONTRACT = Contract(
    name="promotion",
    version=1,
    title="Promotions",
    model=Promotion,
    key=("promotion_id", "sku", "brand", "category", "customer_id", *_WINDOW, *SELECTION[-4:]),
    group="product_id",
    day_ends=frozenset({"ends_at"}),
    rules=(
        one_of_unless(_GIVES, "command", "end"),
        one_of_unless(_WINDOW, "command", "end"),
        *kind_rules(),
        *selection_rules(),
        *price_basis("price", "amount", "regular_price"),
        not_above("price", "regular_price", "SP-PRICE"),
        not_above("amount", "regular_price", "SP-AMOUNT"),
        is_zero("percentage", "SP-DISC-MAX"),
        is_zero("amount", "SP-DISC-MAX"),
        in_order("starts_at", "ends_at", "SP-DATE", numeric=False),
        in_order("quantity_from", "quantity_to", "SP-RANGE", numeric=True),
        in_order("spent_from", "spent_to", "SP-RANGE", numeric=True),
        looks_like_fraction("tax_rate", "T-FRAC"),
        looks_like_fraction("percentage", "C-RATE"),
    ),
    rows_rules=(unique_key((), named="sku"), *overlaps()),
    dated_rules=_dated,
    one_of_unless={_GIVES: ("command", "end"), _WINDOW: ("command", "end")},
    required_with={"price_basis": ("price", "amount", "regular_price")},
)
