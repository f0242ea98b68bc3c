"""However a file is cut into blocks, and whichever reader takes them, the reading is the strict reader's."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import FileError
from gateway.formats.layout import CsvLayout
from gateway.readers import csv_strict, csv_tokens
from gateway.readers.csv import CsvReader

PIECES = ["a", "b7", "é", "\u20ac", " ", "", "", '"', '""', ";", ";", "\n", "\r\n", "\r", "\t", "'", ",", "=1"]
CELL = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
TIDY = st.sampled_from(
    ["", "a", "12", "é\u20ac", '"x"', '"x;y"', '"line\nbreak"', '"say ""hi"""', '"""x"', '""""', '""', " ", '"\r\n"']
)
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
LAYOUT = CsvLayout(kind="csv", delimiter=";", encoding="utf-8")


@dataclass
class Reading:
    frame: pl.DataFrame
    issues: pl.DataFrame
    headers: tuple[str, ...]
    blank: int
    error: str = ""


def read(path: Path, layout: CsvLayout, **options) -> Reading:
    try:
        tables = list(CsvReader(**options).tables(path, layout))
    except FileError as fault:
        return Reading(pl.DataFrame(), pl.DataFrame(), (), 0, fault.code)
    assert len({table.headers for table in tables}) == 1
    frame = pl.concat(table.frame for table in tables)
    issues = pl.concat(table.issues for table in tables)
    return Reading(frame, issues, tables[0].headers, sum(table.blank for table in tables))


def assert_alike(path: Path, layout: CsvLayout, block: int) -> Reading:
    strict = read(path, layout, columnar=False)
    for mixed in (read(path, layout), read(path, layout, block=block), read(path, layout, block=block, columnar=False)):
        assert mixed.error == strict.error
        assert mixed.headers == strict.headers
        assert mixed.blank == strict.blank
        assert mixed.frame.schema == strict.frame.schema
        assert mixed.frame.rows() == strict.frame.rows()
        assert mixed.issues.rows() == strict.issues.rows()
    return strict


def record(cells, end):
    return ";".join(cells) + end


RECORDS = st.lists(
    st.builds(
        record,
        st.one_of(st.lists(TIDY, min_size=3, max_size=3), st.lists(TIDY, max_size=5), st.lists(CELL, max_size=4)),
        st.sampled_from(["\n", "\n", "\n", "\r\n", "\r\n", "\r"]),
    ),
    max_size=12,
)


@SETTINGS
@given(
    records=RECORDS,
    block=st.integers(1, 60),
    bom=st.booleans(),
    final=st.booleans(),
    header=st.booleans(),
    skip=st.sampled_from([0, 0, 0, 1, 3]),
)
def test_dirty_files_read_alike_in_any_blocks(tmp_path, records, block, bom, final, header, skip):
    text = "".join(["sku;name;quantity\n", *records])
    path = tmp_path / "dirty.csv"
    path.write_bytes((text if final else text.rstrip("\r\n")).encode("utf-8-sig" if bom else "utf-8"))
    assert_alike(path, LAYOUT.model_copy(update={"header": header, "skip": skip}), block)


@SETTINGS
@given(data=st.lists(st.sampled_from([b"a", b";", b"\n", b"\r", b'"', b"\xe9", b"\xc3\xa9", b"\0", b"\xef\xbb\xbf"])))
def test_broken_bytes_read_alike_in_any_blocks(tmp_path, data):
    path = tmp_path / "broken.csv"
    path.write_bytes(b"sku;name\n" + b"".join(data))
    assert_alike(path, LAYOUT, 7)


@SETTINGS
@given(records=st.lists(RECORDS, max_size=8), block=st.integers(1, 300))
def test_low_limits_of_quoted_cells_change_both_readers_alike(tmp_path, records, block):
    path = tmp_path / "limits.csv"
    path.write_bytes("".join(["sku;name;quantity\n", *(each for some in records for each in some)]).encode())
    with pytest.MonkeyPatch.context() as patch:
        for module in (csv_strict, csv_tokens):
            patch.setattr(module, "QUOTED_SIZE", 40)
        patch.setattr(csv_tokens, "_FEW", 3)
        assert_alike(path, LAYOUT, block)


@SETTINGS
@given(records=RECORDS, block=st.integers(1, 20), quote=st.sampled_from(['"', "'", "\u00bb"]))
def test_looking_ahead_for_the_end_of_a_quoted_cell_changes_nothing(tmp_path, records, block, quote):
    path = tmp_path / "ahead.csv"
    path.write_text("sku;name;quantity\n" + "".join(records).replace('"', quote), "utf-8", newline="")
    layout = LAYOUT.model_copy(update={"quote": quote})
    plain = read(path, layout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gateway.readers.csv.PATIENCE", 20)
        early = assert_alike(path, layout, block)
    assert early.frame.rows() == plain.frame.rows()
    assert early.issues.rows() == plain.issues.rows()


@SETTINGS
@given(records=RECORDS, block=st.integers(1, 60), encoding=st.sampled_from(["utf-16", "cp1252", "iso-8859-15"]))
def test_encodings_read_alike_in_any_blocks(tmp_path, records, block, encoding):
    path = tmp_path / "encoded.csv"
    text = "".join(["sku;name;quantity\n", *records])
    path.write_bytes(text.encode(encoding))
    encoded = assert_alike(path, LAYOUT.model_copy(update={"encoding": encoding}), block)
    path.write_bytes(text.encode())
    plain = read(path, LAYOUT)
    assert encoded.frame.rows() == plain.frame.rows()
    assert encoded.issues.rows() == plain.issues.rows()


@SETTINGS
@given(
    rows=st.lists(st.lists(TIDY, min_size=3, max_size=3), max_size=10),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_tidy_files_read_as_the_csv_module_reads_them(tmp_path, rows, end):
    path = tmp_path / "tidy.csv"
    text = "sku;name;quantity" + end + "".join(record(cells, end) for cells in rows)
    path.write_bytes(text.encode())
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True)
    expected, line = [], 1
    for number, cells in enumerate(reader, start=1):
        if number > 1 and any(cell.strip() for cell in cells):
            expected.append((number, line, *cells))
        line = reader.line_num + 1
    reading = read(path, LAYOUT)
    assert reading.frame.rows() == expected
    assert reading.issues.is_empty()
    assert reading.blank == len(rows) - len(expected)


@pytest.mark.parametrize("quote", ["'", ""])
@SETTINGS
@given(records=RECORDS, block=st.integers(1, 60))
def test_other_quotes_read_alike_in_any_blocks(tmp_path, records, block, quote):
    path = tmp_path / "other.csv"
    path.write_bytes("".join(["sku;name;quantity\n", *records]).encode())
    assert_alike(path, LAYOUT.model_copy(update={"quote": quote}), block)
