"""What every destination must do, run on all of ours: over the twins, a folder, and the doubles for tests."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations import destinations
from gateway.destinations.files import FilesDestination, FilesSettings
from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.destinations.sage import SageDestination, SageSettings
from gateway.errors import Busy, MayWorkLater, OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.model import (
    ABSENT,
    ISSUE_SCHEMA,
    KEY,
    LINE,
    OUTCOME_SCHEMA,
    ROW,
    UNKNOWN,
    Batch,
    Destination,
    Receipt,
    Reference,
    Repeat,
    RowState,
    Sent,
    Spec,
)
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import RealClock
from gateway.testing.hostile import HostileDestination, HostileSettings, Step, effects_per_key
from gateway.transport.http import Paced, Response, RetryPolicy, connect
from gateway.twin.faults import MiraklFaults
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey
from gateway.twin.sage import SageTwin, SageTwinSettings

SECRET = "conformance-key-77f1"
SKUS = tuple(f"S{number}" for number in range(12))
CLOCK = RealClock()


class FreeBudget:
    """Books nothing; keeps what was blocked."""

    def __init__(self) -> None:
        self.blocked: dict[str, float] = {}

    def take(self, name: str, interval: float) -> None:
        """Let every call through."""

    def block(self, name: str, seconds: float) -> None:
        self.blocked[name] = seconds


@dataclass
class Bench:
    """One destination with its world. `build` makes a new object over the same world."""

    build: Callable[..., Destination]
    limit: int
    size: int = 10**9
    applied: Callable[[], dict[str, str]] | None = None
    faults: MiraklFaults | None = None
    budget: FreeBudget = field(default_factory=FreeBudget)
    speaks_http: bool = False


@dataclass
class World:
    """Where a bench may put files and what it must give back at the end."""

    root: Path
    exits: ExitStack


def mirakl(world: World) -> Bench:
    settings = MiraklTwinSettings(keys=(ShopKey(SECRET),), limits={}, waiting_seconds=0.0, running_seconds=0.0)
    twin = world.exits.enter_context(MiraklTwin(dict.fromkeys(SKUS, 1), settings=settings))
    budget = FreeBudget()

    def build(**more: Any) -> Destination:
        chosen = MiraklSettings(
            **{
                "host": twin.url,
                "api_key": SecretStr(SECRET),
                "batch_size": 5,
                "timeout": 2.0,
                "report_tries": 2,
                **more,
            }
        )
        transport = connect(chosen.access(), account="shop", clock=CLOCK, budget=budget, policy=RetryPolicy(attempts=1))
        world.exits.callback(transport.close)
        return MiraklDestination(chosen, transport=transport, clock=CLOCK, account="shop", name="saks")

    levels = lambda: {sku: str(quantity) for sku, quantity in twin.offers().items()}  # noqa: E731  one short reading
    return Bench(build, 5, applied=levels, faults=twin.faults, budget=budget, speaks_http=True)


def sage(world: World) -> Bench:
    settings = SageTwinSettings(read_seconds=0.0, answer_seconds=0.0)
    twin = world.exits.enter_context(SageTwin(world.root / "out", world.root / "in", settings=settings))

    def build(**more: Any) -> Destination:
        folders = {"outbox": world.root / "out", "results": world.root / "in", "profile": "acme", "max_records": 5}
        return SageDestination(
            SageSettings(**{**folders, "max_bytes": 100_000, **more}), clock=CLOCK, account="sage", name="sage"
        )

    return Bench(build, 5, size=100_000, applied=twin.stock)


def files(world: World) -> Bench:
    def build(**more: Any) -> Destination:
        chosen = FilesSettings(**{"folder": world.root, "format": "csv", "batch_size": 5, **more})
        return FilesDestination(chosen, clock=CLOCK, account="erp", name="files")

    return Bench(build, 5)


def hostile(world: World) -> Bench:
    def build(**more: Any) -> Destination:
        chosen = HostileSettings(**{"log": world.root / "effects.jsonl", "batch_size": 5, **more})
        return HostileDestination(chosen, clock=CLOCK, account="hostile", name="hostile")

    return Bench(build, 5)


def bulk(world: World) -> Bench:
    del world

    def build(**more: Any) -> Destination:
        return BulkDestination(BulkSettings(**{"batch_size": 5, **more}), clock=CLOCK, account="bulk", name="bulk")

    return Bench(build, 5)


BENCHES = {"mirakl": mirakl, "sage": sage, "files": files, "hostile": hostile, "bulk": bulk}


@pytest.fixture(params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as exits:
        yield BENCHES[request.param](World(tmp_path, exits))


def stock(count: int = 12, quantity: str = "7", **more: str) -> pl.DataFrame:
    skus = [f"S{number}" for number in range(count)]
    frame = pl.DataFrame({"sku": skus}, schema={"sku": pl.String}).with_columns(
        pl.int_range(50, 50 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str("sku", pl.lit("\x1f")).alias(KEY),
        pl.lit(quantity).alias("quantity"),
        pl.lit("2026-11-22T09:30:00Z").alias("timestamp"),
        pl.lit(None, pl.String).alias("command"),
    )
    return frame.with_columns(pl.lit(value).alias(name) for name, value in more.items())


def encode(destination: Destination, records: pl.DataFrame) -> list[Batch]:
    return list(destination.encode(destination.operations[0].name, records, Reference()))


def as_sent(batch: Batch, receipt: Receipt | None, number: int = 1) -> Sent:
    return Sent(
        number,
        batch.operation,
        batch.slot,
        None if receipt is None else receipt.ticket,
        "digest",
        batch.effects.height,
        datetime(2020, 1, 1, tzinfo=UTC),
        dict(batch.memo),
    )


def send(destination: Destination, batch: Batch, seconds: float = 10.0) -> Receipt:
    bare = replace(batch, effects=pl.DataFrame())  # the effects stay in the spool: a call needs bytes and memo only
    end = time.monotonic() + seconds
    while True:
        try:
            return destination.submit(bare)
        except Busy:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def settle(destination: Destination, batch: Batch, receipt: Receipt, seconds: float = 10.0) -> Receipt:
    end = time.monotonic() + seconds
    while not receipt.closed and time.monotonic() < end:
        time.sleep(0.01)
        receipt = destination.poll([as_sent(batch, receipt)]).get(1, receipt)
    assert receipt.closed, receipt
    return receipt


def states(batch: Batch, records: pl.DataFrame, receipt: Receipt) -> dict[str, str]:
    """Say what the receipt makes of every effect: by line, else by key, else the rest."""
    keys = dict(zip(records["effect"], records[KEY], strict=True))
    named: dict[Any, str] = {}
    if receipt.outcomes is not None:
        for line, key, state in receipt.outcomes.select("line", "key", "state").rows():
            named[line if line is not None else key] = state
    rest = str(receipt.rest)
    return {keys[effect]: named.get(line, named.get(keys[effect], rest)) for effect, line in batch.effects.rows()}


# ---------------------------------------------------------------- shape


def test_every_destination_of_ours_is_under_test():
    assert set(destinations()) <= set(BENCHES)


def test_it_is_a_destination_with_its_capabilities_as_data(bench):
    destination = bench.build()
    assert isinstance(destination, Destination)
    assert isinstance(destination.SPEC, Spec)
    assert destination.account
    assert destination.operations
    for operation in destination.operations:
        assert operation.batch_size is None or operation.batch_size >= 1
        assert operation.fields
        assert isinstance(operation.repeat, Repeat)
        assert operation.deadline > 0
        for requirement in operation.requires:
            assert set(requirement.where.meta.root_names()) <= set(requirement.columns)


def test_settings_refuse_what_they_do_not_know(bench):
    with pytest.raises(ValueError, match="colour"):
        bench.build(colour="red")


def test_checking_is_pure_and_gives_issues(bench):
    destination, records = (
        bench.build(),
        stock().with_columns(
            pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(ROW),
            pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(LINE),
        ),
    )
    found = destination.check(records, destination.gather(SKUS), date(2026, 11, 22))
    assert found.schema == ISSUE_SCHEMA
    assert found.height == 0


# ---------------------------------------------------------------- encode


def test_encoding_is_pure_and_repeatable(bench):
    records = stock()
    before = records.clone()
    first, second = encode(bench.build(), records), encode(bench.build(), records)
    assert records.equals(before)
    assert [(one.body, one.slot, one.effects.rows(), one.memo) for one in first] == [
        (one.body, one.slot, one.effects.rows(), one.memo) for one in second
    ]


def test_encoding_loses_no_effect_and_names_each_place_once(bench):
    batches = encode(bench.build(), stock(23))
    assert sorted(effect for batch in batches for effect in batch.effects["effect"]) == list(range(50, 73))
    for batch in batches:
        assert batch.effects.schema == {"effect": pl.UInt32, "line": pl.Int64}
        assert batch.effects["line"].n_unique() == batch.effects.height
        assert all(isinstance(value, str) for value in batch.memo.values())


def test_encoding_keeps_the_limits(bench):
    batches = encode(bench.build(), stock(23))
    assert len(batches) == 5
    for batch in batches:
        assert 1 <= batch.effects.height <= bench.limit
        assert len(batch.body) <= bench.size


def test_empty_input_gives_no_batch(bench):
    assert encode(bench.build(), stock(0)) == []
    assert encode(bench.build(), stock().clear()) == []


def test_absent_columns_and_columns_of_others_do_no_harm(bench):
    bare = stock().select("effect", KEY, "sku", "quantity", "timestamp")
    other = stock().with_columns(pl.lit("x").alias("colour"))
    assert [one.body for one in encode(bench.build(), bare)] == [one.body for one in encode(bench.build(), other)]


def test_zero_is_sent_as_zero(bench):
    (batch,) = encode(bench.build(), stock(1, quantity="0"))
    assert b"0" in batch.body


# ---------------------------------------------------------------- sending


def test_rows_are_applied_and_a_rebuilt_object_can_poll(bench):
    records = stock(5, quantity="31")
    (batch,) = encode(bench.build(), records)
    receipt = send(bench.build(), batch)
    assert receipt.ticket
    final = settle(bench.build(), batch, receipt)
    assert set(states(batch, records, final).values()) == {"applied"}
    assert all(isinstance(name, str) and isinstance(body, bytes) for name, body in final.raw)
    if final.outcomes is not None:
        assert final.outcomes.schema == OUTCOME_SCHEMA
    if bench.applied is not None:
        assert {bench.applied()[f"S{number}"] for number in range(5)} == {"31"}


def test_several_batches_of_one_consignment_settle(bench):
    records, destination = stock(12, quantity="4"), bench.build()
    result: dict[str, str] = {}
    for batch in encode(destination, records):
        result |= states(batch, records, settle(destination, batch, send(destination, batch)))
    assert result == dict.fromkeys(records[KEY], "applied")


def test_polling_nothing_is_nothing(bench):
    assert bench.build().poll([]) == {}


def test_a_closed_batch_may_be_asked_about_again(bench):
    (batch,) = encode(bench.build(), stock(3))
    destination = bench.build()
    receipt = send(destination, batch)
    first = settle(destination, batch, receipt)
    again = destination.poll([as_sent(batch, first)]).get(1)
    assert again is None or states(batch, stock(3), again) == states(batch, stock(3), first)


def test_what_was_sent_is_found_as_declared(bench):
    destination = bench.build()
    (batch,) = encode(destination, stock(3))
    before = destination.find(as_sent(batch, None))
    assert before in {ABSENT, UNKNOWN}
    receipt = send(destination, batch)
    found = destination.find(as_sent(batch, receipt))
    assert isinstance(found, Receipt)
    assert found.ticket == receipt.ticket
    lost = destination.find(as_sent(batch, None))
    if not destination.operations[0].searchable:
        assert lost is UNKNOWN
    elif isinstance(destination, BulkDestination):
        assert lost is ABSENT
    else:
        assert isinstance(lost, Receipt)


def test_a_repeat_ends_as_declared(bench):
    records, destination = stock(3, quantity="9"), bench.build()
    (batch,) = encode(destination, records)
    for _ in range(2):
        final = settle(destination, batch, send(destination, batch))
    if destination.operations[0].repeat is not Repeat.NEVER:
        assert set(states(batch, records, final).values()) == {"applied"}
    if bench.applied is not None:
        assert bench.applied()["S1"] == "9"


def test_probe_is_one_line_and_close_may_come_twice(bench):
    destination = bench.build()
    line = destination.probe()
    assert line
    assert "\n" not in line
    destination.close()
    destination.close()


# ---------------------------------------------------------------- trouble over HTTP


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as exits:
        yield mirakl(World(tmp_path, exits))


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        ("drop_before_post", OutcomeUnknown, False),
        ("drop_after_post", OutcomeUnknown, True),
        ("error_after_post", OutcomeUnknown, True),
        ("error_500", OutcomeUnknown, False),
        ("error_503", OutcomeUnknown, False),
        ("html_502", OutcomeUnknown, False),
        ("throttled", Throttled, False),
    ],
)
def test_trouble_while_sending(shop, fault, error, done):
    destination = shop.build()
    (batch,) = encode(destination, stock(2, quantity="55"))
    shop.faults.set({fault: 1})
    with pytest.raises(error) as caught:
        destination.submit(batch)
    assert type(caught.value) is error
    assert SECRET not in str(caught.value)
    if error is Throttled:
        assert caught.value.after > 0
        assert shop.budget.blocked == {"shop:STO01": caught.value.after}
    time.sleep(0.05)
    destination.poll([])
    receipt = settle(destination, batch, destination.submit(batch))
    assert set(states(batch, stock(2), receipt).values()) == {"applied"}
    assert len(effects_of(shop, "S0")) == (2 if done else 1)
    assert shop.applied()["S0"] == "55"


def effects_of(shop: Bench, sku: str) -> list[Any]:
    address = shop.build()._settings.host  # the twin shows what it did on a page of its own
    return httpx.get(f"{address}/twin/effects", params={"sku": sku}, trust_env=False).json()


@pytest.mark.parametrize(
    ("fault", "error"),
    [("drop", Unreachable), ("error_500", Unreachable), ("error_503", Unreachable), ("html_502", Unreachable)],
)
def test_trouble_while_asking_is_asked_again(shop, fault, error):
    destination = shop.build()
    (batch,) = encode(destination, stock(2))
    receipt = destination.submit(batch)
    shop.faults.set({fault: 1, "only": "STO02"})
    with pytest.raises(error):
        destination.poll([as_sent(batch, receipt)])
    assert settle(destination, batch, receipt).rest is RowState.APPLIED


def test_throttled_while_asking_says_when_to_come_back(shop):
    destination = shop.build()
    (batch,) = encode(destination, stock(2))
    receipt = destination.submit(batch)
    shop.faults.set({"throttled": 1, "only": "STO02"})
    answer = destination.poll([as_sent(batch, receipt)])[1]
    assert not answer.closed
    assert answer.after > 0


def test_no_connection_means_nothing_was_done(shop):
    destination = shop.build(host="http://127.0.0.1:9")
    (batch,) = encode(destination, stock(2))
    with pytest.raises(Unreachable):
        destination.submit(batch)
    assert effects_of(shop, "S0") == []


def test_a_slow_answer_to_a_post_is_an_unknown_outcome(shop):
    destination = shop.build(timeout=0.2)
    (batch,) = encode(destination, stock(2))
    shop.faults.set({"slow": 1, "slow_seconds": 0.6})
    with pytest.raises(OutcomeUnknown):
        destination.submit(batch)


def test_a_wrong_key_is_refused_in_plain_words(shop):
    destination = shop.build(api_key=SecretStr("wrong-key-000"))
    (batch,) = encode(destination, stock(2))
    with pytest.raises(Refused, match="check the API key") as caught:
        destination.submit(batch)
    assert caught.value.status == "401"
    assert "wrong-key-000" not in str(caught.value)


@pytest.mark.parametrize(("faults", "state"), [({"fails": 1}, "refused"), ({"all_in_error": 1}, "refused")])
def test_imports_that_end_badly(shop, faults, state):
    destination = shop.build()
    (batch,) = encode(destination, stock(3))
    shop.faults.set(faults)
    receipt = settle(destination, batch, destination.submit(batch))
    assert set(states(batch, stock(3), receipt).values()) == {state}


@pytest.mark.parametrize("fault", ["never_ends", "unknown_status"])
def test_imports_without_an_end_stay_open(shop, fault):
    destination = shop.build()
    (batch,) = encode(destination, stock(3))
    shop.faults.set({fault: 1})
    receipt = destination.submit(batch)
    answer = destination.poll([as_sent(batch, receipt)])[1]
    if fault == "never_ends":
        assert not answer.closed
    else:
        assert settle(destination, batch, answer).rest is RowState.APPLIED


def test_refused_lines_are_tied_to_their_rows(shop):
    records = stock(3).with_columns(
        pl.Series("sku", ["S2", "NOPE", "S0"]), pl.Series(KEY, ["S2\x1f", "NOPE\x1f", "S0\x1f"])
    )
    destination = shop.build()
    (batch,) = encode(destination, records)
    receipt = settle(destination, batch, destination.submit(batch))
    assert states(batch, records, receipt) == {"S2\x1f": "applied", "NOPE\x1f": "refused", "S0\x1f": "applied"}
    (outcome,) = receipt.outcomes.to_dicts()
    assert (outcome["key"], outcome["code"]) == ("NOPE\x1f", "DEST_REFUSED")
    assert "NOPE" in outcome["message"]
    assert [name for name, _ in receipt.raw] == ["status-1.json", "error-report-1.csv"]


@pytest.mark.parametrize("counts_header", [True, False])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_reports_of_other_habits_name_the_same_rows(tmp_path, counts_header, delimiter):
    settings = MiraklTwinSettings(
        keys=(ShopKey(SECRET),),
        limits={},
        waiting_seconds=0.0,
        running_seconds=0.0,
        report_counts_header=counts_header,
        report_delimiter=delimiter,
    )
    records = stock(3).with_columns(
        pl.Series("sku", ["S2", "NOPE", "S0"]), pl.Series(KEY, ["S2\x1f", "NOPE\x1f", "S0\x1f"])
    )
    with ExitStack() as exits:
        twin = exits.enter_context(MiraklTwin(dict.fromkeys(SKUS, 1), settings=settings))
        destination = mirakl(World(tmp_path, exits)).build(host=twin.url, report_counts_header=counts_header)
        (batch,) = encode(destination, records)
        receipt = settle(destination, batch, destination.submit(batch))
    assert states(batch, records, receipt) == {"S2\x1f": "applied", "NOPE\x1f": "refused", "S0\x1f": "applied"}
    assert receipt.outcomes.select("line", "key").rows() == [(batch.effects["line"][1], "NOPE\x1f")]


def test_a_report_that_never_comes_confirms_nothing(shop):
    records = stock(2).with_columns(pl.Series("sku", ["NOPE", "S1"]), pl.Series(KEY, ["NOPE\x1f", "S1\x1f"]))
    destination = shop.build()
    (batch,) = encode(destination, records)
    receipt = destination.submit(batch)
    shop.faults.set({"report_missing": -1})
    final = settle(destination, batch, receipt)
    assert set(states(batch, records, final).values()) == {"uncertain"}


def test_the_row_command_end_takes_the_offer_off_sale(shop):
    for end_as in ("zero", "delete"):
        destination = shop.build(end_as=end_as)
        settle(destination, *sent_now(destination, stock(1, quantity="8")))
        assert shop.applied()["S0"] == "8"
        settle(destination, *sent_now(destination, stock(1, quantity="8", command="end")))
        assert shop.applied()["S0"] == "0"


def sent_now(destination: Destination, records: pl.DataFrame) -> tuple[Batch, Receipt]:
    (batch,) = encode(destination, records)
    return batch, destination.submit(batch)


def test_probe_reads_the_shop(shop):
    assert "is OPEN" in shop.build(shop_id=2110).probe()
    with pytest.raises(Refused):
        shop.build(shop_id=1).probe()


class Malformed:
    """A transport whose every answer is a success that means nothing."""

    def send(self, request: Any) -> Response:
        return Response(201 if request.method == "POST" else 200, {}, b"<html>welcome</html>")

    def close(self) -> None:
        """Nothing is open."""


def test_a_malformed_body_is_unknown_for_a_post_and_later_for_a_get():
    settings = MiraklSettings(host="shop.example", api_key=SecretStr(SECRET))
    transport = Paced(Malformed(), budget=FreeBudget(), account="a")
    destination = MiraklDestination(settings, transport=transport, clock=CLOCK, account="a", name="n")
    (batch,) = encode(destination, stock(1))
    with pytest.raises(OutcomeUnknown):
        destination.submit(batch)
    with pytest.raises(MayWorkLater):
        destination.poll([as_sent(batch, Receipt(ticket="1"))])


# ---------------------------------------------------------------- secrets


def test_no_secret_is_shown(shop, caplog):
    caplog.set_level(logging.DEBUG)
    destination = shop.build()
    shown: list[str] = [repr(destination), str(destination), repr(vars(destination)), repr(destination._settings)]
    (batch,) = encode(destination, stock(2))
    receipt = destination.submit(batch)
    shown += [repr(batch), repr(receipt), repr(settle(destination, batch, receipt)), destination.probe()]
    for fault in ("drop", "error_500", "throttled"):
        shop.faults.set({fault: 1})
        with pytest.raises((OutcomeUnknown, MayWorkLater)) as caught:
            destination.submit(batch)
        shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
    shown += [record.getMessage() for record in caplog.records] + [caplog.text]
    assert not [text for text in shown if SECRET in text]


# ---------------------------------------------------------------- the exchange folder


@pytest.mark.parametrize("fault", ["parts", "twice", "unknown_batch", "garbage", "pending"])
def test_answers_in_every_way_settle_the_right_rows(tmp_path, fault):
    with ExitStack() as exits:
        bench = sage(World(tmp_path, exits))
        twin = SageTwin(
            tmp_path / "out2", tmp_path / "in2", settings=SageTwinSettings(read_seconds=0, answer_seconds=0)
        )
        twin.faults.set({fault: 1, "late_seconds": 0.05})
        exits.enter_context(twin)
        destination = bench.build(outbox=tmp_path / "out2", results=tmp_path / "in2")
        records = stock(5)
        (batch,) = encode(destination, records)
        final = settle(destination, batch, destination.submit(batch))
        assert set(states(batch, records, final).values()) == {"applied"}
        assert twin.violations() == []


def test_an_unread_file_holds_back_the_next(tmp_path):
    with ExitStack() as exits:
        twin = SageTwin(tmp_path / "o", tmp_path / "i", settings=SageTwinSettings(read_seconds=0, answer_seconds=0))
        twin.faults.set({"no_reader": 1})
        exits.enter_context(twin)
        bench = sage(World(tmp_path, exits))
        destination = bench.build(outbox=tmp_path / "o", results=tmp_path / "i")
        first, second, _ = encode(destination, stock(12))
        destination.submit(first)
        with pytest.raises(Busy):
            destination.submit(second)
        threading.Timer(0.05, lambda: twin.faults.set({"no_reader": 0})).start()
        send(destination, second)
        assert twin.violations("overwritten") == []


# ---------------------------------------------------------------- the double for tests


def test_the_hostile_one_counts_what_a_blind_repeat_does(tmp_path):
    with ExitStack() as exits:
        bench = hostile(World(tmp_path, exits))
        destination = bench.build(script=(Step(does="drop_after"),), batch_size=None)
        (batch,) = encode(destination, stock(2))
        with pytest.raises(OutcomeUnknown):
            destination.submit(batch)
        assert isinstance(destination.find(as_sent(batch, None)), Receipt)
        destination.submit(batch)
        assert set(effects_per_key(tmp_path / "effects.jsonl").values()) == {2}
