"""What every source must do with a file it lists and claims, run on all of ours."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from support.source_rigs import SETTLE, Rig, only, settled

from gateway.model import Arrival, Ending, Source
from gateway.sources.folder import FolderSource


def test_it_is_a_source(rig: Rig) -> None:
    source = rig.source()
    assert isinstance(source, Source)
    assert source.name == "shop"
    assert "can be listed" in source.probe()


def test_a_file_is_listed_only_after_two_equal_listings(rig: Rig) -> None:
    source = rig.source()
    rig.put("stock.csv", b"sku,quantity\n")
    assert source.scan() == []
    rig.clock.advance(SETTLE - 0.1)
    assert source.scan() == []
    assert source.waiting() == ["stock.csv"]
    rig.clock.advance(0.1)
    arrival = only(source.scan())
    assert (arrival.path, arrival.size, arrival.mtime.timestamp()) == ("stock.csv", 13, 1_000.0)
    assert source.waiting() == []


def test_a_growing_file_is_never_listed_and_taken_once_quiet(rig: Rig, tmp_path: Path) -> None:
    source = rig.source()
    for length in range(1, 6):  # a slow writer
        rig.put("stock.csv", b"x" * length, 1_000 + length)
        assert source.scan() == []
        rig.clock.advance(SETTLE)
    assert source.scan() == [] or only(source.scan()).size == 5  # the writer has stopped half-way
    rig.clock.advance(SETTLE)
    claim = source.claim(only(source.scan()), tmp_path / "spool")
    assert claim is not None
    assert claim.local.read_bytes() == b"xxxxx"


def test_temporary_names_are_passed_over_until_renamed(rig: Rig) -> None:
    source = rig.source()
    for name in ("a.csv.part", "b.tmp", "c.PARTIAL", "d.csv.filepart", ".e.csv"):
        rig.put(name, b"half")
    assert settled(rig, source) == []
    assert source.refused() == []
    rig.rename("a.csv.part", "a.csv")
    assert only(source.scan()).path == "a.csv"  # it was quiet under its temporary name, and a rename changes nothing


def test_a_claim_copies_the_bytes_and_empties_the_inbox(rig: Rig, tmp_path: Path) -> None:
    source = rig.source()
    rig.put("stock.csv", b"content")
    claim = source.claim(only(settled(rig, source)), tmp_path / "spool")
    assert claim is not None
    assert claim.local.read_bytes() == b"content"
    assert claim.local.parent == tmp_path / "spool"
    assert rig.read("stock.csv") is None
    assert settled(rig, source) == []
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [claim.local.name]


def test_two_workers_one_claim(rig: Rig, tmp_path: Path) -> None:
    workers = [rig.source(owner=f"worker{number}") for number in range(2)]
    for number in range(5):
        rig.put(f"stock-{number}.csv", b"content")
    for worker in workers:
        worker.scan()
    rig.clock.advance(SETTLE)
    arrivals = [worker.scan() for worker in workers]
    won: list[str] = []
    start = threading.Barrier(2)

    def take(worker: FolderSource, listed: list[Arrival]) -> None:
        for arrival in listed:
            start.wait(timeout=10)
            claim = worker.claim(arrival, tmp_path / worker.handling.owner)
            if claim is not None:
                won.append(claim.arrival.path)

    threads = [threading.Thread(target=take, args=pair) for pair in zip(workers, arrivals, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [f"stock-{number}.csv" for number in range(5)]


def test_a_claim_on_a_file_that_changed_or_went_is_lost(rig: Rig, tmp_path: Path) -> None:
    source = rig.source()
    rig.put("a.csv", b"content")
    rig.put("b.csv", b"content")
    a, b = settled(rig, source)
    rig.put("a.csv", b"content and more", 2_000)
    rig.rename("b.csv", "c.csv")
    assert source.claim(a, tmp_path / "spool") is None
    assert source.claim(b, tmp_path / "spool") is None
    assert rig.read("a.csv") == b"content and more"


def test_archive_reject_release(rig: Rig, tmp_path: Path) -> None:
    source = rig.source()
    for name in ("a.csv", "b.csv", "c.csv"):
        rig.put(name, name.encode())
    endings = {"a.csv": Ending.ARCHIVE, "b.csv": Ending.REJECT, "c.csv": Ending.RELEASE}
    for arrival in settled(rig, source):
        claim = source.claim(arrival, tmp_path / "spool")
        assert claim is not None
        source.end(claim, endings[arrival.path])
        source.end(claim, endings[arrival.path])  # ending twice is once
    assert rig.read("archive/a.csv") == b"a.csv"
    assert rig.read("rejected/b.csv") == b"b.csv"
    assert rig.read("c.csv") == b"c.csv"
    assert rig.names(".claimed") == []
    again = only(settled(rig, source))
    assert (again.path, again.size, again.mtime.timestamp()) == ("c.csv", 5, 1_000.0)
    assert source.claim(again, tmp_path / "spool") is not None


def test_files_of_one_name_are_numbered_in_the_archive(rig: Rig, tmp_path: Path) -> None:
    source = rig.source()
    for number in range(1, 5):
        rig.put("stock.csv", str(number).encode(), 1_000 + number)
        claim = source.claim(only(settled(rig, source)), tmp_path / "spool")
        assert claim is not None
        source.end(claim, Ending.ARCHIVE)
    assert rig.names("archive") == ["stock-2.csv", "stock-3.csv", "stock-4.csv", "stock.csv"]
    assert rig.read("archive/stock-3.csv") == b"3"


def test_after_delete(rig: Rig, tmp_path: Path) -> None:
    source = rig.source(after="delete")
    rig.put("stock.csv", b"content")
    claim = source.claim(only(settled(rig, source)), tmp_path / "spool")
    assert claim is not None
    source.end(claim, Ending.ARCHIVE)
    assert [name for name in rig.names() if name != ".claimed"] == []


def test_after_leave_takes_each_version_once(rig: Rig, tmp_path: Path) -> None:
    source = rig.source(after="leave")
    rig.put("stock.csv", b"one")
    claim = source.claim(only(settled(rig, source)), tmp_path / "spool")
    assert claim is not None
    assert rig.read("stock.csv") == b"one"
    source.end(claim, Ending.ARCHIVE)
    assert rig.read("stock.csv") == b"one"
    assert settled(rig, source) == []
    rig.put("stock.csv", b"two", 2_000)
    second = source.claim(only(settled(rig, source)), tmp_path / "spool")
    assert second is not None
    source.end(second, Ending.RELEASE)
    assert only(settled(rig, source)).mtime.timestamp() == 2_000


def test_a_released_file_never_replaces_a_newer_one(rig: Rig, tmp_path: Path) -> None:
    source = rig.source()
    rig.put("stock.csv", b"old")
    claim = source.claim(only(settled(rig, source)), tmp_path / "spool")
    assert claim is not None
    rig.put("stock.csv", b"newer", 2_000)
    with pytest.raises(Exception, match="newer file has its name"):
        source.end(claim, Ending.RELEASE)
    assert rig.read("stock.csv") == b"newer"
    assert rig.read(claim.token) == b"old"


def test_recover_finds_what_a_killed_worker_held(rig: Rig, tmp_path: Path) -> None:
    dead = rig.source()
    rig.put("b.csv", b"b", 1_001)
    rig.put("a.csv", b"a", 1_002)
    claims = [dead.claim(arrival, tmp_path / "spool") for arrival in settled(rig, dead)]
    assert claims[0] is not None
    claims[0].local.unlink()  # killed before the copy was there
    assert dead.recover(tmp_path / "spool") == []  # a worker that lives keeps what it holds
    other = rig.source(owner="another")
    assert other.recover(tmp_path / "spool") == []
    reborn = rig.source()
    assert reborn.recover(tmp_path / "spool") == claims
    assert claims[0].local.read_bytes() == b"b"
    for claim in claims:
        assert claim is not None
        reborn.end(claim, Ending.ARCHIVE)
    assert rig.names("archive") == ["a.csv", "b.csv"]
    assert rig.source().recover(tmp_path / "spool") == []
