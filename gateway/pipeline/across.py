"""Rules over the rows of a whole file, once all of it is stored: part by part, in memory that does not grow with it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from gateway.contracts import RowsRule
from gateway.delta import parts_for
from gateway.issues import WARNINGS
from gateway.model import KEY, LINE, ROW, no_issues
from gateway.pipeline.setup import RouteSetup
from gateway.pipeline.unique import WHOLE, rules_over_rows
from gateway.spool import LATE_SCHEMA, STATE, RunFolder, write_block

_TWICE = "DUPLICATE_KEY"
_ONE_RECORD = "DEST_ONE_RECORD"
_AMONG_SENT_ROWS = ("DEST_ONE_PER_KEY", _ONE_RECORD)
"""Rules about rows that are sent: a row that is rejected is nobody's other value."""
_WHOLE_ROW = ""
"""Stands for every field: in a record of too many cells, or too few, each may stand under another's name."""
_BLOCKS_AT_ONCE = 16
"""Blocks that a rule across rows looks for its rows in at a time."""
_HASHES_AT_ONCE = 2_000_000
"""Hashes looked through at a time, of all rules together."""
_HASHES_READ = 1 << 19
_HELD = 1 << 19
"""Hashes held in memory, of all rules together, before they are written to the disk."""


MOST_SHOWN = 20_000
"""Rows for whose sake the file is read once more, so that their issues show the cells as they stand there."""


@dataclass(frozen=True, slots=True)
class Hashes:
    """Of one block: hashes of the keys that must not stand twice; `@row` and those of the other rules, None: none.

    `unread`: rows by the field that could not be read in them, by "" those of which no cell has a sure place.
    """

    keys: npt.NDArray[np.uint64]
    others: pl.DataFrame | None
    unread: Mapping[str, pl.Series]


class Across:
    """The rules over rows of one file: `hashes` of each block, `keep` in file order, then `find`.

    `by`: the key fields by which rows are summed, None where they are not. `filled`: the contract fields the mapping
    fills. Its files lie in the run's folder until `find` is done.
    """

    def __init__(
        self, setup: RouteSetup, folder: RunFolder, *, by: Collection[str] | None, filled: Collection[str]
    ) -> None:
        self._folder = folder
        self._key = KEY if by is None else WHOLE
        # rows that are summed may have a key in common, unless something tells them apart
        apart = by is None or any(name in filled and name not in by for name in setup.contract.key)
        rules = rules_over_rows(setup.contract, setup.legs, filled, key=self._key)
        rules = tuple(rule for rule in rules if apart or rule.code != _TWICE)
        self._once = next((rule for rule in rules if rule.code == _TWICE and rule.columns == (KEY,)), None)
        self._rules = [rule for rule in rules if rule is not self._once and _fills(rule, filled)]
        self._keys, self._alike = folder.root / "hashes", folder.root / "alike"
        self._keys.unlink(missing_ok=True)
        shutil.rmtree(self._alike, ignore_errors=True)
        self._held: list[tuple[int, Hashes]] = []
        self.repeated: list[tuple[RowsRule, pl.DataFrame]] = []
        """Rows of the groups whose issues repeat cells in their details, by the rule that told them."""
        self._room = _HELD
        self._asked = [
            expr.alias(f"{name}{place}")
            for place, rule in enumerate(self._rules)
            for name, expr in (("alike", rule.alike_hash()), ("differ", rule.differ_hash()))
        ]
        self._needed = {name for expr in self._asked for name in expr.meta.root_names()} - {KEY}
        self._key_fields = setup.contract.key
        self._reads = frozenset(name for rule in rules for name in self._read_for(rule))
        self._unread: dict[str, list[pl.Series]] = {}

    def hashes(self, rows: pl.DataFrame, faulty: pl.DataFrame) -> Hashes:
        """Hash a block: `@row`, `@key`, `@state` and contract fields; rows left out are not concerned.

        `faulty`: what could not be read of it (`@row`, `field`, `code`); such a cell is missing in `rows`, and nobody
        knows what it would say.
        """
        keys, unread = np.empty(0, np.uint64), self._unread_of(faulty)
        if self._once is not None:
            concerned = self._once.where & (pl.col(STATE).fill_null("") != "skipped")
            concerned &= self._known(self._once, unread)
            keys = rows.select(pl.col(self._key).hash(seed=5).filter(concerned)).to_series().to_numpy()
        if not self._rules:
            return Hashes(keys, None, unread)
        absent = (pl.lit(None, pl.String).alias(name) for name in sorted(self._needed - set(rows.columns)))
        there = rows.lazy().with_columns(absent).filter(pl.col(STATE).fill_null("") != "skipped")
        others = there.select(ROW, *self._asked).collect()
        if unread:
            known = ((f"alike{place}", self._known(rule, unread)) for place, rule in enumerate(self._rules))
            others = others.with_columns(pl.when(here).then(name).alias(name) for name, here in known)
        return Hashes(keys, others, unread)

    def _unread_of(self, faulty: pl.DataFrame) -> dict[str, pl.Series]:
        if not faulty.height:
            return {}
        field = pl.col("field").fill_null(_WHOLE_ROW)
        lost = field.is_in([_WHOLE_ROW, *sorted(self._reads)]) & ~pl.col("code").is_in(sorted(WARNINGS))
        return {str(name): rows[ROW] for (name,), rows in faulty.filter(lost).group_by(field)}

    def _known(self, rule: RowsRule, unread: Mapping[str, pl.Series]) -> pl.Expr:
        """Return whether all was read in a row that must have been for the rule."""
        lost = [unread[field] for field in (_WHOLE_ROW, *self._read_for(rule)) if field in unread]
        return ~pl.col(ROW).is_in(pl.concat(lost).implode()) if lost else pl.lit(value=True)

    def _read_for(self, rule: RowsRule) -> set[str]:
        looked = {*(rule.asks or (rule.by, *rule.columns))}
        return looked | {*self._key_fields} if {KEY, WHOLE} & looked else looked

    def keep(self, number: int, hashes: Hashes) -> None:
        """Store what was hashed of block `number` (from 0): that of a small file in memory."""
        for field, rows in hashes.unread.items():
            self._unread.setdefault(field, []).append(rows)
        self._held.append((number, hashes))
        self._room -= hashes.keys.size + (0 if hashes.others is None else hashes.others.height * len(self._asked))
        if self._room < 0:
            for each in self._held:
                self._write(*each)
            self._held = []

    def _write(self, number: int, hashes: Hashes) -> None:
        with self._keys.open("ab") as out:
            hashes.keys.tofile(out)
        if hashes.others is not None:
            self._alike.mkdir(exist_ok=True)
            write_block(hashes.others, self._alike / f"{number:06d}.arrow")

    def find(self, rows: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the states of rows that were good before (LATE_SCHEMA), and all issues; `rows`: how many there are."""
        places = range(len(self._rules))
        twice = [place for place in places if self._rules[place].code == _TWICE]
        first = [self._duplicates(self._once)] if self._once is not None else [*self._told(rows, twice)]
        gone = pl.concat([one[ROW] for one in (no_issues(), *first)])
        issues = [*first, *self._told(rows, [place for place in places if place not in twice], gone)]
        shutil.rmtree(self._alike, ignore_errors=True)
        told = _said_once(pl.concat([i for i in issues if i.height])) if any(i.height for i in issues) else no_issues()
        bad = told.filter(~pl.col("code").is_in(sorted(WARNINGS)))[ROW].unique().sort()
        good = self._still_good(bad)
        late = pl.DataFrame({ROW: good, "state": ["rejected"] * good.len()}, schema=LATE_SCHEMA)
        return late, told.sort(ROW, maintain_order=True)

    def _told(self, count: int, places: Collection[int], gone: pl.Series | None = None) -> Iterator[pl.DataFrame]:
        """Ask the rules about the rows that may break them: hashes of all rows are cheap, the rows themselves not.

        `gone`: rows rejected meanwhile, which are nobody's other value at the destination.
        """
        slices = max(1, -(-count * len(places) // _HASHES_AT_ONCE))
        hashed = self._hashed()
        if hashed is None:
            return
        for part in range(slices):
            for place in places:
                rule = self._rules[place]
                rows = _suspects(rule, place, hashed, part, slices)
                if gone is not None and rule.code in _AMONG_SENT_ROWS:
                    rows = rows.filter(~rows.is_in(gone.implode()))
                parts = parts_for(rows.len())
                for number in range(parts if rows.len() else 0):
                    here = pl.col(ROW).is_in(rows.implode())
                    if parts > 1:
                        here &= rule.alike_hash() % parts == number
                    frame = self._rows_of(rule, here)
                    found = rule.find(frame)
                    self._remember(rule, frame, found)
                    yield found

    def _remember(self, rule: RowsRule, frame: pl.DataFrame, found: pl.DataFrame) -> None:
        """Keep the rows of groups that broke a rule whose details repeat cells, while they are few."""
        if not rule.repeats or not found.height:
            return
        groups = frame.filter(pl.col(ROW).is_in(found[ROW].implode()))[rule.by].unique()
        rows = frame.filter(pl.col(rule.by).is_in(groups.implode()))
        if sum(kept.height for _, kept in self.repeated) + rows.height <= MOST_SHOWN:
            self.repeated.append((rule, rows))

    def _hashed(self) -> pl.LazyFrame | None:
        """Return the hashes for the other rules, of all blocks; None: there are none."""
        held = [hashes.others.lazy() for _, hashes in self._held if hashes.others is not None]
        if held:
            return pl.concat(held)
        return pl.scan_ipc(sorted(self._alike.iterdir())) if self._alike.exists() else None

    def _stored(self, needed: Collection[str], *, key: str = KEY) -> Iterator[pl.LazyFrame]:
        """Yield the rows that were not skipped, several blocks at a time: `@row`, `@line`, `@key` and the contract."""
        paths = self._folder.paths()
        for start in range(0, len(paths), _BLOCKS_AT_ONCE):
            several = pl.scan_ipc(paths[start : start + _BLOCKS_AT_ONCE])
            have = several.collect_schema()
            fields = sorted(set(needed) - {KEY, ROW, LINE, STATE})
            chosen = several.select(ROW, LINE, key, STATE, *(c for c in fields if c in have)).rename({key: KEY})
            absent = (pl.lit(None, pl.String).alias(c) for c in fields if c not in have)
            yield chosen.filter(pl.col(STATE).fill_null("") != "skipped").with_columns(absent)

    def _duplicates(self, rule: RowsRule) -> pl.DataFrame:
        """Look at the few rows whose key's hash stands twice; without one, no key can stand twice."""
        twice = _standing_twice([hashes.keys for _, hashes in self._held] if self._held else self._keys)
        self._keys.unlink(missing_ok=True)
        if twice.len() == 0:
            return no_issues()
        frame = self._rows_of(rule, pl.col(KEY).hash(seed=5).is_in(twice.implode()), key=self._key)
        return rule.find(frame) if frame.height else no_issues()

    def _rows_of(self, rule: RowsRule, here: pl.Expr, *, key: str = KEY) -> pl.DataFrame:
        needed = {*rule.where.meta.root_names(), *rule.columns, rule.by}
        here &= self._known(rule, {field: pl.concat(rows) for field, rows in self._unread.items()})
        frames = [rule.concerned(several.filter(here)) for several in self._stored(needed, key=key)]
        return pl.concat(frames) if frames else pl.DataFrame()

    def _still_good(self, rows: pl.Series) -> pl.Series:
        if not rows.len():
            return rows
        good = pl.col(STATE).is_null() & pl.col(ROW).is_in(rows.implode())
        return pl.concat([b.filter(good)[ROW] for b in self._folder.blocks([])])


def _said_once(told: pl.DataFrame) -> pl.DataFrame:
    """Leave out that a row is one record with others where that is told already: by the contract, or of another leg."""
    one = pl.col("code") == _ONE_RECORD
    variants = told.filter(pl.col("code") == "V-KEY")[ROW]
    again = pl.int_range(pl.len()).over(ROW, "code") > 0
    return told.filter(~(one & (again | pl.col(ROW).is_in(variants.implode()))))


def _fills(rule: RowsRule, filled: Collection[str]) -> bool:
    """Whether the mapping fills what the rule looks at: the field it goes by, and any of the others."""
    others = [c for c in rule.columns if c not in {rule.by, KEY}]
    by = rule.by in filled or rule.by in {KEY, WHOLE}
    return by and (not others or any(c in filled for c in others))


def _suspects(rule: RowsRule, place: int, hashed: pl.LazyFrame, part: int, slices: int) -> pl.Series:
    """Return the `@row`s of those that may break the rule, of the slice of the hash space; nearly always none."""
    alike = pl.col(f"alike{place}")
    here = hashed.filter(alike.is_not_null() if slices == 1 else alike % slices == part)
    if not _again(here.select(alike).collect().to_series()).len():
        return pl.Series(ROW, [], dtype=pl.Int64)
    return rule.suspects(here.select(ROW, alike.alias("alike"), pl.col(f"differ{place}").alias("differ")).collect())


def _again(hashes: pl.Series) -> pl.Series:
    """Return the hashes that stand more than once."""
    ordered = np.sort(hashes.to_numpy())
    return pl.Series("hash", np.unique(ordered[1:][ordered[1:] == ordered[:-1]]), dtype=pl.UInt64)


def _standing_twice(hashes: Path | Sequence[npt.NDArray[np.uint64]]) -> pl.Series:
    """Hashes that stand more than once (UInt64); those of a file are looked for in slices of the hash space."""
    if not isinstance(hashes, Path):
        return _again(pl.Series(np.concatenate(hashes)))
    size = hashes.stat().st_size if hashes.exists() else 0
    slices = max(1, -(-size // 8 // _HASHES_AT_ONCE)) if size else 0
    nothing = np.empty(0, np.uint64)  # a file may hold skipped rows only
    found = [_again(pl.Series(np.concatenate([nothing, *_slice(hashes, part, slices)]))) for part in range(slices)]
    return pl.concat(found) if found else pl.Series("hash", [], dtype=pl.UInt64)


def _slice(path: Path, part: int, slices: int) -> Iterator[npt.NDArray[np.uint64]]:
    with path.open("rb") as file:
        while (read := np.fromfile(file, np.uint64, _HASHES_READ)).size:
            yield read if slices == 1 else read[read % slices == part]


def needed_across(setup: RouteSetup) -> frozenset[str]:
    """Fields that the rules across rows look at."""
    contract = setup.contract
    names = {contract.group} if contract.group is not None else set()
    for rule in (*contract.rows_rules, *rules_over_rows(contract, setup.legs, contract.fields)):
        names |= {*rule.where.meta.root_names(), *rule.columns, rule.by}
    return frozenset(n for n in names if n in contract.fields)
