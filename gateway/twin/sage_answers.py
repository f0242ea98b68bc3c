"""What Sage 50 answers to a batch: result records, and the files they come in when things go wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from gateway.twin.clock import TwinClock
from gateway.twin.faults import SageFaults
from gateway.twin.sage_settings import SageTwinSettings
from gateway.twin.sage_state import Planned

UNKNOWN_STATE = "quarantined"
"""A state of no vocabulary: the contract lists no values for `state` (verified)."""


@dataclass(frozen=True, slots=True)
class BatchName:
    """The parts of `{profile}_{scope}_{batchId}_{seq:04d}.json` (assumption)."""

    profile: str
    scope: str
    batch_id: str
    seq: str


def result(key: str, state: str, *, number: str = "", reasons: Sequence[str] = ()) -> dict[str, Any]:
    """One OrderResult-shaped record (property names and required flags verified; used for stock: assumption)."""
    record: dict[str, Any] = {"originatorIdentifier": key, "state": state}
    if number:
        record["productIdentifier"] = number
    if reasons:
        record["failureReason"] = list(reasons)
    return record


def plan(
    name: BatchName,
    results: list[dict[str, Any]],
    now: datetime,
    clock: TwinClock,
    faults: SageFaults,
    settings: SageTwinSettings,
) -> Iterator[Planned]:
    """Say which answer files appear when. Every name begins with the batch id, except for a batch nobody sent."""
    stem = f"{name.batch_id}_{name.seq}"
    due = clock.later(now, settings.answer_seconds)
    if faults.take("unknown_batch"):
        # It speaks of real keys on purpose: only the batch id tells that it answers something else.
        strangers = [result(item["originatorIdentifier"], "rejected", reasons=["V-REF: unknown"]) for item in results]
        yield Planned(due, f"ghost-{stem}.json", _dump(strangers))
    if faults.take("no_answer"):
        return
    if faults.take("unknown_state"):
        results = [item | {"state": UNKNOWN_STATE} for item in results]
    if faults.take("late"):
        due = clock.later(due, faults.late_seconds)
    if faults.take("pending"):
        waiting = [result(item["originatorIdentifier"], "pending") for item in results]
        yield Planned(due, f"{stem}_pending.json", _dump(waiting))
        due = clock.later(due, settings.answer_seconds)
    if faults.take("garbage"):
        body = _dump(results)
        yield Planned(due, f"{stem}.json", body[: len(body) // 2])
        due = clock.later(due, faults.late_seconds)
    if faults.take("parts"):
        yield from _parts(stem, results, due, clock, faults.part_count)
    else:
        yield Planned(due, f"{stem}.json", _dump(results))
    if faults.take("twice"):
        yield Planned(clock.later(due, settings.answer_seconds), f"{stem}_again.json", _dump(results))


def _parts(stem: str, results: list[dict[str, Any]], due: datetime, clock: TwinClock, count: int) -> Iterator[Planned]:
    size = max(1, -(-len(results) // count))
    for part, start in enumerate(range(0, len(results), size), start=1):
        body = _dump(results[start : start + size])
        yield Planned(clock.later(due, part - 1.0), f"{stem}_part{part}.json", body)


def _dump(results: list[dict[str, Any]]) -> str:
    return orjson.dumps(results).decode()
