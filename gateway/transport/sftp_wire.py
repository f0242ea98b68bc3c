"""The SFTP requests we pipeline ourselves: listing, download and upload in a bounded window.

Paramiko's own prefetch holds the whole file when it is not limited and waits in a sleeping loop when it is; its listing
leaves answers behind and stops at the first file name that is not UTF-8.
"""

from __future__ import annotations

import stat
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import paramiko
from paramiko.message import Message
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_DATA,
    CMD_FSTAT,
    CMD_HANDLE,
    CMD_NAME,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_STATUS,
    CMD_WRITE,
    SFTP_EOF,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_READ,
    SFTP_FLAG_TRUNC,
    SFTP_FLAG_WRITE,
    SFTP_OK,
    SFTPError,
    int64,
)

READ_SIZE = 128 * 1024
"""Bytes asked for at once; a server may answer with fewer, then we ask for so many from there on."""
WRITE_SIZE = 32 * 1024
"""Bytes sent at once: the most every server has to take."""
WINDOW = 8 * 1024 * 1024
"""Bytes asked for and not yet here: what a download holds in memory."""
CHANNEL_WINDOW = 8 * 1024 * 1024
CHANNEL_PACKET = 256 * 1024
_LISTING_AHEAD = 32
_WRITES_AHEAD = 128
_RECEIVE = 256 * 1024


class StatusError(OSError):
    """A request answered with a status other than OK or end of file; `code` is the protocol's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"status {code}: {text}")
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One entry of a remote folder as lstat shows it; `mtime` in seconds of the server's clock, `mode` 0 if untold."""

    name: str
    size: int
    mtime: int
    mode: int

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file; a server that tells no mode means files."""
        return self.mode == 0 or stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)


@dataclass(slots=True)
class Download:
    """A download under way, resumable: bytes before `done` are in the local file. `size`, `mtime`: as first seen."""

    done: int = 0
    size: int = -1
    mtime: int = -1
    step: int = field(default=READ_SIZE)


class FileChangedError(Exception):
    """The remote file is not the one the download began with, or ended early."""


class _Answers:
    """Where paramiko puts the answers to asynchronous requests."""

    def __init__(self) -> None:
        self.queue: deque[tuple[int, Message, int]] = deque()

    def _async_response(self, kind: int, message: Message, number: int) -> None:
        self.queue.append((kind, message, number))


class _Reads:
    """The read requests of one download: what is under way, what to ask for next, how far the file is whole."""

    def __init__(self, state: Download) -> None:
        self.state = state
        self.answers = _Answers()
        self.asked: dict[int, tuple[int, int]] = {}
        self._again: deque[tuple[int, int]] = deque()
        self._position = state.done
        self._under_way = 0

    def due(self) -> Iterator[tuple[int, int]]:
        """Yield (offset, length) of requests until the window is full."""
        while self._under_way < WINDOW and (self._again or self._position < self.state.size):
            if self._again:
                start, length = self._again.popleft()
            else:
                start, length = self._position, min(self.state.step, self.state.size - self._position)
                self._position += length
            self._under_way += length
            yield start, length

    def arrived(self, number: int, received: int) -> None:
        """Note an answer; what a short one left out is asked for again, and later requests are made as short."""
        start, length = self.asked.pop(number)
        self._under_way -= length
        if received < length:
            self.state.step = min(received, self.state.step)
            self._again.append((start + received, length - received))
        unread = (begin for begin, _ in (*self.asked.values(), *self._again))
        self.state.done = min(unread, default=self._position)


class Wire(paramiko.SFTPClient):
    """An SFTP channel. Raises StatusError, EOFError and what paramiko and sockets raise: callers translate."""

    def __init__(self, sock: paramiko.Channel) -> None:
        self._inner: Any = self  # paramiko's request methods are private but stable; tests pin how they behave
        self._held = b""
        self._at = 0
        super().__init__(sock)

    def wait_at_most(self, seconds: float) -> None:
        """Have every single read and write on the channel end after so many seconds (TimeoutError)."""
        self._inner.sock.settimeout(seconds)

    def list_folder(self, path: str) -> Iterator[RemoteFile]:
        """Yield the entries of a folder, many requests ahead; names that are not UTF-8 carry surrogates."""
        handle = self._handle(CMD_OPENDIR, path)
        answers = _Answers()
        waiting = 0
        more = True
        while more or waiting:
            while more and waiting < _LISTING_AHEAD:
                self._inner._async_request(answers, CMD_READDIR, handle)  # noqa: SLF001 - own base class
                waiting += 1
            kind, message, _ = self._next(answers)
            waiting -= 1
            if kind == CMD_STATUS:
                more = False
                self._end_or_raise(message)
            elif kind == CMD_NAME:
                yield from self._names(message)
            else:
                raise SFTPError(f"Expected names, found packet {kind}")
        self._inner._request(CMD_CLOSE, handle)  # noqa: SLF001 - own base class

    def fetch(self, path: str, write: Callable[[bytes, int], None], state: Download) -> None:
        """Give the bytes from `state.done` on to `write` with their offset; never more than WINDOW bytes are under way.

        Raises FileChangedError when size or time differ from what `state` began with or the file ends early.
        """
        handle = self._handle(CMD_OPEN, path, SFTP_FLAG_READ, paramiko.SFTPAttributes())
        kind, message = self._inner._request(CMD_FSTAT, handle)  # noqa: SLF001 - own base class
        found = _attributes(message, "") if kind == CMD_ATTRS else None
        if found is None or (state.size >= 0 and (found.size, found.mtime) != (state.size, state.mtime)):
            raise FileChangedError(path)
        state.size, state.mtime = found.size, found.mtime
        reads = _Reads(state)
        while state.done < state.size:
            for start, length in reads.due():
                number = self._inner._async_request(  # noqa: SLF001 - own base class
                    reads.answers, CMD_READ, handle, int64(start), length
                )
                reads.asked[number] = (start, length)
            kind, message, number = self._next(reads.answers)
            data = self._data(kind, message, path)
            write(data, reads.asked[number][0])
            reads.arrived(number, len(data))
        self._inner._request(CMD_CLOSE, handle)  # noqa: SLF001 - own base class

    def put_file(self, source: BinaryIO, path: str) -> int:
        """Write `source` to a new or emptied remote file, many requests ahead; return the number of bytes sent."""
        flags = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_TRUNC
        handle = self._handle(CMD_OPEN, path, flags, paramiko.SFTPAttributes())
        answers = _Answers()
        waiting = 0
        sent = 0
        while data := source.read(WRITE_SIZE):
            self._inner._async_request(  # noqa: SLF001 - own base class
                answers, CMD_WRITE, handle, int64(sent), data
            )
            sent += len(data)
            waiting += 1
            if waiting >= _WRITES_AHEAD:
                self._written(answers)
                waiting -= 1
        for _ in range(waiting):
            self._written(answers)
        self._inner._request(CMD_CLOSE, handle)  # noqa: SLF001 - own base class
        return sent

    def look(self, path: str) -> RemoteFile:
        """Return size, time and kind of one entry without following a link."""
        found = self.lstat(path)
        return RemoteFile(path.rsplit("/", 1)[-1], found.st_size or 0, found.st_mtime or 0, found.st_mode or 0)

    def _handle(self, command: int, *arguments: object) -> bytes:
        kind, message = self._inner._request(command, *arguments)  # noqa: SLF001 - own base class
        if kind != CMD_HANDLE:
            raise SFTPError(f"Expected a handle, found packet {kind}")
        handle: bytes = message.get_binary()
        return handle

    def _next(self, answers: _Answers) -> tuple[int, Message, int]:
        while not answers.queue:
            self._inner._read_response()  # noqa: SLF001 - own base class
        return answers.queue.popleft()

    def _data(self, kind: int, message: Message, path: str) -> bytes:
        if kind == CMD_STATUS:
            self._end_or_raise(message)
            raise FileChangedError(path)
        if kind != CMD_DATA:
            raise SFTPError(f"Expected data, found packet {kind}")
        data = message.get_string()
        if not data:
            raise FileChangedError(path)
        return data

    def _written(self, answers: _Answers) -> None:
        kind, message, _ = self._next(answers)
        if kind != CMD_STATUS:
            raise SFTPError(f"Expected a status, found packet {kind}")
        self._convert_status(message)

    def _end_or_raise(self, message: Message) -> None:
        try:
            self._convert_status(message)
        except EOFError:
            return

    @staticmethod
    def _names(message: Message) -> Iterator[RemoteFile]:
        for _ in range(message.get_int()):
            name = message.get_string().decode("utf-8", "surrogateescape")
            message.get_string()  # the line `ls -l` would show
            entry = _attributes(message, name)
            if name not in {".", ".."}:
                yield entry

    def _convert_status(self, msg: Message) -> None:
        """Raise StatusError with the protocol's own code, where paramiko keeps only its text."""
        code = msg.get_int()
        text = msg.get_string().decode("utf-8", "replace")
        if code == SFTP_EOF:
            raise EOFError(text)
        if code != SFTP_OK:
            raise StatusError(code, text)

    def _read_all(self, n: int) -> bytes:
        """Take `n` bytes from the channel, reading it in large pieces: two reads per packet are slow."""
        while len(self._held) - self._at < n:
            piece = self._inner.sock.recv(_RECEIVE)
            if not piece:
                raise EOFError
            self._held = self._held[self._at :] + piece
            self._at = 0
        taken = self._held[self._at : self._at + n]
        self._at += n
        return taken


def _attributes(message: Message, name: str) -> RemoteFile:
    unpack: Any = paramiko.SFTPAttributes
    found = unpack._from_msg(message)  # noqa: SLF001 - the one decoder of attributes paramiko has
    return RemoteFile(name, found.st_size or 0, found.st_mtime or 0, found.st_mode or 0)
