from __future__ import annotations

from support.fake_rows import FakeRows, counted, issues, results, summary

from gateway.formats.layout import CsvLayout, JsonLayout
from gateway.readers.csv import CsvReader
from gateway.readers.json import JsonReader
from gateway.reports import errors_writer, in_place_of, writers
from gateway.reports.errors_listed import ListedErrorsWriter

_CSV = CsvLayout(kind="csv", delimiter=",", encoding="utf-8")


def rows_of(tmp_path, states):
    path = tmp_path / "in.json"
    path.write_text('[{"sku":"=A1","note":"two\\nlines, and \\"quotes\\""},{"sku":"A2"}]', "utf-8")
    form = JsonLayout(kind="json")
    tables = list(JsonReader().tables(path, form))
    found = results([(row, f"K{row}", states.get(row, "applied")) for row in (1, 2)])
    told = issues([(1, "TOO_SMALL", "quantity", "-3", "0")])
    return FakeRows(found, told, tables, path, form, {"sku": "sku"})


def test_the_failed_records_of_any_feed_stand_in_a_plain_list(tmp_path):
    rows = rows_of(tmp_path, {1: "rejected"})
    out = tmp_path / "errors.csv"
    assert ListedErrorsWriter().write(summary(counted(rows.result)), rows, out)
    (table,) = CsvReader().tables(out, _CSV)
    assert table.headers == ("sku", "note")
    assert table.frame.select("c0", "c1").rows() == [("=A1", 'two\nlines, and "quotes"')]
    assert table.links is not None
    assert table.links.select("first_row").rows() == [(1,)]
    assert out.read_bytes().startswith(b"\xef\xbb\xbferror_run,")
    assert b"'=A1" in out.read_bytes()


def test_there_is_no_list_where_every_record_passed(tmp_path):
    rows = rows_of(tmp_path, {})
    assert not ListedErrorsWriter().write(summary(counted(rows.result)), rows, tmp_path / "errors.csv")
    assert not (tmp_path / "errors.csv").exists()


def test_it_stands_for_errors_files_only():
    assert in_place_of(errors_writer(JsonLayout(kind="json"))) is not None
    assert in_place_of(errors_writer(_CSV)) is not None
    others = [one for one in writers(_CSV) if in_place_of(one) is None]
    assert [one.kind for one in others] == ["result.csv", "issues.csv", "report.html", "summary.json"]
