"""What a source says of its files: the unreadable are trouble, those that grew late are told and taken again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.service_home import GOOD, running, until


@pytest.fixture
def locked(monkeypatch):
    """Names that nobody may open."""
    names = set()
    opened = os.open

    def guarded(path, *args, **kwargs):
        if Path(path).name in names:
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", guarded)
    return names


def test_a_file_that_can_not_be_read_is_trouble_until_it_can(home, locked):
    locked.add("shut.csv")
    made = home.wired()
    with running(made) as failure:
        home.drop("one", "shut.csv", GOOD)
        until(made.operations.sources_in_trouble)
        said, _ = made.operations.sources_in_trouble()["one"]
        assert "shut.csv can't be read: Permission denied. Give the right to read" in said
        home.drop("one", "good.csv", GOOD.replace("a,1", "a,7"))
        until(lambda: "good.csv" in home.names("one", "archive"))
        assert set(made.operations.sources_in_trouble()) == {"one"}
        locked.clear()
        until(lambda: "shut.csv" in home.names("one", "archive"))
        until(lambda: not made.operations.sources_in_trouble())
    assert failure == []
    kinds = [event.kind for event in made.operations.events("source one")]
    assert kinds == ["recovered", "trouble"]


def test_a_source_that_comes_back_still_has_its_unreadable_file(home, locked):
    locked.add("shut.csv")
    home.drop("one", "shut.csv", GOOD)
    made = home.wired()
    with running(made):
        until(made.operations.sources_in_trouble)
        (home.root / "one").rename(home.root / "away")
        until(lambda: "can't be listed" in made.operations.sources_in_trouble()["one"][0])
        (home.root / "away").rename(home.root / "one")
        until(lambda: "shut.csv" in made.operations.sources_in_trouble().get("one", ("",))[0])


def test_a_file_that_grew_in_the_archive_is_taken_again_and_its_run_says_so(home):
    made = home.wired()
    with running(made):
        home.drop("one", "stock.csv", GOOD)
        until(lambda: home.names("one", "archive"))
        with (home.root / "one/archive/stock.csv").open("a") as late:
            late.write("c,3\n")
        until(lambda: len(made.operations.runs(state="settled")) == 2)
        again, first = made.operations.runs()
        assert (again.rows, sum(again.counts["states"].values()), first.rows) == (3, 3, 2)
        until(lambda: home.names("one", "archive"))
        (said,) = [event.text for event in made.operations.events(first.id) if event.kind == "grew"]
    assert "4 bytes were not read. It is in the inbox again and is taken as a newer file" in said
