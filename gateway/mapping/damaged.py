"""What a spreadsheet made of codes in cells that fields read: asked of the cells as they stand, before any step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import polars as pl

from gateway.mapping.moments import Days, Instants
from gateway.mapping.plan import Plan
from gateway.mapping.rounded import rounded
from gateway.mapping.sources import Column, First, cell, kind_of
from gateway.mapping.steps import Flags, Words
from gateway.model import LINE, ROW, FieldTraits, Kind

_DATES = [int(kind) for kind in (Kind.DATE, Kind.TIME)]
_NO_CODES = [int(kind) for kind in (Kind.DATE, Kind.TIME, Kind.BOOLEAN)]
_CUT = ", or rounded as a number"


class Damaged:
    """Asks typed cells that fields of `codes` read for dates, times, booleans and numbers that were rounded.

    Nobody can tell what they were, whatever the mapping makes of their texts afterwards. Of `undated` fields a date or
    a time is only told. Not asked are cells that the mapping reads as dates or flags, cells of which a table makes
    listed texts only, what a condition leaves out, unless it looks at a cell that is `filled` in later on, and what a
    code is joined of where another field reads it as a value: a promotion's first day.
    """

    def __init__(self, plans: Sequence[Plan], traits: FieldTraits, *, filled: Collection[int]) -> None:
        self._undated, self._filled = traits.undated, filled
        values = {index for plan in plans if plan.value_steps for index in plan.indices}
        found = [
            (index, plan)
            for plan in plans
            if plan.field in traits.codes | traits.undated and not _means(plan)
            for index in dict.fromkeys(plan.indices)
            if isinstance(plan.source, Column | First) or index not in values
        ]
        self._asked = sorted(found, key=lambda one: (one[0], one[1].field))

    def issues(self, frame: pl.DataFrame, typed: frozenset[int]) -> Iterator[pl.DataFrame]:
        """Yield the issues of a table's frame (kinds of `typed` columns beside their cells), with their `column`."""
        for index, plan in self._asked:
            if index not in typed:
                continue
            told = plan.field in self._undated
            made = frame[kind_of(index)].is_in(_DATES if told else _NO_CODES)
            number = frame[kind_of(index)] == int(Kind.NUMBER)
            if not told:
                made |= rounded(frame[cell(index)]) & number
            if made.any() and plan.test is not None and plan.test.index not in self._filled:
                made &= frame.select(read=plan.test.mask()).to_series()
            if made.any():
                yield frame.filter(made).select(
                    ROW,
                    LINE,
                    code=pl.lit("CELL_DATE" if told else "SPREADSHEET_DAMAGE"),
                    field=pl.lit(plan.field),
                    value=pl.col(cell(index)),
                    detail=pl.when(pl.lit(number.filter(made))).then(pl.lit(_CUT)).otherwise(pl.lit("")),
                    column=pl.lit(index, dtype=pl.Int64),
                )


def _means(plan: Plan) -> bool:
    """Whether the mapping says itself what a date or a flag is there."""
    closed = any(isinstance(step, Words) and step.otherwise != "keep" for step in plan.text_steps)
    return closed or any(isinstance(step, Days | Instants | Flags) for step in plan.value_steps)
