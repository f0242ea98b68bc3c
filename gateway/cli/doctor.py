"""`doctor`: one line per thing that must be in order, each with what to do when it is not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from gateway.cli import view
from gateway.cli.session import Exit, Session, common, pass_session
from gateway.cli.status import lanes_of
from gateway.clock import SystemClock
from gateway.errors import GatewayError, Refused, SettingsError
from gateway.journal import make_state
from gateway.settings import Loaded, load_settings
from gateway.wiring import Gateway, wire

_CLOCK_TOLERANCE = timedelta(seconds=5)
_MOST_NAMED = 10
_OTHER_ACCOUNT = frozenset({"shop", "currency"})
"""What a destination says where the account it reached is not the one of its settings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is in order, what was found, what to do."""

    subject: str
    ok: bool
    found: str
    fix: str
    outside: bool
    """Whether it is at the other side: a source or a destination."""


@click.command()
@common
@pass_session
def doctor(session: Session) -> int:
    """Probe settings, folders, sources and destinations.

    Nothing is taken and nothing is sent; files that no route would take are named. Exit code 3 when something of ours
    is wrong, 4 when a source or destination can't be reached.

    Example: gateway doctor
    """
    findings = _settings(session.config)
    ours = [one for one in findings if not one.ok and not one.outside]
    outside = [one for one in findings if not one.ok and one.outside]
    code = Exit.SETTINGS if ours else Exit.UNREACHABLE if outside else Exit.WELL
    if session.json:
        view.emit({"findings": [asdict(one) for one in findings], "exit": int(code)})
        return code
    for one in findings:
        click.echo(f"{'ok  ' if one.ok else 'FAIL'}  {one.subject}: {one.found}")
        if not one.ok and one.fix:
            click.echo(f"      {one.fix}")
    wrong = len(ours) + len(outside)
    click.echo(_counted(wrong, len(findings)))
    return code


def _counted(wrong: int, whole: int) -> str:
    if wrong == 0:
        return "All well."
    count = f"{wrong}" if wrong == whole else f"{wrong} of {whole}"
    return f"{count} {'thing' if whole == 1 else 'things'} {'is' if wrong == 1 else 'are'} not in order."


def _settings(config: Path) -> list[Finding]:
    try:
        loaded = load_settings(config)
    except SettingsError as error:
        return [Finding("settings", ok=False, found=str(f), fix=error.fix, outside=False) for f in error.faults]
    told = (("source", loaded.sources), ("destination", loaded.destinations), ("route", loaded.routes))
    counts = ", ".join(view.counted(len(found), one) for one, found in told)
    made = [Finding("settings", ok=True, found=f"{view.place(loaded.path)}: {counts}", fix="", outside=False)]
    made.append(_folder("state folder", loaded.settings.state, make_state))
    made.append(_folder("outbox", loaded.settings.outbox, _made))
    if all(one.ok for one in made):
        made.append(_clock(loaded.settings.state))
        made.extend(_tax_rates(loaded))
        made.extend(_wired(loaded))
    return made


def _made(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _folder(subject: str, folder: Path, make: Callable[[Path], None]) -> Finding:
    try:
        make(folder)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
            probe.write(b"x")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        found = f"{folder} can't be written to: {error.strerror or error}"
        return Finding(subject, ok=False, found=found, fix="Create it and give us write permission.", outside=False)
    return Finding(subject, ok=True, found=f"{view.place(folder)} can be written to", fix="", outside=False)


def _clock(state: Path) -> Finding:
    """Compare our clock with that of the state folder's file system, which stamps what we write."""
    now = SystemClock().now()
    with tempfile.NamedTemporaryFile(dir=state, prefix=".doctor-") as probe:
        stamped = datetime.fromtimestamp(Path(probe.name).stat().st_mtime, UTC)
    gap = abs(stamped - now)
    found = f"{view.moment(now)}; the state folder's clock differs by {gap.total_seconds():.1f} s"
    fix = "Set the clocks of this machine and of the file server by a time service."
    return Finding("clock", ok=gap <= _CLOCK_TOLERANCE, found=found, fix=fix, outside=False)


def _tax_rates(loaded: Loaded) -> Iterator[Finding]:
    """Yield destinations that could hold tax rates against those in force, and don't as they name no country."""
    for name, (_, settings) in loaded.destinations.items():
        if getattr(settings, "country", "") is not None:
            continue
        routes = [one for one in loaded.routes.values() if one.route.destination == name]
        if getattr(settings, "tax_table", None) is not None:
            found = "they are not looked at: there is a tax_table, but no country whose rates must hold"
            fix = f'Name it in [destinations.{name}], like country = "GB", or take tax_table out.'
            yield Finding(f"tax rates of {name}", ok=False, found=found, fix=fix, outside=False)
        elif any("tax_rate" in one.mapping.fields for one in routes):
            found = f'taken as they come: [destinations.{name}] names no country (like country = "GB") whose rates hold'
            yield Finding(f"tax rates of {name}", ok=True, found=found, fix="", outside=False)


def _wired(loaded: Loaded) -> list[Finding]:
    try:
        gateway = wire(loaded)
    except SettingsError as error:
        faults = ((fault, "state" if fault.where == "settings" else fault.where) for fault in error.faults)
        return [Finding(where, ok=False, found=f.message, fix=error.fix, outside=False) for f, where in faults]
    except GatewayError as error:
        return [Finding("state", ok=False, found=error.message, fix=error.fix, outside=False)]
    try:
        return [_version(gateway), *_left_behind(gateway), *_probed(gateway), *_without_route(gateway)]
    finally:
        for source in gateway.service.sources.values():
            source.close()
        gateway.close()


def _version(gateway: Gateway) -> Finding:
    newest = gateway.operations.runs(1)
    said = f"of this program's version; {'the last run is ' + newest[0].id if newest else 'nothing has run yet'}"
    return Finding("state", ok=True, found=said, fix="", outside=False)


def _left_behind(gateway: Gateway) -> list[Finding]:
    found = gateway.operations.left_behind(lanes_of(gateway.loaded))
    return [Finding(f"lane {one.lane}", ok=False, found=one.said, fix=one.fix, outside=False) for one in found]


def _without_route(gateway: Gateway) -> Iterator[Finding]:
    """Files that lie in a source and would be refused, for no route takes files of their name."""
    for name, source in gateway.service.sources.items():
        present: Callable[[], Sequence[str]] | None = getattr(source, "present", None)
        taken = [one.route for one in gateway.loaded.routes.values() if one.route.source == name]
        try:
            lying = [] if present is None else present()
        except GatewayError:
            continue  # probing the source has said it
        left = [path for path in lying if not any(route.matches(path.rsplit("/", 1)[-1]) for route in taken)]
        if left:
            more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
            found = f"no route takes {', '.join(left[:_MOST_NAMED])}{more}, by the name"
            known = ", ".join(sorted({pattern for route in taken for pattern in route.files}))
            fix = f"Taken are: {known or 'none'}. (An errors file of ours is known by what stands in it.)"
            yield Finding(f"files of {name}", ok=False, found=found, fix=fix, outside=False)


def _probed(gateway: Gateway) -> list[Finding]:
    probes: list[tuple[str, Callable[[], str]]] = [
        *((f"source {name}", source.probe) for name, source in gateway.service.sources.items()),
        *((f"destination {name}", one.probe) for name, one in gateway.destinations.items()),
    ]
    return [_probe(subject, probe) for subject, probe in probes]


def _probe(subject: str, probe: Callable[[], str]) -> Finding:
    with view.counting(f"Probing {subject}"):
        try:
            return Finding(subject, ok=True, found=probe(), fix="", outside=True)
        except GatewayError as error:
            return Finding(subject, ok=False, found=error.message, fix=error.fix, outside=not _is_ours(error))


def _is_ours(error: GatewayError) -> bool:
    """Whether the settings are wrong: the other side was reached and is not the one they speak of."""
    return isinstance(error, SettingsError) or (isinstance(error, Refused) and error.status in _OTHER_ACCOUNT)
