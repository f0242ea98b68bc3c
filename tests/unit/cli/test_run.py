import errno
import json

import pytest
from filelock import FileLock

from gateway.cli import run as run_module
from gateway.pipeline import Intake


def test_a_good_file_ends_well(call, place, dropped):
    dropped("stock_a.csv", "A1;5;\nA2;0;\n")
    result = call("run", "--once", "--json")
    assert result.exit_code == 0, result.output
    (run,) = json.loads(result.stdout)["runs"]
    assert run["states"] == {"applied": 2}
    assert run["state"] == "settled"
    started = json.loads(result.stderr.splitlines()[0])
    assert started["event"] == "gateway started"
    assert (started["sources"], started["routes"], started["destinations"]) == (["inbox"], ["stock"], ["erp"])
    assert list((place / "delivered").iterdir())


def test_nothing_to_do(call, place):
    result = call("run", "--once")
    assert (result.exit_code, result.stdout) == (0, "No file came.\n")


def test_a_part_that_waits_for_others_is_told_and_still_under_way(call, place, dropped):
    settings = place / "gateway.toml"
    parts = r"(?P<set>.+) part (?P<part>\d+) of (?P<of>\d+)"
    settings.write_text(f"{settings.read_text()}set = {{ parts = '{parts}' }}\n")
    dropped("stock part 1 of 3.csv", "A1;5;\n")
    result = call("run", "--once")
    assert result.exit_code == 5, result.output
    assert "No file came." not in result.stdout
    assert "parts 2, 3" in result.stdout
    (told,) = json.loads(call("run", "--once", "--json").stdout)["sets"]
    assert (told["route"], told["files"], told["lacks"]) == ("stock", 1, "parts 2, 3")
    for part in (2, 3):
        dropped(f"stock part {part} of 3.csv", f"A{part};5;\n")
    result = call("run", "--once", "--json")
    assert (result.exit_code, json.loads(result.stdout)["sets"]) == (0, [])


def test_rejected_rows_say_so(call, place, dropped):
    dropped("stock_a.csv", "A1;5;\nA2;many;\n")
    result = call("run", "--once")
    assert result.exit_code == 1
    assert "rejected by our checks" in result.stdout


@pytest.mark.parametrize(("name", "content"), [("stock_a.csv", ""), ("other.csv", "A;B\n1;2\n")])
def test_an_unusable_file_says_so(call, place, name, content):
    (place / "inbox" / name).write_text(content)
    assert call("run", "--once").exit_code == 2


def test_a_refused_file_is_logged_once_by_its_name(call, place, dropped):
    dropped("stock_1.csv", "A1;5;\n", header="Nonsense;Stuff\n")
    result = call("run", "--once", "--json")
    (row,) = json.loads(result.stdout)["runs"]
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    (said,) = [one["said"] for one in lines if one["event"] in {"refused", "rejected"}]
    assert said.startswith("stock_1.csv: A column is missing")
    events = json.loads(call("show", row["run"], "--json").stdout)["events"]
    assert [one["said"] for one in events] == [said]


def test_the_same_file_again_is_no_fault(call, place, dropped):
    dropped("stock_a.csv", "A1;5;\n")
    assert call("run", "--once").exit_code == 0
    dropped("stock_b.csv", "A1;5;\n")
    assert call("run", "--once").exit_code == 0


def test_a_held_run_wants_somebody(call, held):
    assert call("status").exit_code == 5


def test_a_source_out_of_reach(call, place):
    (place / "inbox").rmdir()
    result = call("run", "--once")
    assert result.exit_code == 4
    (said,) = [line for line in result.stderr.splitlines() if "can't be listed" in line]
    assert "trouble" in said


def test_a_file_whose_copy_is_gone_is_said_to_wait(call, place, dropped, monkeypatch):
    def gone(self, row):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", row.local)

    with monkeypatch.context() as patched:
        patched.setattr(Intake, "take", gone)
        dropped("stock_a.csv", "A1;5;\n")
        result = call("run", "--once")
    assert result.exit_code == 4
    (said,) = [line for line in result.stderr.splitlines() if "is not there" in line]
    assert "stock_a.csv" in said
    assert call("run", "--once").exit_code == 0


def test_a_fault_of_ours_with_a_file_is_logged_once_and_as_an_error(call, dropped, monkeypatch):
    def broken(self, row):
        raise KeyError("nothing of the kind")

    monkeypatch.setattr(Intake, "take", broken)
    dropped("stock_a.csv", "A1;5;\n")
    lines = [json.loads(line) for line in call("run", "--once", "--json").stderr.splitlines()]
    (one,) = [line for line in lines if "nothing of the kind" in json.dumps(line)]
    assert (one["level"], one["event"]) == ("error", "fault")
    assert one["said"].startswith("stock_a.csv: KeyError at test_run.py:")


def test_a_destination_out_of_reach_is_not_waited_for_for_ever(call, place, dropped, monkeypatch):
    monkeypatch.setattr(run_module, "PATIENCE", 0.0)
    (place / "delivered").rmdir()
    dropped("stock_a.csv", "A1;5;\n")
    result = call("run", "--once")
    assert result.exit_code == 4, result.output
    assert "delivered" in result.stderr
    (place / "delivered").mkdir()
    assert call("run", "--once").exit_code == 0
    assert list((place / "delivered").iterdir())


def test_waiting_has_an_end(call, place, dropped, monkeypatch):
    (place / "delivered").rmdir()
    dropped("stock_a.csv", "A1;5;\n")
    with monkeypatch.context() as impatient:
        impatient.setattr(run_module, "PATIENCE", 0.0)
        assert call("run", "--once").exit_code == 4
    assert call("run", "--once", "--wait", "0").exit_code == 4


def test_one_gateway_per_state_folder(call, place):
    (place / "state").mkdir()
    with FileLock(place / "state" / "lock"):
        result = call("run", "--once")
    assert result.exit_code == 3
    assert "Another gateway" in result.stderr


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_a_wait_that_never_ends_or_is_none_is_refused(call, place, seconds):
    result = call("run", "--once", "--wait", seconds)
    assert result.exit_code == 3
    assert "--wait" in result.stderr
    assert not (place / "state").exists()


@pytest.mark.parametrize("command", [("run",), ("run", "--once"), ("status",)])
def test_a_full_disk_is_said_in_words(call, place, monkeypatch, command):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(place / "state"))

    monkeypatch.setattr("gateway.wiring.open_journal", full)
    ended = call(*command)
    assert ended.exit_code == 4
    assert "The disk is full" in ended.output
    assert "Make room" in ended.output


def test_a_mapping_that_is_kept_needs_no_room(call, place, dropped, monkeypatch):
    dropped("stock_a.csv", "A1;5;\n")
    assert call("run", "--once").exit_code == 0
    (kept,) = (place / "state" / "mappings").rglob("example.toml")
    before = kept.stat()
    dropped("stock_b.csv", "A1;6;\n")
    assert call("run", "--once").exit_code == 0
    after = kept.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_journal_that_is_none_is_said_in_words(call, place):
    (place / "state").mkdir()
    (place / "state" / "journal.sqlite").write_bytes(b"no database" * 500)
    for command in (("run", "--once"), ("run",), ("status",), ("doctor",)):
        ended = call(*command)
        assert ended.exit_code == 3
        assert "is no journal of a gateway" in ended.output
