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
_LEADS = sorted({one[0] for one in _ABROAD})
"""Bytes that begin a blank beyond ASCII."""
_PAIRS = np.isin(np.arange(1 << 16), [one[0] << 8 | one[1] for one in _ABROAD]).reshape(256, 256)
"""Pairs of bytes that begin one."""

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


def blanks_in(block: Bytes, marks: bytes) -> str | None:
    """Return the blanks that cells of plain text can begin or end with: none, the space alone, or None for any.

    `block`: whole records, not empty. `marks`: what stands between cells, and around them.
    """
    ends, alike = bool(block[0] == _SPACE), 0
    for at in range(0, len(block), _STEP):
        part = block[at : at + _STEP + 1]  # and the byte behind it: an end may lie between two parts
        feeds, returns = part == _LF, part == _CR
        if np.count_nonzero(part < _CONTROLS) != np.count_nonzero(feeds) + np.count_nonzero(returns):
            return None
        ends = ends or _at_ends(part, feeds | returns, marks)
        for lead in _LEADS if part.max() > _DELETE else ():
            begins = part == lead
            if begins.any():
                found, some = _abroad(block, at + np.flatnonzero(begins))
                alike += some
                if found or alike > _FEW:
                    return None
    return " " if ends else ""


def _at_ends(part: Bytes, edges: npt.NDArray[np.bool_], marks: bytes) -> bool:
    """Tell whether a space stands beside one of the edges or marks."""
    spaces = part == _SPACE
    if not spaces.any():
        return False
    for mark in marks:
        edges = edges | (part == mark)
    return bool((spaces[1:] & edges[:-1]).any() or (spaces[:-1] & edges[1:]).any())


def _abroad(block: Bytes, places: npt.NDArray[np.int64]) -> tuple[bool, int]:
    """Tell whether a blank beyond ASCII begins at one of the places, and how many of them look like it."""
    alike = places[_PAIRS[block[places], block[np.minimum(places + 1, len(block) - 1)]]]
    if len(alike) > _FEW:
        return False, len(alike)
    return any(block[at : at + len(one)].tobytes() == one for at in alike.tolist() for one in _ABROAD), len(alike)


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
