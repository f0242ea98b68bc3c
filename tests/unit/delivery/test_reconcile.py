"""What a destination has beside what it confirmed last: numbers, not texts, and only what is known of both."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from gateway.delivery.baseline import add_segments
from gateway.delivery.reconcile import Reconciler
from gateway.delivery.setup import Leg
from gateway.delta import SEGMENT_SCHEMA
from gateway.journal import open_journal
from gateway.model import KEY, Operation
from gateway.spool import Spool
from gateway.testing.clock import FakeClock

STOCK = Operation("stock", "stock", "stock", ("sku", "quantity"), None, key=("sku", "warehouse"), measure="quantity")
LEG = Leg("store/stock/acme", STOCK, ("sku", "warehouse"))


@pytest.fixture
def world(tmp_path):
    journal, spool = open_journal(tmp_path, FakeClock()), Spool(tmp_path)
    spool.make()
    yield journal, spool
    journal.close()


def confirmed(world, **levels):
    at = datetime(2026, 11, 1, tzinfo=UTC)
    rows = [(sku if "\x1f" in sku else f"{sku}\x1f", 5, 77, level, level is None, at) for sku, level in levels.items()]
    add_segments(*world, LEG.lane, [pl.DataFrame(rows, schema=SEGMENT_SCHEMA, orient="row")], consignment="c", name="c")


def theirs(**levels):
    return pl.DataFrame({"sku": [*levels], "value": [*levels.values()]}, schema={"sku": pl.String, "value": pl.String})


def test_numbers_are_compared_and_what_only_one_side_knows_is_told_apart(world):
    confirmed(world, same="5", spelt="5", other="5", silent="5", gone="5", ended=None)
    found = Reconciler(*world).compare(LEG, theirs(same="5", spelt="5.00", other="4", silent=None, ended="9", more="1"))
    assert found.differences.select("sku", "ours", "theirs").rows() == [("gone", "5", None), ("other", "5", "4")]
    assert (found.known, found.under_way) == (5, 0)


def test_what_differs_is_forgotten_even_where_there_is_no_row_to_send(world):
    confirmed(world, a="5", b="5")
    reconciler = Reconciler(*world)
    found = reconciler.compare(LEG, theirs(a="4", b="5"))
    assert reconciler.resend(LEG, found.differences) == ([], 1)
    assert reconciler.compare(LEG, theirs(a="4", b="5")).differences.height == 0
    assert reconciler.resend(LEG, found.differences.clear()) == ([], 0)


def test_nothing_known_differs_from_nothing(world):
    assert Reconciler(*world).compare(LEG, theirs(a="4")).known == 0
    assert found_keys(Reconciler(*world).compare(LEG, theirs()).differences) == []


def found_keys(frame):
    return frame[KEY].to_list()


def test_a_part_of_what_a_key_names_is_not_compared_with_the_whole(world):
    confirmed(world, **{"a": "5", "b\x1f\x1fdiscount": "4"})
    found = Reconciler(*world).compare(replace(LEG, others=("discount",)), theirs(a="5", b="5"))
    assert (found.differences.height, found.known) == (0, 1)


def test_levels_of_several_warehouses_are_not_compared_with_the_whole(world):
    confirmed(world, **{"a\x1fNORTH": "5", "a\x1fSOUTH": "4", "b\x1fNORTH": "4"})
    found = Reconciler(*world).compare(LEG, theirs(a="9", b="5"))
    assert found.differences.select("sku", "ours", "theirs").rows() == [("b", "4", "5")]
    assert found.known == 1
