"""What is still in memory: what is remembered is what was written, and forgetting loses nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from gateway.recent import Recent
from gateway.spool import LARGE, MANY, Spool

FRAME = pl.DataFrame(
    {"@row": [1, 2], "@line": [1, 2], "@key": ["a", "b"], "@state": [None, "rejected"], "sku": ["a", "b"]}
)
SIZE = int(FRAME.estimated_size())
A, B = Path("a"), Path("b")


def test_what_is_put_is_found_under_its_name_until_it_is_dropped():
    recent = Recent()
    recent.put(A, "rows/0", FRAME)
    assert recent.get(A, "rows/0") is FRAME
    assert recent.get(A, "rows/1") is None
    assert recent.get(B, "rows/0") is None
    recent.drop(A)
    assert recent.get(A, "rows/0") is None
    recent.drop(B)


def test_a_folder_with_more_than_there_is_room_for_keeps_nothing_and_takes_nothing_more():
    recent = Recent(SIZE * 2)
    for place in range(4):
        recent.put(A, str(place), FRAME)
    assert [recent.get(A, str(place)) for place in range(4)] == [None] * 4
    recent.put(B, "0", FRAME)
    assert recent.get(B, "0") is FRAME


def test_of_a_large_file_nothing_is_kept(tmp_path):
    spool = Spool(tmp_path)
    for name, size in (("small", LARGE), ("large", LARGE + 1)):
        folder = spool.run(name)
        folder.begin()
        folder.expect(size)
        folder.add(0, FRAME, FRAME.clear())
        assert (spool.recent.get(folder.root, "rows/000000.arrow") is None) == (name == "large")
        assert [block.rows() for block in folder.blocks()] == [FRAME.rows()]


@pytest.mark.parametrize(("rows", "kept"), [(MANY, True), (MANY + 1, False)])
def test_effects_are_read_alike_from_memory_and_from_the_disk(tmp_path, rows, kept):
    spool = Spool(tmp_path)
    folder = spool.consignment("1")
    assert folder.begin()
    folder.expect(rows)
    effects = pl.DataFrame({"effect": [0, 1], "@key": ["a", "b"]})
    folder.add_effects(0, effects, effects.clear())
    assert (spool.recent.get(folder.root, "effects-0000.arrow") is not None) == kept
    assert [part.rows() for part in folder.effects()] == [effects.rows()]
    assert [part.rows() for part in folder.effects(["@key"])] == [[("a",), ("b",)]]


def test_what_is_taken_is_there_once_and_makes_room():
    recent = Recent(10)
    recent.put(A, "0", b"12345678")
    assert recent.take(A, "0") == b"12345678"
    assert recent.take(A, "0") is None
    assert recent.take(B, "0") is None
    recent.put(B, "0", b"12345678")
    recent.put(A, "1", b"12")
    assert recent.take(B, "0") == b"12345678"
    assert recent.take(A, "1") == b"12"


@pytest.mark.parametrize(("rows", "kept"), [(MANY, True), (MANY + 1, False)])
def test_a_call_is_kept_for_its_sending_where_there_are_few(tmp_path, rows, kept):
    folder = Spool(tmp_path).consignment("1")
    assert folder.begin()
    folder.expect(rows)
    folder.keep_call(3, b"body")
    assert folder.kept_call(0) is None
    assert folder.kept_call(3) == (b"body" if kept else None)
    assert folder.kept_call(3) is None


def test_of_a_consignment_that_is_removed_nothing_is_kept(tmp_path):
    spool = Spool(tmp_path)
    folder = spool.consignment("1")
    assert folder.begin()
    folder.keep_call(0, b"body")
    folder.add_effects(0, FRAME, FRAME.clear())
    folder.remove()
    assert not folder.root.exists()
    assert folder.kept_call(0) is None
    assert spool.recent.get(folder.root, "effects-0000.arrow") is None


def test_of_folders_that_nobody_drops_no_more_is_remembered_for_ever():
    recent = Recent(SIZE * 2)
    for number in range(3000):
        folder = Path(str(number))
        recent.refuse(folder)
        recent.put(folder, "0", FRAME)
        assert recent.get(folder, "0") is None
    assert len(recent) <= 1000


def test_older_folders_make_room():
    recent = Recent(SIZE * 2)
    recent.put(A, "0", FRAME)
    recent.put(B, "0", FRAME)
    recent.put(B, "1", FRAME)
    assert recent.get(A, "0") is None
    assert recent.get(B, "0") is FRAME


@pytest.mark.parametrize("room", [0, 1 << 20], ids=["on the disk", "in memory"])
def test_a_run_is_read_alike_from_memory_and_from_the_disk(tmp_path, room):
    folder = Spool(tmp_path, Recent(room)).run("1")
    folder.begin()
    issues = pl.DataFrame({"@row": [2], "code": ["MAP_NUMBER"]})
    cells = FRAME.select("@row", "@line", c0="sku")
    folder.add(0, FRAME, issues, cells)
    folder.add(1, FRAME.with_columns(pl.col("@row") + 2), issues.clear())
    folder.add_late(pl.DataFrame({"@row": [1], "state": ["rejected"]}), issues.clear())
    assert folder.columns() == FRAME.columns
    assert folder.last_row() == 4
    assert [b["@state"].to_list() for b in folder.states()] == [["rejected", "rejected"], [None, "rejected"]]
    assert [b.columns for b in folder.blocks(["sku", "price"])] == [FRAME.columns] * 2
    assert folder.issue_codes() == {"MAP_NUMBER"}
    assert folder.issue_block(0).rows() == issues.rows()
    assert folder.issue_block(1).is_empty()
    assert [c.rows() for c in folder.kept(["@row", "c0"])] == [[(1, "a"), (2, "b")]]
    assert FRAME["@state"].to_list() == [None, "rejected"]


def test_a_run_begun_anew_and_a_removed_one_are_not_remembered(tmp_path):
    folder = Spool(tmp_path).run("1")
    folder.begin()
    folder.add(0, FRAME, FRAME.clear())
    folder.begin()
    assert list(folder.blocks()) == []
    folder.add(0, FRAME, FRAME.clear())
    shutil.rmtree(folder.root)
    assert list(folder.blocks()) == []
