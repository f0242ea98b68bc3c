"""docs/cli.md is the commands' own help, and the example in each command's help works."""

import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import structlog
from click.testing import CliRunner

from gateway.cli import demo, docs, main
from gateway.cli.group import COMMANDS
from gateway.testing.texts import begun

_RUN = "2K7Q9X3MA"
"""The run id in the examples; a test puts the id of its own run in its place."""


def test_the_page_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    assert page.read_text("utf-8") == docs.markdown(), (
        "write it anew: python -c 'from gateway.cli.docs import markdown'"
    )


def test_the_demo_names_every_system_it_starts():
    kinds = {"mirakl": "Mirakl", "sage": "Sage 50", "sellerscommerce": "Sellers Commerce", "partner_api": "Partner API"}
    settings = tomllib.loads((Path(__file__).parents[2] / "gateway.toml").read_text("utf-8"))
    started = {table["kind"] for table in settings["destinations"].values()} - {"files"}
    assert started == kinds.keys()
    told = " ".join((demo.demo.help or "").split())
    assert [name for name in (*kinds.values(), "SFTP") if name not in told] == []


def _example(name):
    command = main if name == "gateway" else main.get_command(click.Context(main), name)
    assert command is not None
    found = re.search(r"^ *Example: gateway (.+)$", command.help or "", re.MULTILINE)
    assert found is not None, name
    return shlex.split(found.group(1))


def _call(args, code=0):
    result = CliRunner().invoke(main, args)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    begun(tmp_path, ('mode = "delta"', 'mode = "full"'))
    yield tmp_path
    structlog.reset_defaults()


def _settled(place, name="stock_1.csv", rows=10, code=0):
    lines = "".join(f"A{n};{rows};\n" for n in range(rows))
    (place / "inbox" / name).write_text(f"Article;Stock;Warehouse\n{lines}")
    _call(["run", "--once"], code)
    (ack,) = (place / "outbox" / "acme").glob(f"{name}.*.ack.json")
    return ack.name.removeprefix(f"{name}.").split(".")[0]


def _held(place):
    _settled(place)
    return _settled(place, "stock_2.csv", rows=2, code=5)


def _refused(place):
    run = _settled(place)
    with sqlite3.connect(place / "state" / "journal.sqlite") as db:
        db.execute("UPDATE batch SET rest = 'refused'")
    return run


@pytest.mark.parametrize("name", ["gateway", *(n for n in COMMANDS if n not in {"twin", "demo"})])
def test_the_example_works(place, name):
    prepare = {"release": _held, "cancel": _held, "retry": _refused, "show": _settled}.get(name)
    run = prepare(place) if prepare is not None else ""
    args = [run if word == _RUN else word for word in _example(name)]
    assert (run in args) == (prepare is not None)
    if name == "resume":
        _call(["pause", *args[1:]])
    assert _call(args).stdout


def test_the_demo_is_called(monkeypatch):
    told = []
    monkeypatch.setattr(demo, "run", lambda echo: (told.append(echo), 0)[1])
    assert _call(_example("demo")).exit_code == 0
    assert len(told) == 1


def test_the_twin_runs_until_it_is_stopped(place):
    command = [sys.executable, "-m", "gateway", *_example("twin")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "clock factor 300" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
