from __future__ import annotations

import json
import shutil

import jsonschema
import pytest

from gateway.errors import SettingsError
from gateway.formats.layout import CsvLayout
from gateway.mapping import check_fields, load_mapping, schema
from gateway.mapping.lines import key_lines

HEADLESS = '[format]\nkind = "csv"\ndelimiter = ";"\nencoding = "utf-8"\n'


def faults_of(load, body: str, **options) -> list[tuple[str, str]]:
    with pytest.raises(SettingsError) as caught:
        load(body, **options)
    return [(fault.where.rsplit("/", 1)[-1], fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ('a = { column = "x", end_of_day = "ja" }', "found 'ja', expected true or false, without quotes"),
        ('attribute.material = "M"', "did you mean the field attributes.material?"),
    ],
)
def test_what_was_most_likely_meant(load, field, said) -> None:
    assert any(said in message for _, message in faults_of(load, f"[fields]\n{field}\n"))


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ('[[fields]]\nsku = "a"', 7, "expected a table under a heading in single brackets, [fields]"),
        ("[fields]\nsku = 1", 8, 'found 1, expected the header in quotes, or a table like { column = "..." }'),
        ("[fields]\nsku = true", 8, "fields.sku: found true, expected the header in quotes"),
        ('[fields]\nsku = { column = "a", words = ["a"] }', 8, 'expected a table like { "from" = "to" }'),
        ('[fields]\nsku = { column = "a", when = "b" }', 8, 'expected a table like { column = "...", is = "..." }'),
        ('[fields]\nsku = "a"\n[filter]\nskip = { column = "a", empty = true }', 9, "in double brackets, [[filter]]"),
        ('[fields]\nsku = "a"\n[format]\nkind = "csv"', 9, "this is not TOML: the table [format] stands twice"),
        ('[fields]\nsku = "a\\d"', 8, "put a text with backslashes into single quotes"),
    ],
)  # fmt: skip
def test_slips_of_form_are_told_with_what_is_expected_there(load, body, line, said) -> None:
    ((where, told),) = faults_of(load, f"{body}\n")
    assert where == f"feed.toml:{line}"
    assert said in told


def test_keys_below_a_heading_are_missed_with_where_they_belong(load) -> None:
    body = '[fields]\nsku = "a"\nversion = 1\ncontract = "stock"\n'
    told = [said for _, said in faults_of(load, body, head=HEADLESS)]
    assert "the key 'contract' is missing: it stands above the first heading in brackets" in told
    assert "the key 'version' is missing: it stands above the first heading in brackets" in told


def test_a_tab_is_told_how_to_be_written(load) -> None:
    head = 'contract = "stock"\nversion = 1\n[format]\nkind = "csv"\ndelimiter = "tab"\nencoding = "utf-8"\n'
    ((_, said),) = faults_of(load, '[fields]\nsku = "a"\n', head=head)
    assert said.endswith("found 'tab', expected one character; a tab is written \"\\t\"")


def test_a_good_mapping_says_what_it_holds(load, tmp_path) -> None:
    body = """
[fields]
sku = "Artikel"
unit = { column = ["u", "v"], lookup = { file = "units.csv", from = "c", to = "u" } }
q = { first = ["x", "sku"], when = { column = "k", is = "1" } }
[[filter]]
skip = { column = "state", empty = true }
[group]
by = ["sku"]
sum = ["q"]
keep = { unit = ["a"] }
"""
    mapping = load(body, files={"units.csv": "c,u\n1,one\n"})
    assert isinstance(mapping.format, CsvLayout)
    assert mapping.format.delimiter == ";"
    assert mapping.wanted() == ("Artikel", "u", "v", "x", "sku", "k", "state")
    assert mapping.sources == (tmp_path / "feed.toml", tmp_path / "units.csv")
    assert mapping.group is not None
    assert mapping.group.sum == ("q",)
    assert mapping.group.keep == {"unit": ("a",)}


def test_a_copied_folder_loads_the_same(load, tmp_path) -> None:
    mapping = load(
        '[fields]\nunit = { column = "u", lookup = { file = "units.csv", from = "c", to = "u" } }\n',
        files={"units.csv": "c,u\n1,one\n"},
    )
    pinned = tmp_path / "pinned"
    pinned.mkdir()
    for source in mapping.sources:
        shutil.copy(source, pinned)
        source.unlink()
    again = load_mapping(pinned / "feed.toml")
    assert again.table("unit") == {"1": "one"}
    assert again.model_dump() == mapping.model_dump()


def test_one_text_in_two_places_has_the_files_of_each(load, tmp_path) -> None:
    body = '[fields]\nunit = { column = "u", lookup = { file = "units.csv", from = "c", to = "u" } }\n'
    mapping = load(body, files={"units.csv": "c,u\n1,one\n"})
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(mapping.path, other)
    (other / "units.csv").write_text("c,u\n1,uno\n", "utf-8")
    second = load_mapping(other / "feed.toml")
    (tmp_path / "units.csv").write_text("c,u\n1,ein\n", "utf-8")
    third = load_mapping(mapping.path)
    assert [one.table("unit")["1"] for one in (mapping, second, third)] == ["one", "uno", "ein"]
    assert [one.path.parent for one in (mapping, second, third)] == [tmp_path, other, tmp_path]


def test_every_fault_is_told_at_once_with_its_line_and_the_nearest_right_word(load) -> None:
    body = """
[fields]
sku = { colum = "Artikel" }
q = { column = "Bestand", numbr = "1234.5", factor = 0.5 }
n = { column = "Bestand", number = "1.5" }
d = { column = "ab", date = "DD/MM/YYYY" }

z = { column = "ab", date = "dd/MM/yyyy", zone = "Europa/Madrid", number = "1234.5" }
c = { constant = "x", number = "1234.5" }
[[filter]]
skip = { column = "a" }
[[filter]]
drop = { column = "a", is = "b" }
[group]
by = ["sku"]
summ = ["q"]
[fieds]
"""
    found = faults_of(load, body)
    told = dict(found)
    assert [where for where, _ in found] == sorted(
        (where for where, _ in found), key=lambda where: int(where.rsplit(":")[1])
    )
    text = "\n".join(f"{where}: {message}" for where, message in found)
    for expected in (
        "feed.toml:9: unknown key 'colum' in fields.sku: did you mean 'column'?",
        "feed.toml:10: unknown key 'numbr' in fields.q: did you mean 'number'?",
        "feed.toml:10: fields.q.factor: found 0.5, expected a whole number or a text in quotes",
        "feed.toml:11: fields.n.number: found '1.5'",
        "feed.toml:12: fields.d: date: 'DD/MM/YYYY' has 'D': days are dd",
        "feed.toml:14: fields.z: a field is a number, a date or a flag",
        "feed.toml:14: fields.z: there is no time zone 'Europa/Madrid'",
        "feed.toml:15: fields.c: a constant is canonical text: it takes no number",
        "feed.toml:17: filter.0.skip: say exactly one of is",
        "feed.toml:19: unknown key 'drop' in filter.1",
        "feed.toml:22: unknown key 'summ' in group: did you mean 'sum'?",
        "feed.toml:23: unknown key 'fieds': did you mean 'fields'?",
    ):
        assert expected in text, text
    assert told


def test_faults_of_the_layout_and_of_the_whole(load) -> None:
    head = '[format]\nkind = "csvv"\n'
    text = str(faults_of(load, '[fields]\nsku = "a"\n', head=head))
    assert "did you mean 'csv'?" in text
    assert "the key 'contract' is missing" in text
    assert "the key 'version' is missing" in text
    head = 'contract = "stock"\nversion = 2\n[format]\nkind = "csv"\ndelimeter = ";"\nencoding = "utf8"\n'
    text = str(faults_of(load, "[fields]\n", head=head))
    assert "feed.toml:5', \"unknown key 'delimeter' in format: did you mean 'delimiter'?" in text
    assert "feed.toml:2" in text
    assert "feed.toml:6" in text


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ('delimiter = "\\n"', "format.delimiter: '\\n' can't stand between cells"),
        ('delimiter = "\\r"', "format.delimiter: '\\r' can't stand between cells"),
        ("delimiter = '\"'", "format.quote: '\"' is the delimiter already"),
        ('delimiter = ";"\nquote = ";"', "format.quote: ';' is the delimiter already"),
        ('delimiter = ";"\nquote = "\\n"', "format.quote: '\\n' can't stand between cells"),
    ],
)
def test_marks_that_tell_no_cells_apart_are_refused(load, marks: str, expected: str) -> None:
    head = f'contract = "stock"\nversion = 1\n[format]\nkind = "csv"\nencoding = "utf-8"\n{marks}\n'
    ((_, told),) = faults_of(load, '[fields]\nsku = "a"\nquantity = "b"\n', head=head)
    assert told.startswith(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('a = { column = "x", constant = "y" }', "say exactly one of column, position, constant"),
        ("a = { trim = false }", "say exactly one of column, position, constant"),
        ('a = { column = "x", split = "-" }', "split and part belong together"),
        ('a = { column = "x", split = "-", part = 0 }', "part counts from 1"),
        ('a = { column = "x", else = "keep" }', "else belongs to lookup or words"),
        ('a = { column = "x", with = "-" }', "with belongs to join"),
        ('a = { column = "x", otherwise = "-" }', "otherwise belongs to when"),
        ('a = { function = "x:y" }', "function and columns belong together"),
        ('a = { function = "no.such:name", columns = ["x"] }', "'no.such:name' can't be imported"),
        ('a = { function = "nobody", columns = ["x"] }', "no installed package offers 'nobody'"),
        ('a = { function = "os:sep", columns = ["x"] }', "is not a function"),
        ('a = { column = "x", extract = "a(b" }', "is not a regular expression"),
        ('a = { column = "x", extract = "ab" }', "has 0 groups"),
        ('a = { column = "x", replace = [["(", ""]] }', "is not a regular expression"),
        ('a = { column = "x", true = ["S"] }', "true and false belong together"),
        ('a = { column = "x", true = ["S"], false = ["s"] }', "can't mean both"),
        ('a = { column = "x", factor = "0" }', "not a number other than 0"),
        ('a = { column = "x", factor = "NaN" }', "not a number other than 0"),
        ('a = { column = "x", currency = "Rs." }', "can't hold digits, signs or number marks"),
        ('a = { column = "x", words = { a = "1", A = "2" }, ignore_case = true }', "becomes both"),
        ('a = { column = ["x", "y"], position = 2 }', "one name at most"),
        (
            'a = { column = "x", lookup = { file = "../u.csv", from = "a", to = "b" } }',
            "must lie in the mapping's folder",
        ),
        (
            'a = { column = "x", lookup = { file = "u\\u0000.csv", from = "a", to = "b" } }',
            "has a NUL character at place 2: write its path without",
        ),
        ('a = { column = "x", lookup = { file = "no.csv", from = "a", to = "b" } }', "'no.csv' can't be read"),
        ('a = { column = "x", lookup = { file = "u.csv", from = "cod", to = "b" } }', "did you mean 'code'?"),
        (
            'a = { column = "x", lookup = { file = "two.csv", from = "code", to = "u" } }',
            "'1' becomes both 'x' and 'y'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(load, body: str, expected: str) -> None:
    files = {"u.csv": "code,b\n", "two.csv": "code,u\n1,x\n2,z\n1,y\n"}
    assert expected in str(faults_of(load, f"[fields]\n{body}\n", files=files))


def test_a_double_in_a_lookup_file_is_told_with_that_files_line(load) -> None:
    body = '[fields]\na = { column = "x", lookup = { file = "two.csv", from = "code", to = "u" } }\n'
    assert faults_of(load, body, files={"two.csv": "code,u\n1,x\n2\n1,y\n"}) == [
        ("two.csv:3", "the line has 1 cells; 2 are wanted"),
        ("two.csv:4", "'1' becomes both 'x' and 'y'"),
    ]


def test_columns_must_fit_the_layout(load) -> None:
    head = 'contract = "stock"\nversion = 1\nfill_down = [1]\n[format]\nkind = "xml"\nrecord = "a/b"\n'
    text = str(faults_of(load, '[fields]\na = { column = ["x", "y"] }\nb = { position = 1 }\n', head=head))
    assert "a path has no aliases" in text
    assert "elements have no position" in text
    assert "fill_down" in text
    head = 'contract = "s"\nversion = 1\n[format]\nkind = "csv"\ndelimiter = ";"\nencoding = "utf-8"\nheader = false\n'
    assert "the file has no header" in str(faults_of(load, '[fields]\na = "x"\n', head=head))
    load('[fields]\na = { position = 1, column = "x" }\n', head=head)


def test_a_group_names_only_fields_that_are_filled(load) -> None:
    found = faults_of(load, '[fields]\nsku = "a"\nquantity = "b"\n[group]\nby = ["sku"]\nsum = ["quantty"]\n')
    said = "group.sum names 'quantty', which [fields] does not fill: did you mean 'quantity'?"
    assert found == [("feed.toml:12", said)]


FILLED = 'contract = "s"\nversion = 1\nfill_down = {}\n[format]\nkind = "csv"\ndelimiter = ";"\nencoding = "utf-8"\n'


def test_what_is_filled_down_under_a_slip_of_a_name_is_told_before_a_file_comes(load) -> None:
    found = faults_of(load, '[fields]\na = "Title"\n', head=FILLED.format('["Titel"]'))
    assert found == [("feed.toml:3", "fill_down names 'Titel', which the mapping reads nowhere: did you mean 'Title'?")]


@pytest.mark.parametrize(
    ("filled", "body"),
    [
        ('["TITLE "]', '[fields]\na = "Title"'),
        ('["Name"]', '[fields]\na = { column = ["Title", "Name"] }'),
        ('["Description"]', '[fields]\na = "Title"'),
        ("[7]", "[fields]\na = { position = 2 }"),
        ('["Title"]', "[fields]\na = { position = 2 }"),
        ("[2]", '[fields]\na = "Title"'),
        ('["Attr Colour"]', '[fields]\nattributes."*" = "Attr *"'),
        ('["kind"]', '[fields]\na = { column = "x", when = { column = "kind", is = "1" } }'),
        ('["kind"]', '[fields]\na = "x"\n[[filter]]\nskip = { column = "kind", is = "1" }'),
        ('["kind", "x"]\nfill_within = ["kind"]', '[fields]\na = "x"'),
    ],
)
def test_what_is_filled_down_may_be_read_anywhere_or_by_its_place(load, filled, body) -> None:
    assert load(f"{body}\n", head=FILLED.format(filled)).fill_down


def test_a_place_beyond_the_columns_of_the_format_is_told_before_a_file_comes(load) -> None:
    head = FILLED.format("[3]") + "header = false\ncolumns = 3\n"
    body = "[fields]\na = { position = 4 }\nb = { first = [3, 5] }\n[[filter]]\nskip = { position = 6, empty = true }\n"
    assert faults_of(load, body, head=head) == [
        ("feed.toml:11", "a: there is no column 4: format.columns says that the file has 3"),
        ("feed.toml:12", "b: there is no column 5: format.columns says that the file has 3"),
        ("feed.toml:13", "filter 1: there is no column 6: format.columns says that the file has 3"),
    ]


def test_broken_toml_and_unreadable_files_are_told(load, tmp_path) -> None:
    assert faults_of(load, "[fields\n")[0][0] == "feed.toml:7"
    with pytest.raises(SettingsError, match="can't be read"):
        load_mapping(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'contract = "\xe9"')
    with pytest.raises(SettingsError, match="not UTF-8"):
        load_mapping(tmp_path / "latin.toml")


def test_fields_the_contract_does_not_have_are_told(load) -> None:
    mapping = load('[fields]\nsku = "a"\nquantty = "b"\n')
    with pytest.raises(SettingsError) as caught:
        check_fields(mapping, ("sku", "quantity"))
    fault = caught.value.faults[0]
    assert fault.where.endswith("feed.toml:9")
    assert "did you mean 'quantity'?" in fault.message
    check_fields(mapping, ("sku", "quantty"))


def test_the_schema_takes_both_forms_of_a_field_and_refuses_unknown_keys() -> None:
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    validator = jsonschema.Draft202012Validator(made)
    layout = {"kind": "csv", "delimiter": ";", "encoding": "utf-8"}
    good = {
        "contract": "stock",
        "version": 1,
        "format": layout,
        "fields": {"a": "x", "b": {"column": "y", "else": "keep"}},
    }
    validator.validate(json.loads(json.dumps(good)))
    assert not validator.is_valid(good | {"fields": {"b": {"colum": "y"}}})


def test_lines_of_keys_through_comments_texts_and_brackets() -> None:
    text = '''# a [comment]
a = 1
"b.c" = """
x = [
"""
[t]  # here
k = [
  "]", # "
  'x',
]
d.e = { f = 1 }
[[l]]
m = 1
[[l]]
m = "#"
n = 2
'''
    assert key_lines(text) == {
        ("a",): 2,
        ("b.c",): 3,
        ("t",): 6,
        ("t", "k"): 7,
        ("t", "d"): 11,
        ("t", "d", "e"): 11,
        ("l",): 12,
        ("l", "0"): 12,
        ("l", "0", "m"): 13,
        ("l", "1"): 14,
        ("l", "1", "m"): 15,
        ("l", "1", "n"): 16,
    }
