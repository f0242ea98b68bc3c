"""The bulk destination takes everything at once and is fast enough to measure the gateway by."""

from __future__ import annotations

import csv
import io
import json
import time

import polars as pl
import pytest

from gateway.model import ABSENT, KEY, Reference, RowState, Sent
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock


def build(**more):
    return BulkDestination(BulkSettings(**more), clock=FakeClock(), account="a", name="bulk")


def records(count):
    frame = pl.select(effect=pl.int_range(0, count, dtype=pl.UInt32))
    return frame.with_columns(sku=pl.format("S{}", "effect"), quantity=pl.lit("3"), **{KEY: pl.format("S{}", "effect")})


def test_one_csv_takes_all():
    (batch,) = build().encode("write", records(3), Reference())
    cells = list(csv.reader(io.StringIO(batch.body.decode()), delimiter=";"))
    assert cells == [["sku", "quantity", "warehouse"], *([f"S{n}", "3", ""] for n in range(3))]
    assert batch.effects.rows() == [(0, 2), (1, 3), (2, 4)]


def test_bounded_calls_take_json():
    batches = list(build(batch_size=2).encode("write", records(5), Reference()))
    assert [len(json.loads(batch.body)) for batch in batches] == [2, 2, 1]
    assert [batch.effects["effect"].to_list() for batch in batches] == [[0, 1], [2, 3], [4]]


def test_a_record_is_an_object_and_a_missing_value_has_no_member():
    frame = pl.DataFrame({"effect": [0, 1], KEY: ["a", "b"], "sku": ['a"\\', "b"], "quantity": ["1", "2"]})
    frame = frame.with_columns(pl.col("effect").cast(pl.UInt32))
    (whole,) = build(batch_size=9, fields=("sku", "quantity")).encode("write", frame, Reference())
    assert json.loads(whole.body) == [{"sku": 'a"\\', "quantity": "1"}, {"sku": "b", "quantity": "2"}]
    holed = frame.with_columns(quantity=pl.Series(["1", None]))
    (holes,) = build(batch_size=9, fields=("sku", "quantity")).encode("write", holed, Reference())
    assert json.loads(holes.body) == [{"sku": 'a"\\', "quantity": "1"}, {"sku": "b"}]


def test_all_is_applied_at_once_and_counted():
    destination = build()
    (batch,) = destination.encode("write", records(3), Reference())
    receipt = destination.submit(batch)
    assert (receipt.closed, receipt.rest) == (True, RowState.APPLIED)
    assert (destination.calls, destination.records, destination.size) == (1, 3, len(batch.body))
    sent = Sent(1, "write", "", receipt.ticket, "d", 3, FakeClock().now(), {})
    assert destination.poll([sent])[1].closed
    assert destination.find(sent).closed
    assert build().find(sent) is ABSENT


@pytest.mark.parametrize(("size", "batches"), [(None, 1), (500, 400)])
def test_encoding_is_columnar(size, batches):
    """A row-by-row encoder needs many times this; the bound leaves room for a busy machine."""
    destination, frame = build(batch_size=size), records(200_000)
    start = time.process_time()
    assert len(list(destination.encode("write", frame, Reference()))) == batches
    assert time.process_time() - start < 2.0
