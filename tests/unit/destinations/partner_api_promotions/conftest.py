"""Destinations that send promotions to a script, and a clock they wait by."""

from __future__ import annotations

import pytest
from support.partner_promotions import Script, settings

from gateway.destinations.partner_api import PartnerApiDestination


@pytest.fixture
def made(tmp_path, clock):
    def build(*steps, **more):
        return PartnerApiDestination(
            settings(tmp_path, **more), transport=Script(*steps), clock=clock, account="acc", name="panda"
        )

    return build
