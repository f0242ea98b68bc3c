"""A claimed file whose copy in the spool can't be read waits alone; trouble of the disk as a whole stops all."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.service_home import GOOD, until

from gateway.dispatch.turns import Outcome, Turn, Turns
from gateway.journal import open_journal
from gateway.journal import tables as t
from gateway.testing.clock import FakeClock

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def claimed(made, count: int) -> dict[str, Path]:
    """Claim what lies there without taking it; returns the copy of each file."""
    take, made.service.take = made.service.take, lambda: 0
    copies: dict[str, Path] = {}

    def all_here() -> bool:
        made.service.sweep()
        with made.journal.read() as tx:
            copies.update((row.path, Path(row.local)) for row in tx.execute(sa.select(t.arrival)))
        return len(copies) == count

    until(all_here)
    made.service.take = take
    return copies


def told(made) -> list[str]:
    with made.journal.read() as tx:
        return list(tx.scalars(sa.select(t.event.c.text).where(t.event.c.subject.like("arrival %"))))


def test_a_copy_that_is_gone_keeps_no_other_file_waiting(home):
    made = home.wired()
    made.hold()
    home.drop("one", "1.csv", GOOD, START)
    home.drop("one", "2.csv", GOOD, START + timedelta(minutes=1))
    home.drop("two", "3.csv", GOOD)
    copies = claimed(made, 3)
    copies["1.csv"].rename(copies["1.csv"].with_suffix(".aside"))
    made.service.drain()  # ends: a file that waits has not moved
    assert (home.names("one", "archive"), home.names("two", "archive")) == ({"2.csv"}, {"3.csv"})
    assert home.names("one", "rejected") == set()
    (said,) = told(made)
    assert str(copies["1.csv"]) in said
    assert "1.csv: its copy" in said
    assert "No such file" in said
    assert made.operations.sources_in_trouble() == {}
    made.close()

    again = home.wired()  # a start has the copy fetched anew
    again.hold()
    again.service.drain()
    again.close()
    assert home.names("one", "archive") == {"1.csv", "2.csv"}


def test_a_copy_that_comes_back_is_taken_without_a_restart(home):
    made = home.wired()
    made.hold()
    home.drop("one", "1.csv", GOOD)
    (copy,) = claimed(made, 1).values()
    aside = copy.rename(copy.with_suffix(".aside"))
    assert [made.service.take() for _ in range(3)] == [0, 0, 0]
    assert len(told(made)) == 1
    aside.rename(copy)
    made.service._turns._held.clear()  # its pause is over
    assert made.service.take() == 1
    made.service.drain()
    made.close()
    assert home.names("one", "archive") == {"1.csv"}


def test_one_that_waited_is_tried_again_after_its_pause_and_takes_back_what_was_said(tmp_path):
    clock = FakeClock()
    journal = open_journal(tmp_path, clock)
    there: list[int] = []

    def work() -> None:
        if not there:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "its copy")

    turns = Turns(journal, lambda source, error: pytest.fail(f"{source}: {error}"))
    turn = Turn("one", "arrival 1", "1.csv", lambda: [tmp_path / "gone"], work, lambda error: pytest.fail(str(error)))
    assert turns.take(turn) is Outcome.WAITS
    there.append(1)
    assert turns.take(turn) is Outcome.WAITS
    clock.advance(2.1)
    assert turns.take(turn) is Outcome.DONE
    with journal.read() as tx:
        assert list(tx.scalars(sa.select(t.event.c.kind).order_by(t.event.c.id))) == ["trouble", "recovered"]
    journal.close()


def test_giving_up_a_file_whose_copy_is_gone_lets_it_wait_too(home):
    made = home.wired()
    made.hold()
    home.drop("one", "1.csv", GOOD, START)
    home.drop("one", "2.csv", GOOD, START + timedelta(minutes=1))
    copies = claimed(made, 2)
    take = made.service.intake.take

    def faulty(row):
        if row.path == "1.csv":
            copies["1.csv"].unlink()
            raise ZeroDivisionError
        take(row)

    made.service.intake.take = faulty
    made.service.drain()
    made.close()
    assert home.names("one", "archive") == {"2.csv"}


def test_a_spool_nobody_may_write_to_lets_all_wait(home):
    made = home.wired()
    made.hold()
    asked = []

    def denied(row):
        asked.append(row.path)
        raise PermissionError(errno.EACCES, "Permission denied", "/spool/runs")

    made.service.intake.take = denied
    home.drop("one", "1.csv", GOOD, START)
    home.drop("one", "2.csv", GOOD, START + timedelta(minutes=1))
    claimed(made, 2)
    assert made.service.take() == 0
    assert asked == ["1.csv"]
    assert "/spool/runs can't be written" in str(made.operations.sources_in_trouble()["one"])
    assert told(made) == []
    made.close()


def test_a_set_one_of_whose_files_is_gone_waits_alone(tmp_path):
    clock = FakeClock()
    journal = open_journal(tmp_path, clock)
    here = tmp_path / "1.csv"
    here.write_bytes(b"x")

    def work() -> None:
        raise OSError(errno.EIO, "Input/output error")  # reading tells no name

    turns = Turns(journal, lambda *_: None)
    kept = Turn("one", "set 1", "a", lambda: [here, tmp_path / "2.csv"], work, lambda error: pytest.fail(str(error)))
    whole = Turn("one", "set 2", "b", lambda: [here], work, lambda error: pytest.fail(str(error)))
    assert turns.take(kept) is Outcome.WAITS
    assert turns.take(whole) is Outcome.ALL_WAIT
    journal.close()
