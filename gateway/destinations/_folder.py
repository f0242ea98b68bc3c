"""Files handed over in a folder: written whole under a temporary name, then renamed; nobody sees half a file."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.errors import OutcomeUnknown, Unreachable


def temporary(folder: Path, name: str) -> Path:
    """Name under which a file is written before it is published; readers of drop folders never take dot files."""
    return folder / f".{name}.tmp"


def write_temporary(folder: Path, name: str, body: bytes) -> None:
    """Write and flush the temporary file. Raises Unreachable: nothing was published."""
    try:
        with temporary(folder, name).open("wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise Unreachable(
            f"The file {name} can't be written to {folder}: {error.strerror or error}.",
            fix="Check that the folder exists, may be written to and has room.",
        ) from error


def publish(folder: Path, name: str) -> None:
    """Rename the temporary file to its name. Raises Unreachable before, OutcomeUnknown after the rename."""
    try:
        temporary(folder, name).replace(folder / name)
    except OSError as error:
        raise Unreachable(
            f"The file {name} can't be put into {folder}: {error.strerror or error}.",
            fix="Check the permissions of the folder.",
        ) from error
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise OutcomeUnknown(
            f"The file {name} was put into {folder}, but the folder could not be flushed: {error.strerror or error}.",
            fix="It is looked up before anything is sent again.",
        ) from error


def read(path: Path, limit: int) -> bytes | None:
    """Return a file's bytes; None when it is gone or larger than `limit`. Raises Unreachable for other trouble."""
    try:
        with path.open("rb") as source:
            body = source.read(limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreachable(
            f"The file {path} can't be read: {error.strerror or error}.", fix="Check the permissions of the folder."
        ) from error
    return None if len(body) > limit else body


def names(folder: Path, suffix: str) -> list[str]:
    """Names in the folder that end with `suffix`, sorted, without dot files. Raises Unreachable."""
    try:
        found = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError as error:
        raise Unreachable(
            f"The folder {folder} can't be listed: {error.strerror or error}.",
            fix="Check that it exists and may be read.",
        ) from error
    return sorted(name for name in found if name.endswith(suffix) and not name.startswith("."))


def writable(folder: Path) -> None:
    """Raise Unreachable unless files can be put into the folder."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise Unreachable(
            f"The folder {folder} is not there or may not be written to.", fix="Create it and give us write permission."
        )
