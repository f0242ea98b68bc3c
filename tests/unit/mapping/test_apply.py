from __future__ import annotations

import dataclasses

import pytest

from gateway.errors import FileError, SettingsError
from gateway.model import LINE, ROW, Kind


def test_zero_empty_and_missing_stay_different(load, table, draft) -> None:
    mapping = load('[fields]\nsku = "Artikel"\nquantity = "Bestand"\n')
    source = table({"Artikel": [" a ", "b", "c", "d"], "Bestand": [" 0 ", "", None, "\u00a0"]})
    result = draft(mapping, source, numeric={"quantity"})
    assert result.frame.columns == [ROW, LINE, "sku", "quantity"]
    assert result.frame["sku"].to_list() == ["a", "b", "c", "d"]
    assert result.frame["quantity"].to_list() == ["0", "", None, ""]
    assert result.issues.height == 0


def test_an_issue_names_the_contract_field_the_text_as_it_stood_and_the_agreed_form(load, table, draft) -> None:
    mapping = load('[fields]\nquantity = { column = "Bestand", number = "1.234,5" }\n')
    result = draft(mapping, table({"Bestand": ["1.234", " 1.5 "]}), numeric={"quantity"})
    assert result.frame["quantity"].to_list() == ["1234", None]
    assert result.issues.rows() == [(3, 103, "MAP_NUMBER", "quantity", " 1.5 ", "like 1.234,5")]


def test_headers_are_found_whatever_their_case_space_and_unicode_form(load, table, draft) -> None:
    mapping = load('[fields]\nsku = "Artículo Nr"\nname = { column = ["Name", "Título"] }\n')
    source = table({"\ufeff ARTI\u0301CULO\u00a0\nNr": ["a"], "tItulo\u200b": ["t"]})
    with pytest.raises(FileError, match="A column is missing") as caught:
        draft(mapping, source)
    assert caught.value.code == "FILE_COLUMN_MISSING"
    assert "'tItulo\\u200b' in column 2" in caught.value.message
    result = draft(mapping, table({"\ufeff ARTI\u0301CULO\u00a0\nNr": ["a"], "tÍtulo\u200b": ["t"]}))
    assert result.frame.select("sku", "name").rows() == [("a", "t")]


def test_all_missing_and_doubled_columns_are_named_with_the_nearest_present(load, applier) -> None:
    mapping = load('[fields]\nsku = "Artikel"\nq = "Bestand"\nw = { position = 9 }\n')
    with pytest.raises(FileError) as caught:
        applier(mapping, ("Bestnd", "artikel ", "ARTIKEL"))
    assert caught.value.code == "FILE_COLUMN_MISSING"
    for part in ("'Bestand' for q", "'Bestnd' in column 1", "column 9, wanted for w", "column 2 ('artikel ')"):
        assert part in caught.value.message
    with pytest.raises(FileError) as caught:
        applier(load('[fields]\nsku = { column = ["sku", "Artikel"] }\n'), ("sku", "Artikel"))
    assert caught.value.code == "FILE_COLUMN_TWICE"


def test_a_doubled_header_that_nobody_wants_does_no_harm(load, table, draft, applier) -> None:
    mapping = load('[fields]\nsku = "a"\n')
    assert applier(mapping, ("a", "b", "B")).columns == {"sku": "a"}


def test_an_optional_column_that_is_absent_is_missing(load, table, draft) -> None:
    body = """
[fields]
sku = "a"
x = { column = "b", optional = true }
y = { column = "b", optional = true, default = "9", number = "1234.5" }
z = { first = ["b", "a"], optional = true }
"""
    result = draft(load(body), table({"a": ["1", "2"]}))
    assert result.frame["x"].to_list() == [None, None]
    assert result.frame["y"].to_list() == ["9", "9"]
    assert result.frame["z"].to_list() == ["1", "2"]


def test_sources(load, table, draft) -> None:
    body = """
[fields]
place = { position = 2 }
named = { position = 2, column = "second" }
fixed = { constant = "MAD" }
number = { constant = 5 }
flag = { constant = true }
first = { first = ["a", "b"] }
joined = { join = ["a", "b", 3], with = " " }
"""
    source = table({"a": ["1", "", None], "b": ["x", " y", None], "c": ["p", None, None]})
    frame = draft(load(body), source, numeric={"number"}).frame
    assert frame["place"].to_list() == frame["named"].to_list() == ["x", "y", None]
    assert frame["fixed"].to_list() == ["MAD"] * 3
    assert frame["number"].to_list() == ["5"] * 3
    assert frame["flag"].to_list() == ["true"] * 3
    assert frame["first"].to_list() == ["1", "y", None]
    assert frame["joined"].to_list() == ["1 x p", "y", None]


def test_joining_and_choosing_among_empty_cells_gives_empty(load, table, draft) -> None:
    mapping = load('[fields]\nf = { first = ["a", "b"] }\nj = { join = ["a", "b"], with = "-" }\n')
    frame = draft(mapping, table({"a": ["", None], "b": [None, None]})).frame
    assert frame["f"].to_list() == ["", None]
    assert frame["j"].to_list() == ["", None]


def test_text_steps_in_their_order(load, table, draft, faults) -> None:
    body = r"""
[fields]
x = { column = "a", extract = "^code (.*)$", replace = [["_", "-"]], split = "-", part = 2, words = { b = "B" } }
last = { column = "a", split = "_", part = -1, trim = true }
raw = { column = "a", trim = false }
"""
    source = table({"a": ["code a_b ", "code a_c", "code a", "other", "", None]})
    result = draft(load(body), source)
    assert result.frame["x"].to_list() == ["B", None, None, None, "", None]
    assert result.frame["raw"].to_list() == ["code a_b ", "code a_c", "code a", "other", "", None]
    assert result.frame["last"].to_list() == ["b", "c", "code a", "other", "", None]
    assert [row[:3] for row in faults(result)] == [
        (3, "MAP_LOOKUP", "x"),
        (4, "MAP_SPLIT", "x"),
        (5, "MAP_EXTRACT", "x"),
    ]


def test_lookups_from_a_file_and_from_words(load, table, draft, faults) -> None:
    body = """
[fields]
unit = { column = "u", lookup = { file = "units.csv", from = "Code", to = "unit", delimiter = ";" } }
keep = { column = "u", words = { ud = "units" }, else = "keep" }
gone = { column = "u", words = { ud = "units" }, else = "empty", default = "none" }
loose = { column = "u", words = { Ud = "units" }, ignore_case = true }
command = { column = "u", words = { ud = "end", "" = "go" }, else = "keep" }
"""
    files = {"units.csv": "\ufeffcode;text;unit\nud;x;units\nkg;y;kilo\n\n"}
    result = draft(load(body, files=files), table({"u": ["ud", "UD", "kg", "", None]}))
    assert result.frame["unit"].to_list() == ["units", None, "kilo", "", None]
    assert result.frame["keep"].to_list() == ["units", "UD", "kg", "", None]
    assert result.frame["gone"].to_list() == ["units", "none", "none", "none", "none"]
    assert result.frame["loose"].to_list() == ["units", "units", None, "", None]
    assert result.frame["command"].to_list() == ["end", "UD", "kg", "go", None]
    assert faults(result) == [(3, "MAP_LOOKUP", "unit", "UD"), (4, "MAP_LOOKUP", "loose", "kg")]
    assert result.issues["detail"][0] == "units.csv (ud, kg)"


def test_flags_in_the_partners_words_and_typed(load, table, draft, faults) -> None:
    mapping = load('[fields]\nf = { column = "web", true = ["S", "Sí"], false = ["N"] }\ng = "web"\n')
    texts = ["s", "SI\u0301", "n", "x", "true", "", None]
    kinds = [Kind.TEXT] * 4 + [Kind.BOOLEAN, Kind.TEXT, Kind.EMPTY]
    result = draft(mapping, table({"web": texts}, kinds={"web": kinds}), flags={"f", "g"})
    assert result.frame["f"].to_list() == ["true", "true", "false", None, "true", "", None]
    assert [row for row in faults(result) if row[2] == "f"] == [(5, "MAP_BOOLEAN", "f", "x")]
    assert result.frame["g"].to_list() == [None, None, None, None, "true", "", None]


def test_the_same_text_of_another_kind_is_read_anew_in_every_block(load, table, applier, faults) -> None:
    mapping = load('[fields]\nq = { column = "q", number = "1.234,5" }\nd = { column = "d", date = "dd/MM/yyyy" }\n')
    few, times = ["1.234", "1.234", "x", "", None, "1,5"], 1500
    kinds = [Kind.NUMBER, Kind.TEXT, Kind.TEXT, Kind.EMPTY, Kind.EMPTY, Kind.TEXT]
    days = ["2026-11-22", "22/11/2026", "2026-11-22", "", None, "x"]
    source = table(
        {"q": few * times, "d": days * times},
        kinds={"q": kinds * times, "d": [Kind.DATE, Kind.TEXT, Kind.TEXT, Kind.EMPTY, Kind.EMPTY, Kind.NUMBER] * times},
    )
    one = applier(mapping, source.headers, days={"d"})
    for result in (one.apply(source), one.apply(source)):
        assert result.frame["q"].to_list() == ["1.234", "1234", None, "", None, "1.5"] * times
        assert result.frame["d"].to_list() == ["2026-11-22", "2026-11-22", None, "", None, None] * times
        assert len(faults(result)) == 3 * times


def test_default_fills_empty_and_missing_but_not_faulty_cells(load, table, draft, faults) -> None:
    mapping = load('[fields]\nq = { column = "q", number = "1234.5", default = "7" }\n')
    result = draft(mapping, table({"q": ["0", "", None, "x"]}))
    assert result.frame["q"].to_list() == ["0", "7", "7", None]
    assert faults(result) == [(5, "MAP_NUMBER", "q", "x")]


def test_a_condition_decides_which_cells_are_read_at_all(load, table, draft, faults) -> None:
    body = """
[fields]
q = { column = "q", number = "1234.5", when = { column = "kind", is = "X" }, otherwise = "0" }
r = { column = "q", number = "1234.5", when = { column = "kind", not_in = ["X", "Z"] } }
c = { constant = "end", when = { column = "kind", empty = true } }
m = { constant = "m", when = { column = "kind", matches = "^[XY]$" }, otherwise = "n" }
n = { constant = "m", when = { column = "nowhere", is_not = "X", optional = true } }
"""
    source = table({"q": ["1", "no", "3", "bad"], "kind": [" X ", "Y", None, "X"]})
    result = draft(load(body), source)
    assert result.frame["q"].to_list() == ["1", "0", "0", None]
    assert result.frame["r"].to_list() == [None, None, "3", None]
    assert result.frame["c"].to_list() == [None, None, "end", None]
    assert result.frame["m"].to_list() == ["m", "m", "n", "m"]
    assert result.frame["n"].to_list() == ["m"] * 4
    assert faults(result) == [(3, "MAP_NUMBER", "r", "no"), (5, "MAP_NUMBER", "q", "bad")]


def test_rows_left_out_are_counted_with_the_filters_text_and_nothing_else(load, table, draft) -> None:
    body = """
[fields]
q = { column = "q", number = "1234.5" }
[[filter]]
skip = { column = "q", is = "-" }
[[filter]]
keep = { column = "w", in = ["MAD", "BCN"] }
"""
    result = draft(load(body), table({"q": ["1", "-", "x", "y"], "w": ["MAD", "MAD", "SEV", None]}))
    assert result.frame[ROW].to_list() == [2]
    assert result.issues.height == 0
    assert result.skipped.rows() == [
        (3, 103, "SKIPPED", "skip rows where q is -"),
        (4, 104, "SKIPPED", "keep only rows where w is one of MAD, BCN"),
        (5, 105, "SKIPPED", "keep only rows where w is one of MAD, BCN"),
    ]


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ('in = ["MAD", "BCN", ""]', "w is one of MAD, BCN or empty"),
        ('in = [""]', "w is one of empty"),
        ('not_in = ["MAD", ""]', "w is none of MAD or empty"),
        ('is = ""', "w is empty"),
        ('is_not = ""', "w is not empty"),
    ],
)
def test_an_empty_text_of_a_filter_is_told(load, test, said) -> None:
    mapping = load(f'[fields]\nq = "q"\n[[filter]]\nkeep = {{ column = "w", {test} }}\n')
    assert mapping.filter[0].text() == f"keep only rows where {said}"


def test_readers_issues_on_mapped_columns_pass_and_on_others_do_not(load, table, draft, faults) -> None:
    mapping = load('[fields]\nq = { column = "Bestand", number = "1234.5", default = "9" }\nr = "Bestand"\n')
    source = table(
        {"Bestand": ["#N/A", "1", "x"], "Other": ["a", "#REF!", "b"]},
        issues=[
            (2, "CELL_ERROR", "Bestand", "#N/A"),
            (3, "CELL_ERROR", "Other", "#REF!"),
            (4, "ROW_TOO_LONG", None, ""),
        ],
    )
    result = draft(mapping, source)
    assert faults(result) == [
        (2, "CELL_ERROR", "q", "#N/A"),
        (2, "CELL_ERROR", "r", "#N/A"),
        (4, "ROW_TOO_LONG", None, ""),
    ]
    assert result.frame["q"].to_list() == [None, "1", None]


def test_how_a_cell_is_displayed_matters_for_codes_and_not_for_numbers(load, table, draft, faults) -> None:
    mapping = load('[fields]\nsku = "a"\nquantity = "b"\n')
    source = table({"a": ["7"], "b": ["12"]}, issues=[(2, "CELL_DISPLAY", "a", "7"), (2, "CELL_DISPLAY", "b", "12")])
    result = draft(mapping, source, numeric={"quantity"})
    assert result.frame.select("sku", "quantity").rows() == [(None, "12")]
    assert faults(result) == [(2, "CELL_DISPLAY", "sku", "7")]


def test_issues_in_columns_without_header_are_named_by_place_or_letter(load, applier, table, faults) -> None:
    mapping = load("[fields]\nsku = { position = 1 }\nq = { position = 28 }\n")
    wide = table({str(place): ["x"] for place in range(28)}, issues=[(2, "CELL_ERROR", "AB", "?"), (2, "X", "c1", "")])
    source = dataclasses.replace(wide, headers=("",) * 28)
    assert faults(applier(mapping, source.headers).apply(source)) == [(2, "CELL_ERROR", "q", "?")]


def test_a_row_whose_tested_cell_is_faulty_is_not_left_out(load, table, draft, faults) -> None:
    mapping = load('[fields]\nsku = "a"\n[[filter]]\nkeep = { column = "w", is = "MAD" }\n')
    source = table({"a": ["1", "2"], "w": ["#N/A", "BCN"]}, issues=[(2, "CELL_ERROR", "w", "#N/A")])
    result = draft(mapping, source)
    assert result.frame[ROW].to_list() == [2]
    assert result.skipped[ROW].to_list() == [3]
    assert faults(result) == [(2, "CELL_ERROR", "w", "#N/A")]


def test_fill_down_goes_on_in_the_next_block_with_its_kind(load, table, applier) -> None:
    body = 'fill_down = ["a", "d"]\n[fields]\nsku = "a"\nat = { column = "d", date = "dd/MM/yyyy", zone = "UTC" }\n'
    mapping = load("", head=body.split("[fields]", maxsplit=1)[0] + _head() + "[fields]" + body.split("[fields]")[1])
    apply = applier(mapping, ("a", "d")).apply
    first = table(
        {"a": [None, "x", " "], "d": ["", "2026-01-02", None]}, kinds={"d": [Kind.EMPTY, Kind.DATE, Kind.EMPTY]}
    )
    second = table({"a": [None, "y"], "d": ["", ""]}, kinds={"d": [Kind.EMPTY, Kind.EMPTY]}, first=5)
    drafts = apply(first), apply(second)
    assert [part.frame["sku"].to_list() for part in drafts] == [[None, "x", "x"], ["x", "y"]]
    day = "2026-01-02T00:00:00Z"
    assert [part.frame["at"].to_list() for part in drafts] == [["", day, day], [day, day]]


def test_what_is_filled_from_a_faulty_row_is_faulty_itself(load, table, applier, faults) -> None:
    mapping = load("[fields]\nsku = 'a'\nq = 'q'\n", head='fill_down = ["a"]\n' + _head())
    apply = applier(mapping, ("a", "q")).apply
    first = apply(table({"a": ["x", None], "q": ["1", "2"]}, issues=[(2, "ROW_TOO_LONG", None, "")]))
    second = apply(table({"a": [None, "y", None], "q": ["3", "4", "5"]}, first=4))
    assert faults(first) == [(2, "ROW_TOO_LONG", None, ""), (3, "MAP_FILL", "sku", "x")]
    assert faults(second) == [(4, "MAP_FILL", "sku", "x")]
    assert second.frame["sku"].to_list() == [None, "y", "y"]


def test_first_takes_the_kind_of_the_cell_it_chose(load, table, draft) -> None:
    mapping = load('[fields]\nq = { first = ["a", "b"], number = "1.234,5" }\n')
    kinds = {"a": [Kind.EMPTY, Kind.NUMBER], "b": [Kind.TEXT, Kind.TEXT]}
    result = draft(mapping, table({"a": ["", "1.234"], "b": ["1.234", "9"]}, kinds=kinds))
    assert result.frame["q"].to_list() == ["1234", "1.234"]


def test_a_block_without_rows_is_mapped_to_none(load, table, draft) -> None:
    body = """
[fields]
q = { column = "q", number = "1234.5", factor = 2 }
d = { column = "q", date = "iso", zone = "UTC" }
f = { constant = "x" }
[[filter]]
skip = { column = "q", empty = true }
"""
    result = draft(load(body), table({"q": []}))
    assert result.frame.columns == [ROW, LINE, "q", "d", "f"]
    assert result.frame.height == result.issues.height == result.skipped.height == 0


def test_a_naive_date_pattern_needs_a_zone_from_the_field_or_the_settings(load, table, draft, tmp_path) -> None:
    mapping = load('[fields]\nat = { column = "d", date = "dd/MM/yyyy" }\n')
    source = table({"d": ["01/02/2026"]})
    with pytest.raises(SettingsError) as caught:
        draft(mapping, source, instants={"at"})
    assert caught.value.faults[0].where == f"{tmp_path / 'feed.toml'}:8"
    assert draft(mapping, source, instants={"at"}, zone="Europe/Madrid").frame["at"][0] == "2026-01-31T23:00:00Z"
    assert draft(mapping, source, days={"at"}).frame["at"][0] == "2026-02-01"


def test_columns_say_where_each_field_comes_from(load, applier) -> None:
    mapping = load(
        '[fields]\nsku = "artikel"\nw = { constant = "M" }\nj = { join = ["b", "artikel"] }\nn = { position = 3 }\n'
    )
    assert applier(mapping, ("Artikel ", "B", "")).columns == {"sku": "Artikel ", "j": "B", "n": "c2"}


def _head() -> str:
    return 'contract = "stock"\nversion = 1\n[format]\nkind = "xlsx"\n'


def test_what_was_said_of_a_text_is_said_again_in_later_blocks(load, table, applier) -> None:
    mapping = load('[fields]\nquantity = { column = "Bestand", replace = [["x$", ""]], number = "1.234,5" }\n')
    one = applier(mapping, ("Bestand",), numeric={"quantity"})
    fault = ("MAP_NUMBER", "quantity")
    for _ in range(2):
        found = one.apply(table({"Bestand": ["1.5", "viele", "2", "viele", "7x", "1.5x"]})).issues
        assert found.select("code", "field", "value").rows() == [
            (*fault, "1.5"), (*fault, "viele"), (*fault, "viele"), (*fault, "1.5x"),
        ]  # fmt: skip
    fresh = one.apply(table({"Bestand": [f"no {number}" for number in range(900)]})).issues
    assert fresh["value"].to_list() == [f"no {number}" for number in range(900)]
    more = one.apply(table({"Bestand": [*(f"none {number}" for number in range(2500)), "viele"]})).issues
    assert more.height == 2501
    assert more["detail"].unique().to_list() == ["like 1.234,5"]
    few = one.apply(table({"Bestand": [f"still {number}" for number in range(300)]})).issues
    assert (few.height, set(few["code"])) == (300, {"MAP_NUMBER"})


def test_records_of_a_file_without_header_that_have_too_few_cells_are_told_which_ones_are_agreed(load, table, draft):
    body = '[fields]\nsku = { position = 1, column = "Stock Code" }\nq = { position = 3, number = "1234.5" }\n'
    body += "name = { first = [2, 4] }\n"
    head = 'contract = "stock"\nversion = 1\n[format]\nkind = "csv"\ndelimiter = ","\nencoding = "utf-8"\n'
    mapping = load(body, head=f"{head}header = false\ncolumns = 4\n")
    issues = [(2, "ROW_TOO_SHORT", None, None)]
    result = draft(mapping, table({"": ["a", "b"], " ": ["1", "2"], "  ": ["5", "6"], "   ": ["", ""]}, issues=issues))
    assert result.issues["detail"].to_list() == [" (the agreed ones are 1 Stock Code, 2 name, 3 q, 4 name)"]
