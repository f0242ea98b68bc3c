"""Faults show the cell as the partner wrote it."""

import polars as pl
import pytest

from gateway.contracts.checker import VALUE_LIMIT
from gateway.model import ISSUE_SCHEMA, LINE, ROW, Table
from gateway.pipeline.written import as_written
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping

CELLS = {"quantity": 1, "sku": 0}


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
