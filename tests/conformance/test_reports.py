"""What every report writer must do, run on all of them: a new writer is added to `writers` and to WORLDS."""

from __future__ import annotations

import csv
import io
import json

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from lxml import etree, html
from support.fake_rows import FakeRows, counted, issues, results, summary

from gateway.formats.layout import CsvLayout, JsonLayout, XlsxLayout, XmlLayout
from gateway.model import ReportWriter, Table
from gateway.reports import verdict, writers

LAYOUTS = {
    "csv": CsvLayout(kind="csv", delimiter=";", encoding="utf-8"),
    "xlsx": XlsxLayout(kind="xlsx"),
    "xml": XmlLayout(kind="xml", record="stock/item"),
    "json": JsonLayout(kind="json", lines=True),
}
HEADERS = ("sku", "quantity", "note")
CASES = [(kind, writer.kind) for kind, layout in LAYOUTS.items() for writer in writers(layout)]


def world(tmp_path, kind, records, failed, *, found=None, block=40_000):
    """A run of `records` (cells per header), those at the positions `failed` rejected."""
    assert set(failed) <= set(range(len(records)))
    first = 1 if kind in ("xml", "json") else 2
    numbers = list(range(first, first + len(records)))
    frame = pl.DataFrame(
        {"@row": numbers, "@line": numbers} | {f"c{n}": [record[n] for record in records] for n in range(len(HEADERS))},
        schema={"@row": pl.Int64, "@line": pl.Int64} | {f"c{n}": pl.String for n in range(len(HEADERS))},
    )
    states = ["rejected" if n in failed else "applied" for n in range(len(records))]
    result = results([(number, f"K{number}", state) for number, state in zip(numbers, states, strict=True)])
    if found is None:
        found = issues([(numbers[n], "TOO_SMALL", "quantity", records[n][1], "0") for n in sorted(failed)])
    tables = [Table(part, HEADERS) for part in frame.iter_slices(block)] or [Table(frame, HEADERS)]
    source = tmp_path / f"source.{kind}"
    write_source(source, kind, records)
    return FakeRows(result, found, tables, source, LAYOUTS[kind], {"quantity": "quantity"}, block)


def write_source(path, kind, records):
    if kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows([HEADERS, *records])
    elif kind == "xlsx":
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet()
            for n, record in enumerate([HEADERS, *records]):
                for column, cell in enumerate(record):
                    sheet.write_string(n, column, cell)
    elif kind == "xml":
        items = [
            "<item>" + "".join(f"<{h}>{escape(c)}</{h}>" for h, c in zip(HEADERS, r, strict=True)) + "</item>"
            for r in records
        ]
        path.write_text(f"<stock>{''.join(items)}</stock>", encoding="utf-8")
    else:
        lines = [json.dumps(dict(zip(HEADERS, record, strict=True))) for record in records]
        path.write_text("\n".join(lines), encoding="utf-8")


def escape(cell):
    return cell.replace("&", "&amp;").replace("<", "&lt;")


def rows_in(path):
    """All rows of an answer, whatever its format, as lists of texts; raises when it is not valid."""
    data = path.read_bytes()
    match path.name.rsplit(".", 1)[1]:
        case "csv":
            text = data.decode("utf-8-sig")
            lines = list(
                csv.reader(io.StringIO(text, newline=""), delimiter=";" if "errors" in path.name else ",", strict=True)
            )
            assert len({len(line) for line in lines}) <= 1
            return lines
        case "xlsx":
            sheet = openpyxl.load_workbook(path).active
            assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)
            return [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
        case "xml":
            return [[text or "" for text in item.itertext()] for item in etree.fromstring(data)]
        case "json" if "errors" in path.name:
            return [[str(value) for value in json.loads(line).values()] for line in data.splitlines()]
        case "json":
            return [[str(value) for value in json.loads(data).values()]]
        case "html":
            return [[node.text_content()] for node in html.document_fromstring(data).iter("p")]
    raise AssertionError(path.name)


def write(tmp_path, name, rows):
    writer = next(writer for writer in writers(rows.layout()) if writer.kind == name)
    counts = counted(rows.result)
    out = tmp_path / name
    return writer.write(summary(counts, verdict=verdict(counts, errors="errors.csv")), rows, out), out


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_run_has_one_writer_per_answer(kind):
    chosen: list[ReportWriter] = writers(LAYOUTS[kind])
    assert [writer.kind for writer in chosen] == [
        "result.csv", "issues.csv", f"errors.{kind}", "report.html", "summary.json",
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_no_rows_at_all(tmp_path, kind, name):
    wrote, out = write(tmp_path, name, world(tmp_path, kind, [], set()))
    assert wrote == out.exists()
    assert wrote == (name in {"result.csv", "report.html", "summary.json"})
    if wrote:
        rows_in(out)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_nothing_to_say_writes_no_errors_and_no_issues(tmp_path, kind, name):
    wrote, out = write(tmp_path, name, world(tmp_path, kind, [("A", "1", "x")] * 3, set()))
    assert wrote == out.exists()
    assert wrote == (not name.startswith(("errors", "issues")))


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_original_columns_of_failed_rows_are_kept_and_good_rows_left_out(tmp_path, kind, name):
    records = [(f"{n:05}", f"-{n}", f'note; {n} & <b>"q"') for n in range(60)]
    failed = {n for n in range(60) if n % 7 == 0}
    wrote, out = write(tmp_path, name, world(tmp_path, kind, records, failed, block=11))
    assert wrote
    if not name.startswith("errors"):
        return
    cells = [line[-3:] for line in rows_in(out)][0 if kind in ("xml", "json") else 1 :]
    assert cells == [list(records[n]) for n in sorted(failed)]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_cells_that_begin_like_a_formula_are_neutralised(tmp_path, kind, name):
    evil = ["=1+1", "+A1", "-A1", "@SUM(1)", "\t=1"]
    records = [(cell, cell, cell) for cell in evil]
    found = issues([(n, "NOT_LISTED", cell, cell, cell) for n, cell in enumerate(evil, start=2)])
    wrote, out = write(tmp_path, name, world(tmp_path, kind, records, set(range(5)), found=found))
    assert wrote
    if out.suffix in {".csv", ".xlsx"}:
        assert not [cell for line in rows_in(out) for cell in line if cell.startswith(("=", "+", "-", "@", "\t"))]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_hundred_thousand_issues(tmp_path, kind, name):
    count = 100_000
    # workbooks are written cell by cell, which takes its time: fewer rows with more issues each
    rows = 4_000 if kind == "xlsx" else 20_000 if name.startswith("errors") else count
    records = [(f"S{n}", "-1", "") for n in range(rows)]
    first = 1 if kind in ("xml", "json") else 2
    numbers = pl.int_range(first, first + rows, eager=True).repeat_by(count // rows).explode()
    found = issues([(2, "TOO_SMALL", "quantity", "-1", "0")])
    found = pl.concat([found.drop("@row").join(pl.DataFrame({"@row": numbers}), how="cross")]).select(found.columns)
    wrote, out = write(tmp_path, name, world(tmp_path, kind, records, set(range(rows)), found=found))
    assert wrote
    read = rows_in(out)
    expected = {"result.csv": rows + 1, "issues.csv": count + 1, "errors.csv": rows + 1, "errors.xlsx": rows + 1,
                "errors.xml": rows, "errors.json": rows, "summary.json": 1}  # fmt: skip
    if name == "report.html":
        assert any(f"rows {first:,} to {first + rows - 1:,}" in text for (text,) in read)
        assert out.stat().st_size < 30_000
    else:
        assert len(read) == expected[name]
