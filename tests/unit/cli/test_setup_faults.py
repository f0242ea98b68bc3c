"""A setting the marketplace does not take, on the command line: the operator is told, the partner not blamed."""

from __future__ import annotations

import json

import pytest

from gateway.testing import texts
from gateway.twin.mirakl import MiraklTwin

SHOP = """[destinations.shop]
kind = "mirakl"
host = "{host}"
api_key = {{ env = "SHOP_KEY" }}
price_basis = "net"
currency = "USD"
offer_columns = {{ condition = "no-such-column" }}
"""
GOODS = texts.mapping(
    "catalog",
    """sku = "Article"
price = "Price"
price_basis = { constant = "net" }
condition = { constant = "11" }
quantity = { constant = "1" }
barcode = { constant = "4006381333931" }
barcode_type = { constant = "EAN-13" }
""",
    delimiter=";",
)


@pytest.fixture
def twin(add, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", "twin-key")
    with MiraklTwin({}, speed=300) as one:
        route = texts.route("catalog", "shop", source="inbox") + 'effects = ["offer"]\n'
        add(SHOP.format(host=one.url), route, catalog=GOODS)
        yield one


def test_what_is_refused_before_it_is_sent_names_its_field(call, place, dropped, twin):
    mapping = place / "mappings/catalog.toml"
    mapping.write_text(mapping.read_text().replace('quantity = { constant = "1" }\n', ""))
    dropped("catalog_1.csv", "A1;5\n", header="Article;Price\n")
    (run,) = json.loads(call("run", "--once", "--json").stdout)["runs"]
    (cause,) = (one for one in json.loads(call("show", run["run"], "--json").stdout)["issues"])
    assert cause["message"] == "quantity is needed by the destination: a new offer needs one."


def test_a_column_the_marketplace_does_not_know_is_the_operators_trouble(call, place, dropped, twin):
    dropped("catalog_1.csv", "A1;5\n", header="Article;Price\n")
    result = call("run", "--once", "--json")
    assert result.exit_code == 4, result.output
    (run,) = json.loads(result.stdout)["runs"]
    shown = json.loads(call("show", run["run"], "--json").stdout)
    (cause,) = (one for one in shown["issues"] if one["code"] == "DEST_SETUP")
    assert "no-such-column" in cause["message"]
    assert cause["fix"] == "Nothing to mend in the file: the operator is told."
    result = call("status", "--json")
    assert result.exit_code == 4
    (lane,) = (one for one in json.loads(result.stdout)["lanes"] if one["lane"].startswith("shop/offer"))
    assert "no-such-column" in lane["trouble"]
    assert lane["since"] is not None


def test_every_word_on_such_rows_is_that_of_the_answers(call, place, dropped, twin):
    dropped("catalog_1.csv", "A1;5\nA2;6\n", header="Article;Price\n")
    (run,) = json.loads(call("run", "--once", "--json").stdout)["runs"]
    (summary,) = (place / "outbox").rglob("*.summary.json")
    said = json.loads(summary.read_text())["verdict"]
    assert said.startswith("All 2 rows were refused by shop. There is nothing to mend in them")
    (listed,) = json.loads(call("status", "--json").stdout)["runs"]
    shown = json.loads(call("show", run["run"], "--json").stdout)
    assert {one["verdict"] for one in (run, listed, shown)} == {said}
