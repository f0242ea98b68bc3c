"""What a file meets of an earlier one: the same whether the baseline is held whole, in shares, or cut on the disk."""

from datetime import timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.delivery import portions
from gateway.delivery.baseline import sweep
from gateway.delivery.split import gathered
from gateway.journal import tables as t
from gateway.model import ROW
from gateway.testing.hostile import Step, effects_per_key

KEYS = [f"K{n:03d}" for n in range(60)]


def content(pairs):
    return "sku,quantity\n" + "".join(f"{sku},{quantity}\n" for sku, quantity in pairs)


@pytest.fixture(params=["whole", "shares", "cut"])
def met(request, monkeypatch):
    if request.param == "shares":
        monkeypatch.setattr(portions, "MOST_KNOWN", 7)
        monkeypatch.setattr(portions, "MOST_SHARES", 20)
    if request.param == "cut":
        monkeypatch.setattr(portions, "MOST_SHARES", 0)
    return request.param


def states(rig, run):
    results = rig.results(run)
    assert results[ROW].to_list() == list(range(2, results.height + 2))
    return results["state"].to_list()


def test_equal_rows_stay_changed_and_new_ones_go(met, bulk):
    rig = bulk()
    rig.drop("1.csv", content((key, 1) for key in KEYS))
    rig.advance()
    rig.clock.advance(10)
    again = [("new", 1), *((key, 2 if n % 3 == 0 else 1) for n, key in reversed(list(enumerate(KEYS)))), ("", 3)]
    run = rig.drop("2.csv", content(again))
    rig.advance()
    expected = ["applied", *("applied" if n % 3 == 0 else "unchanged" for n in reversed(range(60))), "rejected"]
    assert states(rig, run) == expected
    assert rig.destination.records == 60 + 21
    rig.clock.advance(10)
    third = rig.drop("3.csv", content([*again, ("newer", 1)]))
    rig.advance()
    assert rig.states(third) == {"applied": 1, "unchanged": 61, "rejected": 1}


def test_what_a_full_file_leaves_out_is_ended_whatever_its_faulty_rows(met, rigs, tmp_path):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.drop("1.csv", content((key, 1) for key in KEYS))
    rig.advance()
    rig.clock.advance(10)
    run = rig.drop("2.csv", content((key, "x" if key == "K007" else 1) for key in KEYS[3:]))
    rig.advance()
    assert rig.states(run) == {"unchanged": 56, "rejected": 1}
    assert rig.settler.rows(rig.operations.run(run)).states.derived == {"applied": 3}
    verdict = rig.operations.summary(run).verdict
    assert verdict.endswith("Besides, 3 keys that the file left out were ended.")
    said = effects_per_key(tmp_path / "effects.jsonl")
    assert {key for key, effects in said.items() if effects > 1} == {f"{key}\x1f" for key in KEYS[:3]}


def test_the_guard_counts_every_known_key_once(met, bulk):
    rig = bulk(route={"guard": {"zeroed_share": 0.5, "zeroed_least": 1}})
    rig.drop("1.csv", content((key, 1) for key in KEYS))
    rig.advance()
    rig.clock.advance(10)
    run = rig.drop("2.csv", content((key, 0) for key in KEYS[:31]))
    rig.advance()
    assert rig.states(run) == {"held": 31}
    assert "31 of 60 known keys" in rig.operations.run(run).notes[0]


def test_rows_meet_what_is_still_under_way(met, rigs):
    rig = rigs(Step(polls=9))
    rig.drop("1.csv", content((key, 1) for key in KEYS[:20]))
    rig.advance()
    late = rig.drop("0.csv", content((key, 2) for key in KEYS), mtime=rig.clock.now().replace(year=2020))
    rig.advance()
    assert states(rig, late)[:20] == ["superseded"] * 20
    assert "superseded" not in states(rig, late)[20:]


def test_an_empty_series_of_blocks_gives_no_group():
    assert list(gathered([], 1)) == []
    assert [len(group) for group in gathered([pl.DataFrame({"a": [1]})] * 3, 4)] == [3]


def segments(rig):
    with rig.journal.read() as tx:
        named = set(tx.scalars(sa.select(t.segment.c.file))), set(tx.scalars(sa.select(t.renewal.c.file)))
    assert {path.name for path in rig.spool.segments.iterdir()} == named[0] | named[1]
    return named


def test_what_was_found_unchanged_holds_for_the_newer_file(met, bulk):
    rig = bulk()
    rig.drop("1.csv", content((key, 1) for key in KEYS))
    rig.advance()
    between = rig.clock.now() + timedelta(seconds=5)
    for number in (2, 3, 4):
        rig.clock.advance(10)
        again = rig.drop(f"{number}.csv", content((key, 1) for key in KEYS[:40]) + f"K{number},1\n")
        rig.advance()
        assert rig.states(again) == {"unchanged": 40, "applied": 1}
        sweep(rig.journal, rig.spool)
    whole, beside = segments(rig)
    assert (len(beside) == 1) == (met != "cut"), "the newest sequences of the one segment that was met"
    late = rig.drop("late.csv", content((key, 2) for key in KEYS), mtime=between)
    rig.advance()
    assert states(rig, late) == ["superseded"] * 40 + ["applied"] * 20
    for number in range(5, 12):
        rig.clock.advance(10)
        rig.drop(f"{number}.csv", content([("K", number)]))
        rig.advance()
    assert len(segments(rig)[0] & whole) == 0, "all folded by now"
    assert segments(rig)[1] == set()
    late = rig.drop("later.csv", content((key, 3) for key in KEYS), mtime=between + timedelta(seconds=1))
    rig.advance()
    assert states(rig, late)[:40] == ["superseded"] * 40
