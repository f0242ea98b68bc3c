"""The Sage destination over the twin: answers in every way, and a folder nobody reads."""

from __future__ import annotations

import threading

import polars as pl
import pytest

from gateway.destinations.sage import SageDestination, SageSettings
from gateway.errors import Busy
from gateway.model import KEY, Reference
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


# ---------------------------------------------------------------- the other scopes

STAMP = "2026-11-22T09:30:00Z"
DOT = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
SHIRT = {
    "sku": "TS-100-XL", "product_id": "TS-100", "name": "T-shirt", "price": "19.99", "tax_rate": "21",
    "variant1_type": "Size", "variant1_value": "XL", "timestamp": STAMP,
}  # fmt: skip
OFFER = {
    "promotion_id": "P1", "product_id": "TS-100", "percentage": "15", "starts_at": "2026-11-20T00:00:00Z",
    "ends_at": "2026-12-31T22:59:59Z", "timestamp": STAMP,
}  # fmt: skip
IMAGE = {"sku": "TS-100-XL", "product_id": "TS-100", "order": "1", "picture": DOT, "timestamp": STAMP}
LEVEL = {name: SHIRT[name] for name in ("sku", "product_id", "variant1_type", "variant1_value", "timestamp")}
LEVEL |= {"quantity": "4"}
ROWS = {"product": SHIRT, "stock": LEVEL, "promotion": OFFER, "picture": IMAGE}


class Exchange:
    """A destination and the twin over the same two folders."""

    def __init__(self, root, *, twin=None, **more):
        settings = SageTwinSettings(**{"read_seconds": 0.0, "answer_seconds": 0.0, **(twin or {})})
        self.twin = SageTwin(root / "out", root / "in", settings=settings, speed=10.0)
        chosen = SageSettings(**{"outbox": root / "out", "results": root / "in", "profile": "acme", **more})
        self.destination = SageDestination(chosen, clock=CLOCK, account="sage", name="sage")

    def send(self, operation, *rows):
        """Send rows and return the state of each, and what was said of it."""
        names = dict.fromkeys(name for row in rows for name in row)
        frame = pl.DataFrame({n: [row.get(n) for row in rows] for n in names}, schema=dict.fromkeys(names, pl.String))
        place = pl.int_range(pl.len(), dtype=pl.UInt32)
        records = frame.with_columns(effect=place, **{KEY: pl.format("k{}", place)})
        found, said = {}, []
        with self.twin:
            for batch in self.destination.encode(operation, records, Reference()):
                receipt = drive.send(self.destination, batch, clock=CLOCK)
                final = drive.settle(self.destination, batch, receipt, clock=CLOCK)
                found |= drive.states(batch, records, final)
                said += [text for text in final.outcomes["message"] if text is not None]
        return [found[key] for key in records[KEY]], said


def test_products_come_first_and_everything_refers_to_them(tmp_path):
    exchange = Exchange(tmp_path, twin={"products": frozenset()})
    for operation in ("stock", "promotion", "picture"):
        states, said = exchange.send(operation, ROWS[operation])
        assert states == ["refused"]
        assert said == ["V-REF: there is no such product"]
    later = {"timestamp": "2026-11-22T09:31:00Z"}
    for operation, row in ROWS.items():
        assert exchange.send(operation, row | later)[0] == ["applied"]
    (shown,) = exchange.twin.shop()
    assert (shown.key, shown.net_price, shown.stock) == ("TS-100/XL", "19.99", "4")
    assert shown.special_prices == ("15 from 2026-11-20T00:00:00Z until 2026-12-31T22:59:59Z",)
    assert shown.pictures == ("gif of 42 bytes",)
    assert exchange.twin.violations() == []


@pytest.mark.parametrize("operation", ["product", "promotion", "picture"])
@pytest.mark.parametrize("fault", ["parts", "twice", "unknown_batch", "garbage", "pending"])
def test_every_scope_settles_answers_in_every_way(tmp_path, operation, fault):
    exchange = Exchange(tmp_path)
    exchange.twin.faults.set({fault: 1, "late_seconds": 0.5, "part_count": 2})
    rows = [ROWS[operation] | {"product_id": f"TS-{number}"} for number in range(3)]
    assert exchange.send(operation, *rows)[0] == ["applied"] * 3


def test_files_of_different_scopes_do_not_hold_back_each_other(tmp_path):
    exchange = Exchange(tmp_path)
    for folder in ("out", "in"):
        (tmp_path / folder).mkdir()
    destination = exchange.destination
    frames = {
        operation: pl.DataFrame([row]).with_columns(pl.lit(0, pl.UInt32).alias("effect"), pl.lit("k").alias(KEY))
        for operation, row in ROWS.items()
    }
    for operation, frame in frames.items():
        (batch,) = destination.encode(operation, frame, Reference())
        destination.submit(batch)
        newer = frame.with_columns(timestamp=pl.lit("2026-11-22T09:40:00Z"))
        (second,) = destination.encode(operation, newer, Reference())
        with pytest.raises(Busy):
            destination.submit(second)
    assert "4 files unread" in destination.probe()


def test_a_product_is_taken_off_sale_and_comes_back(tmp_path):
    exchange = Exchange(tmp_path)
    for command, available in ((None, True), ("end", False), ("upsert", True)):
        assert exchange.send("product", SHIRT | {"command": command})[0] == ["applied"]
        assert [row.available for row in exchange.twin.shop()] == [available]


def test_ending_a_promotion_moves_its_end(tmp_path):
    exchange = Exchange(tmp_path)
    assert exchange.send("promotion", OFFER)[0] == ["applied"]
    gone = {name: text for name, text in OFFER.items() if name != "percentage"} | {"command": "end"}
    assert exchange.send("promotion", gone)[0] == ["applied"]
    (special,) = exchange.twin.special_prices().values()
    assert (special["dateTo"], special["discount"]) == (STAMP, "0")


@pytest.mark.parametrize(
    ("row", "more", "twin", "discount"),
    [
        ({"percentage": None, "price": "15", "regular_price": "20"}, {}, {}, "25"),
        ({}, {"special_price_percent_sign": True}, {"bare_discount": "amount"}, "15%"),
        (
            {"percentage": None, "amount": "250"},
            {"special_price_bare_discount": "amount"},
            {"bare_discount": "amount"},
            "250",
        ),
    ],
)
def test_discounts_are_understood(tmp_path, row, more, twin, discount):
    exchange = Exchange(tmp_path, twin=twin, **more)
    assert exchange.send("promotion", OFFER | row) == (["applied"], [])
    (special,) = exchange.twin.special_prices().values()
    assert special["discount"] == discount


def test_a_misunderstood_bare_amount_is_refused(tmp_path):
    exchange = Exchange(tmp_path, special_price_bare_discount="amount")
    states, said = exchange.send("promotion", OFFER | {"percentage": None, "amount": "250"})
    assert (states, said) == (["refused"], ["SP-DISC-MAX: discount is a rate above 100"])


def test_the_last_of_several_rows_stays(tmp_path):
    exchange = Exchange(tmp_path, dedupe="last")
    rows = [SHIRT | {"price": price} for price in ("1", "2", "3")]
    assert exchange.send("product", *rows)[0] == ["applied"] * 3
    assert exchange.twin.products()["TS-100/XL"]["netPrice"] == "3"
    assert len(exchange.twin.read_files()) == 3


def test_nulls_need_an_installation_that_takes_them(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    row = {name: text for name, text in SHIRT.items() if not name.startswith("variant")}
    strict = Exchange(tmp_path / "a", emit_nulls=True)
    assert strict.send("product", row)[0] == ["refused"]
    lenient = Exchange(tmp_path / "b", emit_nulls=True, twin={"skip_rules": frozenset({"C-NULL"})})
    assert lenient.send("product", row)[0] == ["applied"]


def test_the_newer_contract(tmp_path):
    exchange = Exchange(
        tmp_path, contract_version="connected_cloud", envelope="wrapped",
        twin={"contract_version": "connected_cloud", "envelope": "wrapped"},
    )  # fmt: skip
    for operation, row in ROWS.items():
        assert exchange.send(operation, row | {"attributes.surcharge": "true"})[0] == ["applied"]
    assert exchange.twin.products()["TS-100/XL"]["surcharge"] is True
