"""Errors files of ours are known by what stands in them, in every format, whatever they are called now."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import orjson
import pytest
import xlsxwriter

from gateway.pipeline.ours import told_run
from gateway.readers import reader_for
from gateway.testing.rig import MAPPING

FIELDS = '[fields]\nsku = "sku"\nquantity = "quantity"\n'
XML = f'contract = "stock"\nversion = 1\n[format]\nkind = "xml"\nrecord = "/list/item"\n{FIELDS}'
JSON = f'contract = "stock"\nversion = 1\n[format]\nkind = "json"\nrecord = "items"\n{FIELDS}'
XLSX = f'contract = "stock"\nversion = 1\n[format]\nkind = "xlsx"\n{FIELDS}'
UTF16 = f'contract = "stock"\nversion = 1\n[format]\nkind = "csv"\ndelimiter = ","\nencoding = "utf-16"\n{FIELDS}'


def workbook():
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in (("sku", "quantity"), ("a", 1), ("b", "x")):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def saved_again(path):
    """The workbook as a spreadsheet program leaves it: its texts in a part of their own."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(openpyxl.load_workbook(path).active.iter_rows(values_only=True)):
            sheet.write_row(number, 0, row)
    with zipfile.ZipFile(out) as book:
        assert "xl/sharedStrings.xml" in book.namelist()
    return out.getvalue()


ITEM = b"<item><sku>%b</sku><quantity>%b</quantity></item>"
CASES = {
    "csv": (MAPPING, b"sku,quantity\na,1\nb,x\n"),
    "utf16": (UTF16, "sku,quantity\na,1\nb,x\n".encode("utf-16")),
    "xml": (XML, b"<list>%b</list>" % b"".join(ITEM % pair for pair in ((b"a", b"1"), (b"b", b"x")))),
    "json": (JSON, orjson.dumps({"items": [{"sku": "a", "quantity": 1}, {"sku": "b", "quantity": "x"}]})),
    "xlsx": (XLSX, workbook()),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_whose_name_fits_no_route_goes_to_the_one_that_wrote_it(rigs, case):
    mapping, content = CASES[case]
    rig = rigs(mapping)
    (setup,) = rig.intake._routes("drop")
    route = setup.route.model_copy(update={"files": ("first*",)})
    rig.intake._routes = lambda _: [type(setup)(route, setup.mapping, setup.contract, setup.target, setup.legs)]
    first = rig.drop("first", content)
    rig.advance()
    assert rig.states(first) == {"applied": 1, "rejected": 1}
    rig.clock.advance(60)
    (errors,) = (rig.folder / "outbox/acme").glob("*.errors.*")
    again = saved_again(errors) if case == "xlsx" else errors.read_bytes()
    run = rig.drop("mended by hand", again)
    rig.advance()
    assert rig.operations.run(run).first_run == first
    assert rig.states(run) == {"rejected": 1}


@pytest.mark.parametrize("case", CASES)
def test_a_file_that_is_not_ours_is_not_read_for_it(tmp_path, case):
    mapping, content = CASES[case]
    (tmp_path / "m.toml").write_text(mapping)
    (tmp_path / "file").write_bytes(content)
    asked = []

    def read(file, layout):
        asked.append(file)
        return reader_for(layout).tables(file, layout)

    assert told_run(tmp_path / "file", "file", read, [tmp_path / "m.toml"]) is None
    assert asked == []


def test_our_words_in_a_file_of_somebody_else_make_it_none_of_ours(tmp_path):
    (tmp_path / "m.toml").write_text(MAPPING)
    (tmp_path / "file").write_bytes(b"sku,quantity,error_run\na,1,2\n")
    read = lambda file, layout: reader_for(layout).tables(file, layout)  # noqa: E731  as the rig does
    assert told_run(tmp_path / "file", "file", read, [tmp_path / "m.toml"]) is None
