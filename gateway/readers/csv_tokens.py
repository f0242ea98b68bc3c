"""Where the cells of CSV bytes begin and end, found without reading them; every record is proven or set apart.

A record is proven when its quotes do nothing but enclose whole cells (doubled inside). One that is not is read by the
strict reader, set apart as an island, and the proof goes on behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gateway.readers.csv_shape import QUOTED_SIZE
from gateway.readers.csv_strict import Record

Places: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Judge: TypeAlias = Callable[[int, int], tuple[Record, int] | None]
"""Reads one record strictly: its first byte and the line ends before it; gives the record and the byte behind it."""

_LF, _CR = 10, 13
_FEW, _DENSITY = 64, 2048
"""Islands allowed anyway, and bytes per further island: where they are denser the strict reader alone is faster."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of whole records: `starts` and `ends` in the bytes, enclosing quotes included.

    `last`: index of the last cell per record; `newlines`: physical lines up to the end of each record;
    `doubled`: places of the second quotes of doubled ones; `taken`: bytes up to the end of the last record.
    `quotes`: quotes up to there, enclosing ones too.
    `islands`: records (by index) that were read strictly; their cells here mean nothing.
    `doubtful`: the strict reader must judge what follows.
    """

    starts: Places
    ends: Places
    last: Places
    newlines: Places
    doubled: Places
    taken: int
    quotes: int
    islands: dict[int, Record]
    doubtful: bool

    @property
    def text_bytes(self) -> int:
        """Bytes of the text in all cells, where there are no islands."""
        return int(self.ends.sum() - self.starts.sum()) - self.quotes + len(self.doubled)

    @property
    def first(self) -> Places:
        """Index of the first cell per record."""
        return np.concatenate((np.zeros(1, np.int64), self.last[:-1] + 1))


@dataclass(slots=True)
class _Quotes:
    """Quotes and LF of a block, and how they look if quotes with an even (0) or odd (1) number before them open."""

    block: Bytes
    delimiter: int
    quotes: Places
    feeds: Places
    parity: Bytes
    """Of the quotes before each LF."""
    _phases: dict[int, tuple[Places, Places]] = field(default_factory=dict)

    def phase(self, which: int) -> tuple[Places, Places]:
        """Return the places of wrong quotes and of LF outside quotes."""
        if which not in self._phases:
            wrong = _wrong_quotes(self.block, self.quotes[which:], self.delimiter)
            self._phases[which] = wrong, self.feeds[self.parity == which]
        return self._phases[which]


@dataclass(slots=True)
class _Walk:
    """Stretches of proven bytes in one phase each, the islands between them, and the end of all."""

    bounds: list[int] = field(default_factory=lambda: [0])
    """Beginning of each stretch."""
    phases: list[int] = field(default_factory=lambda: [0])
    islands: list[tuple[int, int, Record]] = field(default_factory=list)
    """Beginning, end and reading."""
    limit: int = 0
    refused: bool = False


def find_cells(block: Bytes, delimiter: int, quote: int | None, judge: Judge) -> Cells:
    """Find the cells of all whole records at the head of `block`, which begins at a record and is plain text."""
    structure = (block == delimiter) | (block == _LF)
    if quote is not None:
        structure |= block == quote
    places: Places = np.flatnonzero(structure)
    kinds = block[places]
    feeds = kinds == _LF
    if quote is None:
        return _cells(block, places, feeds, np.ones_like(feeds), _Walk(limit=len(block)), places[:0], places[:0])
    is_quote = kinds == quote
    parity: Bytes = (np.cumsum(is_quote) & 1).astype(np.uint8)
    quotes: Places = places[is_quote]
    walk = _walk(_Quotes(block, delimiter, quotes, places[feeds], parity[feeds]), judge)
    if len(walk.bounds) > 1:
        stretch = np.searchsorted(walk.bounds, places, side="right") - 1
        parity ^= np.array(walk.phases, np.uint8)[stretch]
    outside = (parity == 0) & ~is_quote
    for begin, end, _ in walk.islands:
        # an island is one record: of its structure only the line end counts
        line_end = np.searchsorted(places, end - 1)
        outside[np.searchsorted(places, begin) : line_end] = False
        outside[line_end] = True
    # a quote that opens right behind one that closes is the second half of a double
    again = (parity[is_quote][1:] == 1) & (np.diff(quotes) == 1)
    return _cells(block, places, feeds, outside, walk, quotes, quotes[1:][again])


def _wrong_quotes(block: Bytes, quotes: Places, delimiter: int) -> Places:
    """Return the places of quotes that neither enclose a cell nor double another, if the first one opens.

    Each opening one must stand at the beginning of a cell or right behind a closing one (then the two are one quote
    inside the cell), each closing one at the end of its cell or right before an opening one.
    """
    if not len(quotes):
        return quotes
    opening, closing = quotes[::2], quotes[1::2]
    before = block[np.maximum(opening - 1, 0)]
    opens = (opening == 0) | (before == delimiter) | (before == _LF)
    behind = block[np.minimum(closing + 1, len(block) - 1)]
    closes = (closing == len(block) - 1) | (behind == delimiter) | (behind == _LF) | (behind == _CR)
    paired = opening[1:] == closing[: len(opening) - 1] + 1
    opens[1:] |= paired
    closes[: len(paired)] |= paired
    wrong = ~np.concatenate((opens, closes))
    if not wrong.any():
        return quotes[:0]
    return np.sort(np.concatenate((opening, closing))[wrong])


def _walk(seen: _Quotes, judge: Judge) -> _Walk:
    """Go from one wrong quote to the next, having the record around each read strictly."""
    size = len(seen.block)
    walk = _Walk(limit=size)
    at = phase = 0
    while True:
        wrong, ends = seen.phase(phase)
        next_wrong = int(np.searchsorted(wrong, at))
        if next_wrong == len(wrong):
            return walk
        previous = int(np.searchsorted(ends, wrong[next_wrong])) - 1
        begin = max(int(ends[previous]) + 1 if previous >= 0 else 0, at)
        few = len(walk.islands) < _FEW + size // _DENSITY
        read = judge(begin, int(np.searchsorted(seen.feeds, begin))) if few else None
        if read is None or read[1] > size:
            walk.limit, walk.refused = begin, True
            return walk
        record, at = read
        walk.islands.append((begin, at, record))
        phase = int(np.searchsorted(seen.quotes, at)) & 1
        walk.bounds.append(at)
        walk.phases.append(phase)


def _cells(
    block: Bytes, places: Places, feeds: Mask, outside: Mask, walk: _Walk, quotes: Places, doubled: Places
) -> Cells:
    newlines: Places = np.cumsum(feeds, dtype=np.int64)
    ends = np.flatnonzero(outside & feeds)
    ends = ends[: np.searchsorted(places[ends], walk.limit)]
    proven = _short_records(places[ends])
    doubtful = walk.refused or proven < len(ends) or _runs_on(block, ends[:proven], places)
    ends = ends[:proven]
    if not proven:
        none = places[:0]
        return Cells(none, none, none, none, none, 0, 0, {}, doubtful)
    separators = places[: ends[-1] + 1][outside[: ends[-1] + 1]]
    starts = np.concatenate((np.zeros(1, np.int64), separators[:-1] + 1))
    stops = separators.copy()
    last = np.flatnonzero(block[separators] == _LF)
    line_ends = separators[last]
    stops[last] -= (block[line_ends - 1] == _CR) & (line_ends > starts[last])
    taken = int(line_ends[-1]) + 1
    islands = {int(np.searchsorted(line_ends, end - 1)): read for _, end, read in walk.islands if end <= taken}
    quoted = int(np.searchsorted(quotes, taken))
    return Cells(starts, stops, last, newlines[ends], doubled[doubled < taken], taken, quoted, islands, doubtful)


def _short_records(ends: Places) -> int:
    """Return how many leading records are too short for any cell to exceed the limit of quoted cells."""
    found = np.flatnonzero(np.diff(ends, prepend=-1) > QUOTED_SIZE)
    return int(found[0]) if len(found) else len(ends)


def _runs_on(block: Bytes, ends: Places, places: Places) -> bool:
    """Tell whether the record after the last whole one already exceeds the limit of quoted cells."""
    begin = int(places[ends[-1]]) + 1 if len(ends) else 0
    return len(block) - begin > QUOTED_SIZE
