"""The service: what is paused, what draining waits for, and which route takes which file."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
import xlsxwriter
from support.service_home import GOOD, drained

from gateway.journal import runs
from gateway.journal import tables as t


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


def test_once_looks_whether_its_time_is_over_however_far_the_next_call_is(home):
    made = home.wired()
    made.hold()
    home.drop("one", "1.csv", GOOD)
    made.service.drain()
    (run,) = made.operations.runs()
    with made.journal.begin() as tx:
        runs.set_run(tx, run.id, state="waiting")
        tx.execute(sa.update(t.lane).values(wake_at=made.journal.clock.now() + timedelta(seconds=60)))
    assert made.service._until_next() == 0.5
    made.close()
