"""What comes by webhook: before its ticket, twice, late, unreadable; the same truth by poll and by webhook is once."""

import hashlib
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from gateway.delivery.hear import KEEP, expect
from gateway.journal import heard, runs
from gateway.journal import tables as t
from gateway.model import Hearing
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.hostile import Further, Step, read_log
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping

OPEN = Step(does="never_close")
STOCK = "sku,quantity\na,1\nb,2\n"
BOTH = mapping(
    "stock",
    """sku = "sku"
quantity = "quantity"
unit_name = "unit"
""",
)


def tell(rig, said, body=None):
    """Store an event as the receiver does; returns whether it was new."""
    data = json.dumps(said).encode() if body is None else body
    digest = hashlib.sha256(data).hexdigest()
    with rig.journal.begin() as tx:
        headers = {"content-type": "application/json"}
        return heard.add(tx, "there", digest=digest, headers=headers, body=data, now=rig.clock.now())


def states(rig):
    with rig.journal.read() as tx:
        return list(tx.scalars(sa.select(t.heard.c.state).order_by(t.heard.c.id)))


def notes(rig):
    with rig.journal.read() as tx:
        query = sa.select(t.event.c.kind, t.event.c.text).where(t.event.c.subject == "hook there")
        return [tuple(row) for row in tx.execute(query.order_by(t.event.c.id))]


def count(rig, what):
    return sum(what in entry for entry in read_log(rig.folder.parent / "effects.jsonl"))


def test_the_hostile_destination_hears(rigs):
    assert isinstance(rigs().destination, Hearing)


def test_an_event_ends_what_polls_leave_open(rigs):
    rig = rigs(OPEN)
    run = rig.drop("a.csv", STOCK)
    rig.advance(2)
    assert rig.states(run) == {"pending": 2}
    tell(rig, {"ticket": 0, "refused": ["b\x1f"]})
    rig.advance()
    assert rig.states(run) == {"applied": 1, "refused": 1}
    assert rig.operations.run(run).state == "settled"
    assert states(rig) == ["done"]
    assert notes(rig) == []


def test_an_event_that_ended_leaves_no_body_behind(rigs):
    rig = rigs(OPEN)
    rig.drop("a.csv", STOCK)
    rig.advance()
    tell(rig, {"ticket": 0})
    rig.advance()
    with rig.journal.read() as tx:
        assert list(tx.scalars(sa.select(t.heard.c.body))) == [b""]


def test_it_is_heard_before_the_other_side_is_asked(rigs, clock):
    rig = rigs(OPEN)
    rig.drop("a.csv", STOCK)
    rig.advance()
    clock.advance(1)
    tell(rig, {"ticket": 0})
    rig.advance()
    assert count(rig, "poll") == 0


def test_an_event_before_its_ticket_waits_for_it(rigs):
    rig = rigs(OPEN)
    tell(rig, {"ticket": 0})
    run = rig.drop("a.csv", STOCK)
    assert rig.advance() == rig.clock.now()  # the ticket is known now: to be looked at once more, at once
    assert states(rig) == ["waiting"]
    rig.advance()
    assert rig.states(run) == {"applied": 2}
    assert states(rig) == ["done"]


def test_an_event_before_its_ticket_outlives_a_restart(rigs):
    first = rigs(OPEN)
    run = first.drop("a.csv", STOCK)
    tell(first, {"ticket": 0})
    first.advance()
    first.close()
    again = rigs(OPEN)
    again.advance()
    assert again.states(run) == {"applied": 2}


def test_a_repeated_event_is_once(rigs):
    rig = rigs(OPEN)
    run = rig.drop("a.csv", STOCK)
    rig.advance()
    assert tell(rig, {"ticket": 0})
    assert not tell(rig, {"ticket": 0})
    rig.advance()
    assert not tell(rig, {"ticket": 0})
    rig.advance()
    assert rig.states(run) == {"applied": 2}
    assert count(rig, "heard") == 1


def test_the_same_truth_by_poll_and_by_event_is_once(rigs):
    rig = rigs(Step(polls=0))
    run = rig.drop("a.csv", STOCK)
    rig.advance()
    tell(rig, {"ticket": 0, "refused": ["a\x1f"]})
    rig.advance(2)
    assert rig.states(run) == {"applied": 2}
    assert states(rig) == ["done"]
    assert rig.operations.run(run).corrections == 0


def test_events_in_any_order_end_the_batch_once(rigs):
    rig = rigs(OPEN)
    run = rig.drop("a.csv", STOCK)
    rig.advance()
    tell(rig, {"ticket": 0, "refused": ["b\x1f"]})
    tell(rig, {"ticket": 0, "open": True})
    tell(rig, {"ticket": 0})
    rig.advance()
    assert rig.states(run) == {"applied": 1, "refused": 1}
    assert states(rig) == ["done"] * 3


def test_an_event_without_an_end_does_not_put_off_the_next_question(rigs, clock):
    rig = rigs(Step(polls=1), look_interval=30)
    run = rig.drop("a.csv", STOCK)
    rig.advance()
    for second in range(3):
        clock.advance(10)
        tell(rig, [{"ticket": 0, "open": True}] * (second + 1))
        rig.advance()
    assert count(rig, "poll") == 1
    assert rig.states(run) == {"applied": 2}


def test_one_event_ends_batches_of_several_lanes(rigs):
    offer = Further(name="offer", family="offer", fields=("sku", "unit_name"))
    rig = rigs(OPEN, OPEN, mapping=BOTH, further=(offer,))
    run = rig.drop("a.csv", "sku,quantity,unit\na,1,box\n")
    rig.advance()
    tell(rig, [{"ticket": 0}, {"ticket": 1}])
    rig.delivery.advance("there/stock/acme")
    with rig.journal.read() as tx:
        assert "there/offer/acme" in runs.due_lanes(tx, rig.clock.now())
    rig.delivery.advance("there/offer/acme")
    assert rig.states(run) == {"applied": 1}
    assert count(rig, "heard") == 1


def test_an_event_that_names_a_known_and_an_unknown_ticket(rigs):
    rig = rigs(OPEN, OPEN)
    first = rig.drop("a.csv", STOCK)
    rig.advance()
    tell(rig, [{"ticket": 0}, {"ticket": 1, "refused": ["c\x1f"]}])
    rig.advance()
    assert rig.states(first) == {"applied": 2}
    assert states(rig) == ["waiting"]
    second = rig.drop("b.csv", "sku,quantity\nc,1\n")
    rig.advance(2)
    assert rig.states(second) == {"refused": 1}
    assert states(rig) == ["done"]


def test_a_ticket_nobody_has_is_given_up_after_days(rigs, clock):
    rig = rigs()
    rig.drop("a.csv", STOCK)
    tell(rig, {"ticket": 77})
    at = rig.advance(2)
    assert at == clock.now() + KEEP
    clock.advance(KEEP.total_seconds() - 1)
    rig.advance()
    assert states(rig) == ["waiting"]
    clock.advance(2)
    rig.advance()
    assert states(rig) == ["expired"]
    assert [(kind, "ticket 77" in text) for kind, text in notes(rig)] == [("unmatched", True)]


def test_an_unreadable_event_is_told_and_the_lane_goes_on(rigs):
    rig = rigs()
    tell(rig, None, b"{ not json, but private: Jane Doe")
    run = rig.drop("a.csv", STOCK)
    rig.advance()
    assert rig.states(run) == {"applied": 2}
    assert states(rig) == ["unreadable"]
    ((kind, text),) = notes(rig)
    assert kind == "unreadable"
    assert "JSONDecodeError" in text
    assert "Jane" not in text
    with rig.journal.read() as tx:
        assert list(tx.scalars(sa.select(t.heard.c.body))) == [b"{ not json, but private: Jane Doe"]


def test_an_event_that_can_t_be_read_yet_is_handed_over_later(rigs, clock):
    rig = rigs(Step(polls=0))
    tell(rig, {"later": 40.0})
    run = rig.drop("a.csv", STOCK)
    assert rig.advance() == clock.now() + timedelta(seconds=40)
    assert rig.states(run) == {"applied": 2}
    assert states(rig) == ["new"]
    rig.advance()
    assert count(rig, "heard") == 1
    clock.advance(40)
    rig.advance()
    assert count(rig, "heard") == 2
    assert [kind for kind, _ in notes(rig)] == ["postponed"]
    clock.advance(KEEP.total_seconds())
    rig.advance()
    assert states(rig) == ["expired"]


def test_an_event_is_taken_in_though_the_other_side_can_t_be_reached(rigs, monkeypatch):
    rig = rigs(OPEN, look_interval=0.0)
    run = rig.drop("a.csv", STOCK)
    rig.advance()

    def dead(_sent):
        raise ConnectionError

    monkeypatch.setattr(rig.destination, "poll", dead)
    tell(rig, {"ticket": 0})
    rig.drop("b.csv", "sku,quantity\nz,1\n")
    rig.advance()
    assert rig.states(run) == {"applied": 2}


def test_a_late_event_corrects_what_had_lapsed(rigs, clock):
    rig = rigs(OPEN, deadline=60)
    run = rig.drop("a.csv", STOCK)
    rig.advance()
    clock.advance(61)
    rig.advance(2)
    assert rig.states(run) == {"accepted": 2}
    tell(rig, {"ticket": 0, "refused": ["b\x1f"]})
    rig.advance()
    assert rig.states(run) == {"applied": 1, "refused": 1}
    assert rig.operations.run(run).corrections == 1


def test_many_events_are_all_taken_in(rigs):
    rig = rigs(OPEN)
    rig.drop("a.csv", STOCK)
    rig.advance()
    for number in range(150):
        tell(rig, [{"ticket": 0, "open": True}] * (number + 1))
    assert rig.advance() == rig.clock.now()
    rig.advance(2)
    assert set(states(rig)) == {"done"}


def test_old_events_are_each_tried_before_they_are_given_up(rigs, clock):
    rig = rigs(OPEN)
    run = rig.drop("a.csv", STOCK)
    rig.advance()
    for number in range(100):
        tell(rig, [{"ticket": 0, "open": True}] * (number + 1))
    tell(rig, {"ticket": 0})
    clock.advance(KEEP.total_seconds() + 60)
    rig.advance(2)
    assert rig.states(run) == {"applied": 2}
    assert notes(rig) == []


@pytest.mark.parametrize("said", [[], "a"])
def test_an_event_about_nothing_of_ours_is_over_or_unreadable(rigs, said):
    rig = rigs()
    tell(rig, said)
    rig.drop("a.csv", STOCK)
    rig.advance()
    assert states(rig) == ["done" if said == [] else "unreadable"]


def test_an_event_is_read_though_nothing_was_ever_sent(rigs):
    rig = rigs()
    tell(rig, None, body=b"no json")
    expect(rig.journal, rig.lanes.values())
    with rig.journal.read() as tx:
        due = runs.due_lanes(tx, rig.clock.now())
    assert due == [rig.lane.name]
    rig.delivery.advance(due[0])
    assert states(rig) == ["unreadable"]
    (one,) = rig.operations.heard()
    assert (one.destination, one.state, one.count) == ("there", "unreadable", 1)
    assert one.said.startswith("event 1: the event can't be read: ")


def test_lanes_of_destinations_that_are_not_told_are_not_entered(tmp_path, clock):
    made = BulkDestination(BulkSettings(fields=("sku", "quantity")), clock=clock, account="there", name="there")
    rig = Rig(tmp_path / "gateway", made, clock)
    expect(rig.journal, rig.lanes.values())
    assert rig.operations.lanes() == []
    rig.close()


def test_events_that_wait_are_told_with_what_they_wait_for(rigs, clock):
    rig = rigs(OPEN)
    tell(rig, {"ticket": 77})
    tell(rig, {"ticket": 78})
    (new,) = rig.operations.heard()
    assert (new.state, new.count, new.said) == ("new", 2, "to be looked at")
    rig.drop("a.csv", STOCK)
    rig.advance()
    (waits,) = rig.operations.heard()
    assert (waits.state, waits.count, waits.since) == ("waiting", 2, clock.now())
    assert waits.said == "no call of ours has the ticket 77 yet"
    clock.advance(KEEP.total_seconds() + 60)
    rig.advance()
    (gone,) = rig.operations.heard()
    assert (gone.state, gone.count) == ("expired", 2)
    assert "78" in gone.said


def test_a_destination_that_does_not_hear_ignores_it(tmp_path, clock):
    made = BulkDestination(BulkSettings(fields=("sku", "quantity")), clock=clock, account="there", name="there")
    assert not isinstance(made, Hearing)
    rig = Rig(tmp_path / "gateway", made, clock)
    tell(rig, {"ticket": 0})
    run = rig.drop("a.csv", STOCK)
    rig.advance()
    assert rig.states(run) == {"applied": 2}
    assert states(rig) == ["ignored"]
    assert [kind for kind, _ in notes(rig)] == ["ignored"]
    rig.close()


def test_each_try_is_counted_before_it_is_made(rigs, clock, monkeypatch):
    rig = rigs()
    rig.drop("a.csv", STOCK)
    tell(rig, {"ticket": 0})

    class Killed(BaseException):
        pass

    def die(_body, _headers):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(rig.destination, "hear", die)
        with pytest.raises(Killed):
            rig.advance()
    with rig.journal.read() as tx:
        (event,) = tx.execute(sa.select(t.heard)).fetchall()
    assert (event.state, event.tries) == ("new", 1)
    assert event.next_at > clock.now()  # what kills us must not do so in an endless loop
    clock.advance(2)
    rig.advance(2)
    assert states(rig) == ["done"]
