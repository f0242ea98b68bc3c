"""The mapping never turns zero into absent, never invents a value, and loses no row."""

from __future__ import annotations

import functools

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from support.traits import traits

from gateway.formats.layout import CsvLayout
from gateway.mapping import Applier, MappingFile, compile_mapping
from gateway.model import LINE, ROW, Table

patient = settings(deadline=None, max_examples=25)  # a loaded machine is no fault of the mapping

FIELDS = {
    "plain": "a",
    "raw": {"column": "a", "trim": False},
    "number": {"column": "a", "number": "1.234,5"},
    "product": {"column": "a", "number": "1234.5", "factor": "12"},
    "day": {"column": "a", "date": "dd/MM/yyyy"},
    "instant": {"column": "a", "date": "iso", "zone": "Europe/Madrid"},
    "flag": {"column": "a", "true": ["S", "1"], "false": ["N", "0"]},
    "words": {"column": "a", "words": {"0": "0", "a": "b"}},
    "kept": {"column": "a", "words": {"a": "b"}, "else": "keep"},
    "part": {"column": "a", "split": "-", "part": 1},
    "first": {"first": ["b", "a"]},
    "joined": {"join": ["a", "b"], "with": " "},
    "chained": {"column": "a", "chained": "+", "number": "1.234,5"},
    "parted": {"column": "a", "separators": [",", "-"], "with": "|"},
    "not": {"column": "a", "true": ["S", "1"], "false": ["N", "0"], "negated": True},
    "defaulted": {"column": "a", "number": "1234.5", "default": "7"},
}
LOSSLESS = ("plain", "number", "product", "words", "kept", "part", "defaulted", "chained", "parted")
cells = st.sampled_from(["0", " 0 ", "0,0", "00", "", " ", "\u00a0", "a", "a-b", "1.234", "01/02/2026", "S", "0-"])
columns = st.lists(st.tuples(cells | st.none() | st.text(max_size=6), cells | st.none()), max_size=25)


@functools.cache
def applier() -> Applier:
    layout = CsvLayout(kind="csv", delimiter=";", encoding="utf-8")
    skip = {"skip": {"column": "b", "is": "a-b"}}
    mapping = MappingFile.model_validate(
        {"contract": "stock", "version": 1, "format": layout, "fields": FIELDS, "filter": [skip]}
    )
    return compile_mapping(mapping, ("a", "b"), traits(days={"day"}))


def table(rows: list[tuple[str | None, str | None]]) -> Table:
    numbers = pl.Series(range(2, 2 + len(rows)), dtype=pl.Int64)
    left, right = ([row[place] for row in rows] for place in (0, 1))
    return Table(
        pl.DataFrame(
            {
                ROW: numbers,
                LINE: numbers,
                "c0": pl.Series(left, dtype=pl.String),
                "c1": pl.Series(right, dtype=pl.String),
            }
        ),
        ("a", "b"),
    )


@patient
@given(columns)
def test_every_row_is_mapped_or_skipped_exactly_once(rows: list[tuple[str | None, str | None]]) -> None:
    draft = applier().apply(table(rows))
    both = sorted(draft.frame[ROW].to_list() + draft.skipped[ROW].to_list())
    assert both == list(range(2, 2 + len(rows)))
    assert set(draft.issues[ROW]) <= set(draft.frame[ROW])


@patient
@given(columns)
def test_zero_is_never_absent(rows: list[tuple[str | None, str | None]]) -> None:
    draft = applier().apply(table([("0", right) for _, right in rows if right != "a-b"]))
    for field in LOSSLESS:
        assert set(draft.frame[field]) <= {"0"}, field
    assert set(draft.frame["flag"]) <= {"false"}
    assert set(draft.frame["not"]) <= {"true"}


@patient
@given(columns)
def test_nothing_is_made_of_nothing_and_a_null_has_its_reason(rows: list[tuple[str | None, str | None]]) -> None:
    source = table([row for row in rows if row[1] != "a-b"])
    draft = applier().apply(source)
    blamed = set(draft.issues.select(ROW, "field").rows())
    single = [field for field in FIELDS if field not in {"first", "joined", "defaulted"}]
    for row, text in source.frame.select(ROW, "c0").rows():
        here = draft.frame.row(by_predicate=pl.col(ROW) == row, named=True)
        for field in single:
            if text is None:
                assert here[field] is None
                assert (row, field) not in blamed
            elif field != "raw" and text.strip("\u00a0\u200b ") == "":
                assert here[field] == ""
            else:
                assert (here[field] is None) == ((row, field) in blamed), field


@patient
@given(columns)
def test_an_issue_shows_the_cell_as_it_stood(rows: list[tuple[str | None, str | None]]) -> None:
    source = table(rows)
    issues = applier().apply(source).issues.filter(~pl.col("field").is_in(["first", "joined"]))
    stood = source.frame.join(issues, on=ROW)
    assert stood["c0"].to_list() == stood["value"].to_list()


@patient
@given(columns)
def test_blocks_of_any_size_give_the_same_rows(rows: list[tuple[str | None, str | None]]) -> None:
    whole = applier().apply(table(rows))
    source = table(rows)
    parts = [applier().apply(Table(source.frame.slice(start, 3), source.headers)) for start in range(0, len(rows), 3)]
    if parts:
        assert pl.concat([part.frame for part in parts]).equals(whole.frame)
        assert pl.concat([part.issues for part in parts]).equals(whole.issues)
