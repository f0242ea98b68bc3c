"""What sources list: by ledger, by marker, by pattern and folder, in which order; and how answers appear."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.source_rigs import SETTLE, Rig, only, settled

from gateway.errors import Refused, SettingsError
from gateway.model import Arrival, Ending
from gateway.sources.folder import FolderSource
from gateway.sources.handling import Handling
from gateway.sources.local import LocalSource
from gateway.sources.sftp import SftpSource
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.memory_source import MemoryLedger
from gateway.transport.sftp import SftpSession

MANY = 10_000


def test_recover_finds_claims_by_ledger(rig: Rig, tmp_path: Path) -> None:
    dead = rig.source(claim="ledger")
    rig.put("stock.csv", b"content")
    claim = dead.claim(only(settled(rig, dead)), tmp_path / "spool")
    assert claim is not None
    assert dead.recover(tmp_path / "spool") == []
    claim.local.unlink()
    reborn = rig.source(claim="ledger")
    assert reborn.recover(tmp_path / "spool") == [claim]
    assert claim.local.read_bytes() == b"content"
    reborn.end(claim, Ending.ARCHIVE)
    reborn.end(claim, Ending.ARCHIVE)
    assert rig.read("archive/stock.csv") == b"content"
    assert rig.source(claim="ledger").recover(tmp_path / "spool") == []


def test_two_workers_one_claim_by_ledger(rig: Rig, tmp_path: Path) -> None:
    first, second = rig.source(claim="ledger"), rig.source(claim="ledger")
    rig.put("stock.csv", b"content")
    ours, theirs = only(settled(rig, first)), only(settled(rig, second))
    assert first.claim(ours, tmp_path / "one") is not None
    assert second.claim(theirs, tmp_path / "two") is None
    assert second.scan() == []
    assert list((tmp_path / "two").iterdir()) == []


def test_a_done_marker_is_the_only_sign_and_goes_with_its_file(rig: Rig, tmp_path: Path) -> None:
    source = rig.source(done_marker=".done")
    rig.put("stock.csv", b"content")
    assert settled(rig, source) == []
    rig.put("stock.csv.done", b"")
    claim = source.claim(only(source.scan()), tmp_path / "spool")
    assert claim is not None
    assert "stock.csv.done" not in rig.names()
    source.end(claim, Ending.RELEASE)
    assert "stock.csv.done" in rig.names()
    claim = source.claim(only(source.scan()), tmp_path / "spool")
    assert claim is not None
    source.end(claim, Ending.ARCHIVE)
    assert rig.names("archive") == ["stock.csv"]
    assert rig.names(".claimed") == []


def test_a_marker_that_can_not_be_taken_away_does_not_vouch_for_a_growing_file(rig: Rig) -> None:
    source = rig.source(done_marker=".done", claim="ledger")
    rig.put("stock.csv.done", b"")
    rig.put("stock.csv", b"hal")
    assert source.scan() == []
    rig.clock.advance(SETTLE)
    rig.put("stock.csv", b"half", 1_001)
    assert source.scan() == []
    rig.clock.advance(SETTLE)
    assert only(source.scan()).size == 4


def test_names_that_differ_only_in_case_come_one_after_the_other(rig: Rig, tmp_path: Path) -> None:
    source = rig.source()
    rig.put("Stock.csv", b"newer", 2_000)
    rig.put("stock.csv", b"older", 1_000)
    first = only(settled(rig, source))
    assert first.path == "stock.csv"
    assert [name for name, _ in source.refused()] == ["Stock.csv"]
    assert "differs only in case from stock.csv" in source.refused()[0][1]
    assert source.claim(first, tmp_path / "spool") is not None
    assert only(source.scan()).path == "Stock.csv"
    assert source.refused() == []


def test_patterns_folders_and_order(rig: Rig) -> None:
    source = rig.source(patterns=("stock*.csv",), recursive=True)
    rig.put("stock-b.csv", b"", 1_000)
    rig.put("STOCK-a.CSV", b"", 1_000)
    rig.put("madrid/stock.csv", b"", 999)
    rig.put("prices.csv", b"")
    for own in ("archive/stock.csv", "rejected/stock.csv", ".claimed/x-1/stock.csv", "out/stock.csv", ".git/stock.csv"):
        rig.put(own, b"")
    assert [arrival.path for arrival in settled(rig, source)] == ["madrid/stock.csv", "STOCK-a.CSV", "stock-b.csv"]
    assert [arrival.path for arrival in settled(rig, rig.source())] == ["STOCK-a.CSV", "prices.csv", "stock-b.csv"]


def test_files_of_sub_folders_keep_their_path(rig: Rig, tmp_path: Path) -> None:
    source = rig.source(recursive=True)
    rig.put("madrid/stock.csv", b"content")
    claim = source.claim(only(settled(rig, source)), tmp_path / "spool")
    assert claim is not None
    source.end(claim, Ending.RELEASE)
    assert rig.read("madrid/stock.csv") == b"content"
    claim = source.claim(only(settled(rig, source)), tmp_path / "spool")
    assert claim is not None
    source.end(claim, Ending.ARCHIVE)
    assert rig.read("archive/madrid/stock.csv") == b"content"
    assert rig.names(".claimed") == []


def test_paths_that_leave_the_folder_are_refused(rig: Rig, tmp_path: Path) -> None:
    source = rig.source()
    rig.put("stock.csv", b"content")
    arrival = only(settled(rig, source))
    for path in ("../stock.csv", "/etc/passwd", "a/../../stock.csv", "a\nb.csv", ""):
        with pytest.raises(Refused, match="leaves the folder"):
            source.claim(Arrival("shop", path, arrival.size, arrival.mtime), tmp_path / "spool")
    with pytest.raises(Refused, match="not a plain file name"):
        source.deliver(tmp_path / "x", "../x")


@pytest.fixture(scope="module")
def crowd() -> Iterator[Path]:
    """A folder of 10,000 files, in memory where the system offers that."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    for number in range(MANY):
        path = folder / f"stock-{number:05}.csv"
        path.touch()
        os.utime(path, (0, MANY - number))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("kind", ["local", pytest.param("openssh", marks=pytest.mark.openssh)])
def test_many_files_oldest_first(kind: str, crowd: Path, request: pytest.FixtureRequest) -> None:
    clock, ledger, handling = FakeClock(), MemoryLedger(), Handling(settle=0.0)
    source: FolderSource
    if kind == "local":
        source = LocalSource("shop", crowd, handling, ledger=ledger, clock=clock)
    else:
        session = SftpSession(request.getfixturevalue("openssh")[0], RealClock())
        source = SftpSource("shop", session, handling, ledger=ledger, clock=clock, folder=str(crowd))
    source.scan()
    start = time.perf_counter()
    listed = source.scan()
    assert time.perf_counter() - start < 5.0  # a tenth of it on an idle machine
    source.close()
    assert len(listed) == MANY
    assert [listed[0].path, listed[-1].path] == [f"stock-{MANY - 1:05}.csv", "stock-00000.csv"]


def test_an_answer_appears_whole_under_its_name_and_replaces_the_last(rig: Rig, tmp_path: Path) -> None:
    source = rig.source()
    for content in (b"first", b"second answer"):
        local = tmp_path / "answer"
        local.write_bytes(content)
        source.deliver(local, "stock.csv.result.csv")
        assert rig.read("out/stock.csv.result.csv") == content
    assert rig.names("out") == ["stock.csv.result.csv"]
    assert settled(rig, source) == []


def test_wrong_settings_are_all_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Handling(settle=-1, after="shred", rejected="../rejected", done_marker="done")
    assert [fault.where for fault in caught.value.faults] == ["settle", "after", "rejected", "done_marker"]
    with pytest.raises(SettingsError, match='expected "ledger" or "auto"'):
        Handling(settle=1, after="leave", claim="move")
