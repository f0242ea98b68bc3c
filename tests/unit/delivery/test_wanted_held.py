"""Prices and promotions that wait: for a person, or for what comes before them."""

from support.promoted_prices import BY_AMOUNT

from gateway.testing.clock import at
from gateway.testing.hostile import Further, Step


def test_the_guard_looks_at_base_prices_and_not_at_what_is_shown(shop):
    here = shop()
    many = [f"k{n:02d}" for n in range(30)]
    here.prices(*((sku, 100) for sku in many))
    run = here.promotions(*((sku, 20, at(0), at(1)) for sku in many))
    assert here.states(run) == {"applied": 30}
    here.wait_until(1.5)
    assert here.sent()[-1] == ("k29", "100")
    held = here.prices(*((sku, 1) for sku in many))
    assert here.rig.operations.run(held).state == "held"
    assert here.sent()[-1] == ("k29", "100")
    here.rig.operations.release(held)
    here.rig.advance()
    assert here.states(held) == {"applied": 30}


def test_a_promotion_that_leaves_next_to_nothing_waits_for_a_person_before_it_begins(shop):
    here = shop()
    here.prices(("a", 100), ("b", 100))
    run = here.promotions(("a", 1, at(5), at(6)), ("b", 90, at(5), at(6)))
    assert here.rig.operations.run(run).state == "held"
    told = here.rig.operations.run(run).notes[0]
    assert told.startswith("1 promotion or discount leaves less than 20% of the regular price (a / "), told
    assert ": 1 instead of 100);" in told
    here.rig.operations.release(run)
    here.rig.advance()
    here.wait_until(5.5)
    assert here.states(run) == {"applied": 2}
    assert dict(here.sent()) == {"a": "1", "b": "90"}


def test_a_promotion_that_stands_is_not_judged_again(shop, clock):
    here = shop()
    here.prices(("a", 100))
    here.rig.operations.release(here.promotions(("a", 1, at(0), at(1000))))
    here.rig.advance()
    again = here.promotions(("a", 1, at(0), at(1000)))
    assert here.states(again) == {"unchanged": 1}


PRODUCT = Further(name="product", family="product", contract="price", fields=("sku",))


def after_product(shop, *script):
    return shop(*script, further=(PRODUCT, BY_AMOUNT), after=("product",))


def test_a_price_waits_for_what_comes_before_it(shop):
    here = after_product(shop, Step(polls=2))
    run = here.prices(("a", 20))
    assert here.states(run) == {"pending": 1}
    assert [price for _, price in here.sent()] == [None]
    here.wait_until(1)
    assert here.states(run) == {"applied": 1}
    assert here.sent() == [("a", None), ("a", "20")]


def test_a_promotion_waits_for_a_price_that_is_on_its_way(shop):
    here = after_product(shop, Step(polls=2))
    price = here.prices(("a", 20))
    run = here.promotions(("a", 15, "", at(5)), ("b", 9, "", at(5)))
    assert here.states(price) == {"pending": 1}
    assert here.states(run) == {"pending": 1, "refused": 1}
    here.wait_until(1)
    assert here.states(price) == {"applied": 1}
    assert here.states(run) == {"applied": 1, "refused": 1}
    assert here.sent()[-1] == ("a", "15")
    here.wait_until(6)
    assert here.sent()[-1] == ("a", "20")


def test_a_promotion_waits_no_longer_than_the_price_is_open(shop):
    here = after_product(shop, Step(does="refuse", polls=2, keys=("a",)))
    price = here.prices(("a", 20))
    run = here.promotions(("a", 15, "", at(5)))
    assert here.states(run) == {"pending": 1}
    here.wait_until(1)
    assert here.states(price) == {"refused": 1}
    assert here.told(run) == [("refused", "PROMOTION_BASE", "a")]


def test_a_promotion_waits_for_a_price_that_is_held_and_not_when_it_was_called_off(shop, clock):
    here = shop(route={"guard": {"promotion_floor": 0, "price_floor": 0.9, "price_least": 0}})
    here.prices(("b", 20))
    price = here.prices(("a", 20), ("b", 1))
    assert here.states(price) == {"held": 2}
    run = here.promotions(("a", 15, "", at(5)), ("c", 15, "", at(5)))
    assert here.states(run) == {"pending": 1, "refused": 1}
    here.rig.operations.cancel(price)
    here.wait_until(1)
    assert here.told(run)[0] == ("refused", "PROMOTION_BASE", "a")


def test_a_promotion_waits_for_a_price_of_a_later_day(shop):
    here = shop()
    here.prices(("a", 20, at(2)), columns="sku,price,from")
    run = here.promotions(("a", 15, "", at(5)), ("b", 15, "", at(5)))
    assert here.states(run) == {"pending": 1, "refused": 1}
    here.wait_until(3)
    assert here.states(run) == {"applied": 1, "refused": 1}
    assert here.sent()[-1] == ("a", "15")


def test_neither_a_promotion_nor_a_row_without_a_price_is_waited_for(shop):
    here = after_product(shop, Step(polls=2))
    here.prices(("a", ""), ("b", 20))
    run = here.promotions(("a", 15, "", at(5)))
    again = here.promotions(("a", 14, "", at(5)))
    assert [here.told(one)[0][1] for one in (run, again)] == ["PROMOTION_BASE"] * 2
