"""The hostile destination does what its script says, writes it down, and survives being killed."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import UTC, datetime

import polars as pl
import pytest

from gateway.errors import CallRefused, OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.model import ABSENT, KEY, UNKNOWN, Reference, RowState, Sent
from gateway.testing.clock import FakeClock
from gateway.testing.hostile import (
    KILLED,
    HostileDestination,
    HostileSettings,
    Step,
    effects_per_key,
    final_state,
    read_log,
)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "deep" / "effects.jsonl"


def build(log, *script, **more):
    settings = HostileSettings(log=log, script=[Step(**step) for step in script], **more)
    return HostileDestination(settings, clock=FakeClock(), account="a", name="hostile")


def records(**quantities):
    return pl.DataFrame(
        {
            "effect": pl.Series(range(len(quantities)), dtype=pl.UInt32),
            KEY: list(quantities),
            "sku": list(quantities),
            "quantity": [str(value) for value in quantities.values()],
        }
    )


def one(destination, **quantities):
    (batch,) = destination.encode("write", records(**quantities), Reference())
    return batch


def as_sent(batch, ticket=None):
    start = datetime(2026, 11, 22, tzinfo=UTC)
    return Sent(1, "write", batch.slot, ticket, "d", batch.effects.height, start, batch.memo)


def test_taking_counts_effects_and_keeps_the_last_value(log):
    destination = build(log)
    for quantity in (1, 2):
        receipt = destination.submit(one(destination, A=quantity, B=7))
        assert (receipt.closed, receipt.rest) == (True, RowState.APPLIED)
    assert effects_per_key(log) == {"A": 2, "B": 2}
    assert final_state(log)["A"]["quantity"] == "2"


@pytest.mark.parametrize(
    ("does", "error", "effects"),
    [
        ("drop_before", Unreachable, 0),
        ("drop_after", OutcomeUnknown, 1),
        ("throttle", Throttled, 0),
        ("refuse_call", Refused, 0),
        ("refuse_form", CallRefused, 0),
    ],
)
def test_calls_that_fail(log, does, error, effects):
    destination = build(log, {"does": does, "seconds": 9.0})
    batch = one(destination, A=1)
    with pytest.raises(error) as caught:
        destination.submit(batch)
    assert getattr(caught.value, "after", None) == (9.0 if does == "throttle" else None)
    assert effects_per_key(log)["A"] == effects
    found = destination.find(as_sent(batch))
    assert found is ABSENT if effects == 0 else (found.closed, found.rest) == (True, RowState.APPLIED)
    assert destination.submit(batch).closed


def test_refused_rows_have_no_effect(log):
    destination = build(log, {"does": "refuse", "keys": ["B"]})
    receipt = destination.submit(one(destination, A=1, B=2))
    assert receipt.rest is RowState.APPLIED
    assert receipt.outcomes.select("key", "state", "code").rows() == [("B", "refused", "DEST_REFUSED")]
    assert effects_per_key(log) == {"A": 1}


def test_a_batch_may_close_without_saying_what_became_of_it(log):
    destination = build(log, {"does": "uncertain"})
    assert destination.submit(one(destination, A=1)).rest is RowState.UNCERTAIN


def test_slow_batches_close_after_their_polls_even_for_another_object(log):
    destination = build(log, {"polls": 2}, {"does": "never_close"})
    batch = one(destination, A=1)
    receipt = destination.submit(batch)
    assert not receipt.closed
    assert not build(log).poll([as_sent(batch, receipt.ticket)])[1].closed
    assert build(log).poll([as_sent(batch, receipt.ticket)])[1].closed
    stuck = destination.submit(one(destination, B=1))
    assert not any(destination.poll([as_sent(batch, stuck.ticket)])[1].closed for _ in range(5))


def test_what_can_not_be_searched_is_unknown(log):
    destination = build(log, searchable=False)
    batch = one(destination, A=1)
    destination.submit(batch)
    assert destination.find(as_sent(batch)) is UNKNOWN


@pytest.mark.parametrize(("does", "effects"), [("kill_before", 0), ("kill_after", 1)])
def test_a_killed_process_leaves_the_truth_behind(log, does, effects):
    program = f"""
        import polars as pl
        from pathlib import Path
        from gateway.model import Batch
        from gateway.testing.clock import FakeClock
        from gateway.testing.hostile import HostileDestination, HostileSettings, Step
        settings = HostileSettings(log=Path({str(log)!r}), script=(Step(does={does!r}),))
        destination = HostileDestination(settings, clock=FakeClock(), account="a", name="h")
        destination.submit(Batch("write", "s", b'[{{"@key": "A"}}]', pl.DataFrame()))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (KILLED, b"")
    assert effects_per_key(log)["A"] == effects
    destination = build(log, {"does": does})
    assert destination.submit(one(destination, A=1)).closed  # the script goes on where it stopped


def test_a_line_cut_off_by_a_kill_is_left_out(log):
    destination = build(log)
    destination.submit(one(destination, A=1))
    with log.open("ab") as out:
        out.write(b'{"effects": [{"@key": "A"')
    assert effects_per_key(log) == {"A": 1}
    destination.submit(one(destination, A=2))
    assert effects_per_key(log) == {"A": 2}
    assert read_log(log.with_name("absent")) == []
