"""A folder with a mapping, whose settings are written and loaded."""

from __future__ import annotations

import pytest
from support.settings_kinds import TABLES
from support.settings_tables import SECRET, Place

from gateway.errors import SettingsError
from gateway.settings import load_settings
from gateway.testing.texts import LEVELS


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """Return a function that loads tables: faults as `line: message` ("last" for the last line), others by file."""
    monkeypatch.setenv("SECRET", SECRET)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "stock.toml").write_text(LEVELS, "utf-8")

    def load(tables):
        path = tmp_path / "gateway.toml"
        text = "version = 1\n" + "".join(f"\n[{name}]\n{body}" for name, body in (TABLES | tables).items())
        path.write_text(text, "utf-8")
        found = []
        try:
            load_settings(path)
        except SettingsError as error:
            found = [str(fault) for fault in error.faults]
        assert SECRET not in "\n".join(found)
        last = f"{path}:{text.count(chr(10))}:"
        return [fault.replace(last, "last:").replace(f"{path}:", "").replace(f"{tmp_path}/", "") for fault in found]

    return load
