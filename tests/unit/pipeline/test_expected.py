"""How many calls a file is said to take, and how long, before anything is decided."""

from __future__ import annotations

import polars as pl
import pytest

from gateway.delivery.setup import Leg
from gateway.model import KEY, LINE, ROW, Operation, Repeat
from gateway.pipeline.expected import calls_of, seconds_of
from gateway.pipeline.reading import Readout
from gateway.spool import STATE, RunFolder


def leg(lane="stock", **more):
    given = {"name": lane, "contract": "catalog", "family": lane, "fields": ("sku",), "confirms": "applied"}
    given |= {"repeat": Repeat.HARMLESS, "deadline": 1.0, "batch_size": 10}
    return Leg(lane, Operation(**{**given, **more}), ("sku",))


@pytest.fixture
def folder(tmp_path):
    """Rows as they are kept: every third is rejected."""

    def make(**columns):
        count = len(next(iter(columns.values())))
        rows = pl.DataFrame({ROW: range(count), LINE: range(count), KEY: map(str, range(count)), **columns})
        bad = pl.when(pl.col(ROW) % 3 == 2).then(pl.lit("rejected"))
        made = RunFolder(tmp_path / "run")
        made.begin()
        for number, at in enumerate(range(0, count, 20)):
            made.add(number, rows.slice(at, 20).with_columns(bad.alias(STATE)), pl.DataFrame())
        return made

    return make


def told(one, folder, **columns):
    kept = folder(**columns)
    good = sum(block[STATE].null_count() for block in kept.blocks())
    return calls_of(one, Readout(rows=30, good=good, columns=dict.fromkeys(columns, "x")), kept)


def test_a_call_takes_as_many_rows_as_it_may(folder):
    assert told(leg(), folder, sku=["a"] * 33) == 3
    assert told(leg(batch_size=None), folder, sku=["a"] * 33) == 1


@pytest.mark.parametrize(
    ("stores", "calls"),
    [
        (["v1|v2"] * 6, 2),
        (["v1", "v2", "v1"] * 2, 2),
        ([None, "v2", "v2"] * 12, 2 + 3),
        (["v1|v2|v3"] * 33, 9),
        ([""] * 33, 6),
    ],
)
def test_no_call_is_for_two_items(folder, stores, calls):
    assert told(leg(each="stores", every=("v1", "v2")), folder, stores=stores) == calls


def test_rows_that_name_no_item_are_for_every_one(folder):
    assert told(leg(each="stores", every=("v1", "v2", "v3")), folder, sku=["a"] * 33) == 9
    assert told(leg(each="stores"), folder, sku=["a"] * 33) == 3


def test_only_rows_with_the_fields_of_an_effect_count(folder):
    one = leg(each="stores", every=("v1", "v2"), when=("price",))
    assert told(one, folder, sku=["a"] * 33, price=["1"] * 10 + [""] * 23) == 2
    assert told(one, folder, stores=["v1"] * 33, price=["1"] * 33) == 3


def test_calls_of_one_budget_come_one_after_the_other():
    shared = [leg(lane, interval=60 / 45, budget="egress") for lane in ("stock", "price")]
    calls = {"stock": 1200, "price": 800}
    assert seconds_of(shared, lambda one: calls[one.lane]) == pytest.approx(2000 * 60 / 45)
    alone = [leg("stock", interval=2.0), leg("price", interval=3.0)]
    assert seconds_of(alone, lambda _: 10) == 30.0
    assert seconds_of([], lambda _: 1) == 0.0
