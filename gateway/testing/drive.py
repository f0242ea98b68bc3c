"""Drives one destination without the gateway around it: for conformance tests and for whoever writes a new one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from gateway.errors import Busy
from gateway.model import KEY, Batch, Clock, Destination, Receipt, Reference, Sent

_PAUSE = 0.01
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class FreeBudget:
    """A budget that lets every call through and keeps what was blocked in `blocked`."""

    def __init__(self) -> None:
        self.blocked: dict[str, float] = {}

    def take(self, name: str, interval: float) -> None:
        """Let the call through."""

    def block(self, name: str, seconds: float) -> None:
        """Remember the block."""
        self.blocked[name] = seconds


def encode(destination: Destination, records: pl.DataFrame) -> list[Batch]:
    """Return the batches of the destination's first operation."""
    return list(destination.encode(destination.operations[0].name, records, Reference()))


def as_sent(batch: Batch, receipt: Receipt | None, *, number: int = 1, intent_at: datetime = _LONG_AGO) -> Sent:
    """Describe a batch as the journal would; without a receipt its answer was lost."""
    ticket = None if receipt is None else receipt.ticket
    records = batch.effects.height
    return Sent(number, batch.operation, batch.slot, ticket, "digest", records, intent_at, dict(batch.memo))


def send(destination: Destination, batch: Batch, *, clock: Clock, seconds: float = 10.0) -> Receipt:
    """Submit, waiting while something is in the way. Raises what `submit` raises, Busy after `seconds`.

    The batch is given without its effects: those stay in the spool, a call has bytes and memo only.
    """
    bare = replace(batch, effects=pl.DataFrame())
    end = clock.monotonic() + seconds
    while True:
        try:
            return destination.submit(bare)
        except Busy:
            if clock.monotonic() > end:
                raise
            clock.sleep(_PAUSE)


def settle(destination: Destination, batch: Batch, receipt: Receipt, *, clock: Clock, seconds: float = 10.0) -> Receipt:
    """Poll until the batch is closed. Raises TimeoutError with the last receipt after `seconds`."""
    end = clock.monotonic() + seconds
    while not receipt.closed:
        if clock.monotonic() > end:
            raise TimeoutError(f"the batch is still open after {seconds} s: {receipt}")
        clock.sleep(_PAUSE)
        receipt = destination.poll([as_sent(batch, receipt)]).get(1, receipt)
    return receipt


def states(batch: Batch, records: pl.DataFrame, receipt: Receipt) -> dict[str, str]:
    """Return the state of every key of the batch: named by line, else by key, else the rest."""
    named: dict[int | str, str] = {}
    if receipt.outcomes is not None:
        for line, key, state in receipt.outcomes.select("line", "key", "state").rows():
            named[key if line is None else line] = state
    keys = dict(zip(records["effect"], records[KEY], strict=True))
    rest = str(receipt.rest)
    return {keys[effect]: named.get(line, named.get(keys[effect], rest)) for effect, line in batch.effects.rows()}
