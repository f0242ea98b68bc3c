"""Rules over the rows of a whole file, once all of it is stored: part by part, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
"""Hashes looked through at a time, of all rules together."""
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
        once = [self._duplicates(rule) for rule in self._rules if rule.code == "DUPLICATE_KEY"]
        others = [rule for rule in self._rules if rule.code != "DUPLICATE_KEY" and self._fills(rule)]
        issues = [*once, *self._told(others)]
        told = pl.concat([i for i in issues if i.height]) if any(i.height for i in issues) else no_issues()
        bad = told.filter(~pl.col("code").is_in(sorted(WARNINGS)))[ROW].unique().sort()
        good = self._still_good(bad)
        late = pl.DataFrame({ROW: good, "state": ["rejected"] * good.len()}, schema=LATE_SCHEMA)
        return late, told.sort(ROW, maintain_order=True)

    def _told(self, rules: Sequence[RowsRule]) -> Iterator[pl.DataFrame]:
        """Ask the rules about the rows that may break them: hashes of all rows are cheap, the rows themselves not."""
        slices = max(1, -(-self._count * len(rules) // _HASHES_AT_ONCE))
        for part in range(slices) if rules else ():
            for rule, hashes in zip(rules, self._hashes_of(rules, part, slices), strict=True):
                rows = rule.suspects(hashes)
                parts = parts_for(rows.len())
                for number in range(parts if rows.len() else 0):
                    here = pl.col(ROW).is_in(rows.implode())
                    if parts > 1:
                        here &= pl.col(rule.by).hash(seed=5) % parts == number
                    yield rule.find(self._rows_of(rule, here))

    def _hashes_of(self, rules: Sequence[RowsRule], part: int, slices: int) -> list[pl.DataFrame]:
        """Per rule: `@row`, `alike` and `differ` of the rows it concerns whose `alike` falls into the slice."""
        found: list[list[pl.DataFrame]] = [[] for _ in rules]
        asked = [
            expr.alias(f"{name}{place}")
            for place, rule in enumerate(rules)
            for name, expr in (("alike", rule.alike_hash()), ("differ", rule.differ_hash()))
        ]
        needed = {KEY, *(name for expr in asked for name in expr.meta.root_names())}
        for several in self._stored(needed):
            hashes = several.select(ROW, *asked).collect()
            for place, frames in enumerate(found):
                one = hashes.lazy().select(ROW, alike=f"alike{place}", differ=f"differ{place}")
                frames.append(one.filter(pl.col("alike") % slices == part).collect())
        nothing = pl.DataFrame(schema={ROW: pl.Int64, "alike": pl.UInt64, "differ": pl.UInt64})  # a file without rows
        return [pl.concat(frames) if frames else nothing for frames in found]

    def _stored(self, needed: Collection[str], *, key: str = KEY) -> Iterator[pl.LazyFrame]:
        """Yield the rows that were not skipped, several blocks at a time: `@row`, `@line`, `@key` and the contract."""
        paths = self._folder.paths()
        for start in range(0, len(paths), _BLOCKS_AT_ONCE):
            several = pl.scan_ipc(paths[start : start + _BLOCKS_AT_ONCE])
            have = several.collect_schema()
            fields = sorted(set(needed) - {KEY, ROW, LINE})
            chosen = several.select(ROW, LINE, key, STATE, *(c for c in fields if c in have)).rename({key: KEY})
            absent = (pl.lit(None, pl.String).alias(c) for c in fields if c not in have)
            yield chosen.filter(pl.col(STATE).fill_null("") != "skipped").with_columns(absent)

    def _duplicates(self, rule: RowsRule) -> pl.DataFrame:
        """Look at the few rows whose key's hash stands twice; without one, no key can stand twice."""
        if not self._hashes.exists():
            return no_issues()
        twice = _standing_twice(self._hashes)
        self._hashes.unlink()
        if twice.len() == 0:
            return no_issues()
        frame = self._rows_of(rule, pl.col(KEY).hash(seed=5).is_in(twice.implode()), key=self._key)
        return rule.find(frame) if frame.height else no_issues()

    def _fills(self, rule: RowsRule) -> bool:
        """Whether the mapping fills what the rule looks at: the field it goes by, and any of the others."""
        filled = self._filled
        others = [c for c in rule.columns if c not in {rule.by, KEY}]
        return rule.by in filled and (not others or any(c in filled for c in others))

    def _rows_of(self, rule: RowsRule, here: pl.Expr, *, key: str = KEY) -> pl.DataFrame:
        needed = {*rule.where.meta.root_names(), *rule.columns, rule.by}
        frames = [rule.concerned(several.filter(here)) for several in self._stored(needed, key=key)]
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
