from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from gateway.mapping.numbers import Factor, Number
from gateway.model import Kind


def read(example: str, *texts: str | None, **options: object) -> list[str | None]:
    return Number(example, **options).run(pl.Series(texts, dtype=pl.String), None).to_list()


@pytest.mark.parametrize(
    ("example", "text", "canonical"),
    [
        ("1234.5", "0", "0"),
        ("1234.5", "007", "7"),
        ("1234.5", "1.50", "1.5"),
        ("1234.5", "1.00", "1"),
        ("1234.5", "0.0", "0"),
        ("1234.5", "-0", "0"),
        ("1234.5", "-0.00", "0"),
        ("1234.5", ".5", "0.5"),
        ("1234.5", "+3", "3"),
        ("1234.5", "3-", "-3"),
        ("1234.5", "\u22123", "-3"),
        ("1234.5", "1.234", "1.234"),
        ("1234,5", "1,5", "1.5"),
        ("1,234.5", "1,234", "1234"),
        ("1,234.5", "12,345,678.90", "12345678.9"),
        ("1.234,5", "1.234", "1234"),
        ("1.234,5", "1.234,50", "1234.5"),
        ("1.234,5", "1234,5", "1234.5"),
        ("1.234,5", "1,234", "1.234"),
        ("1 234,5", "1\u00a0234,5", "1234.5"),
        ("1 234,5", "1\u202f234 567", "1234567"),
        ("1'234.5", "1\u2019234.50", "1234.5"),
        ("1'234,5", "1'234,50-", "-1234.5"),
        ("1 234.5", "1 234.5", "1234.5"),
        ("1234.5", "1" * 60 + ".50", "1" * 60 + ".5"),
        ("1234.5", "0." + "0" * 40 + "10", "0." + "0" * 40 + "1"),
    ],
)
def test_a_number_becomes_canonical(example: str, text: str, canonical: str) -> None:
    assert read(example, text) == [canonical]


@pytest.mark.parametrize(
    ("example", "text"),
    [
        ("1234.5", "1,23"),
        ("1234.5", "1,234.5"),
        ("1234.5", "1e3"),
        ("1234.5", "1."),
        ("1234.5", "."),
        ("1234.5", "-"),
        ("1234.5", "--1"),
        ("1234.5", "-1-"),
        ("1234.5", "1 2"),
        ("1234.5", "€ 5"),
        ("1234.5", "5 %"),
        ("1234.5", "٣"),
        ("1234.5", "1_000"),
        ("1234.5", "NaN"),
        ("1.234,5", "1.5"),
        ("1.234,5", "0.123"),
        ("1.234,5", "1.2345"),
        ("1.234,5", "12.34.567"),
        ("1.234,5", "1,2,3"),
        ("1'234.5", "1'23"),
    ],
)
def test_a_number_not_as_agreed_is_refused_and_never_guessed(example: str, text: str) -> None:
    assert read(example, text) == [None]
    assert Number(example).blame(pl.Series([text]), None)["code"].to_list() == ["MAP_NUMBER"]


@pytest.mark.parametrize(("example", "text"), [("1234.5", "1,234"), ("1234,5", "1.234"), ("1 234,5", "-12.345")])
def test_a_value_with_two_readings_names_both(example: str, text: str) -> None:
    assert read(example, text) == [None]
    blame = Number(example).blame(pl.Series([text]), None).row(0, named=True)
    bare = text.strip("-").replace(",", ".")
    assert blame["code"] == "MAP_NUMBER_TWO_READINGS"
    assert f"{bare.replace('.', '')} or {bare}" in blame["detail"]
    assert example in blame["detail"]


def test_empty_stays_empty_and_missing_missing_among_all_kinds_of_numbers() -> None:
    texts = ["", None, "0", "1.5", "bad", "3-", "12", "00"]
    assert read("1234.5", *texts) == ["", None, "0", "1.5", None, "-3", "12", "0"]


def test_reading_leaves_the_source_column_alone() -> None:
    source = pl.Series(["1,5", "2", "x", "3-"])
    Number("1234,5").run(source, None)
    assert source.to_list() == ["1,5", "2", "x", "3-"]


def test_only_the_agreed_currency_is_taken_off() -> None:
    texts = ("€ 1.234,50", "12,5 EUR", "-€5", "€-5", "5-€", "€5-", "$5", "€5€", "€", "5")
    assert read("1.234,5", *texts, currency=("€", "EUR")) == [
        "1234.5", "12.5", "-5", "-5", "-5", "-5", None, None, None, "5",
    ]  # fmt: skip


def test_a_percent_sign_is_taken_off_where_declared() -> None:
    assert read("1234,5", "12,5 %", "21%", "%5", "-4 %", percent=True) == ["12.5", "21", None, "-4"]


def test_typed_numbers_are_read_as_they_are_and_only_text_by_the_format() -> None:
    kinds = pl.Series([Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.NUMBER], dtype=pl.UInt8)
    texts = pl.Series(["1.5", "1.500", "2026-01-02", "1.500"])
    assert Number("1.234,5").run(texts, kinds).to_list() == ["1.5", "1500", None, "1.5"]


@pytest.mark.parametrize(
    ("factor", "text", "product"),
    [
        ("12", "3", "36"),
        ("0.01", "1999", "19.99"),
        ("0.01", "0", "0"),
        ("-1", "0", "0"),
        ("-1", "2.5", "-2.5"),
        ("-0.5", "-2.5", "1.25"),
        ("1000", "0.001", "1"),
        ("1E3", "0.0015", "1.5"),
        ("0.3", "0.1", "0.03"),
        ("12", "9" * 40, str(int("9" * 40) * 12)),
        ("0.1", "-" + "1" * 45, "-" + "1" * 44 + ".1"),
    ],
)
def test_a_factor_multiplies_exactly(factor: str, text: str, product: str) -> None:
    assert Factor(Decimal(factor)).run(pl.Series([text, "", None]), None).to_list() == [product, "", None]
