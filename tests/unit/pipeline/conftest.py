"""Rigs on a destination that takes everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock
from gateway.testing.rig import MAPPING, Rig


@pytest.fixture
def rigs(tmp_path: Path):
    """Make a rig: `rigs(mapping, fields=..., place=..., clock=..., **route)`; each is in a folder of its own."""
    made: list[Rig] = []

    def make(
        mapping: str = MAPPING,
        *,
        fields: tuple[str, ...] = ("sku", "quantity"),
        place: str | None = None,
        clock: FakeClock | None = None,
        **route: object,
    ) -> Rig:
        clock = clock or FakeClock()
        there = BulkDestination(BulkSettings(fields=fields), clock=clock, account="there", name="there")
        made.append(Rig(tmp_path / (place or f"gateway{len(made)}"), there, clock, mapping=mapping, **route))
        return made[-1]

    yield make
    for one in made:
        one.close()
