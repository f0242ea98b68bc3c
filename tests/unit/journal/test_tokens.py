"""Tokens are shared by all who open the journal, and only one of them renews one at a time."""

from datetime import UTC, datetime, timedelta

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
