"""Ids of runs and of answers: each is given once."""

import pytest
import sqlalchemy as sa

from gateway.journal import names, refusals, runs, sets
from gateway.journal import tables as t
from gateway.model import Arrival


@pytest.fixture
def arrival(journal):
    with journal.begin() as tx:
        found = Arrival("drop", "a.csv", 1, journal.clock.now())
        return runs.add_arrival(tx, found, token="a", local="/spool/a", now=journal.clock.now())


def test_of_one_moment_are_as_many_as_are_asked_for(journal, arrival):
    at = journal.clock.now()
    found = []
    for purpose in ("", "stock", "other"):
        with journal.begin() as tx:
            found += [names.fresh_run_id(tx, at), names.answer_id(tx, arrival, purpose, at)]
    assert len(set(found)) == 6
    assert sorted(found) == found


def test_asked_again_for_the_same_answer_it_is_the_same(journal, arrival):
    at = journal.clock.now()
    with journal.begin() as tx:
        first = [names.answer_id(tx, arrival, purpose, at) for purpose in ("stock", "other")]
    with journal.begin() as tx:
        assert [names.answer_id(tx, arrival, purpose, at) for purpose in ("stock", "other")] == first


def test_what_an_older_program_gave_is_not_given_again(journal, arrival):
    at = journal.clock.now()
    with journal.begin() as tx:
        first, second = (names.fresh_run_id(tx, at) for _ in range(2))
        tx.execute(sa.delete(t.given))  # it wrote down none by itself
        refusals.add(tx, first, arrival=arrival, file="a.csv", at=at, code="FILE_EMPTY", message="", fix="")
        one = sets.open_set(tx, source="drop", route="stock", name="a", of=2, now=at, until=at)
        sets.add_member(tx, one, arrival=arrival, part=1, answer=second, now=at)
        assert names.fresh_run_id(tx, at) not in {first, second}
