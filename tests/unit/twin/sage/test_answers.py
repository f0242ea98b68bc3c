"""Answers that go wrong on demand, or never come."""

import json

import pytest
from support.sage_office import accepted, record

from gateway.twin.sage_answers import UNKNOWN_STATE


def test_no_reader_at_all(office):
    office.twin.faults.no_reader = 1
    path = office.put()
    office.after(10_000_000)
    assert path.exists()
    office.twin.faults.no_reader = 0
    office.work()
    assert office.answers() == {"b-1_0001.json": [accepted()]}


def test_without_a_reader_files_are_still_lost(office):
    office.twin.faults.no_reader = 1
    office.put("b-1")
    office.twin.step()
    office.put("b-2")
    office.twin.step()
    assert len(office.twin.violations("overwritten")) == 1


def test_a_late_answer(office):
    office.twin.faults.late = 1
    office.put()
    office.work()
    assert office.answers() == {}
    office.after(600)
    assert office.answers() == {"b-1_0001.json": [accepted()]}


def test_an_answer_in_parts(office):
    office.twin.faults.parts = 1
    office.put("b-1", *[record(f"P{n}") for n in range(5)])
    office.work()
    assert list(office.answers()) == ["b-1_0001_part1.json"]
    office.after(2)
    parts = office.answers()
    assert [len(part) for part in parts.values()] == [2, 2, 1]
    assert [item["originatorIdentifier"] for part in parts.values() for item in part] == ["P0", "P1", "P2", "P3", "P4"]


def test_an_answer_twice(office):
    office.twin.faults.twice = 1
    office.put()
    office.work()
    office.after(30)
    assert office.answers() == {"b-1_0001.json": [accepted()], "b-1_0001_again.json": [accepted()]}


def test_an_answer_for_a_batch_nobody_sent(office):
    office.twin.faults.unknown_batch = 1
    office.put()
    office.work()
    assert list(office.answers()) == ["b-1_0001.json", "ghost-b-1_0001.json"]
    assert office.answers()["ghost-b-1_0001.json"][0]["state"] == "rejected"


def test_a_state_of_no_vocabulary(office):
    office.twin.faults.unknown_state = 1
    office.put()
    office.work()
    assert office.answers()["b-1_0001.json"][0]["state"] == UNKNOWN_STATE


def test_a_cut_off_answer_is_replaced_later(office):
    office.twin.faults.garbage = 1
    office.put()
    office.work()
    path = office.twin.results / "b-1_0001.json"
    with pytest.raises(json.JSONDecodeError):
        json.loads(path.read_text())
    office.after(600)
    assert json.loads(path.read_text()) == [accepted()]


def test_pending_first(office):
    office.twin.faults.pending = 1
    office.put()
    office.work()
    assert office.answers() == {"b-1_0001_pending.json": [{"originatorIdentifier": "A", "state": "pending"}]}
    office.after(30)
    assert office.answers()["b-1_0001.json"] == [accepted()]


def test_read_but_never_answered(office):
    office.twin.faults.no_answer = 1
    office.put()
    office.work()
    office.after(10_000_000)
    assert (office.answers(), office.twin.stock()) == ({}, {"A": "5"})


def test_everything_rejected(office):
    office.twin.faults.reject = 1
    office.put()
    office.work()
    assert office.answers()["b-1_0001.json"][0]["state"] == "rejected"
    assert office.twin.effects() == []
