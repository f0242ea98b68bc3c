"""The contract `catalog`: articles with what shops show and ask of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import polars as pl
from pydantic import Field

from gateway.contracts.amounts import minimum_above_stock, price_basis, whole_where_counted
from gateway.contracts.barcodes import TYPES, barcode_rules, one_article
from gateway.contracts.contract import Contract, RecordModel
from gateway.contracts.fields import (
    AddressList,
    Category,
    Choice,
    Code,
    CodeList,
    Currency,
    Flag,
    Html,
    Instant,
    Money,
    Quantity,
    Rate,
    Text,
)
from gateway.contracts.rules import Record, Rule, given, is_given, looks_like_fraction, told_in_time, unique_key
from gateway.contracts.variants import same_parent, unique_variant, variant_rows_rules, variant_rules

ATTRIBUTES = "attributes."
"""Beginning of the names of free attributes; a marketplace's own code follows."""

_PIECES = Quantity(decimals=3)
_AT_LEAST_SOME = Quantity(decimals=3, low=Decimal("0.001"))
_PARENT_FIELDS = ("name", "brand", "category", "tax_rate", "discount_by_unit")


class Catalog(RecordModel):
    """One article, or one variant of one."""

    sku: Annotated[str, Code(max_length=255)] = Field(
        description="The partner's own code of the article or of one variant of it.", examples=["TS-100-XL-BL"]
    )
    product_id: Annotated[str, Code(max_length=255)] | None = Field(
        default=None, description="Groups the variants of one product.", examples=["TS-100"]
    )
    reference: Annotated[str, Code(max_length=255)] | None = Field(
        default=None, description="A further code of the article: supplier's or maker's.", examples=["TS-100-XL-BL"]
    )
    name: Annotated[str, Text(max_length=500)] | None = Field(
        default=None, description="What the article is called.", examples=["T-shirt"]
    )
    short_description: Annotated[str, Html(max_length=2000)] | None = Field(
        default=None, description="One or two sentences.", examples=["Plain cotton T-shirt."]
    )
    long_description: Annotated[str, Html(max_length=50_000)] | None = Field(
        default=None, description="The whole description.", examples=["<p>Plain T-shirt, 100 % cotton.</p>"]
    )
    barcode_type: Annotated[str, Choice(TYPES)] | None = Field(
        default=None, description="Kind of barcode; not given: told from its length.", examples=["EAN-13"]
    )
    barcode: Annotated[str, Code(max_length=60)] | None = Field(
        default=None, description="The barcode, leading zeros and all.", examples=["8412345678905"]
    )
    brand: Annotated[str, Text(max_length=255)] | None = Field(
        default=None, description="Brand of the article.", examples=["Acme"]
    )
    category: Annotated[str, Category(max_length=500)] | None = Field(
        default=None, description="Place in the category tree, from the root on.", examples=[r"Clothing\Shirts"]
    )
    price: Annotated[Decimal, Money(decimals=6)] | None = Field(
        default=None, description="Price of one unit before any discount.", examples=["19.99"]
    )
    price_basis: Annotated[str, Choice(("net", "gross"))] | None = Field(
        default=None, description="Whether amounts of the row are without or with tax.", examples=["net"]
    )
    tax_rate: Annotated[Decimal, Rate()] | None = Field(
        default=None, description="Tax rate in percentage points: 20 means 20 %.", examples=["21"]
    )
    currency: Annotated[str, Currency()] | None = Field(
        default=None, description="Currency of the amounts of the row.", examples=["EUR"]
    )
    discount: Annotated[Decimal, Rate()] | None = Field(
        default=None, description="Lasting discount in percentage points.", examples=["10"]
    )
    discount_by_unit: Annotated[bool, Flag()] | None = Field(
        default=None, description="Whether the discount is for each unit or for the total.", examples=["false"]
    )
    date_added: Annotated[datetime, Instant()] | None = Field(
        default=None, description="When the article came into the catalog.", examples=["2026-01-15T00:00:00Z"]
    )
    available: Annotated[bool, Flag()] | None = Field(
        default=None, description="Whether the article may be sold.", examples=["true"]
    )
    related_skus: Annotated[str, CodeList(max_length=2000)] | None = Field(
        default=None, description="Articles that go with this one.", examples=["TS-200|TS-300"]
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
    quantity: Annotated[Decimal, _PIECES] | None = Field(
        default=None, description="Units available now: a level; 0 is a fact, not given says nothing.", examples=["14"]
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
    condition: Annotated[str, Code(max_length=100)] | None = Field(
        default=None, description="State of the goods, by the marketplace's own code.", examples=["11"]
    )
    lead_time: Annotated[Decimal, Quantity(decimals=0, high=Decimal(999))] | None = Field(
        default=None, description="Whole days until the goods are sent.", examples=["2"]
    )
    image_urls: Annotated[str, AddressList(max_length=20_000)] | None = Field(
        default=None, description="Addresses of pictures, the main one first.", examples=["https://example.com/1.jpg"]
    )
    vendor_ids: Annotated[str, CodeList(max_length=2000)] | None = Field(
        default=None, description="Shops or vendors the row is for, where one file serves several.", examples=["V1|V2"]
    )
    valid_from: Annotated[datetime, Instant()] | None = Field(
        default=None, description="The row waits until then; not given: at once.", examples=["2026-12-01T00:00:00Z"]
    )
    command: Annotated[str, Choice(("upsert", "end"))] | None = Field(
        default=None, description="end: the article is offered no longer; not given: upsert.", examples=["upsert"]
    )
    timestamp: Annotated[datetime, Instant()] | None = Field(
        default=None,
        description="When the row was true; not given: the file's time.",
        examples=["2026-11-22T09:30:00Z"],
    )


def _related(own: str) -> Rule:
    """Return R-REL: an article is not related to itself, by its own code or by its product's."""

    def explain(record: Record) -> str | None:
        entries = (record.get("related_skus") or "").split("|")
        return record[own] if is_given(record, own) and record.get(own) in entries else None

    inside = pl.col("related_skus").str.split("|").list.contains(pl.col(own))
    return Rule("R-REL", "related_skus", ("related_skus", own), given(own) & inside, explain, pl.col(own))


CONTRACT = Contract(
    name="catalog",
    version=1,
    title="Catalog",
    model=Catalog,
    key=("sku",),
    group="product_id",
    undated=frozenset({"variant1_value", "variant2_value"}),
    rules=(
        *price_basis("price"),
        *barcode_rules(),
        _related("sku"),
        *variant_rules(),
        looks_like_fraction("tax_rate", "T-FRAC"),
        looks_like_fraction("discount", "C-RATE"),
        minimum_above_stock(),
        whole_where_counted("quantity"),
    ),
    rows_rules=(
        unique_key(("sku",)),
        unique_variant("product_id"),
        *variant_rows_rules("product_id", mixed="V-MIX-CATALOG"),
        same_parent("product_id", _PARENT_FIELDS),
        one_article("condition"),
    ),
    dated_rules=told_in_time,
    required_with={"price_basis": ("price",)},
    permits={
        "create_missing": "What the row needs and the destination lacks, like its category, may be made there.",
    },
    open_prefix=ATTRIBUTES,
    open_type=Text(max_length=5000, lines=True),
    open_help="A free attribute of the article, by the marketplace's own code; any number of them.",
)
