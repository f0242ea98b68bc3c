"""Ids of runs and what stands for one in the name of an answer: no two files have the same, whatever comes at once."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

import pytest
import sqlalchemy as sa
from support.file_sets import PARTS
from support.stock_rows import GOOD

from gateway.errors import WillNeverWork
from gateway.journal import tables as t
from gateway.model import Arrival, Claim
from gateway.testing.clock import FakeClock

SETS = [f"stock_{name}_part{part}of3.csv" for name in "abcd" for part in (1, 2)]
COPIES = [f"copy{number}.csv" for number in range(6)]


@pytest.fixture
def rig(rigs):
    rig = rigs(clock=FakeClock(), set=PARTS)
    twofold(rig)
    return rig


def twofold(rig):
    """Give the rig's source a second route."""
    (first,) = rig.intake._routes("drop")
    other = replace(first, route=first.route.model_copy(update={"name": "other"}))
    rig.intake._routes = lambda _: [first, other]


def come(rig, *names, content=GOOD):
    """Have files come in the same millisecond."""
    for name in names:
        token = hashlib.sha256(name.encode()).hexdigest()[:12]
        local = rig.spool.claims / f"{token}-{name}"
        local.write_text(content, "utf-8")
        rig.intake.enter(Claim(Arrival("drop", name, len(content), rig.clock.now()), local, token))


def ids(rig):
    """Return of which file each id is, by the names of the answers: with the route where they say it."""
    found = {}
    for path in (rig.folder / "outbox/acme").glob("*.ack.json"):
        name, identity = path.name.removesuffix(".ack.json").rsplit(".", 1)
        found.setdefault(identity, []).append(name)
    return found


def test_every_answer_has_its_own(rig):
    come(rig, *COPIES, *SETS, *(f"again_{name}" for name in SETS), "nobody.part", "odd_part4of3.csv")
    rig.take()
    found = ids(rig)
    assert [names for names in found.values() if len(names) > 1] == []
    files = Counter(names[0].split(".csv")[0] for names in found.values())
    assert {files[name.removesuffix(".csv")] for name in (*COPIES, *SETS)} == {2}  # one for each route
    assert {row.id for row in rig.operations.runs(100)} <= set(found)


def test_all_that_were_not_taken_are_listed_and_shown_by_it(rig):
    come(rig, *COPIES, *SETS)
    rig.take()
    listed = rig.operations.refusals(100)
    assert Counter(row.file for row in listed) == dict.fromkeys(COPIES[1:], 2)
    runs = {row.id: row.file for row in rig.operations.runs(100)}
    for identity, (name,) in ids(rig).items():
        refused = rig.operations.refusal(identity)
        waits = rig.operations.run_of_answer(identity) == ""
        file = f"{name.split('.csv')[0]}.csv"
        assert (refused.file if refused else SETS[SETS.index(file)] if waits else runs[identity]) == file


def test_it_is_the_same_after_a_restart_and_no_other_file_gets_it(rig, rigs):
    come(rig, *COPIES, *SETS)
    rig.take()
    before = ids(rig)
    with rig.journal.begin() as tx:  # as if the gateway had ended before it knew that they are taken
        tx.execute(sa.update(t.arrival).values(state="claimed"))
    again = rigs(place=rig.folder.name, clock=rig.clock, set=PARTS)
    twofold(again)
    come(again, "late1.csv", "late_part1of2.csv")
    again.take()
    after = ids(again)
    assert {identity: after[identity] for identity in before} == before
    assert Counter(name.split(".csv")[0] for names in after.values() for name in names) == Counter(
        [name.removesuffix(".csv") for name in (*COPIES, *SETS, "late1.csv", "late_part1of2.csv")] * 2
    )


def test_a_run_gets_none_that_an_answer_has(rig):
    come(rig, *COPIES[:3], *SETS)
    rig.take()
    rig.advance(2)
    taken = set(ids(rig))
    rig.clock.advance(0.001)
    come(rig, "new.csv", content=GOOD.replace("1", "2"))
    rig.take()
    assert len(set(ids(rig)) - taken) == 2


def test_a_trouble_of_ours_replaces_the_word_that_a_file_waits(rig):
    come(rig, SETS[0])
    rig.take()
    with rig.journal.read() as tx:
        row = tx.execute(sa.select(t.arrival)).one()
    before = ids(rig)
    rig.intake.trouble(row, WillNeverWork("No lookup."))
    assert ids(rig) == before
    assert {row.code for row in rig.operations.refusals()} == {"FILE_TROUBLE"}
    assert {row.name for row in rig.operations.refusals()} == set(before)
