from __future__ import annotations

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.message import Message
from paramiko.sftp import SFTP_EOF, SFTP_OK

from gateway.transport import sftp_wire
from gateway.transport.sftp_wire import WINDOW, Download, RemoteFile, StatusError, Wire, _Reads


@given(st.integers(0, 5 * WINDOW), st.integers(WINDOW // 40, WINDOW), st.randoms(use_true_random=False))
def test_never_more_than_the_window_is_under_way_and_every_byte_comes_once(size, step, random):
    state = Download(size=size, step=step)
    reads = _Reads(state)
    got: list[tuple[int, int]] = []
    number = 0
    while state.done < size:
        for start, length in reads.due():
            reads.asked[number] = (start, length)
            number += 1
        assert sum(length for _, length in reads.asked.values()) < WINDOW + step
        answered = random.choice(list(reads.asked))  # servers may answer in any order, and with less than asked
        start, length = reads.asked[answered]
        received = length if length < WINDOW // 40 or random.random() < 0.9 else length // 2
        got.append((start, received))
        reads.arrived(answered, received)
        state.step = step  # short answers shorten it, which makes this test slow and proves nothing here
        assert state.done <= whole_until(got)
    assert sum(length for _, length in got) == size == whole_until(got)


def whole_until(got: list[tuple[int, int]]) -> int:
    """End of the bytes that are here without a gap, each once."""
    position = 0
    for start, length in sorted(got):
        assert start >= position
        if start > position:
            break
        position += length
    return position


def status(code: int, text: bytes) -> Message:
    message = Message()
    message.add_int(code)
    message.add_string(text)
    message.rewind()
    return message


def test_statuses_keep_their_code():
    wire = Wire.__new__(Wire)
    wire._convert_status(status(SFTP_OK, b""))
    with pytest.raises(EOFError):
        wire._convert_status(status(SFTP_EOF, b""))
    with pytest.raises(StatusError) as caught:
        wire._convert_status(status(4, b"\xe9chec"))
    assert (caught.value.code, caught.value.text) == (4, "\ufffdchec")


def test_names_that_are_not_utf8_spoil_no_listing():
    message = Message()
    message.add_int(2)
    for name in (b"caf\xe9.csv", b"good.csv"):
        attributes = paramiko.SFTPAttributes()
        attributes.st_size = 3
        message.add_string(name)
        message.add_string(b"the line of ls -l")
        attributes._pack(message)
    message.rewind()
    names = list(Wire._names(message))
    assert names == [RemoteFile("caf\udce9.csv", 3, 0, 0), RemoteFile("good.csv", 3, 0, 0)]
    assert names[0].is_file


def test_paramiko_has_the_private_methods_we_build_on():
    for name in ("_request", "_async_request", "_read_response", "_convert_status", "_read_all"):
        assert callable(getattr(paramiko.SFTPClient, name))
    assert callable(paramiko.SFTPAttributes._from_msg)
    assert sftp_wire.WRITE_SIZE <= 32768  # what draft-ietf-secsh-filexfer-02 asks every server to take
