"""Records as `encode` gets them, and a transport that answers from a script."""

from __future__ import annotations

import json

import polars as pl
import pytest

from gateway.model import KEY, KEY_SEPARATOR, LINE, ROW
from gateway.testing.clock import FakeClock
from gateway.testing.sage_shop import Shop
from gateway.transport.http import Response


class Scripted:
    """Answers in order and keeps the requests; an exception in the script is raised."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.seen = []
        self.closed = False

    def send(self, request):
        self.seen.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, dict):
            return Response(200, {}, json.dumps(step).encode())
        return Response(200, {}, step) if isinstance(step, bytes) else step

    def close(self):
        self.closed = True


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def stock_records():
    """Build stock records from dictionaries; columns no row has are absent."""

    def build(*rows: dict):
        names = list(dict.fromkeys(name for row in rows for name in row))
        frame = pl.DataFrame(
            {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
        )
        keys = [f"{row['sku']}{KEY_SEPARATOR}{row.get('warehouse') or ''}" for row in rows]
        effects = pl.Series("effect", range(100, 100 + len(rows)), pl.UInt32)
        return frame.with_columns(effects, pl.Series(KEY, keys, pl.String))

    return build


@pytest.fixture
def records():
    """Build records of any contract keyed by sku from dictionaries; `tail` follows the sku in the key."""

    def build(*rows: dict, tail: str = ""):
        names = list(dict.fromkeys(["sku", *(name for row in rows for name in row)]))
        frame = pl.DataFrame(
            {name: [row.get(name) for row in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
        )
        return frame.with_columns(
            pl.int_range(100, 100 + pl.len(), dtype=pl.UInt32).alias("effect"),
            (pl.col("sku") + tail).alias(KEY),
            pl.int_range(2, 2 + pl.len(), dtype=pl.Int64).alias(ROW),
            pl.int_range(2, 2 + pl.len(), dtype=pl.Int64).alias(LINE),
        )

    return build


@pytest.fixture
def sage_shops(tmp_path):
    """Make shops of Sage 50 with settings, each a gateway of its own; closed at the end."""
    made = []

    def make(**settings):
        made.append(Shop(tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        one.rig.close()
