"""Filling empty cells from rows above, across blocks; what stands above may be faulty, and then so is the copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from gateway.formats.blanks import WHITE
from gateway.mapping.sources import cell, kind_of
from gateway.mapping.steps import choose
from gateway.model import ROW, Filled, Kind, Table

_KEY = "@within"
_MARK = r"^\[(row [0-9]+)\]$"
"""Stands, in a row by itself, in a cell that would be copied from a faulty row: it can't be taken for a value."""


@dataclass(slots=True)
class FilledFrame:
    """A block with its empty cells filled. `above`: per column the row whose value a cell took, null where none.

    `copies`: only of columns that have any, the faulty row of cells that would be copied from one, else null.
    """

    frame: pl.DataFrame
    above: dict[int, pl.Series] = field(default_factory=dict)
    copies: dict[int, pl.Series] = field(default_factory=dict)


class FillDown:
    """Fills the columns at `indices`. Keeps what stood above between blocks: blocks come in file order.

    `within`: cells take only what stands above in a row that is alike in the first filled one of these columns, and
    however far above. Those of them that are filled themselves take the value above whatever it belongs to.
    """

    def __init__(self, indices: tuple[int, ...], within: tuple[int, ...] = ()) -> None:
        self._indices = indices
        self._plain = tuple(index for index in indices if not within or index in within)
        self._last: dict[int, _Above] = {index: _Above() for index in self._plain}
        bound = tuple(index for index in indices if index not in self._plain)
        self._bound = _Bound(bound, within) if bound else None

    @property
    def indices(self) -> frozenset[int]:
        """Source columns that are filled."""
        return frozenset(self._indices)

    def fill(self, frame: pl.DataFrame, faulty: Mapping[int, pl.Series]) -> FilledFrame:
        """Fill a block (`@row` and cells, with kinds beside those that are typed).

        `faulty`: per column a mask of cells that are not what they should be (their row or they have an issue).
        """
        done = FilledFrame(frame)
        if frame.height == 0:
            return done
        for index in self._plain:
            self._last[index] = _from_above(done, index, self._last[index], faulty.get(index))
        if self._bound is not None:
            self._bound.fill(done, faulty)
        return done


@dataclass(frozen=True, slots=True)
class _Above:
    """What stands above the first row of a block: a cell, the row it is from, and the row that is faulty (0: none)."""

    text: str | None = None
    kind: int | None = None
    row: int | None = None
    faulty: int = 0


def _from_above(done: FilledFrame, index: int, last: _Above, bad: pl.Series | None) -> _Above:
    """Fill one column from the row above; returns what stands above the next block."""
    frame, rows = done.frame, done.frame[ROW]
    texts = frame[cell(index)]
    blank = _blank(texts)
    filled = [_filled(texts, blank, last.text)]
    if kind_of(index) in frame.columns:
        filled.append(_filled(frame[kind_of(index)], blank, last.kind))
    origins = _filled(rows, blank, last.row)
    faulty = 0
    if bad is not None or last.faulty:
        marks = _marks(rows, bad)
        given = _filled(marks, blank, last.faulty)  # by the row whose value it is; then by a faulty row in between
        spread = choose(given > 0, given, _filled(marks, blank & (marks == 0), last.faulty))
        done.copies |= _copied(index, blank, spread, rows)
        faulty = int(spread[-1])
    done.above[index] = pl.select(pl.when(blank & (origins != rows)).then(origins)).to_series()
    done.frame = frame.with_columns(filled)
    if blank.all() and last.row is None:
        return _Above(faulty=faulty)
    kind = filled[1][-1] if len(filled) > 1 else last.kind
    return _Above(filled[0][-1], kind, int(origins[-1]), faulty)


class _Bound:
    """Fills columns among rows that belong together: one remembered row per key."""

    def __init__(self, indices: tuple[int, ...], within: tuple[int, ...]) -> None:
        self._indices, self._within = indices, within
        parts = [(f"t{index}", f"k{index}", f"b{index}", f"r{index}") for index in indices]
        self._parts = dict(zip(indices, parts, strict=True))
        types: dict[str, type[pl.DataType]] = {_KEY: pl.String}
        for text, kind, bad, row in parts:
            types |= {text: pl.String, kind: pl.UInt8, bad: pl.Int64, row: pl.Int64}
        self._seen = pl.DataFrame(schema=types)

    def fill(self, done: FilledFrame, faulty: Mapping[int, pl.Series]) -> None:
        """Fill one block and remember its last row of every key."""
        rows = done.frame[ROW]
        named = [pl.col(cell(index)).str.strip_chars(WHITE) for index in self._within]
        keys = done.frame.select(pl.coalesce(pl.when(name != "").then(name) for name in named).alias(_KEY))
        before = keys.join(self._seen, on=_KEY, how="left", maintain_order="left")
        filled = keys
        for index, names in self._parts.items():
            blank = _blank(done.frame[cell(index)])
            cells = _among(done.frame, index, keys[_KEY], before, names, faulty.get(index))
            filled = filled.hstack(cells)
            text, kind, mark, row = names
            done.above[index] = pl.select(pl.when(blank & (cells[row] != rows)).then(cells[row])).to_series()
            done.copies |= _copied(index, blank, cells[mark], rows)
            done.frame = done.frame.with_columns(cells[text].alias(cell(index)))
            if kind_of(index) in done.frame.columns:
                done.frame = done.frame.with_columns(cells[kind].alias(kind_of(index)))
        newest = filled.filter(pl.col(_KEY).is_not_null()).unique(_KEY, keep="last", maintain_order=True)
        texts = [pl.col(text) for text, *_ in self._parts.values()]
        newest = newest.with_columns(pl.when(text.str.strip_chars(WHITE) != "").then(text) for text in texts)
        self._seen = pl.concat([self._seen.join(newest, on=_KEY, how="anti"), newest])


def _among(
    frame: pl.DataFrame,
    index: int,
    keys: pl.Series,
    before: pl.DataFrame,
    names: tuple[str, str, str, str],
    bad: pl.Series | None,
) -> pl.DataFrame:
    """One column filled by key, as `names`: its texts, kinds, faulty rows (0: none) and the rows it is from."""
    text, kind, mark, row = names
    texts = frame[cell(index)]
    kinds = pl.Series([None], dtype=pl.UInt8).new_from_index(0, frame.height)
    kinds = frame[kind_of(index)] if kind_of(index) in frame.columns else kinds
    marks = _marks(frame[ROW], bad)
    own = pl.DataFrame([keys, texts.alias(text), kinds.alias(kind), marks.alias(mark), frame[ROW].alias(row)])
    own = own.with_columns(_blank(texts).alias("blank"), *(before[name].alias(f"{name} before") for name in names))

    def above(name: str, value: pl.Expr) -> pl.Expr:
        # A row of no key belongs to nothing: it is filled from nowhere.
        found = pl.coalesce(value.forward_fill().over(_KEY), pl.col(f"{name} before"))
        return pl.when(pl.col(_KEY).is_not_null()).then(found)

    stands = ~pl.col("blank")
    # the mark of the row whose value it is; then that of a faulty row in between
    given = above(mark, pl.when(stands).then(mark))
    between = pl.coalesce(above(mark, pl.when(stands | (pl.col(mark) > 0)).then(mark)), mark)
    return own.select(
        pl.coalesce(above(text, pl.when(stands).then(text)), text).alias(text),
        pl.coalesce(above(kind, pl.when(stands).then(kind)), kind).alias(kind),
        pl.when(given > 0).then(given).otherwise(between).alias(mark),
        above(row, pl.when(stands).then(row)).alias(row),
    )


def _marks(rows: pl.Series, bad: pl.Series | None) -> pl.Series:
    """Return the row of each faulty cell, 0 of the others."""
    nothing = pl.Series([0], dtype=pl.Int64).new_from_index(0, rows.len())
    return nothing if bad is None else choose(bad, rows, nothing)


def _copied(index: int, blank: pl.Series, faulty: pl.Series, rows: pl.Series) -> dict[int, pl.Series]:
    """Return the faulty rows that empty cells would be copied from, where there are any: never the cell's own."""
    copied = blank & (faulty > 0) & (faulty != rows)
    return {index: pl.select(pl.when(copied).then(faulty)).to_series()} if copied.any() else {}


def _blank(texts: pl.Series) -> pl.Series:
    return (texts.str.strip_chars(WHITE) == "").fill_null(True)


def _filled(values: pl.Series, blank: pl.Series, before: str | int | None) -> pl.Series:
    nothing = pl.Series([None], dtype=values.dtype).new_from_index(0, len(values))
    above = choose(blank, nothing, values).fill_null(strategy="forward")
    if before is not None:
        above = above.fill_null(before)
    # With nothing above, an empty cell stays empty and a missing one missing.
    return choose(above.is_null(), values, above).alias(values.name)


def standing(table: Table, done: FilledFrame) -> Filled:
    """Return the block with what it was filled with, copies of faulty cells marked; rows left out before stay too."""
    size, rows = table.frame.height, done.frame[ROW]
    whole = size == rows.len()
    at = pl.Series(dtype=pl.UInt32) if whole else table.frame[ROW].search_sorted(rows)
    frame, kinds = table.frame, table.kinds
    for index, above in done.above.items():
        took, texts = above.is_not_null(), done.frame[cell(index)]
        filled_kinds = done.frame[kind_of(index)] if kinds is not None else None
        if index in done.copies:
            faulty = done.copies[index]
            took |= faulty.is_not_null()
            marks = pl.select(pl.concat_str(pl.lit("[row "), faulty, pl.lit("]"))).to_series()
            texts = choose(faulty.is_not_null(), marks, texts)
            if filled_kinds is not None:
                plain = pl.Series([int(Kind.TEXT)], dtype=pl.UInt8).new_from_index(0, rows.len())
                filled_kinds = choose(faulty.is_not_null(), plain, filled_kinds)
        if not took.any():
            continue
        frame = frame.with_columns(_placed(frame[cell(index)], texts, took, at, whole=whole).alias(cell(index)))
        if kinds is not None and filled_kinds is not None:
            placed = _placed(kinds[cell(index)], filled_kinds, took, at, whole=whole)
            kinds = kinds.with_columns(placed.alias(cell(index)))
    origins = pl.DataFrame([rows, *(above.alias(cell(index)) for index, above in done.above.items())])
    return Filled(replace(table, frame=frame, kinds=kinds), origins)


def marked(texts: pl.Series) -> pl.Series | None:
    """Return the rows that marks of `standing` name, like `row 6`, null where there is no mark; None where none is."""
    if not texts.str.contains("[row ", literal=True).any():
        return None
    rows = texts.str.strip_chars(WHITE).str.extract(_MARK)
    return rows if rows.is_not_null().any() else None


def _placed(came: pl.Series, values: pl.Series, took: pl.Series, at: pl.Series, *, whole: bool) -> pl.Series:
    """Return a column with the values that its cells took; `at`: the places of values that are not the whole column."""
    if whole:
        return choose(took, values, came)
    return came.scatter(at.filter(took), values.filter(took))
