from __future__ import annotations

import io

import polars as pl
import pytest

from gateway.formats.csv_writer import CsvWriter
from gateway.formats.layout import CsvLayout


def written(rows, *, header=None, layout=None, **options):
    out = io.BytesIO()
    layout = CsvLayout.model_validate({"kind": "csv", "delimiter": ";", "encoding": "utf-8"} | (layout or {}))
    writer = CsvWriter(out, layout, **options)
    if header:
        writer.header(header)
    for row in rows:
        writer.rows(pl.DataFrame([row], schema={f"c{index}": pl.String for index in range(len(row))}, orient="row"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("plain", b"plain"),
        ("007", b"007"),
        ("a;b", b'"a;b"'),
        ('5" tube', b'"5"" tube"'),
        ("a\nb", b'"a\nb"'),
        ("a\rb", b'"a\rb"'),
        (" a", b'" a"'),
        ("a ", b'"a "'),
        ("a b", b"a b"),
        ("a,b", b"a,b"),
        ("", b""),
        (None, b""),
    ],
)
def test_cells_are_quoted_where_they_must_be_and_only_there(cell, text):
    assert written([("x", cell)]) == b"x;" + text + b"\r\n"


def test_blocks_are_appended_below_one_header():
    assert written([("A1", "1"), ("A2", None)], header=("sku", "a;b"), newline="\n") == b'sku;"a;b"\nA1;1\nA2;\n'


def test_an_empty_cell_alone_is_no_empty_line():
    assert written([("",), (None,), ("x",)], newline="\n") == b'""\n""\nx\n'


def test_byte_order_marks_stand_once_at_the_beginning():
    assert written([("a",), ("b",)], bom=True, newline="\n") == b"\xef\xbb\xbfa\nb\n"
    assert written([("a",), ("b",)], layout={"encoding": "utf-16"}, newline="\n") == "\ufeffa\nb\n".encode("utf-16-le")
    assert written([("a",)], layout={"encoding": "cp1252"}, bom=True, newline="\n") == b"a\n"


def test_no_rows_write_nothing():
    out = io.BytesIO()
    writer = CsvWriter(out, CsvLayout(kind="csv", delimiter=",", encoding="utf-16"))
    writer.rows(pl.DataFrame(schema={"c0": pl.String}))
    assert out.getvalue() == b""


def test_characters_outside_the_encoding_are_refused_or_shown_as_question_marks():
    with pytest.raises(UnicodeEncodeError):
        written([("日本",)], layout={"encoding": "cp1252"})
    assert written([("日本 €",)], layout={"encoding": "cp1252"}, lossy=True, newline="\n") == b"?? \x80\n"


def test_without_a_quote_character_delimiters_are_refused_or_become_spaces():
    bare = {"quote": ""}
    with pytest.raises(ValueError, match="column c1 holds the delimiter"):
        written([("A1", "a;b")], layout=bare)
    assert written([("A1", "a;b\r\nc\td")], layout=bare, lossy=True, newline="\n") == b"A1;a b c\td\n"
    assert written([("A1", ' "a" ')], layout=bare, newline="\n") == b'A1; "a" \n'
