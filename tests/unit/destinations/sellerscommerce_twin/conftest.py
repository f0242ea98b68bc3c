"""A stand-in with a destination before it; nothing may break a rule of its own."""

from __future__ import annotations

import pytest
from support.sellerscommerce_world import World


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    for give_back in reversed(made.given_back):
        give_back()
    assert made.twin.violations == []
