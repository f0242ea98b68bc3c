"""Slips of the pen in settings: each is answered with what to write, where it stands, and once."""

import pytest
from support.settings_tables import MIRAKL, ROUTE, SHOP, SOURCE

from gateway.errors import SettingsError
from gateway.formats.sections import no_toml
from gateway.mapping.dates import PatternError, compile_pattern
from gateway.settings import load_settings

SHEET = (
    'contract = "stock"\nversion = 1\n[format]\nkind = "xlsx"\nheader = "find"\n[fields]\nsku = "SKU"\nquantity = "Q"\n'
)


def test_a_header_that_is_to_be_found_needs_texts_to_find_it_by(place):
    place.mapping("stock.toml", SHEET)
    (said,) = place.faults(SOURCE, SHOP, ROUTE)
    assert 'stock.toml:3: format.find: header = "find" needs texts that stand in the header row' in said


def test_a_table_under_nearly_the_right_heading_is_one_fault_with_its_line(place):
    (said,) = place.faults(SOURCE, SHOP.replace("[destinations.", "[destination."), ROUTE)
    assert "6: destination: unknown table or setting 'destination'; did you mean 'destinations'?" in said


@pytest.mark.parametrize("pattern", [r"stock_.*\\.csv", "^stock.csv", "stock.csv$"])
def test_a_regular_expression_is_no_pattern_of_names(place, pattern):
    (said,) = place.faults(SOURCE, SHOP, ROUTE.replace("*.csv", pattern))
    assert "reads like a regular expression; * stands for any text here" in said


def test_the_currency_that_was_found_is_shown(place):
    said = "\n".join(place.faults(SOURCE, MIRAKL + 'currency = "EURO"\n'))
    assert 'currency: found "EURO", expected a currency by its three capital letters, like EUR' in said


@pytest.mark.parametrize(
    ("zone", "hint"), [("Europe/Roma", "did you mean Europe/Rome?"), ("mine", "write it like Europe/Madrid")]
)
def test_a_zone_by_another_name_is_told_by_the_nearest(place, zone, hint):
    (said,) = place.faults(SOURCE, SHOP, ROUTE, top=f'version = 1\nzone = "{zone}"')
    assert f"there is no time zone {zone!r}; {hint}" in said


def test_an_unknown_contract_is_told_once_at_its_line_in_the_mapping(place):
    place.mapping("stock.toml", SHEET.replace('"stock"', '"stocks"').replace('"find"', "1"))
    (said,) = place.faults(SOURCE, SHOP, ROUTE, ROUTE.replace("routes.stock", "routes.other"))
    place_told, said_of_it = said.split(": ", 1)
    assert place_told == f"{place.root / 'mappings/stock.toml'}:1"
    assert said_of_it.startswith("There is no contract 'stocks'. Did you mean stock? Known contracts: catalog")


def test_a_quote_that_is_not_closed_is_told_as_that(tmp_path):
    (tmp_path / "gateway.toml").write_text('version = 1\nzone = "UTC\n', "utf-8")
    with pytest.raises(SettingsError, match=r"gateway.toml:2: .*; a text in quotes ends in its own line"):
        load_settings(tmp_path / "gateway.toml")
    assert "closing quote" not in no_toml("Expected '=' after a key")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[sources.acme]\n[sources.acme]\n", "gateway.toml:2: this is not TOML: the table [sources.acme] stands"),
        (b"version = 1\nversion = 1\n", "toml:2: this is not TOML: Cannot overwrite a value; the key stands twice"),
        (b'state = "C:\\gateway"\n', "; put a text with backslashes into single quotes, like 'C:\\stock'"),
        ("[sources.müller]\n".encode(), "a name with signs other than A-Z, a-z, 0-9, _ and - stands in quotes"),
        (b"state = {\n folder = 1\n}\n", "toml:1: this is not TOML: Invalid initial character for a key part; a table"),
        ("zone = 'Málaga'".encode("cp1252"), "gateway.toml: the file is not UTF-8 (byte 10) Save it as UTF-8."),
        ("version = 1".encode("utf-16"), "gateway.toml: the file is not UTF-8 (byte 1) Save it as UTF-8."),
    ],
)  # fmt: skip
def test_what_is_no_toml_is_told_with_its_line_and_what_to_look_for(tmp_path, text, said):
    (tmp_path / "gateway.toml").write_bytes(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(tmp_path / "gateway.toml")
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["gg/mm/aaaa", "jj/MM/yyyy", "tt.MM.yyyy"])
def test_letters_of_another_language_in_a_date_lead_to_those_that_are_meant(text):
    with pytest.raises(PatternError, match="days are dd, months MM, years yyyy, as in dd/MM/yyyy"):
        compile_pattern(text)
