"""A gateway without sources and threads: drop a file, advance its lane, look; for tests and benchmarks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

from gateway.contracts import contract
from gateway.delivery.build import Builder
from gateway.delivery.lane import Delivery
from gateway.delivery.send import Sender
from gateway.delivery.settle import Settler
from gateway.delivery.setup import Target, leg_of, operations_for
from gateway.journal import open_journal, runs
from gateway.journal import tables as t
from gateway.mapping import load_mapping
from gateway.model import Arrival, Claim, Clock, Destination, Remembering
from gateway.operations import Operations
from gateway.outbox import Outbox
from gateway.pipeline import Intake, RouteSetup, merged
from gateway.readers import reader_for
from gateway.routes import Route
from gateway.spool import Spool
from gateway.testing.texts import mapping as mapping_of

MAPPING = mapping_of(
    "stock",
    """sku = "sku"
quantity = "quantity"
product_id = { column = "product", optional = true }
command = { column = "command", optional = true }
valid_from = { column = "valid_from", optional = true }
""",
)


class Rig:
    """One route from a source `drop` of partner `acme` to one destination, below one folder.

    It is named after the mapping's contract; `lane` is the first of its lanes. `more`: mappings of further routes; each
    route then takes the files whose name begins with its contract's.

    `options` are keys of routes.Route. A second rig on the same folder is the gateway after a restart.
    """

    def __init__(
        self,
        folder: Path,
        destination: Destination,
        clock: Clock,
        *,
        mapping: str = MAPPING,
        more: Sequence[str] = (),
        **options: Any,
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.destination = destination
        folder.mkdir(parents=True, exist_ok=True)
        setups = [
            self._route(folder / f"mapping{number or ''}.toml", text, options, alone=not more)
            for number, text in enumerate((mapping, *more))
        ]
        self.journal = open_journal(folder / "state", clock)
        self.spool = Spool(folder / "state")
        self.spool.make()
        self.outbox = Outbox(folder / "outbox", self.journal)
        self.settler = Settler(
            self.journal, self.spool, self.outbox,
            lambda file, layout: reader_for(layout).tables(file, layout), lambda p: load_mapping(p).format,
        )  # fmt: skip
        if isinstance(destination, Remembering):
            destination.remember(self.journal.facts("there"))
        self.lanes = merged(tuple(setups))
        self.lane = setups[0].lanes()[0]
        self.intake = Intake(
            self.journal, self.spool, self.outbox, self.settler,
            lambda file, layout: reader_for(layout).tables(file, layout), lambda _: setups, lambda _: ("acme", False),
        )  # fmt: skip
        self.delivery = Delivery(
            self.journal, Builder(self.journal, self.spool), Sender(self.journal, self.spool), self.settler,
            self.lanes, self.intake.run_ended,
        )  # fmt: skip
        self.operations = Operations(self.journal, self.spool, self.settler)

    def _route(self, path: Path, mapping: str, options: Mapping[str, Any], *, alone: bool) -> RouteSetup:
        path.write_text(mapping, "utf-8")
        word = load_mapping(path).contract
        route = Route(
            name=word, source="drop", files=("*",) if alone else (f"{word}*",), mapping=path.name, contract=word,
            feed=word, destination="there", partner="acme", owner="acme", **options,
        )  # fmt: skip
        agreed = contract(word)
        written = operations_for(self.destination.operations, word)
        legs = tuple(
            leg_of(one, agreed.key, lambda family: f"there/{family}/acme", self.destination.operations)
            for one in written
        )
        return RouteSetup(route, path, agreed, Target("there", self.destination), legs)

    def drop(self, name: str, content: str | bytes, mtime: datetime | None = None) -> str:
        """Enter a file and take it through the route; returns its last run (or "" when it was refused)."""
        data = content.encode() if isinstance(content, str) else content
        token = hashlib.sha256(f"{name}{mtime}{self.clock.now()}".encode()).hexdigest()[:12]
        local = self.spool.claims / f"{token}-{name}"
        local.write_bytes(data)
        arrival = Arrival("drop", name, len(data), mtime or self.clock.now())
        self.intake.enter(Claim(arrival, local, token))
        return self.take()

    def put(self, name: str, content: str | bytes, mtime: datetime | None = None, *, times: int = 1) -> str:
        """Drop a file a second later and advance every lane so many times; returns its run."""
        self.clock.sleep(1)
        run = self.drop(name, content, mtime)
        self.advance(times)
        return run

    def put_new(self, kind: str, text: str, *, times: int = 1) -> str:
        """Put a file whose name begins with `kind`; its end makes it new, as the same bytes again are the same file."""
        number = len(self.endings()) + 1
        return self.put(f"{kind}-{number}.csv", text + "\n" * number, times=times)

    def take(self) -> str:
        """Take every claimed file and every set of files that is due; returns the newest run."""
        with self.journal.read() as tx:
            claimed = runs.arrivals(tx, "claimed")
        before = {r.id for r in self.operations.runs(1000)}
        for row in claimed:
            self.intake.take(row)
        for one in self.intake.sets.due({}):
            self.intake.sets.take(one)
        after = [r.id for r in self.operations.runs(1000) if r.id not in before]
        return max(after, default="")

    def advance(self, times: int = 1) -> datetime | None:
        """Advance every lane in its order; returns when the last one wants to be woken."""
        at: datetime | None = None
        for _ in range(times):
            for lane in self.lanes:
                at = self.delivery.advance(lane)
        return at

    def glide(self, until: datetime) -> None:
        """Move on to a time as a gateway that sleeps does: to each moment its lane wants to be woken at."""
        while (wake := self.advance()) is not None and wake <= until:
            self.clock.sleep(max(0.0, (wake - self.clock.now()).total_seconds()))
        self.clock.sleep(max(0.0, (until - self.clock.now()).total_seconds()))
        self.advance()

    def states(self, run: str) -> Mapping[str, int]:
        """Rows per state of a run as of now."""
        return self.settler.rows(self.operations.run(run)).states.counts()

    def results(self, run: str) -> pl.DataFrame:
        """Row results of a run (ROW_RESULT_SCHEMA)."""
        return pl.concat(list(self.settler.rows(self.operations.run(run)).results()))

    def answers(self) -> set[str]:
        """Kinds of the answers in the partner's folder, names and runs taken off."""
        return {p.name.split(".", 3)[-1] for p in (self.folder / "outbox" / "acme").glob("*")}

    def ack(self, name: str) -> dict[str, Any]:
        """Return the one acknowledgement of a file."""
        (found,) = (self.folder / "outbox" / "acme").glob(f"{name}.*.ack.json")
        told: dict[str, Any] = orjson.loads(found.read_bytes())
        return told

    def endings(self) -> dict[str, str | None]:
        """Return how the claim of each file ended, by its path; None where it did not."""
        with self.journal.read() as tx:
            return {row.path: row.ending for row in tx.execute(sa.select(t.arrival))}

    def close(self) -> None:
        """Give the journal back."""
        self.journal.close()
