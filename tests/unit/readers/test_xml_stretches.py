from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from gateway.errors import FileError
from gateway.formats.xml_names import Names
from gateway.readers import xml_stretches
from gateway.readers.xml_record import line_of
from gateway.readers.xml_stretches import batches

Document = Callable[..., Path]


@pytest.fixture
def document(tmp_path: Path) -> Document:
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "a.xml"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_stretches, "STRETCH", 256)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the stream to fall back to."""

    class Missing:
        def __init__(self, *_: object) -> None:
            raise AssertionError("the stream was asked for")

    monkeypatch.setattr(xml_stretches, "RecordStream", Missing)


def found(path: Path, record: str, **spaces: str) -> list[tuple[str | None, int]]:
    stream = batches(path, tuple(record.split("/")), Names(spaces))
    return [(each.findtext("{*}a"), line_of(each) + batch.above) for batch in stream for each in batch.records]


def records(count: int, name: str = "i") -> str:
    return "".join(f"  <{name}>\n<a>{number}</a></{name}>\n" for number in range(count))


def expected(count: int, first: int) -> list[tuple[str, int]]:
    return [(str(number), first + 2 * number) for number in range(count)]


@pytest.mark.usefixtures("alone")
class TestWithoutTheStream:
    def test_records_are_read_in_stretches_with_their_lines(self, document: Document) -> None:
        path = document(f"<?xml version='1.0'?>\n<r><t/><s x='&gt;'>\n{records(2_000)}</s><t/></r>\n<!-- end -->")
        assert found(path, "r/s/i") == expected(2_000, 3)
        assert sum(1 for _ in batches(path, ("r", "s", "i"), Names({}))) > 100

    def test_comments_sections_and_text_are_no_hindrance(self, document: Document) -> None:
        odd = "<!-- x --><i><a><![CDATA[<b>]]></a></i>text<?go on?><other/>\n"
        assert found(document(f"<r>\n{odd * 500}</r>"), "r/i") == [("<b>", line) for line in range(2, 502)]

    def test_prefixes_declared_above_the_records_hold(self, document: Document) -> None:
        path = document(f'<f:r xmlns:f="urn:f" xmlns="urn:d"><f:s>\n{records(1_000, "f:i")}</f:s></f:r>')
        assert found(path, "x:r/x:s/x:i", x="urn:f") == expected(1_000, 2)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "iso-8859-1", "windows-1252"])
    def test_encodings(self, document: Document, encoding: str) -> None:
        declared = encoding.removesuffix("-sig")
        text = f'<?xml version="1.0" encoding="{declared}"?><ré>{"<ü><a>é</a></ü>" * 2_000}</ré>'
        assert found(document(text, encoding), "ré/ü") == [("é", 1)] * 2_000

    def test_elements_of_a_longer_name_are_no_records(self, document: Document) -> None:
        path = document(f"<r>{'<i><a>1</a><item>x</item><i-2/></i>' * 3_000}</r>")
        assert found(path, "r/i") == [("1", 1)] * 3_000

    def test_records_that_are_empty_elements(self, document: Document) -> None:
        path = document("<r>" + '<i b="1"/>' * 5_000 + "</r>")
        assert len(found(path, "r/i")) == 5_000

    def test_a_stretch_is_all_that_is_held(self, document: Document) -> None:
        for batch in batches(document(f"<r><s>{records(3_000)}</s></r>"), ("r", "s", "i"), Names({})):
            held = sum(1 for _ in batch.records[0].getroottree().iter())
            assert held < xml_stretches.LONGEST_HEAD // 5


class TestWithTheStream:
    def test_what_follows_a_cut_that_is_none_is_read_once(self, document: Document) -> None:
        inner = "<i><a>x</a><i><a>in</a></i></i>"
        path = document(f"<r>\n{records(900)}{inner * 900}\n</r>")
        assert found(path, "r/i") == [*expected(900, 2), *[("x", 1802)] * 900]

    def test_parents_that_come_one_after_the_other(self, document: Document) -> None:
        path = document(f"<r>{'<s><i><a>1</a></i><i><a>2</a></i></s>' * 2_000}</r>")
        assert found(path, "r/s/i") == [("1", 1), ("2", 1)] * 2_000

    def test_a_parent_behind_the_last_stretch(self, document: Document) -> None:
        path = document(f"<r><s>\n{records(1_000)}</s><s><i><a>z</a></i></s></r>")
        assert found(path, "r/s/i") == [*expected(1_000, 2), ("z", 2002)]

    def test_a_long_record_is_left_to_the_stream(self, document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(xml_stretches, "LONGEST", 10_000)
        path = document(f"<r>\n{records(800)}<i><a>{'x' * 50_000}</a></i></r>")
        assert [text for text, _ in found(path, "r/i")] == [*map(str, range(800)), "x" * 50_000]

    def test_a_fault_far_down_names_its_line_behind_all_good_records(self, document: Document) -> None:
        stream = batches(document(f"<r>\n{records(1_000)}<i><a>1</b></i></r>"), ("r", "i"), Names({}))
        count = 0

        def counted() -> None:
            nonlocal count
            for batch in stream:
                count += len(batch.records)

        with pytest.raises(FileError) as caught:
            counted()
        assert caught.value.line == 2002
        assert count == 1_000

    def test_the_same_id_twice_is_no_fault(self, document: Document) -> None:
        path = document("<r>" + '<i xml:id="same"><a>1</a></i>' * 2_000 + "</r>")
        assert found(path, "r/i") == [("1", 1)] * 2_000


class TestWhatTheReaderReliesOnInLxml:
    def test_lines_are_counted_by_line_feeds(self) -> None:
        root = etree.fromstring(b"<r>\r\n<a/>\r<a/>\n<a\n/></r>")
        assert [each.sourceline for each in root] == [2, 2, 4]

    @pytest.mark.parametrize(
        "text",
        [b"<r><!-- </r>", b"<r><![CDATA[ </r>", b'<r><a b="</r>', b"<r><?pi </r>", b"<r><a></r>", b"<r></r></r>"],
    )
    def test_a_document_cut_where_nothing_may_end_is_a_fault(self, text: bytes) -> None:
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(text)
