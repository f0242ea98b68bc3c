"""Filling empty cells from rows above, across blocks; what stands above may be faulty, and then so is the copy."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from gateway.formats.blanks import WHITE
from gateway.mapping.sources import cell, kind_of
from gateway.mapping.steps import choose

_KEY = "@within"


class FillDown:
    """Fills the columns at `indices`. Keeps what stood above between blocks: blocks come in file order.

    `within`: cells take only what stands above in a row that is alike in the first filled one of these columns, and
    however far above. Those of them that are filled themselves take the value above whatever it belongs to.
    """

    def __init__(self, indices: tuple[int, ...], within: tuple[int, ...] = ()) -> None:
        self._indices = indices
        self._plain = tuple(index for index in indices if not within or index in within)
        self._last: dict[int, tuple[str | None, int | None, bool]] = dict.fromkeys(self._plain, (None, None, False))
        bound = tuple(index for index in indices if index not in self._plain)
        self._bound = _Bound(bound, within) if bound else None

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
        for index in self._plain:
            texts = frame[cell(index)]
            blank = _blank(texts)
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
        return self._bound.fill(frame, faulty, copies) if self._bound is not None else (frame, copies)


class _Bound:
    """Fills columns among rows that belong together: one remembered row per key."""

    def __init__(self, indices: tuple[int, ...], within: tuple[int, ...]) -> None:
        self._indices, self._within = indices, within
        parts = [(f"t{index}", f"k{index}", f"b{index}") for index in indices]
        self._parts = dict(zip(indices, parts, strict=True))
        types: dict[str, type[pl.DataType]] = {_KEY: pl.String}
        for text, kind, bad in parts:
            types |= {text: pl.String, kind: pl.UInt8, bad: pl.UInt8}
        self._seen = pl.DataFrame(schema=types)

    def fill(
        self, frame: pl.DataFrame, faulty: Mapping[int, pl.Series], copies: dict[int, pl.Series]
    ) -> tuple[pl.DataFrame, dict[int, pl.Series]]:
        """Fill one block and remember its last row of every key."""
        named = [pl.col(cell(index)).str.strip_chars(WHITE) for index in self._within]
        keys = frame.select(pl.coalesce(pl.when(name != "").then(name) for name in named).alias(_KEY))
        before = keys.join(self._seen, on=_KEY, how="left", maintain_order="left")
        filled = keys
        for index, names in self._parts.items():
            cells, copied = _among(frame, index, keys[_KEY], before, names, faulty.get(index))
            filled = filled.hstack(cells)
            if copied.any():
                copies[index] = copied
            frame = frame.with_columns(cells[names[0]].alias(cell(index)))
            if kind_of(index) in frame.columns:
                frame = frame.with_columns(cells[names[1]].alias(kind_of(index)))
        newest = filled.filter(pl.col(_KEY).is_not_null()).unique(_KEY, keep="last", maintain_order=True)
        texts = [pl.col(text) for text, _, _ in self._parts.values()]
        newest = newest.with_columns(pl.when(text.str.strip_chars(WHITE) != "").then(text) for text in texts)
        self._seen = pl.concat([self._seen.join(newest, on=_KEY, how="anti"), newest])
        return frame, copies


def _among(
    frame: pl.DataFrame,
    index: int,
    keys: pl.Series,
    before: pl.DataFrame,
    names: tuple[str, str, str],
    bad: pl.Series | None,
) -> tuple[pl.DataFrame, pl.Series]:
    """One column filled by key: its texts, kinds and marks under `names`, and the mask of copies of faulty cells."""
    text, kind, mark = names
    texts = frame[cell(index)]
    blank = _blank(texts)
    faulty = bad if bad is not None else pl.Series([False]).new_from_index(0, frame.height)
    kinds = pl.Series([None], dtype=pl.UInt8).new_from_index(0, frame.height)
    kinds = frame[kind_of(index)] if kind_of(index) in frame.columns else kinds
    own = pl.DataFrame([keys, texts.alias(text), kinds.alias(kind), faulty.cast(pl.UInt8).alias(mark)])
    own = own.with_columns(blank.alias("blank"), *(before[name].alias(f"{name} before") for name in names))

    def above(name: str, value: pl.Expr) -> pl.Expr:
        # A row of no key belongs to nothing: it is filled from nowhere.
        found = pl.coalesce(value.forward_fill().over(_KEY), pl.col(f"{name} before"))
        return pl.when(pl.col(_KEY).is_not_null()).then(found)

    stands = ~pl.col("blank")
    cells = own.select(
        pl.coalesce(above(text, pl.when(stands).then(text)), text).alias(text),
        pl.coalesce(above(kind, pl.when(stands).then(kind)), kind).alias(kind),
        pl.coalesce(above(mark, pl.when(stands | (pl.col(mark) == 1)).then(mark)), mark).alias(mark),
    )
    return cells, (cells[mark] == 1) & blank


def _blank(texts: pl.Series) -> pl.Series:
    return (texts.str.strip_chars(WHITE) == "").fill_null(True)


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
