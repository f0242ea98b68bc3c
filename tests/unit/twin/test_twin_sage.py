"""The Sage twin's folders: reading, vanishing, answering, and everything that goes wrong on demand."""

import base64
import json
import os
import time

import pytest

from gateway.errors import SettingsError
from gateway.twin.clock import TwinClock
from gateway.twin.sage import ANNOUNCEMENT, SageTwin, SageTwinSettings
from gateway.twin.sage_answers import UNKNOWN_STATE

STAMP = "2024-05-02T09:29:58Z"


def record(product="A", stock=5, timestamp=STAMP, **more):
    return {"productId": product, "stock": stock, "timestamp": timestamp, **more}


class Office:
    """A twin moved by hand."""

    def __init__(self, root, state_file=None, **settings):
        self.twin = SageTwin(
            root / "in", root / "out", settings=SageTwinSettings(**settings), clock=TwinClock(), state_file=state_file
        )
        for folder in (self.twin.inbox, self.twin.results):
            folder.mkdir(exist_ok=True)

    def put(self, batch="b-1", *records, name=None):
        path = self.twin.inbox / (name or f"main_productstocks_{batch}_0001.json")
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(json.dumps(list(records) or [record()]))
        temporary.replace(path)
        return path

    def after(self, seconds):
        self.twin.step()
        self.twin.clock.advance(seconds)
        self.twin.step()

    def answers(self):
        return {path.name: json.loads(path.read_text()) for path in sorted(self.twin.results.iterdir())}

    def work(self):
        """Long enough for reading and answering, in this order."""
        self.after(20)
        self.after(30)


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


def accepted(key="A", number="SG-000001"):
    return {"originatorIdentifier": key, "state": "accepted", "productIdentifier": number}


def test_a_batch_is_read_vanishes_and_is_answered(office):
    path = office.put()
    office.after(19)
    assert path.exists()
    office.after(2)
    assert not path.exists()
    assert office.twin.stock() == {"A": "5"}
    assert office.answers() == {}
    office.after(30)
    assert office.answers() == {"b-1_0001.json": [accepted()]}
    assert list(office.twin.inbox.iterdir()) == []
    assert office.twin.violations() == []


def test_the_ledger_keeps_variants_apart_and_the_audit_counts(office):
    variant = {"variant1Type": "Size", "variant1Value": "XL", "variant2Type": "Color", "variant2Value": "Blue"}
    office.put("b-1", record(), record(**variant, stock=2.5))
    office.work()
    office.put("b-2", record(stock=7))
    office.work()
    assert office.twin.stock() == {"A": "7", "A/XL/Blue": "2.5"}
    effects = office.twin.effects("A")
    assert [(effect.batch_id, effect.value, effect.before) for effect in effects] == [
        ("b-1", "5", None),
        ("b-2", "7", "5"),
    ]
    assert len(office.twin.effects()) == 3
    assert office.answers()["b-2_0001.json"] == [accepted()]
    assert office.twin.read_files() == ["main_productstocks_b-1_0001.json", "main_productstocks_b-2_0001.json"]


def test_bad_records_are_rejected_with_reasons_and_good_ones_taken(office):
    office.put("b-1", record("A"), record("B", "five"), record("", 1))
    office.work()
    good, bad, nameless = office.answers()["b-1_0001.json"]
    assert good == accepted()
    assert bad == {
        "originatorIdentifier": "B",
        "state": "rejected",
        "failureReason": ["C-TYPE: stock is not a number"],
    }
    assert nameless["originatorIdentifier"] == "#3"
    assert office.twin.stock() == {"A": "5"}


@pytest.mark.parametrize(("skip", "state", "stock"), [([], "skipped", "5"), (["C-STALE"], "accepted", "9")])
def test_stale_records(tmp_path, skip, state, stock):
    office = Office(tmp_path, skip_rules=frozenset(skip))
    office.put("b-1")
    office.work()
    office.put("b-2", record(stock=9, timestamp="2024-05-02T09:29:57Z"))
    office.work()
    assert office.answers()["b-2_0001.json"][0]["state"] == state
    assert office.twin.stock() == {"A": stock}
    assert len(office.twin.effects()) == (1 if state == "skipped" else 2)


def test_the_same_timestamp_is_taken_again(office):
    for batch in ("b-1", "b-1"):
        office.put(batch)
        office.work()
    assert len(office.twin.effects()) == 2


def test_a_batch_beyond_the_limit_is_rejected_whole(tmp_path):
    office = Office(tmp_path, max_records=1)
    office.put("b-1", record("A"), record("B"))
    office.work()
    assert [item["state"] for item in office.answers()["b-1_0001.json"]] == ["rejected", "rejected"]
    assert [violation.kind for violation in office.twin.violations()] == ["refused"]
    assert office.twin.stock() == {}


def test_an_unreadable_file_gets_no_answer(office):
    path = office.put()
    path.write_text("[{")
    office.work()
    assert office.answers() == {}
    assert [violation.kind for violation in office.twin.violations()] == ["unreadable"]


def test_a_new_file_of_a_scope_loses_the_unread_one(office):
    first = office.put("b-1")
    office.after(10)
    office.put("b-2", record(stock=6))
    office.twin.step()
    assert not first.exists()
    office.work()
    assert office.twin.stock() == {"A": "6"}
    assert list(office.answers()) == ["b-2_0001.json"]
    lost = office.twin.violations("overwritten")
    assert [violation.file for violation in lost] == ["main_productstocks_b-1_0001.json"]


def test_two_files_seen_at_once_are_told_apart_by_their_time(office):
    newer, older = office.put("b-1"), office.put("b-2", record(stock=6))
    os.utime(older, ns=(10**18, 10**18))
    office.work()
    assert not newer.exists()
    assert list(office.answers()) == ["b-1_0001.json"]
    assert len(office.twin.violations("overwritten")) == 1


def test_files_queue_where_more_than_the_latest_is_kept(tmp_path):
    office = Office(tmp_path, latest_only=False)
    office.put("b-1")
    office.after(10)
    office.put("b-2", record(stock=6))
    office.work()
    office.work()
    assert list(office.answers()) == ["b-1_0001.json", "b-2_0001.json"]
    assert office.twin.stock() == {"A": "6"}
    assert office.twin.violations() == []


def test_the_same_name_written_again_is_counted(office):
    office.put("b-1")
    office.after(10)
    office.put("b-1", record(stock=6))
    office.work()
    assert len(office.twin.violations("overwritten")) == 1
    assert [effect.value for effect in office.twin.effects()] == ["6"]


def test_other_profiles_have_their_own_scope(office):
    office.put("b-1", name="uk_productstocks_b-1_0001.json")
    office.put("b-2", record("B"), name="es_shop_productstocks_b-2_0001.json")
    office.work()
    assert list(office.answers()) == ["b-1_0001.json", "b-2_0001.json"]
    assert office.twin.violations() == []


def test_a_file_that_its_writer_took_back_is_forgotten(office):
    path = office.put()
    office.after(10)
    path.unlink()
    office.work()
    assert (office.answers(), office.twin.violations()) == ({}, [])


def test_a_file_taken_back_in_the_very_moment_of_reading(office):
    path = office.put()
    office.twin.step()
    office.twin.clock.advance(20)
    item = office.twin._due()[0]
    path.unlink()
    office.twin._take(item)
    assert office.twin.read_files() == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stock.json", "file_name"),
        ("main_productstocks_b-1.json", "file_name"),
        ("main_productstocks_b-1_1.json", "file_name"),
        ("main_customers_b-1_0001.json", "scope"),
    ],
)
def test_odd_names_are_left_and_counted_once(office, name, kind):
    path = office.put(name=name)
    office.work()
    assert path.exists()
    assert [violation.kind for violation in office.twin.violations()] == [kind]


def test_unfinished_files_are_not_looked_at(office):
    for name in (".main_productstocks_b_0001.json", "main_productstocks_b_0001.json.tmp"):
        (office.twin.inbox / name).write_text("[")
    office.work()
    assert office.twin.violations() == []


def test_no_reader_at_all(office):
    office.twin.faults.no_reader = 1
    path = office.put()
    office.after(10_000_000)
    assert path.exists()
    office.twin.faults.no_reader = 0
    office.work()
    assert office.answers() == {"b-1_0001.json": [accepted()]}


def test_without_a_reader_files_are_still_lost(office):
    office.twin.faults.no_reader = 1
    office.put("b-1")
    office.twin.step()
    office.put("b-2")
    office.twin.step()
    assert len(office.twin.violations("overwritten")) == 1


def test_a_late_answer(office):
    office.twin.faults.late = 1
    office.put()
    office.work()
    assert office.answers() == {}
    office.after(600)
    assert office.answers() == {"b-1_0001.json": [accepted()]}


def test_an_answer_in_parts(office):
    office.twin.faults.parts = 1
    office.put("b-1", *[record(f"P{n}") for n in range(5)])
    office.work()
    assert list(office.answers()) == ["b-1_0001_part1.json"]
    office.after(2)
    parts = office.answers()
    assert [len(part) for part in parts.values()] == [2, 2, 1]
    assert [item["originatorIdentifier"] for part in parts.values() for item in part] == ["P0", "P1", "P2", "P3", "P4"]


def test_an_answer_twice(office):
    office.twin.faults.twice = 1
    office.put()
    office.work()
    office.after(30)
    assert office.answers() == {"b-1_0001.json": [accepted()], "b-1_0001_again.json": [accepted()]}


def test_an_answer_for_a_batch_nobody_sent(office):
    office.twin.faults.unknown_batch = 1
    office.put()
    office.work()
    assert list(office.answers()) == ["b-1_0001.json", "ghost-b-1_0001.json"]
    assert office.answers()["ghost-b-1_0001.json"][0]["state"] == "rejected"


def test_a_state_of_no_vocabulary(office):
    office.twin.faults.unknown_state = 1
    office.put()
    office.work()
    assert office.answers()["b-1_0001.json"][0]["state"] == UNKNOWN_STATE


def test_a_cut_off_answer_is_replaced_later(office):
    office.twin.faults.garbage = 1
    office.put()
    office.work()
    path = office.twin.results / "b-1_0001.json"
    with pytest.raises(json.JSONDecodeError):
        json.loads(path.read_text())
    office.after(600)
    assert json.loads(path.read_text()) == [accepted()]


def test_pending_first(office):
    office.twin.faults.pending = 1
    office.put()
    office.work()
    assert office.answers() == {"b-1_0001_pending.json": [{"originatorIdentifier": "A", "state": "pending"}]}
    office.after(30)
    assert office.answers()["b-1_0001.json"] == [accepted()]


def test_read_but_never_answered(office):
    office.twin.faults.no_answer = 1
    office.put()
    office.work()
    office.after(10_000_000)
    assert (office.answers(), office.twin.stock()) == ({}, {"A": "5"})


def test_everything_rejected(office):
    office.twin.faults.reject = 1
    office.put()
    office.work()
    assert office.answers()["b-1_0001.json"][0]["state"] == "rejected"
    assert office.twin.effects() == []


def test_sales_lower_the_stock(office):
    office.put()
    office.work()
    assert office.twin.drift("A", 3) == "2"
    assert office.twin.drift("A", 3) == "0"
    with pytest.raises(SettingsError, match="'Z'"):
        office.twin.drift("Z", 1)


def test_the_state_outlives_the_twin(tmp_path):
    file = tmp_path / "sage.json"
    office = Office(tmp_path, state_file=file)
    office.put("b-1", record(), record("B", -1))
    office.put("b-2", name="odd.json")
    office.after(20)
    later = Office(tmp_path, state_file=file)
    assert later.twin.stock() == {"A": "5"}
    assert later.twin.effects() == office.twin.effects()
    assert later.twin.violations() == office.twin.violations()
    later.twin.clock.advance(60)
    later.twin.step()
    assert len(later.answers()["b-1_0001.json"]) == 2


def wait_for(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not happen within 5 s")


def test_it_works_by_itself_and_announces_its_speed(tmp_path):
    with SageTwin(tmp_path / "in", tmp_path / "out", speed=3000) as twin:
        about = json.loads((twin.inbox / ANNOUNCEMENT).read_text())
        assert about == {"system": "sage", "speed": 3000.0, "pid": os.getpid()}
        twin.start()
        written = tmp_path / "batch"
        written.write_text(json.dumps([record()]))
        written.rename(twin.inbox / "main_productstocks_b-1_0001.json")
        wait_for((twin.results / "b-1_0001.json").exists)
        assert twin.stock() == {"A": "5"}
    assert not (twin.inbox / ANNOUNCEMENT).exists()
    twin.stop()


def test_a_folder_that_is_away_is_looked_for_again(tmp_path):
    with SageTwin(tmp_path / "in", tmp_path / "out", speed=3000) as twin:
        twin.inbox.rename(tmp_path / "away")
        wait_for(lambda: "in" in twin.trouble)
        (tmp_path / "away").rename(twin.inbox)
        wait_for(lambda: twin.trouble == "")


# ---------------------------------------------------------------- products, special prices, pictures

SHIRT = {
    "id": "TS-100", "name": "T-shirt", "netPrice": 19.99, "tax": 21, "discountByUnit": False, "available": True,
    "variant1Type": "Size", "variant1Value": "XL", "timestamp": STAMP,
}  # fmt: skip
PRICE = {"productId": "TS-100", "discount": "15", "discountByUnit": False, "dateTo": STAMP, "timestamp": STAMP}
DOT = base64.b64encode(b"GIF89a" + b"\0" * 30).decode()
PICTURE = {"productId": "TS-100", "order": 1, "picture": DOT, "timestamp": STAMP}


def put_all(office, *files, batch="b-1"):
    for scope, records in files:
        office.put(batch, *records, name=f"main_{scope}_{batch}_0001.json")
    office.work()
    return [item for answer in office.answers().values() for item in answer]


def test_every_scope_has_its_own_file_and_its_own_shelf(office):
    level = {"productId": "TS-100", "stock": 4, "variant1Type": "Size", "variant1Value": "XL", "timestamp": STAMP}
    scopes = {"products": SHIRT, "productstocks": level, "productspecialprices": PRICE, "productpictures": PICTURE}
    for number, (scope, one) in enumerate(scopes.items(), 1):
        office.put(f"b-{number}", one, name=f"main_{scope}_b-{number}_0001.json")
    office.work()
    said = [item["originatorIdentifier"] for answer in office.answers().values() for item in answer]
    assert said == ["TS-100/XL", "TS-100/XL", f"TS-100/////{STAMP}////", "TS-100#1"]
    assert office.twin.violations() == []
    assert office.twin.stock() == {"TS-100/XL": "4"}
    assert office.twin.products()["TS-100/XL"]["netPrice"] == "19.99"
    (special,) = office.twin.special_prices().values()
    assert special["discount"] == "15"
    picture = office.twin.pictures()["TS-100#1"]["picture"]
    assert (picture["kind"], picture["bytes"]) == ("gif", 36)
    (row,) = office.twin.shop()
    assert (row.key, row.name, row.available, row.net_price, row.tax, row.stock) == (
        "TS-100/XL", "T-shirt", True, "19.99", "21", "4"
    )  # fmt: skip
    assert row.special_prices == (f"15 until {STAMP}",)
    assert row.pictures == ("gif of 36 bytes",)
    assert [effect.scope for effect in office.twin.effects()] == list(scopes)
    assert [effect.value for effect in office.twin.effects(scope="products")] == ["19.99"]


def test_what_refers_to_a_product_needs_it(tmp_path):
    office = Office(tmp_path, products=frozenset({"OLD"}))
    early = put_all(office, ("productstocks", [record("TS-100"), record("OLD")]))
    assert [(item["state"], item.get("failureReason")) for item in early] == [
        ("rejected", ["V-REF: there is no such product"]),
        ("accepted", None),
    ]
    put_all(office, ("products", [SHIRT]), batch="b-2")
    other = {"variant1Type": "Size", "variant1Value": "S"}
    put_all(office, ("productstocks", [record("TS-100", variant1Type="Size", variant1Value="XL")]), batch="b-3")
    put_all(office, ("productpictures", [PICTURE, PICTURE | other]), batch="b-4")
    answers = office.answers()
    assert [item["state"] for item in answers["b-3_0001.json"]] == ["accepted"]
    assert [item["state"] for item in answers["b-4_0001.json"]] == ["accepted", "rejected"]


def test_a_product_that_is_off_sale_stays_on_the_shelf(office):
    put_all(office, ("products", [SHIRT]))
    put_all(office, ("products", [SHIRT | {"available": False}]), batch="b-2")
    assert [row.available for row in office.twin.shop()] == [False]


@pytest.mark.parametrize(("which", "count"), [("without_end", 1), ("whole", 2)])
def test_whether_the_end_of_a_special_price_can_be_moved(tmp_path, which, count):
    office = Office(tmp_path, special_price_key=which)
    put_all(office, ("productspecialprices", [PRICE | {"dateTo": "2024-06-30T21:59:59Z"}]))
    put_all(office, ("productspecialprices", [PRICE]), batch="b-2")
    ends = [fields["dateTo"] for fields in office.twin.special_prices().values()]
    assert (len(ends), ends[-1]) == (count, STAMP)


@pytest.mark.parametrize("scope", ["products", "productspecialprices", "productpictures"])
def test_stale_records_of_every_scope_are_skipped(office, scope):
    one = {"products": SHIRT, "productspecialprices": PRICE, "productpictures": PICTURE}[scope]
    put_all(office, (scope, [one]))
    put_all(office, (scope, [one | {"timestamp": "2024-05-02T09:29:57Z"}]), batch="b-2")
    assert office.answers()["b-2_0001.json"][0]["state"] == "skipped"


@pytest.mark.parametrize("scope", ["products", "productspecialprices", "productpictures"])
@pytest.mark.parametrize("fault", ["late", "parts", "twice", "unknown_batch", "unknown_state", "pending"])
def test_answers_go_wrong_in_every_scope(office, scope, fault):
    office.twin.faults.set({fault: 1, "late_seconds": 1.0})
    one = {"products": SHIRT, "productspecialprices": PRICE, "productpictures": PICTURE}[scope]
    put_all(office, (scope, [one]))
    office.after(100)
    states = {item["state"] for answer in office.answers().values() for item in answer}
    strange = {"unknown_state": {UNKNOWN_STATE}, "unknown_batch": {"accepted", "rejected"}}
    assert states == strange.get(fault, {"accepted", "pending"} if fault == "pending" else {"accepted"})


def test_every_shelf_outlives_the_twin(tmp_path):
    file = tmp_path / "sage.json"
    office = Office(tmp_path, state_file=file)
    put_all(office, ("products", [SHIRT]), ("productpictures", [PICTURE]))
    later = Office(tmp_path, state_file=file)
    assert later.twin.shop() == office.twin.shop()
    assert later.twin.pictures() == office.twin.pictures()
    assert later.twin.effects() == office.twin.effects()


def test_a_state_of_the_time_when_there_was_only_stock_is_read(tmp_path):
    old = {"at": "2024-05-02T09:29:58Z", "batch_id": "b", "file": "f", "key": "A", "stock": "5", "before": None}
    document = {
        "levels": {},
        "effects": [old | {"timestamp": STAMP}],
        "planned": [],
        "violations": [],
        "read_files": [],
    }
    (tmp_path / "sage.json").write_text(json.dumps(document))
    (effect,) = Office(tmp_path, state_file=tmp_path / "sage.json").twin.effects()
    assert (effect.scope, effect.value) == ("productstocks", "5")
