"""What a destination can be asked to write, and all the core must know of it, as data."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

import polars as pl


class Repeat(enum.StrEnum):
    """What repeating a batch does."""

    HARMLESS = "harmless"
    IF_NEWEST = "if_newest"
    NEVER = "never"


NOW = "@now"
"""Column a requirement may look at: when rows are judged, canonical UTC time; null where that is not known."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing a destination needs beyond the contract.

    `where`: boolean expression over the contract's canonical text columns, true where the requirement is *violated*;
    `field`: the field to name; `detail` completes the catalogue's sentence of `code`, the same for all rows or told of
    each. `columns` the fields it reads, and NOW where it does.
    """

    code: str
    field: str
    columns: tuple[str, ...]
    where: pl.Expr
    detail: str | pl.Expr = ""


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
    of_ended: bool = False
    """Whether amounts of rows that end their record go out too: it is written whole, or with what it gave."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Articles that rows name: where neither the file nor an earlier one brought one, the row is warned of (`code`).

    `field` names them, a list where `listed`; `family` is what must have been written of them. `products`: each is
    named by its product, or by its own code where it has none; else by either. `besides`: further fields of the row,
    any of which may name a product that is known instead.
    """

    code: str
    field: str
    family: str
    listed: bool = False
    products: bool = False
    besides: tuple[str, ...] = ()


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
    """Contract field whose value the guard compares: a stock level, or a price where `prices` names it.

    Where it is `ends_at`, what a full file leaves out is not ended once that is past.
    """
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
    follows: bool = False
    """Whether what the family `regular` writes of the article may change what the row is to be: the same row is sent
    again once anything else was written there."""
    record: pl.Expr | None = None
    """What the destination tells records apart by, over the operation's fields, where rows of several keys can be one:
    of those that go together only the last is sent, and what ends one of them is not while another goes on."""
    alone: bool = False
    """Whether rows of one file that are one record are rejected, instead of the last being sent."""
    instead: bool = False
    """Whether rows that end (`starts_at`, `ends_at` of what they end) may stand beside the one row of their key that
    goes on instead, as one change: records have `@instead` then."""
    window: tuple[str, str] | None = None
    """Fields of the key that say from when until when it lasts, where only a row with the same dates ends it."""
    named: str = ""
    """Field of the key that names what lasts in a window: of one name nothing begins while other dates of it run."""
    whole: bool = False
    """Whether what is sent of a row hangs on others that go along, whatever their keys: all that goes together, of each
    item where `each` names some, is checked and encoded in one piece, so it has to fit into memory."""
    border: tuple[str, ...] = ()
    """Fields of which the first that is given names the record several rows make: those of one file are checked and
    encoded together, however far apart they stand."""
    wanted: Literal["base", "promotion"] | None = None
    """What is sent is the wanted price: computed from base prices and promotions in force, at every boundary anew."""
    mentions: tuple[Mention, ...] = ()
    """Articles that rows name and that should be there; looked at where there is a journal, never a fault."""
