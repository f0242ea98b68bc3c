from __future__ import annotations

import pytest

from gateway.sources.names import is_plain_path, is_temporary, next_number, numbered, printable, suffix_of, why_refused


@pytest.mark.parametrize("name", ["a.tmp", "a.csv.part", "A.PARTIAL", "a.filepart", ".a.csv", "..."])
def test_temporary(name):
    assert is_temporary(name)


@pytest.mark.parametrize("name", ["a.csv", "tmp", "part.csv", "a.parts", "año 1.csv"])
def test_not_temporary(name):
    assert not is_temporary(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("..", "another folder"),
        ("a/b", "another folder"),
        ("a\nb.csv", "control"),
        ("a\x1b[2J.csv", "control"),
        ("a\x7f.csv", "control"),
        (b"caf\xe9.csv".decode("utf-8", "surrogateescape"), "UTF-8"),
    ],
)
def test_refused(name, reason):
    assert reason in (why_refused(name) or "")
    assert name == "a/b" or not is_plain_path(f"folder/{name}")
    assert printable(name).isprintable()


@pytest.mark.parametrize("name", ["año 1.csv", "-rf.csv", "a b.csv", "价格.xlsx", "x'y.csv"])
def test_not_refused(name):
    assert why_refused(name) is None
    assert is_plain_path(f"folder/{name}")


@pytest.mark.parametrize("path", ["", "/a", "a//b", "a/../b", "./a"])
def test_paths_that_are_not_plain(path):
    assert not is_plain_path(path)


def test_numbers():
    assert [numbered("in/a.b.csv", number) for number in (1, 2, 10)] == ["in/a.b.csv", "in/a.b-2.csv", "in/a.b-10.csv"]
    assert next_number("a.csv", []) == 2
    assert next_number("a.csv", ["a.csv", "a-2.csv", "a-10.csv", "a-x.csv", "ab-99.csv"]) == 11


def test_suffixes():
    assert [suffix_of(name) for name in ("a.csv", "a.tar.gz", "a", "a.", "a. b", ".csv")] == [".csv", ".gz"] + [""] * 4
