"""Applies a compiled mapping to the blocks of one file: one select per block, issues only where something failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.issues import WARNINGS
from gateway.mapping.damaged import Damaged
from gateway.mapping.fill import FillDown, FilledFrame, marked, standing
from gateway.mapping.headers import Headers
from gateway.mapping.movements import DAY, OPENING, SIGN, Movements
from gateway.mapping.named import by_name
from gateway.mapping.numbers import Number
from gateway.mapping.plan import Blames, Origin, Plan, Test
from gateway.mapping.rates import Chained
from gateway.mapping.sources import cell, kind_of, ragged_columns
from gateway.mapping.steps import lines_by_feeds
from gateway.model import ISSUE_SCHEMA, LINE, ROW, Draft, Filled, Kind, Table, no_issues

SKIPPED_SCHEMA: dict[str, type[pl.DataType]] = {ROW: pl.Int64, LINE: pl.Int64, "code": pl.String, "detail": pl.String}


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A row filter, compiled; `text` says it in words. `early`: asked before filling down."""

    test: Test
    skips: bool
    text: str
    early: bool = False

    def leaves_out(self) -> pl.Expr:
        """Mask of rows left out."""
        return self.test.mask() if self.skips else ~self.test.mask()


_MISCOUNTED = ("ROW_TOO_SHORT", "ROW_TOO_LONG")
"""Codes of records of which nobody can tell which cell stands in which column."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A block before its fields are mapped: `frame` has the kinds of `typed` columns beside their cells."""

    frame: pl.DataFrame
    typed: frozenset[int]
    faults: pl.DataFrame
    skipped: pl.DataFrame
    filled: Filled | None


class Applier:
    """The mapping of one file. `apply` is called with its blocks in file order: fill_down remembers the row above.

    In an errors file of ours nothing is filled: its records stand by themselves, and were no neighbours.
    """

    def __init__(
        self,
        headers: Headers,
        plans: tuple[Plan, ...],
        filters: tuple[RowFilter, ...],
        fill: FillDown,
        levels: tuple[Movements, pl.DataFrame] | None = None,
        lined: Sequence[str] = (),
        damaged: Damaged | None = None,
    ) -> None:
        self._headers, self._plans, self._filters, self._fill = headers, plans, filters, fill
        self._levels, self._lined, self._damaged = levels, lined, damaged
        self._ours = False
        self._numeric = [
            plan.field for plan in plans if any(isinstance(step, Number | Chained) for step in plan.value_steps)
        ]
        self._fields: dict[int, list[str]] = {}
        for plan in plans:
            for index in plan.indices:
                self._fields.setdefault(index, []).append(plan.field)
        self._trimmed = sorted({index for plan in plans if plan.trim for index in plan.indices})
        self._tested = {rule.test.index for rule in filters if rule.test.index is not None}
        self._tested |= {plan.test.index for plan in plans if plan.test is not None and plan.test.index is not None}

    @property
    def columns(self) -> Mapping[str, str]:
        """Contract field -> header text of the (first) partner's column it comes from, `c<n>` without header."""
        return {
            plan.field: self._headers.name(plan.indices[0])
            for plan in self._plans
            if plan.indices and plan.field not in {SIGN, OPENING, DAY}
        }

    @property
    def cells(self) -> Mapping[str, Origin]:
        """Contract field -> the one column whose cells it is read from; what is made of several cells is left out."""
        if self._levels is not None:
            return {}
        return {plan.field: Origin(plan.indices[0], plan.test) for plan in self._plans if len(plan.indices) == 1}

    @property
    def constants(self) -> frozenset[str]:
        """Contract fields that the mapping sets by itself: no cell of the file says them."""
        return frozenset(plan.field for plan in self._plans if plan.constant is not None)

    @property
    def altered(self) -> Mapping[str, Origin]:
        """Of `cells`, those whose text is changed on its way: a row may say it otherwise than the partner does."""
        changed = {plan.field for plan in self._plans if plan.text_steps or plan.value_steps}
        return {field: origin for field, origin in self.cells.items() if field in changed}

    def apply(self, table: Table) -> Draft:
        """Map one block. Cells with an issue are null; rows left out by a filter are in `skipped` and nowhere else."""
        begun = self._begun(table)
        faults, typed = begun.faults, begun.typed
        frame, skipped = self._kept(begun.frame, faults, [rule for rule in self._filters if not rule.early])
        skipped = pl.concat([begun.skipped, skipped]).sort(ROW) if begun.skipped.height else skipped
        if skipped.height:
            faults = faults.join(skipped, on=ROW, how="anti", maintain_order="left")
        blames: Blames = {}
        blanks = table.blanks if not self._fill.indices else None  # what is filled down may come from another block
        ragged = ragged_columns(frame, self._trimmed, blanks)
        mapped = frame.select(ROW, LINE, *(plan.expression(typed, ragged, blames) for plan in self._plans))
        mapped = lines_by_feeds(mapped, self._lined)
        issues = self._issues(frame, blames)
        if faults.height:
            mapped, issues = self._with_faults(mapped, issues, faults)
        draft = Draft(mapped, issues, skipped, begun.filled)
        return draft if self._levels is None else self._levels[0].levelled(draft, self._levels[1])

    def filled(self, table: Table) -> Table:
        """Return one block with its cells filled from rows above, and map nothing; instead of `apply`."""
        filled = self._begun(table).filled
        return table if filled is None else filled.table

    def _begun(self, table: Table) -> _Begun:
        faults = self._reader_faults(table.issues)
        frame, typed = _with_kinds(table, self._fill.indices)
        damaged = [*(self._damaged.issues(frame, typed) if self._damaged else ()), *self._marked(frame)]
        faults = pl.concat([faults, *damaged]) if damaged else faults
        frame, early = self._kept(frame, faults, [rule for rule in self._filters if rule.early])
        self._ours = self._ours or table.links is not None
        if not self._fill.indices or self._ours:
            return _Begun(frame, typed, faults, early, None)
        done = self._fill.fill(frame, self._faulty_cells(frame, faults))
        if done.copies:
            faults = pl.concat([faults, self._copied(done)])
        return _Begun(done.frame, typed, faults, early, standing(table, done))

    # ------------------------------------------------------------ what the reader found

    def _indices(self, name: str) -> list[int] | None:
        """Columns that a reader's issue names; None when it names none of the file's."""
        named = [
            index
            for index, header in enumerate(self._headers.headers)
            if name == header or (header == "" and name in {f"c{index}", _letters(index)})
        ]
        return named or None

    def _reader_faults(self, issues: pl.DataFrame) -> pl.DataFrame:
        """Reader's issues that matter, once per contract field concerned, with the `column` they were found in."""
        if issues.height == 0:
            return no_issues().with_columns(column=pl.lit(None, dtype=pl.Int64))
        if self._headers.agreed:
            told = pl.concat_str("detail", pl.lit(f" (the agreed ones are {self._headers.agreed})"))
            issues = issues.with_columns(
                detail=pl.when(pl.col("code").is_in(_MISCOUNTED)).then(told).otherwise("detail")
            )
        names = issues["field"].unique().to_list()
        rows: list[tuple[str | None, str | None, int | None]] = []
        for name in names:
            indices = self._indices(name) if name else None
            if indices is None:
                rows.append((name, name, None))
                continue
            for index in indices:
                fields = self._fields.get(index, [name] if index in self._tested else [])
                rows.extend((name, field, index) for field in fields)
        found = pl.DataFrame(rows, schema={"field": pl.String, "contract": pl.String, "column": pl.Int64}, orient="row")
        joined = issues.select(*ISSUE_SCHEMA).join(found, on="field", nulls_equal=True, maintain_order="left")
        # How a number is displayed does not change it: only of codes and texts is the display the better part.
        harmless = (pl.col("code") == "CELL_DISPLAY") & pl.col("contract").is_in(self._numeric)
        joined = joined.filter(~harmless.fill_null(False))
        return joined.with_columns(field=pl.col("contract")).drop("contract").select(*ISSUE_SCHEMA, "column")

    def _marked(self, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Yield the issues of cells that a row by itself could not be given, and nobody filled in since."""
        for index in sorted(self._fill.indices):
            if (rows := marked(frame[cell(index)])) is not None:
                empty = frame.with_columns(pl.lit(None, pl.String).alias(cell(index)))
                yield from self._told(empty, index, rows)

    def _faulty_cells(self, frame: pl.DataFrame, faults: pl.DataFrame) -> dict[int, pl.Series]:
        grave = faults.filter(~pl.col("code").is_in(list(WARNINGS)))
        if grave.height == 0:
            return {}
        masks = {}
        for index in range(len(self._headers.headers)):
            rows = grave.filter((pl.col("column") == index) | pl.col("column").is_null())[ROW]
            if (mask := frame[ROW].is_in(rows.implode())).any():
                masks[index] = mask
        return masks

    def _copied(self, done: FilledFrame) -> pl.DataFrame:
        """Issues of cells filled from a faulty cell above."""
        named = {
            index: pl.select(pl.concat_str(pl.lit("row "), rows)).to_series() for index, rows in done.copies.items()
        }
        return pl.concat(part for index, rows in named.items() for part in self._told(done.frame, index, rows))

    def _told(self, frame: pl.DataFrame, index: int, rows: pl.Series) -> Iterator[pl.DataFrame]:
        """Yield the issues of cells of one column for which faulty rows stand: `rows` names them, null elsewhere."""
        cells = frame.with_columns(rows.alias("above")).filter(pl.col("above").is_not_null())
        for field in self._fields.get(index, [self._headers.name(index)]):
            yield cells.select(
                ROW,
                LINE,
                code=pl.lit("MAP_FILL"),
                field=pl.lit(field),
                value=pl.col(cell(index)),
                detail="above",
                column=pl.lit(index, dtype=pl.Int64),
            )

    def _with_faults(
        self, mapped: pl.DataFrame, issues: pl.DataFrame, faults: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Reader's issues come first: what we would say about the same cell or row only follows from them."""
        grave = faults.filter(~pl.col("code").is_in(list(WARNINGS)))
        whole = grave.filter(pl.col("column").is_null())
        issues = issues.join(whole, on=ROW, how="anti").join(grave, on=[ROW, "field"], how="anti")
        nulled = []
        for (field,), part in grave.filter(pl.col("column").is_not_null()).group_by("field"):
            if isinstance(field, str) and field in mapped.columns:
                here = pl.col(ROW).is_in(part[ROW].implode())
                nulled.append(pl.when(~here).then(pl.col(field)).alias(field))
        together = pl.concat([faults.select(*ISSUE_SCHEMA), issues.select(*ISSUE_SCHEMA)])
        return mapped.with_columns(nulled), together.sort(ROW, maintain_order=True)

    # ------------------------------------------------------------ filters and issues

    def _kept(
        self, frame: pl.DataFrame, faults: pl.DataFrame, filters: Sequence[RowFilter]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Split off the rows that a filter leaves out; a row whose tested cell is faulty stays, with its issue."""
        if not filters:
            return frame, pl.DataFrame(schema=SKIPPED_SCHEMA)
        reason = pl.coalesce(*(pl.when(rule.leaves_out()).then(pl.lit(rule.text)) for rule in filters))
        reasons = frame.select(reason.alias("detail")).to_series()
        unsure = faults.filter(
            (pl.col("column").is_null() & ~pl.col("code").is_in(list(WARNINGS)))
            | pl.col("column").is_in([rule.test.index for rule in filters if rule.test.index is not None])
        )
        out = reasons.is_not_null()
        if unsure.height:
            out &= ~frame[ROW].is_in(unsure[ROW].implode())
        skipped = frame.select(ROW, LINE).with_columns(pl.lit("SKIPPED").alias("code"), reasons).filter(out)
        return frame.filter(~out), skipped.select(*SKIPPED_SCHEMA)

    def _issues(self, frame: pl.DataFrame, blames: Blames) -> pl.DataFrame:
        if not blames:
            return no_issues()
        parts = []
        for plan in self._plans:
            if plan.field not in blames:
                continue
            blame = blames[plan.field]
            rows = frame[blame["place"]].select(ROW, LINE, value=plan.stood())
            parts.append(rows.hstack(blame.select("code", "detail")).with_columns(field=pl.lit(plan.field)))
        told = pl.concat(parts).select(*ISSUE_SCHEMA).sort(ROW, maintain_order=True)
        if not self._headers.pictures:
            return told
        return by_name(told, frame, self._headers.headers, {plan.field: plan.indices for plan in self._plans})


def _letters(index: int) -> str:
    """Name of a column as spreadsheets show it: A, B, ... AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _with_kinds(table: Table, filled: frozenset[int]) -> tuple[pl.DataFrame, frozenset[int]]:
    """Put the kinds of typed columns beside their cells; columns of nothing but text need none, unless filled down."""
    if table.kinds is None or table.frame.height == 0:
        return table.frame, frozenset()
    plain = [int(Kind.TEXT), int(Kind.EMPTY)]
    flags = table.kinds.select((~pl.all().is_in(plain)).any()).row(0)
    typed = frozenset(int(name[1:]) for name, is_typed in zip(table.kinds.columns, flags, strict=True) if is_typed)
    typed |= filled  # an empty cell takes over the kind of the cell above, which may lie in the block before
    beside = [table.kinds[cell(index)].alias(kind_of(index)) for index in sorted(typed)]
    return table.frame.hstack(beside), typed
