"""The operations of Sage 50 as data: their order, what is one record to them, settings that can't work."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from support.sage_records import AMOUNTS, PICTURE, STAMP, build, told_apart

from gateway.contracts import contract


@pytest.mark.parametrize(
    ("one", "other", "records"),
    [
        ({"sku": "A-7", "product_id": "A-7"}, {"sku": "A-7"}, 1),
        ({"sku": "1", "product_id": "A-7"}, {"sku": "1", "product_id": "A-7"}, 1),
        ({"sku": "1", "product_id": "A-7"}, {"sku": "2", "product_id": "A-7"}, 2),
        ({"sku": "1", "product_id": "A-7"}, {"sku": "A-7"}, 2),
    ],
)
@pytest.mark.parametrize("operation", ["picture", "stock"])
def test_a_code_beside_its_product_may_be_that_of_a_variant(operation, one, other, records):
    base = PICTURE if operation == "picture" else {"quantity": "1", "timestamp": STAMP}
    assert told_apart(operation, base | one, base | other) == records


def test_the_operations_as_data():
    found = {(o.name, o.contract): o for o in build().operations}
    assert list(found) == [
        ("stock", "stock"), ("stock", "catalog"), ("product", "catalog"), ("promotion", "promotion"),
        ("picture", "picture"),
    ]  # fmt: skip
    assert {o.family for o in found.values()} == {"stock", "product", "promotion", "picture"}
    product = found["product", "catalog"]
    assert (product.prices.basis, product.prices.decimals, product.measure) == ("net", 2, "price")
    assert (product.prices.currency, product.prices.tax_rate, product.after) == (None, None, ())
    assert all(o.after == ("product",) for o in found.values() if o.family != "product")
    assert {o.family for o in found.values() if not o.ends} == {"product", "picture"}
    promotion = found["promotion", "promotion"]
    assert [o.name for o in found.values() if o.gathers] == ["stock", "stock", "promotion", "picture"]
    assert (promotion.regular, promotion.reckoned) == ("product", True)
    assert promotion.key[0] == "sku"
    assert {*contract("promotion").key} < {*promotion.key}
    assert not next(o for o in build(**AMOUNTS).operations if o.name == "promotion").ends
    assert "attributes.*" in next(
        o.fields for o in build(contract_version="connected_cloud").operations if o.name == "product"
    )


@pytest.mark.parametrize(
    "wrong",
    [{"product_scope": "productstocks"}, {"currency": "eur"}, {"tax_rate": "20%"}, {"tax_rate": "100.5"}],
)
def test_settings_that_can_not_work_are_refused(wrong):
    with pytest.raises(ValidationError):
        build(**wrong)
