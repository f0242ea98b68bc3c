"""What the bytes of a block are before anything is cut: plain text up to where, and which blanks it holds."""

from __future__ import annotations

import re
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from gateway.formats.blanks import WHITE

_LF, _CR, _CONTROLS, _SPACE, _DELETE = 10, 13, 32, 32, 127
_FEW = 1000
"""Characters that only look like blanks by their first bytes and are looked at one by one."""
_LONE_CR = re.compile(rb"\r(?!\n)")
_STEP = 1 << 16
"""Bytes looked at a time: what is made of them stays in the processor's cache, and in memory that is used again."""
_ABROAD = [blank.encode() for blank in WHITE if not blank.isascii()]
_FIRST = {first: [one for one in _ABROAD if one[0] == first] for first in sorted({one[0] for one in _ABROAD})}
"""Blanks beyond ASCII by the first of their two or three bytes."""

Bytes: TypeAlias = npt.NDArray[np.uint8]


def plain_text(data: bytes) -> tuple[int, bool]:
    """Return how many bytes are UTF-8 text with LF or CR LF line ends, and whether something else follows them."""
    limit, doubtful = len(data), False
    zero = data.find(b"\0")
    if zero >= 0:
        limit, doubtful = zero, True
    if b"\r" in data and _lone_feeds(data):
        lone = _LONE_CR.search(data)
        if lone and lone.start() < min(limit, len(data) - 1):
            limit, doubtful = lone.start(), True
    if not data.isascii() and not _is_utf8(data):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as fault:
            if fault.start < limit:
                # a character cut by the end of the block is whole once the next one is added
                cut = fault.reason == "unexpected end of data"
                limit, doubtful = fault.start, doubtful or not cut
    return limit, doubtful


def blanks_in(block: Bytes) -> str | None:
    """Return the blanks that cells of plain text can hold: none, the space alone, or None for any; not empty."""
    space = beyond = False
    for at in range(0, len(block), _STEP):
        part = block[at : at + _STEP]
        ends = np.count_nonzero(part == _LF) + np.count_nonzero(part == _CR)
        if np.count_nonzero(part < _CONTROLS) != ends:
            return None
        space = space or bool((part == _SPACE).any())
        beyond = beyond or bool((part > _DELETE).any())
    if beyond and any(_begin(block, first, blanks) for first, blanks in _FIRST.items()):
        return None
    return " " if space else ""


def _begin(block: Bytes, first: int, blanks: list[bytes]) -> bool:
    """Tell whether one of these blanks stands in the block, which is plain text; they begin with the same byte."""
    begins = block == first
    if not begins.any():
        return False
    seconds = {blank[1] for blank in blanks}
    places = [np.flatnonzero(begins[:-1] & (block[1:] == second)) for second in seconds]
    found = {block[place : place + len(blanks[0])].tobytes() for one in places for place in one[:_FEW].tolist()}
    return any(len(one) > _FEW for one in places) or not found.isdisjoint(blanks)


def _lone_feeds(data: bytes) -> bool:
    """Tell whether a CR stands without its LF, one at the very end included."""
    block = np.frombuffer(data, np.uint8)
    for at in range(0, len(block), _STEP):
        part = block[at : at + _STEP + 1]
        returns = part[:_STEP] == _CR
        if np.count_nonzero(returns) != np.count_nonzero(returns[: len(part) - 1] & (part[1:] == _LF)):
            return True
    return False


def _is_utf8(data: bytes) -> bool:
    """Tell whether the bytes are UTF-8 as a whole: a tenth of the work of decoding them."""
    try:
        pl.Series([data], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return False
    return True
