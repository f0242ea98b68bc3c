"""Rows that end something, all the way to the exchange folder: their money goes out as that of any other."""

import pytest
from support.sage_records import STAMP, judged

from gateway.testing.sage_shop import CATALOG, PROMOTIONS


def discounts(found):
    return [(one.get("productId"), one["discount"]) for one in found["productspecialprices"]]


TAXED = CATALOG.replace('{ constant = "net" }', '{ column = "basis", optional = true }').replace(
    '{ constant = "20" }', '{ column = "rate", optional = true }'
)
HEAD = "sku,price,basis,rate,command\n"


@pytest.mark.parametrize("command", ["", "end"])
def test_an_ended_product_goes_out_at_its_price_without_tax(sage_shops, command):
    shop = sage_shops(catalog=TAXED)
    run = shop.put("catalog.csv", f"{HEAD}a,12.00,gross,20,{command}\nb,12.3456,gross,20,{command}\n")
    products = shop.take()["products"]
    assert [(one["netPrice"], one["tax"], one["available"]) for one in products] == [
        (10, 20, not command), (10.29, 20, not command),
    ]  # fmt: skip
    assert shop.rig.states(run) == {"applied": 2}


@pytest.mark.parametrize("row", ["0.001,gross,20", "12,gross,0.2", "12,net,0.2", "12,,20", "12,gross,"])
@pytest.mark.parametrize("command", ["", "end"])
def test_a_price_that_can_not_be_given_does_not_go_out_at_an_end_either(sage_shops, row, command):
    shop = sage_shops(catalog=TAXED)
    run = shop.put("catalog.csv", f"{HEAD}a,{row},{command}\n")
    assert shop.rig.states(run) == {"rejected": 1}
    assert shop.take() == {}


def test_an_ended_special_price_has_its_amount_in_the_terms_of_the_one_that_began(sage_shops):
    amounts = PROMOTIONS.replace('percentage = { column = "percentage"', 'amount = { column = "amount"')
    shop = sage_shops(promotions=amounts, special_price_bare_discount="amount")
    shop.put("promotion1.csv", "id,sku,amount,basis\np,a,12,gross\n")
    assert discounts(shop.take()) == [("a", "10")]
    shop.put("promotion2.csv", "id,sku,amount,basis,command\np,a,12,gross,end\n")
    assert discounts(shop.take()) == [("a", "10")]


@pytest.mark.parametrize(("basis", "state"), [("gross", "rejected"), ("net", "applied")])
def test_a_price_is_not_made_net_by_a_rate_that_is_not_in_force_at_an_end_either(sage_shops, basis, state):
    shop = sage_shops(catalog=TAXED, country="GB", strict=True)
    run = shop.put("catalog.csv", f"{HEAD}a,12,{basis},21,end\n")
    shop.take()
    assert shop.rig.states(run) == {state: 1}


@pytest.mark.parametrize(("bare", "codes"), [("amount", ["T-RATE-STRICT"]), ("rate", [])])
def test_so_an_amount_off_that_ends_is_judged_where_it_is_written(bare, codes):
    ended = {"sku": "a", "type": "amount", "amount": "12", "price_basis": "gross", "tax_rate": "21", "command": "end"}
    found = judged(
        "promotion", ended | {"timestamp": STAMP}, country="GB", strict=True, special_price_bare_discount=bare
    )
    assert [code for _, code in found] == codes
