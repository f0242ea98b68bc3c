"""The rows of a run as report writers read them (model.Rows), streamed block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BaseModel

from gateway.contracts import contract
from gateway.delivery.derived import derived_issues
from gateway.delivery.effects import CODES, UNDECIDED, LegStates, RowStates
from gateway.delivery.outcomes import STATE_ENUM
from gateway.delivery.worded import Worded
from gateway.issues import WARNINGS
from gateway.mapping import load_mapping, reading_layout, standing_alone
from gateway.model import KEY, LINE, ROW, ROW_RESULT_SCHEMA, STATES, RowState, Table, no_issues
from gateway.reports.raw import DAMAGED
from gateway.spool import RunFolder

_DEFAULT_CODES = {str(RowState.SUPERSEDED): "SUPERSEDED"}
"""What a state says by itself where nothing more is known of a row; of the others the state's name says it all."""


_AT_ONCE, _BLOCKS = 30_000, 8
"""Rows worth working on at a time, and blocks that few rows are gathered from."""

_MOST_KEPT = 20_000
"""Issues kept in memory for the next writer that asks."""

_GRAVE = (CODES[str(RowState.REFUSED)], CODES[str(RowState.UNCERTAIN)])

_SETUP = "DEST_SETUP"
"""Code of a refusal for which nothing is to be mended in the file."""
_BLAMELESS = (_SETUP, "DEST_AFTER")
"""Codes that say nothing against a row: that one, and that of what only followed from another effect."""

_COME_ABOUT = np.isin(
    np.arange(256),
    [UNDECIDED, *(CODES[state] for state in (RowState.APPLIED, RowState.ACCEPTED, RowState.UNCHANGED))],
)
"""Whether an effect of that state (code) came about, as far as is known, or there is none."""

_FAILED = np.isin(np.arange(256), [CODES[str(RowState.REJECTED)], CODES[str(RowState.REFUSED)]])
"""Whether a row of that state (code) failed; numbers of blank rows have codes that are no state's."""


@dataclass(frozen=True, slots=True)
class RunRows:
    """model.Rows of one run."""

    folder: RunFolder
    states: RowStates
    names: Mapping[str, str]
    file: Path
    format: BaseModel
    read: Callable[[Path, BaseModel], Iterator[Table]]
    mapping: Path
    """The mapping by which the file was read."""
    open_code: tuple[str, str] | None = None
    """Code and detail of rows that are held or cancelled."""
    worded: Worded = field(default_factory=Worded)
    """In which words single effects are told of."""
    found: list[list[pl.DataFrame]] = field(default_factory=list)
    """All frames of `issues` where they are few: several writers read them."""
    values: dict[str, pl.DataFrame] = field(default_factory=dict)
    """Contract fields as the rows have them of which there is something to say, as far as asked for."""

    def results(self) -> Iterator[pl.DataFrame]:
        """Yield frames of ROW_RESULT_SCHEMA."""
        for block, issues in self._blocks():
            yield self._results(block, issues)

    def failed(self) -> Iterator[pl.DataFrame]:
        """Yield what `results` yields of rejected and refused rows that can be mended."""
        failing = self._failing()
        for block, issues in self._blocks(lambda block, _: pl.Series(failing[block[ROW].to_numpy()])):
            yield self._results(block, issues)

    def blameless(self) -> pl.Series:
        """Return the refused rows in which there is nothing to mend (Int64): no effect of theirs says otherwise."""
        refused = self._refused
        if not refused.height:
            return refused[ROW]
        ours = pl.col("code").is_in(_BLAMELESS).fill_null(value=False)
        told = refused.group_by(ROW).agg(alone=ours.all(), setup=(pl.col("code") == _SETUP).any())
        rows = told.filter("alone", "setup")[ROW]
        return rows.filter(pl.Series(self.states.codes[rows.to_numpy()] == _GRAVE[0]))

    def unsent(self) -> pl.Series:
        """Return the refused rows that the destination was never asked to take (Int64)."""
        refused = self._refused
        if not refused.height:
            return refused[ROW]
        rows = refused.group_by(ROW).agg(pl.col("sent").any()).filter(~pl.col("sent"))[ROW]
        return rows.filter(pl.Series(self.states.codes[rows.to_numpy()] == _GRAVE[0]))

    @property
    def _refused(self) -> pl.DataFrame:
        """What is said of refused effects (EXTRA_SCHEMA)."""
        extra = self.states.extra
        return extra.filter(pl.col("gravity") == _GRAVE[0]) if extra.height else extra

    def _failing(self) -> npt.NDArray[np.bool_]:
        """Whether a row belongs into the errors file, indexed by `@row`."""
        failing: npt.NDArray[np.bool_] = _FAILED[self.states.codes]
        failing[self.blameless().to_numpy()] = False
        return failing

    def _blocks(
        self, pick: Callable[[pl.DataFrame, pl.DataFrame], pl.Series] | None = None
    ) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """Yield the origins of rows and their issues, few rows together: what is done per block costs time.

        `pick`: a mask of the rows wanted, from a block and its issues; None: all.
        """
        late = self.folder.issues()
        held: list[tuple[pl.DataFrame, pl.DataFrame]] = []
        for number, block in enumerate(self.folder.blocks([])):
            issues = self._issues_of(number, block, late)
            rows = block
            if pick is not None:  # copied: else the keys of the whole block would stay too
                rows = block.filter(pick(block, issues)).with_columns(pl.concat_str(KEY, pl.lit("")).alias(KEY))
            if not rows.height:
                continue
            held.append((rows, issues))
            if len(held) == _BLOCKS or sum(rows.height for rows, _ in held) >= _AT_ONCE:
                yield _joined(held)
                held = []
        if held:
            yield _joined(held)

    def _results(self, block: pl.DataFrame, issues: pl.DataFrame) -> pl.DataFrame:
        codes = self.states.codes[block[ROW].to_numpy()]
        frame = block.select(ROW, LINE, KEY).with_columns(pl.Series("state", codes).cat.to(STATE_ENUM))
        if issues.height:
            frame = frame.with_columns(_placed(_gravest(issues), block[ROW]))
        else:
            empty = {n: ROW_RESULT_SCHEMA[n] for n in ("faults", "code", "field", "value", "detail")}
            frame = frame.with_columns(pl.lit(None, d).alias(n) for n, d in empty.items())
        frame = self._with_extra(frame)
        if any((codes == CODES[state]).any() for state in _DEFAULT_CODES):
            by_itself = pl.Series([_DEFAULT_CODES.get(str(state)) for state in STATES]).gather(codes)
            whole = frame["code"].null_count() == frame.height
            frame = frame.with_columns(code=by_itself if whole else pl.coalesce("code", by_itself))
        frame = frame.with_columns(pl.col("faults").fill_null(0))
        if self.open_code is not None:
            code, detail = self.open_code
            mine = pl.col("state").is_in([str(RowState.HELD), str(RowState.SKIPPED)]) & pl.col("code").is_null()
            frame = frame.with_columns(
                code=pl.when(mine).then(pl.lit(code)).otherwise(pl.col("code")),
                detail=pl.when(mine).then(pl.lit(detail)).otherwise(pl.col("detail")),
            )
        return frame.select(pl.col(n).cast(d) for n, d in ROW_RESULT_SCHEMA.items())

    def _with_extra(self, frame: pl.DataFrame) -> pl.DataFrame:
        here = _between(self.states.extra, frame)
        if not here.height:
            return frame.with_columns(remote_id=pl.lit(None, pl.String))
        here = self.worded.said(here, self._values)
        fault = ~pl.col("code").is_in(sorted(WARNINGS)) & pl.col("gravity").is_in(_GRAVE)
        here = here.with_columns(wrong=fault.fill_null(value=False))
        # of effects that ended alike, one that is at fault itself says why, not one that only followed it
        here = here.sort(ROW, "gravity", ~pl.col("wrong"), "place", maintain_order=True).with_columns(self._named())
        gravest = here.group_by(ROW, maintain_order=True).agg(
            pl.col("wrong").sum().cast(pl.Int64), pl.col("remote_id").drop_nulls().first(),
            pl.col("code", "detail", "named", "value").filter(pl.col("code").is_not_null()).first(),
        )  # fmt: skip
        frame = frame.join(gravest, on=ROW, how="left", suffix="_said", maintain_order="left")
        said = pl.col("code_said").is_not_null()
        return frame.with_columns(
            faults=pl.col("faults").fill_null(0) + pl.col("wrong").fill_null(0),
            code=pl.when(said).then("code_said").otherwise("code"),
            detail=pl.when(said).then("detail_said").otherwise("detail"),
            field=pl.when(said).then("named").otherwise("field"),
            value=pl.when(said).then("value_said").otherwise("value"),
        ).drop("code_said", "detail_said", "named", "value_said", "wrong")

    def _values(self, name: str) -> pl.DataFrame:
        """Return a contract field (`@row`, String) of the rows of which there is something to say."""
        if name not in self.values:
            here = pl.col(ROW).is_in(self.states.extra[ROW].unique().implode())
            blocks = (block for block in self.folder.blocks([name]) if name in block.columns)
            none = pl.DataFrame(schema={ROW: pl.Int64, name: pl.String})
            self.values[name] = pl.concat([none, *(block.filter(here).select(ROW, name) for block in blocks)])
        return self.values[name]

    def _named(self) -> pl.Expr:
        """What a fault is about, as `named`: the field where its sentence or the destination names it, else the family.

        The family only where rows have several effects; else it is null.
        """
        families = {place: leg.family for place, leg in enumerate(self.states.legs)}
        family = pl.col("place").replace_strict(families, default=None, return_dtype=pl.String)
        return pl.coalesce("field", family).alias("named")

    def _issues_of(self, number: int, block: pl.DataFrame, late: pl.DataFrame) -> pl.DataFrame:
        issues = self.folder.issue_block(number)
        more = _between(late, block)
        return pl.concat([issues, more]) if more.height else issues

    def issues(self) -> Iterator[pl.DataFrame]:
        """Yield frames of ISSUE_SCHEMA plus `severity`, `key`, `state`, in row order; a few are found once for all.

        What is to be said of keys without a row comes last.
        """
        if self.found:
            yield from self.found[0]
            return
        kept: list[pl.DataFrame] = []
        count = 0
        for frame in self._issues():
            count += frame.height
            if count <= _MOST_KEPT:
                kept.append(frame.with_columns(pl.concat_str("key", pl.lit(""))))  # else the block's keys stay too
            else:
                kept.clear()
            yield frame
        if count <= _MOST_KEPT:
            self.found.append(kept)

    def _issues(self) -> Iterator[pl.DataFrame]:
        several = bool(self.states.legs or self.states.extra.height)
        pick = None if several else lambda block, known: block[ROW].is_in(known[ROW].implode())
        for block, known in self._blocks(pick):
            faults = known.with_columns(state=self.states.of(known[ROW]).cast(pl.String))
            if several:
                faults = pl.concat([faults, self._effects(block).select(faults.columns)])
            if not faults.height:
                continue
            warning = pl.col("code").is_in(sorted(WARNINGS))
            yield faults.with_columns(
                block[KEY].gather(_places(faults[ROW], block[ROW])).alias("key"),
                severity=pl.when(warning).then(pl.lit("warning")).otherwise(pl.lit("error")),
            ).sort(ROW, maintain_order=True)
        families = {place: leg.family for place, leg in enumerate(self.states.legs)}
        yield from map(self.worded.keys, derived_issues(self.states.lost, families))

    def _effects(self, block: pl.DataFrame) -> pl.DataFrame:
        """What there is to say of single effects; of rows of whose effects one did not come about, all of them."""
        told = _between(self.states.extra, block).filter(pl.col("code").is_not_null())
        said = self.worded.said(told, self._values).with_columns(self._named())
        if self.states.legs:
            said = _every_effect(said, self.states.legs, block)
        name = pl.Series([str(state) for state in STATES])
        return said.join(block.select(ROW, LINE), on=ROW, how="left", maintain_order="left").with_columns(
            pl.when(pl.col("item") != "").then("item").otherwise("value").alias("value"), field="named",
            state=name.gather(said["gravity"].cast(pl.UInt32)),
        )  # fmt: skip

    def tables(self) -> Iterator[Table]:
        """Yield the failed records at least: kept cells where they hold every one of them, else the whole file.

        Cells that the mapping fills from rows above are filled: each record stands by itself.
        """
        if self._is_enough():
            headers = self.folder.headers()
            yield from (_as_table(frame, headers) for frame in self.folder.kept())
        else:
            mapping = load_mapping(self.mapping)
            tables = self.read(self.file, reading_layout(mapping) if mapping.fill_down else self.format)
            yield from standing_alone(mapping, contract(mapping.contract).traits, tables)

    def _is_enough(self) -> bool:
        """Whether the kept cells are all it takes; a damaged record is more than its cells."""
        there = self._failing()
        for kept in self.folder.kept([ROW]):
            there[kept[ROW].to_numpy()] = False
        if there.any():
            return False
        return self.folder.issue_codes().isdisjoint(DAMAGED)

    def source(self) -> Path:
        """Return the partner's file as it came."""
        return self.file

    def layout(self) -> BaseModel:
        """Return the pinned layout."""
        return self.format

    def columns(self) -> Mapping[str, str]:
        """Return the partner's header per contract field."""
        return self.names

    def filled(self) -> tuple[str, ...]:
        """Return the columns whose cells `tables` fills from rows above."""
        refs = load_mapping(self.mapping).fill_down
        return tuple(ref if isinstance(ref, str) else f"c{ref - 1}" for ref in refs)


def _every_effect(said: pl.DataFrame, legs: tuple[LegStates, ...], block: pl.DataFrame) -> pl.DataFrame:
    """Add effects nobody said anything about to those with a code; in row order, then in the order of the legs.

    Of rows whose effects all came about there is nothing to add: their state says it.
    """
    rows = block[ROW].to_numpy()
    rows = rows[~np.logical_and.reduce([_COME_ABOUT[leg.codes[rows]] for leg in legs])]
    found = [said.select(ROW, "place", "gravity", "named", "code", "detail", "item", "value")]
    for place, leg in enumerate(legs):
        codes = leg.codes[rows]
        here = codes != UNDECIDED
        frame = pl.DataFrame({ROW: rows[here], "gravity": codes[here]}, schema={ROW: pl.Int64, "gravity": pl.UInt8})
        names = pl.Series([str(state) for state in STATES])
        found.append(frame.select(
            ROW, pl.lit(place, pl.UInt8).alias("place"), "gravity", pl.lit(leg.family).alias("named"),
            pl.lit("EFFECT").alias("code"), names.gather(frame["gravity"].cast(pl.UInt32)).alias("detail"),
            pl.lit("").alias("item"), pl.lit(None, pl.String).alias("value"),
        ))  # fmt: skip
    told = pl.concat(found[1:]).join(said.select(ROW, "place"), on=[ROW, "place"], how="anti", maintain_order="left")
    every = pl.concat([found[0], told])
    return every.sort(ROW, "place", maintain_order=True)


def _joined(blocks: list[tuple[pl.DataFrame, pl.DataFrame]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    if len(blocks) == 1:
        return blocks[0]
    issues = [found for _, found in blocks if found.height]
    return pl.concat([rows for rows, _ in blocks]), pl.concat(issues) if issues else no_issues()


def _as_table(frame: pl.DataFrame, headers: tuple[str, ...]) -> Table:
    names = [c for c in frame.columns if c.startswith("k")]
    kinds = frame.select(pl.col(n).alias(f"c{n[1:]}") for n in names) if names else None
    return Table(frame.drop(names), headers, kinds)


def _between(frame: pl.DataFrame, block: pl.DataFrame) -> pl.DataFrame:
    if not frame.height or not block.height:
        return frame.clear()
    return frame.filter(pl.col(ROW).is_between(block[ROW][0], block[ROW][-1]))


def _places(rows: pl.Series, among: pl.Series) -> pl.Series:
    """Places of row numbers in a column of them that is sorted (UInt32); null for those that are not in it."""
    found = among.search_sorted(rows).cast(pl.UInt32)
    there = among.gather(found.clip(upper_bound=max(among.len() - 1, 0))) == rows if among.len() else found.is_null()
    return pl.select(pl.when(there).then(found)).to_series()


def _placed(gravest: pl.DataFrame, rows: pl.Series) -> list[pl.Series]:
    """Columns of ROW_RESULT_SCHEMA that say what is wrong with `rows` (sorted): null where nothing is."""
    at = _places(gravest[ROW], rows)
    wrong = gravest.filter(at.is_not_null()) if at.null_count() else gravest
    place = pl.repeat(None, rows.len(), dtype=pl.UInt32, eager=True)
    place = place.scatter(at.drop_nulls(), pl.int_range(wrong.height, dtype=pl.UInt32, eager=True))
    return [wrong[n].gather(place) for n in ("faults", "code", "field", "value", "detail")]


def _gravest(issues: pl.DataFrame) -> pl.DataFrame:
    """One row per `@row`: number of errors, and its first error (or first warning where it has none)."""
    rows = issues[ROW].to_numpy()
    warning = issues["code"].is_in(sorted(WARNINGS)).to_numpy()
    order = np.lexsort((warning, rows))
    first = np.flatnonzero(np.diff(rows[order], prepend=-1))
    faults = np.add.reduceat((~warning[order]).astype(np.int64), first)
    return issues.select(ROW, "code", "field", "value", "detail")[order[first]].with_columns(faults=pl.Series(faults))
