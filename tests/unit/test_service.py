"""The loop on real folders: everything settles, whatever stands in the way of one file or one source."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
import structlog.testing
import xlsxwriter

import gateway.dispatch.patience
import gateway.settings.load
from gateway import wiring
from gateway.destinations import destinations
from gateway.errors import Busy, SettingsError, Unreachable
from gateway.journal import runs
from gateway.settings import load_settings
from gateway.testing.bulk import BulkDestination
from gateway.testing.texts import mapping

MAPPING = mapping(
    "stock",
    """sku = "sku"
quantity = "quantity"
valid_from = { column = "from", optional = true }
""",
)
GOOD = "sku,quantity\na,1\nb,2\n"
BAD = "nothing,of use\n1,2\n"
PATIENCE = 20.0
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


class Home:
    """A folder with settings of two partners' folders and a destination that takes everything."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mappings = {"stock.toml": MAPPING}
        self.routes = {"one": ("one", "*.csv", "stock.toml"), "two": ("two", "*.csv", "stock.toml")}
        for name in ("one", "two"):
            (root / name).mkdir()

    def wired(self, state: str = "state") -> wiring.Gateway:
        (self.root / "mappings").mkdir(exist_ok=True)
        for name, text in self.mappings.items():
            (self.root / "mappings" / name).write_text(text, "utf-8")
        sources = sorted({source for source, *_ in self.routes.values()})
        text = f"version = 1\nstate = {state!r}\n" + "".join(
            f'[sources.{name}]\nkind = "local"\nfolder = "{name}"\nevery = 0.05\nsettle = 0\n' for name in sources
        )
        text += '[destinations.there]\nkind = "bulk"\nfields = ["sku", "quantity"]\n'
        text += "".join(
            f'[routes.{name}]\nsource = "{source}"\nfiles = "{files}"\nmapping = "{mapping}"\ndestination = "there"\n'
            f'owner = "all"\n'
            for name, (source, files, mapping) in self.routes.items()
        )
        path = self.root / "gateway.toml"
        path.write_text(text, "utf-8")
        return wiring.wire(load_settings(path))

    def drop(self, source: str, name: str, content: str | bytes, stamp: datetime | None = None) -> None:
        data = content.encode() if isinstance(content, str) else content
        part = self.root / source / f".{name}"
        part.write_bytes(data)
        if stamp is not None:
            os.utime(part, (stamp.timestamp(), stamp.timestamp()))
        part.rename(self.root / source / name)

    def names(self, source: str, folder: str) -> set[str]:
        return {path.name for path in (self.root / source / folder).glob("*")}

    def ack(self, partner: str, file: str) -> dict:
        (found,) = (self.root / "outbox" / partner).glob(f"{file}.*.ack.json")
        return orjson.loads(found.read_bytes())


@pytest.fixture
def home(tmp_path, monkeypatch):
    known = {**destinations(), "bulk": BulkDestination}
    monkeypatch.setattr(gateway.settings.load, "destinations", lambda: known)
    monkeypatch.setattr(wiring, "destinations", lambda: known)
    return Home(tmp_path)


@contextmanager
def running(made: wiring.Gateway):
    """Run the service in a thread; stopping it is part of the test."""
    failure: list[BaseException] = []

    def work() -> None:
        try:
            made.service.run()
        except BaseException as error:  # noqa: BLE001  raised in the test's own thread
            failure.append(error)

    made.hold()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield failure
    finally:
        made.service.stop()
        thread.join(PATIENCE)
        made.close()
    assert not thread.is_alive()


def until(what) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


def drained(made: wiring.Gateway):
    made.hold()
    made.service.drain()
    found = made.operations.runs()
    made.close()
    return found


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
    assert set(threading.enumerate()) == threads
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


def test_a_paused_source_is_not_looked_at_until_it_is_resumed(home):
    made = home.wired()
    made.hold()
    made.operations.pause("one")
    home.drop("one", "1.csv", GOOD)
    made.service.drain()
    assert made.operations.runs() == []
    made.operations.resume("one")
    made.service.drain()
    assert [row.state for row in made.operations.runs()] == ["settled"]
    made.close()


def test_a_paused_destination_keeps_what_was_taken(home):
    made = home.wired()
    made.hold()
    made.operations.pause("there")
    home.drop("one", "1.csv", GOOD)
    made.service.drain()
    assert [row.state for row in made.operations.runs()] == ["waiting"]
    assert home.ack("one", "1.csv")["taken"] is True
    made.operations.resume("there")
    made.service.drain()
    assert [row.state for row in made.operations.runs()] == ["settled"]
    made.close()


def test_draining_does_not_wait_for_rows_that_are_valid_next_year(home):
    home.drop("one", "1.csv", "sku,quantity,from\na,1,2999-01-01T00:00:00Z\nb,2,\n")
    made = home.wired()
    (row,) = drained(made)
    assert (row.state, [leg.open_rows for leg in made.operations.legs(row.id)]) == ("waiting", [1])


def test_a_name_no_route_takes_is_refused_and_says_what_is_taken(home):
    home.drop("one", "notes.txt", "hello")
    assert drained(home.wired()) == []
    ack = home.ack("one", "notes.txt")
    assert (ack["code"], ack["taken"]) == ("FILE_ROUTE", False)
    assert "*.csv" in str(ack)
    assert home.names("one", "rejected") == {"notes.txt"}


def test_one_route_per_sheet_of_a_workbook(home):
    for sheet in ("North", "South"):
        home.mappings[f"{sheet}.toml"] = (
            f'contract = "stock"\nversion = 1\n[format]\nkind = "xlsx"\nsheet = "{sheet}"\n'
            '[fields]\nsku = "sku"\nquantity = "quantity"\n'
        )
    home.routes = {name: ("one", "*.xlsx", f"{sheet}.toml") for name, sheet in (("north", "North"), ("south", "South"))}
    with xlsxwriter.Workbook(home.root / "book.xlsx") as book:
        for sheet, rows in (("North", [("n1", 1), ("n2", 0)]), ("South", [("s1", 5)])):
            page = book.add_worksheet(sheet)
            for at, row in enumerate([("sku", "quantity"), *rows]):
                page.write_row(at, 0, row)
    home.drop("one", "book.xlsx", (home.root / "book.xlsx").read_bytes())
    found = {row.route: (row.state, row.counts["states"]) for row in drained(home.wired())}
    assert found == {"north": ("settled", {"applied": 2}), "south": ("settled", {"applied": 1})}
    assert home.names("one", "archive") == {"book.xlsx"}
    assert len(list((home.root / "outbox/one").glob("book.xlsx.*.ack.json"))) == 2


def test_arrivals_whose_runs_had_ended_before_a_crash_get_their_ending(home):
    made = home.wired()
    made.hold()
    made.service.intake.settle_arrival = lambda _: None  # the step a crash takes away
    home.drop("one", "1.csv", GOOD)
    made.service.drain()
    with made.journal.read() as tx:
        assert [row.state for row in runs.arrivals(tx, "taken")] == ["taken"]
    made.close()
    drained(home.wired())
    assert home.names("one", "archive") == {"1.csv"}


def with_set(home, rules: str) -> wiring.Gateway:
    """Wire a gateway whose last route takes files that belong together."""
    home.wired().close()
    path = home.root / "gateway.toml"
    path.write_text(f"{path.read_text('utf-8')}set = {rules}\n", "utf-8")
    return wiring.wire(load_settings(path))


def test_parts_that_come_one_by_one_end_together(home):
    made = with_set(home, "{ parts = '(?P<set>.+)_(?P<part>[0-9])of(?P<of>[0-9])' }")
    with running(made) as failure:
        home.drop("two", "s_2of2.csv", "sku,quantity\nc,3\n")
        until(lambda: home.names("two", ".claimed") and list((home.root / "outbox/two").glob("s_2of2.csv.*.ack.json")))
        assert home.ack("two", "s_2of2.csv")["set"]["missing"] == [1]
        home.drop("one", "other.csv", GOOD)
        until(lambda: home.names("one", "archive"))
        assert home.names("two", "archive") == set()
        home.drop("two", "s_1of2.csv", GOOD)
        until(lambda: home.names("two", "archive") == {"s_1of2.csv", "s_2of2.csv"})
        assert home.ack("two", "s.csv")["rows"] == 3
    assert failure == []


def test_draining_waits_for_quiet_and_what_is_incomplete_survives_a_restart(home):
    made = with_set(home, "{ quiet = 0.4 }")
    home.drop("two", "b.csv", "sku,quantity\nc,3\n")
    home.drop("two", "a.csv", GOOD)
    (run,) = drained(made)
    assert (run.file, run.rows, run.state) == ("a.csv+1", 3, "settled")
    assert home.names("two", "archive") == {"a.csv", "b.csv"}
    parts = "{ parts = '(?P<set>.+)_(?P<part>[0-9])of(?P<of>[0-9])' }"
    home.drop("two", "s_1of2.csv", GOOD)
    drained(with_set(home, parts))
    home.drop("two", "s_2of2.csv", "sku,quantity\nd,3\n")
    assert {row.file: row.rows for row in drained(with_set(home, parts))} == {"a.csv+1": 3, "s.csv": 3}


def test_a_set_whose_route_is_gone_is_answered(home):
    home.drop("two", "b.csv", GOOD)
    made = with_set(home, "{ quiet = 60, wait = 0.2 }")
    made.hold()
    made.service.recover()
    until(lambda: made.service.sweep() and not made.service.sources["two"].waiting())
    made.close()
    del home.routes["two"]
    home.routes["other"] = ("two", "*.txt", "stock.toml")
    time.sleep(0.2)
    assert drained(home.wired()) == []
    assert home.ack("two", "b.csv")["code"] == "FILE_TROUBLE"
    assert home.names("two", "rejected") == {"b.csv"}


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
