"""What the CSV writer writes, the CSV reader reads back alike; neutralised cells come back as they were."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.formats.csv_writer import CsvWriter
from gateway.formats.layout import CsvLayout
from gateway.formats.neutral import neutralise, neutralised, restore, restored
from gateway.readers.csv import CsvReader
from gateway.readers.csv_shape import BLANKS

SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
NARROW = st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=6)
PLAIN = st.text(st.sampled_from("ab1 =-'\"\t;,\r\n\ufeff\u00a0"), max_size=6)
RISKY = st.text(st.sampled_from("'=+-@\t\r\n15.,a"), max_size=6) | st.text(max_size=5)


def there_and_back(path, rows, layout, width, **options):
    with path.open("wb") as out:
        writer = CsvWriter(out, layout, **options)
        writer.header([f"column {index}" for index in range(width)])
        for cut in (rows[:2], rows[2:]):
            writer.rows(pl.DataFrame(cut, schema=[f"c{index}" for index in range(width)], orient="row"))
    tables = list(CsvReader().tables(path, layout))
    assert all(table.issues.is_empty() for table in tables)
    cells = [row[2:] for table in tables for row in table.frame.rows()]
    assert sum(table.blank for table in tables) == len(rows) - len(cells)
    return cells


def filled(rows):
    return [row for row in rows if any(cell.strip(BLANKS) for cell in row)]


@SETTINGS
@given(
    rows=st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[TEXT | PLAIN] * n), min_size=1, max_size=6)),
    delimiter=st.sampled_from(";,\t|"),
    quote=st.sampled_from("\"'"),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
    newline=st.sampled_from(["\r\n", "\n"]),
    bom=st.booleans(),
)
def test_any_table_of_text_comes_back_cell_for_cell(tmp_path, rows, delimiter, quote, encoding, newline, bom):
    layout = CsvLayout(kind="csv", delimiter=delimiter, quote=quote, encoding=encoding)
    back = there_and_back(tmp_path / "back.csv", rows, layout, len(rows[0]), newline=newline, bom=bom)
    assert back == filled(rows)


@pytest.mark.parametrize("encoding", ["cp1252"])
@SETTINGS
@given(rows=st.lists(st.tuples(NARROW, NARROW), min_size=1, max_size=6))
def test_text_of_a_narrow_encoding_comes_back(tmp_path, rows, encoding):
    layout = CsvLayout(kind="csv", delimiter=";", encoding=encoding)
    assert there_and_back(tmp_path / "narrow.csv", rows, layout, 2) == filled(rows)


@SETTINGS
@given(cells=st.lists(RISKY, min_size=1))
def test_neutralised_cells_come_back_and_columns_do_as_single_cells_do(cells):
    assert [restore(neutralise(cell)) for cell in cells] == cells
    frame = pl.DataFrame({"x": cells}, schema={"x": pl.String})
    assert frame.select(neutralised(pl.col("x"))).to_series().to_list() == [neutralise(cell) for cell in cells]
    assert frame.select(restored(pl.col("x"))).to_series().to_list() == [restore(cell) for cell in cells]


@SETTINGS
@given(cell=RISKY)
def test_no_neutralised_cell_begins_like_a_formula(cell):
    safe = neutralise(cell)
    assert safe[:1] not in {"=", "@", "\t", "\r", "\n"}
    assert safe[:1] not in {"+", "-"} or safe[1:].replace(".", "").replace(",", "").isdecimal()
