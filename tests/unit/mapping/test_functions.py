from __future__ import annotations

import sys
import types

import polars as pl
import pytest

from gateway.mapping import functions
from gateway.mapping.functions import call


def doubled(texts: pl.Series) -> pl.Series:
    return (texts.cast(pl.Int64) * 2).cast(pl.String)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> str:
    made = types.ModuleType("partner_functions")
    made.doubled = doubled
    monkeypatch.setitem(sys.modules, "partner_functions", made)
    return "partner_functions"


def test_a_failing_row_does_not_hurt_the_others() -> None:
    column, faults = call(doubled, [pl.Series([*map(str, range(100)), "x", None, "7", "y"])])
    assert column.to_list() == [*(str(2 * n) for n in range(100)), None, None, "14", None]
    assert sorted(faults) == [100, 103]
    assert "InvalidOperationError" in faults[100]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda _: "text", "gave back str, not a column"),
        (lambda texts: texts.head(1), "gave back 1 values for 2 rows"),
        (lambda texts: texts.str.len_chars(), "a column of UInt32"),
    ],
)
def test_a_function_that_gives_back_something_else_fails_every_row(wrong, said: str) -> None:
    column, faults = call(wrong, [pl.Series(["a", "b"])])
    assert column.to_list() == [None, None]
    assert said in faults[0]
    assert said in faults[1]


def test_a_field_by_function_goes_on_through_the_transforms(load, table, draft, faults, module: str) -> None:
    body = f"""
[fields]
q = {{ function = "{module}:doubled", columns = ["q"], factor = "0.5", default = "9" }}
w = {{ function = "{module}:doubled", columns = ["q"], when = {{ column = "k", is = "1" }} }}
"""
    source = table({"q": [" 4 ", "x", None, ""], "k": ["1", "0", "1", "0"]})
    result = draft(load(body), source)
    assert result.frame["q"].to_list() == ["4", None, "9", None]
    assert result.frame["w"].to_list() == ["8", None, None, None]
    assert faults(result) == [(3, "MAP_FUNCTION", "q", "x"), (5, "MAP_FUNCTION", "q", "")]


def test_entry_points_are_found_by_name(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    class Point:
        name, value = "double", f"{module}:doubled"

    monkeypatch.setattr(
        functions, "entry_points", lambda *, group, name=None: [Point()] if group and name in {None, "double"} else []
    )
    assert functions.find_function("double") is doubled
    with pytest.raises(functions.FunctionError, match="there are: double"):
        functions.find_function("other")
