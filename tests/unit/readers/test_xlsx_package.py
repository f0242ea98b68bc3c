import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import FileError
from gateway.formats.layout import XlsxLayout
from gateway.readers.xlsx import XlsxReader
from gateway.readers.xlsx_package import Package

Workbook = Callable[..., Path]
OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ONE = '<row r="1"><c r="A1"><v>1</v></c></row>'


def refused(path: Path) -> FileError:
    with pytest.raises(FileError) as caught:
        list(XlsxReader().tables(path, XlsxLayout(kind="xlsx")))
    assert "Traceback" not in str(caught.value)
    assert caught.value.fix
    return caught.value


def saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_files_that_are_no_workbook(tmp_path: Path) -> None:
    book = tmp_path / "a.xlsx"
    assert refused(saved(book, b"")).code == "FILE_EMPTY"
    assert refused(saved(book, b"sku;quantity\nA;1\n")).code == "FILE_FORMAT"
    assert refused(saved(book, b"<html><table></table></html>")).code == "FILE_FORMAT"
    assert refused(saved(book, OLE2 + bytes(4096))).code == "FILE_OLD_WORKBOOK"
    assert refused(saved(book, OLE2 + bytes(600) + "EncryptedPackage".encode("utf-16-le"))).code == "FILE_PASSWORD"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("stock.csv", "sku;quantity\n")
    assert refused(saved(book, packed.getvalue())).code == "FILE_FORMAT"


def test_a_workbook_cut_off(workbook: Workbook) -> None:
    path = workbook(ONE)
    assert refused(saved(path, path.read_bytes()[:-40])).code == "FILE_CUT_OFF"


def test_macros_and_binary_workbooks(workbook: Workbook) -> None:
    assert refused(workbook(ONE, extra={"xl/vbaProject.bin": b"x"})).code == "FILE_MACROS"
    assert refused(workbook(ONE, extra={"xl/workbook.bin": b"x"})).code == "FILE_OLD_WORKBOOK"


def test_a_part_that_unpacks_too_far(workbook: Workbook) -> None:
    padding = "<!--" + " " * (2 << 20) + "-->"
    assert refused(workbook(ONE, tail=padding)).code == "FILE_TOO_LARGE"


def test_an_entry_that_understates_its_size(workbook: Workbook) -> None:
    path = workbook(ONE, strings="<si><t>" + "x" * 5000 + "</t></si>")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/sharedStrings.xml").file_size
    at = content.rindex(b"xl/sharedStrings.xml") - 46
    assert struct.unpack_from("<I", content, at + 24)[0] == size
    struct.pack_into("<I", content, at + 24, 1000)
    fault = refused(saved(path, bytes(content)))
    assert fault.code in {"FILE_TOO_LARGE", "FILE_FORMAT"}
    assert "sharedStrings" in fault.message


def test_a_part_with_other_bytes_than_its_checksum_says(workbook: Workbook) -> None:
    path = workbook(ONE)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"xl/worksheets/sheet1.xml") - 46
    struct.pack_into("<I", content, at + 16, 12345)
    assert refused(saved(path, bytes(content))).code == "FILE_FORMAT"


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_part_that_is_packed_in_a_rare_way(workbook: Workbook, packing: int) -> None:
    path = workbook(ONE)
    with zipfile.ZipFile(path) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(path, "w", packing) as after:
        for name, content in parts.items():
            after.writestr(name, content)
        at = after.getinfo("xl/worksheets/sheet1.xml").header_offset
    data = bytearray(path.read_bytes())
    data[at + 60 : at + 90] = bytes(30)
    assert refused(saved(path, bytes(data))).code == "FILE_FORMAT"


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "_rels/.rels"]
)
def test_a_doctype_in_any_part_is_refused(workbook: Workbook, part: str) -> None:
    path = workbook(ONE)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = b'<!DOCTYPE x [<!ENTITY a "b">]>' + parts[part]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert refused(path).code == "FILE_XML_UNSAFE"


def test_two_parts_of_one_name(workbook: Workbook) -> None:
    path = workbook(ONE)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/Worksheets/Sheet1.xml", "<worksheet/>")
    fault = refused(path)
    assert fault.code == "FILE_FORMAT"
    assert "same name" in fault.message


@pytest.mark.parametrize(
    "sheet",
    [
        b"<worksheet><sheetData><row r='1'><c r='A1'><v>1",
        b"no xml at all",
        b'<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>99</v></c></row></sheetData></worksheet>',
        b'<worksheet><sheetData><row r="1"><c r="A1"><v>\xff</v></c></row>',
    ],
)
@pytest.mark.parametrize("max_cells", [1, 10_000_000])
def test_broken_sheets_are_refused_in_plain_words(workbook: Workbook, sheet: bytes, max_cells: int) -> None:
    main = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    path = workbook(sheet=sheet.replace(b"<worksheet>", main))
    with pytest.raises(FileError) as caught:
        list(XlsxReader().tables(path, XlsxLayout(kind="xlsx", max_cells=max_cells)))
    assert caught.value.code in {"FILE_FORMAT", "FILE_EMPTY"}


def test_contents_lists_worksheets(workbook: Workbook) -> None:
    with Package(workbook(ONE)) as package:
        contents = package.contents()
    assert [(sheet.name, sheet.part, sheet.visible) for sheet in contents.sheets] == [
        ("Stock", "xl/worksheets/sheet1.xml", True)
    ]
    assert contents.styles == "xl/styles.xml"
    assert contents.strings == ("xl/sharedStrings.xml",)
    assert not contents.strict
