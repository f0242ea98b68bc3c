"""Peak memory of whole ways and checks, each in a process of its own.

    python -m bench.memory whole|check FILE MAPPING

prints `{"start": MB, "peak": MB, "rows": rows}`: memory with everything loaded, and the most there was.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import data
from bench.measure import Broken, Line, Options, Ratio
from gateway.allocator import FLAT, SETTING, keep_flat

XML_RECORDS = 200_000
ROWS = 1_000_000
TIMES = 10
"""How many times more rows the flatness line takes."""
_LIMIT = 1800.0


def peak_mb() -> float:
    """Most memory this process ever held; where the system tells, without what its parent held before."""
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def held_mb() -> float:
    """Memory this process holds now, or the most so far where the system does not tell."""
    return _status("VmRSS") or peak_mb()


def _status(name: str) -> float | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    found = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith(f"{name}:"))
    return int(found.split()[1]) / 1024


def lines(options: Options, progress: Callable[[str], None]) -> list[Line]:
    """Measure every line in a process of its own."""
    rows, records = options.sized(ROWS), options.sized(XML_RECORDS)
    file, document = data.stock_csv(options.data, rows), data.stock_xml(options.data, records)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        csv_mapping = data.mapping(Path(folder, "csv"), data.STOCK_MAPPING)
        xml_mapping = data.mapping(Path(folder, "xml"), data.XML_MAPPING)
        progress("memory of CSV")
        whole, check = _peak("whole", file, csv_mapping), _peak("check", file, csv_mapping)
        progress("memory of XML")
        xml = _peak("whole", document, xml_mapping)
        found = [
            Line(f"peak memory, CSV {rows:,} rows, whole way", "MB", 300.0, whole.loaded, whole.ratio),
            Line(f"peak memory, XML {records:,} elements, whole way", "MB", 300.0, xml.loaded, xml.ratio),
        ]
        if not options.large:
            return [*found, *(Line(name, "x", 1.25, skipped="--no-large") for name in _flat_names())]
        progress("memory of 10 times the rows")
        large = data.stock_csv(options.data, rows * TIMES)
        bases = {"check": check, "whole": whole}
        for (work, base), name in zip(bases.items(), _flat_names(), strict=True):
            more = _peak(work, large, csv_mapping)
            against = f"once {base.peak:.0f} MB"
            found.append(Line(name, "x", 1.25, against, Ratio(more.peak / base.peak, None)))
    return found


@dataclass(frozen=True, slots=True)
class _Memory:
    """MB with everything loaded, and at most."""

    start: float
    peak: float

    @property
    def loaded(self) -> str:
        return f"{self.start:.0f} MB once loaded"

    @property
    def ratio(self) -> Ratio:
        return Ratio(self.peak, None)


def _flat_names() -> list[str]:
    return [f"memory of {TIMES} times the rows, {work}" for work in ("check", "whole way")]


def _peak(work: str, file: Path, mapping: Path) -> _Memory:
    command = [sys.executable, "-m", "bench.memory", work, str(file), str(mapping)]
    # as the command line does before polars is loaded; polars, loaded here, has put its own setting in our environment
    environment = {**os.environ, SETTING: FLAT}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=_LIMIT, cwd=Path(__file__).parents[1],
        env=environment,
    )  # fmt: skip
    if done.returncode != 0:
        raise Broken(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    told = json.loads(done.stdout)
    return _Memory(told["start"], told["peak"])


def main() -> None:
    """Do one work in this process and print its memory."""
    keep_flat()  # for what the environment can't say any more
    from bench.way import Way, checked  # noqa: PLC0415  the parent needs none of it

    work, file, mapping = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    start = held_mb()
    if work == "check":
        rows, _ = checked(file, mapping)
    else:
        with Way(mapping.read_text(encoding="utf-8")) as way:
            rows = way.rows(way.go(file))
    print(json.dumps({"start": start, "peak": peak_mb(), "rows": rows}))


if __name__ == "__main__":
    main()
