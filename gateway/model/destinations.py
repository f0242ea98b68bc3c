"""The seam to systems that take records: what is handed over, what comes back, what they may do besides."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

import polars as pl
from pydantic import BaseModel

from gateway.model.capabilities import Operation
from gateway.model.given import Facts
from gateway.model.rows import RowState


class Verdict(enum.Enum):
    """Answers of `find` besides a receipt."""

    ABSENT = "absent"
    UNKNOWN = "unknown"


ABSENT = Verdict.ABSENT
UNKNOWN = Verdict.UNKNOWN

OUTCOME_SCHEMA: dict[str, type[pl.DataType]] = {
    "line": pl.Int64,
    "key": pl.String,
    "state": pl.String,
    "code": pl.String,
    "message": pl.String,
    "remote_id": pl.String,
}
"""One row per exception to `rest`: named by `line` inside the batch or, where line is null, by `key`.

A frame may have `field` (String) besides: the contract field an outcome is about, null where nobody said one.
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Bytes of one call with the effects inside it.

    `effects`: `effect` (UInt32, index into the frame given to `encode`) and `line` (Int64, the line or position of
    the record inside `body` as the destination's reports count it).
    `memo` is remembered with the batch and given back to `find` and `poll`.
    """

    operation: str
    slot: str
    body: bytes
    effects: pl.DataFrame
    memo: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch as the journal knows it after its intent: what `poll` and `find` are asked about."""

    batch_id: int
    operation: str
    slot: str
    ticket: str | None
    body_digest: str
    records: int
    intent_at: datetime
    memo: Mapping[str, str]
    newest: bool = True
    """Whether nothing newer was sent since for any of its keys."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What we know after a call.

    `closed`: nothing more will come. `outcomes` (frame of OUTCOME_SCHEMA) name exceptions; every effect not named
    takes `rest` once closed (None while open: not known yet). `after`: ask again in so many seconds.
    `raw`: reports as received (name, bytes), kept with the run. `frees`: nothing of it is under way any more, so the
    next batch may take its slot, though what became of it is still to be learnt. `trouble`: what keeps more of it from
    being learnt, said of its lane while the batch is open; other batches are told of all the same.
    """

    ticket: str | None = None
    closed: bool = False
    rest: RowState | None = None
    code: str = ""
    message: str = ""
    outcomes: pl.DataFrame | None = None
    after: float | None = None
    raw: tuple[tuple[str, bytes], ...] = ()
    frees: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a destination knew when asked: dated, may be partial."""

    taken_at: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spec:
    """One constant per destination; settings validation, docs and the conformance suite are generated from it."""

    name: str
    title: str
    settings: type[BaseModel]
    operations: Callable[[Any], tuple[Operation, ...]]
    """Operations for given settings, in order of preference per contract."""


@runtime_checkable
class Destination(Protocol):
    """A system that takes records. Built from settings by `wiring`; no loop, no sleep, no log inside."""

    SPEC: ClassVar[Spec]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Operations under the present settings."""
        ...

    @property
    def account(self) -> str:
        """Name of the account written to: lanes of one account share slots and budgets."""
        ...

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Read what `check` and `encode` want to know of `records` (as for `encode`) where the operation gathers.

        The only reading call before a submit. Raises MayWorkLater: the lane goes on later.
        """
        ...

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Pure. Return issues (ISSUE_SCHEMA) of records, by the `@row` they have.

        Asked at intake with an empty reference (`taken_at` None), where an error rejects the row; and, where the
        operation gathers, before encoding with what was gathered, where an error refuses it.
        """
        ...

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Pure and deterministic. `records`: `effect` (UInt32), `@key`, `command`, then contract fields (String)."""
        ...

    def submit(self, batch: Batch) -> Receipt:
        """Send one batch. Raises OutcomeUnknown, Throttled, Unreachable (certainly nothing done), Refused."""
        ...

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Ask for all open batches of the account in as few calls as it takes; absent ids: nothing new."""
        ...

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Look up a batch whose outcome is unknown: known, certainly absent, or cannot tell."""
        ...

    def probe(self) -> str:
        """Say in one line that the account can be used. Raises Unreachable or Refused."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


@runtime_checkable
class Hearing(Protocol):
    """A destination that is also told: its system calls a webhook of ours when an import has ended."""

    def hear(self, body: bytes, headers: Mapping[str, str]) -> Mapping[str, Receipt]:
        """Read one event: ticket to receipt; empty where it says nothing about imports.

        `headers`: the few that are kept, names in lower case. Events come in any order, more than once, and before
        `submit` has returned the ticket; the same event may be handed over again. What a closed receipt leaves out is
        never asked for, so fetch it here. Raises MayWorkLater: it is handed over again later, the lane goes on;
        anything else: nobody can read it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One call or file as it leaves. `to`: where it goes, without host and secrets; `records`: how many are in it."""

    to: str
    body: bytes
    records: int


@runtime_checkable
class Showing(Protocol):
    """A destination whose batches are not each one call: it can say which calls they are."""

    def outgoing(self, batch: Batch) -> Sequence[Outgoing]:
        """Pure. Return the calls of a batch in their order, as they are when all goes well; () where it causes none.

        Of the batch only operation, slot, body and memo count: its effects are not given.
        """
        ...


@runtime_checkable
class Remembering(Protocol):
    """A destination that wants to know in the next process what it was told in this one."""

    def remember(self, facts: Facts) -> None:
        """Take the store; called once, before anything else."""
        ...


@runtime_checkable
class Naming(Protocol):
    """A destination that calls articles by other codes than their own, and remembers which it was told."""

    def named(self, family: str) -> pl.DataFrame:
        """Return `sku` and `id` (String) of articles written in a family under the id of something else."""
        ...


@runtime_checkable
class Placing(Naming, Protocol):
    """A destination that has articles where their rows say, such as under a product and variants."""

    places: ClassVar[tuple[str, ...]]
    """Contract fields that say which article it is and where it belongs."""

    def moved(self, operation: str, records: pl.DataFrame) -> pl.Series:
        """Return where the articles of records were written before (String), null where they are as the record says.

        `records`: `places` of them (String), as far as they are filled. An operation that comes after another may have
        records of articles which the newest call of that one moves: so it is told of these as well.
        """
        ...
