"""Destinations whose transport answers from a script."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from support.partner_updates import TOKEN

from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings


@pytest.fixture
def made(clock, tmp_path):
    def build(script, outside=None, **more):
        chosen = {
            "brand": "foodpanda", "channel": "rest", "chain_id": "c-1", "tokens": {"catalog": SecretStr(TOKEN)},
            "vendors": {"V1": {"id": "p1"}}, "archive": tmp_path,
        }  # fmt: skip
        keys = {"features": {"read_back": "none"}} | more.pop("keys", {})
        return PartnerApiDestination(
            PartnerApiSettings(**{**chosen, **more}, keys=keys), transport=script, clock=clock, account="acc",
            name="panda", outside=outside,
        )  # fmt: skip

    return build
