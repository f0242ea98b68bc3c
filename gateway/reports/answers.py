"""Answers for machines: ack, refusal, progress, summary; all JSON, indented, UTF-8, times in UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import orjson

from gateway.model import STATES, Rows, Summary
from gateway.reports.verdict import balances

ACK_KIND = "ack.json"
PROGRESS_KIND = "progress.json"


class SummaryWriter:
    """What became of the run, in numbers."""

    kind: ClassVar[str] = "summary.json"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write the summary; there always is one."""
        del rows
        _dump(out, summary_facts(summary))
        return True


def summary_facts(summary: Summary) -> dict[str, Any]:
    """Return the content of summary.json."""
    took = None if summary.ended_at is None else round((summary.ended_at - summary.received_at).total_seconds(), 3)
    return {
        "run": summary.run,
        "verdict": summary.verdict,
        "partner": summary.partner,
        "route": summary.route,
        "feed": summary.feed,
        "destination": summary.destination,
        "contract": summary.contract,
        "mode": summary.mode,
        "file": {"name": summary.file_name, "size": summary.size, "sha256": summary.sha256},
        "rows": summary.rows,
        "blank": summary.blank,
        "states": _counts(summary.states),
        "derived": {state: count for state, count in _counts(summary.derived).items() if count},
        "effects": {family: dict(counts) for family, counts in summary.effects.items()},
        "balanced": balances(summary),
        "warnings": summary.warnings,
        "tickets": list(summary.tickets),
        "calls": {"made": summary.calls, "expected": summary.calls_expected},
        "timings": {
            "received_at": _time(summary.received_at),
            "started_at": _time(summary.started_at),
            "ended_at": _time(summary.ended_at),
            "seconds": took,
            "finish_expected": _time(summary.finish_expected),
        },
        "linked_run": summary.linked_run,
        "mended": [{"row": row, "run": run} for row, run in summary.first_run_rows],
        "notes": list(summary.notes),
        "versions": dict(summary.versions),
    }


def write_ack(  # noqa: PLR0913  an acknowledgement states that many facts, each by name
    out: Path,
    *,
    run: str,
    partner: str,
    route: str,
    file_name: str,
    size: int,
    sha256: str,
    received_at: datetime,
    rows: int,
    calls_expected: int,
    finish_expected: datetime | None,
    linked_run: str | None = None,
    files: Sequence[Mapping[str, Any]] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write the answer to a file that was taken. `size` in bytes, `sha256` in hexadecimal, times aware.

    `files`: those of a run that has several, with `name`, `first_row` and `last_row`. `notes`: on the file as a whole.
    """
    _dump(
        out,
        {
            "taken": True,
            "run": run,
            "partner": partner,
            "route": route,
            "file": {"name": file_name, "size": size, "sha256": sha256},
            "received_at": _time(received_at),
            "rows": rows,
            "calls_expected": calls_expected,
            "finish_expected": _time(finish_expected),
            "linked_run": linked_run,
            **({"files": list(files)} if files else {}),
            **({"notes": list(notes)} if notes else {}),
        },
    )


def write_waiting(  # noqa: PLR0913  an acknowledgement states that many facts, each by name
    out: Path,
    *,
    partner: str,
    route: str,
    file_name: str,
    size: int,
    received_at: datetime,
    name: str | None,
    part: int | None,
    of: int | None,
    missing: Sequence[int],
    until: datetime,
    message: str,
) -> None:
    """Write the answer to a file that waits for others. `name`, `part`, `of`, `missing`: of counted parts only."""
    _dump(
        out,
        {
            "taken": True,
            "run": None,
            "partner": partner,
            "route": route,
            "file": {"name": file_name, "size": size},
            "received_at": _time(received_at),
            "set": {"name": name, "part": part, "of": of, "missing": list(missing), "until": _time(until)},
            "message": message,
        },
    )


def write_refusal(  # noqa: PLR0913  a refusal states that many facts, each by name
    out: Path,
    *,
    file_name: str,
    size: int,
    sha256: str,
    at: datetime,
    code: str,
    message: str,
    fix: str,
    line: int | None = None,
    run: str | None = None,
) -> None:
    """Write the answer to a file that was refused as a whole. `code` of the issue catalogue, `line` where known.

    `run`: the one that began and was refused; None where it came to none.
    """
    _dump(
        out,
        {
            "taken": False,
            "run": run,
            "file": {"name": file_name, "size": size, "sha256": sha256},
            "refused_at": _time(at),
            "code": code,
            "message": message,
            "fix": fix,
            "line": line,
        },
    )


def write_progress(
    out: Path,
    *,
    run: str,
    at: datetime,
    states: Mapping[str, int],
    open_tickets: Sequence[str],
    finish_expected: datetime | None,
    held: str | None = None,
) -> None:
    """Write how far the run has come. `states`: rows per state now. `held`: why it waits for a person, where it does.

    An expected end that is over by `at` is left out.
    """
    message = None
    if held is not None:
        message = f"The file is held: {held.removesuffix('.')}. The operator decides whether its rows are sent."
    expected = finish_expected if finish_expected is not None and finish_expected > at else None
    counts = _counts(states)
    settled = sum(count for state, count in zip(STATES, counts.values(), strict=True) if state.final)
    _dump(
        out,
        {
            "run": run,
            "at": _time(at),
            "rows": sum(counts.values()),
            "settled": settled,
            "states": counts,
            "open_tickets": list(open_tickets),
            "finish_expected": _time(expected),
            "message": message,
        },
    )


def _counts(states: Mapping[str, int]) -> dict[str, int]:
    """Return all states in order of gravity: a state nobody is in counts zero."""
    return {str(state): states.get(state, 0) for state in STATES}


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _dump(out: Path, facts: Mapping[str, Any]) -> None:
    out.write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
