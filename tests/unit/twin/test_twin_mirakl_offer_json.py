"""Offers in JSON at the Mirakl twin, and files that bring products and offers together."""

import pytest

OFFERS = "/api/offers"
EAN = "4006381333931"
BASE = {"shop_sku": "A", "state_code": "11", "price": 12.5, "update_delete": ""}


def send(shop, *offers):
    """Send offers, let them end, and return the answer of OF02 and the rows of OF03."""
    answer = shop.client.post(OFFERS, json={"offers": list(offers)})
    assert answer.status_code == 201, answer.text
    shop.later()
    view = shop.get(f"/api/offers/imports/{answer.json()['import_id']}").json()
    path = f"/api/offers/imports/{view['import_id']}/error_report"
    return view, shop.table(path) if view["has_error_report"] else []


def test_what_is_left_out_goes_back_to_its_default(stand):
    shop = stand({"A": 7})
    shop.offers("sku;description;leadtime-to-ship;discount-price\nA;Soft;5;8\n")
    view, _ = send(shop, BASE)
    assert (view["offer_updated"], view["mode"]) == (1, "NORMAL")
    offer = shop.offer("A")
    assert (offer["quantity"], offer["description"], offer["price"]) == (0, None, 12.5)
    assert (offer["leadtime_to_ship"], offer["allow_quote_requests"]) == (2, False)
    assert shop.row("A")["discount_price"] is None


def test_whole_records_stay_whole(stand):
    shop = stand({"A": 7}, features=frozenset({"channel_pricing"}))
    prices = [{"channel_code": "US", "unit_origin_price": 15}]
    discount = {"price": 9.9, "end_date": "2090-01-01T00:00:00Z"}
    send(shop, BASE | {"quantity": 3, "discount": discount, "all_prices": prices})
    row = shop.row("A")
    assert (row["price"], row["discount_price"], row["discount_to"]) == ("12.5", "9.9", "2090-01-01T00:00:00Z")
    assert [price["unit_origin_price"] for price in shop.offer("A")["all_prices"]] == [12.5, 15]


def test_lines_in_error_are_reported_like_those_of_a_file(stand):
    view, report = send(stand({"A": 7}), BASE, BASE | {"shop_sku": "B", "product_id": "1", "product_id_type": "EAN"})
    assert (view["lines_in_success"], view["lines_in_error"]) == (1, 1)
    found = dict(zip(report[0], report[1], strict=True))
    assert (found["sku"], found["error-line"], found["error-message"]) == ("B", "3", "The product does not exist")


def test_deleting(stand):
    shop = stand({"A": 7})
    view, _ = send(shop, BASE | {"update_delete": "delete"})
    assert (view["offer_deleted"], shop.twin.offers()) == (1, {})


@pytest.mark.parametrize(
    "body",
    [
        [BASE],
        {"offers": []},
        {"offer": [BASE]},
        {"offers": ["A"]},
        {"offers": [BASE], "mode": "NORMAL"},
        {"offers": [BASE | {"discount-price": 9}]},
        {"offers": [BASE | {"state": "11"}]},
        {"offers": [{key: value for key, value in BASE.items() if key != "price"}]},
        {"offers": [BASE | {"quantity": [1]}]},
        {"offers": [BASE | {"discount": 9}]},
        {"offers": [BASE | {"all_prices": [{"channel_code": "US", "unit_origin_price": 1}]}]},
        {"offers": [BASE | {"offer_additional_fields": [{"code": "nope", "value": "1"}]}]},
    ],
)
def test_bodies_refused_as_a_whole(stand, body):
    shop = stand({"A": 7})
    assert shop.client.post(OFFERS, json=body).status_code == 400
    assert shop.twin.offer_imports() == []


def test_it_takes_json_only(stand):
    shop = stand({"A": 7})
    assert shop.client.post(OFFERS, files={"file": ("o.csv", "sku\nA\n")}).status_code == 415
    headers = {"Content-Type": "application/json"}
    assert shop.client.post(OFFERS, content=b"{", headers=headers).status_code == 400


# ---------------------------------------------------------------- products and offers in one file

BOTH = (
    "sku_code;category_code;title;brand;material;ean;sku;product-id;product-id-type;price;quantity;state\n"
    f"P-1;SCARF;Scarf;Acme;WOOL;{EAN};A-1;{EAN};EAN;49.90;5;11\n"
    "P-2;NOPE;Hat;Acme;WOOL;;A-2;P-2;SHOP_SKU;19.90;5;11\n"
)


def test_one_file_makes_two_imports(stand):
    shop = stand()
    answer = shop.of01(BOTH, with_products="true", operator_format="true").json()
    offers, products = f"/api/offers/imports/{answer['import_id']}", answer["product_import_id"]
    assert answer["import_id"] != products
    seen = []
    for seconds in (0, 200, 45, 20, 41):
        shop.later(seconds)
        seen.append((shop.p42(products)["import_status"], shop.get(offers).json()["status"]))
    assert seen == [
        ("TRANSFORMATION_WAITING", "WAITING_SYNCHRONIZATION_PRODUCT"),
        ("SENT", "WAITING_SYNCHRONIZATION_PRODUCT"),
        ("COMPLETE", "WAITING"),
        ("COMPLETE", "RUNNING"),
        ("COMPLETE", "COMPLETE"),
    ]
    view = shop.get(offers).json()
    assert (view["offer_inserted"], view["lines_in_error"]) == (1, 1)
    assert shop.table(f"{offers}/error_report")[1][-1] == "The product does not exist"
    report = shop.product_report(products, "transformation_error_report")
    assert report[1][-1] == "1001|Category NOPE is unknown"
    assert shop.row("A-1")["title"] == "Scarf"


def test_offers_wait_as_long_as_their_products(stand):
    shop = stand()
    shop.twin.faults.set({"never_ends": 1, "only": "P41"})
    number = shop.of01(BOTH, with_products="true", operator_format="true").json()["import_id"]
    shop.later(1_000_000)
    assert shop.get(f"/api/offers/imports/{number}").json()["status"] == "WAITING_SYNCHRONIZATION_PRODUCT"


def test_a_repetition_gives_back_both_numbers(stand):
    shop = stand()
    answers = [shop.of01(BOTH, with_products="true", operator_format="true").json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(shop.twin.product_imports()) == 1


def test_unknown_columns_of_either_kind(stand):
    shop = stand()
    text = BOTH.replace("state\n", "state;shade\n")
    refused = shop.of01(text, with_products="true", operator_format="true")
    assert (refused.status_code, refused.json()["message"]) == (400, "Unknown column 'shade'")
    assert shop.of01(text, with_products="true").status_code == 201


def test_two_limits(stand):
    shop = stand({"A": 1}, limits={"OF01": 60.0, "OF01_PRODUCTS": 900.0}, duplicates="off")
    both = lambda: shop.of01(BOTH, with_products="true", operator_format="true")  # noqa: E731 - one short reading
    only = lambda: shop.of01("sku;quantity\nA;1\n")  # noqa: E731 - one short reading
    assert [both().status_code, only().status_code, only().status_code] == [201, 201, 429]
    shop.later(61)
    late = both()
    assert (only().status_code, late.status_code) == (201, 429)
    assert 830 <= int(late.headers["Retry-After"]) <= 840
