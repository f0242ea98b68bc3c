"""What a file will take at least, before anything is decided about its rows: calls and time, by the operations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable

import polars as pl

from gateway.delivery.setup import Leg, rows_with_effect
from gateway.model import LIST_SEPARATOR, Operation
from gateway.pipeline.reading import Readout
from gateway.spool import STATE, RunFolder


def calls_of(leg: Leg, readout: Readout, folder: RunFolder) -> int:
    """Return the calls of the good rows: where a row has an effect per item, no call is for two items."""
    operation = leg.operation
    if operation.each is None:
        return _calls(operation, readout.good)
    if operation.each in readout.columns or operation.when:
        return sum(_calls(operation, rows) for rows in _by_item(operation, readout.columns, folder).values())
    return _calls(operation, readout.good) * max(1, len(operation.every))


def _by_item(operation: Operation, filled: Collection[str], folder: RunFolder) -> Counter[str]:
    """Count the effects of each item: rows that name none have one of every item."""
    listed: Counter[str] = Counter()
    wanted = [name for name in (operation.each or "", *operation.when) if name in filled]
    for block in folder.blocks(wanted):
        good = rows_with_effect(block.filter(pl.col(STATE).is_null()), operation.when)
        if operation.each in good.columns:
            listed.update(dict(good[operation.each].fill_null("").value_counts(name="rows").rows()))
        else:
            listed[""] += good.height
    found: Counter[str] = Counter()
    for text, rows in listed.items():
        for item in text.split(LIST_SEPARATOR) if text else operation.every or ("",):
            found[item] += rows
    return found


def _calls(operation: Operation, effects: int) -> int:
    if effects == 0 or operation.batch_size is None:
        return min(effects, 1)
    return math.ceil(effects / operation.batch_size)


def seconds_of(legs: Iterable[Leg], calls: Callable[[Leg], int]) -> float:
    """Return the least time calls take: those of one budget come one after the other, others side by side."""
    took: dict[str, float] = {}
    for leg in legs:
        operation = leg.operation
        where = f"budget {operation.budget}" if operation.budget else f"lane {leg.lane}"
        took[where] = took.get(where, 0.0) + calls(leg) * operation.interval
    return max(took.values(), default=0.0)
