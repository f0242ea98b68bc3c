"""What every reader owes its callers, run on all of them."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from pydantic import BaseModel
from support.pictures import GIF, JPEG, PNG, WEBP

from gateway.errors import FileError
from gateway.formats.layout import CsvLayout, ImageLayout, JsonLayout, XlsxLayout, XmlLayout
from gateway.formats.parts import together
from gateway.model import ISSUE_SCHEMA, LINE, ROW, Kind, Reader, Table
from gateway.readers import reader_for

Rows = list[list[object]]
HEADERS = ["sku", "quantity", "price", "flag", "note"]
ROWS: Rows = [
    ["A-1", 5, 12.5, True, "plain"],
    ["0042", 0, 0.1, False, 'quoted "text", with; marks'],
    ["Ñ ü €", 5012345678900, 1000, True, ""],
    ["B", -3, 99.99, False, "two\nlines"],
]


def text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


CELLS = [tuple(text(value) for value in row) for row in ROWS]


@dataclass(frozen=True)
class Format:
    name: str
    layout: BaseModel
    write: Callable[[Path, list[str], Rows], None]
    first: int
    """Number of the first record: a header is a row."""
    blank: str | None
    """Fault of a file without any record, None where that is a table without rows."""


def write_csv(path: Path, headers: list[str], rows: Rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([headers, *([text(value) for value in row] for row in rows)])


def write_xlsx(path: Path, headers: list[str], rows: Rows) -> None:
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet("Stock")
    for row in [headers, *rows]:
        page.append(row)
    book.save(path)


def write_xlsx_in_rows(path: Path, headers: list[str], rows: Rows) -> None:
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    page = book.add_worksheet("Stock")
    for number, row in enumerate([headers, *rows]):
        page.write_row(number, 0, row)
    book.close()


def write_xml(path: Path, headers: list[str], rows: Rows) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("<stock><items>\n")
        for row in rows:
            named = zip(headers, row, strict=False)
            file.write(
                "<item>" + "".join(f"<{name}>{escape(text(value))}</{name}>" for name, value in named) + "</item>\n"
            )
        file.write("</items></stock>\n")


def write_json(path: Path, headers: list[str], rows: Rows) -> None:
    path.write_text(json.dumps({"data": [dict(zip(headers, row, strict=False)) for row in rows]}), encoding="utf-8")


def write_lines(path: Path, headers: list[str], rows: Rows) -> None:
    lines = [json.dumps(dict(zip(headers, row, strict=False)), ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


FORMATS = [
    Format("csv", CsvLayout(kind="csv", delimiter=",", encoding="utf-8"), write_csv, 2, None),
    Format("xlsx", XlsxLayout(kind="xlsx"), write_xlsx, 2, None),
    Format("xlsx-large", XlsxLayout(kind="xlsx", max_cells=1), write_xlsx_in_rows, 2, None),
    Format("xml", XmlLayout(kind="xml", record="stock/items/item"), write_xml, 1, "FILE_XML_RECORDS"),
    Format(
        "xml-columns",
        XmlLayout(kind="xml", record="stock/items/item", columns=tuple(HEADERS)),
        write_xml,
        1,
        "FILE_XML_RECORDS",
    ),
    Format("json", JsonLayout(kind="json", record="data"), write_json, 1, None),
    Format("json-lines", JsonLayout(kind="json", lines=True), write_lines, 1, "FILE_EMPTY"),
]


@pytest.fixture(params=FORMATS, ids=lambda each: each.name)
def each(request: pytest.FixtureRequest) -> Format:
    return request.param


def read(each: Format, path: Path) -> list[Table]:
    reader = reader_for(each.layout)
    assert isinstance(reader, Reader)
    tables = list(reader.tables(path, each.layout))
    for table in tables:
        check(table)
    return tables


def check(table: Table) -> None:
    """What holds for every table of every reader."""
    names = [f"c{index}" for index in range(len(table.headers))]
    assert table.frame.columns == [ROW, LINE, *names]
    assert table.frame.schema == {ROW: pl.Int64, LINE: pl.Int64} | dict.fromkeys(names, pl.String)
    assert table.issues.schema == ISSUE_SCHEMA
    assert table.frame[ROW].is_sorted()
    assert table.frame[ROW].is_unique().all()
    assert set(table.issues[ROW]) <= set(table.frame[ROW])
    if table.kinds is not None:
        assert table.kinds.schema == dict.fromkeys(names, pl.UInt8)
        assert len(table.kinds) == len(table.frame)
        if table.kinds.width:
            assert set(pl.concat(list(table.kinds))) <= {kind.value for kind in Kind}
    if table.links is not None:
        assert table.links.schema == {ROW: pl.Int64, "first_run": pl.String, "first_row": pl.Int64}
        assert table.links[ROW].to_list() == table.frame[ROW].to_list()


def test_one_table_gives_the_same_cells_in_every_format(each: Format, tmp_path: Path) -> None:
    each.write(tmp_path / "a", HEADERS, ROWS)
    (table,) = read(each, tmp_path / "a")
    assert table.headers == tuple(HEADERS)
    assert table.frame.drop(ROW, LINE).rows() == CELLS
    assert table.frame[ROW].to_list() == list(range(each.first, each.first + len(ROWS)))
    assert table.blank == 0
    assert len(table.issues) == 0
    assert table.links is None


def test_a_file_is_read_the_same_twice(each: Format, tmp_path: Path) -> None:
    each.write(tmp_path / "a", HEADERS, ROWS)
    first, second = read(each, tmp_path / "a"), read(each, tmp_path / "a")
    assert [table.frame.rows() for table in first] == [table.frame.rows() for table in second]


def test_blank_records_are_counted_and_left_out(each: Format, tmp_path: Path) -> None:
    path = tmp_path / "a"
    rows: Rows = [["A", 1], [None, None], [None, None], ["B", 2]]
    if isinstance(each.layout, CsvLayout):
        path.write_text("sku,quantity\nA,1\n\n,\nB,2\n", encoding="utf-8")
    elif isinstance(each.layout, XmlLayout):
        path.write_text(
            "<stock><items><item><sku>A</sku><quantity>1</quantity></item><item/><item> </item>"
            "<item><sku>B</sku><quantity>2</quantity></item></items></stock>",
            encoding="utf-8",
        )
    elif isinstance(each.layout, JsonLayout):
        lines = ['{"sku": "A", "quantity": 1}', "{}", "null", '{"sku": "B", "quantity": 2}']
        path.write_text("\n".join(lines) if each.layout.lines else f'{{"data": [{",".join(lines)}]}}', encoding="utf-8")
    else:
        each.write(path, ["sku", "quantity"], rows)
    tables = read(each, path)
    assert sum(table.blank for table in tables) == 2
    frame = pl.concat(table.frame for table in tables)
    assert frame.select("c0", "c1").rows() == [("A", "1"), ("B", "2")]


def test_an_absent_value_is_null_and_an_empty_one_is_not(each: Format, tmp_path: Path) -> None:
    path = tmp_path / "a"
    each.write(path, HEADERS, [["A", 1, 2, True, "x"], ["B", 1]])
    (table,) = read(each, path)
    missing = table.frame["c4"][1]
    assert missing is None or isinstance(each.layout, XlsxLayout)
    each.write(path, HEADERS, [["A", 1, 2, True, "x"], ["B", 1, 2, False, ""]])
    (table,) = read(each, path)
    assert table.frame["c4"][1] == ""


def test_a_large_file_comes_in_blocks_with_one_header(each: Format, tmp_path: Path) -> None:
    size = {"xlsx-large": 52_000, "csv": 160_000}.get(each.name, 60_000)
    each.write(tmp_path / "a", ["sku", "quantity"], [[f"SKU-{number:0100}", number] for number in range(size)])
    tables = read(each, tmp_path / "a")
    assert len(tables) > 1
    assert len({table.headers for table in tables}) == 1
    assert max(len(table.frame) for table in tables) <= 100_000
    frame = pl.concat(table.frame for table in tables)
    assert frame[ROW].to_list() == list(range(each.first, each.first + size))
    assert frame["c1"].cast(pl.Int64).to_list() == list(range(size))


def test_a_file_without_records(each: Format, tmp_path: Path) -> None:
    each.write(tmp_path / "a", HEADERS, [])
    if each.blank is not None:
        with pytest.raises(FileError) as caught:
            read(each, tmp_path / "a")
        assert caught.value.code == each.blank
        return
    (table,) = read(each, tmp_path / "a")
    assert len(table.frame) == 0


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\x03 nothing of ours \xff", b"PK\x03\x04 not a zip"])
def test_a_file_of_another_kind_is_refused_in_words(each: Format, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(FileError) as caught:
        read(each, tmp_path / "a")
    assert caught.value.code.startswith("FILE_")
    assert caught.value.fix


def test_a_workbook_under_another_name_is_told_apart(each: Format, tmp_path: Path) -> None:
    write_xlsx(tmp_path / "a", HEADERS, ROWS)
    if isinstance(each.layout, XlsxLayout):
        assert read(each, tmp_path / "a")
        return
    with pytest.raises(FileError) as caught:
        read(each, tmp_path / "a")
    assert caught.value.code == "FILE_FORMAT"
    assert "Excel" in caught.value.message


def test_an_errors_file_of_ours_is_linked_to_its_first_run(each: Format, tmp_path: Path) -> None:
    ours = ["error_run", "error_row", "error_code", "error_field", "error_message"]
    path = tmp_path / "a"
    if isinstance(each.layout, XmlLayout):
        error = '<e:error xmlns:e="urn:gateway:errors" run="r1" row="{}" code="X" field="f" message="m"/>'
        items = "".join(f"<item>{error.format(row)}<sku>{sku}</sku></item>" for sku, row in (("A", 7), ("B", 9)))
        path.write_text(f"<stock><items>{items}</items></stock>", encoding="utf-8")
    else:
        each.write(path, [*ours, "sku"], [["r1", 7, "X", "f", "m", "A"], ["r1", 9, "X", "f", "m", "B"]])
    (table,) = read(each, path)
    assert table.headers[0] == "sku"
    assert table.frame["c0"].to_list() == ["A", "B"]
    assert table.links is not None
    assert table.links.rows() == [(each.first, "r1", 7), (each.first + 1, "r1", 9)]


def test_a_layout_of_another_kind_is_a_programming_error(each: Format, tmp_path: Path) -> None:
    other = FORMATS[0] if each.name != "csv" else FORMATS[-1]
    each.write(tmp_path / "a", HEADERS, ROWS)
    with pytest.raises(TypeError):
        list(reader_for(each.layout).tables(tmp_path / "a", other.layout))


# ---------------------------------------------------------------- files that belong together


def folder_of(each: Format, home: Path, tables: list[Rows]) -> Path:
    files = []
    for number, rows in enumerate(tables):
        (home / f"{number}").mkdir(parents=True)
        files.append(home / f"{number}" / f"part{number}")
        each.write(files[-1], HEADERS, rows)
    (home / "together").mkdir()
    return together(files, home / "together")


def test_files_that_belong_together_are_one_table(each: Format, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    each.write(whole, HEADERS, ROWS)
    tables = read(each, folder_of(each, tmp_path, [ROWS[:2], ROWS[2:3], ROWS[3:]]))
    frame = pl.concat(table.frame for table in tables)
    assert {table.headers for table in tables} == {tuple(HEADERS)}
    assert frame.drop(ROW, LINE).rows() == CELLS
    assert frame[ROW].is_unique().all()
    assert frame[ROW].is_sorted()
    # every header is a row of its own
    own = each.first - 1
    assert frame[ROW].to_list() == [own + 1, own + 2, 2 * own + 3, 3 * own + 4]


def test_a_faulty_file_among_several_is_named(each: Format, tmp_path: Path) -> None:
    folder = folder_of(each, tmp_path, [ROWS[:2], ROWS[2:3]])
    (second,) = folder.glob("*/part1")
    second.write_bytes(b"")
    with pytest.raises(FileError, match="part1"):
        read(each, folder)


# ---------------------------------------------------------------- pictures: a file is a record

PICTURES = {
    "a_1.jpg": JPEG,
    "a_2.PNG": PNG,
    "b 1.gif": GIF,
    "ñ_1.webp": WEBP,
}


def pictures(home: Path, files: dict[str, bytes]) -> Path:
    (home / "in").mkdir(exist_ok=True)
    for name, data in files.items():
        (home / "in" / name).write_bytes(data)
    out = home / "out"
    out.mkdir()
    return together([home / "in" / name for name in files], out)


IMAGES = Format("image", ImageLayout(kind="image"), write_csv, 1, None)


def test_pictures_obey_the_same_rules(tmp_path: Path) -> None:
    folder = pictures(tmp_path, PICTURES)
    (table,) = first = read(IMAGES, folder)
    assert table.frame[ROW].to_list() == [1, 2, 3, 4]
    assert table.frame["c0"].to_list() == list(PICTURES)
    assert [t.frame.rows() for t in read(IMAGES, folder)] == [t.frame.rows() for t in first]


@pytest.mark.parametrize("content", [b"", b"sku,quantity\nA,1\n", b"PK\x03\x04 not a zip", b"%PDF-1.7"])
def test_what_is_no_picture_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError) as caught:
        read(IMAGES, pictures(tmp_path, {"a.jpg": content}))
    assert caught.value.code in {"FILE_EMPTY", "FILE_FORMAT"}
    assert caught.value.fix


@pytest.mark.parametrize(("name", "data"), PICTURES.items())
def test_a_picture_where_a_table_is_agreed_is_refused_in_words(
    each: Format, tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileError) as caught:
        read(each, tmp_path / name)
    assert caught.value.code == "FILE_FORMAT"
    assert "picture" in caught.value.message


def test_pictures_want_a_layout_of_pictures(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        list(reader_for(IMAGES.layout).tables(tmp_path, FORMATS[0].layout))


def test_no_reader_for_what_is_no_layout() -> None:
    class Other(BaseModel):
        pass

    with pytest.raises(TypeError, match="Other"):
        reader_for(Other())
