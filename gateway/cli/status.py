"""`status` and `show`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from sqlalchemy.engine import Row

from gateway.cli import view
from gateway.cli.session import Exit, Session, common, pass_session
from gateway.cli.verdicts import facts_of, highest, of_refusal, of_run, refusal_facts, said_of
from gateway.operations import LaneStatus, NoSuchRunError, Operations
from gateway.reports.answers import summary_facts
from gateway.reports.causes import Cause
from gateway.settings import Loaded, load_settings
from gateway.wiring import open_operations


@click.command()
@click.option("--last", type=click.IntRange(0, 1000), default=10, show_default=True, help="How many runs to list.")
@common
@pass_session
def status(session: Session, last: int) -> int:
    """Show lanes, troubles, waiting files, webhook events, held runs and the last runs.

    The exit code says whether somebody is wanted: 5 when runs are held, 4 when a lane or source is in trouble, or
    something waits in a lane that no route writes any more.

    Example: gateway status
    """
    loaded = load_settings(session.config, secrets=False)
    with open_operations(loaded) as operations:
        lanes, held = operations.lanes(), operations.runs(1000, state="held")
        left = operations.left_behind(lanes_of(loaded))
        facts: dict[str, Any] = {
            "lanes": [_lane(one) for one in lanes],
            "sources_in_trouble": [
                {"source": name, "trouble": what, "since": since}
                for name, (what, since) in operations.sources_in_trouble().items()
            ],
            "left_behind": [{**asdict(one), "said": one.said, "fix": one.fix} for one in left],
            "sets": [asdict(one) for one in operations.sets()],
            "events": [asdict(one) for one in operations.heard()],
            "held": [{**facts_of(row), "why": operations.comparison(row.id)} for row in held],
            "open_imports": [_import(row) for row in operations.open_imports()],
            "unreturned_answers": operations.unreturned(),
            "paused": operations.paused(),
            "runs": [facts_of(row) for row in operations.runs(last)] if last else [],
            "refused": [refusal_facts(one) for one in operations.refusals(last)] if last else [],
        }
    code = highest(
        [
            Exit.OPEN if held else Exit.WELL,
            Exit.UNREACHABLE if left or facts["sources_in_trouble"] or any(o.trouble for o in lanes) else Exit.WELL,
        ]
    )
    if session.json:
        view.emit({**facts, "exit": int(code)})
    else:
        _print_status(facts)
    return code


def lanes_of(loaded: Loaded) -> dict[str, bool]:
    """Return the names of all lanes that routes write, and whether wanted prices are computed there."""
    routes = loaded.routes.values()
    written = [(one.lane(o.family), o.wanted is not None) for one in routes for o in one.operations]
    return {lane: any(wanted for other, wanted in written if other == lane) for lane, _ in written}


def _lane(one: LaneStatus) -> dict[str, Any]:
    return {
        "lane": one.name, "waiting_runs": one.waiting_runs, "open_imports": one.open_batches,
        "unsent_calls": one.unsent_batches, "trouble": one.trouble, "since": one.trouble_since, "next": one.wake_at,
        "paused": one.paused,
    }  # fmt: skip


def _import(row: Row[Any]) -> dict[str, Any]:
    return {
        "lane": row.lane, "operation": row.operation, "ticket": row.ticket, "state": row.state,
        "records": row.records, "sent_at": row.intent_at, "ask_at": row.ask_at, "deadline": row.deadline,
    }  # fmt: skip


def _said(lane: dict[str, Any]) -> str:
    """Return how a lane is; where calls wait for their turn, until when."""
    if lane["trouble"]:
        return str(lane["trouble"])
    if lane["paused"]:
        return "paused"
    return f"ok, goes on at {view.moment(lane['next'])}" if lane["unsent_calls"] and lane["next"] else "ok"


def _print_status(facts: dict[str, Any]) -> None:
    lanes = [
        (o["lane"], o["waiting_runs"], o["open_imports"], o["unsent_calls"], _said(o),
         view.moment(o["since"] if o["trouble"] else None))
        for o in facts["lanes"]
    ]  # fmt: skip
    view.table("Lanes", ("lane", "waiting#", "open#", "unsent#", "state~", "since"), lanes)
    for one in facts["left_behind"]:
        click.echo(f"{one['lane']}: {one['said']}.\n{one['fix']}")
    sick = [(s["source"], s["trouble"], view.moment(s["since"])) for s in facts["sources_in_trouble"]]
    view.table("Sources in trouble", ("source", "trouble~", "since"), sick)
    print_sets(facts["sets"])
    events = [(e["destination"], e["state"], e["count"], view.moment(e["since"]), e["said"]) for e in facts["events"]]
    view.table("Webhook events nothing came of", ("destination", "state", "events#", "since", "newest~"), events)
    held = [(r["run"], r["file"], r["rows"], "; ".join(r["why"])) for r in facts["held"]]
    view.table("Held: release or cancel", ("run", "file~", "rows#", "why~"), held)
    opened = [
        (i["lane"], i["ticket"] or i["state"], i["records"], view.moment(i["sent_at"]), view.moment(i["deadline"]))
        for i in facts["open_imports"]
    ]
    view.table("Open imports", ("lane", "ticket~", "records#", "sent", "deadline"), opened)
    print_runs("Last runs", facts["runs"])
    print_refused("Last files that were not taken", facts["refused"])
    if not facts["runs"] and not facts["refused"] and not lanes and not facts["sets"]:
        click.echo("Nothing has run yet.")
    if facts["unreturned_answers"]:
        click.echo(f"{facts['unreturned_answers']} answers wait for their partner's server.")
    if facts["paused"]:
        click.echo(f"Paused: {', '.join(facts['paused'])}. gateway resume NAME goes on.")


def print_sets(sets: list[dict[str, Any]]) -> None:
    """Print the sets of files that wait, as `operations.SetStatus` describes them."""
    rows = [
        (s["route"], s["name"] or "all that come", s["files"], s["lacks"], view.moment(s["since"]),
         view.moment(s["until"]))
        for s in sets
    ]  # fmt: skip
    view.table("Files that wait for others", ("route", "set~", "files#", "waits for~", "since", "until"), rows)


def print_runs(title: str, runs: list[dict[str, Any]]) -> None:
    """Print a list of runs as `facts_of` describes them."""
    rows = [
        (r["run"], view.minute(r["received_at"]), r["file"], r["route"], r["rows"], r["state"], r["verdict"])
        for r in runs
    ]
    view.table(title, ("run", "received", "file~", "route", "rows#", "state", "verdict~"), rows)


def print_refused(title: str, refused: list[dict[str, Any]]) -> None:
    """Print a list of files that came to no run."""
    rows = [(r["id"], view.minute(r["at"]), r["file"], r["code"], r["message"], r["fix"]) for r in refused]
    view.table(title, ("id", "at", "file~", "code", "why~", "do~"), rows)


@click.command()
@click.argument("run")
@common
@pass_session
def show(session: Session, run: str) -> int:
    """Show everything about one run.

    Its balance, issues by cause, calls, answers and events; for a held one the reason. RUN may also be what stands in
    its place in the name of an ack.json: a file that was refused, or that is part of a set. The exit code is the one
    the run or the file deserves.

    Example: gateway show 2K7Q9X3MA
    """
    with open_operations(load_settings(session.config, secrets=False)) as operations:
        refused = operations.refusal(run)
        if refused is not None:
            return _show_refused(session, refused)
        made = operations.run_of_answer(run)
        if made == "":
            raise NoSuchRunError(
                f"{run} is the answer to a file that waits for others.", fix="gateway status lists it."
            )
        row = operations.run(made or run)
        facts = _run_facts(operations, row)
    if session.json:
        view.emit(facts)
    else:
        _print_run(facts)
    return of_run(row)


def _show_refused(session: Session, row: Row[Any]) -> Exit:
    if session.json:
        view.emit({**refusal_facts(row), "state": "refused"})
    else:
        click.echo(f"{row.file} was not taken ({row.code}, {view.moment(row.at)}).")
        click.echo(f"{row.message}\n{row.fix}")
    return of_refusal(row)


def _run_facts(operations: Operations, row: Row[Any]) -> dict[str, Any]:
    summary = summary_facts(operations.summary(row.id)) if row.pinned else {}
    return {
        **facts_of(row),
        "summary": summary,
        "comparison": operations.comparison(row.id) if row.state == "held" else [],
        "issues": [cause_facts(cause) for cause in operations.causes(row.id)],
        "calls": [
            {"ticket": b.ticket, "operation": b.operation, "state": b.state, "records": b.records,
             "attempts": b.attempts, "sent_at": b.intent_at, "said": b.message}
            for b in operations.calls(row.id)
        ],
        "answers": [{"file": a.file, "state": a.state, "trouble": a.trouble} for a in operations.answers(row.id)],
        "events": [
            {"at": e.at, "what": e.kind, "said": e.text} for e in reversed(operations.events(row.id, limit=50))
        ],
    }  # fmt: skip


def cause_facts(cause: Cause) -> dict[str, Any]:
    """Return one cause for machines."""
    return cause.facts()


def _print_run(facts: dict[str, Any]) -> None:
    states = facts["summary"].get("states") or facts["states"]
    click.echo(f"Run {facts['run']}: {facts['file']} of {facts['partner']} through route {facts['route']}")
    click.echo(facts["verdict"])
    told = facts["summary"]
    if told:
        balanced = "balanced" if told["balanced"] else "NOT BALANCED"
        click.echo(f"{facts['rows']:,} rows: {view.spoken(states)} ({balanced}); mode {facts['mode']}")
        for family, counts in told["effects"].items():
            click.echo(f"  {family}: {view.spoken(counts)}")
        if told["derived"]:
            click.echo(f"Besides, for keys the file left out: {view.spoken(told['derived'])}")
    for line in facts["comparison"]:
        click.echo(f"Held: {line}")
    if facts["comparison"]:
        click.echo(f"gateway release {facts['run']} sends it, gateway cancel {facts['run']} ends it.")
    print_causes(facts["issues"])
    calls = [
        (c["ticket"], c["operation"], c["records"], c["attempts"], c["state"], view.minute(c["sent_at"]), c["said"])
        for c in facts["calls"]
    ]
    view.table("Calls", ("ticket~", "operation", "records#", "tries#", "state", "sent", "said~"), calls)
    view.table(
        "Answers",
        ("file~", "state", "trouble~"),
        [(view.place(Path(a["file"])), a["state"], a["trouble"]) for a in facts["answers"]],
    )
    view.table(
        "Events", ("at", "what", "said~"), [(view.moment(e["at"]), e["what"], e["said"]) for e in facts["events"]]
    )


def _example(row: int | None, value: str | None) -> str:
    """Show an example of a cause; without a row it is a key."""
    shown = "" if value is None else f"{value!r:.40}"
    return shown if row is None else f"{row} ({shown})" if shown else f"{row}"


def print_causes(found: list[dict[str, Any]], most: int = 30) -> None:
    """Print issues by cause, as `cause_facts` describes them."""
    rows = [
        (c["severity"], c["code"], c["count"], c["message"], c["fix"],
         ", ".join(_example(e["row"], e["value"]) for e in c["examples"][:3]))
        for c in found[:most]
    ]  # fmt: skip
    view.table("Issues by cause", ("weight", "code", "rows#", "what~", "do~", "for example row~"), rows)
    if len(found) > most:
        click.echo(f"... and {len(found) - most} causes more.")


__all__ = ["cause_facts", "lanes_of", "print_causes", "print_runs", "print_sets", "said_of", "show", "status"]
