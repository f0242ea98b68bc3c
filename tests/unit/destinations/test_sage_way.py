"""Files all the way to the exchange folder: what a promotion is reckoned from, what waits for what."""

import functools
import json
import random

import pytest

from gateway.testing.sage_shop import CATALOG, PROMOTIONS, Shop


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path)
    yield made
    made.rig.close()


def discounts(found):
    return [(one.get("productId"), one["discount"]) for one in found["productspecialprices"]]


def test_a_final_price_is_the_discount_on_the_price_that_was_sent(shop):
    shop.put("catalog.csv", "sku,price\na,100\nb,10\n")
    shop.take()
    run = shop.put("promotion.csv", "sku,price,basis,regular\na,60,net,80\nb,9,gross,90\nnew,5,net,10\n")
    assert discounts(shop.take()) == [("a", "40"), ("b", "25"), ("new", "50")]
    assert shop.rig.states(run) == {"applied": 3}


def test_a_later_price_leaves_the_discount_until_the_final_price_is_sent_again(shop):
    final = "sku,price,basis\na,7.50,net\n"
    shop.put("catalog1.csv", "sku,price\na,9.62\n")
    shop.take()
    shop.put("promotion1.csv", final)
    assert discounts(shop.take()) == [("a", "22.0374")]
    shop.put("catalog2.csv", "sku,price\na,8.50\n")
    assert "productspecialprices" not in shop.take()
    shop.put("promotion2.csv", final + "\n")
    assert discounts(shop.take()) == [("a", "11.7647")]


FINAL = "sku,price,basis,regular\na,45,net,100\n"


@pytest.mark.parametrize(("state", "rate"), [("accepted", "50"), ("rejected", "55")])
def test_what_is_reckoned_from_a_price_waits_until_that_was_answered(shop, state, rate):
    shop.put("catalog1.csv", "sku,price\na,100\n")
    shop.take()
    shop.put("catalog2.csv", "sku,price\na,90\n")
    run = shop.put("promotion.csv", FINAL)
    assert list(shop.take(state)) == ["products"]
    assert discounts(shop.take()) == [("a", rate)], "from the price that Sage has, whatever became of the new one"
    assert shop.rig.states(run) == {"applied": 1}


def test_a_price_that_is_about_to_be_sent_is_waited_for_too(shop):
    shop.put("catalog1.csv", "sku,price\na,100\n")
    shop.take()
    shop.rig.drop("catalog2.csv", "sku,price\na,90\n")
    run = shop.rig.drop("promotion.csv", FINAL)
    shop.rig.delivery.advance("there/promotion/acme")
    assert shop.rig.states(run) == {"pending": 1}
    shop.rig.advance(2)
    assert list(shop.take()) == ["products"]
    assert discounts(shop.take()) == [("a", "50")]


def test_what_needs_no_price_waits_for_none(shop):
    shop.put("catalog1.csv", "sku,price\na,100\nb,100\n")
    shop.take()
    shop.put("catalog2.csv", "sku,price\na,90\n")
    shop.put("promotion.csv", "sku,price,basis,regular,percentage\na,,,,10\nb,45,net,100,\n")
    assert discounts(shop.take()) == [("a", "10"), ("b", "55")]


@pytest.mark.parametrize("held", ["valid_from", "guard"])
def test_a_price_that_nobody_sends_for_now_is_not_waited_for(shop, held):
    shop.put("catalog1.csv", "sku,price\na,100\n")
    shop.take()
    late = "2027-01-01T00:00:00Z" if held == "valid_from" else ""
    run = shop.put("catalog2.csv", f"sku,price,from\na,{0.5 if held == 'guard' else 90},{late}\n")
    assert list(shop.rig.states(run)) == ["held" if held == "guard" else "scheduled"]
    shop.put("promotion.csv", FINAL)
    assert discounts(shop.take()) == [("a", "55")]


def test_a_final_price_alone_needs_the_price_that_was_sent(shop):
    shop.put("catalog.csv", "sku,price\na,100\n")
    shop.take()
    run = shop.put("promotion.csv", "sku,price,basis\na,60,net\nnew,5,net\n")
    assert discounts(shop.take()) == [("a", "40")]
    assert told(shop, run)[0] == ("applied", None, None)
    why = "special prices have no final price, only a discount, and no price of the article was sent"
    assert told(shop, run)[1] == ("refused", "DEST_REQUIRED", why)


def test_a_final_price_that_lacks_its_tax_rate_says_so(sage_shops):
    shop = sage_shops(promotions=PROMOTIONS.replace('tax_rate = { constant = "20" }\n', ""))
    shop.put("catalog.csv", "sku,price\na,20\nb,20\nc,20\n")
    shop.take()
    run = shop.put("promotion.csv", "sku,price,basis,regular\na,18,gross,\nb,15,net,\nc,18,gross,24\nnew,18,gross,\n")
    assert discounts(shop.take()) == [("b", "25"), ("c", "25")]
    lacking, _, _, unknown = shop.rig.results(run).select("state", "code", "field", "detail").rows()
    why = "gross, where the price of the article was sent net,"
    assert lacking == ("refused", "TAX_RATE_MISSING", "tax_rate", why)
    assert unknown[:3] == ("refused", "DEST_REQUIRED", "regular_price"), "a rate would not help: no price was sent"


def test_a_final_price_of_a_product_says_that_only_its_articles_have_prices(shop):
    shop.put("catalog.csv", VARIANTS)
    shop.take()
    run = shop.put("promotion.csv", "sku,product,id,price,basis\n,t,1,9,net\n,t2,2,9,net\n")
    (_, _, variants), (_, _, nothing) = told(shop, run)
    assert variants.endswith("prices were sent for articles of the product, none for the product itself")
    assert nothing.endswith("no price of the article was sent")
    again = shop.put("promotion2.csv", "sku,product,price,basis,regular\n,t,9,net,10\n")
    assert discounts(shop.take()) == [("t", "10")]
    assert shop.rig.states(again) == {"applied": 1}


def test_a_final_price_above_the_price_that_was_sent_is_refused_with_both(shop):
    shop.put("catalog.csv", "sku,price\na,50\n")
    shop.take()
    run = shop.put("promotion.csv", "sku,price,basis,regular\na,60,net,80\n")
    told = shop.rig.results(run).select("state", "code", "detail").row(0)
    assert told == ("refused", "SP-PRICE", "60 above 50, as it was sent")


VARIANTS = "sku,product,type,size,price\nt-s,t,Size,S,10\nt-m,t,Size,M,10\n"
OF_PRODUCT = "sku,product,percentage\n,t,20\n"


def test_what_is_about_a_product_waits_while_its_articles_are_on_their_way(shop):
    shop.put("catalog.csv", VARIANTS)
    run = shop.put("promotion.csv", OF_PRODUCT)
    assert shop.rig.states(run) == {"pending": 1}
    found = shop.take()
    assert [one["id"] for one in found["products"]] == ["t", "t"]
    assert "productspecialprices" not in found
    assert discounts(shop.take()) == [("t", "20")]
    assert shop.rig.states(run) == {"applied": 1}


def test_where_nobody_answers_what_waits_goes_on_when_the_file_before_is_taken(loose):
    shop = loose(results=None)
    shop.put("catalog.csv", VARIANTS)
    run = shop.put("promotion.csv", OF_PRODUCT)
    shop.clock.advance(60)
    shop.rig.advance(2)
    assert shop.rig.states(run) == {"pending": 1}, "the products were not taken yet"
    assert list(shop.take()) == ["products"]
    assert discounts(shop.take()) == [("t", "20")]
    assert shop.rig.states(run) == {"accepted": 1}


def test_a_later_catalog_of_the_same_articles_holds_no_promotion_of_their_product(shop):
    shop.put("catalog1.csv", VARIANTS)
    shop.take()
    shop.put("catalog2.csv", VARIANTS.replace("10", "11"))
    shop.put("promotion.csv", OF_PRODUCT)
    assert discounts(shop.take()) == [("t", "20")]


def test_what_is_about_an_article_nobody_sent_is_sent_and_sage_answers(shop):
    run = shop.put("promotion.csv", "sku,product,brand,percentage\nnobody,,,20\n,other,,10\n,,Acme,5\n")
    assert len(shop.take("rejected")["productspecialprices"]) == 3
    assert shop.rig.states(run) == {"refused": 3}


def told(shop, run):
    return shop.rig.results(run).select("state", "code", "detail").rows()


@pytest.fixture
def loose(sage_shops):
    """Make shops whose special prices hold for whole products, whatever colour a row is about."""
    return functools.partial(sage_shops, dedupe="last", promotion_variants="ignore")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("promotion.csv", "sku,id,percentage\na,1,10\nb,1,15\na,2,20\n", [("row 4", "a"), None, ("row 2", "a")]),
        ("stock.csv", "sku,product,type,size,level\n1,P,Size,L,5\n2,P,Size,L,6\n3,P,Size,M,7\n",
         [("row 3", "P"), ("row 2", "P"), None]),
        ("stock.csv", "sku,product,type,size,level\n1,P,Size,L,5\n2,P,Size,L,6\n3,P,Size,L,7\n",
         [("row 3 and 1 more", "P"), ("row 2 and 1 more", "P"), ("row 2 and 1 more", "P")]),
        ("catalog.csv", "sku,product,price\n1,P,5\nP,,7\n", [("row 3", "P"), ("row 2", "")]),
    ],
)  # fmt: skip
def test_rows_that_are_one_record_are_rejected_with_each_other(shop, name, text, said):
    run = shop.put(name, text)
    found = shop.rig.results(run).select("state", "code", "detail", "value").rows()
    if name.startswith("promotion"):
        said = [one and (one[0], None) for one in said]
    fine = ("pending", None, None, None)
    assert found == [fine if one is None else ("rejected", "DEST_ONE_RECORD", *one) for one in said]


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        ("1,P,Size,L,5,7\n2,P,Size,L,6,8\n", ["V-KEY", "V-KEY"]),
        ("1,P,,,5,7\n2,P,,,6,8\n", ["DEST_ONE_RECORD", "DEST_ONE_RECORD"]),
    ],
)
def test_a_row_is_told_once_that_it_is_one_with_another(sage_shops, rows, codes):
    shop = sage_shops(catalog=CATALOG + 'quantity = { column = "level", optional = true }\n')
    run = shop.put("catalog.csv", f"sku,product,type,size,price,level\n{rows}")
    found = shop.rig.results(run).select("code", "faults").rows()
    assert found == [(code, 1) for code in codes]


def test_variants_that_are_not_mapped_are_told_what_to_map(shop):
    shop.put("catalog.csv", "sku,product,price\n1,P,5\n2,P,6\n")
    told = next((shop.rig.folder / "outbox").rglob("*.issues.csv")).read_text("utf-8-sig")
    assert "DEST_ONE_RECORD" in told
    assert "map what tells them apart (variant1_type and variant1_value" in told


def test_of_rows_that_are_one_record_the_last_is_sent_and_the_others_say_which(loose):
    shop = loose()
    rows = "sku,id,percentage\na,1,10\nb,1,15\na,2,20\na,3,30\n"
    run = shop.put("promotion1.csv", rows)
    assert discounts(shop.take()) == [("b", "15"), ("a", "30")]
    overtaken = ("superseded", "DEST_SAID", "row 5")
    states = told(shop, run)
    assert [row[0] for row in states] == ["superseded", "applied", "superseded", "applied"]
    assert states[0] == states[2] == overtaken
    again = shop.put("promotion2.csv", f"{rows}\n")
    assert shop.take() == {}, "what was overtaken is not sent over what overtook it"
    assert shop.rig.states(again) == {"superseded": 2, "unchanged": 2}


def test_of_files_that_go_together_the_newer_counts(loose):
    shop = loose()
    first = shop.rig.drop("promotion1.csv", "sku,id,percentage\na,1,10\n")
    shop.clock.advance(2)
    shop.put("promotion2.csv", "sku,id,percentage\na,2,20\n")
    assert discounts(shop.take()) == [("a", "20")]
    assert told(shop, first) == [("superseded", "DEST_SAID", "a newer file")]


COLOURS = "sku,product,id,percentage,command\n"
ON, END = "t-{},t,1,20,\n", "t-{},t,1,20,end\n"
GOES_ON = ("skipped", "DEST_GOES_ON")


def lasts(found):
    return [(one["productId"], one["dateTo"][:4]) for one in found["productspecialprices"]]


def test_rows_of_one_record_meet_in_whatever_parts_they_are_looked_at(shop, monkeypatch):
    monkeypatch.setattr("gateway.pipeline.across.parts_for", lambda _: 5)
    pairs = "".join(f"{n},P{n},Size,L,5\n{n + 100},P{n},Size,L,6\n" for n in range(20))
    run = shop.put("stock.csv", f"sku,product,type,size,level\n{pairs}")
    found = shop.rig.results(run).select("code", "detail").rows()
    assert found == [("DEST_ONE_RECORD", f"row {row + 1 - 2 * (row % 2)}") for row in range(2, 42)]


@pytest.mark.parametrize("dedupe", ["last", "refuse"])
def test_a_special_price_ends_with_the_last_article_it_runs_for(loose, dedupe):
    shop = loose(dedupe=dedupe)
    for number, size in enumerate("sml"):
        shop.put(f"promotion{number}.csv", COLOURS + ON.format(size))
        assert lasts(shop.take()) == [("t", "2027")]
    run = shop.put("promotion4.csv", COLOURS + END.format("m"))
    assert shop.take() == {}
    assert told(shop, run) == [(*GOES_ON, "t-l / t / 1 / 2027-01-01T00:00:00Z")]
    shop.put("promotion5.csv", COLOURS + END.format("l"))
    assert shop.take() == {}
    again = shop.put("promotion6.csv", COLOURS + END.format("m") + "\n")
    assert shop.take() == {}
    assert shop.rig.states(again) == {"unchanged": 1}, "its end is known"
    last = shop.put("promotion7.csv", COLOURS + END.format("s"))
    assert lasts(shop.take()) == [("t", "2026")]
    assert shop.rig.states(last) == {"applied": 1}
    shop.put("promotion8.csv", COLOURS + ON.format("m"))
    assert lasts(shop.take()) == [("t", "2027")], "and it can run again"


def test_articles_that_were_overtaken_in_their_file_go_on_too(loose):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("s") + ON.format("m"))
    assert lasts(shop.take()) == [("t", "2027")]
    run = shop.put("promotion2.csv", COLOURS + END.format("m"))
    assert shop.take() == {}
    assert told(shop, run) == [(*GOES_ON, "t-s / t / 1 / 2027-01-01T00:00:00Z")]
    shop.put("promotion3.csv", COLOURS + END.format("s"))
    assert lasts(shop.take()) == [("t", "2026")]


def test_what_ends_beside_what_goes_on_in_one_file_is_left_out(loose):
    shop = loose()
    run = shop.put("promotion1.csv", COLOURS + ON.format("s") + END.format("m"))
    assert lasts(shop.take()) == [("t", "2027")]
    assert told(shop, run) == [("applied", None, None), (*GOES_ON, "row 2")]
    shop.put("promotion2.csv", COLOURS + ON.format("l"))
    shop.take()
    both = shop.put("promotion3.csv", COLOURS + END.format("l") + END.format("s"))
    assert lasts(shop.take()) == [("t", "2026")]
    assert told(shop, both) == [("superseded", "DEST_SAID", "row 3"), ("applied", None, None)]


def test_what_ends_while_another_goes_on_waits_for_no_answer_about_that_one(loose):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("s"))
    shop.take()
    shop.put("promotion2.csv", COLOURS + "t-s,t,1,30,\n")
    run = shop.put("promotion3.csv", COLOURS + END.format("m"))
    assert told(shop, run) == [(*GOES_ON, "t-s / t / 1 / 2027-01-01T00:00:00Z")]


def test_what_an_older_file_still_says_does_not_go_on(loose):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("s") + ON.format("m"))
    shop.take()
    long_ago = shop.clock.now()
    shop.put("promotion2.csv", COLOURS + END.format("s"))
    assert shop.take() == {}
    late = shop.rig.drop("promotion1b.csv", COLOURS + ON.format("s") + "\n", long_ago)
    shop.put("promotion3.csv", COLOURS + END.format("m"))
    assert lasts(shop.take()) == [("t", "2026")]
    assert shop.rig.states(late) == {"superseded": 1}


def test_a_full_file_ends_what_it_leaves_out_when_nothing_of_it_goes_on(loose):
    shop = loose(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    other = "x,x,1,20,\n"
    shop.put("promotion1.csv", COLOURS + ON.format("s") + ON.format("m") + other)
    assert sorted(lasts(shop.take())) == [("t", "2027"), ("x", "2027")]
    shop.put("promotion2.csv", COLOURS + ON.format("m") + other)
    assert shop.take() == {}
    shop.put("promotion3.csv", COLOURS + other)
    assert lasts(shop.take()) == [("t", "2026")]


@pytest.mark.parametrize("seed", [5, 9])
def test_it_runs_as_long_as_any_of_its_articles_whatever_comes(loose, seed):
    shop, chance = loose(), random.Random(seed)  # noqa: S311  a seed makes the run repeatable
    goes_on, runs = dict.fromkeys("sml", False), False
    for number in range(6):
        said = {size: chance.random() < 0.5 for size in chance.sample("sml", chance.randint(1, 3))}
        rows = "".join((ON if on else END).format(size) for size, on in said.items())
        shop.put(f"promotion{number}.csv", COLOURS + rows + "\n" * number)
        goes_on |= said
        for record in shop.take().get("productspecialprices", []):
            runs = record["dateTo"].startswith("2027")
        assert runs is any(goes_on.values()), (number, said, goes_on)


JSON = PROMOTIONS.replace('"csv"\ndelimiter = ","\nencoding = "utf-8"', '"json"\nrecord = ""')


def test_rows_of_one_record_meet_however_far_apart_they_stand(loose, monkeypatch):
    monkeypatch.setattr("gateway.readers.json.BLOCK", 1)
    monkeypatch.setattr("gateway.delta.PART_ROWS", 1)
    shop = loose(promotions=JSON)
    rows = [{"sku": f"t-{size}", "product": "t", "id": "1", "percentage": f"{10 + n}"} for n, size in enumerate("sml")]
    run = shop.put("promotion1.json", json.dumps([*rows, {"sku": "x", "id": "1", "percentage": "5"}]))
    assert discounts(shop.take()) == [("t", "12"), ("x", "5")]
    overtaken = ("superseded", "DEST_SAID", "row 3")
    assert told(shop, run) == [overtaken, overtaken, ("applied", None, None), ("applied", None, None)]
    rows = [one | {"command": "end"} for one in rows]
    shop.put("promotion2.json", json.dumps([rows[0], rows[1]]))
    assert shop.take() == {}
    run = shop.put("promotion3.json", json.dumps([rows[2], rows[0] | {"id": "2"}]))
    assert lasts(shop.take()) == [("t", "2026")]


# ---------------------------------------------------------------- an answer that can't be read


def test_an_answer_that_cannot_be_read_holds_its_own_rows_and_says_so(shop):
    articles = shop.put("catalog.csv", "sku,price\na,100\n")
    levels = shop.put("stock.csv", "sku,level\nother,1\n")
    (name,) = [path.name for path in shop.out.glob("acme_productstocks_*.json")]
    (shop.results / name).symlink_to("/proc/self/mem")  # a file nobody can read, not even the superuser
    (shop.out / name).unlink()
    shop.take()
    assert shop.rig.states(articles) == {"applied": 1}
    assert shop.rig.states(levels) == {"pending": 1}
    troubles = {one.name: one.trouble for one in shop.rig.operations.lanes()}
    assert troubles["there/product/acme"] is None
    assert f"{name} can't be read" in troubles["there/stock/acme"]
    (shop.results / name).unlink()
    (shop.results / name).write_text('[{"originatorIdentifier": "other", "state": "accepted"}]')
    shop.take()
    assert shop.rig.states(levels) == {"applied": 1}
    assert {one.trouble for one in shop.rig.operations.lanes()} == {None}
