"""What the bytes of a block can hold, found before anything is cut."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.blanks import WHITE
from gateway.formats.layout import CsvLayout
from gateway.readers import csv_plain
from gateway.readers.csv import CsvReader

LAYOUT = CsvLayout(kind="csv", delimiter=";", encoding="utf-8")


def held(text: str) -> str | None:
    return csv_plain.blanks_in(text.encode(), ";", '"')


@pytest.mark.parametrize("blank", [one for one in WHITE if one not in " \r\n"], ids=lambda one: f"{ord(one):x}")
@pytest.mark.parametrize("shape", ["{}a;b\n", "a{};b\n", "a;b{}\n", "€a{}ñ;b\r\n"])
def test_a_block_with_any_other_blank_is_said_to_hold_any(blank: str, shape: str):
    assert held(shape.format(blank)) is None


@pytest.mark.parametrize(
    ("text", "blanks"),
    [
        ("a;b\r\n", ""), ("Campaña;€;“x”\u2013y\n", ""), ("“a b”;…\r\n", ""), ("a b;1 234 €\n", ""),
        ("a; b\n", " "), ("a ;b\n", " "), (" a;b\n", " "), ("a;b \n", " "), ("a;b \r\n", " "), ("a\n b;c\n", " "),
        ('"a ";b\n', " "), ('a;" b"\n', " "),
    ],
)  # fmt: skip
def test_blocks_whose_cells_have_the_space_alone_at_an_end_or_none(text: str, blanks: str):
    assert held(text) == blanks


@pytest.mark.parametrize(
    "text",
    ['"a\n";b\n', 'a;"\nb"\n', 'a;"b\r\n"\r\n', '"\na";b\n', 'a;b\n"\nc";d\n', 'a;b\nc;"d\n"\n', '"\r\na";b\r\n'],
)
def test_line_breaks_at_the_ends_of_quoted_cells_are_blanks_too(text: str):
    assert held(text) is None


@pytest.mark.parametrize("text", ['"a\nb";c\n"d";"e\r\nf"\r\n', '"a";"b"\n"";"c"\n', "a;b\r\nc;d\r\n"])
def test_line_breaks_inside_of_cells_and_between_records_are_none(text: str):
    assert held(text) == ""


def test_characters_that_begin_like_blanks_are_none():
    assert held("\u2013" * 2_000 + "\n") == ""


@pytest.mark.parametrize("marks", ["|'", "^~", "\\.", "]-"])
def test_any_mark_stands_for_itself(marks: str):
    delimiter, quote = marks
    assert csv_plain.blanks_in(f"a b{delimiter}{quote}c d{quote}\n".encode(), delimiter, quote) == ""
    assert csv_plain.blanks_in(f"a {delimiter}c\n".encode(), delimiter, quote) == " "
    assert csv_plain.blanks_in(f"a{delimiter}{quote} c{quote}\n".encode(), delimiter, quote) == " "
    assert csv_plain.blanks_in(f"a{delimiter}{quote}c\n{quote}\n".encode(), delimiter, quote) is None


@given(cells=st.lists(st.text(st.sampled_from([*WHITE, "a", "é", "€", "\u2013", "x"]), max_size=6), min_size=1))
def test_no_blank_at_an_end_is_ever_overlooked(cells: list[str]):
    cells = [cell.replace("\r", "").replace("\n", "") for cell in cells]
    found = held(";".join(cells) + "\n")
    ends = {one for cell in cells for one in (cell[:1], cell[-1:]) if one in WHITE and one}
    assert found is None or ends <= set(found)
    assert found is not None or any(one in WHITE and one != " " for one in "".join(cells))


PIECES = st.lists(st.sampled_from([" ", "\r\n", "\n", ";", "a", "é", '""']), max_size=4).map("".join)


@given(
    records=st.lists(st.lists(PIECES, min_size=1, max_size=3), min_size=1, max_size=4),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_no_blank_at_an_end_of_a_quoted_cell_is_ever_overlooked(records: list[list[str]], newline: str):
    found = held("".join(";".join(f'"{cell}"' for cell in cells) + newline for cells in records))
    texts = [cell.replace('""', '"') for cells in records for cell in cells]
    ends = {one for text in texts for one in (text[:1], text[-1:]) if one and one in WHITE}
    assert found is None or ends <= set(found)


def test_polars_refuses_bytes_that_are_no_text():
    for strict in (True, False):
        with pytest.raises(pl.exceptions.ComputeError):
            pl.Series([b"a\xff"], dtype=pl.Binary).cast(pl.String, strict=strict)


def test_tables_say_which_blanks_stand_at_the_ends_of_their_cells(tmp_path):
    path = tmp_path / "stock.csv"
    path.write_bytes("sku;name\r\nA1;Lámpara roja\r\n".encode())
    assert [table.blanks for table in CsvReader().tables(path, LAYOUT)] == [""]
    path.write_bytes("sku;name\r\nA1;Lámpara roja \r\n".encode())
    assert [table.blanks for table in CsvReader().tables(path, LAYOUT)] == [" "]
    path.write_bytes("sku;name\r\nA1;\u00a0roja\r\n".encode())
    assert [table.blanks for table in CsvReader().tables(path, LAYOUT)] == [None]
    path.write_bytes(b'sku;name\r\nA1;"ro""ja"\r\nA2;x"y\r\n')
    assert {table.blanks for table in CsvReader().tables(path, LAYOUT)} <= {None, ""}
