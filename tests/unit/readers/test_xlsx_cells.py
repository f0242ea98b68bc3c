import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Kind
from gateway.readers.xlsx_cells import cell_column, may_be_long, parts_of

CELLS = {
    "": ("", Kind.EMPTY),
    None: ("", Kind.EMPTY),
    "00123": ("00123", Kind.TEXT),
    " ": (" ", Kind.TEXT),
    12.5: ("12.5", Kind.NUMBER),
    -0.0: ("0", Kind.NUMBER),
    5_012_345_678_900.0: ("5012345678900", Kind.NUMBER),
    -1e15: ("-1000000000000000", Kind.NUMBER),
    1e-7: ("0.0000001", Kind.NUMBER),
    0.1 + 0.2: ("0.3", Kind.NUMBER),
    10**20: ("100000000000000000000", Kind.NUMBER),
    True: ("true", Kind.BOOLEAN),
    dt.date(2026, 11, 22): ("2026-11-22", Kind.DATE),
    dt.datetime(2026, 11, 22): ("2026-11-22", Kind.DATE),
    dt.datetime(2026, 11, 22, 9, 30): ("2026-11-22T09:30:00", Kind.DATE),
    dt.time(9, 30): ("09:30:00", Kind.TIME),
    dt.timedelta(hours=36, minutes=30): ("36:30:00", Kind.TIME),
}
VALUES = [*CELLS, False]
EXPECTED = [*CELLS.values(), ("false", Kind.BOOLEAN)]


def column(*slices: list) -> list[tuple[str, Kind]]:
    text, kinds = cell_column("c7", [(len(values), parts_of(values)) for values in slices])
    assert (text.name, text.dtype, kinds.name, kinds.dtype) == ("c7", pl.String, "c7", pl.UInt8)
    return [(held, Kind(kind)) for held, kind in zip(text, kinds, strict=True)]


@pytest.mark.parametrize(("value", "expected"), list(zip(VALUES, EXPECTED, strict=True)))
def test_a_column_of_one_type(value: object, expected: tuple[str, Kind]) -> None:
    assert column([value]) == [expected]
    assert column([value, value], [], [value]) == [expected] * 3


@pytest.mark.parametrize("value", [value for value in VALUES if value is not None and not isinstance(value, str)])
def test_polars_takes_nothing_but_text_for_text(value: object) -> None:
    assert pl.Series("", ["a", None], dtype=pl.String).to_list() == ["a", None]
    for values in (["a", value], [value, "a"], [None, "a", value]):
        with pytest.raises(TypeError):
            pl.Series("", values, dtype=pl.String)


@given(
    places=st.lists(st.integers(0, len(VALUES) - 1), max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=3).map(sorted),
)
def test_cells_of_any_types_in_any_slices(places: list[int], cuts: list[int]) -> None:
    values = [VALUES[place] for place in places]
    slices = [values[start:end] for start, end in zip([0, *cuts], [*cuts, len(values)], strict=True)]
    assert column(*slices) == [EXPECTED[place] for place in places]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([999_999_999_999_999.0, -5.5, None, "1234567890123456789"], False),
        ([1.0, 1e15], True),
        ([-1e15], True),
        ([float("nan")], True),
        ([10**14], False),
        ([10**15], True),
        ([], False),
    ],
)
def test_whole_numbers_a_float_may_not_hold(values: list, *, expected: bool) -> None:
    assert may_be_long([(len(values), parts_of(values))]) is expected
