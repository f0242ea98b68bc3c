"""What the mapping relies on in polars, pinned: when one of these fails, the mapping must be looked at again."""

from __future__ import annotations

import polars as pl


def test_scatter_changes_the_column_it_is_called_on_but_not_its_clone() -> None:
    source = pl.Series(["a", "b"])
    assert source.clone().scatter([0], ["x"]).to_list() == ["x", "b"]
    assert source.to_list() == ["a", "b"]
    source.scatter([0], ["y"])
    assert source.to_list() == ["y", "b"]


def test_text_to_decimal_rounds_silently_and_gives_null_for_too_many_digits() -> None:
    texts = pl.Series(["-1.005", "-0.0", ".5", "007", "1" * 39])
    read = texts.cast(pl.Decimal(38, 2), strict=False).cast(pl.String)
    assert read.to_list() == ["-1.00", "0.00", "0.50", "7.00", None]


def test_dates_are_parsed_leniently_so_a_pattern_of_ours_must_guard_them() -> None:
    assert pl.Series(["1/2/2026"]).str.to_date("%d/%m/%Y", strict=False).null_count() == 0
    assert pl.Series(["31/02/2026"]).str.to_date("%d/%m/%Y", strict=False).null_count() == 1


def test_two_digit_years_turn_at_seventy() -> None:
    years = pl.Series(["01/02/69", "01/02/70"]).str.to_date("%d/%m/%y", strict=False).dt.year()
    assert years.to_list() == [2069, 1970]


def test_the_regex_engine_counts_foreign_digits_as_digits() -> None:
    assert pl.Series(["٣"]).str.contains(r"^\d$").to_list() == [True]
    assert pl.Series(["٣"]).str.contains("^[0-9]$").to_list() == [False]


def test_replace_strict_takes_a_listed_empty_text_and_leaves_missing_missing() -> None:
    read = pl.Series(["", "a", "b", None]).replace_strict(["", "a"], ["x", "y"], default=None, return_dtype=pl.String)
    assert read.to_list() == ["x", "y", None, None]


def test_a_function_over_an_empty_column_gives_an_empty_column() -> None:
    frame = pl.DataFrame({"a": pl.Series([], dtype=pl.String)})
    mapped = frame.select(pl.map_batches(["a"], lambda columns: columns[0], return_dtype=pl.String))
    assert mapped.height == 0


def test_concatenation_of_nothing_but_nulls_is_empty_text() -> None:
    frame = pl.DataFrame({"a": [None]}, schema={"a": pl.String})
    assert frame.select(pl.concat_str("a", separator=" ", ignore_nulls=True)).item() == ""
