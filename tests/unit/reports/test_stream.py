"""Small frames and tables are worked on together, large ones as they come, and none is lost."""

import polars as pl
from support.fake_rows import FakeRows, results

from gateway.model import LINE, ROW, Table
from gateway.reports.stream import RowCursor, failed_blocks, gathered

ISSUES = {"code": "REQUIRED", "field": "sku", "value": None, "detail": None, "severity": "error", "state": "rejected"}


def _frame(first, count):
    return pl.DataFrame({ROW: range(first, first + count)})


def _table(first, count, columns=("c0",)):
    cells = {name: [f"{name} {n}" for n in range(first, first + count)] for name in columns}
    kinds = pl.DataFrame({name: [0] * count for name in columns}, schema=dict.fromkeys(columns, pl.UInt8))
    return Table(
        pl.DataFrame({ROW: range(first, first + count), LINE: range(first, first + count), **cells}), columns, kinds
    )


def test_small_frames_come_together_and_large_ones_alone():
    frames = [_frame(0, 5), _frame(5, 0), _frame(5, 7), _frame(12, 30_000), _frame(30_012, 3)]
    found = list(gathered(frames))
    assert [frame.height for frame in found] == [12, 30_000, 3]
    assert pl.concat(found)[ROW].to_list() == list(range(30_015))


def test_no_frames_give_none():
    assert list(gathered([_frame(0, 0)])) == []


def test_a_cursor_gives_out_what_is_wanted_up_to_a_row():
    frames = pl.DataFrame({ROW: range(1, 9), "state": ["applied", "rejected"] * 4})
    cursor = RowCursor(frames.iter_slices(3), pl.col("state") == "rejected")
    assert cursor.upto(1) is None
    assert cursor.upto(4)[ROW].to_list() == [2, 4]
    assert cursor.upto(8)[ROW].to_list() == [6, 8]
    assert cursor.upto(9) is None


def test_tables_of_one_shape_make_one_block():
    rows = FakeRows(
        results([(n, str(n), "rejected" if n != 4 else "applied") for n in range(1, 10)]),
        pl.DataFrame(),
        [_table(1, 2), _table(3, 0), _table(3, 4), _table(7, 2, ("c0", "c1")), _table(9, 1, ("c0", "c1"))],
    )
    rows.issue = pl.DataFrame({ROW: range(1, 10), LINE: range(1, 10), **ISSUES}).cast(
        {"value": pl.String, "detail": pl.String}
    )
    blocks = list(failed_blocks(rows))
    assert [block.table.frame[ROW].to_list() for block in blocks] == [[1, 2, 3, 5, 6], [7, 8, 9]]
    for block in blocks:
        assert block.faults[ROW].to_list() == block.table.frame[ROW].to_list()
        assert block.table.kinds is not None
        assert block.table.kinds.height == block.table.frame.height
        assert block.faults["error_code"].to_list() == ["REQUIRED"] * block.faults.height
    assert blocks[1].faults["until"].to_list() == [8, 9, None]
