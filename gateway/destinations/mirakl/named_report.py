"""Reports of Mirakl imports whose columns have names: offers (OF03), products (P47, P44); pure.

Source: Mirakl seller API documentation and reports seen live: OF03 has the sent columns with `error-line` and
`error-message`, the header is line 1 (verified); P47 adds `line number`, `warnings`, `errors` (verified); P44 has an
operator's own layout unless the catalog manager writes it (verified).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.destinations.mirakl.report_text import cells_of, line_number, said, to_add
from gateway.model import OUTCOME_SCHEMA, RowState

_ATTRIBUTE = re.compile(r"\battribute[ :]+['\"\[(`]?([\w.\-]*\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a report: the line and the seller's code where it names them, what is wrong, what is said."""

    line: int | None
    sku: str | None
    errors: str
    warnings: str


@dataclass(frozen=True, slots=True)
class Shape:
    """Names of columns that may hold what is sought, the first that is there counts."""

    line: tuple[str, ...] = ()
    sku: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read(body: bytes, shape: Shape) -> list[Entry] | None:
    """Read a report; None when it is no table, or its columns do not have the names: nothing in it can be told then."""
    records = cells_of(body)
    if not records:
        return None
    header, *lines = records
    header = [name.strip().lower() for name in header]
    line, sku = _place(header, shape.line), _place(header, shape.sku)
    errors, warnings = _place(header, shape.errors), _place(header, shape.warnings)
    if (errors is None and warnings is None) or (line is None and sku is None):
        return None
    return [
        Entry(
            line_number(_cell(cells, line)), _cell(cells, sku), said(_cell(cells, errors)), said(_cell(cells, warnings))
        )
        for cells in lines
        if any(cells)
    ]


def outcomes(
    entries: Iterable[Entry],
    *,
    tail: str | None,
    known: range,
    rest: RowState,
    attributes: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Return one outcome (OUTCOME_SCHEMA and `field`) per record: refused where it has errors, else `rest`, warned of.

    `tail`: what makes a code the key of an effect, None where keys can't be told. `known`: lines of the file; another
    number is left out, so that the key alone names the effect. Records of one effect are put together. `attributes`:
    their codes, each with the contract field that fills it.
    """
    found: dict[tuple[int | None, str | None], tuple[list[str], list[str]]] = {}
    for entry in entries:
        line = entry.line if entry.line is not None and entry.line in known else None
        key = None if tail is None or not entry.sku else entry.sku + tail
        errors, warnings = found.setdefault((line, key), ([], []))
        if entry.errors and entry.errors not in errors:
            errors.append(entry.errors)
        if entry.warnings and entry.warnings not in warnings:
            warnings.append(entry.warnings)
    rows = [
        (*place, *_outcome(errors, warnings, rest), about("; ".join(errors), attributes or {}))
        for place, (errors, warnings) in found.items()
    ]
    return pl.DataFrame(rows, schema={**OUTCOME_SCHEMA, "field": pl.String}, orient="row")


def about(errors: str, attributes: Mapping[str, str]) -> str | None:
    """Return the contract field whose attribute the errors name as such; None where they name none, another or many.

    How errors name attributes is not documented (assumption: the code follows the word), so that plain words of a
    sentence are never taken for one.
    """
    found = {attributes.get(code) for code in _ATTRIBUTE.findall(errors)}
    return found.pop() if len(found) == 1 else None


def shift(entries: Sequence[Entry], *, records: int, counts_header: bool) -> list[Entry]:
    """Return the records with lines counted as ours are, the header being line 1."""
    numbers = [entry.line for entry in entries if entry.line is not None]
    add = to_add(numbers, lines=records, counts_header=counts_header)
    return [
        entry if entry.line is None else Entry(entry.line + add, entry.sku, entry.errors, entry.warnings)
        for entry in entries
    ]


def _outcome(
    errors: Sequence[str], warnings: Sequence[str], rest: RowState
) -> tuple[str, str | None, str | None, str | None]:
    if errors:
        text = "; ".join([*errors, *(f"(warning) {said}" for said in warnings)])
        return str(RowState.REFUSED), "DEST_REFUSED", text, None
    return str(rest), "DEST_WARNING", "; ".join(warnings), None


def _place(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name.lower()) for name in names if name.lower() in header), None)


def _cell(cells: Sequence[str], place: int | None) -> str | None:
    return None if place is None or place >= len(cells) else cells[place]
