"""The checker: every fault of every row of a frame in one pass, without cascades; good rows cost masks only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from gateway.contracts.contract import Contract, ContractField
from gateway.contracts.fields import Instant
from gateway.contracts.rules import issues_of
from gateway.distinct import Sound
from gateway.issues import WARNINGS
from gateway.model import LINE, NOW, ROW, Requirement, no_issues

_Mask = npt.NDArray[np.bool_]

_SHARED = pl.QueryOptFlags.none(comm_subexpr_elim=True)
"""What several questions ask for is worked out once; there is nothing else in them to be made simpler."""

_ABSENT = frozenset({"REQUIRED", "NOT_BLANK"})

VALUE_LIMIT = 1000
"""Characters of a cell an issue shows; a longer cell is cut and ends with an ellipsis."""


@dataclass(frozen=True, slots=True)
class Checked:
    """`good`: Boolean, aligned with the rows checked. `issues`: frame of ISSUE_SCHEMA in row order, warnings too."""

    good: pl.Series
    issues: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _RowTest:
    """A rule or a requirement, told alike. `only`: the one field a file gives of those it looks at, where it is."""

    code: str
    field: str
    columns: tuple[str, ...]
    violated: pl.Expr
    detail: pl.Expr
    only: str | None


@dataclass(frozen=True, slots=True)
class _Questions:
    """What is asked of frames with the same columns: of each field whether it is suspect, and the tests of rows."""

    fields: tuple[tuple[ContractField, pl.Expr], ...]
    tests: tuple[_RowTest, ...]
    now: pl.Expr

    def sound(self, field: ContractField, suspect: pl.Expr, texts: pl.Series) -> pl.Series:
        """Tell which texts of a field neither it nor a test that hangs on it alone finds fault with."""
        tests = [test.violated for test in self.tests if test.only == field.name]
        others = {name for test in tests for name in test.meta.root_names()} - {field.name}
        absent = [self.now if name == NOW else pl.lit(None, pl.String).alias(name) for name in sorted(others)]
        known = pl.DataFrame([texts.alias(field.name)]).with_columns(absent)
        return ~known.select(pl.any_horizontal(suspect, *tests)).to_series()


class Checker:
    """Judges the blocks of one file by a contract; texts that stand there often are judged once.

    `requires`: what is asked besides. `now`: aware time for the rules that depend on it; None leaves them out. Rules
    over rows are not asked here. Blocks may be judged side by side.
    """

    def __init__(
        self, contract: Contract, *, requires: Sequence[Requirement] = (), now: datetime | None = None
    ) -> None:
        self._contract = contract
        self._rules = contract.rules_at(now)
        self._requires = requires
        self._now = pl.lit(None if now is None else Instant.text(now), pl.String).alias(NOW)
        self._timed = any(NOW in one.columns for one in requires)
        self._questions: dict[tuple[tuple[str, ...], frozenset[str]], _Questions] = {}
        self._seen = Sound()

    def check(self, frame: pl.DataFrame, *, faulty: pl.DataFrame | None = None) -> Checked:
        """Judge rows (`@row`, `@line`, canonical text columns under contract names; absent columns are missing cells).

        Optional fields: null and "" both mean not given. Required fields: null is REQUIRED, "" is NOT_BLANK.
        `faulty`: faults found before (`@row`, `field`; others are ignored, warnings among them by `code`): such rows
        are not good, their cells bring no further issue, and a fault without a contract field silences its whole row.
        """
        full = self._contract.complete(frame)
        full = full.with_columns(self._now) if self._timed else full
        asked = self._asked_of(frame)
        sound = {
            one.name
            for one, suspect in asked.fields
            if self._seen.holds(one.name, full[one.name], partial(asked.sound, one, suspect))
        }
        fields = [each for each in asked.fields if each[0].name not in sound]
        tests = [test for test in asked.tests if test.only not in sound]
        masks = full.lazy().select(
            *(suspect.alias(f"f{place}") for place, (_, suspect) in enumerate(fields)),
            *(test.violated.alias(f"r{place}") for place, test in enumerate(tests)),
        ).collect(optimizations=_SHARED)  # fmt: skip
        work = _Work(full, *_known(self._contract, full, faulty))
        busy = {name for name, some in masks.select(pl.all().any()).row(0, named=True).items() if some}
        for place, (one, _) in enumerate(fields):
            if f"f{place}" in busy:
                work.judge_field(one, masks[f"f{place}"].to_numpy())
        for place, test in enumerate(tests):
            if f"r{place}" in busy:
                work.judge_rows(test, masks[f"r{place}"].to_numpy())
        return work.checked()

    def _asked_of(self, frame: pl.DataFrame) -> _Questions:
        filled = frozenset(name for name, kind in frame.schema.items() if kind != pl.Null)
        key = (tuple(frame.columns), filled)
        if key not in self._questions:
            judged = [one for one in self._contract.of(frame.columns) if one.required or one.name in frame.columns]
            rules = [rule for rule in self._rules if set(rule.needs) <= filled]
            tests = (
                *(_row_test(one.code, one.field, one.columns, one.violated, one.detail, filled) for one in rules),
                *(_row_test(one.code, one.field, one.columns, one.where, one.detail, filled) for one in self._requires),
            )
            self._questions[key] = _Questions(tuple((one, _suspect(one)) for one in judged), tests, self._now)
        return self._questions[key]


def check(
    contract: Contract,
    frame: pl.DataFrame,
    *,
    requires: Sequence[Requirement] = (),
    faulty: pl.DataFrame | None = None,
    now: datetime | None = None,
) -> Checked:
    """Judge rows as a Checker does that has seen none before."""
    return Checker(contract, requires=requires, now=now).check(frame, faulty=faulty)


def _suspect(one: ContractField) -> pl.Expr:
    cell = pl.col(one.name)
    if one.required:
        return ~((cell != "") & one.type.plain(cell)).fill_null(False)
    return ~((cell == "") | one.type.plain(cell)).fill_null(True)


def _row_test(
    code: str, field: str, columns: tuple[str, ...], violated: pl.Expr, detail: str | pl.Expr, filled: frozenset[str]
) -> _RowTest:
    words = pl.lit(detail) if isinstance(detail, str) else detail
    given = [*filled.intersection({*columns, *violated.meta.root_names()})]
    return _RowTest(code, field, columns, violated.fill_null(False), words, given[0] if len(given) == 1 else None)


def _known(
    contract: Contract, full: pl.DataFrame, faulty: pl.DataFrame | None
) -> tuple[_Mask, _Mask, dict[str, _Mask]]:
    """Return rows with a fault known before, those silenced as a whole, and masks of the known cells per field."""
    none = np.zeros(full.height, np.bool_)
    if faulty is None or faulty.is_empty():
        return none, none, {}
    if "code" in faulty.columns and not WARNINGS.isdisjoint(faulty["code"].unique()):
        faulty = faulty.filter(~pl.col("code").is_in(list(WARNINGS)))
    numbers, at, fields = full[ROW].to_numpy(), faulty[ROW].to_numpy(), faulty["field"]

    def rows(part: _Mask) -> _Mask:
        return np.isin(numbers, at[part])

    found = {str(name): (fields == name).fill_null(False).to_numpy() for name in fields.unique().drop_nulls()}
    named = {name: part for name, part in found.items() if contract.has(name)}
    whole = ~np.logical_or.reduce(list(named.values())) if named else np.ones(len(at), np.bool_)
    return np.isin(numbers, at), rows(whole), {name: rows(part) for name, part in named.items()}


def _shown(name: str) -> pl.Expr:
    cell = pl.col(name)
    cut = pl.concat_str(cell.str.head(VALUE_LIMIT), pl.lit("…"))
    return pl.when(cell.str.len_chars() > VALUE_LIMIT).then(cut).otherwise(cell)


class _Work:
    """Faults gathered while one frame is judged."""

    def __init__(self, full: pl.DataFrame, bad: _Mask, silenced: _Mask, cells: dict[str, _Mask]) -> None:
        self._full = full
        self._bad = bad.copy()
        self._silenced = silenced
        self._cells = cells
        self._lacking: dict[str, _Mask] = {}
        self._issues: list[pl.DataFrame] = []

    def judge_field(self, one: ContractField, suspect: _Mask) -> None:
        """Explain suspect cells of one field that were not known as faulty before."""
        known = self._cells.get(one.name)
        asked = suspect & ~self._silenced if known is None else suspect & ~self._silenced & ~known
        places = np.flatnonzero(asked)
        cell = pl.col(one.name)
        code, detail = one.type.fault(cell)
        if one.required:
            blank = pl.when(cell.is_null()).then(pl.lit("REQUIRED")).when(cell == "").then(pl.lit("NOT_BLANK"))
            code, detail = blank.otherwise(code), pl.when(_not_given(cell)).then(pl.lit("")).otherwise(detail)
        rows = self._full.select(ROW, LINE, one.name)[places]
        told = rows.lazy().with_columns(code=code, detail=detail).collect()
        wrong = told["code"].is_not_null()
        fault = np.zeros(self._full.height, np.bool_)
        fault[places[wrong.to_numpy()]] = True
        self._cells[one.name] = fault if known is None else fault | known
        self._bad |= fault
        told = told.filter(wrong)
        if not told.is_empty():
            self._issues.append(
                told.select(
                    ROW, LINE, "code", pl.lit(one.name).alias("field"), _shown(one.name).alias("value"), "detail"
                )
            )

    def judge_rows(self, test: _RowTest, violated: _Mask) -> None:
        """Explain rows that violate a test none of whose fields is at fault."""
        asked = violated & ~self._silenced
        for column in test.columns:
            if column in self._cells:
                asked &= ~self._cells[column]
        if test.field in self._lacking:  # a field that is lacking is told so once, whoever needs it
            asked &= ~self._lacking[test.field]
        places = np.flatnonzero(asked)
        if not places.size:
            return
        rows = self._full.select({ROW, LINE, test.field, *test.detail.meta.root_names()})[places]
        if test.code not in WARNINGS:
            self._bad |= asked
        if test.code in _ABSENT:
            known = self._lacking.get(test.field)
            self._lacking[test.field] = asked if known is None else asked | known
        self._issues.append(issues_of(rows, test.code, test.field, value=_shown(test.field), detail=test.detail))

    def checked(self) -> Checked:
        """Return the verdict: one issue frame in row order."""
        good = pl.Series("good", ~self._bad)
        if not self._issues:
            return Checked(good, no_issues())
        issues = pl.concat(self._issues)
        return Checked(good, issues if len(self._issues) == 1 else issues.sort(ROW, maintain_order=True))


def _not_given(cell: pl.Expr) -> pl.Expr:
    return cell.is_null() | (cell == "")
