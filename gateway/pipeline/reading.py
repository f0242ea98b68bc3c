"""Reads one file through one route into the run's folder: read, map, check, rules across rows, judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel

from gateway import contracts
from gateway.contracts import Contract, RowsRule, prices
from gateway.delivery.setup import effect_exists, legs_written
from gateway.delta import parts_for
from gateway.errors import FileError
from gateway.formats.layout import Layout
from gateway.issues import WARNINGS
from gateway.mapping import Applier, MappingFile, compile_mapping
from gateway.model import KEY, KEY_SEPARATOR, LINE, ROW, Draft, Reference, Requirement, Table, no_issues
from gateway.pipeline.ahead import Behind, ahead, mapped
from gateway.pipeline.setup import RouteSetup
from gateway.pipeline.unique import one_per_key
from gateway.routes import Policy
from gateway.spool import LATE_SCHEMA, STATE, RunFolder, read_block

Read = Callable[[Path, BaseModel], Iterator[Table]]


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


_WHOLE = "@whole"
"""Key of a row as the file gives it, before the fields by which rows are not grouped are left out (String)."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A block after mapping and checking; `rows` None: it had none. It holds nothing of the table it came from."""

    blank: int
    links: pl.DataFrame | None
    rows: pl.DataFrame | None
    issues: pl.DataFrame
    cells: pl.DataFrame
    hashes: npt.NDArray[np.uint64]


_SEVERAL = 2
"""Verdicts from which on two may say the same of a row."""

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
        self._hashes = folder.root / "hashes"
        self._told = told
        self._keep: frozenset[str] | None = _needed_across(setup) if judge_only else None

    def run(self, file: Path) -> Readout:
        """Read the whole file. Raises FileError when it is unusable as a whole; the folder then holds leavings."""
        self._hashes.unlink(missing_ok=True)
        tables = ahead(self._compiled(self._read(file, reading_layout(self._mapping))))
        with Behind(self._store) as behind:
            for judged in mapped(tables, self._judged, workers=1 if self._mapping.fill_down else _WORKERS):
                self._count(judged, behind)
        if self._applier is None:
            raise FileError("FILE_EMPTY", "The file has no content.", fix="Send the file again with its rows.")
        seen = self._seen
        late_states, late_issues = self._across()
        seen.bad += late_states.height
        seen.good -= late_states.height
        late_states, late_issues = self._judge(late_states, late_issues)
        self._folder.add_late(late_states, late_issues)
        if seen.links:
            links = pl.concat(seen.links).drop_nulls()
            if links.height:
                links.write_parquet(self._folder.root / "links.parquet")
                seen.first_run = str(links["first_run"].mode().sort()[0])
        return seen

    # ---- block by block

    def _compiled(self, tables: Iterator[Table]) -> Iterator[Table]:
        """Compile the mapping when the first table shows the headers."""
        contract = self._setup.contract
        for table in tables:
            if self._applier is None:
                self._applier = compile_mapping(
                    self._mapping, table.headers, numeric=contract.numeric, instants=contract.instants,
                    days=contract.days, flags=contract.flags, zone=self._setup.route.zone,
                )  # fmt: skip
                self._seen.columns = dict(self._applier.columns)
                self._folder.keep_headers(table.headers)
            yield table

    def _judged(self, table: Table) -> _Judged:
        if self._applier is None or not table.frame.height:
            return _Judged(table.blank, None, None, no_issues(), no_issues(), np.empty(0, np.uint64))
        rows, issues = self._check(self._applier.apply(table))
        return _Judged(table.blank, table.links, rows, issues, self._cells(table, rows), self._key_hashes(rows))

    def _key_hashes(self, rows: pl.DataFrame) -> npt.NDArray[np.uint64]:
        """Hashes of the keys that must not stand twice."""
        rule = next((r for r in self._setup.contract.rows_rules if r.code == "DUPLICATE_KEY"), None)
        if rule is None or not self._may_repeat():
            return np.empty(0, np.uint64)
        concerned = rule.where & (pl.col(STATE).fill_null("") != "skipped")
        key = KEY if self._mapping.group is None else _WHOLE
        return rows.select(pl.col(key).hash(seed=5).filter(concerned)).to_series().to_numpy()

    def _may_repeat(self) -> bool:
        """Whether a key standing twice is a fault: of rows that are summed only where something tells them apart."""
        group = self._mapping.group
        return group is None or any(c not in group.by and c in self._seen.columns for c in self._setup.contract.key)

    def _cells(self, table: Table, rows: pl.DataFrame) -> pl.DataFrame:
        """Cells of the rejected rows as they came: the errors file needs no second reading then."""
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
        if judged.links is not None and judged.links.height:
            seen.links.append(judged.links)

    def _store(self, block: tuple[int, _Judged]) -> None:
        number, judged = block
        if judged.rows is None:
            return
        rows = judged.rows
        with self._hashes.open("ab") as out:
            judged.hashes.tofile(out)
        if self._keep is not None:
            rows = rows.select(ROW, LINE, KEY, STATE, *(c for c in (*self._keep, _WHOLE) if c in rows.columns))
        self._folder.add(number, rows, judged.issues, judged.cells)
        if self._told is not None and judged.issues.height:
            self._told(judged.issues)

    def _check(self, draft: Draft) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of the block (`@row`, `@line`, `@key`, `@state`, fields) and its issues."""
        contract = self._setup.contract
        frame, skipped = self._grouped(draft.frame, draft.skipped)
        frame = self._stamped(frame)
        faulty = draft.issues.filter(~pl.col(ROW).is_in(skipped[ROW].implode())) if skipped.height else draft.issues
        checked = contracts.check(contract, frame, requires=self._requires(), faulty=faulty, now=self._now)
        issues = [faulty, checked.issues, *self._of_destination(frame)]
        told = pl.concat([i for i in issues if i.height]) if any(i.height for i in issues) else no_issues()
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
        kept = [c for c in rows.columns if contract.has(c) or c == _WHOLE]
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

    def _of_destination(self, frame: pl.DataFrame) -> list[pl.DataFrame]:
        """Issues of prices an operation can't take as they are, and of what a destination says by itself."""
        found: list[pl.DataFrame] = []
        for leg in legs_written(self._setup.legs, frame.columns):
            operation = leg.operation
            here = effect_exists(tuple(f for f in operation.when if f in frame.columns))
            rows = frame if here is None else frame.filter(here)
            if operation.prices is not None:
                found.append(prices.price_issues(rows, operation.prices))
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
        whole = self._setup.contract.key_expr(frame.columns).alias(_WHOLE)  # one line twice is not two to be added up
        return frame.with_columns(whole, *(pl.lit(None, pl.String).alias(c) for c in loose)), skipped

    # ---- across rows

    def _across(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Apply the contract's rules across rows, part by part; returns late states and issues."""
        issues: list[pl.DataFrame] = []
        contract = self._setup.contract
        for rule in (*contract.rows_rules, *one_per_key(contract, self._setup.legs)):
            if rule.code == "DUPLICATE_KEY":
                issues.append(self._duplicates(rule))
            elif self._fills(rule):
                parts = parts_for(self._seen.rows)
                frames = (self._rows_of(rule, pl.col(rule.by).hash(seed=5) % parts == part) for part in range(parts))
                issues.extend(rule.find(frame) for frame in frames if frame.height)
        told = pl.concat([i for i in issues if i.height]) if any(i.height for i in issues) else no_issues()
        self._seen.warnings += int(told["code"].is_in(sorted(WARNINGS)).sum())
        bad = told.filter(~pl.col("code").is_in(sorted(WARNINGS)))[ROW].unique().sort()
        good = self._still_good(bad)
        return pl.DataFrame({ROW: good, "state": ["rejected"] * good.len()}, schema=LATE_SCHEMA), told.sort(ROW)

    def _duplicates(self, rule: RowsRule) -> pl.DataFrame:
        """Look at the few rows whose key's hash stands twice; without one, no key can stand twice."""
        if not self._hashes.exists():
            return no_issues()
        twice = _standing_twice(self._hashes)
        self._hashes.unlink()
        if twice.len() == 0:
            return no_issues()
        key = KEY if self._mapping.group is None else _WHOLE
        frame = self._rows_of(rule, pl.col(key).hash(seed=5).is_in(twice.implode()), key=key)
        return rule.find(frame) if frame.height else no_issues()

    def _fills(self, rule: RowsRule) -> bool:
        """Whether the mapping fills what the rule looks at: the field it goes by, and any of the others."""
        filled = self._seen.columns
        others = [c for c in rule.columns if c not in {rule.by, KEY}]
        return rule.by in filled and (not others or any(c in filled for c in others))

    def _rows_of(self, rule: RowsRule, here: pl.Expr, *, key: str = KEY) -> pl.DataFrame:
        contract: Contract = self._setup.contract
        frames: list[pl.DataFrame] = []
        needed = sorted((set(rule.where.meta.root_names()) | set(rule.columns) | {rule.by}) - {KEY, ROW, LINE})
        for path in self._folder.paths():
            have = pl.read_ipc_schema(path)
            block = read_block(path, [ROW, LINE, key, STATE, *(c for c in needed if c in have)])
            block = block.filter((pl.col(STATE).fill_null("") != "skipped") & here).rename({key: KEY})
            frames.append(rule.concerned(contract.complete(block)))
        return pl.concat(frames) if frames else pl.DataFrame()

    def _still_good(self, rows: pl.Series) -> pl.Series:
        if not rows.len():
            return rows
        good = pl.col(STATE).is_null() & pl.col(ROW).is_in(rows.implode())
        return pl.concat([b.filter(good)[ROW] for b in self._folder.blocks([])])

    # ---- the route's policy

    def _judge(self, states: pl.DataFrame, issues: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        policy, seen = self._setup.route.policy, self._seen
        seen.over_limit = over_limit(policy, seen.bad, seen.rows)
        if seen.bad and self._mapping.group is not None:
            # A record that sums several rows goes whole or not at all: a part of a level would be a wrong level.
            nobody = KEY_SEPARATOR * (len(self._setup.contract.key) - 1)
            states, issues = self._take_along(states, issues, KEY, ("", nobody))
        product = self._setup.contract.group
        if seen.bad and policy.rows == "groups" and seen.over_limit is None and product in seen.columns:
            states, issues = self._take_along(states, issues, str(product))
        if seen.bad and (policy.rows == "all" or seen.over_limit is not None):
            detail = seen.over_limit or f"{seen.bad:,} of {seen.rows:,} rows are faulty"
            states, issues = self._reject_rest(states, issues, "POLICY", pl.lit(detail), None)
        return states, issues

    def _take_along(
        self, states: pl.DataFrame, issues: pl.DataFrame, name: str, nothing: tuple[str, ...] = ("",)
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Reject the good rows that share the text of column `name` with a faulty one; `nothing` is no such text."""
        late = states[ROW].implode()
        faulty = [
            b.filter((pl.col(STATE) == "rejected") | pl.col(ROW).is_in(late)).select(name, pl.col(ROW).alias("first"))
            for b in (read_block(p, [ROW, STATE, name]) for p in self._folder.paths())
        ]
        known = pl.col(name).is_not_null() & ~pl.col(name).is_in(nothing)
        groups = pl.concat(faulty).filter(known).unique(name, keep="first")
        if not groups.height:
            return states, issues
        return self._reject_rest(states, issues, "GROUP_REJECTED", pl.format("row {}", pl.col("first")), (name, groups))

    def _reject_rest(
        self,
        states: pl.DataFrame,
        issues: pl.DataFrame,
        code: str,
        detail: pl.Expr,
        only: tuple[str, pl.DataFrame] | None,
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        found: list[pl.DataFrame] = []
        for path in self._folder.paths():
            columns = [ROW, LINE, STATE] if only is None else [ROW, LINE, STATE, only[0]]
            block = read_block(path, columns)
            block = block.filter(pl.col(STATE).is_null() & ~pl.col(ROW).is_in(states[ROW].implode()))
            if only is not None:
                block = block.join(only[1], on=only[0], how="inner", maintain_order="left")
            found.append(block.select(ROW, LINE, pl.lit(code).alias("code"), detail.alias("detail")))
        rest = pl.concat(found)
        self._seen.bad += rest.height
        self._seen.good -= rest.height
        more = rest.select(ROW, pl.lit("rejected").alias("state"))
        told = pl.concat([issues, rest], how="diagonal").select(issues.columns).sort(ROW, maintain_order=True)
        return pl.concat([states, more]).sort(ROW), told


_HASHES_AT_ONCE = 2_000_000
_HASHES_READ = 1 << 19


def _standing_twice(path: Path) -> pl.Series:
    """Hashes that stand more than once in the file (UInt64), looked for in slices of the hash space."""
    slices = max(1, -(-path.stat().st_size // 8 // _HASHES_AT_ONCE))
    found: list[pl.Series] = []
    for part in range(slices):
        nothing = np.empty(0, np.uint64)  # a file may hold skipped rows only
        ordered = pl.Series("hash", np.concatenate([nothing, *_slice(path, part, slices)])).sort().to_numpy()
        again = ordered[1:][ordered[1:] == ordered[:-1]]
        if again.size:
            found.append(pl.Series("hash", np.unique(again)))
    return pl.concat(found) if found else pl.Series("hash", [], dtype=pl.UInt64)


def _slice(path: Path, part: int, slices: int) -> Iterator[npt.NDArray[np.uint64]]:
    with path.open("rb") as file:
        while (read := np.fromfile(file, np.uint64, _HASHES_READ)).size:
            yield read if slices == 1 else read[read % slices == part]


def _needed_across(setup: RouteSetup) -> frozenset[str]:
    """Fields that the rules across rows look at."""
    contract = setup.contract
    names = {contract.group} if contract.group is not None else set()
    for rule in (*contract.rows_rules, *one_per_key(contract, setup.legs)):
        names |= {*rule.where.meta.root_names(), *rule.columns, rule.by}
    return frozenset(n for n in names if n in contract.fields)


def over_limit(policy: Policy, bad: int, rows: int) -> str | None:
    """Say why a file with so many faulty rows is not sent at all, or None."""
    if policy.reject_above is not None and bad > policy.reject_above:
        return f"{bad:,} rows are faulty, the limit is {policy.reject_above:,}"
    if policy.reject_share is not None and rows and bad / rows > policy.reject_share:
        return f"{bad / rows:.1%} of the rows are faulty, the limit is {policy.reject_share:.1%}"
    return None


def reading_layout(mapping: MappingFile) -> Layout:
    """Return the layout with the columns the mapping wants, where the reader can use the hint."""
    layout: Layout = mapping.format
    if layout.kind in {"xml", "json"} and "columns" in type(layout).model_fields:
        return layout.model_copy(update={"columns": mapping.wanted()})
    return layout
