"""`pull` and `push`: lists of a destination to a file, and tables written by hand to a destination."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import click

from gateway.cli import view
from gateway.cli.check import EXISTING
from gateway.cli.session import Exit, Session, common, new_file, pass_session
from gateway.clock import SystemClock
from gateway.errors import FileError, SettingsError
from gateway.formats.neutral import neutralise, restore
from gateway.model import Destination, RowState
from gateway.settings import Loaded, load_settings
from gateway.wiring import reach


@runtime_checkable
class Reads(Protocol):
    """What a destination can be asked for besides its work. `lists`: names, and what key each needs ("": none)."""

    @property
    def lists(self) -> Mapping[str, str]: ...  # noqa: D102  told by the class

    def read(  # noqa: D102  told by the class
        self, name: str, *, key: str | None, where: Sequence[str], order_by: str, most: int | None
    ) -> Iterator[Mapping[str, Any]]: ...


class Outcome(Protocol):
    """What became of one row of a table."""

    @property
    def row(self) -> int: ...  # noqa: D102  told by the class
    @property
    def state(self) -> RowState: ...  # noqa: D102  told by the class
    @property
    def text(self) -> str: ...  # noqa: D102  told by the class


@runtime_checkable
class Writes(Protocol):
    """What a destination takes from people. `forms`: names of tables and their columns."""

    @property
    def forms(self) -> Mapping[str, tuple[str, ...]]: ...  # noqa: D102  told by the class

    def push(  # noqa: D102  told by the class
        self, name: str, rows: Sequence[Mapping[str, str]], *, delete: bool
    ) -> Iterator[Outcome]: ...


_DESTINATION = click.option("--destination", metavar="NAME", help="Destination; may be left out where only one can.")
_NEW = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("name", required=False)
@_DESTINATION
@click.option("--key", metavar="CODE", help="Code of the one entry, where the list needs it.")
@click.option("--where", metavar="CONDITION", multiple=True, help="Like: ModifiedDate ge 2026-01-31 (all must hold).")
@click.option("--sort", metavar="FIELD", default="", help="Property to sort by; -FIELD turns it round.")
@click.option("--most", type=click.IntRange(1), metavar="N", help="No more entries than these.")
@click.option("--out", type=_NEW, metavar="FILE", help="File: .csv or .json.  [default: NAME.csv]")
@common
@pass_session
def pull(
    session: Session, name: str | None, destination: str | None, key: str | None, where: tuple[str, ...],
    sort: str, most: int | None, out: Path | None,
) -> int:  # fmt: skip
    """Write a list of a destination to a file.

    NAME is a list: brands, suppliers, orders... Without it the lists of every destination are shown. Nested values
    stand as JSON in their cell; beside an id of a documented enumeration stands its name.

    Example: gateway pull
    """
    loaded = load_settings(session.config)
    if name is None:
        return _known(session, loaded, "reading", Reads, lambda one: list(one.lists))
    target = new_file(out or Path(f"{name}.csv"))
    with reach(loaded, _chosen(loaded, destination, "reading", Reads)) as there:
        reading: Reads = _capability(there, "reading", Reads)
        with view.counting(f"Reading {name}"):
            found = list(reading.read(name, key=key, where=where, order_by=sort, most=most))
    _write(target, found)
    if session.json:
        view.emit({"list": name, "entries": len(found), "file": str(target)})
    else:
        click.echo(f"{len(found):,} entries of {name}: {view.place(target)}")
    return Exit.WELL


@click.command()
@click.argument("name", required=False)
@click.argument("file", type=EXISTING, required=False)
@_DESTINATION
@click.option("--delete", is_flag=True, help="Allow what deletes.")
@click.option("--out", type=_NEW, metavar="FILE", help="Result file.  [default: FILE.result.csv]")
@common
@pass_session
def push(
    session: Session, name: str | None, file: Path | None, destination: str | None, *, delete: bool, out: Path | None
) -> int:
    """Send a table written by hand: shipments, returns, categories...

    FILE is a CSV file, separated by commas, whose header has the table's own column names. Without NAME and FILE the
    tables and columns of every destination are shown. Every row's outcome stands in the result file. Nothing of it is
    remembered: a row that ends uncertain must be looked up before it is sent again.

    Example: gateway push
    """
    loaded = load_settings(session.config)
    if name is None or file is None:
        return _known(
            session, loaded, "pushing", Writes, lambda one: [f"{n}: {', '.join(c)}" for n, c in one.forms.items()]
        )
    rows = _rows(file)
    target = new_file(out or file.with_name(f"{file.name}.result.csv"))
    counts: dict[str, int] = {}
    with (
        reach(loaded, _chosen(loaded, destination, "pushing", Writes)) as there,
        target.open("w", encoding="utf-8", newline="") as made,
    ):
        writer = csv.writer(made)
        writer.writerow(("row", "state", "text"))
        pushing: Writes = _capability(there, "pushing", Writes)
        for one in pushing.push(name, rows, delete=delete):
            writer.writerow((one.row, str(one.state), neutralise(one.text)))
            counts[str(one.state)] = counts.get(str(one.state), 0) + 1
    if session.json:
        view.emit({"table": name, "states": counts, "file": str(target)})
    else:
        click.echo(f"{view.spoken(counts) or 'no rows'}: {view.place(target)}")
    if counts.get("uncertain"):
        return Exit.OPEN
    return Exit.ROWS if counts.get("refused") or counts.get("rejected") else Exit.WELL


def _known(session: Session, loaded: Loaded, what: str, kind: Any, told: Callable[[Any], list[str]]) -> int:
    shown: dict[str, list[str]] = {}
    for name in loaded.destinations:
        with reach(loaded, name) as there:
            one = getattr(there, what, None)
            shown[name] = told(one) if isinstance(one, kind) else []
    if session.json:
        view.emit(shown)
        return Exit.WELL
    for name, lines in shown.items():
        click.echo(f"{name}: {'nothing' if not lines else ''}".rstrip())
        for line in lines:
            click.echo(f"  {line}")
    return Exit.WELL


def _chosen(loaded: Loaded, named: str | None, what: str, kind: Any) -> str:
    """Return the destination meant. Raises SettingsError where it is none, can't, or is not the only one."""
    if named is not None:
        if named not in loaded.destinations:
            known = ", ".join(loaded.destinations)
            raise SettingsError(f"There is no destination {named!r}; known: {known}.")
        return named
    able = []
    for name in loaded.destinations:
        with reach(loaded, name) as there:
            if isinstance(getattr(there, what, None), kind):
                able.append(name)
    if len(able) != 1:
        said = f"{', '.join(able)} can" if able else "none can"
        raise SettingsError(f"Of the destinations {said} do this.", fix="Name one with --destination.")
    return able[0]


def _capability(there: Destination, what: str, kind: Any) -> Any:
    one = getattr(there, what, None)
    if not isinstance(one, kind):
        raise SettingsError(f"Destination {there.account} has nothing to be asked for like this.")
    return one


def _rows(file: Path) -> list[dict[str, str]]:
    """Read a table. Raises FileError where it is no CSV file with a header of distinct columns and rows as long."""
    try:
        lines = csv.reader(io.StringIO(file.read_text("utf-8-sig"), newline=""), strict=True)
        found = [record for record in lines if record]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError("FILE_FORMAT", f"{file} is no CSV file: {error}.", fix="Save it as CSV in UTF-8.") from error
    wanted = "expected a header with names of columns, separated by commas, and a line per row"
    fix = "gateway push shows the columns of every table."
    if not found:
        raise FileError("FILE_EMPTY", f"{file} is empty; {wanted}.", fix=fix)
    header, *records = found
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        said = ", ".join(map(repr, twice))
        raise FileError("FILE_HEADER", f"{file} has the column {said} more than once; expected each once.", fix=fix)
    if not records:
        raise FileError("FILE_NO_ROWS", f"{file} has a header and no rows; {wanted}.", fix=fix)
    for number, record in enumerate(records, start=1):
        if len(record) != len(header):
            raise FileError("FILE_FORMAT", f"{file}: row {number} has {len(record)} cells, its header {len(header)}.")
    return [{name: restore(cell) for name, cell in zip(header, record, strict=True)} for record in records]


def _write(target: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write entries as they are, with the time (.json), or as a table."""
    if target.suffix == ".json":
        made = {"read_at": SystemClock().now().isoformat(timespec="seconds"), "entries": entries}
        target.write_text(json.dumps(made, indent=1, ensure_ascii=False, default=_plain), "utf-8")
        return
    columns = list(dict.fromkeys(name for entry in entries for name in entry))
    with target.open("w", encoding="utf-8", newline="") as made_file:
        writer = csv.writer(made_file)
        writer.writerow([neutralise(name) for name in columns])
        for entry in entries:
            writer.writerow([_cell(entry.get(name)) for name in columns])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | Decimal):
        return neutralise(str(value))
    return neutralise(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) and value == Decimal(str(float(value))) else str(value)
