"""Fields that refusals of the Partner API are about."""

from __future__ import annotations

import pytest

from gateway.destinations.partner_api.calls import said
from gateway.destinations.partner_api.fields import about
from gateway.destinations.partner_api.profile import Errors


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("products[0].quantity must be an integer", "quantity"),
        ("400, products[3].barcode must hold at most 14 digits of the sku", "barcode"),
        ("price must be greater than 0", "price"),
        ("Price is too low", "price"),
        ("maximum_sales_quantity must be positive", "maximum_sales_quantity"),
        ("max_sales_quantity must be positive", "maximum_sales_quantity"),
        ("title: too long", "name"),
        ("conditions.end_time is in the past", "ends_at"),
        ("Use either active or quantity", None),
        ("Product not found or not active in the catalog", None),
        ("internal error", None),
        ("pricey", None),
    ],
)
def test_what_words_are_about(words, field):
    assert about(words) == field


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b'{"errors":[{"field":"products[0].price","message":"must be above 0"}]}',
            "products[0].price: must be above 0",
        ),
        (b'{"message":"price is bad","path":"price"}', "price is bad"),
        (b'{"message":"no"}', "no"),
    ],
)
def test_members_that_name_a_field_stand_before_the_words(body, words):
    assert said(body, Errors()) == words
