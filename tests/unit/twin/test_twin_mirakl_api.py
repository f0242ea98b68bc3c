"""The Mirakl twin against an excerpt of the seller API's OpenAPI document: names, roles, bodies, and answers.

`data/mirakl_api.json` holds per code what the document says; a star marks what is always there.
"""

import json
from pathlib import Path

import pytest

from gateway.twin import mirakl_apis
from gateway.twin.mirakl_apis import Api
from gateway.twin.mirakl_offer_json import as_file
from gateway.twin.mirakl_settings import FEATURES, MiraklTwinSettings

EXCERPT = json.loads((Path(__file__).parent / "data" / "mirakl_api.json").read_text("utf-8"))
APIS = {name: value for name, value in vars(mirakl_apis).items() if isinstance(value, Api)}
EAN = "4006381333931"
PAGING = {"offset": {"max", "offset", "sort", "order"}, "seek": {"limit", "sort", "page_token"}, None: set()}
EVERYTHING = {
    "features": FEATURES - {"discount_period_required", "discount_in_past_blocked", "product_tax_code_mandatory"}
}


@pytest.mark.parametrize("code", sorted(EXCERPT))
def test_paths_parameters_roles_and_bodies(code):
    api, page = APIS[code], EXCERPT[code]
    assert (api.code, api.method) == (code, page["method"])
    assert set(api.roles) == set(page["roles"])
    if code == "OF54":
        # Its address is what OF53 says; `file` is in the example there.
        assert api.query == {"file"}
        return
    assert api.path == page["path"]
    known = set(page["query"]) | PAGING[page.get("paging")] | ({"locale"} if page.get("locale") else set())
    left_out = {"products"} if code == "P31" else set()  # deprecated
    assert api.query | {"shop_id"} == known - left_out
    assert set(api.many) == set(page.get("many", ()))
    assert set(api.parts) == {
        name.rstrip("*") for name in page.get("body", {}) if page["takes"] == "multipart/form-data"
    }
    assert api.takes_json == (page.get("takes") == "application/json")
    assert set(page["gives"]) <= api.produces | {"application/octet-stream"}


def test_every_call_is_in_the_excerpt_and_answered(stand):
    answered = {api.code for desk in stand().twin._desks for api in desk.handlers()}
    assert set(APIS) == set(EXCERPT) == answered


def fits(value, shape, place):
    """Every name is one of the document, and what is always there is there."""
    if value is None or shape == "":
        return
    if isinstance(shape, list):
        assert isinstance(value, list), place
        for one in value:
            fits(one, shape[0], f"{place}[]")
        return
    assert isinstance(value, dict), place
    names = {name.rstrip("*"): inner for name, inner in shape.items()}
    assert set(value) <= set(names), (place, set(value) - set(names))
    always = {name.rstrip("*") for name in shape if name.endswith("*")}
    assert always <= set(value), (place, always - set(value))
    for name, inner in value.items():
        fits(inner, names[name], f"{place}.{name}")


@pytest.fixture
def busy(stand):
    """A shop in which everything has happened."""
    shop = stand({"A-1": 5, "B-1": 0}, operator_rejects={"P-2": "no"}, **EVERYTHING)
    shop.twin.put_offer("W-1", 0, warehouses={"N": 1})
    rows = f"P-1;SCARF;Scarf;Acme;{EAN};WOOL\nP-2;HAT;Hat;Acme;;WOOL\nP-3;NOPE;x;Acme;;WOOL\n"
    shop.product_number = shop.products(rows)["import_id"]
    wide = "sku;product-id;product-id-type;price;price-ranges;price[channel=US];quantity;state;discount-price"
    more = "description;allow-quote-requests;favorite-rank;available-start-date;min-order-quantity"
    text = f"{wide};{more}\nC-1;{EAN};EAN;20;5|18;21;3;11;15;Soft;true;1;2026-01-01;2\nD-1;0;EAN;1;;;1;11;;;;;;\n"
    shop.offer_number = shop.offers(text)[0]["import_id"]
    shop.price_id = shop.prices(
        "offer-sku;price;discount-price;discount-start-date;discount-end-date;start-date;channels\n"
        "A-1;10;8;2026-01-01;2090-01-01;;\nA-1;9;;;;2027-01-01T00:00:00Z;US\nX;1;;;;;\n"
    )[0]["import_id"]
    stock = shop.post_file("/api/offers/stock/imports", "offer-sku;quantity\nA-1;4\n").json()
    shop.stock_id = stock["import_id"]
    shop.later()
    return shop


def test_answers_have_the_documented_fields(busy):
    number, offers = busy.product_number, busy.offer_number
    paths = {
        "P42": f"/api/products/imports/{number}",
        "OF02": f"/api/offers/imports/{offers}",
        "OF22": f"/api/offers/{busy.offer('C-1')['offer_id']}",
        "STO02": f"/api/offers/stock/imports/{busy.stock_id}/status",
        "P31": f"/api/products?product_references=EAN|{EAN}",
    }
    read = [code for code, api in APIS.items() if api.method == "GET" and ("{" not in api.path or code in paths)]
    for code in read:
        answer = busy.client.get(paths.get(code, APIS[code].path))
        assert answer.status_code == EXCERPT[code].get("status", 200), code
        if "answer" in EXCERPT[code]:
            fits(answer.json(), EXCERPT[code]["answer"], code)
    assert len(read) == 22
    assert busy.get("/api/offers/imports").json()["data"]
    assert busy.get("/api/products/imports").json()["product_import_trackings"]


def test_answers_to_posts_have_the_documented_fields(busy):
    posts = {
        "P41": busy.p41(f"P-9;SCARF;Scarf;Acme;{EAN};WOOL\n"),
        "OF01": busy.of01("sku;sku_code\nA-1;P-9\n", with_products="true", operator_format="true"),
        "OF24": busy.client.post("/api/offers", json={"offers": [FULL]}),
        "PRI01": busy.pri01("offer-sku;price\nA-1;10\n"),
        "STO01": busy.post_file("/api/offers/stock/imports", "offer-sku;quantity\nA-1;4\n"),
        "OF52": busy.client.post("/api/offers/export/async", json={}),
    }
    for code, answer in posts.items():
        assert answer.status_code == EXCERPT[code]["status"], (code, answer.text)
        assert ("Location" in answer.headers) is (code != "OF52")
        fits(answer.json(), EXCERPT[code]["answer"], code)
    assert "product_import_id" in posts["OF01"].json()


def test_exports_have_the_documented_names(busy):
    for kind in ("text/csv", "application/json"):
        body = {"export_type": kind, "include_inactive_offers": True}
        tracking = busy.client.post("/api/offers/export/async", json=body).json()["tracking_id"]
        busy.later(60)
        status = busy.get(f"/api/offers/export/async/status/{tracking}").json()
        fits(status, EXCERPT["OF53"]["answer"], "OF53")
        answer = busy.client.get(status["urls"][0])
        if kind == "application/json":
            fits(answer.json(), [EXCERPT["OF54"]["answer"]], "OF54")
        else:
            names = {name.replace("<channelCode>", "US") for name in EXCERPT["OF54"]["columns"]}
            assert {name.strip('"') for name in answer.text.partition("\n")[0].split(";")} <= names


def test_columns_of_attributes(busy):
    answer = busy.client.get("/api/products/attributes", headers={"Accept": "text/csv"})
    header = answer.text.partition("\n")[0].replace('"', "").split(";")
    assert set(header) <= {name.rstrip("*") for name in EXCERPT["PM11"]["columns"]} | {"label[en]", "description[en]"}


FULL = {
    "shop_sku": "A-1", "state_code": "11", "price": 12.5, "update_delete": "update", "product_id": "A-1",
    "product_id_type": "SHOP_SKU", "quantity": 4, "description": "d", "internal_description": "i",
    "price_additional_info": "p", "min_quantity_alert": 1, "available_started": "2026-01-01T00:00:00Z",
    "available_ended": "2090-01-01T00:00:00Z", "logistic_class": "M", "allow_quote_requests": True,
    "leadtime_to_ship": 3, "min_order_quantity": 1, "max_order_quantity": 9, "package_quantity": 1,
    "pricing_unit": "KG", "product_tax_code": "T1",
    "discount": {"price": 9, "start_date": "2026-01-01T00:00:00Z", "end_date": "2090-01-01T00:00:00Z",
                 "ranges": [{"quantity_threshold": 5, "price": 8}]},
    "all_prices": [{"channel_code": "US", "unit_origin_price": 14, "unit_discount_price": "13",
                    "discount_start_date": "2026-01-01T00:00:00Z", "discount_end_date": "2090-01-01T00:00:00Z",
                    "volume_prices": [{"quantity_threshold": 2, "unit_origin_price": 13, "unit_discount_price": 12}]}],
    "offer_additional_fields": [{"code": "gift-wrap", "type": "BOOLEAN", "value": "true"}],
}  # fmt: skip


def test_offers_in_json_have_the_documented_fields():
    fields = EXCERPT["OF24"]["body"]["offers*"][0]
    documented = {name.rstrip("*") for name in fields}
    assert set(FULL) <= documented
    assert documented - set(FULL) == {"eco_contributions", "msrp", "retail_prices"}
    document = json.loads(json.dumps({"offers": [FULL]}), parse_float=str)
    assert as_file(document, MiraklTwinSettings(features=FEATURES)).count(b"\n") == 2
