"""What the README shows is what happens: its commands run, its examples load, its report is the program's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from pages import DOCS, README, ROOT

from gateway.cli import main
from gateway.settings import load_settings
from gateway.testing.texts import begun

MOST_LINES = 310


def section(title):
    return re.split(r"^## ", README.read_text("utf-8").split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[
        0
    ]


def blocks(title, language):
    return re.findall(rf"```{language}\n(.*?)```", section(title), re.DOTALL)


def test_it_stays_short():
    assert len(README.read_text("utf-8").splitlines()) <= MOST_LINES


def test_its_first_commands_are_those_of_the_pipeline():
    first, own = blocks("Try it in two minutes", "sh")
    assert first == "make demo\nmake test\n"
    assert len(own.splitlines()) == 5
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_own_try_ends_as_shown(tmp_path):
    _, own = blocks("Try it in two minutes", "sh")
    (expected,) = blocks("Try it in two minutes", "text")
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    done = subprocess.run(
        ["bash", "-e", "-c", own], cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout.replace("\ufeff", "").replace("\r\n", "\n")


def test_the_route_and_the_mapping_load(tmp_path, monkeypatch):
    settings, mapping = blocks("Routes and mappings", "toml")
    assert len((settings + mapping).splitlines()) <= 40
    (tmp_path / "gateway.toml").write_text(settings, "utf-8")
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "acme.toml").write_text(mapping, "utf-8")
    monkeypatch.setenv("SHOP_API_KEY", "planted")
    loaded = load_settings(tmp_path / "gateway.toml")
    assert list(loaded.routes) == ["acme-stock"]
    assert loaded.routes["acme-stock"].route.matches("Stock_1.csv.gz")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    begun(tmp_path)
    yield tmp_path
    structlog.reset_defaults()


def test_the_errors_file_is_the_one_shown(place):
    dropped, expected = blocks("Reading the reports", "text")
    (place / "inbox" / "stock.csv").write_text(dropped, "utf-8")
    assert CliRunner().invoke(main, ["run", "--once"]).exit_code == 1
    (path,) = (place / "outbox" / "acme").glob("stock.csv.*.errors.csv")
    run = path.name.removeprefix("stock.csv.").split(".")[0]
    written = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    assert re.sub(r"^[0-9A-Z]{9}(?=;)", run, expected, flags=re.MULTILINE) == written


GPG = """#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" = --output ] && out=$2; shift; done
grep -q garbled "$1" && exit 2
cp "$1" "$out"
"""
CLAMSCAN = """#!/bin/sh
! grep -q virus "$2"
"""


def test_the_hook_for_decrypting_and_scanning_works(tmp_path):
    (script,) = blocks("What it promises, and what it does not", "sh")
    (tmp_path / "bin").mkdir()
    for name, text in (("gpg", GPG), ("clamscan", CLAMSCAN)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "quarantine").mkdir()
    (tmp_path / "inbox").mkdir()
    for name, text in (("good.csv", "fine"), ("bad.csv", "virus"), ("torn.csv", "garbled")):
        (tmp_path / "quarantine" / f"{name}.pgp").write_text(text)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", script], cwd=tmp_path, env={"PATH": path}, timeout=30, check=False)
    taken = {file.name for file in (tmp_path / "inbox").iterdir() if not file.name.startswith(".")}
    assert taken == {"good.csv"}
    assert {file.name for file in (tmp_path / "quarantine").iterdir()} == {"bad.csv.pgp", "torn.csv.pgp"}


def lines_of(text, header):
    """First and second cell of each row of a table."""
    table = text.split(header, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")[:2]) for line in table]


def test_the_targets_are_those_of_the_bench():
    bench = (DOCS / "benchmarks.md").read_text("utf-8")
    assert lines_of(section("Limits and performance"), "| Line | Target |") == lines_of(bench, "| line | target |")
