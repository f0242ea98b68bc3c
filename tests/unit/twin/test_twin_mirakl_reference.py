"""What a seller looks up at the Mirakl twin: shop, platform, conditions, shipping, and the catalog's model."""

import dataclasses

import pytest

from gateway.errors import SettingsError
from gateway.twin.mirakl import MiraklTwinSettings, ShopKey
from gateway.twin.mirakl_catalog import Attribute, sample
from gateway.twin.mirakl_settings import PRICING_READ, PRICING_WRITE, PRODUCT_WRITE


def test_the_platform_says_what_the_operator_has_set(stand):
    shop = stand(
        features=frozenset({"channel_pricing", "discount_in_past_blocked", "package_order_quantity"}),
        price_decimals=3, values_separator=",", leaf_only=False, timezone="Europe/Paris",
    )  # fmt: skip
    found = shop.get("/api/platform/configuration").json()
    pricing = found["features"]["pricing"]
    assert (pricing["channel_pricing"], pricing["volume_pricing"]) == ("MULTI", False)
    assert pricing["discount_price_creation_in_the_past_blocked"] is True
    assert found["features"]["order_conditions"]["package_order_quantity"] is True
    assert found["features"]["offer_prices_decimals"] == "3"
    catalog = found["features"]["catalog"]
    assert (catalog["list_of_multiple_values_separator"], catalog["product_import_only_on_leaf"]) == (",", False)
    assert found["timezone"] == "Europe/Paris"


def test_features_that_do_not_exist():
    with pytest.raises(SettingsError, match="free_shipping"):
        MiraklTwinSettings(features=frozenset({"free_shipping"}))


def test_conditions_by_activity(stand):
    shop = stand()
    codes = lambda **query: [one["code"] for one in shop.get("/api/offers/states", **query).json()["offer_states"]]  # noqa: E731
    assert codes() == ["11", "10", "4", "1"]
    assert codes(active="true") == ["11", "10", "4"]
    assert codes(active="false") == ["1"]
    assert shop.get("/api/offers/states", active="yes").status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/channels", 200), ("/api/shipping/types", 200), ("/api/reasons", 200), ("/api/shipping/carriers", 400)],
)
def test_locales(stand, path, status):
    shop = stand()
    assert shop.get(path, locale="en").status_code == status
    assert shop.get(path, locale="fr_FR").status_code == 400


def test_custom_fields_by_entity(stand):
    shop = stand()
    fields = lambda **query: shop.get("/api/additional_fields", **query).json()["additional_fields"]  # noqa: E731
    assert [field["code"] for field in fields(entities="OFFER,SHOP")] == ["gift-wrap", "ecotax"]
    assert fields(entities="ORDER") == []
    assert shop.get("/api/additional_fields", entities="PRODUCT").status_code == 400


def test_categories(stand):
    shop = stand()
    nodes = lambda **query: {  # noqa: E731 - one short reading
        one["code"]: (one["level"], one["parent_code"])
        for one in shop.get("/api/hierarchies", **query).json()["hierarchies"]
    }
    everything = nodes()
    assert everything["SCARF"] == (3, "ACCESSORIES")
    assert everything["APPAREL"] == (1, "")
    assert set(nodes(hierarchy="ACCESSORIES")) == {"ACCESSORIES", "SCARF", "HAT"}
    assert set(nodes(hierarchy="APPAREL", max_level=1)) == {"APPAREL", "ACCESSORIES", "TOPS"}
    assert set(nodes(max_level=1)) == {"GOODS", "APPAREL", "HOME"}
    assert shop.get("/api/hierarchies", hierarchy="NOPE").status_code == 404
    assert shop.get("/api/hierarchies", max_level="one").status_code == 400
    assert shop.get("/api/hierarchies", hierarchy_code="APPAREL").status_code == 400


def test_attributes_of_a_category_and_its_parents(stand):
    shop = stand()
    found = lambda **query: {  # noqa: E731 - one short reading
        one["code"]: one for one in shop.get("/api/products/attributes", **query).json()["attributes"]
    }
    scarf = found(hierarchy="SCARF")
    assert (scarf["material"]["requirement_level"], scarf["material"]["hierarchy_code"]) == ("REQUIRED", "APPAREL")
    assert scarf["material"]["type_parameters"] == [{"name": "LIST_CODE", "value": "materials"}]
    assert scarf["title"]["validations"] == "MAX_LENGTH|120"
    assert "thread_count" not in scarf
    assert "thread_count" in found(hierarchy="SCARF", all_operator_attributes="true")
    assert "thread_count" in found()
    roles = found(with_roles="true")
    assert "material" not in roles
    assert roles["category_code"]["roles"] == [{"type": "CATEGORY", "parameters": []}]


def test_attributes_as_csv(stand):
    answer = stand().client.get("/api/products/attributes", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    lines = answer.text.splitlines()
    assert lines[0].startswith('"code";"label";"label[en]";"hierarchy-code"')
    assert len(lines) == 1 + len(sample().attributes)


def test_lists_of_values(stand):
    shop = stand()
    one = shop.get("/api/values_lists", code="sizes").json()["values_lists"]
    assert [(found["code"], len(found["values"])) for found in one] == [("sizes", 6)]
    assert len(shop.get("/api/values_lists").json()["values_lists"]) == 3
    assert shop.get("/api/values_lists", code="nope").status_code == 404


@pytest.mark.parametrize(("each", "statuses"), [(True, [200, 200, 429]), (False, [200, 429, 429])])
def test_the_limit_of_lists(stand, each, statuses):
    shop = stand(limits={"VL11": 3600.0}, limit_per_list=each)
    codes = [shop.get("/api/values_lists", code=code).status_code for code in ("sizes", "colors", "sizes")]
    assert codes == statuses


def test_another_catalog(stand):
    catalog = sample()
    shop = stand(
        catalog=dataclasses.replace(
            catalog, attributes=(*catalog.attributes, Attribute("origin", "Origin", requirement="REQUIRED"))
        )
    )
    view = shop.products("P-1;SCARF;Scarf;Acme;;WOOL\n")
    report = shop.product_report(view["import_id"], "transformation_error_report")
    assert report[1][-1] == "1000|Attribute origin is required"


def test_roles_of_each_family(stand):
    keys = (
        ShopKey("twin-key"),
        ShopKey("prices", frozenset({PRICING_WRITE})),
        ShopKey("reader", frozenset({PRICING_READ})),
        ShopKey("products", frozenset({PRODUCT_WRITE})),
    )
    shop = stand({"A": 1}, keys=keys)
    status = lambda key, path: shop.client.get(path, headers={"Authorization": key}).status_code  # noqa: E731
    prices, products = "/api/offers/pricing/imports", "/api/products/imports"
    assert [status(key, prices) for key in ("prices", "reader", "products")] == [403, 200, 403]
    assert [status(key, products) for key in ("prices", "reader", "products")] == [403, 403, 200]
    assert [status(key, "/api/platform/configuration") for key in ("products", "twin-key")] == [403, 200]
    assert [status(key, "/api/hierarchies") for key in ("prices", "reader", "products")] == [200, 200, 200]
    files = {"file": ("p.csv", "offer-sku;price\nA;1\n")}
    codes = [
        shop.client.post(prices, files=files, headers={"Authorization": key}).status_code
        for key in ("prices", "reader")
    ]
    assert codes == [201, 403]
