"""Full files of prices and of promotions of one owner: both go to the same offers of a Mirakl shop."""

from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.testing import drive
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping
from gateway.transport.http import connect
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey

SECRET = "twin-key-31c0"
CLOCK = RealClock()
AT_ONCE = dict.fromkeys(("waiting_seconds", "running_seconds", "export_seconds"), 0.0)
NOT_WAITED = dict.fromkeys(("price_interval", "price_status_interval", "price_report_interval"), 0.0)
PRICES = mapping(
    "price",
    """sku = "sku"
price = "price"
price_basis = { constant = "gross" }
tax_rate = { constant = "20" }
currency = { constant = "USD" }
""",
)
PROMOTIONS = mapping(
    "promotion",
    """promotion_id = "sku"
sku = "sku"
percentage = "percentage"
starts_at = { constant = "2026-01-01T00:00:00Z" }
ends_at = { constant = "2099-01-01T00:00:00Z" }
""",
)


@contextmanager
def opened(folder, clock=CLOCK, *, offers=4, promotions=PROMOTIONS, **guard):
    chosen = MiraklTwinSettings(keys=(ShopKey(SECRET),), limits={}, **AT_ONCE)
    with MiraklTwin({f"S{n}": 3 for n in range(1, offers + 1)}, settings=chosen) as twin:
        settings = MiraklSettings(
            host=twin.url, api_key=SecretStr(SECRET), price_basis="gross", currency="USD", **NOT_WAITED
        )
        transport = connect(settings.access(), account="shop", clock=clock, budget=drive.FreeBudget())
        made = MiraklDestination(settings, transport=transport, clock=clock, account="shop", name="saks")
        route = {"mode": "full", "absent": "end", "guard": guard}
        rig = Rig(folder / "gateway", made, clock, mapping=PRICES, more=(promotions,), **route)
        yield rig, twin
        rig.close()
        transport.close()


@pytest.fixture
def shop(tmp_path):
    with opened(tmp_path, off=True) as made:
        yield made


def put(rig, name, column, **cells):
    run = rig.drop(name, "\n".join([f"sku,{column}", *(f"{sku},{cell}" for sku, cell in cells.items()), ""]))
    rig.advance(4)
    return rig.states(run), rig.settler.rows(rig.operations.run(run)).states.derived


def discounts(twin):
    return {line["sku"]: line["discount_price"] for line in twin.shelf()}


def test_a_full_promotion_file_ends_the_discounts_it_leaves_out_and_no_others(shop):
    rig, twin = shop
    assert put(rig, "price1.csv", "price", S1=100, S2=100, S3=100, S4=100) == ({"applied": 4}, {})
    assert put(rig, "promotion1.csv", "percentage", S1=50, S2=20, S3=30, S4=10) == ({"applied": 4}, {})
    told = put(rig, "promotion2.csv", "percentage", S2=22, S3=30, S4=10)
    assert discounts(twin) == {"S1": None, "S2": "78", "S3": "70", "S4": "90"}
    assert told == ({"applied": 1, "unchanged": 2}, {"applied": 1})
    assert put(rig, "price2.csv", "price", S2=100) == ({"unchanged": 1}, {})
    assert discounts(twin) == {"S1": None, "S2": "78", "S3": "70", "S4": "90"}


def test_discounts_that_are_gone_are_ended_once(shop):
    rig, twin = shop
    put(rig, "price1.csv", "price", S1=100, S2=100)
    put(rig, "promotion1.csv", "percentage", S1=50, S2=20)
    sent = price_sheet(twin.url, "S1;100")  # as a person does in the back office
    assert sent.status_code == 201
    assert discounts(twin)["S1"] is None
    assert put(rig, "promotion2.csv", "percentage", S2=21) == ({"applied": 1}, {"skipped": 1})
    assert put(rig, "promotion3.csv", "percentage", S2=22) == ({"applied": 1}, {})
    assert put(rig, "promotion4.csv", "percentage", S1=50, S2=22) == ({"applied": 1, "unchanged": 1}, {})
    assert discounts(twin)["S1"] == "50"


def price_sheet(url, *lines):
    body = "\n".join(["offer-sku;price", *lines, ""]).encode()
    return httpx.post(
        f"{url}/api/offers/pricing/imports",
        headers={"Authorization": SECRET, "Accept": "application/json"},
        files={"file": ("p.csv", body, "text/csv")},
    )


def test_what_is_over_by_its_dates_is_neither_ended_nor_counted(tmp_path):
    clock = FakeClock(CLOCK.now())
    dated = PROMOTIONS.replace('{ constant = "2099-01-01T00:00:00Z" }', '"until"')
    soon, late = (f"{clock.now() + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (10, 90))
    with opened(tmp_path, clock, offers=60, promotions=dated) as (rig, twin):
        skus = [f"S{n}" for n in range(1, 61)]
        assert put(rig, "price1.csv", "price", **dict.fromkeys(skus, 100))[0] == {"applied": 60}
        first = dict.fromkeys(skus, f"20,{soon}") | dict.fromkeys(skus[25:], f"20,{late}")
        assert put(rig, "promotion1.csv", "percentage,until", **first)[0] == {"applied": 60}
        clock.advance(20 * 86_400)
        told = put(rig, "promotion2.csv", "percentage,until", **dict.fromkeys(skus[26:], f"21,{late}"))
        assert told == ({"applied": 34}, {"applied": 1}), "not held for the 25 that are over"
        assert discounts(twin)["S26"] is None
        assert put(rig, "promotion3.csv", "percentage,until", **dict.fromkeys(skus[26:], f"22,{late}"))[1] == {}
