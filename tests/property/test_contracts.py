"""Columns and row verdict agree: on what is sound, on codes and details, and on values."""

import base64
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError
from support.pictures import GIF, JPEG, PNG, WEBP, cell, png

from gateway.contracts import Checker, check, contracts
from gateway.contracts.fields import (
    VOCABULARY,
    AddressList,
    Base64,
    Category,
    Choice,
    Code,
    CodeList,
    Currency,
    Day,
    Flag,
    Gtin,
    Html,
    Instant,
    Money,
    Quantity,
    Rate,
    Text,
)
from gateway.issues import WARNINGS
from gateway.model import LINE, ROW

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KINDS = (
    Text(6),
    Text(6, lines=True),
    Text(6, allowed="A-Za-z0-9$. "),
    Code(6),
    Code(6, spaces=False),
    CodeList(8),
    Gtin(),
    Quantity(),
    Quantity(decimals=0, low=Decimal(-7), high=Decimal(7)),
    Quantity(low=Decimal("0.001"), high=Decimal(50)),
    Money(),
    Rate(),
    Flag(),
    Day(),
    Instant(),
    Choice(("upsert", "end")),
    Html(30),
    AddressList(30),
    Base64(8),
    Currency(),
    Category(8),
)

digits = st.text("0123456789", min_size=1, max_size=4)
numbers = st.builds(
    "".join, st.tuples(st.sampled_from(["", "-", "+", " "]), digits, st.sampled_from(["", ".", ",", "e"]), digits)
)
days = st.one_of(
    st.dates().map(str),
    st.builds("{:04d}-{:02d}-{:02d}".format, st.integers(0, 2400), st.integers(0, 13), st.integers(0, 32)),
    st.builds("{:04d}-02-{:02d}".format, st.integers(0, 9999), st.integers(28, 30)),
)
instants = st.builds(
    "{}T{:02d}:{:02d}:{:02d}{}".format,
    days,
    st.integers(0, 24),
    st.integers(0, 60),
    st.integers(0, 61),
    st.sampled_from(["Z", "Z", "Z", "", "z", "+00:00", "Z\n"]),
)
gtins = st.one_of(
    st.text("0123456789", min_size=7, max_size=15),
    st.sampled_from(["4006381333931", "96385074", "036000291452", "98412345678908", "00000000", "8.41235E+12"]),
)
signs = st.text(st.sampled_from("aB1 0.,-+|$\t\n\r\x00\x1f\x7f\x85\xa0\xad\u200b\u2028\u3000\ufeffé€Ä👍"), max_size=10)
anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=9)
words = st.sampled_from(
    [
        "true",
        "false",
        "True",
        "upsert",
        "end",
        "END",
        "Size",
        "size",
        "Color",
        "XL",
        "a|b",
        "a|a",
        "9" * 45,
        "-" + "9" * 45,
    ]
)
markup = st.lists(
    st.sampled_from(["<", ">", "p", "script", "javascript:", " on", "Click", "=", "\n", "/", " ", "é", "a"]), max_size=9
).map("".join)
addresses = st.lists(
    st.sampled_from(["https://", "http://", "a.b", ":80", "/", "?", "x", "|", "ñ", " ", "\u3000", "#", "<", "\\"]),
    max_size=9,
).map("".join)
files = st.one_of(
    st.binary(max_size=12).map(lambda some: base64.b64encode(some).decode()),
    st.text("QUIR=/+ .\n", max_size=9),
)
trees = st.text("ab \\\t\u3000", max_size=8)
texts = st.one_of(numbers, digits, days, instants, gtins, signs, anything, words, markup, addresses, files, trees)
given_texts = texts.filter(lambda text: text != "")


def by_row(kind, text):
    try:
        return None, None, kind.read(text)
    except PydanticCustomError as fault:
        return fault.type, (fault.context or {})["detail"], None


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@settings(max_examples=25, deadline=None)
@given(cells=st.lists(given_texts, min_size=1, max_size=60))
def test_a_field_type_says_the_same_of_columns_and_cells(kind, cells):
    code, detail = kind.fault(pl.col("x"))
    typed = pl.when(code.is_null()).then(kind.typed(pl.col("x")))
    plain = (pl.col("x") != "") & kind.plain(pl.col("x")).fill_null(False)
    told = pl.DataFrame({"x": cells}).select(code=code, detail=detail, value=typed, plain=plain)
    assert told.select("code", "detail", "value").rows() == [by_row(kind, text) for text in cells]
    assert told.filter("plain")["code"].null_count() == told["plain"].sum()


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@settings(max_examples=15, deadline=None)
@given(cells=st.sets(given_texts, min_size=2, max_size=60))
def test_equal_values_have_equal_text(kind, cells):
    values = [value for code, _, value in (by_row(kind, text) for text in cells) if code is None]
    assert len(set(values)) == len(values)


def test_every_type_of_the_vocabulary_takes_part():
    assert {type(kind) for kind in KINDS} == set(VOCABULARY)


PICTURES = [
    base64.b64encode(start + b"\0" * 9).decode()
    for start in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF1234WEBP", b"RIFF1234WAVE", b"BM", b"\x89PNG")
] + [cell(one) for one in (GIF, JPEG, PNG, WEBP, png(0, 1))]
SOUND = {
    "Text": st.sampled_from(["Size", "size", "Color", "XL", "ä"]),
    "Code": st.sampled_from(["a", "A-1", "007"]),
    "CodeList": st.sampled_from(["V1", "V1|V2"]),
    "Gtin": st.sampled_from(["4006381333931", "96385074"]),
    "Quantity": st.sampled_from(["0", "1", "2.5", "300"]),
    "Money": st.sampled_from(["0", "19.9"]),
    "Rate": st.sampled_from(["0", "0.2", "21"]),
    "Flag": st.sampled_from(["true", "false"]),
    "Day": st.sampled_from(["2026-11-22", "2024-02-29"]),
    "Instant": st.sampled_from(["2026-11-22T09:30:00Z", "2026-11-23T00:00:01Z", "2030-01-01T00:00:00Z"]),
    "Html": st.sampled_from(["<p>a</p>", "a\nb"]),
    "AddressList": st.sampled_from(["https://a.b/1.jpg", "https://a.b/1.jpg|https://a.b/2.jpg"]),
    "Base64": st.sampled_from(PICTURES),
    "Currency": st.sampled_from(["EUR", "GBP"]),
    "Category": st.sampled_from(["a", r"a\b"]),
}
BARCODES = st.sampled_from(
    [
        "4006381333931",
        "96385074",
        "036000291452",
        "36000291452",
        "0000000000000",
        "2012345678900",
        "4006381333932",
        "X1",
    ]
)


def records(contract, *, draw_faults=True):
    """Rows of which most cells are sound, so that rules over several fields get their say."""

    def cell(name, kind):
        sound = st.sampled_from(kind.words) if isinstance(kind, Choice) else SOUND[kind.word]
        if name == "barcode":
            sound = BARCODES
        none = (st.none(), st.just("")) * (1 if len(contract.fields) < 20 else 3)
        return st.one_of(sound, sound, sound, sound, *none, texts if draw_faults else none[0])

    named = {name: cell(name, one.type) for name, one in contract.fields.items()}
    if contract.open_prefix is not None:
        named |= {contract.open_prefix + code: cell("", contract.open_type) for code in ("11", "material")}
    return st.fixed_dictionaries(named)


@pytest.mark.parametrize("draw_faults", [True, False], ids=["faulty", "sound"])
@pytest.mark.parametrize("contract", contracts(), ids=lambda one: one.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_contract_says_the_same_of_frames_and_records(contract, draw_faults, data):
    rows = data.draw(st.lists(records(contract, draw_faults=draw_faults), min_size=1, max_size=15))
    absent = data.draw(st.sets(st.sampled_from(sorted(rows[0])), max_size=4))
    rows = [{name: text for name, text in row.items() if name not in absent} for row in rows]
    schema = dict.fromkeys(rows[0], pl.String)
    places = pl.int_range(len(rows), dtype=pl.Int64)
    frame = pl.DataFrame(rows, schema=schema).select(places.alias(ROW), places.alias(LINE), pl.all())
    checked = check(contract, frame, now=NOW)
    for place, row in enumerate(rows):
        expected = sorted(contract.row_verdict(row, now=NOW), key=repr)
        found = checked.issues.filter(pl.col(ROW) == place).select("code", "field", "value", "detail").rows()
        assert sorted(found, key=repr) == sorted(map(tuple, expected), key=repr)
        assert checked.good[place] is not any(one.code not in WARNINGS for one in expected)
    sound = contract.typed(frame.filter(checked.good))
    values = [contract.values(row) for row, good in zip(rows, checked.good, strict=True) if good]
    assert sound.drop(ROW, LINE).rows() == [tuple(value[name] for name in schema) for value in values]


@pytest.mark.parametrize("contract", contracts(), ids=lambda one: one.name)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_what_earlier_blocks_showed_changes_no_verdict(contract, data):
    rows = data.draw(st.lists(records(contract, draw_faults=False), min_size=1, max_size=6))
    schema = {ROW: pl.Int64, LINE: pl.Int64, **dict.fromkeys(rows[0], pl.String)}
    once = [{ROW: place, LINE: place, **row} for place, row in enumerate(rows)]
    block = pl.concat([pl.DataFrame(once, schema=schema)] * (4200 // len(rows)))
    seen = Checker(contract, now=NOW)
    alone = check(contract, block, now=NOW)
    for _ in range(2):
        told = seen.check(block)
        assert told.good.to_list() == alone.good.to_list()
        assert told.issues.sort(pl.all()).rows() == alone.issues.sort(pl.all()).rows()
