"""What every test shares: no timing deadlines on a shared machine, an environment without surprises."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Tests are no package: what several files of them build with is imported from the folder `support` beside this file.
sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("support")

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")

_UNWANTED = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "GATEWAY_CONFIG")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _UNWANTED:
        monkeypatch.delenv(name, raising=False)
