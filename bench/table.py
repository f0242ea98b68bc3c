"""The table of ratios, and under which load it was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.measure import Line, Options

_STYLES = {"ok": "green", "miss": "bold red", "skipped": "yellow", "": "dim"}
_WIDTH = 120


def show(lines: Sequence[Line], options: Options, console: Console) -> None:
    """Print all lines; in a pipe the table is as wide as it needs to be."""
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(_table(lines))
    if options.scale != 1.0:
        console.print(f"Sizes are {options.scale:g} of the agreed ones: the targets say nothing about them.")
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    console.print(
        f"Median of {options.rounds} interleaved rounds; load {load} on {os.cpu_count()} processors; "
        f"Python {platform.python_version()}. Wall time decides; where other programs want the processors too, "
        "look at the CPU ratio: a work that runs on two processors at once has a higher one."
    )


def _table(lines: Sequence[Line]) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("what", no_wrap=True)
    for name in ("target", "measured", "CPU", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("against", overflow="fold")
    table.add_column("", no_wrap=True)
    for line in lines:
        table.add_row(*_cells(line))
    return table


def _cells(line: Line) -> list[Text | str]:
    verdict = Text(line.verdict, style=_STYLES[line.verdict])
    sign = ">=" if line.unit == "of" else "<="
    target = "" if line.target is None else f"{sign} {_number(line, line.target, exact=True)}"
    if line.found is None:
        return [line.name, target, "", "", "", line.skipped, verdict]
    found = line.found
    cpu = "" if found.cpu is None else _number(line, found.cpu)
    seconds = "" if found.seconds is None else f"{found.seconds:.2f}"
    against = line.yardstick if found.yardstick is None else f"{line.yardstick} {found.yardstick:.2f} s"
    return [line.name, target, _number(line, found.wall), cpu, seconds, against, verdict]


def _number(line: Line, number: float, *, exact: bool = False) -> str:
    match line.unit:
        case "MB":
            return f"{number:g} MB" if exact else f"{number:.1f} MB"
        case "s":
            return f"{number:g} s" if exact else f"{number:.2f} s"
        case "of":
            return f"{number:g}" if exact else f"{number:.2f}"
    return f"{number:g} x" if exact else f"{number:.2f} x"
