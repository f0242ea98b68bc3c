"""Notes of claims by ledger: nothing else tells a file that was taken and not spooled from one that ended."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from gateway.model import Arrival
from gateway.sources.note import Note, read_notes

AT = datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_note_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    note = Note("gateway-1", Arrival("shop", "a.csv", 3, AT), "7")
    flushed = []

    def fsync(handle):
        flushed.append((os.fstat(handle).st_size, note.path(tmp_path).exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    note.write(tmp_path)
    assert flushed == [(note.path(tmp_path).stat().st_size, False)]
    assert read_notes(tmp_path, "shop", "gateway") == [note]
