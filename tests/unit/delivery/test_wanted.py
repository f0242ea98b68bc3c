"""Base prices and promotions become one price: what is shown, and when."""

from datetime import timedelta

import polars as pl
from support.promoted_prices import BY_AMOUNT, PROMOTIONS

from gateway.delivery.book import boundaries
from gateway.delivery.wanted_sends import inherited
from gateway.model import KEY, PriceTerms
from gateway.testing.clock import START, at
from gateway.testing.hostile import Further, read_log
from gateway.testing.texts import mapping
from gateway.testing.wanted import TERMS


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
    run = here.rig.put_new("catalog", "sku,product,price\na,P,20\nb,P,\n")
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
