import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gateway.settings.template import partner_of, starter


def test_the_starter_works_as_it_stands(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("init", "acme")
    assert result.exit_code == 0
    monkeypatch.chdir(tmp_path / "acme")
    assert call("doctor").exit_code == 0
    assert call("check", "stock_example.csv").exit_code == 0
    assert call("run", "--once").exit_code == 0


def test_what_it_prints_can_be_typed_where_the_shell_does_not_find_the_program(tmp_path):
    program = Path(sys.executable).with_name("gateway")
    path = {"PATH": "/usr/bin:/bin"}
    first = subprocess.run([program, "init", "a b"], cwd=tmp_path, env=path, capture_output=True, text=True, check=True)
    next_line = first.stdout.splitlines()[-1].removeprefix("Next: ").split(";")[0]
    subprocess.run(["/bin/sh", "-c", next_line], cwd=tmp_path, env=path, capture_output=True, check=True)
    assert f"\n    {program} doctor" in (tmp_path / "a b" / "README.md").read_text("utf-8")
    named = {"PATH": f"{program.parent}:/usr/bin:/bin"}
    said = subprocess.run([program, "init", "c"], cwd=tmp_path, env=named, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "Next: cd c && gateway doctor; README.md there tells more."


@pytest.mark.parametrize(("folder", "partner"), [("blumenhof", "blumenhof"), ("Müller & Söhne", "Muller-Sohne")])
def test_the_partner_is_called_like_the_folder(call, tmp_path, monkeypatch, folder, partner):
    monkeypatch.chdir(tmp_path)
    assert call("init", folder).exit_code == 0
    monkeypatch.chdir(tmp_path / folder)
    assert tomllib.loads(Path("gateway.toml").read_text("utf-8"))["sources"]["inbox"]["partner"] == partner
    Path("inbox/stock_1.csv").write_bytes(Path("stock_example.csv").read_bytes())
    assert call("run", "--once").exit_code == 0
    assert any(Path("outbox", partner).iterdir())
    assert f"ls outbox/{partner} delivered" in Path("README.md").read_text("utf-8")


def test_a_folder_without_a_name_has_a_partner_all_the_same():
    assert (partner_of(""), partner_of("..")) == ("acme", "acme")


def test_nothing_is_overwritten(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text("mine")
    told = json.loads(call("init", ".", "--json").stdout)
    assert told["kept"] == ["gateway.toml"]
    assert set(told["written"]) == set(starter()) - {"gateway.toml"}
    assert (tmp_path / "gateway.toml").read_text() == "mine"
    assert json.loads(call("init", ".", "--json").stdout)["written"] == []


def test_a_place_that_can_t_be_written_to(call, tmp_path):
    (tmp_path / "file").write_text("")
    result = call("init", str(tmp_path / "file" / "below"))
    assert result.exit_code == 3
    assert "Traceback" not in result.output


def test_in_the_folder_itself_nobody_is_sent_there(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = call("init", ".").stdout.splitlines()[-1]
    assert said.endswith(" doctor; README.md there tells more.")
    assert "cd " not in said
