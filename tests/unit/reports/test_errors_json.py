from __future__ import annotations

import json

import polars as pl
import pytest
from support.fake_rows import FakeRows, counted, issues, results, summary

from gateway.formats.layout import JsonLayout
from gateway.model import Kind, Table
from gateway.readers.json import JsonReader
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
        format=JsonLayout(kind="json", lines=True),
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


DATA = [
    {"sku": "A", "qty": 1, "at": {"w": [5, {"n": 6}], "x": None}, "on": True},
    {"sku": "B", "qty": 12345678901234567890, "at": {"w": [7]}, "note": "ü"},
    {"sku": "", "at": {"w": []}, "big": 0.1},
]


@pytest.mark.parametrize("form", [{"lines": True}, {"record": "data/items"}, {}])
def test_a_file_dropped_back_gives_the_same_cells_and_links(tmp_path, form):
    layout = JsonLayout(kind="json", **form)
    source = tmp_path / "in.json"
    if layout.lines:
        source.write_text("\n".join(map(json.dumps, DATA)))
    else:
        source.write_text(json.dumps({"data": {"items": DATA}} if layout.record else DATA))
    (table,) = JsonReader().tables(source, layout)
    result = results([(1, "A", "rejected"), (2, "B", "applied"), (3, "C", "refused")])
    out = tmp_path / "errors.json"
    rows = FakeRows(result, issues([]), [table], source, layout)
    assert JsonErrorsWriter().write(summary(counted(result)), rows, out)
    (back,) = JsonReader().tables(out, layout)
    assert back.links.select("first_row").to_series().to_list() == [1, 3]

    def cells(of):
        return [
            {header: cell for header, cell in zip(of.headers, row, strict=True) if cell is not None}
            for row in of.frame.drop("@row", "@line").rows()
        ]

    assert cells(back) == [cells(table)[0], cells(table)[2]]


def test_no_failed_row_no_file(tmp_path):
    result = results([(1, "A", "applied")])
    rows = FakeRows(result, issues([]), format=JsonLayout(kind="json"))
    assert not JsonErrorsWriter().write(summary(counted(result)), rows, tmp_path / "errors.json")
    assert not (tmp_path / "errors.json").exists()
