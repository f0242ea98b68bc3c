"""A folder on this machine as a source: event-driven wake-up, listings as judge, atomic renames."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from gateway.errors import Busy, GatewayError, Refused, Unreachable
from gateway.model import Clock, Ledger
from gateway.sources.folder import FolderSource
from gateway.sources.handling import Handling
from gateway.sources.store import DeniedError, Entry, Moved

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_GONE = {errno.ENOENT, errno.ENOTDIR}
_CHANGES = {"created", "modified", "moved", "closed"}
_FOLDER_CHANGES = {"created", "moved"}
"""Events that may mean a finished file; opening and closing without writing is what our own listing does."""


class LocalSource(FolderSource):
    """Files of a folder. `answers`: folder for answers, absolute or below `folder`; None when there is none."""

    def __init__(
        self, name: str, folder: Path, handling: Handling, *, ledger: Ledger, clock: Clock, answers: Path | None = None
    ) -> None:
        home = folder.absolute()
        target = None if answers is None else home / answers
        if target is not None and target.is_relative_to(home):
            inside = target.relative_to(home).as_posix()
            handling = replace(handling, passed_over=(*handling.passed_over, inside))
        place = None if target is None else str(target)
        super().__init__(name, LocalStore(home), handling, ledger=ledger, clock=clock, answers=place)
        self.folder = folder
        self._observer: BaseObserver | None = None

    def watch(self, wake: Callable[[], None]) -> bool:
        """Call `wake` from another thread whenever something may have come; until `close`.

        False when the system can't watch the folder: then only regular scans see what comes.
        """
        observer = Observer()
        waker = _Waker(wake, self.folder, self.handling)
        try:
            observer.schedule(waker, str(self.folder), recursive=False)
            for folder in self._watched_below():
                observer.schedule(waker, str(folder), recursive=True)
            observer.start()
        except OSError:
            return False
        self._observer = observer
        return True

    def _watched_below(self) -> list[Path]:
        """Sub-folders to watch: never our own, where every claim makes and removes folders."""
        if not self.handling.recursive:
            return []
        own = self.handling.own_folders
        return [path for path in self.folder.iterdir() if path.is_dir() and path.name not in own]

    def close(self) -> None:
        """Stop watching."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join()
        super().close()


class LocalStore:
    """A Store on the local file system; links are never followed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def where(self) -> str:
        """The folder."""
        return str(self._root)

    def entries(self, folder: str) -> list[Entry]:
        """List a folder."""
        found: list[Entry] = []
        try:
            with os.scandir(self._root / folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):  # it went while we looked
                        found.append(_entry(entry.name, entry.stat(follow_symlinks=False)))
        except OSError as error:
            if folder and error.errno in _GONE:
                return []
            if folder:
                raise self._denied_or_trouble(f"{folder} can't be listed", error) from error
            raise self._trouble("it can't be listed", error) from error
        return found

    def look(self, path: str) -> Entry | None:
        """Return one entry."""
        try:
            return _entry(path.rsplit("/", 1)[-1], (self._root / path).lstat())
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise self._denied_or_trouble(f"{path} can't be looked at", error) from error

    def move(self, path: str, target: str) -> Moved:
        """Rename within the folder; a parent that is a link to elsewhere is treated as forbidden."""
        source, goal = self._root / path, self._root / target
        try:
            if not source.parent.resolve().is_relative_to(self._root.resolve()):
                return Moved.DENIED
            rename_new(source, goal)
        except FileExistsError:
            return Moved.TAKEN
        except OSError as error:
            if error.errno in _GONE:
                return Moved.GONE
            if error.errno in _DENIED:
                return Moved.DENIED
            raise self._trouble(f"{path} can't be renamed", error) from error
        return Moved.DONE

    def make_folder(self, path: str) -> bool:
        """Create a folder and those above it."""
        try:
            (self._root / path).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in _DENIED:
                return False
            raise self._trouble(f"the folder {path} can't be created", error) from error
        return True

    def remove(self, path: str) -> bool:
        """Delete a file."""
        try:
            (self._root / path).unlink(missing_ok=True)
        except OSError as error:
            if error.errno in _DENIED:
                return False
            if error.errno not in _GONE:
                raise self._trouble(f"{path} can't be deleted", error) from error
        return True

    def remove_folder(self, path: str) -> None:
        """Delete an empty folder if we may."""
        with contextlib.suppress(OSError):  # not empty, gone or forbidden: none of it matters
            (self._root / path).rmdir()

    def fetch(self, path: str, local: Path) -> bool:
        """Copy a regular file by temporary name; a link in its place is refused by the open call."""
        try:
            descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in _GONE:
                return False
            if error.errno in {*_DENIED, errno.ELOOP}:
                raise Refused(
                    f"{self._root / path} can't be read: {os.strerror(error.errno or 0)}.",
                    fix="Give the right to read it.",
                ) from error
            raise self._trouble(f"{path} can't be read", error) from error
        with os.fdopen(descriptor, "rb") as source:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                return False
            # no fsync: the original stays where it is until the claim has ended
            with _written(local, durable=False) as temporary:
                _copy(source.fileno(), temporary)
                after = os.fstat(descriptor)
                if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                    raise Busy(f"{self._root / path} changed while it was read.", fix="It is looked at again.")
        return True

    def publish(self, local: Path, path: str) -> None:
        """Put a file under its final name by temporary name, size compared, rename."""
        target = self._root / path
        with _written(target, durable=True) as temporary:
            shutil.copyfile(local, temporary)
            sent, found = local.stat().st_size, temporary.stat().st_size
            if sent != found:
                raise Busy(f"{target}: wrote {sent} bytes, found {found}.", fix="It is written again.")

    def close(self) -> None:
        """Nothing is held."""

    def _denied_or_trouble(self, what: str, error: OSError) -> GatewayError:
        """Return DeniedError where only the right is missing: it keeps nothing else in the folder from going on."""
        told = self._trouble(what, error)
        return DeniedError(told.message, fix="Give the right to it.") if error.errno in _DENIED else told

    def _trouble(self, what: str, error: OSError) -> Unreachable:
        reason = error.strerror or type(error).__name__
        return Unreachable(f"The folder {self._root}: {what} ({reason}).", fix="Check that it exists and its rights.")


class _Waker(FileSystemEventHandler):
    """Says "look now" for whatever may be a finished file."""

    def __init__(self, wake: Callable[[], None], folder: Path, handling: Handling) -> None:
        self._wake = wake
        self._own = tuple(f"{folder / name}" for name in handling.own_folders)
        self._inside_own = tuple(f"{path}{os.sep}" for path in self._own)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Wake unless the event is of our own folders."""
        paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
        outside = any(path not in self._own and not path.startswith(self._inside_own) for path in paths)
        changes = _FOLDER_CHANGES if event.is_directory else _CHANGES
        if event.event_type in changes and outside:
            self._wake()


def rename_new(source: Path, target: Path) -> None:
    """Rename without ever replacing `target`, in one step where the system offers it. Raises OSError."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        done = call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
        code = 0 if done == 0 else ctypes.get_errno()
        if code not in {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}:
            if code:
                raise OSError(code, os.strerror(code), str(source))
            return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def _entry(name: str, found: os.stat_result) -> Entry:
    return Entry(name, found.st_size, found.st_mtime_ns, _kind(found.st_mode))


def _kind(mode: int) -> Literal["file", "folder", "link", "other"]:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


@contextlib.contextmanager
def _written(target: Path, *, durable: bool) -> Iterator[Path]:
    """Give a temporary path beside `target`; rename it when nothing went wrong, `durable`: after an fsync."""
    temporary = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
        temporary.replace(target)
    except OSError as error:
        raise Busy(
            f"{target} can't be written: {error.strerror or type(error).__name__}.",
            fix="Make room or give the right to write; it is tried again.",
        ) from error
    finally:
        with contextlib.suppress(OSError):  # gone after the rename; else it is swept with the next attempt
            temporary.unlink()


def _copy(source: int, temporary: Path) -> None:
    with open(source, "rb", closefd=False) as reader, temporary.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1024 * 1024)
