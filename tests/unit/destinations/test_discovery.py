"""Discovery looks inside our own package only and refuses two of one name."""

from __future__ import annotations

import importlib
import sys

import pytest

import gateway.destinations
from gateway.destinations import destinations
from gateway.errors import SettingsError
from gateway.model import Spec


def test_all_destinations_by_name():
    found = destinations()
    assert list(found) == ["files", "mirakl", "partner_api", "sage", "sellerscommerce"]
    assert all(isinstance(kind.SPEC, Spec) for kind in found.values())
    assert all(kind.__module__.startswith("gateway.destinations.") for kind in found.values())


def test_every_setting_is_described():
    for kind in destinations().values():
        for name, field in kind.SPEC.settings.model_fields.items():
            assert field.description, f"{kind.SPEC.name}.{name}"


def test_two_of_one_name_are_refused(tmp_path, monkeypatch):
    (tmp_path / "zz_other.py").write_text(
        "from gateway.destinations.files import FilesDestination\nclass Other:\n    SPEC = FilesDestination.SPEC\n"
    )
    monkeypatch.setattr(gateway.destinations, "__path__", [*gateway.destinations.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    try:
        with pytest.raises(SettingsError, match="'files'"):
            destinations()
    finally:
        sys.modules.pop("gateway.destinations.zz_other", None)
        if hasattr(gateway.destinations, "zz_other"):
            del gateway.destinations.zz_other
