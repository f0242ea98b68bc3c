from __future__ import annotations

import json
from datetime import timedelta, timezone

import pytest
from support.fake_rows import START, FakeRows, issues, results, summary

from gateway.model import STATES
from gateway.reports import write_ack, write_progress, write_refusal
from gateway.reports.answers import SummaryWriter


def test_the_summary_counts_every_state_and_says_whether_it_balances(tmp_path):
    facts = summary({"applied": 3, "held": 1}, derived={"applied": 2}, first_run_rows=[(17, "R2")], linked_run="R1")
    assert SummaryWriter().write(facts, FakeRows(results([]), issues([])), tmp_path / "summary.json")
    said = json.loads((tmp_path / "summary.json").read_bytes())
    assert list(said["states"]) == [str(state) for state in STATES]
    assert (said["states"]["applied"], said["states"]["refused"], said["rows"]) == (3, 0, 4)
    assert said["balanced"] is True
    assert said["derived"] == {"applied": 2}
    assert said["timings"]["seconds"] == 65.0
    assert said["timings"]["received_at"] == "2026-11-22T09:30:00Z"
    assert said["timings"]["finish_expected"] is None
    assert said["mended"] == [{"row": 17, "run": "R2"}]
    assert said["versions"] == {"gateway": "0.1.0"}


def test_an_unfinished_run_has_no_end(tmp_path):
    SummaryWriter().write(summary({}, ended_at=None), FakeRows(results([]), issues([])), tmp_path / "s.json")
    timings = json.loads((tmp_path / "s.json").read_bytes())["timings"]
    assert (timings["ended_at"], timings["seconds"]) == (None, None)


def test_an_ack_says_what_was_taken_and_what_to_expect(tmp_path):
    out = tmp_path / "ack.json"
    east = timezone(timedelta(hours=2))
    write_ack(
        out, run="R1", partner="acme", route="acme-stock", file_name="stöck.csv", size=0, sha256="ab", rows=0,
        received_at=START.astimezone(east), calls_expected=2, finish_expected=START + timedelta(minutes=5),
    )  # fmt: skip
    assert json.loads(out.read_bytes()) == {
        "taken": True,
        "run": "R1",
        "partner": "acme",
        "route": "acme-stock",
        "file": {"name": "stöck.csv", "size": 0, "sha256": "ab"},
        "received_at": "2026-11-22T09:30:00Z",
        "rows": 0,
        "calls_expected": 2,
        "finish_expected": "2026-11-22T09:35:00Z",
        "linked_run": None,
    }
    assert "stöck".encode() in out.read_bytes()


def test_a_refusal_says_why_where_and_what_to_do(tmp_path):
    out = tmp_path / "ack.json"
    write_refusal(
        out, file_name="stock.csv", size=12, sha256="cd", at=START, code="FILE_CUT_OFF",
        message="The file ends in the middle.", fix="Send the whole file again.", line=7,
    )  # fmt: skip
    assert json.loads(out.read_bytes()) == {
        "taken": False,
        "file": {"name": "stock.csv", "size": 12, "sha256": "cd"},
        "refused_at": "2026-11-22T09:30:00Z",
        "run": None,
        "code": "FILE_CUT_OFF",
        "message": "The file ends in the middle.",
        "fix": "Send the whole file again.",
        "line": 7,
    }


def test_progress_counts_what_is_final(tmp_path):
    out = tmp_path / "progress.json"
    states = {"applied": 5, "pending": 3, "held": 1, "rejected": 2}
    write_progress(out, run="R1", at=START, states=states, open_tickets=["17"], finish_expected=None)
    said = json.loads(out.read_bytes())
    assert (said["rows"], said["settled"]) == (11, 7)
    assert said["states"]["pending"] == 3
    assert said["open_tickets"] == ["17"]
    assert said["message"] is None


def test_progress_of_a_held_file_says_why_and_that_a_person_decides(tmp_path):
    out = tmp_path / "progress.json"
    write_progress(out, run="R1", at=START, states={"held": 1}, open_tickets=[], finish_expected=None, held="too few")
    said = json.loads(out.read_bytes())
    assert said["message"] == "The file is held: too few. The operator decides whether its rows are sent."


@pytest.mark.parametrize(("seconds", "told"), [(-1, None), (0, None), (60, "2026-11-22T09:31:00Z")])
def test_progress_expects_no_end_in_the_past(tmp_path, seconds, told):
    out = tmp_path / "progress.json"
    end = START + timedelta(seconds=seconds)
    write_progress(out, run="R1", at=START, states={"pending": 1}, open_tickets=[], finish_expected=end)
    assert json.loads(out.read_bytes())["finish_expected"] == told
