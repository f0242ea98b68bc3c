"""One verdict on a run, whoever tells it, and nothing that was counted of a run is lost to those who count at once."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from support.stock_rows import rows

from gateway.cli.verdicts import said_of
from gateway.demo.outcome import outcomes
from gateway.demo.script import Expected, Sample
from gateway.journal import runs
from gateway.reports.errors_csv import CsvErrorsWriter
from gateway.testing.clock import START
from gateway.testing.texts import mapping

FULL = {"mode": "full", "absent": "end", "guard": {"off": True}}
DATED = mapping("stock", 'sku = "sku"\nquantity = "quantity"\nvalid_from = { column = "from", optional = true }\n')


def nothing_written(self, summary, rows, out):
    raise IndexError("list index out of range")


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_everybody_says_the_same_of_a_run(rigs, monkeypatch, written, late):
    """A full file that takes nothing away says why, wherever its verdict is read."""
    rig = rigs(route=FULL)
    rig.clock.advance(100)
    rig.put("1.csv", rows(("a", 1), ("b", 2), ("c", 3)), START + timedelta(seconds=10))
    rig.put("3.csv", rows(("a", 9), ("b", 2), ("c", 3)), START + timedelta(seconds=50 if late else 20))
    if not written:
        monkeypatch.setattr(CsvErrorsWriter, "write", nothing_written)
    unread = "" if late else ",4\n"
    run = rig.put("2.csv", rows(("a", 5), ("c", "x")) + unread, START + timedelta(seconds=30))
    why = "alone says what is there." if late else "1 row has no readable key."
    row = rig.operations.run(run)
    (told,) = (rig.folder / "outbox" / "acme").glob("2.csv.*.summary.json")
    expected = Expected(states={"applied": 1}, derived={})
    sample = Sample(file=Path("2.csv"), source="drop", about="late", routes={row.route: expected})
    (line,) = outcomes(rig.journal, 0, [sample], {row.route: "there"})
    said = json.loads(told.read_bytes())["verdict"]
    assert said.endswith(why)
    assert [said_of(row), line.said] == [said, said]


def test_what_another_lane_counts_while_answers_are_written_is_kept(rigs, monkeypatch):
    rig = rigs(mapping=DATED)
    whole = rig.settler.answers.write

    def write(row, *more):
        with rig.journal.begin() as tx:
            runs.count(tx, row.id, {"untouched": "a newer full file alone says what is there"})
        return whole(row, *more)

    monkeypatch.setattr(rig.settler.answers, "write", write)
    later = rig.put("1.csv", "sku,quantity,from\na,1,\nb,2,2030-01-01T00:00:00Z\n")
    counts = rig.operations.run(later).counts
    assert (counts["told"], "untouched" in counts) == (1, True)
    settled = rig.put("2.csv", "sku,quantity,from\nc,1,\n")
    assert "untouched" in rig.operations.run(settled).counts
