"""Products with their SKUs, prices and levels in one call each."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import polars as pl
import pytest
from support.sellerscommerce_products import KNOWN, TEE, TODAY, Shop, faults, rows, sent, store

from gateway.errors import Unreachable
from gateway.model import KEY, ROW, Reference

# ---------------------------------------------------------------- the body


def test_rows_of_one_product_are_one_call_with_its_skus_and_categories():
    there = Shop(categories=KNOWN)
    records = rows(
        {**TEE, "variant1_type": "Size", "variant1_value": "XL", "variant2_type": "Color", "variant2_value": "Blue",
         "price": "19.99", "quantity": "14", "barcode": "036000291452", "image_urls": "https://x/1|https://x/2",
         "attributes.msrp": "24.99", "attributes.weight": "0.2", "long_description": "<p>Soft</p>"},
        {"sku": "HAT", "name": "Hat", "brand": "Acme", "category": "Clothing"},
        {**TEE, "sku": "TS-L", "variant1_type": "Size", "variant1_value": "L", "price": "18", "quantity": "0"},
    )  # fmt: skip
    assert sent(store(there), records) == ["applied"] * 3
    tree = [
        {"CategoryCode": "A", "CategoryName": "ACME", "IsBrand": 0},
        {"CategoryCode": "A-C", "CategoryName": "clothing", "ParentCategoryCode": "A", "IsBrand": 1},
        {"CategoryCode": "A-C-S", "CategoryName": "Shirts", "ParentCategoryCode": "A-C", "IsBrand": 1},
    ]
    size = {"OptionName": "Size", "OptionValue": "XL", "OptionTypeId": 46}
    assert there.posted == [
        ("products", {
            "ProductCode": "TS", "ProductName": "Tee", "Description": "<p>Soft</p>", "BrandName": "Acme",
            "Status": True, "MSRP": 24.99, "ThumbnailImage": "https://x/1",
            "LargeImage": "https://x/1|https://x/2", "Categories": tree,
            "SKUs": [
                {"SKUCode": "TS-XL", "UPC": "036000291452", "Price": 19.99, "MSRP": 24.99, "Inventory": 14,
                 "Weight": 0.2, "IsDefault": True,
                 "SKUOptions": [size, {"OptionName": "Color", "OptionValue": "Blue", "OptionTypeId": 47}]},
                {"SKUCode": "TS-L", "Price": 18, "Inventory": 0, "SKUOptions": [{**size, "OptionValue": "L"}]},
            ],
        }),
        ("products", {
            "ProductCode": "HAT", "ProductName": "Hat", "BrandName": "Acme", "Status": True, "Categories": tree[:2],
            "SKUs": [{"SKUCode": "HAT", "IsDefault": True}],
        }),
    ]  # fmt: skip


def test_levels_of_skus_the_store_has_are_left_to_their_own_calls():
    there = Shop(skus=[{"ProductCode": "TS", "SKUCode": "TS-XL", "Price": 15.0}], categories=KNOWN)
    sent(store(there), rows({**TEE, "price": "19.99", "quantity": "3"}, {**TEE, "sku": "TS-L", "price": "1"}))
    ((_, body),) = there.posted
    assert body["SKUs"] == [{"SKUCode": "TS-XL", "Price": 15}, {"SKUCode": "TS-L", "Price": 1}]


@pytest.mark.parametrize(
    ("prices", "first", "then"),
    [("kept", [15, 1], [99, 98]), ("new", [None, 1], [None, None]), ("never", [None, None], [None, None])],
)
def test_a_product_that_waited_takes_back_no_newer_price_or_level(prices, first, then):
    there = Shop(skus=[{"ProductCode": "TS", "SKUCode": "TS-XL", "Price": 15.0}], categories=KNOWN)
    destination = store(there, product_prices=prices)
    records = rows({**TEE, "price": "19.99"}, {**TEE, "sku": "TS-L", "price": "1", "quantity": "3"})
    (batch,) = destination.encode("product", records, destination.gather("product", records))
    there.fail = Unreachable("The store is down.", fix="Wait.")
    with pytest.raises(Unreachable):
        destination.submit(batch)
    # The other SKU was made all the same, and both have prices and stock of their own since.
    there.fail = None
    there.lists["/api/product/getallproductskus"] = [
        {"ProductCode": "TS", "SKUCode": "TS-XL", "Price": 99.0}, {"ProductCode": "TS", "SKUCode": "TS-L", "Price": 98},
    ]  # fmt: skip
    price = pl.DataFrame({"effect": [0], KEY: ["TS-XL"], "sku": ["TS-XL"], "price": ["99"], "command": [None]})
    for one in destination.encode("price", price.with_columns(pl.col("effect").cast(pl.UInt32)), Reference()):
        destination.submit(one)
    destination.submit(batch)
    (_, before), _, (_, after) = there.posted
    assert [one.get("Price") for one in before["SKUs"]] == first
    assert [one.get("Price") for one in after["SKUs"]] == then
    assert [one.get("Inventory") for one in before["SKUs"] + after["SKUs"]] == [None, 3, None, None]


def test_prices_inside_products_are_read_again_after_a_minute_and_in_another_process():
    there = Shop(skus=[{"ProductCode": "TS", "SKUCode": "TS-XL", "Price": 15.0}], categories=KNOWN)
    destination = store(there)
    (batch,) = destination.encode("product", rows(TEE), destination.gather("product", rows(TEE)))
    there.lists["/api/product/getallproductskus"][0]["Price"] = Decimal("17.50")
    destination.submit(batch)
    destination._clock.advance(61)
    destination.submit(batch)
    store(there).submit(batch)
    assert [body["SKUs"][0]["Price"] for _, body in there.posted] == [15, 17.5, 17.5]


def test_a_price_and_a_product_never_pass_each_other():
    there = Shop(skus=[{"ProductCode": "TS", "SKUCode": "TS-XL", "Price": 15.0}], categories=KNOWN)
    destination = store(there)
    (batch,) = destination.encode("product", rows(TEE), destination.gather("product", rows(TEE)))
    records = pl.DataFrame({"effect": [0], KEY: ["TS-XL"], "sku": ["TS-XL"], "price": ["99"]})
    (price,) = destination.encode("price", records.with_columns(pl.col("effect").cast(pl.UInt32)), Reference())
    begun, go_on = threading.Event(), threading.Event()

    def held(request):
        if request.path.endswith("updateskuprice"):
            begun.set()
            go_on.wait(5)
            there.lists["/api/product/getallproductskus"][0]["Price"] = 99

    there.meanwhile = held
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(destination.submit, price)
        assert begun.wait(5)
        second = pool.submit(destination.submit, batch)
        with pytest.raises(TimeoutError):
            second.result(0.1)
        go_on.set()
        first.result(5)
        second.result(5)
    assert there.posted[-1][1]["SKUs"][0]["Price"] == 99


def test_many_products_that_waited_are_read_at_once():
    listed = [{"ProductCode": f"P{n}", "SKUCode": f"P{n}", "Price": n + 1} for n in range(8)]
    there = Shop(skus=listed, categories=KNOWN)
    destination = store(there, lookup_limit=3)
    records = rows(*({**TEE, "sku": f"P{n}", "product_id": f"P{n}"} for n in range(8)))
    (batch,) = destination.encode("product", records, destination.gather("product", records))
    destination._clock.advance(61)
    destination.submit(batch)
    assert [one.path.rsplit("/", 1)[1] for one in there.seen].count("getallproductskus") == 2


@pytest.mark.parametrize(("prices", "told"), [("kept", [15, 1]), ("new", [None, 1]), ("never", [None, None])])
def test_which_prices_stand_inside_products(prices, told):
    there = Shop(skus=[{"ProductCode": "TS", "SKUCode": "TS-XL", "Price": 15.0}], categories=KNOWN)
    sent(store(there, product_prices=prices), rows({**TEE, "price": "19.99"}, {**TEE, "sku": "TS-L", "price": "1"}))
    assert [one.get("Price") for one in there.posted[0][1]["SKUs"]] == told


def test_a_new_sku_needs_its_price():
    there = Shop(skus=[{"ProductCode": "TS", "SKUCode": "TS-XL"}], categories=KNOWN)
    found = faults(store(there), rows(TEE, {**TEE, "sku": "TS-L"}))
    assert [(row, field) for row, field, _ in found] == [(3, "price")]
    assert faults(store(there, product_prices="never"), rows({**TEE, "sku": "TS-L"})) == []


def test_prices_of_the_store_are_read_anew_after_a_minute():
    there = Shop(categories=KNOWN)
    destination = store(there)
    for passed in (0, 59, 2):
        destination._clock.advance(passed)
        destination.gather("product", rows(TEE))
    assert [one.path.rsplit("/", 1)[1] for one in there.seen].count("getallproductskus") == 2
    assert [one.path.rsplit("/", 1)[1] for one in there.seen].count("getallbrands") == 1


def test_every_product_has_its_own_verdict_for_all_its_rows():
    there = Shop(categories=KNOWN, refuse={"TS": 30})
    records = rows(TEE, {**TEE, "sku": "HAT", "product_id": None}, {**TEE, "sku": "TS-L"})
    assert sent(store(there), records) == ["refused", "applied", "refused"]


def test_a_body_of_ones_own_is_sent(tmp_path):
    path = tmp_path / "own.toml"
    members = '{ name = "Code", from = "product_code" }, { name = "Items", from = "skus", type = "list" }'
    path.write_text(f"[product]\nmembers = [{members}]")
    there = Shop(categories=KNOWN)
    destination = store(there, bodies=path)
    assert sent(destination, rows({"sku": "A", "brand": None, "category": None})) == ["applied"]
    assert there.posted == [("products", {"Code": "A", "Items": [{"SKUCode": "A", "IsDefault": True}]})]
    needed = {one.field for one in destination.operations[2].requires if one.code == "DEST_REQUIRED"}
    assert needed == set()


def test_what_a_product_needs_is_what_its_body_says():
    needed = {one.field for one in store(Shop()).operations[2].requires if one.code == "DEST_REQUIRED"}
    assert needed == {"name", "brand"}


def test_free_attributes_that_are_no_numbers_are_told_at_once_and_never_sent():
    there = Shop(categories=KNOWN)
    records = rows({**TEE, "attributes.msrp": "24,99"})
    assert faults(store(there), records, asked=False) == [(2, "attributes.msrp", "MSRP is a number")]
    sent(store(there), records)
    assert "MSRP" not in there.posted[0][1]


# ---------------------------------------------------------------- reading before


def test_few_products_are_looked_up_and_many_are_read_from_all():
    there = Shop(categories=KNOWN)
    destination = store(there, lookup_limit=1)
    destination.gather("product", rows(TEE))
    destination.gather("product", rows(TEE))
    asked = [dict(one.query).get("ProductCode") for one in there.seen if one.path.endswith("getallproductskus")]
    assert asked == ["TS"]
    destination.gather("product", rows(TEE, {**TEE, "sku": "B", "product_id": "B"}))
    asked = [dict(one.query).get("ProductCode") for one in there.seen if one.path.endswith("getallproductskus")]
    assert asked == ["TS", None]


def test_what_was_written_is_read_anew():
    there = Shop(categories=KNOWN)
    destination = store(there)
    sent(destination, rows(TEE))
    before = len(there.seen)
    destination.gather("product", rows(TEE))
    assert [one.path for one in there.seen[before:]] == ["/api/product/getallproductskus"]


def test_skus_are_looked_up_for_levels_where_settings_say_so():
    there = Shop(skus=[{"ProductCode": "TS", "SKUCode": "A"}])
    records = rows({"sku": "A", "quantity": "1"}, {"sku": "B", "quantity": "1"})
    assert store(there).gather("stock", records).taken_at is None
    destination = store(there, check_skus=True)
    found = destination.check("stock", records, destination.gather("stock", records), TODAY)
    assert found.select(ROW, "code", "field", "value").rows() == [(3, "DEST_LIMIT", "sku", "B")]
