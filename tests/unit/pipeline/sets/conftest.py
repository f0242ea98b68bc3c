"""Rigs whose route takes files that belong together."""

from __future__ import annotations

import pytest
from support.file_sets import PARTS

from gateway.testing.clock import FakeClock


@pytest.fixture
def rigs(rigs):
    clock = FakeClock()
    return lambda rules=PARTS, place="gateway", **route: rigs(place=place, clock=clock, set=rules, **route)
