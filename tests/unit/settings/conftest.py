"""A folder with a mapping, whose settings are written and loaded."""

from __future__ import annotations

import pytest
from support.settings_tables import Place


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)
