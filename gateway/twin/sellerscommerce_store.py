"""The store behind the calls: its state under a lock, changes that are whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.twin.clock import TwinClock
from gateway.twin.keeping import keep, kept
from gateway.twin.sellerscommerce_apis import Api
from gateway.twin.sellerscommerce_faults import SellersCommerceFaults
from gateway.twin.sellerscommerce_members import Row, Schema, read
from gateway.twin.sellerscommerce_settings import SellersCommerceTwinSettings
from gateway.twin.sellerscommerce_state import SellersCommerceState, Unit


@dataclass(frozen=True, slots=True)
class Ask:
    """A call that was let in. `query`: parameters by lower-case names; `items`: its body as sent, one unless a list."""

    api: Api
    argument: str
    query: dict[str, str]
    items: Sequence[object] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Records to answer with: one, or a list of them."""

    schema: Schema
    rows: list[Row]
    one: bool = False


Handler = Callable[[Ask], Found | None]
"""Answers a call; None is plain success. Raises DataError."""


class Desk(Protocol):
    """What answers the calls of one controller."""

    def handlers(self) -> dict[Api, Handler]:
        """What answers which call."""
        ...


class Store:
    """Catalog, orders and shoppers of one store. Safe to use from several threads; saved when a file is given."""

    def __init__(
        self,
        settings: SellersCommerceTwinSettings,
        clock: TwinClock,
        faults: SellersCommerceFaults,
        state_file: Path | None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.faults = faults
        self.lock = threading.RLock()
        self._file = state_file
        self.state = SellersCommerceState() if state_file is None else kept(state_file, SellersCommerceState)

    def save(self) -> None:
        """Write the state file. Call it under the lock."""
        if self._file is not None:
            keep(self._file, self.state)

    @contextmanager
    def unit(self, call: str) -> Iterator[Unit]:
        """Work on the state; an error takes everything back that was not committed."""
        with self.lock:
            unit = Unit(self.state, call, self.clock.now())
            try:
                yield unit
                unit.commit()
            except BaseException:
                unit.roll_back()
                raise
            finally:
                self.save()

    def each(self, ask: Ask, work: Callable[[Row, Unit], None]) -> None:
        """Do the work for every item: all of them, or as many as the settings say. Raises DataError."""
        with self.unit(ask.api.key) as unit:
            for item in ask.items:
                work(read(item, ask.api.body or {}, self.settings), unit)
                if self.settings.batches == "until_fault":
                    unit.commit()
