from __future__ import annotations

import codecs
import csv
import io
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fake_rows import FakeRows, counted, issues, results, summary

from gateway.formats.layout import OUR_COLUMNS, CsvLayout
from gateway.model import Table
from gateway.readers.csv import CsvReader
from gateway.reports import errors_csv
from gateway.reports.errors_csv import CsvErrorsWriter

RUN = "R20261122T093000-01"
OURS = list(OUR_COLUMNS)


def layout(**changes):
    return CsvLayout(**{"kind": "csv", "delimiter": ";", "encoding": "utf-8", **changes})


def rows_of(path, form, states, found, mapped=None):
    """What a run knows of the file: read by the reader, judged as told."""
    tables = list(CsvReader().tables(path, form))
    lines = [(row, line) for table in tables for row, line in table.frame.select("@row", "@line").rows()]
    result = results([(row, f"K{row}", states.get(row, "applied")) for row, _ in lines])
    result = result.with_columns(pl.Series("@line", [line for _, line in lines], dtype=pl.Int64))
    return FakeRows(result, issues(found), tables, path, form, mapped or {})


def written(tmp_path, rows):
    out = tmp_path / "errors.csv"
    assert CsvErrorsWriter().write(summary(counted(rows.result)), rows, out)
    return out


def cells(path, form):
    text = path.read_bytes().decode(form.encoding).removeprefix("\ufeff")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, quotechar=form.quote or None))


def again(path, form):
    """Read an errors file as it comes back: its cells and links."""
    tables = list(CsvReader().tables(path, form))
    frame = pl.concat([table.frame for table in tables])
    links = pl.concat([table.links for table in tables])
    issue = pl.concat([table.issues for table in tables])
    return frame.drop("@row", "@line").rows(), links.select("first_run", "first_row").rows(), issue["code"].to_list()


def test_only_failed_records_in_the_partners_dialect_behind_our_columns(tmp_path):
    source = tmp_path / "in.csv"
    source.write_bytes('Artikel;Bestand;Ort\r\n007;5;Köln\r\n008;x;"a;b"\r\n009;7;\r\n'.encode("cp1252"))
    form = layout(encoding="cp1252")
    rows = rows_of(
        source,
        form,
        {3: "rejected", 4: "refused"},
        [
            (3, "NOT_A_NUMBER", "quantity", "x", None),
            (3, "REQUIRED", "Ort", None, None),
            (4, "DEST_REFUSED", None, None, "no offer"),
        ],
        {"sku": "Artikel", "quantity": "Bestand"},
    )
    out = written(tmp_path, rows)
    assert cells(out, form) == [
        [*OURS, "Artikel", "Bestand", "Ort"],
        [RUN, "3", "NOT_A_NUMBER; REQUIRED", "Bestand; Ort", "Bestand is not a number: x; Ort is missing.",
         "008", "x", "a;b"],
        [RUN, "4", "DEST_REFUSED", "", "The destination refused the row: no offer", "009", "7", ""],
    ]  # fmt: skip
    assert out.read_bytes().count(b"\r\n") == 3


def test_a_dropped_back_file_gives_the_original_cells_and_links(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text('sku;name;qty\n=1+1;"a ""b""";-5\n\'=x;"two\nlines";+4\n@a;;0\n-;"tab\t";\n', encoding="utf-8")
    form = layout()
    rows = rows_of(source, form, dict.fromkeys(range(2, 6), "rejected"), [])
    original = pl.concat([table.frame for table in rows.table_list]).drop("@row", "@line").rows()
    out = written(tmp_path, rows)
    assert all(not cell.startswith(("=", "@")) for line in cells(out, form) for cell in line)
    assert again(out, form) == (original, [(RUN, n) for n in range(2, 6)], [])


def test_missing_cells_stay_missing_and_empty_ones_empty(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("a;b;c;d\n1;;\n1;;;\n", encoding="utf-8")
    rows = rows_of(
        source, layout(), {2: "rejected", 3: "rejected"}, [(2, "ROW_TOO_SHORT", None, None, "3 instead of 4")]
    )
    out = written(tmp_path, rows)
    assert again(out, layout())[0] == [("1", "", "", None), ("1", "", "", "")]


def test_a_row_of_missing_cells_only_has_our_columns_only(tmp_path):
    frame = pl.DataFrame({"@row": [2], "@line": [2], "c0": [None], "c1": [None]}, schema_overrides={"c0": pl.String, "c1": pl.String})  # fmt: skip  # noqa: E501  one frame
    source = tmp_path / "in.csv"
    source.write_text("a;b\n", encoding="utf-8")
    rows = FakeRows(results([(2, "", "rejected")]), issues([]), [Table(frame, ("a", "b"))], source, layout())
    assert cells(written(tmp_path, rows), layout())[1] == [RUN, "2", "", "", "The row was rejected."]


@pytest.mark.parametrize(
    "record",
    [
        'A;12;50;"surplus"',
        'A;"5 inch;12',
        'A;"x"y;=1+2',
        'A;"multi\nline";1;=surplus',
    ],
)
def test_damaged_records_come_back_as_damaged_as_they_were(tmp_path, record):
    source = tmp_path / "in.csv"
    source.write_text(f"sku;text;n\n1;a;1\n{record}\n\n2;b;2\n", encoding="utf-8")
    form = layout()
    first = next(iter(CsvReader().tables(source, form)))
    code = first.issues["code"].to_list()
    row = first.issues["@row"].to_list()[0]
    rows = rows_of(source, form, {row: "rejected"}, [(row, code[0], None, None, "4 instead of 3")])
    out = written(tmp_path, rows)
    back, links, codes = again(out, form)
    assert codes == code
    assert back == first.frame.filter(pl.col("@row") == row).drop("@row", "@line").rows()
    assert links[0][0] == RUN
    twice = rows_of(out, form, {2: "rejected"}, [(2, code[0], None, None, "4 instead of 3")])
    (tmp_path / "second").mkdir()
    assert again(written(tmp_path / "second", twice), form)[::2] == (back, codes)


@pytest.mark.parametrize(("encoding", "bad"), [("utf-8", b"\xff"), ("cp1252", b"\x81"), ("ascii", b"\xe9")])
def test_bytes_that_are_no_text_go_back_as_they_came(tmp_path, encoding, bad):
    source = tmp_path / "in.csv"
    source.write_bytes(b"sku;text\nA;x" + bad + b"y\nB;ok\n")
    form = layout(encoding=encoding)
    rows = rows_of(source, form, {2: "rejected"}, [(2, "ROW_ENCODING", None, None, encoding)])
    out = written(tmp_path, rows)
    assert out.read_bytes().endswith(b";A;x" + bad + b"y\n")
    assert again(out, form)[2] == ["ROW_ENCODING"]


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", codecs.BOM_UTF8), ("utf-8", b""), ("utf-16", codecs.BOM_UTF16_LE), ("utf-16", codecs.BOM_UTF16_BE)],
)
def test_encoding_and_byte_order_mark_are_the_partners(tmp_path, encoding, mark):
    codec = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}.get(mark, "utf-8")
    source = tmp_path / "in.csv"
    source.write_bytes(mark + "sku;name\r\nA;Größe €\r\n".encode(codec))
    form = layout(encoding=encoding)
    out = written(tmp_path, rows_of(source, form, {2: "rejected"}, [(2, "REQUIRED", "sku", None, None)]))
    assert out.read_bytes().startswith(mark + "error_run;".encode(codec))
    assert again(out, form)[0] == [("A", "Größe €")]


def test_our_words_that_do_not_fit_the_encoding_are_replaced_not_fatal(tmp_path):
    source = tmp_path / "in.csv"
    source.write_bytes(b"sku;name\nA;b\n")
    form = layout(encoding="ascii")
    out = written(tmp_path, rows_of(source, form, {2: "refused"}, [(2, "DEST_REFUSED", None, None, "größer als 5 €")]))
    assert b"gr??er als 5 ?" in out.read_bytes()


def test_a_file_without_header_or_quotes_gets_a_header_and_stays_readable(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text('skip me;x\nA;"5\nB;6\n', encoding="utf-8")
    form = layout(header=False, columns=2, skip=1, quote="")
    states = {2: "rejected", 3: "rejected"}
    found = [(2, "NOT_A_NUMBER", "quantity", 'a;"5', None), (3, "TOO_SMALL", "quantity", "6", "7")]
    out = written(tmp_path, rows_of(source, form, states, found, {"sku": "c0", "quantity": "c1"}))
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == ";".join([*OURS, "column 1", "column 2"])
    assert lines[1] == f'{RUN};2;NOT_A_NUMBER;column 2;column 2 is not a number: a,"5;A;"5'
    assert again(out, form)[:2] == ([("A", '"5'), ("B", "6")], [(RUN, 2), (RUN, 3)])


def test_many_faults_of_one_row_are_counted_beyond_five_and_warnings_give_way(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("sku;name\nA;b\n", encoding="utf-8")
    faults = [(2, "REQUIRED", f"f{n}", None, None) for n in range(7)]
    rows = rows_of(source, layout(), {2: "rejected"}, faults)
    rows.issue = pl.concat([issues([(2, "UNCHANGED", None, None, None)], "warning"), rows.issue])
    line = cells(written(tmp_path, rows), layout())[1]
    assert line[2] == "; ".join(["REQUIRED"] * 5)
    assert line[4] == "f0 is missing.; f1 is missing.; f2 is missing.; f3 is missing.; f4 is missing. and 2 more"


def test_no_failed_row_no_file(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("a;b\n1;2\n", encoding="utf-8")
    rows = rows_of(source, layout(), {}, [])
    assert not CsvErrorsWriter().write(summary(counted(rows.result)), rows, tmp_path / "errors.csv")
    assert not (tmp_path / "errors.csv").exists()


def test_blocks_of_any_size_give_the_same_file(tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("sku;q\n" + "".join(f"S{n};{n}\n" for n in range(400)), encoding="utf-8")
    states = {n: "rejected" for n in range(2, 402) if n % 7 == 0}
    found = [(n, "TOO_SMALL", "quantity", str(n - 2), "500") for n in states]
    whole = rows_of(source, layout(), states, found, {"quantity": "q"})
    whole.block = 1000
    expected = written(tmp_path, whole).read_bytes()
    for block in (1, 7, 64):
        parts = rows_of(source, layout(), states, found, {"quantity": "q"})
        parts.block = block
        parts.table_list = [replace(whole.table_list[0], frame=f) for f in whole.table_list[0].frame.iter_slices(90)]
        assert written(tmp_path, parts).read_bytes() == expected


CELLS = st.one_of(
    st.text(st.sampled_from("ab;,\"'=+-@\t\r\n 1é\ufffd"), max_size=6),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6), st.sampled_from(";,\t"))
def test_any_cells_come_back_as_they_were(tmp_path, records, delimiter):
    form = layout(delimiter=delimiter)
    source = tmp_path / "in.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["sku", "=name", "'+x"])
        writer.writerows([("key", *record) for record in records])
    tables = list(CsvReader().tables(source, form))
    frame = pl.concat([table.frame for table in tables])
    damaged = pl.concat([table.issues for table in tables])
    states = dict.fromkeys(frame["@row"].to_list(), "rejected")
    found = [(row, code, None, None, "detail") for row, code in damaged.select("@row", "code").rows()]
    out = written(tmp_path, rows_of(source, form, states, found))
    cells_back, links, codes = again(out, form)
    assert cells_back == frame.drop("@row", "@line").rows()
    assert links == [(RUN, row) for row in states]
    assert codes == damaged["code"].to_list()
    assert next(iter(CsvReader().tables(out, form))).headers == tables[0].headers


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), st.sampled_from(";,\t|"), st.sampled_from("\"'"))
def test_both_ways_of_writing_give_the_same_bytes(tmp_path, records, delimiter, quote):
    form = layout(delimiter=delimiter, quote=quote)
    source = tmp_path / "in.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, quotechar=quote).writerows(
            [("sku", "x", "y"), *(("k", *r) for r in records)]
        )
    rows = rows_of(source, form, {}, [])
    rows.result = rows.result.with_columns(state=pl.lit("rejected"))
    found = written(tmp_path, rows).read_bytes()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(errors_csv, "_is_whole", lambda _: False)
        assert written(tmp_path, rows).read_bytes() == found
