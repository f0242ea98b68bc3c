"""The nouns every room shares, and the seams between rooms; it knows no format, protocol or marketplace.

Longer than other files by purpose: whoever writes a room reads all seams on one page.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import polars as pl
from pydantic import BaseModel

# ---------------------------------------------------------------- columns every frame of rows carries

ROW = "@row"
"""Record number as a spreadsheet shows it (Int64): the header is row 1 where there is one."""
LINE = "@line"
"""Physical line on which the record starts (Int64, from 1); equals the row for XLSX, the source line for XML."""
KEY = "@key"
"""Key of the record (String): the contract's key fields joined by `KEY_SEPARATOR`."""
KEY_SEPARATOR = "\x1f"

LIST_SEPARATOR = "|"
"""Between the items of a list in canonical text."""
EACH = "@each"
"""The item of a list that an effect is for, where a row has one effect per item (String)."""
REGULAR = "@regular"
"""The price of the row's article as it was sent last, in the basis of the row (String); null where none is known."""

ISSUE_SCHEMA: dict[str, type[pl.DataType]] = {
    ROW: pl.Int64,
    LINE: pl.Int64,
    "code": pl.String,
    "field": pl.String,
    "value": pl.String,
    "detail": pl.String,
}
"""One row per issue: `field` is a contract field or a source header, `detail` completes the catalogue's sentence."""


def no_issues() -> pl.DataFrame:
    """Return an empty issue frame."""
    return pl.DataFrame(schema=ISSUE_SCHEMA)


class Kind(enum.IntEnum):
    """What a typed source cell was before it became text."""

    TEXT = 0
    NUMBER = 1
    DATE = 2
    TIME = 3
    BOOLEAN = 4
    ERROR = 5
    FORMULA_WITHOUT_VALUE = 6
    EMPTY = 7


class RowState(enum.StrEnum):
    """What became of a row, gravest first; `pending` and `held` are not final."""

    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    HELD = "held"
    REJECTED = "rejected"
    PENDING = "pending"
    SCHEDULED = "scheduled"
    ACCEPTED = "accepted"
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"

    @property
    def gravity(self) -> int:
        """Rank from 0 (gravest)."""
        return STATES.index(self)

    @property
    def final(self) -> bool:
        """Whether nothing more can happen to a row in this state by itself."""
        return self not in {RowState.PENDING, RowState.HELD, RowState.SCHEDULED}


STATES: tuple[RowState, ...] = tuple(RowState)

# ---------------------------------------------------------------- intake


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file seen in a listing. `path` is relative to the source's root, posix; `mtime` is the source's own clock."""

    source: str
    path: str
    size: int
    mtime: datetime

    @property
    def name(self) -> str:
        """File name without folders."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that is ours until archived, rejected or released. `local` holds its bytes inside the spool."""

    arrival: Arrival
    local: Path
    token: str
    """What the source needs to end the claim: the claimed path, or the ledger's identity."""


class Ending(enum.StrEnum):
    """How a claim ends at its source."""

    ARCHIVE = "archive"
    REJECT = "reject"
    RELEASE = "release"


@runtime_checkable
class Source(Protocol):
    """Where files come from: a folder, an SFTP account, a marketplace pull."""

    name: str

    def scan(self) -> list[Arrival]:
        """List the complete files, oldest first. Raises Unreachable or HostKeyError; an unfinished file is absent."""
        ...

    def claim(self, arrival: Arrival, spool: Path) -> Claim | None:
        """Take the file and copy its bytes to `spool`; None when another worker won or the file changed or went."""
        ...

    def end(self, claim: Claim, ending: Ending) -> None:
        """Archive, reject or release the claimed file. Ending twice is once."""
        ...

    def recover(self, spool: Path) -> list[Claim]:
        """Return claims that a crash left behind, their bytes in `spool`."""
        ...

    def deliver(self, local: Path, name: str) -> None:
        """Put an answer file into the partner's answer folder by temporary name, size compared, rename."""
        ...

    def probe(self) -> str:
        """Say in one line that the source can be reached and listed. Raises what `scan` raises."""
        ...

    def close(self) -> None:
        """Give back connections and watchers."""
        ...


# ---------------------------------------------------------------- reading and mapping


@dataclass(frozen=True, slots=True)
class Table:
    """A block of source records as text with their origins.

    `frame`: `@row`, `@line` (Int64), then one String column per source column named `c0`, `c1`, ... in file order;
    null is *missing* (record too short, element absent), "" is *empty*. Blank records are not in it but counted.
    `headers`: header text per column as written, the same for all tables of a file; "" where the file has none.
    `kinds`: UInt8 columns `c0`... parallel to the cells (values of Kind), or None when every cell is text.
    `issues`: faults of records of this block (frame of ISSUE_SCHEMA); a record with one is still in `frame`.
    `links`: only for a file of ours that came back: `@row`, `first_run`, `first_row` (String, Int64) per record.
    `blanks`: the blank characters that cells can hold, as far as known: "" or " "; None: any.
    """

    frame: pl.DataFrame
    headers: tuple[str, ...]
    kinds: pl.DataFrame | None = None
    issues: pl.DataFrame = field(default_factory=no_issues)
    blank: int = 0
    links: pl.DataFrame | None = None
    blanks: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """Mapped rows: `@row`, `@line`, then one String column per contract field that the mapping fills.

    null is missing, "" is empty. `issues` are faults the mapping found (unreadable number, two readings...).
    `skipped`: `@row`, `@line`, `code`, `detail` of rows that a row filter left out.
    """

    frame: pl.DataFrame
    issues: pl.DataFrame
    skipped: pl.DataFrame


@runtime_checkable
class Reader(Protocol):
    """Turns one file into tables of text."""

    def tables(self, path: Path, layout: BaseModel) -> Iterator[Table]:
        """Yield blocks in file order. Raises FileError when the file as a whole is unusable, at once or midway."""
        ...


# ---------------------------------------------------------------- destinations


class Repeat(enum.StrEnum):
    """What repeating a batch does."""

    HARMLESS = "harmless"
    IF_NEWEST = "if_newest"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing a destination needs beyond the contract.

    `where`: boolean expression over the contract's canonical text columns, true where the requirement is *violated*;
    `field`: the field to name; `detail` completes the catalogue's sentence of `code`. `columns` the fields it reads.
    """

    code: str
    field: str
    columns: tuple[str, ...]
    where: pl.Expr
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """The form in which an operation takes prices; rows that give another one are converted before they are compared.

    `decimals`: most decimals of an amount. `currency`, `tax_rate`: what the account's profile says of rows that say
    nothing; null where the row must say it.
    """

    basis: Literal["net", "gross"]
    decimals: int = 2
    currency: str | None = None
    tax_rate: str | None = None
    fields: tuple[str, ...] = ("price",)
    """Contract fields that are amounts of money."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of write at a destination, with its capabilities as data.

    A row of a contract has one effect per family the destination writes of that contract; operations of one family
    share a lane, whatever contract their rows come from. Name and contract together are unique.
    """

    name: str
    contract: str
    family: str
    fields: tuple[str, ...]
    """Contract fields the operation transmits: the delta compares these. `attributes.*` stands for all of them."""
    batch_size: int | None
    """Records per call; None: one call takes all."""
    context: tuple[str, ...] = ()
    """Contract fields that encoding and checking look at besides; a change of them alone sends nothing."""
    requires: tuple[Requirement, ...] = ()
    drifts: bool = False
    confirms: Literal["applied", "accepted"] = "applied"
    repeat: Repeat = Repeat.NEVER
    searchable: bool = False
    deadline: float = 3600.0
    """Seconds from submission after which open effects end as accepted or uncertain."""
    settle_first: bool = False
    """True: the next consignment of the lane waits until this one has settled."""
    slot_until: Literal["ticket", "settled"] = "ticket"
    interval: float = 0.0
    """Least seconds between two submissions of one account."""
    remembers: bool = False
    ends: bool = False
    """Whether the row command `end` can be expressed."""
    key: tuple[str, ...] | None = None
    """Contract fields that make the effect's key; None: the contract's key. Alike for operations of one family."""
    part: str = ""
    """Which part of what the key names is written, where one family writes several (a price and its discount)."""
    when: tuple[str, ...] = ()
    """The effect exists where one of these fields is given; (): for every row."""
    after: tuple[str, ...] = ()
    """Families whose pending effect on the same article must be confirmed first."""
    measure: str | None = None
    """Contract field whose value the guard compares: a stock level, or a price where `prices` names it."""
    prices: PriceTerms | None = None
    gathers: bool = False
    """Whether `gather` is asked before records are checked once more and encoded."""
    each: str | None = None
    """Contract field with a list: a row has one effect per item (column `@each` of records, last part of the key)."""
    every: tuple[str, ...] = ()
    """Items where that field is not given."""
    budget: str = ""
    """Name of a budget shared by operations and accounts that name it; "": one of the account and operation."""
    regular: str = ""
    """Family that writes the price a promotion lowers: rows of a final price or an amount get it as `@regular`."""
    reckoned: bool = False
    """Whether what is sent is reckoned from `@regular`: where that has changed, the same row is sent again."""
    record: pl.Expr | None = None
    """What the destination tells records apart by, over the operation's fields, where rows of several keys can be one:
    of those that go together only the last is sent."""
    wanted: Literal["base", "promotion"] | None = None
    """What is sent is the wanted price: computed from base prices and promotions in force, at every boundary anew."""


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
"""One row per exception to `rest`: named by `line` inside the batch or, where line is null, by `key`."""


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
    next batch may take its slot, though what became of it is still to be learnt.
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


# ---------------------------------------------------------------- what lower rooms need from above


class Clock(Protocol):
    """The only source of time: everything that waits waits through it."""

    def now(self) -> datetime:
        """Aware UTC time."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Budget(Protocol):
    """Calls per time for a credential and operation; kept in the journal, so it holds across threads."""

    def take(self, name: str, interval: float) -> None:
        """Book one call. Raises Throttled with the seconds to wait when the last was less than `interval` ago."""
        ...

    def block(self, name: str, seconds: float) -> None:
        """Nobody may call `name` for so long: the other side said so."""
        ...


class TokenStore(Protocol):
    """Access tokens kept in the journal, so that threads and processes share them; values never appear in a repr."""

    def get(self, name: str) -> tuple[str, datetime | None] | None:
        """Return value and expiry of a token; None when there is none."""
        ...

    def put(self, name: str, value: str, expires_at: datetime | None) -> None:
        """Store a token durably; it replaces the one of that name."""
        ...

    def lease(self, name: str, seconds: float) -> bool:
        """Take the right to renew a token for so long; False while another thread or process has it."""
        ...

    def release(self, name: str) -> None:
        """Give the right back."""
        ...


class Ledger(Protocol):
    """Memory of files taken from servers that only let us read."""

    def take(self, arrival: Arrival) -> str | None:
        """Enter the arrival; None when it was entered before (same path, size and mtime)."""
        ...

    def drop(self, token: str) -> None:
        """Forget an entry: the file was released and may be taken again."""
        ...

    def seen(self, source: str) -> set[tuple[str, int, datetime]]:
        """(path, size, mtime) of every entry of the source."""
        ...


class Facts(Protocol):
    """What a destination was told and may not ask again soon; kept in the journal, by destination, without secrets."""

    def get(self, name: str) -> str | None:
        """Return what was put last; None for nothing."""
        ...

    def put(self, name: str, text: str) -> None:
        """Keep it durably; it replaces what was there."""
        ...


class Dispatcher(Protocol):
    """Runs lanes. Waking twice is once."""

    def wake(self, lane: str, at: datetime | None = None) -> None:
        """Have the lane advanced now or at a time."""
        ...

    def run(self, advance: Callable[[str], datetime | None]) -> None:
        """Advance woken lanes until stopped; `advance` returns when the lane wants to be woken next, or None."""
        ...

    def stop(self) -> None:
        """Return from `run` when the lanes under way have come to a safe point."""
        ...


# ---------------------------------------------------------------- reports


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything the answers say about one run besides its rows. Times are aware UTC; counts are of input rows."""

    run: str
    partner: str
    route: str
    feed: str
    destination: str
    file_name: str
    size: int
    sha256: str
    received_at: datetime
    started_at: datetime
    ended_at: datetime | None
    contract: str
    mode: str
    rows: int
    blank: int
    states: Mapping[str, int]
    derived: Mapping[str, int]
    """Counts per state of effects without an input row (keys ended because a full file left them out)."""
    tickets: Sequence[str]
    calls: int
    calls_expected: int
    finish_expected: datetime | None
    warnings: int
    linked_run: str | None
    """First run whose errors file this one is, fixed and dropped back."""
    notes: Sequence[str]
    verdict: str
    versions: Mapping[str, str]
    first_run_rows: Sequence[tuple[int, str]] = ()
    """For the first run of a re-drop: (row, run that applied it)."""
    effects: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Where rows have several effects: family to counts per state."""


ROW_RESULT_SCHEMA: dict[str, type[pl.DataType]] = {
    ROW: pl.Int64,
    LINE: pl.Int64,
    KEY: pl.String,
    "state": pl.String,
    "faults": pl.Int64,
    "code": pl.String,
    "field": pl.String,
    "value": pl.String,
    "detail": pl.String,
    "remote_id": pl.String,
}
"""One row per input row as given to the result writer; code..detail are of its gravest fault, null where none."""


class Rows(Protocol):
    """The rows of a run as report writers read them: every method streams in row order, chunk by chunk."""

    def results(self) -> Iterator[pl.DataFrame]:
        """Frames of ROW_RESULT_SCHEMA."""
        ...

    def failed(self) -> Iterator[pl.DataFrame]:
        """Frames of ROW_RESULT_SCHEMA with the rejected and refused rows only."""
        ...

    def issues(self) -> Iterator[pl.DataFrame]:
        """Frames of ISSUE_SCHEMA plus `severity`, `key`, `state`: every fault, every effect with something to say."""
        ...

    def tables(self) -> Iterator[Table]:
        """The failed records as they came, at least: the partner's whole file or only these, in file order."""
        ...

    def source(self) -> Path:
        """The partner's file as it came (unpacked)."""
        ...

    def layout(self) -> BaseModel:
        """The layout (format section of the mapping) the run pinned."""
        ...

    def columns(self) -> Mapping[str, str]:
        """Contract field -> header text of the partner's column, or `c<n>` (n from 0) where the file has no header."""
        ...


class ReportWriter(Protocol):
    """Writes one kind of answer."""

    kind: ClassVar[str]
    """Suffix of the file: `result.csv`, `report.html`..."""

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write `out`; False when there is nothing to say and no file was written."""
        ...
