"""Tables pushed to Sellers Commerce by hand: shipments, shoppers, addresses, payments and categories."""

from __future__ import annotations

import pytest
from support.sellerscommerce_world import SHIPMENT, SHOPPER, pushed

from gateway.errors import SettingsError


def test_all_items_of_an_order_go_together(world):
    store = world.open().store()
    number = world.twin.place_order({"TS-1": 2, "TS-2": 1})
    rows = [SHIPMENT(number), SHIPMENT("none"), SHIPMENT(number, sku="TS-2", quantity="1", carrier="1", service="3")]
    told = pushed(store, "shipments", rows)
    assert told[1] == told[3] == ("applied", "")
    assert told[2][0] == "refused"
    assert told[2][1].startswith("24 OrderNotExist")
    items = world.twin.records("orders")[number]["ShippingInformation"]
    assert [(one["SKUCode"], one["CarrierId"], one["ServiceTypeId"]) for one in items] == [
        ("TS-1", 1, 1),
        ("TS-2", 1, 3),
    ]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"service": "Media"}, "none of UPS"), ({"service": ""}, "needs one of its services"),
        ({"carrier": "Fedx"}, "none of CarrierId; did you mean 'FEDEX'? it takes: UPS (1), USPS (2)"),
        ({"quantity": "1.5"}, "quantity is '1.5', expected a whole number"),
        ({"carrier": "Ship By Weight"}, "which has no services: leave it empty"), ({"sku": ""}, "needed and missing"),
        ({"service": "Library"}, "which has Ground (1), Next Day Air Early AM (2)"),
    ],
)  # fmt: skip
def test_faulty_shipments_are_told_before_anything_is_sent(world, more, told):
    store = world.open().store()
    states_ = pushed(store, "shipments", [SHIPMENT("1", **more), SHIPMENT("1")])
    assert [state for state, _ in states_.values()] == ["rejected", "rejected"]
    assert told in states_[1][1]
    assert states_[2][1] == "row 1 of it is faulty"
    assert world.said == []


@pytest.mark.parametrize(
    ("name", "row", "empty", "told"),
    [
        ("order-statuses", {"order_number": "1", "order_status": ""}, "order_status", "Processing Order (35)"),
        ("order-statuses", {"order_number": "1"}, "order_status", "Live Cart (1)"),
        (
            "payments",
            {"order_number": "1", "transaction_number": "T", "authorization_code": "A", "payment_status": ""},
            "payment_status",
            "PriorAuthCapture (86)",
        ),
        ("shoppers", {**SHOPPER, "deleted": ""}, "deleted", ""),
        ("categories", {"category_code": "C", "category_name": "Child", "is_brand": ""}, "is_brand", "Yes (0), No (1)"),
    ],
)
def test_what_a_person_left_empty_is_asked_for_and_never_filled(world, name, row, empty, told):
    store = world.open().store()
    ((state, text),) = pushed(store, name, [row]).values()
    assert state == "rejected"
    assert text.startswith(f"{empty} is needed and missing")
    assert told in text
    assert world.said == []


@pytest.mark.parametrize(
    ("name", "row", "told"),
    [
        (
            "categories",
            {"is_brand": "false"},
            "is_brand is 'false', which is none of IsBrand; it takes: Yes (0), No (1)",
        ),
        (
            "category-deletes",
            {"action": "delete"},
            "it takes: Remove Category and Mapping (1), Remove Category Mapping from Parent (2)",
        ),
    ],
)
def test_values_that_are_none_are_told_with_those_that_are(world, name, row, told):
    store = world.open().store()
    full = {"category_code": "C"} | ({"category_name": "Child"} if name == "categories" else {}) | row
    ((state, text),) = pushed(store, name, [full], delete=True).values()
    assert (state, told in text) == ("rejected", True), text
    assert world.said == []


def test_a_shipment_without_an_answer_is_uncertain_and_not_sent_again(world):
    store = world.open().store()
    number = world.twin.place_order({"TS-1": 2})
    world.twin.faults.set({"drop_after": 1, "only": "order/shippinginformation"})
    assert pushed(store, "shipments", [SHIPMENT(number)])[1][0] == "uncertain"
    assert world.said.count("order/shippinginformation") == 1


def test_payment_status_shoppers_and_addresses(world):
    store = world.open().store()
    number = world.twin.place_order({"TS-1": 2})
    pay = {
        "order_number": number,
        "transaction_number": "T-1",
        "authorization_code": "A-1",
        "payment_gateway": "Stripe",
        "payment_status": "PriorAuthCapture",
    }
    placed = {"order_number": number, "order_status": "Processing Order"}
    assert pushed(store, "order-statuses", [placed]) == {1: ("applied", "")}
    assert pushed(store, "payments", [pay]) == {1: ("applied", "")}
    assert pushed(store, "payments", [pay])[1][0] == "skipped"
    assert pushed(store, "shoppers", [SHOPPER, {**SHOPPER, "address_name": "Work"}]) == dict.fromkeys(
        (1, 2), ("applied", "")
    )
    address = {name: SHOPPER[name] for name in ("user_name", "address_name", "address_line1")}
    assert pushed(store, "addresses", [address]) == {1: ("applied", "")}
    told = pushed(store, "addresses", [{**address, "user_name": "nobody"}])
    assert (told[1][0], told[1][1][:2]) == ("refused", "22")


def test_categories_go_parents_first_and_are_deleted_only_with_leave_and_an_action(world):
    store = world.open().store()
    rows = [
        {"category_code": "C", "category_name": "Child", "parent_code": "P", "is_brand": "1"},
        {"category_code": "P", "category_name": "Parent", "parent_code": "ACME", "is_brand": "No"},
    ]
    assert pushed(store, "categories", rows) == {2: ("applied", ""), 1: ("applied", "")}
    link = {"product_code": "TS", "category_code": "C"}
    assert pushed(store, "links", [link]) == {1: ("applied", "")}
    gone = [{"category_code": "C", "action": "Remove Category and Mapping"}]
    with pytest.raises(SettingsError, match="called back"):
        pushed(store, "category-deletes", gone)
    assert pushed(store, "category-deletes", [{"category_code": "C", "action": ""}], delete=True)[1][0] == "rejected"
    assert "C" in world.twin.records("categories")
    assert pushed(store, "category-deletes", gone, delete=True) == {1: ("applied", "")}
    assert "C" not in world.twin.records("categories")


def test_a_deleted_category_may_be_named_in_the_query(world):
    store = world.open(delete_in="query").store(category_delete="query")
    child = {"category_code": "C", "category_name": "Child", "parent_code": "ACME", "is_brand": "no"}
    pushed(store, "categories", [child])
    told = pushed(store, "category-deletes", [{"category_code": "C", "action": "1"}], delete=True)
    assert told == {1: ("applied", "")}


@pytest.mark.parametrize(
    ("name", "rows", "told"), [("colours", [], "no table"), ("links", [{"colour": "x"}], "no column")]
)
def test_tables_and_columns_that_are_none_are_told(world, name, rows, told):
    store = world.open().store()
    with pytest.raises(SettingsError, match=told):
        pushed(store, name, rows)
