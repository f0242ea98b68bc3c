"""Cuts what waits in a lane into portions that fit into memory and can be decided by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy.engine import Row

from gateway import delta, guard
from gateway.delivery.baseline import Baseline
from gateway.delivery.setup import LaneSetup, Pinned
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

    `rows`: one frame per candidate. `known`: baseline (SEGMENT_SCHEMA). `flying`: keys under way. `part` of `parts`.
    """

    rows: Sequence[pl.DataFrame]
    known: pl.DataFrame
    flying: pl.DataFrame
    part: int
    parts: int


class Portions:
    """Portions of one consignment."""

    def __init__(
        self, spool: Spool, setup: LaneSetup, candidates: Sequence[Candidate], baseline: Baseline, flying: pl.DataFrame
    ) -> None:
        self._spool = spool
        self._setup = setup
        self._candidates = candidates
        self._baseline = baseline
        self._flying = flying

    def __iter__(self) -> Iterator[Portion]:
        """Yield in file order where no row needs to meet another, else part by part of the key hash."""
        if self._alone():
            yield from self._blocks()
            return
        total = max(sum(c.row.rows for c in self._candidates), self._baseline.rows)
        parts = delta.parts_for(total)
        for part in range(parts):
            rows = [self.rows(c, part, parts) for c in self._candidates]
            flying = self._flying.filter(delta.in_part(part, parts))
            yield Portion(rows, self._baseline.part(part, parts), flying, part, parts)

    def _alone(self) -> bool:
        one = self._candidates[0]
        grouped = one.pinned.grouping is not None
        return len(self._candidates) == 1 and self._baseline.rows == 0 and self._flying.height == 0 and not grouped

    def _blocks(self) -> Iterator[Portion]:
        one = self._candidates[0]
        nothing = pl.DataFrame(schema=delta.SEGMENT_SCHEMA)
        gathered: list[pl.DataFrame] = []
        number = 0
        for block in self._spool.run(one.row.id).blocks():
            gathered.append(self._open(one, block))
            if sum(g.height for g in gathered) >= delta.PART_ROWS:
                yield Portion([self._prepared(one, gathered)], nothing, self._flying, number, 0)
                number += 1
                gathered = []
        if gathered or number == 0:
            yield Portion([self._prepared(one, gathered)], nothing, self._flying, number, 0)

    def rows(self, candidate: Candidate, part: int, parts: int) -> pl.DataFrame:
        """Open rows of a candidate in one part."""
        here = delta.in_part(part, parts)
        blocks = self._spool.run(candidate.row.id).blocks()
        return self._prepared(candidate, [self._open(candidate, b.filter(here)) for b in blocks])

    def keys(self, candidate: Candidate, part: int, parts: int) -> pl.DataFrame:
        """Every key of a candidate's file in one part, faulty rows included."""
        here = delta.in_part(part, parts)
        blocks = [b.filter(here).select(KEY) for b in self._spool.run(candidate.row.id).blocks([])]
        return pl.concat(blocks).unique()

    def _open(self, candidate: Candidate, block: pl.DataFrame) -> pl.DataFrame:
        wanted = [c for c in self._columns() if c in block.columns]
        rows = block.filter(pl.col(STATE).is_null()).select(ROW, KEY, *wanted)
        if candidate.decided is None:
            return rows
        return rows.join(pl.DataFrame({ROW: candidate.decided}), on=ROW, how="anti", maintain_order="left")

    def _columns(self) -> list[str]:
        return list(dict.fromkeys([*self._setup.operation.fields, "command", "valid_from"]))

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
