"""Full files with rows of which no key can be read: what they leave out nobody knows, so nothing of it is touched."""

import orjson
import pytest
from support.stock_rows import rows

from gateway.destinations.files import FilesDestination, FilesSettings
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


@pytest.mark.parametrize("unread", [",7\n", "K00,7,p,,,x,y,z\n", '"K00,7\n'])
def test_nothing_is_ended_while_a_row_has_no_readable_key(rigs, tmp_path, unread):
    rig, run = sent_twice(rigs, rows(*((key, 6) for key, _ in ALL[3:])) + unread)
    assert rig.states(run) == {"applied": 17, "rejected": 1}
    assert derived(rig, run) == {}
    summary = rig.operations.summary(run)
    assert summary.mode == "delta"
    (note,) = summary.notes
    assert note == (
        "Nothing that the full file leaves out was ended: 1 row has no readable key (row 19), and could be about any "
        "of it. Mend it; the next full file in which every key can be read ends what it leaves out."
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
