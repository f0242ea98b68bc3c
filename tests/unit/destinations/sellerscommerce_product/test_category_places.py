"""Where categories stand, which codes they have, and how products are put into them."""

from __future__ import annotations

import pytest
from support.sellerscommerce_products import KNOWN, PRICED, TEE, Shop, faults, may, rows, sent, store

from gateway.errors import SettingsError


def test_codes_come_from_a_table_where_there_is_one(tmp_path):
    table = tmp_path / "codes.csv"
    table.write_text("category;code\nClothing;100\nClothing\\Shirts;110\n", "utf-8")
    there = Shop()
    sent(store(there, categories=table), may(TEE))
    assert [one["CategoryCode"] for one in there.posted[0][1]] == ["ACME", "100", "110"]
    table.write_text("category,code\n", "utf-8")
    with pytest.raises(SettingsError, match="category and code"):
        store(there, categories=table)


@pytest.mark.parametrize(
    ("category", "known", "told"),
    [
        ("a\\b\\c\\d\\e", [], "more than 5 levels"),
        ("Clothing", [{"CategoryCode": "ACME-CLOTHING", "CategoryName": "Old"}], "belongs to another category"),
    ],
)
def test_places_that_can_not_be(category, known, told):
    destination = store(Shop(categories=known))
    ((_, field, detail),) = faults(destination, may({**PRICED, "category": category}))
    assert field == "category"
    assert told in detail


def test_parents_that_lead_in_a_circle_are_no_path():
    round_about = [{"CategoryCode": "X", "CategoryName": "Acme", "ParentCategoryCode": "Y"},
                   {"CategoryCode": "Y", "CategoryName": "Acme", "ParentCategoryCode": "X"}]  # fmt: skip
    there = Shop(categories=round_about)
    assert sent(store(there), may(TEE)) == ["applied"]
    assert there.posted[0][1][0]["CategoryCode"] == "ACME"


@pytest.mark.parametrize(
    ("links", "inside", "codes"),
    [("body", True, ["ACME-SALE"]), ("call", False, ["A-C-S", "ACME-SALE"]), ("both", True, ["A-C-S", "ACME-SALE"])],
)
def test_where_categories_are_named(links, inside, codes):
    there = Shop(categories=KNOWN)
    destination = store(there, category_links=links)
    assert sent(destination, may({**TEE, "attributes.categories": "Sale"})) == ["applied"]
    assert ("Categories" in there.posted[1][1]) is inside
    assert there.posted[2] == ("productcategory", [{"ProductCode": "TS", "CategoryCode": code} for code in codes])


def test_a_link_that_is_refused_is_told_of_its_product_only_and_products_that_failed_have_none():
    there = Shop(categories=KNOWN, refuse={"B": 30})
    destination = store(there, category_links="call")
    there.refuse["A-C-S"] = 31
    records = rows(
        {**TEE, "category": "Clothing"}, {**TEE, "sku": "B", "product_id": "B"}, {**TEE, "sku": "C", "product_id": "C"}
    )
    assert sent(destination, records) == ["applied", "refused", "refused"]
    linked = [one for name, body in there.posted if name == "productcategory" for one in body]
    assert {"ProductCode": "B", "CategoryCode": "A-C-S"} not in linked
