"""Prices that go back to what they were before a run that a person released: that leap back is not held again."""

from datetime import timedelta

import pytest
from support.promoted_prices import PRICES
from support.stock_rows import rows

from gateway.testing.clock import START
from gateway.testing.wanted import TERMS

NOTE = "1 price goes back to about what it was before a run that a person released: a change like that is not held."


@pytest.fixture(params=["as they are", "with promotions"])
def opened(request, rigs, shop):
    """Open a shop whose prices are sent as they are, or are computed with promotions; `opened(**guard)`."""

    def make(**guard):
        route = {"guard": guard}
        if request.param == "with promotions":
            return shop(route=route).rig
        return rigs(contract="price", fields=("sku", "price"), prices=TERMS, mapping=PRICES, route=route)

    return make


def prices(rig, *pairs):
    rig.clock.advance(10)
    lines = "".join(f"{sku},{price},gross\n" for sku, price in pairs)
    return rig.put_new("price", f"sku,price,basis\n{lines}")


def state(rig, run):
    return rig.operations.run(run).state


def released(rig, *pairs):
    run = prices(rig, *pairs)
    assert state(rig, run) == "held"
    rig.operations.release(run)
    rig.advance()
    assert state(rig, run) == "settled"
    return run


@pytest.mark.parametrize(("leap", "back"), [("2000", "20"), ("0.20", "20"), ("2000", "25")])
def test_a_released_leap_can_be_taken_back(opened, leap, back):
    rig = opened()
    prices(rig, ("a", "20"), ("b", "20"))
    released(rig, ("a", leap))
    run = prices(rig, ("a", back))
    assert rig.states(run) == {"applied": 1}
    assert rig.operations.run(run).notes == [NOTE]


def test_so_can_that_of_many_prices(opened):
    rig = opened()
    many = [f"k{n:02d}" for n in range(30)]
    prices(rig, *((sku, 100) for sku in many))
    released(rig, *((sku, 40) for sku in many))
    assert rig.states(prices(rig, *((sku, 100) for sku in many))) == {"applied": 30}


def test_what_was_released_is_not_counted_against_what_comes_within_the_hour(opened):
    rig = opened()
    many = [f"k{n:02d}" for n in range(30)]
    prices(rig, *((sku, 100) for sku in many), ("other", 100))
    released(rig, *((sku, 40) for sku in many))
    assert state(rig, prices(rig, ("other", 40))) == "settled"


@pytest.mark.parametrize("wanted", ["20", "2000"])
def test_what_was_released_in_two_steps_goes_back_to_either(opened, wanted):
    rig = opened()
    prices(rig, ("a", "20"))
    released(rig, ("a", "2000"))
    released(rig, ("a", "200000"))
    assert state(rig, prices(rig, ("a", wanted))) == "settled"


def test_another_leap_is_held_and_so_is_that_of_another_article(opened):
    rig = opened()
    prices(rig, ("a", "20"), ("b", "20"))
    released(rig, ("a", "2000"))
    held = prices(rig, ("a", "0.20"))
    assert state(rig, held) == "held", "neither from here nor from before"
    assert "a: 0.2 instead of 2000" in rig.operations.run(held).notes[0]
    assert state(rig, prices(rig, ("b", "2000"))) == "held"


def test_a_leap_back_is_held_once_that_was_long_ago(opened):
    rig = opened(back_within=3600)
    prices(rig, ("a", "20"))
    released(rig, ("a", "2000"))
    rig.clock.advance(3600)
    assert state(rig, prices(rig, ("a", "20"))) == "held"


def test_a_shrunk_full_file_that_takes_nothing_away_is_not_held(rigs):
    rig = rigs(route={"mode": "full", "absent": "end"})
    rig.clock.advance(100)

    def put(seconds, name, count):
        return rig.put(name, rows(*((f"K{n:03d}", seconds) for n in range(count))), START + timedelta(seconds=seconds))

    put(10, "1.csv", 100)
    put(50, "3.csv", 100)
    late = put(30, "2.csv", 40)
    assert rig.states(late) == {"superseded": 40}
    assert state(rig, put(70, "4.csv", 40)) == "held", "a newer one takes them away"
