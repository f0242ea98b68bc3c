"""What cells a stretch of sheet XML names, found without parsing: the farthest, and whether one may stand twice.

It knows no values.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_LETTER = ord("A")
_LAST = ord("Z")
_QUOTE = ord('"')
_DIGITS = 7
"""Most digits of a row number (1048576)."""
_ROW_START = b'<row r="'
_BEFORE_NAME = np.frombuffer(b" \t\r\n\"'", np.uint8)
_BEHIND_NAME = np.frombuffer(b"= \t\r\n", np.uint8)


Words = NDArray[np.uint64]
"""The eight bytes from any position of a text as one big-endian number: equally long texts compare like these."""


def words_of(body: bytes) -> Words:
    """Return the words of a text, zeros behind its end."""
    padded = body + bytes(16)
    return np.ndarray((len(padded) - 7,), np.dtype(">u8"), padded, strides=(1,))


def pairs_of(text: bytes) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return the pairs of bytes that begin at even places, and those at odd ones, each pair as one number.

    To compare these is many times faster than a search for two bytes where the first of them is frequent.
    """
    even = np.frombuffer(text, "<u2", len(text) // 2)
    return even, np.frombuffer(text, "<u2", (len(text) - 1) // 2, 1) if len(text) > 1 else even


class Bounds(NamedTuple):
    """Of some cells: the highest row (from 1), the number of columns, and the row of the first one.

    `ascending`: one that is not further right than the one before it stands in a later row: in a sheet whose rows
    follow each other none stands twice.
    """

    last_row: int
    width: int
    first_row: int
    ascending: bool


def bounds(words: Words, references: NDArray[np.intp]) -> Bounds | None:
    """Return the bounds of cells, or None when a reference is not like `A1"`.

    `references`: where the references begin in the text, in its order. Rows and cells may stand in any order.
    """
    if not len(references):
        return Bounds(0, 0, 0, ascending=True)
    columns, letters = _columns(words[references].astype(np.uint64))
    if columns is None:
        return None
    numbers = references + letters
    last = _highest(words[numbers].astype(np.uint64))
    if last is None:
        return None
    back = np.flatnonzero(columns[1:] <= columns[:-1])
    before, after = (_rows(words[numbers[at]].astype(np.uint64)) for at in (back, back + 1))
    first = int(_rows(words[numbers[:1]].astype(np.uint64))[0])
    return Bounds(last, int(columns.max()), first, ascending=bool((after > before).all()))


def all_begin(words: Words, positions: NDArray[np.intp], start: bytes) -> bool:
    """Tell whether `start` (at most eight bytes) stands at each of the positions."""
    spare = np.uint64(64 - 8 * len(start))
    return bool(((words[positions].astype(np.uint64) >> spare) == int.from_bytes(start, "big")).all())


def references_alone(body: bytes, words: Words, cells: int) -> bool:
    """Tell whether nothing but a cell or a row begins with an attribute `r`, once each: a reader may heed the last one.

    `cells`: how many cells begin with theirs. A text that looks like such an attribute counts as one, too.
    """
    block = np.frombuffer(body, np.uint8)
    letters = np.flatnonzero(block == ord("r"))
    letters = letters[(letters >= len(_ROW_START) - 3) & (letters < len(block) - 1)]
    named = letters[np.isin(block[letters - 1], _BEFORE_NAME) & np.isin(block[letters + 1], _BEHIND_NAME)]
    rows = words[named - (len(_ROW_START) - 3)].astype(np.uint64) == int.from_bytes(_ROW_START, "big")
    return len(named) - int(np.count_nonzero(rows)) == cells


def _byte(words: NDArray[np.uint64], position: int) -> NDArray[np.uint64]:
    return (words >> np.uint64(56 - 8 * position)) & np.uint64(0xFF)


def _columns(words: NDArray[np.uint64]) -> tuple[NDArray[np.uint64] | None, NDArray[np.intp]]:
    """Return the columns (from 1) and how many letters spell them; None when something else stands there."""
    first, second, third = (_byte(words, position) for position in range(3))
    two = second >= _LETTER
    three = two & (third >= _LETTER)
    odd = (first < _LETTER) | (first > _LAST) | (two & (second > _LAST)) | (three & (third > _LAST))
    if bool((odd | (three & (_byte(words, 3) >= _LETTER))).any()):
        return None, np.zeros(0, np.intp)
    number = first - np.uint64(_LETTER - 1)
    number = np.where(two, number * np.uint64(26) + second - np.uint64(_LETTER - 1), number)
    number = np.where(three, number * np.uint64(26) + third - np.uint64(_LETTER - 1), number)
    return number, 1 + two.astype(np.intp) + three.astype(np.intp)


def _rows(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the numbers that the digits up to a quotation mark spell."""
    found, number = np.zeros(len(words), np.int64), np.zeros(len(words), np.int64)
    for position in range(_DIGITS + 1):
        byte = _byte(words, position).astype(np.int64)
        found = np.where((found == 0) & (byte == _QUOTE), number, found)
        number = number * 10 + byte - ord("0")
    return found


def _highest(words: NDArray[np.uint64]) -> int | None:
    highest, rest = 0, words
    for digits in range(1, _DIGITS + 1):
        ended = _byte(rest, digits) == _QUOTE
        if bool(ended.any()):
            text = int(rest[ended].max()).to_bytes(8, "big")[:digits]
            if not text.isdigit():
                return None
            highest = max(highest, int(text))
            rest = rest[~ended]
            if not len(rest):
                return highest
    return None
