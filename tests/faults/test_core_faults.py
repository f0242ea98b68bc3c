"""Faults between two steps of the core: late truths, lanes that share an account, files nobody names."""

from __future__ import annotations

import csv
import threading
import time
from dataclasses import replace

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.delivery.baseline import Baseline, sweep
from gateway.delivery.lane import Delivery
from gateway.delta import fold
from gateway.journal import runs
from gateway.journal import tables as t
from gateway.model import KEY
from gateway.testing.clock import FakeClock
from gateway.testing.hostile import HostileDestination, HostileSettings, Step, effects_per_key
from gateway.testing.rig import Rig

GOOD = "sku,quantity\na,1\nb,2\n"


class Crash(BaseException):
    """Stands for the end of the process between two steps."""


@pytest.fixture
def rigs(tmp_path):
    """Make rigs on one folder: the second is the gateway after a restart, with the same clock."""
    clock, made = FakeClock(), []

    def make(*script, **settings):
        hostile = HostileSettings(log=tmp_path / "effects.jsonl", script=script, **settings)
        there = HostileDestination(hostile, clock=clock, account="there", name="there")
        made.append(Rig(tmp_path / "gateway", there, clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


def crash(*_args, **_more):
    raise Crash


def answers(rig, kind):
    return sorted((rig.folder / "outbox/acme").glob(f"*.{kind}"))


def confirmed(rig, lane):
    """What stands in the baseline of a lane, one row per key."""
    return fold(list(Baseline.of_lane(rig.journal, rig.spool, lane).frames()))


def known(rig, lane):
    return set(confirmed(rig, lane)[KEY])


def neighbours(rig):
    """Give the rig a second lane of another owner on the same account: returns its name."""
    other = replace(rig.lane, name="there/stock/bolt")
    lanes = {one.name: one for one in (rig.lane, other)}
    delivery = rig.delivery
    rig.delivery = Delivery(rig.journal, delivery._builder, delivery._sender, rig.settler, lanes, rig.intake.run_ended)
    return other.name


def move_to(rig, run, lane):
    with rig.journal.begin() as tx:
        tx.execute(sa.update(t.leg).where(t.leg.c.run == run).values(lane=lane))
        values = {"destination": "there", "account": "there", "operation": "write", "wake_at": rig.clock.now()}
        runs.ensure_lane(tx, lane, **values)


class TestLateTruths:
    SLOW = Step(polls=3)

    def lapsed(self, rig):
        run = rig.drop("1.csv", GOOD)
        rig.advance()
        rig.clock.advance(101)
        rig.advance(2)
        assert rig.states(run) == {"accepted": 2}
        assert rig.operations.run(run).state == "settled"
        return run

    def later(self, rig, times=4):
        for _ in range(times):
            rig.clock.advance(3600)
            rig.advance()

    def test_a_truth_after_the_result_becomes_a_correction_and_moves_the_baseline(self, rigs):
        rig = rigs(self.SLOW, deadline=100)
        run = self.lapsed(rig)
        assert known(rig, rig.lane.name) == set()
        self.later(rig)
        assert rig.states(run) == {"applied": 2}
        (correction,) = answers(rig, "correction-1.csv")
        assert [row["state"] for row in csv.DictReader(correction.read_text("utf-8").splitlines())] == ["applied"] * 2
        assert known(rig, rig.lane.name) == {"a\x1f", "b\x1f"}
        assert rig.operations.run(run).counts["states"] == {"applied": 2}
        self.later(rig)
        assert len(answers(rig, "correction-*.csv")) == 1

    def test_a_crash_between_hearing_and_correcting_loses_nothing(self, rigs):
        rig = rigs(self.SLOW, deadline=100)
        run = self.lapsed(rig)
        rig.settler.correct = crash
        with pytest.raises(Crash):
            self.later(rig)
        with rig.journal.read() as tx:
            heard = list(tx.scalars(sa.select(t.batch.c.state)))
        while heard != ["closed"]:
            with pytest.raises(Crash):
                self.later(rig, 1)
            with rig.journal.read() as tx:
                heard = list(tx.scalars(sa.select(t.batch.c.state)))
        again = rigs(self.SLOW, deadline=100)
        again.advance()
        assert len(answers(again, "correction-1.csv")) == 1
        assert known(again, again.lane.name) == {"a\x1f", "b\x1f"}
        assert again.operations.run(run).corrections == 1

    def test_it_moves_the_baseline_of_its_own_lane_whoever_heard_it(self, rigs):
        rig = rigs(self.SLOW, deadline=100)
        other = neighbours(rig)
        run = self.lapsed(rig)
        rig.clock.advance(60)
        second = rig.drop("2.csv", "sku,quantity\nc,3\n")
        move_to(rig, second, other)
        for _ in range(4):
            rig.clock.advance(3600)
            rig.delivery.advance(other)
        assert known(rig, other) == {"c\x1f"}
        rig.advance()
        assert known(rig, rig.lane.name) == {"a\x1f", "b\x1f"}
        assert rig.states(run) == {"applied": 2}
        assert len(answers(rig, "correction-1.csv")) == 1


class TestLanesOfOneAccount:
    def test_a_lane_does_not_spin_for_its_last_consignment(self, rigs):
        rig = rigs(Step(polls=9), settle_first=True, look_interval=30)
        rig.drop("1.csv", GOOD)
        rig.advance()
        rig.clock.advance(1)
        rig.drop("2.csv", GOOD.replace("a,1", "a,7"))
        at = rig.advance()
        assert at is not None
        assert (at - rig.clock.now()).total_seconds() == 29

    def test_a_lane_does_not_spin_for_a_neighbour_that_nobody_advances(self, rigs):
        rig = rigs(Step(does="never_close"), look_interval=30, deadline=100)
        other = neighbours(rig)
        run = rig.drop("1.csv", GOOD)
        move_to(rig, run, other)
        rig.delivery.advance(other)
        rig.clock.advance(3600)
        at = rig.advance()
        assert at is not None
        assert at > rig.clock.now()

    def test_two_lanes_never_ask_one_account_at_the_same_time(self, rigs):
        rig = rigs(*[Step(polls=1)] * 2, look_interval=0)
        other = neighbours(rig)
        move_to(rig, rig.drop("1.csv", GOOD), other)
        rig.delivery.advance(other)
        rig.drop("2.csv", "sku,quantity\nz,1\n")
        rig.advance()
        poll, asked, together = rig.destination.poll, [], []

        def slow(sent):
            asked.append(len(sent))
            together.append(len(asked))
            time.sleep(0.05)
            answer = poll(sent)
            asked.pop()
            return answer

        rig.destination.poll = slow
        rig.clock.advance(10)
        threads = [threading.Thread(target=rig.delivery.advance, args=(lane,)) for lane in (other, rig.lane.name)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert max(together) == 1
        for lane in (other, rig.lane.name) * 2:
            rig.clock.advance(10)
            rig.delivery.advance(lane)
        assert {row.state for row in rig.operations.runs()} == {"settled"}

    def test_a_slot_is_shared_by_lanes_and_the_second_waits(self, rigs):
        rig = rigs(Step(polls=2), slot_until="settled", look_interval=5)
        other = neighbours(rig)
        first = rig.drop("1.csv", GOOD)
        move_to(rig, first, other)
        rig.delivery.advance(other)
        rig.clock.advance(1)
        second = rig.drop("2.csv", "sku,quantity\nz,1\n")
        rig.advance()
        assert rig.states(second) == {"pending": 1}
        for lane in (other, rig.lane.name) * 3:
            rig.clock.advance(5)
            rig.delivery.advance(lane)
        assert (rig.states(first), rig.states(second)) == ({"applied": 2}, {"applied": 1})

    def test_a_batch_may_free_its_slot_before_it_is_known_what_became_of_it(self, rigs):
        rig = rigs(Step(polls=3), slot_until="settled", look_interval=5)
        other, poll = neighbours(rig), rig.destination.poll
        rig.destination.poll = lambda sent: {n: replace(one, frees=True) for n, one in poll(sent).items()}
        first = rig.drop("1.csv", GOOD)
        move_to(rig, first, other)
        rig.delivery.advance(other)
        rig.clock.advance(5)
        rig.delivery.advance(other)
        second = rig.drop("2.csv", "sku,quantity\nz,1\n")
        rig.advance()
        assert (rig.states(first), rig.states(second)) == ({"pending": 2}, {"applied": 1})


class TestBetweenTwoSteps:
    def test_a_file_that_comes_while_its_lane_is_under_way_is_not_slept_over(self, rigs):
        rig = rigs()
        submit, late = rig.destination.submit, []

        def and_another(batch):
            receipt = submit(batch)
            if not late:
                rig.clock.advance(1)
                late.append(rig.drop("2.csv", "sku,quantity\nz,1\n"))
            return receipt

        rig.destination.submit = and_another
        rig.drop("1.csv", GOOD)
        at = rig.advance()
        assert at is not None
        assert at <= rig.clock.now()
        rig.advance()
        assert rig.states(late[0]) == {"applied": 1}

    @pytest.mark.parametrize("step", ["submit", "poll"])
    def test_a_fault_of_ours_in_a_call_is_looked_up_after_the_restart(self, rigs, step):
        rig = rigs(Step(polls=1))
        call = getattr(rig.destination, step)

        def broken(*args):
            call(*args)
            raise Crash

        setattr(rig.destination, step, broken)
        run = rig.drop("1.csv", GOOD)
        if step == "poll":
            rig.advance()
            rig.clock.advance(5)
        with pytest.raises(Crash):
            rig.advance()
        again = rigs(Step(polls=1))
        for _ in range(3):
            again.clock.advance(5)
            again.advance()
        assert again.states(run) == {"applied": 2}
        assert set(effects_per_key(again.folder.parent / "effects.jsonl").values()) == {1}

    def test_the_link_to_the_first_run_survives_a_crash_while_settling(self, rigs):
        rig = rigs()
        first = rig.drop("1.csv", GOOD + "c,x\n")
        rig.advance(2)
        (errors,) = answers(rig, "errors.csv")
        rig.clock.advance(60)
        run = rig.drop(errors.name, errors.read_text("utf-8").replace(",x\n", ",3\n"))
        note = rig.journal.note

        def crash_at_the_end(tx, subject, kind, text):
            if (subject, kind) == (run, "settled"):
                raise Crash
            note(tx, subject, kind, text)

        rig.journal.note = crash_at_the_end
        with pytest.raises(Crash):
            rig.advance(2)
        again = rigs()
        again.advance(2)
        assert again.operations.run(run).state == "settled"
        assert again.operations.summary(first).first_run_rows == [(4, run)]


class TestDeadDestinations:
    def test_one_blocks_no_other(self, tmp_path):
        clock = FakeClock()
        made = []
        for name, script in (("dead", (Step(does="drop_before"),) * 50), ("fine", ())):
            hostile = HostileSettings(log=tmp_path / f"{name}.jsonl", script=script)
            there = HostileDestination(hostile, clock=clock, account=name, name=name)
            made.append(Rig(tmp_path / name, there, clock))
        dead, fine = made
        waiting, done = dead.drop("1.csv", GOOD), fine.drop("1.csv", GOOD)
        for _ in range(10):
            at = dead.advance()
            assert at is not None
            assert at > clock.now()
            fine.advance()
            clock.advance(1)
        assert (dead.states(waiting), fine.states(done)) == ({"pending": 2}, {"applied": 2})
        lane = dead.operations.lanes()[0]
        assert "closed the connection" in str(lane.trouble)
        assert lane.trouble_since is not None
        for one in made:
            one.close()

    def test_pauses_grow_and_end_with_the_first_answer(self, rigs):
        rig = rigs(*[Step(does="drop_before")] * 6)
        run = rig.drop("1.csv", GOOD)
        pauses = []
        while rig.states(run) == {"pending": 2}:
            at = rig.advance()
            if at is None:
                break
            pauses.append((at - rig.clock.now()).total_seconds())
            rig.clock.advance(pauses[-1])
        assert pauses[:6] == [1, 2, 4, 8, 16, 32]
        assert rig.states(run) == {"applied": 2}
        assert rig.operations.lanes()[0].trouble is None


class TestLeavings:
    def test_what_the_journal_does_not_name_is_swept_and_the_rest_stays(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", GOOD)
        rig.advance(2)
        lost = rig.spool.consignment("LOST")
        lost.begin()
        lost.bodies.write_bytes(b"never sent")
        (rig.spool.segments / "lost.parquet").write_bytes(b"half")
        (rig.spool.segments / "lost.parquet.part").write_bytes(b"half")
        (consignment,) = (rig.spool.root / "consignments").glob("[0-9A-Z]" * 9)
        (consignment / "bodies").write_bytes(b"a crash came before it was removed")
        before = known(rig, rig.lane.name)
        sweep(rig.journal, rig.spool)
        assert not lost.root.exists()
        assert not (consignment / "bodies").exists()
        assert [path for path in rig.spool.segments.iterdir() if "lost" in path.name] == []
        assert known(rig, rig.lane.name) == before == {"a\x1f", "b\x1f"}
        assert rig.states(run) == {"applied": 2}

    def test_bodies_of_an_open_consignment_stay(self, rigs):
        rig = rigs(Step(does="drop_before"))
        run = rig.drop("1.csv", GOOD)
        rig.advance()
        sweep(rig.journal, rig.spool)
        rig.clock.advance(5)
        rig.advance(2)
        assert rig.states(run) == {"applied": 2}

    def test_a_folded_baseline_is_the_same(self, rigs):
        rig = rigs()
        for number in range(12):
            rig.drop(f"{number}.csv", f"sku,quantity\na,{number}\nk{number},1\n")
            rig.advance(2)
            rig.clock.advance(60)
        with rig.journal.read() as tx:
            named = set(tx.scalars(sa.select(t.segment.c.file)))
        assert {path.name for path in rig.spool.segments.iterdir()} == named
        assert len(named) < 12
        frame = confirmed(rig, rig.lane.name)
        assert dict(frame.filter(pl.col(KEY) == "a\x1f").select(KEY, "measure").rows()) == {"a\x1f": "11"}
        assert frame.height == 13
