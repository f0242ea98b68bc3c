"""A whole gateway before the Partner API's stand-in: stores, families that share them, promotions, new products."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from gateway import wiring
from gateway.journal import tables as t
from gateway.settings import load_settings
from gateway.twin.partner import Chain, Item, PartnerTwin, PartnerTwinSettings, Token, Vendor

CHAIN = Chain("c-1", (Vendor("v1"), Vendor("v2")), (Token("all", "portal-token"),))
AT_ONCE = {
    "queued_seconds": 0.0, "running_seconds": 0.05, "promotion_queued_seconds": 0.0, "calls_per_window": 0,
    "create_products": True, "promotion_all_or_nothing": False,
}  # fmt: skip
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
price_basis = "gross"
currency = "EUR"
archive = "sent"
[destinations.panda.keys]
rest.limits.requests_per_minute = 600000
jobs.poll_after_s = [0.05]
availability.single_product = "as_is"
features.create_products = {create}
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

        def run(mappings, files, *, create=False):
            text = SETTINGS.format(host=twin.url, create=str(create).lower()) + "".join(
                ROUTE.format(name=name) for name in mappings
            )
            (tmp_path / "gateway.toml").write_text(text, "utf-8")
            for name, mapping in mappings.items():
                (tmp_path / f"mappings/{name}.toml").write_text(mapping, "utf-8")
            for name, content in files.items():
                (tmp_path / "inbox" / name).write_text(content, "utf-8")
            made = wiring.wire(load_settings(tmp_path / "gateway.toml"))
            made.hold()
            made.service.drain()
            with made.journal.read() as tx:
                counts = tx.scalars(sa.select(t.run.c.counts).order_by(t.run.c.route, t.run.c.id)).all()
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


def test_a_product_has_a_row_per_store_where_stores_differ(gateway):
    mapping = f'{LAYOUT}vendor_ids = {{ column = "stores", separators = [","], with = "|" }}\n'
    twin, states = gateway({"stock": mapping}, {"stock.csv": "sku,quantity,stores\nA,7,v2\nA,9,v1\nB,1,\n"})
    assert states == [{"applied": 3}]
    assert levels(twin) == {("v1", "A"): 9, ("v2", "A"): 7, ("v1", "B"): 1, ("v2", "B"): 1}


def test_a_store_of_a_mapping_is_for_all_its_rows(gateway):
    """Stores may have files of their own: none speaks for the other."""
    mappings = {name: f'{LAYOUT}vendor_ids = {{ constant = "{name}" }}\n' for name in ("v1", "v2")}
    files = {"v1.csv": "sku,quantity\nA,1\nB,2\n", "v2.csv": "sku,quantity\nA,3\n"}
    twin, states = gateway(mappings, files)
    assert states == [{"applied": 2}, {"applied": 1}]
    assert levels(twin) == {("v1", "A"): 1, ("v1", "B"): 2, ("v2", "A"): 3, ("v2", "B"): None}
    assert twin.violations() == []


# ---------------------------------------------------------------- families, promotions, new products

CATALOG = """contract = "catalog"
version = 1
[format]
kind = "csv"
delimiter = ","
encoding = "utf-8"
[fields]
sku = "sku"
name = "name"
category = "category"
price = "price"
price_basis = { constant = "gross" }
quantity = "quantity"
"""
RANGE = "sku,name,category,price,quantity\nA,Apples,Milk,4.50,7\nB,Bread,Milk,2.855,0\nN,New one,Milk,9.99,5\n"


def test_families_of_a_store_never_have_two_jobs_at_a_time(gateway):
    twin, states = gateway({"catalog": CATALOG}, {"catalog.csv": RANGE})
    assert states == [{"applied": 2, "refused": 1}]
    updates = [job.vendor_id for job in twin.jobs() if job.call == "C1"]
    assert sorted(updates) == ["v1", "v1", "v2", "v2"]
    assert twin.violations() == []
    shown = {row["sku"]: (row["price"], row["active"]) for row in twin.shelf() if row["vendor"] == "v2"}
    assert shown == {"A": ("4.5", True), "B": ("2.855", False)}


def test_products_nobody_has_need_onboarding_unless_they_may_be_created(gateway):
    """Created before their price and level are sent; what was there already is no fault."""
    twin, states = gateway({"catalog": CATALOG}, {"catalog.csv": RANGE}, create=True)
    assert states == [{"applied": 3}]
    assert next(job.call for job in twin.jobs()) == "C5"
    assert (twin.item("v1", "N").title, twin.item("v2", "N").price) == ("New one", "9.99")
    assert levels(twin)["v1", "N"] == 5
    assert twin.violations() == []


OFFERS = """contract = "promotion"
version = 1
[format]
kind = "csv"
delimiter = ","
encoding = "utf-8"
[fields]
sku = "sku"
promotion_id = "campaign"
campaign = "campaign"
price = "price"
price_basis = { constant = "gross" }
buy_quantity = "buy"
get_quantity = "get"
starts_at = { constant = "2026-01-01T00:00:00Z" }
ends_at = { constant = "2031-01-01T00:00:00Z" }
vendor_ids = "store"
status = { column = "status", default = "active" }
"""
HEAD = "sku,campaign,price,buy,get,store,status\n"


def test_promotions_live_and_end_through_the_whole_gateway(gateway):
    begin = f"{HEAD}A,Week,3.99,,,,\nB,Week,4.25,,,,\nA,Three,,2,1,v1,\nN,Week,1,,,,\n"
    twin, states = gateway({"promotion": OFFERS}, {"promotion1.csv": begin})
    assert states == [{"applied": 3, "refused": 1}]
    kinds = {(one.kind, one.vendors): sorted(one.entries["v1"]) for one in twin.promotions()}
    assert kinds == {("STRIKETHROUGH", ("v1", "v2")): ["A", "B"], ("SAME_ITEM_BUNDLE", ("v1",)): ["A"]}
    ending = f"{HEAD}A,Week,3.99,,,,inactive\nB,Week,4.25,,,,inactive\nA,Three,,2,1,v1,inactive\n"
    twin, states = gateway({"promotion": OFFERS}, {"promotion2.csv": ending})
    assert states[-1] == {"applied": 3}
    assert not any(one.active for one in twin.promotions())
