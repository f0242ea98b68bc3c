"""Discovery looks inside our own package only and refuses two of one name."""

from __future__ import annotations

import importlib
import sys

import pytest
from pydantic import ValidationError

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


@pytest.mark.parametrize("kind", ["mirakl", "partner_api", "sage", "sellerscommerce"])
def test_the_tax_rate_of_rows_that_say_none_is_no_fraction(kind):
    def faults(rate):
        with pytest.raises(ValidationError) as caught:
            destinations()[kind].SPEC.settings(tax_rate=rate)
        return [fault["type"] for fault in caught.value.errors() if fault["loc"] == ("tax_rate",)]

    assert [faults(rate) for rate in ("0", "5.2", "21", "100")] == [[]] * 4
    assert [faults(rate) for rate in ("0.2", "0.21", "101", "-1")] == [["string_pattern_mismatch"]] * 4


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
