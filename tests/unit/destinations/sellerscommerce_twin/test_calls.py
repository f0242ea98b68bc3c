"""Sellers Commerce before its stand-in: tokens, verdicts, and lists that are read."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from pydantic import SecretStr
from support.sellerscommerce_world import CLOCK, SHIPMENT, SHIRT, SHOPPER, pushed

from gateway.errors import OutcomeUnknown, Refused, SettingsError, Throttled, Unreachable
from gateway.model import KEY, Reference
from gateway.testing.drive import states


def levels(*skus, quantity="7"):
    return pl.DataFrame(
        {"sku": skus, "quantity": [quantity] * len(skus), KEY: skus, "effect": range(len(skus))},
        schema_overrides={"effect": pl.UInt32},
    )


def sent(store, records, operation="stock"):
    told = {}
    for batch in store.encode(operation, records, Reference()):
        told |= states(batch, records, store.submit(batch))
    return told


# ---------------------------------------------------------------- tokens


@pytest.mark.parametrize("encoding", ["form", "json"])
def test_keys_are_shown_once_and_the_chain_goes_on_in_another_process(world, encoding):
    world.open(token_encoding=encoding)
    for _ in range(2):
        assert sent(world.store(token_encoding=encoding), levels("TS-1")) == {"TS-1": "applied"}
    assert world.said == ["token", "product/updateskuinventory", "product/updateskuinventory"]


def test_a_token_that_died_is_renewed_and_the_call_repeated_once(world):
    store = world.open().store()
    world.twin.faults.set({"expired": 1, "only": "product/updateskuinventory"})
    assert sent(store, levels("TS-1")) == {"TS-1": "applied"}
    assert [(one.call, one.status) for one in world.twin.calls] == [
        ("token", 200), ("product/updateskuinventory", 401), ("token", 200), ("product/updateskuinventory", 200),
    ]  # fmt: skip


def test_a_token_answer_that_is_lost_opens_a_new_chain(world):
    store = world.open().store()
    sent(store, levels("TS-1"))
    world.twin.faults.set({"expired": 1, "only": "product/updateskuinventory"})
    with pytest.raises(Refused):  # a fault speaks of one call only: this one is not answered by it
        sent(world.store(access_key=SecretStr("another")), levels("TS-1"))
    world.twin.faults.set({"expired": 0, "drop_after": 1, "only": "token"})
    world.twin.tokens.expire(f"bearer {world.store()._calls._transport._inner._inner._pair(None).access}")
    assert sent(store, levels("TS-1")) == {"TS-1": "applied"}
    assert [one.status for one in world.twin.calls if one.call == "token"][-2:] == [0, 200]


def test_wrong_keys_are_told_without_showing_them(world):
    store = world.open().store(shared_secret=SecretStr("wrong-secret"))
    with pytest.raises(Refused, match="invalid_grant") as caught:
        store.probe()
    assert caught.value.status == "401"
    assert "wrong-secret" not in str(caught.value)


# ---------------------------------------------------------------- faults


def test_verdicts_are_exact(world):
    store = world.open().store()
    told = sent(store, levels("TS-0", "TS-1", "nobody", "TS-2", "TS-3", "TS-4", "nowhere"))
    assert [sku for sku, state in told.items() if state == "refused"] == ["nobody", "nowhere"]
    assert world.stock == {f"TS-{n}": 7 for n in range(5)}


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("drop", OutcomeUnknown), ("error_500", OutcomeUnknown), ("error_502", OutcomeUnknown),
        ("error_503", OutcomeUnknown), ("error_504", OutcomeUnknown), ("html_502", OutcomeUnknown),
        ("drop_after", OutcomeUnknown), ("error_after", OutcomeUnknown), ("garbage", OutcomeUnknown),
        ("throttled", Throttled), ("throttled_bare", Throttled), ("failed", Unreachable), ("hidden", Unreachable),
        ("insert_failed", Unreachable), ("no_provider", Refused),
    ],
)  # fmt: skip
def test_after_each_fault_the_same_batch_is_taken(world, fault, raised):
    store, records = world.open().store(), levels("TS-1", "nobody")
    (batch,) = store.encode("stock", records, Reference())
    world.twin.faults.set({fault: 1, "only": "product/updateskuinventory"})
    with pytest.raises(raised):
        store.submit(batch)
    assert list(states(batch, records, store.submit(batch)).values()) == ["applied", "refused"]
    assert world.stock["TS-1"] == 7


@pytest.mark.parametrize(("fault", "state"), [("exists", "skipped"), ("unknown_code", "applied")])
def test_codes_that_are_no_failures(world, fault, state):
    store = world.open().store()
    world.twin.faults.set({fault: 1, "only": "product/updateskuinventory"})
    assert sent(store, levels("TS-1", "TS-2")) == {"TS-1": state, "TS-2": state}


def test_a_list_that_is_taken_until_its_fault_is_sent_again_all_the_same(world):
    store = world.open(batches="until_fault").store()
    assert list(sent(store, levels("TS-0", "nobody", "TS-1")).values()) == ["applied", "refused", "applied"]


def test_a_store_that_takes_single_skus_and_lower_case_members(world):
    world.open(bodies={"product/updateskuinventory": "single"}, member_case="camel")
    assert sent(world.store(stock_body="single"), levels("TS-1", "no")) == {"TS-1": "applied", "no": "refused"}
    assert {row["sku"] for row in world.store().reading.levels().to_dicts()} == {f"TS-{n}" for n in range(5)}


# ---------------------------------------------------------------- lists


@pytest.mark.parametrize("paging", ["works", "ignored", "refused"])
@pytest.mark.parametrize("envelope", ["wrapped", "bare"])
def test_lists_are_whole_however_they_come(world, paging, envelope):
    others = [{**SHIRT, "ProductCode": f"P{n}", "SKUs": [{"SKUCode": f"P{n}", "Price": 1}]} for n in range(4)]
    world.open((SHIRT, *others), odata_paging=paging, envelope=envelope)
    store = world.store(page_size=2)
    assert sorted(one["ProductCode"] for one in store.reading.read("products")) == ["P0", "P1", "P2", "P3", "TS"]
    assert store.reading.levels().sort("sku").rows()[:2] == [("P0", "1", "0"), ("P1", "1", "0")]
    assert store.reading.levels().height == 9


def test_what_is_gathered_comes_page_by_page_and_is_kept(world):
    many = [
        {**SHIRT, "ProductCode": f"P{n}", "SKUs": [{"SKUCode": f"P{n}-{m}", "Price": 1} for m in range(2)],
         "BrandName": f"B{n}",
         "Categories": [{"CategoryCode": f"B{n}", "CategoryName": f"B{n}", "ParentCategoryCode": None, "IsBrand": 0}]}
        for n in range(5)
    ]  # fmt: skip
    store = world.open(many).store(page_size=2, lookup_limit=1)
    names = [f"P{n}" for n in range(5)]
    records = pl.DataFrame({"sku": [f"{one}-0" for one in names], "product_id": names})
    facts = store.gather("product", records).facts
    assert sorted(facts["skus"]["sku"]) == sorted(f"P{n}-{m}" for n in range(5) for m in range(2))
    assert {one.code for one in facts["categories"]} == {f"B{n}" for n in range(5)}
    assert facts["brands"] == {f"b{n}" for n in range(5)}
    asked = world.said
    assert (asked.count("product/getallproductskus"), asked.count("category/getall")) == (6, 3)
    assert store.gather("product", records).facts.keys() == facts.keys()
    assert world.said == asked


def test_a_product_that_waited_for_the_store_takes_back_no_price(world):
    store = world.open().store()
    tee = {"sku": "TS-1", "product_id": "TS", "name": "Shirt", "brand": "Acme", "command": None, KEY: "TS-1"}
    records = pl.DataFrame([tee]).with_columns(effect=pl.lit(0, pl.UInt32))
    (product,) = store.encode("product", records, store.gather("product", records))
    world.twin.faults.set({"error_503": -1, "only": "product/products"})
    with pytest.raises(OutcomeUnknown):
        store.submit(product)
    priced = levels("TS-1").drop("quantity").with_columns(price=pl.lit("99"), command=pl.lit(None, pl.String))
    assert sent(store, priced, "price") == {"TS-1": "applied"}
    world.twin.faults.set({"error_503": 0})
    assert states(product, records, store.submit(product)) == {"TS-1": "applied"}
    there = {row["sku"]: str(row["price"]) for row in world.twin.shelf()}
    assert (there["TS-1"], there["TS-2"]) == ("99", "12")


def test_orders_by_date_sorted_and_named(world):
    store = world.open().store()
    now = CLOCK.now()
    for days in (1, 10, 40):
        world.twin.place_order({"TS-1": 1}, number=f"N{days}", placed=now - timedelta(days=days))
    since = (now - timedelta(days=20)).date()
    where = [f"OrderPlacedDate ge {since}", f"OrderPlacedDate lt {now + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"]
    found = list(store.reading.read("orders", where=where, order_by="-OrderNumber"))
    assert [one["OrderNumber"] for one in found] == ["N10", "N1"]
    assert found[0]["OrderStatusId name"] == "Placed"
    assert [one["OrderNumber"] for one in store.reading.read("orders", order_by="OrderNumber", most=2)] == ["N1", "N10"]


def test_every_list_can_be_read(world):
    store = world.open().store()
    number = world.twin.place_order({"TS-1": 2}, user="jane@example.com")
    pushed(store, "shipments", [SHIPMENT(number)])
    pushed(store, "shoppers", [SHOPPER])
    pushed(store, "returns", [{"order_number": number, "return_type": "Refunded", "sku": "TS-1", "quantity": "1"}])
    back = next(iter(store.reading.read("returns")))
    keys = {
        "product": "TS",
        "category": "ACME",
        "category-products": "ACME",
        "order": number,
        "shopper": "jane@example.com",
        "return": str(back["ReturnNumber"]),
        "product-embellishments": "TS",
    }
    for name, needs in store.reading.lists.items():
        assert bool(needs) == (name in keys)
        found = list(store.reading.read(name, key=keys.get(name)))
        assert all(found), name
        assert found or name == "product-embellishments"
    assert {one.status for one in world.twin.calls} == {200}


def test_a_query_that_lacks_its_further_part_is_told_and_may_be_given(world):
    world.open(additional_query={"apiVersion": "1"})
    with pytest.raises(Refused, match="extra_query"):
        list(world.store().reading.read("products"))
    assert list(world.store(extra_query={"apiVersion": "1"}).reading.read("products"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"name": "colours"}, "no list"), ({"name": "product"}, "--key"), ({"name": "brands", "key": "x"}, "no key"),
        ({"name": "brands", "where": ["A eq 1"]}, "filtered"), ({"name": "orders", "where": ["A"]}, "no condition"),
        ({"name": "orders", "order_by": "A,B"}, "no property"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_told(world, asked, told):
    store = world.open().store()
    with pytest.raises(SettingsError, match=told) as caught:
        list(store.reading.read(**asked))
    assert caught.value
    assert world.said == []
