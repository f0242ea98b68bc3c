"""How much of a delimited file is read and kept at a time, and by which reader."""

from __future__ import annotations

import polars as pl
import pytest
from support.csv_layouts import LAYOUT, OURS

from gateway.errors import FileError
from gateway.readers import csv_strict, csv_tokens
from gateway.readers.csv import CsvReader
from gateway.readers.csv_columns import ColumnReader
from gateway.readers.csv_shape import Place, Shape


@pytest.mark.parametrize("options", [{}, {"columnar": False}, {"block": 1 << 14}])
def test_a_longer_quoted_cell_makes_its_record_faulty_as_a_whole(tmp_path, options):
    path = tmp_path / "long.csv"
    for size, issues in ((1 << 20, []), ((1 << 20) + 1, [(2, 2, "ROW_CELL_SIZE", "1,048,576 characters")])):
        text = "B1;9\n" * (size // 5) + "x" * (size % 5)
        path.write_text(f'sku;name\nA1;"{text}"\nA2;"y"\n', encoding="utf-8")
        tables = list(CsvReader(**options).tables(path, LAYOUT))
        cells = pl.concat(table.frame for table in tables)
        assert cells["c0"].to_list() == ["A1", "A2"]
        assert cells["@line"].to_list() == [2, 3 + size // 5]
        assert cells["c1"].to_list() == [text[: 1 << 20], "y"]
        found = pl.concat(table.issues for table in tables)
        assert found.select("@row", "@line", "code", "detail").rows() == issues


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
@pytest.mark.parametrize("header", [True, False])
def test_what_an_open_quote_comes_to_is_looked_for_ahead_and_not_kept(tmp_path, monkeypatch, encoding, header):
    monkeypatch.setattr("gateway.readers.csv.PATIENCE", 1 << 12)
    monkeypatch.setattr("gateway.readers.csv.LONGEST", 1 << 14)
    layout = LAYOUT.model_copy(update={"encoding": encoding, "header": header, "columns": None if header else 2})
    path = tmp_path / "open.csv"
    rest = "".join(f"B{index};x\n" for index in range(10_000))
    above = "sku;name\n" if header else ""
    path.write_text(f'{above}A1;"5 inch\n{rest}', encoding=encoding)
    tables = list(CsvReader(block=1 << 10).tables(path, layout))
    assert sum(table.frame.height for table in tables) == 10_001
    assert pl.concat(table.issues for table in tables)["code"].to_list() == ["ROW_OPEN_QUOTE"]
    path.write_text(f'{above}A1;"table\n{rest}";\n', encoding=encoding)
    with pytest.raises(FileError, match="No record ends"):
        list(CsvReader(block=1 << 10).tables(path, layout))
    monkeypatch.setattr("gateway.readers.csv.LONGEST", 1 << 20)
    (table,) = CsvReader(block=1 << 10).tables(path, layout)
    assert table.frame.height == 1


def test_an_unclosed_quote_in_the_header_is_told_though_much_follows(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.readers.csv.PATIENCE", 1 << 12)
    monkeypatch.setattr("gateway.readers.csv.LONGEST", 1 << 14)
    path = tmp_path / "open.csv"
    path.write_text('sku;"name\n' + "A1;x\n" * 10_000, encoding="utf-8")
    with pytest.raises(FileError, match="never closed"):
        list(CsvReader(block=1 << 10).tables(path, LAYOUT))


def test_an_empty_line_at_the_beginning_of_a_block_that_ends_within_a_line_end():
    reader = ColumnReader(LAYOUT, csv_strict.StrictReader(LAYOUT))
    part = reader.part(b"\nA1;1\n\r", Place(5, 9), Shape(2, 2))
    assert (part.frame.rows(), part.blank, part.taken, part.after) == ([(6, 10, "A1", "1")], 1, 6, Place(7, 11))


def test_a_text_without_line_ends_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.readers.csv.LONGEST", 1 << 12)
    path = tmp_path / "endless.csv"
    path.write_bytes(b"x" * (1 << 14))
    with pytest.raises(FileError, match="No record ends"):
        list(CsvReader(block=1 << 10).tables(path, LAYOUT))


def test_tables_hold_about_a_block_each(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text("sku;qty\n" + "".join(f"SKU{index};1\n" for index in range(20_000)), encoding="utf-8")
    sizes = [table.frame.height for table in CsvReader(block=32 << 10).tables(path, LAYOUT)]
    assert sum(sizes) == 20_000
    assert max(sizes) < 5_000


@pytest.mark.parametrize("options", [{}, {"columnar": False}])
def test_tables_of_short_lines_are_no_longer_than_others(tmp_path, monkeypatch, options):
    path = tmp_path / "short.csv"
    lines = [f"{OURS};sku;qty", *("R7;x;A;b;c;A" if row % 7 == 0 else "R7;x;A;b;c;A;1" for row in range(1000))]
    path.write_text("\n".join([*lines, "", "R7;x;A;b;c;A", ""]), encoding="utf-8")
    (whole,) = CsvReader(**options).tables(path, LAYOUT)
    monkeypatch.setattr("gateway.readers.csv.MOST_ROWS", 64)
    tables = list(CsvReader(**options).tables(path, LAYOUT))
    assert [table.frame.height for table in tables] == [*[64] * 15, 41]
    assert all(set(table.issues["@row"]) <= set(table.frame["@row"]) for table in tables)
    assert pl.concat(table.frame for table in tables).equals(whole.frame)
    assert pl.concat(table.issues for table in tables).equals(whole.issues)
    assert whole.issues.height == 144
    assert pl.concat(table.links for table in tables).equals(whole.links)
    assert sum(table.blank for table in tables) == whole.blank == 1


def test_good_and_ragged_files_never_reach_the_strict_reader(tmp_path, monkeypatch):
    path = tmp_path / "good.csv"
    path.write_text('sku;name\nA1;x\nA2\n\nA3;"two\nlines ""x"""\nA4;x;;\n', encoding="utf-8")
    reader = CsvReader()
    monkeypatch.setattr(csv_strict.StrictReader, "part", lambda *_, **__: pytest.fail("strict reader called"))
    monkeypatch.setattr(csv_strict.StrictReader, "judged", lambda *_, **__: pytest.fail("strict reader called"))
    assert sum(table.frame.height for table in reader.tables(path, LAYOUT)) == 4


def test_dense_faults_are_left_to_the_strict_reader(tmp_path, monkeypatch):
    path = tmp_path / "dense.csv"
    path.write_text("sku;name\n" + 'A1;5" tube\n' * 300, encoding="utf-8")
    monkeypatch.setattr(csv_tokens, "_FEW", 5)
    tables = list(CsvReader().tables(path, LAYOUT))
    assert pl.concat(table.frame for table in tables)["c1"].to_list() == ['5" tube'] * 300
