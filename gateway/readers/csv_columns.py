"""The columnar CSV reader: reads in columns what a byte scan proves equal to the strict reader's reading.

Two ways, both for bytes that begin at a record and only up to the last record end:

- no quote, and as many delimiters as records of full length have: polars' own CSV parser;
- else: delimiters, line ends and quotes are found in the bytes, quotes are proven to do nothing but enclose whole
  cells (doubled inside), and the cells are cut out of the bytes by their places.

What is not proven ends the part: a CR without LF, a zero byte, bytes that are not UTF-8, a quote in another place,
a record longer than a quoted cell may be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from gateway.formats.layout import CsvLayout
from gateway.model import ISSUE_SCHEMA, LINE, ROW
from gateway.readers.csv_shape import BLANKS, QUOTED_LINES, QUOTED_SIZE, Part, Place, Shape

Places: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Bytes: TypeAlias = npt.NDArray[np.uint8]

_LF, _CR = 10, 13
_LONE_CR = re.compile(rb"\r(?!\n)")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class _Cells:
    """Cells of whole records: `starts` and `ends` in the bytes, enclosing quotes included.

    `last`: index of the last cell per record; `newlines`: physical lines up to the end of each record;
    `doubled`: places of quotes that follow their double.
    """

    starts: Places
    ends: Places
    last: Places
    newlines: Places
    doubled: Places

    @property
    def first(self) -> Places:
        """Index of the first cell per record."""
        return np.concatenate((np.zeros(1, np.int64), self.last[:-1] + 1))


class ColumnReader:
    """Reads parts in columns; `usable` is False for layouts whose delimiter or quote is not one byte of UTF-8."""

    def __init__(self, layout: CsvLayout) -> None:
        self.usable = layout.delimiter.isascii() and layout.quote.isascii()
        self._layout = layout
        self._delimiter = ord(layout.delimiter)
        self._quote = ord(layout.quote) if layout.quote else None

    def part(self, data: bytes, place: Place, shape: Shape) -> Part:
        """Read as many records as are proven; `doubtful` when the strict reader must judge what follows."""
        limit, doubtful = _plain_text(data)
        quoted = self._quote is not None and data.find(self._quote, 0, limit) >= 0
        if not quoted:
            taken = data.rfind(b"\n", 0, limit) + 1
            block = np.frombuffer(data, np.uint8, taken)
            records = int(np.count_nonzero(block == _LF))
            if np.count_nonzero(block == self._delimiter) == records * (shape.columns - 1):
                frame = self._parsed(data[:taken], shape)
                if frame is not None and frame.height == records:
                    after = Place(place.row + records, place.line + records)
                    numbered = frame.select(
                        pl.int_range(place.row, after.row, dtype=pl.Int64).alias(ROW),
                        pl.int_range(place.line, after.line, dtype=pl.Int64).alias(LINE),
                        pl.all(),
                    )
                    full = _without_blanks(numbered, shape)
                    return Part(full, None, records - full.height, taken, after, doubtful)
        return self._cut(data, limit, place, shape, doubtful=doubtful)

    def _parsed(self, block: bytes, shape: Shape) -> pl.DataFrame | None:
        """Let polars parse a block without quotes; None where it refuses or would take off a byte order mark."""
        if not block or block.startswith(_BOM):
            return None
        try:
            return pl.read_csv(
                block,
                has_header=False,
                separator=self._layout.delimiter,
                quote_char=None,
                infer_schema=False,
                schema=dict.fromkeys(shape.names, pl.String),
                empty_string_is_null=False,
            )
        except pl.exceptions.PolarsError:
            return None

    def _cut(self, data: bytes, limit: int, place: Place, shape: Shape, *, doubtful: bool) -> Part:
        block = np.frombuffer(data, np.uint8, limit)
        cells, refused = _find_cells(block, self._delimiter, self._quote)
        doubtful = doubtful or refused
        records = len(cells.last)
        if not records:
            empty = pl.DataFrame(schema={ROW: pl.Int64, LINE: pl.Int64} | dict.fromkeys(shape.names, pl.String))
            return Part(empty, None, 0, 0, place, doubtful)
        counts = np.diff(cells.last, prepend=-1)
        numbers = np.arange(place.row, place.row + records)
        lines = place.line + np.concatenate((np.zeros(1, np.int64), cells.newlines[:-1]))
        bare = _Bare(data, block, cells, self._layout.quote)
        frame = pl.DataFrame({ROW: numbers, LINE: lines}).hstack(bare.columns(shape, counts))
        surplus = bare.surplus(shape, counts)
        full = _without_blanks(frame, shape, keep=surplus)
        faults = _lengths(numbers, lines, counts, surplus, shape)
        if faults is not None:
            faults = faults.join(full.select(ROW), on=ROW, how="semi", maintain_order="left")
        after = Place(place.row + records, place.line + int(cells.newlines[-1]))
        taken = int(cells.ends[-1]) + 1
        taken += block[taken - 1] == _CR
        return Part(full, faults, records - full.height, int(taken), after, doubtful)


def _plain_text(data: bytes) -> tuple[int, bool]:
    """Return how many bytes are UTF-8 text with LF or CR LF line ends, and whether something else follows them."""
    limit, doubtful = len(data), False
    zero = data.find(b"\0")
    if zero >= 0:
        limit, doubtful = zero, True
    block = np.frombuffer(data, np.uint8)
    feeds = np.count_nonzero((block[:-1] == _CR) & (block[1:] == _LF))
    if np.count_nonzero(block == _CR) != feeds:
        lone = _LONE_CR.search(data)
        if lone and lone.start() < min(limit, len(data) - 1):
            limit, doubtful = lone.start(), True
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as fault:
            if fault.start < limit:
                # a character cut by the end of the block is whole once the next one is added
                cut = fault.reason == "unexpected end of data"
                limit, doubtful = fault.start, doubtful or not cut
    return limit, doubtful


def _find_cells(block: Bytes, delimiter: int, quote: int | None) -> tuple[_Cells, bool]:
    """Find the cells of all proven records, and say whether something was refused."""
    structure = (block == delimiter) | (block == _LF)
    if quote is not None:
        structure |= block == quote
    places: Places = np.flatnonzero(structure)
    kinds = block[places]
    feeds = kinds == _LF
    newlines = np.cumsum(feeds)
    if quote is None:
        outside, quotes, refused_at = np.ones(len(places), bool), places[:0], len(block)
    else:
        is_quote = kinds == quote
        outside = (np.cumsum(is_quote) & 1 == 0) & ~is_quote
        quotes = places[is_quote]
        refused_at = _first_wrong_quote(block, quotes, delimiter)
    ends = np.flatnonzero(outside & feeds)
    ends = ends[: np.searchsorted(places[ends], refused_at)]
    proven = _short_records(places[ends], newlines[ends])
    refused = proven < len(ends) or refused_at < len(block) or _runs_on(block, ends[:proven], places, newlines)
    ends = ends[:proven]
    inside = outside[: ends[-1] + 1] if proven else outside[:0]
    separators = places[: len(inside)][inside]
    starts = np.concatenate((np.zeros(1, np.int64), separators[:-1] + 1))[: len(separators)]
    stops = separators.copy()
    last = np.flatnonzero(block[separators] == _LF)
    line_ends = separators[last]
    stops[last] -= (block[line_ends - 1] == _CR) & (line_ends > starts[last])
    doubled = quotes[1:][(np.diff(quotes) == 1) & (np.arange(1, len(quotes)) % 2 == 0)] if len(quotes) else quotes
    return _Cells(starts, stops, last, newlines[ends], doubled), refused


def _first_wrong_quote(block: Bytes, quotes: Places, delimiter: int) -> int:
    """Return the place of the first quote that neither encloses a cell nor doubles another, or the block's length.

    Up to it every other quote opens: at the beginning of a cell, or right behind a closing one (then the two are one
    quote inside the cell); each closing one stands at the end of its cell or right before an opening one.
    """
    if not len(quotes):
        return len(block)
    opening, closing = quotes[::2], quotes[1::2]
    before = block[np.maximum(opening - 1, 0)]
    good = (opening == 0) | (before == delimiter) | (before == _LF)
    good[1:] |= opening[1:] == closing[: len(opening) - 1] + 1
    behind = block[np.minimum(closing + 1, len(block) - 1)]
    fine = (closing == len(block) - 1) | (behind == delimiter) | (behind == _LF) | (behind == _CR)
    paired = opening[1:] == closing[: len(opening) - 1] + 1
    fine[: len(paired)] |= paired
    wrong = [places[~mask][:1] for places, mask in ((opening, good), (closing, fine))]
    return int(min((found[0] for found in wrong if len(found)), default=len(block)))


def _short_records(ends: Places, newlines: Places) -> int:
    """Return how many leading records are too short for any cell to exceed the limits of quoted cells."""
    long = (np.diff(ends, prepend=-1) > QUOTED_SIZE) | (np.diff(newlines, prepend=0) > QUOTED_LINES)
    found = np.flatnonzero(long)
    return int(found[0]) if len(found) else len(ends)


def _runs_on(block: Bytes, ends: Places, places: Places, newlines: Places) -> bool:
    """Tell whether the record after the last whole one already exceeds the limits of quoted cells."""
    begin, lines = (int(places[ends[-1]]) + 1, int(newlines[ends[-1]])) if len(ends) else (0, 0)
    total = int(newlines[-1]) if len(newlines) else 0
    return len(block) - begin > QUOTED_SIZE or total - lines >= QUOTED_LINES


class _Bare:
    """Cells cut out of their bytes, without the enclosing quotes and with single quotes for doubled ones."""

    def __init__(self, data: bytes, block: Bytes, cells: _Cells, quote: str) -> None:
        self._source = pl.lit(pl.Series([data], dtype=pl.Binary)).first()
        self._cells = cells
        self._quote = quote
        starts, ends = cells.starts, cells.ends
        if quote and len(block):
            quoted = (block[np.minimum(starts, len(block) - 1)] == ord(quote)) & (ends > starts)
            starts, ends = starts + quoted, ends - quoted
        self._starts, self._sizes = starts, ends - starts
        self._doubled: Mask = np.zeros(len(starts), bool)
        inner = cells.doubled[cells.doubled < cells.ends[-1]] if len(cells.ends) else cells.doubled
        self._doubled[np.searchsorted(cells.ends, inner)] = True

    def columns(self, shape: Shape, counts: Places) -> pl.DataFrame:
        """Return `c0`... of all records; null where a record has too few cells."""
        even = bool((counts == shape.columns).all())
        first = self._cells.first
        places: dict[str, npt.NDArray[np.generic]] = {}
        cut: list[pl.Expr] = []
        for index, name in enumerate(shape.names):
            chosen = slice(index, None, shape.columns) if even else np.minimum(first + index, len(self._starts) - 1)
            places |= {f"at{index}": self._starts[chosen], f"size{index}": self._sizes[chosen]}
            cell = self._source.bin.slice(pl.col(f"at{index}"), pl.col(f"size{index}")).cast(pl.String)
            if self._doubled[chosen].any():
                places[f"doubled{index}"] = self._doubled[chosen]
                single = cell.str.replace_all(self._quote * 2, self._quote, literal=True)
                cell = pl.when(pl.col(f"doubled{index}")).then(single).otherwise(cell)
            if not even:
                places[f"there{index}"] = counts > index
                cell = pl.when(pl.col(f"there{index}")).then(cell)
            cut.append(cell.alias(name))
        # contiguous copies: polars takes them over as they are
        frame = pl.DataFrame({name: np.ascontiguousarray(values) for name, values in places.items()})
        return frame.select(cut)

    def surplus(self, shape: Shape, counts: Places) -> Mask:
        """Tell per record whether a cell beyond the shape holds more than blanks."""
        holds = np.zeros(len(counts), bool)
        if not (counts > shape.columns).any():
            return holds
        record = np.repeat(np.arange(len(counts)), counts)
        beyond = np.arange(len(record)) - np.repeat(self._cells.first, counts) >= shape.columns
        frame = pl.DataFrame({"at": self._starts[beyond], "size": self._sizes[beyond]})
        text = self._source.bin.slice(pl.col("at"), pl.col("size")).cast(pl.String)
        filled = frame.select(text.str.strip_chars(BLANKS).str.len_bytes() > 0).to_series().to_numpy()
        holds[record[beyond][filled]] = True
        return holds


def _without_blanks(frame: pl.DataFrame, shape: Shape, keep: Mask | None = None) -> pl.DataFrame:
    """Leave out records whose cells hold nothing but blanks, except those in `keep`."""
    suspected = frame.select(_blank("c0")).to_series()
    if not suspected.any():
        return frame
    blank = frame.select(pl.all_horizontal(_blank(name) for name in shape.names)).to_series()
    if keep is not None:
        blank &= ~pl.Series(keep)
    return frame.filter(~blank)


def _blank(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars(BLANKS).str.len_bytes().fill_null(0) == 0


def _lengths(numbers: Places, lines: Places, counts: Places, surplus: Mask, shape: Shape) -> pl.DataFrame | None:
    """Return issues of records with too few cells, or with too many that are not blank."""
    wrong = (counts < shape.needed) | surplus
    if not wrong.any():
        return None
    code = pl.when(pl.col("cells") < shape.needed).then(pl.lit("ROW_TOO_SHORT")).otherwise(pl.lit("ROW_TOO_LONG"))
    detail = pl.format("{} instead of {}", pl.col("cells"), pl.lit(shape.columns))
    named = pl.DataFrame({ROW: numbers[wrong], LINE: lines[wrong], "cells": counts[wrong]}).with_columns(
        code.alias("code"), detail.alias("detail"), field=pl.lit(None, pl.String), value=pl.lit(None, pl.String)
    )
    return named.select(pl.col(name).cast(kind) for name, kind in ISSUE_SCHEMA.items())
