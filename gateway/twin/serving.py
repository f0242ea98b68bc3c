"""Runs one twin until told to stop: what the command line calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import SettingsError
from gateway.twin import mirakl_guide
from gateway.twin.mirakl import MiraklTwin
from gateway.twin.partner import Item, PartnerTwin
from gateway.twin.partner_portal import SETS, SHOWN
from gateway.twin.sage import SageTwin
from gateway.twin.sellerscommerce import SellersCommerceTwin

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


@dataclass(frozen=True, slots=True)
class Served:
    """A twin to run. `place`: where it can be found once it runs; `hint`: what a newcomer needs to use it."""

    twin: AbstractContextManager[Any]
    place: Callable[[], str]
    hint: str = ""


def _mirakl(start: Start) -> Served:
    twin = MiraklTwin(start.offers, speed=start.speed, host=start.host, port=start.port, state_file=start.state_file)
    return Served(twin, lambda: twin.url, "\n".join(mirakl_guide.guide(twin.settings)))


def _sage(start: Start) -> Served:
    folders = start.folder / "sage-in", start.folder / "sage-results"
    twin = SageTwin(*folders, speed=start.speed, state_file=start.state_file)
    return Served(twin, lambda: str(twin.inbox))


def _sellerscommerce(start: Start) -> Served:
    twin = SellersCommerceTwin(speed=start.speed, host=start.host, port=start.port, state_file=start.state_file)
    if not twin.shelf():
        for sku, quantity in start.offers.items():
            twin.put_sku(sku, quantity)
    hint = "Access Key twin-access-key, Shared Secret Key twin-shared-secret; "
    return Served(twin, lambda: twin.url, f"{hint}pages: /twin/shelf, /twin/effects, /twin/calls")


def _partner(start: Start) -> Served:
    items = [Item(sku, f"Article {sku}", PRICE, quantity > 0, quantity) for sku, quantity in start.offers.items()]
    files = start.folder / "partner_api"
    twin = PartnerTwin(
        items, speed=start.speed, host=start.host, port=start.port, files=files, state_file=start.state_file
    )
    chain = twin.settings.chains[0]
    vendors = ", ".join(f"{vendor.vendor_id} ({vendor.timezone})" for vendor in chain.vendors)
    login = chain.logins[0]
    hint = (
        f"token {chain.tokens[0].value}, chain {chain.chain_id}, vendors with their time zones: {vendors}",
        f"SFTP user {login.user}, password {login.password}, host key in {files / 'known_hosts'}",
        f"pages: {', '.join(f'/twin/{name}' for name in SHOWN)}",
        f"webhook: POST /twin/webhook {SETS['webhook']}",
        f"articles of --offers stand at every vendor with the price {PRICE}",
    )
    return Served(twin, lambda: f"{twin.url}, files at {twin.files_at}", "\n".join(hint))


SYSTEMS: Mapping[str, Callable[[Start], Served]] = {
    "mirakl": _mirakl,
    "partner_api": _partner,
    "sage": _sage,
    "sellerscommerce": _sellerscommerce,
}
"""Name of each system that has a twin: how it is made."""


def serve(
    system: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float = 1.0,
    state_dir: Path,
    offers: Mapping[str, int] | None = None,
    announce: Callable[[str], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Run the twin of `system`, one of SYSTEMS, until `stop` is set or the user interrupts.

    State is kept in `state_dir`; the Sage folders are `sage-in` and `sage-results` in it. `announce` gets one line
    when the twin is up, and more where there is something to know. Raises SettingsError for an unknown system,
    Unreachable when the port is taken.
    """
    if system not in SYSTEMS:
        raise SettingsError(f"There is no twin {system!r}: expected one of {', '.join(SYSTEMS)}.")
    state_dir.mkdir(parents=True, exist_ok=True)
    served = SYSTEMS[system](Start(host, port, speed, state_dir, state_dir / f"{system}.json", dict(offers or {})))
    with served.twin:
        for line in (f"{system} twin at {served.place()}, clock factor {speed:g}", served.hint):
            if announce is not None and line:
                announce(line)
        try:
            (stop or threading.Event()).wait()
        except KeyboardInterrupt:
            return
