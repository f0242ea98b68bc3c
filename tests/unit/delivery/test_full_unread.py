"""Full files with rows of which no key can be read: what they leave out nobody knows, so nothing of it is touched."""

import orjson
import pytest
from support.stock_rows import rows

from gateway.destinations.files import FilesDestination, FilesSettings
from gateway.testing.clock import at
from gateway.testing.hostile import Step
from gateway.testing.sage_shop import Shop
from gateway.testing.texts import mapping

ALL = [(f"K{n:02d}", 5) for n in range(20)]
PROMOTIONS = mapping(
    "promotion",
    """promotion_id = "id"
sku = "sku"
percentage = "percentage"
starts_at = { column = "starts", date = "dd-MM-yyyy" }
ends_at = { column = "ends", date = "dd-MM-yyyy" }
""",
)
HEAD = "id,sku,percentage,starts,ends\n"
XML = """contract = "stock"
version = 1
[format]
kind = "xml"
record = "/lijst/artikel"
[fields]
sku = "nummer"
quantity = "stand"
"""


def derived(rig, run):
    return rig.settler.rows(rig.operations.run(run)).states.derived


def sent_twice(rigs, second, first=ALL, **route):
    """Take two files of a full route; returns the rig and the second run."""
    rig = rigs(route={"mode": "full", "absent": "end", **route})
    rig.drop("1.csv", rows(*first))
    rig.advance()
    rig.clock.advance(10)
    run = rig.drop("2.csv", second)
    rig.advance()
    return rig, run


STAY = "known keys that it leaves out stay as they are."


@pytest.mark.parametrize(
    ("unread", "kept"), [(",7\n", f"3 {STAY}"), ("K00,7,p,,,x,y,z\n", f"2 {STAY}"), ('"K00,7\n', f"3 {STAY}")]
)
def test_nothing_is_ended_while_a_row_has_no_readable_key(rigs, tmp_path, unread, kept):
    rig, run = sent_twice(rigs, rows(*((key, 6) for key, _ in ALL[3:])) + unread)
    assert rig.states(run) == {"applied": 17, "rejected": 1}
    assert derived(rig, run) == {}
    summary = rig.operations.summary(run)
    assert summary.mode == "delta"
    (note,) = summary.notes
    assert note == (
        "Nothing that the full file leaves out was ended: 1 row has no readable key (row 19), and could be about any "
        f"of it. {kept} Mend it; the next full file in which every key can be read ends what it leaves out."
    )
    assert "Nothing that the full file leaves out was ended: 1 row has no readable key." in summary.verdict
    assert rig.ack("2.csv")["notes"] == summary.notes
    rig.clock.advance(10)
    sound = rig.drop("3.csv", rows(*ALL[3:]))
    rig.advance()
    assert derived(rig, sound) == {"applied": 3}


def test_many_rows_without_a_key_are_counted_and_the_first_named(rigs):
    rig, run = sent_twice(rigs, rows(*ALL[3:]) + ",7\n" * 7)
    (note,) = rig.operations.run(run).notes
    assert "7 rows have no readable key (rows 19, 20, 21, 22, 23 and 2 more), and could be about any of it." in note


@pytest.mark.parametrize(
    ("there", "route", "kept"),
    [
        (ALL, {}, "No known key is left out."),
        (ALL[1:], {}, "1 known key that it leaves out stays as it is."),
        ([*ALL[1:], ("new", 1)], {"absent": "zero"}, "1 known key that it leaves out stays as it is."),
        (ALL[5:], {"absent": "zero"}, "4 known keys that it leaves out stay as they are."),
    ],
)
def test_the_note_counts_the_known_keys_that_are_kept(rigs, there, route, kept):
    first = [("K00", 5), ("K01", 0), *ALL[2:]]
    rig, run = sent_twice(rigs, rows(*there) + ",7\n", first, **route)
    (note,) = rig.operations.run(run).notes
    assert kept in note


def test_what_is_still_under_way_counts_as_known(rigs):
    rig = rigs(Step(polls=9), route={"mode": "full", "absent": "end"})
    rig.put("1.csv", rows(*ALL))
    run = rig.put("2.csv", rows(*ALL[3:]) + ",7\n")
    assert f"3 {STAY}" in rig.operations.run(run).notes[0]


def test_promotions_that_are_shown_as_prices_are_counted_as_such(shop):
    here = shop(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    here.prices(*((sku, 20) for sku in "abc"))
    rows_of = [("X", sku, 15, at(-3), at(5)) for sku in "abc"]
    here.promotions(("Y", "c", 15, at(-3), at(-1)), *rows_of, columns="id,sku,price,starts,ends")
    run = here.promotions(rows_of[0], ("X", "", 15, at(-3), at(5)), columns="id,sku,price,starts,ends")
    assert f"2 {STAY}" in here.rig.operations.run(run).notes[0]
    prices = here.prices(("a", 20), ("", 20))
    assert f"2 {STAY}" in here.rig.operations.run(prices).notes[0]


def test_nor_is_one_that_is_shown_as_a_price_ended_by_its_own_faulty_row(shop):
    here = shop(route={"mode": "full", "absent": "end", "guard": {"off": True}})
    here.prices(*((sku, 20) for sku in "abc"))
    columns = "id,sku,price,starts,ends"
    here.promotions(*(("X", sku, 15, at(-3), at(5)) for sku in "abc"), columns=columns)
    run = here.promotions(("X", "a", "x", at(-3), at(9)), ("X", "b", 15, at(-3), at(5)), columns=columns)
    assert here.sent()[6:] == [("c", "20")]
    assert derived(here.rig, run) == {"applied": 1}


@pytest.mark.parametrize(
    ("faulty", "route"),
    [("K00,x\n", {}), ("K00,-1\nK00,-1\n", {}), ("", {}), (",7\n", {"absent": "keep"}), (",7\n", {"mode": "delta"})],
)
def test_rows_whose_key_can_be_read_and_routes_that_end_nothing_change_nothing(rigs, faulty, route):
    first = [*ALL, ("gone", 1)]
    rig, run = sent_twice(rigs, rows(*ALL[1:], *([] if faulty else ALL[:1])) + faulty, first, **route)
    assert derived(rig, run) == ({} if route else {"applied": 1})
    assert rig.operations.run(run).notes == []


def test_the_errors_file_of_such_a_file_is_a_delta_file_like_any_other(rigs):
    rig, first = sent_twice(rigs, rows(*ALL[3:]) + ",7\n")
    (errors,) = (rig.folder / "outbox/acme").glob("2.csv.*.errors.csv")
    rig.clock.advance(10)
    run = rig.drop(errors.name, errors.read_text("utf-8-sig").replace(",,7", ",K00,7"))
    rig.advance()
    assert derived(rig, run) == {}
    assert rig.operations.run(run).notes == [f"The file brings back rows that failed in run {first}."]


def test_nor_does_it_speak_of_what_it_leaves_out_while_a_key_is_still_missing(rigs):
    rig, _ = sent_twice(rigs, rows(*ALL[3:]) + ",7\n")
    (errors,) = (rig.folder / "outbox/acme").glob("2.csv.*.errors.csv")
    rig.clock.advance(10)
    run = rig.drop(errors.name, errors.read_text("utf-8-sig").replace(",,7", ",,8"))
    rig.advance()
    assert "leaves out" not in rig.operations.summary(run).verdict
    assert len(rig.operations.run(run).notes) == 1


@pytest.mark.parametrize(("absent", "done"), [("end", "ended"), ("zero", "set to 0")])
@pytest.mark.parametrize(("limited", "policy"), [(False, {}), (True, {"reject_share": 0.5})])
def test_a_file_of_which_no_row_is_sent_says_that_nothing_is_ended(rigs, absent, done, limited, policy):
    faulty = rows(*((key, "x") for key, _ in ALL[3:]))
    rig, run = sent_twice(rigs, faulty, absent=absent, **({"policy": policy} if limited else {}))
    assert derived(rig, run) == {}
    said = f"Nothing that the full file leaves out was {done}: none of its rows is sent."
    summary = rig.operations.summary(run)
    assert summary.verdict.endswith(f" {said}")
    does = {"end": "ends what it leaves out", "zero": "sets what it leaves out to 0"}[absent]
    if not limited:
        assert summary.notes == [f"{said} 3 {STAY} The next full file with a row that is sent {does}."]
        assert rig.ack("2.csv")["notes"] == summary.notes


@pytest.mark.parametrize("route", [{"absent": "keep"}, {"mode": "delta"}])
def test_where_nothing_would_be_ended_nothing_is_said_of_it(rigs, route):
    rig, run = sent_twice(rigs, rows(*((key, "x") for key, _ in ALL[3:])), **route)
    assert rig.operations.run(run).notes == []
    assert "leaves out" not in rig.operations.summary(run).verdict


@pytest.mark.parametrize("number", ["<nummer></nummer>", "", "<nummer>K00</nummer><nummer>K00</nummer>"])
def test_an_article_is_not_set_to_zero_by_its_own_faulty_record(tmp_path, clock, on, number):
    def document(found, more=""):
        records = "".join(f"<artikel><nummer>{key}</nummer><stand>{count}</stand></artikel>" for key, count in found)
        return f"<lijst>{records}{more}</lijst>"

    settings = FilesSettings(folder=tmp_path / "out", format="json", contract="stock")
    (tmp_path / "out").mkdir()
    made = FilesDestination(settings, clock=clock, account="there", name="there")
    rig = on(made, tmp_path / "gateway", XML, {"mode": "full", "absent": "zero"})
    rig.drop("1.xml", document(ALL))
    rig.advance()
    clock.advance(60)
    run = rig.drop("2.xml", document([(key, 4) for key, _ in ALL[1:]], f"<artikel>{number}<stand>3</stand></artikel>"))
    rig.advance()
    sent = [orjson.loads(p.read_bytes()) for p in sorted((tmp_path / "out").iterdir())]
    assert {str(one["quantity"]) for batch in sent for one in batch if one["sku"] == "K00"} == {"5"}
    assert rig.states(run) == {"applied": 19, "rejected": 1}
    assert "Nothing that the full file leaves out was set to 0" in rig.operations.summary(run).verdict
    clock.advance(60)
    rig.drop("3.xml", document(ALL[1:]))
    rig.advance()
    last = [orjson.loads(p.read_bytes()) for p in sorted((tmp_path / "out").iterdir())]
    assert "0" in {str(one["quantity"]) for batch in last for one in batch if one["sku"] == "K00"}


@pytest.mark.parametrize("faulty", ["N,a,20,20-11-2026,15-13-2027\n", "N,a,20,20-11-2026,15-11-2026\n"])
def test_a_running_special_price_is_not_ended_by_its_own_mistyped_date(tmp_path, faulty):
    route = {"mode": "full", "absent": "end", "guard": {"off": True}, "zone": "UTC"}
    shop = Shop(tmp_path, promotions=PROMOTIONS, route=route)
    running = "".join(f"N,{sku},20,20-11-2026,15-01-2027\n" for sku in "abc")
    shop.rig.drop("promotion1.csv", HEAD + running)
    shop.rig.advance(2)
    shop.take()
    shop.clock.advance(2)
    run = shop.rig.drop("promotion2.csv", f"{HEAD}{faulty}N,b,20,20-11-2026,15-02-2027\n")
    shop.rig.advance(2)
    assert [(one["productId"], one["dateTo"][:10]) for one in shop.take()["productspecialprices"]] == [
        ("b", "2027-02-15")
    ]
    assert derived(shop.rig, run) == {}
    shop.clock.advance(2)
    shop.rig.drop("promotion3.csv", f"{HEAD}N,a,20,20-11-2026,15-01-2027\nN,b,20,20-11-2026,15-02-2027\n")
    shop.rig.advance(2)
    assert {one["productId"] for one in shop.take()["productspecialprices"]} == {"c"}
    shop.rig.close()


@pytest.mark.parametrize(
    "faulty", ["N,a,x,20-11-2026,15-02-2027\n", "N,a,200,20-11-2026,15-02-2027\n", "N,a,x,25-11-2026,15-01-2027\n"]
)
def test_nor_is_it_ended_by_its_own_faulty_row_that_changes_its_dates(tmp_path, faulty):
    route = {"mode": "full", "absent": "end", "guard": {"off": True}, "zone": "UTC"}
    shop = Shop(tmp_path, promotions=PROMOTIONS, route=route)
    shop.rig.drop("promotion1.csv", HEAD + "".join(f"N,{sku},20,20-11-2026,15-01-2027\n" for sku in "abc"))
    shop.rig.advance(2)
    shop.take()
    shop.clock.advance(2)
    run = shop.rig.drop("promotion2.csv", f"{HEAD}{faulty}N,b,20,20-11-2026,15-01-2027\n")
    shop.rig.advance(2)
    assert [one["productId"] for one in shop.take()["productspecialprices"]] == ["c"]
    assert derived(shop.rig, run) == {"applied": 1}
    shop.clock.advance(2)
    shop.rig.drop("promotion3.csv", f"{HEAD}N,a,x,20-11-2026,15-01-2027\nN,b,20,20-11-2026,15-01-2027\n")
    shop.rig.drop("promotion4.csv", f"{HEAD}N,b,20,20-11-2026,15-01-2027\n")
    shop.rig.advance(2)
    assert [one["productId"] for one in shop.take()["productspecialprices"]] == ["a"]
    shop.rig.close()


def test_special_prices_whose_dates_only_move_are_not_counted_as_left_out(tmp_path):
    route = {"mode": "full", "absent": "end", "guard": {"off": True}, "zone": "UTC"}
    shop = Shop(tmp_path, promotions=PROMOTIONS, route=route)
    shop.rig.drop("promotion1.csv", HEAD + "".join(f"N,{sku},20,20-11-2026,15-01-2027\n" for sku in "abcd"))
    shop.rig.advance(2)
    shop.take()
    shop.clock.advance(2)
    moved = "".join(f"N,{sku},20,20-11-2026,15-02-2027\n" for sku in "abc")
    run = shop.rig.drop("promotion2.csv", f"{HEAD}{moved},,20,20-11-2026,15-13-2027\n")
    shop.rig.advance(2)
    (note,) = shop.rig.operations.run(run).notes
    assert "1 known key that it leaves out stays as it is." in note
    shop.rig.close()
