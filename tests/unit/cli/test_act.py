import json

import pytest

from gateway.model import RowState
from gateway.twin.mirakl import MiraklTwin


def test_release_shows_the_comparison_and_asks(call, held):
    declined = call("release", held, stdin="n\n")
    assert declined.exit_code == 5
    assert "the last one had 10" in declined.stderr
    assert call("status").exit_code == 5
    released = call("release", held, stdin="y\n")
    assert released.exit_code == 0
    assert call("run", "--once").exit_code == 0
    assert json.loads(call("show", held, "--json").stdout)["states"] == {"applied": 2}


def test_release_without_anybody_to_ask(call, held):
    result = call("release", held, stdin="")
    assert result.exit_code == 3
    assert "--yes" in result.stderr
    assert call("release", held, "--yes", "--json").exit_code == 0


def test_cancel(call, held):
    assert json.loads(call("cancel", held, "--json").stdout)["state"] == "cancelled"
    assert call("run", "--once").exit_code == 0
    assert json.loads(call("show", held, "--json").stdout)["states"] == {"skipped": 2}


@pytest.mark.parametrize("command", [["release"], ["cancel"], ["retry"]])
def test_only_what_can_be_done_is_done(call, place, dropped, command):
    dropped("stock_1.csv", "A1;5;\n")
    call("run", "--once")
    run = json.loads(call("status", "--json").stdout)["runs"][0]["run"]
    result = call(*command, run)
    assert result.exit_code == 3
    assert "Traceback" not in result.stderr


def test_pause_and_resume(call, place, dropped):
    assert "source inbox is paused" in call("pause", "inbox").stdout
    dropped("stock_1.csv", "A1;5;\n")
    assert call("run", "--once").stdout == "No file came.\n"
    assert json.loads(call("resume", "inbox", "--json").stdout) == {"resumed": "inbox", "was_paused": True}
    assert call("run", "--once").exit_code == 0
    assert list((place / "delivered").iterdir())
    assert "was not paused" in call("resume", "inbox").stdout
    assert call("pause", "erp/stock/acme", "--json").exit_code == 0


def test_a_mistyped_name_names_the_nearest(call, place):
    for command in ("pause", "resume"):
        result = call(command, "inbxo")
        assert result.exit_code == 3
        assert "Did you mean 'inbox'?" in result.stderr


def test_retry_sends_refused_rows_again(call, place, dropped):
    with MiraklTwin({"A1": 1}, speed=3000.0) as twin:
        settings = place / "gateway.toml"
        text = settings.read_text().replace('kind = "files"\nfolder = "delivered"\nformat = "csv"\n', "")
        text = text.replace(
            'fields = ["sku", "quantity", "warehouse"]',
            f'kind = "mirakl"\nhost = "{twin.url}"\napi_key = {{ file = "key" }}',
        )
        settings.write_text(text)
        (place / "key").write_text("twin-key")
        dropped("stock_1.csv", "A1;5;\nA2;6;\n")
        first = call("run", "--once", "--json")
        assert first.exit_code == 1, first.output
        (run,) = json.loads(first.stdout)["runs"]
        assert run["states"] == {str(RowState.REFUSED): 1, str(RowState.APPLIED): 1}
        retried = json.loads(call("retry", run["run"], "--json").stdout)
        assert retried["rows"] == 1
        second = json.loads(call("run", "--once", "--json").stdout)
        assert [one["retry_of"] for one in second["runs"]] == [run["run"]]
        assert second["runs"][0]["states"] == {str(RowState.REFUSED): 1}
