"""Calls as they lie one behind the other, and what becomes of a disk that is full."""

import errno
import hashlib
from pathlib import Path

import pytest

from gateway.delivery.bodies import Bodies


def nowhere(begins, body):
    """Keep no call."""


def test_calls_lie_one_behind_the_other_with_their_digests(tmp_path):
    calls = [b"one", b"", b"three" * 5000]
    kept = []
    with Bodies(tmp_path / "bodies", lambda begins, body: kept.append((begins, body))) as bodies:
        begins = [bodies.add(call) for call in calls]
        bodies.sync()
    assert begins == [0, 3, 3]
    assert kept == list(zip(begins, calls, strict=True))
    assert (tmp_path / "bodies").read_bytes() == b"".join(calls)
    assert bodies.digests == [hashlib.sha256(call).hexdigest() for call in calls]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_that_the_disk_is_full_is_told_at_the_end_at_the_latest():
    with pytest.raises(OSError, match="No space left") as told, Bodies(Path("/dev/full"), nowhere) as bodies:
        bodies.add(b"x" * 100_000)
    assert told.value.errno == errno.ENOSPC


def test_a_fault_of_who_makes_them_is_told_and_nothing_waits(tmp_path):
    def make():
        with Bodies(tmp_path / "bodies", nowhere) as bodies:
            bodies.add(b"one")
            return 1 / 0

    with pytest.raises(ZeroDivisionError):
        make()
    assert (tmp_path / "bodies").read_bytes() == b"one"
