"""An SFTP session: connects when needed, trusts only known host keys, reconnects after a break, speaks our errors.

    with SftpSession(settings, clock) as session:
        for entry in session.entries("in"): ...

Nothing of paramiko leaves this room: `sftp_errors` translates, `sftp_wire` pipelines, `sftp_known_hosts` judges keys.
"""

from __future__ import annotations

import contextlib
import posixpath
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import paramiko

from gateway.errors import Busy, GatewayError, Refused, Unreachable
from gateway.model import Clock
from gateway.transport.sftp_connect import SftpSettings, hang_up, open_wire
from gateway.transport.sftp_errors import (
    RemoteDeniedError,
    RemoteFailureError,
    RemoteMissingError,
    RemoteTakenError,
    translate,
)
from gateway.transport.sftp_wire import Download, RemoteFile, Wire

__all__ = [
    "RemoteDeniedError",
    "RemoteFailureError",
    "RemoteFile",
    "RemoteMissingError",
    "RemoteTakenError",
    "SftpSession",
    "SftpSettings",
]

_T = TypeVar("_T")


class SftpSession:
    """One connection, used by one thread at a time (others wait); made on first use, made again after a break.

    Methods raise Unreachable (no connection, cut, too slow), HostKeyError, Refused (login), SettingsError (key file),
    RemoteMissingError, RemoteDeniedError, RemoteTakenError, RemoteFailureError (the server said no).
    """

    def __init__(self, settings: SftpSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock
        self._lock = threading.RLock()
        self._transport: paramiko.Transport | None = None
        self._wire: Wire | None = None
        self._posix_rename = True

    def __repr__(self) -> str:
        return f"SftpSession({self.settings.where})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """Whether a connection stands, as far as known."""
        return self._transport is not None and self._transport.is_active()

    def close(self) -> None:
        """Give the connection back; the next call makes a new one."""
        with self._lock:
            self._drop()

    # ---------------------------------------------------------------- reading

    def entries(self, folder: str) -> list[RemoteFile]:
        """List a folder, "" is the one a login starts in; links are listed as links."""
        path = folder or "."
        return self._steady(
            f"listing {path}", lambda wire: list(wire.list_folder(path)), timeout=self.settings.list_timeout, bulk=True
        )

    def look(self, path: str) -> RemoteFile | None:
        """Return size, time and kind of one entry (a link is not followed); None when there is none."""
        try:
            return self._steady(f"looking at {path}", lambda wire: wire.look(path))
        except RemoteMissingError:
            return None

    def fetch(self, path: str, local: Path) -> RemoteFile:
        """Copy a file to `local`, which appears only when it is whole; at most 8 MiB are under way.

        A cut connection is made again and the download goes on, `attempts` times. Raises Busy when the remote file
        changes meanwhile, or the spool can't be written. Returns size and time of the file that was read.
        """
        spool = _Spool(local.with_name(f".{local.name}.part"))
        state = Download()
        try:
            self._fetch_on(path, spool, state)
            spool.publish(local)
        finally:
            spool.discard()
        return RemoteFile(posixpath.basename(path), state.size, state.mtime, 0)

    def _fetch_on(self, path: str, spool: _Spool, state: Download) -> None:
        for attempt in range(self.settings.attempts):
            try:
                with self._lock:
                    self._once(f"downloading {path}", lambda wire: wire.fetch(path, spool.write, state), bulk=True)
            except Unreachable:
                if attempt + 1 == self.settings.attempts:
                    raise
                self._clock.sleep(self.settings.pause * 2**attempt)
            else:
                return

    # ---------------------------------------------------------------- writing

    def upload(self, local: Path, path: str) -> None:
        """Put a file by temporary name, size compared, then rename; whatever happens, `path` is never half a file."""
        folder, name = posixpath.split(path)
        part = posixpath.join(folder, f".{name}.part")
        expected = self._put_whole(local, path, part)
        found = self.look(part)
        if found is None or found.size != expected:
            size = "nothing" if found is None else f"{found.size} bytes"
            raise Busy(f"uploading {path}: sent {expected} bytes, found {size} on the server.", fix="It is sent again.")
        self.replace(part, path)

    def put(self, local: Path, path: str) -> None:
        """Put a file under its final name at once, for servers that refuse to rename: readers may see half of it.

        A file that is gone by the time its size is compared was taken already.
        """
        expected = self._put_whole(local, path, path)
        found = self.look(path)
        if found is not None and found.size != expected:
            raise Busy(
                f"uploading {path}: sent {expected} bytes, found {found.size} on the server.", fix="It is sent again."
            )

    def _put_whole(self, local: Path, path: str, target: str) -> int:
        """Write a file under `target`, from its start again where the connection was made anew; returns its size."""

        def put(wire: Wire) -> int:
            with local.open("rb") as source:
                return wire.put_file(source, target)

        return self._steady(f"uploading {path}", put, bulk=True)

    def move(self, path: str, target: str) -> None:
        """Rename without ever replacing `target`. Raises RemoteTakenError, RemoteMissingError, RemoteDeniedError.

        When the answer is lost the server is looked at before anything is repeated.
        """
        doing = f"renaming {path} to {target}"
        with self._lock:
            try:
                self._once(doing, lambda wire: wire.rename(path, target))
            except Unreachable:
                if self.look(target) is not None and self.look(path) is None:
                    return
                self._rename_or_say_why(doing, path, target)
            except RemoteFailureError as error:
                raise self._why_not(error, path, target) from error

    def replace(self, path: str, target: str) -> None:
        """Rename over an existing `target`: atomically where the server offers it, else by setting the old aside."""
        with self._lock:
            if self._posix_rename:
                try:
                    self._once(f"renaming {path} to {target}", lambda wire: wire.posix_rename(path, target))
                except (RemoteDeniedError, RemoteFailureError):
                    self._posix_rename = False
                else:
                    return
            self._replace_in_steps(path, target)

    def make_folder(self, path: str) -> None:
        """Create a folder and those above it; existing ones are fine."""
        with self._lock:
            if self.look(path) is not None:
                return
            above = posixpath.dirname(path)
            if above not in {"", "/"}:
                self.make_folder(above)
            try:
                self._once(f"creating the folder {path}", lambda wire: wire.mkdir(path))
            except (RemoteFailureError, Unreachable):  # another worker was first, or the answer was lost
                if self.look(path) is None:
                    raise

    def remove(self, path: str) -> None:
        """Delete a file; one that is gone is fine."""
        try:
            self._steady(f"deleting {path}", lambda wire: wire.remove(path))
        except RemoteMissingError:
            return

    def remove_folder(self, path: str) -> None:
        """Delete an empty folder; one that is gone is fine."""
        try:
            self._steady(f"deleting the folder {path}", lambda wire: wire.rmdir(path))
        except RemoteMissingError:
            return

    def _replace_in_steps(self, path: str, target: str) -> None:
        try:
            self.move(path, target)
        except RemoteTakenError:
            folder, name = posixpath.split(target)
            aside = posixpath.join(folder, f".{name}.old")
            self.remove(aside)
            self.move(target, aside)
            try:
                self.move(path, target)
            except GatewayError:
                self.move(aside, target)
                raise
            self.remove(aside)

    def _rename_or_say_why(self, doing: str, path: str, target: str) -> None:
        try:
            self._once(doing, lambda wire: wire.rename(path, target))
        except RemoteFailureError as error:
            raise self._why_not(error, path, target) from error

    def _why_not(self, error: RemoteFailureError, path: str, target: str) -> GatewayError:
        if self.look(target) is not None:
            return RemoteTakenError(f"renaming {path}: {target} exists already.", fix="Choose another name.")
        if self.look(path) is None:
            return RemoteMissingError(f"renaming {path}: it is no longer there.", fix="Another worker took it.")
        return RemoteDeniedError(error.message, fix="Ask the server's operator for the right to rename.")

    # ---------------------------------------------------------------- connection

    def _steady(
        self, doing: str, call: Callable[[Wire], _T], *, timeout: float | None = None, bulk: bool = False
    ) -> _T:
        """Make a call that may be repeated; a connection that died while idle is made anew once."""
        with self._lock:
            reused = self._wire is not None
            try:
                return self._once(doing, call, timeout=timeout, bulk=bulk)
            except Unreachable:
                if not reused:
                    raise
            return self._once(doing, call, timeout=timeout, bulk=bulk)

    def _once(self, doing: str, call: Callable[[Wire], _T], *, timeout: float | None = None, bulk: bool = False) -> _T:
        """Make a call; `bulk`: it has many requests under way, so a new connection is needed whatever went wrong."""
        wire = self._connect()
        try:
            wire.wait_at_most(timeout or self.settings.read_timeout)
            return call(wire)
        except GatewayError:
            self._drop()
            raise
        except Exception as error:
            ours = translate(error, f"{self.settings.where}, {doing}", self.settings.secrets())
            if bulk or not isinstance(ours, Refused | RemoteFailureError):
                self._drop()
            raise ours from error

    def _connect(self) -> Wire:
        if self._wire is None or not self.connected:
            self._drop()
            self._transport, self._wire = open_wire(self.settings)
        return self._wire

    def _drop(self) -> None:
        transport, self._transport, self._wire = self._transport, None, None
        if transport is not None:
            hang_up(transport)


class _Spool:
    """A local file under way; trouble with it is Busy, so that it is not taken for trouble with the server."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._watched():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._out = path.open("wb")

    def write(self, data: bytes, offset: int) -> None:
        """Write at an offset."""
        with self._watched():
            self._out.seek(offset)
            self._out.write(data)

    def publish(self, final: Path) -> None:
        """Give the file its name; no fsync, for the server keeps the original until the claim has ended."""
        with self._watched():
            self._out.close()
            self._path.replace(final)

    def discard(self) -> None:
        """Close and remove what is left; after `publish` nothing is."""
        with contextlib.suppress(OSError):  # the trouble was told already
            self._out.close()
        self._path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Busy(
                f"The spool file {self._path} can't be written: {error.strerror or type(error).__name__}.",
                fix="Make room or give the right to write; it is tried again.",
            ) from error
