"""How long starting takes: the command line's help, and everything a run needs loaded and opened."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.measure import Broken, Line, Options, Ratio, taken

TIMES = 5
_OPEN = """
import sys
from pathlib import Path
from gateway.allocator import keep_flat, loading
keep_flat()
with loading():
    from bench.data import STOCK_MAPPING
    from bench.way import Way
Way(STOCK_MAPPING).__exit__(None, None, None)
"""


def lines(options: Options, progress: Callable[[str], None]) -> list[Line]:
    """Measure both, median of five."""
    del options
    progress("starting")
    script = Path(sys.executable).with_name("gateway")
    shown = [str(script)] if script.exists() else [sys.executable, "-m", "gateway"]
    return [
        Line("gateway --help", "s", 0.3, "", _seconds([*shown, "--help"])),
        Line("imports and start-up of a run", "s", 1.0, "", _seconds([sys.executable, "-c", _OPEN])),
    ]


def _seconds(command: list[str]) -> Ratio:
    times = [taken(lambda: _run(command), children=True)[1] for _ in range(TIMES)]
    return Ratio(statistics.median(t.wall for t in times), statistics.median(t.cpu for t in times))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    if done.returncode != 0:
        raise Broken(f"{command[0]} ended with {done.returncode}:\n{done.stderr}")
