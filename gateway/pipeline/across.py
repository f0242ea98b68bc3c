"""Rules over the rows of a whole file, once all of it is stored: part by part, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from gateway.contracts import RowsRule
from gateway.delta import parts_for
from gateway.issues import WARNINGS
from gateway.model import KEY, LINE, ROW, no_issues
from gateway.pipeline.setup import RouteSetup
from gateway.pipeline.unique import one_per_key
from gateway.spool import LATE_SCHEMA, STATE, RunFolder

_BLOCKS_AT_ONCE = 16
"""Blocks that a rule across rows looks for its rows in at a time."""
_HASHES_AT_ONCE = 2_000_000
_HASHES_READ = 1 << 19


class Across:
    """The rules over rows of one file. `key`: the column that must not stand twice; `hashes`: file of its hashes.

    `filled`: the contract fields the mapping fills. `rows`: how many rows were stored.
    """

    def __init__(
        self, setup: RouteSetup, folder: RunFolder, hashes: Path, *, key: str, filled: Mapping[str, str], rows: int
    ) -> None:
        self._contract = setup.contract
        self._rules = (*setup.contract.rows_rules, *one_per_key(setup.contract, setup.legs))
        self._folder = folder
        self._hashes = hashes
        self._key = key
        self._filled = filled
        self._count = rows

    def find(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the states of rows that were good before (LATE_SCHEMA), and all issues (ISSUE_SCHEMA)."""
        issues: list[pl.DataFrame] = []
        for rule in self._rules:
            if rule.code == "DUPLICATE_KEY":
                issues.append(self._duplicates(rule))
            elif self._fills(rule):
                parts = parts_for(self._count)
                frames = (self._rows_of(rule, pl.col(rule.by).hash(seed=5) % parts == part) for part in range(parts))
                issues.extend(rule.find(frame) for frame in frames if frame.height)
        told = pl.concat([i for i in issues if i.height]) if any(i.height for i in issues) else no_issues()
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
        frame = self._rows_of(rule, pl.col(self._key).hash(seed=5).is_in(twice.implode()), key=self._key)
        return rule.find(frame) if frame.height else no_issues()

    def _fills(self, rule: RowsRule) -> bool:
        """Whether the mapping fills what the rule looks at: the field it goes by, and any of the others."""
        filled = self._filled
        others = [c for c in rule.columns if c not in {rule.by, KEY}]
        return rule.by in filled and (not others or any(c in filled for c in others))

    def _rows_of(self, rule: RowsRule, here: pl.Expr, *, key: str = KEY) -> pl.DataFrame:
        frames: list[pl.DataFrame] = []
        needed = sorted((set(rule.where.meta.root_names()) | set(rule.columns) | {rule.by}) - {KEY, ROW, LINE})
        paths = self._folder.paths()
        for start in range(0, len(paths), _BLOCKS_AT_ONCE):
            several = pl.scan_ipc(paths[start : start + _BLOCKS_AT_ONCE])
            have = several.collect_schema()
            chosen = several.select(ROW, LINE, key, STATE, *(c for c in needed if c in have))
            rows = chosen.filter((pl.col(STATE).fill_null("") != "skipped") & here).rename({key: KEY}).collect()
            frames.append(rule.concerned(self._contract.complete(rows)))
        return pl.concat(frames) if frames else pl.DataFrame()

    def _still_good(self, rows: pl.Series) -> pl.Series:
        if not rows.len():
            return rows
        good = pl.col(STATE).is_null() & pl.col(ROW).is_in(rows.implode())
        return pl.concat([b.filter(good)[ROW] for b in self._folder.blocks([])])


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


def needed_across(setup: RouteSetup) -> frozenset[str]:
    """Fields that the rules across rows look at."""
    contract = setup.contract
    names = {contract.group} if contract.group is not None else set()
    for rule in (*contract.rows_rules, *one_per_key(contract, setup.legs)):
        names |= {*rule.where.meta.root_names(), *rule.columns, rule.by}
    return frozenset(n for n in names if n in contract.fields)
