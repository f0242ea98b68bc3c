"""Cuts what waits in a lane into portions that fit into memory and can be decided by themselves."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy.engine import Row

from gateway import delta, guard
from gateway.ahead import beside, one_ahead
from gateway.contracts import prices
from gateway.contracts.lowered import lowering_fields
from gateway.delivery.baseline import PLACED_SCHEMA, Baseline
from gateway.delivery.index import Index
from gateway.delivery.regular import REGULAR_READS
from gateway.delivery.setup import Leg, Pinned, can_end, effect_exists
from gateway.delivery.spared import moves, spared
from gateway.delivery.split import Split, gathered
from gateway.model import EACH, KEY, KEY_SEPARATOR, LIST_SEPARATOR, ROW, Operation
from gateway.spool import STATE, Spool

MOST_KNOWN = 1_000_000
"""Known keys held in memory at a time."""
MOST_SHARES = 2
"""Shares of a baseline for each of which the rows are read once more; beyond it they are cut into parts on the disk."""

_BESIDE = "regular_price"
_ITEM = pl.col(KEY).str.split(KEY_SEPARATOR).list.last()
"""Item of the key of an operation that has one for each."""


@dataclass(slots=True)
class Candidate:
    """A waiting run while its consignment is being formed."""

    position: int
    row: Row[Any]
    pinned: Pinned
    decided: pl.Series | None
    """Rows that earlier consignments decided; None: none did."""
    tally: guard.Tally = field(default_factory=guard.Tally)
    scheduled: int = 0
    waits: int = 0
    """Rows that wait for another effect on the same article."""
    again: int = 0
    """Rows sent although the destination confirmed the same value: it can drift."""
    next_due: datetime | None = None
    overtaken: str = ""
    """Of a full file: why it takes nothing away that it leaves out; "" where it does."""

    former: pl.DataFrame | None = None
    """Prices from before runs that were released (`@key`, `measure_before`)."""
    leapt: list[pl.DataFrame] = field(default_factory=list)
    """The same of this one, where it was released."""

    @property
    def shortens(self) -> bool:
        """Whether it counts how much shorter than the last full file it is: not where what it leaves out stays."""
        return self.row.mode == "full" and self.decided is None and not self.overtaken

    @property
    def takes_away(self) -> bool:
        """Whether it is for this file that keys which it leaves out are zeroed or ended."""
        return self.speaks_of_absence and not self.overtaken

    @property
    def speaks_of_absence(self) -> bool:
        """Whether keys that the file leaves out are to be zeroed or ended."""
        return self.row.mode == "full" and self.pinned.route.absent != "keep" and self.decided is None

    def ends(self, leg: Leg) -> bool:
        """Whether the leg can do what the route wants of keys that the file leaves out."""
        return can_end(leg, self.pinned.route.absent)


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows to decide together: all rows of their keys are here.

    `rows`: one frame per candidate. `known`: baseline (SEGMENT_SCHEMA). `flying`: keys under way. Where `beside` is
    given it says of each row what they know of its key, and they hold only what concerns keys that are not here.
    """

    rows: Sequence[pl.DataFrame]
    known: pl.DataFrame
    flying: pl.DataFrame
    live: int
    """Keys of the baseline that count with this portion and are not ended."""
    beside: pl.DataFrame | None = None
    """`seq_known`, `digest_known`, `measure_known`, `at`, `@segment`, `@place`, `seq_sent` of each row."""
    present: Mapping[int, pl.DataFrame] = field(default_factory=dict)
    """Every key of full files, faulty rows included, by the candidate's position."""


class Portions:
    """Portions of one consignment."""

    def __init__(
        self,
        spool: Spool,
        leg: Leg,
        candidates: Sequence[Candidate],
        known: tuple[Baseline, pl.DataFrame],
        work: Path,
    ) -> None:
        self._baseline, self._flying = known
        self._work = work
        self._spool = spool
        self._leg = leg
        self._candidates = candidates
        self.silenced: pl.Expr | None = None
        """Which rows (`seq`, `@key`) a full file left out that is newer and was looked at before; None: none."""

    def __iter__(self) -> Iterator[Portion]:
        """Yield in file order where no row needs to meet another, else part by part of the key hash.

        Rows that go whole come in one portion, or in portions of whole items. The next portion is read while one is
        decided.
        """
        return one_ahead(self._read())

    def _read(self) -> Iterator[Portion]:
        if self._alone():
            if self._baseline.rows == 0 and self._flying.height == 0:
                yield from self._blocks()
            else:
                yield from self._met()
            return
        parts = self._parts()
        with tempfile.TemporaryDirectory(prefix="parts-", dir=self._work) as folder:
            split = Split(Path(folder), parts, _ITEM if self._by_item else None)
            for c in self._candidates:
                split.add(f"rows-{c.position}", self.opened(c))
                if c.speaks_of_absence:
                    split.add(f"keys-{c.position}", self.keys(c))
            split.add("known", self._baseline.frames())
            split.add("flying", [self._flying])
            for part in range(parts):
                yield self._part(split, part)

    @property
    def _by_item(self) -> bool:
        """Whether all rows of an item must meet: it ends the key."""
        return self._leg.operation.whole and self._leg.operation.each is not None

    @property
    def _most(self) -> float:
        """Rows worth a portion."""
        return math.inf if self._leg.operation.whole else delta.PART_ROWS

    def _parts(self) -> int:
        """Return the number of parts for rows that must meet."""
        operation, rows = self._leg.operation, sum(c.row.rows for c in self._candidates)
        if self._by_item:
            items = len(operation.every)
            return min(items, delta.parts_for(max(rows * items, self._baseline.rows)))
        return 1 if operation.whole else delta.parts_for(max(rows, self._baseline.rows))

    def _part(self, split: Split, part: int) -> Portion:
        rows = [self._prepared(c, split.part(f"rows-{c.position}", part)) for c in self._candidates]
        keys = {
            c.position: pl.concat(found).unique()
            for c in self._candidates
            if c.speaks_of_absence and (found := split.part(f"keys-{c.position}", part))
        }
        flying = split.part("flying", part)
        known = delta.fold(split.part("known", part))
        under_way = pl.concat(flying) if flying else self._flying.clear()
        return Portion(rows, known, under_way, _live(known), present=keys)

    def _alone(self) -> bool:
        one = self._candidates[0]
        large = self._baseline.rows > MOST_KNOWN * MOST_SHARES
        apart = self._parts() > 1 if self._leg.operation.whole else large
        meets = one.pinned.grouping is not None or self._leg.operation.instead
        return len(self._candidates) == 1 and not meets and not apart

    def _blocks(self) -> Iterator[Portion]:
        """Yield the rows of the one candidate where nothing is known yet."""
        one = self._candidates[0]
        nothing = pl.DataFrame(schema=delta.SEGMENT_SCHEMA)
        for rows in self._groups(one, None):
            yield Portion([self._prepared(one, rows)], nothing, self._flying, 0)

    def _met(self) -> Iterator[Portion]:
        """Yield the rows of the one candidate beside what is known of their keys.

        The known keys stay in memory meanwhile: a large baseline is gone through share by share of the key hash.
        """
        shares = 1 if self._leg.operation.whole else -(-self._baseline.rows // MOST_KNOWN) or 1
        for share in range(shares):
            yield from self._share(delta.part_of(shares) == share if shares > 1 else None)

    def _share(self, here: pl.Expr | None) -> Iterator[Portion]:
        """Yield the rows of a share of the keys, and at its end the known keys that the file left out, if that counts.

        The known keys count with the first portion. Where calls are made beside what the destination has, keys that
        were left out come with it too: what ends and what begins may be one call, or stand in each other's way.
        """
        one = self._candidates[0]
        known = delta.fold([pl.DataFrame(schema=PLACED_SCHEMA), *_filtered(self._baseline.placed(), here)])
        flying = delta.newest_sent(self._flying if here is None else self._flying.filter(here))
        index, sent = Index(known[KEY]), Index(flying[KEY])
        facts = delta.as_known(known).drop(KEY).hstack(known.select("@segment", "@place"))
        live, told = _live(known), False
        first = self._gone(known, index, here) if self._leg.operation.gathers else known.clear()
        for blocks in self._groups(one, here):
            named = pl.concat(block[KEY] for block in blocks)
            finding = beside(index.find, named)
            try:
                rows = self._prepared(one, blocks)
            finally:
                wait([finding])
            found = [facts[name].gather(finding.result()) for name in facts.columns]
            found.append(flying["seq_sent"].gather(sent.find(named)))
            mine = (known.clear(), flying.clear(), 0) if told else (first, flying, live)
            yield Portion([rows], *mine, beside=pl.DataFrame(found))
            told = True
        gone = known.clear() if told and self._leg.operation.gathers else self._gone(known, index, here)
        if not told or gone.height:
            yield Portion([self._prepared(one, [])], gone, flying, 0 if told else live)

    def _groups(self, one: Candidate, here: pl.Expr | None) -> Iterator[list[pl.DataFrame]]:
        """Yield blocks together that are worth a portion; where records have borders, rows of one are in one."""
        rows, parts = _filtered(self.opened(one), here), delta.parts_for(one.row.rows)
        if not self._leg.operation.border or parts == 1:
            yield from gathered(rows, self._most)
            return
        present = self._spool.run(one.row.id).columns()
        named = [pl.when(pl.col(name) != "").then(name) for name in self._leg.operation.border if name in present]
        with tempfile.TemporaryDirectory(prefix="parts-", dir=self._work) as folder:
            split = Split(Path(folder), parts, pl.coalesce(*named, KEY))
            split.add("rows", rows)
            yield from filter(None, (split.part("rows", part) for part in range(parts)))

    def _gone(self, known: pl.DataFrame, index: Index, here: pl.Expr | None) -> pl.DataFrame:
        """Return what of the known keys the file leaves out, if that counts."""
        one = self._candidates[0]
        if not one.speaks_of_absence:
            return known.clear()
        present = np.zeros(known.height, dtype=np.bool_)
        for keys in _filtered(self.keys(one), here):
            present[index.find(keys[KEY]).drop_nulls().to_numpy()] = True
        return known.filter(~present)

    def opened(self, candidate: Candidate, only: Sequence[str] = ()) -> Iterator[pl.DataFrame]:
        """Yield the rows of a candidate that are still to be decided: `@row`, `@key` and what the leg looks at.

        `only`: these fields instead of the leg's; a column that a block does not have is left out.
        """
        folder = self._spool.run(candidate.row.id)
        keys = self._leg.key_fields if self._leg.rekeyed else ()
        columns = [*(only or wanted_fields(self._leg, folder.columns())), *self._leg.operation.when, *keys]
        return (self._open(candidate, block, only) for block in folder.blocks(columns))

    def said(self, candidate: Candidate, now: datetime, only: Sequence[str] = ()) -> Iterator[pl.DataFrame]:
        """Yield what `opened` does of the rows that are due, with `seq` and whether they end something (`ended`).

        `only`: these fields, null where a block does not have them.
        """
        wanted = list(dict.fromkeys([*only, "command", "valid_from"]))
        due = (pl.col("valid_from") > f"{now:%Y-%m-%dT%H:%M:%SZ}").fill_null(value=False)
        for rows in self.opened(candidate, wanted):
            absent = [pl.lit(None, pl.String).alias(name) for name in wanted if name not in rows.columns]
            said = (
                rows.with_columns(absent)
                .filter(~due)
                .with_columns(
                    seq=pl.lit(candidate.row.seq, pl.Int64),
                    ended=(pl.col("command") == "end").fill_null(value=False),
                )
            )
            yield said if self.silenced is None else said.filter(~self.silenced)

    def _open(self, candidate: Candidate, block: pl.DataFrame, only: Sequence[str]) -> pl.DataFrame:
        here = pl.col(STATE).is_null()
        given = [name for name in self._leg.operation.when if name in block.columns]
        exists = effect_exists(given)
        if exists is not None:
            here = here & exists
        wanted = only or wanted_fields(self._leg, block.columns)
        rows = block.filter(here).select(ROW, self._key(block.columns), *(c for c in wanted if c in block.columns))
        if self._leg.operation.each is not None:
            rows = fanned_out(rows, self._leg.operation)
        if candidate.decided is None:
            return rows
        return rows.join(pl.DataFrame({ROW: candidate.decided}), on=ROW, how="anti", maintain_order="left")

    def keys(self, candidate: Candidate) -> Iterator[pl.DataFrame]:
        """Yield `@key` of every row of a candidate, faulty rows included, and what these give other dates."""
        yield from self.named(candidate)
        fields = self._leg.key_fields
        if moves(fields):
            known = chain(self._baseline.frames(), [self._flying])
            yield spared(fields, known, self.rejected(candidate))

    def rejected(self, candidate: Candidate) -> Iterator[pl.DataFrame]:
        """Yield `@key` of the rejected rows of a candidate."""
        return self.named(candidate, pl.col(STATE) == "rejected")

    def named(self, candidate: Candidate, which: pl.Expr | None = None) -> Iterator[pl.DataFrame]:
        """Yield `@key` of the rows of a candidate; `which`: of these (`@row`, `@state`), None: of all."""
        each = self._leg.operation.each
        wanted = [*(self._leg.key_fields if self._leg.rekeyed else ()), *([each] if each is not None else [])]
        for block in self._spool.run(candidate.row.id).blocks(wanted):
            listed = [each] if each is not None and each in block.columns else []
            rows = (block if which is None else block.filter(which)).select(self._key(block.columns), *listed)
            yield (rows if each is None else fanned_out(rows, self._leg.operation)).select(KEY)

    def _key(self, present: Collection[str]) -> pl.Expr:
        """Return the key of the effect: the contract's, or the one of the family, with its part."""
        if not self._leg.rekeyed:
            return pl.col(KEY)
        parts = [pl.col(name).fill_null("") if name in present else pl.lit("") for name in self._leg.key_fields]
        if self._leg.operation.part:
            parts.append(pl.lit(self._leg.operation.part))
        return pl.concat_str(parts, separator=KEY_SEPARATOR).alias(KEY)

    def _prepared(self, candidate: Candidate, blocks: list[pl.DataFrame]) -> pl.DataFrame:
        # in one piece: else the first step that meets a column of one piece copies all of them
        frame = pl.concat(blocks, rechunk=True) if blocks else pl.DataFrame(schema={ROW: pl.Int64, KEY: pl.String})
        wanted = wanted_fields(self._leg, frame.columns)
        wanted += [] if self._leg.operation.each is None else [EACH]
        missing = [pl.lit(None, pl.String).alias(c) for c in wanted if c not in frame.columns]
        due = pl.lit(None, pl.String)
        if "valid_from" in frame.columns:
            due = pl.when(pl.col("valid_from") != "").then(pl.col("valid_from"))
        terms = self._leg.operation.prices
        if terms is not None:  # what a price is compared with goes along
            frame = prices.converted(frame, replace(terms, fields=tuple(dict.fromkeys((*terms.fields, _BESIDE)))))
        return frame.with_columns(
            *missing,
            due=due,
            run=pl.lit(candidate.position, pl.UInt32),
            seq=pl.lit(candidate.row.seq, pl.Int64),
        )


def _filtered(frames: Iterable[pl.DataFrame], here: pl.Expr | None) -> Iterator[pl.DataFrame]:
    return iter(frames) if here is None else (frame.filter(here) for frame in frames)


def key_parts(rows: pl.DataFrame, leg: Leg) -> pl.DataFrame:
    """Return the fields of a leg's key (String) as `@key` of the rows has them, empty where they were not given."""
    parts = pl.col(KEY).str.splitn(KEY_SEPARATOR, len(leg.key_fields)).struct
    return rows.select(parts.field(f"field_{n}").alias(name) for n, name in enumerate(leg.key_fields))


def _live(known: pl.DataFrame) -> int:
    return int((~known["ended"]).sum())


def wanted_fields(leg: Leg, present: Collection[str]) -> list[str]:
    """Return the contract fields a leg looks at; free attributes by the names that are there, in one order."""
    operation = leg.operation
    fields = [*transmitted(leg, present), *operation.context]
    if operation.prices is not None:
        fields += ["price_basis", "tax_rate", "currency", *operation.prices.fields]
    if operation.each is not None:
        fields.append(operation.each)
    if leg.regular:
        fields += REGULAR_READS
    fields += lowering_fields(operation.contract, operation.fields)
    return list(dict.fromkeys([*fields, leg.measure, "command", "valid_from"]))


def fanned_out(rows: pl.DataFrame, operation: Operation) -> pl.DataFrame:
    """Repeat each row for every item of its list, or of the operation's where it gives none; the item ends the key."""
    every = pl.lit(list(operation.every), dtype=pl.List(pl.String))
    items = every
    if operation.each in rows.columns:
        given = (pl.col(str(operation.each)) != "").fill_null(value=False)
        items = pl.when(given).then(pl.col(str(operation.each)).str.split(LIST_SEPARATOR)).otherwise(every)
    repeated = rows.with_columns(items.alias(EACH)).explode(EACH).filter(pl.col(EACH).is_not_null())
    return repeated.with_columns(pl.concat_str(KEY, EACH, separator=KEY_SEPARATOR).alias(KEY))


def transmitted(leg: Leg, present: Collection[str]) -> tuple[str, ...]:
    """Return the fields the operation transmits, free attributes by the names that are there."""
    found: list[str] = []
    for name in leg.operation.fields:
        found.extend(sorted(c for c in present if c.startswith(name[:-1])) if name.endswith("*") else [name])
    return tuple(dict.fromkeys(found))
