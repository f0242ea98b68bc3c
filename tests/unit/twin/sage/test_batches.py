"""Batches of stock: read, vanishing, and lost to newer ones."""

import json
import os
import time

import pytest
from support.sage_office import Office, accepted, record

from gateway.errors import SettingsError
from gateway.twin.sage import ANNOUNCEMENT, SageTwin


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
