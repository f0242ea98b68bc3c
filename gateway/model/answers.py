"""What the answers say of a run, and the seam to those that write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Protocol

import polars as pl
from pydantic import BaseModel

from gateway.model.rows import KEY, LINE, ROW, Table


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything the answers say about one run besides its rows. Times are aware UTC; counts are of input rows."""

    run: str
    partner: str
    route: str
    feed: str
    destination: str
    file_name: str
    size: int
    sha256: str
    received_at: datetime
    started_at: datetime
    ended_at: datetime | None
    contract: str
    mode: str
    rows: int
    blank: int
    states: Mapping[str, int]
    derived: Mapping[str, int]
    """Counts per state of keys without an input row (a full file left them out), each by the gravest of its effects."""
    tickets: Sequence[str]
    calls: int
    calls_expected: int
    finish_expected: datetime | None
    warnings: int
    linked_run: str | None
    """First run whose errors file this one is, fixed and dropped back."""
    notes: Sequence[str]
    verdict: str
    versions: Mapping[str, str]
    first_run_rows: Sequence[tuple[int, str]] = ()
    """For the first run of a re-drop: (row, run that applied it)."""
    effects: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Where rows have several effects: family to counts per state."""
    stem: str = ""
    """What the names of the run's answers begin with, up to their kind; "": the file's name and the run."""
    blameless: int = 0
    """Refused rows in which there is nothing to mend: what refused them lies in the settings, or at the other side."""
    unsent: int = 0
    """Refused rows that the destination was never asked to take: they were refused here, by what it takes."""
    listed: str = ""
    """Kind of the file that lists the failed rows where none in the partner's own format could be written."""


ROW_RESULT_SCHEMA: dict[str, type[pl.DataType]] = {
    ROW: pl.Int64,
    LINE: pl.Int64,
    KEY: pl.String,
    "state": pl.String,
    "faults": pl.Int64,
    "code": pl.String,
    "field": pl.String,
    "value": pl.String,
    "detail": pl.String,
    "remote_id": pl.String,
}
"""One row per input row as given to the result writer; code..detail are of its gravest fault, null where none."""


class Rows(Protocol):
    """The rows of a run as report writers read them: every method streams in row order, chunk by chunk."""

    def results(self) -> Iterator[pl.DataFrame]:
        """Frames of ROW_RESULT_SCHEMA."""
        ...

    def failed(self) -> Iterator[pl.DataFrame]:
        """Frames of ROW_RESULT_SCHEMA with the rejected and refused rows only, without those nobody can mend."""
        ...

    def issues(self) -> Iterator[pl.DataFrame]:
        """Frames of ISSUE_SCHEMA plus `severity`, `key`, `state`: every fault, every effect with something to say."""
        ...

    def tables(self) -> Iterator[Table]:
        """The failed records at least, the partner's whole file or only these, in file order.

        Each stands by itself: cells that the mapping fills from rows above are filled. Else they are as they came.
        """
        ...

    def source(self) -> Path:
        """The partner's file as it came (unpacked)."""
        ...

    def layout(self) -> BaseModel:
        """The layout (format section of the mapping) the run pinned."""
        ...

    def columns(self) -> Mapping[str, str]:
        """Contract field -> header text of the partner's column, or `c<n>` (n from 0) where the file has no header."""
        ...

    def filled(self) -> Sequence[str]:
        """Columns that `tables` fills from rows above, as `columns` names them: the partner's own cells are empty."""
        ...


class ReportWriter(Protocol):
    """Writes one kind of answer."""

    kind: ClassVar[str]
    """Suffix of the file: `result.csv`, `report.html`..."""

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write `out`; False when there is nothing to say and no file was written."""
        ...
