"""Judges a file through one route without a journal: what intake would say of it, nothing kept but in a work folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from gateway.delivery.effects import CODES, EXTRA_SCHEMA, UNDECIDED, RowStates, intake_codes
from gateway.delivery.results import RunRows
from gateway.errors import FileError
from gateway.formats.parts import together, unpacked
from gateway.issues import CATALOGUE
from gateway.journal import runs
from gateway.mapping import MappingFile, load_mapping
from gateway.model import RowState, Summary, Table
from gateway.pipeline.held import HeldFolder
from gateway.pipeline.reading import FileReading, Read, Readout
from gateway.pipeline.setup import RouteSetup
from gateway.reports import errors_writer, verdict, writers
from gateway.reports.causes import Cause, Tally, causes
from gateway.spool import RunFolder

RUN = "CHECK"
"""Stands for the run in the answers of a check: nothing was taken."""
ANSWERS = ("result.csv", "issues.csv", "errors.")
"""Kinds of answer a check may write; a kind that ends with a dot stands for all of its suffixes."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found; it lives as long as the work folder. `file` is the unpacked file, `size` counts the one given."""

    readout: Readout
    setup: RouteSetup
    mapping: MappingFile
    folder: RunFolder
    file: Path
    name: str
    size: int
    read: Read
    source_time: datetime
    now: datetime
    tally: Tally | None
    """Causes counted while the file was read; None: issues found afterwards are of the same kind, count them all."""

    def rows(self) -> RunRows:
        """Return the rows with their states; a good one is `pending`: it would be sent."""
        return RunRows(
            folder=self.folder, states=_states(self.folder), names=self.readout.columns, file=self.file,
            format=self.mapping.format, read=self.read, mapping=self.mapping.path,
        )  # fmt: skip

    def causes(self) -> list[Cause]:
        """Return the issues grouped by cause, errors first, the most frequent first."""
        if self.tally is not None:
            return self.tally.causes(self.readout.columns)
        return causes(self.rows().issues(), self.readout.columns)

    def write(self, folder: Path) -> list[Path]:
        """Write result, issues and errors file as partners get them; returns those with something to say."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = self.rows()
        summary = self._summary(rows)
        written: list[Path] = []
        for writer in writers(rows.layout()):
            out = folder / f"{self.name}.{writer.kind}"
            if writer.kind.startswith(ANSWERS) and writer.write(summary, rows, out):
                written.append(out)
        return written

    def _summary(self, rows: RunRows) -> Summary:
        route, states = self.setup.route, rows.states.counts()
        return Summary(
            run=RUN, partner=route.partner, route=route.name, feed=route.feed, destination=route.destination,
            file_name=self.name, size=self.size, sha256="", received_at=self.source_time, started_at=self.now,
            ended_at=None, contract=route.contract, mode=route.mode, rows=self.readout.rows, blank=self.readout.blank,
            states=states, derived={}, tickets=(), calls=0, calls_expected=0, finish_expected=None,
            warnings=self.readout.warnings, linked_run=self.readout.first_run, notes=(),
            verdict=verdict(states, errors=errors_writer(rows.layout()).kind, destination=route.destination),
            versions={},
        )  # fmt: skip


def check_file(
    file: Path,
    setup: RouteSetup,
    read: Read,
    work: Path,
    *,
    now: datetime,
    source_time: datetime | None = None,
    progress: Callable[[int], None] | None = None,
) -> Judged:
    """Read, map, check and judge a file as intake does. Raises FileError when it is unusable as a whole.

    `work`: an empty folder for rows and issues. `source_time`: aware; None takes the file's own. `progress` is called
    with the number of records read so far, block by block.
    """
    folder = HeldFolder(work / "run")
    folder.begin()
    stat = file.stat()
    mapping = load_mapping(setup.mapping)
    packed = work / "unpacked"
    packed.mkdir()
    files = unpacked(file, packed, mapping.format.kind)
    plain = files[0] if len(files) == 1 else together(files, folder.file)
    stamp = source_time or runs.counted(datetime.fromtimestamp(stat.st_mtime, UTC), now)
    counted = read if progress is None else _counted(read, progress)
    tally = Tally()
    reading = FileReading(
        setup, mapping, counted, folder, source_time=stamp, now=now, judge_only=True, told=tally.take
    )  # fmt: skip
    readout = reading.run(plain)
    if readout.rows == 0 and setup.route.empty != "no_change":
        raise _empty("FILE_NO_ROWS")
    late = folder.issues()
    whole = not tally.knows(late)
    if whole:
        tally.take(late)
    return Judged(
        readout, setup, mapping, folder, plain, file.name, stat.st_size, read, stamp, now, tally if whole else None
    )


def _counted(read: Read, progress: Callable[[int], None]) -> Read:
    def tables(path: Path, layout: BaseModel) -> Iterator[Table]:
        done = 0
        for table in read(path, layout):
            yield table
            done += table.frame.height
            progress(done)

    return tables


def _states(folder: RunFolder) -> RowStates:
    codes = intake_codes(folder)
    codes[codes == UNDECIDED] = CODES[str(RowState.PENDING)]
    return RowStates(codes, pl.DataFrame(schema=EXTRA_SCHEMA), {})


def _empty(code: str) -> FileError:
    kind = CATALOGUE[code]
    return FileError(code, kind.text, fix=kind.fix)
