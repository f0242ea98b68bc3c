from __future__ import annotations

import pytest

from gateway.errors import FileError, SettingsError
from gateway.mapping import check_fields
from gateway.model import Kind


def test_rates_one_after_another_become_the_one_rate_with_the_same_effect(load, table, draft, faults) -> None:
    body = """
[fields]
one = { column = "d", chained = "+", number = "1234,5", percent = true }
many = { join = ["d", "e"], with = "+", chained = "+", number = "1234,5" }
"""
    source = table(
        {
            "d": ["10+5", "0", "10,5 %", "", None, "100+10", "5+", "120"],
            "e": ["2", "0", "1", "", None] * 1 + ["", "", ""],
        }
    )
    result = draft(load(body), source)
    assert result.frame["one"].to_list() == ["14.5", "0", "10.5", "", None, "100", None, None]
    assert result.frame["many"].to_list() == ["16.21", "0", None, "", None, "100", None, None]
    assert [row for row in faults(result) if row[2] == "one"] == [
        (8, "MAP_NUMBER", "one", "5+"),
        (9, "MAP_NUMBER", "one", "120"),
    ]
    assert result.issues["detail"][-1] == "rates from 0 to 100 like 10+5, each like 1234,5"


def test_a_typed_number_is_one_rate(load, table, draft) -> None:
    mapping = load('[fields]\nd = { column = "d", chained = "+", number = "1234,5" }\n')
    kinds = [Kind.NUMBER, Kind.NUMBER, Kind.TEXT, Kind.EMPTY]
    result = draft(mapping, table({"d": ["12.5", "0", "10+5", ""]}, kinds={"d": kinds}))
    assert result.frame["d"].to_list() == ["12.5", "0", "14.5", ""]


def test_rates_of_many_digits_are_exact(load, table, draft) -> None:
    mapping = load('[fields]\nd = { column = "d", chained = "/" }\n')
    tiny = "0." + "0" * 20 + "1"
    result = draft(mapping, table({"d": [f"{tiny}/50", "50/50/50"]}))
    assert result.frame["d"].to_list() == ["50." + "0" * 20 + "05", "87.5"]


def test_several_separators_become_one(load, table, draft) -> None:
    body = r"""
[fields]
path = { column = "c", separators = [" > ", ">", "/", "|"], with = '\' }
pictures = { join = ["p", "q"], with = "|", separators = "," }
"""
    source = table(
        {
            "c": ["A > B/C", "/A//B|", "A", "", None],
            "p": ["x.jpg, y.jpg", "", None, "", "z.jpg"],
            "q": ["z.jpg", "q.jpg", None, "", ""],
        }
    )
    frame = draft(load(body), source).frame
    assert frame["path"].to_list() == ["A\\B\\C", "A\\B", "A", "", None]
    assert frame["pictures"].to_list() == ["x.jpg|y.jpg|z.jpg", "q.jpg", None, "", "z.jpg"]


LISTED = """
[fields]
v = { column = "c", separators = [","], with = "|", words = { "Köln" = "v1", "Bonn" = "v2", all = "", "A|B" = "v9" } }
"""


def test_a_table_is_asked_for_the_parts_of_a_list(load, table, draft, faults) -> None:
    cells = ["Köln,Bonn", " Bonn , Köln ", "Köln", "all", "all,Bonn", "A,B", "", None, "Ko\u0308ln,Bonn"]
    result = draft(load(LISTED), table({"c": [*cells, "Köln,Aachen", "Ulm,Köln,Aachen", "Aachen"]}))
    read = ["v1|v2", "v2|v1", "v1", "", "v2", "v9", "", None, "v1|v2"]
    assert result.frame["v"].to_list() == [*read, None, None, None]
    assert result.issues["detail"].to_list() == [
        "Köln, Bonn, all, A|B, which lacks Aachen",
        "Köln, Bonn, all, A|B, which lacks Ulm, Aachen",
        "Köln, Bonn, all, A|B",
    ]


@pytest.mark.parametrize(("otherwise", "read"), [("keep", "v1|Ulm"), ("empty", "v1")])
def test_parts_that_a_table_does_not_have_go_the_way_agreed(load, table, draft, otherwise, read) -> None:
    mapping = load(LISTED.replace(" } }", f' }}, else = "{otherwise}", ignore_case = true }}'))
    assert draft(mapping, table({"c": ["KÖLN,Ulm", "Ulm"]})).frame["v"].to_list()[0] == read


def test_what_is_joined_of_columns_is_asked_for_as_a_whole(load, table, draft) -> None:
    body = '[fields]\nv = { join = ["a", "b"], with = "-", words = { "x-y" = "z" }, else = "keep" }\n'
    assert draft(load(body), table({"a": ["x", "x"], "b": ["y", "x"]})).frame["v"].to_list() == ["z", "x-x"]


def test_a_negated_flag_says_the_opposite(load, table, draft, faults) -> None:
    body = """
[fields]
f = { column = "baja", true = ["S", "1"], false = ["N", "0"], negated = true }
g = { column = "baja", negated = true }
"""
    kinds = [Kind.TEXT, Kind.TEXT, Kind.BOOLEAN, Kind.TEXT, Kind.TEXT, Kind.EMPTY]
    result = draft(load(body), table({"baja": ["s", "0", "false", "x", "", None]}, kinds={"baja": kinds}))
    assert result.frame["f"].to_list() == ["false", "true", "true", None, "", None]
    assert result.frame["g"].to_list() == [None, None, "true", None, "", None]
    assert (5, "MAP_BOOLEAN", "f", "x") in faults(result)


def test_a_window_that_ends_on_a_day_ends_with_that_day(load, table, draft) -> None:
    body = """
[fields]
said = { column = "d", date = "dd/MM/yyyy", zone = "Europe/Madrid", end_of_day = true }
by_contract = { column = "i", zone = "Europe/Madrid" }
start = { column = "i", zone = "Europe/Madrid", end_of_day = false }
clock = { column = "c", date = "dd/MM/yyyy HH:mm", zone = "Europe/Madrid", end_of_day = true }
"""
    source = table(
        {
            "d": ["25/10/2026", "29/03/2026", "", None],
            "i": ["2026-10-25", "2026-10-25T10:00", "2026-10-25T00:00:00Z", None],
            "c": ["25/10/2026 00:00", "", None, None],
        }
    )
    ends = {"by_contract", "start"}
    frame = draft(load(body), source, instants=ends, day_ends=ends).frame
    assert frame["said"].to_list() == ["2026-10-25T22:59:59Z", "2026-03-29T21:59:59Z", "", None]
    assert frame["by_contract"].to_list() == [
        "2026-10-25T22:59:59Z",
        "2026-10-25T09:00:00Z",
        "2026-10-25T00:00:00Z",
        None,
    ]
    assert frame["start"].to_list()[0] == "2026-10-24T22:00:00Z"
    assert frame["clock"].to_list()[0] == "2026-10-24T22:00:00Z"


def test_attributes_by_name_and_by_pattern(load, table, draft) -> None:
    body = """
[fields]
sku = "sku"
attributes.colour = { column = "Farbe", words = { rot = "red" }, else = "keep" }
"attributes.size" = "Größe"
attributes."*" = { column = "Attr *", words = { ja = "yes" }, else = "keep" }
"""
    source = table(
        {"sku": ["1"], "Farbe": ["rot"], "Größe": ["XL"], "attr  Heel-height ": ["ja"], "Attr colour": ["no"]}
    )
    frame = draft(load(body), source).frame
    assert frame.select("^attributes.*$").row(0, named=True) == {
        "attributes.colour": "red",
        "attributes.size": "XL",
        "attributes.Heel-height": "yes",
    }


def test_a_pattern_that_fits_no_column_or_two_alike_makes_the_file_unusable(load, table, draft) -> None:
    mapping = load('[fields]\nsku = "sku"\nattributes."*" = "Attr *"\n')
    with pytest.raises(FileError, match=r"any column like 'Attr \*' for attributes"):
        draft(mapping, table({"sku": ["1"]}))
    with pytest.raises(FileError, match="A column name stands twice: 'a', wanted for"):
        draft(mapping, table({"sku": ["1"], "Attr a": ["1"], "attr a": ["2"]}))
    loose = load('[fields]\nsku = "sku"\nattributes."*" = { column = "Attr *", optional = true }\n')
    assert draft(loose, table({"sku": ["1"]})).frame.columns == ["@row", "@line", "sku"]


def test_a_pattern_asks_the_reader_for_every_column(load) -> None:
    head = 'contract = "catalog"\nversion = 1\n[format]\nkind = "xml"\nrecord = "a/b"\n'
    assert load('[fields]\nsku = "sku"\n', head=head).wanted() == ("sku",)
    assert load('[fields]\nsku = "sku"\nattributes."*" = "attr/*"\n', head=head).wanted() == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('a = { column = "a", separators = [","] }', "separators needs with"),
        ('a = { column = "a", with = "," }', "with belongs to join or separators"),
        ('a = { column = "a", chained = "+", negated = true }', "a field is a number, a date or a flag"),
        ('a = { column = "a", end_of_day = true, factor = 2 }', "a field is a number, a date or a flag"),
        ('"a.*" = "b *"', "only attributes have a pattern"),
        ('attributes."*" = "b"', "give one column with one *"),
        ('attributes."*" = { first = ["b *", "c"] }', "give one column with one *"),
        ('attributes.colour = { colum = "b" }', "unknown key 'colum' in fields.attributes.colour"),
    ],
)
def test_faults_of_the_mapping_are_told_with_their_line(load, line: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(f"[fields]\n{line}\n")
    assert said in str(caught.value)
    assert all("feed.toml" in fault.where for fault in caught.value.faults)
    assert said.startswith(("only", "give")) or ":8" in caught.value.faults[0].where  # those are of the whole file


def test_attributes_are_fields_of_any_contract_that_is_asked(load) -> None:
    check_fields(load('[fields]\nattributes.colour = "a"\n'), ["sku"])
