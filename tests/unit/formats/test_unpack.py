from __future__ import annotations

import errno
import gzip
import zipfile

import pytest

from gateway.errors import FileError
from gateway.formats.unpack import damage_told, demand, sniff, unpack, unpack_all

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


def zipped(path, members, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data, **options)
    return path


def workbook(path, *names):
    return zipped(path, dict.fromkeys(("[Content_Types].xml", *names), "<x/>"))


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("data", "nature"),
    [
        (b"", "empty"),
        (b"sku;qty\nA1;1\n", "text"),
        (b"\xef\xbb\xbfsku;gr\xc3\xb6\xc3\x9fe\n", "text"),
        ("sku;qty\n".encode("utf-16"), "text"),
        ("sku;qty\n".encode("utf-16-le"), "text"),
        (b"<5 pieces;1\n", "text"),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><a/>", "xml"),
        (b"<products><p/></products>", "xml"),
        ("<?xml version='1.0'?><a/>".encode("utf-16"), "xml"),
        (OLE2 + "Workbook".encode("utf-16-le"), "xls"),
        (OLE2 + "EncryptedPackage".encode("utf-16-le"), "locked"),
        (gzip.compress(b"x", mtime=0), "gzip"),
        (b"%PDF-1.7\n", "pdf"),
        (b"PK\x03\x04 cut off", "zip"),
        (bytes(range(256)), "binary"),
        (b"\x01\x02\x03 a b", "binary"),
    ],
)
def test_files_are_known_by_their_bytes(tmp_path, data, nature):
    path = tmp_path / "named.csv"
    path.write_bytes(data)
    assert sniff(path) == nature


@pytest.mark.parametrize(
    ("names", "nature"),
    [
        (("xl/workbook.xml",), "xlsx"),
        (("xl/workbook.xml", "xl/vbaProject.bin"), "xlsm"),
        (("xl/workbook.bin",), "xlsb"),
        (("word/document.xml",), "zip"),
    ],
)
def test_workbooks_are_known_by_their_members(tmp_path, names, nature):
    assert sniff(workbook(tmp_path / "book.zip", *names)) == nature


def test_open_document_sheets_are_known(tmp_path):
    path = zipped(tmp_path / "x", {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": ""})
    assert sniff(path) == "ods"


@pytest.mark.parametrize(
    ("data", "expected", "code"),
    [
        (OLE2, "xlsx", "FILE_OLD_WORKBOOK"),
        (OLE2 + "EncryptedPackage".encode("utf-16-le"), "xlsx", "FILE_PASSWORD"),
        (OLE2, "csv", "FILE_FORMAT"),
        (b"%PDF-1.7", "csv", "FILE_FORMAT"),
        (b"sku;qty", "xlsx", "FILE_FORMAT"),
        (b"\0\1\2\3", "xml", "FILE_FORMAT"),
    ],
)
def test_files_of_another_kind_are_answered_with_how_to_save_them(tmp_path, data, expected, code):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(FileError) as caught:
        demand(path, expected)
    assert caught.value.code == code
    assert caught.value.fix.startswith(("Save", "Open", "Send"))


def test_macros_are_named_and_matching_files_pass(tmp_path):
    with pytest.raises(FileError) as caught:
        demand(workbook(tmp_path / "m.xlsx", "xl/workbook.xml", "xl/vbaProject.bin"), "xlsx")
    assert caught.value.code == "FILE_MACROS"
    demand(workbook(tmp_path / "b.xlsx", "xl/workbook.xml"), "xlsx")
    text = tmp_path / "t.csv"
    text.write_bytes(b"a\0b")
    demand(text, "csv")


def test_plain_files_and_workbooks_are_left_alone(tmp_path, spool):
    book = workbook(tmp_path / "b.zip", "xl/workbook.xml")
    assert unpack(book, spool) == book
    text = tmp_path / "t.zip"
    text.write_text("sku;qty\n")
    assert unpack(text, spool) == text
    assert not list(spool.iterdir())


def test_gzip_gives_its_content_under_the_name_without_gz(tmp_path, spool):
    path = tmp_path / "stock.csv.GZ"
    path.write_bytes(gzip.compress(b"sku;qty\n") + gzip.compress(b"A1;1\n"))
    out = unpack(path, spool)
    assert (out.parent, out.name, out.read_bytes()) == (spool, "stock.csv", b"sku;qty\nA1;1\n")


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ("../../etc/stock.csv", "stock.csv"),
        ("C:\\temp\\stock 1.csv", "stock_1.csv"),
        ("/abs/.hidden", "hidden"),
        ("a/größe.csv", "gr__e.csv"),
        ("...", "unpacked"),
    ],
)
def test_zip_gives_its_only_member_under_a_clean_name(tmp_path, spool, member, name):
    path = zipped(tmp_path / "x.zip", {"a/": "", "__MACOSX/._x": "shadow", member: "sku;qty\n"})
    out = unpack(path, spool)
    assert (out.parent, out.name, out.read_text()) == (spool, name, "sku;qty\n")


def refused(path, spool, code, words, **bounds):
    with pytest.raises(FileError, match=words) as caught:
        unpack(path, spool, **bounds)
    assert caught.value.code == code
    assert not list(spool.iterdir())


def test_archives_of_none_or_several_files_are_refused(tmp_path, spool):
    refused(zipped(tmp_path / "0.zip", {}), spool, "FILE_ARCHIVE", "holds 0 files")
    refused(zipped(tmp_path / "2.zip", {"a": "1", "b": "2"}), spool, "FILE_ARCHIVE", "holds 2 files")


def test_encrypted_archives_are_refused(tmp_path, spool):
    path = zipped(tmp_path / "x.zip", {"a.csv": "sku"})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    refused(path, spool, "FILE_ARCHIVE", "encrypted")


def test_damaged_archives_are_refused(tmp_path, spool):
    noise = bytes(range(256)) * 40
    packed = tmp_path / "x.gz"
    packed.write_bytes(gzip.compress(noise)[:-12])
    refused(packed, spool, "FILE_ARCHIVE", "damaged")
    path = zipped(tmp_path / "x.zip", {"a.csv": noise})
    data = bytearray(path.read_bytes())
    data[40:60] = bytes(20)
    path.write_bytes(data)
    refused(path, spool, "FILE_ARCHIVE", "damaged")
    path.write_bytes(data[:100])
    refused(path, spool, "FILE_ARCHIVE", "damaged")


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("member", ["a.csv", "mimetype"])
def test_damage_is_told_whatever_the_way_of_packing(tmp_path, spool, packing, member):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr(member, bytes(range(199)))
    data = bytearray(path.read_bytes())
    data[50:90] = bytes(byte ^ 0xFF for byte in data[50:90])
    path.write_bytes(data)
    assert sniff(path) == "zip"
    refused(path, spool, "FILE_ARCHIVE", "damaged")
    with pytest.raises(FileError, match="damaged"):
        unpack_all(path, spool)


def test_a_place_outside_of_the_archive_is_damage(tmp_path, spool):
    path = zipped(tmp_path / "x.zip", {"a.csv": "sku"})
    data = bytearray(path.read_bytes())
    size = data.index(b"PK\x05\x06") + 12  # of the directory: one too large moves all places before the file
    data[size : size + 4] = (len(data) * 2).to_bytes(4, "little")
    path.write_bytes(data)
    for take in (unpack, unpack_all):
        with pytest.raises(FileError, match="damaged"):
            take(path, spool)


def test_an_entry_that_lies_before_the_archive_is_damage(tmp_path, spool):
    path = zipped(tmp_path / "x.zip", {"a.csv": "sku"})
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x05\x06") + 16  # where it begins: later than it does, what it names lies before
    data[directory : directory + 4] = (int.from_bytes(data[directory : directory + 4], "little") + 9).to_bytes(
        4, "little"
    )
    path.write_bytes(data)
    for take in (unpack, unpack_all):
        with pytest.raises(FileError, match="damaged"):
            take(path, spool)


def test_trouble_with_our_disk_is_no_damage_of_the_archive():
    with pytest.raises(OSError, match="I/O"), damage_told(FileError("FILE_ARCHIVE", "damaged", fix="")):
        raise OSError(errno.EIO, "I/O error")


def test_an_archive_inside_an_archive_is_refused(tmp_path, spool):
    inner = zipped(tmp_path / "in.zip", {"a.csv": "x"}).read_bytes()
    refused(zipped(tmp_path / "out.zip", {"in.zip": inner}), spool, "FILE_ARCHIVE", "holds a ZIP archive")


def test_bombs_are_refused_by_ratio_and_by_size(tmp_path, spool):
    bomb = gzip.compress(bytes(8 << 20))
    path = tmp_path / "x.gz"
    path.write_bytes(bomb)
    refused(path, spool, "FILE_TOO_LARGE", "200 times its packed size")
    refused(path, spool, "FILE_TOO_LARGE", "more than 1000 bytes", limit=1000)
    refused(zipped(tmp_path / "x.zip", {"a": bytes(8 << 20)}), spool, "FILE_TOO_LARGE", "200 times")
    assert unpack(path, spool, ratio=2000).stat().st_size == 8 << 20


def test_small_files_may_compress_as_well_as_they_like(tmp_path, spool):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"A1;1\n" * 100_000))
    assert unpack(path, spool).stat().st_size == 500_000


JPEG = b"\xff\xd8\xff\xe0 body \xff\xd9"


@pytest.mark.parametrize(
    ("data", "nature"),
    [
        (JPEG, "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF89a", "gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "binary"),
    ],
)
def test_pictures_are_known_by_their_bytes(tmp_path, data, nature):
    path = tmp_path / "named.csv"
    path.write_bytes(data)
    assert sniff(path) == nature


@pytest.mark.parametrize("expected", ["csv", "xlsx", "xml", "json"])
def test_a_picture_is_no_table_and_a_table_no_picture(tmp_path, expected):
    picture = tmp_path / "a.jpg"
    picture.write_bytes(JPEG)
    with pytest.raises(FileError, match="is a JPEG picture; agreed is") as caught:
        demand(picture, expected)
    assert "pictures and tables have names of their own" in caught.value.fix
    demand(picture, "image")
    for data in (b"sku;qty\n", b"<a/>", OLE2, b"%PDF-1.7"):
        picture.write_bytes(data)
        with pytest.raises(FileError, match="agreed is a picture") as caught:
            demand(picture, "image")
        assert caught.value.code == "FILE_FORMAT"


def all_refused(path, spool, code, words, **bounds):
    with pytest.raises(FileError, match=words) as caught:
        unpack_all(path, spool, **bounds)
    assert caught.value.code == code
    assert not list(spool.iterdir())


def test_pictures_of_a_zip_keep_their_names_and_their_order(tmp_path, spool):
    members = {
        "b/": "", "b/ä_2.jpg": JPEG, "a/x_1.jpg": JPEG, "../../x_1.jpg": JPEG, "C:\\pics\\y.png": JPEG,
        "__MACOSX/._x": "shadow", "b/Thumbs.db": "x", ".DS_Store": "x",
    }  # fmt: skip
    out = unpack_all(zipped(tmp_path / "x.zip", members), spool)
    assert [file.name for file in out] == ["ä_2.jpg", "x_1.jpg", "x_1.jpg", "y.png"]
    assert {file.read_bytes() for file in out} == {JPEG}
    assert {file.parent.parent for file in out} == {spool}


def test_bounds_of_a_zip_hold_for_all_of_its_pictures_together(tmp_path, spool):
    large = {f"{n}.jpg": bytes(1 << 20) for n in range(8)}
    all_refused(zipped(tmp_path / "1.zip", large), spool, "FILE_TOO_LARGE", "200 times")
    all_refused(zipped(tmp_path / "2.zip", large), spool, "FILE_TOO_LARGE", "more than 2500000 bytes", limit=2_500_000,
                ratio=10_000)  # fmt: skip
    all_refused(zipped(tmp_path / "3.zip", {"a": "1", "b": "2"}), spool, "FILE_ARCHIVE", "holds 2 files", most=1)
    all_refused(zipped(tmp_path / "4.zip", {"Thumbs.db": "1"}), spool, "FILE_ARCHIVE", "holds 0 files")
    inner = zipped(tmp_path / "in.zip", {"a.jpg": "x"}).read_bytes()
    all_refused(zipped(tmp_path / "5.zip", {"a.jpg": JPEG, "in.jpg": inner}), spool, "FILE_ARCHIVE", "a ZIP archive")


def test_a_damaged_zip_of_pictures_leaves_nothing(tmp_path, spool):
    path = zipped(tmp_path / "x.zip", {"a.jpg": JPEG, "b.jpg": bytes(range(256)) * 40})
    data = bytearray(path.read_bytes())
    data[120:160] = bytes(40)
    path.write_bytes(data)
    all_refused(path, spool, "FILE_ARCHIVE", "damaged")


def test_a_picture_that_is_no_archive_is_left_where_it_is(tmp_path, spool):
    picture = tmp_path / "a.jpg"
    picture.write_bytes(JPEG)
    assert unpack_all(picture, spool) == [picture]
