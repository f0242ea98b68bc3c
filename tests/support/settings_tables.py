"""Tables of settings, and a folder they are written to and loaded from."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings import load_settings
from gateway.testing.texts import LEVELS

SOURCE = """
[sources.acme]
kind = "local"
folder = "inbox"
"""
SHOP = """
[destinations.shop]
kind = "files"
folder = "sent"
format = "json"
"""
MIRAKL = """
[destinations.shop]
kind = "mirakl"
host = "shop.example.com"
api_key = { file = "mappings/stock.toml" }
"""
CHAIN = """
[destinations.shop]
kind = "partner_api"
brand = "foodpanda"
channel = "rest"
chain_id = "c-1"
tokens = { all = { file = "key" } }
vendors = { v1 = {} }
archive = "sent"
"""
ROUTE = """
[routes.stock]
source = "acme"
files = "*.csv"
mapping = "stock.toml"
destination = "shop"
"""
SECRET = "hunter2-do-not-show"


class Place:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "mappings").mkdir()
        self.mapping("stock.toml", LEVELS)

    def mapping(self, name: str, text: str) -> None:
        (self.root / "mappings" / name).write_text(text, "utf-8")

    def load(self, *parts: str, top: str = "version = 1", secrets: bool = True):
        path = self.root / "gateway.toml"
        path.write_text(top + "".join(parts), "utf-8")
        return load_settings(path, secrets=secrets)

    def faults(self, *parts: str, top: str = "version = 1") -> list[str]:
        """Faults as `line: message`, where the place is the settings file."""
        with pytest.raises(SettingsError) as caught:
            self.load(*parts, top=top)
        assert SECRET not in str(caught.value)
        prefix = f"{self.root / 'gateway.toml'}"
        return [str(fault).removeprefix(prefix).removeprefix(":").strip() for fault in caught.value.faults]
