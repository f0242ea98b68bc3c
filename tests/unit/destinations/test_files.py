"""Records as files: exact content in four forms, names, repeats."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from lxml import etree
from pydantic import ValidationError

from gateway.contracts import contract
from gateway.destinations.files import FilesDestination, FilesSettings
from gateway.errors import SettingsError, Unreachable
from gateway.model import ISSUE_SCHEMA, LINE, ROW, UNKNOWN, Reference, Repeat, RowState, Sent
from gateway.testing.clock import FakeClock
from gateway.testing.rig import MAPPING, Rig

ROWS = [
    {"sku": "007", "quantity": "0", "unit_name": 'a "b" <c> & d'},
    {"sku": "=1+1", "quantity": "12.5", "unit_name": ""},
    {"sku": "ñ,;", "quantity": None, "unit_name": "two\r\nlines"},
]
FIELDS = ("sku", "quantity", "unit_name")


@pytest.fixture
def build(tmp_path):
    def make(form="json", **more):
        settings = FilesSettings(**{"folder": tmp_path, "format": form, "fields": FIELDS, **more})
        return FilesDestination(settings, clock=FakeClock(), account="erp", name="files")

    return make


def encode(destination, records):
    return list(destination.encode("write", records, Reference()))


def test_json(build, stock_records):
    (batch,) = encode(build(), stock_records(*ROWS))
    expected = [{name: value for name, value in row.items() if value is not None} for row in ROWS]
    assert json.loads(batch.body) == expected
    assert batch.effects.rows() == [(100, 1), (101, 2), (102, 3)]


def test_csv_tells_empty_from_missing(build, stock_records):
    (batch,) = encode(build("csv", delimiter=";"), stock_records(*ROWS))
    assert batch.body == (
        'sku;quantity;unit_name\n007;0;"a ""b"" <c> & d"\n=1+1;12.5;""\n"ñ,;";;"two\r\nlines"\n'.encode()
    )
    cells = list(csv.reader(io.StringIO(batch.body.decode(), newline=""), delimiter=";"))[1:]
    assert cells == [[row[name] or "" for name in FIELDS] for row in ROWS]


@pytest.mark.parametrize("columns", ["sku,quantity\n", "sku,quantity,warehouse\n"])
def test_what_a_full_file_left_out_is_written_as_its_row_was(tmp_path, columns):
    """A key field that is empty looks alike, whether the record comes from a row or from its key alone."""
    clock, there = FakeClock(), tmp_path / "there"
    there.mkdir()
    settings = FilesSettings(folder=there, format="csv", fields=("sku", "quantity", "warehouse"))
    destination = FilesDestination(settings, clock=clock, account="erp", name="files")
    mapping = MAPPING + 'warehouse = { column = "warehouse", optional = true }\n'
    rig = Rig(tmp_path / "gateway", destination, clock, mapping=mapping, mode="full", absent="zero")
    more = "," * (columns.count(",") - 1)
    for number, rows in enumerate((f"A1,4{more}\nA2,5{more}\n", f"A2,5{more}\n")):
        rig.drop(f"{number}.csv", columns + rows)
        rig.advance(3)
        clock.advance(60)
    rig.close()
    assert sorted(path.read_text("utf-8") for path in there.iterdir()) == [
        "sku,quantity,warehouse\nA1,0,\n",
        "sku,quantity,warehouse\nA1,4,\nA2,5,\n",
    ]


def test_xlsx_keeps_text_as_text(build, stock_records):
    rows = [*ROWS[:2], ROWS[2] | {"unit_name": "two\nlines"}]
    (batch,) = encode(build("xlsx"), stock_records(*rows))
    sheet = openpyxl.load_workbook(io.BytesIO(batch.body)).worksheets[0]
    assert sheet.title == "stock"
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        list(FIELDS),
        ["007", "0", 'a "b" <c> & d'],
        ["=1+1", "12.5", ""],
        ["ñ,;", None, "two\nlines"],
    ]
    assert all(cell.data_type in {"s", "n"} for row in sheet.iter_rows() for cell in row)
    assert sheet["A3"].data_type == "s"


def test_xml(build, stock_records):
    (batch,) = encode(build("xml", root="Levels", element="Level"), stock_records(*ROWS))
    root = etree.fromstring(batch.body)
    assert (root.tag, {child.tag for child in root}) == ("Levels", {"Level"})
    read = [{cell.tag: cell.text or "" for cell in record} for record in root]
    assert read == [{name: value for name, value in row.items() if value is not None} for row in ROWS]


def test_a_row_of_nothing_is_still_a_row(build, stock_records):
    records = stock_records({"sku": "A", "quantity": None}).drop("sku")
    (xml,) = encode(build("xml", fields=("quantity",)), records)
    assert len(etree.fromstring(xml.body)) == 1
    (text,) = encode(build("json", fields=("quantity",)), records)
    assert json.loads(text.body) == [{}]


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(
        st.tuples(
            *(st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=9) for _ in "ab")
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_text_comes_back_from_json_and_xml(tmp_path_factory, cells):
    frame = pl.DataFrame(cells, schema={"product_id": pl.String, "unit_name": pl.String}, orient="row")
    frame = frame.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias("effect"))
    expected = [
        {name: value for name, value in zip(("product_id", "unit_name"), row, strict=True) if value is not None}
        for row in cells
    ]
    for form in ("json", "xml"):
        settings = FilesSettings(folder=tmp_path_factory.getbasetemp(), format=form, fields=("product_id", "unit_name"))
        destination = FilesDestination(settings, clock=FakeClock(), account="e", name="f")
        (batch,) = encode(destination, frame)
        if form == "json":
            assert json.loads(batch.body) == expected
        else:
            root = etree.fromstring(batch.body)
            assert [{cell.tag: cell.text or "" for cell in record} for record in root] == expected


@pytest.mark.parametrize("form", ["json", "csv", "xlsx", "xml"])
def test_same_records_same_bytes_same_name(build, stock_records, form):
    (first,) = encode(build(form), stock_records(*ROWS))
    (second,) = encode(build(form), stock_records(*ROWS))
    assert (first.body, first.memo) == (second.body, second.memo)
    assert first.memo["file"].startswith("stock_")
    assert first.memo["file"].endswith(f".{form}")


def test_a_workbook_holds_no_time_of_its_making(build, stock_records):
    (batch,) = encode(build("xlsx"), stock_records(*ROWS))
    with zipfile.ZipFile(io.BytesIO(batch.body)) as book:
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = etree.fromstring(book.read("docProps/core.xml"))
    assert {cell.text for cell in core if "dcterms" in cell.tag or "terms" in cell.tag} == {"2000-01-01T00:00:00Z"}


def test_all_fields_of_the_contract_unless_named(build, stock_records):
    destination = build("csv", fields=None)
    assert destination.operations[0].fields == tuple(contract("stock").fields)
    (batch,) = encode(destination, stock_records(*ROWS))
    assert batch.body.decode().split("\n")[0] == ",".join(contract("stock").fields)


def test_files_of_a_bounded_size(build, stock_records):
    destination = build("json", batch_size=2, name="{contract}-{number}-{records}.{format}")
    batches = encode(destination, stock_records(*ROWS))
    assert [batch.memo["file"] for batch in batches] == ["stock-1-2.json", "stock-2-1.json"]
    assert [batch.effects["line"].to_list() for batch in batches] == [[1, 2], [1]]


def test_two_files_of_one_name_are_refused(build, stock_records):
    with pytest.raises(SettingsError, match=r"\{number\}"):
        encode(build("json", batch_size=1, name="stock.json"), stock_records(*ROWS))


def test_nothing_gives_no_file(build, stock_records):
    assert encode(build(), stock_records(*ROWS).clear()) == []


def test_submit_settles_at_once_and_again(build, stock_records, tmp_path):
    destination = build()
    (batch,) = encode(destination, stock_records(*ROWS))
    for _ in range(2):
        receipt = destination.submit(batch)
        assert (receipt.ticket, receipt.closed, receipt.rest) == (batch.memo["file"], True, RowState.APPLIED)
    assert [path.name for path in tmp_path.iterdir()] == [batch.memo["file"]]
    assert (tmp_path / batch.memo["file"]).read_bytes() == batch.body


def test_find_by_name(build, stock_records, tmp_path):
    destination = build()
    (batch,) = encode(destination, stock_records(*ROWS))
    sent = Sent(1, "write", "", None, "d", 3, FakeClock().now(), batch.memo)
    assert destination.find(sent) is UNKNOWN
    destination.submit(batch)
    assert destination.find(sent).closed
    fixed = build(name="stock.json")
    (tmp_path / "stock.json").write_text("older")
    (named,) = encode(fixed, stock_records(*ROWS))
    assert fixed.find(Sent(1, "write", "", None, "d", 3, FakeClock().now(), named.memo)) is UNKNOWN


def test_repeats_are_harmless_only_under_names_of_the_content(build):
    assert build().operations[0].repeat is Repeat.HARMLESS
    assert build(name="stock.json").operations[0].repeat is Repeat.IF_NEWEST


@pytest.mark.parametrize(
    "name",
    [
        "{when}.json",
        "{digest!r}.json",
        "{digest:>3}.json",
        "a/b.json",
        "..\\x",
        ".hidden",
        "{digest",
        "a\nb",
        "{}.json",
    ],
)
def test_names_that_can_not_be_are_refused(build, name):
    with pytest.raises(ValidationError):
        build(name=name)


def test_a_field_the_contract_does_not_have_is_named(build):
    with pytest.raises(SettingsError, match="colour"):
        build(fields=("sku", "colour"))


def test_what_a_form_can_not_hold_is_told_beforehand(build, stock_records):
    records = stock_records({"sku": "A\ufffe", "quantity": "1"}, {"sku": "B" * 32_768, "quantity": "1"}).with_columns(
        pl.Series(ROW, [2, 3]), pl.Series(LINE, [2, 3])
    )

    def found(form):
        issues = build(form).check("write", records, Reference(), None)
        assert issues.schema == ISSUE_SCHEMA
        return issues.select(ROW, "code", "field").rows()

    assert found("xml") == [(2, "CHARACTERS", "sku")]
    assert found("xlsx") == [(3, "TOO_LONG", "sku")]
    assert found("json") == []
    assert found("csv") == []


def test_a_folder_that_is_gone_is_told(build, stock_records, tmp_path):
    destination = build(folder=tmp_path / "gone")
    (batch,) = encode(destination, stock_records(*ROWS))
    with pytest.raises(Unreachable, match="gone"):
        destination.submit(batch)
    with pytest.raises(Unreachable, match="gone"):
        destination.probe()
    assert "can be written to" in build().probe()
