"""Sellers Commerce: catalog rows as products, their categories before and their links after them."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from pydantic import SecretStr

from gateway.destinations.sellerscommerce import SellersCommerceDestination, SellersCommerceSettings
from gateway.errors import SettingsError, Unreachable
from gateway.issues import WARNINGS
from gateway.model import KEY, LINE, ROW, Reference
from gateway.testing.clock import FakeClock
from gateway.testing.drive import states
from gateway.transport.http import Response

TODAY = date(2026, 11, 22)
TEE = {"sku": "TS-XL", "product_id": "TS", "name": "Tee", "brand": "Acme", "category": "Clothing\\Shirts"}
PRICED = {**TEE, "price": "5"}


def ok(results="Processed"):
    body = {"Results": results, "ResponseMessage": "Processed Successfully", "StatusCode": 20}
    return Response(200, {}, json.dumps(body, default=float).encode())


class Shop:
    """A store with lists to read and answers by code of product or category."""

    def __init__(self, skus=(), categories=(), brands=(), refuse=()):
        self.lists = {
            "/api/product/getallproductskus": [*skus], "/api/category/getall": [*categories],
            "/api/category/getallbrands": [{"BrandName": one} for one in brands],
        }  # fmt: skip
        self.refuse = dict(refuse)
        self.seen = []
        self.fail = None
        self.meanwhile = list[object]().append

    def send(self, request):
        self.seen.append(request)
        if request.method == "GET":
            found = self.lists[request.path]
            code = dict(request.query).get("ProductCode")
            return ok([one for one in found if code is None or one["ProductCode"] == code])
        if self.fail is not None:
            raise self.fail
        self.meanwhile(request)
        content = json.loads(request.body)
        for one in content if isinstance(content, list) else [content]:
            code = self.refuse.get(one.get("CategoryCode", one.get("ProductCode", "")))
            if code is not None:
                return Response(
                    406, {}, json.dumps({"Results": "X", "ResponseMessage": "m", "StatusCode": code}).encode()
                )
        return ok()

    def close(self):
        pass

    @property
    def posted(self):
        return [(one.path.rsplit("/", 1)[1], json.loads(one.body)) for one in self.seen if one.method == "POST"]


def store(transport, **more):
    keys = {"access_key": SecretStr("key"), "shared_secret": SecretStr("secret")}
    chosen = SellersCommerceSettings(**{**keys, "price_basis": "net", "currency": "USD", **more})
    return SellersCommerceDestination(chosen, transport=transport, clock=FakeClock(), account="s", name="sc")


def rows(*cells):
    names = list(dict.fromkeys(name for one in cells for name in one))
    frame = pl.DataFrame(
        [[one.get(name) for name in names] for one in cells], schema=dict.fromkeys(names, pl.String), orient="row"
    )
    frame = frame.with_columns(pl.col("sku").alias(KEY), pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"))
    frame = frame.with_columns(pl.int_range(2, pl.len() + 2).alias(ROW), pl.int_range(2, pl.len() + 2).alias(LINE))
    return frame if "command" in names else frame.with_columns(pl.lit(None, pl.String).alias("command"))


def may(*cells):
    """Rows of a route that lets what they need be made."""
    return rows(*({**one, "create_missing": "true"} for one in cells))


def sent(destination, records):
    reference, told = destination.gather("product", records), {}
    for batch in destination.encode("product", records, reference):
        told |= states(batch, records, destination.submit(batch))
    return [told[key] for key in records[KEY]]


def faults(destination, records, *, asked=True):
    reference = destination.gather("product", records) if asked else Reference()
    found = destination.check("product", records, reference, TODAY)
    return found.select(ROW, "field", "detail").rows()


KNOWN = [
    {"CategoryCode": "A", "CategoryName": "ACME", "ParentCategoryCode": None, "IsBrand": 0},
    {"CategoryCode": "A-C", "CategoryName": "clothing", "ParentCategoryCode": "A", "IsBrand": 1},
    {"CategoryCode": "A-C-S", "CategoryName": "Shirts", "ParentCategoryCode": "A-C", "IsBrand": 1},
]


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


# ---------------------------------------------------------------- ends


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


# ---------------------------------------------------------------- categories


def test_missing_categories_refuse_their_rows_unless_they_may_be_made():
    there = Shop(categories=KNOWN[:2], brands=["Acme"])
    records = rows(
        PRICED,
        {**PRICED, "sku": "B", "product_id": "B", "category": "Clothing"},
        {**PRICED, "sku": "C", "product_id": "C", "brand": "Other"},
    )
    told = faults(store(there), records)
    assert [(row, field) for row, field, _ in told] == [(2, "category"), (4, "brand")]
    assert all("create_missing = true in the route's table" in text for _, _, text in told)
    assert faults(store(there), records.with_columns(pl.lit("true").alias("create_missing"))) == []
    assert faults(store(there), records, asked=False) == []


def test_missing_categories_are_made_parents_first_before_their_products():
    there = Shop(categories=KNOWN[:1])
    assert sent(store(there), may(TEE, {**TEE, "sku": "B", "product_id": "B"})) == ["applied"] * 2
    made = [
        {"CategoryCode": "ACME-CLOTHING", "CategoryName": "Clothing", "ParentCategoryCode": "A", "IsBrand": 1},
        {
            "CategoryCode": "ACME-CLOTHING-SHIRTS",
            "CategoryName": "Shirts",
            "ParentCategoryCode": "ACME-CLOTHING",
            "IsBrand": 1,
        },
    ]
    assert [name for name, _ in there.posted] == ["categories", "products", "products"]
    assert there.posted[0][1] == made
    assert there.posted[1][1]["Categories"][1:] == made


def both(allowed, plain):
    """Rows of two routes in one frame, as a lane sends them: the first may have what they need made, the others not."""
    marked = [{**one, "create_missing": "true"} for one in allowed]
    return rows(*marked, *({"create_missing": None, **one} for one in plain))


def of(sku, **more):
    return {**PRICED, "sku": sku, "product_id": sku, **more}


@pytest.mark.parametrize("turned", [False, True])
def test_a_row_may_what_its_own_route_allows(turned):
    there = Shop(categories=KNOWN)
    destination = store(there)
    records = both(
        [of("A", category="Sale"), of("B", category="Garden")],
        [of("C", category="Sale"), of("D"), of("E", brand="Other"), of("F", category="Sale", command="end")],
    )
    records = records.reverse() if turned else records
    reference = destination.gather("product", records)
    found = destination.check("product", records, reference, TODAY)
    assert sorted(found.select(ROW, "field").rows()) == [(4, "category"), (6, "brand")]
    left = records.filter(~pl.col(ROW).is_in(found[ROW].implode()))
    made = [json.loads(one.memo["before"]) for one in destination.encode("product", left, reference)]
    assert sorted(one["CategoryCode"] for one in made[0]) == ["ACME-GARDEN", "ACME-SALE"]
    assert set(sent(destination, left)) == {"applied"}


def test_a_row_that_may_nothing_takes_no_code_from_one_that_may():
    records = both([of("B", category="A B")], [of("A", category="A-B")]).reverse()
    assert [(row, "no category 'A-B'" in text) for row, _, text in faults(store(Shop(categories=KNOWN)), records)] == [
        (3, True)
    ]


def test_what_was_made_meanwhile_is_there_for_rows_that_may_nothing():
    there = Shop(categories=KNOWN)
    destination, plain = store(there), rows(of("C", category="Sale"))
    assert len(faults(destination, plain)) == 1
    sent(destination, may(of("A", category="Sale")))
    there.lists["/api/category/getall"].append(there.posted[0][1][0])
    assert faults(destination, plain) == []


def test_one_row_that_may_is_enough_for_its_product():
    there = Shop(categories=KNOWN)
    records = both([{**PRICED, "category": "Sale"}], [{**PRICED, "sku": "TS-L", "category": None}])
    assert faults(store(there), records) == []
    assert sent(store(there), records) == ["applied", "applied"]
    assert [name for name, _ in there.posted] == ["categories", "products"]


def test_brands_that_are_no_categories_are_judged_by_the_row_too():
    there = Shop(categories=[{"Code": "C", "Name": "Clothing"}], brands=["ACME"])
    records = both([of("A", brand="New", category="Clothing")], [of("B", brand="Other", category="Clothing")])
    ((row, field, text),) = faults(store(there, brand_categories=False), records)
    assert (row, field, "no brand 'Other'" in text) == (3, "brand", True)


def test_what_a_route_allows_is_no_part_of_what_is_compared():
    (made,) = (one for one in store(Shop()).operations if one.name == "product")
    assert "create_missing" in made.context
    assert "create_missing" not in made.fields


def test_a_category_that_can_not_be_made_is_told_with_its_products():
    there = Shop(refuse={"ACME-CLOTHING-SHIRTS": 32, "TS": 31})
    destination = store(there)
    (batch,) = destination.encode("product", may(TEE), destination.gather("product", may(TEE)))
    (outcome,) = destination.submit(batch).outcomes.rows(named=True)
    assert outcome["message"] == (
        "31 CategoryNotExist: m (a category could not be made: 32 ParentCategoryNotExists: m)"
    )


def test_is_brand_turns_round_at_the_edge_only():
    there = Shop()
    sent(store(there, is_brand_inverted=False), may(TEE))
    assert [one["IsBrand"] for one in there.posted[0][1]] == [1, 0, 0]


def test_brands_need_not_be_categories():
    there = Shop(
        categories=[{"Code": "C", "Name": "Clothing"}, {"Code": "S", "Name": "Shirts", "ParentCode": "C"}],
        brands=["ACME"],
    )
    destination = store(there, brand_categories=False)
    assert faults(destination, rows(PRICED)) == []
    sent(destination, rows(PRICED))
    assert [one["CategoryCode"] for one in there.posted[0][1]["Categories"]] == ["C", "S"]


@pytest.mark.parametrize(
    ("category", "code"),
    [
        ("Garten\\Bär", "ACME-GARTEN-BAR"), ("Ελληνικά\\Φυτά", "ACME-ELLINIKA-FYTA"), ("Straße", "ACME-STRASSE"),
        ("T-Shirts & more\\ A/B.", "ACME-T-SHIRTS-MORE-A-B"),
    ],
)  # fmt: skip
def test_codes_are_made_of_letters_that_sound_like_those_of_the_path(category, code):
    there = Shop()
    sent(store(there), may({**TEE, "category": category}))
    assert there.posted[0][1][-1]["CategoryCode"] == code


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (("Garten\\Bär", "Garten\\Bör", "garten\\bär"), []),
        (("Bär\\Bett", "Bar\\Bett"), [(3, "category", "is that of Acme\\Bär, too")]),
        (("A-B", "A B", "A-B\\C"), [(3, "category", "is that of Acme\\A-B, too")]),
        (("***",), [(2, "category", "no code can be made of its name")]),
    ],
)
def test_categories_are_never_made_with_the_code_of_another(paths, told):
    records = may(*({**PRICED, "sku": f"S{n}", "product_id": f"P{n}", "category": c} for n, c in enumerate(paths)))
    found = faults(store(Shop()), records)
    assert [(row, field) for row, field, _ in found] == [one[:2] for one in told]
    for (_, _, text), (_, _, wanted) in zip(found, told, strict=True):
        assert wanted in text
        assert "`categories`" in text


def test_a_table_parts_categories_whose_codes_would_be_one(tmp_path):
    table = tmp_path / "codes.csv"
    table.write_text("category;code\nBär;BEAR\n***;STARS\n", "utf-8")
    records = may(
        *({**PRICED, "sku": f"S{n}", "product_id": f"P{n}", "category": c} for n, c in enumerate(("Bär", "Bar", "***")))
    )
    there = Shop()
    destination = store(there, categories=table)
    assert faults(destination, records) == []
    sent(destination, records)
    assert [one["CategoryCode"] for one in there.posted[0][1]] == ["ACME", "BEAR", "ACME-BAR", "STARS"]


def test_further_categories_that_can_not_be_made_are_told():
    link = "attributes.categories"
    there = Shop(categories=KNOWN)
    records = both([of("D", **{link: "Sale"})], [{**PRICED, link: "Clothing|Sale"}, of("B", **{link: "Clothing"})])
    ((row, field, text),) = faults(store(there), records)
    assert (row, field, "no category 'Sale'" in text) == (3, link, True)
    assert faults(store(there), records.with_columns(pl.lit("true").alias("create_missing"))) == []
    strange = may({**PRICED, link: "***"})
    assert [one[:2] for one in faults(store(there), strange)] == [(2, link)]


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


# ---------------------------------------------------------------- links


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
