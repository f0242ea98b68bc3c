"""Brings together what concerns the same articles: waiting rows, the lane's book, what is confirmed and under way."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from gateway import delta
from gateway.contracts import prices
from gateway.contracts.offers import KINDS, promotion_type
from gateway.delivery.baseline import Baseline
from gateway.delivery.book import BASE, PROMOTION, Book, completed, crossed, folded, in_force, pruned
from gateway.delivery.portions import Candidate
from gateway.delivery.setup import LaneSetup, Leg, effect_exists
from gateway.delivery.spared import moves, spared
from gateway.delivery.split import Split
from gateway.delivery.wanted import left_out
from gateway.model import KEY, ROW, Operation
from gateway.spool import STATE, Spool

ARTICLE = "sku"
_ASIDE = ("price_basis", "tax_rate", "currency")
_VALUES = tuple(fields[0] for kind, fields in KINDS.items() if kind != "bundle")
_APART = frozenset({ARTICLE, "price", "command", "timestamp", *BASE})
"""Fields of records that are told by themselves."""

_WAITING = {"run": pl.UInt32, ROW: pl.Int64, "due": pl.String}
_BASE_ROWS = {**_WAITING, **BASE}
_PROMOTION_ROWS = {**_WAITING, **{name: kind for name, kind in PROMOTION.items() if name != "begun"}}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A candidate with the leg its rows are of."""

    candidate: Candidate
    leg: Leg

    @property
    def promotes(self) -> bool:
        """Whether its rows are promotions, not base prices."""
        return self.leg.operation.wanted == "promotion"

    @property
    def speaks_of_absence(self) -> bool:
        """Whether articles or promotions that the file leaves out are ended."""
        return self.candidate.speaks_of_absence and self.candidate.ends(self.leg)


@dataclass(frozen=True, slots=True)
class Part:
    """What concerns some articles: all of it is here.

    `base`, `promotions`: waiting rows. `book`: folded, promotions that are over left out; its `base` is what counts,
    `told` what of it promotions hide, with `alone`: no other is known. `crossed`: articles whose promotions began or
    ended since the last look. `gone`: entries that full files leave out, with `run`.
    """

    base: pl.DataFrame
    promotions: pl.DataFrame
    book: Mapping[str, pl.DataFrame]
    crossed: pl.Series
    known: pl.DataFrame
    flying: pl.DataFrame
    gone: tuple[pl.DataFrame, pl.DataFrame]
    left: tuple[pl.Expr, pl.Expr]
    """Whether a newer full file left out a base price (`@key`, `seq`), or a promotion (`promotion`, `seq`)."""


class Parts:
    """All parts of one consignment. `known`: the lane's book, its baseline and what is under way (INFLIGHT_SCHEMA).

    `spoken`: full files looked at before that are newer than what waits.
    """

    def __init__(
        self,
        spool: Spool,
        setup: LaneSetup,
        waiting: Sequence[Waiting],
        known: tuple[Book, Baseline, pl.DataFrame],
        now: datetime,
        work: Path,
        spoken: Sequence[Waiting] = (),
    ) -> None:
        self._spool = spool
        self._spoken = spoken
        self._setup = setup
        self._waiting = waiting
        self._book, self._baseline, self._flying = known
        self._now = now
        self._work = work

    def __iter__(self) -> Iterator[Part]:
        """Yield part by part of the articles' hash."""
        rows = sum(w.candidate.row.rows for w in self._waiting)
        parts = delta.parts_for(max(rows, self._baseline.rows, *self._book.counts.values()))
        with tempfile.TemporaryDirectory(prefix="parts-", dir=self._work) as inside:
            split = Split(Path(inside), parts)
            for w in self._waiting:
                split.add(f"rows-{w.candidate.position}", self._rows(w))
                if w.speaks_of_absence:
                    split.add(f"keys-{w.candidate.position}", self._keys(w))
                    if w.promotes and moves(w.leg.key_fields):
                        split.add(f"faulty-{w.candidate.position}", self._keys(w, pl.col(STATE) == "rejected"))
            for kind in self._book.paths:
                split.add(kind, self._book.frames(kind))
            for w in self._spoken:
                split.add(f"spoken-{w.promotes}", self._keys(w))
            split.add("known", self._baseline.frames())
            split.add("flying", [self._flying])
            for part in range(parts):
                yield self._part(split, part)

    def _part(self, split: Split, part: int) -> Part:
        book = {kind: folded(kind, split.part(kind, part)) for kind in self._book.paths}
        over = crossed(book["promotion"], self._book.until, self._now)
        book = {kind: pruned(kind, frame, self._now) for kind, frame in book.items()}
        known = pl.concat([book["base"].select(KEY), book["told"].select(KEY)])[KEY]
        book["base"] = in_force(book["base"], book["told"], book.pop("offered"))
        hidden = book["told"].join(book["base"].select(KEY, "seq"), on=[KEY, "seq"], how="semi")
        book["told"] = hidden.with_columns(alone=~pl.col(KEY).is_in(known.filter(known.is_duplicated()).implode()))
        flying = split.part("flying", part)
        rows = [
            pl.concat([pl.DataFrame(schema=schema), *self._of(split, part, promotes=promotes)], how="diagonal")
            for promotes, schema in ((False, _BASE_ROWS), (True, _PROMOTION_ROWS))
        ]
        return Part(
            base=rows[0], promotions=rows[1], book=book, crossed=over, known=delta.fold(split.part("known", part)),
            flying=delta.newest_sent(pl.concat(flying) if flying else self._flying.clear()),
            gone=(self._gone(split, part, book["base"]), self._gone(split, part, book["promotion"])),
            left=(self._left(split, part, promotes=False), self._left(split, part, promotes=True)),
        )  # fmt: skip

    def _of(self, split: Split, part: int, *, promotes: bool) -> list[pl.DataFrame]:
        names = [f"rows-{w.candidate.position}" for w in self._waiting if w.promotes is promotes]
        return [frame for name in names for frame in split.part(name, part)]

    def _gone(self, split: Split, part: int, known: pl.DataFrame) -> pl.DataFrame:
        """Return what the newest full file leaves out of the book: of several only the newest speaks."""
        promotes = "promotion" in known.columns
        by = "promotion" if promotes else KEY
        one = self._full(promotes=promotes)
        nothing = known.clear().with_columns(run=pl.lit(None, pl.UInt32))
        if one is None or one.candidate.overtaken:
            return nothing
        present = _keyed(split.part(f"keys-{one.candidate.position}", part), by).unique().to_frame()
        if promotes and moves(one.leg.key_fields):
            faulty = split.part(f"faulty-{one.candidate.position}", part)
            named = [frame.select(pl.col(by).alias(KEY)) for frame in (known, *faulty)]
            stays = spared(one.leg.key_fields, named[:1], named[1:])
            present = pl.concat([present, stays.rename({KEY: by})])
        gone = left_out(known, present, by, one.candidate.row.seq)
        return gone.with_columns(run=pl.lit(one.candidate.position, pl.UInt32)).select(nothing.columns)

    def _full(self, *, promotes: bool) -> Waiting | None:
        full = [w for w in self._waiting if w.speaks_of_absence and w.promotes is promotes]
        return full[-1] if full else None

    def _left(self, split: Split, part: int, *, promotes: bool) -> pl.Expr:
        by = "promotion" if promotes else KEY
        one = self._full(promotes=promotes)
        full = [] if one is None else [(one.candidate.row.seq, f"keys-{one.candidate.position}")]
        full += [(w.candidate.row.seq, f"spoken-{promotes}") for w in self._spoken if w.promotes is promotes]
        here = [(seq, _keyed(split.part(name, part), by)) for seq, name in full]
        older = [(pl.col("seq") < seq) & ~pl.col(by).is_in(keys.implode()) for seq, keys in here]
        return pl.any_horizontal(pl.lit(value=False), *older)

    # ---- rows

    def _keys(self, waiting: Waiting, which: pl.Expr | None = None) -> Iterator[pl.DataFrame]:
        """Yield every key of a full file, faulty rows included: a faulty row is not an absent one."""
        for block in self._spool.run(waiting.candidate.row.id).blocks([ARTICLE]):
            article = pl.col(ARTICLE).fill_null("") if ARTICLE in block.columns else pl.lit("")
            keys = [article.alias(KEY)]
            rows = block if which is None else block.filter(which)
            yield rows.select(*keys, *([pl.col(KEY).alias("promotion")] if waiting.promotes else []))

    def _rows(self, waiting: Waiting) -> Iterator[pl.DataFrame]:
        folder, operation = self._spool.run(waiting.candidate.row.id), waiting.leg.operation
        present = folder.columns()
        wanted = _promotion_fields() if waiting.promotes else _base_fields(self._setup, operation, present)
        for block in folder.blocks([*wanted, *operation.when]):
            rows = block.filter(_here(waiting, block.columns))
            if waiting.candidate.decided is not None:
                done = pl.DataFrame({ROW: waiting.candidate.decided})
                rows = rows.join(done, on=ROW, how="anti", maintain_order="left")
            rows = completed(rows, {ROW: pl.Int64, KEY: pl.String, **dict.fromkeys(wanted, pl.String)}).with_columns(
                run=pl.lit(waiting.candidate.position, pl.UInt32),
                seq=pl.lit(waiting.candidate.row.seq, pl.Int64),
                due=pl.when(pl.col("valid_from") != "").then("valid_from"),
            )
            yield self._promotions(rows) if waiting.promotes else self._base(rows, operation)

    def _base(self, rows: pl.DataFrame, operation: Operation) -> pl.DataFrame:
        if operation.prices is not None:
            rows = prices.converted(rows, operation.prices)
        extra = [name for name in stored(self._setup, rows.columns) if name in rows.columns]
        ended = (pl.col("command") == "end").fill_null(value=False)
        return rows.with_columns(
            pl.col(ARTICLE).alias(KEY), ended=ended, operation=pl.lit(operation.name),
            price=pl.when(~ended).then("price"),
        ).select(*_BASE_ROWS, *extra)  # fmt: skip

    def _promotions(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return promotion rows; amounts in the terms in which base prices are sent."""
        terms = self._setup.base().prices
        kind = promotion_type()
        if terms is not None:
            rows = prices.converted(rows, replace(terms, fields=("price", "amount")))
        off = ((pl.col("command") == "end") | (pl.col("status") == "inactive")).fill_null(value=False)
        value = pl.coalesce(pl.when(kind == name).then(fields[0]) for name, fields in KINDS.items())
        ends = (pl.col(name).fill_null("") for name in ("starts_at", "ends_at"))
        return rows.with_columns(
            pl.col(KEY).alias("promotion"), pl.col(ARTICLE).alias(KEY), kind.alias("kind"), value.alias("value"),
            *ends, off=off,
        ).select(*_PROMOTION_ROWS)  # fmt: skip


def _here(waiting: Waiting, present: Collection[str]) -> pl.Expr:
    exists = effect_exists([name for name in waiting.leg.operation.when if name in present])
    here = pl.col(STATE).is_null()
    return here if exists is None else here & exists


def _keyed(found: Sequence[pl.DataFrame], by: str) -> pl.Series:
    return pl.concat([pl.Series(by, [], dtype=pl.String), *(keys[by] for keys in found)])


def _promotion_fields() -> list[str]:
    return [
        ARTICLE,
        "type",
        *_VALUES,
        "buy_quantity",
        "starts_at",
        "ends_at",
        "status",
        "command",
        "valid_from",
        *_ASIDE,
    ]


def _base_fields(setup: LaneSetup, operation: Operation, present: Collection[str]) -> list[str]:
    amounts = () if operation.prices is None else operation.prices.fields
    fields = [ARTICLE, "price", "command", "valid_from", *_ASIDE, *amounts]
    return list(dict.fromkeys([*fields, *(n for n in stored(setup, present) if n in present)]))


def transmitted(setup: LaneSetup, present: Collection[str]) -> list[str]:
    """Return the fields the lane's operations send with a price, besides the article and the price, in one order."""
    found: list[str] = []
    for operation in _base_operations(setup):
        for name in operation.fields:
            found.extend(sorted(c for c in present if c.startswith(name[:-1])) if name.endswith("*") else [name])
    return [name for name in dict.fromkeys(found) if name not in _APART]


def silent(setup: LaneSetup, fields: Sequence[str]) -> dict[str, list[str]]:
    """Return, per operation, the fields its rows say nothing of where they are null: they do not transmit them."""
    return {one.name: [name for name in fields if name not in one.fields] for one in _base_operations(setup)}


def stored(setup: LaneSetup, present: Collection[str]) -> list[str]:
    """Return the fields the book keeps with a base price: those transmitted, and their context."""
    context = [name for one in _base_operations(setup) for name in one.context if name not in _APART]
    return list(dict.fromkeys([*transmitted(setup, present), *context]))


def _base_operations(setup: LaneSetup) -> list[Operation]:
    """The operations that send prices of the lane's family, whether a route of now uses them or not."""
    family = setup.base().family
    return [one for one in setup.destination.operations if one.wanted == "base" and one.family == family]
