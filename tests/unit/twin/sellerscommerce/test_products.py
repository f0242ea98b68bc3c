"""Products, prices and stock: what is refused with which code, and what stands there afterwards."""

import re

import pytest

PRICES, STOCK = "product/updateskuprice", "product/updateskuinventory"
ROOT = {"CategoryCode": "NEW", "CategoryName": "New", "IsBrand": 0}


def without(document, name):
    return {key: value for key, value in document.items() if key != name}


def test_a_product_and_what_is_read_back(shop):
    one = shop()
    options = [{"OptionName": "Size", "OptionValue": "XL", "OptionTypeId": 46}]
    sku = one.sku("TS-1", Price=19.90, UPC="036000291452", Weight=0.125, SKUOptions=options, IsDefault=True)
    assert one.code("product/products", one.product(SKUs=[sku], MSRP=24, SupplierName="Acme Ltd")) == 20
    read = one.get("product/get/TS").text
    assert '"Price":19.9' in read
    assert '"Weight":0.125' in read
    row = one.get("product/get/TS").json()["Results"]
    assert (row["Status"], row["MSRP"], row["MAP"]) == (True, 24, None)
    assert [category["CategoryCode"] for category in row["Categories"]] == ["ACME", "SHIRTS"]
    assert row["SKUs"][0]["Inventory"] == 0
    assert row["SKUs"][0]["SKUOptions"][0]["OptionValue"] == "XL"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00", row["ModifiedDate"])
    assert one.rows("product/getallsuppliers") == [
        {"SupplierID": 1, "SupplierName": "House"},
        {"SupplierID": 2, "SupplierName": "Acme Ltd"},
    ]
    assert one.rows("category/categoryproducts/SHIRTS")[0]["ProductCode"] == "TS"


def test_the_shelf_and_the_effects(stocked):
    one = stocked()
    assert one.twin.shelf() == [
        {
            "sku": "TS-1",
            "product_code": "TS",
            "name": "T-shirt",
            "price": "19.99",
            "stock": 14,
            "category": "Acme\\Shirts",
            "active": True,
        }
    ]
    assert one.code(PRICES, [{"SKUCode": "TS-1", "ProductCode": "TS", "Price": 17.5, "MAP": 1}]) == 20
    assert one.code(STOCK, [{"SKUCode": "TS-1", "Inventory": 0}]) == 20
    assert one.code("product/products", one.product(Status=False)) == 20
    (row,) = one.twin.shelf()
    assert (row["price"], row["stock"], row["active"]) == ("19.99", 14, False)
    parts = [(effect.call, effect.family, effect.value, effect.before) for effect in one.twin.effects("TS-1")]
    assert parts == [
        ("product/products", "price", "19.99", ""),
        ("product/products", "stock", "14", ""),
        (PRICES, "price", "17.5", "19.99"),
        (STOCK, "stock", "0", "14"),
        ("product/products", "price", "19.99", "17.5"),
        ("product/products", "stock", "14", "0"),
    ]


@pytest.mark.parametrize("name", ["ProductCode", "ProductName", "BrandName", "Categories", "SKUs"])
@pytest.mark.parametrize("how", ["absent", "null", "empty"])
def test_members_that_a_product_needs(empty, name, how):
    one = empty
    nothing = [] if name in {"Categories", "SKUs"} else ""
    body = (
        without(one.product(), name) if how == "absent" else one.product(**{name: None if how == "null" else nothing})
    )
    assert one.code("product/products", body) == 30
    assert one.twin.shelf() == []
    assert name in one.twin.calls[-1].why


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ProductCode": "a/b"}, 30),
        ({"ProductCode": " TS"}, 30),
        ({"ProductCode": "x" * 51}, 30),
        ({"ProductCode": 5}, 30),
        ({"Status": 1}, 30),
        ({"MSRP": "24.99"}, 30),
        ({"MSRP": -1}, 30),
        ({"MSRP": 1.999}, 30),
        ({"SortOrder": 1.5}, 30),
        ({"Colour": "red"}, 30),
        ({"productcode": "TS"}, 30),
        ({"SKUs": {}}, 34),
        ({"SKUs": [{"Price": 1}]}, 34),
        ({"SKUs": [{"SKUCode": "A"}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": None}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": True}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": 1, "Inventory": -1}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": 1, "Inventory": 1.0}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": 1, "UPC": "036000291453"}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": 1, "UPC": 36000291452}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": 1, "SKUAvailableDate": "2024-06-01"}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": 1, "SKUAvailableDate": "2024-06-01T00:00:00"}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": 1}, {"SKUCode": "A", "Price": 1}]}, 34),
        ({"SKUs": [{"SKUCode": "A", "Price": 1, "SKUOptions": [{"OptionName": "Size"}]}]}, 34),
        (
            {
                "SKUs": [
                    {
                        "SKUCode": "A",
                        "Price": 1,
                        "SKUOptions": [{"OptionName": "S", "OptionValue": "L", "OptionTypeId": 1}],
                    }
                ]
            },
            34,
        ),
        ({"BrandName": "Other"}, 35),
        ({"BrandName": "Shirts"}, 35),
        ({"BrandName": "acme"}, 35),
        ({"Categories": [{"CategoryCode": "SHIRTS"}]}, 31),
        ({"Categories": [{"CategoryCode": "S", "CategoryName": "S", "ParentCategoryCode": "X", "IsBrand": 1}]}, 32),
        ({"Categories": [{"CategoryCode": "ACME", "CategoryName": "Acme", "IsBrand": 1}]}, 35),
        ({"Categories": [{"CategoryCode": "ACME", "CategoryName": "Acme", "IsBrand": True}]}, 36),
        ({"Categories": [{"CategoryCode": "ACME", "CategoryName": "Acme", "IsBrand": 2}]}, 36),
        ({"Categories": [{"CategoryCode": "ACME", "CategoryName": "Acme"}]}, 36),
        ({"Categories": [{"CategoryName": "Acme", "IsBrand": 0}]}, 36),
    ],
)
def test_products_that_are_refused(empty, changes, code):
    one = empty
    assert one.code("product/products", one.product(**changes)) == code
    assert one.twin.shelf() == []
    assert one.twin.effects() == []
    assert one.rows("category/getall") == []


def test_parents_come_first(shop):
    one = shop()
    assert one.code("product/products", one.product(Categories=one.product()["Categories"][::-1])) == 32
    assert one.rows("category/getall") == []


def test_a_sku_belongs_to_one_product(stocked):
    one = stocked()
    assert one.code("product/products", one.product(ProductCode="OTHER")) == 34
    assert list(one.twin.records("products")) == ["TS"]
    assert one.code(PRICES, [{"SKUCode": "TS-1", "ProductCode": "OTHER", "Price": 1}]) == 34


def test_an_update_keeps_what_it_leaves_out(stocked):
    one = stocked()
    assert one.code("product/products", one.product(Description="Soft", MSRP=5, Status=False)) == 20
    assert one.code("product/products", one.product(SKUs=[one.sku("TS-2")], MSRP=None)) == 20
    row = one.get("product/get/TS").json()["Results"]
    assert (row["Description"], row["MSRP"], row["Status"]) == ("Soft", None, False)
    assert [(sku["SKUCode"], sku["Inventory"]) for sku in row["SKUs"]] == [("TS-1", 14), ("TS-2", 0)]
    assert one.code("product/products", one.product(SKUs=[one.sku("TS-1", Inventory=None)], Status=None)) == 20
    assert (one.twin.shelf()[0]["stock"], one.twin.shelf()[0]["active"]) == (0, True)


def test_an_update_clears_what_it_leaves_out_when_told(stocked):
    one = stocked(absent_kept=False)
    assert one.code("product/products", one.product(Description="Soft")) == 20
    assert one.code("product/products", one.product(SKUs=[one.sku("TS-1")])) == 20
    row = one.get("product/get/TS").json()["Results"]
    assert (row["Description"], row["Status"], row["SKUs"][0]["Inventory"]) == (None, True, 0)


@pytest.mark.parametrize("shape", ["list", "single", "both"])
@pytest.mark.parametrize("path", [PRICES, STOCK])
def test_shapes_of_bodies(stocked, shape, path):
    one = stocked(bodies={path: shape})
    item = {"SKUCode": "TS-1", ("Price" if path == PRICES else "Inventory"): 2}
    assert one.code(path, [item]) == (30 if shape == "single" else 20)
    assert one.code(path, item) == (30 if shape == "list" else 20)


def test_a_product_is_sent_alone(shop):
    one = shop()
    assert one.code("product/products", [one.product()]) == 30
    assert one.code("product/products", "text") == 30
    for body in (b"", b"{", b"\xff", b'{"MSRP": NaN}'):
        answer = one.client.post("/api/product/products", content=body)
        assert (answer.status_code, "StatusCode" in answer.json()) == (400, False)


@pytest.mark.parametrize(("batches", "stock"), [("whole", 14), ("until_fault", 3)])
def test_one_fault_in_a_list_gives_one_code(stocked, batches, stock):
    one = stocked(batches=batches)
    good = {"SKUCode": "TS-1", "Inventory": 3}
    assert one.code(STOCK, [good, {"SKUCode": "NO", "Inventory": 3}, good | {"Inventory": 9}]) == 34
    assert one.twin.shelf()[0]["stock"] == stock
    assert one.code(STOCK, [good, {"SKUCode": "TS-1"}]) == 30
    assert one.twin.shelf()[0]["stock"] == stock


def test_lists_have_limits(stocked):
    one = stocked(batch_limit=2)
    item = {"SKUCode": "TS-1", "Inventory": 3}
    assert one.code(STOCK, [item] * 2) == 20
    assert one.code(STOCK, [item] * 3) == 30
    assert one.code(STOCK, []) == 30


@pytest.mark.parametrize("changes", [{"Inventory": -1}, {"Inventory": "3"}, {"Inventory": 2**31}, {"Inventory": None}])
def test_stock_that_is_refused(stocked, changes):
    one = stocked()
    assert one.code(STOCK, [{"SKUCode": "TS-1"} | changes]) == 30
    assert one.code(STOCK, [{"SKUCode": "TS-1", "Inventory": 2**31 - 1}]) == 20


def test_digits_of_prices_are_kept(stocked):
    one = stocked()
    body = b'[{"SKUCode": "TS-1", "Price": 17.90}]'
    assert one.client.post(f"/api/{PRICES}", content=body).status_code == 200
    assert one.twin.shelf()[0]["price"] == "17.90"
    assert '"Price":17.90,' in one.get("product/getallproductskus").text
    assert one.code(PRICES, [{"SKUCode": "TS-1", "Price": 0}]) == 20


def test_numbers_in_quotes_when_told(stocked):
    one = stocked(numbers_as_text=True)
    assert one.code(PRICES, [{"SKUCode": "TS-1", "Price": "3.50"}]) == 20
    assert one.code(STOCK, [{"SKUCode": "TS-1", "Inventory": "7"}]) == 20
    assert one.code(PRICES, [{"SKUCode": "TS-1", "Price": "x"}]) == 30
    assert (one.twin.shelf()[0]["price"], one.twin.shelf()[0]["stock"]) == ("3.50", 7)


def test_skus_by_product_and_page(shop):
    one = shop()
    for number in range(3):
        skus = [one.sku(f"P{number}-{letter}") for letter in "ab"]
        assert one.code("product/products", one.product(ProductCode=f"P{number}", SKUs=skus)) == 20
    every = one.rows("product/getallproductskus")
    assert [row["SKUCode"] for row in every] == ["P0-a", "P0-b", "P1-a", "P1-b", "P2-a", "P2-b"]
    mine = one.rows("product/getallproductskus", ProductCode="P1", top="", skip="", SCproductID="")
    assert [row["SKUCode"] for row in mine] == ["P1-a", "P1-b"]
    assert one.rows("product/getallproductskus", SCproductID=mine[0]["SCProductID"]) == mine
    assert one.rows("product/getallproductskus", top=2, skip=3) == every[3:5]
    assert one.rows("product/getallproductskus", ProductCode="NO") == []
    assert one.get("product/getallproductskus", top="-1").status_code == 400
    assert one.get("product/getallproductskus", **{"$top": 1}).status_code == 400


@pytest.mark.parametrize(("code", "status"), [(30, 406), (34, 406), (0, 404)])
def test_a_product_that_is_not_there(shop, code, status):
    answer = shop(missing_product_code=code).get("product/get/NO")
    assert answer.status_code == status
    assert answer.json().get("StatusCode", 0) == code


def test_embellishments(stocked):
    one = stocked()
    assert [row["EmbellishmentName"] for row in one.rows("embellishments/getall")] == ["Engraving", "Gift wrap"]
    assert len(one.rows("embellishments/getproductembellishment", productCode="TS")) == 2
    assert one.get("embellishments/getproductembellishment", productCode="NO").status_code == 406
    assert one.get("embellishments/getproductembellishment").status_code == 406


def test_switches_of_brand_and_category(shop):
    known = shop(brand_rule="known")
    assert known.code("category/categories", [ROOT]) == 20
    assert known.code("product/products", known.product(BrandName="New")) == 20
    strict = shop(products_create_categories=False)
    assert strict.code("product/products", strict.product()) == 31
    upright = shop(is_brand_inverted=False)
    assert upright.code("product/products", upright.product()) == 35
    right = [{"CategoryCode": "ACME", "CategoryName": "Acme", "IsBrand": 1}]
    assert upright.code("product/products", upright.product(Categories=right)) == 20
    lax = shop(check_upc=False, refuse_unknown=False, most_decimals=3, dates_need_offset=False)
    sku = lax.sku("A", UPC="12", Price=1.255, SKUAvailableDate="2024-06-01T00:00:00")
    assert lax.code("product/products", lax.product(SKUs=[sku], Colour="red")) == 20
