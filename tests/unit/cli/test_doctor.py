import json
import os
import sqlite3
import stat

import pytest

from gateway.twin.mirakl import MiraklTwin


def _findings(result):
    return {one["subject"]: one for one in json.loads(result.stdout)["findings"]}


def test_all_in_order(call, place):
    result = call("doctor")
    assert result.exit_code == 0
    assert result.stdout.endswith("All well.\n")
    assert "FAIL" not in result.stdout
    assert set(_findings(call("doctor", "--json"))) == {
        "settings", "state folder", "outbox", "clock", "state", "source inbox", "destination erp",
    }  # fmt: skip


def test_what_is_out_of_reach_is_named_with_its_cure(call, place):
    (place / "delivered").rmdir()
    (place / "inbox").rmdir()
    result = call("doctor", "--json")
    assert result.exit_code == 4
    found = _findings(result)
    assert not found["source inbox"]["ok"]
    assert found["destination erp"]["fix"]
    people = call("doctor").stdout
    assert people.count("FAIL") == 2
    assert "2 of 7 things are not in order." in people


def test_one_thing_is_not_one_of_one(call, place):
    settings = place / "gateway.toml"
    settings.write_text(settings.read_text().replace("version = 1", "version = 2"))
    assert call("doctor").stdout.splitlines()[-1] == "1 thing is not in order."


def test_files_that_no_route_takes_are_named(call, place):
    (place / "inbox" / "stock_a.csv").write_text("Article;Stock;Warehouse\nA1;5;\n")
    assert call("doctor").exit_code == 0
    (place / "inbox" / "prices.txt").write_text("A;1\n")
    (place / "inbox" / "half.csv.part").write_text("A;1\n")
    result = call("doctor", "--json")
    assert result.exit_code == 3
    found = _findings(result)["files of inbox"]
    assert found["found"] == "no route takes prices.txt, by the name"
    assert "stock*.csv" in found["fix"]
    assert (place / "inbox" / "prices.txt").exists()


def test_things_are_counted_as_people_say_it(call, place):
    (place / "inbox" / "stock_a.csv").write_text("Article;Stock;Warehouse\nA1;5;\n")
    said = call("doctor").stdout
    assert "1 source, 1 destination, 1 route" in said
    assert "can be listed, 1 file\n" in said


def test_a_newer_state_is_refused(call, place):
    call("status")
    with sqlite3.connect(place / "state" / "journal.sqlite") as db:
        db.execute("UPDATE meta SET value = '999' WHERE name = 'version'")
    result = call("doctor")
    assert result.exit_code == 3
    assert "newer gateway" in result.stdout


def test_a_folder_that_is_a_file(call, place):
    (place / "outbox").rmdir()
    (place / "outbox").write_text("")
    result = call("doctor", "--json")
    assert result.exit_code == 3
    (found,) = _findings(result).values()
    assert not found["ok"]
    assert "outbox is no folder" in found["found"]
    assert "gateway.toml:5: outbox" in found["found"]


def _at_the_twin(place, twin, key, more=""):
    settings = place / "gateway.toml"
    text = settings.read_text().replace('kind = "files"\nfolder = "delivered"\nformat = "csv"\n', "")
    line = f'kind = "mirakl"\nhost = "{twin.url}"\napi_key = {{ file = "key" }}\n{more}'
    settings.write_text(text.replace('fields = ["sku", "quantity", "warehouse"]', line))
    (place / "key").write_text(key)


def test_a_shop_of_another_currency_stays_wrong_however_often_one_asks(call, place):
    with MiraklTwin({}) as twin:
        _at_the_twin(place, twin, "twin-key", 'currency = "EUR"\n')
        results = [call("doctor") for _ in range(3)]
    assert [result.exit_code for result in results] == [3, 3, 3]
    assert all("1 of 7 things is not in order." in result.output for result in results)
    assert all("sells in USD, the settings say EUR" in result.output for result in results)


@pytest.mark.parametrize(
    ("content", "where", "found"),
    [
        (None, ": destinations.erp.categories: ", "categories.csv can't be read: No such file"),
        ("category;code\nA\n", "categories.csv:2: ", "write two cells"),
    ],
)
def test_a_table_that_can_not_be_used_is_named_with_its_place(call, place, content, where, found):
    if content is not None:
        (place / "categories.csv").write_text(content)
    with MiraklTwin({}) as twin:
        _at_the_twin(place, twin, "twin-key", 'categories = "categories.csv"\n')
        findings = _findings(call("doctor", "--json"))
    assert list(findings) == ["settings"]
    said = findings["settings"]["found"]
    assert where in said
    assert found in said


def test_a_wrong_key_is_found_and_not_shown(call, place):
    with MiraklTwin({}) as twin:
        _at_the_twin(place, twin, "certainly-wrong")
        result = call("doctor")
    assert result.exit_code == 4
    assert "certainly-wrong" not in result.output


@pytest.mark.parametrize("command", [["doctor"], ["status"], ["run", "--once"]])
def test_whichever_command_comes_first_the_state_is_for_its_owner_only(call, place, command):
    before = os.umask(0o022)
    try:
        call(*command)
    finally:
        os.umask(before)
    for path in (place / "state", place / "state" / "journal.sqlite"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


SAGE = """
[destinations.sage]
kind = "sage"
profile = "main"
outbox = "delivered"
"""
CATALOG = """contract = "catalog"
version = 1
[format]
kind = "csv"
delimiter = ","
encoding = "utf-8"
[fields]
sku = "sku"
tax_rate = "vat"
"""
ROUTE = """
[routes.range]
source = "inbox"
files = "range*.csv"
mapping = "range.toml"
destination = "sage"
"""


@pytest.mark.parametrize(
    ("more", "ok", "said"),
    [
        ("", True, "[destinations.sage] names no country"),
        ('tax_table = "rates.csv"\n', False, "there is a tax_table, but no country"),
        ('country = "GB"\n', None, ""),
    ],
)
def test_tax_rates_that_nobody_looks_at_are_told(call, place, more, ok, said):
    (place / "mappings" / "range.toml").write_text(CATALOG)
    settings = place / "gateway.toml"
    settings.write_text(settings.read_text() + SAGE + more + ROUTE)
    result = call("doctor", "--json")
    found = _findings(result).get("tax rates of sage")
    assert (found is None) is (ok is None)
    assert found is None or (found["ok"] is ok and said in found["found"])
    assert ok is not False or (result.exit_code == 3 and 'country = "GB"' in found["fix"])
