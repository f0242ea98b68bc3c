"""Articles that rows name, and that neither their file nor an earlier one brought: told as warnings of the row."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import polars as pl
import sqlalchemy as sa

from gateway.contracts.rules import given, stands
from gateway.delivery.baseline import Baseline, inflight_keys
from gateway.delivery.setup import Leg, legs_written
from gateway.journal import Journal, runs
from gateway.journal import tables as t
from gateway.model import (
    ISSUE_SCHEMA,
    KEY,
    KEY_SEPARATOR,
    LINE,
    LIST_SEPARATOR,
    ROW,
    Mention,
    Naming,
    Placing,
    no_issues,
)
from gateway.pipeline.setup import RouteSetup
from gateway.spool import STATE, RunFolder, Spool
from gateway.wording import filled as worded

_SEED = 17
_SHOWN = 20
"""Codes of a row that are shown."""
_TRIES = 3
"""A baseline may be folded by its own lane while it is read; then it is found anew."""
_ITEM = "@item"


class Mentions:
    """Looks at what rows of a route name; what was sent before is only read where the file alone does not do."""

    def __init__(self, journal: Journal, spool: Spool, setup: RouteSetup) -> None:
        self._journal = journal
        self._spool = spool
        self._setup = setup

    def find(self, folder: RunFolder, filled: Collection[str]) -> pl.DataFrame:
        """Return issues (ISSUE_SCHEMA) in row order; `filled`: the contract fields the mapping fills."""
        found = [no_issues()]
        for leg in legs_written(self._setup.legs, filled):
            found += [self._moved(leg, folder)] if not leg.operation.after else []
            found += [self._told(leg, one, folder) for one in leg.operation.mentions if one.field in filled]
        return pl.concat(found).sort(ROW, maintain_order=True)

    def _told(self, leg: Leg, mention: Mention, folder: RunFolder) -> pl.DataFrame:
        lane = next(one for one in (leg.lane, *leg.after) if one.rsplit("/", 2)[-2] == mention.family)
        brings = any(one.lane == lane for one in self._setup.legs)
        group = self._setup.contract.group or ""
        here = _Named([_articles(block, group) for block in folder.blocks(["sku", group])] if brings else [])
        named = [_items(block, mention)[_ITEM] for block in folder.blocks(_columns(mention))]
        strange = here.lacks(pl.concat(named).unique() if named else pl.Series([], dtype=pl.String), mention)
        if not strange.len():
            return no_issues()
        there = self._before(lane)
        if not brings and not there.own.len():  # no catalog comes this way: what is there nobody here can know
            return no_issues()
        strange = there.lacks(strange, mention)
        if not strange.len():
            return no_issues()
        rows = [
            _items(block, mention).filter(pl.col(_ITEM).is_in(strange.implode()) & ~_known_besides(mention, there))
            for block in folder.blocks(_columns(mention))
        ]
        return _issues(pl.concat(rows), mention)

    def _moved(self, leg: Leg, folder: RunFolder) -> pl.DataFrame:
        """Tell of rows that make their article another one to the destination: nothing ends the former."""
        destination = self._setup.target.destination
        if not isinstance(destination, Placing) or not destination.named(leg.operation.family).height:
            return no_issues()
        found = [no_issues()]
        for block in folder.blocks(destination.places):
            rows = block.filter(pl.col(STATE).is_null())
            places = rows.select(one for one in destination.places if one in rows.columns)
            rows = rows.with_columns(destination.moved(leg.operation.name, places).alias("detail"))
            said = {"code": pl.lit("DEST_MOVED"), "field": pl.lit("sku"), "value": pl.col("sku")}
            told = rows.select(ROW, LINE, *(words.alias(name) for name, words in said.items()), "detail")
            found.append(told.filter(pl.col("detail").is_not_null()).cast({n: k() for n, k in ISSUE_SCHEMA.items()}))
        return pl.concat(found)

    def _before(self, lane: str) -> _Named:
        """What was sent in a lane before, is under way or waits there."""
        with self._journal.read() as tx:
            waits = sa.and_(t.leg.c.lane == lane, t.leg.c.open_rows > 0, t.run.c.state.in_(("waiting", "held")))
            names = list(tx.scalars(sa.select(t.leg.c.run).join(t.run, t.run.c.id == t.leg.c.run).where(waits)))
            opened = sa.and_(t.consignment.c.lane == lane, t.consignment.c.state == "open")
            for identity in tx.scalars(sa.select(t.consignment.c.id).where(opened)).all():
                names += runs.runs_of(tx, identity)
        group = self._setup.contract.group or ""
        waiting = [
            _articles(block.filter(pl.col(STATE).is_null()), group)  # what is rejected there comes by another file
            for name in dict.fromkeys(names)
            for block in self._spool.run(name).blocks(["sku", group])
        ]
        return _Named([*waiting, *self._confirmed(lane)])

    def _confirmed(self, lane: str) -> Iterator[pl.DataFrame]:
        """Yield articles that were sent: by what the destination calls them where it remembers that."""
        keys = [self._keys(lane)]
        destination = self._setup.target.destination
        if isinstance(destination, Naming):
            called = destination.named(lane.rsplit("/", 2)[-2])
            known = called.select(_hash(pl.col("sku")).alias("own"), _hash(pl.col("id")).alias("id"))
            yield known
            keys = [frame.join(known, on="own", how="anti") for frame in keys]
        yield from keys

    def _keys(self, lane: str) -> pl.DataFrame:
        for last in (*[False] * (_TRIES - 1), True):
            try:
                baseline = Baseline.of_lane(self._journal, self._spool, lane)
                frames = [inflight_keys(self._journal, self._spool, lane), *baseline.frames(renewed=False)]
                own = _hash(pl.col(KEY).str.splitn(KEY_SEPARATOR, 2).struct.field("field_0"))
                return pl.concat([frame.select(own.alias("own"), own.alias("id")) for frame in frames])
            except FileNotFoundError:
                if last:
                    raise
        raise AssertionError(lane)


@dataclass(frozen=True)
class _Named:
    """Articles: hashes (UInt64) of their `own` codes, and of the `id` by which a shop has them (that of a product)."""

    frames: list[pl.DataFrame]

    @cached_property
    def own(self) -> pl.Series:
        """Hashes of their own codes."""
        return self._all("own")

    @cached_property
    def ids(self) -> pl.Series:
        """Hashes of the ids of their products; of an article without a product its own."""
        return self._all("id")

    def _all(self, name: str) -> pl.Series:
        none = pl.Series(name, [], dtype=pl.UInt64)
        return pl.concat([none, *(frame[name] for frame in self.frames)]).unique()

    def lacks(self, items: pl.Series, mention: Mention) -> pl.Series:
        """Return those of `items` (String) that are none of these."""
        hashes = pl.select(_hash(items)).to_series()
        known = hashes.is_in(self.ids.implode())
        return items.filter(~(known if mention.products else known | hashes.is_in(self.own.implode())))


def _hash(text: pl.Expr | pl.Series) -> pl.Expr:
    return (pl.lit(text) if isinstance(text, pl.Series) else text).hash(seed=_SEED)


def _articles(block: pl.DataFrame, group: str) -> pl.DataFrame:
    rows = block.filter(pl.col(STATE).fill_null("") != "skipped")
    product = pl.when(given(group)).then(pl.col(group)) if group in block.columns else pl.lit(None, pl.String)
    return rows.select(_hash(pl.col("sku")).alias("own"), _hash(pl.coalesce(product, "sku")).alias("id"))


def _columns(mention: Mention) -> list[str]:
    return [mention.field, *mention.besides, "command"]


def _items(block: pl.DataFrame, mention: Mention) -> pl.DataFrame:
    """Return `@row`, `@line`, `@item` and the fields besides: one row per article that a good row names."""
    absent = [pl.lit(None, pl.String).alias(name) for name in _columns(mention) if name not in block.columns]
    rows = block.with_columns(absent).filter(pl.col(STATE).is_null() & given(mention.field) & stands())
    item = pl.col(mention.field).str.split(LIST_SEPARATOR) if mention.listed else pl.concat_list(mention.field)
    return rows.select(ROW, LINE, *mention.besides, item.alias(_ITEM)).explode(_ITEM)


def _known_besides(mention: Mention, there: _Named) -> pl.Expr:
    known = (given(name) & _hash(pl.col(name)).is_in(there.ids.implode()) for name in mention.besides)
    return pl.any_horizontal(pl.lit(value=False), *known)


def _issues(rows: pl.DataFrame, mention: Mention) -> pl.DataFrame:
    told = rows.group_by(ROW, LINE, maintain_order=True).agg(pl.col(_ITEM).unique(maintain_order=True))
    more = pl.col(_ITEM).list.len().cast(pl.Int64) - _SHOWN
    and_more = pl.when(more > 0).then(worded(" and {} more", more)).otherwise(pl.lit(""))
    value = pl.concat_str(pl.col(_ITEM).list.head(_SHOWN).list.join(", "), and_more)
    said = {"code": pl.lit(mention.code), "field": pl.lit(mention.field), "value": value, "detail": pl.lit("")}
    shaped = told.select(ROW, LINE, *(words.alias(name) for name, words in said.items()))
    return shaped.cast({name: kind() for name, kind in ISSUE_SCHEMA.items()})
