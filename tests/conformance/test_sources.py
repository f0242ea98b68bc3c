"""What every Source must do, on every Source there is."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from pydantic import SecretStr

from gateway.errors import Refused, SettingsError
from gateway.model import Arrival, Clock, Ending, Source
from gateway.sources.folder import FolderSource
from gateway.sources.handling import Handling
from gateway.sources.local import LocalSource
from gateway.sources.sftp import SftpSource
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.memory_source import MemoryFolder, MemoryLedger, MemorySource
from gateway.testing.openssh import OpenSshServer, find_sshd
from gateway.transport.sftp import SftpSession, SftpSettings
from gateway.twin.drop import Account, Drop

SETTLE = 10.0
MANY = 10_000


class Rig(Protocol):
    """One place with files, and sources on it."""

    clock: FakeClock
    ledger: MemoryLedger

    def put(self, path: str, content: bytes, seconds: int = 1_000) -> None: ...
    def read(self, path: str) -> bytes | None: ...
    def rename(self, path: str, target: str) -> None: ...
    def names(self, folder: str = "") -> list[str]: ...
    def source(self, **changes: object) -> FolderSource: ...


class DiskRig:
    """Files on this machine, reached by one kind of source."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)
        self.clock = FakeClock()
        self.ledger = MemoryLedger()
        self.made: list[FolderSource] = []

    def put(self, path: str, content: bytes, seconds: int = 1_000) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        os.utime(target, (seconds, seconds))

    def read(self, path: str) -> bytes | None:
        target = self.root / path
        return target.read_bytes() if target.exists() else None

    def rename(self, path: str, target: str) -> None:
        (self.root / path).rename(self.root / target)

    def names(self, folder: str = "") -> list[str]:
        target = self.root / folder
        return sorted(each.name for each in target.iterdir()) if target.exists() else []

    def source(self, **changes: object) -> FolderSource:
        made = self.build(Handling(**({"settle": SETTLE} | changes)), self.clock)  # type: ignore[arg-type]
        self.made.append(made)
        return made

    def build(self, handling: Handling, clock: Clock) -> FolderSource:
        return LocalSource("shop", self.root, handling, ledger=self.ledger, clock=clock, answers=Path("out"))

    def close(self) -> None:
        for source in self.made:
            source.close()


class SftpRig(DiskRig):
    """The same files, reached over SFTP."""

    def __init__(self, root: Path, folder: str, settings: SftpSettings, idle: list[SftpSession]) -> None:
        super().__init__(root)
        self.idle = idle
        self.used: list[SftpSession] = []
        self.folder = folder
        self.settings = settings

    def build(self, handling: Handling, clock: Clock) -> FolderSource:
        session = self.idle.pop() if self.idle else SftpSession(self.settings, RealClock())
        self.used.append(session)
        return SftpSource(
            "shop", session, handling, ledger=self.ledger, clock=clock, folder=self.folder, answers=f"{self.folder}/out"
        )

    def close(self) -> None:
        self.idle += self.used


class MemoryRig:
    """Files in memory."""

    def __init__(self) -> None:
        self.folder = MemoryFolder()
        self.clock = FakeClock()
        self.ledger = MemoryLedger()

    def put(self, path: str, content: bytes, seconds: int = 1_000) -> None:
        self.folder.put(path, content, seconds * 1_000_000_000)

    def read(self, path: str) -> bytes | None:
        found = self.folder.files.get(path)
        return None if found is None else found[0]

    def rename(self, path: str, target: str) -> None:
        self.folder.files[target] = self.folder.files.pop(path)

    def names(self, folder: str = "") -> list[str]:
        prefix = f"{folder}/" if folder else ""
        return sorted(
            {path.removeprefix(prefix).split("/")[0] for path in self.folder.files if path.startswith(prefix)}
        )

    def source(self, **changes: object) -> FolderSource:
        handling = Handling(**({"settle": SETTLE} | changes))  # type: ignore[arg-type]
        return MemorySource("shop", self.folder, handling, ledger=self.ledger, clock=self.clock)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SftpSettings, list[SftpSession]]]:
    home = tmp_path_factory.mktemp("drop")
    with Drop(home / "state", [Account("partner", home / "root", "let me in")], RealClock()) as server:
        known = home / "known_hosts"
        known.write_text(server.known_hosts_line + "\n")
        idle: list[SftpSession] = []
        settings = SftpSettings(
            host=server.host, port=server.port, user="partner", password=SecretStr("let me in"), known_hosts=known
        )
        yield settings, idle
        for session in idle:
            session.close()


@pytest.fixture(scope="module")
def openssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SftpSettings, list[SftpSession]]]:
    if find_sshd() is None:
        pytest.skip("no OpenSSH server here: install the package openssh-server")
    home = tmp_path_factory.mktemp("openssh")
    with OpenSshServer(home / "state", home / "root", RealClock()) as server:
        login = server.login
        idle: list[SftpSession] = []
        settings = SftpSettings(
            host=login.host, port=login.port, user=login.user, key_file=login.key_file, known_hosts=login.known_hosts
        )
        yield settings, idle
        for session in idle:
            session.close()


@pytest.fixture(params=["local", "memory", "drop", pytest.param("openssh", marks=pytest.mark.openssh)])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    made: DiskRig | MemoryRig
    if request.param == "memory":
        made = MemoryRig()
    elif request.param == "local":
        made = DiskRig(tmp_path / "inbox")
    else:
        settings, idle = request.getfixturevalue(request.param)
        folder = f"{tmp_path.name}/in"
        root = settings.known_hosts.parent
        root = (root if request.param == "drop" else root.parent) / "root" / folder
        made = SftpRig(root, folder, settings, idle)
    yield made
    made.close()


def settled(rig: Rig, source: FolderSource) -> list[Arrival]:
    source.scan()
    rig.clock.advance(SETTLE)
    return source.scan()


def only(arrivals: list[Arrival]) -> Arrival:
    assert len(arrivals) == 1, arrivals
    return arrivals[0]


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
