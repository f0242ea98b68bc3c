"""Runs one twin until told to stop: what the command line calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gateway.errors import SettingsError
from gateway.twin import guides
from gateway.twin.keeping import held
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings
from gateway.twin.partner import Item, PartnerTwin
from gateway.twin.sage import SageTwin
from gateway.twin.sage_pages import SageSite
from gateway.twin.sage_settings import SageTwinSettings
from gateway.twin.sellerscommerce import SellersCommerceTwin

HOST = "127.0.0.1"
PRICE = "10"
"""Price of the articles a chain starts with."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a twin starts with. `folder` exists; `offers`: sku -> quantity of a shop that starts empty."""

    host: str
    port: int
    speed: float
    folder: Path
    state_file: Path
    offers: Mapping[str, int]
    currency: str = "USD"
    bare_discount: Literal["rate", "amount"] = "rate"


@dataclass(frozen=True, slots=True)
class Served:
    """A twin to run; once it runs, `place` is where it is found and `guide` what a newcomer needs to use it."""

    twin: AbstractContextManager[Any]
    place: Callable[[], str]
    guide: Callable[[], Sequence[str]]


def _mirakl(start: Start) -> Served:
    settings = MiraklTwinSettings(currency=start.currency)
    twin = MiraklTwin(
        start.offers, speed=start.speed, host=start.host, port=start.port, state_file=start.state_file,
        settings=settings,
    )  # fmt: skip
    return Served(twin, lambda: twin.url, lambda: guides.mirakl(twin))


def _sage(start: Start) -> Served:
    folders = start.folder / "sage-in", start.folder / "sage-results"
    # It has what product files brought, and nothing else.
    settings = SageTwinSettings(products=frozenset(), bare_discount=start.bare_discount)
    twin = SageTwin(*folders, settings=settings, speed=start.speed, state_file=start.state_file)
    site = SageSite(twin, host=start.host, port=start.port)
    return Served(site, lambda: f"{twin.inbox}", lambda: guides.sage(site, str(start.state_file)))


def _sellerscommerce(start: Start) -> Served:
    twin = SellersCommerceTwin(speed=start.speed, host=start.host, port=start.port, state_file=start.state_file)
    if not twin.shelf():
        for sku, quantity in start.offers.items():
            twin.put_sku(sku, quantity)
    return Served(twin, lambda: twin.url, lambda: guides.sellerscommerce(twin))


def _partner(start: Start) -> Served:
    items = [Item(sku, f"Article {sku}", PRICE, quantity > 0, quantity) for sku, quantity in start.offers.items()]
    files = start.folder / "partner_api"
    twin = PartnerTwin(
        items, speed=start.speed, host=start.host, port=start.port, files=files, state_file=start.state_file
    )
    known_hosts = str(files / "known_hosts")
    return Served(
        twin, lambda: f"{twin.url}, files at {twin.files_at}", lambda: guides.partner(twin, known_hosts, PRICE)
    )


SYSTEMS: Mapping[str, Callable[[Start], Served]] = {
    "mirakl": _mirakl,
    "partner_api": _partner,
    "sage": _sage,
    "sellerscommerce": _sellerscommerce,
}
"""Name of each system that has a twin: how it is made."""


def serve(  # noqa: PLR0913  each option of a twin by its name
    system: str,
    *,
    port: int = 0,
    speed: float = 1.0,
    state_dir: Path,
    offers: Mapping[str, int] | None = None,
    currency: str | None = None,
    bare_discount: Literal["rate", "amount"] = "rate",
    announce: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Run the twin of `system`, one of SYSTEMS, until `stop` is set or the user interrupts.

    State is kept in `state_dir`; the Sage folders are `sage-in` and `sage-results` in it. `announce` gets one line
    when the twin is up, then what there is to know of it. Raises SettingsError for an unknown system, or a folder in
    which one of its twins runs already; Unreachable when the port is taken. `currency`: of the shop, mirakl only.
    `bare_discount`: what a special price's discount without % is, sage only.
    """
    if system not in SYSTEMS:
        raise SettingsError(f"There is no twin {system!r}: expected one of {', '.join(SYSTEMS)}.")
    state_dir.mkdir(parents=True, exist_ok=True)
    with held(state_dir, system):
        kept = state_dir / f"{system}.json"
        start = Start(HOST, port, speed, state_dir, kept, dict(offers or {}), currency or "USD", bare_discount)
        served = SYSTEMS[system](start)
        with served.twin:
            for line in (f"{system} twin at {served.place()}, clock factor {speed:g}", *served.guide()):
                if announce is not None:
                    announce(line)
            try:
                (stop or threading.Event()).wait()
            except KeyboardInterrupt:
                return
