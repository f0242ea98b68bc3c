"""Problems of a run grouped by cause, counted in one pass over the issues; it knows no output format."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import polars as pl

from gateway.contracts.rules import shown_key
from gateway.issues import BY_MAPPING, CATALOGUE, sentence
from gateway.model import ROW
from gateway.reports.stream import gathered

MOST_DETAILS = 8
"""Wordings of one fault of one field that are told apart; with more of them they are one cause."""
_TOGETHER = 5_000
"""Issues counted together: a few cost almost as much as many."""
_EXAMPLES = 5
_RANGES = 6
_OMITTED = "…"
_TOLD = 3
"""Wordings of one cause that are shown of the many it has."""
_LONGEST = 160
"""Characters of such a wording."""
_REASONS = (": {detail}", ": {detail}.")
"""How a sentence ends whose detail is a reason by itself: several of them can stand in its place."""
_ELSE = "Where the file is right, the operator changes the mapping; then the rows go again as they are."
_ASIDE = re.compile(r" \([^()]*…[^()]*\)")
"""Brackets around what is left out."""
_OF_ROWS = (
    *("MAP_FILL", "DUPLICATE_KEY", "DEST_ONE_PER_KEY", "DEST_ONE_RECORD", "GROUP_REJECTED", "V-BAR", "V-KEY"),
    *("P-ORDER", "SP-OVERLAP", "SP-PRICE", "SP-AMOUNT"),
    *("MAP_FRACTION", "T-FRAC", "C-RATE", "B-PAD", "PRICE_ROUNDED", "MINIMUM_ABOVE_STOCK", "DISCOUNT_PRICE"),
)
"""Codes whose detail names other rows, or repeats the row's own values: each has another, and all have one cause."""
_WRITTEN = ("SUPERSEDED", "DEST_SAID", "DEST_TOGETHER", "UNCHANGED", "CANCELLED", "SCHEDULED", "ABSENT")
"""Codes of effects whose field is what was to be written: product, offer, price..."""
_NO_CELL = (*_WRITTEN, "DEST_AFTER")
"""Codes whose field is no cell."""
_ORDER = ("error", "warning", "info")
_OF_EFFECTS = (
    *_WRITTEN,
    *("DEST_REFUSED", "DEST_SETUP", "DEST_UNCERTAIN", "DEST_NOT_CONFIRMED", "DEST_NOTHING", "DEST_WARNING"),
)
"""Codes by which several effects of a row may end alike: their sentences name no field, so it stands before them."""
_NO_CAUSE = "EFFECT"
"""Code that tells how an effect ended: nothing is wrong there."""

Example = tuple[int | None, str | None]


@dataclasses.dataclass(slots=True)
class Cause:
    """One kind of fault: how often, where, and what it looks like.

    `ranges`: first and last row number of the first few unbroken stretches; `more`: whether there are others.
    `last`: the last row. `examples`: row and value; the value is None where the cell was missing or none is at fault.
    Of a key that no row of the file has, the row is None and the value is the key.
    `told`: the first few of its reasons where there are too many to tell them apart.
    """

    code: str
    field: str
    detail: str | None
    count: int = 0
    last: int = 0
    more: bool = False
    ranges: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    examples: list[Example] = dataclasses.field(default_factory=list)
    told: list[str] = dataclasses.field(default_factory=list)

    @property
    def severity(self) -> str:
        """`error` or `warning`."""
        return CATALOGUE[self.code].severity

    @property
    def message(self) -> str:
        """The catalogue's sentence with what all its faults have in common."""
        detail = self._reasons() if self.detail is None else self.detail
        said = sentence(self.code, field=self.field, value=self._set() or _OMITTED, detail=detail)
        said = _ASIDE.sub("", said).removesuffix(f": {_OMITTED}")
        said = f"{self.field}: {said}" if self.field and self.code in _OF_EFFECTS else said
        return said if said.endswith((".", _OMITTED)) else f"{said}."

    @property
    def fix(self) -> str:
        """What to do about it."""
        fix = CATALOGUE[self.code].fix
        return f"{fix} {_ELSE}" if self._set() else fix

    def _set(self) -> str:
        """Return the value at fault where it is one that the mapping sets; else ""."""
        values = {value or "" for _, value in self.examples}
        return values.pop() if len(values) == 1 and all(value.endswith(BY_MAPPING) for value in values) else ""

    def _reasons(self) -> str:
        """Return some of the many reasons; of a sentence that has no place for several, that they are left out."""
        if not self.told or not CATALOGUE[self.code].text.endswith(_REASONS):
            return _OMITTED
        few = [
            f"{told[: _LONGEST - 1]}{_OMITTED}" if len(told) > _LONGEST else told.removesuffix(".")
            for told in self.told
        ]
        return f"{'; '.join(few)}; and others"

    def facts(self) -> dict[str, Any]:
        """Return it for machines; `rows`: first and last of the first unbroken stretches."""
        return {
            "severity": self.severity, "code": self.code, "field": self.field, "count": self.count,
            "message": self.message, "fix": self.fix, "rows": [list(stretch) for stretch in self.ranges],
            "examples": [{"row": row, "value": value} for row, value in self.examples],
        }  # fmt: skip

    def take(
        self, ranges: Iterable[tuple[int, int]], examples: list[Example], count: int, told: Iterable[str] = ()
    ) -> None:
        """Add faults that stand in later rows, or in the same: `ranges` sorted; `told`: reasons they have."""
        self.count += count
        self.told = list(dict.fromkeys([*self.told, *told]))[:_TOLD]
        self.examples = sorted(self.examples + examples, key=lambda one: (one[0] is None, one[0] or 0))[:_EXAMPLES]
        for first, last in ranges:
            self.last = max(self.last, last)
            if self.ranges and self.ranges[-1][0] <= first <= self.ranges[-1][1] + 1:
                self.ranges[-1] = (self.ranges[-1][0], max(last, self.ranges[-1][1]))
            elif len(self.ranges) < _RANGES:
                self.ranges.append((first, last))
            else:
                self.more = True


class Tally:
    """Causes seen so far: per code and field, one for each detail until there are too many."""

    def __init__(self) -> None:
        self._waiting: list[pl.DataFrame] = []
        self._found: dict[tuple[str, str], dict[str | None, Cause]] = {}
        self._crowded: set[tuple[str, str]] = set()

    def knows(self, issues: pl.DataFrame) -> bool:
        """Whether any of the issues has the code and field of one counted before."""
        self._count()
        pairs = issues.select("code", pl.col("field").fill_null("")).unique().rows()
        return not self._found.keys().isdisjoint(pairs)

    def take(self, frame: pl.DataFrame) -> None:
        """Count one block of issues (ISSUE_SCHEMA, in row order); blocks of one code and field come in row order."""
        self._waiting.append(frame)
        if sum(each.height for each in self._waiting) >= _TOGETHER:
            self._count()

    def _count(self) -> None:
        if not self._waiting:
            return
        frame, self._waiting = pl.concat(self._waiting), []
        if "key" in frame.columns and frame[ROW].null_count():
            rowless = pl.when(pl.col(ROW).is_null()).then(shown_key(pl.col("key")))
            frame = frame.with_columns(value=pl.coalesce("value", rowless))
        told_apart = pl.when(~pl.col("code").is_in(_OF_ROWS)).then("detail")
        several = pl.col("detail").n_unique().over("code", "field") > MOST_DETAILS
        grouped = (
            frame.with_columns(pl.col("field").fill_null(""))
            .with_columns(detail=pl.when(several).then(None).otherwise(told_apart), crowded=several, told=told_apart)
            .group_by("code", "field", "detail", "crowded", maintain_order=True)
            .agg(pl.len(), pl.col(ROW).drop_nulls(), examples=_first_examples(), told=_first_reasons())
        )
        for n, (code, where, detail, crowded, count) in enumerate(grouped.drop(ROW, "examples", "told").rows()):
            if crowded:
                self._crowd((code, where))
            examples = [(example[ROW], example["value"]) for example in grouped["examples"][n]]
            told = grouped["told"][n].to_list()
            self._cause(code, where, detail).take(_stretches(grouped[ROW][n]), examples, count, told)

    def _cause(self, code: str, where: str, detail: str | None) -> Cause:
        pair = (code, where)
        told = self._found.setdefault(pair, {})
        if pair not in self._crowded and detail not in told and len(told) >= MOST_DETAILS:
            self._crowd(pair)
        key = None if pair in self._crowded else detail
        return self._found[pair].setdefault(key, Cause(code, where, key))

    def _crowd(self, pair: tuple[str, str]) -> None:
        """From now on all details of the pair are one cause."""
        if pair in self._crowded:
            return
        self._crowded.add(pair)
        told = self._found.get(pair, {})
        whole = Cause(*pair, None)
        stretches = sorted(stretch for cause in told.values() for stretch in cause.ranges)
        whole.take(
            stretches,
            [example for cause in told.values() for example in cause.examples],
            sum(cause.count for cause in told.values()),
            [reason for cause in told.values() for reason in cause.told],
        )
        whole.more = whole.more or any(cause.more for cause in told.values())
        whole.last = max((cause.last for cause in told.values()), default=0)
        self._found[pair] = {None: whole}

    def causes(self, columns: Mapping[str, str]) -> list[Cause]:
        """Return everything counted as `causes` does."""
        self._count()
        found = [
            dataclasses.replace(cause, field=_named(cause.field, {} if cause.code in _NO_CELL else columns))
            for told in self._found.values()
            for cause in told.values()
            if cause.count
        ]
        return sorted(
            found, key=lambda each: (_ORDER.index(each.severity), -each.count, each.code, each.field, each.detail or "")
        )


def causes(issues: Iterable[pl.DataFrame], columns: Mapping[str, str]) -> list[Cause]:
    """Return the causes, errors first, the most frequent first.

    `issues`: as `Rows.issues` gives them. `columns`: what the partner calls each contract field.
    """
    tally = Tally()
    for frame in gathered(issues):
        tally.take(frame.filter(pl.col("code") != _NO_CAUSE))
    return tally.causes(columns)


def _named(field: str, columns: Mapping[str, str]) -> str:
    header = columns.get(field, field)
    return field if header == field else f"{field} (column {header})"


def _first_examples() -> pl.Expr:
    return pl.struct(ROW, "value").filter(pl.col(ROW).is_not_null() | pl.col("value").is_not_null()).head(_EXAMPLES)


def _first_reasons() -> pl.Expr:
    return pl.col("told").drop_nulls().unique(maintain_order=True).head(_TOLD)


def _stretches(rows: pl.Series) -> list[tuple[int, int]]:
    """Return first and last of each run of consecutive numbers: one more than is listed at most, and the very last."""
    numbers = np.unique(rows.to_numpy())
    if numbers.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    firsts = numbers[np.concatenate(([0], breaks + 1))]
    lasts = numbers[np.concatenate((breaks, [numbers.size - 1]))]
    pairs = list(zip(firsts[: _RANGES + 1].tolist(), lasts[: _RANGES + 1].tolist(), strict=True))
    if firsts.size > _RANGES + 1:
        pairs.append((int(firsts[-1]), int(lasts[-1])))
    return pairs
