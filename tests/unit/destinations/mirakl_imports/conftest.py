"""Mirakl destinations whose transport answers from a script."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.model import Sent


@pytest.fixture
def build(scripted, clock):
    def make(*steps, **more):
        transport = scripted(*steps)
        settings = MiraklSettings(
            **{"host": "shop.mirakl.net", "api_key": SecretStr("k"), "shop_id": 7, "price_basis": "gross", **more}
        )
        return MiraklDestination(settings, transport=transport, clock=clock, account="a", name="saks"), transport

    return make


@pytest.fixture
def sent(clock):
    def make(operation, number=1, ticket="1", records=3, age=0.0, **memo):
        known = {"key": "sku", "tail": "", **memo}
        return Sent(
            number, operation, f"a:{operation}", ticket, "d", records, clock.now() - timedelta(seconds=age), known
        )

    return make


@pytest.fixture
def state(clock):
    def make(operation, *, ticket=1, age=0.0, **more):
        created = (clock.now() - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
        common = {"import_id": ticket, "date_created": created, "has_error_report": False, "shop_id": 7}
        if operation == "product":
            counters = {"transform_lines_read": 3, "transform_lines_in_success": 3, "transform_lines_in_error": 0,
                        "transform_lines_with_warning": 0, "import_status": "COMPLETE",
                        "has_transformation_error_report": False, "has_transformed_file": False}  # fmt: skip
        elif operation == "offer":
            counters = {"lines_read": 3, "lines_in_success": 3, "lines_in_error": 0, "lines_in_pending": 0,
                        "status": "COMPLETE", "mode": "NORMAL"}  # fmt: skip
        else:
            counters = {"lines_in_success": 3, "lines_in_error": 0, "offers_in_error": 0, "offers_updated": 3,
                        "status": "COMPLETE"}  # fmt: skip
        return {**common, **counters, **more}

    return make
