"""The changelog keeps its form: Keep a Changelog, each entry with its area."""

from __future__ import annotations

import re
import tomllib

from pages import ROOT

from gateway import __version__
from gateway.cli.group import COMMANDS
from gateway.destinations import destinations

TEXT = (ROOT / "CHANGELOG.md").read_text("utf-8")
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
AREAS = {
    "intake", "readers", "mapping", "contracts", "routes", "delivery", "answers", "cli", "twins", "state", "sftp",
    *destinations(),
}  # fmt: skip


def test_it_begins_with_what_is_not_released():
    assert TEXT.startswith("# Changelog\n")
    versions = re.findall(r"^## \[(.+?)\](.*)$", TEXT, re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    assert all(re.fullmatch(r" - \d{4}-\d{2}-\d{2}", date) for _, date in versions[1:])


def test_changes_stand_under_their_kind():
    assert set(re.findall(r"^### (.+)$", TEXT, re.MULTILINE)) <= set(KINDS)


def test_every_entry_has_its_area_and_is_a_sentence():
    entries = re.findall(r"^- (.+(?:\n  .+)*)", TEXT, re.MULTILINE)
    assert entries
    for entry in entries:
        area, _, said = entry.partition(": ")
        assert area in AREAS, entry
        assert said.endswith("."), entry


def test_a_new_command_does_not_come_in_silence():
    assert [name for name in COMMANDS if f"`{name}`" not in TEXT] == []


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__
