"""The rows of a run in memory, for the tests of report writers; used by the conformance suite too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from gateway.model import ISSUE_SCHEMA, KEY, LINE, ROW, ROW_RESULT_SCHEMA, RowState, Summary, Table

ISSUE_COLUMNS = {**ISSUE_SCHEMA, "severity": pl.String, "key": pl.String, "state": pl.String}
START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@dataclass
class FakeRows:
    """Frames given once, streamed in blocks of `block` rows."""

    result: pl.DataFrame
    issue: pl.DataFrame
    table_list: Sequence[Table] = ()
    path: Path = Path()
    format: BaseModel | None = None
    mapped: Mapping[str, str] = field(default_factory=dict)
    block: int = 3
    fills: Sequence[str] = ()

    def results(self) -> Iterator[pl.DataFrame]:
        yield from self.result.iter_slices(self.block)

    def failed(self) -> Iterator[pl.DataFrame]:
        yield from self.result.filter(pl.col("state").is_in(["rejected", "refused"])).iter_slices(self.block)

    def issues(self) -> Iterator[pl.DataFrame]:
        # blocks of another size than the results': nothing may rely on their borders
        yield from self.issue.iter_slices(self.block + 1)

    def tables(self) -> Iterator[Table]:
        yield from self.table_list

    def source(self) -> Path:
        return self.path

    def layout(self) -> BaseModel:
        assert self.format is not None
        return self.format

    def columns(self) -> Mapping[str, str]:
        return self.mapped

    def filled(self) -> Sequence[str]:
        return self.fills


def results(rows: Sequence[tuple[int, str, str]]) -> pl.DataFrame:
    """Result rows from (row, key, state); the line is the row."""
    return pl.DataFrame(
        {
            ROW: [row for row, _, _ in rows],
            LINE: [row for row, _, _ in rows],
            KEY: [key for _, key, _ in rows],
            "state": [str(state) for _, _, state in rows],
        },
        schema={ROW: pl.Int64, LINE: pl.Int64, KEY: pl.String, "state": pl.String},
    ).select(
        ROW,
        LINE,
        KEY,
        "state",
        faults=pl.lit(0, pl.Int64),
        code=pl.lit(None, pl.String),
        field=pl.lit(None, pl.String),
        value=pl.lit(None, pl.String),
        detail=pl.lit(None, pl.String),
        remote_id=pl.lit(None, pl.String),
    )


def with_fault(result: pl.DataFrame, row: int, **cells: object) -> pl.DataFrame:
    """Set cells of the result of one row."""
    here = pl.col(ROW) == row
    return result.with_columns(
        pl.when(here).then(pl.lit(value, ROW_RESULT_SCHEMA[name])).otherwise(name).alias(name)
        for name, value in cells.items()
    )


def issues(
    rows: Sequence[tuple[int | None, str, str | None, str | None, str | None]], severity="error"
) -> pl.DataFrame:
    """Issues from (row, code, field, value, detail)."""
    return pl.DataFrame(
        {
            ROW: [row[0] for row in rows],
            LINE: [row[0] for row in rows],
            "code": [row[1] for row in rows],
            "field": [row[2] for row in rows],
            "value": [row[3] for row in rows],
            "detail": [row[4] for row in rows],
            "severity": [severity for _ in rows],
            "key": [f"K{row[0]}" for row in rows],
            "state": ["rejected" for _ in rows],
        },
        schema=ISSUE_COLUMNS,
    )


def summary(states: Mapping[str, int] | None = None, **changes: object) -> Summary:
    """A summary whose counts balance unless `rows` is given."""
    counts = {str(state): count for state, count in (states or {}).items()}
    facts: dict[str, object] = {
        "run": "R20261122T093000-01",
        "partner": "acme",
        "route": "acme-stock",
        "feed": "acme-stock",
        "destination": "mirakl",
        "file_name": "stock.csv",
        "size": 60_000_000,
        "sha256": "ab" * 32,
        "received_at": START,
        "started_at": START,
        "ended_at": START.replace(minute=31, second=5),
        "contract": "stock",
        "mode": "delta",
        "rows": sum(counts.values()),
        "blank": 0,
        "states": counts,
        "derived": {},
        "tickets": ["17"],
        "calls": 1,
        "calls_expected": 1,
        "finish_expected": None,
        "warnings": 0,
        "linked_run": None,
        "notes": [],
        "verdict": "All rows took effect.",
        "versions": {"gateway": "0.1.0"},
        **changes,
    }
    return Summary(**facts)


def counted(result: pl.DataFrame) -> dict[str, int]:
    """States of a result frame with their counts."""
    return {str(state): result.filter(pl.col("state") == state).height for state in RowState}
