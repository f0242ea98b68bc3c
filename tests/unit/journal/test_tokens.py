"""Tokens are shared by all who open the journal, and only one of them renews one at a time."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from gateway.journal import open_journal

NEVER = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_token_is_what_was_stored_last(journal):
    tokens = journal.tokens()
    assert tokens.get("a") is None
    tokens.put("a", "one", NEVER)
    tokens.put("a", "two", None)
    assert tokens.get("a") == ("two", None)
    assert tokens.get("b") is None


def test_another_process_sees_it(journal, tmp_path, clock, url):
    journal.tokens().put("a", "one", NEVER)
    other = open_journal(tmp_path, clock, url=url)
    assert other.tokens().get("a") == ("one", NEVER)
    other.close()


def test_one_renews_at_a_time_and_a_lease_ends_by_itself(journal, clock):
    tokens, others = journal.tokens(), journal.tokens()
    assert tokens.lease("a", 30)
    assert not others.lease("a", 30)
    assert tokens.get("a") is None
    tokens.put("a", "one", NEVER)
    assert not others.lease("a", 30)
    tokens.release("a")
    assert others.lease("a", 30)
    clock.advance(timedelta(seconds=31).total_seconds())
    assert tokens.lease("a", 30)
    assert tokens.get("a") == ("one", NEVER)


def test_leases_of_two_tokens_do_not_meet(journal):
    tokens = journal.tokens()
    assert tokens.lease("a", 30)
    assert tokens.lease("b", 30)


LEASES = """
import os, sys
from pathlib import Path
from gateway.journal import open_journal
from gateway.testing.clock import FakeClock
tokens = open_journal(Path(sys.argv[1]), FakeClock(), url=sys.argv[2]).tokens()
assert tokens.lease("a", 30)
os.abort() if sys.argv[3] == "dies" else print("leased", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("ends", ["dies", "lives"])
def test_a_lease_ends_with_its_process(journal, tmp_path, url, ends):
    asked = [sys.executable, "-c", LEASES, str(tmp_path), url, ends]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == (b"leased\n" if ends == "lives" else b"")
        if ends == "dies":
            other.wait(timeout=30)
        tries = 100 if ends == "dies" else 1  # a database server hears of it a moment later
        assert any(journal.tokens().lease("a", 30) or time.sleep(0.05) for _ in range(tries)) is (ends == "dies")


def test_who_hangs_keeps_nobody_waiting_for_ever_and_still_there_is_one_at_a_time(journal, clock):
    hangs, others, third = journal.tokens(), journal.tokens(), journal.tokens()
    assert hangs.lease("a", 30)
    clock.advance(31)
    assert others.lease("a", 30)
    assert not third.lease("a", 30)
    others.release("a")
    assert third.lease("a", 30)
    assert not hangs.lease("a", 30)  # it woke up, and gave its turn back
    assert not others.lease("a", 30)
    third.release("a")
    assert hangs.lease("a", 30)
    assert not hangs.lease("a", 30)
    hangs.release("a")
    assert others.lease("a", 30)


def test_a_lease_that_can_not_be_written_is_none(journal, clock, monkeypatch):
    tokens, others = journal.tokens(), journal.tokens()
    with monkeypatch.context() as broken:
        broken.setattr(clock, "now", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tokens.lease("a", 30)
    assert others.lease("a", 30)
