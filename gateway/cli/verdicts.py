"""Which exit code runs, lanes and sources deserve; the highest counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.engine import Row

from gateway.cli.session import Exit
from gateway.model import RowState
from gateway.reports.verdict import failed, verdict_of


def of_states(states: Mapping[str, int]) -> Exit:
    """Judge a run by its rows."""
    waiting = (RowState.UNCERTAIN, RowState.HELD, RowState.PENDING)
    if any(states.get(str(state), 0) for state in waiting):
        return Exit.OPEN
    return Exit.ROWS if failed(states) else Exit.WELL


def of_run(row: Row[Any]) -> Exit:
    """Judge one run by the journal; a row that waits for its date is well."""
    match row.state:
        case "held" | "reading":
            return Exit.OPEN
        case "rejected":
            return Exit.WELL if row.counts.get("quiet") else Exit.FILE
        case "settled":
            return highest(of_states(row.counts.get(which, {})) for which in ("states", "derived"))
        case "waiting" if "told" in row.counts:
            return of_states(row.counts.get("states", {}))
        case "waiting":
            return Exit.OPEN
        case _:
            return Exit.WELL


def of_refusal(row: Row[Any]) -> Exit:
    """Judge a file that came to no run: where its content was taken already, or a newer one took its place, well."""
    return Exit.WELL if row.code in {"FILE_DUPLICATE", "FILE_REPLACED"} else Exit.FILE


def refusal_facts(row: Row[Any]) -> dict[str, Any]:
    """Return what lists say about a file that came to no run, for machines; `id`: as in its answer's name."""
    return {
        "id": row.name, "file": row.file, "at": row.at, "code": row.code, "message": row.message, "fix": row.fix,
        "exit": int(of_refusal(row)),
    }  # fmt: skip


def highest(codes: Iterable[Exit]) -> Exit:
    """Return the code that counts."""
    return max(codes, default=Exit.WELL)


def said_of(row: Row[Any]) -> str:
    """Say in one sentence what became of a run so far."""
    match row.state:
        case "settled":
            return _of_rows(row)
        case "waiting" if "told" in row.counts:
            return _of_rows(row)
        case "held":  # its other notes are no reasons
            return str(row.notes[0] if row.notes else row.state)
        case "rejected" | "cancelled":
            return "; ".join(row.notes) or row.state
        case _:
            return "Under way."


def _of_rows(row: Row[Any]) -> str:
    errors = row.counts.get("errors", "the errors file")
    route = row.pinned.get("route", {}) if row.pinned else {}
    return verdict_of(row.counts, errors=errors, destination=destination_of(row), absent=route.get("absent", ""))


def destination_of(row: Row[Any]) -> str:
    """Return the destination's name of a run."""
    route = row.pinned.get("route", {}) if row.pinned else {}
    return str(route.get("destination", "the destination"))


def facts_of(row: Row[Any]) -> dict[str, Any]:
    """Return what lists say about a run, for machines."""
    return {
        "run": row.id, "file": row.file, "partner": row.partner, "route": row.route,
        "state": row.state, "mode": row.mode, "rows": row.rows, "states": row.counts.get("states", {}),
        "derived": row.counts.get("derived", {}), "received_at": row.received_at, "ended_at": row.ended_at,
        "retry_of": row.retry_of, "first_run": row.first_run, "notes": row.notes, "verdict": said_of(row),
        "exit": int(of_run(row)),
    }  # fmt: skip
