"""What the error reports of all Mirakl imports have in common as files, whatever their columns are called; pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
_DELIMITERS = ";,\t|"
_REASON_LENGTH = 500


def cells_of(body: bytes) -> list[list[str]] | None:
    """Return the records; None where they can't be told apart: a cell without an end, or far too long.

    Bytes that are not UTF-8 are replaced, the delimiter is the one the first line has most of.
    """
    text = body.decode("utf-8-sig", "replace")
    delimiter = max(_DELIMITERS, key=text.split("\n", 1)[0].count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        return None


def line_number(cell: str | None) -> int | None:
    """Return the line a cell names; None where it names none."""
    return int(cell) if cell is not None and _NUMBER.fullmatch(cell.strip()) else None


def said(cell: str | None) -> str:
    """Return what a cell says in one line, cut where it goes on for long."""
    return " ".join((cell or "").split())[:_REASON_LENGTH]


def to_add(numbers: Sequence[int], *, lines: int, counts_header: bool) -> int:
    """Return what to add to a report's line numbers so that the header is line 1.

    The setting is heeded unless the report's own numbers prove that it counts the other way. `lines`: those sent.
    """
    if not numbers:
        return 0 if counts_header else 1
    if counts_header and min(numbers) == 1 and max(numbers) <= lines:
        return 1
    if not counts_header and max(numbers) == lines + 1 and min(numbers) > 1:
        return 0
    return 0 if counts_header else 1
