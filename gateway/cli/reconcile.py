"""`reconcile`: what a destination has beside what it confirmed last."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol, runtime_checkable

import click
import polars as pl

from gateway.cli import view
from gateway.cli.check import known_route
from gateway.cli.session import Exit, Session, common, new_file, pass_session
from gateway.clock import SystemClock
from gateway.delivery.reconcile import Compared, Reconciler
from gateway.delivery.setup import leg_of
from gateway.errors import SettingsError
from gateway.formats.neutral import neutralise
from gateway.journal import open_journal
from gateway.model import Operation
from gateway.settings import Loaded, LoadedRoute, load_settings
from gateway.spool import Spool
from gateway.wiring import reach

_COLUMNS = {"price": "price", "stock": "quantity"}
"""Families that can be compared, and where the destination's value of them stands."""


@runtime_checkable
class Levels(Protocol):
    """What a destination has."""

    def levels(self) -> pl.DataFrame:
        """Return `sku`, `price` and `quantity` (canonical text; null: it does not say) of everything it has."""
        ...


@click.command()
@click.argument("route", required=False)
@click.option("--resend", is_flag=True, help="Send what differs again; a running gateway takes it at once.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Report.  [default: ROUTE.diff.csv]"
)
@common
@pass_session
def reconcile(session: Session, route: str | None, *, resend: bool, out: Path | None) -> int:
    """Compare what a destination has with what it confirmed last.

    Prices and stock of ROUTE's owner are read from the destination and every difference is written to FILE: sold
    articles differ in stock, of course. Articles of which something is being sent are left out. Without ROUTE the
    routes that can be compared are shown.

    Example: gateway reconcile
    """
    loaded = load_settings(session.config)
    if route is None:
        able = [name for name, one in loaded.routes.items() if _comparable(loaded, one)]
        if session.json:
            view.emit({"routes": able})
        else:
            click.echo("\n".join(able) or "No route leads to a destination that says what it has.")
        return Exit.WELL
    one = loaded.routes[known_route(loaded, route)]
    target = new_file(out or Path(f"{route}.diff.csv"))
    with reach(loaded, one.route.destination) as there, view.counting(f"Reading {one.route.destination}"):
        reading = getattr(there, "reading", None)
        if not isinstance(reading, Levels):
            raise SettingsError(f"Destination {one.route.destination} does not say what it has.")
        theirs, written = reading.levels(), there.operations
    with closing(open_journal(loaded.settings.state, SystemClock())) as journal:
        found = _found(Reconciler(journal, Spool(loaded.settings.state)), one, theirs, written, resend=resend)
    _write(target, found)
    return _told(session, found, target, resend=resend)


def _comparable(loaded: Loaded, one: LoadedRoute) -> bool:
    with reach(loaded, one.route.destination) as there:
        levels = isinstance(getattr(there, "reading", None), Levels)
    return levels and any(operation.family in _COLUMNS for operation in one.operations)


def _found(
    reconciler: Reconciler, one: LoadedRoute, theirs: pl.DataFrame, written: Sequence[Operation], *, resend: bool
) -> dict[str, tuple[Compared, list[str], int]]:
    made: dict[str, tuple[Compared, list[str], int]] = {}
    for operation in one.operations:
        column = _COLUMNS.get(operation.family)
        if column is None:
            continue
        leg = leg_of(operation, one.contract.key, one.lane, written)
        compared = reconciler.compare(leg, theirs.select("sku", pl.col(column).alias("value")))
        again = reconciler.resend(leg, compared.differences) if resend else ([], 0)
        made[operation.family] = (compared, *again)
    return made


def _write(target: Path, found: dict[str, tuple[Compared, list[str], int]]) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("family", "sku", "ours", "theirs", "confirmed_at"))
        for family, (compared, _, _) in found.items():
            for sku, ours, theirs, at in compared.differences.select("sku", "ours", "theirs", "at").iter_rows():
                writer.writerow((family, neutralise(sku), ours, theirs or "", at.isoformat()))


def _told(session: Session, found: dict[str, tuple[Compared, list[str], int]], target: Path, *, resend: bool) -> int:
    count = sum(compared.differences.height for compared, _, _ in found.values())
    if session.json:
        said = {
            family: {
                "known": compared.known,
                "different": compared.differences.height,
                "under_way": compared.under_way,
                "runs": made,
                "without_row": lost,
            }
            for family, (compared, made, lost) in found.items()
        }
        view.emit({"families": said, "file": str(target)})
    else:
        for family, (compared, made, lost) in found.items():
            click.echo(f"{family}: {compared.differences.height:,} of {compared.known:,} differ")
            if made:
                click.echo(f"  sent again as {', '.join(made)}")
            if lost:
                click.echo(f"  {lost:,} have no row to send again: the next file that names them does")
        click.echo(f"Written: {view.place(target)}")
    return Exit.ROWS if count and not resend else Exit.WELL
