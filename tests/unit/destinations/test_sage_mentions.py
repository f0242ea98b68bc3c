"""Articles that rows name: products that go with one, and those that pictures are of."""

from __future__ import annotations

import pytest

from gateway.model import Mention
from gateway.testing.sage_shop import Shop

HEAD = "sku,product,type,size,price,related,command\n"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path)
    yield made
    made.rig.close()


def told(shop, run, code="R-REL-UNKNOWN"):
    frames = list(shop.rig.settler.rows(shop.rig.operations.run(run)).issues())
    return [row for frame in frames for row in frame.filter(frame["code"] == code).select("@row", "value").rows()]


def test_related_products_of_the_file_and_of_files_before_are_known_and_others_are_told(shop):
    shop.put("catalog1.csv", f"{HEAD}old,,,,5,,\n")
    shop.take()
    rows = "a,,,,5,b,\nb,,,,5,'old,new',\nc,,,,5,'gone,a,away',\n".replace("'", '"')
    run = shop.put("catalog2.csv", HEAD + rows)
    assert told(shop, run) == [(3, "new"), (4, "gone, away")]
    assert [one["relatedItems"] for one in shop.take()["products"]] == ["b", "old,new", "gone,a,away"]
    assert shop.rig.states(run) == {"applied": 3}, "a warning stops nothing"


@pytest.mark.parametrize("waits", ["under way", "held"])
def test_a_product_that_is_on_its_way_is_known(shop, waits):
    if waits == "held":
        shop.put("catalog0.csv", f"{HEAD}old,,,,500,,\n")
        shop.take()
    first = shop.put("catalog1.csv", f"{HEAD}old,,,,5,,\nnew,T,Size,M,5,,\n")
    assert list(shop.rig.states(first)) == ["held" if waits == "held" else "pending"]
    assert told(shop, shop.put("catalog2.csv", f'{HEAD}b,,,,5,"old,T,other",\n')) == [(2, "other")]


def test_an_article_with_variants_is_named_by_its_product(shop):
    shop.put("catalog1.csv", f"{HEAD}T-M,T,Size,M,5,,\nT-L,T,Size,L,5,,\n")
    shop.take()
    rows = 'U-M,U,Size,M,5,"T,U-L",\nU-L,U,Size,L,5,T-M,\nV,,,,5,U,\n'
    assert told(shop, shop.put("catalog2.csv", HEAD + rows)) == [(2, "U-L"), (3, "T-M")]


def test_rows_that_are_rejected_or_end_something_are_not_told(shop):
    run = shop.put("catalog.csv", f"{HEAD}a,,,,5,x,end\nb,,,,much,y,\nc,,,,5,z,\n")
    assert told(shop, run) == [(4, "z")]


def test_a_long_list_is_told_in_part(shop):
    codes = [f"n{place}" for place in range(23)]
    run = shop.put("catalog.csv", f'{HEAD}a,,,,5,"{",".join(codes)}",\n')
    assert told(shop, run) == [(2, f"{', '.join(codes[:20])} and 3 more")]


def test_a_picture_of_an_article_that_no_catalog_brought_is_told(shop):
    shop.put("catalog.csv", f"{HEAD}T-M,T,Size,M,5,,\nplain,,,,5,,\n")
    shop.take()
    rows = [f"{sku},{product},{PIXEL}\n" for sku, product in (("T-M", ""), ("plain", ""), ("T", "T"), ("x", ""))]
    run = shop.put("picture.csv", "sku,product,picture\n" + "".join(rows))
    assert told(shop, run, "V-REF") == [(5, "x")]


def test_nor_is_one_brought_by_a_row_that_is_rejected_while_others_of_its_file_are_on_their_way(shop):
    shop.put("catalog.csv", f"{HEAD}good,,,,5,,\nbad,,,,much,,\n")
    run = shop.put("picture.csv", f"sku,product,picture\ngood,,{PIXEL}\nbad,,{PIXEL}\n")
    assert told(shop, run, "V-REF") == [(3, "bad")]


def test_pictures_are_not_told_of_where_no_catalog_comes_this_way(shop):
    run = shop.put("picture.csv", f"sku,product,picture\nx,,{PIXEL}\n")
    assert told(shop, run, "V-REF") == []


def test_pictures_that_come_with_their_catalog_are_known(shop):
    shop.rig.drop("catalog.csv", f"{HEAD}T-M,T,Size,M,5,,\n")
    run = shop.rig.drop("picture.csv", f"sku,product,picture\nT-M,,{PIXEL}\nother,T,{PIXEL}\n")
    assert told(shop, run, "V-REF") == []


def test_what_is_said_names_the_field_and_counts_as_a_warning(shop):
    run = shop.put("catalog.csv", f"{HEAD}a,,,,5,x,\n")
    shop.take()
    row = shop.rig.results(run).select("state", "code", "field", "value").row(0)
    assert row == ("applied", "R-REL-UNKNOWN", "related_skus", "x")
    assert shop.rig.operations.run(run).counts["warnings"] == 1


def test_the_operations_name_families_they_wait_for_or_are_of(shop):
    for one in shop.rig.destination.operations:
        for mention in one.mentions:
            assert isinstance(mention, Mention)
            assert mention.family in {one.family, *one.after}
            assert {mention.field, *mention.besides} <= {*one.fields}
