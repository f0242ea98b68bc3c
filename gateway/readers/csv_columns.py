"""The columnar CSV reader: reads in columns what a byte scan proves equal to the strict reader's reading.

Three ways, all for bytes that begin at a record and only up to the last record end:

- no quote, and as many delimiters as records of full length have: polars' own CSV parser;
- quotes that all enclose whole cells, and every record of full length: the same, held to the number of records and the
  bytes of text that the scan found;
- else: the places of the cells are found and proven, and the cells are cut out of the bytes.

A part ends before what is not plain text (a CR without LF, a zero byte, bytes that are not UTF-8), and before a record
longer than a quoted cell may be.
"""

from __future__ import annotations

from concurrent.futures import wait

import numpy as np
import numpy.typing as npt
import polars as pl

from gateway.ahead import beside
from gateway.formats.layout import CsvLayout
from gateway.model import ISSUE_SCHEMA, LINE, ROW
from gateway.readers.csv_plain import blanks_in, plain_text
from gateway.readers.csv_shape import BLANKS, Part, Place, Shape, schema_of
from gateway.readers.csv_strict import Record, StrictReader
from gateway.readers.csv_tokens import Bytes, Cells, Mask, Places, find_cells
from gateway.wording import filled

_LF = 10
_BOM = b"\xef\xbb\xbf"


class ColumnReader:
    """Reads parts in columns; `usable` is False for layouts whose delimiter or quote is not one byte of UTF-8."""

    def __init__(self, layout: CsvLayout, strict: StrictReader) -> None:
        self._strict = strict
        self.usable = layout.delimiter.isascii() and layout.quote.isascii()
        self._layout = layout
        self._delimiter = ord(layout.delimiter)
        self._quote = ord(layout.quote) if layout.quote else None

    def part(self, data: bytes, place: Place, shape: Shape) -> Part:
        """Read as many records as are proven; `doubtful` when the strict reader must judge what follows."""
        limit, doubtful = plain_text(data)
        quoted = self._quote is not None and data.find(self._quote, 0, limit) >= 0
        if not quoted:
            whole = data[: data.rfind(b"\n", 0, limit) + 1]
            block = np.frombuffer(whole, np.uint8)
            records = int(np.count_nonzero(block == _LF))
            if np.count_nonzero(block == self._delimiter) == records * (shape.columns - 1):
                frame, blanks = self._looked_through(whole, shape, "")
                if frame is not None and frame.height == records:
                    after = Place(place.row + records, place.line + records)
                    numbered = frame.rechunk().select(  # polars gives several pieces, and each costs every later step
                        pl.int_range(place.row, after.row, dtype=pl.Int64).alias(ROW),
                        pl.int_range(place.line, after.line, dtype=pl.Int64).alias(LINE),
                        pl.all(),
                    )
                    full = _without_blanks(numbered, shape)
                    return Part(full, None, records - full.height, len(whole), after, doubtful, blanks)
        return self._cut(data, limit, place, shape, doubtful=doubtful)

    def _looked_through(self, block: bytes, shape: Shape, quote: str) -> tuple[pl.DataFrame | None, str | None]:
        """Parse a block, and find the blanks its cells can begin or end with beside it."""
        if not block:
            return None, None
        blanks = beside(blanks_in, block, self._layout.delimiter, quote)
        try:
            frame = self._parsed(block, shape, quote or None)
        finally:
            wait([blanks])
        return frame, blanks.result()

    def _parsed(self, block: bytes, shape: Shape, quote: str | None) -> pl.DataFrame | None:
        """Let polars parse a block; None where it refuses or would take off a byte order mark."""
        if block.startswith(_BOM):
            return None
        try:
            return pl.read_csv(
                block,
                has_header=False,
                separator=self._layout.delimiter,
                quote_char=quote,
                infer_schema=False,
                schema=dict.fromkeys(shape.names, pl.String),
                empty_string_is_null=False,
            )
        except pl.exceptions.PolarsError:
            return None

    def _cut(self, data: bytes, limit: int, place: Place, shape: Shape, *, doubtful: bool) -> Part:
        def judge(at: int, feeds: int) -> tuple[Record, int] | None:
            return self._strict.one(data, at, place.line + feeds)

        block = np.frombuffer(data, np.uint8, limit)
        cells = find_cells(block, self._delimiter, self._quote, judge)
        doubtful = doubtful or cells.doubtful
        records = len(cells.last)
        if not records:
            return Part(pl.DataFrame(schema=schema_of(shape)), None, 0, 0, place, doubtful)
        counts = np.diff(cells.last, prepend=-1)
        lines = place.line + np.concatenate((np.zeros(1, np.int64), cells.newlines[:-1]))
        places = pl.DataFrame({ROW: np.arange(place.row, place.row + records), LINE: lines})
        after = Place(place.row + records, place.line + int(cells.newlines[-1]))
        if not cells.islands and (counts == shape.columns).all():
            parsed, blanks = self._looked_through(data[: cells.taken], shape, self._layout.quote)
            if parsed is not None and parsed.height == records and _text_bytes(parsed) == cells.text_bytes:
                full = _without_blanks(places.hstack(parsed.rechunk()), shape)
                return Part(full, None, records - full.height, cells.taken, after, doubtful, blanks)
        bare = _Bare(data, block, cells, self._layout.quote)
        frame = places.hstack(bare.columns(shape, counts))
        surplus = bare.surplus(shape, counts)
        proven = np.ones(records, bool)
        proven[list(cells.islands)] = False
        full = _without_blanks(frame, shape, proven, surplus)
        faults = _lengths(places, counts, surplus, full, shape)
        if cells.islands:
            full, faults = self._with_islands(full, faults, cells, place.row, shape)
        return Part(full, faults, records - full.height, cells.taken, after, doubtful)

    def _with_islands(
        self, frame: pl.DataFrame, faults: pl.DataFrame | None, cells: Cells, row: int, shape: Shape
    ) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """Put the records that were read strictly in their places."""
        read = ((row + index, record) for index, record in cells.islands.items())
        strict, more = self._strict.judged(read, shape, clean=True)
        issues = [each for each in (faults, more) if each is not None]
        merged = pl.concat([frame, strict]).sort(ROW)
        return merged, pl.concat(issues).sort(ROW, maintain_order=True) if issues else None


class _Bare:
    """Cells cut out of their bytes, without the enclosing quotes and with single quotes for doubled ones."""

    def __init__(self, data: bytes, block: Bytes, cells: Cells, quote: str) -> None:
        self._cells = cells
        starts, ends = cells.starts, cells.ends
        if quote:
            quoted = (block[np.minimum(starts, len(block) - 1)] == ord(quote)) & (ends > starts)
            starts, ends = starts + quoted, ends - quoted
        if len(cells.doubled):
            keep = np.ones(len(block), bool)
            keep[cells.doubled] = False
            data = block[keep].tobytes()
            starts = starts - np.searchsorted(cells.doubled, starts)
            ends = ends - np.searchsorted(cells.doubled, ends)
        self._source = pl.lit(pl.Series([data], dtype=pl.Binary))
        self._starts, self._sizes = starts, ends - starts
        # an island has one cell here, which means nothing and must not be read as text
        self._sizes[cells.last[list(cells.islands)]] = 0

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


def _text_bytes(frame: pl.DataFrame) -> int:
    return int(frame.select(pl.sum_horizontal(pl.all().str.len_bytes().sum().cast(pl.Int64))).item())


def _without_blanks(
    frame: pl.DataFrame, shape: Shape, proven: Mask | None = None, filled: Mask | None = None
) -> pl.DataFrame:
    """Leave out records whose cells hold nothing but blanks, except those `filled` beyond; keep only `proven` ones."""
    keep = pl.Series(proven if proven is not None else np.ones(frame.height, bool))
    # a blank cell is empty or begins with a blank, and every blank sorts before "!" or behind ASCII
    doubt = frame.select(((pl.col("c0") < "!") | (pl.col("c0") > "\x7f")).fill_null(True)).to_series().arg_true()
    if doubt.len():
        found = frame[doubt].select(pl.all_horizontal(_blank(name) for name in shape.names)).to_series()
        mask = np.zeros(frame.height, bool)
        mask[doubt.to_numpy()] = found.to_numpy()
        blank = pl.Series(mask)
        keep &= ~blank if filled is None else ~blank | pl.Series(filled)
    return frame if keep.all() else frame.filter(keep)


def _blank(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars(BLANKS).str.len_bytes().fill_null(0) == 0


def _lengths(
    places: pl.DataFrame, counts: Places, surplus: Mask, full: pl.DataFrame, shape: Shape
) -> pl.DataFrame | None:
    """Return issues of the records of `full` that have too few cells, or too many that are not blank."""
    wrong = (counts < shape.needed) | surplus
    if not wrong.any():
        return None
    cells = pl.col("cells")
    named = places.with_columns(cells=pl.Series(counts)).filter(pl.Series(wrong)).join(full, on=ROW, how="semi")
    issues = named.sort(ROW).with_columns(
        code=pl.when(cells < shape.needed).then(pl.lit("ROW_TOO_SHORT")).otherwise(pl.lit("ROW_TOO_LONG")),
        field=pl.lit(None, pl.String),
        value=pl.lit(None, pl.String),
        detail=filled("{} instead of {}", cells, pl.lit(shape.columns)),
    )
    return issues.select(pl.col(name).cast(kind) for name, kind in ISSUE_SCHEMA.items())
