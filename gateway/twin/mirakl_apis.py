"""The calls of the Mirakl twin: code, path, method, roles, parameters, parts and answer types of each.

Source: Mirakl seller API documentation, the page of each code; paths, methods, roles, parameters and parts verified.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.twin.mirakl_settings import (
    ADMIN,
    CHANNEL_READ,
    OFFER_READ,
    OFFER_SETTINGS_READ,
    OFFER_TRACKING_READ,
    OFFER_WRITE,
    ORDER_SETTINGS_READ,
    PRICING_READ,
    PRICING_WRITE,
    PRODUCT_READ,
    PRODUCT_WRITE,
    SHIPPING_SETTINGS_READ,
    SHOP_READ,
    SHOP_SETTINGS_READ,
    STOCK_WRITE,
)

_JSON = frozenset({"application/json"})
_CSV = frozenset({"text/csv", "application/octet-stream"})
_EITHER = frozenset({"application/json", "text/csv"})


@dataclass(frozen=True, slots=True)
class Api:
    """One call. With `parts` it takes a multipart body, with `takes_json` a JSON body; `many` may be repeated."""

    code: str
    path: str
    method: str
    roles: frozenset[str]
    query: frozenset[str] = frozenset()
    produces: frozenset[str] = _JSON
    parts: frozenset[str] = frozenset()
    takes_json: bool = False
    many: frozenset[str] = field(default=frozenset())


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OFFSET = _names("max offset sort order")
_SEEK = _names("limit sort page_token")
_LOCALE = frozenset({"locale"})
_STOCK = frozenset({ADMIN, STOCK_WRITE})
_PRODUCTS = frozenset({ADMIN, PRODUCT_WRITE})
_OFFERS = frozenset({ADMIN, OFFER_READ})
_TRACKING = frozenset({ADMIN, OFFER_WRITE, OFFER_TRACKING_READ})
_PRICES = frozenset({ADMIN, PRICING_READ})
_SHIPPING = frozenset({ADMIN, SHIPPING_SETTINGS_READ})
_PRICING = _names("pricing_channel_code pricing_customer_organization_id")

A01 = Api("A01", "/api/account", "GET", frozenset({ADMIN, SHOP_READ}))
V01 = Api("V01", "/api/version", "GET", frozenset(), produces=frozenset())
PC01 = Api("PC01", "/api/platform/configuration", "GET", frozenset({ADMIN}))
AF01 = Api(
    "AF01",
    "/api/additional_fields",
    "GET",
    frozenset({ADMIN, ORDER_SETTINGS_READ, OFFER_SETTINGS_READ, SHOP_SETTINGS_READ}),
    _LOCALE | {"entities"},
)
OF61 = Api("OF61", "/api/offers/states", "GET", frozenset({ADMIN, OFFER_SETTINGS_READ}), _LOCALE | {"active"})
CH11 = Api("CH11", "/api/channels", "GET", frozenset({ADMIN, CHANNEL_READ}), _LOCALE)
SH31 = Api("SH31", "/api/shipping/logistic_classes", "GET", _SHIPPING, _LOCALE)
SH12 = Api("SH12", "/api/shipping/types", "GET", _SHIPPING, _LOCALE)
SH21 = Api("SH21", "/api/shipping/carriers", "GET", _SHIPPING)
RE01 = Api("RE01", "/api/reasons", "GET", frozenset({ADMIN, ORDER_SETTINGS_READ}), _LOCALE)

H11 = Api("H11", "/api/hierarchies", "GET", frozenset(), _names("hierarchy max_level"))
PM11 = Api(
    "PM11",
    "/api/products/attributes",
    "GET",
    frozenset(),
    _names("hierarchy max_level all_operator_attributes with_roles"),
    _EITHER,
)
VL11 = Api("VL11", "/api/values_lists", "GET", frozenset(), frozenset({"code"}))

P31 = Api("P31", "/api/products", "GET", frozenset({ADMIN, PRODUCT_READ}), _LOCALE | {"product_references"})
P41 = Api(
    "P41",
    "/api/products/imports",
    "POST",
    _PRODUCTS,
    parts=_names("file operator_format conversion_type conversion_options"),
)
P51 = Api(
    "P51", "/api/products/imports", "GET", _PRODUCTS, _OFFSET | _names("last_request_date status has_transformed_file")
)
P42 = Api("P42", "/api/products/imports/{import}", "GET", _PRODUCTS)
P44 = Api("P44", "/api/products/imports/{import}/error_report", "GET", _PRODUCTS, produces=_CSV)
P45 = Api("P45", "/api/products/imports/{import}/new_product_report", "GET", _PRODUCTS, produces=_CSV)
P46 = Api("P46", "/api/products/imports/{import}/transformed_file", "GET", _PRODUCTS, produces=_CSV)
P47 = Api("P47", "/api/products/imports/{import}/transformation_error_report", "GET", _PRODUCTS, produces=_CSV)

OF01 = Api(
    "OF01",
    "/api/offers/imports",
    "POST",
    frozenset({ADMIN, OFFER_WRITE}),
    parts=_names("file import_mode with_products operator_format"),
)
OF02 = Api("OF02", "/api/offers/imports/{import}", "GET", _TRACKING)
OF03 = Api("OF03", "/api/offers/imports/{import}/error_report", "GET", _TRACKING, produces=_CSV)
OF04 = Api(
    "OF04",
    "/api/offers/imports",
    "GET",
    _TRACKING,
    _SEEK | _names("start_date end_date status mode origins"),
    many=frozenset({"origins"}),
)
OF21 = Api(
    "OF21",
    "/api/offers",
    "GET",
    _OFFERS,
    _OFFSET | _LOCALE | _PRICING | _names("offer_state_codes sku product_id favorite"),
)
OF22 = Api("OF22", "/api/offers/{offer}", "GET", _OFFERS, _LOCALE | _PRICING)
OF24 = Api("OF24", "/api/offers", "POST", frozenset({ADMIN, OFFER_WRITE}), takes_json=True)
OF52 = Api("OF52", "/api/offers/export/async", "POST", frozenset(), takes_json=True)
OF53 = Api("OF53", "/api/offers/export/async/status/{tracking_id}", "GET", frozenset())
# The path is no part of the contract, only that OF53 names it (OF54; verified); it is that of OF53's example.
OF54 = Api(
    "OF54", "/api/offers/export/async/file/{tracking_id}", "GET", frozenset(), frozenset({"file"}), produces=_EITHER
)

PRI01 = Api(
    "PRI01", "/api/offers/pricing/imports", "POST", frozenset({ADMIN, PRICING_WRITE}), parts=frozenset({"file"})
)
PRI02 = Api(
    "PRI02",
    "/api/offers/pricing/imports",
    "GET",
    _PRICES,
    _SEEK | _names("import_id start_date end_date status origins"),
    many=_names("import_id origins"),
)
PRI03 = Api("PRI03", "/api/offers/pricing/imports/{import_id}/error_report", "GET", _PRICES, produces=_CSV)

STO01 = Api("STO01", "/api/offers/stock/imports", "POST", _STOCK, parts=frozenset({"file"}))
STO02 = Api("STO02", "/api/offers/stock/imports/{import_id}/status", "GET", _STOCK)
STO03 = Api("STO03", "/api/offers/stock/imports/{import_id}/error_report", "GET", _STOCK, produces=_CSV)
