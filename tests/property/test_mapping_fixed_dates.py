"""Dates read from their bytes are those their pattern reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_series_equal

from gateway.mapping.dates import compile_pattern
from gateway.mapping.moments import _stamps

FORMS = ["dd/MM/yyyy HH:mm", "yyyyMMdd", "yyyy-MM-dd'T'HH:mm:ss", "dd.MM.yyyy", "'día 'dd-MM-yyyy"]
NEARLY = st.sampled_from([*"0123456789/-:. T", "é", "", "12", "2026"])


@pytest.mark.parametrize("text", FORMS)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_forms_of_fixed_width_are_read_as_the_pattern_reads_them(text, data):
    pattern = compile_pattern(text)
    assert pattern.form is not None
    moments = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59)).map(
        lambda moment: moment.strftime(pattern.parser).zfill(len(pattern.example))
    )
    near = st.tuples(moments, st.integers(0, 30), NEARLY).map(lambda it: it[0][: it[1]] + it[2] + it[0][it[1] + 1 :])
    texts = pl.Series(
        data.draw(st.lists(st.one_of(moments, near, st.none(), st.just("")), max_size=8)), dtype=pl.String
    )
    assert_series_equal(pattern.form.stamps(texts), _stamps(texts, replace(pattern, form=None)))


@pytest.mark.parametrize("text", ["d/MM/yyyy", "dd/MM/yy", "dd MMM yyyy", "hh:mm a dd/MM/yyyy", "yyyy-MM-dd'T'HH:mmX"])
def test_other_patterns_have_no_fixed_form(text):
    assert compile_pattern(text).form is None


def test_days_and_times_that_do_not_exist_are_null_in_fixed_forms():
    form = compile_pattern("dd/MM/yyyy HH:mm:ss").form
    assert form is not None
    texts = ["29/02/2024 23:59:59", "29/02/2026 00:00:00", "31/04/2026 00:00:00", "00/01/2026 00:00:00",
             "01/00/2026 00:00:00", "01/13/2026 00:00:00", "01/01/0999 00:00:00", "01/01/2026 24:00:00",
             "01/01/2026 00:60:00", "01/01/2026 00:00:60", "01/01/2026T00:00:00",
             "01/01/2026 00:00:0\u0660"]  # fmt: skip
    read = form.stamps(pl.Series(texts))
    assert read.to_list() == [datetime(2024, 2, 29, 23, 59, 59)] + [None] * (len(texts) - 1)


def test_polars_gives_the_bytes_of_texts_of_one_size_and_null_for_others():
    cells = pl.Series(["ab", "é", "a", "abc", "", None]).cast(pl.Binary).bin.reinterpret(dtype=pl.Array(pl.UInt8, 2))
    assert cells.to_list() == [[97, 98], [0xC3, 0xA9], None, None, None, None]
    numbers = cells.drop_nulls().to_numpy()
    assert numbers.dtype == "uint8"
    assert numbers.shape == (2, 2)
