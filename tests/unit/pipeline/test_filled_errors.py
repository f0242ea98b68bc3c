"""Errors files of feeds whose cells are filled from rows above: each record stands by itself, also when it is back."""

from __future__ import annotations

import csv
import io
import json

import openpyxl
import polars as pl
import pytest
import xlsxwriter

from gateway.model import ROW
from gateway.pipeline import reading
from gateway.reports.causes import causes
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig

FIELDS = """
[fields]
sku = "Articolo"
product_id = "Modello"
name = "Descrizione"
barcode = "EAN"
price = { column = "Prezzo", number = "1.234,5" }
price_basis = { constant = "gross" }
currency = { constant = "EUR" }
tax_rate = { constant = "22" }
variant1_type = { constant = "Size" }
variant1_value = "Taglia"
"""
FILL = 'fill_down = ["Modello", "Descrizione", "Prezzo"]\nfill_within = ["Modello"]\n'
HEADER = ["Modello", "Descrizione", "Taglia", "Articolo", "EAN", "Prezzo"]
SHOWN = ["sku", "product_id", "name", "price"]
CSV = 'kind = "csv"\ndelimiter = ";"\nencoding = "utf-8"\n'
JSON = 'kind = "json"\n'
XML = 'kind = "xml"\nrecord = "c/a"\n'
XML_COLUMNS = {"Modello": "@model", "Descrizione": "text/name", "Taglia": "size", "Articolo": "@id"}

BAD = "8012345600019"
TWO_MODELS = [
    ["M100", "Sandalo", "36", "A-1", "", "55,90"],
    ["", "", "37", "A-2", "", ""],
    ["M200", "Mocassino", "41", "B-1", BAD, "1.129,00"],
    ["M300", "Sneaker", "40", "C-1", "", "79,00"],
    ["", "", "44", "C-2", BAD, ""],
]
ONE_MODEL = [
    ["M100", "Sandalo", "36n", "NER-36", BAD, "55,90"],
    ["", "", "37n", "NER-37", "", ""],
    ["", "", "36r", "ROS-36", "", "64,90"],
    ["", "", "37r", "ROS-37", BAD, ""],
]
ALONE = [["M300", "Sneaker", "40", "C-1", "", "79,00"], ["", "", "44", "C-2", BAD, ""]]
MENDED = [
    pytest.param(TWO_MODELS, [("B-1", "M200", "Mocassino", "1129"), ("C-2", "M300", "Sneaker", "79")], id="two models"),
    pytest.param(ONE_MODEL, [("NER-36", "M100", "Sandalo", "55.9"), ("ROS-37", "M100", "Sandalo", "64.9")], id="one"),
    pytest.param(ALONE, [("C-2", "M300", "Sneaker", "79")], id="a row of its own"),
]


def mapping(layout=CSV, fill=FILL, fields=FIELDS):
    return f'contract = "catalog"\nversion = 1\n{fill}[format]\n{layout}{fields}'


@pytest.fixture
def feed(tmp_path):
    made = []

    def make(text):
        clock = FakeClock()
        settings = BulkSettings(contract="catalog", fields=("sku", "product_id", "name", "price"))
        made.append(
            Rig(tmp_path, BulkDestination(settings, clock=clock, account="t", name="there"), clock, mapping=text)
        )
        return made[0]

    yield make
    for one in made:
        one.close()


def as_csv(rows):
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\n").writerows([HEADER, *rows])
    return out.getvalue()


def as_xlsx(rows):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        for at, cells in enumerate([HEADER, *rows]):
            for column, cell in enumerate(cells):
                if cell:
                    number = column == len(HEADER) - 1 and at
                    if number:
                        sheet.write_number(at, column, float(cell.replace(".", "").replace(",", ".")))
                    else:
                        sheet.write_string(at, column, cell)
    return out.getvalue()


def errors_of(rig, run):
    (path,) = (rig.folder / "outbox/acme").glob(f"*.{run}.errors.*")
    return path


def records(path):
    """The partner's part of an errors file, as lists of cells."""
    return [line[5:] for line in csv.reader(io.StringIO(path.read_text("utf-8")), delimiter=";")][1:]


def read(rig, run):
    """What was understood of each row: fields as far as they could be read."""
    blocks = list(rig.spool.run(run).blocks(SHOWN))
    return pl.concat(blocks).select(SHOWN).rows()


def said(rig, run):
    frames = list(rig.settler.rows(rig.operations.run(run)).issues())
    return [row for frame in frames for row in frame.select(ROW, "code", "field", "value", "detail").rows()]


@pytest.mark.parametrize(("rows", "expected"), MENDED)
def test_a_mended_csv_comes_back_as_the_articles_it_was(feed, rows, expected):
    rig = feed(mapping())
    first = rig.put("c.csv", as_csv(rows))
    again = rig.put("c.errors.csv", errors_of(rig, first).read_text("utf-8").replace(f";{BAD};", ";;"))
    assert read(rig, again) == expected
    assert rig.states(again) == {"applied": len(expected)}


@pytest.mark.parametrize(("rows", "expected"), MENDED)
def test_a_mended_workbook_comes_back_as_the_articles_it_was(feed, tmp_path, rows, expected):
    rig = feed(mapping('kind = "xlsx"\n'))
    first = rig.put("c.xlsx", as_xlsx(rows))
    book = openpyxl.load_workbook(errors_of(rig, first))
    prices = []
    for cells in book.active.iter_rows(min_row=2):
        cells[9].value = None
        prices.append(cells[10].value)
    assert all(isinstance(price, float | int) for price in prices), "a number that was filled down is one"
    book.save(tmp_path / "mended.xlsx")
    again = rig.put("c.errors.xlsx", (tmp_path / "mended.xlsx").read_bytes())
    assert read(rig, again) == expected
    assert rig.states(again) == {"applied": len(expected)}


def test_an_emptied_cell_of_a_mended_file_is_empty(feed):
    rig = feed(mapping())
    first = rig.put("c.csv", as_csv(TWO_MODELS))
    text = errors_of(rig, first).read_text("utf-8").replace(f"41;B-1;{BAD};", "41;B-1;;").replace("Sneaker;44", ";44")
    again = rig.put("c.errors.csv", text)
    assert read(rig, again)[1] == ("C-2", "M300", "", "79")
    assert records(errors_of(rig, again)) == [["M300", "", "44", "C-2", BAD, "79,00"]]


def test_rows_found_only_when_all_were_read_are_filled_too(feed):
    rig = feed(mapping())
    run = rig.put("c.csv", as_csv([*ALONE, ["", "", "45", "C-1", "", ""]]))
    assert [row for row, code, *_ in said(rig, run) if code == "DUPLICATE_KEY"] == [2, 4]
    assert records(errors_of(rig, run)) == [
        ALONE[0],
        ["M300", "Sneaker", "44", "C-2", BAD, "79,00"],
        ["M300", "Sneaker", "45", "C-1", "", "79,00"],
    ]


def test_rows_left_out_before_filling_give_nothing_to_an_errors_file(feed):
    early = '[[filter]]\nskip = { column = "Articolo", is = "Articolo" }\nbefore_fill = true\n'
    rig = feed(mapping(fields=f"{FIELDS}{early}"))
    heading = ["M999", "Heading", "Taglia", "Articolo", "", "9,99"]
    run = rig.put("c.csv", as_csv([ALONE[0], heading, ALONE[1], ["", "", "46", "C-1", "", ""]]))
    found = {one[2]: one for one in records(errors_of(rig, run))}
    assert found["44"] == ["M300", "Sneaker", "44", "C-2", BAD, "79,00"]
    assert found["46"] == ["M300", "Sneaker", "46", "C-1", "", "79,00"]


def test_what_a_faulty_row_would_give_is_no_value_until_it_is_filled_in(feed):
    rig = feed(mapping())
    text = as_csv(ALONE).replace("79,00", "79,00;surplus")
    run = rig.put("c.csv", text)
    assert records(errors_of(rig, run))[-1] == ["[row 2]", "[row 2]", "44", "C-2", BAD, "[row 2]"]
    told = [(field, value, detail) for row, code, field, value, detail in said(rig, run) if code == "MAP_FILL"]
    assert told == [("product_id", "M300", "row 2"), ("name", "Sneaker", "row 2"), ("price", "79,00", "row 2")]
    mended = errors_of(rig, run).read_text("utf-8").replace("79,00;surplus", "79,00").replace(f";{BAD};", ";;")
    again = rig.put("c.errors.csv", mended)
    assert rig.states(again) == {"applied": 1, "rejected": 1}
    told = [one[1:] for one in said(rig, again)]
    assert told == [("MAP_FILL", field, None, "row 2") for field in ("product_id", "name", "price")]
    assert records(errors_of(rig, again)) == [["[row 2]", "[row 2]", "44", "C-2", "", "[row 2]"]]


def test_a_record_given_back_as_it_stood_is_filled_where_it_has_all_its_cells(feed):
    rig = feed(mapping())
    text = as_csv(ALONE).replace(";;44;C-2", ';;"44" a;C-2')
    run = rig.put("c.csv", text)
    line = errors_of(rig, run).read_text("utf-8").splitlines()[1]
    assert line.endswith(f';M300;Sneaker;"44" a;C-2;{BAD};79,00')


def test_a_value_filled_down_says_the_row_it_is_from(feed):
    rig = feed(mapping())
    rows = [["M1", "Shoe", "1", "A-1", "", "1,049.00"], ["", "", "2", "A-2", "", ""], ["", "", "3", "A-3", "", ""]]
    run = rig.put("c.csv", as_csv(rows))
    assert [(row, code, value) for row, code, _, value, _ in said(rig, run)] == [
        (2, "MAP_NUMBER", "1,049.00"),
        (3, "MAP_NUMBER", "1,049.00 (filled down from row 2)"),
        (4, "MAP_NUMBER", "1,049.00 (filled down from row 2)"),
    ]
    assert [one[-1] for one in records(errors_of(rig, run))] == ["1,049.00"] * 3
    (cause,) = causes(rig.settler.rows(rig.operations.run(run)).issues(), {})
    assert (cause.count, cause.ranges) == (3, [(2, 4)])


def test_what_the_contract_says_of_a_filled_value_names_its_row_over_blocks(feed, monkeypatch):
    monkeypatch.setattr("gateway.readers.csv.MOST_ROWS", 1)
    rig = feed(mapping())
    rows = [["M1", "Shoe", "1", "A-1", "", "-1.000,00"], ["", "", "2", "A-2", "", ""]]
    run = rig.put("c.csv", as_csv(rows))
    values = {(row, value) for row, _, field, value, _ in said(rig, run) if field == "price"}
    assert values == {(2, "-1.000,00"), (3, "-1.000,00 (filled down from row 2)")}


def test_a_feed_that_fills_nothing_is_mapped_side_by_side_and_has_no_filled_block(feed, monkeypatch):
    monkeypatch.setattr(reading, "from_above", None)
    rig = feed(mapping(fill=""))
    assert rig.states(rig.put("c.csv", as_csv([TWO_MODELS[0]]))) == {"applied": 1}


def test_a_mended_json_comes_back_as_the_articles_it_was(feed):
    rig = feed(mapping(JSON))
    first = rig.put("c.json", json.dumps([dict(zip(HEADER, row, strict=True)) for row in TWO_MODELS]))
    mended = [{**one, "EAN": ""} for one in json.loads(errors_of(rig, first).read_text("utf-8"))]
    again = rig.put("c.errors.json", json.dumps(mended))
    assert read(rig, again) == MENDED[0].values[1]
    assert rig.states(again) == {"applied": 2}


DOCUMENT = f"""<c xmlns="urn:x"><a model="M200" id="B-1"><text><name>Mocassino</name></text><size>41</size>
<EAN>{BAD}</EAN><Prezzo>1.129,00</Prezzo></a>
<a model="M300" id="C-1"><text><name>Sneaker</name></text><size>40</size><Prezzo>79,00</Prezzo></a>
<a id="C-2"><size>44</size><EAN>{BAD}</EAN><Prezzo/></a></c>"""


def test_a_mended_document_comes_back_as_the_articles_it_was(feed):
    text = mapping(XML)
    for header, path in XML_COLUMNS.items():
        text = text.replace(f'"{header}"', f'"{path}"')
    rig = feed(text)
    first = rig.put("c.xml", DOCUMENT)
    errors = errors_of(rig, first).read_text("utf-8")
    assert 'id="C-2" model="M300"' in errors
    again = rig.put("c.errors.xml", errors.replace(f"<EAN>{BAD}</EAN>", ""))
    assert read(rig, again) == MENDED[0].values[1]
    assert rig.states(again) == {"applied": 2}
