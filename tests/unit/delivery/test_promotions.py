"""Promotions beside the prices that were sent: what the guard holds, what is reckoned from."""

import pytest

from gateway.model import REGULAR, PriceTerms
from gateway.testing.hostile import Further, Step, read_log
from gateway.testing.texts import mapping

PRICES = mapping(
    "price",
    """sku = "sku"
price = "price"
discount_price = { column = "less", optional = true }
price_basis = { column = "basis" }
tax_rate = { constant = "20" }
""",
)
PROMOTIONS = mapping(
    "promotion",
    """promotion_id = { column = "id", optional = true }
sku = "sku"
price = { column = "price", optional = true }
price_basis = { column = "basis", optional = true }
tax_rate = { column = "tax", optional = true }
currency = { column = "currency", optional = true }
percentage = { column = "percentage", optional = true }
amount = { column = "amount", optional = true }
regular_price = { column = "regular", optional = true }
ends_at = { constant = "2027-01-01T00:00:00Z" }
command = { column = "command", optional = true }
""",
)
NET = PriceTerms("net", 2, "EUR", "20", ("price", "discount_price"))
PROMOTE = Further(
    name="promote", family="promotion", contract="promotion", key=("sku", "promotion_id"), regular="price",
    reckoned=True, fields=("sku", "price", "percentage", "amount"),
)  # fmt: skip
PART = PROMOTE.model_copy(update={"family": "price", "part": "discount", "key": ("sku",)})


@pytest.fixture
def shop(rigs, clock):
    def make(*script, promote=PROMOTE, **options):
        settings = {
            "contract": "price", "fields": ("sku", "price", "discount_price"), "prices": NET, "further": (promote,),
            "mapping": PRICES, "route": {"more": (PROMOTIONS,), **options.pop("route", {})},
        }  # fmt: skip
        return rigs(*script, **{**settings, **options})

    return make


def given(rig):
    log = read_log(rig.destination._settings.log)
    calls = [one["effects"] for one in log if one.get("operation") == "promote" and "effects" in one]
    return [(e["sku"], e.get(REGULAR)) for call in calls for e in call]


def why(rig, run):
    row = rig.operations.run(run)
    return row.notes[0] if row.state == "held" else None


def test_a_discount_of_nearly_everything_waits_for_a_person_though_nothing_is_known(shop):
    rig = shop()
    run = rig.put("promotion.csv", "sku,id,percentage\na,BF,50\nb,BF,99\n")
    said = "1 promotion or discount leaves less than 20% of the regular price (b / BF: 99 % off); "
    assert why(rig, run).startswith(said)
    assert rig.states(run) == {"held": 2}
    rig.operations.release(run)
    rig.advance()
    assert rig.states(run) == {"applied": 2}


def test_what_was_released_and_stands_is_not_held_again(shop, clock):
    rig = shop()
    rig.operations.release(rig.put("promotion1.csv", "sku,percentage\nb,99\n"))
    rig.advance()
    clock.advance(8 * 86400)
    again = rig.put("promotion2.csv", "sku,percentage\nb,99\n\n")
    assert rig.states(again) == {"applied": 1}, "sent again, as its confirmation is old, and not held"


@pytest.mark.parametrize(("promote", "named"), [(PROMOTE, "a"), (PART, "a / discount")])
def test_a_price_is_judged_by_the_price_that_was_confirmed(shop, promote, named):
    rig = shop(promote=promote)
    rig.put("price.csv", "sku,price,basis\na,100,net\nb,100,net\n")
    run = rig.put("promotion1.csv", "sku,price,basis\na,1,net\nb,50,net\n")
    assert f"({named}: 1 instead of 100);" in why(rig, run)
    rig.operations.cancel(run)
    run = rig.put("promotion2.csv", "sku,amount,basis\na,99,net\nb,50,net\n")
    assert f"({named}: 99 off 100);" in why(rig, run)
    rig.operations.cancel(run)
    fine = rig.put("promotion3.csv", "sku,price,basis\na,50,net\n")
    assert rig.states(fine) == {"applied": 1}


def test_the_price_of_a_row_counts_where_none_was_sent(shop):
    rig = shop()
    run = rig.put("promotion.csv", "sku,price,basis,regular\na,1,net,100\n")
    assert "a: 1 instead of 100" in why(rig, run)


def test_a_discount_price_of_a_price_file_is_judged_too(shop):
    rig = shop()
    run = rig.put("price.csv", "sku,price,less,basis\na,100,1,net\n")
    assert "a: 1 instead of 100" in why(rig, run)


@pytest.mark.parametrize(
    "route", [{"guard": {"promotion_floor": 0}}, {"guard": {"off": True}}, {"guard": {"promotion_floor": 0.01}}]
)
def test_the_limit_is_a_setting(shop, route):
    rig = shop(route=route)
    run = rig.put("promotion.csv", "sku,percentage\nb,99\n")
    assert rig.states(run) == {"applied": 1}


def test_what_ends_a_promotion_is_not_judged(shop):
    rig = shop()
    assert why(rig, rig.put("promotion.csv", "sku,percentage,command\nb,99,end\n")) is None


def test_what_is_sent_is_told_the_price_sent_last_in_the_basis_of_the_row(shop):
    rig = shop()
    rig.put("price.csv", "sku,price,basis\na,100,net\nb,120,gross\n")
    rows = ["a,60,net,,,", "a2,60,net,,,", "b,60,gross,10,,", "a,,,,20,", "b,70,net,,,USD"]
    lines = "\n".join(f"{row},{number}" for number, row in enumerate(rows))
    rig.put("promotion.csv", f"sku,price,basis,tax,percentage,currency,id\n{lines}\n")
    assert given(rig) == [("a", "100"), ("a2", None), ("b", "110"), ("a", None), ("b", None)]


def test_a_price_under_way_counts_before_the_confirmed_one(shop):
    rig = shop(Step(), Step(polls=9))
    rig.put("price1.csv", "sku,price,basis\na,100,net\n")
    rig.put("price2.csv", "sku,price,basis\na,80,net\n")
    rig.put("promotion.csv", "sku,price,basis\na,40,net\n")
    assert given(rig) == [("a", "80")]


def test_a_promotion_reckoned_from_a_price_is_sent_again_when_that_has_changed(shop):
    rig = shop()
    rig.put("price1.csv", "sku,price,basis\na,100,net\n")
    rig.put("promotion1.csv", "sku,price,basis,id\na,50,net,1\n")
    assert rig.states(rig.put("promotion2.csv", "sku,price,basis,id\na,50,net,1\n\n")) == {"unchanged": 1}
    rig.put("price2.csv", "sku,price,basis\na,90,net\n")
    assert rig.states(rig.put("promotion3.csv", "sku,price,basis,id\na,50,net,1\n\n\n")) == {"applied": 1}
    assert given(rig) == [("a", "100"), ("a", "90")]


def test_a_promotion_that_is_only_judged_by_a_price_stays_unchanged_with_it(shop):
    rig = shop(promote=PROMOTE.model_copy(update={"reckoned": False}))
    rig.put("price1.csv", "sku,price,basis\na,100,net\n")
    rig.put("promotion1.csv", "sku,price,basis,id\na,50,net,1\n")
    rig.put("price2.csv", "sku,price,basis\na,90,net\n")
    assert rig.states(rig.put("promotion2.csv", "sku,price,basis,id\na,50,net,1\n\n")) == {"unchanged": 1}


@pytest.mark.parametrize("row", ["percentage\na,net,20", "amount\na,net,5"])
@pytest.mark.parametrize("since", ["a,90,,net", "a,100,60,net"])
def test_a_promotion_that_follows_its_price_is_sent_again_when_anything_of_that_was_written(shop, row, since):
    rig = shop(promote=PART.model_copy(update={"reckoned": False, "follows": True}))
    rig.put("price1.csv", "sku,price,less,basis\na,100,,net\nb,9,,net\n")
    promotion = f"sku,basis,{row}\n"
    rig.put("promotion1.csv", promotion)
    assert rig.states(rig.put("promotion2.csv", f"{promotion}\n")) == {"unchanged": 1}
    rig.put("price2.csv", "sku,price,less,basis\na,100,,net\nb,8,,net\n")
    assert rig.states(rig.put("promotion3.csv", f"{promotion}\n\n")) == {"unchanged": 1}, "another article's price"
    rig.put("price3.csv", f"sku,price,less,basis\n{since}\n")
    assert rig.states(rig.put("promotion4.csv", f"{promotion}\n\n\n")) == {"applied": 1}
    assert rig.states(rig.put("promotion5.csv", f"{promotion}\n\n\n\n")) == {"unchanged": 1}


def test_a_part_of_a_price_is_no_price(shop):
    rig = shop(promote=PART)
    rig.put("price.csv", "sku,price,basis\na,100,net\n")
    rig.put("promotion1.csv", "sku,price,basis\na,50,net\n")
    rig.put("promotion2.csv", "sku,price,basis\na,45,net\n")
    assert given(rig) == [("a", "100"), ("a", "100")]
