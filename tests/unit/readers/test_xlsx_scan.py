from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.readers.xlsx_bounds import all_begin, bounds, pairs_of, words_of
from gateway.readers.xlsx_exact import exact_scan
from gateway.readers.xlsx_found import Oddity, column_letters, column_number
from gateway.readers.xlsx_package import Package
from gateway.readers.xlsx_scan import long_numbers, scan
from gateway.readers.xlsx_styles import code_format, code_styles

Workbook = Callable[..., Path]
PART = "xl/worksheets/sheet1.xml"
CODES = {1: code_format("00000"), 7: code_format("000-000")}

cell = st.sampled_from(
    [
        "<c r='{}'><v>1</v></c>".replace("'", '"'),
        '<c r="{}" s="1"><v>123</v></c>',
        '<c r="{}" s="1"><f>A1</f><v>12</v></c>',
        '<c r="{}" s="7" t="n"><v>1234</v></c>',
        '<c r="{}" s="1" t="s"><v>0</v></c>',
        '<c r="{}" t="s" s="1"><v>0</v></c>',
        '<c r="{}" s="1"/>',
        '<c r="{}"><f>1+1</f></c>',
        '<c r="{}"><f t="shared" ref="A1:A3" si="0">1+1</f><v></v></c>',
        '<c r="{}"><f t="shared" si="0"/><v>4</v></c>',
        '<c r="{}"><f t="shared" si="0"/></c>',
        '<c r="{}" t="str"><f>""</f><v></v></c>',
        '<c r="{}" t="str"><f>""</f></c>',
        '<c r="{}" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
        '<c r="{}" t="e"><v>#N/A</v></c>',
        '<c r="{}"><v>12345678901234567890</v></c>',
        '<c r="{}" t="str"><v>1234567890123456789</v></c>',
        '<c r="{}"><v>1234567890123456.5</v></c>',
        '<c r="{}" s="1"><v> 1234567890123456.0</v></c>',
        '<c r="{}" s="7" t="n"><v>1234\n</v></c>',
        '<c r="{}" t="b"><v> 0 </v></c>',
        '<c r="{}" t="str"><v> a </v></c>',
        '<c r="{}" t="str"><f>"  "</f><v> </v></c>',
        '<c r="{}" t="inlineStr"><is><t>#a!b f &lt;f&gt;</t></is></c>',
    ]
)
PADDED = ("<v> 1234", "\n</v>", "<v> 0 </v>")
places = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 30)), unique=True, max_size=25)


def sheet(pieces: list[tuple[int, int, str]]) -> str:
    rows: dict[int, str] = {}
    for row, column, text in sorted(pieces):
        rows[row] = rows.get(row, "") + text.format(f"{column_letters(column)}{row}")
    return "".join(f'<row r="{row}">{cells}</row>' for row, cells in rows.items())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_the_quick_pass_finds_what_the_exact_pass_finds(workbook: Workbook, data: st.DataObject) -> None:
    pieces = [(row, column, data.draw(cell)) for row, column in data.draw(places)]
    tail = '<mergeCells count="1"><mergeCell ref="A1:C2"/></mergeCells>'
    with Package(workbook(sheet(pieces), tail=tail)) as package:
        quick = scan(package, PART, CODES, 0)
        exact = exact_scan(package, PART, CODES)
        long = long_numbers(package, PART)
    order = ["row", "column", "what"]
    found = quick.odd.vstack(long).unique().sort(order)
    assert found.rows() == exact.odd.sort(order).rows()
    assert (quick.last_row, quick.width) == (exact.last_row, exact.width)
    assert quick.merges == exact.merges == ((1, 0, 2, 2),)
    assert quick.padded == exact.padded == any(blank in text for *_, text in pieces for blank in PADDED)


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="1"><c s="1" r="A1"><v>12</v></c></row>',
        '<row r="1"><!-- note --><c r="A1" s="1"><v>12</v></c></row>',
        "<row r='1'><c r='A1' s='1'><v>12</v></c></row>",
        '<row><c s="1"><v>12</v></c></row>',
        '<row r="1"><c\nr="A1" s="1"><v>12</v></c></row>',
        '<row r="1"><c r="A1" s="1"><v><![CDATA[12]]></v></c></row>',
    ],
)
def test_sheets_written_otherwise_are_parsed(workbook: Workbook, cells: str) -> None:
    with Package(workbook(cells)) as package:
        found = scan(package, PART, CODES, 100)
    assert found.odd.rows() == [(1, 0, 2, "00012")]
    assert (found.last_row, found.width) == (1, 1)


def test_a_prefixed_sheet_is_parsed(workbook: Workbook) -> None:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cell = '<x:row r="1"><x:c r="B1"><x:f>1</x:f></x:c></x:row>'
    text = f'<x:worksheet xmlns:x="{main}"><x:sheetData>{cell}</x:sheetData></x:worksheet>'
    with Package(workbook(sheet=text)) as package:
        assert scan(package, PART, {}, 100).odd.rows() == [(1, 1, 0, "")]


@given(st.lists(st.tuples(st.integers(1, 1_048_576), st.integers(0, 16_383)), min_size=1, max_size=60))
def test_bounds_are_those_of_the_farthest_cells(cells: list[tuple[int, int]]) -> None:
    body, at = b"", []
    for row, column in cells:
        body += b'<c r="'
        at.append(len(body))
        body += f'{column_letters(column)}{row}" s="1"/>'.encode()
    words = words_of(body)
    found = bounds(words, np.array(at))
    assert found is not None
    assert found[:3] == (max(row for row, _ in cells), max(column for _, column in cells) + 1, cells[0][0])
    assert all_begin(words, np.array(at) - 6, b'<c r="')
    assert not all_begin(words, np.array(at), b'<c r="')


@given(st.lists(st.tuples(st.integers(1, 1_048_576), st.integers(0, 16_383)), min_size=1, max_size=30), st.data())
def test_a_cell_that_stands_twice_ends_the_ascent(cells: list[tuple[int, int]], data) -> None:
    def ascending(found: list[tuple[int, int]]) -> bool:
        texts = [f'{column_letters(column)}{row}" s="1"/>' for row, column in found]
        at = np.cumsum([0, *map(len, texts)])[:-1]
        told = bounds(words_of("".join(texts).encode()), at)
        assert told is not None
        return told.ascending

    once = sorted(set(cells))
    assert ascending(once)
    again = data.draw(st.sampled_from(once))
    assert not ascending(sorted([*once, again]))


@pytest.mark.parametrize(
    ("cells", "twice"),
    [
        ('<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>1</v></c><c r="A1"><v>2</v></c></row>', [(1, 0)]),
        ('<row r="1"><c r="A1"><v>1</v></c></row><row r="1"><c r="A1"><v>2</v></c></row>', [(1, 0)]),
        ('<row r="2"><c r="B2"/><c r="B2"><v>1</v></c></row><row r="1"><c r="A1"><v>2</v></c></row>', []),
        ('<row r="1"><c r="B1"><f>1</f><v>1</v></c><c r="B1" t="inlineStr"><is><t>x</t></is></c></row>', [(1, 1)]),
    ],
)
def test_cells_that_stand_twice_are_found(workbook: Workbook, cells: str, twice: list[tuple[int, int]]) -> None:
    with Package(workbook(cells)) as package:
        odd = scan(package, PART, {}, 100).odd
    assert odd.filter(pl.col("what") == Oddity.TWICE).select("row", "column").rows() == twice


@given(st.binary(max_size=12))
def test_every_pair_of_bytes_is_there(text: bytes) -> None:
    even, odd = (pairs.astype("<u2").tobytes() for pairs in pairs_of(text))
    assert even == text[: len(text) // 2 * 2]
    assert odd == text[1:][: (len(text) - 1) // 2 * 2] if text else odd == b""


@pytest.mark.parametrize("reference", ["a1", "A12345678", "ABCD1", "1", "A", "$A$1"])
def test_references_of_another_form_have_no_bounds(reference: str) -> None:
    assert bounds(words_of(f'<c r="{reference}"><v>1</v></c>'.encode()), np.array([6])) is None


@given(st.integers(0, 20_000))
def test_column_letters_and_numbers(number: int) -> None:
    assert column_number(column_letters(number)) == number


@pytest.mark.parametrize(
    ("number", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16383, "XFD")]
)
def test_columns_as_spreadsheets_name_them(number: int, letters: str) -> None:
    assert column_letters(number) == letters


@pytest.mark.parametrize(
    ("code", "held", "shown"),
    [
        ("00000", "123", "00123"),
        ("00000", "1234567", "1234567"),
        ("000-000", "1234", "001-234"),
        ('"P"0000;[Red]-0', "12", "P0012"),
        ("[Blue]000", "7", "007"),
        ("#00", "5", "05"),
        ("0000_)", "5", "0005 "),
        ("00000", "-5", "-5"),
        ("00000", "1.5", "1.5"),
    ],
)
def test_code_formats_show_zeros(code: str, held: str, shown: str) -> None:
    shape = code_format(code)
    assert shape is not None
    assert shape.shown(held) == shown


@pytest.mark.parametrize(
    "code", ["General", "0", "0.00", "#,##0", "00.00", "dd/mm/yyyy", "[h]:mm", "0%", "@", "00E+00"]
)
def test_other_formats_are_no_code_formats(code: str) -> None:
    assert code_format(code) is None


def test_code_styles_by_number() -> None:
    root = etree.fromstring(
        '<styleSheet xmlns="x"><numFmts><numFmt numFmtId="164" formatCode="0000"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>'
    )
    assert list(code_styles(root)) == [1]
