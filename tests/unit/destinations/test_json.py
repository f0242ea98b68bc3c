"""JSON in columns: the same text a JSON library would write and read."""

from __future__ import annotations

import json

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations import _json

AWKWARD = [
    "".join(map(chr, range(0x20))),
    'quote " backslash \\ slash /',
    "\x7f\x80\x9f\u2028\u2029\ufeff\ufffe\uffff",
    "é ñ 漢字 😀 \U0010ffff",
    "",
    " ",
    '"}',
    '{"v":"',
    "null",
]


def quoted(values):
    return pl.DataFrame({"c": values}, schema={"c": pl.String}).select(_json.quoted(pl.col("c"))).to_series().to_list()


def test_polars_escapes_every_character_that_needs_it():
    every = [chr(code) for code in [*range(0x300), *range(0x2000, 0x2070), 0xFEFF, 0xFFFD, 0x1F600]]
    written = quoted(every)
    assert [json.loads(text) for text in written] == every
    assert all(all(ord(sign) >= 0x20 for sign in text) for text in written)


def test_awkward_texts_come_back():
    assert [json.loads(text) for text in quoted(AWKWARD)] == AWKWARD


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_text_comes_back_and_missing_stays_missing(values):
    assert [None if text is None else json.loads(text) for text in quoted(values)] == values


@given(
    st.lists(
        st.fixed_dictionaries({name: st.none() | st.text('ab",{}:\\', max_size=4) for name in ("a", "b", "c")}),
        min_size=1,
    )
)
def test_objects_leave_missing_members_out(rows):
    frame = pl.DataFrame(rows, schema=dict.fromkeys("abc", pl.String))
    written = _json.objects(frame, [(name, _json.quoted(pl.col(name))) for name in "abc"])
    expected = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert [json.loads(text) for text in written] == expected
    assert json.loads(_json.array(written)) == expected


def test_no_member_at_all_gives_an_empty_object_per_row():
    frame = pl.DataFrame({"a": [None, None, None]}, schema={"a": pl.String})
    assert _json.objects(frame, [("a", pl.col("a"))]).to_list() == ["{}"] * 3


@given(
    st.lists(st.text("xyz", min_size=1, max_size=30), max_size=40),
    st.none() | st.integers(1, 12),
    st.none() | st.integers(1, 200),
    st.integers(0, 20),
)
def test_cuts_join_to_the_whole_and_keep_the_limits(items, records, size, around):
    series = pl.Series(items, dtype=pl.String)
    cuts = list(_json.cuts(series, records=records, size=size, around=around))
    assert [item for start, end in cuts for item in items[start:end]] == items
    for start, end in cuts:
        assert end > start
        assert records is None or end - start <= records
        length = sum(len(item) + 1 for item in items[start:end]) + around
        assert size is None or length <= size or end - start == 1


def test_cuts_fill_a_body_to_the_last_byte():
    assert list(_json.cuts(pl.Series(["aaa"] * 4), records=None, size=8)) == [(0, 2), (2, 4)]
    assert list(_json.cuts(pl.Series(["aaa"] * 4), records=None, size=7)) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_array_of_nothing():
    assert _json.array(pl.Series([], dtype=pl.String)) == "[]"
