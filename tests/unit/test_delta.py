from datetime import UTC, datetime, timedelta

import polars as pl

from gateway import delta
from gateway.model import KEY, ROW
from gateway.routes import DeltaRules

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DEFAULT = DeltaRules()
NOTHING = pl.DataFrame(schema=delta.INFLIGHT_SCHEMA)


def candidates(*rows, seq=10, run=0):
    return pl.DataFrame(
        [
            {"run": run, ROW: n, KEY: key, "seq": seq, "digest": digest, "measure": "1", "command": None, "due": due}
            for n, (key, digest, due) in enumerate(rows, 2)
        ],
        schema={
            "run": pl.UInt32, ROW: pl.Int64, KEY: pl.String, "seq": pl.Int64, "digest": pl.UInt64,
            "measure": pl.String, "command": pl.String, "due": pl.String,
        },
    )  # fmt: skip


def baseline(*rows):
    return pl.DataFrame(
        [
            {KEY: k, "seq": seq, "digest": digest, "measure": "1", "ended": ended, "at": at}
            for k, seq, digest, ended, at in rows
        ],
        schema=delta.SEGMENT_SCHEMA,
    )


def decisions(frame, base, flying=NOTHING, *, drifts=False, rules=DEFAULT):
    return delta.decide(frame, base, flying, drifts=drifts, rules=rules, now=NOW)["decision"].to_list()


def test_equal_rows_stay_and_changed_rows_go():
    frame = candidates(("a", 1, None), ("b", 2, None), ("c", 3, None))
    base = baseline(("a", 5, 1, False, NOW), ("b", 5, 9, False, NOW))
    assert decisions(frame, base) == ["unchanged", "send", "send"]


def test_a_value_that_drifts_goes_again_unless_the_route_trusts_it_for_a_while():
    base = baseline(("a", 5, 1, False, NOW - timedelta(seconds=50)))
    frame = candidates(("a", 1, None))
    assert decisions(frame, base, drifts=True) == ["send"]
    assert decisions(frame, base, drifts=True, rules=DeltaRules(unchanged_for=60)) == ["unchanged"]
    assert decisions(frame, base, drifts=True, rules=DeltaRules(unchanged_for=40)) == ["send"]


def test_a_confirmation_is_not_trusted_for_ever():
    base = baseline(("a", 5, 1, False, NOW - timedelta(days=8)))
    assert decisions(candidates(("a", 1, None)), base) == ["send"]


def test_an_older_row_is_superseded_by_what_was_confirmed_or_is_under_way():
    frame = candidates(("a", 1, None), ("b", 1, None), ("c", 1, None), seq=10)
    base = baseline(("a", 11, 7, False, NOW), ("c", 10, 7, False, NOW))
    flying = pl.DataFrame({KEY: ["b"], "seq_sent": [12]}, schema=delta.INFLIGHT_SCHEMA)
    assert decisions(frame, base, flying) == ["superseded", "superseded", "send"]


def test_of_two_waiting_runs_the_newer_row_of_a_key_goes():
    frame = pl.concat([candidates(("a", 1, None), ("b", 1, None), seq=10), candidates(("a", 2, None), seq=11, run=1)])
    assert decisions(frame, baseline()) == ["superseded", "send", "send"]


def test_a_row_for_later_waits_and_does_not_overtake():
    later = "2026-11-22T10:30:00Z"
    frame = pl.concat([candidates(("a", 1, None), seq=10), candidates(("a", 2, later), seq=11, run=1)])
    assert decisions(frame, baseline()) == ["send", "scheduled"]


def test_absence_spares_newer_keys_and_ended_ones():
    base = baseline(("a", 5, 1, False, NOW), ("b", 5, 1, False, NOW), ("c", 5, 1, True, NOW), ("d", 50, 1, False, NOW))
    flying = pl.DataFrame({KEY: ["e"], "seq_sent": [60]}, schema=delta.INFLIGHT_SCHEMA)
    present = pl.DataFrame({KEY: ["a"]})
    gone = delta.absent(base, flying, present, seq=10, to_zero=False)
    assert gone[KEY].to_list() == ["b"]


def test_fold_keeps_the_newest_sequence_then_the_latest_time():
    old = baseline(("a", 5, 1, False, NOW), ("b", 7, 1, False, NOW))
    new = baseline(("a", 6, 2, False, NOW), ("b", 6, 2, False, NOW), ("b", 7, 3, False, NOW + timedelta(seconds=1)))
    folded = delta.fold([old, new]).sort(KEY)
    assert folded["digest"].to_list() == [2, 3]


def test_digest_tells_null_from_empty_and_does_not_run_fields_together():
    frame = pl.DataFrame({"x": ["a", "ab", None, ""], "y": ["bc", "c", "q", "q"]})
    digests = frame.select(d=delta.digest_expr(["x", "y"]))["d"]
    assert digests.n_unique() == 4


def test_collapse_sums_exactly_and_names_every_row():
    frame = pl.DataFrame(
        {
            "run": [0, 0, 0],
            ROW: [2, 3, 4],
            KEY: ["a", "b", "a"],
            "quantity": ["0.1", "5", "0.2"],
            "unit": ["x", "y", "z"],
        }
    )
    summed, members = delta.collapse(frame, ["quantity"])
    assert summed.select(KEY, "quantity", "unit").rows() == [("a", "0.3", "x"), ("b", "5", "y")]
    assert members.rows() == [(2, 4)]


def test_every_key_has_one_part():
    keys = pl.DataFrame({KEY: [f"k{n}" for n in range(1000)]})
    parts = keys.select(delta.part_of(7))[KEY]
    assert set(parts.to_list()) == set(range(7))
    assert parts.equals(keys.select(delta.part_of(7))[KEY])
