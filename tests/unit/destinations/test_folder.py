"""Files appear whole or not at all."""

from __future__ import annotations

import os

import pytest

from gateway.destinations import _folder
from gateway.errors import OutcomeUnknown, Unreachable


def test_a_file_is_invisible_until_it_is_published(tmp_path):
    _folder.write_temporary(tmp_path, "a.json", b"1")
    assert _folder.names(tmp_path, ".json") == []
    _folder.publish(tmp_path, "a.json")
    assert _folder.names(tmp_path, ".json") == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"1"
    assert not _folder.temporary(tmp_path, "a.json").exists()


def test_trouble_before_the_rename_means_nothing_was_done(tmp_path):
    with pytest.raises(Unreachable, match=r"a\.json"):
        _folder.write_temporary(tmp_path / "gone", "a.json", b"1")
    with pytest.raises(Unreachable, match=r"a\.json"):
        _folder.publish(tmp_path, "a.json")


def test_trouble_after_the_rename_is_an_unknown_outcome(tmp_path, monkeypatch):
    _folder.write_temporary(tmp_path, "a.json", b"1")

    def fail(_handle):
        raise OSError(5, "I/O error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutcomeUnknown, match="I/O error"):
        _folder.publish(tmp_path, "a.json")
    assert (tmp_path / "a.json").exists()


def test_reading_is_bounded(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert _folder.read(tmp_path / "a", 5) == b"12345"
    assert _folder.read(tmp_path / "a", 4) is None
    assert _folder.read(tmp_path / "b", 4) is None
    with pytest.raises(Unreachable):
        _folder.read(tmp_path, 4)


def test_listing(tmp_path):
    for name in ("b.json", "a.json", ".c.json", "d.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "e.json").mkdir()
    assert _folder.names(tmp_path, ".json") == ["a.json", "b.json"]
    with pytest.raises(Unreachable, match="gone"):
        _folder.names(tmp_path / "gone", ".json")
