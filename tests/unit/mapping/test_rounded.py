"""Which long numbers of a workbook may be codes: none that a spreadsheet or a program may have rounded."""

import random
from decimal import Decimal

import polars as pl
import pytest

from gateway.mapping.rounded import rounded

SURE = [
    "123456789012345", "1234567890123456", "9007199254740991", "9007199254740993", "12345678901234567",
    "340123450000000018", "89014103211118510721", "-1234567890123456", "0001234567890123456", "12.5", "0.01",
]  # fmt: skip
UNSURE = [
    "1234567890123450", "9007199254740992", "12345678901234568", "340123450000000000", "12345678901234500000",
    "12345678901234567000", "89014103211118510080", "0.0001", "12.345678901234567", "1" * 45,
]  # fmt: skip


def test_what_was_stored_in_full_is_certain_and_what_a_double_may_have_lost_is_not():
    assert rounded(pl.Series(SURE)).to_list() == [False] * len(SURE)
    assert rounded(pl.Series(UNSURE)).to_list() == [True] * len(UNSURE)
    assert rounded(pl.Series([*SURE[:2], None, "", *UNSURE[:2]])).to_list() == [False, False, None, False, True, True]


PRINTED = {
    "in full": lambda code: str(int(float(code))),
    "shortest": lambda code: f"{Decimal(repr(float(code))):f}".removesuffix(".0"),
    "15 digits": lambda code: f"{Decimal(f'{code:.15g}'):f}",
    "16 digits": lambda code: f"{Decimal(f'{float(code):.16g}'):f}",
    "17 digits": lambda code: f"{Decimal(f'{float(code):.17g}'):f}",
    "typed into a spreadsheet": lambda code: str(code)[:15] + "0" * (len(str(code)) - 15),
}


@pytest.mark.parametrize("way", PRINTED)
def test_no_way_of_printing_a_double_lets_a_changed_code_through(way):
    chance = random.Random(way)  # noqa: S311  no secret: the same numbers every time
    codes = [chance.randrange(10 ** (size - 1), 10**size) for size in range(16, 25) for _ in range(400)]
    codes += [2**53 + step for step in range(-50, 50)]
    printed = [PRINTED[way](code) for code in codes]
    passed = ~rounded(pl.Series(printed))
    assert [text for text, code, well in zip(printed, codes, passed, strict=True) if well and text != str(code)] == []


def test_whole_numbers_of_many_digits_become_the_nearest_double_and_back():
    """What polars does with numbers that no Int64 holds."""
    codes = [10**15 + 1, 2**53 + 1, 2**63 + 1025, 340123450000000018, 89014103211118510721]
    read = pl.Series([str(code) for code in codes]).cast(pl.Int128)
    assert read.cast(pl.Float64).to_list() == [float(code) for code in codes]
    assert read.cast(pl.Float64).cast(pl.Int128).to_list() == [int(float(code)) for code in codes]
    assert pl.Series(["1" * 45]).cast(pl.Int128, strict=False).to_list() == [None]
