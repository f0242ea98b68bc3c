"""The error report of a Mirakl stock import, read by position; pure.

Source: Mirakl seller API documentation, STO03: column 1 line number, column 2 reason, then the columns as sent
(verified); header names and whether line numbers count the header are not documented.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.destinations.mirakl.report_text import cells_of, line_number, said, to_add
from gateway.model import KEY_SEPARATOR, OUTCOME_SCHEMA, RowState


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line of the report: `line` as it stands there (None when unreadable), the reason, the cells as sent."""

    line: int | None
    reason: str
    cells: tuple[str, ...]


def read(body: bytes) -> list[ReportLine] | None:
    """Read a report; None where it is no table that can be read."""
    records = cells_of(body)
    return None if records is None else list(_lines(records))


def _lines(records: Sequence[list[str]]) -> Iterator[ReportLine]:
    for position, cells in enumerate(records):
        if not any(cells):
            continue
        line = line_number(cells[0])
        if line is not None or position > 0:
            reason = said(cells[1]) if len(cells) > 1 else ""
            yield ReportLine(line, reason or "no reason given", tuple(cells[2:]))


def outcomes(lines: Sequence[ReportLine], *, records: int, counts_header: bool, key: str) -> pl.DataFrame:
    """Return one refused outcome (OUTCOME_SCHEMA) per line or key, reasons of one line joined.

    `key` names the columns the batch's keys are made of (`sku`, `sku,warehouse`, or "" when others). Where `line` and
    `key` both stand, the key is the cross-check: an effect of that key at another line is the one that is meant.
    A line number that does not fit the file is left out, so that the key alone names the effect.
    """
    low = 2 if counts_header else 1
    numbers = [entry.line for entry in lines if entry.line is not None]
    shift = to_add(numbers, lines=records, counts_header=counts_header) + low - 2
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


def _key(cells: Sequence[str], shape: str) -> str | None:
    place = {"sku": 0, "warehouse": 2}
    names = shape.split(",") if shape else []
    parts = [cells[place[name]] if place[name] < len(cells) else "" for name in names]
    return KEY_SEPARATOR.join(parts) if parts and parts[0] != "" else None
