"""Cuts what waits in a lane into portions that fit into memory and can be decided by themselves."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway import delta, guard
from gateway.delivery.baseline import Baseline
from gateway.delivery.setup import LaneSetup, Pinned
from gateway.delivery.split import Split
from gateway.model import KEY, ROW
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
    again: int = 0
    """Rows sent although the destination confirmed the same value: it can drift."""
    next_due: datetime | None = None

    @property
    def speaks_of_absence(self) -> bool:
        """Whether keys that the file leaves out are to be zeroed or ended."""
        return self.row.mode == "full" and self.pinned.route.absent != "keep" and self.decided is None


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
        setup: LaneSetup,
        candidates: Sequence[Candidate],
        known: tuple[Baseline, pl.DataFrame],
        work: Path,
    ) -> None:
        self._baseline, self._flying = known
        self._work = work
        self._spool = spool
        self._setup = setup
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
                split.add(f"rows-{c.position}", (self._open(c, b) for b in self._spool.run(c.row.id).blocks()))
                if c.speaks_of_absence:
                    split.add(f"keys-{c.position}", (b.select(KEY) for b in self._spool.run(c.row.id).blocks([])))
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
        for block in self._spool.run(one.row.id).blocks():
            gathered.append(self._open(one, block))
            if sum(g.height for g in gathered) >= delta.PART_ROWS:
                yield Portion([self._prepared(one, gathered)], nothing, self._flying)
                gathered = []
        if gathered:
            yield Portion([self._prepared(one, gathered)], nothing, self._flying)

    def _open(self, candidate: Candidate, block: pl.DataFrame) -> pl.DataFrame:
        wanted = [c for c in self._columns() if c in block.columns]
        rows = block.filter(pl.col(STATE).is_null()).select(ROW, KEY, *wanted)
        if candidate.decided is None:
            return rows
        return rows.join(pl.DataFrame({ROW: candidate.decided}), on=ROW, how="anti", maintain_order="left")

    def _columns(self) -> list[str]:
        return list(dict.fromkeys([*self._setup.operation.fields, self._setup.measure, "command", "valid_from"]))

    def _prepared(self, candidate: Candidate, blocks: list[pl.DataFrame]) -> pl.DataFrame:
        frame = pl.concat(blocks) if blocks else pl.DataFrame(schema={ROW: pl.Int64, KEY: pl.String})
        missing = [pl.lit(None, pl.String).alias(c) for c in self._columns() if c not in frame.columns]
        due = pl.lit(None, pl.String)
        if "valid_from" in frame.columns:
            due = pl.when(pl.col("valid_from") != "").then(pl.col("valid_from"))
        return frame.with_columns(
            *missing,
            due=due,
            run=pl.lit(candidate.position, pl.UInt32),
            seq=pl.lit(candidate.row.seq, pl.Int64),
        )
