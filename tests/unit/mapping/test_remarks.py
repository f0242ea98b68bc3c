"""Cells that were read and are told of all the same: fractions taken for rates, codes that became the same text."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SettingsError
from gateway.mapping.remarks import Remarks
from gateway.model import Kind

RATE = '[fields]\ntax_rate = { column = "VAT", number = "1234.5", fractions = true }\n'
CODES = """
[fields.tax_rate]
column = "VAT"
extract = "^T?([0-9]+)$"
words = { 0 = "0", 1 = "20", 2 = "0" }
tell = ["0"]
default = "0"
"""


def test_a_fraction_is_taken_times_a_hundred_and_told_with_its_cell(load, table, draft) -> None:
    source = table({"VAT": ["20", " 0.2", "0.005", "0", "1", "", None, "-0.2", "100"]})
    result = draft(load(RATE), source, numeric={"tax_rate"})
    assert result.frame["tax_rate"].to_list() == ["20", "20", "0.5", "0", "1", "", None, "-0.2", "100"]
    assert result.issues.rows() == [
        (3, 103, "MAP_FRACTION", "tax_rate", " 0.2", "20"),
        (4, 104, "MAP_FRACTION", "tax_rate", "0.005", "0.5"),
    ]


def test_without_the_setting_a_fraction_stays_as_it_is(load, table, draft) -> None:
    result = draft(load(RATE.replace(", fractions = true", "")), table({"VAT": ["0.2"]}), numeric={"tax_rate"})
    assert (result.frame["tax_rate"].to_list(), result.issues.height) == (["0.2"], 0)


def test_typed_cells_that_show_percent_are_fractions_too(load, table, draft) -> None:
    source = table({"VAT": ["0.21", "21", "0.1"]}, kinds={"VAT": [Kind.NUMBER, Kind.TEXT, Kind.NUMBER]})
    result = draft(load(RATE), source, numeric={"tax_rate"})
    assert result.frame["tax_rate"].to_list() == ["21", "21", "10"]
    assert result.issues["value"].to_list() == ["0.21", "0.1"]


def test_a_cell_with_a_percent_sign_is_no_fraction(load, table, draft) -> None:
    mapping = load(RATE.replace("fractions", "percent = true, fractions"))
    result = draft(mapping, table({"VAT": ["0.5%", "0.5 %", "0.2", "20 %"]}), numeric={"tax_rate"})
    assert result.frame["tax_rate"].to_list() == ["0.5", "0.5", "20", "20"]
    assert result.issues["value"].to_list() == ["0.2"]


def test_a_cell_that_cannot_be_read_and_one_that_is_mended_are_told_beside_each_other(
    load, table, draft, faults
) -> None:
    result = draft(load(RATE), table({"VAT": ["much", "0.2"]}), numeric={"tax_rate"})
    assert faults(result) == [(2, "MAP_NUMBER", "tax_rate", "much"), (3, "MAP_FRACTION", "tax_rate", "0.2")]


def test_codes_that_became_the_same_text_are_told_as_they_stood(load, table, draft) -> None:
    result = draft(load(CODES), table({"VAT": ["T0", "T1", "2", "", "T7"]}), numeric={"tax_rate"})
    assert result.frame["tax_rate"].to_list() == ["0", "20", "0", "0", None]
    assert result.issues.select("@row", "code", "value", "detail").rows() == [
        (2, "MAP_TOLD", "T0", "0"),
        (4, "MAP_TOLD", "2", "0"),
        (6, "MAP_LOOKUP", "T7", "0, 1, 2"),
    ]


def test_where_a_condition_leaves_the_cell_out_nothing_is_told(load, table, draft) -> None:
    body = CODES + 'when = { column = "Kind", is = "goods" }\n'
    result = draft(load(body), table({"VAT": ["T0", "T0"], "Kind": ["goods", "gift"]}), numeric={"tax_rate"})
    assert result.issues["@row"].to_list() == [2]


def test_a_number_below_zero_is_taken_as_zero_and_told(load, table, draft) -> None:
    body = '[fields]\nquantity = { column = "Level", number = "1.234,5", negative_as_zero = true }\n'
    result = draft(load(body), table({"Level": ["-3", "0", "1.000,5-", "2", "-0", ""]}), numeric={"quantity"})
    assert result.frame["quantity"].to_list() == ["0", "0", "0", "2", "0", ""]
    assert result.issues.select("@row", "code", "value", "detail").rows() == [
        (2, "MAP_NEGATIVE", "-3", "0"), (4, "MAP_NEGATIVE", "1.000,5-", "0"),
    ]  # fmt: skip


def test_what_is_summed_up_is_not_changed_row_by_row(load) -> None:
    body = """
[fields]
sku = "a"
quantity = { column = "q", negative_as_zero = true }
[group]
by = ["sku"]
sum = ["quantity"]
"""
    with pytest.raises(SettingsError, match="negative_as_zero of each row would change its sum"):
        load(body)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ('{ column = "x", factor = 100, fractions = true }', "say factor (of every number) or fractions"),
        ('{ column = "x", chained = "+", fractions = true }', "say chained or fractions"),
        ('{ column = "x", date = "iso", fractions = true }', "a number, a date or a flag"),
        ('{ constant = "0", tell = ["0"] }', "takes no tell"),
        ('{ constant = "0.2", fractions = true }', "takes no fractions"),
    ],
)
def test_what_does_not_go_together_is_a_fault_of_the_mapping(load, spec: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(f"[fields]\na = {spec}\n")
    assert said in str(caught.value)


@given(st.lists(st.decimals(min_value=-1, max_value=101, places=4) | st.none()))
def test_every_fraction_and_nothing_else_is_multiplied(values: list[Decimal | None]) -> None:
    texts = [None if one is None else f"{one.normalize():f}" for one in values]
    texts = ["0" if one == "-0" else one for one in texts]
    found, told = Remarks(fractions=True).look(pl.Series(texts, dtype=pl.String), pl.Series(texts, dtype=pl.String))
    wanted = [one * 100 if one is not None and 0 < one < 1 else one for one in values]
    assert [None if one is None else Decimal(one) for one in found] == wanted
    assert told["place"].to_list() == [at for at, one in enumerate(values) if one is not None and 0 < one < 1]
