"""What the bytes of a block are before anything is cut: plain text up to where, and which blanks it holds."""

from __future__ import annotations

import re

import numpy as np
import polars as pl

from gateway.formats.blanks import WHITE

_LF, _CR, _CONTROLS = 10, 13, 32
_ENDS = ("\r", "\n")
_LONE_CR = re.compile(rb"\r(?!\n)")
_STEP = 1 << 16
"""Bytes looked at a time: what is made of them stays in the processor's cache, and in memory that is used again."""
_ABROAD = "|".join([*(blank for blank in WHITE if not blank.isascii()), "\0\0"])
"""Blanks beyond ASCII. Plain text has no zero bytes: they make this a set of texts and not of characters, for which the
bytes are run through once at a tenth of the time."""


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


def blanks_in(data: bytes, delimiter: str, quote: str) -> str | None:
    """Return the blanks that cells of plain text can begin or end with: none, the space alone, or None for any.

    `data`: whole records, not empty. `quote`: "" where no cell is quoted.
    """
    block = np.frombuffer(data, np.uint8)
    feeds = np.count_nonzero(block == _LF) + np.count_nonzero(block == _CR)
    if np.count_nonzero(block < _CONTROLS) != feeds:
        return None
    text = pl.Series([data], dtype=pl.Binary).cast(pl.String).str
    if not data.isascii() and text.contains(_ABROAD).item():
        return None
    if quote and (data.startswith(_broken(quote)) or text.contains(_breaks_at_ends(delimiter, quote)).item()):
        return None
    return " " if data.startswith(b" ") or text.contains(_spaces_at_ends(delimiter + quote)).item() else ""


def _broken(quote: str) -> tuple[bytes, ...]:
    return tuple(f"{quote}{end}".encode() for end in _ENDS)


def _spaces_at_ends(marks: str) -> str:
    """Return the pattern of a space beside a mark or a line end."""
    edges = [re.escape(mark) for mark in (*marks, *_ENDS)]
    return "|".join(pair for edge in edges for pair in (f" {edge}", f"{edge} "))


def _breaks_at_ends(delimiter: str, quote: str) -> str:
    """Return the pattern of a line break beside a quote that opens or closes a cell; it may find one that does not."""
    mark, edges = re.escape(quote), [re.escape(delimiter), *_ENDS]
    return "|".join(part for edge in edges for end in _ENDS for part in (f"{edge}{mark}{end}", f"{end}{mark}{edge}"))


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
