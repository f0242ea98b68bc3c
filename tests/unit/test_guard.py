import polars as pl

from gateway import guard
from gateway.routes import GuardLimits

NONE = {}


def test_ended_keys_hold_only_above_share_and_least_number():
    limits = GuardLimits()
    assert guard.verdict(guard.Tally(known=1000, ended=200), limits, hour=NONE, last_full=None) is None
    assert guard.verdict(guard.Tally(known=50, ended=19), limits, hour=NONE, last_full=None) is None
    reason = guard.verdict(guard.Tally(known=1000, ended=201), limits, hour=NONE, last_full=None)
    assert reason is not None
    assert "201 of 1,000 known keys would be ended" in reason


def test_many_small_steps_within_the_hour_count_together():
    limits = GuardLimits()
    reason = guard.verdict(guard.Tally(known=1000, zeroed=60), limits, hour={"zeroed": 260}, last_full=None)
    assert reason is not None
    assert "drop to zero" in reason


def test_a_full_file_below_half_of_the_last_waits():
    limits = GuardLimits()
    small = guard.Tally(known=1000, file_keys=400, full=True)
    assert guard.verdict(small, limits, hour=NONE, last_full=1000) is not None
    assert guard.verdict(small, limits, hour=NONE, last_full=700) is None
    assert guard.verdict(small, GuardLimits(off=True), hour=NONE, last_full=1000) is None


def test_the_first_file_of_an_owner_is_never_held():
    assert guard.verdict(guard.Tally(known=0, zeroed=500), GuardLimits(), hour=NONE, last_full=None) is None


def test_tally_counts_newly_zero_and_ended_keys_only():
    send = pl.DataFrame(
        {
            "@key": ["a", "b", "c", "d", "e"],
            "ended": [True, True, False, False, False],
            "measure": [None, None, "0", "0", "5"],
            "measure_known": ["5", None, "4", "0", "9"],
        }
    )
    counted = guard.tally(send, known=10, file_keys=5, full=False)
    assert (counted.ended, counted.zeroed, counted.sent) == (1, 1, 5)
    assert counted.plus(counted).ended == 2
