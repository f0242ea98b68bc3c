from __future__ import annotations

import zipfile
from datetime import date, datetime, time, timedelta

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from openpyxl.styles import Font, PatternFill
from support.fake_rows import FakeRows, counted, issues, results, summary

from gateway.formats.layout import OUR_COLUMNS, XlsxLayout
from gateway.readers.xlsx import XlsxReader
from gateway.reports import errors_xlsx
from gateway.reports.cells import ExactNumber
from gateway.reports.errors_xlsx import XlsxErrorsWriter

RUN = "R20261122T093000-01"


def layout(**changes):
    return XlsxLayout(**{"kind": "xlsx", **changes})


def rows_of(path, form, states, found, mapped=None):
    tables = list(XlsxReader().tables(path, form))
    lines = [row for table in tables for row in table.frame["@row"].to_list()]
    result = results([(row, f"K{row}", states.get(row, "applied")) for row in lines])
    return FakeRows(result, issues(found), tables, path, form, mapped or {})


def written(tmp_path, rows):
    out = tmp_path / "errors.xlsx"
    assert XlsxErrorsWriter().write(summary(counted(rows.result)), rows, out)
    return out


def frames(path, form):
    tables = list(XlsxReader().tables(path, form))
    codes = pl.concat([table.issues for table in tables])["code"].to_list()
    links = [table.links for table in tables if table.links is not None]
    return (
        pl.concat([table.frame for table in tables]).drop("@row", "@line").rows(),
        pl.concat([table.kinds for table in tables]).rows(),
        codes,
        [link for frame in links for link in frame.select("first_run", "first_row").rows()],
    )


def workbook(path, *records, before=(), header=("SKU", "Bestand", "Wert"), above=0):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Bestände"
    for name in before:
        book.create_sheet(name, 0)
    for _ in range(above):
        sheet.append(["Acme", "exported for you"])
    sheet.append(list(header))
    for cell in sheet[above + 1]:
        cell.font = Font(bold=True, color="FFFFFFFF")
        cell.fill = PatternFill("solid", fgColor="FF224466")
    for record in records:
        sheet.append(list(record))
    book.save(path)
    return path


def test_the_writer_library_formats_a_number_by_its_own_format_method(tmp_path):
    # the exact digits of ExactNumber reach the file only because of it
    with xlsxwriter.Workbook(str(tmp_path / "n.xlsx"), {"constant_memory": True}) as book:
        book.add_worksheet().write_number(0, 0, ExactNumber("0.30000000000000004"))
    with zipfile.ZipFile(tmp_path / "n.xlsx") as package:
        assert b"<v>0.30000000000000004</v>" in package.read("xl/worksheets/sheet1.xml")


def test_failed_records_stand_coloured_and_commented_behind_our_columns(tmp_path):
    source = workbook(tmp_path / "in.xlsx", ["007", 5, "a"], ["008", -3, "b"], ["009", 7, "c"])
    rows = rows_of(
        source,
        layout(),
        {3: "rejected"},
        [(3, "TOO_SMALL", "quantity", "-3", "0"), (3, "REQUIRED", "name", None, None)],
        {"sku": "SKU", "quantity": "Bestand"},
    )
    sheet = openpyxl.load_workbook(written(tmp_path, rows))["Bestände"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        [*OUR_COLUMNS, "SKU", "Bestand", "Wert"],
        [RUN, 3, "TOO_SMALL; REQUIRED", "Bestand; name", "Bestand is below 0: -3; name is missing.", "008", -3, "b"],
    ]
    assert sheet["G2"].fill.fgColor.rgb == "FFFFC7CE"
    assert sheet["G2"].comment.text == "Bestand is below 0: -3"
    assert sheet["F2"].comment is None
    assert sheet["F2"].fill.fill_type is None
    assert (sheet["F2"].data_type, sheet["F2"].number_format) == ("s", "@")
    assert sheet["F1"].font.b
    assert (sheet["F1"].font.color.rgb, sheet["F1"].fill.fgColor.rgb) == ("FFFFFFFF", "FF224466")
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["E"].width > 50


def test_what_we_say_is_wrapped_in_its_cell(tmp_path):
    source = workbook(tmp_path / "in.xlsx", ["007", 5, "a"])
    rows = rows_of(source, layout(), {2: "rejected"}, [(2, "TOO_SMALL", "quantity", "5", "0")], {"quantity": "Bestand"})
    sheet = openpyxl.load_workbook(written(tmp_path, rows)).active
    assert [sheet.cell(2, column).alignment.wrap_text for column in range(1, 6)] == [True] * 5
    assert not sheet.row_dimensions[2].height  # one line: no row needs to be higher


def test_a_sheet_too_wide_to_be_read_on_one_page_is_printed_on_several(tmp_path):
    header = [f"A column of a name as long as some are {n}" for n in range(12)]
    source = workbook(tmp_path / "in.xlsx", ["x"] * 12, header=header)
    rows = rows_of(source, layout(), {2: "rejected"}, [(2, "REQUIRED", "f", None, "")])
    sheet = openpyxl.load_workbook(written(tmp_path, rows)).active
    assert not (sheet.sheet_properties.pageSetUpPr and sheet.sheet_properties.pageSetUpPr.fitToPage)
    assert (sheet.page_setup.scale, sheet.print_title_cols, sheet.print_title_rows) == (60, "$A:$B", "$1:$1")


def test_it_is_printed_one_page_wide(tmp_path):
    source = workbook(tmp_path / "in.xlsx", ["007", 5, "a"])
    rows = rows_of(source, layout(), {2: "rejected"}, [(2, "TOO_SMALL", "quantity", "5", "0")], {"quantity": "Bestand"})
    sheet = openpyxl.load_workbook(written(tmp_path, rows)).active
    assert (sheet.page_setup.orientation, sheet.sheet_properties.pageSetUpPr.fitToPage) == ("landscape", True)
    assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)  # one page wide by default
    assert sheet.print_title_rows == "$1:$1"


def test_typed_cells_keep_their_type_and_value_when_dropped_back(tmp_path):
    record = [
        "0012", 0.1 + 0.2, True, date(2026, 11, 22), datetime(2026, 11, 22, 9, 30), time(9, 30),
        timedelta(hours=36, minutes=5), 1234567890123456, "'=x", "=text", "<r>&</r>", "", None, -5, 1e-7, "_x0041_",
    ]  # fmt: skip
    source = workbook(tmp_path / "in.xlsx", ["x"] * len(record), record, header=[f"h{n}" for n in range(len(record))])
    book = openpyxl.load_workbook(source)
    book.active.cell(3, 10).data_type = "s"  # a text that begins with =, not a formula
    book.save(source)
    rows = rows_of(source, layout(), {3: "refused"}, [])
    cells, kinds, codes, _ = frames(source, layout())
    assert codes == []
    out = written(tmp_path, rows)
    assert frames(out, layout()) == ([cells[1]], [kinds[1]], [], [(RUN, 3)])
    assert all(cell.data_type != "f" for row in openpyxl.load_workbook(out).active.iter_rows() for cell in row)


@pytest.mark.parametrize(
    "text",
    ["=" + "a" * 32_766, "-" + "b" * 32_766, "@" + "\U0001f600" * 16_383, "=" + "a" * 32_765, "x" * 32_767],
)
def test_the_longest_text_comes_back_whole(tmp_path, text):
    rows, source = long_text(tmp_path, text)
    out = written(tmp_path, rows)
    assert frames(out, layout())[:3] == frames(source, layout())[:3]
    assert frames(out, layout())[0] == [("k", text)]
    assert "cut" not in openpyxl.load_workbook(out).active["E2"].value


def test_a_text_that_no_cell_holds_is_cut_and_its_row_says_so(tmp_path):
    text = "'=" + "a" * 32_765  # as it is, it would lose its apostrophe on the way back
    rows, _ = long_text(tmp_path, text)
    out = written(tmp_path, rows)
    assert frames(out, layout())[0] == [("k", text[:-1])]
    said = openpyxl.load_workbook(out).active["E2"].value
    assert "description is cut here: a cell of a workbook holds 32,767 characters" in said


def test_the_writer_library_cuts_a_text_that_is_too_long(tmp_path):
    with xlsxwriter.Workbook(str(tmp_path / "out.xlsx"), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        assert sheet.write_string(0, 0, "'=" + "a" * 32_766) == -2
    assert openpyxl.load_workbook(tmp_path / "out.xlsx").active["A1"].value == "'=" + "a" * 32_765


def long_text(tmp_path, text):
    """A workbook with one faulty record of a key and a long text."""
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(str(source)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["sku", "description"])
        sheet.write_string(1, 0, "k")
        assert sheet.write_string(1, 1, text) == 0
    return rows_of(source, layout(), {2: "rejected"}, [(2, "CELL_ERROR", "sku", "k", "")]), source


def test_error_cells_and_formulas_without_value_are_still_faulty_when_dropped_back(tmp_path):
    source = tmp_path / "in.xlsx"
    with xlsxwriter.Workbook(str(source)) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["a", "b", "c"])
        sheet.write_formula(1, 0, "=1/0", None, "#DIV/0!")
        sheet.write_formula(1, 1, "=1+1", None, "")
        sheet.write_string(1, 2, "text")
    rows = rows_of(source, layout(), {2: "rejected"}, [(2, "CELL_ERROR", "a", "#DIV/0!", "")])
    assert sorted(frames(source, layout())[2]) == ["CELL_ERROR", "CELL_NO_VALUE"]
    out = written(tmp_path, rows)
    assert frames(out, layout())[2] == ["CELL_ERROR", "CELL_ERROR"]
    assert openpyxl.load_workbook(out, data_only=True).active["F2"].value == "#DIV/0!"


def test_number_formats_of_the_first_record_are_kept(tmp_path):
    source = workbook(tmp_path / "in.xlsx", ["A", 1.5, date(2026, 11, 22)], ["B", 2, date(2026, 11, 23)])
    book = openpyxl.load_workbook(source)
    book.active["B2"].number_format = "0.00"
    book.active["C2"].number_format = "dd/mm/yyyy"
    book.save(source)
    sheet = openpyxl.load_workbook(written(tmp_path, rows_of(source, layout(), {3: "rejected"}, []))).active
    assert [sheet.cell(2, n).number_format for n in (6, 7, 8)] == ["@", "0.00", "dd/mm/yyyy"]


@pytest.mark.parametrize(
    "form",
    [
        {"sheet": "bestände", "header": 3},
        {"sheet": 2, "header": 3},
        {"sheet": "Bestände", "header": "find", "find": ("bestand", "sku")},
        {"sheet": 2, "header": "none"},
    ],
)
def test_a_file_dropped_back_is_found_on_the_same_sheet_wherever_its_header_was(tmp_path, form):
    source = workbook(tmp_path / "in.xlsx", ["007", 5, "a"], ["008", 6, "b"], before=["Cover"], above=2)
    rows = rows_of(source, layout(**form), {5: "rejected"}, [])
    out = written(tmp_path, rows)
    cells, _, codes, links = frames(out, layout(**form))
    assert (cells, codes, links) == ([("008", "6", "b")], [], [(RUN, 5)])
    (tmp_path / "second").mkdir()
    twice = written(tmp_path / "second", rows_of(out, layout(**form), {2: "rejected"}, []))
    assert frames(twice, layout(**form))[0] == cells
    assert openpyxl.load_workbook(twice).sheetnames == openpyxl.load_workbook(out).sheetnames


def test_a_large_workbook_is_answered_without_its_looks(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.reports.sheet._CHEAP", 10)
    source = workbook(tmp_path / "in.xlsx", ["007", 5, "a"], before=["Cover"])
    rows = rows_of(source, layout(sheet=2), {2: "rejected"}, [])
    assert frames(written(tmp_path, rows), layout(sheet=2))[0] == [("007", "5", "a")]


def test_comments_end_at_a_limit_and_colours_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr(errors_xlsx, "MOST_COMMENTS", 2)
    source = workbook(tmp_path / "in.xlsx", *([f"S{n}", n, "x"] for n in range(4)))
    found = [(n, "TOO_SMALL", "Bestand", str(n), "9") for n in range(2, 6)]
    sheet = openpyxl.load_workbook(
        written(tmp_path, rows_of(source, layout(), dict.fromkeys(range(2, 6), "rejected"), found))
    )
    commented = [cell.comment is not None for cell in sheet.active["G"][1:]]
    assert commented == [True, True, False, False]
    assert {cell.fill.fgColor.rgb for cell in sheet.active["G"][1:]} == {"FFFFC7CE"}


def test_no_failed_row_no_file(tmp_path):
    source = workbook(tmp_path / "in.xlsx", ["007", 5, "a"])
    rows = rows_of(source, layout(), {}, [])
    assert not XlsxErrorsWriter().write(summary(counted(rows.result)), rows, tmp_path / "errors.xlsx")
    assert not (tmp_path / "errors.xlsx").exists()


def changed(path, part, *pairs):
    """Return a copy of a workbook in which texts of a part (None: of all) are others."""
    out = path.with_name("changed.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if part in {None, name}:
                for before, after in pairs:
                    assert part is None or before in data
                    data = data.replace(before, after)
            new.writestr(name, data)
    return out


_STRICT = (
    (b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", b"http://purl.oclc.org/ooxml/spreadsheetml/main"),
    (
        b"http://schemas.openxmlformats.org/officeDocument/2006/",
        b"http://purl.oclc.org/ooxml/officeDocument/",
    ),
)
_DATED = b'xsi:type="dcterms:W3CDTF">'


@pytest.mark.parametrize(
    ("part", "pairs"),
    [
        pytest.param(None, _STRICT, id="Strict Open XML"),
        pytest.param("xl/worksheets/sheet1.xml", [(b"<v>-3</v>", b"<v>NaN</v>")], id="number that is none"),
        pytest.param("xl/worksheets/sheet1.xml", [(b't="n"><v>-3</v>', b't="d"><v>none</v>')], id="faulty date"),
        pytest.param("docProps/core.xml", [(_DATED, _DATED + b"of old ")], id="odd properties"),
        pytest.param("xl/styles.xml", [(b"<b val=", b'<sz val="big"/><b val=')], id="odd styles"),
    ],
)
def test_a_workbook_the_other_library_cannot_open_gets_its_errors_file_too(tmp_path, part, pairs):
    source = changed(workbook(tmp_path / "in.xlsx", ["007", 5, "a"], ["008", -3, "b"]), part, *pairs)
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever it raises: it is of no kind of its own
        list(openpyxl.load_workbook(source, read_only=True)["Bestände"].iter_rows())
    rows = rows_of(
        source, layout(), {3: "rejected"}, [(3, "TOO_SMALL", "quantity", "-3", "0")], {"quantity": "Bestand"}
    )
    (before,) = (table.frame.drop("@row", "@line").rows()[1] for table in rows.tables())
    cells, _, _, links = frames(written(tmp_path, rows), layout())
    assert cells == [before]
    assert links == [(RUN, 3)]


def test_a_cell_stays_what_it_is_beside_a_first_record_of_another_kind(tmp_path):
    first, second = [date(2026, 11, 22), 7.5], [44, date(2026, 11, 23)]
    source = workbook(tmp_path / "in.xlsx", first, second, header=["date", "number"])
    book = openpyxl.load_workbook(source)
    book.active["B2"].number_format = "0.00"
    book.save(source)
    rows = rows_of(source, layout(), {3: "rejected"}, [])
    assert frames(written(tmp_path, rows), layout())[0] == [("44", "2026-11-23")]


def heights(path):
    sheet = openpyxl.load_workbook(path).active
    return [sheet.row_dimensions[row].height for row in range(1, sheet.max_row + 1)]


def test_a_row_is_as_high_as_its_wrapped_message(tmp_path):
    source = workbook(tmp_path / "in.xlsx", ["007", 5, "a"], ["008", -3, "b"], ["009", -3, "c"])
    long = ("quantity", "x" * 30 + " said " * 40)
    rows = rows_of(
        source,
        layout(),
        {2: "rejected", 3: "rejected", 4: "rejected"},
        [
            (2, "TOO_SMALL", "quantity", "5", "0"),
            (3, "NOT_LISTED", *long, "a, b"),
            (4, "NOT_LISTED", "quantity", "word " * 2000, "a, b"),
        ],
        {"quantity": "Bestand"},
    )
    found = heights(written(tmp_path, rows))
    assert found[:2] == [None, None]
    assert 5 * 15 <= found[2] <= 9 * 15
    assert 408 < found[3] <= 409


def test_a_wrapped_header_stands_in_a_row_that_is_high_enough(tmp_path):
    source = workbook(tmp_path / "in.xlsx", ["007", -5, "a"], header=("SKU", "Bestand in " * 12, "Wert"))
    found = [(2, "TOO_SMALL", "quantity", "-5", "0")]
    rows = rows_of(source, layout(), {2: "rejected"}, found, {"quantity": "Wert"})
    out = written(tmp_path, rows)
    assert heights(out)[0] >= 3 * 15
    sheet = openpyxl.load_workbook(out).active
    assert [cell.alignment.vertical for cell in sheet[2]] == ["top"] * 8  # side by side in a high row
