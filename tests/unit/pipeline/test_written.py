"""Faults show the cell as the partner wrote it."""

import polars as pl
import pytest

from gateway.contracts.checker import VALUE_LIMIT
from gateway.mapping import Origin
from gateway.model import ISSUE_SCHEMA, LINE, ROW, Table
from gateway.pipeline.written import as_written
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping

CELLS = {"quantity": Origin(1), "sku": Origin(0)}


def table(*rows):
    frame = pl.DataFrame(list(rows), schema={ROW: pl.Int64, "c0": pl.String, "c1": pl.String}, orient="row")
    return Table(frame.with_columns(pl.col(ROW).alias(LINE)), ("Article", "Stock"))


def shown(*issues, cells=CELLS, rows=((2, "a", " 1.000,50 "), (3, "b", ""), (5, "c", None))):
    frame = pl.DataFrame([(r, r, c, f, v, "") for r, c, f, v in issues], schema=ISSUE_SCHEMA, orient="row")
    found = as_written(frame, table(*rows), cells)
    assert found.schema == ISSUE_SCHEMA
    return found["value"].to_list()


def test_the_cell_is_shown_without_its_blanks():
    assert shown((2, "DECIMALS", "quantity", "1000.5")) == ["1.000,50"]


@pytest.mark.parametrize(
    "issue",
    [
        (3, "TOO_LARGE", "quantity", "filled"),
        (5, "TOO_LARGE", "quantity", "filled"),
        (2, "REQUIRED", "quantity", None),
        (2, "MAP_NUMBER", "quantity", "as read"),
        (2, "NOT_LISTED", "command", "constant"),
        (2, "REQUIRED_ONE", None, "x"),
    ],
)
def test_what_is_no_cell_of_the_row_stays_as_it_is(issue):
    assert shown(issue) == [issue[3]]


def test_each_issue_gets_the_cell_of_its_own_row_and_field():
    issues = ((2, "A", "quantity", "v"), (2, "A", "sku", "v"), (5, "A", "sku", "v"), (3, "A", "sku", "v"))
    assert shown(*issues) == ["1.000,50", "a", "c", "b"]


def test_a_long_cell_is_cut():
    (value,) = shown((2, "TOO_LONG", "sku", "x"), rows=((2, "é" * (VALUE_LIMIT + 1), ""),))
    assert value == "é" * VALUE_LIMIT + "…"


def test_no_issues_are_none():
    assert shown() == []


MAPPING = mapping(
    "stock",
    """sku = "Article"
quantity = { column = "Stock", number = "1.234,5" }
valid_from = { column = "From", date = "dd/MM/yyyy", zone = "Europe/Madrid", optional = true }
command = { column = "Ended", words = { yes = "end", no = "off" }, optional = true }
""",
    delimiter=";",
)


def test_a_partner_reads_his_own_words_in_the_results(tmp_path):
    clock = FakeClock()
    there = BulkDestination(BulkSettings(), clock=clock, account="there", name="there")
    rig = Rig(tmp_path, there, clock, mapping=MAPPING)
    run = rig.drop("1.csv", "Article;Stock;From;Ended\na;1.234.567.890.123;;\nb;1;;no\n")
    found = rig.results(run).select("code", "field", "value").rows()
    rig.close()
    assert found == [("TOO_LARGE", "quantity", "1.234.567.890.123"), ("NOT_LISTED", "command", "no")]


LAYOUT = """version = 1
[format]
kind = "csv"
delimiter = ";"
encoding = "utf-8"
[fields]
"""
PROMOTIONS = f"""contract = "promotion"
{LAYOUT}sku = "Article"
price = {{ column = "Offer", number = "1.234,5" }}
regular_price = {{ column = "Before", number = "1.234,5", optional = true }}
price_basis = {{ constant = "gross" }}
starts_at = {{ column = "From", date = "dd/MM/yyyy", zone = "Europe/Madrid" }}
ends_at = {{ column = "To", date = "dd/MM/yyyy", zone = "Europe/Madrid" }}
"""
CATALOG = f"""contract = "catalog"
{LAYOUT}sku = "Article"
product_id = "Product"
name = "Name"
tax_rate = {{ column = "Tax", number = "1.234,5", percent = true }}
variant1_type = {{ column = "Kind", words = {{ Talla = "Size", Color = "Colour" }} }}
variant1_value = "Value"
"""


@pytest.fixture
def told(tmp_path):
    """Return what is told of the rows of a file: code, value, detail of every issue."""
    made = []

    def tell(mapping, *lines, contract):
        clock = FakeClock()
        there = BulkDestination(
            BulkSettings(contract=contract, fields=("sku",)), clock=clock, account="t", name="there"
        )
        made.append(Rig(tmp_path, there, clock, mapping=mapping))
        run = made[0].drop("1.csv", "\n".join(lines) + "\n")
        frames = list(made[0].settler.rows(made[0].operations.run(run)).issues())
        return [row for frame in frames for row in frame.select(ROW, "code", "value", "detail").rows()]

    yield tell
    for one in made:
        one.close()


def test_two_cells_of_a_row_are_told_as_they_stand(told):
    header = "Article;Offer;Before;From;To"
    found = told(
        PROMOTIONS,
        header,
        "a;1.014,99;12,99;27/11/2026;30/11/2026",
        "b;9,99;;30/11/2026;27/11/2026",
        contract="promotion",
    )
    assert found == [
        (2, "SP-PRICE", "1.014,99", "1.014,99 of 12,99"),
        (3, "SP-DATE", "27/11/2026", "starts_at 30/11/2026"),
    ]


def test_what_is_found_over_rows_is_told_as_it_stands(told):
    header = "Article;Offer;From;To"
    found = told(
        PROMOTIONS, header, "a;9,99;27/11/2026;30/11/2026", "a;9,99;29/11/2026;05/12/2026", contract="promotion"
    )
    assert found == [(3, "SP-OVERLAP", "29/11/2026", "also in row 2")]


def test_cells_of_two_rows_are_told_as_they_stand(told):
    rows = ["1;P;N;21,00 %;Talla;S", "2;P;N;10 %;Color;M", "3;P;N;21 %;Talla;L", "4;Q;N;4 %;Talla;S"]
    found = told(CATALOG, "Article;Product;Name;Tax;Kind;Value", *rows, contract="catalog")
    assert found == [
        (2, "V-CONS", "Talla", "Talla here, Color in row 3"),
        (3, "V-CONS", "Color", "Color here, Talla in row 2"),
        (3, "V-PARENT", "10 %", "21,00 % in row 2"),
        (4, "V-CONS", "Talla", "Talla here, Color in row 3"),
    ]


def test_of_very_many_rows_the_others_are_told_as_they_were_read(told, monkeypatch):
    monkeypatch.setattr("gateway.pipeline.written.MOST_SHOWN", 1)
    rows = ["a;9;27/11/2026;30/11/2026", "a;9;29/11/2026;05/12/2026", "a;9;04/12/2026;06/12/2026"]
    found = told(PROMOTIONS, "Article;Offer;From;To", *rows, contract="promotion")
    assert [value for _, _, value, _ in found] == ["29/11/2026", "2026-12-03T23:00:00Z"]


RATES = CATALOG.replace(
    "percent = true", 'percent = true, when = { column = "Kind", is = "Talla" }, otherwise = "101.25"'
)


def test_a_cell_is_told_as_it_stands_where_a_condition_lets_it_in(told):
    rows = ["1;P;N; 101,50 %;Talla;S", "2;Q;N;0,15;Talla;S", "3;R;N;101,50 %;Color;M"]
    found = told(RATES, "Article;Product;Name;Tax;Kind;Value", *rows, contract="catalog")
    assert [(row, value) for row, _, value, _ in found] == [(2, "101,50 %"), (3, "0,15"), (4, "101.25")]


def test_two_cells_of_rows_are_told_as_they_stand_where_a_condition_lets_them_in(told):
    rows = ["1;P;N;21,00 %;Talla;S", "2;P;N;10 %;Talla;M"]
    found = told(RATES, "Article;Product;Name;Tax;Kind;Value", *rows, contract="catalog")
    assert (3, "V-PARENT", "10 %", "21,00 % in row 2") in found


def test_a_condition_on_a_cell_filled_from_above_is_asked_of_what_fills_it(told):
    filled = RATES.replace("version = 1", 'version = 1\nfill_down = ["Kind"]')
    rows = ["1;P;N;4,00 %;Talla;S", "2;Q;N;101,50 %;;S"]
    found = told(filled, "Article;Product;Name;Tax;Kind;Value", *rows, contract="catalog")
    assert [(row, value) for row, _, value, _ in found] == [(3, "101,50 %")]


def test_a_value_that_the_mapping_sets_is_told_as_no_cell_of_the_file(told):
    column, last = '{ column = "To", date = "dd/MM/yyyy", zone = "Europe/Madrid" }', "2026-11-20T00:00:00Z"
    mapping = PROMOTIONS.replace(column, f'{{ constant = "{last}" }}')
    found = told(mapping, "Article;Offer;From", "a;9,99;27/11/2026", "b;9,99;19/11/2026", contract="promotion")
    said = f"{last} (set by the mapping, which the operator can change)"
    assert [one for one in found if one[1] == "SP-DATE"] == [(2, "SP-DATE", said, "starts_at 27/11/2026")]


def test_a_good_file_is_read_once(tmp_path, told, monkeypatch):
    monkeypatch.setattr("gateway.pipeline.written.Shown._table", None)
    assert told(PROMOTIONS, "Article;Offer;From;To", "a;9,99;27/11/2026;30/11/2026", contract="promotion") == []
