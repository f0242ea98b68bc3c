import csv
import json
import os
import sqlite3

import pytest

from gateway.testing import texts

OFFER = """sku = "sku"
type = { constant = "percentage" }
percentage = "percent"
price_basis = { constant = "gross" }
ends_at = "end"
"""


def _tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def _cells(path):
    return list(csv.reader(path.read_text("utf-8").splitlines()))


def _journal(place):
    with sqlite3.connect(place / "state" / "journal.sqlite") as db:
        return list(db.iterdump())


def test_the_bodies_are_exactly_what_run_sends(call, place):
    result = call("plan", "stock_example.csv", "--route", "stock", "--out", "planned", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told == json.loads((place / "planned" / "plan.json").read_text())
    assert (told["calls"], told["rows"], told["states"]) == (1, 3, {"pending": 3})
    assert not (place / "state").exists()
    (place / "inbox" / "stock_example.csv").write_bytes((place / "stock_example.csv").read_bytes())
    assert call("run", "--once").exit_code == 0
    (sent,) = (place / "delivered").iterdir()
    assert (place / "planned" / told["bodies"][0]["file"]).read_bytes() == sent.read_bytes()


def test_what_the_destination_confirmed_counts_and_no_state_changes(call, place, dropped):
    dropped("stock_1.csv", "A1;5;\nA2;6;\n")
    assert call("run", "--once").exit_code == 0
    before, journal = _tree(place / "state" / "segments"), _journal(place)
    outbox = _tree(place / "outbox")
    next_file = place / "stock_2.csv"
    next_file.write_text("Article;Stock;Warehouse\nA1;5;\nA2;7;\nA3;many;\n")
    result = call("plan", "stock_2.csv", "--route", "stock", "--out", "planned", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["states"] == {"rejected": 1, "pending": 1, "unchanged": 1}
    assert _cells(place / "planned" / told["bodies"][0]["file"]) == [["sku", "quantity", "warehouse"], ["A2", "7", ""]]
    assert _tree(place / "state" / "segments") == before
    assert _journal(place) == journal
    assert _tree(place / "outbox") == outbox


def test_the_newest_file_again_is_a_duplicate(call, place, dropped):
    path = dropped("stock_1.csv", "A1;5;\n")
    copy = place / "again.csv"
    copy.write_bytes(path.read_bytes())
    assert call("run", "--once").exit_code == 0
    result = call("plan", "again.csv", "--route", "stock", "--out", "planned")
    assert result.exit_code == 0
    assert "The same content was already taken" in result.stdout
    assert [path.name for path in (place / "planned").iterdir()] == ["plan.json"]


def test_the_newest_file_by_a_mended_mapping_is_planned_without_what_took_effect(call, place, dropped):
    path = dropped("stock_1.csv", "A1;5;\nA2;1,0;\n")
    copy = place / "again.csv"
    copy.write_bytes(path.read_bytes())
    assert call("run", "--once").exit_code == 1
    (mapping,) = (place / "mappings").glob("*.toml")
    text = mapping.read_text()
    assert '"1,234.5"' in text
    mapping.write_text(text.replace('"1,234.5"', '"1.234,5"'))
    before = _tree(place / "state" / "runs")
    told = json.loads(call("plan", "again.csv", "--route", "stock", "--out", "planned", "--json").stdout)
    assert told["states"] == {"pending": 1, "unchanged": 1}
    assert _cells(place / "planned" / told["bodies"][0]["file"]) == [["sku", "quantity", "warehouse"], ["A2", "1", ""]]
    assert _tree(place / "state" / "runs") == before


def test_a_file_counts_as_of_its_own_time_and_that_is_said_where_rows_came_too_late(call, place, dropped):
    dropped("stock_1.csv", "A1;5;\nA2;6;\n")
    assert call("run", "--once").exit_code == 0
    late = place / "stock_2.csv"
    late.write_text("Article;Stock;Warehouse\nA1;4;\nA3;7;\n")
    said = call("plan", "stock_2.csv", "--route", "stock", "--out", "now").stdout
    assert "counts as of" not in said
    os.utime(late, (1_700_000_000, 1_700_000_000))
    said = call("plan", "stock_2.csv", "--route", "stock", "--out", "late").stdout
    assert "1 to be sent, 1 superseded" in said
    assert "counts as of its own time, 2023-11-14T22:13:20Z, as if it were dropped with it" in said
    assert json.loads((place / "late" / "plan.json").read_text())["dated"] == "2023-11-14T22:13:20Z"


def test_what_the_guard_would_hold(call, place, held):
    (place / "stock_3.csv").write_text("Article;Stock;Warehouse\nA1;9;\n")
    result = call("plan", "stock_3.csv", "--route", "stock", "--out", "planned")
    assert result.exit_code == 5
    assert "Held: the full file has 1 key," in result.stdout


def test_runs_that_wait_are_counted_and_left_out(call, place, dropped):
    assert call("pause", "erp").exit_code == 0
    dropped("stock_1.csv", "A1;5;\n")
    call("run", "--once")
    (place / "stock_2.csv").write_text("Article;Stock;Warehouse\nA9;1;\n")
    told = json.loads(call("plan", "stock_2.csv", "--route", "stock", "--out", "planned", "--json").stdout)
    assert (told["waiting_before"], told["states"]) == (1, {"pending": 1})


def test_calls_and_time_follow_the_destination(call, place):
    settings = place / "gateway.toml"
    text = settings.read_text().replace('kind = "files"\nfolder = "delivered"\nformat = "csv"\n', "")
    text = text.replace(
        'fields = ["sku", "quantity", "warehouse"]',
        'kind = "mirakl"\nhost = "shop.example.com"\napi_key = { file = "key" }\nbatch_size = 2',
    )
    settings.write_text(text)
    (place / "key").write_text("secret-word")
    result = call("plan", "stock_example.csv", "--route", "stock", "--out", "planned")
    assert result.exit_code == 0, result.output
    assert "2 calls of" in result.stdout
    assert "at least 120 s" in result.stdout
    assert all(b"secret-word" not in content for content in _tree(place / "planned").values())


def test_nothing_is_overwritten(call, place):
    (place / "planned").mkdir()
    (place / "planned" / "mine.txt").write_text("x")
    result = call("plan", "stock_example.csv", "--route", "stock", "--out", "planned")
    assert result.exit_code == 3
    assert "not empty" in result.stderr


@pytest.mark.parametrize("content", ["", "Article;Stock;Warehouse\n"])
def test_unusable_files(call, place, content):
    (place / "stock_b.csv").write_text(content)
    assert call("plan", "stock_b.csv", "--route", "stock", "--out", "planned").exit_code == 2
    assert not (place / "planned").exists()


@pytest.mark.parametrize("out", ["stock_example.csv/inside", "stock_example.csv/far/inside"])
def test_a_folder_that_can_not_be_made_is_told(call, place, out):
    result = call("plan", "stock_example.csv", "--route", "stock", "--out", out)
    assert result.exit_code == 3
    assert f"The folder {out} can't be made: stock_example.csv is no folder." in result.stderr


def test_calls_that_lack_what_the_destination_is_asked_for_say_so(call, place):
    (place / "key").write_text("secret-word")
    settings = place / "gateway.toml"
    settings.write_text(
        settings.read_text()
        + '\n[destinations.shop]\nkind = "mirakl"\nhost = "shop.example.com"\napi_key = { file = "key" }\n'
        'currency = "EUR"\nprice_basis = "gross"\n\n[routes.offers]\nsource = "inbox"\nfiles = "offers_*"\n'
        'mapping = "offers.toml"\ndestination = "shop"\n'
    )
    texts.folders(place, offers=texts.mapping("promotion", OFFER))
    (place / "offers_1.csv").write_text("sku,percent,end\nA1,20,2031-01-01T00:00:00Z\n")
    result = call("plan", "offers_1.csv", "--route", "offers", "--out", "planned")
    assert result.exit_code == 0, result.output
    told = json.loads((place / "planned" / "plan.json").read_text())
    assert [one["complete"] for one in told["bodies"]] == [False]
    (operation,) = {one["file"].split("-", 1)[1].split(".")[0] for one in told["bodies"]}
    assert f"Before {operation} the destination is asked, and here it was not" in " ".join(result.stdout.split())
    other = call("plan", "stock_example.csv", "--route", "stock", "--out", "other")
    assert "is asked" not in other.stdout
    assert [one["complete"] for one in json.loads((place / "other" / "plan.json").read_text())["bodies"]] == [True]
