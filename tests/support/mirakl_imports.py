"""Imports of a Mirakl shop: batches that were sent, states and pages of a listing, and what is told of their rows."""

from __future__ import annotations

import polars as pl

from gateway.model import Receipt

EFFECTS = pl.DataFrame({"effect": [0], "line": [2]}, schema={"effect": pl.UInt32, "line": pl.Int64})


def page(operation, *states):
    if operation == "product":
        return {"product_import_trackings": list(states), "total_count": len(states)}
    return {"data": list(states)}


def live(count, **more):
    return {"integration_details": {"products_successfully_synchronized": count, **more}}


def poll(build, item, *steps, **more) -> Receipt:
    destination, _ = build(*steps, **more)
    return destination.poll([item])[item.batch_id]


def told(receipt):
    return receipt.outcomes.select("line", "key", "state", "message").rows()
