"""The contract `stock`: absolute stock levels per article and warehouse."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from gateway.contracts.amounts import minimum_above_stock
from gateway.contracts.contract import Contract, RecordModel
from gateway.contracts.fields import Choice, Code, CodeList, Instant, Quantity, Text
from gateway.contracts.rules import required_unless, told_in_time, unique_key
from gateway.contracts.variants import variant_rows_rules, variant_rules

_PIECES = Quantity(decimals=3)
_AT_LEAST_SOME = Quantity(decimals=3, low=Decimal("0.001"))


class Stock(RecordModel):
    """One article's level at one place."""

    sku: Annotated[str, Code(max_length=255)] = Field(
        description="The partner's own code of the article or of one variant of it.", examples=["TS-100-XL-BL"]
    )
    quantity: Annotated[Decimal, _PIECES] | None = Field(
        default=None, description="Units available now: a level, not a movement; 0 is a fact.", examples=["14"]
    )
    product_id: Annotated[str, Code(max_length=255)] | None = Field(
        default=None, description="Groups the variants of one product.", examples=["TS-100"]
    )
    warehouse: Annotated[str, Code(max_length=100)] | None = Field(
        default=None, description="Place of the stock; not given: the article's only or total level.", examples=["MAIN"]
    )
    unit_name: Annotated[str, Text(max_length=40)] | None = Field(
        default=None, description="What is counted: pieces, boxes, litres.", examples=["units"]
    )
    minimum_to_sell: Annotated[Decimal, _AT_LEAST_SOME] | None = Field(
        default=None, description="Least units in one sale.", examples=["1"]
    )
    maximum_sales_quantity: Annotated[Decimal, Quantity(decimals=0)] | None = Field(
        default=None, description="Most units in one order.", examples=["10"]
    )
    variant1_type: Annotated[str, Text(max_length=60)] | None = Field(
        default=None, description="What the first variant is about.", examples=["Size"]
    )
    variant1_value: Annotated[str, Text(max_length=60)] | None = Field(
        default=None, description="Which one it is.", examples=["XL"]
    )
    variant2_type: Annotated[str, Text(max_length=60)] | None = Field(
        default=None, description="What the second variant is about.", examples=["Color"]
    )
    variant2_value: Annotated[str, Text(max_length=60)] | None = Field(
        default=None, description="Which one it is.", examples=["Blue"]
    )
    vendor_ids: Annotated[str, CodeList(max_length=2000)] | None = Field(
        default=None,
        description="Shops or vendors the level is for, where one file serves several.",
        examples=["V1|V2"],
    )
    valid_from: Annotated[datetime, Instant()] | None = Field(
        default=None, description="The row waits until then; not given: at once.", examples=["2026-12-01T00:00:00Z"]
    )
    command: Annotated[str, Choice(("upsert", "end"))] | None = Field(
        default=None, description="end: the article is offered no longer; not given: upsert.", examples=["upsert"]
    )
    timestamp: Annotated[datetime, Instant()] | None = Field(
        default=None,
        description="When the level was true; not given: the file's time.",
        examples=["2026-11-22T09:30:00Z"],
    )


CONTRACT = Contract(
    name="stock",
    version=1,
    title="Stock levels",
    model=Stock,
    key=("sku", "warehouse"),
    group="product_id",
    rules=(*required_unless("quantity", "command", "end"), *variant_rules(), minimum_above_stock()),
    rows_rules=(unique_key(("sku",)), *variant_rows_rules("product_id")),
    dated_rules=told_in_time,
    required_unless={"quantity": ("command", "end")},
)
