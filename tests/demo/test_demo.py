"""The demo on a copy of the project: it ends well, says so in one table, and can be played again."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from gateway import demo
from gateway.demo import table
from gateway.demo.outcome import Outcome, counted, differences
from gateway.demo.script import Expected, Sample, load_script
from gateway.demo.stage import Stage, staged
from gateway.errors import SettingsError
from gateway.testing.clock import RealClock

PROJECT = Path(__file__).parents[2]
PORTS = ("18471", "18472", "18473", "18474")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture
def project(tmp_path):
    """A copy of what the demo needs, on ports of its own."""
    home = tmp_path / "project"
    home.mkdir()
    for name in ("samples", "mappings"):
        shutil.copytree(PROJECT / name, home / name)
    settings = (PROJECT / "gateway.toml").read_text("utf-8")
    for old, new in zip(PORTS, free_ports(len(PORTS)), strict=True):
        assert settings.count(old) == 1
        settings = settings.replace(old, str(new))
    (home / "gateway.toml").write_text(settings, "utf-8")
    return home


def kinds(folder: Path, file: str) -> set[str]:
    """Kinds of the answers to a file, its name and the run taken off."""
    return {path.name.removeprefix(f"{file}.").split(".", 1)[1] for path in folder.glob(f"{file}.*")}


@pytest.mark.slow
@pytest.mark.timeout(300)  # twice five acts with their patience: a hanging file shall be named, not cut short
def test_every_file_ends_as_expected_and_a_second_demo_too(project):
    first: list[str] = []
    assert demo.run(first.append, folder=project, width=160) == 0, "\n".join(first)
    text = "\n".join(first)
    script = load_script(project / "samples")
    for one in script.files:
        assert one.file.name in text
    assert f"All {len(script.files)} files ended as expected" in text
    assert "22 of 22 files have ended" in text
    assert "outbox/iberica, outbox/lumen, outbox/norfolk" in text
    whole = {"ack.json", "result.csv", "report.html", "summary.json"}
    assert kinds(project / "outbox/norfolk", "weekly_2026-09-15.xlsx") == whole
    assert kinds(project / "outbox/norfolk", "weekly_2026-09-14.xlsx") == whole | {"errors.xlsx", "issues.csv"}
    assert kinds(project / "outbox/iberica", "existencias_vacio.csv") == {"ack.json"}

    server = project / "state/demo/drop/iberica"
    returned = {path.name for path in (server / "out").iterdir()}
    assert returned == {path.name for path in (project / "outbox/iberica").iterdir()}
    taken = {one.file.name for one in script.files if one.source == "iberica" and one.refused is None}
    assert {path.name for path in (server / "in/archive").iterdir()} == taken
    bad = {path.name for path in (project / "samples/norfolk/bad").iterdir()} - {"stock_open_quote.csv"}
    # a file of faulty rows only was read, judged and answered row by row: it is done with, not unusable
    assert {path.name for path in (project / "inbox/norfolk/rejected").iterdir()} == bad - {"stock_every_row_bad.csv"}

    again: list[str] = []
    assert demo.run(again.append, folder=project, width=160) == 0, "\n".join(again)
    # equal values are sent again, and the table says why
    assert "was sent again" in " ".join("\n".join(again).split())


@pytest.mark.parametrize(("setting", "word"), [("18471", "mirakl"), ("18472", "sftp")])
def test_a_taken_port_is_named_with_the_setting_that_changes_it(project, setting, word):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        settings = (PROJECT / "gateway.toml").read_text("utf-8").replace(setting, port)
        others = [one for one in PORTS if one != setting]
        for spare, free in zip(others, free_ports(len(others)), strict=True):
            settings = settings.replace(spare, str(free))
        (project / "gateway.toml").write_text(settings, "utf-8")
        told: list[str] = []
        assert demo.run(told.append, folder=project) == 4
    assert port in told[-1]
    assert word in told[-1]
    assert "gateway.toml" in told[-1]


def test_a_folder_that_is_no_project_is_said_so(tmp_path):
    told: list[str] = []
    assert demo.run(told.append, folder=tmp_path) == 3
    assert "expected.toml" in told[-1]
    assert "project's folder" in told[-1]


def test_secrets_stay_between_demo_and_files(project):
    offers = {"A-1": 1}
    with staged(project / "gateway.toml", offers, {}, speed=300.0, clock=RealClock()) as stage:
        assert isinstance(stage, Stage)
        secret = project / "state/demo/saks.key"
        assert secret.stat().st_mode & 0o777 == 0o600
        assert stage.secret({"file": "state/demo/saks.key"}) == secret.read_text().strip()
        assert secret.read_text().strip() not in repr(stage)


# ---------------------------------------------------------------- expectations


GOOD = Sample(file=Path("a/stock.csv"), source="a", about="-", routes={"r": Expected(states={"applied": 2})})
BAD = Sample(file=Path("a/bad.csv"), source="a", about="-", refused="FILE_EMPTY")


def outcome(sample: Sample, **more) -> Outcome:
    answer = Path("outbox/a/stock.csv.R1.result.csv")
    plain = Outcome(sample, "r", 2, {"applied": 2}, {}, "", "All 2 rows took effect.", (), 1.25, answer)
    return replace(plain, **more)


def refusal(code: str) -> Outcome:
    return outcome(BAD, rows=None, states={}, code=code, said="Empty.")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([outcome(GOOD), refusal("FILE_EMPTY")], []),
        (
            [outcome(GOOD, states={"applied": 1, "refused": 1}), refusal("FILE_EMPTY")],
            ["a/stock.csv: route r: expected 2 applied, found 1 refused, 1 applied"],
        ),
        (
            [outcome(GOOD, derived={"applied": 3}), refusal("FILE_EMPTY")],
            ["a/stock.csv: route r: expected 2 applied, found 2 applied and without a row 3 applied"],
        ),
        (
            [outcome(GOOD), refusal("FILE_XML")],
            ["a/bad.csv: expected to be refused (FILE_EMPTY), found: FILE_XML"],
        ),
        (
            [outcome(GOOD, route="other"), refusal("FILE_EMPTY")],
            [
                "a/stock.csv: expected on route r, found nothing there",
                "a/stock.csv: found on route other, which was not expected: All 2 rows took effect.",
            ],
        ),
        (
            [outcome(GOOD, code="FILE_XML", said="Cut."), refusal("FILE_EMPTY")],
            ["a/stock.csv: route r: refused (FILE_XML), which was not expected: Cut."],
        ),
    ],
)
def test_what_ended_otherwise_is_told(lines, told):
    assert differences([GOOD, BAD], lines) == told


def test_states_are_counted_gravest_first():
    assert counted({"applied": 3, "refused": 1, "skipped": 0}) == "1 refused, 3 applied"


@pytest.mark.parametrize("width", [60, 100, 160])
def test_the_table_fits_its_width_and_names_everything(width):
    lines = [outcome(GOOD, notes=("7 rows equal what was confirmed.",)), refusal("FILE_EMPTY")]
    text = table.table(lines, width=width)
    assert max(map(len, text.splitlines())) <= max(width, 90)
    for word in ("stock.csv", "2 applied", "took effect", "7 rows equal", "1.2 s", "R1.result.csv", "FILE_EMPTY"):
        assert word in text


def test_the_verdict_has_room_to_be_read_beside_long_names():
    line = outcome(GOOD, route="a-route-of-a-partner-with-a-long-name", notes=("7 rows equal what was confirmed.",))
    answer = GOOD.file.with_name(f"{GOOD.file.name}.a-route-of-a-partner-with-a-long-name.02N0PEY36.errors.csv")
    text = table.table([replace(line, answer=answer)], width=160)
    assert "7 rows equal what was confirmed." in text
    assert "a-route-of-a-partner-with-a-long-name.02N0PEY36.errors.csv" in text


def test_a_script_says_how_a_file_ends_in_one_way(tmp_path):
    (tmp_path / "expected.toml").write_text(
        '[shop]\noffers = "x"\nshown = []\nbought = {}\n[[files]]\nfile = "f"\nsource = "s"\nabout = "-"\n'
    )
    with pytest.raises(SettingsError, match="either refused or routes"):
        load_script(tmp_path)
