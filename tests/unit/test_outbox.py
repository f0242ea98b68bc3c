"""Answers: names, publishing in one step, going back to the partner's server whatever it does meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Busy, HostKeyError, Refused, Unreachable
from gateway.journal import open_journal
from gateway.journal import tables as t
from gateway.outbox import Outbox, answer_name
from gateway.sources.handling import Handling
from gateway.testing.clock import FakeClock
from gateway.testing.memory_source import MemoryFolder, MemoryLedger, MemorySource


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def journal(tmp_path, clock):
    made = open_journal(tmp_path / "state", clock)
    yield made
    made.close()


@pytest.fixture
def outbox(tmp_path, journal):
    return Outbox(tmp_path / "outbox", journal)


def source(clock, name="drop"):
    return MemorySource(name, MemoryFolder(), Handling(settle=0), ledger=MemoryLedger(), clock=clock)


def publish(outbox, name="a.csv.R.ack.json", text="{}", source="drop", kind="ack.json"):
    def write(out: Path) -> bool:
        out.write_text(text, "utf-8")
        return True

    return outbox.publish("acme", name, write, run="R", kind=kind, source=source)


def returned(one):
    return [path.removeprefix("out/") for path in one.folder.files if path.startswith("out/")]


def answers(journal):
    with journal.read() as tx:
        return tx.execute(sa.select(t.answer).order_by(t.answer.c.id)).fetchall()


class TestNames:
    @pytest.mark.parametrize(
        ("file", "wanted"),
        [
            ("stock.csv", "stock.csv.R.ack.json"),
            ("in/new/stock.csv", "stock.csv.R.ack.json"),
            ("stock (2).csv", "stock (2).csv.R.ack.json"),
            ("a\nb\x00;rm -rf $HOME.csv", "a_b_rm -rf _HOME.csv.R.ack.json"),
            ("Lagerübersicht.csv", "Lager_bersicht.csv.R.ack.json"),
            (".hidden.csv", "hidden.csv.R.ack.json"),
            ("..", "file.R.ack.json"),
            ("", "file.R.ack.json"),
        ],
    )
    def test_keep_what_is_safe_of_the_original(self, file, wanted):
        assert answer_name(file, "R", "ack.json") == wanted

    @given(file=st.text(max_size=400))
    def test_are_plain_file_names_that_fit_whatever_the_partner_calls_his_file(self, file):
        name = answer_name(file, "000000000", "correction-10.csv")
        assert name.isascii()
        assert name.isprintable()
        assert "/" not in name
        assert not name.startswith(".")
        assert len(f".{name}.part") <= 255

    @pytest.mark.parametrize("partner", ["..", ".", "../../etc", "a/b", ""])
    def test_a_partners_folder_never_leaves_the_outbox(self, outbox, tmp_path, partner):
        folder = outbox.folder(partner)
        assert folder.resolve().parent == (tmp_path / "outbox").resolve()


class TestPublishing:
    def test_the_answer_appears_under_its_name_and_in_the_journal(self, outbox, journal):
        path = publish(outbox, source=None)
        assert path is not None
        assert path.read_text("utf-8") == "{}"
        assert [p.name for p in path.parent.iterdir()] == [path.name]
        assert [(row.kind, row.state, row.file) for row in answers(journal)] == [("ack.json", "local", str(path))]

    def test_a_writer_that_fails_leaves_nothing(self, outbox, journal):
        def write(out: Path) -> bool:
            out.write_text("half of", "utf-8")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            outbox.publish("acme", "x.csv", write, run="R", kind="result.csv", source="drop")
        assert list(outbox.folder("acme").iterdir()) == []
        assert answers(journal) == []

    def test_a_writer_that_fails_leaves_the_old_answer_as_it_was(self, outbox):
        path = publish(outbox, text="old")

        def write(out: Path) -> bool:
            out.write_text("new", "utf-8")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            outbox.publish("acme", "a.csv.R.ack.json", write, run="R", kind="ack.json", source="drop")
        assert path.read_text("utf-8") == "old"

    def test_a_writer_with_nothing_to_say_writes_nothing(self, outbox, journal):
        assert outbox.publish("acme", "x.csv", lambda _: False, run="R", kind="issues.csv", source="drop") is None
        assert list(outbox.folder("acme").iterdir()) == []
        assert answers(journal) == []

    def test_nobody_ever_sees_half_an_answer(self, outbox):
        seen = []

        def write(out: Path) -> bool:
            out.write_text("half", "utf-8")
            seen.extend(p.name for p in out.parent.iterdir() if not p.name.startswith("."))
            return True

        outbox.publish("acme", "x.csv", write, run="R", kind="result.csv", source=None)
        assert seen == []


class TestReleasing:
    def test_answers_get_their_names_together_and_in_order(self, outbox, journal):
        def write(out: Path) -> bool:
            out.write_text("all", "utf-8")
            return True

        names = {"result.csv": "x.R.result.csv", "errors.csv": "x.R.errors.csv"}
        prepared = [outbox.prepare("acme", name, write, kind=kind) for kind, name in names.items()]
        assert [p.name for p in outbox.folder("acme").iterdir() if not p.name.startswith(".")] == []
        assert answers(journal) == []
        outbox.release(prepared, run="R", source="drop")
        assert sorted(p.name for p in outbox.folder("acme").iterdir()) == sorted(names.values())
        assert [(row.kind, row.state) for row in answers(journal)] == [(kind, "returning") for kind in names]

    def test_one_that_is_dropped_leaves_nothing_and_a_released_one_stays(self, outbox):
        def write(out: Path) -> bool:
            out.write_text("all", "utf-8")
            return True

        one, other = (outbox.prepare("acme", name, write, kind="result.csv") for name in ("1", "2"))
        outbox.release([one], run="R", source=None)
        one.drop()
        other.drop()
        assert [p.name for p in outbox.folder("acme").iterdir()] == ["1"]


class TestGoingBack:
    def test_answers_go_back_in_order_and_once(self, outbox, clock):
        drop = source(clock)
        for kind in ("ack.json", "result.csv", "report.html"):
            publish(outbox, f"a.csv.R.{kind}", kind, kind=kind)
        assert outbox.pending() == ["drop"]
        assert outbox.give_back(drop) == 3
        assert returned(drop) == ["a.csv.R.ack.json", "a.csv.R.result.csv", "a.csv.R.report.html"]
        assert drop.folder.files["out/a.csv.R.result.csv"][0] == b"result.csv"
        assert outbox.pending() == []
        assert outbox.give_back(drop) == 0

    def test_local_answers_stay(self, outbox):
        publish(outbox, source=None)
        assert outbox.pending() == []

    def test_a_server_that_dies_in_between_gets_the_rest_later_in_order(self, outbox, journal, clock):
        drop = source(clock)
        deliver, names = drop.deliver, []

        def dying(local: Path, name: str) -> None:
            drop.folder.down = len(names) == 1
            deliver(local, name)
            names.append(name)

        drop.deliver = dying
        for kind in ("1", "2", "3"):
            publish(outbox, f"{kind}.csv", kind, kind=kind)
        assert outbox.give_back(drop) == 1
        assert outbox.pending() == []
        assert "switched off" in answers(journal)[1].trouble
        publish(outbox, "4.csv", kind="4")
        assert outbox.pending() == []  # what came later must not overtake
        drop.deliver = lambda local, name: (deliver(local, name), names.append(name))
        drop.folder.down = False
        clock.advance(5)
        assert outbox.pending() == ["drop"]
        assert outbox.give_back(drop) == 3
        assert names == ["1.csv", "2.csv", "3.csv", "4.csv"]
        assert [row.state for row in answers(journal)] == ["returned"] * 4
        assert [row.trouble for row in answers(journal)] == [None] * 4

    def test_a_dead_server_is_asked_more_and_more_rarely(self, outbox, clock):
        drop = source(clock)
        drop.folder.down = True
        publish(outbox)
        pauses, last = [], clock.now()
        while len(pauses) < 10:
            if outbox.pending():
                outbox.give_back(drop)
                pauses.append((clock.now() - last).total_seconds())
                last = clock.now()
            clock.advance(1)
        assert pauses == [0, 5, 10, 20, 40, 80, 160, 320, 600, 600]

    def test_after_one_success_it_is_asked_as_before(self, outbox, clock):
        drop = source(clock)
        for down, seconds in ((True, 5), (True, 10), (False, 0), (True, 5)):
            drop.folder.down = down
            publish(outbox)
            outbox.give_back(drop)
            clock.advance(seconds - 1)
            assert outbox.pending() == []
            clock.advance(1)

    @pytest.mark.parametrize("error", [Unreachable("down"), HostKeyError("another key"), Busy("full")])
    def test_a_blocked_source_stops_no_other(self, outbox, clock, error):
        blocked, fine = source(clock, "blocked"), source(clock, "fine")

        def fail(local: Path, name: str) -> None:
            raise error

        blocked.deliver = fail
        publish(outbox, "1.csv", source="blocked")
        publish(outbox, "2.csv", source="fine", kind="2")
        assert outbox.pending() == ["blocked", "fine"]
        assert outbox.give_back(blocked) == 0
        assert outbox.pending() == ["fine"]
        assert outbox.give_back(fine) == 1

    def test_an_answer_the_server_refuses_does_not_hold_up_the_next(self, outbox, journal, clock):
        drop = source(clock)
        deliver = drop.deliver

        def picky(local: Path, name: str) -> None:
            if name == "1.csv":
                raise Refused("no such name here")
            deliver(local, name)

        drop.deliver = picky
        publish(outbox, "1.csv")
        publish(outbox, "2.csv", kind="2")
        assert outbox.give_back(drop) == 1
        assert returned(drop) == ["2.csv"]
        assert [(row.state, row.trouble) for row in answers(journal)] == [
            ("returning", "no such name here"), ("returned", None),
        ]  # fmt: skip
        assert outbox.pending() == []
        clock.advance(600)
        assert outbox.pending() == ["drop"]

    def test_an_answer_overwritten_while_it_goes_back_goes_again(self, outbox, journal, clock):
        drop = source(clock)
        deliver = drop.deliver

        def slow(local: Path, name: str) -> None:
            deliver(local, name)
            clock.advance(1)
            if drop.folder.files["out/a.csv.R.ack.json"][0] == b"old":
                publish(outbox, text="new")

        drop.deliver = slow
        publish(outbox, text="old")
        outbox.give_back(drop)
        assert [row.state for row in answers(journal)] == ["returning"]
        outbox.give_back(drop)
        assert drop.folder.files["out/a.csv.R.ack.json"][0] == b"new"
        assert [row.state for row in answers(journal)] == ["returned"]

    def test_an_answer_that_was_cleared_away_is_not_waited_for(self, outbox, journal, clock):
        path = publish(outbox)
        path.unlink()
        drop = source(clock)
        outbox.give_back(drop)
        assert returned(drop) == []
        assert [row.state for row in answers(journal)] == ["returned"]

    def test_what_waits_outlives_the_process(self, tmp_path, outbox, journal, clock):
        drop = source(clock)
        drop.folder.down = True
        publish(outbox)
        outbox.give_back(drop)
        again = Outbox(tmp_path / "outbox", journal)
        drop.folder.down = False
        assert again.pending() == ["drop"]
        assert again.give_back(drop) == 1
