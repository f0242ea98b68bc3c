"""Files whose time is later than their arrival: a clock that is ahead, or a wrong date, must block no key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
import sqlalchemy as sa

from gateway.journal import runs
from gateway.journal import tables as t
from gateway.model import Arrival, Claim
from gateway.pipeline.bundle import Bundle
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import MAPPING, Rig

HEADER = "sku,quantity\n"


@pytest.fixture
def rig(tmp_path):
    clock = FakeClock()
    there = BulkDestination(BulkSettings(fields=("sku", "quantity")), clock=clock, account="there", name="there")
    one = Rig(tmp_path / "gateway", there, clock)
    yield one
    one.close()


def ack(rig, name):
    (found,) = (rig.folder / "outbox" / "acme").glob(f"{name}.*.ack.json")
    return orjson.loads(found.read_bytes())


def events(rig, kind):
    with rig.journal.read() as tx:
        return list(tx.scalars(sa.select(t.event.c.text).where(t.event.c.kind == kind)))


def settled(rig, run):
    rig.advance(3)
    return dict(rig.states(run))


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=1500), timedelta(seconds=5)])
def test_a_file_dated_in_the_future_blocks_no_key(rig, ahead):
    first = rig.drop("first.csv", HEADER + "a,21\n", mtime=rig.clock.now() + ahead)
    settled(rig, first)
    rig.clock.sleep(1)
    second = rig.drop("second.csv", HEADER + "a,22\n")
    assert {state: n for state, n in settled(rig, second).items() if n} == {"applied": 1}
    assert [rig.operations.run(run).seq for run in (first, second)] == sorted(
        rig.operations.run(run).seq for run in (first, second)
    )


def test_it_is_said_in_the_acknowledgement_the_notes_and_as_a_warning(rig):
    run = rig.drop("first.csv", HEADER + "a,21\n", mtime=datetime(2030, 1, 1, tzinfo=UTC))
    (note,) = rig.operations.run(run).notes
    assert "first.csv" in note
    assert "2030-01-01T00:00:00Z" in note
    assert ack(rig, "first.csv")["notes"] == [note]
    (warned,) = events(rig, "clock")
    assert "2030-01-01T00:00:00Z" in warned
    assert "first.csv" in warned


def test_a_clock_that_is_a_little_ahead_is_not_worth_a_word(rig):
    run = rig.drop("first.csv", HEADER + "a,21\n", mtime=rig.clock.now() + timedelta(seconds=30))
    assert rig.operations.run(run).notes == []
    assert "notes" not in ack(rig, "first.csv")
    assert events(rig, "clock") == []


def test_files_of_a_server_whose_clock_is_ahead_keep_their_order(rig):
    ahead = timedelta(minutes=10)
    first = rig.drop("first.csv", HEADER + "a,1\n", mtime=rig.clock.now() + ahead)
    rig.clock.sleep(20)
    second = rig.drop("second.csv", HEADER + "a,2\n", mtime=rig.clock.now() + ahead)
    assert rig.operations.run(first).seq < rig.operations.run(second).seq
    assert settled(rig, first)["superseded"] == 1
    assert settled(rig, second)["applied"] == 1


def test_an_older_state_that_is_dropped_again_takes_effect(rig):
    stamp = datetime(2030, 1, 1, tzinfo=UTC)
    settled(rig, rig.drop("first.csv", HEADER + "a,21\n", mtime=stamp))
    rig.clock.sleep(1)
    settled(rig, rig.drop("second.csv", HEADER + "a,22\n"))
    rig.clock.sleep(1)
    again = rig.drop("third.csv", HEADER + "a,21\n", mtime=stamp)
    assert settled(rig, again)["applied"] == 1


def test_a_row_has_the_time_of_the_arrival_where_it_names_none(tmp_path):
    clock = FakeClock()
    fields = ("sku", "quantity", "timestamp")
    there = BulkDestination(BulkSettings(fields=fields), clock=clock, account="there", name="there")
    rig = Rig(tmp_path / "gateway", there, clock, mapping=MAPPING)
    run = rig.drop("first.csv", HEADER + "a,21\n", mtime=datetime(2030, 1, 1, tzinfo=UTC))
    (block,) = rig.spool.run(run).blocks(["timestamp"])
    assert block["timestamp"].to_list() == [f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"]
    rig.close()


def test_waiting_files_are_taken_by_the_time_that_counts(rig):
    def enter(name, mtime):
        local = rig.spool.claims / name
        local.write_text(HEADER + "a,1\n", "utf-8")
        rig.intake.enter(Claim(Arrival("drop", name, local.stat().st_size, mtime), local, name))
        rig.clock.sleep(1)

    enter("future.csv", datetime(2030, 1, 1, tzinfo=UTC))
    enter("late.csv", rig.clock.now() - timedelta(hours=1))
    enter("next.csv", rig.clock.now())
    with rig.journal.begin() as tx:
        tx.execute(sa.update(t.arrival).values(sha256="0" * 64))
        rows = runs.arrivals(tx, "claimed")
    assert [row.path for row in rows] == ["late.csv", "future.csv", "next.csv"]
    assert rows[1].mtime == datetime(2030, 1, 1, tzinfo=UTC)  # what the source knows the file by stays

    whole = Bundle.of_several(rows, "set", named=False)
    assert whole.arrival.mtime == rows[2].mtime
    (note,) = whole.notes
    assert "future.csv" in note


def test_a_clock_of_ours_that_is_behind_makes_no_file_older_than_those_before(rig, tmp_path):
    settled(rig, rig.drop("first.csv", HEADER + "a,21\n"))
    there, now = rig.destination, rig.clock.now()
    rig.close()
    slow = FakeClock(datetime(2020, 1, 1, tzinfo=UTC))
    again = Rig(tmp_path / "gateway", there, slow)
    second = again.drop("second.csv", HEADER + "a,22\n", mtime=now + timedelta(minutes=1))
    slow.sleep(1)
    third = again.drop("third.csv", HEADER + "a,23\n", mtime=now + timedelta(minutes=2))
    late = again.drop("late.csv", HEADER + "a,20\n", mtime=now - timedelta(minutes=1))
    seqs = [again.operations.run(run).seq for run in (late, second, third)]
    assert seqs == sorted(seqs)
    again.advance(3)
    assert [dict(again.states(run)) for run in (second, third)] == [{"superseded": 1}, {"applied": 1}]
    again.close()
