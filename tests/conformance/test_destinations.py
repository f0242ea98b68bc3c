"""What every destination must do, run on all of ours: over the twins, a folder, and the doubles for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from support.benches import BENCHES, CLOCK, Bench, World, hostile

from gateway.destinations import destinations
from gateway.errors import OutcomeUnknown
from gateway.model import (
    ABSENT,
    ISSUE_SCHEMA,
    KEY,
    LINE,
    OUTCOME_SCHEMA,
    ROW,
    UNKNOWN,
    Destination,
    Receipt,
    Repeat,
    Spec,
)
from gateway.testing.bulk import BulkDestination
from gateway.testing.drive import as_sent, encode, send, settle, states
from gateway.testing.hostile import (
    Step,
    effects_per_key,
)


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
    name = destination.operations[0].name
    found = destination.check(name, records, destination.gather(name, records), date(2026, 11, 22))
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


def confirmed(bench):
    """Return what rows of levels end as where all went well, as declared."""
    return bench.build().operations[0].confirms


def test_rows_are_applied_and_a_rebuilt_object_can_poll(bench):
    records = stock(5, quantity="31")
    (batch,) = encode(bench.build(), records)
    receipt = send(bench.build(), batch, clock=CLOCK)
    assert receipt.ticket
    final = settle(bench.build(), batch, receipt, clock=CLOCK)
    assert set(states(batch, records, final).values()) == {confirmed(bench)}
    assert all(isinstance(name, str) and isinstance(body, bytes) for name, body in final.raw)
    if final.outcomes is not None:
        assert final.outcomes.schema in (OUTCOME_SCHEMA, {**OUTCOME_SCHEMA, "field": pl.String})
    if bench.applied is not None:
        assert {bench.applied()[f"S{number}"] for number in range(5)} == {"31"}


def test_several_batches_of_one_consignment_settle(bench):
    records, destination = stock(12, quantity="4"), bench.build()
    result: dict[str, str] = {}
    for batch in encode(destination, records):
        result |= states(batch, records, settle(destination, batch, send(destination, batch, clock=CLOCK), clock=CLOCK))
    assert result == dict.fromkeys(records[KEY], confirmed(bench))


def test_polling_nothing_is_nothing(bench):
    assert bench.build().poll([]) == {}


def test_a_closed_batch_may_be_asked_about_again(bench):
    (batch,) = encode(bench.build(), stock(3))
    destination = bench.build()
    receipt = send(destination, batch, clock=CLOCK)
    first = settle(destination, batch, receipt, clock=CLOCK)
    again = destination.poll([as_sent(batch, first)]).get(1)
    assert again is None or states(batch, stock(3), again) == states(batch, stock(3), first)


def test_what_was_sent_is_found_as_declared(bench):
    destination = bench.build()
    (batch,) = encode(destination, stock(3))
    before = destination.find(as_sent(batch, None))
    assert before in {ABSENT, UNKNOWN}
    receipt = send(destination, batch, clock=CLOCK)
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
        final = settle(destination, batch, send(destination, batch, clock=CLOCK), clock=CLOCK)
    if destination.operations[0].repeat is not Repeat.NEVER:
        assert set(states(batch, records, final).values()) == {confirmed(bench)}
    if bench.applied is not None:
        assert bench.applied()["S1"] == "9"


def test_probe_is_one_line_and_close_may_come_twice(bench):
    destination = bench.build()
    line = destination.probe()
    assert line
    assert "\n" not in line
    destination.close()
    destination.close()


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
