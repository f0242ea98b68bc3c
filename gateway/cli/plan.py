"""`plan`: the exact calls a file would make, as files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from gateway.cli import view
from gateway.cli.check import EXISTING, known_route
from gateway.cli.session import Exit, Session, common, new_folder, pass_session
from gateway.cli.status import print_causes
from gateway.pipeline.plan import Plan
from gateway.settings import load_settings
from gateway.wiring import offline
from gateway.wiring import plan as make_plan

_TIMED = ("superseded", "scheduled")
"""States of rows in which the time counts."""


@click.command()
@click.argument("file", type=EXISTING)
@click.option("--route", metavar="NAME", required=True, help="Route the file would take.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", required=True, help="New folder for it."
)
@common
@pass_session
def plan(session: Session, file: Path, route: str, out: Path) -> int:
    """Write what would be sent of a file and send nothing.

    DIR gets the body of every call, byte for byte, and plan.json: how many calls, where each goes, how long they take
    at least, which rows can't be sent and why, what is unchanged, overtaken or held by what the destination confirmed
    so far; and when promotions begin and end, where the gateway sends their prices at those times. No state is changed.

    Nobody is asked. Where a destination is asked before rows are sent, as Mirakl for the present prices of offers, its
    answer is missing: such calls are marked, prices reckoned from it are empty, and rows it would rule out are planned.

    The file counts as of its own time (when it was last changed), as if it were dropped with it: after newer files it
    is a late one. A copy or an upload may bear another time; touch dates a file anew.

    Example: gateway plan stock_example.csv --route stock --out planned
    """
    loaded = load_settings(session.config, secrets=False)
    setup = offline(loaded, known_route(loaded, route))
    new_folder(out)
    with tempfile.TemporaryDirectory(prefix="gateway-plan-") as work, view.counting(f"Planning {file.name}"):
        made = make_plan(file, setup, loaded, work=Path(work), out=out)
    if session.json:
        view.emit(made.facts())
    else:
        _print(made, out)
    if made.held:
        return Exit.OPEN
    failed = made.states.get("rejected") or made.states.get("refused")
    return Exit.ROWS if failed else Exit.WELL


def _print(made: Plan, out: Path) -> None:
    lanes = ", ".join(made.lanes)
    click.echo(f"{made.file} through {made.route} to {lanes}: {made.rows:,} rows, mode {made.mode}")
    states = {("to be sent" if state == "pending" else state): count for state, count in made.states.items()}
    if states:
        click.echo(view.spoken(states))
    if any(made.states.get(state) for state in _TIMED):
        click.echo(
            f"The file counts as of its own time, {made.dated}, as if it were dropped with it: rows whose keys a newer "
            "file brought are superseded. A copy or an upload may bear another time; touch dates a file anew."
        )
    if made.derived:
        click.echo(f"Besides, for keys the file leaves out: {sum(made.derived.values()):,}")
    if made.reason:
        click.echo(f"{'Held' if made.held else 'Nothing is sent'}: {made.reason}")
    print_causes([cause.facts() for cause in made.causes])
    if made.calls:
        kinds = ", ".join(dict.fromkeys(c.operation for c in made.calls))
        click.echo(f"{view.counted(len(made.calls), 'call')} of {kinds}, at least {made.seconds:,.0f} s")
    view.table(
        "Calls", ("file", "to~", "records#", "bytes#"),
        [(c.file, c.to, f"{c.records:,}", f"{c.size:,}") for c in made.calls[:20]],
    )  # fmt: skip
    if len(made.calls) > 20:
        click.echo(f"... and {len(made.calls) - 20} calls more.")
    if unasked := dict.fromkeys(c.operation for c in made.calls if not c.complete):
        click.echo(
            f"Before {', '.join(unasked)} the destination is asked, and here it was not: what it has at present, like "
            "the prices of its offers, is missing in these bodies, and rows that do not fit it are refused only then."
        )
    if made.without_call:
        click.echo(f"{made.without_call:,} rows are done without a call: nothing is to be changed for them there.")
    view.table(
        "Promotions to come", ("at", "begin#", "end#"),
        [(view.moment(b.at), f"{b.begin:,}", f"{b.end:,}") for b in made.boundaries[:20]],
    )  # fmt: skip
    if len(made.boundaries) > 20:
        click.echo(f"... and {len(made.boundaries) - 20} times more; plan.json has them all.")
    if made.waiting:
        click.echo(f"{made.waiting} runs wait in the lane before it; they are not part of the plan.")
    click.echo(f"Written: {out / 'plan.json'}")
