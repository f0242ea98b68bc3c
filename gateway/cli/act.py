"""`retry`, `release`, `cancel`, `pause`, `resume`: what a person decides."""

from __future__ import annotations

import difflib

import click

from gateway.cli import view
from gateway.cli.session import Exit, Session, common, pass_session
from gateway.cli.verdicts import facts_of
from gateway.errors import SettingsError
from gateway.settings import Loaded, load_settings
from gateway.wiring import open_operations


def _say(session: Session, facts: dict[str, object], sentence: str) -> None:
    if session.json:
        view.emit(facts)
    else:
        click.echo(sentence)


@click.command()
@click.argument("run")
@common
@pass_session
def retry(session: Session, run: str) -> int:
    """Send refused and uncertain rows of a run again.

    They become a run of their own. A row whose key has a newer value by now ends superseded.

    Example: gateway retry 2K7Q9X3MA
    """
    with open_operations(load_settings(session.config, secrets=False)) as operations:
        new, rows = operations.retry(run)
    _say(session, {"run": new, "rows": rows, "retry_of": run.upper()}, f"{rows:,} rows go again as run {new}.")
    return Exit.WELL


@click.command()
@click.argument("run")
@click.option("--yes", is_flag=True, help="Don't ask.")
@common
@pass_session
def release(session: Session, run: str, yes: bool) -> int:  # noqa: FBT001  click's signature
    """Send the rows of a held run after all.

    Shows first why the run is held, and asks.

    Example: gateway release 2K7Q9X3MA --yes
    """
    with open_operations(load_settings(session.config, secrets=False)) as operations:
        row = operations.run(run)
        reasons = operations.comparison(row.id)
        if row.state == "held":
            click.echo(f"Run {row.id}: {row.file}, {row.rows:,} rows, route {row.route}.", err=True)
            for reason in reasons:
                click.echo(f"Held: {reason}", err=True)
            if not yes and not _confirmed():
                click.echo("Nothing was released.", err=True)
                return Exit.OPEN
        operations.release(row.id)
    _say(session, {"run": row.id, "released": True, "comparison": reasons}, f"Run {row.id} is released.")
    return Exit.WELL


def _confirmed() -> bool:
    try:
        return click.confirm("Send it all the same?", default=False, err=True)
    except click.Abort:
        raise SettingsError("Nobody is there to answer.", fix="Give --yes to release without being asked.") from None


@click.command()
@click.argument("run")
@common
@pass_session
def cancel(session: Session, run: str) -> int:
    """End the rows of a run that were not sent yet.

    What was sent can't be called back.

    Example: gateway cancel 2K7Q9X3MA
    """
    with open_operations(load_settings(session.config, secrets=False)) as operations:
        operations.cancel(run)
        row = operations.run(run)
    _say(session, facts_of(row), f"Run {row.id} is cancelled; rows that were sent already keep their outcome.")
    return Exit.WELL


@click.command()
@click.argument("name")
@common
@pass_session
def pause(session: Session, name: str) -> int:
    """Stop a source, a destination or a lane until it is resumed.

    Example: gateway pause erp
    """
    loaded = load_settings(session.config, secrets=False)
    what = _known(loaded, name)
    with open_operations(loaded) as operations:
        operations.pause(name)
    _say(session, {"paused": name, "kind": what}, f"The {what} {name} is paused until: gateway resume {name}")
    return Exit.WELL


@click.command()
@click.argument("name")
@common
@pass_session
def resume(session: Session, name: str) -> int:
    """Go on with what was paused.

    Example: gateway resume erp
    """
    loaded = load_settings(session.config, secrets=False)
    with open_operations(loaded) as operations:
        what = "name" if name in operations.paused() else _known(loaded, name)
        was = operations.resume(name)
    sentence = f"{name} goes on." if was else f"The {what} {name} was not paused."
    _say(session, {"resumed": name, "was_paused": was}, sentence)
    return Exit.WELL


def _known(loaded: Loaded, name: str) -> str:
    """Return what the name stands for. Raises SettingsError with the nearest right word."""
    kinds = dict.fromkeys(loaded.sources, "source") | dict.fromkeys(loaded.destinations, "destination")
    kinds |= {name: "lane" for one in loaded.routes.values() for name in one.lanes}
    if name in kinds:
        return kinds[name]
    near = difflib.get_close_matches(name, kinds, 1, cutoff=0.5)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise SettingsError(
        f"{loaded.path} has no source, destination or lane {name!r}.", fix=f"{hint}Known: {', '.join(kinds)}."
    )
