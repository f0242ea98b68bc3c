"""The error report of a Mirakl stock import, read by position; pure.

Source: Mirakl seller API documentation, STO03: column 1 line number, column 2 reason, then the columns as sent
(verified); header names and whether line numbers count the header are not documented.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.model import KEY_SEPARATOR, OUTCOME_SCHEMA, RowState

_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
_DELIMITERS = ";,\t|"
_REASON_LENGTH = 500


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line of the report: `line` as it stands there (None when unreadable), the reason, the cells as sent."""

    line: int | None
    reason: str
    cells: tuple[str, ...]


def read(body: bytes) -> list[ReportLine]:
    """Read a report; bytes that are not UTF-8 are replaced, the delimiter is the one its first line holds most of."""
    text = body.decode("utf-8-sig", "replace")
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    return list(_lines(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))


def _lines(records: Iterator[list[str]]) -> Iterator[ReportLine]:
    for position, cells in enumerate(records):
        if not any(cells):
            continue
        number = cells[0].strip()
        if _NUMBER.fullmatch(number):
            yield ReportLine(int(number), _reason(cells), tuple(cells[2:]))
        elif position > 0:
            yield ReportLine(None, _reason(cells), tuple(cells[2:]))


def _reason(cells: Sequence[str]) -> str:
    reason = " ".join(cells[1].split()) if len(cells) > 1 else ""
    return reason[:_REASON_LENGTH] if reason else "no reason given"


def outcomes(lines: Sequence[ReportLine], *, records: int, counts_header: bool, key: str) -> pl.DataFrame:
    """Return one refused outcome (OUTCOME_SCHEMA) per line or key, reasons of one line joined.

    `key` names the columns the batch's keys are made of (`sku`, `sku,warehouse`, or "" when others). Where `line` and
    `key` both stand, the key is the cross-check: an effect of that key at another line is the one that is meant.
    A line number that does not fit the file is left out, so that the key alone names the effect.
    """
    low = 2 if counts_header else 1
    shift = _shift([entry.line for entry in lines if entry.line is not None], low, records)
    found: dict[tuple[int | None, str | None], list[str]] = {}
    for entry in lines:
        line = None if entry.line is None else entry.line + shift
        if line is not None and not low <= line < low + records:
            line = None
        reasons = found.setdefault((line, _key(entry.cells, key)), [])
        if entry.reason not in reasons:
            reasons.append(entry.reason)
    return pl.DataFrame(
        [
            (line, name, str(RowState.REFUSED), "DEST_REFUSED", "; ".join(reasons), None)
            for (line, name), reasons in found.items()
        ],
        schema=OUTCOME_SCHEMA,
        orient="row",
    )


def _shift(numbers: Sequence[int], low: int, records: int) -> int:
    """Return what to add to the report's line numbers: not 0 only where they prove that they count otherwise."""
    if not numbers:
        return 0
    if low == 2 and min(numbers) == 1 and max(numbers) <= records:
        return 1
    if low == 1 and max(numbers) == records + 1 and min(numbers) >= 2:
        return -1
    return 0


def _key(cells: Sequence[str], shape: str) -> str | None:
    place = {"sku": 0, "warehouse": 2}
    names = shape.split(",") if shape else []
    parts = [cells[place[name]] if place[name] < len(cells) else "" for name in names]
    return KEY_SEPARATOR.join(parts) if parts and parts[0] != "" else None
