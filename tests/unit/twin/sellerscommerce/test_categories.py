"""Categories, brands, links and deletes."""

import pytest

CATEGORIES, LINKS = "category/categories", "category/productcategory"


def category(code, parent=None, brand=1, **more):
    return {"CategoryCode": code, "CategoryName": code.title(), "ParentCategoryCode": parent, "IsBrand": brand} | more


def delete(shop, **body):
    answer = shop.client.request("DELETE", "/api/category/category", json=body)
    return answer.json().get("StatusCode", answer.status_code)


def codes(shop):
    return {row["CategoryCode"]: row["ParentCategoryCode"] for row in shop.rows("category/getall")}


def test_parents_before_children_in_one_list(shop):
    one = shop()
    assert one.code(CATEGORIES, [category("A"), category("B", "A")]) == 20
    assert one.code(CATEGORIES, [category("D", "C"), category("C")]) == 32
    assert codes(one) == {"A": None, "B": "A"}
    assert one.get("category/get/B").json()["Results"]["CategoryName"] == "B"
    assert one.get("category/get/X").json()["StatusCode"] == 31
    assert one.get("category/categoryproducts/X").json()["StatusCode"] == 31


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"CategoryCode": None}, 30),
        ({"CategoryName": ""}, 30),
        ({"IsBrand": True}, 30),
        ({"IsBrand": 2}, 30),
        ({"IsBrand": None}, 30),
        ({"ParentCategoryCode": "NO"}, 32),
        ({"ParentCategoryCode": "A"}, 30),
        ({"Status": "yes"}, 30),
        ({"Other": 1}, 30),
    ],
)
def test_categories_that_are_refused(empty, changes, code):
    one = empty
    assert one.code(CATEGORIES, [category("A") | changes]) == code
    assert codes(one) == {}


def test_no_circles(shop):
    one = shop()
    assert one.code(CATEGORIES, [category("A"), category("B", "A"), category("C", "B")]) == 20
    assert one.code(CATEGORIES, [category("A", "C")]) == 30
    assert codes(one) == {"A": None, "B": "A", "C": "B"}


@pytest.mark.parametrize(("switch", "value"), [("yes", 0), ("no", 1)])
def test_a_missing_is_brand_is_a_switch(shop, switch, value):
    one = shop(missing_is_brand=switch)
    assert one.code(CATEGORIES, [category("A", brand=None)]) == 20
    assert one.rows("category/getall")[0]["IsBrand"] == value
    assert len(one.rows("category/getallbrands")) == 1 - value


def test_brands_are_first_level_and_flagged_zero(shop):
    one = shop()
    assert one.code(CATEGORIES, [category("A", brand=0), category("B"), category("C", "A", 0)]) == 20
    (brand,) = one.rows("category/getallbrands")
    assert (brand["BrandName"], brand["CategoryCode"], brand["IsBrand"]) == ("A", "A", 0)


def test_an_update_keeps_the_flag(shop):
    one = shop()
    assert one.code(CATEGORIES, [category("A", brand=0, Description="old")]) == 20
    assert one.code(CATEGORIES, [{"CategoryCode": "A", "CategoryName": "New"}]) == 20
    row = one.rows("category/getall")[0]
    assert (row["CategoryName"], row["IsBrand"], row["Description"]) == ("New", 0, "old")
    clearing = shop(absent_kept=False)
    assert clearing.code(CATEGORIES, [category("A", brand=0, Description="old")]) == 20
    assert clearing.code(CATEGORIES, [{"CategoryCode": "A", "CategoryName": "New"}]) == 20
    row = clearing.rows("category/getall")[0]
    assert (row["IsBrand"], row["Description"]) == (0, None)


def test_links(stocked):
    one = stocked()
    assert one.code(CATEGORIES, [category("SALE")]) == 20
    assert one.code(LINKS, [{"ProductCode": "TS", "CategoryCode": "SALE"}] * 2) == 20
    assert one.twin.records("links")["TS"] == ["ACME", "SHIRTS", "SALE"]
    assert one.code(LINKS, [{"ProductCode": "NO", "CategoryCode": "SALE"}]) == 30
    assert one.code(LINKS, [{"ProductCode": "TS", "CategoryCode": "NO"}]) == 31
    assert one.code(LINKS, [{"ProductCode": "TS"}]) == 30
    assert [effect.part for effect in one.twin.effects("TS") if effect.family == "link"] == ["SALE"]


def test_switches_of_links(stocked):
    strict, replacing = stocked(refuse_known_links=True), stocked(links="replace")
    assert strict.code(LINKS, [{"ProductCode": "TS", "CategoryCode": "SHIRTS"}]) == 33
    assert replacing.code(CATEGORIES, [category("X"), category("Y")]) == 20
    both = [{"ProductCode": "TS", "CategoryCode": code} for code in "XY"]
    assert replacing.code(LINKS, both) == 20
    assert replacing.twin.records("links")["TS"] == ["X", "Y"]
    assert replacing.code(LINKS, [both[0], {"ProductCode": "TS", "CategoryCode": "NO"}]) == 31
    assert replacing.twin.records("links")["TS"] == ["X", "Y"]


def test_deleting_with_its_links(stocked):
    one = stocked()
    assert delete(one, CategoryCode="ACME", ActionId=1) == 30
    assert delete(one, CategoryCode="SHIRTS", ActionId=1) == 20
    assert delete(one, CategoryCode="SHIRTS", ActionId=1) == 31
    assert codes(one) == {"ACME": None}
    assert one.twin.records("links")["TS"] == ["ACME"]


def test_taking_a_category_from_its_parent(stocked):
    one = stocked()
    assert delete(one, CategoryCode="SHIRTS", ActionId=2) == 20
    assert codes(one) == {"ACME": None, "SHIRTS": None}
    assert one.twin.records("links")["TS"] == ["ACME", "SHIRTS"]


@pytest.mark.parametrize(
    "body", [{"CategoryCode": "SHIRTS"}, {"CategoryCode": "SHIRTS", "ActionId": 3}, {"ActionId": 1}]
)
def test_deletes_that_are_refused(stocked, body):
    one = stocked()
    assert delete(one, **body) == 30
    assert len(codes(one)) == 2


def test_children_are_orphans_when_told(stocked):
    one = stocked(delete_with_children="orphan")
    assert delete(one, CategoryCode="ACME", ActionId=1) == 20
    assert codes(one) == {"SHIRTS": None}


def test_where_a_delete_is_named(stocked):
    query = {"CategoryCode": "SHIRTS", "ActionId": "2"}
    body, address, both = (stocked(delete_in=place) for place in ("body", "query", "both"))

    def by_query(one):
        return one.client.delete("/api/category/category", params=query).status_code

    assert [by_query(one) for one in (body, address, both)] == [400, 200, 200]
    wanted = {"CategoryCode": "SHIRTS", "ActionId": 2}
    assert [delete(one, **wanted) for one in (body, address, both)] == [20, 30, 20]
    bad = address.client.delete("/api/category/category", params={"CategoryCode": "SHIRTS", "ActionId": "two"})
    assert bad.json()["StatusCode"] == 30
