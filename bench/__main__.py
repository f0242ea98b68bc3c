"""`python -m bench`: measures, prints one table, exits 0 (with --fail: 1 when a target was missed)."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click
from rich.console import Console

from gateway.allocator import keep_flat, loading, share_evenly

keep_flat()  # before polars is loaded, as the command line does
share_evenly()

from bench import data  # noqa: E402
from bench.measure import Broken, Line, Options  # noqa: E402
from bench.table import show  # noqa: E402

PARTS = ("start", "stock", "memory", "formats", "feeds", "download", "rooms")


_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(min=1), help="Interleaved rounds per line.")
@click.option("--large/--no-large", default=True, help="Also the memory of 10,000,000 rows: a minute, 600 MB of disk.")
@click.option(
    "--only", "parts", multiple=True, type=click.Choice(PARTS), help="This part only; may be repeated.  [all but rooms]"
)
@click.option("--scale", default=1.0, type=click.FloatRange(min=0, min_open=True), help="Multiply all sizes by this.")
@click.option("--data", "folder", default=data.FOLDER, type=_FOLDER, help="Where generated files are kept.")
@click.option("--fail", is_flag=True, help="Exit with 1 when a target was missed.")
def main(*, rounds: int, large: bool, parts: tuple[str, ...], scale: float, folder: Path, fail: bool) -> None:
    """Measure speed and memory as ratios; wall time decides.

    Parts: start (imports, --help), stock (CSV, 1,000,000 rows), memory, formats (XLSX, XML), feeds (catalog,
    promotion), download (SFTP), and rooms: reading, mapping and checking apart.
    """
    options = Options(folder.resolve(), rounds, scale, large)
    console, error = Console(), Console(stderr=True)
    found: list[Line] = []
    try:
        with error.status("starting") as status:
            with loading():  # as the command line does
                measured = [import_module(f"bench.{part}") for part in parts or PARTS[:-1]]
            for part in measured:
                found.extend(part.lines(options, status.update))
    except Broken as broken:
        error.print(f"The bench broke: {broken}", style="bold red", markup=False)
        sys.exit(2)
    show(found, options, console)
    sys.exit(1 if fail and any(line.verdict == "miss" for line in found) else 0)


if __name__ == "__main__":
    main()
