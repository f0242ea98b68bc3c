"""The report for people: one self-contained HTML page, readable on screen and on paper."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from gateway.model import STATES, Rows, RowState, Summary
from gateway.reports.causes import Cause, causes
from gateway.reports.errors import errors_writer
from gateway.reports.verdict import balances, to_mend

MOST_LISTED = 50
"""Entries of a list (tickets, mended rows) that the page spells out; the rest is counted."""
_MOST_CAUSES = 100

MEANING: Mapping[str, str] = {
    RowState.REFUSED: "the destination refused it, or our checks against what is there did before it was sent",
    RowState.UNCERTAIN: "nobody knows whether the destination took it",
    RowState.HELD: "waits until a person releases or cancels it",
    RowState.REJECTED: "our checks found it faulty; it was not sent",
    RowState.PENDING: "on its way, no answer yet",
    RowState.SCHEDULED: "valid from a later date; it waits",
    RowState.ACCEPTED: "taken by the destination, which never confirmed the effect",
    RowState.APPLIED: "took effect",
    RowState.UNCHANGED: "the destination had this value already; it was not sent",
    RowState.SUPERSEDED: "a newer value of the key, or another row of the same record, was sent instead",
    RowState.SKIPPED: "left out: by the mapping, by a person who cancelled it, or as there was nothing to send",
}
"""What each state means for a row, in plain words."""
_BAD = frozenset({RowState.REFUSED, RowState.UNCERTAIN, RowState.REJECTED})
_GOOD = frozenset({RowState.APPLIED, RowState.ACCEPTED, RowState.UNCHANGED})
_WAITING = frozenset({RowState.HELD, RowState.PENDING, RowState.SCHEDULED})


@dataclass(frozen=True, slots=True)
class _Share:
    """One line of the balance: `percent` of all rows, and the same as a text."""

    state: str
    count: int
    percent: float
    shown: str
    meaning: str


class PageWriter:
    """The verdict, the balance, the problems by cause, the timings, what happens next."""

    kind: ClassVar[str] = "report.html"

    def write(self, summary: Summary, rows: Rows, out: Path) -> bool:
        """Write the page; there always is one. A problem that stands in 50,000 rows takes one line."""
        found = causes(rows.issues(), rows.columns())
        page = _environment().get_template("report.html.j2")
        listed = found[:_MOST_CAUSES]
        stream = page.stream(
            summary=summary,
            tone=_tone(summary),
            shares=_shares(summary.states),
            derived=_shares(summary.derived),
            effects={family: _shares(counts) for family, counts in summary.effects.items()},
            balanced=balances(summary),
            causes=listed,
            more_causes=len(found) - len(listed),
            limit=MOST_LISTED,
            steps=next_steps(summary),
            files=_files(summary, found, rows),
            took=_took(summary),
        )
        with out.open("wb") as file:
            stream.dump(file, encoding="utf-8")
        return True


def next_steps(summary: Summary) -> list[str]:
    """Return what happens next and who has to do something, in plain sentences."""
    states = summary.states
    steps: list[str] = []
    if summary.blameless:
        rows = "1 refused row" if summary.blameless == 1 else f"{summary.blameless:,} refused rows"
        steps.append(
            f"There is nothing to mend in {rows}: the operator corrects what the destination takes offence at, and "
            "sends them again (gateway retry)."
        )
    if to_mend(summary) and len(summary.first_run_rows) >= to_mend(summary):
        steps.append("Every faulty row came back mended and took effect.")
    elif to_mend(summary) and summary.listed:
        steps.append(f"Mend the rows listed in {summary.listed} in your own file, and send that one again.")
    elif to_mend(summary):
        steps.append(
            "Mend the rows in the errors file and drop it back as it is: our columns are ignored, "
            "and the rows are linked to this run."
        )
    if states.get(RowState.UNCERTAIN, 0):
        steps.append("Check the uncertain rows at the destination; then the operator retries or cancels them.")
    if states.get(RowState.HELD, 0):
        steps.append("The held rows wait for the operator, who releases or cancels them.")
    if states.get(RowState.PENDING, 0):
        expected = summary.finish_expected
        until = "" if expected is None else f", expected by {_moment(expected)}"
        steps.append(f"The destination still works on the pending rows{until}; a correction follows.")
    if states.get(RowState.SCHEDULED, 0):
        steps.append("The scheduled rows are sent when their date comes.")
    if states.get(RowState.ACCEPTED, 0):
        steps.append("Should the destination answer for the accepted rows later, a correction follows.")
    return steps or ["Nothing: this file is done."]


def _tone(summary: Summary) -> str:
    present = {state for state in STATES if summary.states.get(state, 0)}
    if present & _BAD or not balances(summary):
        return "bad"
    return "wait" if present & _WAITING else "good"


def _shares(states: Mapping[str, int]) -> list[_Share]:
    total = sum(states.values())
    order = sorted(STATES, key=lambda state: (state != RowState.APPLIED, -state.gravity))
    return [_share(state, states[state], total) for state in order if states.get(state, 0)]


def _share(state: RowState, count: int, total: int) -> _Share:
    percent = 100 * count / total
    shown = "< 0.1 %" if percent < 0.1 else f"{percent:.1f} %"
    if count < total and percent > 99.9:
        shown = "> 99.9 %"
    return _Share(str(state), count, percent, shown, MEANING[state])


def _in_issues(summary: Summary) -> bool:
    """Whether rows have effects that did not come about: issues.csv lists all effects of these rows."""
    return any(count and state not in _GOOD for counts in summary.effects.values() for state, count in counts.items())


def _files(summary: Summary, found: list[Cause], rows: Rows) -> list[tuple[str, str]]:
    """Return name and link of the answers that lie beside the page."""
    kinds = ["result.csv"]
    if found or _in_issues(summary):
        kinds.append("issues.csv")
    if to_mend(summary):
        kinds.append(summary.listed or errors_writer(rows.layout()).kind)
    kinds.append("summary.json")
    stem = summary.stem or f"{summary.file_name}.{summary.run}."
    return [(kind, quote(f"{stem}{kind}")) for kind in kinds]


def _took(summary: Summary) -> str:
    if summary.ended_at is None:
        return "still running"
    return _duration(summary.ended_at - summary.received_at)


def _duration(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _moment(at: datetime | None) -> str:
    return "not yet" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _size(count: int) -> str:
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"


def _count(number: int) -> str:
    return f"{number:,}"


def _rows(cause: Cause) -> str:
    told = ", ".join(_count(a) if a == b else f"{_count(a)} to {_count(b)}" for a, b in cause.ranges)
    if not cause.ranges:
        return "no row of the file"
    single = len(cause.ranges) == 1 and cause.ranges[0][0] == cause.ranges[0][1]
    tail = f" and others up to row {_count(cause.last)}" if cause.more else ""
    return f"{'row' if single else 'rows'} {told}{tail}"


@functools.cache
def _environment() -> Environment:
    """Return the templates' environment, which keeps them compiled: that takes longer than to fill one."""
    environment = Environment(
        loader=PackageLoader("gateway.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=_moment, size=_size, count=_count, rows=_rows)
    return environment
