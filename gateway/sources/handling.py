"""How one source treats its files: settings shared by local folders and SFTP accounts."""

from __future__ import annotations

import fnmatch
import posixpath
from dataclasses import dataclass
from typing import Literal

from gateway.errors import Fault, SettingsError
from gateway.sources.names import is_plain_path, is_temporary


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """Folders are relative to the source's own and never leave it. Raises SettingsError naming every fault.

    `settle`: seconds. `patterns`: which names are taken, in any case. `after`: "move:<folder>", "delete" or "leave".
    `claim`: "move" renames the file into `claims`, "ledger" remembers it and only reads, "auto" tries the first once.
    `done_marker`: suffix of the partner's "complete" file, "" for none. `owner`: name of this gateway in claims, so
    that several on one account recover only their own.
    """

    settle: float
    patterns: tuple[str, ...] = ("*",)
    after: str = "move:archive"
    claim: Literal["move", "ledger", "auto"] = "auto"
    done_marker: str = ""
    recursive: bool = False
    rejected: str = "rejected"
    claims: str = ".claimed"
    owner: str = "gateway"
    passed_over: tuple[str, ...] = ()
    """Further folders that are never listed."""

    def __post_init__(self) -> None:
        faults = []
        if self.settle < 0:
            faults.append(Fault("settle", f"found {self.settle}, expected seconds, 0 or more."))
        if self.after not in {"delete", "leave"} and not self.after.startswith("move:"):
            faults.append(Fault("after", f'found "{self.after}", expected "move:<folder>", "delete" or "leave".'))
        if self.after == "leave" and self.claim == "move":
            faults.append(Fault("claim", 'found "move" with after = "leave", expected "ledger" or "auto".'))
        folders = {"after": self.archive, "rejected": self.rejected, "claims": self.claims, "owner": self.owner}
        faults += [
            Fault(name, f'found "{folder}", expected a name or path inside the source\'s folder.')
            for name, folder in folders.items()
            if folder is not None and not is_plain_path(folder)
        ]
        if self.done_marker and (not self.done_marker.startswith(".") or is_temporary(f"x{self.done_marker}")):
            faults.append(Fault("done_marker", f'found "{self.done_marker}", expected a suffix such as ".done".'))
        if faults:
            raise SettingsError(faults)

    @property
    def archive(self) -> str | None:
        """Folder for files that are done with; None when they are deleted or left."""
        return self.after.removeprefix("move:").rstrip("/") if self.after.startswith("move:") else None

    @property
    def own_folders(self) -> frozenset[str]:
        """First parts of the folders that are ours or not for listing."""
        folders = (self.claims, self.rejected, self.archive, *self.passed_over)
        return frozenset(posixpath.normpath(folder).split("/")[0] for folder in folders if folder is not None)

    def takes(self, name: str) -> bool:
        """Whether a pattern fits the name."""
        return any(fnmatch.fnmatchcase(name.casefold(), pattern.casefold()) for pattern in self.patterns)
