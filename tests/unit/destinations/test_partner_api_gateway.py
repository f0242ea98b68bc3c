"""A whole gateway before the Partner API's stand-in: stores, families that share them, promotions, new products."""

from __future__ import annotations

import csv

import pytest
import sqlalchemy as sa

from gateway import wiring
from gateway.journal import tables as t
from gateway.settings import load_settings
from gateway.testing import texts
from gateway.testing.stores import OFFERS, OFFERS_HEAD, OFTEN, TOKEN, account, platform
from gateway.testing.texts import LEVELS, mapping

STORES = f'{LEVELS}vendor_ids = {{ column = "stores", separators = [","], with = "|" }}\n'


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    """Drop files into a gateway with a route per mapping, and let it end them; gives the twin and rows per state."""
    monkeypatch.setenv("PORTAL", TOKEN)

    with platform(create_products=True) as twin:

        def run(mappings, files, *, create=False, more="", way="", strategy="end_and_new", **faults):
            for name, value in faults.items():
                setattr(twin.faults, name, value)
            keys = f"{OFTEN}features.create_products = {str(create).lower()}\n"
            keys += f'promo.change_strategy = "{strategy}"\n'
            parts = [texts.inbox(), account("panda", twin.url, keys=keys, more=more)]
            parts += [texts.route(name, "panda") + way for name in mappings]
            (tmp_path / "gateway.toml").write_text("version = 1\n" + "".join(parts), "utf-8")
            texts.folders(tmp_path, **mappings)
            for name, content in files.items():
                texts.drop(tmp_path, name, content)
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
    twin, states = gateway({"stock": STORES}, {"stock.csv": "sku,quantity,stores\nA,7,v2\nB,9,\n"})
    assert states == [{"applied": 2}]
    assert levels(twin) == {("v1", "A"): None, ("v2", "A"): 7, ("v1", "B"): 9, ("v2", "B"): 9}


def test_a_product_has_a_row_per_store_where_stores_differ(gateway):
    twin, states = gateway({"stock": STORES}, {"stock.csv": "sku,quantity,stores\nA,7,v2\nA,9,v1\nB,1,\n"})
    assert states == [{"applied": 3}]
    assert levels(twin) == {("v1", "A"): 9, ("v2", "A"): 7, ("v1", "B"): 1, ("v2", "B"): 1}


def test_a_store_of_a_mapping_is_for_all_its_rows(gateway):
    """Stores may have files of their own: none speaks for the other."""
    mappings = {name: f'{LEVELS}vendor_ids = {{ constant = "{name}" }}\n' for name in ("v1", "v2")}
    files = {"v1.csv": "sku,quantity\nA,1\nB,2\n", "v2.csv": "sku,quantity\nA,3\n"}
    twin, states = gateway(mappings, files)
    assert states == [{"applied": 2}, {"applied": 1}]
    assert levels(twin) == {("v1", "A"): 1, ("v1", "B"): 2, ("v2", "A"): 3, ("v2", "B"): None}
    assert twin.violations() == []


# ---------------------------------------------------------------- families, promotions, new products

CATALOG = mapping(
    "catalog",
    """sku = "sku"
name = "name"
category = "category"
price = "price"
price_basis = { constant = "gross" }
quantity = "quantity"
""",
)
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


def test_new_products_may_have_a_row_per_store(gateway):
    """With prices of their own; what both are told alike is created by one call."""
    mapping = f'{CATALOG}vendor_ids = "store"\n'
    rows = "N,New one,Milk,9.99,5,v1\nN,New one,Milk,8.88,6,v2\nO,Other,Milk,1,1,v1\nO,Other,Milk,1,2,v2\n"
    twin, states = gateway(
        {"catalog": mapping}, {"catalog.csv": f"sku,name,category,price,quantity,store\n{rows}"}, create=True
    )
    assert states == [{"applied": 4}]
    assert [job.call for job in twin.jobs()].count("C5") == 3
    shown = {(row["vendor"], row["sku"]): (row["price"], row["quantity"]) for row in twin.shelf() if row["sku"] in "NO"}
    assert shown == {("v1", "N"): ("9.99", 5), ("v2", "N"): ("8.88", 6), ("v1", "O"): ("1", 1), ("v2", "O"): ("1", 2)}
    assert twin.violations() == []


def test_promotions_live_and_end_through_the_whole_gateway(gateway):
    begin = f"{OFFERS_HEAD}A,Week,3.99,,,,\nB,Week,4.25,,,,\nA,Three,,2,1,v1,\nN,Week,1,,,,\n"
    twin, states = gateway({"promotion": OFFERS}, {"promotion1.csv": begin})
    assert states == [{"applied": 3, "refused": 1}]
    kinds = {(one.kind, one.vendors): sorted(one.entries["v1"]) for one in twin.promotions()}
    assert kinds == {("STRIKETHROUGH", ("v1", "v2")): ["A", "B"], ("SAME_ITEM_BUNDLE", ("v1",)): ["A"]}
    ending = f"{OFFERS_HEAD}A,Week,3.99,,,,inactive\nB,Week,4.25,,,,inactive\nA,Three,,2,1,v1,inactive\n"
    twin, states = gateway({"promotion": OFFERS}, {"promotion2.csv": ending})
    assert states[-1] == {"applied": 3}
    assert not any(one.active for one in twin.promotions())


def test_promotions_may_have_a_row_per_store_where_stores_have_their_own(gateway):
    begin = f"{OFFERS_HEAD}A,Week,3.99,,,v1,\nA,Week,3.49,,,v2,\nB,Week,4.25,,,,\n"
    files, apart = {"promotion1.csv": begin}, {"more": "promotions_per_vendor = true\n"}
    twin, states = gateway({"promotion": OFFERS}, files, **apart)
    assert states == [{"applied": 3}]

    def shown():
        on = [one for one in twin.promotions() if one.active]
        return {
            (store, sku): e.value
            for one in on
            for store, es in one.entries.items()
            for sku, e in es.items()
            if e.active
        }

    assert shown() == {("v1", "A"): "3.99", ("v2", "A"): "3.49", ("v1", "B"): "4.25", ("v2", "B"): "4.25"}
    changes = f"{OFFERS_HEAD}A,Week,2.99,,,v1,\nB,Week,4.25,,,v2,inactive\n"
    twin, states = gateway({"promotion": OFFERS}, {"promotion2.csv": changes}, **apart)
    assert states[-1] == {"applied": 2}
    assert shown() == {("v1", "A"): "2.99", ("v2", "A"): "3.49", ("v1", "B"): "4.25"}


def test_promotions_of_all_stores_at_once_want_one_row_per_product(gateway):
    rows = f"{OFFERS_HEAD}A,Week,3.99,,,v1,\nA,Week,3.49,,,v2,\n"
    _, states = gateway({"promotion": OFFERS}, {"promotion1.csv": rows})
    assert states == [{"rejected": 2}]


def test_errors_files_name_the_column_the_platform_refused(gateway, tmp_path):
    dear = f"{OFFERS_HEAD}A,Week,7.50,,,,\nB,Week,4.25,,,,\n"
    _, states = gateway({"promotion": OFFERS}, {"promotion1.csv": dear})
    assert states == [{"applied": 1, "refused": 1}]
    (errors,) = (tmp_path / "outbox/acme").glob("promotion1.csv.*.errors.csv")
    (row,) = csv.DictReader(errors.read_text("utf-8-sig").splitlines())
    assert (row["sku"], row["error_code"], row["error_field"]) == ("A", "DEST_REFUSED", "price")


def test_the_dates_of_a_promotion_change_by_its_end_and_a_new_row_and_back_again(gateway):
    mapping = OFFERS.replace('{ constant = "2031-01-01T00:00:00Z" }', '"until"') + 'command = "command"\n'
    head, old, new = f"until,command,{OFFERS_HEAD}", "2031-01-01T00:00:00Z", "2032-01-01T00:00:00Z"

    def row(until, command=""):
        return f"{until},{command},A,Week,{'' if command else '3.99'},,,,\n"

    def shown():
        return [f"{one.end:%Y}" for one in twin.promotions() if one.active]

    twin, states = gateway({"promotion": mapping}, {"promotion1.csv": head + row(old)})
    _, states = gateway({"promotion": mapping}, {"promotion2.csv": head + row(new)})
    assert (states, shown()) == ([{"applied": 1}, {"refused": 1}], ["2031"])
    _, states = gateway({"promotion": mapping}, {"promotion3.csv": head + row(old, "end") + row(new)})
    assert (states[-1], shown()) == ({"applied": 2}, ["2032"])
    _, states = gateway({"promotion": mapping}, {"promotion4.csv": head + row(new, "end") + row(old)})
    assert (states[-1], shown()) == ({"applied": 2}, ["2031"])


FULL = 'mode = "full"\nabsent = "end"\nguard = { off = true }\n'


def test_a_full_file_changes_a_promotion_and_ends_what_it_leaves_out_of_it(gateway):
    """One promotion to the platform: the call that ends the one product knows what the other has become."""
    mapping = OFFERS.replace('{ constant = "2031-01-01T00:00:00Z" }', '"until"')
    head, old, new = f"until,{OFFERS_HEAD}", "2031-01-01T00:00:00Z", "2032-01-01T00:00:00Z"

    def drop(number, *rows):
        lines = "".join(f"{until},{sku},Week,{price},,,,\n" for until, sku, price in rows)
        twin, states = gateway({"promotion": mapping}, {f"promotion{number}.csv": head + lines}, way=FULL)
        on = [entries for one in twin.promotions() if one.active for entries in [(one.end, one.entries["v1"])]]
        return states[-1], sorted(f"{end:%Y} {sku} {e.value}" for end, es in on for sku, e in es.items() if e.active)

    assert drop(1, (old, "A", "3.99"), (old, "B", "4.25")) == ({"applied": 2}, ["2031 A 3.99", "2031 B 4.25"])
    assert drop(2, (old, "A", "3.49")) == ({"applied": 1}, ["2031 A 3.49"])
    assert drop(3, (new, "A", "3.49")) == ({"applied": 1}, ["2032 A 3.49"]), "what it leaves out is not in the way"


LATE = {"only": "C1", "late_job": 2, "late_seconds": 0.3}
PRICES = mapping("price", 'sku = "sku"\nprice = "price"\nprice_basis = { constant = "gross" }\n')


@pytest.mark.parametrize("known", [False, True])
def test_a_promotion_waits_for_the_price_it_lowers(gateway, known):
    """Refused beside the old price, it would stay refused though the new one is there a moment later."""
    mappings = {"price": PRICES, "promotion": OFFERS}
    if known:
        gateway(mappings, {"price1.csv": "sku,price\nA,6\n"})
    files = {"price2.csv": "sku,price\nA,20\n", "promotion1.csv": f"{OFFERS_HEAD}A,Week,15,,,,\n"}
    twin, states = gateway(mappings, files, **LATE)
    assert states == [{"applied": 1}] * (2 + known)
    assert {row["promotion"] for row in twin.shelf() if row["sku"] == "A"} == {"15"}


def test_a_promotion_of_a_new_product_waits_for_it(gateway):
    offers = f"{OFFERS_HEAD}N,Week,7,,,,\n"
    files = {"catalog1.csv": RANGE, "promotion1.csv": offers}
    twin, states = gateway({"catalog": CATALOG, "promotion": OFFERS}, files, create=True, **{**LATE, "only": "C5"})
    assert states == [{"applied": 3}, {"applied": 1}]
    assert {row["promotion"] for row in twin.shelf() if row["sku"] == "N"} == {"7"}


@pytest.mark.parametrize("strategy", ["end_and_new", "replace"])
def test_a_change_that_is_refused_leaves_what_ran_and_unchanged_is_true(gateway, strategy):
    def drop(number, price, **faults):
        rows_ = f"{OFFERS_HEAD}A,Week,{price},,,,\nB,Week,4.25,,,,\n"
        twin, states = gateway({"promotion": OFFERS}, {f"promotion{number}.csv": rows_}, strategy=strategy, **faults)
        return states[-1], {row["sku"]: row["promotion"] for row in twin.shelf() if row["vendor"] == "v1"}

    assert drop(1, "3.99")[0] == {"applied": 2}
    assert drop(2, "7.50") == ({"refused": 1, "unchanged": 1}, {"A": "3.99", "B": "4.25"})
    assert drop(3, "3.99") == ({"unchanged": 2}, {"A": "3.99", "B": "4.25"})


def test_what_is_gone_is_sent_again_and_not_said_to_be_unchanged(gateway, tmp_path):
    """Beside a price of 3 in the shop neither the new promotion can begin nor what ran before."""

    def drop(number, price):
        rows_ = f"{OFFERS_HEAD}A,Week,{price},,,,\n"
        return gateway({"promotion": OFFERS}, {f"promotion{number}.csv": rows_})

    twin, _ = drop(1, "3.99")
    for vendor in ("v1", "v2"):
        twin.alter(vendor, "A", price="3")
    _, states = drop(2, "3.50")
    assert states[-1] == {"refused": 1}
    (result,) = (tmp_path / "outbox/acme").glob("promotion2.csv.*.result.csv")
    assert "PROMOTION_GONE" in result.read_text("utf-8-sig")
    for vendor in ("v1", "v2"):
        twin.alter(vendor, "A", price="5")
    _, states = drop(3, "3.99")
    assert states[-1] == {"applied": 1}
    assert {row["promotion"] for row in twin.shelf() if row["sku"] == "A"} == {"3.99"}


def test_a_discount_of_a_catalog_row_is_not_dropped_without_a_word(gateway, tmp_path):
    catalog = f'{CATALOG}discount = "dto"\n'
    rows_ = "sku,name,category,price,quantity,dto\nA,Apples,Milk,4.50,7,20\nB,Bread,Milk,2.50,3,\n"
    twin, states = gateway({"catalog": catalog}, {"catalog1.csv": rows_})
    assert (states, twin.item("v1", "A").price) == ([{"applied": 2}], "4.5")
    (issues,) = (tmp_path / "outbox/acme").glob("catalog1.csv.*.issues.csv")
    told = [
        (row["key"], row["code"], row["value"]) for row in csv.DictReader(issues.read_text("utf-8-sig").splitlines())
    ]
    assert told == [("A", "DEST_NOT_SENT", "20")]
