"""Stock records to Sage 50 ProductStock batch files; pure.

Source: Sage 50 Cloud API documentation, e-commerce solution, ProductStock: productId, stock (an absolute level),
unitName, minimumToSell, up to two variants, timestamp in UTC; names and types are verified, everything about the file
around the records is an assumption.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.amounts import fraction_of_pieces, fraction_without_unit
from gateway.contracts.rules import given
from gateway.destinations.sage import article
from gateway.destinations.sage.article import VARIANTS, Member
from gateway.destinations.sage.batches import Shape
from gateway.destinations.sage.settings import SageSettings
from gateway.model import Operation, Repeat, Requirement

OPERATION = "stock"
_FIELDS = ("sku", "product_id", "quantity", "unit_name", "minimum_to_sell", *VARIANTS, "timestamp")
_UNIT_LENGTH = 8
_PIECES = "pieces"
_NO_UNIT = "pieces where no unit_name says otherwise"


def operations(settings: SageSettings) -> tuple[Operation, ...]:
    """Describe how levels are written: those of stock files, and those that stand in a catalog."""
    stock = Operation(
        name=OPERATION,
        contract="stock",
        family="stock",
        fields=_FIELDS,
        batch_size=settings.max_records,
        requires=_requires(settings),
        drifts=True,
        confirms="accepted" if settings.results is None else "applied",
        # A level is absolute: repeating it is harmless unless a newer one was written since.
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.deadline,
        # The folder itself holds back the next file until this one is taken or answered: `submit` raises Busy.
        slot_until="ticket",
        ends=True,
        key=("sku", "warehouse"),
        after=("product",),
        measure="quantity",
        gathers=True,
        border=("product_id", "sku"),
    )
    # A catalog has no warehouse, and its contract tells of fractions of pieces itself.
    placed = tuple(rule for rule in stock.requires if "warehouse" not in rule.columns and rule.detail != _PIECES)
    return stock, replace(stock, contract="catalog", requires=placed, when=("quantity",))


def _requires(settings: SageSettings) -> tuple[Requirement, ...]:
    rules = [
        profiles.needed("timestamp", "the time at which the level was true"),
        *article.requires(settings),
        article.at_most("unit_name", _UNIT_LENGTH, settings),
        Requirement("C-QTY", "quantity", ("quantity", "unit_name"), fraction_of_pieces("quantity"), _PIECES),
        Requirement("C-QTY", "quantity", ("quantity", "unit_name"), fraction_without_unit("quantity"), _NO_UNIT),
    ]
    if settings.warehouses == "refuse":
        detail = "there are no warehouses: sum them in the mapping"
        rules.append(Requirement("DEST_LIMIT", "warehouse", ("warehouse",), given("warehouse"), detail))
    return tuple(rules)


def shape(settings: SageSettings) -> Shape:
    """Return how a level is written."""
    level = pl.when(article.ended()).then(pl.lit("0")).otherwise(pl.col("quantity"))
    members = (
        article.product_member("productId"),
        Member("stock", level, required=True),
        article.text("unitName", "unit_name"),
        article.number("minimumToSell", "minimum_to_sell"),
        *article.variant_members(),
        article.timestamp(),
    )
    return Shape(OPERATION, settings.scope, settings.max_records, _FIELDS, members, article.row_key(settings.separator))
