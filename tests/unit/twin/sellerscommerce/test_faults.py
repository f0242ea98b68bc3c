"""Everything that may go wrong, on demand; and the twin's own pages."""

import time

import httpx
import orjson
import pytest

from gateway.errors import SettingsError

PRICES = "product/updateskuprice"
PRICE = [{"SKUCode": "TS-1", "Price": 3}]


def price(shop):
    return shop.twin.shelf()[0]["price"]


@pytest.mark.parametrize(
    ("name", "status"),
    [("error_500", 500), ("error_502", 502), ("error_503", 503), ("error_504", 504), ("html_502", 502)],
)
def test_errors_before_anything_was_done(stocked, name, status):
    one = stocked()
    one.twin.faults.set({name: 1})
    answer = one.post(PRICES, PRICE)
    assert answer.status_code == status
    assert b"StatusCode" not in answer.content
    assert price(one) == "19.99"
    assert one.code(PRICES, PRICE) == 20


def test_throttling_with_and_without_a_time(stocked):
    one = stocked(limit_seconds=30)
    one.twin.faults.set({"throttled": 1, "throttled_bare": 1})
    first, second = one.post(PRICES, PRICE), one.post(PRICES, PRICE)
    assert (first.status_code, first.headers["Retry-After"]) == (429, "30")
    assert (second.status_code, "Retry-After" in second.headers) == (429, False)
    assert price(one) == "19.99"


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [("failed", 29, 406), ("insert_failed", 36, 406), ("exists", 33, 406), ("no_provider", 21, 404),
     ("unknown_code", 23, 406), ("hidden", 29, 200)],
)  # fmt: skip
def test_codes_instead_of_work(stocked, name, code, status):
    one = stocked()
    one.twin.faults.set({name: 1})
    answer = one.post(PRICES, PRICE)
    assert (answer.status_code, answer.json()["StatusCode"]) == (status, code)
    assert price(one) == "19.99"
    assert one.twin.calls[-1].code == code


def test_dropped_before_and_after(stocked):
    one = stocked()
    one.twin.faults.set({"drop": 1})
    with pytest.raises(httpx.TransportError):
        one.post(PRICES, PRICE)
    assert price(one) == "19.99"
    one.twin.faults.set({"drop_after": 1})
    with pytest.raises(httpx.TransportError):
        one.post(PRICES, PRICE)
    assert price(one) == "3"
    assert [call.status for call in one.twin.calls[-2:]] == [0, 0]


def test_an_error_although_it_was_done(stocked):
    one = stocked()
    one.twin.faults.set({"error_after": 1})
    assert one.post(PRICES, PRICE).status_code == 504
    assert price(one) == "3"


def test_what_was_refused_is_no_work_to_lose(stocked):
    one = stocked()
    one.twin.faults.set({"drop_after": 1})
    assert one.code(PRICES, [{"SKUCode": "NO", "Price": 1}]) == 34
    with pytest.raises(httpx.TransportError):
        one.post(PRICES, PRICE)


def test_a_token_that_expires_in_the_middle(stocked):
    one = stocked()
    one.twin.faults.set({"expired": 1, "only": PRICES})
    assert one.get("category/getall").status_code == 200
    assert one.post(PRICES, PRICE).status_code == 401
    assert one.get("category/getall").status_code == 401
    one.pair = one.refresh().json()
    one.client.headers["Authorization"] = f"bearer {one.pair['access_token']}"
    assert one.code(PRICES, PRICE) == 20


def test_a_pair_that_was_lost_uses_up_the_old_one(stocked):
    one = stocked()
    one.twin.faults.set({"drop_after": 1, "only": "token"})
    with pytest.raises(httpx.TransportError):
        one.refresh()
    assert one.refresh().json() == {"error": "invalid_grant"}
    one.log_in()
    assert one.code(PRICES, PRICE) == 20


def test_faults_of_the_token_endpoint(shop):
    one = shop()
    one.twin.faults.set({"error_503": 1, "throttled": 1, "garbage": 1, "only": "token"})
    assert [one.refresh().status_code for _ in range(2)] == [503, 429]
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(one.refresh().content)


def test_answers_that_are_odd(stocked):
    one = stocked()
    one.twin.faults.set({"garbage": 1})
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(one.get("category/getall").content)
    one.twin.faults.set({"nulls": 1, "bare": 1})
    (row,) = one.get("product/getallproductskus").json()
    assert set(row.values()) == {None}
    one.twin.faults.set({"nulls": 1, "bare": 1})
    assert one.code(PRICES, PRICE) == 20
    assert one.twin.faults.as_dict()["nulls"] == 1


def test_slow_answers(stocked):
    one = stocked(speed=100)
    one.twin.faults.set({"slow": 1, "slow_seconds": 20})
    began = time.monotonic()
    assert one.code(PRICES, PRICE) == 20
    assert time.monotonic() - began >= 0.2


def test_faults_are_kept_for_their_call(stocked):
    one = stocked()
    one.twin.faults.set({"error_500": -1, "only": "Product/updateskuprice"})
    assert one.get("category/getall").status_code == 200
    assert [one.post("PRODUCT/UpdateSKUPrice", PRICE).status_code for _ in range(2)] == [500, 500]
    with pytest.raises(SettingsError, match="Unknown fault 'eror'"):
        one.twin.faults.set({"eror": 1})


def test_pages(stocked):
    one = stocked()
    client = httpx.Client(base_url=one.twin.url)
    with client:
        assert client.get("/twin").json()["system"] == "sellerscommerce"
        assert client.get("/twin/shelf").json() == one.twin.shelf()
        assert len(client.get("/twin/effects", params={"key": "TS-1"}).json()) == 2
        assert client.post("/twin/drift", json={"sku": "TS-1", "quantity": 4}).json()["quantity"] == 10
        number = client.post("/twin/orders", json={"items": {"TS-1": 2}}).json()["number"]
        assert client.get("/twin/orders").json()[0]["OrderNumber"] == number
        assert client.post("/twin/faults", json={"failed": 1}).json()["failed"] == 1
        assert one.code(PRICES, PRICE) == 29
        calls = client.get("/twin/calls").json()
        assert (calls[-1]["call"], calls[-1]["status"], calls[-1]["code"]) == (PRICES, 406, 29)
        one.get("PortalAdmin/Admins")
        assert [call["call"] for call in client.get("/twin/violations").json()] == ["portaladmin/admins"]
        bad = [
            client.post("/twin/drift", json={"sku": "NO", "quantity": 1}),
            client.post("/twin/drift", json={"sku": "TS-1"}),
            client.post("/twin/drift", content=b"x"),
            client.post("/twin/orders", json={"items": {"TS-1": 0}}),
            client.post("/twin/orders", json={"items": {}}),
            client.post("/twin/faults", json=[1]),
            client.post("/twin/faults", json={"nothing": 1}),
        ]
        assert [answer.status_code for answer in bad] == [400] * len(bad)


def test_state_outlives_the_twin(stocked, shop, tmp_path):
    path = tmp_path / "state.json"
    one = stocked(state_file=path)
    number = one.twin.place_order({"TS-1": 1})
    one.close()
    two = shop(state_file=path)
    assert two.twin.shelf() == one.twin.shelf()
    assert two.twin.effects() == one.twin.effects()
    assert list(two.twin.records("orders")) == [number]
    assert two.code(PRICES, PRICE) == 20
    assert two.twin.place_order({"TS-1": 1}) != number


def test_the_back_office(shop):
    one = shop()
    one.twin.put_sku("A", 3)
    one.twin.put_sku("A", 4, "2.50")
    one.twin.put_sku("B", 1)
    rows = [(row["sku"], row["stock"], row["price"], row["category"]) for row in one.twin.shelf()]
    assert rows == [("A", 4, "2.50", "House\\Goods"), ("B", 1, "10", "House\\Goods")]
    assert one.twin.drift("A", 9) == 0
    assert one.twin.drift("A", -2) == 2
    assert one.twin.effects() == []
    assert [row["BrandName"] for row in one.rows("category/getallbrands")] == ["House"]
    with pytest.raises(SettingsError, match="BrandName is required"):
        one.twin.put_product(one.product(BrandName=""))
    with pytest.raises(SettingsError, match="no SKU 'NO'"):
        one.twin.drift("NO", 1)
    with pytest.raises(SettingsError, match="status 99"):
        one.twin.place_order({"A": 1}, status=99)
