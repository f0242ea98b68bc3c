"""Rows of a catalog as Sage 50 takes them, and what the destination says and writes of rows."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl

from gateway.destinations.sage import SageDestination, SageSettings
from gateway.issues import WARNINGS
from gateway.model import ISSUE_SCHEMA, KEY, LINE, ROW, Reference
from gateway.testing.clock import FakeClock

STAMP = "2024-05-02T09:29:58Z"
TODAY = date(2024, 5, 2)
SHIRT = {
    "sku": "TS-100-XL-BL",
    "product_id": "TS-100",
    "name": "T-shirt",
    "barcode_type": "EAN-13",
    "barcode": "8412345678905",
    "price": "19.99",
    "tax_rate": "21",
    "discount": "0",
    "discount_by_unit": "false",
    "brand": "Acme",
    "category": "Clothing\\Shirts",
    "available": "true",
    "related_skus": "TS-200|TS-300",
    "variant1_type": "Size",
    "variant1_value": "XL",
    "variant2_type": "Color",
    "variant2_value": "Blue",
    "timestamp": STAMP,
}
PLAIN = {"sku": "A-7", "name": "Mug", "price": "4", "tax_rate": "20", "timestamp": STAMP}
OFFER = {
    "promotion_id": "P1",
    "sku": "TS-100",
    "type": "percentage",
    "percentage": "15",
    "quantity_from": "2",
    "starts_at": "2024-05-31T22:00:00Z",
    "ends_at": "2024-06-30T21:59:59Z",
    "timestamp": STAMP,
}
AMOUNTS = {"special_price_bare_discount": "amount"}
"""A discount that says no rate is an amount."""
PICTURE = {"sku": "A-7", "order": "1", "picture": "iVBORw0KGgo=", "timestamp": STAMP}


def build(**more) -> SageDestination:
    settings = SageSettings(**{"outbox": Path("out"), "results": Path("in"), "profile": "acme", **more})
    return SageDestination(settings, clock=FakeClock(), account="a", name="sage")


def frame(*rows: dict) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    made = pl.DataFrame({n: [row.get(n) for row in rows] for n in names}, schema=dict.fromkeys(names, pl.String))
    numbers = pl.int_range(2, pl.len() + 2, dtype=pl.Int64)
    return made.with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.format("k{}", pl.int_range(pl.len())).alias(KEY),
        numbers.alias(ROW),
        numbers.alias(LINE),
    )


def encode(operation: str, *rows: dict, **more):
    return list(build(**more).encode(operation, frame(*rows), Reference()))


def body(operation: str, *rows: dict, **more) -> str:
    (batch,) = encode(operation, *rows, **more)
    return batch.body.decode()


def one(operation: str, row: dict, **more) -> dict:
    (item,) = json.loads(body(operation, row, **more))
    return item


def judged(operation: str, row: dict, **more) -> list[tuple[str, str]]:
    """What the operation's requirements say of a row, with every field they read there."""
    destination = build(**more)
    found = next(o for o in destination.operations if o.name == operation)
    names = {name for rule in found.requires for name in rule.columns}
    full = frame(row).with_columns(pl.lit(None, pl.String).alias(n) for n in names - row.keys())
    told = [(r.field, r.code) for r in found.requires if full.select(r.where.fill_null(False)).item()]
    return [(field, code) for field, code in told if code not in WARNINGS]


def checked(operation: str, *rows: dict, **more) -> list[tuple[int, str, str]]:
    destination, records = build(**more), frame(*rows)
    found = destination.check(operation, records, Reference(), TODAY)
    assert found.schema == ISSUE_SCHEMA
    return found.select(ROW, "code", "field").rows()


def told_apart(operation: str, *rows: dict, **more) -> int:
    """How many records the rows are to Sage."""
    found = next(o for o in build(**more).operations if o.name == operation)
    assert found.alone is (more.get("dedupe", "refuse") == "refuse")
    names = {*found.record.meta.root_names()} - {name for row in rows for name in row}
    full = frame(*rows).with_columns(pl.lit(None, pl.String).alias(name) for name in names)
    return full.select(found.record).n_unique()
