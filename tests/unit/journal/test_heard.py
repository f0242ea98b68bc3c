"""Events by webhook in the journal: once per body and destination, due when their ticket exists, forgotten at last."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from gateway.journal import heard, open_journal, runs
from gateway.journal import tables as t

DAY = timedelta(days=1)


@pytest.fixture
def store(journal, clock):
    """Store an event of `shop`: `store(digest)`; returns its id, or None where it was known."""

    def add(digest, destination="shop"):
        with journal.begin() as tx:
            if not heard.add(tx, destination, digest=digest, headers={"a": "b"}, body=b"\x00\xff", now=clock.now()):
                return None
            return tx.scalar(sa.select(sa.func.max(t.heard.c.id)))

    return add


def due(journal, clock, account="shop"):
    with journal.read() as tx:
        return [row.id for row in heard.due(tx, "shop", account, clock.now(), 10)]


def wake_at(journal, clock):
    with journal.read() as tx:
        return heard.wake_at(tx, "shop", "shop", clock.now(), DAY)


def batch(journal, clock, ticket, account="shop"):
    with journal.begin() as tx:
        made = {"id": f"c-{ticket}-{account}", "lane": "shop/stock/acme", "operation": "write", "state": "closed"}
        tx.execute(sa.insert(t.consignment).values(**made, created_at=clock.now(), effects=1, guard={}))
        values = {"consignment": made["id"], "number": 0, "operation": "write", "account": account, "slot": ""}
        sizes = {"offset": 0, "length": 1, "digest": "d", "records": 1, "first_effect": 0, "attempts": 1, "outcomes": 0}
        tx.execute(sa.insert(t.batch).values(**values, **sizes, state="closed", ticket=ticket, memo={}))


def test_an_event_is_kept_as_it_came(journal, clock, store):
    store("1")
    with journal.read() as tx:
        (row,) = heard.due(tx, "shop", "shop", clock.now(), 10)
    assert (row.body, row.headers, row.received_at, row.tries) == (b"\x00\xff", {"a": "b"}, clock.now(), 0)


def test_a_body_is_once_per_destination(store):
    assert store("1") is not None
    assert store("1") is None
    assert store("1", "other") is not None


def test_it_wakes_every_lane_of_its_destination(journal, clock, store):
    with journal.begin() as tx:
        for lane, destination in (("shop/stock/a", "shop"), ("shop/price/a", "shop"), ("other/stock/a", "other")):
            runs.ensure_lane(tx, lane, destination=destination, account=destination, operation="write")
    store("1")
    with journal.read() as tx:
        assert sorted(runs.due_lanes(tx, clock.now())) == ["shop/price/a", "shop/stock/a"]
        assert sorted(heard.lanes_of(tx, "shop")) == ["shop/price/a", "shop/stock/a"]


def test_a_try_is_counted_and_comes_again_only_after_its_pause(journal, clock, store):
    event = store("1")
    with journal.begin() as tx:
        heard.begin(tx, {event: clock.now() + timedelta(seconds=5)})
    assert due(journal, clock) == []
    assert wake_at(journal, clock) == clock.now() + timedelta(seconds=5)
    clock.advance(5)
    assert due(journal, clock) == [event]
    with journal.read() as tx:
        assert tx.scalar(sa.select(t.heard.c.tries)) == 1


def test_it_waits_until_the_account_has_one_of_its_tickets(journal, clock, store):
    event = store("1")
    with journal.begin() as tx:
        heard.wait(tx, event, {"T1", "T2"})
    assert (due(journal, clock), wake_at(journal, clock)) == ([], clock.now() + DAY)
    batch(journal, clock, "T9")
    batch(journal, clock, "T2", account="other")
    assert due(journal, clock) == []
    batch(journal, clock, "T2")
    assert (due(journal, clock), wake_at(journal, clock)) == ([event], clock.now())
    with journal.begin() as tx:
        heard.wait(tx, event, {"T1"})
    assert due(journal, clock) == []
    with journal.begin() as tx:
        heard.end(tx, event, "done")
    assert wake_at(journal, clock) is None
    with journal.read() as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(t.heard_ticket)) == 0


def test_what_is_too_old_is_given_up_with_its_tickets(journal, clock, store):
    old = store("1")
    received = clock.now()
    with journal.begin() as tx:
        heard.wait(tx, old, {"T2", "T1"})
    clock.advance(86400)
    young = store("2")
    with journal.begin() as tx:
        assert heard.expire(tx, "shop", clock.now() - DAY) == []
        clock.advance(1)
        assert heard.expire(tx, "shop", clock.now() - DAY) == [(old, received, ["T1", "T2"])]
        assert heard.backlog(tx, "shop") == 1
    assert due(journal, clock) == [young]


def test_only_what_has_ended_is_forgotten(journal, clock, store):
    done, unread, live = store("1"), store("2"), store("3")
    with journal.begin() as tx:
        heard.end(tx, done, "done")
        heard.end(tx, unread, "unreadable")
        bodies = dict(tx.execute(sa.select(t.heard.c.id, t.heard.c.body)).fetchall())
    assert bodies == {done: b"", unread: b"\x00\xff", live: b"\x00\xff"}
    clock.advance(1)
    with journal.begin() as tx:
        heard.forget(tx, "other", clock.now())
        heard.forget(tx, "shop", clock.now())
        assert list(tx.scalars(sa.select(t.heard.c.id))) == [live]
    assert store("1") is not None


def test_an_older_journal_gets_the_index_of_tickets(tmp_path, clock, url):
    first = open_journal(tmp_path, clock, url=url)
    t.batch_ticket.drop(first.engine)
    first.close()
    again = open_journal(tmp_path, clock, url=url)
    assert "ix_batch_ticket" in {one["name"] for one in sa.inspect(again.engine).get_indexes("batch")}
    again.close()
