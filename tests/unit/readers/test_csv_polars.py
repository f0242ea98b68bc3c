"""What the columnar CSV reader takes for granted about polars."""

from __future__ import annotations

import csv
import io

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gateway.formats.layout import CsvLayout
from gateway.readers.csv import CsvReader
from gateway.readers.csv_columns import ColumnReader
from gateway.readers.csv_shape import BLANKS

QUOTE = '"'


def parse(data, columns=3, quote=None):
    return pl.read_csv(
        data,
        has_header=False,
        separator=",",
        quote_char=quote,
        infer_schema=False,
        schema={f"c{index}": pl.String for index in range(columns)},
        empty_string_is_null=False,
    )


def test_records_with_too_many_cells_are_refused():
    for data in (b"a,b,c\nd,e,f,g\n", b"a,b,c,d\n", b"a,b,c\n" * 50_000 + b"a,b,c,\n" + b"a,b,c\n" * 50_000):
        with pytest.raises(pl.exceptions.PolarsError):
            parse(data)


def test_short_records_are_padded_so_delimiters_must_be_counted():
    assert parse(b"a,b,c\nd\n").rows() == [("a", "b", "c"), ("d", "", "")]


def test_empty_lines_are_records_and_empty_cells_are_empty_text():
    assert parse(b"a\n\nb\n", 1).rows() == [("a",), ("",), ("b",)]
    assert parse(b",,\na,,\r\n").rows() == [("", "", ""), ("a", "", "")]


def test_blanks_quotes_and_leading_zeros_stay_and_cr_lf_goes():
    assert parse(b' a ,"b",007\r\nNA,null,#x\r\n').rows() == [(" a ", '"b"', "007"), ("NA", "null", "#x")]


def test_a_cr_inside_a_record_is_damaged_so_lone_ones_are_kept_away():
    assert parse(b"a\r,b,c\r\n").rows() != [("a\r", "b", "c")]


def test_a_byte_order_mark_is_taken_off_so_blocks_that_begin_with_one_are_kept_away():
    assert parse(b"\xef\xbb\xbfa,b,c\n").rows() == [("a", "b", "c")]


def test_records_of_a_block_read_in_parallel_stay_in_order():
    rows = 200_000
    data = "".join(f"{index},x,{index}\n" for index in range(rows)).encode()
    assert parse(data)["c0"].cast(pl.Int64).to_list() == list(range(rows))


def test_bytes_are_cut_by_places_given_per_row():
    source = pl.lit(pl.Series([b"abc;d\xc3\xa9;"], dtype=pl.Binary))
    frame = pl.DataFrame({"at": np.array([0, 4, 7, 1]), "size": np.array([3, 3, 0, 2])})
    cut = frame.select(source.bin.slice(pl.col("at"), pl.col("size")).cast(pl.String).alias("x"))
    assert cut["x"].to_list() == ["abc", "dé", "", "bc"]
    one = frame.head(1).select(source.bin.slice(pl.col("at"), pl.col("size")).cast(pl.String).alias("x"))
    assert one["x"].to_list() == ["abc"]


def test_texts_compare_byte_by_byte_so_no_blank_hides_between_the_exclamation_mark_and_the_end_of_ascii():
    for blank in BLANKS:
        cells = pl.Series([blank, blank + "x", blank * 3])
        assert ((cells < "!") | (cells > "\x7f")).all()
    assert (pl.Series(["", " "]) < "!").all()
    assert not (pl.Series(["!", "a ", "~", "0"]) < "!").any()


def test_quotes_that_enclose_whole_cells_are_read_as_the_csv_module_reads_them():
    cells = [
        "",
        "a",
        "007",
        "x,y",
        'say "hi"',
        '"',
        '""',
        "two\nlines",
        "two\r\nlines",
        "\n",
        "\n,,,\n",
        ' "',
        "é",
        "\r\n",
    ]
    drawn = np.random.default_rng(7).integers(len(cells), size=(60_000, 3))  # large: polars reads it in several pieces
    rows = [[cells[index] for index in row] for row in drawn.tolist()]
    text = "".join(",".join(f'"{cell.replace(QUOTE, QUOTE * 2)}"' for cell in row) + "\r\n" for row in rows)
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows
    assert [list(row) for row in parse(text.encode(), quote='"').rows()] == rows


def test_quoted_blocks_are_parsed_by_polars_and_held_to_the_scan(tmp_path, monkeypatch):
    layout = CsvLayout(kind="csv", delimiter=",", encoding="utf-8")
    path = tmp_path / "quoted.csv"
    path.write_bytes(b"a,b\r\n" + b'"x ""1""\nz",2\r\n' * 500 + b'"",\r\n' + b'3,"4"\n')
    strict = [table.frame for table in CsvReader(columnar=False).tables(path, layout)]
    assert_frame_equal(pl.concat(table.frame for table in CsvReader().tables(path, layout)), pl.concat(strict))

    calls = []
    whole = ColumnReader._parsed
    monkeypatch.setattr(ColumnReader, "_parsed", lambda *args: calls.append(args) or whole(*args))
    assert sum(table.frame.height for table in CsvReader().tables(path, layout)) == 501
    assert '"' in [quote for *_, quote in calls]
    for fault in (lambda frame: frame.head(3), lambda frame: frame.with_columns(c0=pl.col("c0") + "!")):

        def faulty(*args, fault=fault):
            frame = whole(*args)
            return None if frame is None else fault(frame)

        monkeypatch.setattr(ColumnReader, "_parsed", faulty)
        assert_frame_equal(pl.concat(table.frame for table in CsvReader().tables(path, layout)), pl.concat(strict))
