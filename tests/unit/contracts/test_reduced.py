from decimal import ROUND_HALF_UP, Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contracts.reduced import amount, reduced, units

money = st.decimals(min_value=0, max_value=Decimal(99999999), places=2).map(lambda d: f"{d.normalize():f}")
rates = st.decimals(min_value=0, max_value=100, places=4).map(lambda d: f"{d.normalize():f}")


def made(base, kind, value, decimals=2):
    frame = pl.DataFrame(
        {"base": [base], "kind": [kind], "value": [value]}, schema=dict.fromkeys(("base", "kind", "value"), pl.String)
    )
    found = reduced(pl.col("base"), pl.col("kind"), pl.col("value"), decimals)
    return frame.select(amount(found, decimals)).item()


@pytest.mark.parametrize(
    ("base", "kind", "value", "decimals", "price"),
    [
        ("20", "final_price", "15", 2, "15"),
        ("20", "final_price", "0", 2, "0"),
        ("19.99", "percentage", "10", 2, "17.99"),
        ("0.5", "percentage", "1", 2, "0.5"),  # 0.495: half up
        ("19.99", "percentage", "10", 0, "18"),
        ("20", "percentage", "100", 2, "0"),
        ("20", "amount", "5.5", 2, "14.5"),
        ("20", "amount", "20", 2, None),
        ("20", "amount", "21", 2, None),
        ("0.01", "percentage", "99.9", 2, None),
        (None, "final_price", "15", 2, None),
        ("20", None, "15", 2, None),
        ("20", "percentage", None, 2, None),
    ],
)
def test_what_a_promotion_makes_of_a_price(base, kind, value, decimals, price):
    assert made(base, kind, value, decimals) == price


@given(money, rates)
def test_a_percentage_is_exact(base, rate):
    exact = (Decimal(base) * (100 - Decimal(rate)) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    found = made(base, "percentage", rate)
    assert (Decimal(found) == exact) if found is not None else exact == 0


@given(money, money)
def test_an_amount_is_exact(base, less):
    exact = Decimal(base) - Decimal(less)
    found = made(base, "amount", less)
    assert (Decimal(found) == exact) if exact > 0 else found is None


@given(money)
def test_units_and_text_are_each_other_s_inverse(text):
    assert pl.DataFrame({"x": [text]}).select(amount(units(pl.col("x"), 2), 2)).item() == text
