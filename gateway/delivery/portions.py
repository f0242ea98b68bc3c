"""Cuts what waits in a lane into portions that fit into memory and can be decided by themselves."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway import delta, guard
from gateway.contracts import prices
from gateway.delivery.baseline import Baseline
from gateway.delivery.setup import Leg, Pinned, effect_exists
from gateway.delivery.split import Split
from gateway.model import KEY, KEY_SEPARATOR, ROW
from gateway.spool import STATE, Spool


@dataclass(slots=True)
class Candidate:
    """A waiting run while its consignment is being formed."""

    position: int
    row: Row[Any]
    pinned: Pinned
    decided: pl.Series | None
    """Rows that earlier consignments decided; None: none did."""
    tally: guard.Tally = field(default_factory=guard.Tally)
    scheduled: int = 0
    waits: int = 0
    """Rows that wait for another effect on the same article."""
    again: int = 0
    """Rows sent although the destination confirmed the same value: it can drift."""
    next_due: datetime | None = None

    @property
    def speaks_of_absence(self) -> bool:
        """Whether keys that the file leaves out are to be zeroed or ended."""
        return self.row.mode == "full" and self.pinned.route.absent != "keep" and self.decided is None

    def ends(self, leg: Leg) -> bool:
        """Whether the leg can do what the route wants of keys that the file leaves out."""
        if self.pinned.route.absent == "zero":
            return leg.measure == "quantity"
        return leg.operation.ends


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows to decide together: all rows of their keys are here.

    `rows`: one frame per candidate. `known`: baseline (SEGMENT_SCHEMA). `flying`: keys under way.
    """

    rows: Sequence[pl.DataFrame]
    known: pl.DataFrame
    flying: pl.DataFrame
    present: Mapping[int, pl.DataFrame] = field(default_factory=dict)
    """Every key of full files, faulty rows included, by the candidate's position."""


class Portions:
    """Portions of one consignment."""

    def __init__(
        self,
        spool: Spool,
        leg: Leg,
        candidates: Sequence[Candidate],
        known: tuple[Baseline, pl.DataFrame],
        work: Path,
    ) -> None:
        self._baseline, self._flying = known
        self._work = work
        self._spool = spool
        self._leg = leg
        self._candidates = candidates

    def __iter__(self) -> Iterator[Portion]:
        """Yield in file order where no row needs to meet another, else part by part of the key hash."""
        if self._alone():
            yield from self._blocks()
            return
        total = max(sum(c.row.rows for c in self._candidates), self._baseline.rows)
        parts = delta.parts_for(total)
        with tempfile.TemporaryDirectory(prefix="parts-", dir=self._work) as folder:
            split = Split(Path(folder), parts)
            for c in self._candidates:
                split.add(f"rows-{c.position}", self._opened(c))
                if c.speaks_of_absence:
                    split.add(f"keys-{c.position}", self._keys(c))
            split.add("known", self._baseline.frames())
            split.add("flying", [self._flying])
            for part in range(parts):
                yield self._part(split, part)

    def _part(self, split: Split, part: int) -> Portion:
        rows = [self._prepared(c, split.part(f"rows-{c.position}", part)) for c in self._candidates]
        keys = {
            c.position: pl.concat(found).unique()
            for c in self._candidates
            if c.speaks_of_absence and (found := split.part(f"keys-{c.position}", part))
        }
        flying = split.part("flying", part)
        return Portion(
            rows, delta.fold(split.part("known", part)), pl.concat(flying) if flying else self._flying.clear(), keys
        )

    def _alone(self) -> bool:
        one = self._candidates[0]
        grouped = one.pinned.grouping is not None
        return len(self._candidates) == 1 and self._baseline.rows == 0 and self._flying.height == 0 and not grouped

    def _blocks(self) -> Iterator[Portion]:
        one = self._candidates[0]
        nothing = pl.DataFrame(schema=delta.SEGMENT_SCHEMA)
        gathered: list[pl.DataFrame] = []
        for rows in self._opened(one):
            gathered.append(rows)
            if sum(g.height for g in gathered) >= delta.PART_ROWS:
                yield Portion([self._prepared(one, gathered)], nothing, self._flying)
                gathered = []
        if gathered:
            yield Portion([self._prepared(one, gathered)], nothing, self._flying)

    def _opened(self, candidate: Candidate) -> Iterator[pl.DataFrame]:
        folder = self._spool.run(candidate.row.id)
        keys = self._leg.key_fields if self._leg.rekeyed else ()
        columns = [*wanted_fields(self._leg, folder.columns()), *self._leg.operation.when, *keys]
        return (self._open(candidate, block) for block in folder.blocks(columns))

    def _open(self, candidate: Candidate, block: pl.DataFrame) -> pl.DataFrame:
        here = pl.col(STATE).is_null()
        given = [name for name in self._leg.operation.when if name in block.columns]
        exists = effect_exists(given)
        if exists is not None:
            here = here & exists
        rows = block.filter(here).select(ROW, self._key(block.columns), *self._columns(block.columns))
        if candidate.decided is None:
            return rows
        return rows.join(pl.DataFrame({ROW: candidate.decided}), on=ROW, how="anti", maintain_order="left")

    def _keys(self, candidate: Candidate) -> Iterator[pl.DataFrame]:
        wanted = list(self._leg.key_fields) if self._leg.rekeyed else []
        for block in self._spool.run(candidate.row.id).blocks(wanted):
            yield block.select(self._key(block.columns))

    def _key(self, present: Collection[str]) -> pl.Expr:
        """Return the key of the effect: the contract's, or the one of the family, with its part."""
        if not self._leg.rekeyed:
            return pl.col(KEY)
        parts = [pl.col(name).fill_null("") if name in present else pl.lit("") for name in self._leg.key_fields]
        if self._leg.operation.part:
            parts.append(pl.lit(self._leg.operation.part))
        return pl.concat_str(parts, separator=KEY_SEPARATOR).alias(KEY)

    def _columns(self, present: Collection[str]) -> list[str]:
        """Columns of a block that the operation, the guard and the calendar look at."""
        return [name for name in wanted_fields(self._leg, present) if name in present]

    def _prepared(self, candidate: Candidate, blocks: list[pl.DataFrame]) -> pl.DataFrame:
        frame = pl.concat(blocks) if blocks else pl.DataFrame(schema={ROW: pl.Int64, KEY: pl.String})
        wanted = wanted_fields(self._leg, frame.columns)
        missing = [pl.lit(None, pl.String).alias(c) for c in wanted if c not in frame.columns]
        due = pl.lit(None, pl.String)
        if "valid_from" in frame.columns:
            due = pl.when(pl.col("valid_from") != "").then(pl.col("valid_from"))
        if self._leg.operation.prices is not None:
            frame = prices.converted(frame, self._leg.operation.prices)
        return frame.with_columns(
            *missing,
            due=due,
            run=pl.lit(candidate.position, pl.UInt32),
            seq=pl.lit(candidate.row.seq, pl.Int64),
        )


def wanted_fields(leg: Leg, present: Collection[str]) -> list[str]:
    """Return the contract fields a leg looks at; free attributes by the names that are there, in one order."""
    operation = leg.operation
    fields = list(transmitted(leg, present))
    if operation.prices is not None:
        fields += ["price_basis", "tax_rate", "currency", *operation.prices.fields]
    return list(dict.fromkeys([*fields, leg.measure, "command", "valid_from"]))


def transmitted(leg: Leg, present: Collection[str]) -> tuple[str, ...]:
    """Return the fields the operation transmits, free attributes by the names that are there."""
    found: list[str] = []
    for name in leg.operation.fields:
        found.extend(sorted(c for c in present if c.startswith(name[:-1])) if name.endswith("*") else [name])
    return tuple(dict.fromkeys(found))
