"""A folder with a whole gateway."""

from __future__ import annotations

import pytest
from support.service_home import Home

import gateway.dispatch.patience
import gateway.settings.load
from gateway import wiring
from gateway.destinations import destinations
from gateway.testing.bulk import BulkDestination


@pytest.fixture
def home(tmp_path, monkeypatch):
    known = {**destinations(), "bulk": BulkDestination}
    monkeypatch.setattr(gateway.settings.load, "destinations", lambda: known)
    monkeypatch.setattr(wiring, "destinations", lambda: known)
    return Home(tmp_path)
