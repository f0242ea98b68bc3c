"""Promotions at a store that has prices only, on the command line: shown, planned, taken back in another process."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from gateway.testing import texts


@pytest.fixture
def twin(add, store):
    routes = (texts.route(word, "store", source="inbox") for word in ("price", "promotion"))
    add(texts.store("store", store.url), *routes, price=texts.PRICES, promotion=texts.PROMOTIONS)
    return store


def prices(twin):
    return {row["sku"]: str(row["price"]) for row in twin.shelf()}


def once(place, call, name=None, text=""):
    if name is not None:
        (place / "inbox" / name).write_text(text, "utf-8")
    result = call("run", "--once")
    assert result.exit_code == 0, result.output


def test_a_promotion_is_shown_planned_and_taken_back(place, call, twin):
    once(place, call, "price_1.csv", "Article;Price\nA0;20\nA1;20\nA2;20\n")
    now = datetime.now(UTC)
    soon, later = (f"{now + timedelta(seconds=s):%Y-%m-%dT%H:%M:%SZ}" for s in (5, 86400))
    once(place, call, "promotion_1.csv", f"Article;Price;From;To\nA0;15;;{soon}\nA1;12;;{later}\n")
    assert prices(twin) == {"A0": "15", "A1": "12", "A2": "20"}
    once(place, call, "price_2.csv", "Article;Price\nA0;21\nA1;21\nA2;21\n")
    (place / "promotion_2.csv").write_text(f"Article;Price;From;To\nA2;9;{later};\n", "utf-8")
    planned = call("plan", "promotion_2.csv", "--route", "promotion", "--out", "planned", "--json")
    told = json.loads(planned.stdout)["boundaries"]
    assert [(b["at"] > later, b["begin"], b["end"]) for b in told][-2:] == [(False, 1, 0), (True, 0, 1)]
    time.sleep(max(0.0, (now + timedelta(seconds=6.1) - datetime.now(UTC)).total_seconds()))
    once(place, call)
    assert prices(twin) == {"A0": "21", "A1": "12", "A2": "21"}
    readable = call("plan", "promotion_2.csv", "--route", "promotion", "--out", "again")
    assert "Promotions to come" in readable.stdout
