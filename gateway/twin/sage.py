"""The Sage 50 twin: takes batch files of products, stock, prices and pictures from a folder and answers with files.

Sources: Sage 50 Cloud e-commerce contracts (Product, ProductStock, ProductSpecialPrice, ProductPicture, OrderResult)
and the public guides of the file-sharing API (one file per scope, only the latest is kept). No upload direction,
envelope, limit or answer for any of them is documented: all of that is assumption and set in `SageTwinSettings`.
"""

from __future__ import annotations

import os
import re
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from gateway.errors import SettingsError
from gateway.twin import sage_shop as shop
from gateway.twin.clock import TwinClock
from gateway.twin.faults import SageFaults
from gateway.twin.keeping import keep, publish
from gateway.twin.life import Living, Passes
from gateway.twin.sage_answers import BatchName, plan, result
from gateway.twin.sage_contract import BadBatchError, Judged, read
from gateway.twin.sage_kinds import KINDS, judge
from gateway.twin.sage_settings import SageTwinSettings
from gateway.twin.sage_shop import ShopRow
from gateway.twin.sage_state import SageEffect, SageState, Violation, load

__all__ = ["SageTwin", "SageTwinSettings", "ShopRow"]

ANNOUNCEMENT = "twin.json"
"""File in the batch folder while the twin runs: its system, speed and process."""
_SCOPES = "products|productpictures|productspecialprices|productstocks|customers|orders|orderresults"
_NAME = re.compile(rf"(?P<profile>[^/]+?)_(?P<scope>{_SCOPES})_(?P<batch_id>[^/]+)_(?P<seq>\d{{4}})\.json")
_TICK = 0.02


@dataclass(slots=True)
class _Unread:
    """A batch file that lies in the folder, since when, and which bytes it had then."""

    name: BatchName
    path: Path
    seen: datetime
    mark: tuple[int, int, int]


class SageTwin(Living):
    """A Sage 50 installation that shares `inbox` and `results`; a context manager that starts and stops it.

    `inbox`: where batch files are put; `results`: where answers appear; both are made when missing. `speed` shrinks
    delays; `clock` replaces it where a test moves time. `state_file` lets records, audit and planned answers outlive
    the twin. `step` does one pass by hand; `start` does passes in a thread. Raises SettingsError for a faulty speed.
    """

    def __init__(
        self,
        inbox: Path,
        results: Path,
        *,
        settings: SageTwinSettings | None = None,
        speed: float = 1.0,
        state_file: Path | None = None,
        clock: TwinClock | None = None,
    ) -> None:
        self.inbox, self.results = inbox, results
        self.settings = settings or SageTwinSettings()
        self.clock = clock or TwinClock(speed)
        self.faults = SageFaults()
        self._file = state_file
        self._state = SageState() if state_file is None else load(state_file)
        self._unread: dict[str, _Unread] = {}
        self._odd: dict[str, tuple[int, int, int]] = {}
        self._lock = threading.RLock()
        self._passes = Passes(_TICK, {"twin-sage": self.step})

    # ------------------------------------------------------------ life

    def start(self) -> Self:
        """Announce the twin in the batch folder and look into it until stopped."""
        if not self._passes.running:
            for folder in (self.inbox, self.results):
                folder.mkdir(parents=True, exist_ok=True)
            about = {"system": "sage", "speed": self.clock.speed, "pid": os.getpid()}
            keep(self.inbox / ANNOUNCEMENT, about)
            self._passes.start()
        return self

    def stop(self) -> None:
        """End the thread and take the announcement away: what comes next may be a real Sage."""
        if self._passes.running:
            self._passes.stop()
            (self.inbox / ANNOUNCEMENT).unlink(missing_ok=True)

    @property
    def trouble(self) -> str:
        """What the last pass could not do, such as list a folder; "" when all went well."""
        return self._passes.trouble

    # ------------------------------------------------------------ what tests and the demo look at

    def stock(self) -> dict[str, str]:
        """Stock level as text per key (`TS-100` or `TS-100/XL/Blue`)."""
        with self._lock:
            return {key: level.stock for key, level in self._state.levels.items()}

    def products(self) -> dict[str, dict[str, Any]]:
        """Products and variants as they were taken, numbers as text, per key (`TS-100` or `TS-100/XL/Blue`)."""
        return self._shelf(shop.PRODUCTS)

    def special_prices(self) -> dict[str, dict[str, Any]]:
        """Special prices as they were taken, numbers as text, per key of what they are about."""
        return self._shelf(shop.PRICES)

    def pictures(self) -> dict[str, dict[str, Any]]:
        """Pictures per key (`TS-100#1`); `picture` is their kind, size in bytes and digest."""
        return self._shelf(shop.PICTURES)

    def shop(self) -> list[ShopRow]:
        """Every product with its stock, special prices and pictures."""
        with self._lock:
            return shop.rows(self._state, self.settings.separator)

    def _shelf(self, scope: str) -> dict[str, dict[str, Any]]:
        with self._lock:
            return {key: dict(entry.fields) for key, entry in self._state.shelves.get(scope, {}).items()}

    def effects(self, key: str | None = None, scope: str | None = None) -> list[SageEffect]:
        """Every applied record in order, of one key or of all, of one scope or of all."""
        with self._lock:
            of_key = [effect for effect in self._state.effects if key in {None, effect.key}]
            return [effect for effect in of_key if scope in {None, effect.scope}]

    def violations(self, kind: str | None = None) -> list[Violation]:
        """What the writer must not have done, of one kind or of all."""
        with self._lock:
            return [violation for violation in self._state.violations if kind in {None, violation.kind}]

    def read_files(self) -> list[str]:
        """Names of the batch files read so far, in order."""
        with self._lock:
            return list(self._state.read_files)

    def drift(self, key: str, quantity: int) -> str:
        """Sell `quantity` units, not below 0. Returns the new level. Raises SettingsError for an unknown key."""
        with self._lock:
            level = self._state.levels.get(key)
            if level is None:
                raise SettingsError(f"The Sage twin has no stock of {key!r} to sell.")
            level.stock = str(max(Decimal(0), Decimal(level.stock) - quantity))
            self._save()
            return level.stock

    # ------------------------------------------------------------ one pass

    def step(self) -> None:
        """Look once: note new files, read those whose time has come, publish answers that are due."""
        with self._lock:
            before = len(self._state.violations)
            self._look()
            changed = len(self._state.violations) != before
            if self.faults.no_reader == 0:
                for item in self._due():
                    self._take(item)
                    changed = True
            changed = self._answer() or changed
            if changed:
                self._save()

    def _look(self) -> None:
        found: dict[str, os.stat_result] = {}
        for entry in os.scandir(self.inbox):
            if entry.name.endswith(".json") and not entry.name.startswith(".") and entry.name != ANNOUNCEMENT:
                found[entry.name] = entry.stat()
        for name in [name for name in self._unread if name not in found]:
            del self._unread[name]
        for name in sorted(found, key=lambda name: (found[name].st_mtime_ns, name)):
            stat = found[name]
            self._note(name, (stat.st_ino, stat.st_mtime_ns, stat.st_size))
        if self.settings.latest_only:
            self._keep_latest()

    def _note(self, name: str, mark: tuple[int, int, int]) -> None:
        known = self._unread.get(name)
        if known is not None and known.mark == mark:
            return
        if known is not None:
            self._violation("overwritten", name, "the same name was written again before it was read")
            del self._unread[name]
        match = _NAME.fullmatch(name)
        if match is None or match["scope"] not in KINDS:
            if self._odd.get(name) != mark:
                self._odd[name] = mark
                kind = "file_name" if match is None else "scope"
                self._violation(kind, name, "expected {profile}_{scope}_{batchId}_{seq:04d}.json")
            return
        self._unread[name] = _Unread(BatchName(**match.groupdict()), self.inbox / name, self.clock.now(), mark)

    def _keep_latest(self) -> None:
        scopes: dict[tuple[str, str], list[_Unread]] = defaultdict(list)
        for item in self._unread.values():
            scopes[item.name.profile, item.name.scope].append(item)
        for items in scopes.values():
            for lost in items[:-1]:
                self._violation("overwritten", lost.path.name, f"{items[-1].path.name} came before it was read")
                lost.path.unlink(missing_ok=True)
                del self._unread[lost.path.name]

    def _due(self) -> list[_Unread]:
        wait = self.settings.read_seconds
        return [item for item in self._unread.values() if self.clock.since(item.seen) >= wait]

    def _take(self, item: _Unread) -> None:
        name = item.path.name
        reading = self.inbox / f".{name}.reading"
        # Renamed first: a file that takes its place meanwhile is another one and stays.
        del self._unread[name]
        try:
            item.path.replace(reading)
        except FileNotFoundError:
            return  # its writer took it back in this very moment
        body = reading.read_bytes()
        reading.unlink()
        self._state.read_files.append(name)
        kind, settings = KINDS[item.name.scope], self.settings
        try:
            items = read(body, item.name.batch_id, kind, settings)
            judged = judge(items, kind, settings, shop.known(self._state, settings))
        except BadBatchError as error:
            self._violation("refused" if error.items else "unreadable", name, str(error))
            judged = [Judged(record, kind, [str(error)]) for record in error.items]
        if judged:
            self._settle(item, judged)

    def _settle(self, item: _Unread, judged: Sequence[Judged]) -> None:
        now = self.clock.now()
        refuse = self.faults.take("reject")
        results: list[dict[str, Any]] = []
        for place, row in enumerate(judged, start=1):
            key = shop.name_of(row, place, self.settings)
            if refuse and not row.reasons:
                row.reasons.append("C-ALL: nothing is taken now")
            results.append(
                result(key, "rejected", reasons=row.reasons)
                if row.reasons
                else shop.take(self._state, item.name, item.path.name, row, key, now, self.settings)
            )
        self._state.planned.extend(plan(item.name, results, now, self.clock, self.faults, self.settings))

    def _answer(self) -> bool:
        now = self.clock.now()
        due = sorted((item for item in self._state.planned if item.due <= now), key=lambda item: item.due)
        for item in due:
            publish(self.results / item.name, item.body.encode())
            self._state.planned.remove(item)
        return bool(due)

    def _violation(self, kind: str, file: str, detail: str) -> None:
        self._state.violations.append(Violation(self.clock.now(), kind, file, detail))

    def _save(self) -> None:
        if self._file is not None:
            keep(self._file, self._state)
