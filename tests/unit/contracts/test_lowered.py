import polars as pl
import pytest

from gateway.contracts.lowered import as_told, leaves_less, lowering_fields
from gateway.model import REGULAR

PROMOTION = lowering_fields("promotion", ())


def judged(share=0.2, fields=PROMOTION, **cells):
    row = dict.fromkeys((*fields, REGULAR)) | cells
    frame = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))
    return frame.select(leaves_less(share, fields, fields), told=as_told(fields)).row(0)


@pytest.mark.parametrize(
    ("cells", "low", "told"),
    [
        ({"price": "50", "regular_price": "100"}, False, "50 instead of 100"),
        ({"price": "20", "regular_price": "100"}, False, "20 instead of 100"),
        ({"price": "19.999999", "regular_price": "100"}, True, "19.999999 instead of 100"),
        ({"price": "0", "regular_price": "100"}, True, "0 instead of 100"),
        ({"price": "1"}, False, None),
        ({"price": "1", "regular_price": "2", REGULAR: "100"}, True, "1 instead of 100"),
        ({"price": "10", "regular_price": "100", REGULAR: "12"}, False, "10 instead of 12"),
        ({"percentage": "80"}, False, "80 % off"),
        ({"percentage": "80.0001"}, True, "80.0001 % off"),
        ({"percentage": "100"}, True, "100 % off"),
        ({"type": "percentage", "percentage": "99", "price": "99", "regular_price": "100"}, True, "99 % off"),
        ({"amount": "99", REGULAR: "100"}, True, "99 off 100"),
        ({"amount": "120", REGULAR: "100"}, True, "120 off 100"),
        ({"amount": "80", REGULAR: "100"}, False, "80 off 100"),
        ({"amount": "99"}, False, "99 off"),
        ({"buy_quantity": "1", "get_quantity": "3"}, False, "buy 1, get 3 more"),
        ({"buy_quantity": "1", "get_quantity": "9"}, True, "buy 1, get 9 more"),
        ({"price": "0", "regular_price": "0"}, False, "0 instead of 0"),
        ({}, False, None),
    ],
)
def test_what_a_promotion_leaves(cells, low, told):
    assert judged(**cells) == (low, told)


def test_an_amount_off_the_total_is_off_the_least_total():
    ten_of_five = {"amount": "45", REGULAR: "5", "quantity_from": "10"}
    assert judged(**ten_of_five)[0]
    assert not judged(amount="45", regular_price="50", quantity_from="10")[0]
    assert judged(amount="45", regular_price="50", quantity_from="10", discount_by_unit="true")[0]
    assert not judged(amount="45", regular_price="5", spent_from="500", discount_by_unit="false")[0]
    assert judged(amount="450", spent_from="500")[0]


def test_no_share_is_no_limit():
    assert not judged(0, percentage="100")[0]
    assert judged(1, percentage="0.0001")[0]


def test_discounts_beside_a_price_and_rates_of_catalogs():
    both = lowering_fields("catalog", ("discount", "discount_price"))
    assert both == ("price", "discount_price", "discount")
    assert judged(fields=both, price="100", discount_price="1") == (True, "1 instead of 100")
    assert judged(fields=both, price="100", discount="99") == (True, "99 % off")
    assert judged(fields=both, price="100", discount_price="50", discount="50") == (False, "50 instead of 100")
    assert lowering_fields("price", ("sku", "price")) == ()
