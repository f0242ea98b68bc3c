"""What is proposed of a file nobody described: its layout, and what its columns are called and hold."""

import openpyxl
import pytest

from gateway.readers import reader_for
from gateway.readers.proposals import proposed


@pytest.fixture
def sheet(tmp_path):
    def write(*rows):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        path = tmp_path / "book.xlsx"
        book.save(path)
        return path

    return write


def write(folder, name, text):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def headers(found):
    return [column.header for column in found.columns]


class TestSheets:
    def test_a_header_below_a_title_is_found(self, sheet):
        path = sheet(
            ["Bestandsliste Blumenhof"], ["Stand:", "22.11.2026"], ["Artikel", "Filiale", "Menge"], ["R-1", "Köln", 4]
        )
        found = proposed(path)
        assert (found.layout.header, headers(found)) == (3, ["Artikel", "Filiale", "Menge"])
        assert [column.example for column in found.columns] == ["R-1", "Köln", "4"]
        (table,) = reader_for(found.layout).tables(path, found.layout)
        assert table.frame.height == 1

    def test_blank_rows_above_count(self, sheet):
        assert proposed(sheet([], [], ["Artikel", "Menge"], ["R-1", 4])).layout.header == 3

    def test_a_row_of_values_is_no_header(self, sheet):
        found = proposed(sheet(["R-1", 4], ["R-2", 5]))
        assert (found.layout.header, found.layout.columns, headers(found)) == ("none", 2, ["", ""])

    def test_a_title_in_a_list_of_one_column_is_not_told_from_its_header(self, sheet):
        assert proposed(sheet(["Artikel"], ["R-1"], ["R-2"])).layout.header == 1


class TestDocuments:
    def test_the_repeated_element_is_the_record(self, tmp_path):
        rows = "".join(f"<Aktion nr='{n}'><Artikel>R-{n}</Artikel><Preis>4</Preis></Aktion>" for n in range(3))
        found = proposed(write(tmp_path, "a.xml", f"<Aktionen stand='2026'><Kopf/>{rows}</Aktionen>"))
        assert found.layout.record == "Aktionen/Aktion"
        assert headers(found) == ["@nr", "Artikel", "Preis"]
        assert found.columns[1].example == "R-0"

    def test_records_deeper_down_and_lists_inside_them(self, tmp_path):
        rows = "".join(f"<p><sku>{n}</sku><img>a</img><img>b</img></p>" for n in range(3))
        found = proposed(
            write(tmp_path, "a.xml", f"<shop xmlns='urn:x'><head><by>me</by></head><all>{rows}</all></shop>")
        )
        assert found.layout.record == "shop/all/p"
        assert headers(found)[0] == "sku"

    def test_elements_that_repeat_in_a_record_and_say_much_are_proposed_as_rows(self, tmp_path):
        variants = "".join(f"<variant sku='{n}'><stock>1</stock></variant>" for n in range(3))
        one = f"<p><n>Boot</n><img url='a'/><img url='b'/><variants>{variants}</variants></p><p><n>Shoe</n></p>"
        path = write(tmp_path, "a.xml", f"<shop>{one}</shop>")
        found = proposed(path)
        assert (found.layout.record, found.layout.explode) == ("shop/p", "variants/variant")
        assert headers(found)[-2:] == ["variants/variant/@sku", "variants/variant/stock"]
        assert any("up to 3 of these stand in a record, each with 2 values" in told for told in found.evidence)
        assert found.evidence[-1].startswith("img stands several times in a record")
        (table,) = reader_for(found.layout).tables(path, found.layout)
        assert table.frame.height == 4

    def test_errors_of_ours_are_not_proposed_as_rows(self, tmp_path):
        error = "<e:error xmlns:e='urn:gateway:errors' run='1' row='2'/>"
        found = proposed(write(tmp_path, "a.xml", f"<s><i>{error}{error}<a>1</a></i><i><a>2</a></i></s>"))
        assert (found.layout.record, found.layout.explode) == ("s/i", None)

    def test_a_document_of_one_record(self, tmp_path):
        found = proposed(write(tmp_path, "a.xml", "<stock><item><sku>a</sku></item></stock>"))
        assert (found.layout.record, headers(found)) == ("stock/item", ["sku"])

    def test_a_broken_document_is_proposed_as_far_as_it_goes(self, tmp_path):
        found = proposed(write(tmp_path, "a.xml", "<s><i><a>1</a></i><i><a>2</a></i><i>"))
        assert (found.layout.record, found.columns) == ("s/i", ())
        assert "columns could not be read: The XML is not well-formed" in found.evidence[-1]


@pytest.mark.parametrize(
    ("text", "record", "lines"),
    [
        ('[{"sku": "a", "n": 1}]', "", False),
        ('{"sku": "a", "n": 1}\n{"sku": "b", "n": 2}\n', "", True),
        ('{"at": 1, "data": {"items": [{"sku": "a", "n": 1}]}}', "data/items", False),
    ],
)
def test_json(tmp_path, text, record, lines):
    found = proposed(write(tmp_path, "a.json", text))
    assert (found.layout.kind, found.layout.record, found.layout.lines) == ("json", record, lines)
    assert [(column.header, column.example) for column in found.columns] == [("sku", "a"), ("n", "1")]


def test_json_without_records_is_text(tmp_path):
    assert proposed(write(tmp_path, "a.json", '{"a": 1}')).layout.kind == "csv"
