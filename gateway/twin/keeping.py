"""What twins keep in files: written whole, by temporary name and rename."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import TypeAdapter

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
