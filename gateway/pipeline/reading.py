"""Reads one file through one route into the run's folder: read, map, check, rules across rows, judge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import polars as pl
from pydantic import BaseModel

from gateway import contracts
from gateway.ahead import Behind, ahead, mapped
from gateway.contracts import prices
from gateway.delivery.setup import effect_exists, legs_written
from gateway.errors import FileError
from gateway.issues import WARNINGS
from gateway.mapping import Applier, MappingFile, compile_mapping, reading_layout, standing_alone
from gateway.mapping.alone import TREES
from gateway.mapping.paths import Absent, Overlooked
from gateway.model import KEY, LINE, ROW, Draft, Reference, Requirement, Table, no_issues
from gateway.pipeline.across import Across, Hashes, needed_across
from gateway.pipeline.keyless import KeyParts, Unread
from gateway.pipeline.pictures import PictureNames
from gateway.pipeline.policy import Judging
from gateway.pipeline.setup import RouteSetup
from gateway.pipeline.unique import WHOLE
from gateway.pipeline.written import Shown, as_written, from_above, worded_as_written
from gateway.spool import STATE, RunFolder

Read = Callable[[Path, BaseModel], Iterator[Table]]
Mentioned = Callable[[RunFolder, Collection[str]], pl.DataFrame]
"""Issues of what rows of a folder name, by the fields that the mapping fills."""


@dataclass(slots=True)
class Readout:
    """What reading a file told."""

    rows: int = 0
    blank: int = 0
    good: int = 0
    bad: int = 0
    skipped: int = 0
    warnings: int = 0
    blocks: int = 0
    first_run: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    over_limit: str | None = None
    links: list[pl.DataFrame] = field(default_factory=list)
    unread: Unread = field(default_factory=Unread)
    """Rejected rows without a readable key, where a full file tells by its keys what it leaves out."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A block after mapping and checking; `rows` None: it had none. It holds nothing of the table it came from."""

    blank: int
    links: pl.DataFrame | None
    rows: pl.DataFrame | None
    issues: pl.DataFrame
    cells: pl.DataFrame
    hashes: Hashes | None
    unread: pl.Series | None = None


_SEVERAL = 2
"""Verdicts, or effects, from which on two may say the same of a row."""

_WORKERS = 2
"""Blocks mapped and checked at the same time."""


class FileReading:
    """One file through one route.

    `judge_only` keeps issues, rejected cells and what rules across rows need, not the records. `told` is given the
    issues of each block that has any, in the order of the file.
    """

    def __init__(
        self,
        setup: RouteSetup,
        mapping: MappingFile,
        read: Read,
        folder: RunFolder,
        *,
        source_time: datetime,
        now: datetime,
        judge_only: bool = False,
        told: Callable[[pl.DataFrame], None] | None = None,
    ) -> None:
        self._setup = setup
        self._mapping = mapping
        self._read = read
        self._folder = folder
        self._stamp = f"{source_time:%Y-%m-%dT%H:%M:%SZ}"
        self._now = now
        self._seen = Readout()
        self._applier: Applier | None = None
        self._across: Across | None = None
        self._told = told
        self._checker = contracts.Checker(setup.contract, requires=self._requires(), now=now)
        self._repeating = tuple(rule for rule in setup.contract.rules_at(now) if rule.repeats)
        self._keep: frozenset[str] | None = needed_across(setup) if judge_only else None
        self._keys = KeyParts.of(setup, mapping.group)
        self._pictures = PictureNames() if mapping.format.kind == "image" else None

    def run(self, file: Path, mentioned: Mentioned | None = None) -> Readout:
        """Read the whole file. Raises FileError when it is unusable as a whole; the folder then holds leavings.

        `mentioned` finds what is to be said of articles that rows name, once all rows are stored.
        """
        layout = reading_layout(self._mapping)
        self._folder.expect(file.stat().st_size)
        tables = ahead(self._demanded(file, self._compiled(self._read(file, layout), lambda: self._read(file, layout))))
        with Behind(self._store) as behind:
            for judged in mapped(tables, self._judged, workers=1 if self._mapping.fill_down else _WORKERS):
                self._count(judged, behind)
        if self._across is None:
            raise FileError("FILE_EMPTY", "The file has no content.", fix="Send the file again with its rows.")
        seen = self._seen
        states, issues = self._late(self._across, Shown(self._applier, lambda: self._alone(self._read(file, layout))))
        if mentioned is not None:
            issues = self._with_mentioned(mentioned, states, issues)
        self._folder.add_late(states, issues)
        if seen.links:
            links = pl.concat(seen.links).drop_nulls()
            if links.height:
                links.write_parquet(self._folder.root / "links.parquet")
                seen.first_run = str(links["first_run"].mode().sort()[0])
                seen.unread = Unread()  # rows that come back are never all there is
        return seen

    def _late(self, across: Across, shown: Shown) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What rules across rows and the route's policy say once all rows are stored: states and issues."""
        seen, setup = self._seen, self._setup
        grouped = self._mapping.group is not None
        states, issues = across.find(seen.rows)
        issues = shown.late(issues, across.repeated)
        if self._pictures is not None:
            issues = self._pictures.named(issues)
        seen.warnings += int(issues["code"].is_in(sorted(WARNINGS)).sum())
        seen.bad += states.height
        product = setup.contract.group
        judging = Judging(
            setup, self._folder, bad=seen.bad, rows=seen.rows, grouped=grouped,
            product=product if product in seen.columns else None,
        )  # fmt: skip
        seen.over_limit = judging.over_limit
        late = judging.judge(states, issues)
        seen.bad += judging.more
        seen.good -= states.height + judging.more
        return late

    def _with_mentioned(self, mentioned: Mentioned, late: pl.DataFrame, issues: pl.DataFrame) -> pl.DataFrame:
        """Return the issues with those of articles that good rows name and nobody brought."""
        more = mentioned(self._folder, self._seen.columns)
        more = more.filter(~pl.col(ROW).is_in(late[ROW].implode()))
        self._seen.warnings += more.height
        return pl.concat([issues, more]).sort(ROW, maintain_order=True) if more.height else issues

    def _alone(self, tables: Iterator[Table]) -> Iterator[Table]:
        return standing_alone(self._mapping, self._setup.contract.traits, tables)

    # ---- block by block

    def _compiled(self, tables: Iterator[Table], again: Callable[[], Iterator[Table]]) -> Iterator[Table]:
        """Compile the mapping when the first table shows the headers; movements are summed up from a reading before."""
        traits, zone = self._setup.contract.traits, self._setup.route.zone
        for table in tables:
            if self._applier is None:
                self._applier = compile_mapping(self._mapping, table.headers, traits, zone=zone, again=again)
                self._seen.columns = dict(self._applier.columns)
                by = None if self._mapping.group is None else self._mapping.group.by
                self._across = Across(self._setup, self._folder, by=by, filled=self._applier.columns)
                self._folder.keep_headers(table.headers)
            if self._pictures is not None:
                self._pictures.see(table)
            yield table

    def _demanded(self, file: Path, tables: Iterator[Table]) -> Iterator[Table]:
        """Refuse a file of elements at its end when a path that the mapping wants stood in no record."""
        if self._mapping.format.kind not in TREES:
            yield from tables
            return
        absent, overlooked = Absent(self._mapping), Overlooked(self._mapping)
        for table in tables:
            absent.see(table)
            yield overlooked.marked(table)
        whole = self._mapping.format.model_copy(update={"columns": ()})
        absent.verify(lambda: next(self._read(file, whole)).headers)

    def _judged(self, table: Table) -> _Judged:
        if self._applier is None or self._across is None or not table.frame.height:
            return _Judged(table.blank, None, None, no_issues(), no_issues(), None)
        draft = self._applier.apply(table)
        rows, issues = self._check(draft)
        unread = self._keys.unread(rows, issues, table.headers)
        alone = table if draft.filled is None else draft.filled.table
        if issues.height:
            issues = as_written(issues, alone, self._applier.cells, self._applier.constants)
            issues = worded_as_written(issues, alone, self._applier.cells, rows, self._repeating)
            issues = from_above(issues, draft.filled, self._applier.cells)
        hashes = self._across.hashes(rows, draft.issues)
        return _Judged(table.blank, table.links, rows, issues, self._cells(alone, rows), hashes, unread)

    def _cells(self, table: Table, rows: pl.DataFrame) -> pl.DataFrame:
        """Cells of the rejected rows, each by itself: the errors file needs no second reading then."""
        bad = rows.filter(pl.col(STATE) == "rejected")[ROW]
        if not bad.len():
            return table.frame.clear()
        here = table.frame[ROW].is_in(bad.implode())
        cells = table.frame.filter(here)
        if table.kinds is None:
            return cells
        kinds = table.kinds.filter(here)
        return cells.hstack([kinds[c].alias(f"k{c[1:]}") for c in kinds.columns])

    def _count(self, judged: _Judged, behind: Behind[tuple[int, _Judged]]) -> None:
        seen, rows, issues = self._seen, judged.rows, judged.issues
        seen.blank += judged.blank
        if rows is None:
            return
        seen.rows += rows.height
        states = rows[STATE]
        seen.skipped += int((states == "skipped").sum())
        seen.bad += int((states == "rejected").sum())
        seen.good += int(states.null_count())
        seen.warnings += int(issues["code"].is_in(sorted(WARNINGS - {"SKIPPED"})).sum()) if issues.height else 0
        behind.put((seen.blocks, judged))
        seen.blocks += 1
        if judged.unread is not None and judged.unread.len():
            seen.unread.take(judged.unread)
        if judged.links is not None and judged.links.height:
            seen.links.append(judged.links)

    def _store(self, block: tuple[int, _Judged]) -> None:
        number, judged = block
        if judged.rows is None:
            return
        rows = judged.rows
        if self._across is not None and judged.hashes is not None:
            self._across.keep(number, judged.hashes)
        if self._keep is not None:
            rows = rows.select(ROW, LINE, KEY, STATE, *(c for c in (*self._keep, WHOLE) if c in rows.columns))
        self._folder.add(number, rows, judged.issues, judged.cells)
        if self._told is not None and judged.issues.height:
            self._told(judged.issues)

    def _check(self, draft: Draft) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of the block (`@row`, `@line`, `@key`, `@state`, fields) and its issues."""
        contract = self._setup.contract
        frame, skipped = self._grouped(draft.frame, draft.skipped)
        frame = self._permitted(self._stamped(frame))
        faulty = draft.issues.filter(~pl.col(ROW).is_in(skipped[ROW].implode())) if skipped.height else draft.issues
        checked = self._checker.check(frame, faulty=faulty)
        issues = [faulty, checked.issues, *self._of_destination(frame, faulty)]
        told = pl.concat([i for i in issues if i.height]) if any(i.height for i in issues) else no_issues()
        if told.height and len(self._setup.legs) >= _SEVERAL:  # what several effects need is said once
            told = told.unique([ROW, "code", "field", "detail"], keep="first", maintain_order=True)
        bad = told.filter(~pl.col("code").is_in(sorted(WARNINGS)))[ROW].unique()
        state = pl.lit(None, pl.String)
        if bad.len():
            state = pl.when(pl.col(ROW).is_in(bad.implode())).then(pl.lit("rejected"))
        rows = frame.with_columns(contract.key_expr(frame.columns), state.alias(STATE))
        if skipped.height:
            out = skipped.select(ROW, LINE, pl.lit("").alias(KEY), pl.lit("skipped").alias(STATE))
            rows = pl.concat([rows, out], how="diagonal").sort(ROW)
            said = skipped.select(ROW, LINE, "code", "detail")
            told = pl.concat([told, said], how="diagonal").sort(ROW, maintain_order=True).select(told.columns)
        kept = [c for c in rows.columns if contract.has(c) or c == WHOLE or c in self._setup.permits]
        return rows.select(ROW, LINE, KEY, STATE, *kept), told

    def _requires(self) -> tuple[Requirement, ...]:
        """What the operations need of the rows that have an effect of theirs."""
        found: list[Requirement] = []
        for leg in self._setup.legs:
            here = effect_exists(leg.operation.when)
            for one in leg.operation.requires:
                limited = one if here is None else replace(
                    one, columns=(*one.columns, *leg.operation.when), where=one.where & here
                )  # fmt: skip
                found.append(limited)
        return tuple(found)

    def _of_destination(self, frame: pl.DataFrame, faulty: pl.DataFrame) -> list[pl.DataFrame]:
        """Issues of prices an operation can't take as they are, and of what a destination says by itself."""
        found: list[pl.DataFrame] = []
        frame = unbroken(frame, faulty)
        for leg in legs_written(self._setup.legs, frame.columns):
            operation = leg.operation
            here = effect_exists(tuple(f for f in operation.when if f in frame.columns))
            rows = frame if here is None else frame.filter(here)
            if operation.prices is not None:
                found.append(prices.price_issues(sound(rows, faulty), operation.prices))
            found.append(self._setup.target.destination.check(operation.name, rows, Reference(), self._now.date()))
        if len(found) < _SEVERAL:
            return found
        told = [one for one in found if one.height]
        return [pl.concat(told).unique([ROW, "code", "field"], keep="first", maintain_order=True)] if told else []

    def _stamped(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows without a timestamp of their own have the file's time, never now."""
        if "timestamp" not in self._setup.contract.fields:
            return frame
        if "timestamp" not in frame.columns:
            return frame.with_columns(timestamp=pl.lit(self._stamp))
        given = pl.col("timestamp").is_not_null() & (pl.col("timestamp") != "")
        return frame.with_columns(timestamp=pl.when(given).then("timestamp").otherwise(pl.lit(self._stamp)))

    def _permitted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Every row carries what its route allows: rows of several routes are sent together."""
        return frame.with_columns(pl.lit("true").alias(name) for name in self._setup.permits)

    def _grouped(self, frame: pl.DataFrame, skipped: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Leave out rows the group does not keep, and blank key fields by which it does not group."""
        group = self._mapping.group
        if group is None:
            return frame, skipped
        for name, words in group.keep.items():
            kept = pl.col(name).is_in(list(words)).fill_null(value=False)
            why = pl.lit(f"{name} is not one of {', '.join(words)}").alias("detail")
            out = frame.filter(~kept).select(ROW, LINE, pl.lit("SKIPPED").alias("code"), why)
            frame = frame.filter(kept)
            skipped = pl.concat([skipped.select(out.columns), out])
        loose = [c for c in self._setup.contract.key if c not in group.by and c in frame.columns]
        whole = self._setup.contract.key_expr(frame.columns).alias(WHOLE)  # one line twice is not two to be added up
        return frame.with_columns(whole, *(pl.lit(None, pl.String).alias(c) for c in loose)), skipped


def sound(rows: pl.DataFrame, faulty: pl.DataFrame) -> pl.DataFrame:
    """Return the rows the mapping could read: a cell it could not is missing, which is no fault of its own."""
    bad = faulty.filter(~pl.col("code").is_in(sorted(WARNINGS)))[ROW] if faulty.height else faulty[ROW]
    return rows.filter(~pl.col(ROW).is_in(bad.implode())) if bad.len() else rows


def unbroken(rows: pl.DataFrame, faulty: pl.DataFrame) -> pl.DataFrame:
    """Return the rows not broken as a whole: in a record with surplus cells each may stand under another's name."""
    broken = faulty.filter(pl.col("field").is_null() | (pl.col("field") == "")) if faulty.height else faulty
    return sound(rows, broken)
