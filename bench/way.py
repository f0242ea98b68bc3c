"""What is measured: the `check` of a file, and a file's whole way to a destination that keeps nothing."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.data import UNITS
from bench.measure import Broken
from gateway.model import Arrival, Claim
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import RealClock
from gateway.testing.rig import Rig
from gateway.wiring import contract_only, judge

FIELDS = ("sku", "quantity", "warehouse", "unit_name", "product_id")
"""Fields the destination is sent."""
WARM_UP = 5_000
"""Rows of the pass that loads what is loaded on first use."""


def checked(path: Path, mapping: Path) -> tuple[int, int]:
    """Judge a file as `gateway check --mapping` does, causes and all; returns rows and bad rows."""
    with tempfile.TemporaryDirectory(prefix="bench-check-") as work:
        found = judge(path, contract_only(mapping), Path(work))
        found.causes()
        return found.readout.rows, found.readout.bad


class Way:
    """A gateway of its own in a scratch folder: one route, one lane, one destination, a journal on the disk.

    `few`: a small file it has taken before, of other articles: the gateway that is timed has been at work.
    """

    def __init__(
        self,
        mapping: str,
        batch_size: int | None = None,
        *,
        few: Path | None = None,
        contract: str = "stock",
        fields: tuple[str, ...] = FIELDS,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-way-"))
        (self.folder / "units.csv").write_text(UNITS, encoding="utf-8")
        clock = RealClock()
        settings = BulkSettings(batch_size=batch_size, contract=contract, fields=fields)
        self.destination = BulkDestination(settings, clock=clock, account="there", name="there")
        self.rig = Rig(self.folder, self.destination, clock, mapping=mapping)
        self._few = few

    def __enter__(self) -> Self:
        if self._few is not None:
            others = self.folder / "few.csv"
            others.write_text(self._few.read_text(encoding="utf-8").replace("-0", "-9"), encoding="utf-8", newline="")
            self.go(others)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rig.close()
        shutil.rmtree(self.folder)

    def go(self, file: Path) -> str:
        """Take a file from its claim to the last answer; returns the run."""
        local = self.rig.spool.claims / f"{uuid.uuid4().hex}-{file.name}"
        shutil.copyfile(file, local)
        stat = file.stat()
        arrival = Arrival("drop", file.name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))
        self.rig.intake.enter(Claim(arrival, local, local.name))
        run = self.rig.take()
        self.rig.advance()
        return run

    def rows(self, run: str) -> int:
        """Return how many rows a settled run has. Raises Broken when it is not settled."""
        found = self.rig.operations.run(run)
        if found.state != "settled":
            raise Broken(f"the run ended {found.state}: {found.notes}")
        return int(found.rows)

    def settled(self, run: str, rows: int) -> Mapping[str, int]:
        """Return the rows per state. Raises Broken when rows are missing from the run or from its answers."""
        states = self.rig.states(run)
        told = {kind: self._records(run, kind) for kind in ("result.csv", "errors.csv")}
        faulty = states.get("rejected", 0)
        open_rows = [state for state in states if state not in {"applied", "rejected", "unchanged"}]
        if sum(states.values()) != rows or told["result.csv"] != rows or open_rows:
            raise Broken(f"{rows} rows went in; states {states}, result.csv has {told['result.csv']}")
        if faulty and told["errors.csv"] not in {faulty, None}:
            raise Broken(f"{faulty} rows were rejected, errors.csv has {told['errors.csv']}")
        return states

    def _records(self, run: str, kind: str) -> int | None:
        """Lines below the header of an answer; the bench's values have no line breaks. None: it was not written."""
        found = list((self.folder / "outbox" / "acme").glob(f"*.{run}.{kind}"))
        return found[0].read_bytes().count(b"\n") - 1 if found else None
