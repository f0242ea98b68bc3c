"""A gateway with the folders of two partners and a destination that takes everything, and its service at work."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import orjson

from gateway import wiring
from gateway.settings import load_settings
from gateway.testing.texts import drop, mapping

MAPPING = mapping(
    "stock",
    """sku = "sku"
quantity = "quantity"
valid_from = { column = "from", optional = true }
""",
)
GOOD = "sku,quantity\na,1\nb,2\n"
PATIENCE = 20.0


class Home:
    """A folder with settings of two partners' folders and a destination that takes everything."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mappings = {"stock.toml": MAPPING}
        self.routes = {"one": ("one", "*.csv", "stock.toml"), "two": ("two", "*.csv", "stock.toml")}
        for name in ("one", "two"):
            (root / name).mkdir()

    def wired(self, state: str = "state") -> wiring.Gateway:
        (self.root / "mappings").mkdir(exist_ok=True)
        for name, text in self.mappings.items():
            (self.root / "mappings" / name).write_text(text, "utf-8")
        sources = sorted({source for source, *_ in self.routes.values()})
        text = f"version = 1\nstate = {state!r}\n" + "".join(
            f'[sources.{name}]\nkind = "local"\nfolder = "{name}"\nevery = 0.05\nsettle = 0\n' for name in sources
        )
        text += '[destinations.there]\nkind = "bulk"\nfields = ["sku", "quantity"]\n'
        text += "".join(
            f'[routes.{name}]\nsource = "{source}"\nfiles = "{files}"\nmapping = "{mapping}"\ndestination = "there"\n'
            f'owner = "all"\n'
            for name, (source, files, mapping) in self.routes.items()
        )
        path = self.root / "gateway.toml"
        path.write_text(text, "utf-8")
        return wiring.wire(load_settings(path))

    def drop(self, source: str, name: str, content: str | bytes, stamp: datetime | None = None) -> None:
        drop(self.root, name, content, stamp, folder=source)

    def names(self, source: str, folder: str) -> set[str]:
        return {path.name for path in (self.root / source / folder).glob("*")}

    def ack(self, partner: str, file: str) -> dict:
        (found,) = (self.root / "outbox" / partner).glob(f"{file}.*.ack.json")
        return orjson.loads(found.read_bytes())


@contextmanager
def running(made: wiring.Gateway):
    """Run the service in a thread; stopping it is part of the test."""
    failure: list[BaseException] = []

    def work() -> None:
        try:
            made.service.run()
        except BaseException as error:  # noqa: BLE001  raised in the test's own thread
            failure.append(error)

    made.hold()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield failure
    finally:
        made.service.stop()
        thread.join(PATIENCE)
        made.close()
    assert not thread.is_alive()


def until(what) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


def drained(made: wiring.Gateway):
    made.hold()
    made.service.drain()
    found = made.operations.runs()
    made.close()
    return found
