"""Folders on SFTP servers of this machine."""

from __future__ import annotations

import pytest
from support.sftp_places import Place


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.close()
