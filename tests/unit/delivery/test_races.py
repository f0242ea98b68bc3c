"""What comes in between: a person, another lane's thread or a kill, at the worst of all moments."""

import json
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest

from gateway.delivery import forming, run_answers
from gateway.journal import runs
from gateway.testing.hostile import Step, read_log
from gateway.testing.texts import mapping
from gateway.testing.wanted import TERMS

HEADER = "sku,quantity\n"
PRICES = mapping("price", 'sku = "sku"\nprice = "price"\nprice_basis = { constant = "gross" }\n')
WANTED = {
    "contract": "price", "fields": ("sku", "price"), "wanted": "base", "prices": TERMS, "mapping": PRICES,
}  # fmt: skip


def rows(*pairs):
    return HEADER + "".join(f"{sku},{quantity}\n" for sku, quantity in pairs)


def sent(rig):
    """Records of all calls, in order."""
    return [record for entry in read_log(rig.destination._settings.log) for record in entry.get("effects", ())]


class TestCancelledWhileItsConsignmentIsFormed:
    @pytest.fixture
    def cancelled(self, monkeypatch):
        """Cancel a run once the rows of its consignment are decided."""

        def of(rig, run):
            stopped, left = forming.stopped, [run]

            def cancel(*args, **options):
                if left:
                    rig.operations.cancel(left.pop())
                return stopped(*args, **options)

            monkeypatch.setattr(forming, "stopped", cancel)

        return of

    @pytest.mark.parametrize(
        ("settings", "content"), [({}, rows(("a", 1))), (WANTED, "sku,price\na,9.90\n")], ids=["stock", "wanted"]
    )
    def test_none_of_its_rows_is_sent(self, rigs, cancelled, settings, content):
        rig = rigs(**settings)
        run = rig.drop("a.csv", content)
        cancelled(rig, run)
        rig.advance(2)
        assert sent(rig) == []
        assert rig.states(run) == {"skipped": 1}
        assert rig.operations.run(run).state == "settled"

    def test_the_other_run_of_the_consignment_goes(self, rigs, cancelled):
        rig = rigs()
        first = rig.drop("a.csv", rows(("a", 1)))
        rig.clock.advance(5)
        second = rig.drop("b.csv", rows(("b", 1)))
        cancelled(rig, first)
        rig.advance(2)
        assert [record["sku"] for record in sent(rig)] == ["b"]
        assert (rig.states(first), rig.states(second)) == ({"skipped": 1}, {"applied": 1})

    def test_a_run_the_guard_would_hold_stays_cancelled(self, rigs, cancelled):
        rig = rigs(route={"mode": "full", "absent": "end"})
        rig.drop("a.csv", rows(*((f"k{n}", 1) for n in range(30))))
        rig.advance()
        rig.clock.advance(5)
        run = rig.drop("b.csv", rows(("k1", 1)))
        cancelled(rig, run)
        rig.advance(2)
        assert rig.operations.run(run).state == "settled"
        assert len(sent(rig)) == 30


class TestFullFilesInAHurry:
    """Files that come faster than calls end: what the newest leaves out must not stay for ever."""

    @pytest.fixture
    def full(self, rigs):
        def make(*script, absent="end", **options):
            return rigs(*script, route={"mode": "full", "absent": absent, "guard": {"off": True}}, **options)

        return make

    def follow(self, rig, times=6):
        """Advance until nothing is under way; returns what was sent last of each article."""
        for _ in range(times):
            rig.advance()
            rig.clock.advance(5)
        return {one["sku"]: one.get("command") or one["quantity"] for one in sent(rig)}

    @pytest.mark.parametrize(("absent", "last"), [("end", "end"), ("zero", "0"), ("keep", "1")])
    def test_a_key_under_way_that_the_next_one_leaves_out(self, full, absent, last):
        rig = full(Step(polls=3), absent=absent)
        rig.drop("1.csv", rows(("a", 1), ("b", 1)))
        rig.advance()
        rig.clock.advance(5)
        run = rig.drop("2.csv", rows(("a", 2)))
        assert self.follow(rig) == {"a": "2", "b": last}
        assert rig.settler.rows(rig.operations.run(run)).states.derived == ({} if absent == "keep" else {"applied": 1})

    def test_a_key_under_way_that_was_confirmed_before_is_ended_once(self, full):
        rig = full(Step(), Step(polls=3))
        for number, quantity in enumerate((1, 2)):
            rig.drop(f"{number}.csv", rows(("a", quantity), ("b", quantity)))
            rig.advance()
            rig.clock.advance(5)
        rig.drop("3.csv", rows(("a", 3)))
        assert self.follow(rig) == {"a": "3", "b": "end"}
        assert [one.get("command") for one in sent(rig)].count("end") == 1

    def test_a_key_under_way_that_the_next_one_has_a_faulty_row_of_stays(self, full):
        rig = full(Step(polls=3))
        rig.drop("1.csv", rows(("a", 1), ("b", 1)))
        rig.advance()
        rig.clock.advance(5)
        rig.drop("2.csv", rows(("a", 2), ("b", "x")))
        assert self.follow(rig) == {"a": "2", "b": "1"}

    def test_a_key_under_way_that_a_newer_file_speaks_of_stays(self, full):
        rig = full(Step(polls=3))
        rig.drop("1.csv", rows(("a", 1), ("b", 1)))
        rig.advance()
        for name, content in (("2.csv", rows(("a", 2))), ("3.csv", rows(("a", 3), ("b", 3)))):
            rig.clock.advance(5)
            rig.drop(name, content)
        assert self.follow(rig) == {"a": "3", "b": "3"}

    def test_what_is_being_ended_is_not_ended_again(self, full):
        rig = full(Step(), Step(polls=3))
        for number, content in enumerate((rows(("a", 1), ("b", 1)), rows(("a", 2)), rows(("a", 3)))):
            rig.drop(f"{number}.csv", content)
            rig.advance()
            rig.clock.advance(5)
        assert self.follow(rig) == {"a": "3", "b": "end"}

    @pytest.mark.parametrize(("absent", "last"), [("end", "end"), ("zero", "0")])
    def test_a_key_under_way_again_that_was_left_out_before(self, full, absent, last):
        rig = full(Step(), Step(), Step(), Step(polls=3), absent=absent)  # what is left out goes in a call of its own
        for number, content in enumerate((rows(("a", 5), ("b", 1)), rows(("b", 2)), rows(("a", 7), ("b", 3)))):
            rig.drop(f"{number}.csv", content)
            rig.advance()
            rig.clock.advance(5)
        assert sent(rig)[-1]["quantity"] == "3"
        run = rig.drop("4.csv", rows(("b", 4)))
        assert self.follow(rig) == {"a": last, "b": "4"}
        assert rig.settler.rows(rig.operations.run(run)).states.derived == {"applied": 1}

    @pytest.mark.parametrize("absent", ["end", "zero"])
    def test_a_key_under_way_that_was_confirmed_by_a_newer_file_stays(self, full, absent):
        rig = full(Step(polls=9), absent=absent)
        start = rig.clock.now()
        rig.drop("1.csv", rows(("a", 1), ("b", 1)))
        rig.advance()
        rig.clock.advance(5)
        rig.drop("3.csv", rows(("a", 3), ("b", 3)))
        rig.advance(2)
        rig.drop("2.csv", rows(("b", 2)), mtime=start + timedelta(seconds=2))
        assert self.follow(rig, 12) == {"a": "3", "b": "3"}

    def test_a_row_that_a_newer_one_beside_it_leaves_out_is_superseded(self, full):
        rig = full()
        first = rig.drop("1.csv", rows(("a", 1), ("b", 1)))
        rig.clock.advance(5)
        second = rig.drop("2.csv", rows(("a", 2)))
        assert self.follow(rig) == {"a": "2"}
        assert (rig.states(first), rig.states(second)) == ({"superseded": 2}, {"applied": 1})
        assert rig.results(first)["detail"].to_list() == ["by a newer file", "by a newer full file without it"]


def test_a_lane_resumed_while_it_is_found_paused_goes_on(rigs, monkeypatch):
    rig = rigs()
    rig.drop("a.csv", rows(("a", 1)))
    rig.operations.pause("there")
    begin, resume = rig.journal.begin, threading.Thread(target=rig.operations.resume, args=("there",))

    @contextmanager
    def late():
        """Have a person resume the lane whenever no transaction is open."""
        if resume.ident is None and threading.current_thread() is threading.main_thread():
            monkeypatch.setattr(rig.journal, "begin", begin)
            resume.start()
            resume.join()
        with begin() as tx:
            yield tx

    monkeypatch.setattr(rig.journal, "begin", late)
    rig.advance()
    with rig.journal.read() as tx:
        due = runs.due_lanes(tx, rig.clock.now())
    assert due == [rig.lane.name] or sent(rig)


def test_a_run_whose_last_effects_end_while_another_thread_looks_at_it_is_settled(rigs, monkeypatch):
    rig = rigs(Step(polls=3))
    run = rig.drop("a.csv", rows(("a", 1)))
    rig.advance()
    progress, left = rig.settler.answers.progress, [run]

    def slow(row):
        """Have the lane learn the end, and come for the run, while its progress is written."""
        progress(row)
        while left and rig.states(run) == {"pending": 1}:
            rig.clock.advance(60)
            rig.advance()

    monkeypatch.setattr(rig.settler.answers, "progress", slow)
    assert rig.settler.finish([run]) == [run]
    assert rig.operations.run(run).state == "settled"


def test_two_lanes_that_hold_a_run_at_once_tell_it_without_a_fault(rigs, monkeypatch):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("a.csv", rows(*((f"k{n}", 1) for n in range(30))))
    rig.advance()
    rig.clock.advance(5)
    run = rig.drop("b.csv", rows(("k1", 1)))
    write, lanes = run_answers.write_progress, [threading.Thread(target=rig.settler.tell_held, args=(run,))]

    def slow(out, **facts):
        """Have another lane say the same before the file that this one has written gets its name."""
        write(out, **facts)
        for lane in lanes[:1]:
            lanes.clear()
            lane.start()
            lane.join()

    monkeypatch.setattr(run_answers, "write_progress", slow)
    rig.advance()
    assert rig.operations.run(run).state == "held"
    assert not lanes
    assert [event.text for event in rig.operations.events(run) if event.kind == "fault"] == []
    (told,) = (rig.folder / "outbox").rglob("*.progress.json")
    assert "held" in json.loads(told.read_bytes())["message"]
