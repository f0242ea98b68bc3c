"""How one contract field is filled, compiled: source, steps, default, condition; it knows no file and no header."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gateway.distinct import Distinct
from gateway.formats.blanks import WHITE
from gateway.mapping.numbers import Number
from gateway.mapping.remarks import Remarks
from gateway.mapping.sources import Column, Source, Taken, as_stood, cell, kind_of, texts_of
from gateway.mapping.steps import BLAME_SCHEMA, Step, Words, choose
from gateway.model import Kind

_PLACE = "place"
_REMEMBERED = 1000
"""Unreadable texts of a field whose blame is remembered: nearly always the same few stand in many rows."""
Blames = dict[str, pl.DataFrame]
"""Per field: `place` (UInt32, in the block), `code`, `detail` of cells that could not be read, or are told of."""


@dataclass(frozen=True, slots=True)
class Test:
    """A condition on one source column, compiled; `index` is None for an optional column that is absent."""

    index: int | None
    is_in: tuple[str, ...] | None
    matches: str | None
    negated: bool

    def mask(self) -> pl.Expr:
        """Boolean expression over a table's frame, never null."""
        column = pl.repeat(None, pl.len(), dtype=pl.String) if self.index is None else pl.col(cell(self.index))
        text = column.str.strip_chars(WHITE)
        if self.matches is not None:
            found = text.str.contains(self.matches).fill_null(False)
        elif self.is_in is not None:
            found = text.is_in(list(self.is_in)).fill_null(False)
        else:
            found = (text == "").fill_null(True)
        return ~found if self.negated else found


@dataclass(frozen=True, slots=True)
class Origin:
    """The column whose cells a field is read from; `test`: only where it holds."""

    index: int
    test: Test | None = None

    def texts(self, frame: pl.DataFrame, at: pl.Series) -> pl.Series:
        """Return the cells of a table's frame without blanks at their ends; null where none says the field.

        `at`: the places of the rows that are asked for.
        """
        name = cell(self.index)
        if name not in frame.columns:
            return _same(None, at.len())
        text = pl.col(name).str.strip_chars(WHITE)
        said = text != "" if self.test is None else (text != "") & self.test.mask()
        asked = [name] if self.test is None or self.test.index is None else [name, cell(self.test.index)]
        return frame.select(pl.col(list(dict.fromkeys(asked))).gather(at)).select(pl.when(said).then(text)).to_series()


@dataclass(frozen=True, slots=True)
class Plan:
    """One field. `text_steps` change texts, `value_steps` read values; only without the former do kinds count."""

    field: str
    source: Source | None
    """None: every cell is missing before default, condition and constant are looked at."""
    constant: str | None
    trim: bool
    text_steps: tuple[Step, ...]
    value_steps: tuple[Step, ...]
    default: str | None
    test: Test | None
    otherwise: str | None
    remarks: Remarks | None = None
    """None: nothing is told of cells that were read."""
    known: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict, compare=False, repr=False)
    """Blames of texts seen before, for this file only; kinds are not in it."""
    distinct: dict[int | None, Distinct] = dataclasses.field(
        default_factory=lambda: {kind: Distinct() for kind in (None, *Kind)}, compare=False, repr=False
    )
    """What became of texts seen before, for this file only, by their kind; None: where every cell is text."""

    @property
    def indices(self) -> tuple[int, ...]:
        """Source columns the field's text comes from."""
        return self.source.indices if self.source is not None else ()

    @property
    def _steps(self) -> list[tuple[Step, bool]]:
        """Steps in order, each with whether its result is trimmed."""
        return [(step, self.trim) for step in self.text_steps] + [(step, False) for step in self.value_steps]

    def expression(self, typed: frozenset[int], ragged: frozenset[int], blames: Blames) -> pl.Expr:
        """Return the field's column over a table's frame (with kinds beside it for `typed` columns).

        `ragged`: the columns whose cells can have blanks at their ends. Cells that can't be read are null and entered
        into `blames` while the expression is evaluated.
        """
        if self.source is None:
            return self._without_source()
        texts = texts_of(self.source, ragged if self.trim else frozenset())
        if isinstance(self.source, Column) and not self._steps and self.default is None and self.test is None:
            return texts[0].alias(self.field)
        counted = self.value_steps and not self.text_steps and any(index in typed for index in self.indices)
        kinds = [_kind(index, typed) for index in self.indices] if counted else []
        tests = [self.test.mask()] if self.test is not None else []
        sizes = (len(texts), len(kinds))

        def run(columns: Sequence[pl.Series]) -> pl.Series:
            parts = columns[: sizes[0]], columns[sizes[0] : sum(sizes)], columns[sum(sizes) :]
            return self._run(*parts, blames)

        return pl.map_batches([*texts, *kinds, *tests], run, return_dtype=pl.String).alias(self.field)

    def _without_source(self) -> pl.Expr:
        value = pl.lit(self.default if self.constant is None else self.constant, dtype=pl.String)
        if self.test is not None:
            value = pl.when(self.test.mask()).then(value).otherwise(pl.lit(self.otherwise, dtype=pl.String))
        return value.alias(self.field)

    def _run(
        self, texts: Sequence[pl.Series], kinds: Sequence[pl.Series], tests: Sequence[pl.Series], blames: Blames
    ) -> pl.Series:
        if self.source is None:
            raise AssertionError(self.field)
        size = texts[0].len()
        if tests:  # cells the condition leaves out are not read: whatever stands in them is no fault
            texts = [choose(tests[0], column, _same(None, size)) for column in texts]
        taken = self.source.take(texts, kinds)
        if tests:
            outside = (~tests[0]).arg_true().to_list() if taken.faults else ()
            for place in outside:
                taken.faults.pop(place, None)
        value = self._read(taken)
        if value.null_count() > taken.texts.null_count() or taken.faults:
            failed = value.is_null() & taken.texts.is_not_null()
            blames[self.field] = self._blamed(taken.texts, taken.kinds, failed, taken.faults)
        if self.remarks is not None:
            value, told = self.remarks.look(value, taken.texts)
            if told.height:
                blames[self.field] = pl.concat([*([blames[self.field]] if self.field in blames else []), told])
        if self.default is not None:
            unfilled = (value == "").fill_null(False) | taken.texts.is_null()
            value = choose(unfilled, _same(self.default, size), value)
            if taken.faults:
                value = value.scatter(sorted(taken.faults), None)
        return choose(tests[0], value, _same(self.otherwise, size)) if tests else value

    def _read(self, taken: Taken) -> pl.Series:
        """Take texts through the steps: those that stand there often once, unless looking for them costs more."""
        light = all(isinstance(s, Words) or (isinstance(s, Number) and s.whole(taken.texts)) for s, _ in self._steps)
        if light:
            return self._through(taken.texts, taken.kinds)
        if taken.kinds is None:
            return self.distinct[None].change(taken.texts, self._through)
        return self._by_kind(taken.texts, taken.kinds)

    def _by_kind(self, texts: pl.Series, kinds: pl.Series) -> pl.Series:
        """Take the cells of each kind by themselves: what becomes of a text depends on its kind, too."""
        found = kinds.unique().to_list()
        if len(found) == 1:
            return self._of_kind(found[0], texts)
        read = _same(None, texts.len())
        for kind in found:
            places = (kinds == kind).arg_true()
            read = read.scatter(places, self._of_kind(kind, texts.gather(places)))
        return read

    def _of_kind(self, kind: int, texts: pl.Series) -> pl.Series:
        def through(some: pl.Series) -> pl.Series:
            return self._through(some, pl.Series([kind], dtype=pl.UInt8).new_from_index(0, some.len()))

        return self.distinct[kind].change(texts, through)

    def _through(self, texts: pl.Series, kinds: pl.Series | None = None) -> pl.Series:
        for step, trimmed in self._steps:
            texts = _after(step, texts, kinds, trimmed=trimmed)
        return texts

    def _blamed(
        self, texts: pl.Series, kinds: pl.Series | None, failed: pl.Series, faults: dict[int, str]
    ) -> pl.DataFrame:
        """Find for each failed cell the step that failed it."""
        places = failed.arg_true().cast(pl.UInt32).alias(_PLACE)
        texts, kinds = texts.filter(failed), kinds.filter(failed) if kinds is not None else None
        if kinds is None and not faults and texts.len() <= _REMEMBERED:
            return self._remembered(texts, places)
        said = pl.DataFrame(
            {_PLACE: list(faults), "code": ["MAP_FUNCTION"] * len(faults), "detail": list(faults.values())},
            schema={_PLACE: pl.UInt32, **BLAME_SCHEMA},
        )
        return pl.concat([said, self._explained(texts, kinds, places)])

    def _remembered(self, texts: pl.Series, places: pl.Series) -> pl.DataFrame:
        """Blame texts by what was said of them before; only new ones are taken through the steps."""
        listed = texts.to_list()
        known = self.known
        if new := [text for text in dict.fromkeys(listed) if text not in known]:
            numbers = pl.Series(_PLACE, range(len(new)), dtype=pl.UInt32)
            found = self._explained(pl.Series(new, dtype=pl.String), None, numbers)
            fresh = {new[place]: (code, detail) for place, code, detail in found.rows()}
            if len(known) < _REMEMBERED:
                known.update(fresh)
            known = known | fresh
        blamed = [known[text] for text in listed]
        columns = {"code": [code for code, _ in blamed], "detail": [detail for _, detail in blamed]}
        return pl.DataFrame(columns, schema=BLAME_SCHEMA).select(places, "code", "detail")

    def _explained(self, texts: pl.Series, kinds: pl.Series | None, places: pl.Series) -> pl.DataFrame:
        parts: list[pl.DataFrame] = []
        for step, trimmed in self._steps:
            after = _after(step, texts, kinds, trimmed=trimmed)
            lost = after.is_null()
            blame = step.blame(texts.filter(lost), kinds.filter(lost) if kinds is not None else None)
            parts.append(blame.select(places.filter(lost), "code", "detail"))
            texts, places = after.filter(~lost), places.filter(~lost)
            kinds = kinds.filter(~lost) if kinds is not None else None
        return pl.concat(parts)

    def stood(self) -> pl.Expr:
        """Return the source text as it stood in the file."""
        return as_stood(self.source) if self.source is not None else pl.lit(None, dtype=pl.String)


def _after(step: Step, texts: pl.Series, kinds: pl.Series | None, *, trimmed: bool) -> pl.Series:
    result = step.run(texts, kinds)
    return result.str.strip_chars(WHITE) if trimmed else result


def _kind(index: int, typed: frozenset[int]) -> pl.Expr:
    if index in typed:
        return pl.col(kind_of(index))
    return pl.when(pl.col(cell(index)).is_null()).then(int(Kind.EMPTY)).otherwise(int(Kind.TEXT)).cast(pl.UInt8)


def _same(text: str | None, size: int) -> pl.Series:
    return pl.Series([text], dtype=pl.String).new_from_index(0, size)
