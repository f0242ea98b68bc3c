"""Writing so that a power cut takes nothing that the journal names: blocks, frames, and folders made durable beside."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Future, wait
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from gateway.ahead import beside, spread

_AT_ONCE = 4
"""Small files made durable at the same time: the disk takes several in one go."""


def durable(path: Path) -> None:
    """Have a file's bytes, or a folder's names, on the disk before anything names it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_block(frame: pl.DataFrame, path: Path) -> None:
    """Write a block of a run's rows: Arrow IPC, which costs a third of Parquet to write and is read column by column.

    Not durable by itself: `Keeping` sees to that. Texts are laid out as older readers know
    them, one behind the other: that is read in half the time of the newer layout, whose every text is looked up.
    """
    frame.write_ipc(path, compression="uncompressed", compat_level=pl.CompatLevel.oldest())


def read_block(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """Read a block of a run's rows, or some of its columns."""
    return pl.read_ipc(path, columns=columns)


def write_frame(frame: pl.DataFrame, path: Path, *, sync: bool = True) -> None:
    """Write a Parquet file by temporary name; `sync`: durable before and after it is named."""
    part = path.with_name(f"{path.name}.part")
    frame.write_parquet(part, compression="lz4", statistics=False)
    if sync:
        durable(part)
    part.replace(path)
    if sync:
        durable(path.parent)


class Keeping:
    """Makes files durable in other threads, begun as soon as each is written; leaving it waits for all, come what may.

    A file that is begun is not written again.
    """

    def __init__(self) -> None:
        self._begun: set[Path] = set()
        self._working: list[Future[None]] = []

    def begin(self, paths: Iterable[Path]) -> None:
        """Begin with files, one after another."""
        these = tuple(paths)
        self._begun.update(these)
        self._working.append(beside(_each_durable, these))

    def wait(self) -> None:
        """Wait until all that was begun is on the disk. Raises OSError for what could not be."""
        for one in self._working:
            one.result()

    def finish(self, root: Path) -> None:
        """Have every file below a folder on the disk, begun or not, and the folders that name them. Raises OSError."""
        self.wait()
        left = [root.parent]
        for folder, _, names in os.walk(root):
            left += [Path(folder), *(path for path in map(Path(folder).joinpath, names) if path not in self._begun)]
        spread(left, durable, workers=_AT_ONCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wait(self._working)


def _each_durable(paths: Iterable[Path]) -> None:
    for path in paths:
        durable(path)
