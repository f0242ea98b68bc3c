"""Articles by what Sage calls them: rows that give only the code of a variant, of catalogs that went there."""

import json

import pytest

from gateway.testing.sage_shop import CATALOG as STOCKED
from gateway.testing.sage_shop import STOCK

CATALOG = """sku,product,type,size,price
T-M,T,Size,M,10
T-L,T,Size,L,10
plain,,,,5
P,P,Size,S,3
"""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def place(record):
    return tuple(record.get(name) for name in ("productId", "variant1Type", "variant1Value"))


def levels(found):
    return [(*place(one), one["stock"]) for one in found["productstocks"]]


@pytest.fixture
def shop(sage_shops):
    return sage_shops()


@pytest.mark.parametrize("envelope", ["plain", "wrapped"])
def test_levels_of_a_variants_code_go_to_the_variant(sage_shops, envelope):
    shop = sage_shops(envelope=envelope)
    shop.put("catalog.csv", CATALOG)
    shop.take()
    run = shop.put("stock.csv", "sku,level\nT-M,77\nT-L,0\nplain,4\nP,2\nnew,1\n")
    assert levels(shop.take()) == [
        ("T", "Size", "M", 77), ("T", "Size", "L", 0), ("plain", None, None, 4), ("P", "Size", "S", 2),
        ("new", None, None, 1),
    ]  # fmt: skip
    assert shop.rig.states(run) == {"applied": 5}, "answers call them by product and variants"


def test_what_a_row_says_itself_stands(shop):
    shop.put("catalog.csv", CATALOG)
    shop.take()
    shop.put("stock.csv", "sku,product,type,size,level\nT-M,U,,,1\nT-L,T,Size,XL,2\nP,P,,,3\n")
    assert levels(shop.take()) == [("U", None, None, 1), ("T", "Size", "XL", 2), ("P", "Size", "S", 3)]


def test_a_catalog_that_moves_an_article_counts_from_then_on(shop):
    shop.put("catalog.csv", CATALOG)
    shop.take()
    shop.put("catalog2.csv", "sku,product,type,size,price\nT-M,T,Size,XM,10\nT-L,,,,10\n")
    shop.take()
    shop.put("stock.csv", "sku,level\nT-M,1\nT-L,2\nP,3\n")
    assert levels(shop.take()) == [("T", "Size", "XM", 1), ("T-L", None, None, 2), ("P", "Size", "S", 3)]


def test_articles_that_a_full_file_leaves_out_are_set_to_zero_where_they_are(sage_shops):
    shop = sage_shops(route={"mode": "full", "absent": "zero", "guard": {"off": True}})
    shop.put("catalog.csv", CATALOG)
    shop.take()
    shop.put("stock1.csv", "sku,level\nT-M,1\nT-L,2\n")
    shop.take()
    shop.put("stock2.csv", "sku,level\nT-M,1\n")
    assert sorted(levels(shop.take())) == [("T", "Size", "L", 0), ("T", "Size", "M", 1)], "beside what the file says"


def test_pictures_of_a_variants_code_are_the_variants(shop):
    shop.put("catalog.csv", CATALOG)
    shop.take()
    run = shop.put("picture.csv", f"sku,picture\nT-M,{PIXEL}\nplain,{PIXEL}\n")
    found = shop.take()["productpictures"]
    assert [place(one) for one in found] == [("T", "Size", "M"), ("plain", None, None)]
    assert shop.rig.states(run) == {"applied": 2}


@pytest.mark.parametrize(
    ("variants", "code", "said"),
    [
        (
            "refuse",
            "DEST_LIMIT",
            "special prices hold for a whole product, not for one of its variants: it is one of T",
        ),
        ("ignore", "DEST_REQUIRED", "the article is a variant of T, and special prices hold for a whole product"),
    ],
)
def test_promotions_of_a_variants_code_are_refused_with_its_product(sage_shops, variants, code, said):
    shop = sage_shops(promotion_variants=variants)
    shop.put("catalog.csv", CATALOG)
    shop.take()
    run = shop.put("promotion.csv", "sku,product,percentage\nT-M,,20\n,T,20\nplain,,20\nP,,20\n")
    assert [one["productId"] for one in shop.take()["productspecialprices"]] == ["T", "plain", "P"]
    told = shop.rig.results(run).select("state", "code", "detail").rows()
    fine = ("applied", None, None)
    assert told == [("refused", code, said), fine, fine, fine]


SOLE = "sku,product,price\nTB-1,S1,10\n"


@pytest.mark.parametrize("variants", ["refuse", "ignore"])
def test_a_promotion_of_the_code_of_a_products_only_article_is_the_products(sage_shops, variants):
    shop = sage_shops(promotion_variants=variants)
    shop.put("catalog.csv", CATALOG + "TB-1,S1,,,10\n")
    shop.take()
    run = shop.put("promotion1.csv", "sku,price,basis\nTB-1,8,net\n")
    ((product, discount),) = [(one["productId"], one["discount"]) for one in shop.take()["productspecialprices"]]
    assert (product, discount, shop.rig.states(run)) == ("S1", "20", {"applied": 1})
    run = shop.put("promotion2.csv", "sku,price,basis,command\nTB-1,8,net,end\n")
    assert [one["productId"] for one in shop.take()["productspecialprices"]] == ["S1"]
    assert shop.rig.states(run) == {"applied": 1}


def test_one_of_several_articles_without_variants_is_no_variant(sage_shops):
    shop = sage_shops(promotion_variants="ignore")
    for catalog in (SOLE, SOLE.replace("TB-1", "TB-2")):
        shop.put("catalog.csv", catalog)
        shop.take()
    run = shop.put("promotion.csv", "sku,percentage\nTB-1,20\n")
    assert shop.take() == {}
    said = "special prices hold for a whole product, and this is one of several articles of S1"
    assert shop.rig.results(run).select("code", "detail").rows() == [("DEST_REQUIRED", said)]


def test_rows_that_name_a_sole_article_and_its_product_are_one_record(shop):
    shop.put("catalog.csv", SOLE)
    shop.take()
    run = shop.put("promotion.csv", "sku,product,percentage\nTB-1,,20\n,S1,30\n")
    assert shop.take() == {}
    told = shop.rig.results(run).select("code", "detail").rows()
    assert told == [("DEST_ONE_RECORD", "that of S1"), ("DEST_ONE_RECORD", "that of TB-1")]


def test_a_full_file_that_names_the_product_from_now_on_does_not_end_it(sage_shops):
    shop = sage_shops(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    shop.put("catalog.csv", SOLE)
    shop.take()
    shop.put("promotion1.csv", "sku,product,percentage\nTB-1,,20\n")
    shop.take()
    shop.put("promotion2.csv", "sku,product,percentage\n,S1,20\n")
    found = [(one["productId"], one["dateTo"]) for one in shop.take()["productspecialprices"]]
    assert [product for product, _ in found] == ["S1", "S1"]
    assert found[-1][1] == "2027-01-01T00:00:00Z", "the last one holds"


def test_what_was_sent_for_a_variants_code_before_can_still_be_ended(shop):
    promotion = "sku,percentage,command\nT-M,20,{}\n"
    shop.put("promotion1.csv", promotion.format(""))
    shop.take()
    shop.put("catalog.csv", CATALOG)
    shop.take()
    run = shop.put("promotion2.csv", promotion.format("end"))
    assert [one["productId"] for one in shop.take()["productspecialprices"]] == ["T-M"]
    assert shop.rig.states(run) == {"applied": 1}


def test_levels_of_a_product_with_variants_name_one(shop):
    shop.put("catalog.csv", CATALOG)
    shop.take()
    run = shop.put("stock.csv", "sku,product,level\nT,,1\nplain,,3\nT-M,,4\n")
    assert levels(shop.take()) == [("plain", None, None, 3), ("T", "Size", "M", 4)]
    said = "the product has variants, and a level is of one of them: name it, or give the article's own code as sku"
    told = shop.rig.results(run).select("state", "code", "field", "detail").rows()
    fine = ("applied", None, None, None)
    assert told == [("refused", "DEST_REQUIRED", "variant1_value", said), fine, fine]


def test_rows_of_one_product_are_the_variants_their_codes_stand_for(shop):
    shop.put("catalog.csv", CATALOG)
    shop.take()
    levelled = shop.put("stock.csv", "sku,product,level\nT-M,T,4\nT-L,T,5\nP,P,6\n")
    assert levels(shop.take()) == [("T", "Size", "M", 4), ("T", "Size", "L", 5), ("P", "Size", "S", 6)]
    shown = shop.put("picture.csv", f"sku,product,picture\nT-M,T,{PIXEL}\nT-L,T,{PIXEL}\n")
    assert [place(one) for one in shop.take()["productpictures"]] == [("T", "Size", "M"), ("T", "Size", "L")]
    assert [shop.rig.states(run) for run in (levelled, shown)] == [{"applied": 3}, {"applied": 2}]


def test_where_the_last_of_one_record_counts_variants_are_several_too(sage_shops):
    shop = sage_shops(dedupe="last")
    shop.put("catalog.csv", CATALOG)
    shop.take()
    run = shop.put("stock.csv", "sku,product,level\nT-M,T,4\nT-L,T,5\n")
    assert levels(shop.take()) == [("T", "Size", "M", 4), ("T", "Size", "L", 5)]
    assert shop.rig.states(run) == {"applied": 2}


def test_rows_of_one_product_whose_codes_nobody_knows_are_one_record(shop):
    shop.put("catalog.csv", CATALOG)
    shop.take()
    run = shop.put("stock.csv", "sku,product,level\n1,U,4\n2,U,5\n3,V,6\nU,,7\nT-M,T,1\n")
    assert levels(shop.take()) == [("V", None, None, 6), ("T", "Size", "M", 1)]
    told = shop.rig.results(run).select("state", "code", "detail").rows()
    one, fine = ("refused", "DEST_ONE_RECORD"), ("applied", None, None)
    assert told == [(*one, "that of 2"), (*one, "that of 1"), fine, (*one, "that of 1"), fine]


def test_so_they_are_however_far_apart_they_stand(sage_shops, monkeypatch):
    monkeypatch.setattr("gateway.readers.json.BLOCK", 1)
    monkeypatch.setattr("gateway.delta.PART_ROWS", 1)
    as_json = STOCK.replace('"csv"\ndelimiter = ","\nencoding = "utf-8"', '"json"\nrecord = ""')
    monkeypatch.setattr("gateway.testing.sage_shop.STOCK", as_json)
    shop = sage_shops()
    rows = [{"sku": sku, "product": of, "level": "4"} for sku, of in (("1", "U"), ("2", "V"), ("3", "U"))]
    run = shop.put("stock.json", json.dumps(rows))
    assert levels(shop.take()) == [("V", None, None, 4)]
    assert shop.rig.results(run)["code"].to_list() == ["DEST_ONE_RECORD", None, "DEST_ONE_RECORD"]


LEVELS = STOCKED + 'quantity = { column = "level", optional = true }\n'
BEGUN = "sku,product,type,size,price,level\na,T,Size,37,10,9\n"
MOVED = BEGUN.replace("37", "47")


@pytest.mark.parametrize("by", ["catalog", "stock", "code alone"])
def test_levels_of_an_article_that_is_moved_wait_for_it(sage_shops, by):
    shop = sage_shops(catalog=LEVELS)
    shop.put("catalog1.csv", BEGUN)
    shop.take()
    shop.take()
    run = shop.put("catalog2.csv", MOVED if by == "catalog" else MOVED.replace(",9\n", ",\n"))
    if by != "catalog":
        place = "T,Size,47" if by == "stock" else ",,"
        run = shop.put("stock.csv", f"sku,product,type,size,level\na,{place},8\n")
    assert list(shop.take()) == ["products"], "there is no such variant before"
    assert levels(shop.take()) == [("T", "Size", "47", 9 if by == "catalog" else 8)]
    assert shop.rig.states(run) == {"applied": 1}


def test_levels_of_what_stays_where_it_is_do_not_wait(sage_shops):
    shop = sage_shops(catalog=LEVELS)
    shop.put("catalog1.csv", BEGUN)
    shop.take()
    shop.take()
    shop.put("catalog2.csv", BEGUN.replace(",10,9", ",11,8"))
    assert sorted(shop.take()) == ["products", "productstocks"]
    shop.put("catalog3.csv", MOVED)
    shop.take()
    shop.take()
    shop.put("catalog4.csv", MOVED.replace(",10,9", ",12,7"))
    shop.take()
    shop.take()
    shop.put("catalog5.csv", MOVED.replace(",10,9", ",13,6"))
    assert sorted(shop.take()) == ["products", "productstocks"], "its last file of products moved nothing"


def test_levels_of_an_article_whose_move_was_refused_are_not_sent_after_it(sage_shops):
    shop = sage_shops(catalog=LEVELS)
    shop.put("catalog1.csv", BEGUN)
    shop.take()
    shop.take()
    run = shop.put("catalog2.csv", MOVED)
    assert list(shop.take("rejected")) == ["products"]
    assert shop.take() == {}
    assert shop.rig.states(run) == {"refused": 1}


def test_an_article_that_becomes_another_one_there_is_told_with_the_former(sage_shops):
    shop = sage_shops(catalog=LEVELS)
    first = shop.put("catalog1.csv", BEGUN + "b,,,,5,1\n")
    shop.take()
    shop.take()
    run = shop.put("catalog2.csv", MOVED + "b,,,,6,1\nnew,T,Size,48,5,1\n")
    again = shop.put("catalog3.csv", MOVED + "b,,,,7,1\n")
    assert [moves(shop, one) for one in (first, run, again)] == [[], [(2, "a", "T/37")], []]


def test_a_place_that_another_article_takes_is_not_left_behind(sage_shops):
    shop = sage_shops(catalog=LEVELS)
    sizes = "a,T,Size,37,9,1\nb,T,Size,38,9,2\nc,T,Size,39,9,3\nd,T,Size,40,9,4\n"
    shop.put("catalog1.csv", BEGUN.splitlines()[0] + "\n" + sizes)
    shop.take()
    shop.take()
    # a and b change places, c takes that of d, and nobody that of c
    moved = "a,T,Size,38,9,1\nb,T,Size,37,9,2\nc,T,Size,40,9,3\nd,T,Size,41,9,4\n"
    run = shop.put("catalog2.csv", BEGUN.splitlines()[0] + "\n" + moved)
    assert moves(shop, run) == [(4, "c", "T/39")]


def moves(shop, run):
    frames = list(shop.rig.settler.rows(shop.rig.operations.run(run)).issues())
    wanted = ["@row", "value", "detail"]
    return [row for one in frames for row in one.filter(one["code"] == "DEST_MOVED").select(wanted).rows()]
