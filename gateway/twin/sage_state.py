"""What a Sage 50 twin remembers: its records, the audit, planned answers, and what the writer did wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class SageEffect:
    """One record that took effect. `key` is what answers call it by; `value` the part that is shown of it, as text.

    That is the level of stock, the net price of a product, the discount of a special price, the digest of a picture.
    """

    at: datetime
    batch_id: str
    file: str
    scope: str
    key: str
    value: str
    before: str | None
    timestamp: str


@dataclass(frozen=True, slots=True)
class Planned:
    """An answer file that will appear at its time."""

    due: datetime
    name: str
    body: str


@dataclass(frozen=True, slots=True)
class Violation:
    """Something the writer of batch files must not do: `overwritten`, `file_name`, `scope`, `unreadable`, `refused`."""

    at: datetime
    kind: str
    file: str
    detail: str


@dataclass(slots=True)
class Level:
    """Stock of one key with the timestamp of the record that set it."""

    stock: str
    timestamp: str
    number: str


@dataclass(slots=True)
class Entry:
    """A product, special price or picture as it was taken: numbers as written, a picture by kind, size and digest."""

    fields: dict[str, Any]
    value: str
    timestamp: str
    number: str


@dataclass(slots=True)
class SageState:
    """Everything that survives a restart of the twin."""

    levels: dict[str, Level] = field(default_factory=dict)
    shelves: dict[str, dict[str, Entry]] = field(default_factory=dict)
    """Everything that is no stock, by scope and key."""
    effects: list[SageEffect] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    read_files: list[str] = field(default_factory=list)


def load(path: Path) -> SageState:
    """Read a saved state; an empty one when there is no file."""
    if not path.exists():
        return SageState()
    document = orjson.loads(path.read_bytes())
    return SageState(
        levels={key: Level(**level) for key, level in document["levels"].items()},
        shelves={
            scope: {key: Entry(**entry) for key, entry in shelf.items()}
            for scope, shelf in document.get("shelves", {}).items()
        },
        effects=[_effect(item) for item in document["effects"]],
        planned=[Planned(**item | {"due": datetime.fromisoformat(item["due"])}) for item in document["planned"]],
        violations=[Violation(**item | {"at": datetime.fromisoformat(item["at"])}) for item in document["violations"]],
        read_files=document["read_files"],
    )


def _effect(item: dict[str, Any]) -> SageEffect:
    if "stock" in item:  # saved when the twin knew stock only
        item = item | {"scope": "productstocks", "value": item["stock"]}
        del item["stock"]
    return SageEffect(**item | {"at": datetime.fromisoformat(item["at"])})
