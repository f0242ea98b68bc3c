from __future__ import annotations

import polars as pl
import pytest

from gateway.formats.neutral import neutralise, neutralised, restore


@pytest.mark.parametrize(
    "cell", ["=1+1", "+44 20 7946", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''-x", "-", "+1e5"]
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell):
    assert neutralise(cell) == f"'{cell}"
    assert restore(f"'{cell}") == cell


@pytest.mark.parametrize("cell", ["", "A1", "-5", "+5", "-1.25", "-1.234,50", "5-3", " =1", "'quoted'", "'", "007"])
def test_anything_else_is_left_alone(cell):
    assert neutralise(cell) == cell
    assert restore(cell) == cell


def test_missing_cells_stay_missing():
    frame = pl.DataFrame({"x": [None, "=1"]})
    assert frame.select(neutralised(pl.col("x")))["x"].to_list() == [None, "'=1"]
