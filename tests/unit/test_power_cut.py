"""What the journal names is on the disk before it does: after a power cut nothing it names is empty or missing."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest
from support.service_home import GOOD, drained

from gateway.delivery import again as again_module
from gateway.journal import batches, runs
from gateway.model import ISSUE_SCHEMA
from gateway.pipeline import Intake
from gateway.spool import Keeping, Spool
from gateway.testing.texts import mapping

ROWS = "".join(f"k{number},{number if number % 50 else 'x'}\n" for number in range(3_000))
FILE = f"sku,quantity\n{ROWS}k1,7\n"
"""With rows that are rejected by themselves, and two of one key."""


class Cut(BaseException):
    """The power is gone."""


class Disk:
    """Knows what was flushed, by what the file is now; forgets the rest when the power is cut."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._kept: set[tuple[int, int, int]] = set()
        flush = os.fsync

        def fsync(handle: int) -> None:
            flush(handle)
            self._kept.add(self._of(os.fstat(handle)))

        monkeypatch.setattr(os, "fsync", fsync)

    @staticmethod
    def _of(found: os.stat_result) -> tuple[int, int, int]:
        return found.st_ino, found.st_size, found.st_mtime_ns

    def loose(self, folder: Path) -> list[Path]:
        """Files and folders below a folder, itself and the one it is in, that were not flushed as they are now."""
        found = [folder.parent, folder, *folder.rglob("*")]
        return [path for path in found if self._of(path.stat()) not in self._kept]

    def cut(self, state: Path) -> list[Path]:
        """Empty every file of the spool that was not flushed; returns them."""
        names = ("runs", "consignments", "claims", "segments", "books")
        lost = [path for name in names for path in self.loose(state / name) if path.is_file()]
        for path in lost:
            os.truncate(path, 0)
        return lost


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def watched(monkeypatch, module, name, folder, loose, disk) -> None:
    """When `module.name` is about to write to the journal, note what of `folder(*its arguments)` is not flushed."""
    real = getattr(module, name)

    def noting(*args, **kwargs):
        named = folder(*args, **kwargs)
        if named is not None:
            loose.append(disk.loose(named))
        return real(*args, **kwargs)

    monkeypatch.setattr(module, name, noting)


def test_all_of_a_run_is_kept_before_the_journal_says_it_was_taken(home, disk, monkeypatch):
    loose: list[list[Path]] = []
    spool = home.root / "state/runs"
    watched(
        monkeypatch, runs, "set_run", lambda _, run, **told: spool / run if told.get("state") == "waiting" else None,
        loose, disk,
    )  # fmt: skip
    home.drop("one", "1.csv", FILE)
    (run,) = drained(home.wired())
    assert loose == [[]]
    kept = {path.relative_to(spool / run.id).parts[0] for path in (spool / run.id).rglob("*") if path.is_file()}
    assert kept >= {"rows", "issues", "cells", "late.parquet", "file", "pinned"}


def test_all_of_a_consignment_is_kept_before_the_journal_names_it(home, disk, monkeypatch):
    loose: list[list[Path]] = []
    folder = home.root / "state/consignments"
    watched(monkeypatch, batches, "add_consignment", lambda _, values, *__: folder / values["id"], loose, disk)
    home.drop("one", "1.csv", FILE)
    drained(home.wired())
    assert loose == [[]]


def test_a_claimed_copy_is_kept_before_its_file_is_taken(home, disk, monkeypatch):
    loose: list[list[Path]] = []

    def copies(_, __, **told):
        return home.root / "state/claims" if told.get("state") == "taken" else None

    watched(monkeypatch, runs, "set_arrival", copies, loose, disk)
    home.drop("one", "1.csv", GOOD)
    drained(home.wired())
    state = home.root / "state"
    assert [[path for path in each if path != state] for each in loose] == [[]]


def test_rows_sent_again_are_kept_before_their_run_is_entered(home, disk, monkeypatch):
    home.mappings["stock.toml"] = mapping("stock", 'sku = "sku"\nquantity = "quantity"\n')
    home.drop("one", "1.csv", GOOD)
    made = home.wired()
    made.hold()
    made.service.drain()
    (run,) = made.operations.runs()
    loose: list[list[Path]] = []
    spool = Spool(home.root / "state")
    watched(monkeypatch, runs, "add_run", lambda _, **told: spool.run(told["id"]).root, loose, disk)
    _, count = again_module.send_again(
        made.journal, spool, run, lambda block: block, note="again", entered=lambda *_: None
    )
    made.close()
    assert count == 2
    assert loose == [[]]


@pytest.mark.parametrize("moment", ["_taken", "_answer_taken"])
def test_a_file_cut_off_right_before_or_after_it_was_taken_ends_well(home, disk, monkeypatch, moment):
    def cut(*_args, **_told):
        raise Cut

    made = home.wired()
    home.drop("one", "1.csv", FILE)
    made.hold()
    with monkeypatch.context() as patched:
        patched.setattr(Intake, moment, cut)
        with pytest.raises(Cut):
            made.service.drain()
    made.close()
    lost = disk.cut(home.root / "state")
    assert bool(lost) == (moment == "_taken")
    (run,) = drained(home.wired())
    assert (run.state, run.counts["states"]) == ("settled", {"rejected": 62, "applied": 2_939})
    assert home.names("one", "archive") == {"1.csv"}


def test_a_disk_that_does_not_flush_keeps_the_run_from_being_said_to_be_taken(tmp_path, monkeypatch):
    def broken(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    with Keeping() as keeping:
        folder = Spool(tmp_path).run("R", keeping)
        folder.begin()
        monkeypatch.setattr(os, "fsync", broken)
        rows = pl.DataFrame({"@row": [1], "@line": [2], "@key": ["a"], "@state": [None]})
        folder.add(0, rows, pl.DataFrame(schema=ISSUE_SCHEMA))
        with pytest.raises(OSError, match="Input/output error"):
            folder.make_durable()
