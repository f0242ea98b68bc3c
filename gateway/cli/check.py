"""`check`: a file through a route or a mapping, in a temporary folder; without either, a proposal of its dialect."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from gateway.cli import view
from gateway.cli.proposal import propose
from gateway.cli.session import Exit, Session, common, pass_session
from gateway.cli.status import cause_facts, print_causes
from gateway.errors import SettingsError
from gateway.formats.sections import unknown
from gateway.operations import NoSuchRunError
from gateway.pipeline import RouteSetup
from gateway.pipeline.judge import Judged
from gateway.pipeline.keyless import kept_note
from gateway.settings import Loaded, load_settings
from gateway.wiring import contract_only, failed_rows_of, judge, offline, open_operations

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=EXISTING)
@click.option("--route", metavar="NAME", help="Route to judge by.  [default: the one that takes files of this name]")
@click.option(
    "--mapping",
    type=EXISTING,
    metavar="FILE",
    help="Mapping to judge by: by a route that names it, or else by its contract alone.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write the answers there.")
@common
@pass_session
def check(session: Session, file: Path, route: str | None, mapping: Path | None, out: Path | None) -> int:
    """Judge a file and send nothing.

    Prints counts and issues by cause; --out writes result.csv, issues.csv and the errors file as the partner would
    get them. An errors file that was mended is judged by the route that wrote it, whatever its name. Without a route or
    mapping that fits, the beginning of a mapping is proposed.

    Example: gateway check stock_example.csv --route stock
    """
    setup = _setup(session, file, route, mapping)
    if setup is None:
        return propose(session, file)
    with tempfile.TemporaryDirectory(prefix="gateway-check-") as work:
        with view.counting(f"Reading {file.name}") as progress:
            judged = judge(file, setup, Path(work), progress=progress)
        found = [cause_facts(cause) for cause in judged.causes()]
        written = [] if out is None else judged.write(out)
    facts = _facts(judged, found, written)
    if session.json:
        view.emit(facts)
    else:
        _print(facts)
    return Exit.ROWS if judged.readout.bad else Exit.WELL


def _setup(session: Session, file: Path, route: str | None, mapping: Path | None) -> RouteSetup | None:
    if route is not None and mapping is not None:
        raise SettingsError("Both --route and --mapping are given.", fix="Give one of them.")
    if mapping is not None:
        return _by_mapping(session, file, mapping)
    if route is None and not session.config.is_file():
        return None
    loaded = load_settings(session.config, secrets=False)
    name = route or _of_errors_file(loaded, file) or _fitting(loaded, file)
    return None if name is None else offline(loaded, known_route(loaded, name))


def _by_mapping(session: Session, file: Path, mapping: Path) -> RouteSetup:
    """Return the route that names a mapping, as what it says may need it: the zone of its times.

    Of several it is the one that takes files of this name, else the first. Where there is none, or the settings are
    faulty, the contract alone judges.
    """
    try:
        loaded = load_settings(session.config, secrets=False) if session.config.is_file() else None
    except SettingsError:  # they are doctor's to judge
        loaded = None
    routes = {} if loaded is None else loaded.routes
    naming = [name for name, one in routes.items() if one.mapping.path.resolve() == mapping.resolve()]
    if loaded is None or not naming:
        return contract_only(mapping)
    return offline(loaded, next((name for name in naming if routes[name].route.matches(file.name)), naming[0]))


def known_route(loaded: Loaded, name: str) -> str:
    """Return the name. Raises SettingsError with the nearest right word when there is no such route."""
    if name not in loaded.routes:
        raise SettingsError(f"{loaded.path}: {unknown(name, loaded.routes, 'route')}")
    return name


def _of_errors_file(loaded: Loaded, file: Path) -> str | None:
    """Return the route whose failed rows an errors file of ours holds; None where the file is none, or nobody knows."""
    run = failed_rows_of(file, loaded)
    if run is None or not (loaded.settings.state / "journal.sqlite").exists():
        return None
    with open_operations(loaded) as operations:
        try:
            first = operations.run(run)
        except NoSuchRunError:
            return None
    return first.route if first.route in loaded.routes else None


def _fitting(loaded: Loaded, file: Path) -> str | None:
    names = [name for name, one in loaded.routes.items() if one.route.matches(file.name)]
    if len(names) > 1:
        raise SettingsError(f"{file.name} fits several routes: {', '.join(names)}.", fix="Choose one with --route.")
    return names[0] if names else None


def _facts(judged: Judged, found: list[dict[str, Any]], written: list[Path]) -> dict[str, Any]:
    seen, route = judged.readout, judged.setup.route
    return {
        "file": judged.name, "route": route.name, "contract": route.contract, "verdict": _verdict(judged),
        "rows": seen.rows, "good": seen.good, "bad": seen.bad, "skipped": seen.skipped, "blank": seen.blank,
        "warnings": seen.warnings, "columns": seen.columns, "first_run": seen.first_run, "issues": found,
        "written": [str(path) for path in written], "by": _by(judged), "notes": _notes(judged),
    }  # fmt: skip


def _by(judged: Judged) -> str:
    """Say what judged: a route, or a mapping and its contract."""
    route = judged.setup.route
    return f"route {route.name}" if route.source else f"the mapping {route.mapping} alone"


def _notes(judged: Judged) -> list[str]:
    """Say what would not be done with the file, whatever becomes of its rows."""
    said = kept_note(judged.setup, judged.readout)
    return [] if said is None or judged.readout.over_limit is not None else [said(None)]


def _verdict(judged: Judged) -> str:
    seen = judged.readout
    if seen.over_limit is not None:
        return f"Nothing would be sent: {seen.over_limit}."
    if seen.bad == 0:
        return f"All {seen.good:,} rows would be sent." if seen.good else "No row would be sent."
    would = f"{seen.good:,} of {seen.rows:,} rows would be sent" if seen.good else "No row would be sent"
    return f"{would}; {seen.bad:,} would be rejected."


def _print(facts: dict[str, Any]) -> None:
    click.echo(f"{facts['file']} as {facts['contract']} by {facts['by']}: {facts['verdict']}")
    if facts["first_run"]:
        click.echo(f"These are rows that failed in run {facts['first_run']}.")
    counts = {name: facts[name] for name in ("rows", "good", "bad", "skipped", "blank", "warnings")}
    click.echo(", ".join(f"{name} {count:,}" for name, count in counts.items()))
    for note in facts["notes"]:
        click.echo(note)
    print_causes(facts["issues"])
    for path in facts["written"]:
        click.echo(f"Written: {path}")
