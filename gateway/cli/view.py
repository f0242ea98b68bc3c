"""How results look: tables on the screen, JSON for machines, progress on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich import box
from rich.console import Console
from rich.table import Table

_PIPE_WIDTH = 200


def emit(value: Any) -> None:
    """Print a value as JSON; times in UTC, paths and other things as text."""
    click.echo(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def console(*, err: bool = False) -> Console:
    """Return a console that prints data as it is: no markup, no guessing of colours."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=err, markup=False, highlight=False, emoji=False, width=width)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; nothing for no rows. A column `name#` holds numbers, `name~` long text, which alone is folded."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        number, long = name.endswith("#"), name.endswith("~")
        made.add_column(name.rstrip("#~"), justify="right" if number else "left", overflow="fold", no_wrap=not long)
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    if made.row_count:
        console().print(made)


def moment(at: datetime | None) -> str:
    """Return a time as people read it, UTC."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def minute(at: datetime | None) -> str:
    """Return a time for a list: to the minute, without the year, UTC."""
    return "" if at is None else at.astimezone(UTC).strftime("%m-%d %H:%MZ")


def spoken(counts: dict[str, int]) -> str:
    """Return counts per state in words."""
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)


def counted(number: int, one: str) -> str:
    """Return a number of things: "1 route", "2 routes"."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None] | None]:
    """Show how many records were read so far while inside; None when nobody watches."""
    screen = console(err=True)
    if not screen.is_terminal:
        yield None
        return
    with screen.status(what) as status:
        yield lambda done: status.update(f"{what}: {done:,} records")


def place(path: Path) -> str:
    """Return a path relative to here where it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else str(path)
