"""What can be read of offers at the Mirakl twin: pages, filters, prices in force, exports, and the shelf for people."""

import csv
import io

import pytest


def test_pages_of_offers(stand):
    client = stand({f"S-{n:03}": n for n in range(1, 124)}).client
    first = client.get("/api/offers")
    assert first.json()["total_count"] == 123
    assert [o["shop_sku"] for o in first.json()["offers"]] == [f"S-{n:03}" for n in range(1, 11)]
    assert set(first.links) == {"next"}
    middle = client.get("/api/offers", params={"max": 50, "offset": 50})
    assert len(middle.json()["offers"]) == 50
    assert set(middle.links) == {"next", "previous"}
    skus, url = [], "/api/offers?max=100"
    while url:
        answer = client.get(url)
        skus += [offer["shop_sku"] for offer in answer.json()["offers"]]
        url = answer.links.get("next", {}).get("url")
    assert skus == [f"S-{n:03}" for n in range(1, 124)]
    assert client.get("/api/offers", params={"offset": 500}).json()["offers"] == []
    newest = client.get("/api/offers", params={"order": "desc", "max": 1}).json()["offers"]
    assert newest[0]["shop_sku"] == "S-123"


@pytest.mark.parametrize(("over", "status"), [("refuse", 400), ("clamp", 200)])
def test_pages_above_the_maximum(stand, over, status):
    client = stand({f"S-{n:03}": n for n in range(120)}, page_over_maximum=over).client
    answer = client.get("/api/offers", params={"max": 101})
    assert answer.status_code == status
    assert len(answer.json().get("offers", [])) == (100 if status == 200 else 0)


@pytest.mark.parametrize(
    "query", [{"max": "ten"}, {"offset": "-1"}, {"sort": "sku"}, {"order": "down"}, [("max", 1), ("max", 2)]]
)
def test_faulty_paging(stand, query):
    client = stand({"A-1": 5}).client
    assert client.get("/api/offers", params=query).status_code == 400


def test_offers_are_found_by_sku_and_product(stand):
    shop = stand({"A-1": 5, "B-1": 0})
    twin, client = shop.twin, shop.client
    twin.put_offer("C-1", 0, warehouses={"N": 2, "S": 3})
    found = client.get("/api/offers", params={"sku": "C-1"}).json()
    assert found["total_count"] == 1
    offer = found["offers"][0]
    assert (offer["quantity"], offer["warehouses"]) == (5, [{"code": "N", "quantity": 2}, {"code": "S", "quantity": 3}])
    by_product = client.get("/api/offers", params={"product_id": offer["product_sku"]}).json()
    assert [o["shop_sku"] for o in by_product["offers"]] == ["C-1"]
    empty = client.get("/api/offers", params={"sku": "B-1"}).json()["offers"][0]
    assert (empty["active"], empty["inactivity_reasons"]) == (False, ["ZERO_QUANTITY"])
    assert client.get("/api/offers", params={"offer_state_codes": "1,2"}).json()["total_count"] == 0


def test_account_and_platform_say_what_they_must(stand):
    shop = stand({"A-1": 5, "B-1": 0}, shop_state="CLOSE", currency="EUR", report_delimiter=",")
    twin, client = shop.twin, shop.client
    account = client.get("/api/account").json()
    assert (account["shop_state"], account["currency_iso_code"], account["offers_count"]) == ("CLOSE", "EUR", 1)
    features = client.get("/api/platform/configuration").json()["features"]
    assert (features["operator_csv_delimiter"], features["offer_prices_decimals"]) == ("COMMA", "2")
    offer = client.get("/api/offers", params={"sku": "A-1"}).json()["offers"][0]
    assert (offer["active"], offer["inactivity_reasons"]) == (False, ["SHOP_NOT_OPEN"])
    assert twin.port == client.base_url.port


def test_orders_of_a_page(stand):
    shop = stand({"A": 1, "B": 1, "C": 1})
    shop.offers("sku;price;discount-price\nA;30;\nB;9.90;\nC;40;5\n")
    skus = lambda **query: [one["shop_sku"] for one in shop.get("/api/offers", **query).json()["offers"]]  # noqa: E731
    assert skus() == ["C", "B", "A"]
    assert skus(sort="price", order="desc") == ["A", "B", "C"]
    assert skus(sort="productTitle") == ["A", "B", "C"]


def test_a_discount_holds_within_its_dates(stand):
    shop = stand({"A": 1, "B": 1, "C": 1})
    header = "sku;price;discount-price;discount-start-date;discount-end-date\n"
    shop.offers(header + "A;10;8;2020-01-01;2090-01-01\nB;10;8;2090-01-01;\nC;10;8;;2021-01-01\n")
    prices = {sku: shop.offer(sku)["price"] for sku in "ABC"}
    assert prices == {"A": 8, "B": 10, "C": 10}
    assert shop.offer("B")["applicable_pricing"]["unit_discount_price"] == 8


def test_amounts_keep_their_digits(stand):
    shop = stand({"A": 1})
    shop.offers("sku;price\nA;49.90\n")
    assert '"unit_origin_price":49.90' in shop.get("/api/offers").text


def test_one_offer_by_its_number(stand):
    shop = stand({"A": 1, "B": 2})
    number = shop.offer("B")["offer_id"]
    assert shop.get(f"/api/offers/{number}").json() == shop.offer("B") | {
        "shipping_deadline": shop.get(f"/api/offers/{number}").json()["shipping_deadline"]
    }
    assert shop.get("/api/offers/1").status_code == 404
    assert shop.get("/api/offers/export").json() == {"message": "Not Found"}
    assert shop.get(f"/api/offers/{number}", sku="B").status_code == 400


def test_reasons_of_inactivity(stand):
    shop = stand({"A": 0, "B": 1})
    shop.offers("sku;available-start-date\nB;2090-01-01\n")
    assert shop.offer("A")["inactivity_reasons"] == ["ZERO_QUANTITY"]
    assert shop.offer("B")["inactivity_reasons"] == ["NOT_IN_AVAILABILITY_PERIOD"]
    assert shop.get("/api/offers").json()["total_count"] == 2


def test_the_shelf_shows_offers_and_products(stand):
    shop = stand({"A": 3})
    shop.twin.put_product("P-1", "Scarf", category="SCARF")
    shop.offers("sku;price;discount-price;discount-end-date\nA;12.50;9;2090-01-01T00:00:00Z\n")
    rows = shop.get("/twin/shelf").json()
    assert rows == shop.twin.shelf()
    assert rows[0] == {
        "sku": "A", "product_sku": "MKP000000005001", "title": "Article A", "category": "GOODS", "live": True,
        "offer": True, "active": True, "price": "12.50", "discount_price": "9", "discount_from": None,
        "discount_to": "2090-01-01T00:00:00Z", "quantity": 3, "state": "11",
    }  # fmt: skip
    assert (rows[1]["sku"], rows[1]["live"], rows[1]["offer"], rows[1]["price"]) == ("P-1", True, False, None)
    assert shop.get("/twin/changes", key="A").json()[0]["family"] == "offer"
    assert shop.get("/twin/shelf", shop_id="9").status_code == 400


# ---------------------------------------------------------------- exports


def export(shop, **request):
    """Ask for an export, let it end, and return its status and chunks."""
    tracking = shop.client.post("/api/offers/export/async", json=request).json()["tracking_id"]
    shop.later(31)
    status = shop.get(f"/api/offers/export/async/status/{tracking}").json()
    return status, [shop.client.get(url) for url in status.get("urls", [])]


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(answer.text), delimiter=";"))


def test_an_export_is_pending_first(stand):
    shop = stand({"A": 1, "B": 0})
    tracking = shop.client.post("/api/offers/export/async", json={}).json()["tracking_id"]
    status = shop.get(f"/api/offers/export/async/status/{tracking}").json()
    assert (status["status"], "urls" in status) == ("PENDING", False)
    shop.later(31)
    status = shop.get(f"/api/offers/export/async/status/{tracking}").json()
    assert status["status"] == "COMPLETED"
    rows = rows_of(shop.client.get(status["urls"][0]))
    assert [(row["shop-sku"], row["quantity"], row["active"]) for row in rows] == [("A", "1", "true")]
    assert shop.client.get(status["urls"][0], headers={"Authorization": "other"}).status_code == 401
    assert shop.client.get(status["urls"][0].replace("0.csv", "1.csv")).status_code == 404
    assert shop.get("/api/offers/export/async/status/none").status_code == 404


@pytest.mark.parametrize(("mode", "same"), [("open", True), ("off", False)])
def test_an_equal_request_is_the_same_export(stand, mode, same):
    shop = stand({"A": 1}, duplicates=mode)
    ask = lambda **body: shop.client.post("/api/offers/export/async", json=body).json()["tracking_id"]  # noqa: E731
    assert (ask(items_per_chunk=10_000) == ask(items_per_chunk=10_000)) is same
    assert ask(items_per_chunk=10_000) != ask(items_per_chunk=20_000)


def test_differential_exports_tell_of_deleted_and_inactive_offers(stand):
    shop = stand({"A": 1, "B": 1, "C": 1})
    shop.later(60)
    since = shop.twin.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    shop.offers("sku;quantity;update-delete\nA;0;\nB;;delete\n")
    _, (answer,) = export(shop, last_request_date=since)
    assert {row["shop-sku"]: (row["active"], row["deleted"]) for row in rows_of(answer)} == {
        "A": ("false", "false"),
        "B": ("false", "true"),
    }
    _, (full,) = export(shop)
    assert [row["shop-sku"] for row in rows_of(full)] == ["C"]
    _, (whole,) = export(shop, include_inactive_offers=True)
    assert [row["shop-sku"] for row in rows_of(whole)] == ["A", "C"]


def test_exports_in_json(stand):
    shop = stand({"A": 1}, features=frozenset({"channel_pricing", "volume_pricing"}))
    shop.offers("sku;price;discount-price;price-ranges;price[channel=US]\nA;20;15;5|18;22\n")
    status, (answer,) = export(shop, export_type="application/json")
    assert status["urls"][0].endswith("0.json")
    assert answer.headers["Content-Type"].startswith("application/json")
    prices = answer.json()[0]["prices"]
    assert [(price["origin_price"], price.get("discount_price")) for price in prices] == [(20, 15), (22, None)]
    assert prices[1]["context"] == {"channel_codes": ["US"]}
    assert [step["quantity_threshold"] for step in prices[0]["volume_prices"]] == [1, 5]


def test_chunks_and_columns(stand):
    shop = stand({f"S-{n:02}": 1 for n in range(25)}, export_minimum=1)
    names = {"include_fields": ["shop-sku", "quantity"], "rename_fields": {"shop-sku": "sku"}}
    status, chunks = export(shop, items_per_chunk=10, **names)
    assert [len(rows_of(chunk)) for chunk in chunks] == [10, 10, 5]
    assert len(status["urls"]) == 3
    assert set(rows_of(chunks[0])[0]) == {"sku", "quantity"}


@pytest.mark.parametrize(
    "request_",
    [
        {"items_per_chunk": 9999},
        {"items_per_chunk": 1_000_001},
        {"megabytes_per_chunk": 9},
        {"megabytes_per_chunk": "100"},
        {"export_type": "text/xml"},
        {"last_request_date": "2026-01-01"},
        {"last_request_date": "2026-01-01T00:00:00Z", "include_inactive_offers": True},
        {"export_type": "application/json", "rename_fields": {"offer_id": "id"}},
        {"max": 10},
    ],
)
def test_faulty_exports(stand, request_):
    assert stand().client.post("/api/offers/export/async", json=request_).status_code == 400


def test_a_failed_export_says_why(stand):
    shop = stand({"A": 1})
    shop.twin.faults.set({"fails": 1, "only": "OF52"})
    status, chunks = export(shop)
    assert (status["status"], status["error"], chunks) == ("FAILED", {"code": "1", "detail": "Internal error"}, [])
    shop.twin.faults.set({"never_ends": 1})
    assert export(shop, items_per_chunk=10_000)[0]["status"] == "PENDING"


def test_two_limits_of_exports(stand):
    shop = stand({"A": 1}, limits={"OF52": 60.0, "OF52_FULL": 86_400.0}, duplicates="off")
    ask = lambda **body: shop.client.post("/api/offers/export/async", json=body).status_code  # noqa: E731
    assert [ask(), ask()] == [200, 429]
    since = {"last_request_date": "2026-01-01T00:00:00Z"}
    assert [ask(**since), ask(**since)] == [200, 429]
    shop.later(61)
    assert [ask(**since), ask()] == [200, 429]
