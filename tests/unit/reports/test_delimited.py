from __future__ import annotations

import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_rows import FakeRows, issues, results, summary, with_fault

from gateway.model import KEY_SEPARATOR
from gateway.reports import correction_kind, delimited, write_correction
from gateway.reports.delimited import ISSUE_COLUMNS, RESULT_COLUMNS, IssuesWriter, ResultWriter


def read(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_polars_quotes_empty_text_and_leaves_null_bare():
    # the difference between an empty and a missing value of result.csv rests on it
    out = io.BytesIO()
    pl.DataFrame({"a": ["", None, 'q"', "c,d"], "b": ["x"] * 4}).write_csv(out, line_terminator="\r\n")
    assert out.getvalue() == b'a,b\r\n"",x\r\n,x\r\n"q""",x\r\n"c,d",x\r\n'


def test_the_result_has_a_line_for_every_row_with_its_gravest_fault(tmp_path):
    result = results([(2, f"A{KEY_SEPARATOR}W1", "applied"), (3, f"B{KEY_SEPARATOR}", "rejected"), (4, "C", "refused")])
    result = with_fault(result, 2, remote_id="9001")
    result = with_fault(result, 3, faults=2, code="TOO_SMALL", field="quantity", value="-1", detail="0")
    result = with_fault(result, 4, faults=1, code="DEST_REFUSED", detail="no such offer")
    out = tmp_path / "result.csv"
    assert ResultWriter().write(summary({}), FakeRows(result, issues([]), block=2), out)
    assert read(out) == [
        list(RESULT_COLUMNS),
        ["2", "2", "A / W1", "applied", "0", "", "", "", "", "9001"],
        ["3", "3", "B", "rejected", "2", "TOO_SMALL", "quantity", "-1", "quantity is below 0: -1", ""],
        ["4", "4", "C", "refused", "1", "DEST_REFUSED", "", "", "The destination refused the row: no such offer", ""],
    ]
    assert out.read_bytes().startswith(b"\xef\xbb\xbfrow,line,")


def test_results_that_the_disk_could_not_take_are_told_once_and_here(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    rows = FakeRows(results([(row, f"A{row}", "applied") for row in range(2, 8)]), issues([]), block=2)
    assert ResultWriter().write(summary({}), rows, tmp_path / "whole.csv")
    monkeypatch.setattr(delimited, "_KEPT_FROM", 1)
    assert ResultWriter().write(summary({}), rows, tmp_path / "result.csv")
    assert (tmp_path / "result.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    monkeypatch.setattr(delimited.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        ResultWriter().write(summary({}), rows, tmp_path / "lost.csv")


@pytest.mark.parametrize(
    ("parts", "shown"), [(["", "A", "", "", "x"], "A / x"), (["A", "", ""], "A"), (["", "A"], "A"), (["", ""], "")]
)
@pytest.mark.parametrize("beside", ["B", f"B{KEY_SEPARATOR}2"])
def test_a_key_is_shown_without_its_empty_parts(tmp_path, parts, shown, beside):
    result = results([(2, beside, "applied"), (3, KEY_SEPARATOR.join(parts), "applied")])
    assert ResultWriter().write(summary({}), FakeRows(result, issues([])), tmp_path / "result.csv")
    assert [line[2] for line in read(tmp_path / "result.csv")[1:]] == [beside.replace(KEY_SEPARATOR, " / "), shown]


@given(keys=st.lists(st.lists(st.sampled_from(["", "A", "b c"]), min_size=1, max_size=9), min_size=1, max_size=6))
def test_keys_of_any_gaps_are_shown_by_their_given_parts(tmp_path_factory, keys):
    result = results([(row, KEY_SEPARATOR.join(parts), "applied") for row, parts in enumerate(keys, start=2)])
    out = tmp_path_factory.mktemp("keys") / "result.csv"
    assert ResultWriter().write(summary({}), FakeRows(result, issues([])), out)
    assert [line[2] for line in read(out)[1:]] == [" / ".join(part for part in parts if part) for parts in keys]


def test_a_result_without_rows_is_its_header(tmp_path):
    out = tmp_path / "result.csv"
    assert ResultWriter().write(summary({}), FakeRows(results([]), issues([])), out)
    assert read(out) == [list(RESULT_COLUMNS)]


def test_cells_a_spreadsheet_would_run_are_neutralised_in_result_and_issues(tmp_path):
    result = with_fault(results([(2, "=cmd()", "rejected")]), 2, code="REQUIRED", field="@f", value="+1+1")
    result = with_fault(result, 2, remote_id="-2+3")
    rows = FakeRows(result, issues([(2, "REQUIRED", "@f", "=1", None)]))
    ResultWriter().write(summary({}), rows, tmp_path / "result.csv")
    IssuesWriter().write(summary({}), rows, tmp_path / "issues.csv")
    assert read(tmp_path / "result.csv")[1] == [
        "2", "2", "'=cmd()", "rejected", "0", "REQUIRED", "'@f", "'+1+1", "'@f is missing.", "'-2+3",
    ]  # fmt: skip
    assert read(tmp_path / "issues.csv")[1][6:9] == ["'@f", "'=1", "'@f is missing."]


def test_issues_list_every_fault_and_effects_without_a_row(tmp_path):
    rows = FakeRows(
        results([(2, "A", "rejected")]),
        issues(
            [(2, "REQUIRED", "sku", None, None), (2, "NOT_BLANK", "name", "", None), (None, "ABSENT", None, None, "x")]
        ),
        block=1,
    )
    assert IssuesWriter().write(summary({}), rows, tmp_path / "issues.csv")
    lines = read(tmp_path / "issues.csv")
    assert lines[0] == list(ISSUE_COLUMNS)
    fix = "Fill it in, or ask for a change of the mapping."
    assert lines[1] == ["2", "2", "K2", "error", "rejected", "REQUIRED", "sku", "", "sku is missing.", fix]
    assert lines[3][:2] == ["", ""]
    assert lines[3][3] == "warning"
    assert b',name,"",name is empty.' in (tmp_path / "issues.csv").read_bytes()


def test_no_issue_no_file(tmp_path):
    out = tmp_path / "issues.csv"
    assert not IssuesWriter().write(summary({}), FakeRows(results([(2, "A", "applied")]), issues([])), out)
    assert not out.exists()


def test_a_correction_holds_the_changed_rows_only(tmp_path):
    rows = FakeRows(results([(n, f"K{n}", "applied") for n in range(2, 12)]), issues([]))
    out = tmp_path / correction_kind(1)
    assert out.name == "correction-1.csv"
    assert write_correction(rows, pl.Series([3, 11]), out)
    assert [line[0] for line in read(out)] == ["row", "3", "11"]
    assert not write_correction(rows, pl.Series([], dtype=pl.Int64), tmp_path / "none.csv")
    assert not (tmp_path / "none.csv").exists()


def test_rows_with_little_to_say_are_written_as_rows_with_much(tmp_path):
    count = 2000
    keys = ["", 'a"b', "c,d", "=1", "e\nf", f"g{KEY_SEPARATOR}h", "plain"]
    result = results([(n, keys[n % 7], "applied" if n % 3 else "unchanged") for n in range(2, 2 + count)])
    unchanged = pl.col("state") == "unchanged"
    result = result.with_columns(code=pl.when(unchanged).then(pl.lit("UNCHANGED")))
    for row, cells in {
        5: {"faults": 1, "code": "TOO_SMALL", "field": "a,b", "value": '=x"', "detail": "0"},
        900: {"remote_id": ""},
        901: {"value": "-1", "faults": 2},
    }.items():
        result = with_fault(result, row, **cells)
    out = tmp_path / "result.csv"
    said = []
    for block in (count, 1):  # as one block most rows have nothing to say; alone each of the three says all there is
        ResultWriter().write(summary({}), FakeRows(result, issues([]), block=block), out)
        said.append(out.read_bytes())
    assert said[0] == said[1]
    lines = read(out)
    assert len(lines) == count + 1
    assert lines[4] == ["5", "5", "g / h", "applied", "1", "TOO_SMALL", "a,b", "'=x\"", 'a,b is below 0: =x"', ""]
    shown = ["", 'a"b', "c,d", "'=1", "e\nf", "g / h", "plain"]
    assert [line[2] for line in lines[1:]] == [shown[n % 7] for n in range(2, 2 + count)]
    assert {tuple(line[3:6]) for line in lines[1:]} >= {("applied", "0", ""), ("unchanged", "0", "UNCHANGED")}
    assert said[0].count(b',"",') == result.filter(pl.col("@key") == "").height, "empty is not missing"
    assert lines[899][9] == ""
    assert b',""\r\n' in said[0]
