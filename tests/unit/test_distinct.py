"""Columns that the same few texts fill: changed and judged once, with the same result as one by one."""

from __future__ import annotations

import polars as pl
import pytest

from gateway.distinct import Distinct, Sound, looked_up

FEW = pl.Series([f"{n % 7} %" if n % 5 else None for n in range(10_000)], dtype=pl.String)
VARIOUS = pl.Series([f"SKU-{n}" for n in range(10_000)])


class Counted:
    """A change that counts the texts it is given; texts that begin with 3 can't be read."""

    def __init__(self) -> None:
        self.texts = 0

    def __call__(self, texts: pl.Series) -> pl.Series:
        self.texts += texts.len()
        return texts.set(texts.str.starts_with("3").fill_null(False), None) + "!"


def test_repeated_texts_are_changed_once_and_remembered_for_the_next_block():
    distinct, change = Distinct(), Counted()
    first, again = distinct.change(FEW, change), distinct.change(FEW.reverse(), change)
    assert change.texts <= 8
    assert first.to_list() == Counted()(FEW).to_list()
    assert again.to_list() == first.reverse().to_list()


def test_various_texts_are_changed_as_they_are():
    change = Counted()
    assert Distinct().change(VARIOUS, change).to_list() == (VARIOUS + "!").to_list()
    assert change.texts == VARIOUS.len()


def test_more_texts_than_are_remembered_are_changed_all_the_same():
    distinct, change = Distinct(), Counted()
    for block in range(12):
        texts = pl.Series([f"{block}-{n % 500}" for n in range(5_000)])
        assert distinct.change(texts, change).to_list() == Counted()(texts).to_list()
    assert distinct.change(FEW, change).to_list() == Counted()(FEW).to_list()


MIXED = pl.concat([FEW.head(2000), VARIOUS])


@pytest.mark.parametrize("texts", [VARIOUS, FEW.head(100), MIXED, FEW, FEW.fill_null("")])
def test_each_text_is_changed_where_it_stands(texts: pl.Series):
    distinct = Distinct()
    for _ in range(2):
        assert distinct.change(texts, Counted()).to_list() == Counted()(texts).to_list()


@pytest.mark.parametrize("old", [["a", "", "é b"], []])
def test_texts_are_looked_up_as_replace_strict_does(old: list[str]):
    texts = pl.Series("t", ["a", None, "", "c", "a", "é b", "A"])
    new = pl.Series(["1", None, ""][: len(old)], dtype=pl.String)
    found = looked_up(texts, old, new)
    assert found.name == "t"
    assert found.to_list() == texts.replace_strict(old, new, default=None, return_dtype=pl.String).to_list()


def test_a_column_of_sound_texts_is_asked_about_once():
    sound, asked = Sound(), []

    def test(texts: pl.Series) -> pl.Series:
        asked.extend(texts.to_list())
        return texts.str.ends_with("%").fill_null(True)

    assert sound.holds("rate", FEW, test)
    assert sound.holds("rate", FEW, test)
    assert len(asked) == len(set(asked)) == 8


def test_a_column_with_one_unsound_text_never_holds():
    sound = Sound()
    texts = pl.concat([FEW, pl.Series(["3"])])

    def test(texts: pl.Series) -> pl.Series:
        return texts.str.ends_with("%").fill_null(True)

    assert not sound.holds("rate", texts, test)
    assert not sound.holds("rate", texts, test)
    assert sound.holds("rate", FEW, test)


def test_what_is_sound_in_one_field_says_nothing_of_another():
    sound = Sound()
    assert sound.holds("a", FEW, lambda texts: texts.is_null() | texts.is_not_null())
    assert not sound.holds("b", FEW, lambda texts: texts == "nothing of the kind")


def test_polars_replaces_by_a_table_with_null_on_either_side():
    texts = pl.Series(["a", None, "b", "a"])
    replaced = texts.replace_strict(
        pl.Series(["a", None, "b"]), pl.Series(["x", None, None], dtype=pl.String), default=None, return_dtype=pl.String
    )
    assert replaced.to_list() == ["x", None, None, "x"]
