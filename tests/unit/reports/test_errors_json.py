from __future__ import annotations

import json

import polars as pl
from fake_rows import FakeRows, counted, issues, results, summary

from gateway.formats.layout import JsonLayout
from gateway.model import Kind, Table
from gateway.reports.errors_json import JsonErrorsWriter


def test_failed_records_are_json_lines_with_typed_values(tmp_path):
    frame = pl.DataFrame(
        {"@row": [1, 2, 3], "@line": [1, 2, 3], "c0": ["A", "B", "C"], "c1": ["1", "12345678901234567890.10", "3"],
         "c2": [None, "true", ""], "c3": ["x", None, ""]}
    )  # fmt: skip
    kinds = pl.DataFrame(
        {"c0": [Kind.TEXT] * 3, "c1": [Kind.NUMBER, Kind.NUMBER, Kind.TEXT],
         "c2": [Kind.EMPTY, Kind.BOOLEAN, Kind.TEXT], "c3": [Kind.TEXT] * 3},
        schema=dict.fromkeys(["c0", "c1", "c2", "c3"], pl.UInt8),
    )  # fmt: skip
    result = results([(1, "A", "applied"), (2, "B", "rejected"), (3, "C", "refused")])
    rows = FakeRows(
        result,
        issues([(2, "TOO_LARGE", "quantity", "1e19", "9")]),
        [Table(frame, ("sku", "qty", "on", "note"), kinds)],
        format=JsonLayout(kind="json"),
        mapped={"quantity": "qty"},
    )
    out = tmp_path / "errors.json"
    assert JsonErrorsWriter().write(summary(counted(result)), rows, out)
    lines = out.read_text().splitlines()
    assert '"qty":12345678901234567890.10' in lines[0]
    first, second = map(json.loads, lines)
    assert first == {
        "error_run": "R20261122T093000-01",
        "error_row": 2,
        "error_code": "TOO_LARGE",
        "error_field": "qty",
        "error_message": "qty is above 9: 1e19",
        "sku": "B",
        "qty": 12345678901234567890.10,
        "on": True,
    }
    assert (second["error_message"], second["on"], second["note"], second["qty"]) == (
        "The row was refused.",
        "",
        "",
        "3",
    )


def test_no_failed_row_no_file(tmp_path):
    result = results([(1, "A", "applied")])
    rows = FakeRows(result, issues([]), format=JsonLayout(kind="json"))
    assert not JsonErrorsWriter().write(summary(counted(result)), rows, tmp_path / "errors.json")
    assert not (tmp_path / "errors.json").exists()
