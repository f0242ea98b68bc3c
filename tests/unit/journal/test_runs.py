"""Ids and order of runs, arrivals, lanes, answers."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal import names, runs
from gateway.journal import tables as t
from gateway.model import Arrival

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
near = st.datetimes(datetime(1970, 1, 1), datetime(2248, 1, 1), timezones=st.just(UTC))
times = st.datetimes(datetime(2024, 1, 1), datetime(3000, 1, 1), timezones=st.just(UTC))


@given(pair=st.tuples(times, times))
def test_run_ids_sort_by_time(pair):
    ids = [names.run_id(at) for at in pair]
    apart = abs(pair[0] - pair[1]) >= timedelta(milliseconds=1)
    assert [len(one) for one in ids] == [9, 9]
    if apart:
        assert (ids[0] < ids[1]) == (pair[0] < pair[1])


@given(at=times)
def test_run_ids_have_no_letter_to_misread(at):
    assert not set(names.run_id(at)) & set("ILOU")
    assert names.run_id(at).upper() == runs.run_id(at)


@given(at=st.datetimes(timezones=st.just(UTC)), arrival=st.integers(0, 1 << 40))
def test_the_sequence_fits_whatever_a_servers_clock_says(at, arrival):
    assert -(2**63) <= runs.sequence(at, arrival) < 2**63


@given(pair=st.tuples(near, near), arrivals=st.tuples(st.integers(1, 1 << 20), st.integers(1, 1 << 20)))
def test_the_sequence_goes_by_source_time_to_the_millisecond_first(pair, arrivals):
    one, other = (runs.sequence(at, arrival) for at, arrival in zip(pair, arrivals, strict=True))
    if abs(pair[0] - pair[1]) >= timedelta(milliseconds=1):
        assert (one < other) == (pair[0] < pair[1])


def test_files_of_one_time_go_in_the_order_of_their_claims():
    assert runs.sequence(NOW, 7) < runs.sequence(NOW, 8) < runs.sequence(NOW + timedelta(milliseconds=1), 1)


def entered(journal, tx, name="a.csv", mtime=NOW, **values):
    arrival = runs.add_arrival(
        tx, Arrival("drop", name, 1, mtime), token=name, local=f"/spool/{name}", now=journal.clock.now()
    )
    if values:
        runs.set_arrival(tx, arrival, **values)
    return arrival


def run(journal, tx, **values):
    base = {
        "id": names.fresh_run_id(tx, journal.clock.now()), "route": "stock", "partner": "acme",
        "feed": "stock", "file": "a.csv", "sha256": "0", "size": 1, "seq": 1, "mode": "delta", "state": "waiting",
        "rows": 1, "blank": 0, "counts": {}, "pinned": {}, "notes": [],
        "received_at": NOW, "started_at": NOW, "corrections": 0,
    }  # fmt: skip
    leg = {"lane": "there", "operation": "write", "given": [], "open_rows": values.pop("open_rows", 1)}
    leg["held"] = values.get("state") == "held"
    runs.add_run(tx, **{**base, **values})
    identity = values.get("id", base["id"])
    runs.add_legs(tx, identity, [leg])
    return identity


def test_run_ids_of_one_moment_are_unique(journal):
    with journal.begin() as tx:
        arrival = entered(journal, tx)
        ids = [run(journal, tx, arrival=arrival) for _ in range(20)]
    assert len(set(ids)) == 20
    assert ids == sorted(ids)


def test_a_claim_found_again_keeps_its_first_entry(journal):
    with journal.begin() as tx:
        first = entered(journal, tx)
        assert entered(journal, tx) == first
        runs.set_arrival(tx, first, state="ended")
        assert entered(journal, tx) != first


def test_arrivals_come_oldest_first_by_source_time(journal):
    with journal.begin() as tx:
        entered(journal, tx, "new.csv", NOW)
        entered(journal, tx, "old.csv", NOW - timedelta(days=1))
        entered(journal, tx, "gone.csv", NOW - timedelta(days=2), state="ended")
        assert [row.path for row in runs.arrivals(tx, "claimed")] == ["old.csv", "new.csv"]


def test_the_newest_of_a_route_leaves_out_retries_and_rejected_files(journal):
    with journal.begin() as tx:
        arrival = entered(journal, tx)
        run(journal, tx, arrival=arrival, seq=1, sha256="good")
        run(journal, tx, arrival=arrival, seq=2, sha256="retry", retry_of="X")
        run(journal, tx, arrival=arrival, seq=3, sha256="bad", state="rejected")
        run(journal, tx, arrival=arrival, seq=4, sha256="other", route="else")
        found = runs.newest_of_route(tx, "stock", mended=True)
        assert found is not None
        assert found.sha256 == "good"
        assert runs.newest_of_route(tx, "nothing", mended=True) is None


def test_the_newest_of_a_route_may_leave_out_rows_that_came_back_mended(journal):
    with journal.begin() as tx:
        arrival = entered(journal, tx)
        run(journal, tx, arrival=arrival, seq=1, sha256="whole")
        run(journal, tx, arrival=arrival, seq=2, sha256="mended", first_run="X")
        found = [runs.newest_of_route(tx, "stock", mended=mended) for mended in (True, False)]
        assert [one.sha256 for one in found if one is not None] == ["mended", "whole"]


def test_waiting_runs_have_open_rows_and_come_in_sequence(journal):
    with journal.begin() as tx:
        arrival = entered(journal, tx)
        later = run(journal, tx, arrival=arrival, seq=9)
        first = run(journal, tx, arrival=arrival, seq=3)
        run(journal, tx, arrival=arrival, seq=1, open_rows=0)
        run(journal, tx, arrival=arrival, seq=1, state="held")
        assert [row.id for row in runs.waiting(tx, "there")] == [first, later]


def test_a_run_waits_in_each_lane_by_itself(journal):
    with journal.begin() as tx:
        arrival = entered(journal, tx)
        name = run(journal, tx, arrival=arrival)
        legs = [{"lane": lane, "operation": lane, "given": ["x"], "open_rows": 1} for lane in ("one", "two")]
        runs.add_legs(tx, name, legs)
        assert [(leg.lane, leg.given, leg.held) for leg in runs.legs_of(tx, name)] == [
            ("one", ["x"], False), ("two", ["x"], False),
        ]  # fmt: skip
        runs.set_leg(tx, name, "one", held=True)
        runs.set_run(tx, name, state="held")
        assert [row.id for row in runs.waiting(tx, "one")] == []
        assert [(row.id, row.operation) for row in runs.waiting(tx, "two")] == [(name, "two")]
        assert runs.in_lane(tx, "one", "held") == [name]


def test_rows_that_wait_for_another_effect_are_woken_with_their_lane(journal):
    with journal.begin() as tx:
        arrival = entered(journal, tx)
        for lane in ("one", "two"):
            runs.ensure_lane(tx, lane, destination="x", account="x", operation="x", wake_at=None)
        name = run(journal, tx, arrival=arrival)
        leg = {"operation": "write", "given": [], "open_rows": 1, "wake_at": NOW + timedelta(hours=1)}
        runs.add_legs(tx, name, [{**leg, "lane": "one", "waits": 1}, {**leg, "lane": "two"}])
        for lane in ("one", "two"):
            runs.wake_waits(tx, lane, NOW)
        assert [leg.wake_at for leg in runs.legs_of(tx, name)] == [NOW, NOW + timedelta(hours=1)]
        assert runs.due_lanes(tx, NOW) == ["one"]


def test_the_last_full_file_counts_only_when_it_was_settled_and_older(journal):
    with journal.begin() as tx:
        arrival = entered(journal, tx)
        assert runs.last_full(tx, "there", 10, "write") is None
        run(journal, tx, arrival=arrival, seq=1, mode="full", state="settled", counts={"keys": 100})
        run(journal, tx, arrival=arrival, seq=2, mode="full", state="held", counts={"keys": 5})
        run(journal, tx, arrival=arrival, seq=11, mode="full", state="settled", counts={"keys": 7})
        assert runs.last_full(tx, "there", 10, "write") == 100


def test_the_last_full_file_counts_as_the_lane_took_it_and_not_when_it_was_called_off(journal):
    with journal.begin() as tx:
        arrival = entered(journal, tx)
        first = run(journal, tx, arrival=arrival, seq=1, mode="full", state="settled", counts={"keys": 100})
        runs.count_full(tx, first, "there", 50)
        runs.count_full(tx, first, "elsewhere", 60)
        off = run(journal, tx, arrival=arrival, seq=2, mode="full", state="settled", counts={"keys": 5})
        values = {"at": NOW, "who": "me", "action": "cancel", "target": off, "text": ""}
        tx.execute(sa.insert(t.audit).values(**values))
        assert runs.last_full(tx, "there", 10, "write") == 50
        runs.count_full(tx, off, "there", 4)  # it was called off after the lane had taken it
        assert runs.last_full(tx, "there", 10, "write") == 4


def test_lanes_are_due_at_their_time_longest_waiting_first(journal):
    with journal.begin() as tx:
        for name, seconds in (("a", 5), ("b", -5), ("c", -9)):
            at = NOW + timedelta(seconds=seconds)
            runs.ensure_lane(tx, name, destination="x", account="x", operation="x", wake_at=at)
        runs.ensure_lane(tx, "d", destination="x", account="x", operation="x", wake_at=None)
        assert runs.due_lanes(tx, NOW) == ["c", "b"]
        runs.wake_lane(tx, "d", NOW - timedelta(hours=1))
        runs.wake_lane(tx, "c", None)
        assert runs.due_lanes(tx, NOW) == ["d", "b"]


def test_entering_a_lane_again_keeps_its_troubles(journal):
    with journal.begin() as tx:
        runs.ensure_lane(tx, "a", destination="x", account="x", operation="x", wake_at=NOW)
        tx.execute(sa.update(t.lane).values(attempts=3, trouble="down"))
        runs.ensure_lane(tx, "a", destination="x", account="x", operation="x", wake_at=NOW)
        row = tx.execute(sa.select(t.lane)).one()
    assert (row.attempts, row.trouble) == (3, "down")


def test_an_answer_written_again_is_one_and_goes_back_again(journal):
    with journal.begin() as tx:
        for _ in range(2):
            runs.add_answer(tx, run="R", source="drop", kind="ack.json", file="/out/a", now=NOW)
            found = tx.execute(sa.select(t.answer)).fetchall()
            assert [(row.state, row.attempts) for row in found] == [("returning", 0)]
            tx.execute(sa.update(t.answer).values(state="returned", attempts=2))
        runs.add_answer(tx, run="R", source=None, kind="result.csv", file="/out/b", now=NOW)
        assert list(tx.scalars(sa.select(t.answer.c.state).order_by(t.answer.c.id))) == ["returned", "local"]


def test_a_time_later_than_the_arrival_counts_as_the_arrival_and_never_as_before_what_came(journal):
    hour = timedelta(hours=1)
    with journal.begin() as tx:
        first = entered(journal, tx, "first", NOW)
        ahead = entered(journal, tx, "ahead", NOW + hour)
        entered(journal, tx, "old", NOW - hour)
        behind = entered(journal, tx, "behind", NOW + hour, claimed_at=NOW - 100 * hour)
        assert [row.path for row in runs.arrivals(tx, "claimed")] == ["behind", "old", "first", "ahead"]
        assert runs.placed(tx, NOW, first) == NOW
        assert runs.placed(tx, NOW, ahead) == NOW
        assert runs.placed(tx, NOW - 100 * hour, behind) == NOW
