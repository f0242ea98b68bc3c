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
from gateway.contracts.rules import Rule, issues_of
from gateway.distinct import Sound
from gateway.issues import WARNINGS
from gateway.model import LINE, ROW, Requirement, no_issues

_Mask = npt.NDArray[np.bool_]

VALUE_LIMIT = 1000
"""Characters of a cell an issue shows; a longer cell is cut and ends with an ellipsis."""


@dataclass(frozen=True, slots=True)
class Checked:
    """`good`: Boolean, aligned with the rows checked. `issues`: frame of ISSUE_SCHEMA in row order, warnings too."""

    good: pl.Series
    issues: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _RowTest:
    """A rule or a requirement, told alike."""

    code: str
    field: str
    columns: tuple[str, ...]
    violated: pl.Expr
    detail: pl.Expr


def check(
    contract: Contract,
    frame: pl.DataFrame,
    *,
    requires: Sequence[Requirement] = (),
    faulty: pl.DataFrame | None = None,
    now: datetime | None = None,
    seen: Sound | None = None,
) -> Checked:
    """Judge rows (`@row`, `@line`, canonical text columns under contract names; an absent column is missing cells).

    Optional fields: null and "" both mean not given. Required fields: null is REQUIRED, "" is NOT_BLANK.
    `faulty`: faults found before (`@row`, `field`; others are ignored, warnings among them by `code`): such rows are
    not good, their cells bring no further issue, and a fault without a contract field silences its whole row.
    `now`: aware time for the rules that depend on it; None leaves them out. Rules over rows are not asked here.
    `seen`: what earlier blocks of the same file showed; texts that stand there often are judged once.
    """
    full = contract.complete(frame)
    filled = {name for name, kind in frame.schema.items() if kind != pl.Null}
    judged = [one for one in contract.of(frame.columns) if one.required or one.name in frame.columns]
    rules = [rule for rule in contract.rules_at(now) if set(rule.needs) <= filled]
    if seen is not None:
        alone = {one.name: [rule for rule in rules if rule.columns == (one.name,)] for one in judged}
        sound = {o.name for o in judged if seen.holds(o.name, full[o.name], partial(_sound, o, alone[o.name]))}
        judged = [one for one in judged if one.name not in sound]
        rules = [rule for rule in rules if rule.columns[0] not in sound or len(rule.columns) > 1]
    tests = _row_tests(rules, requires)
    suspects = [_suspect(one).alias(f"f{place}") for place, one in enumerate(judged)]
    violated = [test.violated.fill_null(False).alias(f"r{place}") for place, test in enumerate(tests)]
    masks = full.lazy().select(*suspects, *violated).collect()
    work = _Work(full, *_known(contract, full, faulty))
    busy = {name for name, some in masks.select(pl.all().any()).row(0, named=True).items() if some}
    for place, one in enumerate(judged):
        if f"f{place}" in busy:
            work.judge_field(one, masks[f"f{place}"].to_numpy())
    for place, test in enumerate(tests):
        if f"r{place}" in busy:
            work.judge_rows(test, masks[f"r{place}"].to_numpy())
    return work.checked()


def _sound(one: ContractField, rules: Sequence[Rule], texts: pl.Series) -> pl.Series:
    """Tell which texts of a field neither it nor a rule about it alone finds fault with."""
    faults = [_suspect(one), *(rule.violated.fill_null(False) for rule in rules)]
    return ~pl.DataFrame([texts.alias(one.name)]).select(pl.any_horizontal(faults)).to_series()


def _suspect(one: ContractField) -> pl.Expr:
    cell = pl.col(one.name)
    if one.required:
        return ~((cell != "") & one.type.plain(cell)).fill_null(False)
    return ~((cell == "") | one.type.plain(cell)).fill_null(True)


def _row_tests(rules: Sequence[Rule], requires: Sequence[Requirement]) -> list[_RowTest]:
    def words(detail: str | pl.Expr) -> pl.Expr:
        return pl.lit(detail) if isinstance(detail, str) else detail

    def of_rule(rule: Rule) -> _RowTest:
        return _RowTest(rule.code, rule.field, rule.columns, rule.violated, words(rule.detail))

    needed = [_RowTest(one.code, one.field, one.columns, one.where, words(one.detail)) for one in requires]
    return [*map(of_rule, rules), *needed]


def _known(
    contract: Contract, full: pl.DataFrame, faulty: pl.DataFrame | None
) -> tuple[_Mask, _Mask, dict[str, _Mask]]:
    """Return rows with a fault known before, those silenced as a whole, and masks of the known cells per field."""
    none = np.zeros(full.height, np.bool_)
    if faulty is None or faulty.is_empty():
        return none, none, {}
    if "code" in faulty.columns and not WARNINGS.isdisjoint(faulty["code"].unique()):
        faulty = faulty.filter(~pl.col("code").is_in(list(WARNINGS)))
    numbers = full[ROW].to_numpy()

    def rows(part: pl.DataFrame) -> _Mask:
        return np.isin(numbers, part[ROW].to_numpy())

    named = [name for name in faulty["field"].unique() if name is not None and contract.has(name)]
    whole = rows(faulty.filter(~pl.col("field").is_in(named).fill_null(False)))
    cells = {str(name): rows(part) for (name,), part in faulty.group_by("field") if name in named}
    return rows(faulty), whole, cells


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
        places = np.flatnonzero(asked)
        if not places.size:
            return
        rows = self._full.select({ROW, LINE, test.field, *test.detail.meta.root_names()})[places]
        if test.code not in WARNINGS:
            self._bad |= asked
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
