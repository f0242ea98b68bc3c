"""Every call the Mirakl destination makes is one that Mirakl's own document describes.

`data/mirakl_openapi.json` is an excerpt of that document: paths, parameters, body parts and answer fields.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklDestination, MiraklSettings, platform, product_imports
from gateway.errors import MayWorkLater
from gateway.model import Batch, Sent
from gateway.testing.clock import FakeClock
from gateway.transport.http import Response

CALLS = json.loads((Path(__file__).parent / "data" / "mirakl_openapi.json").read_text("utf-8"))["calls"]
PAGING = {"max", "offset", "sort", "order", "limit", "page_token"}
"""Paging is described once for all calls, in the general notes."""
EXPORT = "https://shop.mirakl.net/api/offers/export/async/file/1?file=0.json"

ANSWERS = {
    "P41": {"import_id": 1},
    "OF01": {"import_id": 1},
    "PRI01": {"import_id": "1"},
    "STO01": {"import_id": "1"},
    "P51": {"product_import_trackings": [], "total_count": 0},
    "P42": {"import_id": 1, "import_status": "COMPLETE", "has_error_report": True,
            "has_transformation_error_report": True, "transform_lines_in_success": 1, "transform_lines_read": 1,
            "transform_lines_in_error": 0, "integration_details": {"products_successfully_synchronized": 1}},
    "OF04": {"data": [], "next_page_token": None},
    "OF02": {"import_id": 1, "status": "COMPLETE", "has_error_report": True},
    "PRI02": {"data": [{"import_id": "1", "status": "COMPLETE", "has_error_report": True}]},
    "STO02": {"import_id": "1", "status": "COMPLETE", "has_error_report": True},
    "OF21": {"offers": [], "total_count": 9000},
    "OF52": {"tracking_id": "t"},
    "OF53": {"status": "COMPLETED", "urls": [EXPORT]},
    "OF54": [],
    "A01": {"shop_id": 7, "shop_state": "OPEN"},
    "PC01": {},
}  # fmt: skip


class Documented:
    """Answers each call by its code and keeps it."""

    def __init__(self, answers):
        self.answers = answers
        self.seen = []

    def send(self, request):
        self.seen.append(request)
        code = request.budget.removesuffix("-full")
        body = json.dumps(self.answers[code]).encode() if code in self.answers else b"shop_sku;line number;errors\n"
        return Response(200, {}, body)

    def close(self):
        pass


@pytest.fixture(scope="module")
def requests():
    """Every kind of call, made by the destination itself."""
    clock, transport = FakeClock(), Documented(dict(ANSWERS))
    settings = MiraklSettings(host="shop.mirakl.net", api_key=SecretStr("k"), shop_id=7, price_basis="gross")
    destination = MiraklDestination(settings, transport=transport, clock=clock, account="a", name="saks")
    destination.probe()
    operations = ("product", "offer", "price", "stock")

    def sent(number, operation, ticket="1"):
        return Sent(number, operation, "s", ticket, "d", 1, clock.now() - timedelta(hours=1), {"first": "A"})

    for operation in operations:
        destination.submit(Batch(operation, "s", b"x", None))
    destination.poll([sent(number, operation) for number, operation in enumerate(operations)])
    for operation in operations:
        destination.find(sent(9, operation, ticket=None))
    transformed = {"import_id": 5, "import_status": "COMPLETE", "has_transformed_file": True, "transform_lines_read": 1,
                   "date_created": clock.now().isoformat()}  # fmt: skip
    transport.answers["P51"] = {"product_import_trackings": [transformed], "total_count": 1}
    destination.find(sent(9, "product", ticket=None))
    read_offers(destination, clock, few=("A",), many=tuple(f"S{n}" for n in range(60)))
    clock.advance(300)
    destination._known.written()
    clock.advance(1)
    read_offers(destination, clock, few=(), many=tuple(f"S{n}" for n in range(60)))
    return transport.seen


def read_offers(destination, clock, *, few, many):
    for skus in filter(None, (few, many)):
        for _ in range(5):
            try:
                destination._known.of(list(skus), exported=False)
                break
            except MayWorkLater as error:
                clock.advance(error.after or 1)


def test_every_call_of_the_document_we_hold_is_made(requests):
    assert {request.budget.removesuffix("-full") for request in requests} == set(CALLS)


def test_every_call_has_a_documented_path_and_method(requests):
    for request in requests:
        code = request.budget.removesuffix("-full")
        pattern = re.sub(r"\{\w+\}", "[^/]+", CALLS[code]["path"])
        assert request.method == CALLS[code]["method"], code
        if code != "OF54":  # its address comes from the call before
            assert re.fullmatch(pattern, request.path), (code, request.path)


def test_every_parameter_is_documented(requests):
    for request in requests:
        code = request.budget.removesuffix("-full")
        named = {name for name, _ in request.query} - PAGING
        if code == "OF54":
            named -= {"file"}
        assert named <= set(CALLS[code]["query"]), code
        assert "shop_id" in named, code


def test_every_body_is_documented(requests):
    bodies = defaultdict(set)
    for request in requests:
        code = request.budget.removesuffix("-full")
        body = CALLS[code].get("body")
        assert (body is None) == (request.method == "GET"), code
        if body is None:
            continue
        if body["type"] == "multipart/form-data":
            parts = {request.upload.part, *(name for name, _ in request.parts)}
        else:
            assert request.content_type == body["type"]
            parts = set(json.loads(request.body))
        assert parts <= set(body["parts"]), code
        assert set(body.get("required", ())) <= parts, code
        bodies[code] |= parts
    assert {"last_request_date", "include_inactive_offers"} <= bodies["OF52"]


def test_an_export_of_changes_never_asks_for_inactive_offers(requests):
    """The document: that field makes such a call fail."""
    for request in requests:
        if request.budget.startswith("OF52"):
            body = json.loads(request.body)
            assert ("last_request_date" in body) != ("include_inactive_offers" in body)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("P41", ["import_id"]), ("OF01", ["import_id"]), ("PRI01", ["import_id"]), ("STO01", ["import_id"]),
        ("OF52", ["tracking_id"]), ("OF53", ["status", "urls", "error.detail"]),
        ("P51", ["total_count", *(f"product_import_trackings.{name}" for name in (
            "import_id", "import_status", "date_created", "reason_status", "has_error_report", "has_transformed_file",
            "has_transformation_error_report", "transform_lines_read", "transform_lines_in_success",
            "transform_lines_in_error", "transform_lines_with_warning",
            "integration_details.products_successfully_synchronized", "integration_details.products_reimported",
            *(f"integration_details.{name}" for name in product_imports._LOST)))]),
        ("P42", ["import_id", "import_status", "integration_details.rejected_products"]),
        ("OF04", ["next_page_token", *(f"data.{name}" for name in (
            "import_id", "status", "mode", "date_created", "reason_status", "has_error_report", "lines_read",
            "lines_in_success", "lines_in_error", "lines_in_pending"))]),
        ("OF02", ["import_id", "status", "lines_read", "lines_in_pending"]),
        ("PRI02", ["next_page_token", *(f"data.{name}" for name in (
            "import_id", "status", "date_created", "reason_status", "has_error_report", "lines_in_success",
            "lines_in_error", "offers_in_error"))]),
        ("STO02", ["status", "has_error_report", "lines_in_success", "lines_in_error"]),
        ("OF21", ["total_count", "offers.shop_sku", "offers.currency_iso_code",
                  *(f"offers.all_prices.{name}" for name in (
            "channel_code", "unit_origin_price", "unit_discount_price", "discount_start_date", "discount_end_date",
            "volume_prices.quantity_threshold", "volume_prices.unit_origin_price", "volume_prices.unit_discount_price",
            "context.channel_codes", "context.start_date", "context.end_date", "context.customer_organization_ids",
            "context.customer_group_ids"))]),
        ("OF54", ["shop_sku", "currency_iso_code", "deleted", *(f"prices.{name}" for name in (
            "origin_price", "discount_price", "discount_start_date", "discount_end_date",
            "volume_prices.quantity_threshold", "volume_prices.unit_origin_price", "volume_prices.unit_discount_price",
            "context.channel_codes", "context.start_date", "context.end_date", "context.customer_organization_ids",
            "context.customer_group_ids")), "retail_prices.origin_price", "retail_prices.discount_price"]),
        ("A01", ["shop_id", "shop_name", "shop_state", "currency_iso_code"]),
        ("PC01", ["features.offer_prices_decimals", "features.lead_time_to_ship_by_sellers_enabled",
                  *(f"features.order_conditions.{name}" for name in platform._CONDITIONS),
                  "features.pricing.discount_period_required",
                  "features.pricing.discount_price_creation_in_the_past_blocked",
                  "platform_configuration.customer_model.b2b", "timezone"]),
    ],
)  # fmt: skip
def test_the_fields_we_read_are_documented(code, fields):
    assert set(fields) <= set(CALLS[code]["answer"])


def test_the_configuration_is_read_from_these_fields():
    answer = {
        "features": {"offer_prices_decimals": "3", "lead_time_to_ship_by_sellers_enabled": "NO",
                     "order_conditions": {"minimum_order_quantity": False, "maximum_order_quantity": True}, "pricing": {
            "discount_period_required": True, "discount_price_creation_in_the_past_blocked": True}},
        "platform_configuration": {"customer_model": {"b2b": True}}, "timezone": "Europe/Paris",
    }  # fmt: skip
    found = platform.platform(answer)
    assert found == platform.Platform(
        known=True, price_decimals=3, discount_period_required=True, discount_in_past_blocked=True,
        customers_have_prices=True, timezone="Europe/Paris",
        unusable=frozenset({"leadtime-to-ship", "min-order-quantity"}),
    )  # fmt: skip
    assert platform.platform({"features": "none"}) == platform.Platform(known=True)
