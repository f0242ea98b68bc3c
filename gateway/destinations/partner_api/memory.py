"""What was sent, kept on disk: promotions end and change only by repeating exactly what made them.

One file per promotion as the platform tells them apart; a time-stamped copy of every file that was uploaded. Written
under a temporary name and renamed, once the platform has taken the call or file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.errors import Unreachable

_KEPT = timedelta(days=60)
"""How long an ended promotion is remembered: the platform tells of orders as long (verified), so ends may matter."""
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_STAMPED = re.compile(r"\.(\d{8}T\d{6}\.\d{6})Z$")

_BEFORE = "before"
"""Member of a record: the record of before the last call."""

Record = Mapping[str, Any]


class Memory:
    """The archive of one account."""

    def __init__(self, folder: Path, account: str, channel: str) -> None:
        self._promotions = folder / account / f"promotions-{channel}"
        self._files = folder / account / "files"

    # ---- promotions

    def promotions(self, now: datetime) -> dict[str, Record]:
        """Return every promotion remembered by its identity; those long over are forgotten. Raises Unreachable."""
        found: dict[str, Record] = {}
        if not self._promotions.is_dir():
            return found
        oldest = (now - _KEPT).strftime("%Y-%m-%dT%H:%M:%SZ")
        for path in sorted(self._promotions.glob("*.json")):
            record = _read(path)
            if str(record.get("until", "~")) < oldest:
                path.unlink(missing_ok=True)
            else:
                found[str(record["identity"])] = record
        return found

    def promotion(self, identity: str) -> Record | None:
        """Return what is remembered of one promotion; None where that is nothing. Raises Unreachable."""
        path = self._place(identity)
        return _read(path) if path.is_file() else None

    def keep(self, records: Iterable[Record]) -> None:
        """Remember promotions as they are now. Raises Unreachable."""
        for record in records:
            text = json.dumps(record, ensure_ascii=False, sort_keys=True).encode()
            _write(self._place(str(record["identity"])), text)

    def put(self, record: Record) -> None:
        """Remember a promotion as a call leaves it, and how it was before that call. Raises Unreachable."""
        known = self.promotion(str(record["identity"]))
        same = known is not None and known["body"] == record["body"]  # the call was made again
        before = known.get(_BEFORE) if known is not None and same else known
        self.keep([{**record, _BEFORE: None if before is None else _bare(before)}])

    def restore(self, identity: str) -> None:
        """Remember a promotion as it was before its last call; doing so twice is once. Raises Unreachable."""
        known = self.promotion(identity)
        if known is None:
            return
        before = known.get(_BEFORE)
        if before is None:
            self._place(identity).unlink(missing_ok=True)
        else:
            self.keep([{**before, _BEFORE: before}])

    def _place(self, identity: str) -> Path:
        return self._promotions / f"{hashlib.blake2b(identity.encode(), digest_size=12).hexdigest()}.json"

    # ---- files

    def stage(self, name: str, body: bytes) -> Path:
        """Write what is about to be uploaded. Raises Unreachable."""
        path = self._files / f"next-{name}"
        _write(path, body)
        return path

    def looked_at(self, name: str) -> Path:
        """Return where a file of the server may be put to be looked at."""
        return self._files / f"seen-{name}"

    def archive(self, name: str, staged: Path, now: datetime) -> datetime:
        """Keep what was uploaded, with its time in the name; returns that time. Raises Unreachable."""
        try:
            staged.replace(self._files / f"{name}.{now.strftime(_STAMP)}")
        except OSError as error:
            raise _unwritable(staged, error) from error
        return now

    def last_upload(self, name: str) -> datetime | None:
        """Return when a file of a name was uploaded last; None when it never was."""
        if not self._files.is_dir():
            return None
        stamps = [m[1] for p in self._files.glob(f"{name}.*") if (m := _STAMPED.search(p.name)) is not None]
        return max((datetime.strptime(f"{one}+0000", "%Y%m%dT%H%M%S.%f%z") for one in stamps), default=None)


def _bare(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != _BEFORE}


def _read(path: Path) -> Record:
    try:
        record: Record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"The promotion remembered in {path} can't be read: {error}.",
            fix="Restore it from a backup, or remove it and end that promotion in the portal.",
        ) from error
    return record


def _write(path: Path, body: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> Unreachable:
    return Unreachable(
        f"{path} can't be written: {error.strerror or error}.",
        fix="Make room or give the right to write: what is sent must be remembered.",
    )
