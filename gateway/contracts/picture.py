"""The contract `picture`: pictures of articles, each with its place in the row of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import polars as pl
from pydantic import Field

from gateway.contracts.contract import Contract, RecordModel
from gateway.contracts.fields import Base64, Choice, Code, Instant, Quantity, Text
from gateway.contracts.rules import (
    Record,
    RowsRule,
    Rule,
    also_in_row,
    given,
    issues_of,
    required_unless,
    stands,
    told_in_time,
    unique_key,
)
from gateway.contracts.variants import VARIANT_FIELDS, variant_rows_rules, variant_rules
from gateway.formats.images import image_nature, picture_flaw
from gateway.model import ROW

LARGEST = 20_000_000
"""Bytes of a picture; destinations mostly take less."""

# JPEG, PNG, GIF and WebP begin so in base64 (ISO 10918-1, PNG 1.2, GIF 87a and 89a, RIFF with WEBP at byte 8)
_KINDS = r"^(/9j/|iVBORw0KGg[o-r]|R0lGODdh|R0lGODlh|UklGR[g-v][A-Za-z0-9+/]{4}[BFJNRVZdhlptx159]XRUJQ)"
_EXAMPLE = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


class Picture(RecordModel):
    """One picture of one article."""

    sku: Annotated[str, Code(max_length=255)] = Field(
        description="The partner's own code of the article or of one variant of it.", examples=["TS-100-XL-BL"]
    )
    product_id: Annotated[str, Code(max_length=255)] | None = Field(
        default=None, description="Groups the variants of one product.", examples=["TS-100"]
    )
    order: Annotated[Decimal, Quantity(decimals=0, high=Decimal(9999))] | None = Field(
        default=None, description="Place among the article's pictures, the lowest first.", examples=["1"]
    )
    description: Annotated[str, Text(max_length=500)] | None = Field(
        default=None, description="What it shows.", examples=["Front"]
    )
    picture: Annotated[bytes, Base64(max_bytes=LARGEST)] | None = Field(
        default=None, description="The picture: JPEG, PNG, GIF or WebP.", examples=[_EXAMPLE]
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
    command: Annotated[str, Choice(("upsert", "end"))] | None = Field(
        default=None, description="end: the picture is taken away; not given: upsert.", examples=["upsert"]
    )
    timestamp: Annotated[datetime, Instant()] | None = Field(
        default=None,
        description="When the row was true; not given: the file's time.",
        examples=["2026-11-22T09:30:00Z"],
    )


def _kind() -> Rule:
    """Return P-KIND, by the first bytes of the picture."""
    beginnings = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")

    def explain(record: Record) -> str | None:
        text = record.get("picture") or ""
        found = Base64(max_bytes=LARGEST).read(text) if text else b""
        known = found.startswith(beginnings) or (found[:4] == b"RIFF" and found[8:12] == b"WEBP")
        return "" if text and not known else None

    foreign = given("picture") & ~pl.col("picture").str.contains(_KINDS)
    return Rule("P-KIND", "picture", ("picture",), foreign, explain)


def _whole() -> Rule:
    """Return P-WHOLE, by what a picture file is judged by, too."""

    def explain(record: Record) -> str | None:
        text = record.get("picture") or ""
        return _flaw(Base64(max_bytes=LARGEST).read(text)) if text else None

    flaw = pl.col("picture").map_batches(_flaws, return_dtype=pl.String)
    return Rule("P-WHOLE", "picture", ("picture",), flaw.is_not_null(), explain, flaw, ("picture",))


def _flaws(cells: pl.Series) -> pl.Series:
    """Say what is wrong with each picture: a few of its bytes are looked at, beside all that text of base64 has."""
    found = (None if data is None else _flaw(data) for data in cells.str.decode("base64", strict=False))
    return pl.Series(cells.name, list(found), dtype=pl.String)


def _flaw(data: bytes) -> str | None:
    nature = image_nature(data)
    flaw = None if nature is None else picture_flaw(data, nature)
    return None if flaw is None else flaw.detail


def _unique_place() -> RowsRule:
    """Return P-ORDER: pictures of one product and variant have different places, whatever article they stand at."""
    alike = ("product_id", "order", "variant1_value", "variant2_value")

    def find(rows: pl.DataFrame) -> pl.DataFrame:
        here = rows.sort(ROW).with_columns(pl.col(field).fill_null("") for field in alike)
        twice = here.filter(pl.col("sku").n_unique().over(alike) > 1)
        return issues_of(twice, "P-ORDER", "order", value=pl.col("order"), detail=also_in_row(*alike))

    where = given("product_id") & given("order") & stands()
    return RowsRule("P-ORDER", "product_id", (*alike, "sku"), where, find, alike, (pl.col("sku"),))


CONTRACT = Contract(
    name="picture",
    version=1,
    title="Pictures",
    model=Picture,
    key=("sku", "order", *VARIANT_FIELDS),
    group="product_id",
    rules=(*required_unless("picture", "command", "end"), _kind(), _whole(), *variant_rules()),
    rows_rules=(unique_key(("sku",)), _unique_place(), *variant_rows_rules("product_id")),
    dated_rules=told_in_time,
    required_unless={"picture": ("command", "end")},
)
