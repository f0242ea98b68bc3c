"""Streams of a run read side by side in row order, block by block; it knows no file format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.issues import with_text
from gateway.model import LINE, ROW, Rows, Table
from gateway.reports.raw import DAMAGED
from gateway.reports.verdict import FAILED
from gateway.wording import filled

SHOWN_FAULTS = 5
"""Faults of one row that an errors file spells out; the rest is counted."""

_FAULT = ["code", "field", "value", "detail"]
_TELLING = [ROW, *_FAULT, "severity", "state"]


_FAILING = pl.col("state").is_in([str(state) for state in FAILED])
_AT_ONCE = 20_000
"""Records worth working on at a time: a small frame costs almost as much per column as a large one."""
_FAULTS_AT_ONCE = 5_000
"""The same for faults; not more of them, for with its key each keeps the texts of its whole block in memory."""


def gathered(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the rows of the frames, small frames together, large ones as they come; empty ones are left out."""
    held: list[pl.DataFrame] = []
    rows = 0
    for frame in frames:
        if held and rows + frame.height > _FAULTS_AT_ONCE:
            yield pl.concat(held)
            held, rows = [], 0
        if frame.height:
            held.append(frame)
            rows += frame.height
    if held:
        yield pl.concat(held)


class RowCursor:
    """Takes rows off a stream of frames that are sorted by `@row`, without holding more than a frame too many.

    `wanted`: condition of the rows to give out; None: all. `columns`: those to give out besides `@row`; None: all.
    """

    def __init__(
        self, frames: Iterator[pl.DataFrame], wanted: pl.Expr | None = None, columns: Sequence[str] | None = None
    ) -> None:
        self._frames = frames
        self._wanted = wanted
        self._columns = columns
        self._held: pl.DataFrame | None = None

    def upto(self, row: int) -> pl.DataFrame | None:
        """Return the wanted rows not yet taken whose `@row` is at most `row`; None when there are none."""
        taken: list[pl.DataFrame] = []
        while (frame := self._ahead()) is not None:
            split = int(frame[ROW].search_sorted(row, side="right"))
            self._held = frame.tail(frame.height - split)
            head = frame.head(split)
            if self._wanted is not None and split:
                head = head.filter(self._wanted)
            if head.height:
                taken.append(head if self._columns is None else head.select(ROW, *self._columns))
            if split < frame.height:
                break
        return pl.concat(taken) if taken else None

    def _ahead(self) -> pl.DataFrame | None:
        """Return the rows at hand, fetched when none are; None at the end of the stream."""
        while self._held is None or self._held.height == 0:
            frame = next(self._frames, None)
            if frame is None:
                return None
            # faults of effects without an input row belong to no record of the file
            self._held = frame.filter(pl.col(ROW).is_not_null())
        return self._held


@dataclass(frozen=True, slots=True)
class FailedBlock:
    """Failed records of one block: `table.frame` holds them only, `faults` has one row for each, in the same order.

    `faults`: `@row`, `error_code`, `error_field`, `error_message` (String); `damaged` (Boolean): the record is more
    than its cells; `until` (Int64): line of the next record that came, null at the end.
    `spots`: cells at fault: `@row`, `position` (Int64, column of the partner's file from 0) and `message` (String).
    """

    table: Table
    faults: pl.DataFrame
    spots: pl.DataFrame


def failed_blocks(rows: Rows) -> Iterator[FailedBlock]:
    """Yield the rejected and refused records as they came, with their faults, in file order."""
    failed = RowCursor(rows.failed(), columns=[*_FAULT, "state"])
    issues = RowCursor(rows.issues(), _FAILING, [*_FAULT, "severity", "state"])
    columns = rows.columns()
    for table, following in _paired(_gathered_tables(rows.tables())):
        last = int(table.frame[ROW][-1])
        failing, issue = failed.upto(last), issues.upto(last)
        if failing is None:
            continue
        here = table.frame[ROW].is_in(failing[ROW].implode())
        if not here.any():
            continue
        told = worded_faults(failing, issue, columns, table.headers)
        next_line = None if following is None else int(following.frame[LINE][0])
        until = table.frame[LINE].shift(-1, fill_value=next_line).alias("until")
        frame = table.frame.filter(here)
        kinds = None if table.kinds is None else table.kinds.filter(here)
        faults = frame.select(ROW, until.filter(here)).join(joined(told), on=ROW, how="left", maintain_order="left")
        spots = told.filter(pl.col("position").is_not_null()).select(ROW, "position", "message")
        yield FailedBlock(Table(frame, table.headers, kinds), faults, spots)


def _paired(tables: Iterator[Table]) -> Iterator[tuple[Table, Table | None]]:
    """Yield each table with the one that follows it."""
    held = next(tables, None)
    while held is not None:
        following = next(tables, None)
        yield held, following
        held = following


def _gathered_tables(tables: Iterable[Table]) -> Iterator[Table]:
    """Yield the records of the tables, small tables of one shape together; empty ones are left out."""
    held: list[Table] = []
    rows = 0
    for table in tables:
        if held and (rows + table.frame.height > _AT_ONCE or not _alike(held[-1], table)):
            yield _one_table(held)
            held, rows = [], 0
        if table.frame.height:
            held.append(table)
            rows += table.frame.height
    if held:
        yield _one_table(held)


def _alike(one: Table, other: Table) -> bool:
    return one.frame.columns == other.frame.columns and (one.kinds is None) == (other.kinds is None)


def _one_table(tables: list[Table]) -> Table:
    kinds = [table.kinds for table in tables if table.kinds is not None]
    return Table(pl.concat(table.frame for table in tables), tables[0].headers, pl.concat(kinds) if kinds else None)


def worded_faults(
    failing: pl.DataFrame, issues: pl.DataFrame | None, columns: Mapping[str, str], headers: tuple[str, ...] = ()
) -> pl.DataFrame:
    """Return the faults of failed rows in row order, at least one for each; errors only where a row has any.

    `failing`: frame of ROW_RESULT_SCHEMA. `issues`: as `Rows.issues` gives them, of the same range of rows.
    The result: `@row`, `code`, `field` (as the partner calls it), `message`, `position` of the partner's column.
    """
    told = _telling(failing, issues)
    where = positions(columns, headers)
    told = told.with_columns(
        position=pl.col("field").replace_strict(where, default=None, return_dtype=pl.Int64),
        field=pl.col("field").replace(shown_names(columns, headers)),
    )
    return with_text(told).select(
        ROW,
        pl.col("code", "field").fill_null(""),
        pl.col("message").fill_null("The row was " + pl.col("state") + "."),
        "position",
    )


def joined(told: pl.DataFrame) -> pl.DataFrame:
    """Return one row per row of the file with its worded faults joined: what FailedBlock calls `faults`."""
    said = told.with_columns(damaged=pl.col("code").is_in(list(DAMAGED)))
    row = pl.col(ROW)
    several = ((row == row.shift(1)) | (row == row.shift(-1))).fill_null(value=False)
    names = {"code": "error_code", "field": "error_field", "message": "error_message"}
    # most rows have one fault: only the others are worth grouping
    single = said.filter(~several).rename(names).select(ROW, *names.values(), "damaged")
    first = pl.len().clip(upper_bound=SHOWN_FAULTS)
    more = pl.len().cast(pl.Int64) - SHOWN_FAULTS
    grouped = (
        said.filter(several)
        .group_by(ROW, maintain_order=True)
        .agg(
            *(pl.col(name).head(first).str.join("; ").alias(joint) for name, joint in names.items()),
            pl.col("damaged").any(),
            more=more,
        )
        .with_columns(
            error_message=pl.when(pl.col("more") > 0)
            .then(filled("{} and {} more", "error_message", "more"))
            .otherwise("error_message")
        )
        .drop("more")
    )
    return pl.concat([single, grouped])


def _telling(failing: pl.DataFrame, issues: pl.DataFrame | None) -> pl.DataFrame:
    own = failing.with_columns(severity=pl.lit("error")).select(_TELLING)
    if issues is None or issues.height == 0:
        return own
    known = issues.select(_TELLING).join(failing.select(ROW), on=ROW, how="semi", maintain_order="left")
    wrong = known.filter(pl.col("severity") == "error")
    mild = known.join(wrong.select(ROW), on=ROW, how="anti", maintain_order="left")
    unsaid = own.join(known.select(ROW), on=ROW, how="anti", maintain_order="left")
    return pl.concat([wrong, mild, unsaid]).sort(ROW, maintain_order=True)


def positions(columns: Mapping[str, str], headers: tuple[str, ...]) -> dict[str, int]:
    """Return the position (from 0) of the partner's column for each contract field, header text and `c<n>`."""
    found: dict[str, int] = {f"c{n}": n for n in range(len(headers))}
    plain: dict[str, int] = {}
    for n, header in reversed(list(enumerate(headers))):
        if header != "":
            plain[header.strip().casefold()] = n
            found[header] = n
    for field, header in columns.items():
        position = found.get(header, plain.get(header.strip().casefold()))
        if position is not None:
            found[field] = position
    return found


def shown_names(columns: Mapping[str, str], headers: tuple[str, ...]) -> dict[str, str]:
    """Return what the partner calls each contract field: the header, or "column n" (from 1) where there is none."""
    bare = {f"c{n}": f"column {n + 1}" for n, header in enumerate(headers) if header == ""}
    return {**bare, **{field: bare.get(header, header) for field, header in columns.items()}}


def header_texts(headers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the header of an errors file: the partner's own, or "column n" for each column where there is none."""
    if any(header != "" for header in headers):
        return headers
    return tuple(f"column {n + 1}" for n in range(len(headers)))
