from pathlib import Path

import polars as pl
import pytest
from lxml import etree

from gateway.errors import FileError
from gateway.formats.layout import JsonLayout, XmlLayout
from gateway.model import Table
from gateway.readers import xml_stream, xml_stretches
from gateway.readers.xml import XmlReader

STOCK = """<?xml version="1.0" encoding="UTF-8"?>
<stock>
  <items>
    <item id="1"><sku>A</sku><quantity unit="pcs">5</quantity></item>
    <item id="2">
      <sku>B</sku><quantity/>
    </item>
    <item id="3"><sku> C &amp; D </sku></item>
  </items>
</stock>
"""


@pytest.fixture
def document(tmp_path: Path):
    def write(text: str | bytes, name: str = "a.xml") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def layout(record: str = "stock/items/item", **more) -> XmlLayout:
    return XmlLayout(kind="xml", record=record, **more)


def read(path: Path, record: str = "stock/items/item", **more) -> Table:
    tables = list(XmlReader().tables(path, layout(record, **more)))
    assert len(tables) == 1
    return tables[0]


def cells(table: Table) -> list[tuple]:
    return table.frame.drop("@row", "@line").rows()


def refused(path: Path, record: str = "stock/items/item", **more) -> FileError:
    with pytest.raises(FileError) as caught:
        list(XmlReader().tables(path, layout(record, **more)))
    assert caught.value.fix
    return caught.value


def test_attributes_and_elements_are_columns(document) -> None:
    table = read(document(STOCK))
    assert table.headers == ("@id", "sku", "quantity/@unit", "quantity")
    assert cells(table) == [("1", "A", "pcs", "5"), ("2", "B", None, ""), ("3", " C & D ", None, None)]
    assert table.frame["@row"].to_list() == [1, 2, 3]
    assert table.frame["@line"].to_list() == [4, 5, 8]
    assert table.kinds is None
    assert table.links is None
    assert table.frame.schema == {"@row": pl.Int64, "@line": pl.Int64} | dict.fromkeys(
        ("c0", "c1", "c2", "c3"), pl.String
    )


def test_wanted_columns_are_read_in_one_pass_in_their_order(document) -> None:
    table = read(document(STOCK), columns=("quantity", "@id", "price"))
    assert table.headers == ("quantity", "@id", "price")
    assert cells(table) == [("5", "1", None), ("", "2", None), (None, "3", None)]


def test_repeated_and_nested_elements(document) -> None:
    text = """<r><p><img main="1">a</img><img>b</img><img main="0">c</img>
      <size><w>1</w><h>2</h></size><size><w>3</w></size></p><p><img>d</img></p></r>"""
    table = read(document(text), "r/p")
    expected = ("img/@main", "img", "img[2]", "img[3]/@main", "img[3]", "size/w", "size/h", "size[2]/w")
    assert table.headers == expected
    assert cells(table) == [
        ("1", "a", "b", "0", "c", "1", "2", "3"),
        (None, "d", None, None, None, None, None, None),
    ]
    assert cells(read(document(text), "r/p", columns=("img", "size[2]/w", "img[3]"))) == [
        ("a", "3", "c"),
        ("d", None, None),
    ]


def test_columns_that_appear_late_are_columns_of_every_table(document) -> None:
    rows = "".join(f"<i><a>{number}</a></i>" for number in range(45_000))
    tables = list(XmlReader().tables(document(f"<r>{rows}<i><b>x</b></i></r>"), layout("r/i")))
    assert len(tables) >= 2
    assert {table.headers for table in tables} == {("a", "b")}
    frame = pl.concat(table.frame for table in tables)
    assert frame["@row"].to_list() == list(range(1, 45_002))
    assert frame["c0"][:45_000].to_list() == [str(number) for number in range(45_000)]
    assert frame.row(-1)[2:] == (None, "x")


def test_rows_stay_in_order_over_many_slices(document) -> None:
    rows = [(str(n), None if n % 3 else "", "x" if n % 1_700 == 0 else None) for n in range(4_321)]
    parts = ("<i><a>{}</a>{}{}</i>".format(a, b if b is None else "<b/>", "<c>x</c>" if c else "") for a, b, c in rows)
    text = "".join(parts).replace("None", "")
    table = read(document(f"<r>{text}</r>"), "r/i", columns=("a", "b", "c"))
    assert cells(table) == rows
    assert table.frame["@row"].to_list() == list(range(1, len(rows) + 1))


def test_text_among_elements_is_taken_whole(document) -> None:
    table = read(document("<r><p><d>Hello <b>big</b> world</d></p><p><d>plain</d></p></r>"), "r/p")
    assert table.headers == ("d", "d/b")
    assert cells(table) == [("Hello big world", "big"), ("plain", None)]


def test_comments_instructions_and_cdata(document) -> None:
    table = read(document("<r><p><d>1<!-- x -->2<?go on?>3<![CDATA[<4>]]></d><!-- y --></p></r>"), "r/p")
    assert cells(table) == [("123<4>",)]


def test_a_record_without_elements(document) -> None:
    table = read(document('<r><s q="1">A</s><s q="2">B</s><s/></r>'), "r/s")
    assert table.headers == ("@q", ".")
    assert cells(table) == [("1", "A"), ("2", "B")]
    assert table.blank == 1


def test_blank_records_are_counted_whatever_columns_are_wanted(document) -> None:
    text = "<r><s/><s> </s><s><a>1</a></s><s><b>2</b></s></r>"
    table = read(document(text), "r/s", columns=("a",))
    assert table.blank == 2
    assert cells(table) == [("1",), (None,)]
    assert table.frame["@row"].to_list() == [1, 2]


def test_the_root_may_be_the_only_record(document) -> None:
    assert cells(read(document("<offer><sku>A</sku></offer>"), "offer")) == [("A",)]


def test_elements_of_the_record_name_elsewhere_are_no_records(document) -> None:
    text = (
        "<r><item><sku>no</sku></item><list><item><sku>A</sku><more><item><sku>in</sku></item></more></item></list></r>"
    )
    table = read(document(text), "r/list/item")
    assert cells(table) == [("A", "in")]
    assert table.headers == ("sku", "more/item/sku")


def test_one_row_per_child(document) -> None:
    text = """<r><p><name>Shirt</name><vs>
        <v c="red"><sku>A</sku></v>
        <v c="blue"><sku>B</sku></v></vs><end>x</end></p>
      <p><name>Cap</name></p></r>"""
    table = read(document(text), "r/p", explode="vs/v")
    assert table.headers == ("name", "end", "vs/v/@c", "vs/v/sku")
    assert cells(table) == [("Shirt", "x", "red", "A"), ("Shirt", "x", "blue", "B"), ("Cap", None, None, None)]
    assert table.frame["@row"].to_list() == [1, 2, 3]
    assert table.frame["@line"].to_list() == [2, 3, 4]
    wanted = read(document(text), "r/p", explode="vs/v", columns=("vs/v/sku", "name"))
    assert cells(wanted) == [("A", "Shirt"), ("B", "Shirt"), (None, "Cap")]
    leaf = read(document("<r><p><n>1</n><s>A</s><s>B</s></p></r>"), "r/p", explode="s")
    assert leaf.headers == ("n", "s")
    assert cells(leaf) == [("1", "A"), ("1", "B")]


FEED = """<f:feed xmlns:f="urn:f" xmlns="urn:d" xmlns:y="urn:g">
  <f:item xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
    <title xml:lang="en">T</title><y:id y:kind="k">1</y:id><y:price xsi:nil="true"/></f:item></f:feed>"""


def test_without_declared_prefixes_local_names_count(document) -> None:
    table = read(document(FEED), "feed/item")
    assert table.headers == ("title/@xml:lang", "title", "id/@kind", "id", "price")
    assert cells(table) == [("en", "T", "k", "1", "")]


def test_declared_prefixes_are_those_of_the_layout(document) -> None:
    spaces = {"a": "urn:f", "g": "urn:g", "": "urn:d"}
    table = read(document(FEED), "a:feed/a:item", namespaces=spaces)
    assert table.headers == ("title/@xml:lang", "title", "g:id/@g:kind", "g:id", "g:price")
    fault = refused(document(FEED), "g:feed/a:item", namespaces=spaces)
    assert fault.code == "FILE_XML_RECORDS"


def test_no_record(document) -> None:
    fault = refused(document(STOCK), "catalog/products/product")
    assert fault.code == "FILE_XML_RECORDS"
    assert "catalog/products/product" in fault.message
    assert "stock/items/item/sku" in fault.message


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings(document, encoding: str) -> None:
    declared = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "iso-8859-1": "ISO-8859-1"}[encoding]
    text = f'<?xml version="1.0" encoding="{declared}"?><r><i><a>é</a></i></r>'
    assert cells(read(document(text.encode(encoding)), "r/i")) == [("é",)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE r>",
        '<!DOCTYPE r SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!-- x --><!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
    ],
)
def test_a_doctype_is_refused_before_anything_is_read(document, doctype: str, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}<r><i><a>&a;</a></i></r>'
    assert refused(document(text.encode(encoding)), "r/i").code == "FILE_XML_UNSAFE"


def test_a_doctype_expat_can_not_see_is_refused_all_the_same(document) -> None:
    text = '<?xml version="1.0" encoding="EBCDIC-CP-US"?><!DOCTYPE r><r><i><a>1</a></i></r>'
    assert refused(document(text.encode("cp037")), "r/i").code in {"FILE_XML_UNSAFE", "FILE_XML"}


def test_an_undefined_entity_is_a_fault(document) -> None:
    assert refused(document("<r><i><a>&nope;</a></i></r>"), "r/i").code == "FILE_XML"


def test_a_bound_of_the_parser_is_told_without_its_switch(document) -> None:
    said = refused(document("<a>" * 300 + "</a>" * 300), "a/b").message
    assert said == "The XML goes beyond what is safely read: Excessive depth in document: 256 (line 1)."


def test_records_before_a_fault_are_yielded_and_the_fault_names_its_line(document) -> None:
    path = document("<r>\n<i><a>1</a></i>\n<i><a>2</b></i>\n</r>")
    reading = XmlReader().tables(path, layout("r/i", columns=("a",)))
    with pytest.raises(FileError) as caught:
        list(reading)
    assert caught.value.code == "FILE_XML"
    assert caught.value.line == 3
    batches = xml_stream.RecordStream(path, ("r", "i"), xml_stream.Names({})).batches()
    assert [element.findtext("a") for element in next(batches)] == ["1"]
    with pytest.raises(FileError):
        next(batches)


def test_a_file_cut_off_is_a_fault_at_its_end(document) -> None:
    fault = refused(document(STOCK[: STOCK.index("</items>")]))
    assert fault.code == "FILE_XML"
    assert fault.line == 9


def test_an_empty_file_and_another_kind_of_file(document) -> None:
    assert refused(document("")).code == "FILE_EMPTY"
    assert refused(document("sku;quantity\n")).code in {"FILE_XML", "FILE_FORMAT"}
    assert refused(document(b"PK\x03\x04" + bytes(100))).code == "FILE_FORMAT"


def test_lines_beyond_65535_are_right(document) -> None:
    records = "".join(
        f"<i>\n  <a>\n{number}</a>\n</i>\n" if number % 2 else f"<i><a>{number}</a></i>\n" for number in range(40_000)
    )
    path = document(f"<r>\n{records}</r>")
    text = path.read_text().split("\n")
    seen = 0
    for table in XmlReader().tables(path, layout("r/i", columns=("a",))):
        for line in table.frame["@line"]:
            assert text[line - 1].startswith("<i>")
            seen += 1
    assert seen == 40_000


def test_memory_stays_flat_in_documents_with_much_else(document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_stream, "CHUNK", 4096)
    other = "<meta><note>x</note></meta>" * 50
    path = document(
        f"<r>{''.join(f'<group>{other}<i><a>{number}</a></i>{other}</group>' for number in range(300))}</r>"
    )
    stream = xml_stream.RecordStream(path, ("r", "group", "i"), xml_stream.Names({}))
    held = []
    for batch in stream.batches():
        root = batch[0].getroottree().getroot()
        held.append(sum(1 for _ in root.iter()))
    assert max(held) < 1_000


def test_a_record_without_end_is_given_up(document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_stretches, "STRETCH", 1024)
    monkeypatch.setattr(xml_stretches, "LONGEST", 20_000)
    monkeypatch.setattr(xml_stream, "CHUNK", 1024)
    monkeypatch.setattr(xml_stream, "GAP", 20_000)
    fault = refused(document("<r><i><a>1</a></i><i>" + "<b>2</b>" * 10_000 + "</i></r>"), "r/i", columns=("a",))
    assert fault.code == "FILE_XML"
    assert "ends within" in fault.message
    late = refused(document("<r>" + "<b>2</b>" * 10_000 + "<i><a>1</a></i></r>"), "r/i", columns=("a",))
    assert late.code == "FILE_XML_RECORDS"


def test_nesting_is_capped(document) -> None:
    text = f"<r><i>{'<a>' * 400}{'</a>' * 400}</i></r>"
    assert refused(document(text), "r/i").code == "FILE_XML"


def test_an_errors_file_of_ours_comes_back(document) -> None:
    text = """<r xmlns:e="urn:gateway:errors">
      <i e:run="r1"><e:error run="r1" row="17" code="REQUIRED" field="sku" message="sku is missing."/><a>1</a></i>
      <i><a>2</a><e:error run="r1" row="x"/></i><i><a>3</a></i></r>"""
    for more in ({}, {"columns": ("a",)}):
        table = read(document(text), "r/i", **more)
        assert table.headers == ("a",)
        assert cells(table) == [("1",), ("2",), ("3",)]
        assert table.links is not None
        assert table.links.rows() == [(1, "r1", 17), (2, "r1", None), (3, None, None)]


def test_links_of_exploded_rows(document) -> None:
    text = """<r xmlns:e="urn:gateway:errors"><p><e:error run="r1" row="1"/>
      <v><s>A</s></v><v><e:error run="r1" row="2"/><s>B</s></v></p></r>"""
    table = read(document(text), "r/p", explode="v")
    assert cells(table) == [("A",), ("B",)]
    assert table.links is not None
    assert table.links.rows() == [(1, "r1", 1), (2, "r1", 2)]


def test_a_layout_of_another_kind_is_a_programming_error(document) -> None:
    with pytest.raises(TypeError, match="JsonLayout"):
        list(XmlReader().tables(document(STOCK), JsonLayout(kind="json")))


class TestWhatTheReaderReliesOnInLxml:
    def test_events_before_a_fault_can_still_be_read(self) -> None:
        parser = etree.XMLPullParser(events=("end",), tag="{*}p")
        with pytest.raises(etree.XMLSyntaxError):
            parser.feed(b"<a><p>1</p><p>2</p><b></a>")
        assert [element.text for _, element in parser.read_events()] == ["1", "2"]

    def test_siblings_read_may_be_removed_while_the_parser_goes_on(self) -> None:
        parser = etree.XMLPullParser(events=("end",), tag="{*}p")
        parser.feed(b"<a><p>1</p><p>2</p><q><p>3")
        first = next(element for _, element in parser.read_events())
        root = first.getroottree().getroot()
        list(parser.read_events())
        del root[:-1]
        parser.feed(b"</p></q></a>")
        assert [element.text for _, element in parser.read_events()] == ["3"]
        assert etree.tostring(parser.close()) == b"<a><q><p>3</p></q></a>"


VARIANTS = """<shop>
<article id="1"><name>Boot</name><sizes><size sku="1-38"/><size sku="1-39"/><size sku="1-40"/></sizes></article>
<article id="2"><name>Shoe</name><sizes><size sku="2-38"/></sizes></article>
<article id="3"><name>Clog</name><name>Zueco</name><sizes><size sku="3-38"/><size sku="3-39"/></sizes></article>
<article id="4"/>
</shop>"""


def said(table: Table) -> list[tuple]:
    return table.issues.select("@row", "@line", "code", "field", "detail").rows()


@pytest.mark.parametrize(
    ("columns", "more", "told"),
    [
        (
            ("name", "sizes/size/@sku"),
            {},
            [
                (1, 2, "CELL_REPEATED", "sizes/size/@sku", "sizes/size stands 3 times"),
                (3, 4, "CELL_REPEATED", "name", "name stands 2 times"),
                (3, 4, "CELL_REPEATED", "sizes/size/@sku", "sizes/size stands 2 times"),
            ],
        ),
        (("@id", "name[1]", "sizes/size[1]/@sku"), {}, []),
        (("name", "name[2]", "sizes/size/@sku", "sizes/size[2]/@sku"), {}, []),
        (("@id",), {}, []),
        (
            ("name", "sizes/size/@sku"),
            {"explode": "sizes/size"},
            [(row, 4, "CELL_REPEATED", "name", "name stands 2 times") for row in (5, 6)],
        ),
        ((), {}, []),
    ],
)
def test_a_repeated_element_of_which_one_would_be_read_is_an_issue(document, columns, more, told) -> None:
    assert said(read(document(VARIANTS), "shop/article", columns=columns, **more)) == told


def test_a_repeated_element_inside_an_exploded_one_is_an_issue_of_its_row_alone(document, monkeypatch) -> None:
    monkeypatch.setattr("gateway.readers.xml.BLOCK", 1)
    text = '<s><a><v k="1"><p>1</p></v><v k="2"><p>2</p><p>3</p></v></a>\n<a><v k="3"><p>4</p><p>5</p></v></a></s>'
    tables = XmlReader().tables(document(text), layout("s/a", explode="v", columns=("v/@k", "v/p")))
    found = [(said(table), cells(table)) for table in tables]
    assert [issue for issues, _ in found for issue in issues] == [
        (2, 1, "CELL_REPEATED", "v/p", "v/p stands 2 times"),
        (3, 2, "CELL_REPEATED", "v/p", "v/p stands 2 times"),
    ]
    assert [row for _, rows in found for row in rows] == [("1", "1"), ("2", "2"), ("3", "4")]


def test_elements_in_a_text_are_no_repeated_elements(document) -> None:
    text = "<s><a><d><p>One</p> and <p>two</p></d></a></s>"
    table = read(document(text), "s/a", columns=("d",))
    assert (said(table), cells(table)) == ([], [("One and two",)])
