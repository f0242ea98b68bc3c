"""Pictures to Sage 50 ProductPicture batch files; pure.

Source: Sage 50 Cloud API documentation, e-commerce solution, ProductPicture: names, types and required properties are
verified, `picture` being the image in base64; sizes are assumptions. There is no property that takes one away.
"""

from __future__ import annotations

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.rules import given
from gateway.destinations import _json
from gateway.destinations.sage import article
from gateway.destinations.sage.article import VARIANTS, Member
from gateway.destinations.sage.batches import Shape
from gateway.destinations.sage.settings import SageSettings
from gateway.model import Mention, Operation, Repeat, Requirement

OPERATION = "picture"
_FIELDS = ("sku", "product_id", "order", "description", "picture", *VARIANTS, "timestamp")
_AROUND = 50_000
"""Bytes kept free in a file for the texts beside a picture and the envelope."""


def operation(settings: SageSettings) -> Operation:
    """Describe how pictures are written."""
    return Operation(
        name=OPERATION,
        contract="picture",
        family="picture",
        fields=_FIELDS,
        batch_size=settings.picture_max_records,
        requires=_requires(settings),
        confirms="accepted" if settings.results is None else "applied",
        # A picture has its place: repeating it is harmless unless a newer one was written there since.
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.deadline,
        slot_until="ticket",
        after=("product",),
        gathers=True,
        border=("product_id", "sku"),
        mentions=(Mention("V-REF", "sku", "product", besides=("product_id",)),),
    )


def _requires(settings: SageSettings) -> tuple[Requirement, ...]:
    own = -(-settings.picture_max_bytes // 3) * 4
    room = (settings.max_bytes - _AROUND) // 4 * 4
    limit = min(own, room)
    size = pl.col("picture").str.len_bytes() > limit
    detail = f"at most {min(settings.picture_max_bytes, limit // 4 * 3):,} bytes"
    return (
        profiles.needed("timestamp", "the time of the last update"),
        profiles.needed("picture", "there is no picture", unless=("command", "end")),
        profiles.without_command("end"),
        Requirement("DEST_LIMIT", "picture", ("picture",), size, detail),
        *article.requires(settings),
        profiles.at_most_characters("description", article.TEXT_LENGTH),
    )


def shape(settings: SageSettings) -> Shape:
    """Return how a picture is written."""
    members = (
        article.product_member("productId"),
        article.number("order", "order"),
        article.text("description", "description"),
        Member("picture", _json.quoted(pl.col("picture")), required=True),
        *article.variant_members(),
        article.timestamp(),
    )
    key = row_key(settings.separator)
    return Shape(OPERATION, settings.picture_scope, settings.picture_max_records, _FIELDS, members, key)


def row_key(separator: str) -> pl.Expr:
    """Row key of answers: that of the article, then its place among the pictures."""
    return pl.concat_str(article.row_key(separator), _place())


def record(separator: str) -> pl.Expr:
    """What a picture is of, as far as its row says so, and its place."""
    return pl.concat_str(article.record(separator), _place())


def _place() -> pl.Expr:
    return pl.when(given("order")).then(pl.concat_str(pl.lit("#"), "order")).otherwise(pl.lit(""))
