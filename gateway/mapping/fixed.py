"""Dates whose every part stands at a fixed place, read from the bytes of a whole column at once; it knows no zone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

_OTHERS = frozenset({"yy", "MMM", "M", "d", "H", "hh", "h", "a", "X"})
"""Tokens without a fixed width, or that mean something only with another part."""
_WIDTHS = {"yyyy": 4, "MM": 2, "dd": 2, "HH": 2, "mm": 2, "ss": 2}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MICRO = 1_000_000
_EPOCH_MONTH = 1970 * 12
_ZERO = ord("0")

_Numbers = npt.NDArray[np.int64]
_Bytes = npt.NDArray[np.uint8]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FixedForm:
    """Where the parts of a date stand: `parts` by token, `marks` (place, byte) between them; `size` in bytes."""

    size: int
    parts: dict[str, int]
    marks: tuple[tuple[int, int], ...]

    def stamps(self, texts: pl.Series) -> pl.Series:
        """Naive Datetime("us") as written; null where the text has another form or the day or time does not exist."""
        cells = texts.cast(pl.Binary).bin.reinterpret(dtype=pl.Array(pl.UInt8, self.size))
        if not cells.null_count():
            return self._read(cells.to_numpy()).cast(pl.Datetime("us"))
        there = cells.is_not_null().arg_true()
        none = pl.Series([None], dtype=pl.Int64).new_from_index(0, texts.len())
        if not there.len():
            return none.cast(pl.Datetime("us"))
        return none.scatter(there, self._read(cells.drop_nulls().to_numpy())).cast(pl.Datetime("us"))

    def _read(self, cells: _Bytes) -> pl.Series:
        """Microseconds since 1970 (Int64) of texts of the right size."""
        columns: _Bytes = np.ascontiguousarray(cells.T)
        good: _Mask = np.ones(len(cells), np.bool_)
        for place, mark in self.marks:
            good &= columns[place] == mark
        year, month, day, hour, minute, second = (self._number(columns, token, good) for token in _WIDTHS)
        good &= (year >= 1000) & (month >= 1) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60)
        months = year * 12 + (month - 1)
        if not good.any():
            return pl.Series([None], dtype=pl.Int64).new_from_index(0, len(cells))
        first, last = int(months[good].min()), int(months[good].max())
        begins: _Numbers = np.arange(first - _EPOCH_MONTH, last - _EPOCH_MONTH + 2).astype("M8[M]").astype("M8[D]")
        begins = begins.astype(np.int64)
        index = np.clip(months, first, last) - first
        good &= (day >= 1) & (day <= np.diff(begins)[index])
        days = begins[index] + (day - 1)
        moments = pl.Series((days * _DAY + hour * _HOUR + minute * _MINUTE + second) * _MICRO)
        return moments if good.all() else moments.set(pl.Series(~good), None)

    def _number(self, columns: _Bytes, token: str, good: _Mask) -> _Numbers:
        """Value of a part, the least it can be where the form has none; takes texts without digits there from `good`.

        Int64, because the sum of all parts is.
        """
        place = self.parts.get(token)
        number: _Numbers = np.zeros(columns.shape[1], np.int64)
        if place is None:
            return number
        for column in columns[place : place + _WIDTHS[token]]:
            digit = column - np.uint8(_ZERO)  # what is no digit wraps round to more than 9
            good &= digit < 10
            number = number * 10 + digit
        return number


def fixed_form(pieces: tuple[str, ...]) -> FixedForm | None:
    """Return the form of a pattern's pieces, or None when a part has no fixed width or is no number."""
    parts: dict[str, int] = {}
    marks: list[tuple[int, int]] = []
    size = 0
    for piece in pieces:
        if piece in _WIDTHS:
            parts[piece] = size
            size += _WIDTHS[piece]
        elif piece in _OTHERS or piece.startswith(".S"):
            return None
        else:
            literal = (piece.strip("'") if len(piece) > 1 else piece).encode()
            marks += [(size + place, byte) for place, byte in enumerate(literal)]
            size += len(literal)
    return FixedForm(size, parts, tuple(marks)) if {"yyyy", "MM", "dd"} <= parts.keys() else None
