from __future__ import annotations

import gzip

import pytest

from gateway.errors import FileError
from gateway.formats import dialect
from gateway.formats.dialect import propose
from gateway.readers.csv import CsvReader


@pytest.fixture
def proposed(tmp_path):
    def proposing(data):
        path = tmp_path / "unknown.txt"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return propose(path)

    return proposing


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_that_divides_records_alike_is_proposed(proposed, mark):
    text = f'sku{mark}name{mark}price\nA1{mark}"x, y; z"{mark}1.5\nA2{mark}Rot, groß{mark}2.0\n'
    layout = proposed(text).layout
    assert (layout.delimiter, layout.quote, layout.encoding, layout.header) == (mark, '"', "utf-8", True)


def test_decimal_commas_do_not_win_over_semicolons(proposed):
    assert proposed("sku;price;tax\nA1;1,50;0,21\nA2;2,75;0,10\n").layout.delimiter == ";"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("sku;größe\n".encode(), "utf-8"),
        ("sku;größe\n".encode("utf-8-sig"), "utf-8"),
        ("sku;größe\n".encode("utf-16"), "utf-16"),
        ("sku;groesse\n".encode("utf-16-le"), "utf-16"),
        ("sku;größe\n".encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_proposed_with_its_reason(proposed, data, encoding):
    found = proposed(data)
    assert found.layout.encoding == encoding
    assert found.evidence[0].startswith(f"encoding {encoding}: ")


@pytest.mark.parametrize(
    ("first", "header"),
    [("sku;qty", True), ("A1;17", False), ("A1;2026-11-22", False), ("x;x", False), ("sku;", True), ("A1;1,5", False)],
)
def test_a_first_record_of_values_or_repeated_texts_is_no_header(proposed, first, header):
    layout = proposed(f"{first}\nA2;3\n").layout
    assert layout.header is header
    assert layout.columns == (None if header else 2)


def test_a_line_that_names_the_delimiter_is_skipped_and_believed(proposed):
    layout = proposed("sep=|\r\na,b|c\r\n1,2|3\r\n").layout
    assert (layout.delimiter, layout.skip) == ("|", 1)


def test_apostrophes_that_enclose_cells_are_the_quote(proposed):
    assert proposed("'sku','name'\n'A1','x, y'\n").layout.quote == "'"
    assert proposed("sku,name\nA1,o'brien\n").layout.quote == '"'


def test_one_column_is_one_column(proposed):
    layout = proposed("sku\nA1\nA2\n").layout
    assert (layout.header, layout.columns) == (True, None)


def test_a_long_file_is_judged_by_its_beginning(proposed, monkeypatch):
    monkeypatch.setattr(dialect, "SAMPLE", 101)
    found = proposed("sku;größe\n" + "A1;ö\n" * 1000)
    assert (found.layout.delimiter, found.layout.encoding) == (";", "utf-8")


def test_what_is_proposed_can_be_read(proposed, tmp_path):
    text = 'sep=;\nsku;name;price\nA1;"a\nb";1,5\nA2;x;2,5\n'
    layout = proposed(text.encode("cp1252")).layout
    (table,) = CsvReader().tables(tmp_path / "unknown.txt", layout)
    assert table.headers == ("sku", "name", "price")
    assert table.frame.rows() == [(3, 3, "A1", "a\nb", "1,5"), (4, 5, "A2", "x", "2,5")]


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "FILE_EMPTY"), (b" \n\n", "FILE_EMPTY"), (gzip.compress(b"x", mtime=0), "FILE_FORMAT")]
)
def test_files_without_text_are_refused(proposed, data, code):
    with pytest.raises(FileError) as caught:
        proposed(data)
    assert caught.value.code == code
