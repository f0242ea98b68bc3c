"""The file side of the bundled SFTP drop: one account's folder, fenced in, with faults on demand."""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import paramiko
from paramiko.sftp import SFTP_FAILURE, SFTP_NO_SUCH_FILE, SFTP_OK, SFTP_OP_UNSUPPORTED, SFTP_PERMISSION_DENIED

from gateway.model import Clock

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


@dataclass(slots=True)
class Faults:
    """Switches of one account. The `cut_` ones work once and reset themselves.

    `slow_write`: seconds per write request. `cut_after`: bytes of file data, either way, until the connection is
    dropped. `cut_before`, `cut_behind`: name of a request ("rename", "posix_rename", "open", "stat", "remove",
    "mkdir", "list") before which, or after which but before its answer, it is dropped. `short_reads`: most bytes per
    answer to a read. `silent`: seconds a listing waits before it is answered. `full`: the disk takes no more bytes.
    """

    slow_write: float = 0.0
    refuse_rename: bool = False
    read_only: bool = False
    no_posix_rename: bool = False
    cut_after: int | None = None
    cut_before: str = ""
    cut_behind: str = ""
    short_reads: int = 0
    silent: float = 0.0
    full: bool = False
    requests: list[str] = field(default_factory=list)
    """Names of the requests served, in order."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def allowance(self, wanted: int) -> int:
        """Book bytes of file data and return how many of them may still pass."""
        with self.lock:
            if self.cut_after is None:
                return wanted
            allowed = min(wanted, self.cut_after)
            self.cut_after = None if allowed < wanted else self.cut_after - allowed
            return allowed

    def strikes(self, request: str, *, behind: bool) -> bool:
        """Return whether the connection goes down here."""
        with self.lock:
            if not behind:
                self.requests.append(request)
            if request != (self.cut_behind if behind else self.cut_before):
                return False
            if behind:
                self.cut_behind = ""
            else:
                self.cut_before = ""
            return True


class _CutError(Exception):
    """The connection was dropped on purpose."""


class Served(paramiko.SFTPServerInterface):
    """Files below `root`; nothing outside can be named, not even by a link. Relative paths begin at `home`."""

    def __init__(
        self,
        server: paramiko.ServerInterface,
        root: Path,
        faults: Faults,
        clock: Clock,
        cut: Callable[[], None],
        home: str = "/",
    ) -> None:
        super().__init__(server)
        self._root = root.resolve()
        self._home = home
        self._clock = clock
        self._cut = cut
        self.faults = faults

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        """List a folder; links are shown as links."""
        if self.faults.silent > 0:
            self._clock.sleep(self.faults.silent)
        try:
            with self._struck("list"), os.scandir(self._inside(path)) as entries:
                return [_attributes(entry.stat(follow_symlinks=False), entry.name) for entry in entries]
        except OSError as error:
            return _status(error)

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        """Follow links, inside the root only."""
        try:
            with self._struck("stat"):
                return _attributes(self._inside(path, follow=True).stat())
        except OSError as error:
            return _status(error)

    def lstat(self, path: str) -> paramiko.SFTPAttributes | int:
        """Do not follow a link at the end."""
        try:
            with self._struck("stat"):
                return _attributes(self._inside(path).lstat())
        except OSError as error:
            return _status(error)

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:  # noqa: ARG002 - paramiko's signature
        """Open a file for reading or writing."""
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
        if writes and self.faults.read_only:
            return SFTP_PERMISSION_DENIED
        try:
            with self._struck("open"):
                descriptor = os.open(self._inside(path, follow=True), flags | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            return _status(error)
        mode = "r+b" if flags & os.O_RDWR else "wb" if writes else "rb"
        return _Handle(flags, cast("BinaryIO", os.fdopen(descriptor, mode, buffering=0)), self)

    def remove(self, path: str) -> int:
        """Delete a file."""
        return self._change("remove", lambda: self._inside(path).unlink())

    def rename(self, oldpath: str, newpath: str) -> int:
        """Rename; an existing target makes it fail, as OpenSSH does."""
        if self.faults.refuse_rename:
            return SFTP_PERMISSION_DENIED
        return self._change("rename", lambda: _rename_new(self._inside(oldpath), self._inside(newpath)))

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        """Rename over whatever is there."""
        if self.faults.no_posix_rename:
            return SFTP_OP_UNSUPPORTED
        if self.faults.refuse_rename:
            return SFTP_PERMISSION_DENIED
        return self._change("posix_rename", lambda: self._inside(oldpath).replace(self._inside(newpath)))

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:  # noqa: ARG002 - paramiko's signature
        """Create a folder."""
        return self._change("mkdir", lambda: self._inside(path).mkdir())

    def rmdir(self, path: str) -> int:
        """Delete an empty folder."""
        return self._change("rmdir", lambda: self._inside(path).rmdir())

    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        """Set times and rights."""
        return self._change("setstat", lambda: paramiko.SFTPServer.set_file_attr(str(self._inside(path)), attr))

    def canonicalize(self, path: str) -> str:
        """Paths begin at the account's root, relative ones at its home."""
        absolute = path if path.startswith("/") else posixpath.join(self._home, path)
        return posixpath.normpath("/" + absolute.lstrip("/"))

    def passes(self, wanted: int, *, writing: bool) -> int:
        """Book file data; return how many bytes of it get through before the connection goes."""
        if writing and self.faults.slow_write > 0:
            self._clock.sleep(self.faults.slow_write)
        return self.faults.allowance(wanted)

    def go_down(self) -> None:
        """Drop the connection and leave the request unanswered."""
        self._cut()
        raise _CutError

    def _change(self, request: str, change: Callable[[], object]) -> int:
        if self.faults.read_only:
            return SFTP_PERMISSION_DENIED
        try:
            with self._struck(request):
                change()
        except OSError as error:
            return _status(error)
        return SFTP_OK

    @contextlib.contextmanager
    def _struck(self, request: str) -> Iterator[None]:
        if self.faults.strikes(request, behind=False):
            self.go_down()
        yield
        if self.faults.strikes(request, behind=True):
            self.go_down()

    def _inside(self, path: str, *, follow: bool = False) -> Path:
        candidate = self._root / self.canonicalize(path).lstrip("/")
        fenced = candidate.resolve() if follow or candidate == self._root else candidate.parent.resolve()
        if not fenced.is_relative_to(self._root):
            raise PermissionError(errno.EACCES, "outside of the account's folder")
        return candidate.resolve() if follow else candidate


class _Handle(paramiko.SFTPHandle):
    """One open file."""

    def __init__(self, flags: int, stream: BinaryIO, served: Served) -> None:
        super().__init__(flags)
        self._stream = stream
        self._served = served

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def read(self, offset: int, length: int) -> bytes | int:
        """Read at an offset; empty at the end."""
        most = self._served.faults.short_reads
        self._stream.seek(offset)
        data = self._stream.read(min(length, most) if most else length)
        if self._served.passes(len(data), writing=False) < len(data):
            self._served.go_down()
        return data

    def write(self, offset: int, data: Buffer) -> int:
        """Write at an offset."""
        content = bytes(data)
        if self._served.faults.full:
            return SFTP_FAILURE
        allowed = self._served.passes(len(content), writing=True)
        try:
            self._stream.seek(offset)
            self._stream.write(content[:allowed])
        except OSError as error:
            return _status(error)
        if allowed < len(content):
            self._served.go_down()
        return SFTP_OK

    def stat(self) -> paramiko.SFTPAttributes | int:
        """Size and times of the open file."""
        return _attributes(os.fstat(self._stream.fileno()))

    def chattr(self, attr: paramiko.SFTPAttributes) -> int:  # noqa: ARG002 - paramiko's signature
        """Nothing to set on an open file."""
        return SFTP_OK


def _rename_new(path: Path, target: Path) -> None:
    if stat.S_ISDIR(path.lstat().st_mode):
        if target.exists():
            raise FileExistsError(errno.EEXIST, "exists")
        path.rename(target)
        return
    os.link(path, target, follow_symlinks=False)  # fails when the target exists, whoever made it
    path.unlink()


def _attributes(found: os.stat_result, name: str | None = None) -> paramiko.SFTPAttributes:
    attributes: paramiko.SFTPAttributes = paramiko.SFTPAttributes.from_stat(found, name)
    attributes.st_atime, attributes.st_mtime = int(found.st_atime), int(found.st_mtime)
    return attributes


def _status(error: OSError) -> int:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return SFTP_NO_SUCH_FILE
    return SFTP_PERMISSION_DENIED if error.errno in {errno.EACCES, errno.EPERM} else SFTP_FAILURE
