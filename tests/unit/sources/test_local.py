from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.errors import Busy, Refused, Unreachable
from gateway.model import Arrival, Ending
from gateway.sources import local
from gateway.sources.handling import Handling
from gateway.sources.local import LocalSource, LocalStore, rename_new
from gateway.sources.store import Moved
from gateway.testing.clock import FakeClock
from gateway.testing.memory_source import MemoryLedger


def listed(source):
    source.scan()
    return source.scan()


def test_links_and_odd_files_are_refused_with_a_reason(inbox, make, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    (inbox / "link.csv").symlink_to(secret)
    os.mkfifo(inbox / "pipe.csv")
    (inbox / "bell\a.csv").write_text("")
    Path(os.fsdecode(os.fsencode(inbox) + b"/caf\xe9.csv")).write_text("")
    (inbox / "good.csv").write_text("good")
    source = make(recursive=True)
    (inbox / "elsewhere").symlink_to(tmp_path)
    assert [arrival.path for arrival in listed(source)] == ["good.csv"]
    assert source.refused() == [
        ("bell\\x07.csv", "the name has control characters"),
        ("caf\\udce9.csv", "the name is not UTF-8"),
        ("elsewhere", "it is a link"),
        ("link.csv", "it is a link"),
        ("pipe.csv", "it is no ordinary file"),
    ]


def test_a_folder_swapped_for_a_link_gives_nothing_from_outside(inbox, make, tmp_path):
    (inbox / "sub").mkdir()
    (inbox / "sub" / "stock.csv").write_text("ours")
    outside = tmp_path / "outside"
    outside.mkdir()
    source = make(recursive=True, claim="move")
    arrival = listed(source)[0]
    (inbox / "sub").rename(outside / "was")
    (inbox / "sub").symlink_to(outside / "was")
    with pytest.raises(Refused, match="renaming is forbidden"):
        source.claim(arrival, tmp_path / "spool")
    assert (outside / "was" / "stock.csv").read_text() == "ours"


def test_a_file_swapped_for_a_link_is_not_followed(inbox, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (inbox / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(Refused, match="can't be read"):
        LocalStore(inbox).fetch("link", tmp_path / "spool" / "x")
    assert not (tmp_path / "spool" / "x").exists()


def test_a_file_that_changes_while_it_is_copied_goes_back(inbox, make, tmp_path, monkeypatch):
    source = make()
    (inbox / "stock.csv").write_bytes(b"half")
    arrival = listed(source)[0]
    writer = (inbox / "stock.csv").open("ab")  # keeps writing whatever the file's name is
    copy = local._copy

    def copy_while_written(descriptor, temporary):
        copy(descriptor, temporary)
        writer.write(b" and half")
        writer.flush()

    monkeypatch.setattr(local, "_copy", copy_while_written)
    with writer:
        assert source.claim(arrival, tmp_path / "spool") is None
    assert (inbox / "stock.csv").read_bytes() == b"half and half"
    assert list((tmp_path / "spool").iterdir()) == []
    assert list((inbox / ".claimed").iterdir()) == []


def test_a_full_disk_is_our_trouble_and_the_file_goes_back(inbox, make, tmp_path, monkeypatch):
    source = make()
    (inbox / "stock.csv").write_bytes(b"content")
    arrival = listed(source)[0]

    def full(descriptor, temporary):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local, "_copy", full)
    with pytest.raises(Busy, match="No space left"):
        source.claim(arrival, tmp_path / "spool")
    monkeypatch.undo()
    assert (inbox / ".claimed").exists()
    again = source.scan()  # gives it back first
    assert (inbox / "stock.csv").read_bytes() == b"content"
    assert source.claim(again[0], tmp_path / "spool") is not None


def test_a_read_only_folder_is_taken_by_ledger(inbox, make, tmp_path, monkeypatch):
    source = make()
    (inbox / "stock.csv").write_bytes(b"content")
    arrival = listed(source)[0]

    def forbidden(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(local, "rename_new", forbidden)
        claim = source.claim(arrival, tmp_path / "spool")
        assert claim is not None
        assert claim.token.startswith("ledger:")
        source.end(claim, Ending.ARCHIVE)
    assert (inbox / "stock.csv").exists()
    assert listed(source) == []


def test_an_unreadable_file_is_refused_and_blocks_nothing(inbox, make, tmp_path, monkeypatch):
    source = make()
    for name in ("a.csv", "b.csv"):
        (inbox / name).write_text(name)
    a, b = sorted(listed(source), key=lambda arrival: arrival.path)
    opened = os.open

    def guarded(path, *args, **kwargs):
        if str(path).endswith("a.csv"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", guarded)
    assert source.claim(a, tmp_path / "spool") is None
    assert source.claim(b, tmp_path / "spool") is not None
    assert listed(source) == []
    assert source.refused() == []
    assert source.unread()[0][0] == "a.csv"
    assert "Permission denied" in source.unread()[0][1]
    assert (inbox / "a.csv").read_text() == "a.csv"


def test_a_folder_that_is_not_there_is_unreachable(make, inbox):
    source = make()
    inbox.rmdir()
    for call in (source.scan, source.probe):
        with pytest.raises(Unreachable, match="No such file"):
            call()


def test_watching_wakes_for_new_files_and_not_for_our_own_moves(inbox, make, tmp_path):
    source = make()
    woken = threading.Event()
    assert source.watch(woken.set)
    (inbox / "stock.csv").write_text("content")
    assert woken.wait(5)
    claim = source.claim(listed(source)[0], tmp_path / "spool")
    assert claim is not None
    source.close()
    assert source.watch(woken.set)
    woken.clear()
    source.end(claim, Ending.ARCHIVE)
    listed(source)
    assert not woken.wait(0.3)


def test_watching_sub_folders_too(inbox, make):
    (inbox / "madrid").mkdir()
    (inbox / "archive").mkdir()
    source = make(recursive=True)
    woken = threading.Event()
    assert source.watch(woken.set)
    (inbox / "archive" / "old.csv").write_text("")
    assert not woken.wait(0.2)
    (inbox / "madrid" / "stock.csv").write_text("content")
    assert woken.wait(5)


def test_a_folder_that_can_not_be_watched_is_told(make, inbox):
    source = make()
    inbox.rmdir()
    assert source.watch(lambda: None) is False


def test_rename_never_replaces(inbox, monkeypatch):
    (inbox / "a").write_text("a")
    (inbox / "b").write_text("b")
    with pytest.raises(FileExistsError):
        rename_new(inbox / "a", inbox / "b")
    monkeypatch.setattr("gateway.sources.local.ctypes.CDLL", lambda *_, **__: object())  # a system without it
    with pytest.raises(FileExistsError):
        rename_new(inbox / "a", inbox / "b")
    assert LocalStore(inbox).move("a", "b") is Moved.TAKEN
    assert LocalStore(inbox).move("gone", "c") is Moved.GONE
    assert LocalStore(inbox).move("a", "c") is Moved.DONE
    assert (inbox / "b").read_text() == "b"


def test_answers_may_lie_elsewhere(inbox, tmp_path):
    answers = tmp_path / "answers"
    source = LocalSource("shop", inbox, Handling(settle=0.0), ledger=MemoryLedger(), clock=FakeClock(), answers=answers)
    (tmp_path / "local").write_text("answer")
    source.deliver(tmp_path / "local", "stock.csv.ack.json")
    assert (answers / "stock.csv.ack.json").read_text() == "answer"
    assert [path.name for path in answers.iterdir()] == ["stock.csv.ack.json"]


def test_times_keep_their_microseconds(inbox, make, tmp_path):
    (inbox / "stock.csv").write_text("content")
    os.utime(inbox / "stock.csv", ns=(0, 1_700_000_000_123_456_789))
    arrival = listed(source := make())[0]
    assert arrival.mtime.isoformat() == "2023-11-14T22:13:20.123456+00:00"
    assert source.claim(arrival, tmp_path / "spool") is not None
    assert source.claim(Arrival("shop", "stock.csv", 7, arrival.mtime), tmp_path / "spool") is None


def left_behind(make, inbox, spool, **handling):
    """Two files a killed worker had taken, and whose bytes had not arrived yet; the source of the next start."""
    for name in ("a.csv", "b.csv"):
        (inbox / name).write_text(name)
    first = make(**handling)
    for arrival in listed(first):
        claim = first.claim(arrival, spool)
        claim.local.unlink()
    return make(**handling)


@pytest.mark.parametrize("claim", ["move", "ledger"])
def test_claims_a_crash_left_are_taken_up_after_a_cut_connection_too(inbox, make, tmp_path, monkeypatch, claim):
    after = "move:archive" if claim == "move" else "leave"
    source = left_behind(make, inbox, tmp_path / "spool", claim=claim, after=after)
    fetch, calls = source._store.fetch, []

    def cut(path, target):
        calls.append(path)
        if len(calls) == 2:
            raise Unreachable("cut")
        return fetch(path, target)

    monkeypatch.setattr(source._store, "fetch", cut)
    with pytest.raises(Unreachable):
        source.recover(tmp_path / "spool")
    found = source.recover(tmp_path / "spool")
    assert {one.arrival.path: one.local.read_text() for one in found} == {"a.csv": "a.csv", "b.csv": "b.csv"}
    assert source.recover(tmp_path / "spool") == []


@pytest.mark.parametrize("claim", ["move", "ledger"])
def test_a_claim_that_can_not_be_read_any_more_keeps_no_other(inbox, make, tmp_path, monkeypatch, claim):
    after = "move:archive" if claim == "move" else "leave"
    source = left_behind(make, inbox, tmp_path / "spool", claim=claim, after=after)
    fetch = source._store.fetch

    def picky(path, target):
        if path.endswith("a.csv"):
            raise Refused("a.csv can't be read.")
        return fetch(path, target)

    monkeypatch.setattr(source._store, "fetch", picky)
    assert [one.arrival.path for one in source.recover(tmp_path / "spool")] == ["b.csv"]
    assert (inbox / "a.csv").exists()
    assert "a.csv" not in {arrival.path for arrival in listed(source)}
    assert source.unread() == [("a.csv", "a.csv can't be read.")]


def test_a_file_that_can_not_be_read_is_tried_again_soon_and_then_more_rarely(inbox, make, tmp_path, monkeypatch):
    (inbox / "a.csv").write_text("a")
    source = make()
    (arrival,) = listed(source)
    fetch, clock = source._store.fetch, source._behind._clock

    def refuse(path, target):
        raise Refused("a.csv can't be read.")

    monkeypatch.setattr(source._store, "fetch", refuse)
    waits = []
    for _ in range(8):
        assert source.claim(arrival, tmp_path / "spool") is None
        begun = clock.monotonic()
        while not source.scan():
            clock.advance(0.5)
        waits.append(clock.monotonic() - begun)
        assert source.unread() == [("a.csv", "a.csv can't be read.")]
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    monkeypatch.setattr(source._store, "fetch", fetch)
    assert source.claim(arrival, tmp_path / "spool") is not None
    assert source.scan() == []
    assert source.unread() == []


@pytest.mark.parametrize("ending", [Ending.ARCHIVE, Ending.REJECT])
@pytest.mark.parametrize("after", ["move:archive", "delete"])
def test_what_grew_before_it_has_ended_is_given_back(inbox, make, tmp_path, ending, after):
    claim = taken(inbox, make(after=after), tmp_path)
    source = claim.source
    write_on(inbox / claim.claim.token)
    source.end(claim.claim, ending)
    assert (inbox / "a.csv").read_text() == "some more"
    (late,) = source.late()
    assert late.arrival == claim.claim.arrival
    assert late.text.startswith("a.csv grew after it was taken: 5 bytes were not read. It is in the inbox again")
    assert source.late() == []
    assert [one.size for one in listed(source)] == [9]


@pytest.mark.parametrize("claim", ["move", "ledger"])
def test_what_grows_in_the_archive_is_given_back(inbox, make, tmp_path, claim):
    made = taken(inbox, make(claim=claim), tmp_path)
    source = made.source
    source.end(made.claim, Ending.ARCHIVE)
    assert source.scan() == []
    assert source.late() == []
    write_on(inbox / "archive/a.csv")
    source.scan()
    assert [late.arrival.size for late in source.late()] == [4]
    assert [one.size for one in source.scan()] == [9]
    assert not (inbox / "archive/a.csv").exists()


def test_what_grew_stays_in_the_archive_where_a_newer_file_has_its_name(inbox, make, tmp_path):
    made = taken(inbox, make(), tmp_path)
    (inbox / "a.csv").write_text("newer")
    write_on(inbox / made.claim.token)
    made.source.end(made.claim, Ending.ARCHIVE)
    (late,) = made.source.late()
    assert "A newer file of its name is in the inbox" in late.text
    assert (inbox / "archive/a.csv").read_text() == "some more"
    listed(made.source)
    assert made.source.late() == []


def test_the_archive_is_looked_at_for_a_while_only_and_tidying_it_is_free(inbox, make, tmp_path):
    made = taken(inbox, make(), tmp_path)
    made.source.end(made.claim, Ending.ARCHIVE)
    (inbox / "archive/a.csv").write_text("")
    made.source.scan()
    made.source._behind._clock.advance(121)
    write_on(inbox / "archive/a.csv")
    write_on(inbox / "archive/a.csv")
    made.source.scan()
    assert made.source.late() == []
    assert (inbox / "archive/a.csv").exists()


def taken(inbox, source, spool):
    """A claimed file of four bytes and its source."""
    (inbox / "a.csv").write_text("some")
    (arrival,) = listed(source)
    return SimpleNamespace(source=source, claim=source.claim(arrival, spool))


def write_on(path):
    with path.open("a") as handle:
        handle.write(" more")
