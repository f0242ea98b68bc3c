"""Numbers agree with a reference that reads text by text with Decimal; nothing is invented and zero stays zero."""

from __future__ import annotations

import re
from decimal import Context, Decimal

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mapping.numbers import Factor, Number

patient = settings(deadline=None, max_examples=100)  # a loaded machine is no fault of the mapping

FORMATS = {
    "1234.5": ("", "."),
    "1234,5": ("", ","),
    "1,234.5": (",", "."),
    "1.234,5": (".", ","),
    "1 234,5": (" \u00a0\u2009\u202f", ","),
    "1'234.5": ("'\u2019", "."),
}
CANONICAL = re.compile(r"0|-?(?:[1-9][0-9]*|(?:0|[1-9][0-9]*)\.[0-9]*[1-9])")
exact = Context(prec=500)


def canonical(number: Decimal) -> str:
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if number == 0 else text


def reference(text: str, example: str) -> str | None:
    """Read one text the slow and plain way; None where it is no number as agreed."""
    grouping, decimal = FORMATS[example]
    sign, body = "", text
    if body[:1] in {"+", "-", "\u2212"} and body:
        sign, body = body[0], body[1:]
    elif body[-1:] in {"-", "\u2212"}:
        sign, body = "-", body[:-1]
    whole, *rest = body.split(decimal)
    if len(rest) > 1 or (rest and not _digits(rest[0])):
        return None
    if not (whole == "" and rest):
        groups = re.split(f"[{grouping}]", whole) if grouping else [whole]
        if not all(_digits(group) for group in groups):
            return None
        if len(groups) > 1 and (
            groups[0].startswith("0") or len(groups[0]) > 3 or any(len(g) != 3 for g in groups[1:])
        ):
            return None
        whole = "".join(groups)
    number = Decimal(f"{whole or '0'}.{rest[0] if rest else '0'}")
    return canonical(-number if sign in {"-", "\u2212"} else number)


def _digits(text: str) -> bool:
    return text != "" and set(text) <= set("0123456789")


near_numbers = st.text(alphabet="0123456789012345.,'\u2019- +\u2212\u00a0eE%x", max_size=12)
examples = st.sampled_from(sorted(FORMATS))


@patient
@given(st.lists(near_numbers | st.none(), max_size=30), examples)
def test_reading_agrees_with_the_reference(texts: list[str | None], example: str) -> None:
    read = Number(example).run(pl.Series(texts, dtype=pl.String), None).to_list()
    assert read == [text if text is None or text == "" else reference(text, example) for text in texts]


units = st.sampled_from(["", " €", "€", "\u00a0€", " EUR", "EUR", " %", "%", "€€", " € €", "  €", "€%"])


@patient
@given(st.lists(st.tuples(near_numbers, units), max_size=30), examples)
def test_a_mark_behind_a_number_counts_once_whatever_the_others_have(rows: list[tuple[str, str]], example: str) -> None:
    """One mark, one space at most before it; what is left is read as without it."""
    number = Number(example, ("€", "EUR"), percent=True)
    texts = [body + unit for body, unit in rows]
    read = number.run(pl.Series(texts, dtype=pl.String), None).to_list()
    for text, found in zip(texts, read, strict=True):
        bare = re.sub("(?<=[0-9.,\u2212-])[ \u00a0\u2009\u202f]?(?:€|EUR|%)$", "", text)
        assert found == (text if text == "" else reference(bare, example)), text


@patient
@given(st.lists(near_numbers, max_size=30), examples)
def test_what_is_read_is_canonical_and_reading_it_again_changes_nothing(texts: list[str], example: str) -> None:
    read = Number(example).run(pl.Series(texts, dtype=pl.String), None).drop_nulls()
    assert all(text == "" or CANONICAL.fullmatch(text) for text in read)
    assert Number().run(read, None).to_list() == read.to_list()


@patient
@given(
    st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)),
    examples,
    st.booleans(),
)
def test_a_number_written_as_agreed_is_read_as_that_number(numbers: list[Decimal], example: str, grouped: bool) -> None:
    grouping, decimal = FORMATS[example]
    mark = grouping[:1] if grouped else ""
    texts = [f"{n:,f}".replace(",", "\0").replace(".", decimal).replace("\0", mark) for n in numbers]
    read = Number(example).run(pl.Series(texts, dtype=pl.String), None).to_list()
    assert [Decimal(text) for text in read] == numbers


@patient
@given(
    st.lists(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30), max_size=20),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12).filter(lambda f: f != 0),
)
def test_a_factor_agrees_with_decimal(numbers: list[Decimal], factor: Decimal) -> None:
    texts = pl.Series([canonical(number) for number in numbers], dtype=pl.String)
    expected = [canonical(exact.multiply(Decimal(text), factor)) for text in texts]
    assert Factor(factor).run(texts, None).to_list() == expected
