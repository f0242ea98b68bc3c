"""Rules on quantities and amounts of money that several contracts share."""

from __future__ import annotations

import polars as pl

from gateway.contracts.rules import Record, Rule, given, needed_with, number, number_of
from gateway.wording import filled

PRICED = ("price", "discount_price", "amount", "regular_price")
"""Amounts that mean nothing without a price basis."""

COUNTING_UNITS = (
    *("unit", "units", "piece", "pieces", "pc", "pcs", "each", "ea", "box", "boxes", "pack", "packs"),
    *("ud", "uds", "unidad", "unidades", "pieza", "piezas", "caja", "cajas"),
)
"""Unit names, in small letters, of what has no fractions."""


def price_basis(*fields: str) -> tuple[Rule, ...]:
    """Return PRICE_BASIS: a price is never a bare number, net or gross is said beside it."""
    return needed_with("price_basis", fields, "PRICE_BASIS")


def minimum_above_stock() -> Rule:
    """Return the warning for a least sale that the stock does not allow."""
    fields = ("minimum_to_sell", "quantity")

    def explain(record: Record) -> str | None:
        minimum, quantity = (number_of(record, field) for field in fields)
        if minimum is None or quantity is None:
            return None
        return f"{record['minimum_to_sell']} of {record['quantity']}" if 0 < quantity < minimum else None

    minimum, quantity = (number(field) for field in fields)
    detail = filled("{} of {}", *fields)
    # an article that is sold out is below any minimum: nothing to warn of
    wrong = (quantity < minimum) & (quantity > 0)
    return Rule("MINIMUM_ABOVE_STOCK", fields[0], fields, wrong, explain, detail, fields, repeats=True)


def whole_where_counted(field: str) -> Rule:
    """Return the warning for a fraction of what is counted in pieces.

    Source: Sage 50 Cloud e-commerce contracts name boxes, liters and units as examples (verified); the words that
    count are ours (assumption).
    """
    columns = (field, "unit_name")

    def explain(record: Record) -> str | None:
        unit = record.get("unit_name") or ""
        return unit if "." in (record.get(field) or "") and unit.lower() in COUNTING_UNITS else None

    wrong = fraction_of_pieces(field)
    return Rule("C-QTY", field, columns, wrong, explain, pl.col("unit_name"), columns, repeats=True)


def fraction_of_pieces(field: str) -> pl.Expr:
    """Return whether the number is a fraction of what `unit_name` counts in pieces."""
    counted = pl.col("unit_name").str.to_lowercase().is_in(COUNTING_UNITS)
    return _fraction(field) & counted


def fraction_without_unit(field: str) -> pl.Expr:
    """Return whether the number is a fraction, and no `unit_name` says of what."""
    return _fraction(field) & ~given("unit_name")


def _fraction(field: str) -> pl.Expr:
    return pl.col(field).str.contains(".", literal=True)


def is_zero(field: str, code: str) -> Rule:
    """Return the rule told of where the number is 0."""

    def explain(record: Record) -> str | None:
        return "" if record.get(field) == "0" else None

    return Rule(code, field, (field,), pl.col(field) == "0", explain, needs=(field,))
