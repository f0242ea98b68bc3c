"""A source that pulls numbered documents from somebody's pages: the way orders and webhook bodies will come in.

What is pulled is spooled as a file and is an arrival like any other; its identity is account, id and version. The
upstream is told that we have a document only when its claim ends.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from gateway.errors import GatewayError, Refused, Unreachable
from gateway.model import Arrival, Claim, Ending, Ledger
from gateway.sources.names import is_plain_path, is_temporary, printable
from gateway.sources.note import Note, note_path, read_notes
from gateway.spool import durable

_SUFFIX = ".json"
_OWNER = "pull"


class Upstream(Protocol):
    """The other side. Every call may raise Unreachable or Throttled."""

    def page(self, number: int) -> bytes:
        """Return page `number` (from 1) of what is not acknowledged, oldest first, as JSON.

        `{"documents": [{"id": text, "version": whole number, "at": ISO 8601 with zone, "size": bytes}], "more": bool}`
        """
        ...

    def document(self, identity: str, version: int) -> bytes | None:
        """Return the bytes of a document; None when this version is gone or was replaced."""
        ...

    def acknowledge(self, identity: str, version: int, *, accepted: bool) -> None:
        """Hear that the document is ours for good, or that it was refused. Hearing it twice is once."""
        ...

    def answer(self, name: str, content: bytes) -> None:
        """Take an answer file."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A document as a page lists it."""

    identity: str
    version: int
    at: datetime
    size: int


class PullSource:
    """model.Source over an Upstream. `account` is part of every arrival's identity.

    Safe for several threads and, with a ledger they share, for several processes.
    """

    def __init__(self, name: str, account: str, upstream: Upstream, *, ledger: Ledger) -> None:
        self.name = name
        self._account = account
        self._upstream = upstream
        self._ledger = ledger
        self._held: set[str] = set()
        self._refused: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    # ---- listing

    def scan(self) -> list[Arrival]:
        """List what the pages hold and nobody of us has taken, oldest first by the upstream's own clock."""
        refused: list[tuple[str, str]] = []
        found: list[Arrival] = []
        known = self._ledger.seen(self.name)
        for listed in self._listed():
            arrival = self._arrival(listed)
            if "/" in listed.identity or not is_plain_path(arrival.path) or is_temporary(arrival.name):
                refused.append((printable(arrival.path), "the document's id is no plain name"))
            elif (arrival.path, arrival.size, arrival.mtime) not in known:
                found.append(arrival)
        self._refused = refused
        return sorted(found, key=lambda arrival: (arrival.mtime, arrival.path))

    def refused(self) -> list[tuple[str, str]]:
        """Return (path, reason) of the documents that the last scan saw and will not take."""
        return self._refused.copy()

    def _listed(self) -> Iterator[Listed]:
        number, more = 1, True
        while more:
            content: dict[str, Any] = json.loads(self._upstream.page(number))
            for each in content["documents"]:
                at = datetime.fromisoformat(each["at"]).astimezone(UTC)
                yield Listed(str(each["id"]), int(each["version"]), at, int(each["size"]))
            more, number = bool(content["more"]), number + 1

    def _arrival(self, listed: Listed) -> Arrival:
        path = f"{self._account}/{listed.identity}.v{listed.version}{_SUFFIX}"
        return Arrival(self.name, path, listed.size, listed.at)

    # ---- claiming

    def claim(self, arrival: Arrival, spool: Path) -> Claim | None:
        """Take the document; None when another worker won or the document was replaced meanwhile."""
        identity, version = self._identity(arrival)
        note = Note(f"{_OWNER}-{uuid.uuid4().hex[:16]}", arrival, "")
        note.write(spool)
        with self._lock:
            self._held.add(note.unique)
        token = self._ledger.take(arrival)
        if token is None:
            self._drop(note.unique, spool)
            return None
        note = Note(note.unique, arrival, token)
        note.write(spool)
        try:
            content = self._upstream.document(identity, version)
        except GatewayError:
            self._give_back(note, spool)
            raise
        if content is None or len(content) != arrival.size:
            self._give_back(note, spool)
            return None
        return self._spooled(note, content, spool)

    def recover(self, spool: Path) -> list[Claim]:
        """Return claims nobody holds, pulled again where their bytes had not arrived."""
        claims: list[Claim] = []
        mine: set[str] = set()
        try:
            for left in read_notes(spool, self.name, _OWNER):
                if self._hold(left.unique):
                    mine.add(left.unique)
                    claims.extend(self._found(left, spool))
        except GatewayError:
            with self._lock:
                self._held -= mine  # nobody got them: they are found next time
            raise
        return claims

    def _hold(self, unique: str) -> bool:
        with self._lock:
            if unique in self._held:
                return False
            self._held.add(unique)
            return True

    def _found(self, left: Note, spool: Path) -> Iterator[Claim]:
        note = Note(left.unique, left.arrival, left.token or self._ledger.take(left.arrival) or "")
        note.write(spool)
        local = _local(note, spool)
        whole = local.exists() and local.stat().st_size == note.arrival.size
        content = local.read_bytes() if whole else self._upstream.document(*self._identity(note.arrival))
        if content is None:
            self._give_back(note, spool)
        else:
            yield self._spooled(note, content, spool)

    def _spooled(self, note: Note, content: bytes, spool: Path) -> Claim:
        local = _local(note, spool)
        part = local.with_name(f".{local.name}.part")
        part.write_bytes(content)
        durable(part)
        part.replace(local)
        return Claim(note.arrival, local, f"{note.unique}:{note.token}")

    def _identity(self, arrival: Arrival) -> tuple[str, int]:
        account, _, name = arrival.path.partition("/")
        identity, _, version = name.removesuffix(_SUFFIX).rpartition(".v")
        if account != self._account or not version.isdigit():
            raise Refused(f"{printable(arrival.path)} is no document of the account {self._account}.")
        return identity, int(version)

    # ---- ending

    def end(self, claim: Claim, ending: Ending) -> None:
        """Acknowledge the document, refuse it, or let it be listed again. Ending twice is once."""
        unique, _, token = claim.token.partition(":")
        spool = claim.local.parent
        if not note_path(spool, unique).exists():
            return
        if ending is Ending.RELEASE:
            self._give_back(Note(unique, claim.arrival, token), spool)
            return
        identity, version = self._identity(claim.arrival)
        self._upstream.acknowledge(identity, version, accepted=ending is Ending.ARCHIVE)
        self._drop(unique, spool)

    def _give_back(self, note: Note, spool: Path) -> None:
        if note.token:
            self._ledger.drop(note.token)
        _local(note, spool).unlink(missing_ok=True)
        self._drop(note.unique, spool)

    def _drop(self, unique: str, spool: Path) -> None:
        note_path(spool, unique).unlink(missing_ok=True)
        with self._lock:
            self._held.discard(unique)

    # ---- the rest of the seam

    def deliver(self, local: Path, name: str) -> None:
        """Hand an answer to the upstream."""
        self._upstream.answer(name, local.read_bytes())

    def probe(self) -> str:
        """Say how many documents the first page holds."""
        listed = json.loads(self._upstream.page(1))["documents"]
        return f"{self._account}: {len(listed)} documents on the first page"

    def close(self) -> None:
        """Nothing is held open."""


def _local(note: Note, spool: Path) -> Path:
    return spool / f"{note.unique}{_SUFFIX}"


@dataclass(slots=True)
class MemoryUpstream:
    """An Upstream in memory. `down`: every call raises Unreachable. `acknowledged` counts what was heard, per word."""

    page_size: int = 2
    down: bool = False
    documents: dict[str, tuple[int, datetime, bytes]] = field(default_factory=dict)
    acknowledged: list[tuple[str, int, bool]] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)

    def put(self, identity: str, content: bytes, at: datetime) -> None:
        """Add a document, or a new version of one."""
        version = self.documents[identity][0] + 1 if identity in self.documents else 1
        self.documents[identity] = (version, at, content)

    def page(self, number: int) -> bytes:
        """Return a page of what was not acknowledged."""
        self._reached()
        done = {(identity, version) for identity, version, _ in self.acknowledged}
        waiting = [
            {"id": identity, "version": version, "at": at.isoformat(), "size": len(content)}
            for identity, (version, at, content) in sorted(self.documents.items(), key=lambda item: item[1][1])
            if (identity, version) not in done
        ]
        start = (number - 1) * self.page_size
        end = start + self.page_size
        return json.dumps({"documents": waiting[start:end], "more": end < len(waiting)}).encode()

    def document(self, identity: str, version: int) -> bytes | None:
        """Return the bytes of the newest version only."""
        self._reached()
        known = self.documents.get(identity)
        return known[2] if known is not None and known[0] == version else None

    def acknowledge(self, identity: str, version: int, *, accepted: bool) -> None:
        """Remember that a document was taken or refused."""
        self._reached()
        word = (identity, version, accepted)
        if word not in self.acknowledged:
            self.acknowledged.append(word)

    def answer(self, name: str, content: bytes) -> None:
        """Keep an answer."""
        self._reached()
        self.answers[name] = content

    def _reached(self) -> None:
        if self.down:
            raise Unreachable("The upstream in memory is switched off.")
