"""Rules over rows that follow from what a destination can hold: one value where the file may give several."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

import polars as pl

from gateway.contracts import Contract, RowsRule
from gateway.contracts.rules import also_in_row, given, issues_of, shown_key
from gateway.delivery.setup import Leg, effect_exists, legs_written
from gateway.model import EACH, KEY, LIST_SEPARATOR, ROW
from gateway.spool import STATE
from gateway.wording import filled

WHOLE = "@whole"
"""Key of a row as the file gives it, before the fields by which rows are not grouped are left out (String)."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """Items of which a row names some in `field`; one that names none is for `every` item."""

    field: str
    every: tuple[str, ...]

    def apart(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Repeat each row for every item of its (`@each`)."""
        every = pl.lit(list(self.every) or [""], dtype=pl.List(pl.String))
        items = pl.when(given(self.field)).then(pl.col(self.field).str.split(LIST_SEPARATOR)).otherwise(every)
        return rows.with_columns(items.alias(EACH)).explode(EACH).unique([ROW, EACH], maintain_order=True)


def rules_over_rows(
    contract: Contract, legs: Iterable[Leg], filled_in: Collection[str], *, key: str = KEY
) -> tuple[RowsRule, ...]:
    """Return the contract's rules over rows as they hold for a route, and those of legs that hold one of several.

    Where all that is written of a row is written per item of a list, two rows of one key may name different items.
    `filled_in`: the contract fields the mapping fills. `key`: the column by which no row may stand twice.
    """
    written = legs_written(legs, filled_in)
    listed = {_listed(leg, filled_in) for leg in written}
    alone = next(iter(listed)) if len(listed) == 1 else None
    own = contract.rows_rules
    if alone is not None and alone.field not in contract.key:
        own = tuple(_once_per_item(rule, alone, key) if rule.code == "DUPLICATE_KEY" else rule for rule in own)
    return (*own, *_one_per_key(contract, written, filled_in), *_one_record(contract, written))


def _listed(leg: Leg, filled_in: Collection[str]) -> _Listed | None:
    field = leg.operation.each
    return None if field is None or field not in filled_in else _Listed(field, leg.operation.every)


# ---------------------------------------------------------------- one row per key


def _once_per_item(rule: RowsRule, listed: _Listed, key: str) -> RowsRule:
    """Return the rule by which a key stands once per item, in place of the one by which it stands once.

    What a rejected row without items is for nobody knows: its item may be what could not be read.
    """
    find = functools.partial(_standing_twice, listed=listed, key=key)
    known = pl.col(STATE).is_null() | given(listed.field)
    return replace(rule, by=key, columns=(key, listed.field), where=rule.where & known, find=find, alike=(key,))


def _standing_twice(rows: pl.DataFrame, *, listed: _Listed, key: str) -> pl.DataFrame:
    apart = listed.apart(rows).sort(ROW, maintain_order=True)
    twice = apart.filter(pl.struct(key, EACH).is_duplicated())
    item = pl.when(pl.col(EACH) != "").then(filled(" for {}", EACH)).otherwise(pl.lit(""))
    told = twice.with_columns(told=filled("{}{}", also_in_row(key, EACH), item)).unique(ROW, keep="first")
    told = told.sort(ROW)
    return issues_of(told, "DUPLICATE_KEY", listed.field, value=shown_key(pl.col(key)), detail=pl.col("told"))


# ---------------------------------------------------------------- one value per coarser key


def _one_per_key(contract: Contract, legs: Iterable[Leg], filled_in: Collection[str]) -> Iterable[RowsRule]:
    """Yield a rule per leg whose key is coarser than the contract's: two rows of a file can't both be its value.

    Promotions that only take part in a price are no values of it: each counts while it is in force. Rows that are
    rejected themselves are nobody's other value, rows that are summed are one, and where a row may go on instead of
    those that end (Operation.instead) all of them are one change.
    """
    found: dict[tuple[tuple[str, ...], _Listed | None], RowsRule] = {}
    for leg in legs:
        key = tuple(name for name in leg.key_fields if name in contract.fields)
        if set(contract.key) <= set(key) or not key or leg.operation.wanted == "promotion":
            continue
        exists = effect_exists(leg.operation.when)
        where = pl.col(STATE).is_null() & given(key[0])
        where = where if exists is None else where & exists
        listed = _listed(leg, filled_in)
        instead = leg.operation.instead
        columns = (*key, KEY, *([] if listed is None else [listed.field]), *(["command"] if instead else []))
        find = _finder(key, listed, instead=instead)
        found[key, listed] = RowsRule("DEST_ONE_PER_KEY", key[0], columns, where, find, key, (pl.col(KEY),))
    return found.values()


def _finder(key: tuple[str, ...], listed: _Listed | None, *, instead: bool) -> Callable[[pl.DataFrame], pl.DataFrame]:
    group = key if listed is None else (*key, EACH)
    several = pl.col(KEY).n_unique().over(group) > 1
    if instead:  # one that goes on has the place of those that end
        on = pl.col(KEY).filter(pl.col("command").ne_missing("end")).n_unique().over(group)
        several &= on != 1

    def find(rows: pl.DataFrame) -> pl.DataFrame:
        whole = rows.with_columns(pl.col(name).fill_null("") for name in key)
        apart = whole if listed is None else listed.apart(whole)
        met = apart.sort(ROW).filter(several)
        first = pl.col(KEY).first()
        further = pl.col(ROW).filter(pl.col(KEY) != first).first()
        second = pl.col(KEY) != first.over(group)
        other = pl.when(second).then(pl.col(ROW).first().over(group)).otherwise(further.over(group))
        told = met.with_columns(other=other).unique(ROW, keep="first", maintain_order=True)
        detail = filled("row {}", "other")
        return issues_of(told, "DEST_ONE_PER_KEY", key[0], value=pl.col(key[0]), detail=detail)

    return find


# ---------------------------------------------------------------- one row per record


def _one_record(contract: Contract, legs: Iterable[Leg]) -> Iterable[RowsRule]:
    """Yield a rule per leg whose destination tells rows of several keys apart no more, and takes one of them only."""
    found: list[pl.Expr] = []
    for leg in sorted(legs, key=lambda leg: len(leg.operation.when)):  # one that every row has speaks for the others
        record = leg.operation.record
        if record is None or not leg.operation.alone or any(record.meta.eq(other) for other in found):
            continue
        found.append(record)
        exists = effect_exists(leg.operation.when)
        where = pl.col(STATE).is_null() if exists is None else pl.col(STATE).is_null() & exists
        if leg.operation.window is not None:  # what ends beside what goes on in its place is no other value of it
            where &= pl.col("command").ne_missing("end")
        names = tuple(name for name in dict.fromkeys(record.meta.root_names()) if name in contract.fields)
        field = contract.group if contract.group in names else names[0]
        find = functools.partial(_several_keys, record=record, field=str(field))
        yield RowsRule("DEST_ONE_RECORD", KEY, (*names, KEY), where, find, (record,), (pl.col(KEY),))


def _several_keys(rows: pl.DataFrame, *, record: pl.Expr, field: str) -> pl.DataFrame:
    placed = rows.sort(ROW).with_columns(record.alias(EACH))
    told = placed.filter(pl.col(KEY).n_unique().over(EACH) > 1)
    first, second = pl.col(ROW).first().over(EACH), pl.col(ROW).get(1).over(EACH)
    more = pl.len().over(EACH) - 2
    and_more = pl.when(more > 0).then(filled(" and {} more", more)).otherwise(pl.lit(""))
    detail = filled("row {}{}", pl.when(pl.col(ROW) == first).then(second).otherwise(first), and_more)
    return issues_of(told, "DEST_ONE_RECORD", field, value=pl.col(field), detail=detail)
