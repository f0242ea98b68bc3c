"""Final prices of several articles of one product: Sage has one discount for all of them."""

import functools
import json

import pytest

from gateway.testing.sage_shop import PROMOTIONS


@pytest.fixture
def shop(sage_shops):
    shop = functools.partial(sage_shops, dedupe="last", promotion_variants="ignore")()
    shop.put("catalog.csv", "sku,product,type,size,price\nb1,t,C,1,59.90\nb2,t,C,2,59.90\nr1,t,C,3,64.90\nx,,,,10\n")
    shop.take()
    return shop


HEAD = "sku,product,id,price,basis,percentage,command\n"


def told(shop, run):
    return shop.rig.results(run).select("state", "code", "field", "detail").rows()


def discounts(found):
    return [(one["productId"], one["discount"]) for one in found.get("productspecialprices", [])]


WHY = "one special price holds for the whole product, and no discount is right for all of these: "


def test_final_prices_no_discount_is_right_for_are_refused_with_articles_and_prices(shop):
    rows = "".join(f"{sku},t,1,49.90,net,,\n" for sku in ("b1", "b2", "r1"))
    run = shop.put("promotion.csv", f"{HEAD}{rows}x,,1,5,net,,\n")
    assert discounts(shop.take()) == [("x", "50")], "what stands by itself goes out"
    why = ("refused", "DEST_LIMIT", "price", f"{WHY}b1 49.9 of 59.9, b2 49.9 of 59.9, r1 49.9 of 64.9")
    assert told(shop, run) == [why, why, why, ("applied", None, None, None)]


@pytest.mark.parametrize(
    ("last", "given"),
    [("r1,t,1,,,10,", "10%"), ("r1,t,1,54.90,net,,", "54.9 of 64.9")],
)
def test_own_prices_that_another_row_does_not_lead_to_are_refused(shop, last, given):
    run = shop.put("promotion.csv", f"{HEAD}b1,t,1,49.90,net,,\n{last}\n")
    assert shop.take() == {}
    assert {row[0] for row in told(shop, run)} == {"refused"}
    assert told(shop, run)[0][3] == f"{WHY}b1 49.9 of 59.9, r1 {given}"


def test_what_one_discount_is_right_for_goes_out_once(shop):
    run = shop.put("promotion.csv", f"{HEAD}b1,t,1,49.90,net,,\nb2,t,1,49.90,net,,\n")
    assert discounts(shop.take()) == [("t", "16.6945")]
    assert [row[0] for row in told(shop, run)] == ["superseded", "applied"]
    half = shop.put("promotion2.csv", f"{HEAD}b1,t,2,29.95,net,,\nr1,t,2,32.45,net,,\n")
    assert discounts(shop.take()) == [("t", "50")], "of different prices, too"
    assert "refused" not in shop.rig.states(half)


def test_an_article_whose_price_is_not_known_is_not_taken_along(shop):
    run = shop.put("promotion.csv", f"{HEAD}new,t,1,49.90,net,,\nb1,t,1,49.90,net,,\n")
    assert shop.take() == {}
    assert told(shop, run)[1][3] == f"{WHY}new 49.9 of an unknown price, b1 49.9 of 59.9"


def test_rates_that_rows_give_themselves_are_those_of_the_last_row(shop):
    run = shop.put("promotion.csv", f"{HEAD}b1,t,1,,,10,\nr1,t,1,,,20,\n")
    assert discounts(shop.take()) == [("t", "20")]
    assert [row[0] for row in told(shop, run)] == ["superseded", "applied"]


def test_amounts_off_are_compared_where_discounts_are_amounts(sage_shops):
    amounts = {"special_price_bare_discount": "amount", "currency": "GBP"}
    shop = sage_shops(dedupe="last", promotion_variants="ignore", **amounts)
    shop.put("catalog.csv", "sku,product,type,size,price\nb,t,C,1,20\nr,t,C,2,30\n")
    shop.take()
    run = shop.put("promotion1.csv", f"{HEAD}b,t,1,15,net,,\nr,t,1,20,net,,\n")
    assert shop.take() == {}
    assert told(shop, run)[0][3] == f"{WHY}b 15 of 20, r 20 of 30"
    shop.put("promotion2.csv", f"{HEAD}b,t,2,15,net,,\nr,t,2,25,net,,\n")
    assert discounts(shop.take()) == [("t", "5")]


def test_articles_of_one_product_are_compared_however_far_apart_they_stand(sage_shops, monkeypatch):
    monkeypatch.setattr("gateway.readers.json.BLOCK", 1)
    monkeypatch.setattr("gateway.delta.PART_ROWS", 1)
    as_json = PROMOTIONS.replace('"csv"\ndelimiter = ","\nencoding = "utf-8"', '"json"\nrecord = ""')
    shop = sage_shops(promotions=as_json, dedupe="last", promotion_variants="ignore")
    shop.put("catalog.csv", "sku,product,type,size,price\nb1,t,C,1,59.90\nr1,t,C,3,64.90\n")
    shop.take()
    named = {"product": "t", "id": "1", "price": "49.90", "basis": "net"}
    run = shop.put("promotion.json", json.dumps([{"sku": sku, **named} for sku in ("b1", "r1")]))
    assert shop.take() == {}
    assert {row[:2] for row in told(shop, run)} == {("refused", "DEST_LIMIT")}
