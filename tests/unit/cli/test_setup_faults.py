"""A setting the marketplace does not take, on the command line: the operator is told, the partner not blamed."""

from __future__ import annotations

import json

import pytest

from gateway.twin.mirakl import MiraklTwin

SETTINGS = """
[destinations.shop]
kind = "mirakl"
host = "{host}"
api_key = {{ env = "SHOP_KEY" }}
price_basis = "net"
currency = "USD"
offer_columns = {{ condition = "no-such-column" }}

[routes.catalog]
source = "inbox"
files = ["catalog*.csv"]
mapping = "catalog.toml"
destination = "shop"
effects = ["offer"]
"""
MAPPING = """contract = "catalog"
version = 1
[format]
kind = "csv"
delimiter = ";"
encoding = "utf-8"
[fields]
sku = "Article"
price = "Price"
price_basis = { constant = "net" }
condition = { constant = "11" }
quantity = { constant = "1" }
barcode = { constant = "4006381333931" }
barcode_type = { constant = "EAN-13" }
"""


@pytest.fixture
def twin(place, monkeypatch):
    with MiraklTwin({}, speed=300) as one:
        path = place / "gateway.toml"
        path.write_text(path.read_text("utf-8") + SETTINGS.format(host=one.url), "utf-8")
        (place / "mappings/catalog.toml").write_text(MAPPING, "utf-8")
        monkeypatch.setenv("SHOP_KEY", "twin-key")
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
