"""Faults on demand: counters that say how often each thing goes wrong next."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from gateway.errors import SettingsError


@dataclass
class Faults:
    """Counters of things to go wrong: `n` means the next n times, -1 always, 0 never."""

    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def take(self, name: str) -> bool:
        """Use up one of the counter `name`; False when there is none left."""
        with self._lock:
            left = int(getattr(self, name))
            if left > 0:
                setattr(self, name, left - 1)
            return left != 0

    def set(self, values: Mapping[str, object]) -> None:
        """Set counters by name, all or none. Raises SettingsError naming an unknown fault or a value of wrong type."""
        present = self.as_dict()
        for name, value in values.items():
            if name not in present:
                raise SettingsError(f"Unknown fault {name!r}: expected one of {', '.join(sorted(present))}.")
            kind = type(present[name])
            if not isinstance(value, kind) and not (kind is float and type(value) is int):
                raise SettingsError(f"Fault {name!r} is {value!r}: expected a value of type {kind.__name__}.")
        with self._lock:
            for name, value in values.items():
                setattr(self, name, value)

    def as_dict(self) -> dict[str, object]:
        """Every fault with its present value."""
        return {item.name: getattr(self, item.name) for item in fields(self) if not item.name.startswith("_")}


@dataclass
class CallFaults(Faults):
    """Faults of calls; `only` restricts every fault to one of them."""

    only: str = ""

    def strikes(self, name: str, call: str) -> bool:
        """Use up one fault of `call`; a fault kept for another call is not used up."""
        return self.meant() in {"", call} and self.take(name)

    def meant(self) -> str:
        """Return the call that faults are kept for, as calls are named; "" for all."""
        return self.only


@dataclass
class MiraklFaults(CallFaults):
    """What a marketplace may do wrong. `only` restricts every fault to one API code, such as "STO02" or "P41".

    Faults of calls: `drop` closes the connection before anything was read, `drop_before_post` the same for POST only,
    `drop_after_post` after the import was accepted; `error_500`, `error_503`, `html_502` answer so; `error_after_post`
    answers 500 although the import was accepted; `throttled` answers 429; `slow` waits `slow_seconds` twin seconds.
    Faults of imports, fixed when one is accepted: `never_ends`, `fails` (no report), `all_in_error`, `unknown_status`
    (between WAITING and the end), `late_import` (by `late_seconds` twin seconds); `rejects`: the operator turns down
    every product of a product import whose second stage ends.
    `report_missing`: a report is answered 404 although the status announced it.
    """

    drop: int = 0
    drop_before_post: int = 0
    drop_after_post: int = 0
    error_500: int = 0
    error_503: int = 0
    html_502: int = 0
    error_after_post: int = 0
    throttled: int = 0
    slow: int = 0
    slow_seconds: float = 5.0
    never_ends: int = 0
    fails: int = 0
    all_in_error: int = 0
    unknown_status: int = 0
    late_import: int = 0
    late_seconds: float = 600.0
    rejects: int = 0
    report_missing: int = 0


@dataclass
class SageFaults(Faults):
    """What Sage 50 may do wrong.

    `no_reader`: nothing is read while not 0 (a switch, not used up). Per file read: `late` answers `late_seconds` twin
    seconds later, `parts` in `part_count` files, `twice` the same again, `unknown_batch` one more answer for a batch
    nobody sent, `unknown_state` with a state of no vocabulary, `garbage` a cut-off answer first, replaced by the whole
    one after `late_seconds`, `pending` all rows pending first, `no_answer` nothing at all, `reject` every row rejected.
    """

    no_reader: int = 0
    late: int = 0
    late_seconds: float = 600.0
    parts: int = 0
    part_count: int = 3
    twice: int = 0
    unknown_batch: int = 0
    unknown_state: int = 0
    garbage: int = 0
    pending: int = 0
    no_answer: int = 0
    reject: int = 0
