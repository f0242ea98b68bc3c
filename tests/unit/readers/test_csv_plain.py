"""What the bytes of a block can hold, found before anything is cut."""

from __future__ import annotations

import numpy as np
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
    return csv_plain.blanks_in(np.frombuffer(text.encode(), np.uint8))


@pytest.mark.parametrize("blank", [one for one in WHITE if one not in " \r\n"], ids=lambda one: f"{ord(one):x}")
@pytest.mark.parametrize("shape", ["{}a;b\n", "a{};b\n", "a;b{}\n", "€a{}ñ;b\r\n"])
def test_a_block_with_any_other_blank_is_said_to_hold_any(blank: str, shape: str):
    assert held(shape.format(blank)) is None


@pytest.mark.parametrize(
    ("text", "blanks"), [("a;b\r\n", ""), ("Campaña;€;“x”\u2013y\n", ""), ("a; b\n", " "), ("“a b”;…\r\n", " ")]
)
def test_blocks_with_the_space_alone_or_none(text: str, blanks: str):
    assert held(text) == blanks


def test_more_look_alikes_than_are_looked_at_are_taken_for_blanks():
    assert held("\u2013" * 2_000 + "\n") is None
    assert held("\u2013" * 900 + "\n") == ""


@given(st.text(st.sampled_from([*WHITE, "a", "é", "€", "\u2013", "x"]), max_size=30))
def test_no_blank_is_ever_overlooked(text: str):
    found = held(text + "\n")
    inside = {one for one in text if one in WHITE and one not in "\r\n"}
    assert found is None or inside <= set(found)


def test_polars_refuses_bytes_that_are_no_text():
    for strict in (True, False):
        with pytest.raises(pl.exceptions.ComputeError):
            pl.Series([b"a\xff"], dtype=pl.Binary).cast(pl.String, strict=strict)


def test_tables_say_which_blanks_their_cells_can_hold(tmp_path):
    path = tmp_path / "stock.csv"
    path.write_bytes("sku;name\r\nA1;Lámpara roja\r\n".encode())
    assert [table.blanks for table in CsvReader().tables(path, LAYOUT)] == [" "]
    path.write_bytes("sku;name\r\nA1;\u00a0roja\r\n".encode())
    assert [table.blanks for table in CsvReader().tables(path, LAYOUT)] == [None]
    path.write_bytes(b'sku;name\r\nA1;"ro""ja"\r\nA2;x"y\r\n')
    assert {table.blanks for table in CsvReader().tables(path, LAYOUT)} <= {None, ""}
