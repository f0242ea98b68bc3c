"""The demo: twins, drop and gateway on this machine, the sample files dropped, one table of what became of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def run(
    echo: Callable[[str], None], *, folder: Path | None = None, speed: float = 300.0, width: int | None = None
) -> int:
    """Run the demo in the project's folder and return the exit code: 0 when every file ended as expected.

    `echo` gets each line for people. `folder`: where gateway.toml and samples/ lie; unset: the current folder, or the
    project this program is installed from. `speed`: clock factor of the twins, above 0. `width`: columns of the table;
    unset: the terminal's. Returns 1 when a file ended otherwise, 3 for faulty settings, 4 when a port is taken.
    """
    from gateway.demo.play import play  # noqa: PLC0415  the web server and paramiko load only when the demo plays

    return play(echo, folder=folder, speed=speed, width=width)
