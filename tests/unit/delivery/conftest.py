from pathlib import Path

import pytest
from support.promoted_prices import BY_AMOUNT, PRICES, PROMOTIONS, Shop

from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.hostile import HostileDestination, HostileSettings, Step
from gateway.testing.rig import Rig
from gateway.testing.wanted import TERMS


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def on(clock):
    """Make a rig on a destination, in a folder: `on(destination, folder, mapping, route)`; all are closed."""
    made: list[Rig] = []

    def make(destination, folder: Path, mapping=None, route=None) -> Rig:
        extra = {"mapping": mapping} if mapping else {}
        made.append(Rig(folder, destination, clock, **extra, **(route or {})))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rigs(tmp_path: Path, clock, on):
    """Make a rig on a hostile destination: `rigs(script, **settings, route={...})`."""

    def make(*script: Step, route=None, mapping=None, folder=None, **settings) -> Rig:
        hostile = HostileSettings(log=tmp_path / "effects.jsonl", script=script, **settings)
        destination = HostileDestination(hostile, clock=clock, account="there", name="there")
        return on(destination, folder or tmp_path / "gateway", mapping, route)

    return make


@pytest.fixture
def bulk(tmp_path: Path, clock, on):
    """Make a rig on a destination that takes everything and settles at once."""

    def make(*, route=None, mapping=None, **settings) -> Rig:
        chosen = BulkSettings(**{"fields": ("sku", "quantity"), **settings})
        return on(
            BulkDestination(chosen, clock=clock, account="there", name="there"), tmp_path / "gateway", mapping, route
        )

    return make


@pytest.fixture
def shop(rigs, clock):
    """Make a shop with prices only on a hostile destination: `shop(script, **settings, route={...})`."""

    def make(*script, **options):
        settings = {
            "contract": "price", "fields": ("sku", "price"), "wanted": "base", "prices": TERMS, "further": (BY_AMOUNT,),
            "mapping": PRICES, "route": {"more": (PROMOTIONS,), **options.pop("route", {})},
        }  # fmt: skip
        return Shop(rigs(*script, **{**settings, **options}), clock)

    return make
