"""What makes one run: a file, or files that belong together, laid out for reading and accounted for by rows."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel
from sqlalchemy.engine import Row

from gateway.errors import FileError
from gateway.formats.parts import parts_of, together, unpacked
from gateway.issues import sentence
from gateway.journal import runs
from gateway.model import ROW, Arrival, Table
from gateway.pipeline.reading import Read
from gateway.readers.parts import joined, of_file
from gateway.spool import RunFolder

_LISTED = "files.json"
_SAID = 12
"""Files a run's note names with their rows; of more, the acknowledgement tells."""
_AHEAD = timedelta(minutes=1)
"""A file may be dated so much later than it came without a word: clocks differ."""


def sha256_of(path: Path) -> str:
    """Return the digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Bundle:
    """One file or a set of them.

    `arrival` says it as if it were one file: name of the answers, bytes of all, newest time that counts. `id` and
    `claimed_at` are those of the first file, for which the run is entered.
    """

    id: int
    claimed_at: datetime
    arrival: Arrival
    sha256: str
    files: tuple[tuple[Path, str], ...]
    """Local bytes and name of each file, in order."""
    notes: tuple[str, ...] = ()
    """What is to be said of the files whatever is in them."""

    @classmethod
    def of_one(cls, row: Row[Any], sha256: str) -> Bundle:
        """Return an arrival by itself."""
        arrival = Arrival(row.source, row.path, row.size, runs.counted(row.mtime, row.claimed_at))
        files = ((Path(row.local), arrival.name),)
        return cls(row.id, row.claimed_at, arrival, sha256, files, dated_ahead([(row.path, row.mtime, row.claimed_at)]))

    @classmethod
    def of_several(cls, rows: Sequence[Row[Any]], name: str, *, named: bool) -> Bundle:
        """Return arrivals in their order as one, answered under `name`.

        Its digest is that of their digests, and of their names where these are part of what they say (`named`).
        """
        newest = max(runs.counted(row.mtime, row.claimed_at) for row in rows)
        arrival = Arrival(rows[0].source, name, sum(row.size for row in rows), newest)
        files = tuple((Path(row.local), row.path.rsplit("/", 1)[-1]) for row in rows)
        parts = [row.sha256 for row in rows] + ([name for _, name in files] if named else [])
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        notes = dated_ahead([(row.path, row.mtime, row.claimed_at) for row in rows])
        return cls(rows[0].id, rows[0].claimed_at, arrival, digest, files, notes)


def dated_ahead(files: Sequence[tuple[str, datetime, datetime]]) -> tuple[str, ...]:
    """Say which time counts of files that are clearly dated later than they came: path, own time, arrival of each.

    Of several the one that is furthest ahead is named.
    """
    ahead = [file for file in files if file[1] - file[2] > _AHEAD]
    if not ahead:
        return ()
    path, dated, came = max(ahead, key=lambda file: file[1] - file[2])
    more = f", and {len(ahead) - 1} more" if len(ahead) > 1 else ""
    said = f"{path.rsplit('/', 1)[-1]} is dated {_moment(dated)} and came {_moment(came)}{more}"
    return (sentence("FILE_FUTURE", detail=said),)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(slots=True)
class Layout:
    """A bundle laid out in the run's folder: `path` for the reader, and which rows came from which of its files."""

    path: Path
    names: list[str]
    """Name of the bundle's file that each file at `path` came from."""
    rows: list[tuple[int, int]] = field(default_factory=list)
    """First and last row per file at `path`, once it was read; 0 where it has none."""

    def reading(self, read: Read) -> Read:
        """Return `read`, noting the rows of each file on the way; a single file goes untouched."""
        return self._noted(read) if self.path.is_dir() else read

    def _noted(self, read: Read) -> Read:
        def tables(path: Path, layout: BaseModel) -> Iterator[Table]:
            self.rows.clear()
            if getattr(layout, "kind", "") != "image":
                yield from joined(read, path, layout, lambda _, first, last: self.rows.append((first, last)))
                return
            for table in read(path, layout):
                self.rows.extend((row, row) for row in table.frame[ROW])
                yield table

        return tables

    def listed(self) -> list[dict[str, Any]]:
        """Return each file with its first and last row; one entry for all that was in its archive."""
        found: list[dict[str, Any]] = []
        for name, (first, last) in zip(self.names, self.rows, strict=False):
            if found and found[-1]["name"] == name:
                found[-1]["last_row"] = last or found[-1]["last_row"]
                found[-1]["first_row"] = found[-1]["first_row"] or first or None
            else:
                found.append({"name": name, "first_row": first or None, "last_row": last or None})
        return found


def _same(local: Path, path: Path) -> None:
    """Give claimed bytes a second name, or a copy where the file system has none: they never change."""
    try:
        path.hardlink_to(local)
    except OSError:
        shutil.copyfile(local, path)


def lay_out(bundle: Bundle, folder: RunFolder, kind: Literal["csv", "xlsx", "xml", "json", "image"]) -> Layout:
    """Give the run its own copy of the bytes, unpacked. Raises FileError as `unpacked` does, naming one of several."""
    shutil.rmtree(folder.file, ignore_errors=True)
    folder.file.mkdir(parents=True)
    packed = folder.root / "packed"
    shutil.rmtree(packed, ignore_errors=True)
    files: list[Path] = []
    names: list[str] = []
    for number, (local, name) in enumerate(bundle.files):
        home = packed / f"{number:06d}"
        (home / "out").mkdir(parents=True)
        _same(local, home / name)
        try:
            found = unpacked(home / name, home / "out", kind)
        except FileError as error:
            raise error if len(bundle.files) == 1 else of_file(error, name) from None
        files.extend(found)
        names.extend([name] * len(found))
    path = together(files, folder.file)
    shutil.rmtree(packed)
    folder.keep(*parts_of(path))
    return Layout(path, names)


def keep_listing(folder: RunFolder, listed: list[dict[str, Any]]) -> list[str]:
    """Remember the files of a run that has several; return what its notes say of them."""
    (folder.root / _LISTED).unlink(missing_ok=True)
    if len(listed) < 2:
        return []
    (folder.root / _LISTED).write_bytes(orjson.dumps(listed))
    if len(listed) > _SAID:
        return [f"The run is made of {len(listed)} files; the acknowledgement says which rows came from which."]
    return [
        f"{_rows(one['first_row'], one['last_row'])} came from {one['name']}."
        if one["first_row"] is not None
        else f"No rows came from {one['name']}."
        for one in listed
    ]


def _rows(first: int, last: int) -> str:
    return f"Row {first}" if first == last else f"Rows {first} to {last}"


def kept_listing(folder: RunFolder) -> list[dict[str, Any]]:
    """Return the files of a run that has several, with their rows."""
    path = folder.root / _LISTED
    found: list[dict[str, Any]] = orjson.loads(path.read_bytes()) if path.exists() else []
    return found
