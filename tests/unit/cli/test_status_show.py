import json
from pathlib import Path
from types import SimpleNamespace

from gateway.cli import run as run_module
from gateway.cli.session import Exit
from gateway.cli.verdicts import of_run, said_of
from gateway.journal import runs
from gateway.settings import load_settings
from gateway.wiring import open_operations


def test_nothing_yet(call, place):
    result = call("status")
    assert (result.exit_code, result.stdout) == (0, "Nothing has run yet.\n")


def test_who_only_looks_needs_no_secret(call, place, held, monkeypatch):
    monkeypatch.delenv("SHOP_KEY", raising=False)
    settings = place / "gateway.toml"
    shop = '\n[destinations.shop]\nkind = "mirakl"\nhost = "https://x.example"\napi_key = { env = "SHOP_KEY" }\n'
    settings.write_text(settings.read_text() + shop)
    refused = call("run", "--once")
    assert (refused.exit_code, "SHOP_KEY is not set" in refused.stderr) == (3, True)
    for command in ("status", "show", "release"):
        result = call(command, *([] if command == "status" else [held]), *(["--yes"] if command == "release" else []))
        assert "SHOP_KEY" not in result.output
        assert result.exit_code in {0, 5}


def test_held_runs_stand_out(call, held):
    result = call("status", "--json")
    assert result.exit_code == 5
    told = json.loads(result.stdout)
    (run,) = told["held"]
    assert run["run"] == held
    assert "full file" in run["notes"][0]
    assert [one["state"] for one in told["runs"]] == ["held", "settled"]
    assert told["lanes"][0]["lane"] == "erp/stock/acme"
    people = call("status").stdout
    assert held in people
    assert "Held" in people


def test_troubles_and_pauses(call, place, dropped, monkeypatch):
    monkeypatch.setattr(run_module, "PATIENCE", 0.0)
    (place / "delivered").rmdir()
    dropped("stock_1.csv", "A1;5;\n")
    call("run", "--once")
    call("pause", "inbox")
    result = call("status", "--json")
    assert result.exit_code == 4
    told = json.loads(result.stdout)
    assert "delivered" in told["lanes"][0]["trouble"]
    assert told["paused"] == ["inbox"]
    people = call("status").stdout
    assert "Paused: inbox" in people
    assert "delivered" in people


def test_a_lane_that_is_paused_is_not_ok(call, place, dropped):
    call("pause", "erp")
    dropped("stock_1.csv", "A1;5;\n")
    call("run", "--once")
    lines = [line for line in call("status").stdout.splitlines() if "erp/stock/acme" in line]
    assert [line.split()[-1] for line in lines] == ["paused"]
    (lane,) = json.loads(call("status", "--json").stdout)["lanes"]
    assert (lane["waiting_runs"], lane["paused"]) == (1, True)
    call("resume", "erp")
    assert json.loads(call("status", "--json").stdout)["lanes"][0]["paused"] is False


def test_progress_that_is_over_is_no_answer_any_more(call, held):
    kinds = [one["file"].rsplit(".", 2)[-2] for one in json.loads(call("show", held, "--json").stdout)["answers"]]
    assert kinds == ["ack", "progress"]
    assert call("release", held, "--yes").exit_code == 0
    call("run", "--once")
    told = json.loads(call("show", held, "--json").stdout)
    assert told["state"] == "settled"
    assert [one["file"] for one in told["answers"] if not Path(one["file"]).exists()] == []


def test_show_has_the_whole_story(call, place, dropped):
    from_inbox = dropped("stock_1.csv", "A1;5;\nA2;many;\nA3;few;\n")
    assert call("run", "--once").exit_code == 1
    run = json.loads(call("status", "--json").stdout)["runs"][0]["run"]
    result = call("show", run.lower(), "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["summary"]["balanced"] is True
    assert told["summary"]["states"]["rejected"] == 2
    assert [(one["code"], one["count"]) for one in told["issues"]] == [("MAP_NUMBER", 2)]
    assert len(told["calls"]) == 1
    assert any(one["file"].endswith("result.csv") for one in told["answers"])
    assert told["events"][-1]["what"] == "settled"
    people = call("show", run)
    assert from_inbox.name in people.stdout
    assert "3 rows: 2 rejected, 1 applied (balanced)" in people.stdout


def test_show_of_a_held_run_compares(call, held):
    result = call("show", held)
    assert result.exit_code == 5
    assert "the last one had 10" in result.stdout
    assert f"gateway release {held}" in result.stdout


def test_a_note_of_a_held_run_is_no_second_reason(call, place, held):
    (reason,) = json.loads(call("show", held, "--json").stdout)["comparison"]
    note = "8 rows equal what was confirmed last."
    with open_operations(load_settings(place / "gateway.toml")) as operations, operations._journal.begin() as tx:
        runs.set_run(tx, held, notes=[reason, note])
    shown = call("show", held).stdout
    assert shown.count("Held: ") == 1
    assert note not in shown
    assert note not in call("release", held, stdin="n\n").stderr
    assert note not in call("status").stdout
    assert json.loads(call("status", "--json").stdout)["held"][0]["why"] == [reason]


def test_show_of_a_refused_file(call, place):
    (place / "inbox" / "stock_1.csv").write_text("")
    call("run", "--once")
    run = json.loads(call("status", "--json").stdout)["runs"][0]["run"]
    result = call("show", run)
    assert result.exit_code == 2
    assert "The file has no content." in result.stdout


def test_a_file_no_route_takes_is_seen_everywhere(call, place):
    (place / "inbox" / "prices.txt").write_text("A;1\n")
    came = call("run", "--once")
    assert came.exit_code == 2
    (ack,) = (place / "outbox" / "acme").glob("prices.txt.*.ack.json")
    name = ack.name.split(".")[2]
    people = call("status")
    assert people.exit_code == 0
    for said in (came.stdout, people.stdout):
        assert "Last files that were not taken" in said or "Files that were not taken" in said
        assert name in said
        assert "No file came" not in said
        assert "Nothing has run yet" not in said
    told = json.loads(call("status", "--json").stdout)["refused"]
    assert [(one["id"], one["file"], one["code"]) for one in told] == [(name, "prices.txt", "FILE_ROUTE")]
    shown = call("show", name.lower())
    assert shown.exit_code == 2
    assert "prices.txt was not taken (FILE_ROUTE" in shown.stdout
    assert "No route takes 'prices.txt'" in shown.stdout
    assert json.loads(call("show", name, "--json").stdout)["code"] == "FILE_ROUTE"


def test_a_file_that_came_twice_is_told_and_is_no_fault(call, place, dropped):
    dropped("stock_a.csv", "A1;5;\n")
    assert call("run", "--once").exit_code == 0
    dropped("stock_b.csv", "A1;5;\n")
    result = call("run", "--once", "--json")
    assert result.exit_code == 0
    (told,) = json.loads(result.stdout)["refused"]
    assert (told["file"], told["code"]) == ("stock_b.csv", "FILE_DUPLICATE")
    assert call("show", told["id"]).exit_code == 0
    assert [one["code"] for one in json.loads(call("run", "--once", "--json").stdout)["refused"]] == []


def test_an_unknown_run(call, held):
    result = call("show", "NOSUCHRUN")
    assert result.exit_code == 3
    assert held in result.stderr


def test_files_that_wait_for_others(call, place, dropped):
    settings = place / "gateway.toml"
    rules = "set = { parts = '(?P<set>.+)_(?P<part>[0-9])of(?P<of>[0-9])' }"
    settings.write_text(f"{settings.read_text('utf-8')}{rules}\n", "utf-8")
    dropped("stock_2of3.csv", "A1;5;\n")
    assert call("run", "--once").exit_code == 5
    told = json.loads(call("status", "--json").stdout)
    (one,) = told["sets"]
    assert (one["route"], one["name"], one["files"], one["lacks"]) == ("stock", "stock.csv", 1, "parts 1, 3")
    people = call("status")
    assert people.exit_code == 0
    assert "Files that wait for others" in people.stdout
    assert "parts 1, 3" in people.stdout
    (ack,) = (place / "outbox" / "acme").glob("stock_2of3.csv.*.ack.json")
    waits = call("show", ack.name.split(".")[2])
    assert (waits.exit_code, "waits for others" in waits.stderr) == (3, True)
    dropped("stock_1of3.csv", "A2;5;\n")
    dropped("stock_3of3.csv", "A3;5;\n")
    assert call("run", "--once").exit_code == 0
    assert "All 3 rows took effect." in call("show", ack.name.split(".")[2]).stdout


def test_the_errors_file_is_named_as_it_was_written(call, place):
    mapping = place / "mappings" / "example.toml"
    words = mapping.read_text("utf-8")
    start = words.index("[format]")
    layout = '[format]\nkind = "xml"\nrecord = "stock/item"\n'
    fields = words[words.index("[fields]", start) :].replace('["Stock", "Qty"]', '"Stock"')
    mapping.write_text(words[:start] + layout + fields, "utf-8")
    settings = place / "gateway.toml"
    settings.write_text(settings.read_text("utf-8").replace(".csv", ".xml"), "utf-8")
    rows = "".join(
        f"<item><Article>{sku}</Article><Stock>{level}</Stock><Warehouse/></item>"
        for sku, level in (("A1", "5"), ("A2", "many"))
    )
    (place / "inbox" / "stock_1.xml").write_text(f"<stock>{rows}</stock>", "utf-8")
    result = call("run", "--once")
    assert result.exit_code == 1, result.output
    run = json.loads(call("status", "--json").stdout)["runs"][0]
    assert run["verdict"] == "1 of 2 rows took effect; 1 was rejected by our checks: see errors.xml."
    assert any(path.name.endswith("errors.xml") for path in (place / "outbox").rglob("*"))
    assert "see errors.xml" in call("status").stdout
    assert "see errors.xml" in call("show", run["run"]).stdout


def test_keys_left_out_that_were_refused_count_though_every_row_is_well():
    counts = {"states": {"applied": 2}, "derived": {"applied": 1, "refused": 1}, "errors": "errors.csv"}
    row = SimpleNamespace(state="settled", counts=counts, pinned={"route": {"destination": "shop"}})
    assert of_run(row) == Exit.ROWS
    assert said_of(row).endswith("1 of 2 keys that the file left out was ended or set to 0; 1 was refused by shop.")
