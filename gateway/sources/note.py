"""A note in the spool per claim by ledger: a file we may only read shows no sign of a claim that a crash left."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.model import Arrival

_ENDING = ".claim.json"


@dataclass(frozen=True, slots=True)
class Note:
    """`unique` names the claim, `token` is the ledger's; "" until the ledger has answered."""

    unique: str
    arrival: Arrival
    token: str

    def path(self, spool: Path) -> Path:
        """Where the note lies."""
        return note_path(spool, self.unique)

    def write(self, spool: Path) -> None:
        """Write or replace the note, whole or not at all, a power cut included: an empty one would stop every start."""
        spool.mkdir(parents=True, exist_ok=True)
        arrival = self.arrival
        content = {
            "unique": self.unique,
            "source": arrival.source,
            "path": arrival.path,
            "size": arrival.size,
            "mtime": arrival.mtime.isoformat(),
            "token": self.token,
        }
        temporary = spool / f".{self.unique}.part"
        with temporary.open("w", encoding="utf-8") as out:
            out.write(json.dumps(content))
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(self.path(spool))


def note_path(spool: Path, unique: str) -> Path:
    """Return where the note of a claim lies."""
    return spool / f"{unique}{_ENDING}"


def read_notes(spool: Path, source: str, owner: str) -> list[Note]:
    """Return the notes of one source and owner, oldest file first."""
    notes = []
    for path in spool.glob(f"{owner}-*{_ENDING}"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["source"] == source:
            mtime = datetime.fromisoformat(content["mtime"])
            arrival = Arrival(source, content["path"], content["size"], mtime)
            notes.append(Note(content["unique"], arrival, content["token"]))
    return sorted(notes, key=lambda note: (note.arrival.mtime, note.arrival.path))
