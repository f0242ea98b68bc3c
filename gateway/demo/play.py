"""Plays the demo: stage, gateway in a thread, acts, table."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import SystemClock
from gateway.demo import table
from gateway.demo.outcome import differences, ended, newest_arrival, outcomes
from gateway.demo.partners import drop
from gateway.demo.script import Sample, Script, load_offers, load_script
from gateway.demo.stage import PortTakenError, Stage, staged
from gateway.errors import GatewayError
from gateway.settings import load_settings
from gateway.wiring import Gateway, wire

_PATIENCE = 60.0
"""Seconds within which the files of one act must have ended."""
_LOOK = 0.2
_DRIFTING = 2
"""The first acts are about stock, which buyers lower in between."""


def play(echo: Callable[[str], None], *, folder: Path | None, speed: float, width: int | None) -> int:
    """Run the demo; see gateway.demo.run."""
    home = (folder or _home()).resolve()
    try:
        script = load_script(home / "samples")
        offers, ranged = (load_offers(home / "samples" / one) for one in (script.shop.offers, script.shop.stores))
        with staged(home / "gateway.toml", offers, ranged, speed=speed, clock=SystemClock()) as stage:
            echo(f"Stand-ins of Mirakl at {stage.shop.url}, of Sellers Commerce at {stage.store.url},")
            echo(f"of a chain of stores at {stage.chain.url}, of Sage in a folder, and an SFTP drop on port")
            echo(f"{stage.drop.port}. All are on this machine; the clocks of the twins run {speed:g} times as fast.")
            with _running(home / "gateway.toml") as (gateway, worker):
                return _Demo(echo, stage, gateway, worker, script, width).acts()
    except PortTakenError as error:
        echo(str(error))
        return 4
    except GatewayError as error:
        echo(str(error))
        return 3


def _home() -> Path:
    """Return the current folder if it is the project's, else the one this program is installed from."""
    here = Path.cwd()
    project = Path(__file__).parents[2]
    return project if not (here / "gateway.toml").is_file() and (project / "gateway.toml").is_file() else here


@contextmanager
def _running(config: Path) -> Iterator[tuple[Gateway, threading.Thread]]:
    """Run the gateway of a settings file in a thread, as `gateway run` does."""
    gateway = wire(load_settings(config))
    try:
        gateway.hold()
        worker = threading.Thread(target=gateway.service.run, name="gateway", daemon=True)
        worker.start()
        try:
            yield gateway, worker
        finally:
            gateway.service.stop()
            worker.join()
    finally:
        gateway.close()


@dataclass(slots=True)
class _Demo:
    echo: Callable[[str], None]
    stage: Stage
    gateway: Gateway
    worker: threading.Thread
    script: Script
    width: int | None
    clock: SystemClock = field(default_factory=SystemClock)
    began: float = 0.0

    def acts(self) -> int:
        """Drop act after act, then tell; returns the exit code."""
        self.began = self.clock.monotonic()
        before = newest_arrival(self.gateway.journal)
        moments = [("before", self.stage.shop.offers())]
        acts = self.script.acts
        late: list[str] = []
        for number, files in enumerate(acts, start=1):
            self._say(f"act {number} of {len(acts)}: {len(files)} files are dropped")
            drop(self.stage, self.stage.home / "samples", files)
            self.gateway.service.look()
            late += self._wait(before, files)
            if number <= _DRIFTING:
                moments.append((f"after act {number}", self.stage.shop.offers()))
            if number < _DRIFTING:
                self._buy()
                moments.append(("buyers came", self.stage.shop.offers()))
        return self._tell(before, moments, late)

    def _wait(self, before: int, files: Sequence[Sample]) -> list[str]:
        """Wait until all files have ended, saying how far they are; return what did not end in time."""
        until = self.clock.monotonic() + _PATIENCE
        told = -1
        while True:
            over = ended(self.gateway.journal, before, files)
            if len(over) != told:
                self._say(f"{len(over)} of {len(files)} files have ended")
                told = len(over)
            if len(over) == len(files):
                return []
            if not self.worker.is_alive():
                return [f"{one.file}: the gateway stopped before it ended" for one in files if one.file not in over]
            if self.clock.monotonic() > until:
                return [f"{one.file}: not ended within {_PATIENCE:g} s" for one in files if one.file not in over]
            self.clock.sleep(_LOOK)

    def _buy(self) -> None:
        offers = self.stage.shop.offers()
        for sku, units in self.script.shop.bought.items():
            if sku in offers:
                self.stage.shop.drift(sku, units)
        self._say(f"buyers took units of {', '.join(self.script.shop.bought)}")

    def _tell(self, before: int, moments: Sequence[tuple[str, dict[str, int]]], late: Sequence[str]) -> int:
        names = {name: setup.target.name for name, setup in self.gateway.routes.items()}
        files = self.script.files
        lines = outcomes(self.gateway.journal, before, files, names)
        self.echo(f"\n{table.table(lines, width=self.width)}")
        self.echo("\nStock at the marketplace, as buyers see it:")
        self.echo(table.stock(moments, self.script.shop.shown))
        self.echo("\nThe new range at the marketplace afterwards, and in Sage (net, with its special prices):")
        self.echo(table.shelf(self.stage.shop.shelf(), self.stage.sage.shop(), self.script.shop.ranged))
        self.echo("\nThe same articles in the store of Sellers Commerce, and in the stores of the chain:")
        self.echo(table.stores(self.stage.store.shelf(), self.stage.chain.shelf(), list(self.script.shop.ranged)))
        found = table.places(lines, self.stage.home)
        named = "FILE.RUN.KIND, or FILE.ROUTE.RUN.KIND where several routes took the file"
        self.echo(f"\nThe answers lie in {', '.join(found)}; each is named {named}. Begin with report.html.")
        wrong = [*late, *differences([one.repeated() for one in files] if before else files, lines)]
        for text in wrong:
            self.echo(f"Not as expected: {text}")
        took = self.clock.monotonic() - self.began
        if wrong:
            self.echo(f"{len({text.split(':')[0] for text in wrong})} of {len(files)} files did not end as expected.")
            return 1
        self.echo(f"All {len(files)} files ended as expected, in {took:.0f} s.")
        return 0

    def _say(self, text: str) -> None:
        self.echo(f"{self.clock.monotonic() - self.began:5.1f} s  {text}")
