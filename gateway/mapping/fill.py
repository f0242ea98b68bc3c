"""Filling empty cells from the row above, across blocks; what stands above may be faulty, and then so is the copy."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from gateway.mapping.patterns import WHITE
from gateway.mapping.sources import cell, kind_of
from gateway.mapping.steps import choose


class FillDown:
    """Fills the columns at `indices`. Keeps the last value of each between blocks: blocks come in file order."""

    def __init__(self, indices: tuple[int, ...]) -> None:
        self._indices = indices
        self._last: dict[int, tuple[str | None, int | None, bool]] = dict.fromkeys(indices, (None, None, False))

    @property
    def indices(self) -> frozenset[int]:
        """Source columns that are filled."""
        return frozenset(self._indices)

    def fill(self, frame: pl.DataFrame, faulty: Mapping[int, pl.Series]) -> tuple[pl.DataFrame, dict[int, pl.Series]]:
        """Return the filled frame, and per column the mask of cells copied from a faulty one (only where any are).

        `faulty`: per column a mask of cells that are not what they should be (their row or they have an issue).
        """
        copies: dict[int, pl.Series] = {}
        if frame.height == 0:
            return frame, copies
        for index in self._indices:
            texts = frame[cell(index)]
            blank = (texts.str.strip_chars(WHITE) == "").fill_null(True)
            bad = faulty.get(index)
            last_text, last_kind, last_bad = self._last[index]
            filled = _filled(texts, blank, last_text)
            kinds = None
            if kind_of(index) in frame.columns:
                kinds = _filled(frame[kind_of(index)], blank, last_kind)
            if bad is not None or last_bad:
                marks = (bad if bad is not None else pl.Series([False]).new_from_index(0, frame.height)).cast(pl.UInt8)
                spread = _filled(marks, blank & (marks == 0), int(last_bad)).fill_null(0) == 1
                if (copied := spread & blank).any():
                    copies[index] = copied
                last_bad = bool(spread[-1])
            frame = frame.with_columns(filled.alias(texts.name), *([] if kinds is None else [kinds]))
            newest = filled[-1]
            self._last[index] = (newest if not blank.all() else last_text, _last(kinds, last_kind), last_bad)
        return frame, copies


def _filled(values: pl.Series, blank: pl.Series, before: str | int | None) -> pl.Series:
    nothing = pl.Series([None], dtype=values.dtype).new_from_index(0, len(values))
    above = choose(blank, nothing, values).fill_null(strategy="forward")
    if before is not None:
        above = above.fill_null(before)
    # With nothing above, an empty cell stays empty and a missing one missing.
    return choose(above.is_null(), values, above).alias(values.name)


def _last(kinds: pl.Series | None, before: int | None) -> int | None:
    if kinds is None:
        return before
    newest = kinds[-1]
    return newest if isinstance(newest, int) else before
