"""What people do to runs, and what they are told when it can't be done."""

from __future__ import annotations

import json
import threading

import pytest
import sqlalchemy as sa

from gateway.errors import WillNeverWork
from gateway.journal import runs
from gateway.journal import tables as t
from gateway.model import KEY
from gateway.operations import NoSuchRunError
from gateway.testing.clock import FakeClock
from gateway.testing.hostile import HostileDestination, HostileSettings, Step, effects_per_key
from gateway.testing.rig import Rig

FULL = {"mode": "full", "absent": "end"}


@pytest.fixture
def rigs(tmp_path):
    made = []

    def make(*script, route=None, **settings):
        clock = FakeClock()
        hostile = HostileSettings(log=tmp_path / "effects.jsonl", script=script, **settings)
        one = Rig(
            tmp_path / "gateway", HostileDestination(hostile, clock=clock, account="there", name="there"), clock,
            **(route or {}),
        )  # fmt: skip
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def rows(count, quantity=5):
    return "sku,quantity\n" + "".join(f"K{n:04d},{quantity}\n" for n in range(count))


def held(rig):
    rig.drop("1.csv", rows(100))
    rig.advance()
    rig.clock.advance(60)
    run = rig.drop("2.csv", rows(10))
    rig.advance()
    assert rig.operations.run(run).state == "held"
    return run


def audit(rig):
    with rig.journal.read() as tx:
        return [(row.action, row.target) for row in tx.execute(sa.select(t.audit).order_by(t.audit.c.id))]


class TestFinding:
    def test_an_id_is_found_in_any_case(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", rows(1))
        assert rig.operations.run(f" {run.lower()}\n").id == run

    def test_an_unknown_id_names_the_nearest_and_the_last_ones(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", rows(1))
        wrong = f"{run[:-1]}{'Z' if run[-1] != 'Z' else 'Y'}"
        with pytest.raises(NoSuchRunError) as caught:
            rig.operations.run(wrong)
        assert str(caught.value) == f"There is no run '{wrong}'. Did you mean {run}? The last ones are: {run}."

    def test_nothing_near_is_no_guess(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", rows(1))
        with pytest.raises(NoSuchRunError) as caught:
            rig.operations.run("my file")
        assert str(caught.value) == f"There is no run 'my file'. The last ones are: {run}."

    def test_an_empty_journal_says_so(self, rigs):
        with pytest.raises(NoSuchRunError, match="The last ones are: none"):
            rigs().operations.run("X")

    def test_a_file_refused_as_a_whole_has_no_summary(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", "nothing\n1\n")
        with pytest.raises(NoSuchRunError, match=f"Run {run} was refused as a whole: .*sku"):
            rig.operations.summary(run)
        assert rig.operations.rows(run) is None
        assert rig.operations.causes(run) == []


class TestWrongStates:
    @pytest.mark.parametrize(
        ("action", "wanted"),
        [
            ("release", "is settled; only a run that is held can be released"),
            ("cancel", "is settled; only a run that is held or waiting can be cancelled"),
        ],
    )
    def test_a_settled_run_is_over(self, rigs, action, wanted):
        rig = rigs()
        run = rig.drop("1.csv", rows(1))
        rig.advance()
        with pytest.raises(WillNeverWork) as caught:
            getattr(rig.operations, action)(run)
        assert wanted in str(caught.value)
        assert f"gateway show {run}" in caught.value.fix
        assert audit(rig) == []

    def test_a_waiting_run_is_not_retried(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", rows(1))
        with pytest.raises(WillNeverWork, match="is waiting; only a run that is settled can be retried"):
            rig.operations.retry(run)

    def test_a_rejected_file_is_neither_released_nor_retried(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", "nothing\n1\n")
        for action in ("release", "retry", "cancel"):
            with pytest.raises(WillNeverWork, match="is rejected"):
                getattr(rig.operations, action)(run)

    def test_rows_that_our_checks_rejected_have_another_way_on(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", "sku,quantity\na,x\nb,1\n")
        rig.advance()
        with pytest.raises(WillNeverWork, match=r"Its rejected rows \(1\) go again mended, or by the file once its"):
            rig.operations.retry(run)

    def test_there_is_nothing_to_retry_where_all_went_well(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", rows(1))
        rig.advance()
        before = len(rig.operations.runs())
        with pytest.raises(WillNeverWork, match="There is nothing to retry"):
            rig.operations.retry(run)
        assert len(rig.operations.runs()) == before
        assert {path.name for path in (rig.spool.root / "runs").iterdir()} == {run}

    def test_releasing_twice_is_refused_once_it_is_released(self, rigs):
        rig = rigs(route=FULL)
        run = held(rig)
        rig.operations.release(run)
        with pytest.raises(WillNeverWork, match="is waiting; only"):
            rig.operations.release(run)
        assert audit(rig) == [("release", run)]


class TestHeld:
    def test_a_note_that_is_no_reason_is_none(self, rigs):
        rig = rigs(route=FULL)
        run = held(rig)
        (reason,) = rig.operations.comparison(run)
        with rig.journal.begin() as tx:
            runs.set_run(tx, run, notes=[reason, "8 rows equal what was confirmed last."])
        assert rig.operations.comparison(run) == [reason]

    def test_its_progress_has_the_reason_and_no_expected_end(self, rigs, tmp_path):
        rig = rigs(route=FULL)
        run = held(rig)
        (reason,) = rig.operations.comparison(run)
        (told,) = (tmp_path / "gateway" / "outbox").rglob("*.progress.json")
        said = json.loads(told.read_bytes())
        assert said["run"] == run
        assert said["message"] == f"The file is held: {reason}. The operator decides whether its rows are sent."
        assert rig.operations.run(run).counts["finish"]
        assert said["finish_expected"] is None
        assert rig.operations.summary(run).finish_expected is None


class TestRelease:
    def test_a_released_run_takes_effect(self, rigs):
        rig = rigs(route=FULL)
        run = held(rig)
        rig.operations.release(run)
        rig.advance()
        assert rig.operations.run(run).state == "settled"
        assert rig.settler.rows(rig.operations.run(run)).states.derived == {"applied": 90}

    def test_it_wakes_the_lane(self, rigs):
        rig = rigs(route=FULL)
        run = held(rig)
        assert rig.operations.lanes()[0].wake_at is None
        rig.operations.release(run)
        assert rig.operations.lanes()[0].wake_at == rig.clock.now()


class TestCancel:
    def test_rows_that_wait_are_skipped_and_say_why_without_naming_anybody(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", rows(3))
        rig.operations.cancel(run)
        rig.advance()
        assert rig.states(run) == {"skipped": 3}
        results = rig.results(run)
        assert set(results["code"]) == {"CANCELLED"}
        assert set(results["detail"]) == {"before it was sent"}
        assert rig.operations.run(run).notes == [
            "The operator cancelled the run: rows that were not sent by then are left out."
        ]
        with rig.journal.read() as tx:
            assert tx.scalar(sa.select(t.audit.c.who).where(t.audit.c.action == "cancel"))
        assert effects_per_key(rig.folder.parent / "effects.jsonl") == {}

    def test_what_was_sent_stays_and_what_was_not_is_never_sent(self, rigs):
        rig = rigs(Step(), Step(does="throttle", seconds=30), batch_size=2)
        run = rig.drop("1.csv", rows(5))
        rig.advance()
        assert rig.states(run) == {"applied": 2, "pending": 3}
        rig.operations.cancel(run)
        rig.clock.advance(60)
        rig.advance(2)
        assert rig.states(run) == {"applied": 2, "skipped": 3}
        assert rig.operations.run(run).state == "settled"
        assert sum(effects_per_key(rig.folder.parent / "effects.jsonl").values()) == 2
        assert rig.operations.open_imports() == []

    def test_a_call_another_run_shares_is_sent(self, rigs):
        rig = rigs(Step(does="throttle", seconds=30))
        first = rig.drop("1.csv", "sku,quantity\na,1\n")
        rig.clock.advance(1)
        second = rig.drop("2.csv", "sku,quantity\nb,1\n")
        rig.advance()
        rig.operations.cancel(first)
        rig.clock.advance(60)
        rig.advance(2)
        assert (rig.states(first), rig.states(second)) == ({"applied": 1}, {"applied": 1})

    def test_a_cancelled_call_gives_its_slot_back(self, rigs):
        rig = rigs(Step(does="drop_before"), slot_until="settled")
        run = rig.drop("1.csv", rows(1))
        rig.advance()
        rig.operations.cancel(run)
        rig.clock.advance(60)
        other = rig.drop("2.csv", rows(2))
        rig.advance(2)
        assert (rig.states(run), rig.states(other)) == ({"skipped": 1}, {"applied": 2})


class TestRetry:
    def test_only_refused_and_uncertain_rows_go_again(self, rigs):
        rig = rigs(Step(does="refuse", keys=("K0001\x1f", "K0002\x1f")))
        run = rig.drop("1.csv", rows(4) + "x,bad\n")
        rig.advance(2)
        retry, count = rig.operations.retry(run)
        rig.advance(2)
        assert (count, rig.states(retry)) == (2, {"applied": 2})
        assert rig.results(retry)[KEY].to_list() == ["K0001\x1f", "K0002\x1f"]
        row = rig.operations.run(retry)
        assert (row.retry_of, row.mode, row.rows) == (run, "delta", 2)
        assert rig.states(run) == {"refused": 2, "applied": 2, "rejected": 1}

    def test_a_newer_value_wins_over_the_retry(self, rigs):
        rig = rigs(Step(does="refuse", keys=("K0000\x1f",)))
        run = rig.drop("1.csv", rows(1, quantity=1))
        rig.advance(2)
        rig.clock.advance(60)
        rig.drop("2.csv", rows(1, quantity=2))
        rig.advance(2)
        retry, _ = rig.operations.retry(run)
        rig.advance(2)
        assert rig.states(retry) == {"superseded": 1}

    def test_a_retry_is_no_duplicate_to_the_next_file(self, rigs):
        rig = rigs(Step(does="refuse", keys=("K0000\x1f",)))
        run = rig.drop("1.csv", rows(1))
        rig.advance(2)
        rig.operations.retry(run)
        rig.advance(2)
        rig.clock.advance(60)
        assert rig.drop("2.csv", rows(1)) == ""  # the same bytes as the newest file, retried or not


class TestPauses:
    def test_a_paused_destination_gets_nothing_until_it_is_resumed(self, rigs):
        rig = rigs()
        rig.operations.pause("there")
        rig.operations.pause("there")
        run = rig.drop("1.csv", rows(1))
        assert rig.advance() is None
        assert rig.states(run) == {"pending": 1}
        assert rig.operations.paused() == ["there"]
        assert rig.operations.resume("there") is True
        assert rig.operations.lanes()[0].wake_at == rig.clock.now()
        rig.advance()
        assert rig.states(run) == {"applied": 1}

    def test_a_lane_can_be_paused_by_its_name(self, rigs):
        rig = rigs()
        rig.operations.pause(rig.lane.name)
        run = rig.drop("1.csv", rows(1))
        rig.advance()
        assert rig.states(run) == {"pending": 1}

    def test_resuming_what_was_not_paused_says_so(self, rigs):
        assert rigs().operations.resume("there") is False

    def test_pauses_outlive_the_process(self, rigs):
        rigs().operations.pause("there")
        assert rigs().operations.paused() == ["there"]


class TestBesideARunningService:
    def test_a_cancel_between_reading_and_sending_wins(self, rigs):
        """The person's word comes after the lane has looked at the batch and before its intent."""
        rig = rigs(batch_size=1)
        run = rig.drop("1.csv", rows(2))
        said = []
        sender = rig.delivery._sender
        book = sender._book

        def cancelled_first(setup, window):
            if not said:
                said.append(run)
                rig.operations.cancel(run)
            return book(setup, window)

        sender._book = cancelled_first
        rig.advance(2)
        assert rig.states(run) == {"skipped": 2}
        assert effects_per_key(rig.folder.parent / "effects.jsonl") == {}

    def test_questions_can_be_asked_from_another_thread(self, rigs):
        rig = rigs()
        run = rig.drop("1.csv", rows(50))
        found, failures = [], []

        def ask():
            try:
                found.extend(rig.operations.summary(run).rows for _ in range(20))
            except BaseException as error:  # noqa: BLE001  looked at below
                failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        rig.advance(3)
        thread.join()
        assert (failures, set(found)) == ([], {50})
