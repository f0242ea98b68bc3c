"""What became of the dropped files, read from the journal, and how it differs from what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.demo.script import Expected, Sample
from gateway.journal import Journal, runs
from gateway.journal import tables as t
from gateway.model import STATES
from gateway.reports.verdict import verdict_of

_ANSWERS = ("errors.csv", "errors.xlsx", "errors.xml", "result.csv", "ack.json")
"""Kinds of answers a reader looks at first, most telling first."""
_RETURNING = t.answer.c.state == "returning"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the table: a file on a route, or a file that no route took (`route` is "")."""

    sample: Sample
    route: str
    rows: int | None
    states: Mapping[str, int]
    derived: Mapping[str, int]
    code: str
    """Issue code where the file was refused as a whole, else ""."""
    said: str
    notes: tuple[str, ...]
    seconds: float
    answer: Path | None


def newest_arrival(journal: Journal) -> int:
    """Return the number of the newest arrival, 0 when there is none: later ones belong to this demo."""
    with journal.read() as tx:
        return int(tx.scalar(sa.select(sa.func.max(t.arrival.c.id))) or 0)


def ended(journal: Journal, after: int, files: Iterable[Sample]) -> set[Path]:
    """Return those of the files of which nothing comes by itself: archived or rejected, answers returned, or held."""
    found: set[Path] = set()
    with journal.read() as tx:
        returning = [Path(file).name for file in tx.scalars(sa.select(t.answer.c.file).where(_RETURNING))]
        for one in files:
            arrival = _arrival(tx, after, one)
            if arrival is None:
                continue
            held = any(run.state == "held" for run in runs.of_arrival(tx, arrival.id))
            if (held or arrival.state == "ended") and not any(
                name.startswith(f"{one.file.name}.") for name in returning
            ):
                found.add(one.file)
    return found


def outcomes(journal: Journal, after: int, files: Iterable[Sample], destinations: Mapping[str, str]) -> list[Outcome]:
    """Return the table's lines, in the order of the files. `destinations`: name per route, for the verdicts."""
    lines: list[Outcome] = []
    with journal.read() as tx:
        for one in files:
            arrival = _arrival(tx, after, one)
            if arrival is None:
                lines.append(Outcome(one, "", None, {}, {}, "", "The file was not taken.", (), 0.0, None))
                continue
            found = runs.of_arrival(tx, arrival.id)
            lines.extend(_of_run(tx, one, run, destinations) for run in found)
            if not found:
                lines.append(_refused(tx, one, arrival))
    return lines


def _arrival(tx: Connection, after: int, one: Sample) -> Row[Any] | None:
    query = sa.select(t.arrival).where(
        t.arrival.c.id > after, t.arrival.c.source == one.source, t.arrival.c.path == one.file.name
    )
    return tx.execute(query.order_by(t.arrival.c.id.desc()).limit(1)).first()


def _of_run(tx: Connection, one: Sample, run: Row[Any], destinations: Mapping[str, str]) -> Outcome:
    seconds = 0.0 if run.ended_at is None else (run.ended_at - run.received_at).total_seconds()
    answers = {row.kind: Path(row.file) for row in tx.execute(sa.select(t.answer).where(t.answer.c.run == run.id))}
    answer = next((answers[kind] for kind in _ANSWERS if kind in answers), None)
    if run.state == "rejected":
        code = str(run.counts.get("code", ""))
        return Outcome(one, run.route, None, {}, {}, code, " ".join(run.notes), (), seconds, answer)
    states = {state: count for state, count in run.counts.get("states", {}).items() if count}
    derived = {state: count for state, count in run.counts.get("derived", {}).items() if count}
    errors = next((kind for kind in answers if kind.startswith("errors.")), "errors.csv")
    route = run.pinned.get("route", {}) if run.pinned else {}
    destination = destinations.get(run.route, "the destination")
    said = verdict_of(run.counts, errors=errors, destination=destination, absent=route.get("absent", ""))
    if run.state == "held":
        said = f"It is held for a person to decide: gateway release {run.id}, or gateway cancel {run.id}."
    elif run.state != "settled":
        said = "It has not ended yet."
    return Outcome(one, run.route, run.rows, states, derived, "", said, tuple(run.notes), seconds, answer)


def _refused(tx: Connection, one: Sample, arrival: Row[Any]) -> Outcome:
    """A file that no run was made of: its answer says why."""
    query = sa.select(t.answer).where(t.answer.c.run.is_(None), t.answer.c.kind == "ack.json")
    query = query.where(t.answer.c.at >= arrival.claimed_at).order_by(t.answer.c.id.desc())
    for row in tx.execute(query):
        path = Path(row.file)
        if path.name.startswith(f"{one.file.name}.") and path.is_file():
            facts = orjson.loads(path.read_bytes())
            said = f"{facts['message']} {facts['fix']}"
            seconds = (row.at - arrival.claimed_at).total_seconds()
            return Outcome(one, "", None, {}, {}, facts["code"], said, (), seconds, path)
    return Outcome(one, "", None, {}, {}, "", "There is no answer.", (), 0.0, None)


# ---------------------------------------------------------------- expectations


def differences(files: Iterable[Sample], lines: Iterable[Outcome]) -> list[str]:
    """Say for every file that ended otherwise what was expected and what was found."""
    found: dict[Path, list[Outcome]] = {}
    for line in lines:
        found.setdefault(line.sample.file, []).append(line)
    told: list[str] = []
    for one in files:
        told.extend(f"{one.file}: {text}" for text in _differs(one, found.get(one.file, [])))
    return told


def _differs(one: Sample, lines: list[Outcome]) -> Iterable[str]:
    if one.refused is not None:
        for line in lines:
            if line.code != one.refused:
                yield f"expected to be refused ({one.refused}), found: {line.code or line.said}"
        return
    by_route = {line.route: line for line in lines}
    for route in sorted(one.routes.keys() - by_route.keys()):
        yield f"expected on route {route}, found nothing there"
    for route in sorted(by_route.keys() - one.routes.keys()):
        yield f"found on route {route or '(none)'}, which was not expected: {by_route[route].said}"
    for route in sorted(by_route.keys() & one.routes.keys()):
        line, wanted = by_route[route], one.routes[route]
        if line.code:
            yield f"route {route}: refused ({line.code}), which was not expected: {line.said}"
        elif (line.states, line.derived) != _plain(wanted):
            yield f"route {route}: expected {_told(*_plain(wanted))}, found {_told(line.states, line.derived)}"


def _plain(wanted: Expected) -> tuple[dict[str, int], dict[str, int]]:
    states = {str(state): count for state, count in wanted.states.items() if count}
    return states, {str(state): count for state, count in wanted.derived.items() if count}


def _told(states: Mapping[str, int], derived: Mapping[str, int]) -> str:
    more = f" and without a row {counted(derived)}" if derived else ""
    return f"{counted(states) or 'no rows'}{more}"


def counted(states: Mapping[str, int]) -> str:
    """Rows per state in words, gravest first."""
    return ", ".join(f"{states[state]} {state}" for state in map(str, STATES) if states.get(state))
