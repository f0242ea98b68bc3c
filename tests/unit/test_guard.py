import polars as pl
import pytest

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


@pytest.mark.parametrize("word", ["ended", "zeroed", "repriced"])
def test_nearly_all_of_a_small_shop_holds_below_the_least_numbers(word):
    def of(count, known, limits=None):
        limits = limits or GuardLimits()
        return guard.verdict(guard.Tally(known=known, **{word: count}), limits, hour=NONE, last_full=None)

    assert "8 of 8 known keys" in of(8, 8)
    assert "nearly all (88%); the limit is 80% and at least 3" in of(7, 8)
    assert of(3, 3) is not None
    assert of(6, 8) is None, "most of a small shop may be sold out on a good day"
    assert of(2, 2) is None, "two articles are no shop"
    assert of(8, 8, GuardLimits(nearly_all=1)) is None
    assert of(8, 8, GuardLimits(nearly_all_least=9)) is None


def test_one_article_that_comes_and_goes_is_not_nearly_all():
    often = guard.verdict(guard.Tally(known=3, zeroed=1), GuardLimits(), hour={"zeroed": 5}, last_full=None)
    assert often is None


def test_one_promotion_that_leaves_next_to_nothing_holds_though_nothing_is_known():
    rows = pl.DataFrame({"@key": ["\x1fBF\x1f\x1fa", "\x1f\x1f", "b", "c"], "told": ["99 % off", "1 off 2", "x", "y"]})
    low = guard.lowered(rows)
    reason = guard.verdict(low, GuardLimits(), hour=NONE, last_full=None)
    assert reason == (
        "4 promotions or discounts leave less than 20% of the regular price "
        "(BF / a: 99 % off; everything: 1 off 2; b: x); one like that is rarely meant"
    )
    assert not low.harmless
    assert low.plus(low).lowered == 8
    assert guard.verdict(low, GuardLimits(off=True), hour=NONE, last_full=None) is None


def test_many_small_steps_within_the_hour_count_together():
    limits = GuardLimits()
    reason = guard.verdict(guard.Tally(known=1000, zeroed=60), limits, hour={"zeroed": 260}, last_full=None)
    assert reason is not None
    assert "drop to zero" in reason


def test_a_full_file_that_takes_nothing_away_is_not_asked_about_what_others_took():
    now = guard.Tally(known=100, full=True, file_keys=100)
    assert guard.verdict(now, GuardLimits(), hour={"ended": 90, "zeroed": 90}, last_full=100) is None


def test_what_has_no_measure_can_end_but_not_drop():
    rows = {"@key": list("abcd"), "ended": [True, True, False, False], "measure": [None, None, "0", "0"]}
    send = pl.DataFrame({**rows, "measure_known": ["", None, "", "5"]}, schema_overrides={"measure_known": pl.String})
    levels = guard.tally(send, known=3, file_keys=4, full=False)
    assert (levels.ended, levels.zeroed) == (1, 1)
    prices = guard.tally(send, known=3, file_keys=4, full=False, priced=GuardLimits())
    assert (prices.ended, prices.repriced, prices.floored) == (1, 1, 1)


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
    assert (counted.ended, counted.zeroed) == (1, 1)
    assert counted.plus(counted).ended == 2


def priced(limits=None, **moves):
    """Say why a run with these prices is held: by key the old and the new one."""
    limits = limits or GuardLimits()
    old, new = ([pair[n] for pair in moves.values()] for n in (0, 1))
    send = pl.DataFrame({"@key": list(moves), "ended": False, "measure": new, "measure_known": old})
    now = guard.tally(send, known=1000, file_keys=len(moves), full=False, priced=limits)
    assert now.harmless == (not any(a != b for a, b in moves.values()))
    return guard.verdict(now, limits, hour=NONE, last_full=None)


def test_one_price_with_a_lost_comma_waits_with_both_prices_upward_as_downward():
    assert priced(A=("59.9", "6290")) == (
        "1 price would rise to 10 times the old one or above (A: 6290 instead of 59.9); "
        "a price like that is rarely meant"
    )
    assert priced(A=("6290", "62.9"), B=("5", "5")) == (
        "1 price would fall to 10% of the old one or below (A: 62.9 instead of 6290); a price like that is rarely meant"
    )
    several = priced(**dict.fromkeys("ABCD", ("1", "10")))
    assert several.startswith("4 prices would rise to 10 times the old one or above (A: 10 instead of 1; B: ")
    assert "D:" not in several


def test_a_price_below_ten_times_the_old_one_goes_through_and_the_limit_is_a_setting():
    assert priced(A=("59.9", "598.99")) is None
    assert priced(GuardLimits(price_ceiling=3), A=("10", "30")) is not None
    assert priced(GuardLimits(price_ceiling=0), A=("1", "9000")) is None
    assert priced(A=("10", "10")) is None


def test_leaps_of_several_parts_are_added_up():
    one = guard.Tally(known=10, raised=2, rises=("a: 10 instead of 1", "b: 10 instead of 1"))
    assert "4 prices would rise" in guard.verdict(one.plus(one), GuardLimits(), hour=NONE, last_full=None)
    assert one.plus(one).rises == ("a: 10 instead of 1", "b: 10 instead of 1", "a: 10 instead of 1")
