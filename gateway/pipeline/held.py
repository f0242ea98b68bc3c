"""A run's folder for a file that is only judged: what is small stays in memory, and is written when someone asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from gateway.spool import LARGE, RunFolder

_HELD = 16 << 20
"""Bytes of blocks, as polars estimates them, beyond which they are written as they come."""


_Block = tuple[int, pl.DataFrame, pl.DataFrame, pl.DataFrame | None]


@dataclass(slots=True)
class _Held:
    """Blocks in memory, None once they lie on the disk; `room`: bytes that more of them may take."""

    blocks: list[_Block] | None = field(default_factory=list)
    headers: tuple[str, ...] = ()
    room: float = 0


@dataclass(frozen=True)
class HeldFolder(RunFolder):
    """A run folder whose blocks lie on the disk only where they are many or are asked for: most checks end before."""

    held: _Held = field(default_factory=lambda: _Held(room=_HELD))

    def begin(self) -> None:
        """Make the folder of the file; the others are made when something is written into them."""
        self.file.mkdir(parents=True, exist_ok=True)

    def expect(self, size: int) -> None:
        """Keep no blocks in memory of a file of so many bytes where that would be in vain."""
        if size > LARGE:
            self._written()

    def keep_headers(self, headers: tuple[str, ...]) -> None:
        """Remember the headers of the partner's file."""
        self.held.headers = headers

    def headers(self) -> tuple[str, ...]:
        """Return the headers of the partner's file."""
        return self.held.headers

    def add(self, number: int, rows: pl.DataFrame, issues: pl.DataFrame, cells: pl.DataFrame | None = None) -> None:
        """Keep block `number` (from 0), or write it."""
        if self.held.blocks is None:
            super().add(number, rows, issues, cells)
            return
        self.held.blocks.append((number, rows, issues, cells))
        self.held.room -= sum(frame.estimated_size() for frame in (rows, issues, cells) if frame is not None)
        if self.held.room < 0:
            self._written()

    def add_late(self, states: pl.DataFrame, issues: pl.DataFrame) -> None:
        """Write what rules across rows and the policy decided: `@row`, `state`, and its issues."""
        if states.height or issues.height:
            self._written()
        super().add_late(states, issues)

    def paths(self) -> list[Path]:
        """Return the row files in order."""
        self._written()
        return super().paths()

    def kept(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the cells of rejected rows, as RunFolder does."""
        self._written()
        yield from super().kept(columns)

    def issue_codes(self) -> frozenset[str]:
        """Return the codes of all issues."""
        self._written()
        return super().issue_codes()

    def issue_block(self, number: int) -> pl.DataFrame:
        """Return the issues of block `number` (ISSUE_SCHEMA)."""
        self._written()
        return super().issue_block(number)

    def _written(self) -> None:
        """Write what is held; from then on blocks are written as they come."""
        blocks, self.held.blocks = self.held.blocks, None
        if blocks is None:
            return
        super().begin()
        for block in blocks:
            super().add(*block)
