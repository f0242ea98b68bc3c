"""A lasting discount of a catalog row where a destination has prices only: a promotion without end of its own."""

from datetime import timedelta

import pytest

from gateway.testing.clock import START, at
from gateway.testing.hostile import Further, Step, read_log
from gateway.testing.texts import mapping
from gateway.testing.wanted import PRICES_ONLY, PROMOTE, TERMS

FIELDS = """sku = "sku"
price = { column = "price", optional = true }
price_basis = { constant = "gross" }
"""
PRICES = mapping("price", FIELDS)
DISCOUNT = 'column = "discount", optional = true, chained = "+", number = "1,234.5", percent = true'
CATALOG = mapping("catalog", f"{FIELDS}discount = {{ {DISCOUNT} }}\n")
PROMOTIONS = mapping(
    "promotion",
    FIELDS
    + """percentage = { column = "percentage", optional = true }
starts_at = { column = "starts", optional = true }
ends_at = { column = "ends", optional = true }
""",
)
IN_CATALOG = Further(
    name="place", family="price", contract="catalog", fields=("sku", "price"), when=("price",), context=("discount",),
    wanted="base", prices=TERMS,
)  # fmt: skip


class Shop:
    """A gateway on a destination with prices only; files of one article."""

    def __init__(self, rig, clock):
        self.rig, self.clock = rig, clock

    def drop(self, kind, columns, *row):
        return self.rig.put_new(kind, f"sku,{columns}\na,{','.join(map(str, row))}\n")

    def catalog(self, price, discount):
        return self.drop("catalog", "price,discount", price, discount)

    def later(self, hour):
        self.clock.advance((START + timedelta(hours=hour) - self.clock.now()).total_seconds())
        self.rig.advance()

    def told(self, run):
        return self.rig.results(run).select("state", "code", "detail").rows()[0]

    @property
    def taken(self):
        log = read_log(self.rig.destination._settings.log)
        return [e["price"] for one in log for e in one.get("effects", ())]


@pytest.fixture
def shop(rigs, clock):
    def make(*script, guard=True):
        route = {"more": (CATALOG, PROMOTIONS), "guard": {} if guard else {"off": True}}
        settings = {**PRICES_ONLY, "further": (IN_CATALOG, PROMOTE)}
        return Shop(rigs(*script, mapping=PRICES, route=route, **settings), clock)

    return make


def test_the_price_is_sent_less_the_discount_and_the_row_is_simply_applied(shop):
    here = shop()
    run = here.catalog("19.99", "10")
    assert here.taken == ["17.99"]
    assert here.told(run) == ("applied", None, None)


def test_a_discount_lasts_whatever_prices_come_and_ends_with_nothing_or_zero(shop):
    here = shop()
    here.catalog(20, 10)
    price = here.drop("price", "price", 30)
    assert here.told(price) == ("applied", "PRICE_HIDDEN", "27")
    here.drop("catalog", "price", 40)  # a file without the column says nothing of it
    here.catalog(40, "")
    here.catalog(40, 25)
    here.catalog(40, 0)
    assert here.taken == ["18", "27", "36", "40", "30", "40"]


def test_of_discount_and_promotions_the_lowest_price_is_shown(shop):
    here = shop()
    here.catalog(20, 10)
    here.drop("promotion", "percentage,starts,ends", 5, at(1), at(4))
    here.drop("promotion", "percentage,starts,ends", 30, at(2), at(3))
    for hour in (1.5, 2.5, 3.5, 5):
        here.later(hour)
    assert here.taken == ["18", "14", "18"]


def test_a_refused_discount_does_not_last(shop):
    here = shop(Step(), Step(does="refuse", keys=("a",)))
    here.catalog(20, 10)
    here.catalog(20, 50)
    here.drop("promotion", "percentage,starts,ends", 30, "", at(1))
    here.later(2)
    assert here.taken == ["18", "14", "18"]


def test_the_guard_holds_a_discount_that_leaves_next_to_nothing_once(shop):
    here = shop()
    here.catalog(20, 10)
    run = here.catalog(20, 90)
    assert here.rig.operations.run(run).state == "held"
    assert "2 instead of 20" in here.rig.operations.run(run).notes[0]
    here.rig.operations.release(run)
    here.rig.advance()
    same = here.catalog(21, 90)
    assert here.rig.operations.run(same).state == "settled"
    assert here.taken == ["18", "2", "2.1"]


def test_a_restart_keeps_it(shop):
    here = shop()
    here.catalog(20, 10)
    here.rig.close()
    again = shop()
    again.drop("price", "price", 10)
    assert again.taken == ["18", "9"]
