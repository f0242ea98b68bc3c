"""Work that finds the disk full waits and is done again; what is said of it is said once."""

import errno
import threading

import pytest
import structlog.testing

import gateway.dispatch.patience
from gateway.dispatch.patience import Patience


def full():
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(gateway.dispatch.patience, "PAUSE", 0.01)


def test_it_is_done_again_until_there_is_room_and_said_once():
    tries = []

    def work():
        tries.append(1)
        if len(tries) < 4:
            full()

    patience = Patience(threading.Event())
    with structlog.testing.capture_logs() as logs:
        patience.until_room("lane", work)
        patience.until_room("lane", work)
    assert len(tries) == 5
    assert [line["event"] for line in logs] == ["the disk is full", "the disk has room again"]


def test_it_has_room_again_when_all_have():
    patience = Patience(threading.Event())
    with structlog.testing.capture_logs() as logs:
        assert not patience.has_room("one", full)
        assert not patience.has_room("two", full)
        assert patience.has_room("one", lambda: None)
        assert len(logs) == 1
        assert patience.has_room("two", lambda: None)
    assert [line["event"] for line in logs] == ["the disk is full", "the disk has room again"]


def test_waiting_ends_with_the_service():
    stop = threading.Event()
    stop.set()
    Patience(stop).until_room("lane", full)


def test_every_other_fault_is_let_out():
    def fault():
        raise OSError(errno.EACCES, "Permission denied")

    with pytest.raises(PermissionError):
        Patience(threading.Event()).until_room("lane", fault)
