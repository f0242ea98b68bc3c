from __future__ import annotations

import polars as pl
import pytest
from lxml import etree
from support.fake_rows import FakeRows, counted, issues, results, summary

from gateway.formats.layout import XmlLayout
from gateway.readers.xml import XmlReader
from gateway.reports.errors_xml import XmlErrorsWriter

RUN = "R20261122T093000-01"
GW = "{urn:gateway:errors}"


def layout(record, **changes):
    return XmlLayout(kind="xml", record=record, **changes)


def rows_of(path, form, states, found=(), mapped=None):
    tables = list(XmlReader().tables(path, form))
    lines = [row for table in tables for row in table.frame["@row"].to_list()]
    result = results([(row, f"K{row}", states.get(row, "applied")) for row in lines])
    return FakeRows(result, issues(list(found)), tables, path, form, mapped or {})


def written(tmp_path, rows, name="errors.xml"):
    out = tmp_path / name
    assert XmlErrorsWriter().write(summary(counted(rows.result)), rows, out)
    return out


def records(path, form):
    """Cells by column of every row, absent ones left out, and the links."""
    cells, links = [], []
    for table in XmlReader().tables(path, form):
        cells += [
            {header: value for header, value in zip(table.headers, values, strict=True) if value is not None}
            for values in table.frame.drop("@row", "@line").rows()
        ]
        if table.links is not None:
            links += table.links.select("first_run", "first_row").rows()
    return cells, links


def source(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "in.xml"
    path.write_bytes(text.encode(encoding))
    return path


CATALOG = """<?xml version="1.0" encoding="ISO-8859-1"?>
<c:catalog xmlns:c="urn:c" xmlns="urn:d" version="1">
  <head><sent>today</sent></head>
  <products>
    <product id="1"><!-- keep --><sku>A</sku><qty/></product>
    <product id="2"><sku>Größe &amp; &lt;b&gt;</sku><qty>x</qty></product>
    <other/>
    <product id="3"><sku>C</sku></product>
  </products>
  <foot n="3"/>
</c:catalog>
"""


def test_only_failed_records_stand_in_the_documents_own_envelope(tmp_path):
    path = source(tmp_path, CATALOG, "iso-8859-1")
    form = layout("catalog/products/product")
    found = [(2, "NOT_A_NUMBER", "quantity", "x", None), (3, "REQUIRED", "qty", None, None)]
    rows = rows_of(path, form, {2: "rejected", 3: "refused"}, found, {"quantity": "qty"})
    out = written(tmp_path, rows)
    assert out.read_bytes().startswith(b"<?xml version='1.0' encoding='ISO-8859-1'?>")
    root = etree.parse(out).getroot()
    assert (root.tag, dict(root.attrib), root.prefix) == ("{urn:c}catalog", {"version": "1"}, "c")
    assert [child.tag for child in root] == ["{urn:d}head", "{urn:d}products", "{urn:d}foot"]
    assert [child.get("id") for child in root[1]] == ["2", None, "3"]
    assert dict(root[1][0].find(f"{GW}error").attrib) == {
        "run": RUN,
        "row": "2",
        "code": "NOT_A_NUMBER",
        "field": "qty",
        "message": "qty is not a number: x",
    }
    assert root[1][2].find(f"{GW}error").get("message") == "qty is missing."
    cells, links = records(out, form)
    assert cells == [{"@id": "2", "sku": "Größe & <b>", "qty": "x"}, {"@id": "3", "sku": "C"}]
    assert links == [(RUN, 2), (RUN, 3)]


def test_comments_inside_a_record_are_kept(tmp_path):
    path = source(tmp_path, CATALOG, "iso-8859-1")
    rows = rows_of(path, layout("catalog/products/product"), {1: "rejected"})
    assert b"<!-- keep -->" in written(tmp_path, rows).read_bytes()


def test_an_errors_file_of_an_errors_file_has_one_error_per_record(tmp_path):
    path = source(tmp_path, CATALOG, "iso-8859-1")
    form = layout("catalog/products/product")
    first = written(tmp_path, rows_of(path, form, {2: "rejected", 3: "rejected"}))
    second = written(tmp_path, rows_of(first, form, {2: "rejected"}), "second.xml")
    assert [node.get("row") for node in etree.parse(second).iter(f"{GW}error")] == ["2"]
    assert records(second, form) == (records(first, form)[0][1:], [(RUN, 2)])


@pytest.mark.parametrize(
    ("record", "namespaces"),
    [("catalog/products/product", {}), ("c:catalog/d:products/d:product", {"c": "urn:c", "d": "urn:d"}),
     ("/c:catalog/products/product/", {"c": "urn:c", "": "urn:d"})],
)  # fmt: skip
def test_paths_name_records_as_the_reader_understands_them(tmp_path, record, namespaces):
    path = source(tmp_path, CATALOG, "iso-8859-1")
    form = layout(record, namespaces=namespaces)
    out = written(tmp_path, rows_of(path, form, {2: "rejected"}))
    assert records(out, form)[1] == [(RUN, 2)]
    assert len(records(out, form)[0]) == 1


OFFERS = """<offers>
  <group name="g1"><sku>A</sku><stock><at w="1">5</at><at w="2">x</at></stock></group>
  <group name="g2"><sku>B</sku></group>
  <group name="g3"><sku>C</sku><stock><at w="1">7</at></stock></group>
  <group name="g4"><stock><at w="1">y</at><at w="2">z</at></stock></group>
</offers>"""


def test_of_exploded_records_only_the_failed_parts_are_given_back(tmp_path):
    path = source(tmp_path, OFFERS)
    form = layout("offers/group", explode="stock/at")
    original = records(path, form)[0]
    states = {2: "rejected", 3: "refused", 5: "rejected", 6: "rejected"}
    out = written(tmp_path, rows_of(path, form, states))
    cells, links = records(out, form)
    assert cells == [original[row - 1] for row in sorted(states)]
    assert links == [(RUN, row) for row in sorted(states)]
    assert [group.get("name") for group in etree.parse(out).getroot()] == ["g1", "g2", "g4"]


@pytest.mark.parametrize(
    "text", ["<r><i>1</i><i/><i>2</i><i a=''/><i>3</i></r>", "<r><i><a>1</a></i><i/><i> </i><i><a>2</a></i></r>"]
)
def test_empty_records_are_counted_as_the_reader_counts_them(tmp_path, text):
    path = source(tmp_path, text)
    form = layout("r/i")
    cells = records(path, form)[0]
    for row in range(1, len(cells) + 1):
        out = written(tmp_path, rows_of(path, form, {row: "rejected"}))
        kept = {name: cell for name, cell in cells[row - 1].items() if cell != ""}
        assert [{name: cell for name, cell in read.items() if cell != ""} for read in records(out, form)[0]] == [kept]
        assert records(out, form)[1] == [(RUN, row)]


def test_utf16_is_answered_in_utf8(tmp_path):
    path = source(tmp_path, '<?xml version="1.0" encoding="UTF-16"?><r><i><a>ß€</a></i></r>', "utf-16")
    form = layout("r/i")
    out = written(tmp_path, rows_of(path, form, {1: "rejected"}))
    assert "ß€".encode() in out.read_bytes()
    assert records(out, form)[0] == [{"a": "ß€"}]


def test_words_that_xml_cannot_carry_are_replaced(tmp_path):
    path = source(tmp_path, "<r><i><a>1</a></i></r>")
    rows = rows_of(path, layout("r/i"), {1: "refused"}, [(1, "DEST_REFUSED", None, None, "bell \x07 <&> ok")])
    error = next(etree.parse(written(tmp_path, rows)).iter(f"{GW}error"))
    assert error.get("message") == "The destination refused the row: bell ? <&> ok"


def test_the_root_itself_may_be_the_record(tmp_path):
    path = source(tmp_path, '<item id="1"><a>x</a></item>')
    out = written(tmp_path, rows_of(path, layout("item"), {1: "rejected"}))
    assert records(out, layout("item")) == ([{"@id": "1", "a": "x"}], [(RUN, 1)])


def test_no_failed_row_no_file(tmp_path):
    path = source(tmp_path, OFFERS)
    rows = rows_of(path, layout("offers/group"), {})
    assert not XmlErrorsWriter().write(summary(counted(rows.result)), rows, tmp_path / "errors.xml")
    assert not (tmp_path / "errors.xml").exists()


def test_faults_are_found_across_the_borders_of_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.reports.errors_xml._AHEAD", 3)
    path = source(tmp_path, "<r>" + "".join(f"<i><a>{n}</a></i>" for n in range(1, 41)) + "</r>")
    states = {n: "rejected" for n in range(1, 41) if n % 3 == 0}
    found = [(n, "TOO_SMALL", "a", str(n), "99") for n in states for _ in range(2)]
    form = layout("r/i")
    out = written(tmp_path, rows_of(path, form, states, found))
    assert records(out, form)[1] == [(RUN, n) for n in states]
    assert {node.get("code") for node in etree.parse(out).iter(f"{GW}error")} == {"TOO_SMALL; TOO_SMALL"}
    assert pl.Series([len(node) for node in etree.parse(out).getroot()]).unique().to_list() == [2]
