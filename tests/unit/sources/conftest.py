"""A local folder as a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.sources.handling import Handling
from gateway.sources.local import LocalSource
from gateway.testing.clock import FakeClock
from gateway.testing.memory_source import MemoryLedger


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def make(inbox):
    made = []

    def build(**changes):
        handling = Handling(**({"settle": 0.0} | changes))
        answers = Path("out")
        source = LocalSource("shop", inbox, handling, ledger=MemoryLedger(), clock=FakeClock(), answers=answers)
        made.append(source)
        return source

    yield build
    for source in made:
        source.close()
