"""The Sage destination over the twin: answers in every way, and a folder nobody reads."""

from __future__ import annotations

import threading

import polars as pl
import pytest

from gateway.destinations.sage import SageDestination, SageSettings
from gateway.errors import Busy
from gateway.model import KEY
from gateway.testing import drive
from gateway.testing.clock import RealClock
from gateway.twin.sage import SageTwin, SageTwinSettings

CLOCK = RealClock()


@pytest.fixture
def twin(tmp_path):
    settings = SageTwinSettings(read_seconds=0.0, answer_seconds=0.0)
    return SageTwin(tmp_path / "out", tmp_path / "in", settings=settings)


@pytest.fixture
def destination(tmp_path):
    settings = SageSettings(outbox=tmp_path / "out", results=tmp_path / "in", profile="acme", max_records=5)
    return SageDestination(settings, clock=CLOCK, account="sage", name="sage")


def stock(count: int, **more: str) -> pl.DataFrame:
    frame = pl.select(effect=pl.int_range(0, count, dtype=pl.UInt32)).with_columns(
        sku=pl.format("S{}", "effect"), quantity=pl.lit("7"), timestamp=pl.lit("2026-11-22T09:30:00Z")
    )
    return frame.with_columns(pl.format("{}\x1f", "sku").alias(KEY), **{n: pl.lit(v) for n, v in more.items()})


@pytest.mark.parametrize("fault", ["parts", "twice", "unknown_batch", "garbage", "pending"])
def test_answers_in_every_way_settle_the_right_rows(twin, destination, fault):
    twin.faults.set({fault: 1, "late_seconds": 0.05, "part_count": 2})
    records = stock(5)
    (batch,) = drive.encode(destination, records)
    with twin:
        receipt = drive.settle(destination, batch, destination.submit(batch), clock=CLOCK)
    assert drive.states(batch, records, receipt) == dict.fromkeys(records[KEY], "applied")
    assert twin.stock() == {f"S{number}": "7" for number in range(5)}
    assert twin.violations() == []


def test_rejected_rows_bring_their_reasons(twin, destination):
    twin.faults.set({"reject": 1})
    (batch,) = drive.encode(destination, stock(2))
    with twin:
        receipt = drive.settle(destination, batch, destination.submit(batch), clock=CLOCK)
    assert receipt.outcomes["state"].to_list() == ["refused", "refused"]
    assert all("C-ALL" in message for message in receipt.outcomes["message"])


def test_variants_are_answered_by_their_row_keys(twin, destination):
    sizes = pl.Series("variant1_value", ["S", "M", "L"])
    records = stock(3, product_id="TS-100", variant1_type="Size").with_columns(sizes)
    (batch,) = drive.encode(destination, records)
    with twin:
        receipt = drive.settle(destination, batch, destination.submit(batch), clock=CLOCK)
    assert twin.stock() == {"TS-100/S": "7", "TS-100/M": "7", "TS-100/L": "7"}
    assert receipt.outcomes.select("line", "key").rows() == [(1, None), (2, None), (3, None)]
    assert drive.states(batch, records, receipt) == dict.fromkeys(records[KEY], "applied")


def test_an_unread_file_holds_back_the_next(twin, destination):
    twin.faults.set({"no_reader": 1})
    first, second = drive.encode(destination, stock(10))
    with twin:
        destination.submit(first)
        with pytest.raises(Busy):
            destination.submit(second)
        timer = threading.Timer(0.05, lambda: twin.faults.set({"no_reader": 0}))
        timer.start()
        drive.send(destination, second, clock=CLOCK)
        timer.join()
    assert twin.violations("overwritten") == []


def test_the_wrapped_envelope_is_taken(tmp_path):
    settings = SageTwinSettings(envelope="wrapped", read_seconds=0.0, answer_seconds=0.0, length_profile="uk_csv")
    twin = SageTwin(tmp_path / "out", tmp_path / "in", settings=settings)
    chosen = SageSettings(outbox=tmp_path / "out", results=tmp_path / "in", profile="acme", envelope="wrapped")
    destination = SageDestination(chosen, clock=CLOCK, account="sage", name="sage")
    (batch,) = drive.encode(destination, stock(3, unit_name="units", minimum_to_sell="0.5"))
    with twin:
        receipt = drive.settle(destination, batch, destination.submit(batch), clock=CLOCK)
    assert set(receipt.outcomes["state"]) == {"applied"}
    assert twin.violations() == []
