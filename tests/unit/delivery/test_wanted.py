"""Promotions where a destination has prices only: what is shown, when it changes, what rows are told."""

from datetime import timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.contracts.profiles import shown_as_price
from gateway.delivery.book import boundaries, sweep
from gateway.delivery.wanted_sends import inherited
from gateway.journal import tables as t
from gateway.model import KEY, PriceTerms
from gateway.testing.clock import START, at
from gateway.testing.hostile import Further, Step, read_log
from gateway.testing.texts import mapping
from gateway.testing.wanted import TERMS

PRICES = mapping(
    "price",
    """sku = "sku"
price = { column = "price", optional = true }
price_basis = { column = "basis", optional = true }
tax_rate = { column = "tax", optional = true }
command = { column = "command", optional = true }
valid_from = { column = "from", optional = true }
""",
)
PROMOTIONS = mapping(
    "promotion",
    """promotion_id = { column = "id", optional = true }
sku = "sku"
brand = { column = "brand", optional = true }
customer_id = { column = "customer", optional = true }
price = { column = "price", optional = true }
price_basis = { constant = "gross" }
percentage = { column = "percentage", optional = true }
amount = { column = "amount", optional = true }
quantity_from = { column = "least", optional = true }
limit_total = { column = "limit", optional = true }
starts_at = { column = "starts", optional = true }
ends_at = { column = "ends", optional = true }
status = { column = "status", optional = true }
command = { column = "command", optional = true }
valid_from = { column = "from", optional = true }
""",
)
BY_AMOUNT = Further(
    name="promote", family="price", contract="promotion", fields=("sku",), wanted="promotion",
    prices=PriceTerms("gross", 2, "EUR", None, ("price", "amount")), requires=shown_as_price(),
)  # fmt: skip


@pytest.fixture
def shop(rigs, clock):
    def make(*script, **options):
        settings = {
            "contract": "price", "fields": ("sku", "price"), "wanted": "base", "prices": TERMS, "further": (BY_AMOUNT,),
            "mapping": PRICES, "route": {"more": (PROMOTIONS,), **options.pop("route", {})},
        }  # fmt: skip
        return Shop(rigs(*script, **{**settings, **options}), clock)

    return make


class Shop:
    """A rig with shorthand: hours are counted from the start."""

    def __init__(self, rig, clock):
        self.rig = rig
        self.clock = clock
        self.number = 0

    def _drop(self, kind, text):
        self.number += 1
        self.clock.advance(1)
        run = self.rig.drop(f"{kind}-{self.number}.csv", text + "\n" * self.number)  # no two files are the same
        self.rig.advance()
        return run

    def prices(self, *rows, columns="sku,price"):
        names = f"{columns},basis"
        return self._drop("price", "\n".join([names, *(f"{','.join(map(str, row))},gross" for row in rows)]) + "\n")

    def promotions(self, *rows, columns="sku,price,starts,ends"):
        return self._drop("promotion", "\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n")

    def sent(self):
        """Return what was sent so far, oldest first."""
        log = read_log(self.rig.destination._settings.log)
        return [(e["sku"], e.get("price")) for one in log for e in one.get("effects", ())]

    def wait_until(self, hour):
        """Move on to an hour after the start as a gateway that sleeps does: to each moment the lane wants."""
        until = START + timedelta(hours=hour)
        while True:
            with self.rig.journal.read() as tx:
                at = tx.scalar(sa.select(sa.func.min(t.lane.c.wake_at)))
            at = until if at is None else min(max(at, self.clock.now()), until)
            self.clock.advance((at - self.clock.now()).total_seconds())
            self.rig.advance()
            if at == until:
                return

    def told(self, run):
        return self.rig.results(run).select("state", "code", "detail").rows()

    def states(self, run):
        return self.rig.states(run)


def test_a_promotion_is_shown_while_it_lasts_and_the_base_price_afterwards(shop):
    here = shop()
    here.prices(("a", 20), ("b", 5))
    run = here.promotions(("a", 15, at(1), at(2)))
    assert here.sent() == [("a", "20"), ("b", "5")]
    assert here.states(run) == {"scheduled": 1}
    here.wait_until(3)
    assert here.sent()[2:] == [("a", "15"), ("a", "20")]
    assert here.states(run) == {"applied": 1}


def test_the_boundary_is_the_second_after_the_last(shop, clock):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 15, "", at(1)))
    clock.advance((START + timedelta(hours=1) - clock.now()).total_seconds() + 0.999)
    here.rig.advance()
    assert here.sent()[-1] == ("a", "15")
    clock.advance(0.001)
    here.rig.advance()
    assert here.sent()[-1] == ("a", "20")


def test_the_answer_comes_at_once_and_a_correction_when_it_was_shown(shop):
    here = shop()
    here.prices(("a", 20))
    run = here.promotions(("a", 15, at(1), ""))
    assert here.rig.operations.run(run).state == "waiting"
    assert "told" in here.rig.operations.run(run).counts
    here.wait_until(2)
    assert here.rig.operations.run(run).state == "settled"
    assert here.rig.operations.run(run).corrections == 1


def test_a_base_price_during_a_promotion_changes_what_is_restored(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 15, "", at(2)))
    run = here.prices(("a", 18))
    assert here.sent() == [("a", "20"), ("a", "15")]
    assert here.told(run) == [("unchanged", "PRICE_HIDDEN", "15")]
    here.wait_until(3)
    assert here.sent()[2:] == [("a", "18")]


def test_a_base_price_during_a_percentage_changes_what_is_shown(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 10, "", at(2)), columns="sku,percentage,starts,ends")
    run = here.prices(("a", "19.99"))
    assert here.sent()[1:] == [("a", "18"), ("a", "17.99")]
    assert here.told(run) == [("applied", "PRICE_HIDDEN", "17.99")]


def test_a_base_price_below_the_promotion_is_shown(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 15, "", at(2)))
    run = here.prices(("a", 12))
    assert here.sent()[-1] == ("a", "12")
    assert here.told(run) == [("applied", None, None)]
    here.wait_until(3)
    assert here.sent()[-1] == ("a", "12")
    assert len(here.sent()) == 3


def test_of_several_promotions_the_lowest_price_is_shown(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 15, at(1), at(4)), ("a", 12, at(2), at(3)))
    late = here.promotions(("a", 5, at(2.5), at(6)), columns="sku,amount,starts,ends")
    here.wait_until(7)
    assert [price for _, price in here.sent()] == ["20", "15", "12", "15", "20"]
    assert here.told(late) == [("unchanged", "PRICE_HIDDEN", "12")]


def test_an_ended_promotion_is_taken_back_at_once(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("X", "a", 15, at(0), at(5)), columns="id,sku,price,starts,ends")
    assert here.sent()[-1] == ("a", "15")
    run = here.promotions(("X", "a", "end", at(0), at(5)), columns="id,sku,command,starts,ends")
    assert here.sent()[-1] == ("a", "20")
    assert here.states(run) == {"applied": 1}
    again = here.promotions(("X", "a", "end", at(0), at(5)), columns="id,sku,command,starts,ends")
    assert here.states(again) == {"unchanged": 1}


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


def test_an_inactive_promotion_is_off(shop):
    here = shop()
    here.prices(("a", 20))
    columns = "id,sku,price,starts,ends,status"
    here.promotions(("X", "a", 15, at(0), at(5), ""), columns=columns)
    here.promotions(("X", "a", 15, at(0), at(5), "inactive"), columns=columns)
    assert here.sent()[-1] == ("a", "20")


def test_a_promotion_taken_back_before_it_began_never_begins(shop):
    here = shop()
    here.prices(("a", 20))
    run = here.promotions(("a", 15, at(1), at(5)))
    here.promotions(("a", "end", at(1), at(5)), columns="sku,command,starts,ends")
    here.wait_until(6)
    assert here.sent() == [("a", "20")]
    assert here.states(run) == {"superseded": 1}


def test_a_newer_version_wins_and_an_older_one_that_comes_late_does_not(shop, clock):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 15, at(0), at(5)))
    here.promotions(("a", 14, at(0), at(5)))
    run = here.rig.drop("promotion-old.csv", f"sku,price,starts,ends\na,9,{at(0)},{at(5)}\n", START - timedelta(days=1))
    here.rig.advance()
    assert [price for _, price in here.sent()] == ["20", "15", "14"]
    assert here.states(run) == {"superseded": 1}
    old = here.rig.drop("price-old.csv", "sku,price,basis\na,1,gross\n", START - timedelta(days=1))
    here.rig.advance()
    assert here.states(old) == {"superseded": 1}


def test_a_promotion_needs_a_price_to_go_back_to(shop):
    here = shop()
    run = here.promotions(("a", 15, at(0), at(5)), ("b", 15, at(1), at(5)))
    assert here.told(run) == [("refused", "PROMOTION_BASE", "a"), ("refused", "PROMOTION_BASE", "b")]
    here.prices(("a", 20))
    here.wait_until(2)
    assert here.sent() == [("a", "20")]
    again, _ = here.rig.operations.retry(run)
    here.rig.advance()
    assert here.sent()[-1] == ("a", "15")
    assert here.states(again) == {"applied": 1, "refused": 1}


def test_price_and_promotion_that_wait_together_are_decided_together(shop, clock):
    here = shop()
    promotion = here.rig.drop("promotion-1.csv", f"sku,price,starts,ends\na,15,{at(-1)},{at(5)}\n", START)
    price = here.rig.drop("price-1.csv", "sku,price,basis\na,20,gross\n", START + timedelta(minutes=1))
    here.rig.advance()
    assert here.sent() == [("a", "15")]
    assert here.states(promotion) == {"applied": 1}
    assert here.told(price) == [("applied", "PRICE_HIDDEN", "15")]


def test_an_amount_as_large_as_the_price_is_refused(shop):
    here = shop()
    here.prices(("a", 20))
    run = here.promotions(("a", 20, at(0), at(5)), columns="sku,amount,starts,ends")
    assert [(state, code) for state, code, _ in here.told(run)] == [("refused", "DEST_DISCOUNT")]
    assert here.sent() == [("a", "20")]


def test_a_promotion_that_is_over_is_told_so(shop):
    here = shop()
    here.prices(("a", 20))
    run = here.promotions(("a", 15, at(-3), at(-2)))
    assert here.told(run)[0][:2] == ("skipped", "PROMOTION_OVER")
    assert here.sent() == [("a", "20")]


def test_what_a_price_cannot_say_is_rejected(shop):
    here = shop()
    here.prices(("a", 20))
    columns = "sku,price,starts,brand,customer,least,limit"
    run = here.promotions(
        ("", 15, at(0), "Acme", "", "", ""), ("a", 15, at(1), "", "C1", "", ""), ("a", 15, at(2), "", "", 2, ""),
        ("a", 15, at(3), "", "", "", 100), ("a", 15, at(4), "", "", 1, ""), columns=columns,
    )  # fmt: skip
    assert here.states(run) == {"rejected": 4, "scheduled": 1}


def test_a_gateway_that_slept_over_both_boundaries_sends_nothing(shop):
    here = shop()
    here.prices(("a", 20), ("b", 30))
    run = here.promotions(("a", 15, at(1), at(2)), ("b", 25, at(1), at(4)))
    here.clock.advance(3 * 3600)
    here.rig.advance()
    assert here.sent()[2:] == [("b", "25")]
    assert [told[:2] for told in here.told(run)] == [("skipped", "PROMOTION_OVER"), ("applied", None)]
    here.clock.advance(3 * 3600)
    here.rig.advance()
    assert here.sent()[3:] == [("b", "30")]


def test_boundaries_are_kept_over_a_restart(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 15, at(1), at(2)))
    here.rig.close()
    again = shop()
    sweep(again.rig.journal, again.rig.spool)
    again.wait_until(1.5)
    again.rig.close()
    last = shop()
    last.wait_until(3)
    assert [price for _, price in last.sent()] == ["20", "15", "20"]


def test_a_refused_boundary_is_sent_again_until_it_stands(shop):
    here = shop(Step(), Step(), Step(does="refuse", keys=("a",)), Step(does="uncertain"))
    here.prices(("a", 20))
    run = here.promotions(("a", 15, at(0), at(1)))
    here.wait_until(2)
    assert [price for _, price in here.sent()] == ["20", "15", "20", "20"]
    calls = [entry["does"] for entry in read_log(here.rig.destination._settings.log) if "call" in entry]
    assert calls == ["take", "take", "refuse", "uncertain", "take"]
    assert here.states(run) == {"applied": 1}
    with here.rig.journal.read() as tx:
        assert tx.scalar(sa.select(t.book.c.next_at)) is None


def test_a_lost_connection_at_a_boundary_is_retried_as_lanes_retry(shop):
    here = shop(Step(), Step(), Step(does="drop_before"), Step(does="throttle"))
    here.prices(("a", 20))
    here.promotions(("a", 15, at(0), at(1)))
    here.wait_until(2)
    assert [price for _, price in here.sent()] == ["20", "15", "20"]


def test_a_boundary_waits_for_the_call_under_way_and_counts_on_nothing(shop):
    here = shop(Step(), Step(polls=60), look_interval=60)
    here.prices(("a", 20))
    here.promotions(("a", 15, at(0), at(1)))
    here.wait_until(1.1)
    assert [price for _, price in here.sent()] == ["20", "15", "20"]


def test_a_full_file_ends_the_promotions_it_leaves_out(shop):
    here = shop(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    here.prices(("a", 20), ("b", 20))
    here.promotions(("a", 15, at(0), at(5)), ("b", 15, at(0), at(5)), ("b", 9, at(2), at(5)))
    run = here.promotions(("a", 15, at(0), at(5)))
    assert here.sent()[2:] == [("a", "15"), ("b", "15"), ("b", "20")]
    assert here.rig.settler.rows(here.rig.operations.run(run)).states.derived == {"applied": 1}
    here.wait_until(3)
    assert len(here.sent()) == 5
    ended = here.prices(("a", 20))
    assert here.sent()[5:] == [("b", None)]
    assert here.rig.settler.rows(here.rig.operations.run(ended)).states.derived == {"applied": 1}


def test_an_ended_price_takes_its_promotions_along(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 15, at(0), at(1)))
    here.prices(("a", "", "end"), columns="sku,price,command")
    assert here.sent()[-1] == ("a", None)
    here.wait_until(2)
    assert len(here.sent()) == 3


def test_rows_for_later_wait_and_end_their_promotion_then(shop):
    here = shop()
    here.prices(("a", 20))
    here.prices(("a", 30, at(3)), columns="sku,price,from")
    here.promotions(("a", 15, at(0), ""))
    here.promotions(("a", "end", at(0), at(2)), columns="sku,command,starts,from")
    here.wait_until(4)
    assert [price for _, price in here.sent()] == ["20", "15", "20", "30"]


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
    assert told.startswith("1 promotion leaves less than 20% of the regular price (a / "), told
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


def test_prices_are_converted_before_anything_is_computed(shop):
    net = PriceTerms("net", 2, "EUR", "21")
    here = shop(prices=net, further=(BY_AMOUNT.model_copy(update={"prices": net}),))
    here.prices(("a", 121, 21), columns="sku,price,tax")
    here.promotions(("a", "12.10", at(0), at(1)), columns="sku,amount,starts,ends")
    assert [price for _, price in here.sent()] == ["100", "90"]


def test_nothing_is_sent_when_nothing_changes(shop):
    here = shop()
    here.prices(("a", 20))
    here.promotions(("a", 15, at(0), at(5)))
    same = here.prices(("a", 20))
    promotion = here.promotions(("a", 15, at(0), at(5)))
    assert len(here.sent()) == 2
    assert here.told(same) == [("unchanged", "PRICE_HIDDEN", "15")]
    assert here.told(promotion) == [("unchanged", None, None)]


def test_the_boundaries_to_come_are_known(shop):
    here = shop()
    here.prices(("a", 20), ("b", 20))
    here.promotions(("a", 15, at(1), at(2)), ("b", 15, at(1), ""), ("b", 12, "", at(3)))
    found = boundaries(here.rig.journal, here.rig.spool, here.rig.lane.name)
    second = timedelta(seconds=1)
    assert [(b.at - START, b.begin, b.end) for b in found] == [
        (timedelta(hours=1), 2, 0), (timedelta(hours=2) + second, 0, 1), (timedelta(hours=3) + second, 0, 1),
    ]  # fmt: skip


def test_a_cancelled_promotion_never_begins(shop):
    here = shop()
    here.prices(("a", 20))
    run = here.promotions(("a", 15, at(1), at(2)))
    here.rig.operations.cancel(run)
    here.wait_until(3)
    assert here.sent() == [("a", "20")]


def test_a_row_the_destination_does_not_know_is_refused(shop):
    here = shop(gathers=True, unknown=("b",))
    run = here.prices(("a", 20), ("b", 20))
    assert here.sent() == [("a", "20")]
    assert here.told(run) == [("applied", None, None), ("refused", "DEST_REFUSED", "unknown to the shop")]


def test_the_book_is_folded_and_says_the_same(shop):
    here = shop()
    for number in range(12):
        here.prices(("a", 20 + number), (f"k{number}", 1))
        here.promotions((f"P{number}", "a", 15, at(-1), at(3)), columns="id,sku,price,starts,ends")
    with here.rig.journal.read() as tx:
        files = set(tx.scalars(sa.select(t.book_segment.c.file)))
    assert len(files) <= 18
    assert {path.name for path in here.rig.spool.books.glob("*.parquet")} == files
    here.wait_until(4)
    assert here.sent()[-1] == ("a", "31")


def test_what_nobody_names_is_swept(shop):
    here = shop()
    here.prices(("a", 20))
    lost = here.rig.spool.books / "base-lost-0000.parquet"
    pl.DataFrame({KEY: ["z"]}).write_parquet(lost)
    sweep(here.rig.journal, here.rig.spool)
    assert not lost.exists()
    here.promotions(("a", 15, at(0), at(1)))
    assert here.sent()[-1] == ("a", "15")


CATALOG = mapping(
    "catalog",
    """sku = "sku"
product_id = "product"
price = { column = "price", optional = true }
price_basis = { constant = "gross" }
""",
)
IN_CATALOG = Further(
    name="place", family="price", contract="catalog", fields=("sku", "price", "product_id"), when=("price",),
    wanted="base", prices=TERMS,
)  # fmt: skip


def test_prices_of_catalogs_and_price_files_are_one_sequence(shop):
    here = shop(further=(IN_CATALOG, BY_AMOUNT), route={"more": (CATALOG, PROMOTIONS)})
    run = here._drop("catalog", "sku,product,price\na,P,20\nb,P,\n")
    assert here.sent() == [("a", "20")]
    here.promotions(("a", 15, at(0), at(1)), ("b", 15, at(0), at(1)))
    price = here.prices(("a", 18))
    here.wait_until(2)
    log = [e for e in read_log(here.rig.destination._settings.log) if e.get("effects")]
    assert [(e["operation"], [r["price"] for r in e["effects"]]) for e in log] == [
        ("place", ["20"]), ("place", ["15"]), ("write", ["18"]),
    ]  # fmt: skip
    assert [r.get("product_id") for e in log for r in e["effects"]] == ["P", "P", None]  # price files do not send it
    assert here.states(run)["applied"] == 1
    assert here.told(price) == [("unchanged", "PRICE_HIDDEN", "15")]


def test_what_is_known_beside_the_price_is_kept_until_something_else_is_said():
    names = (KEY, "price", "operation", "product_id")
    schema = dict.fromkeys(names, pl.String)
    old = pl.DataFrame(
        {KEY: ["a", "b"], "price": ["1", "2"], "operation": "x", "product_id": ["P", "Q"]}, schema=schema
    )
    new = pl.DataFrame(
        {KEY: ["b", "a", "c"], "price": ["3", "4", "5"], "operation": ["y", "x", "y"], "product_id": None},
        schema=schema,
    )
    found = inherited(new, old, {"x": [], "y": ["product_id"]})
    assert found.select(KEY, "product_id").rows() == [("b", "Q"), ("a", None), ("c", None)]
    assert inherited(new, old.drop("product_id"), {"y": ["product_id"]}).equals(new)


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


def test_rows_of_many_parts_are_each_decided_with_their_own(shop, monkeypatch):
    monkeypatch.setattr("gateway.delta.PART_ROWS", 7)
    here = shop()
    names = [f"k{n:02d}" for n in range(40)]
    here.prices(*((sku, 20) for sku in names))
    run = here.promotions(*((sku, 10 + n % 3, at(1), at(2)) for n, sku in enumerate(names)))
    here.wait_until(3)
    assert here.states(run) == {"applied": 40}
    found: dict[str, list[str]] = {}
    for sku, price in here.sent():
        found.setdefault(sku, []).append(price)
    assert found == {sku: ["20", str(10 + n % 3), "20"] for n, sku in enumerate(names)}
