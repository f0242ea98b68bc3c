"""The service: files are taken and settled, and no trouble of one source, file or lane stops another."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
import structlog.testing
from support.service_home import GOOD, drained, running, until

import gateway.dispatch.patience
import gateway.settings.load
from gateway.errors import Busy, SettingsError, Unreachable

BAD = "nothing,of use\n1,2\n"
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def test_files_dropped_while_it_runs_settle_and_it_stops_cleanly(home):
    made = home.wired()
    threads = set(threading.enumerate())
    with running(made) as failure:
        home.drop("one", "good.csv", GOOD)
        home.drop("one", "bad.csv", BAD)
        home.drop("two", "other.csv", "sku,quantity\nc,1\nd,x\n")
        until(lambda: home.names("one", "archive") and home.names("two", "archive") and home.names("one", "rejected"))
        states = {row.file: (row.state, row.counts.get("states")) for row in made.operations.runs()}
    assert failure == []
    assert states == {
        "good.csv": ("settled", {"applied": 2}),
        "other.csv": ("settled", {"rejected": 1, "applied": 1}),
        "bad.csv": ("rejected", None),
    }
    kept = {thread for thread in threading.enumerate() if thread.name.startswith("beside_")}  # for the next work
    assert set(threading.enumerate()) - kept == threads - kept
    assert list((home.root / "state/claims").iterdir()) == []
    assert home.names("one", "*.csv") == set()


def test_a_bad_file_has_its_answer_within_seconds_and_goes_back_unchanged(home):
    bad = b"\xff\xfe\x00broken,\x00\r\n" * 50
    with running(home.wired()):
        began = time.monotonic()
        home.drop("one", "bad.csv", bad)
        home.drop("one", "good.csv", GOOD)
        until(lambda: list((home.root / "outbox/one").glob("bad.csv.*.ack.json")))
        assert time.monotonic() - began < 5
        until(lambda: home.names("one", "rejected") and home.names("one", "archive"))
    ack = home.ack("one", "bad.csv")
    assert (ack["taken"], ack["file"]["size"]) == (False, len(bad))
    assert ack["code"].startswith("FILE_")
    assert "Traceback" not in str(ack)
    assert (home.root / "one/rejected/bad.csv").read_bytes() == bad
    assert home.names("one", "archive") == {"good.csv"}


def test_files_dropped_while_it_was_down_are_taken_oldest_first(home):
    for number in (3, 1, 2):
        content = f"sku,quantity\na,{number}\n"
        home.drop("one", f"{number}.csv", content, START + timedelta(minutes=number))
    found = sorted(drained(home.wired()), key=lambda row: row.id)
    assert [row.file for row in found] == ["1.csv", "2.csv", "3.csv"]
    assert [row.counts["states"] for row in found] == [{"superseded": 1}, {"superseded": 1}, {"applied": 1}]


def test_a_source_in_trouble_stops_no_other_and_comes_back(home):
    (home.root / "one").rmdir()
    made = home.wired()
    made.service._trouble = quick_trouble(made.service)
    with running(made) as failure:
        home.drop("two", "good.csv", GOOD)
        until(lambda: home.names("two", "archive"))
        assert set(made.operations.sources_in_trouble()) == {"one"}
        (home.root / "one").mkdir()
        home.drop("one", "late.csv", "sku,quantity\nx,1\n")
        until(lambda: home.names("one", "archive"))
        assert made.operations.sources_in_trouble() == {}
    assert failure == []


def test_a_source_in_trouble_for_days_stops_nothing(home):
    made = home.wired()
    for _ in range(1100):
        made.service._trouble("one", Unreachable("no route to host"))
    at = made.service._next_scan["one"]
    made.close()
    assert at <= made.service.clock.now() + timedelta(seconds=120)


def test_trouble_with_ending_a_file_is_taken_back_once_it_has_ended(home):
    made = home.wired()
    source = made.service.sources["one"]
    end = source.end
    calls = []

    def unreachable_once(claim, ending):
        calls.append(claim)
        if len(calls) == 1:
            raise Unreachable("no route to host")
        end(claim, ending)

    source.end = unreachable_once
    home.drop("one", "good.csv", GOOD)
    with running(made):
        until(lambda: calls)
        until(made.operations.sources_in_trouble)
        until(lambda: home.names("one", "archive"))
        until(lambda: not made.operations.sources_in_trouble())


def test_a_source_out_of_reach_is_asked_once_however_many_of_its_files_have_ended(home):
    made = home.wired()
    calls = []

    def unreachable(claim, ending):
        calls.append(claim)
        raise Unreachable("no route to host")

    made.service.sources["one"].end = unreachable
    for number in range(5):
        home.drop("one", f"{number}.csv", f"sku,quantity\na,{number}\n")
    home.drop("two", "good.csv", GOOD)
    made.hold()
    made.service.drain()
    trouble = made.operations.sources_in_trouble()
    made.close()
    assert (len(calls), set(trouble)) == (1, {"one"})
    assert home.names("two", "archive") == {"good.csv"}


def quick_trouble(service):
    """Let a source in trouble be looked at again at once."""
    slow = service._trouble

    def trouble(name, error):
        slow(name, error)
        service._next_scan[name] = service.clock.now() + timedelta(seconds=0.05)

    return trouble


def test_what_a_crash_left_at_an_unreachable_source_is_taken_up_when_it_answers(home):
    home.drop("one", "left.csv", GOOD)
    first = home.wired()
    (arrival,) = scanned(first.service.sources["one"])
    assert first.service.sources["one"].claim(arrival, first.service.spool.claims) is not None
    first.close()  # claimed, and nobody wrote it down

    made = home.wired()
    source = made.service.sources["one"]
    scan, recover = source.scan, source.recover
    calls = []

    def unreachable(spool):
        calls.append(spool)
        if len(calls) == 1:
            raise Unreachable("no route to host")
        return recover(spool)

    source.recover, source.scan = unreachable, scan
    made.service._trouble = quick_trouble(made.service)
    with running(made):
        until(lambda: home.names("one", "archive") == {"left.csv"})
    assert len(calls) == 2


def scanned(source):
    found = source.scan()
    until(lambda: found or found.extend(source.scan()) or found)
    return found


def test_a_file_that_can_not_be_claimed_does_not_block_the_next(home):
    made = home.wired()
    source = made.service.sources["one"]
    claim = source.claim

    def picky(arrival, spool):
        if arrival.name == "1.csv":
            raise Busy("somebody writes it")
        return claim(arrival, spool)

    source.claim = picky
    home.drop("one", "1.csv", GOOD, START)
    home.drop("one", "2.csv", GOOD, START + timedelta(minutes=1))
    with running(made):
        until(lambda: home.names("one", "archive") == {"2.csv"})
    assert (home.root / "one/1.csv").exists()


def test_a_fault_of_ours_costs_one_file_and_shows_no_traceback(home, capsys):
    made = home.wired()
    take = made.service.intake.take

    def faulty(row):
        if row.path == "1.csv":
            raise ZeroDivisionError("secret of the house")
        take(row)

    made.service.intake.take = faulty
    home.drop("one", "1.csv", GOOD, START)
    home.drop("one", "2.csv", GOOD, START + timedelta(minutes=1))
    drained(made)
    ack = home.ack("one", "1.csv")
    assert (ack["taken"], ack["code"]) == (False, "FILE_TROUBLE")
    assert "secret" not in str(ack)
    assert (home.names("one", "archive"), home.names("one", "rejected")) == ({"2.csv"}, {"1.csv"})
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_full_spool_rejects_nothing_and_the_file_is_taken_later(home):
    made = home.wired()
    take = made.service.intake.take

    def full(row):
        raise OSError(28, "No space left on device")

    made.service.intake.take = full
    home.drop("one", "1.csv", GOOD)
    made.hold()
    made.service.drain()
    assert "No space left" in str(made.operations.sources_in_trouble()["one"])
    assert (home.names("one", "archive"), home.names("one", "rejected")) == (set(), set())
    made.service.intake.take = take
    made.service.drain()
    made.close()
    assert home.names("one", "archive") == {"1.csv"}


def test_a_fault_in_a_lane_ends_the_service_and_surfaces(home):
    made = home.wired()
    made.service.delivery.advance = lambda _: 1 // 0
    home.drop("one", "1.csv", GOOD)
    with running(made) as failure:
        until(lambda: failure)
    assert isinstance(failure[0], ZeroDivisionError)
    again = home.wired()
    assert [row.state for row in drained(again)] == ["settled"]


def test_two_gateways_on_one_state_folder_are_refused(home):
    made = home.wired()
    made.hold()
    other = home.wired()
    with pytest.raises(SettingsError, match=r"Another gateway is running on the state folder .*state"):
        other.hold()
    other.close()
    made.close()
    after = home.wired()
    after.hold()
    after.close()


def test_a_journal_without_room_stops_nothing_for_good(home, monkeypatch):
    monkeypatch.setattr(gateway.dispatch.patience, "PAUSE", 0.05)
    made = home.wired()
    pages = 1_000_000

    def limit(connection):
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(made.journal.engine, "begin", limit)
    with structlog.testing.capture_logs() as logs, running(made) as failure:
        home.drop("one", "first.csv", GOOD)
        until(lambda: home.names("one", "archive") == {"first.csv"})
        pages = 1
        for number in range(40):
            home.drop("one", f"more_{number}.csv", GOOD.replace("1", str(number)))
        until(lambda: any(line["event"] == "the disk is full" for line in logs))
        assert home.names("one", "rejected") == set()
        pages = 1_000_000
        until(lambda: len(home.names("one", "archive")) == 41)
        assert any(line["event"] == "the disk has room again" for line in logs)
    assert failure == []
