"""What a pass over a sheet finds: odd cells, merged ones, and how far it reaches."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import polars as pl

Merge = tuple[int, int, int, int]
"""First row, first column, last row, last column; rows from 1, columns from 0."""


class Oddity(enum.IntEnum):
    """What is odd about a cell."""

    NO_VALUE = 0
    ERROR = 1
    SHOWN = 2
    """Shown otherwise than held: `text` is what is shown."""
    EXACT = 3
    """More digits than a float holds: `text` is the number as written."""
    TWICE = 4
    """The sheet has another cell at the same place."""


ODD_SCHEMA: dict[str, type[pl.DataType]] = {"row": pl.Int64, "column": pl.Int64, "what": pl.UInt8, "text": pl.String}


@dataclass(frozen=True, slots=True)
class Scan:
    """What a pass found. `odd`: frame of ODD_SCHEMA; `last_row`, `width`: bound of the cells that hold something.

    `far`: last row and width of the cells with any content, be it an empty text. `padded`: a value that is no text has
    blanks at its ends, as in XML that was made pretty: calamine takes such a number for a text.
    """

    odd: pl.DataFrame
    merges: tuple[Merge, ...]
    last_row: int
    width: int
    far: tuple[int, int] = (0, 0)
    padded: bool = False

    @property
    def box(self) -> int:
        """Cells of the rectangle from A1 to the farthest cell: a dense reader holds no more in memory."""
        return max(self.last_row, self.far[0]) * max(self.width, self.far[1])


class Oddities:
    """Gathers odd cells."""

    def __init__(self) -> None:
        self._cells: list[tuple[int, int, int, str]] = []

    def put(self, row: int, column: int, what: Oddity, text: str) -> None:
        """Note a cell: row from 1, column from 0."""
        self._cells.append((row, column, what.value, text))

    def frame(self) -> pl.DataFrame:
        """Return them once each (frame of ODD_SCHEMA)."""
        return pl.DataFrame(self._cells, schema=ODD_SCHEMA, orient="row").unique(maintain_order=True)


def column_number(letters: str) -> int:
    """Return the column's position from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_letters(number: int) -> str:
    """Return the letters of a column's position from 0."""
    letters, rest = "", number + 1
    while rest:
        rest, digit = divmod(rest - 1, 26)
        letters = chr(65 + digit) + letters
    return letters
