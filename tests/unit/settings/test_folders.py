"""Folders that must be apart: a source takes whatever lies in its folder, be it ours."""

from __future__ import annotations

import pytest

from gateway.errors import SettingsError
from gateway.settings import load_settings
from gateway.testing.texts import LEVELS

TOP = """version = 1
state = "{state}"
outbox = "{outbox}"
mappings = "mappings"
"""
LOCAL = """
[sources.{name}]
kind = "local"
folder = "{folder}"
{more}
"""
SENT = """
[destinations.erp]
kind = "files"
folder = "{sent}"
format = "json"
"""
MIRAKL = """
[destinations.shop]
kind = "mirakl"
host = "shop.example.com"
api_key = { file = "keys/mirakl" }
categories = "tables/categories.csv"
"""
SFTP = """
[sources.{name}]
kind = "sftp"
host = "{host}"
user = "{user}"
key_file = "keys/id"
known_hosts = "keys/known_hosts"
folder = "{folder}"
"""
ROUTE = """
[routes.stock]
source = "acme"
files = "*.csv"
mapping = "stock.toml"
destination = "erp"
"""


@pytest.fixture
def faults(tmp_path):
    """Return a function that gives the faults of settings as `line: message`."""
    for name in ("mappings", "keys", "tables"):
        (tmp_path / name).mkdir()
    (tmp_path / "mappings" / "stock.toml").write_text(LEVELS, "utf-8")
    (tmp_path / "keys" / "mirakl").write_text("key", "utf-8")
    (tmp_path / "tables" / "categories.csv").write_text("category;code\nGoods;G\n", "utf-8")
    path = tmp_path / "gateway.toml"

    def found(*parts, folder="inbox", more="", sent="sent", state="state", outbox="outbox"):
        text = TOP.format(state=state, outbox=outbox) + LOCAL.format(name="acme", folder=folder, more=more)
        path.write_text(text + SENT.format(sent=sent) + "".join(parts) + ROUTE, "utf-8")
        try:
            load_settings(path)
        except SettingsError as error:
            return [str(fault).removeprefix(f"{path}:") for fault in error.faults]
        return []

    return found


def test_folders_beside_each_other_are_well(faults):
    assert faults(MIRAKL) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"folder": "state"}, "is the state folder too"),
        ({"folder": "state/claims"}, "lies in the state folder"),
        ({"folder": "./x/../state"}, "is the state folder too"),
        ({"folder": "in", "state": "in/state"}, "the state folder, {root}/in/state, lies in it"),
        ({"folder": "mappings"}, "is the folder of the mappings too"),
        ({"folder": "outbox"}, "is the outbox too"),
        ({"folder": "outbox/acme"}, "lies in the outbox"),
        ({"folder": "sent"}, "is folder of destination 'erp' too"),
        ({"folder": "sent/more"}, "lies in folder of destination 'erp'"),
        ({"folder": "."}, "gateway.toml of these settings lies in it"),
        ({"folder": "keys"}, "mirakl of these settings lies in it"),
        ({"folder": "tables"}, "categories.csv of these settings lies in it"),
        ({"folder": "inbox", "sent": "inbox/rejected"}, "lies in {root}/inbox/rejected, where the source puts files"),
    ],
)
def test_what_is_ours_is_no_drop_folder(faults, tmp_path, given, told):
    (fault,) = [one for one in faults(MIRAKL, **given) if told.format(root=tmp_path) in one]
    assert fault.startswith("8: sources.acme.folder: ")


def test_all_is_told_at_once(faults):
    found = faults(LOCAL.format(name="bolt", folder="outbox", more=""), folder="state", sent="state")
    assert [fault.split(": ")[1] for fault in found] == ["sources.acme.folder"] * 2 + ["sources.bolt.folder"]


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("after", {"more": 'after = "move:done"', "sent": "inbox/done"}),
        ("answers", {"more": 'answers = "out"', "outbox": "inbox/out"}),
    ],
)
def test_what_the_source_makes_itself_is_nobody_elses(faults, key, given):
    (fault,) = faults(**given)
    assert fault.startswith(f"9: sources.acme.{key}: ")


@pytest.mark.parametrize("given", [{"sent": "inbox/sent"}, {"outbox": "inbox/out"}])
def test_sub_folders_of_a_drop_folder_are_not_listed(faults, given):
    assert faults(**given) == []


def test_a_link_is_where_it_leads_to(faults, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "inbox").symlink_to("state")
    (fault,) = faults()
    assert "is the state folder too" in fault


def test_two_sources_take_from_two_folders(faults):
    (fault,) = faults(LOCAL.format(name="bolt", folder="./inbox/", more=""))
    assert "sources.bolt.folder: is the folder of source 'acme' too" in fault


@pytest.mark.parametrize(
    ("second", "same"),
    [
        ({"host": "FTP.example.com", "folder": "in/"}, True),
        ({"folder": "in2"}, False),
        ({"user": "other"}, False),
        ({"host": "ftp2.example.com"}, False),
    ],
)
def test_two_accounts_too(faults, second, same):
    first = {"host": "ftp.example.com", "user": "gateway", "folder": "in"}
    found = faults(SFTP.format(name="a", **first), SFTP.format(name="b", **first | second))
    assert [("sources.b.folder: is the folder of source 'a' too" in one) for one in found] == [True] * same


def test_answers_come_back_to_no_drop_folder(faults):
    (fault,) = faults(LOCAL.format(name="bolt", folder="bolt", more='answers = "../inbox"'))
    assert "sources.bolt.answers: " in fault
    assert "is the drop folder of source 'acme'" in fault


@pytest.mark.parametrize(("key", "line"), [("state", 2), ("outbox", 3)])
def test_a_file_is_no_folder(faults, tmp_path, key, line):
    (tmp_path / key).write_text("", "utf-8")
    (fault,) = faults()
    assert fault.startswith(f"{line}: {key}: {tmp_path / key} is no folder")


def test_a_secret_in_the_place_of_its_reference_is_no_file(faults):
    found = faults(MIRAKL.replace("keys/mirakl", "hunter2-do-not-show"), folder=".")
    assert len(found) > 1
    assert not any("hunter2" in one for one in found)
