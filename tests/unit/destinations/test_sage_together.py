"""Rows that are one special price to Sage: what becomes of the one that is sent becomes of all of them."""

import functools
import json

import pytest

from gateway.testing.rig import Rig
from gateway.testing.sage_shop import CATALOG, PICTURES, PROMOTIONS, STOCK

COLOURS = "sku,product,id,percentage,command\n"
ON, END = "t-{},t,1,20,\n", "t-{},t,1,20,end\n"
SAID = ("superseded", "DEST_SAID")
FELL = ("refused", "DEST_TOGETHER")
FINE = ("applied", None, None)


@pytest.fixture
def loose(sage_shops):
    """Make shops whose special prices hold for whole products, and take the last of several rows about one."""
    return functools.partial(sage_shops, dedupe="last", promotion_variants="ignore")


def told(shop, run):
    return shop.rig.results(run).select("state", "code", "detail").rows()


def ends(found):
    return [(one["productId"], one["dateTo"][:4]) for one in found.get("productspecialprices", [])]


def answered(shop, state="accepted"):
    return ends(shop.take(state))


def test_rows_that_gave_way_are_open_until_the_row_that_is_sent_is_answered(loose):
    shop = loose()
    run = shop.put("promotion1.csv", COLOURS + ON.format("s") + ON.format("m"))
    assert told(shop, run) == [("pending", "DEST_SAID", "row 3"), ("pending", None, None)]
    assert answered(shop) == [("t", "2027")]
    assert told(shop, run) == [(*SAID, "row 3"), FINE]


def test_rows_that_gave_way_are_refused_with_the_row_that_was_sent(loose):
    shop = loose()
    rows = COLOURS + ON.format("s") + ON.format("m")
    run = shop.put("promotion1.csv", rows)
    assert answered(shop, "rejected") == [("t", "2027")]
    assert told(shop, run)[0] == (*FELL, "row 3")
    assert shop.rig.states(run) == {"refused": 2}
    errors = next((shop.rig.folder / "outbox").rglob("*.errors.csv")).read_text("utf-8-sig")
    assert "t-s,t" in errors
    assert "t-m,t" in errors
    again = shop.put("promotion2.csv", f"{rows}\n")
    assert answered(shop) == [("t", "2027")], "nothing of the record is taken for known"
    assert told(shop, again) == [(*SAID, "row 3"), FINE]


def test_what_never_came_about_does_not_go_on(loose):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("x"))
    answered(shop)
    shop.put("promotion2.csv", COLOURS + ON.format("s") + ON.format("m"))
    answered(shop, "rejected")
    run = shop.put("promotion3.csv", COLOURS + END.format("x"))
    assert answered(shop) == [("t", "2026")], "nothing else keeps the special price running"
    assert told(shop, run) == [FINE]


def test_what_came_about_goes_on(loose):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("s") + ON.format("m"))
    answered(shop)
    run = shop.put("promotion2.csv", COLOURS + END.format("m"))
    assert answered(shop) == []
    assert told(shop, run) == [("skipped", "DEST_GOES_ON", "t-s / t / 1 / 2027-01-01T00:00:00Z")]


GOES_ON = ("skipped", "DEST_GOES_ON", "t-s / t / 1 / 2027-01-01T00:00:00Z")


def look_again(shop):
    shop.clock.advance(61)
    shop.rig.advance(3)


@pytest.mark.parametrize(("state", "said", "sent"), [("accepted", GOES_ON, []), ("rejected", FINE, [("t", "2026")])])
def test_what_would_end_what_is_on_its_way_for_another_waits_for_the_answer(loose, state, said, sent):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("m"))
    answered(shop)
    shop.put("promotion2.csv", COLOURS + "t-s,t,1,30,\n")
    run = shop.put("promotion3.csv", COLOURS + END.format("m"))
    assert told(shop, run) == [("pending", None, None)]
    answered(shop, state)
    look_again(shop)
    assert answered(shop) == sent
    assert told(shop, run) == [said]


def test_what_gave_way_and_is_on_its_way_is_not_ended(loose):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("s") + ON.format("m"))
    run = shop.put("promotion2.csv", COLOURS + END.format("m"))
    assert told(shop, run) == [("pending", None, None)]
    answered(shop)
    look_again(shop)
    assert told(shop, run) == [GOES_ON]


def test_a_full_file_ends_later_what_went_on_by_a_row_that_is_refused(loose):
    shop = loose(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    other = "x,x,1,20,\n"
    shop.put("promotion1.csv", COLOURS + ON.format("m") + other)
    answered(shop)
    shop.put("promotion2.csv", COLOURS + ON.format("m") + "t-s,t,1,30,\n" + other)
    shop.put("promotion3.csv", COLOURS + "t-s,t,1,30,\n" + other)
    answered(shop, "rejected")
    answered(shop, "rejected")
    shop.put("promotion4.csv", COLOURS + other)
    assert answered(shop) == [("t", "2026")]


def test_what_was_there_before_stays_known_as_it_was(loose):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("s"))
    answered(shop)
    shop.put("promotion2.csv", COLOURS + "t-s,t,1,30,\n" + ON.format("m"))
    answered(shop, "rejected")
    run = shop.put("promotion3.csv", COLOURS + ON.format("s") + "\n")
    assert answered(shop) == []
    assert shop.rig.states(run) == {"unchanged": 1}


def test_an_end_that_was_left_out_for_a_row_that_is_refused_is_not_remembered(loose):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("m"))
    answered(shop)
    run = shop.put("promotion2.csv", COLOURS + "t-s,t,1,30,\n" + END.format("m"))
    assert told(shop, run)[1] == ("pending", "DEST_GOES_ON", "row 2")
    assert answered(shop, "rejected") == [("t", "2027")]
    assert told(shop, run)[1] == (*FELL, "row 2")
    last = shop.put("promotion3.csv", COLOURS + END.format("m") + "\n")
    assert answered(shop) == [("t", "2026")], "it was never ended"
    assert told(shop, last) == [FINE]


@pytest.mark.parametrize(("state", "said"), [("accepted", SAID), ("rejected", FELL)])
def test_rows_of_an_older_file_wait_for_the_newer_one_that_is_sent(loose, state, said):
    shop = loose()
    first = shop.rig.drop("promotion1.csv", COLOURS + ON.format("s"))
    shop.clock.advance(2)
    shop.put("promotion2.csv", COLOURS + ON.format("m"))
    assert told(shop, first) == [("pending", "DEST_SAID", "a newer file")]
    assert shop.rig.operations.run(first).state == "waiting"
    answered(shop, state)
    assert told(shop, first) == [(*said, "a newer file")]
    assert shop.rig.operations.run(first).state == "settled"


def test_a_full_file_ends_later_what_it_kept_for_a_row_that_is_refused(loose):
    shop = loose(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    other = "x,x,1,20,\n"
    shop.put("promotion1.csv", COLOURS + ON.format("m") + other)
    answered(shop)
    shop.put("promotion2.csv", COLOURS + ON.format("s") + other)
    assert answered(shop, "rejected") == [("t", "2027")]
    shop.put("promotion3.csv", COLOURS + other)
    assert answered(shop) == [("t", "2026")]


def test_rows_wait_together_where_the_one_that_counts_waits(loose):
    shop = loose()
    shop.put("catalog1.csv", "sku,product,price,type,size\nt-s,t,5,Size,S\n")
    shop.take()
    shop.put("catalog2.csv", "sku,product,price,type,size\nt-m,t,5,Size,M\n")
    run = shop.put("promotion1.csv", COLOURS + ON.format("s") + ON.format("m"))
    assert shop.rig.states(run) == {"pending": 2}
    assert told(shop, run)[0] == ("pending", None, None)
    assert list(shop.take("rejected")) == ["products"]
    assert answered(shop, "rejected") == [("t", "2027")]
    assert told(shop, run)[0] == (*FELL, "row 3")
    assert shop.rig.states(run) == {"refused": 2}


def test_of_rows_whose_record_is_there_already_nothing_is_open(loose):
    shop = loose()
    shop.put("promotion1.csv", COLOURS + ON.format("m"))
    answered(shop)
    run = shop.put("promotion2.csv", COLOURS + ON.format("s") + ON.format("m"))
    assert answered(shop) == []
    assert told(shop, run)[0] == (*SAID, "row 3")
    assert shop.rig.states(run) == {"superseded": 1, "unchanged": 1}
    last = shop.put("promotion3.csv", COLOURS + END.format("m"))
    assert told(shop, last)[0][:2] == ("skipped", "DEST_GOES_ON")


def test_rows_are_called_off_with_the_row_that_was_to_be_sent(loose):
    shop = loose()
    shop.put("promotion1.csv", "sku,id,percentage\na,1,10\n")  # its file is not taken: the next one waits
    run = shop.put("promotion2.csv", COLOURS + ON.format("s") + ON.format("m"))
    shop.rig.operations.cancel(run)
    shop.rig.advance(2)
    assert shop.rig.states(run) == {"skipped": 2}
    answered(shop)
    last = shop.put("promotion3.csv", COLOURS + END.format("s"))
    assert told(shop, last)[0][:2] == ("skipped", "DEST_NOTHING")


def test_a_refusal_that_comes_late_is_told_to_all_of_them(loose):
    shop = loose(deadline=600)
    run = shop.put("promotion1.csv", COLOURS + ON.format("s") + ON.format("m"))
    (file,) = shop.out.glob("*.json")
    body = file.read_bytes()
    file.unlink()
    shop.clock.advance(700)
    shop.rig.advance(3)
    assert shop.rig.states(run) == {"superseded": 1, "accepted": 1}
    file.write_bytes(body)
    shop.take("rejected")
    shop.clock.advance(3600)
    shop.rig.advance(3)
    assert told(shop, run)[0] == (*FELL, "row 3")
    assert shop.rig.states(run) == {"refused": 2}
    assert "correction-1.csv" in shop.rig.answers()


def test_levels_of_one_article_are_refused_together(sage_shops):
    shop = sage_shops(dedupe="last")
    run = shop.put("stock1.csv", "sku,product,type,size,level\n1,P,Size,L,5\n2,P,Size,L,6\n")
    shop.take("rejected")
    assert told(shop, run)[0] == (*FELL, "row 3")
    assert shop.rig.states(run) == {"refused": 2}


def test_rows_that_fell_together_are_known_after_a_restart(loose):
    shop = loose()
    run = shop.put("promotion1.csv", COLOURS + ON.format("s") + ON.format("m"))
    before = shop.rig
    before.close()
    shop.rig = Rig(before.folder, before.destination, shop.clock, mapping=CATALOG, more=(PROMOTIONS, STOCK, PICTURES))
    assert told(shop, run) == [("pending", "DEST_SAID", "row 3"), ("pending", None, None)]
    answered(shop, "rejected")
    assert told(shop, run)[0] == (*FELL, "row 3")


def with_stock(shop, stock):
    """Give the shop another mapping of stock."""
    before = shop.rig
    before.close()
    shop.rig = Rig(before.folder, before.destination, shop.clock, mapping=CATALOG, more=(PROMOTIONS, stock, PICTURES))
    return shop


@pytest.mark.parametrize(("state", "said"), [("accepted", SAID), ("rejected", FELL)])
def test_rows_that_were_summed_are_told_the_same(sage_shops, state, said):
    shop = with_stock(sage_shops(dedupe="last"), f'{STOCK}[group]\nby = ["sku"]\nsum = ["quantity"]\n')
    run = shop.put("stock1.csv", "sku,product,type,size,level\n1,P,Size,L,5\n1,P,Size,L,3\n2,P,Size,L,6\n")
    assert shop.take(state)["productstocks"][0]["stock"] == 6
    assert told(shop, run)[:2] == [(*said, "row 4")] * 2


def test_rows_of_one_record_fall_together_in_whatever_parts_they_are_looked_at(sage_shops, monkeypatch):
    monkeypatch.setattr("gateway.readers.json.BLOCK", 1)
    monkeypatch.setattr("gateway.delta.PART_ROWS", 1)
    json_stock = STOCK.replace('"csv"\ndelimiter = ","\nencoding = "utf-8"', '"json"\nrecord = ""')
    shop = with_stock(sage_shops(dedupe="last"), json_stock)
    rows = [{"sku": f"{n}", "product": "P", "type": "Size", "size": "L", "level": f"{n}"} for n in range(3)]
    run = shop.put("stock1.json", json.dumps([*rows, {"sku": "x", "level": "5"}]))
    assert [one["stock"] for one in shop.take("rejected")["productstocks"]] == [2]
    assert [one["stock"] for one in shop.take()["productstocks"]] == [5], "a file of its own: other parts"
    assert told(shop, run) == [(*FELL, "row 3")] * 2 + [told(shop, run)[2], FINE]
    assert shop.rig.states(run) == {"refused": 3, "applied": 1}
