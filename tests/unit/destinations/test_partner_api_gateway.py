"""A whole gateway before the Partner API's stand-in: files of single stores, and of all of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from gateway import wiring
from gateway.journal import tables as t
from gateway.settings import load_settings
from gateway.twin.partner import Chain, Item, PartnerTwin, PartnerTwinSettings, Token, Vendor

CHAIN = Chain("c-1", (Vendor("v1"), Vendor("v2")), (Token("all", "portal-token"),))
AT_ONCE = {"queued_seconds": 0.0, "running_seconds": 0.05, "calls_per_window": 0}
LAYOUT = """contract = "stock"
version = 1
[format]
kind = "csv"
delimiter = ","
encoding = "utf-8"
[fields]
sku = "sku"
quantity = "quantity"
"""
SETTINGS = """version = 1
[sources.drop]
kind = "local"
partner = "acme"
folder = "inbox"
settle = 0
[destinations.panda]
kind = "partner_api"
brand = "foodpanda"
channel = "rest"
host = "{host}"
chain_id = "c-1"
tokens = {{ all = {{ env = "PORTAL" }} }}
vendors = {{ v1 = {{}}, v2 = {{}} }}
[destinations.panda.keys]
rest.limits.requests_per_minute = 600000
jobs.poll_after_s = [0.05]
availability.single_product = "as_is"
"""
ROUTE = """[routes.{name}]
source = "drop"
files = "{name}*.csv"
mapping = "{name}.toml"
destination = "panda"
"""


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    """Drop files into a gateway with a route per mapping, and let it end them; gives the twin and rows per state."""
    monkeypatch.setenv("PORTAL", "portal-token")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "mappings").mkdir()
    goods = [Item(sku, price="5", active=True) for sku in "AB"]

    with PartnerTwin(goods, settings=PartnerTwinSettings(chains=(CHAIN,), **AT_ONCE)) as twin:

        def run(mappings, files):
            text = SETTINGS.format(host=twin.url) + "".join(ROUTE.format(name=name) for name in mappings)
            (tmp_path / "gateway.toml").write_text(text, "utf-8")
            for name, mapping in mappings.items():
                (tmp_path / f"mappings/{name}.toml").write_text(mapping, "utf-8")
            for name, content in files.items():
                (tmp_path / "inbox" / name).write_text(content, "utf-8")
            made = wiring.wire(load_settings(tmp_path / "gateway.toml"))
            made.hold()
            made.service.drain()
            with made.journal.read() as tx:
                counts = tx.scalars(sa.select(t.run.c.counts).order_by(t.run.c.route)).all()
            made.close()
            return twin, [one["states"] for one in counts]

        yield run


def levels(twin):
    return {(row["vendor"], row["sku"]): row["quantity"] for row in twin.shelf()}


def test_rows_are_for_the_stores_they_list_and_else_for_all(gateway):
    mapping = f'{LAYOUT}vendor_ids = {{ column = "stores", separators = [","], with = "|" }}\n'
    twin, states = gateway({"stock": mapping}, {"stock.csv": "sku,quantity,stores\nA,7,v2\nB,9,\n"})
    assert states == [{"applied": 2}]
    assert levels(twin) == {("v1", "A"): None, ("v2", "A"): 7, ("v1", "B"): 9, ("v2", "B"): 9}


def test_a_store_of_a_mapping_is_for_all_its_rows(gateway):
    """Stores with levels of their own are files of their own: none speaks for the other."""
    mappings = {name: f'{LAYOUT}vendor_ids = {{ constant = "{name}" }}\n' for name in ("v1", "v2")}
    files = {"v1.csv": "sku,quantity\nA,1\nB,2\n", "v2.csv": "sku,quantity\nA,3\n"}
    twin, states = gateway(mappings, files)
    assert states == [{"applied": 2}, {"applied": 1}]
    assert levels(twin) == {("v1", "A"): 1, ("v1", "B"): 2, ("v2", "A"): 3, ("v2", "B"): None}
    assert twin.violations() == []
