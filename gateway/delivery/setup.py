"""What delivery needs of a lane and of a run, given by wiring and pinned with the run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl
from pydantic import BaseModel, ConfigDict

from gateway.contracts.contract import Contract
from gateway.contracts.rules import given
from gateway.delivery.dates import DateForm
from gateway.model import KEY, KEY_SEPARATOR, Destination, Operation, Requirement
from gateway.routes import Route

_MEASURES = {"stock": "quantity", "price": "price"}
"""Contract field the guard compares where the operation names none, per family."""


@dataclass(frozen=True, slots=True)
class Target:
    """A destination as wiring built it."""

    name: str
    destination: Destination
    version: str = ""
    """Kind of the destination and a digest of its settings without secrets."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What one operation does with the rows of a route: one effect per row, in one lane."""

    lane: str
    operation: Operation
    key_fields: tuple[str, ...]
    """Contract fields that make the key of an effect, in their order."""
    rekeyed: bool = False
    """Whether that is another key than the contract's."""
    after: tuple[str, ...] = ()
    """Lanes whose pending effect on the same article must be confirmed first."""
    regular: str = ""
    """Lane that writes the prices which promotions lower; "" where nothing is looked up."""
    others: tuple[str, ...] = ()
    """Parts that other operations of the family write: their keys are in the lane too."""

    def written(self) -> pl.Expr | None:
        """Return whether a key of the lane is of the part that the leg writes; None: all are."""
        part = self.operation.part
        if not part and not self.others:
            return None
        place = len(self.key_fields)
        told = pl.col(KEY).str.splitn(KEY_SEPARATOR, place + 2).struct.field(f"field_{place}")
        mine = told == part if part else ~told.is_in(self.others)
        return mine.fill_null(value=not part)

    @property
    def measure(self) -> str:
        """Contract field whose value the guard compares."""
        return self.operation.measure or _MEASURES.get(self.operation.family, self.key_fields[0])

    @property
    def priced(self) -> bool:
        """Whether the measure is a price."""
        prices = self.operation.prices
        return prices is not None and self.measure in prices.fields


def can_end(leg: Leg, absent: str) -> bool:
    """Whether a leg can do what a route wants of keys that a full file leaves out (`keep`: nothing is to be done)."""
    if absent == "zero":
        return leg.measure == "quantity"
    return absent == "end" and leg.operation.ends


def operations_for(
    operations: Iterable[Operation], contract: str, families: Collection[str] | None = None
) -> tuple[Operation, ...]:
    """Return the operations that write rows of a contract: the first of each family, or of each in `families`."""
    chosen: dict[str, Operation] = {}
    for one in operations:
        if one.contract in {contract, "*"} and (families is None or one.family in families):
            chosen.setdefault(one.family, one)
    return tuple(chosen.values())


def leg_of(operation: Operation, key: tuple[str, ...], lane: Callable[[str], str], written: Iterable[Operation]) -> Leg:
    """Return the leg of an operation: `key` is the contract's, `lane` names the lane of a family.

    `written`: all operations of the destination.
    """
    own = operation.key or key
    after = tuple(lane(family) for family in operation.after)
    regular = lane(operation.regular) if operation.regular else ""
    rekeyed = own != key or operation.part != ""
    parts = {one.part for one in written if one.family == operation.family} - {"", operation.part}
    return Leg(
        lane(operation.family), operation, own, rekeyed=rekeyed, after=after, regular=regular,
        others=tuple(sorted(parts)),
    )  # fmt: skip


def with_prefix(operation: Operation, contract: Contract, prefix: str) -> Operation:
    """Add that the owner's keys begin with the route's prefix: another owner's keys must not be written.

    It is asked of the field that names the article. Where a contract has rows without a `sku` it is asked of their
    `product_id`: who names neither would write for every owner.
    """
    article = "sku" if "sku" in contract.key else contract.key[0]
    foreign = ~pl.col(article).str.starts_with(prefix)
    found = [Requirement("KEY_FOREIGN", article, (article,), foreign, prefix)]
    if article == "sku" and article not in contract.required and contract.has("product_id"):
        named, product = given("sku"), given("product_id")
        both = ("sku", "product_id")
        other = ~named & product & ~pl.col("product_id").str.starts_with(prefix)
        found = [
            Requirement("KEY_FOREIGN", "sku", both, (named & foreign) | ~(named | product), prefix),
            Requirement("KEY_FOREIGN", "product_id", both, other, prefix),
        ]
    return replace(operation, requires=(*operation.requires, *found))


def effect_exists(when: Sequence[str]) -> pl.Expr | None:
    """Return whether a row has an effect: one of the fields is given; None where every row has one."""
    return pl.any_horizontal((pl.col(name) != "").fill_null(value=False) for name in when) if when else None


def rows_with_effect(block: pl.DataFrame, when: Sequence[str]) -> pl.DataFrame:
    """Return the rows of a block that have an effect; fields that no row of the run fills are no columns of it."""
    exists = effect_exists([name for name in when if name in block.columns])
    if exists is None:
        return block.clear() if when else block
    return block.filter(exists)


def legs_written(legs: Iterable[Leg], filled: Collection[str]) -> tuple[Leg, ...]:
    """Return the legs that can have effects when only `filled` fields are ever given."""
    return tuple(g for g in legs if not g.operation.when or any(name in filled for name in g.operation.when))


@dataclass(frozen=True, slots=True)
class LaneSetup:
    """A lane as wiring knows it: all that writes one family of one account for one owner."""

    name: str
    target: Target
    legs: tuple[Leg, ...]

    @property
    def destination(self) -> Destination:
        """The destination the lane sends to."""
        return self.target.destination

    @property
    def wanted(self) -> bool:
        """Whether what is sent is computed from base prices and promotions."""
        return any(one.operation.wanted is not None for one in self.legs)

    def base(self, name: str | None = None) -> Operation:
        """Return the operation that sends wanted prices: the one of that name, else the first of the destination."""
        written = [one.operation for one in self.legs]
        found = [one for one in (*written, *self.destination.operations) if one.wanted == "base"]
        return next((one for one in found if one.name == name), found[0])

    def leg(self, operation: str, contract: str) -> Leg | None:
        """Return the leg of an operation for rows of a contract; None when no route has it any more."""
        found = [one for one in self.legs if one.operation.name == operation]
        exact = (one for one in found if one.operation.contract in {contract, "*"})
        return next(exact, None)

    def operation(self, name: str) -> Operation:
        """Return an operation of the lane by its name; the first one where the name is not known any more."""
        found = (one.operation for one in self.legs if one.operation.name == name)
        return next(found, self.base() if self.wanted else self.legs[0].operation)


class Grouping(BaseModel):
    """Rows of one key that are summed into one record."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    sums: tuple[str, ...] = ()


class Pinned(BaseModel):
    """What a run began with: it resumes and settles by these, whatever the settings say later."""

    model_config = ConfigDict(frozen=True)
    route: Route
    mapping: str
    """File name of the mapping inside the run's `pinned` folder."""
    columns: Mapping[str, str] = {}
    """Contract field to the partner's header."""
    constants: Mapping[str, str] = {}
    """Contract fields that the mapping sets in every row, and to what."""
    sometimes: frozenset[str] = frozenset()
    """Contract fields that the mapping sets in rows of which a condition holds."""
    dates: Mapping[str, DateForm] = {}
    """How the columns of points in time write them, by contract field."""
    grouping: Grouping | None = None
    versions: Mapping[str, str] = {}
