"""Rules over rows that follow from what a destination can hold: one value where the file may give several."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from gateway.contracts import Contract, RowsRule
from gateway.contracts.rules import given, issues_of
from gateway.delivery.setup import Leg, effect_exists
from gateway.issues import filled
from gateway.model import ROW


def one_per_key(contract: Contract, legs: Iterable[Leg]) -> tuple[RowsRule, ...]:
    """Return a rule per leg whose key is coarser than the contract's: two rows of a file can't both be its value."""
    found: dict[tuple[str, ...], RowsRule] = {}
    for leg in legs:
        key = tuple(name for name in leg.key_fields if name in contract.fields)
        if set(contract.key) <= set(key) or not key:
            continue
        exists = effect_exists(leg.operation.when)
        where = given(key[0]) if exists is None else given(key[0]) & exists
        found[key] = RowsRule("DEST_ONE_PER_KEY", key[0], key, where, _finder(key), key)
    return tuple(found.values())


def _finder(key: tuple[str, ...]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def find(rows: pl.DataFrame) -> pl.DataFrame:
        whole = pl.struct(pl.col(name).fill_null("") for name in key)
        twice = rows.filter(whole.is_duplicated()).sort(ROW)
        first, second = pl.col(ROW).first().over(key), pl.col(ROW).get(1).over(key)
        other = pl.when(pl.col(ROW) == first).then(second).otherwise(first)
        return issues_of(twice, "DEST_ONE_PER_KEY", key[0], value=pl.col(key[0]), detail=filled("row {}", other))

    return find
