"""Products and variants that end, are not available, or have a discount only."""

from __future__ import annotations

import polars as pl
import pytest
from support.sellerscommerce_products import KNOWN, PRICED, TEE, TODAY, Shop, faults, rows, sent, store

from gateway.contracts.prices import converted, price_issues
from gateway.issues import WARNINGS
from gateway.model import Reference


def test_a_product_whose_rows_all_end_is_switched_off():
    there = Shop(skus=[{"ProductCode": "TS", "SKUCode": "TS-XL"}], categories=KNOWN)
    records = rows({**TEE, "command": "end"})
    assert faults(store(there), records) == []
    assert sent(store(there), records) == ["applied"]
    assert there.posted[0][1]["Status"] is False
    assert there.posted[0][1]["SKUs"] == [{"SKUCode": "TS-XL"}]


@pytest.mark.parametrize(
    "also", [{"skus": [{"ProductCode": "TS", "SKUCode": "TS-S"}]}, {"rows": [{**PRICED, "sku": "TS-L"}]}]
)
def test_a_single_variant_can_not_end(also):
    there = Shop(skus=also.get("skus", ()), categories=KNOWN)
    records = rows({**TEE, "command": "end"}, *also.get("rows", ()))
    ((row, field, detail),) = faults(store(there), records)
    assert (row, field) == (2, "command")
    assert "quantity 0" in detail


OFF = {"available": "false"}


@pytest.mark.parametrize(
    ("others", "cells", "told"),
    [
        ([], [PRICED], [(2, "available")]),
        (["TS-S"], [], [(2, "available")]),
        (["TS-S"], [{**PRICED, "sku": "TS-S", **OFF}], []),
        (["TS-S"], [{**PRICED, "sku": "TS-S", "command": "end"}], []),
        ([], [{**PRICED, "command": "end"}, {**PRICED, "sku": "TS-M"}], [(2, "available"), (3, "command")]),
    ],
)
def test_a_single_variant_can_not_be_switched_off(others, cells, told):
    there = Shop(skus=[{"ProductCode": "TS", "SKUCode": one} for one in others], categories=KNOWN)
    cells = [{**one, "sku": one["sku"].replace("XL", "L")} for one in cells]
    found = faults(store(there), rows({**PRICED, **OFF}, *cells))
    assert [(row, field) for row, field, _ in found] == told
    assert all("quantity 0" in detail for _, _, detail in found)


def test_a_variant_without_stock_may_be_unavailable_beside_others():
    there = Shop(categories=KNOWN)
    records = rows({**PRICED, **OFF, "quantity": "0"}, {**PRICED, "sku": "TS-L"})
    assert faults(store(there), records) == []
    assert sent(store(there), records) == ["applied", "applied"]
    assert there.posted[0][1]["Status"] is True
    alone = rows({**PRICED, **OFF, "quantity": "0"})
    other = Shop(skus=[{"ProductCode": "TS", "SKUCode": "TS-L"}], categories=KNOWN)
    assert [field for _, field, _ in faults(store(other), alone)] == ["available"]


def test_a_product_with_ended_and_unavailable_rows_only_is_switched_off():
    there = Shop(categories=KNOWN)
    sent(store(there), rows({**TEE, **OFF}, {**TEE, "sku": "TS-L", "command": "end"}))
    assert there.posted[0][1]["Status"] is False


@pytest.mark.parametrize(
    ("more", "settings", "told"),
    [
        ({"discount": "10"}, {}, "the row gives none"), ({"discount": "10"}, {"price_basis": None}, "price_basis"),
        ({"discount": "10", "price": "5"}, {"price_basis": None}, "price_basis"), ({"discount": "0"}, {}, None),
        ({"discount": "10", "price": "5"}, {}, None), ({"discount": "10", "command": "end"}, {}, None),
    ],
)  # fmt: skip
def test_a_discount_that_no_price_carries_is_told(more, settings, told):
    found = store(Shop(), **settings).check("product", rows({**TEE, **more}), Reference(), TODAY)
    assert found["code"].to_list() == ([] if told is None else ["DEST_NOT_SENT"])
    assert "DEST_NOT_SENT" in WARNINGS  # the row is taken all the same
    assert all(told in detail for detail in found["detail"])


def test_a_new_sku_has_its_price_less_its_discount():
    there = Shop(categories=KNOWN)
    sent(store(there), rows({**PRICED, "discount": "12.5"}, {**PRICED, "sku": "TS-L", "discount": ""}))
    assert [one["Price"] for one in there.posted[0][1]["SKUs"]] == [4.38, 5]


def test_ends_may_be_rejected():
    assert [one.code for one in store(Shop(), ended="refuse").operations[2].requires][-1] == "DEST_COMMAND"


def test_what_is_not_available_is_switched_off():
    there = Shop(categories=KNOWN)
    sent(store(there), rows({**TEE, "available": "false"}))
    assert there.posted[0][1]["Status"] is False


@pytest.mark.parametrize("more", [{}, {"command": "end"}])
def test_the_price_of_an_ended_product_is_that_of_any_other(more):
    there = Shop(categories=KNOWN)
    destination = store(there)
    terms = next(one for one in destination.operations if one.name == "product").prices
    taxed = rows({**PRICED, "price": "12", "price_basis": "gross", "tax_rate": "20", "currency": "USD", **more})
    assert price_issues(taxed, terms).is_empty()
    assert sent(destination, converted(taxed, terms)) == ["applied"]
    assert [sku["Price"] for sku in there.posted[-1][1]["SKUs"]] == [10]
    assert price_issues(taxed.with_columns(tax_rate=pl.lit("0.2")), terms)["code"].to_list() == ["T-FRAC-STRICT"]
