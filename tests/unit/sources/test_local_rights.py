"""Folders of this machine that may not be listed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.errors import Unreachable


def listed(source):
    source.scan()
    return source.scan()


@pytest.fixture
def shut(monkeypatch):
    """Names of folders that may not be listed."""
    names, scandir = set(), os.scandir

    def guarded(path):
        if Path(path).name in names:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    return names


def test_a_folder_inside_that_may_not_be_listed_keeps_nothing_else(inbox, make, shut):
    source = make(recursive=True)
    (inbox / "sub").mkdir()
    for name in ("sub/a.csv", "b.csv"):
        (inbox / name).write_text(name)
    shut.add("sub")
    assert [arrival.path for arrival in listed(source)] == ["b.csv"]
    said = f"The folder {inbox}: sub can't be listed (Permission denied). Give the right to it."
    assert source.refused() == [("sub", said)]
    shut.clear()
    assert {arrival.path for arrival in listed(source)} == {"sub/a.csv", "b.csv"}


def test_the_folder_itself_that_may_not_be_listed_is_unreachable(inbox, make, shut):
    shut.add(inbox.name)
    with pytest.raises(Unreachable, match=r"it can't be listed \(Permission denied\)"):
        make().scan()
