"""What a Partner API twin remembers: assortments, jobs, promotions, files, deliveries, and the audit of effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Plan = Literal["apply", "fail", "refuse"]
Kind = Literal["FINAL_PRICE", "PERCENTAGE", "ABSOLUTE", "FREE_ITEM"]


@dataclass(slots=True)
class Item:
    """One product of one vendor's assortment. `price` is text, "" where it has none.

    `quantity` is what was sent last: the platform compares it with the sales buffer and keeps no stock.
    """

    sku: str
    title: str = ""
    price: str = ""
    active: bool = True
    quantity: int | None = None
    maximum: int | None = None
    barcodes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(slots=True)
class Change:
    """What one product of a call or file changes; None leaves alone."""

    sku: str
    price: str | None = None
    active: bool | None = None
    quantity: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of a job's log; `error` "" where it was taken."""

    sku: str
    error: str = ""


@dataclass(slots=True)
class Job:
    """Work of the platform that takes time; `ends_at` None: it never ends. `vendor_id` "": it is about the chain.

    `state` is set when it has ended: COMPLETED, FAILED, DUPLICATE. `changes` wait for the storefront.
    """

    job_id: str
    call: str
    chain_id: str
    vendor_id: str
    created: datetime
    runs_at: datetime
    ends_at: datetime | None
    body: str = ""
    plan: Plan = "apply"
    gzipped: bool = False
    signed: bool = False
    log_missing: bool = False
    log_short: bool = False
    state: str = ""
    rows: list[LogRow] = field(default_factory=list)
    result: dict[str, Any] | None = None
    file: str = ""
    """Log or export as text; "" where there is none."""
    changes: list[Change] = field(default_factory=list)
    shown_at: datetime | None = None
    """When `changes` reach the assortment; None once they have, or before the end."""


@dataclass(slots=True)
class Entry:
    """What a promotion does to one sku. `value` is text; `buy` and `get` count for bundles only."""

    kind: Kind
    value: str = ""
    active: bool = True
    buy: int = 0
    get: int = 0


@dataclass(slots=True)
class Promotion:
    """A promotion of a chain, `entries` by vendor and sku. `made`: what it was made by, for its end.

    Identity: chain, name, vendors, start and end (promotion calls; live-reported).
    """

    chain_id: str
    origin: Literal["api", "file"]
    name: str
    kind: str
    vendors: tuple[str, ...]
    start: datetime
    end: datetime
    active: bool = True
    entries: dict[str, dict[str, Entry]] = field(default_factory=dict)
    made: Any = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes it the same promotion, whoever made it."""
        return (self.chain_id, self.name, self.vendors, self.start, self.end)


@dataclass(frozen=True, slots=True)
class RowFault:
    """One row of a file that was not taken; `line` counts the header as 1, 0 is the file as a whole."""

    line: int
    sku: str
    vendor_id: str
    message: str


@dataclass(slots=True)
class Upload:
    """A file that was picked up, as the portal lists it.

    `state`: PROCESSING, then COMPLETED, COMPLETED_WITH_ERRORS or FAILED (as a whole).
    """

    file_id: str
    chain_id: str
    feed: str
    name: str
    vendor_id: str
    picked: datetime
    ends_at: datetime
    size: int
    plan: Plan = "apply"
    state: str = "PROCESSING"
    rows: int = 0
    taken: int = 0
    faults: list[RowFault] = field(default_factory=list)


@dataclass(slots=True)
class Delivery:
    """What the webhook is told about a job. `answers`: status of each attempt, 0 where none came."""

    number: int
    job_id: str
    chain_id: str
    due: datetime
    answers: list[int] = field(default_factory=list)
    state: Literal["waiting", "delivered", "given_up", "lost"] = "waiting"
    foreign: bool = False
    wrong_secret: bool = False
    garbage: bool = False
    after: int = 0
    """Number of the delivery that goes out before this one; 0: none."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One value that was set. `field`: price, active, quantity, maximum, created or promotion; values are text."""

    at: datetime
    chain_id: str
    vendor_id: str
    sku: str
    source: str
    field: str
    value: str
    before: str


@dataclass(frozen=True, slots=True)
class Violation:
    """Something a partner must not do.

    Kinds: overlap (of jobs), rate (of calls), token (shown to a storage), file_name, folder, overwritten, too_soon.
    """

    at: datetime
    kind: str
    place: str
    detail: str


@dataclass
class PartnerState:
    """Everything that survives a restart of the twin; `items` by chain, vendor and sku."""

    items: dict[str, dict[str, dict[str, Item]]] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    promotions: list[Promotion] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    tokens: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Digest of each token that was given out -> its chain and its end."""
    outlets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was said about each outlet, by chain and vendor."""
    read: dict[str, datetime] = field(default_factory=dict)
    """When a file of each path was last picked up."""
    kept: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Files that stayed after they were picked up: path -> inode, time, size."""

    def shelf(self, chain_id: str, vendor_id: str) -> dict[str, Item]:
        """The assortment of a vendor, by sku."""
        return self.items.setdefault(chain_id, {}).setdefault(vendor_id, {})
