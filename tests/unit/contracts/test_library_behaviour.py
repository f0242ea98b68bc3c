"""What the contracts rely on, or guard against, in polars, re and pydantic."""

import re
from decimal import Decimal

import polars as pl
import pytest
from pydantic import TypeAdapter
from stdnum import ean

from gateway.wording import filled


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


def test_whole_numbers_of_128_bits_are_multiplied_and_divided_exactly():
    frame = pl.DataFrame({"x": pl.Series([3 * 10**37 + 1, 7], dtype=pl.Int128)})
    seven = pl.lit(7, pl.Int128)
    assert frame.select(pl.col("x") // seven).to_series().to_list() == [(3 * 10**37 + 1) // 7, 1]
    assert frame.select(pl.col("x") % seven).to_series().to_list() == [(3 * 10**37 + 1) % 7, 0]
    assert frame.select((pl.col("x") // seven * seven).cast(pl.String)).to_series()[1] == "7"


def test_the_number_behind_a_decimal_counts_its_smallest_unit():
    series = pl.Series(["99999999.999999", "0.5"]).cast(pl.Decimal(38, 6))
    assert series.to_physical().cast(pl.Int128).to_list() == [99999999999999, 500000]


def test_a_table_of_128_bit_numbers_can_be_looked_up():
    told = pl.select(pl.lit(2).replace_strict({2: 10**6}, return_dtype=pl.Int128, default=None)).to_series()
    assert (told.dtype, told.to_list()) == (pl.Int128, [10**6])


def test_base64_is_decoded_to_null_where_it_is_none():
    assert pl.Series(["QQ==", "Q"]).str.decode("base64", strict=False).to_list() == [b"A", None]


@pytest.mark.parametrize("code", ["96385074", "036000291452", "4006381333931", "98412345678908"])
def test_stdnum_reads_every_length_of_barcode(code):
    assert ean.is_valid(code)
    assert ean.calc_check_digit(code[:-1]) == code[-1]
    assert not ean.is_valid(code[:-1] + str((int(code[-1]) + 1) % 10))


def test_stdnum_takes_zeros_for_a_barcode_and_strips_separators():
    assert ean.is_valid("0" * 13)
    assert ean.is_valid("4006381-333931")


def test_a_sort_of_the_last_row_so_far_is_a_running_maximum_over_a_group():
    frame = pl.DataFrame({"g": ["a", "b", "a", "a"], "x": [3, 9, 1, 5]})
    told = frame.select(pl.col("x").cum_max().shift(1).over("g")).to_series()
    assert told.to_list() == [None, None, 3, 3]


def test_texts_are_joined_over_columns_with_an_empty_chunk_before_another():
    # polars' own format panics here; a filter leaves such chunks behind
    frame = pl.concat([pl.DataFrame({"s": ["x"]}), pl.DataFrame({"s": ["a", "b"]})], rechunk=False)
    frame = frame.filter(pl.Series([False, True, True]))
    assert frame["s"].chunk_lengths() == [0, 2]
    assert frame.select(pl.concat_str(pl.lit("is "), pl.col("s"))).to_series().to_list() == ["is a", "is b"]
    assert frame.select(filled("{} is {}!", "s", pl.lit(1))).to_series().to_list() == ["a is 1!", "b is 1!"]
