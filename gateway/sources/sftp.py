"""An SFTP account as a source: the same rules as a local folder, by remote renames."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from pathlib import Path
from typing import Literal

from gateway.errors import Fault, MayWorkLater, SettingsError, Unreachable
from gateway.model import Clock, Ledger
from gateway.sources.folder import FolderSource
from gateway.sources.handling import Handling
from gateway.sources.names import is_plain_path
from gateway.sources.store import DeniedError, Entry, Moved
from gateway.transport.sftp import (
    RemoteDeniedError,
    RemoteFile,
    RemoteMissingError,
    RemoteTakenError,
    SftpSession,
)

_NANO = 1_000_000_000


class SftpSource(FolderSource):
    """Files of a folder of an SFTP account.

    `folder`: below the folder a login starts in, "" for that itself. `answers`: folder for answers, likewise below the
    login's folder. The source closes the session it was given.
    """

    def __init__(
        self,
        name: str,
        session: SftpSession,
        handling: Handling,
        *,
        ledger: Ledger,
        clock: Clock,
        folder: str = "",
        answers: str | None = None,
    ) -> None:
        folder, answers = _plain(name, "folder", folder) or "", _plain(name, "answers", answers)
        if answers == "":
            raise SettingsError(
                [Fault("answers", f"source {name}: found the login's own folder, expected a sub-folder.")]
            )
        if answers is not None and answers.startswith(f"{folder}/" if folder else ""):
            inside = answers.removeprefix(folder).lstrip("/")
            handling = replace(handling, passed_over=(*handling.passed_over, inside))
        super().__init__(name, SftpStore(session, folder), handling, ledger=ledger, clock=clock, answers=answers)
        self.session = session


class SftpStore:
    """A Store on a folder of an SFTP account; answers alone are named from the login's folder."""

    def __init__(self, session: SftpSession, root: str) -> None:
        self._session = session
        self._root = root

    @property
    def where(self) -> str:
        """Account, server and folder."""
        return f"{self._session.settings.where}/{self._root}"

    def entries(self, folder: str) -> list[Entry]:
        """List a folder."""
        try:
            return [_entry(found) for found in self._session.entries(self._full(folder))]
        except RemoteMissingError:
            if folder:
                return []
            raise Unreachable(
                f"{self.where}: the folder does not exist.", fix="Create it on the server, or correct the settings."
            ) from None
        except RemoteDeniedError as error:
            kind = DeniedError if folder else Unreachable
            raise kind(error.message, fix="Ask the server's operator for the right to list.") from error

    def look(self, path: str) -> Entry | None:
        """Return one entry."""
        try:
            found = self._session.look(self._full(path))
        except RemoteDeniedError as error:
            raise DeniedError(error.message, fix=error.fix) from error
        return None if found is None else _entry(found)

    def move(self, path: str, target: str) -> Moved:
        """Rename; the server refuses an existing target."""
        try:
            self._session.move(self._full(path), self._full(target))
        except RemoteTakenError:
            return Moved.TAKEN
        except RemoteMissingError:
            return Moved.GONE
        except RemoteDeniedError:
            return Moved.DENIED
        return Moved.DONE

    def make_folder(self, path: str) -> bool:
        """Create a folder and those above it."""
        try:
            self._session.make_folder(self._full(path))
        except (RemoteDeniedError, RemoteMissingError):
            return False
        return True

    def remove(self, path: str) -> bool:
        """Delete a file."""
        try:
            self._session.remove(self._full(path))
        except RemoteDeniedError:
            return False
        return True

    def remove_folder(self, path: str) -> None:
        """Delete an empty folder if we may."""
        try:
            self._session.remove_folder(self._full(path))
        except (RemoteDeniedError, MayWorkLater):
            return  # not empty, forbidden or cut off: an empty folder left behind does no harm

    def fetch(self, path: str, local: Path) -> bool:
        """Download a file."""
        try:
            self._session.fetch(self._full(path), local)
        except RemoteMissingError:
            return False
        return True

    def publish(self, local: Path, path: str) -> None:
        """Upload a file by temporary name, size compared, rename; `path` is below the login's folder."""
        try:
            self._session.upload(local, path)
        except RemoteMissingError:
            self._session.make_folder(posixpath.dirname(path))
            self._session.upload(local, path)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _full(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self._root, path)) if path else self._root or "."


def _plain(name: str, setting: str, folder: str | None) -> str | None:
    """Return the folder without surrounding "./" and "/"; a leading "/" stays. Raises SettingsError for ".."."""
    if folder is None:
        return None
    tidy = posixpath.normpath(folder) if folder else "."
    if tidy in {".", "/"}:
        return "" if tidy == "." else "/"
    if not is_plain_path(tidy.lstrip("/")) or ".." in folder.split("/"):
        raise SettingsError(
            [Fault(setting, f'source {name}: found "{folder}", expected a folder without ".." and control characters.')]
        )
    return tidy


def _entry(found: RemoteFile) -> Entry:
    kind: Literal["file", "folder", "link", "other"] = "other"
    if found.is_folder:
        kind = "folder"
    elif found.is_link:
        kind = "link"
    elif found.is_file:
        kind = "file"
    return Entry(found.name, found.size, found.mtime * _NANO, kind)
