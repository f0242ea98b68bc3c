"""Promotions under one identity: which runs, which is told, and which is replaced."""

import pytest

from gateway.testing.clock import at

NAMED = "id,sku,price,starts,ends,command"


@pytest.mark.parametrize(
    "row",
    [
        ("X", "a", "", "", "", "end"), ("X", "a", "", at(-3), "", "end"), ("X", "a", "", at(-3), at(4), "end"),
        ("X", "a", 12, at(-3), at(4), ""), ("X", "a", 12, at(-3), at(-1), ""), ("X", "a", 12, at(5), at(9), ""),
    ],
)  # fmt: skip
def test_what_runs_under_the_same_identity_with_other_dates_is_told(shop, row):
    here = shop()
    here.prices(("a", 20), ("b", 20))
    here.promotions(("X", "a", 15, at(-3), at(5), ""), columns=NAMED)
    run = here.promotions(row, ("X", "b", 15, at(0), at(4), ""), columns=NAMED)
    assert here.told(run) == [("refused", "PROMOTION_RUNS", f"{at(-3)} to {at(5)}"), ("applied", None, None)]
    assert here.sent()[-2:] == [("a", "15"), ("b", "15")]
    here.wait_until(10)
    assert here.sent()[-2:] == [("b", "20"), ("a", "20")]


@pytest.mark.parametrize(
    "row",
    [
        ("X", "a", 12, at(6), at(9), ""), ("Y", "a", 12, at(-3), at(4), ""), ("", "a", 12, at(-3), at(4), ""),
        ("X", "a", "", at(-9), at(-8), "end"), ("X", "a", 12, at(-9), at(-8), ""), ("Y", "a", "", "", "", "end"),
    ],
)  # fmt: skip
def test_promotions_of_other_times_or_identities_may_run_beside_each_other(shop, row):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("X", "a", 15, at(0), at(5), ""), columns=NAMED)
    run = here.promotions(row, columns=NAMED)
    assert "refused" not in here.states(run)


def test_a_promotion_is_replaced_where_the_former_is_ended_with_it(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("X", "a", 15, at(0), at(5), ""), columns=NAMED)
    run = here.promotions(("X", "a", "", at(0), at(5), "end"), ("X", "a", 12, at(0), at(2), ""), columns=NAMED)
    assert "refused" not in here.states(run)
    again = here.promotions(("X", "a", "", at(0), at(5), "end"), columns=NAMED)
    assert "refused" not in here.states(again)
    here.wait_until(6)
    assert [price for _, price in here.sent()] == ["20", "15", "12", "20"]


def test_of_files_that_wait_together_the_first_runs_and_the_next_is_told(shop):
    here = shop()
    here.promotions(("X", "a", 15, at(1), at(5), ""), columns=NAMED)
    here.prices(("a", 20))
    here.promotions(("X", "a", 15, at(1), at(5), ""), columns=NAMED)
    run = here.promotions(("X", "a", 12, at(1), at(3), ""), columns=NAMED)
    assert here.told(run) == [("refused", "PROMOTION_RUNS", f"{at(1)} to {at(5)}")]
