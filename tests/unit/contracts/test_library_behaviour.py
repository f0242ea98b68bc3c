"""What the contracts rely on, or guard against, in polars, re and pydantic."""

import re
from decimal import Decimal

import polars as pl
import pytest
from pydantic import TypeAdapter


def cast(texts, kind):
    return pl.Series(texts, dtype=pl.String).cast(kind, strict=False).to_list()


def test_integer_cast_reads_signs_and_zeros_that_are_not_canonical():
    assert cast(["1", "01", "+1", "-0"], pl.Int64) == [1, 1, 1, 0]


@pytest.mark.parametrize("text", [" 5", "5 ", "1_000", "1.0", "1e3", "", "٣", "1,5"])
def test_integer_cast_refuses(text):
    assert cast([text], pl.Int64) == [None]


def test_decimal_cast_reads_exponents_and_bare_dots():
    assert cast(["1e3", "1.", ".5", "+1"], pl.Decimal(38, 3)) == [Decimal(1000), Decimal(1), Decimal("0.5"), Decimal(1)]


def test_decimal_cast_rounds_surplus_decimals_half_to_even():
    assert cast(["0.0005", "0.0015"], pl.Decimal(38, 3)) == [Decimal("0.000"), Decimal("0.002")]


def test_decimal_cast_gives_null_beyond_its_digits():
    assert cast(["9" * 40, "-" + "9" * 40, "9" * 5000], pl.Decimal(38, 3)) == [None, None, None]


def test_decimal_cast_is_exact_within_fifteen_digits():
    assert cast(["999999999999999.999"], pl.Decimal(38, 3)) == [Decimal("999999999999999.999")]


def test_day_parsing_reads_what_is_not_canonical():
    days = pl.Series(["2026-2-28", " 2026-02-28", "+2026-02-28"]).str.to_date("%Y-%m-%d", strict=False)
    assert days.null_count() < 3


def test_the_end_of_text_is_told_apart_from_a_last_line_feed():
    assert pl.Series(["a\n"]).str.contains(r"^a\z").to_list() == [False]
    assert pl.Series(["a\n"]).str.contains("^a$").to_list() == [False]
    assert re.search("^a$", "a\n") is not None
    assert re.search(r"^a\Z", "a\n") is None


def test_length_in_characters_counts_code_points_on_both_sides():
    texts = ["é", "e\u0301", "👩‍👧"]
    assert pl.Series(texts).str.len_chars().to_list() == [len(text) for text in texts]


def test_string_comparison_is_by_code_point_as_in_python():
    assert pl.Series(["Z", "a", "é", "\U0001f600"]).is_sorted()
    assert sorted(["\U0001f600", "é", "a", "Z"]) == ["Z", "a", "é", "\U0001f600"]


def test_a_comparison_with_null_is_null_and_ne_missing_is_not():
    frame = pl.DataFrame({"a": [None, "x"]}, schema={"a": pl.String})
    assert frame.select(pl.col("a") != "end").to_series().to_list() == [None, True]
    assert frame.select(pl.col("a").ne_missing("end")).to_series().to_list() == [True, True]


def test_pydantic_left_to_itself_reads_what_no_contract_means():
    assert TypeAdapter(int).validate_python("1_000") == 1000
    assert TypeAdapter(int).validate_python("5.0") == 5
