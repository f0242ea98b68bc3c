import json
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import FileError
from gateway.formats.layout import JsonLayout, XmlLayout
from gateway.model import Kind, Table
from gateway.readers import json_stream
from gateway.readers.json import JsonReader, canonical, records


@pytest.fixture
def document(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "a.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def layout(**more) -> JsonLayout:
    return JsonLayout(kind="json", **more)


def read(path: Path, **more) -> Table:
    tables = list(JsonReader().tables(path, layout(**more)))
    assert len(tables) == 1
    return tables[0]


def cells(table: Table) -> list[tuple]:
    return table.frame.drop("@row", "@line").rows()


def refused(path: Path, **more) -> FileError:
    with pytest.raises(FileError) as caught:
        list(JsonReader().tables(path, layout(**more)))
    assert caught.value.fix
    return caught.value


def test_values_become_canonical_text_with_kinds(document) -> None:
    path = document('[{"a": "x", "b": 12.50, "c": true, "d": null, "e": ""},\n {"a": "y", "f": -0.0}]')
    table = read(path)
    assert table.headers == ("a", "b", "c", "d", "e", "f")
    assert cells(table) == [("x", "12.5", "true", "", "", None), ("y", None, None, None, None, "0")]
    assert table.kinds is not None
    kinds = [Kind(kind).name for kind in table.kinds.row(0)]
    assert kinds == ["TEXT", "NUMBER", "BOOLEAN", "EMPTY", "EMPTY", "EMPTY"]
    assert table.frame["@row"].to_list() == [1, 2]
    assert table.frame["@line"].to_list() == [1, 2]
    assert table.frame.schema["c0"] == pl.String


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("12345678901234567890123", "12345678901234567890123"),
        ("0.1", "0.1"),
        ("1E+3", "1000"),
        ("1.50e-3", "0.0015"),
        ("100.00", "100"),
        ("-7", "-7"),
        ("0e5", "0"),
        ("1e999999999", "1E+999999999"),
    ],
)
def test_numbers_are_exact(document, written: str, text: str) -> None:
    assert cells(read(document(f'[{{"n": {written}}}]'))) == [(text,)]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_canonical_numbers_have_their_value(number: Decimal) -> None:
    text = canonical(number)
    assert Decimal(text) == number
    assert "E" not in text
    assert text == "0" or not text.startswith("-0") or "." in text


def test_nested_objects_and_arrays(document) -> None:
    path = document('[{"p": {"sku": "A", "sizes": [1, 2]}, "v": [{"c": "red"}, {"c": "blue"}], "none": []}]')
    table = read(path)
    assert table.headers == ("p/sku", "p/sizes", "p/sizes[2]", "v/c", "v[2]/c", "none")
    assert cells(table) == [("A", "1", "2", "red", "blue", None)]


def test_a_key_that_is_an_empty_list_somewhere_is_no_column_beside_those_of_its_objects(document) -> None:
    table = read(document('[{"a": 1, "v": []}, {"v": [{"c": "red", "d": {}}], "a": 2}]'))
    assert table.headers == ("a", "v/c", "v/d")
    assert cells(table) == [("1", None, None), ("2", "red", None)]


def test_the_array_lies_at_a_path(document) -> None:
    path = document(
        '{"total": 2, "other": [[1], {"items": [0]}], "data":\n {"items": [\n{"a": 1},\n{"a": 2}], "x": 1}}'
    )
    table = read(path, record="data/items")
    assert cells(table) == [("1",), ("2",)]
    assert table.frame["@line"].to_list() == [3, 4]
    for record, told in (("data/rows", "'rows'"), ("nothing", "'nothing'"), ("total/x", "an object at total")):
        fault = refused(path, record=record)
        assert fault.code == "FILE_JSON"
        assert told in fault.message


def test_a_single_object_is_the_only_record(document) -> None:
    assert cells(read(document('{"a": {"b": 1}}'))) == [("1",)]
    assert cells(read(document('{"a": {"b": 1}}'), record="a")) == [("1",)]


def test_lines(document) -> None:
    table = read(document('\ufeff{"a": 1}\r\n\n{"a": "zwei"}\n'), lines=True)
    assert cells(table) == [("1",), ("zwei",)]
    assert table.frame["@row"].to_list() == [1, 2]
    assert table.frame["@line"].to_list() == [1, 3]
    assert table.blank == 1
    fault = refused(document('{"a": 1}\n{"a": \n'), lines=True)
    assert (fault.code, fault.line) == ("FILE_JSON", 2)


def test_wanted_columns(document) -> None:
    table = read(document('[{"a": 1, "b": 2}, {"c": 3}]'), columns=("b", "z", "a"))
    assert table.headers == ("b", "z", "a")
    assert cells(table) == [("2", None, "1"), (None, None, None)]


def test_blank_records(document) -> None:
    table = read(document('[{}, null, {"a": 1}]'))
    assert table.blank == 2
    assert cells(table) == [("1",)]
    assert read(document("[]")).headers == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[{"a": 1},\n{"a": 2', 2),
        ('[{"a": 1}\n{"a": 2}]', 2),
        ('[{"a": 1}]\n\n x', 3),
        ('[{"a": NaN}]', 1),
        ('[{"a": 1, "a": 2}]', 1),
        ('[\n{"a": 01}]', 2),
        ('[{"a": "\n"}]', 1),
        ("[\n\n1]", 3),
        ("[" * 100_000, 1),
        ('[{"a": ' + "9" * 5000 + "}]", 1),
        ("sku;quantity", 1),
    ],
)
def test_broken_documents(document, text: str, line: int) -> None:
    fault = refused(document(text))
    assert fault.code == "FILE_JSON"
    assert fault.line == line


def test_encoding_and_empty_files(document) -> None:
    fault = refused(document(b'[{"a": 1},\n{"a": "\xe9"}]'))
    assert (fault.code, fault.line) == ("FILE_ENCODING", 2)
    assert refused(document(b'{"a": "\xe9"}\n'), lines=True).code == "FILE_ENCODING"
    assert refused(document("")).code == "FILE_EMPTY"
    assert refused(document(" \n")).code == "FILE_EMPTY"
    assert refused(document(""), lines=True).code == "FILE_EMPTY"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"items":[{"sku":"A1"}]}{"items":[{"sku":"A2"}]}', "something follows the end of the document"),
        ('{"items":[{"sku":"A1"}]} HTTP 500 <html>', "something follows the end of the document"),
        ('{"items":[{"sku":"A1"}],"items":[{"sku":"A2"}]}', "the object at the root has the key 'items' twice"),
        ('{"items":[{"sku":"A1"}]', "the file ends before a comma or the end of the object"),
        ('{"items":[{"sku":"A1"}],"other":[1,2,', "Expecting value"),
        ('{"items":[{"sku":"A1"}],"other":{"a":1}', "the file ends before a comma or the end of the object"),
        ('{"items":[{"sku":"A1"}] "other":1}', "expected is a comma or the end of the object"),
        ('{"items":[{"sku":"A1"}],}', "a key in quotes is expected"),
        ('{"items":[{"sku":"A1"}],"other"}', "expected is a colon after the key"),
        ('{"items":{"sku":"A1"}', "the file ends before a comma or the end of the object"),
    ],
)
def test_what_stands_behind_the_records_must_be_whole(document, text, said) -> None:
    fault = refused(document(text), record="items")
    assert fault.code == "FILE_JSON"
    assert said in fault.message


def test_the_end_of_every_object_around_the_records_is_looked_at(document) -> None:
    whole = '{"a": 1, "data": {"b": [2], "items": [{"sku": "A1"}], "c": {"items": []}}, "items": [{"sku": "A2"}]}'
    assert cells(read(document(whole), record="data/items")) == [("A1",)]
    again = whole.replace('"c"', '"items": [{"sku": "A3"}], "c"')
    assert "the object at data has the key 'items' twice" in refused(document(again), record="data/items").message
    cut = whole.removesuffix("}")
    assert refused(document(cut), record="data/items").code == "FILE_JSON"


def test_an_array_beside_the_records_may_be_longer_than_any_value(document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 100)
    monkeypatch.setattr(json_stream, "LONGEST", 1_000)
    long = json.dumps(["x" * 20] * 500)
    path = document(f'{{"log": {long}, "items": [{{"sku": "A1"}}], "more": {long}}}')
    assert cells(read(path, record="items")) == [("A1",)]


def test_a_record_with_half_a_surrogate_pair_is_at_fault(document) -> None:
    text = '[{"a": "x"}, {"a": "x\\ud800y", "b": "\\udc00"}, {"a": "\\ud83d\\ude00"}]'
    table = read(document(text))
    assert cells(table) == [("x", None), ("x\ufffdy", "\ufffd"), ("\U0001f600", None)]
    assert table.issues.select("@row", "@line", "code").rows() == [(2, 1, "ROW_ENCODING")]


def test_a_key_with_half_a_surrogate_pair_makes_the_file_unusable(document) -> None:
    fault = refused(document('[{"a\\ud800": "x"}]'))
    assert fault.code == "FILE_JSON"
    assert "'a\ufffd'" in fault.message


def test_errors_of_ours_come_back(document) -> None:
    path = document('[{"error_run": "r1", "error_row": 17, "error_code": "REQUIRED", "a": 1}, {"a": 2}]')
    table = read(path)
    assert table.headers == ("a",)
    assert table.links is not None
    assert table.links.rows() == [(1, "r1", 17), (2, None, None)]


def test_records_nested_as_they_are(document) -> None:
    path = document('{"orders": [{"id": 1, "lines": [{"price": 9.90, "sku": "A"}]}, {}]}')
    found = list(records(path, layout(record="orders")))
    assert found == [{"id": 1, "lines": [{"price": Decimal("9.90"), "sku": "A"}]}]
    assert str(found[0]["lines"][0]["price"]) == "9.90"


value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=5), value, min_size=1, max_size=4), max_size=6),
    st.integers(1, 40),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_pieces_of_any_size_give_the_same_records(document, found, chunk: int, indent, ascii_only: bool) -> None:
    import json  # noqa: PLC0415  the module under test has this name too

    path = document(
        json.dumps({"x": [1.5, "]"], "data": found}, indent=indent, ensure_ascii=ascii_only).encode(
            "utf-8", "surrogatepass"
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", chunk)
        assert list(records(path, layout(record="data"))) == found


def test_a_value_without_end_is_given_up(document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 100)
    monkeypatch.setattr(json_stream, "LONGEST", 1_000)
    fault = refused(document('[{"a": "' + "x" * 50_000 + '"}]'))
    assert fault.code == "FILE_JSON"
    assert refused(document('{"a": "' + "x" * 50_000 + '"}'), lines=True).code == "FILE_JSON"


def test_tables_are_flat_blocks_with_running_numbers(document) -> None:
    path = document("[" + ",".join(f'{{"a": {number}}}' for number in range(1, 45_001)) + "]")
    tables = list(JsonReader().tables(path, layout()))
    assert [len(table.frame) for table in tables] == [20_000, 20_000, 5_000]
    frame = pl.concat(table.frame for table in tables)
    assert frame["@row"].cast(pl.String).to_list() == frame["c0"].to_list()


def test_a_layout_of_another_kind_is_a_programming_error(document) -> None:
    with pytest.raises(TypeError, match="XmlLayout"):
        list(JsonReader().tables(document("[]"), XmlLayout(kind="xml", record="r")))


def test_an_array_of_which_one_element_would_be_read_is_an_issue(document, monkeypatch) -> None:
    monkeypatch.setattr("gateway.readers.json.BLOCK", 1)
    path = document('[{"k": 1, "v": [{"c": 1}, {"c": 2}]},\n{"k": 2, "v": [{"c": 3}]},\n{"t": ["a", "b", "c"]}]')
    for columns, told in (
        (("k", "v/c"), [(1, 1, "CELL_REPEATED", "v/c", "v has 2 elements")]),
        (("v/c", "t"), [(1, 1, "CELL_REPEATED", "v/c", "v has 2 elements"),
                        (3, 3, "CELL_REPEATED", "t", "t has 3 elements")]),
        (("k", "v[1]/c", "t[1]"), []),
        (("v/c", "v[2]/c", "t", "t[2]"), []),
        ((), []),
    ):  # fmt: skip
        tables = list(JsonReader().tables(path, layout(columns=columns)))
        issues = pl.concat([table.issues for table in tables])
        assert issues.select("@row", "@line", "code", "field", "detail").rows() == told, columns
    monkeypatch.undo()
    assert cells(read(document('[{"v": [{"c": 1}, {"c": 2}]}]'), columns=("v[1]/c", "v[2]/c"))) == [("1", "2")]
