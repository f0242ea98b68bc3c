"""Cuts frames into parts of the key's hash, so that rows of one key meet in memory that does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from gateway import delta
from gateway.spool import read_block, write_block

_CUT_TOGETHER = 100_000
"""Rows cut into parts at a time."""


class Split:
    """Frames with a key, cut into parts of the key's hash: files of one folder, read back part by part.

    `by`: of the hash of that instead, which must show in the key.
    """

    def __init__(self, folder: Path, parts: int, by: pl.Expr | None = None) -> None:
        self._folder = folder
        self._place = delta.part_of(parts, by)
        self._files: dict[tuple[str, int], list[Path]] = {}
        self._written = 0

    def add(self, name: str, frames: Iterable[pl.DataFrame]) -> None:
        """Cut frames of one schema; several are cut together, so that files do not become tiny."""
        gathered: list[pl.DataFrame] = []
        for frame in frames:
            gathered.append(frame)
            if sum(g.height for g in gathered) >= _CUT_TOGETHER:
                self._cut(name, pl.concat(gathered))
                gathered = []
        if gathered:
            self._cut(name, pl.concat(gathered))

    def part(self, name: str, part: int) -> list[pl.DataFrame]:
        """Return the frames of one part in the order they were added."""
        return [read_block(path) for path in self._files.get((name, part), [])]

    def _cut(self, name: str, frame: pl.DataFrame) -> None:
        cut = frame.with_columns(self._place.alias("@part"))
        for (part,), piece in cut.partition_by("@part", as_dict=True, include_key=False).items():
            path = self._folder / f"{self._written}.arrow"
            write_block(piece, path)
            self._files.setdefault((name, int(str(part))), []).append(path)
            self._written += 1


def gathered(blocks: Iterable[pl.DataFrame], most: float) -> Iterator[list[pl.DataFrame]]:
    """Yield blocks together that are worth a portion of so many rows."""
    held: list[pl.DataFrame] = []
    for block in blocks:
        held.append(block)
        if sum(h.height for h in held) >= most:
            yield held
            held = []
    if held:
        yield held
