"""Answer files: which batch each is about and what it says of which row; pure.

The only documented result has the properties originatorIdentifier, productIdentifier, state and failureReason (verified
for orders); that other records are answered alike, and how a file names its batch, are assumptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from gateway.destinations.sage.settings import State
from gateway.model import OUTCOME_SCHEMA
from gateway.transport import received

_BATCH_ID = re.compile(r"(?:[A-Za-z0-9-]+_[A-Za-z0-9-]+_)?([0-9a-f]{16})(?=[_.])")
"""How an answer's name begins: with the batch id, or with the batch file's own name."""
_TEXT_LENGTH = 500
_CODES = {"refused": "DEST_REFUSED", "accepted": "DEST_NOT_CONFIRMED", "superseded": "SUPERSEDED"}


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What an answer says of one row."""

    identity: str
    state: str
    remote_id: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer file: the ids of batches it names (in its text or at the start of its name) and its rows."""

    name: str
    batches: frozenset[str]
    rows: tuple[AnswerRow, ...]
    faulty: int
    """Entries that are not of the documented shape."""


def named(name: str) -> str | None:
    """Return the batch that the name of an answer begins with."""
    begun = _BATCH_ID.match(name)
    return None if begun is None else begun[1]


def read(name: str, body: bytes) -> Answer | None:
    """Read an answer: an array of rows, an object with `items`, or one row. None while it is not (yet) whole JSON."""
    try:
        data = received.loaded(body)
    except ValueError:
        return None
    begun = named(name)
    batches = frozenset() if begun is None else frozenset({begun})
    entries: Any = data
    if isinstance(data, dict):
        inside = data.get("batchId")
        batches = frozenset({inside}) if isinstance(inside, str) and inside != "" else batches
        entries = data.get("items", [data])
    if not isinstance(entries, list):
        return Answer(name, batches, (), 1)
    rows = tuple(row for entry in entries if (row := _row(entry)) is not None)
    return Answer(name, batches, rows, len(entries) - len(rows))


def _row(entry: object) -> AnswerRow | None:
    if not isinstance(entry, dict):
        return None
    identity, state = entry.get("originatorIdentifier"), entry.get("state")
    if not isinstance(identity, str) or not isinstance(state, str):
        return None
    reasons = entry.get("failureReason")
    texts = [reasons] if isinstance(reasons, str) else reasons if isinstance(reasons, list) else []
    remote = entry.get("productIdentifier")
    remote_id = _line(str(remote)) if isinstance(remote, str | int) and not isinstance(remote, bool) else ""
    return AnswerRow(identity, _line(state), remote_id or None, tuple(_line(str(text)) for text in texts))


def _line(text: str) -> str:
    """Return what is told to people as one line they can read."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


@dataclass(frozen=True, slots=True)
class Settled:
    """All answers to one batch together. `final`: rows with an end; `strange`: states and row keys nobody knows."""

    outcomes: pl.DataFrame
    final: int
    strange: tuple[str, ...]


def settle(
    answers: Iterable[Answer], states: Mapping[str, State], rows: Mapping[str, list[int]] | None, tail: str = ""
) -> Settled:
    """Join answers in the order they came: an end stays until another end, a row said twice counts once.

    `rows`: lines of each row key of the batch; None where a record's key is the row key with `tail` behind it.
    """
    ends: dict[str, tuple[State, AnswerRow]] = {}
    unknown_state: dict[str, str] = {}
    unknown_row: dict[str, None] = {}
    for row in (row for answer in answers for row in answer.rows):
        if rows is not None and row.identity not in rows:
            unknown_row[row.identity] = None
            continue
        state = states.get(row.state.casefold())
        if state is None:
            unknown_state[row.identity] = row.state
        elif state != "pending":
            ends[row.identity] = (state, row)
    open_states = sorted({state for identity, state in unknown_state.items() if identity not in ends})
    strange = [f"state {state!r}" for state in open_states] + [f"row {identity!r}" for identity in unknown_row]
    found = [entry for identity, end in ends.items() for entry in _entries(identity, *end, rows, tail)]
    return Settled(pl.DataFrame(found, schema=OUTCOME_SCHEMA, orient="row"), len(found), tuple(strange))


def _entries(
    identity: str, state: State, row: AnswerRow, rows: Mapping[str, list[int]] | None, tail: str
) -> list[tuple[int | None, str | None, str, str | None, str | None, str | None]]:
    text = "; ".join(row.reasons)[:_TEXT_LENGTH]
    message = text if text != "" else f"answered as {row.state}" if state != "applied" else None
    code = _CODES.get(state, "DEST_WARNING" if message is not None else None)
    if rows is None:
        return [(None, identity + tail, state, code, message, row.remote_id)]
    return [(line, None, state, code, message, row.remote_id) for line in rows[identity]]
