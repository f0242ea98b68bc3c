"""Sets of files and a gateway that ends between any two commits: nothing lost, nothing twice, every file answered."""

from __future__ import annotations

from contextlib import contextmanager

import orjson
import pytest
import sqlalchemy as sa

from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.routes import SetRules
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig

PARTS = SetRules(parts=r"(?P<set>.+)_part(?P<part>\d+)of(?P<of>\d+)")
QUIET = SetRules(quiet=30)
ONE, TWO, THREE = "sku,quantity\na,1\nb,2\n", "sku,quantity\nc,3\n", "sku,quantity\nd,x\ne,5\n"


@pytest.fixture
def rigs(tmp_path):
    clock, made = FakeClock(), []

    def make(rules, place):
        there = BulkDestination(BulkSettings(fields=("sku", "quantity")), clock=clock, account="there", name="there")
        made.append(Rig(tmp_path / place, there, clock, set=rules))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Killed(BaseException):
    """Stands for the end of the process."""


@contextmanager
def killed(number, when):
    """End the process before or after the n-th commit; yields the count of commits."""
    begin, count = Journal.begin, [0]

    @contextmanager
    def counted(self):
        with begin(self) as tx:
            yield tx
            count[0] += 1
            if (when, number) == ("before", count[0]):
                raise Killed
        if (when, number) == ("after", count[0]):
            raise Killed

    Journal.begin = counted
    try:
        yield count
    except Killed:
        pass
    finally:
        Journal.begin = begin


class TestKilledBetweenAnyTwoCommits:
    """Nothing is lost, nothing comes twice, every file ends and is answered."""

    CASES = {  # noqa: RUF012  a table of this class
        "whole": (["p_part1of3.csv", "p_part2of3.csv", "p_part3of3.csv"], [ONE, TWO, THREE], PARTS, 0),
        "incomplete": (["p_part1of3.csv", "p_part2of3.csv"], [ONE, TWO], SetRules(parts=PARTS.parts, wait=60), 61),
        "anew": (
            ["p_part1of2.csv", "p_part01of2.csv", "p_part2of2.csv"], [THREE, ONE, TWO], PARTS, 0,
        ),
        "quiet": (["a.csv", "b.csv", "a.csv"], [THREE, TWO, ONE], QUIET, 31),
    }  # fmt: skip

    def enter(self, rig, names, contents):
        rig.intake.take = lambda _row: None
        for name, content in zip(names, contents, strict=True):
            rig.drop(name, content)
            rig.clock.advance(1)
        del rig.intake.take

    def work(self, rig, pause):
        rig.intake.settle_arrivals()
        rig.take()
        rig.clock.advance(pause)
        rig.take()
        rig.advance(2)

    def outcome(self, rig):
        found = {(row.file, row.state, tuple(sorted((row.counts.get("states") or {}).items())))
                 for row in rig.operations.runs()}  # fmt: skip
        with rig.journal.read() as tx:
            ended = sorted((row.path, row.state, row.ending) for row in tx.execute(sa.select(t.arrival)))
            opened = set(tx.scalars(sa.select(t.arrival_set.c.state)))
            runs_of = [row.id for row in tx.execute(sa.select(t.run.c.id))]
        told = sorted(
            (p.name.split(".csv")[0], said["taken"], said.get("code"))
            for p in (rig.folder / "outbox/acme").glob("*.ack.json")
            for said in [orjson.loads(p.read_bytes())]
        )
        return found, ended, opened, len(runs_of), told, rig.destination.calls

    @pytest.mark.slow
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_the_end_is_the_same(self, rigs, case, when):
        names, contents, rules, pause = self.CASES[case]
        whole = rigs(rules, place="whole")
        self.enter(whole, names, contents)
        with killed(0, when) as count:
            self.work(whole, pause)
        expected = self.outcome(whole)
        assert expected[2] <= {"taken", "refused"}
        assert {state for _, state, _ in expected[1]} == {"ending"}
        for number in range(1, count[0] + 1, 1 if case == "whole" else 2):
            rig = rigs(rules, place=f"{when}{number}")
            self.enter(rig, names, contents)
            with killed(number, when):
                self.work(rig, pause)
            rig.close()
            again = rigs(rules, place=f"{when}{number}")
            again.destination = rig.destination
            self.work(again, pause)
            self.work(again, pause)
            found = self.outcome(again)
            assert found[:5] == expected[:5], f"killed {when} commit {number}"
