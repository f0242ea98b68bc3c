"""What a destination refused never counts: the price before it is restored, the promotion before it is shown."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from gateway.delivery import baseline, book
from gateway.delivery.book import base_prices
from gateway.journal import tables as t
from gateway.model import KEY
from gateway.testing.clock import START, at
from gateway.testing.hostile import Step, read_log
from gateway.testing.texts import mapping
from gateway.testing.wanted import PRICES_ONLY

FIELDS = """sku = "sku"
command = { column = "command", optional = true }
price = { column = "price", optional = true }
price_basis = { constant = "gross" }
"""
PRICES = mapping("price", FIELDS)
PROMOTIONS = mapping(
    "promotion",
    FIELDS
    + """promotion_id = { column = "id", optional = true }
percentage = { column = "percentage", optional = true }
starts_at = { column = "starts", optional = true }
ends_at = { column = "ends", optional = true }
""",
)
REFUSE = Step(does="refuse", keys=("a",))


class Shop:
    """A gateway on a destination with prices only; hours are counted from the start."""

    def __init__(self, rig, clock):
        self.rig, self.clock = rig, clock

    def drop(self, kind, columns, *rows, times=1):
        return self.rig.put_new(kind, "\n".join([columns, *(",".join(map(str, row)) for row in rows), ""]), times=times)

    def price(self, price, sku="a", **more):
        return self.drop("price", "sku,price", (sku, price), **more)

    def promotion(self, price, starts, ends):
        return self.drop("promotion", "sku,price,starts,ends", ("a", price, starts, ends))

    def rate(self, percentage, starts, ends):
        return self.drop("promotion", "sku,percentage,starts,ends", ("a", percentage, starts, ends))

    def sent(self):
        log = read_log(self.rig.destination._settings.log)
        asked = [one["digest"] for one in log if "call" in one]
        return len(asked), [e["price"] for one in log for e in one.get("effects", ()) if e["sku"] == "a"]

    @property
    def taken(self):
        """Prices the destination took, in their order."""
        return self.sent()[1]

    @property
    def calls(self):
        return self.sent()[0]

    def wait_until(self, hour):
        self.rig.glide(START + timedelta(hours=hour))

    def states(self, run):
        return self.rig.states(run)

    def base(self):
        found = base_prices(self.rig.journal, self.rig.spool, self.rig.lane.name)
        return dict(found.select(KEY, "price").iter_rows())


@pytest.fixture
def shop(rigs, clock):
    def make(*script, **options):
        settings = {
            **PRICES_ONLY, "mapping": PRICES, "route": {"more": (PROMOTIONS,), "guard": {"off": True}},
        }  # fmt: skip
        return Shop(rigs(*script, **{**settings, **options}), clock)

    return make


def test_a_refused_price_is_not_what_a_boundary_restores(shop):
    here = shop(Step(), REFUSE)
    here.price(20)
    run = here.price(25)
    assert here.states(run) == {"refused": 1}
    here.promotion(15, at(1), at(2))
    here.wait_until(3)
    assert here.taken == ["20", "15", "20"]


def test_a_price_refused_while_a_percentage_lasts_is_not_reckoned_with(shop):
    here = shop(Step(), Step(), REFUSE)
    here.price(20)
    here.rate(10, "", at(2))
    run = here.price(25)
    assert here.states(run) == {"refused": 1}
    assert here.calls == 3  # what is shown stands: nothing was sent once more
    here.wait_until(3)
    assert here.taken == ["20", "18", "20"]


def test_a_hidden_price_that_is_refused_when_it_is_to_be_restored_gives_way_to_the_one_before(shop):
    here = shop(Step(), Step(), REFUSE)
    here.price(20)
    here.promotion(15, "", at(1))
    run = here.price(18)
    assert here.states(run) == {"unchanged": 1}
    here.wait_until(2)
    assert here.taken == ["20", "15", "20"]
    (said,) = (one.text for one in here.rig.operations.events(run) if one.kind == "refused later")
    assert "they were refused: a: 18 (" in said
    assert here.states(run) == {"unchanged": 1}
    here.promotion(12, "", at(3))
    here.wait_until(4)
    assert here.taken == ["20", "15", "20", "12", "20"]


def test_many_hidden_prices_that_are_refused_are_one_event_of_their_run(shop):
    keys = [f"k{n}" for n in range(7)]
    here = shop(Step(), Step(), Step(), Step(does="refuse", keys=tuple(keys)))
    here.drop("price", "sku,price", *((key, 20) for key in keys))
    here.drop("promotion", "sku,price,starts,ends", *((key, 15, "", at(1)) for key in keys))
    run = here.drop("price", "sku,price", *((key, 18) for key in keys))
    other = here.drop("price", "sku,price", ("k9", 18))
    here.wait_until(2)
    (said,) = (one.text for one in here.rig.operations.events(run) if one.kind == "refused later")
    assert "k0: 18" in said
    assert "k4: 18" in said
    assert "k5" not in said
    assert " and 2 more" in said
    assert not any(one.kind == "refused later" for one in here.rig.operations.events(other))


def test_a_hidden_price_that_was_restored_is_restored_again(shop):
    here = shop(Step(), Step(), Step(), Step(), REFUSE)
    here.price(20)
    here.promotion(15, "", at(1))
    here.price(18)
    here.wait_until(2)
    here.promotion(12, "", at(3))
    here.wait_until(4)  # the second restoring was refused once: it was taken before, so it is tried again
    assert here.taken == ["20", "15", "18", "12", "18"]


def test_of_hidden_prices_the_newest_that_is_not_refused_counts(shop):
    here = shop(Step(), Step(), REFUSE)
    here.price(20)
    here.promotion(15, "", at(1))
    here.price(18)
    here.price(17)
    here.wait_until(2)
    assert here.taken == ["20", "15", "18"]


def test_a_hidden_price_without_another_is_tried_until_it_is_taken(shop):
    here = shop(Step(), REFUSE, REFUSE)
    here.drop("price", "sku,price", ("a", 20), times=0)
    here.promotion(15, "", at(1))
    here.wait_until(3)
    assert here.taken == ["15", "20"]
    assert here.calls == 4


def test_the_newest_of_several_hidden_prices_counts(shop):
    here = shop()
    here.price(20)
    here.promotion(15, "", at(1))
    here.price(18)
    here.price(17)
    assert here.base() == {"a": "17"}
    here.wait_until(2)
    assert here.taken == ["20", "15", "17"]
    here.price(16)
    assert here.taken[-1] == "16"


def test_a_first_price_that_is_refused_is_none(shop):
    here = shop(REFUSE)
    here.price(20)
    run = here.promotion(15, "", at(1))
    assert here.states(run) == {"refused": 1}
    assert here.rig.results(run)["code"].to_list() == ["PROMOTION_BASE"]
    assert (here.calls, here.taken) == (1, [])


def test_a_price_that_was_called_off_does_not_count(shop):
    here = shop(Step(), Step(does="drop_before"))
    here.price(20)
    run = here.price(25)
    here.rig.operations.cancel(run)
    here.promotion(15, at(1), at(2))
    here.wait_until(3)
    assert here.states(run) == {"skipped": 1}
    assert here.taken == ["20", "15", "20"]


def test_a_price_of_which_nobody_knows_does_not_count_until_it_is_sent_again(shop):
    here = shop(Step(), Step(does="uncertain"))
    here.price(20)
    run = here.price(25)
    assert here.states(run) == {"uncertain": 1}
    assert here.base() == {"a": "20"}
    here.rig.operations.retry(run)
    here.rig.advance()
    assert here.base() == {"a": "25"}


def test_a_price_under_way_counts_until_it_is_refused(shop):
    here = shop(Step(), REFUSE.model_copy(update={"polls": 2}), look_interval=60)
    here.price(20)
    run = here.price(25)
    here.rate(10, "", at(2))
    assert here.calls == 3
    assert here.base() == {"a": "25"}
    here.wait_until(1)
    assert here.states(run) == {"refused": 1}
    assert here.taken == ["20", "22.5", "18"]  # what was reckoned from it was looked at again
    here.wait_until(3)
    assert here.taken[-1] == "20"


def test_a_refused_row_that_is_sent_again_counts(shop):
    here = shop(Step(), REFUSE)
    here.price(20)
    run = here.price(25)
    again, _ = here.rig.operations.retry(run)
    here.rig.advance()
    assert here.states(again) == {"applied": 1}
    here.promotion(15, at(1), at(2))
    here.wait_until(3)
    assert here.taken == ["20", "25", "15", "25"]


def test_a_late_file_is_compared_with_what_counts(shop):
    here = shop(Step(), REFUSE)
    here.price(20)
    here.clock.advance(100)
    here.price(25)
    between = here.rig.drop("price-between.csv", "sku,price\na,22\n", here.clock.now() - timedelta(seconds=50))
    here.rig.advance()
    assert here.states(between) == {"applied": 1}
    assert here.taken == ["20", "22"]


def test_a_refused_promotion_is_not_in_force(shop):
    here = shop(Step(), REFUSE)
    here.price(20)
    run = here.promotion(15, "", at(2))
    assert here.states(run) == {"refused": 1}
    here.price(19)
    here.wait_until(3)
    assert here.taken == ["20", "19"]
    here.promotion(12, "", at(4))
    assert here.taken[-1] == "12"


def test_a_promotion_refused_at_its_start_is_not_in_force(shop):
    here = shop(Step(), REFUSE)
    here.price(20)
    run = here.promotion(15, at(1), at(2))
    here.wait_until(1.5)
    assert here.states(run) == {"refused": 1}
    here.price(19)
    here.wait_until(3)
    assert here.taken == ["20", "19"]


def test_a_promotion_whose_taking_back_was_refused_ends_in_its_time(shop):
    here = shop(Step(), Step(), REFUSE)
    here.price(20)
    here.drop("promotion", "id,sku,price,starts,ends", ("X", "a", 15, "", at(1)))
    run = here.drop("promotion", "id,sku,command,starts,ends", ("X", "a", "end", "", at(1)))
    assert here.states(run) == {"refused": 1}
    here.wait_until(2)
    assert here.taken == ["20", "15", "20"]


def test_other_articles_of_the_same_call_count(shop):
    here = shop(Step(), REFUSE)
    here.drop("price", "sku,price", ("a", 20), ("b", 20))
    here.drop("price", "sku,price", ("a", 25), ("b", 25))
    assert here.base() == {"a": "20", "b": "25"}


def test_what_a_check_refuses_does_not_count(shop):
    here = shop(gathers=True, unknown=("a",))
    run = here.drop("price", "sku,price", ("a", 25), ("b", 25))
    assert here.states(run) == {"refused": 1, "applied": 1}
    assert here.base() == {"b": "25"}


def test_a_reconciliation_speaks_of_the_price_that_counts(shop):
    here = shop()
    here.price(20)
    here.promotion(15, "", at(1))
    here.price(18)
    assert base_prices(here.rig.journal, here.rig.spool, here.rig.lane.name)["price"].to_list() == ["18"]


@pytest.mark.parametrize("hidden", [False, True])
def test_the_book_is_folded_and_says_the_same(shop, hidden):
    here = shop()
    here.price(20)
    if hidden:
        here.promotion(5, "", at(1))
    for number in range(12):
        here.price(30 + number)
    with here.rig.journal.read() as tx:
        files = list(tx.scalars(sa.select(t.book_segment.c.file)))
    assert len(files) <= 2 * (book.MOST_SEGMENTS + 1)
    assert here.base() == {"a": "41"}
    here.wait_until(2)
    assert here.taken[-1] == "41"
    assert here.base() == {"a": "41"}


# ---------------------------------------------------------------- restarts


@pytest.mark.parametrize("polls", [0, 3])
def test_a_restart_changes_nothing(shop, polls):
    script = (Step(), Step(), REFUSE.model_copy(update={"polls": polls}))
    here = shop(*script)
    here.price(20)
    here.rate(10, "", at(1))
    here.price(25)
    here.rig.close()
    again = shop(*script)
    baseline.sweep(again.rig.journal, again.rig.spool)
    book.sweep(again.rig.journal, again.rig.spool)
    again.wait_until(2)
    assert again.taken == ["20", "18", "20"]
