"""What twins keep in files: written whole, by temporary name and rename; one twin at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import orjson
from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from gateway.errors import SettingsError

_T = TypeVar("_T")


def publish(path: Path, body: bytes) -> None:
    """Write a file that nobody sees half."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(body)
    temporary.replace(path)


def keep(path: Path, state: object) -> None:
    """Write a state as JSON."""
    publish(path, orjson.dumps(state))


def kept(path: Path, kind: type[_T]) -> _T:
    """Read a saved state of a kind; an empty one when there is no file."""
    return TypeAdapter(kind).validate_json(path.read_bytes()) if path.exists() else kind()


@contextlib.contextmanager
def held(folder: Path, system: str) -> Iterator[None]:
    """Keep other twins of the system out of a folder. Raises SettingsError where one runs there."""
    lock = FileLock(folder / f".{system}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SettingsError(
            f"A {system} twin runs in {folder} already: both would write the same files.",
            fix="Stop it, or name another --dir.",
        ) from error
    try:
        yield
    finally:
        lock.release()
