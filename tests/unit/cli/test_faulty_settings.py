import json
import os
import subprocess
import sys

import pytest

_FAULTY = """version = 1
zone = "Europe/Londn"
worker = 2

[sources.inbox]
kind = "locl"
folder = "inbox"

[sources.second]
kind = "local"
foldr = "inbox"

[destinations.erp]
kind = "file"
folder = "delivered"

[destinations.shop]
kind = "mirakl"
host = "shop.example.com"
api_key = "plain-secret-word"

[routes.stock]
source = "inbxo"
files = ["*.csv"]
mapping = "exampel.toml"
destination = "erp"
mode = "deltaa"
"""
_WANTED = (
    (2, "Europe/Londn"),
    (3, "did you mean 'workers'?"),
    (6, "did you mean 'local'?"),
    (11, "did you mean 'folder'?"),
    (14, "did you mean 'files'?"),
    (20, "by reference"),
)


@pytest.fixture
def faulty(place):
    path = place / "gateway.toml"
    path.write_text(_FAULTY)
    return path


@pytest.mark.parametrize("command", [["run"], ["run", "--once"], ["status"], ["doctor"], ["pause", "erp"]])
def test_all_faults_at_once_with_line_and_nearest_word_and_nothing_started(call, place, faulty, command):
    result = call(*command)
    assert result.exit_code == 3
    said = result.stderr + result.stdout
    for line, words in _WANTED:
        assert any(f"{faulty}:{line}:" in one and words in one for one in said.splitlines()), (line, words)
    assert "plain-secret-word" not in said
    assert "Traceback" not in said
    assert not (place / "state").exists()
    assert list((place / "outbox").iterdir()) == []


def test_faults_of_a_route_and_its_mapping(call, place):
    settings = place / "gateway.toml"
    settings.write_text(settings.read_text().replace('source = "inbox"', 'source = "inbxo"').replace("erp]", "epr]"))
    mapping = place / "mappings" / "example.toml"
    mapping.write_text(mapping.read_text().replace("quantity =", "quantty ="))
    result = call("run")
    assert result.exit_code == 3
    assert "did you mean 'inbox'?" in result.stderr
    assert "did you mean 'epr'?" in result.stderr
    assert not (place / "state").exists()


def test_faults_for_machines(call, faulty):
    result = call("run", "--json")
    told = json.loads(result.stdout)
    assert told["exit"] == 3
    wanted = {f"{faulty}:{line}" for line, _ in _WANTED}
    assert wanted <= {fault["where"] for fault in told["faults"]}


def test_without_settings(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("run")
    assert result.exit_code == 3
    assert "gateway init" in result.stderr


def test_whoever_reads_may_go_away(faulty):
    command = [sys.executable, "-m", "gateway", "--json", "status", "--config", str(faulty)]
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(write)
    assert done.returncode == 3
    assert "faults:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
