"""Picture files as tables, by their bytes alone."""

from __future__ import annotations

import base64

import polars as pl
import pytest
from support.pictures import GIF, JPEG, PNG, WEBP, png

from gateway.contracts import contract
from gateway.errors import FileError
from gateway.formats.layout import ImageLayout
from gateway.formats.parts import together
from gateway.mapping import compile_mapping, load_mapping
from gateway.model import ROW
from gateway.readers.image import ImageReader


@pytest.fixture
def read(tmp_path):
    def tables(files, **layout):
        (tmp_path / "in").mkdir()
        (tmp_path / "out").mkdir()
        for name, data in files.items():
            (tmp_path / "in" / name).write_bytes(data)
        path = together([tmp_path / "in" / name for name in files], tmp_path / "out")
        return list(ImageReader().tables(path, ImageLayout(kind="image", **layout)))

    return tables


def test_a_picture_is_a_record_with_its_bytes_as_base64(read):
    (table,) = read({"TS-1_2.JPG": JPEG})
    assert table.headers == ("name", "stem", "extension", "size", "content")
    (row,) = table.frame.rows()
    assert row[:6] == (1, 1, "TS-1_2.JPG", "TS-1_2", "jpg", str(len(JPEG)))
    assert base64.b64decode(row[6], validate=True) == JPEG


@pytest.mark.parametrize(("name", "data"), [("a.jpeg", JPEG), ("a.png", PNG), ("a.gif", GIF), ("a.webp", WEBP)])
def test_every_kind_is_taken_under_its_ending(read, name, data):
    (table,) = read({name: data})
    assert table.frame.height == 1


@pytest.mark.parametrize(
    ("name", "data", "code", "words"),
    [
        ("a.jpg", PNG, "FILE_FORMAT", "promises a JPEG picture, but it is a PNG picture"),
        ("a.bmp", PNG, "FILE_FORMAT", "ends with .bmp"),
        ("a", GIF, "FILE_FORMAT", "no ending"),
        ("a.gif", b"sku;quantity\n", "FILE_FORMAT", "plain text; agreed is a picture"),
        ("a.jpg", b"", "FILE_EMPTY", "no content"),
        ("a.jpg", JPEG[:-2], "FILE_CUT_OFF", "the end of a JPEG picture is missing"),
        ("a.png", PNG[:-6], "FILE_CUT_OFF", "the end of a PNG picture is missing"),
        ("a.webp", WEBP[:-1], "FILE_CUT_OFF", "the end of a WebP picture is missing"),
        ("a.gif", GIF[:20], "FILE_CUT_OFF", "the end of a GIF picture is missing"),
        ("a.gif", b"GIF89a", "FILE_CUT_OFF", "the end of a GIF picture is missing"),
        ("a.jpg", b"\xff\xd8\xff", "FILE_CUT_OFF", "the end of a JPEG picture is missing"),
        ("a.png", png(0, 0), "FILE_FORMAT", "a PNG picture of 0 x 0 dots"),
        ("a.png", png(100_000, 100_000, b"x"), "FILE_FORMAT", "of 100000 x 100000 dots; a side has 1 to 65535"),
    ],
)
def test_a_picture_alone_that_can_not_be_used_is_refused(read, name, data, code, words):
    with pytest.raises(FileError, match=words) as caught:
        read({name: data})
    assert caught.value.code == code
    assert caught.value.fix


def test_a_large_picture_is_refused_before_it_is_read(read, monkeypatch):
    monkeypatch.setattr("gateway.readers.image.picture_flaw", lambda *_: pytest.fail("it was read"))
    with pytest.raises(FileError, match="allowed are 10") as caught:
        read({"a.jpg": JPEG}, max_size=10)
    assert caught.value.code == "FILE_TOO_LARGE"


def test_kinds_that_were_not_agreed_are_refused(read):
    with pytest.raises(FileError, match="taken are jpg, png"):
        read({"a.gif": GIF}, types=("jpg", "png"))


def test_among_several_a_bad_picture_is_a_faulty_row_and_the_others_go(read):
    (table,) = read({"a.jpg": JPEG, "b.jpg": PNG, "c.png": PNG + bytes(100), "d.txt": b"hello"}, max_size=100)
    assert table.frame["c4"].is_null().to_list() == [False, True, True, True]
    assert table.issues.select(ROW, "code", "field", "value").rows() == [
        (2, "ROW_PICTURE", "content", "b.jpg"),
        (3, "ROW_PICTURE_SIZE", "content", "c.png"),
        (4, "ROW_PICTURE", "content", "d.txt"),
    ]


def test_many_pictures_come_in_blocks(read, monkeypatch):
    monkeypatch.setattr("gateway.readers.image._BLOCK", 100)
    tables = read({f"a_{n:03}.jpg": JPEG + bytes(n) for n in range(20)})
    assert len(tables) > 3
    assert pl.concat(t.frame for t in tables)[ROW].to_list() == list(range(1, 21))


def test_the_mapping_reads_article_and_order_from_the_name(read, tmp_path):
    path = tmp_path / "pictures.toml"
    path.write_text(
        'contract = "picture"\nversion = 1\n[format]\nkind = "image"\n[fields]\n'
        'sku = { column = "stem", extract = "^(.+)_[0-9]+$" }\n'
        'order = { column = "stem", extract = "_([0-9]+)$" }\npicture = "content"\n',
        "utf-8",
    )
    (table,) = read({"TS_1_2.jpg": JPEG, "none.jpg": JPEG, "TS_1_3.jpg": PNG})
    applier = compile_mapping(load_mapping(path), table.headers, contract("picture").traits)
    draft = applier.apply(table)
    assert draft.frame.select("sku", "order").rows() == [("TS_1", "2"), (None, None), ("TS_1", "3")]
    assert draft.frame["picture"].is_null().to_list() == [False, False, True]
    assert draft.issues.select(ROW, "code", "field").rows() == [
        (2, "ROW_PICTURE_NAME", "sku"), (3, "ROW_PICTURE", "picture"),
    ]  # fmt: skip
    assert draft.issues["value"].to_list() == ["none.jpg", "TS_1_3.jpg"]
