"""Paths, verbs, headers, parameters, limits and the two envelopes."""

from email.utils import parsedate_to_datetime

import httpx
import pytest

from gateway.errors import SettingsError, Unreachable
from gateway.twin.sellerscommerce import SellersCommerceTwin
from gateway.twin.sellerscommerce_apis import FORBIDDEN

READS = [
    "product/getall", "product/getallproducts", "product/getallproductskus", "product/get/TS",
    "product/getallsuppliers", "category/getall", "category/get/ACME", "category/categoryproducts/ACME",
    "category/getallbrands", "order/getall", "order/getorders", "shopper/getall", "return/getall",
    "embellishments/getall", "embellishments/getproductembellishment?productCode=TS",
]  # fmt: skip


def test_reading_in_both_envelopes(stocked):
    wrapped, bare = stocked(), stocked(envelope="bare")
    for path in READS:
        answer = wrapped.client.get(f"/api/{path}")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (set(body), body["StatusCode"]) == ({"Results", "ResponseMessage", "StatusCode"}, 20)
        plain = bare.client.get(f"/api/{path}").json()
        assert type(plain) is type(body["Results"]), path
        assert len(plain) == len(body["Results"]), path


def test_successful_writes_have_the_envelope_either_way(stocked):
    for one in (stocked(), stocked(envelope="bare")):
        answer = one.post("product/updateskuprice", [{"SKUCode": "TS-1", "Price": 3}])
        assert answer.json() == {
            "Results": "Processed",
            "ResponseMessage": "Processed Successfully",
            "StatusCode": 20,
        }


def test_member_names_in_camel_case(shop):
    one = shop(member_case="camel")
    one.twin.put_product(one.product())
    product = one.get("product/get/TS").json()["results"]
    assert {"scProductID", "productCode", "msrp", "skUs"} <= set(product)
    assert product["skUs"][0]["skuCode"] == "TS-1"
    assert one.post("product/updateskuprice", [{"SKUCode": "NO", "Price": 3}]).json()["statusCode"] == 34


def test_paths_and_member_names_in_any_case(stocked):
    one = stocked()
    assert one.get("PRODUCT/GetAll").status_code == 200
    assert one.client.get("/API/product/GET/TS").json()["Results"]["ProductCode"] == "TS"
    assert one.get("product/get/ts").status_code == 406
    assert one.code("Product/UpdateSKUPrice", [{"skucode": "TS-1", "PRICE": 2}]) == 20
    assert one.get("product/getallproductskus", TOP="1", productcode="TS").status_code == 200
    strict = stocked(ignore_case=False)
    assert strict.get("product/getall").status_code == 200
    assert strict.get("Product/getall").status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/product", "/api/product/getall/1", "/api/product/get", "/api/product/get/", "/products",
             "/api/tools/getall", "/api/product/getall/", "/api/promotion/getall"],
)  # fmt: skip
def test_unknown_paths_have_no_response_code(empty, path):
    answer = empty.client.get(path)
    assert answer.status_code == 404
    assert "StatusCode" not in answer.json()


def test_wrong_verbs(stocked):
    one = stocked()
    assert one.client.post("/api/product/getall", json={}).status_code == 405
    assert one.client.get("/api/product/products").status_code == 405
    assert one.client.put("/api/product/products", json=one.product()).status_code == 405
    assert one.client.patch("/api/product/updateskuprice", json=[]).status_code == 405
    assert one.client.post("/api/category/category", json={}).status_code == 405
    other = stocked(verbs={"category/category": "POST"})
    assert other.code("category/category", {"CategoryCode": "SHIRTS", "ActionId": 1}) == 20


@pytest.mark.parametrize("given", [None, "", "bearer", "bearer nothing", "Basic {}", "{}"])
def test_only_bearer_tokens_are_let_in(shop, given):
    one = shop()
    token = one.pair["access_token"]
    del one.client.headers["Authorization"]
    headers = {} if given is None else {"Authorization": given.format(token)}
    answer = one.client.get("/api/category/getall", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"Message": "Authorization has been denied for this request."})
    assert one.client.get("/api/category/getall", headers={"Authorization": f"BEARER {token}"}).status_code == 200


def test_headers_the_page_demands(stocked):
    one, lax = stocked(), stocked(demand_content_type="never", demand_accept=False)
    for headers, status in (({"Accept": "*/*"}, 406), ({"Content-Type": "text/plain"}, 415)):
        assert one.client.get("/api/category/getall", headers=headers).status_code == status
        assert lax.client.get("/api/category/getall", headers=headers).status_code == 200
    assert "StatusCode" not in one.client.get("/api/category/getall", headers={"Accept": "text/xml"}).json()
    only_bodies = stocked(demand_content_type="bodies")
    plain = {"Content-Type": "text/plain"}
    assert only_bodies.client.get("/api/category/getall", headers=plain).status_code == 200
    answer = only_bodies.client.post("/api/category/productcategory", content=b"[]", headers=plain)
    assert answer.status_code == 415


def test_unknown_parameters(stocked):
    assert stocked().get("category/getallbrands", page=1).status_code == 400
    assert stocked(refuse_unknown=False).get("category/getallbrands", page=1).status_code == 200
    assert stocked().get("category/getallbrands", **{"$top": 1}).status_code == 400
    assert stocked().client.get("/api/product/getallproductskus?top=1&Top=2").status_code == 400


def test_the_limit(shop):
    one = shop(limit_calls=2, limit_seconds=10)
    assert [one.get("category/getall").status_code for _ in range(3)] == [200, 200, 429]
    assert one.token(grant_type="password").status_code == 400
    early = one.get("category/getall")
    assert early.status_code == 429
    assert 8 <= int(early.headers["Retry-After"]) <= 10
    one.twin.clock.advance(10)
    assert one.get("category/getall").status_code == 200


def test_what_a_429_says_is_a_switch(shop):
    none, date = shop(limit_calls=1, retry_after="none"), shop(limit_calls=1, retry_after="date")
    for one in (none, date):
        one.get("category/getall")
    assert "Retry-After" not in none.get("category/getall").headers
    answer = date.get("category/getall")
    assert parsedate_to_datetime(answer.headers["Retry-After"]) > parsedate_to_datetime(answer.headers["Date"])


def test_what_no_client_should_call_is_answered_and_kept_in_mind(shop):
    one = shop()
    assert one.get("category/getall").status_code == 200
    assert one.twin.violations == []
    assert len(FORBIDDEN) == 20
    for api in FORBIDDEN:
        assert one.get(api.name, userid="1").json()["StatusCode"] == 20
        assert one.post(api.name.upper(), {}).status_code == 200
        assert [call.call for call in one.twin.violations[-2:]] == [api.key, api.key]


def test_the_portal_is_a_violation_even_where_nothing_is(shop):
    one = shop()
    assert one.get("portaladmin/nothing/here").status_code == 404
    del one.client.headers["Authorization"]
    assert one.get("PortalLogin/Login").status_code == 401
    assert [call.status for call in one.twin.violations] == [404, 401]


def test_loopback_only_and_a_taken_port(shop):
    with pytest.raises(SettingsError, match="loopback"):
        SellersCommerceTwin(host="192.0.2.1")
    with pytest.raises(Unreachable, match="cannot listen"):
        SellersCommerceTwin(port=shop().twin.port).start()


def test_starting_again_on_the_same_port():
    twin = SellersCommerceTwin()
    with twin:
        url = twin.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/twin")
    with twin:
        about = httpx.get(f"{url}/twin").json()
    assert (about["system"], about["speed"], about["violations"]) == ("sellerscommerce", 1.0, 0)


def test_renamed_members(shop):
    one = shop(names={"SKUCode": "ItemCode", "Inventory": "OnHand"})
    skus = [{"ItemCode": "TS-1", "Price": 1, "OnHand": 3}]
    assert one.code("product/products", one.product(SKUs=skus)) == 20
    assert one.code("product/updateskuinventory", [{"ItemCode": "TS-1", "OnHand": 4}]) == 20
    assert one.code("product/updateskuinventory", [{"SKUCode": "TS-1", "OnHand": 4}]) == 30
    (row,) = one.rows("product/getallproductskus")
    assert (row["ItemCode"], row["OnHand"], "SKUCode" in row) == ("TS-1", 4, False)
