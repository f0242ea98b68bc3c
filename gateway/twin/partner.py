"""The Partner API twin: a strict stand-in for a quick-commerce platform: catalog and promotions by calls and by files.

Sources: Partner API documentation of several brands (catalog, promotions, files, webhooks) and what public clients
rely on. Each rule names its page and how sure it is: verified, live-reported, inferred, or assumption; assumptions are
switches of `PartnerTwinSettings`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any, Self, TypeVar

from starlette.applications import Starlette
from starlette.routing import Route

from gateway.errors import SettingsError
from gateway.twin import partner_promotions as promotions
from gateway.twin.clock import TwinClock
from gateway.twin.drop import Account, Drop
from gateway.twin.drop_files import Faults as DropFaults
from gateway.twin.life import Passes, Site
from gateway.twin.partner_catalog_api import CatalogDesk
from gateway.twin.partner_create_api import CreationDesk
from gateway.twin.partner_downloads import STORAGE_PATH, Downloads
from gateway.twin.partner_faults import PartnerFaults
from gateway.twin.partner_hooks import Hook, Sender
from gateway.twin.partner_http import Desk, Door
from gateway.twin.partner_inbox import Inbox
from gateway.twin.partner_market import Market
from gateway.twin.partner_portal import Portal
from gateway.twin.partner_promotion_api import PromotionDesk
from gateway.twin.partner_settings import Chain, Client, Login, PartnerTwinSettings, Token, Vendor
from gateway.twin.partner_state import Delivery, Effect, Item, Job, PartnerState, Promotion, Upload, Violation
from gateway.twin.partner_web import Edge, Seen
from gateway.twin.server import LoopbackServer

__all__ = ["Chain", "Client", "Item", "Login", "PartnerTwin", "PartnerTwinSettings", "Token", "Vendor"]

_TICK = 0.02
_SWITCHES = frozenset(each.name for each in fields(DropFaults)) - {"requests", "lock"}
_T = TypeVar("_T")


class PartnerTwin(Site):
    """A platform on `http://127.0.0.1:port`, its storage on another port, and its file server where `files` is given.

    A context manager that starts and stops them. `items`: the range of every vendor, put in where it has none yet.
    `files`: folder for the file server's accounts. `port`, `sftp_port` 0 take any free one. `speed` shrinks limits and
    delays; `clock` replaces it where a test moves time. With `state_file` everything but webhooks and switches outlives
    the twin. `step` does one pass by hand; `start` does passes in threads. Raises SettingsError (no loopback host,
    speed) and, from `start`, Unreachable.
    """

    def __init__(  # noqa: PLR0913 - one argument per thing it stands on
        self,
        items: Iterable[Item] = (),
        *,
        settings: PartnerTwinSettings | None = None,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        port: int = 0,
        sftp_port: int = 0,
        files: Path | None = None,
        state_file: Path | None = None,
        clock: TwinClock | None = None,
    ) -> None:
        self.settings = settings or PartnerTwinSettings()
        self.clock = clock or TwinClock(speed)
        self.faults = PartnerFaults()
        self.calls: list[Seen] = []
        self._market = market = Market(self.settings, self.clock, self.faults, state_file)
        self._downloads = Downloads(market)
        catalog = CatalogDesk(market, self._downloads)
        desks: list[Desk] = [catalog, CreationDesk(market), PromotionDesk(market), self._downloads]
        self._sender = Sender(market, catalog.told)
        self._door = Door(market)
        edge = Edge(market, self._door, self._sender, self.calls)
        self._files = files or Path()
        self._inbox = None if files is None else Inbox(market, files, _TICK)
        self.drop = self._drop(files, host, sftp_port)
        self._server = edge.server = LoopbackServer(edge.app(desks, Portal(self).routes()), host, port)
        self._storage = LoopbackServer(Starlette(routes=[self._storage_route()]), host, 0)
        self._downloads.places = lambda: (self._server.url, self._storage.url)
        self._passes = Passes(_TICK, {"twin-partner-files": self._pass, "twin-partner-hooks": self._sender.step})
        self._fill(list(items))

    def _fill(self, items: list[Item]) -> None:
        for chain in self.settings.chains:
            for vendor in chain.vendors:
                if items and not self._market.shelf(chain.chain_id, vendor.vendor_id):
                    self._market.put(chain, vendor, items)

    def _drop(self, files: Path | None, host: str, port: int) -> Drop | None:
        if files is None or self._inbox is None:
            return None
        accounts = [
            Account(login.user, self._inbox.root / login.user, login.password, login.keys,
                    self.settings.home.format(user=login.user))
            for chain in self.settings.chains for login in chain.logins
        ]  # fmt: skip
        return Drop(files / "server", accounts, _Pace(self.clock), host=host, port=port)

    def _storage_route(self) -> Route:
        return Route(STORAGE_PATH, self._downloads.stored)

    # ------------------------------------------------------------ life

    def start(self) -> Self:
        """Listen and work; calls are answered when this returns."""
        super().start()
        self._storage.start()
        if self.drop is not None:
            self.drop.start()
            (self._files / "known_hosts").write_text(f"{self.drop.known_hosts_line}\n", "utf-8")
        self._passes.start()
        return self

    def stop(self) -> None:
        """Close ports and connections. `start` listens on the same ports again."""
        self._passes.stop()
        if self.drop is not None:
            self.drop.stop()
        self._sender.close()
        self._storage.stop()
        super().stop()

    def step(self) -> None:
        """One pass: pick up files, let happen what is due, tell about it."""
        self._pass()
        self._sender.step()

    def _pass(self) -> None:
        if self._inbox is not None:
            self._inbox.step()
        self._market.settle()

    @property
    def trouble(self) -> str:
        """What the last pass could not do, such as list a folder; "" when all went well."""
        return self._passes.trouble

    @property
    def files_at(self) -> str:
        """Host and port of the file server, "" without one; its host key is in `known_hosts` of its folder."""
        return "" if self.drop is None else f"{self.drop.host}:{self.drop.port}"

    # ------------------------------------------------------------ what its portal sets

    def hear_at(self, url: str, secret: str, chain_id: str | None = None) -> None:
        """Tell `url` about jobs; "" tells nobody. Raises SettingsError: no secret, no address."""
        self._sender.hear(self._chain(chain_id).chain_id, Hook(url, secret) if url else None)

    def disturb(self, user: str, switches: Mapping[str, object], *, renew_host_key: bool = False) -> None:
        """Set switches of the file server (those of `drop_files.Faults`). Raises SettingsError for unknown ones."""
        users = [login.user for chain in self.settings.chains for login in chain.logins]
        if self.drop is None or user not in users:
            raise SettingsError(f"The twin has no file account {user!r}: expected one of {users}.")
        faults = self.drop.faults(user)
        for name, value in switches.items():
            present = getattr(faults, name, None) if name in _SWITCHES else None
            fits = isinstance(value, int) if name == "cut_after" else type(value) is type(present)
            if name not in _SWITCHES or not fits:
                raise SettingsError(f"{name!r} can't be set to {value!r}: switches are {', '.join(sorted(_SWITCHES))}.")
        for name, value in switches.items():
            setattr(faults, name, value)
        if renew_host_key:
            self.drop.renew_host_key()

    def pause(self, feed: str, *, paused: bool, chain_id: str | None = None) -> None:
        """Leave files of a feed alone, or go on."""
        if self._inbox is not None:
            self._inbox.pause(self._chain(chain_id).chain_id, feed, paused=paused)

    def put(self, vendor: str, items: Iterable[Item], chain_id: str | None = None) -> None:
        """Put products into a vendor's assortment, as the account manager would."""
        self._market.put(self._chain(chain_id), self._vendor(vendor, chain_id), items)

    def revoke(self, secret: str) -> None:
        """Take a token or a client's secret back, as its owner does in the portal: it is answered 401 from now on."""
        self._door.revoke(secret)

    def alter(self, vendor: str, sku: str, *, chain_id: str | None = None, **values: object) -> None:
        """Change a product behind everybody's back. Raises SettingsError for an unknown vendor, sku or field."""
        self._market.alter(self._chain(chain_id), self._vendor(vendor, chain_id), sku, **values)

    # ------------------------------------------------------------ what tests and the demo look at

    def shelf(self, chain_id: str | None = None) -> list[dict[str, Any]]:
        """What shoppers see now, one row per vendor and sku, in order.

        Keys: vendor, sku, title, price, active, quantity (as sent last), maximum, promotion (the reduced price or
        `B2G1`), promotion_name, promotion_until; amounts and dates are text, null where there is none.
        """
        chain, rows = self._chain(chain_id), []
        with self._market.lock:
            for vendor in chain.vendors:
                shelf = self._market.shelf(chain.chain_id, vendor.vendor_id)
                rows += [self._row(chain, vendor, item) for item in sorted(shelf.values(), key=lambda item: item.sku)]
        return rows

    def _row(self, chain: Chain, vendor: Vendor, item: Item) -> dict[str, Any]:
        known, now = self._market.state.promotions, self.clock.now()
        found = promotions.shown(known, chain.chain_id, vendor.vendor_id, item.sku, now)
        entry = None if found is None else found.entries[vendor.vendor_id][item.sku]
        return {
            "vendor": vendor.vendor_id,
            "sku": item.sku,
            "title": item.title,
            "price": item.price or None,
            "active": item.active,
            "quantity": item.quantity,
            "maximum": item.maximum,
            "promotion": None if found is None or entry is None else promotions.label(found, entry, item.price),
            "promotion_name": None if found is None else found.name,
            "promotion_until": None if found is None else found.end.isoformat(),
        }

    def item(self, vendor: str, sku: str, chain_id: str | None = None) -> Item:
        """A copy of one product of a vendor. Raises KeyError."""
        found = self._vendor(vendor, chain_id)
        return self._market.shelf(self._chain(chain_id).chain_id, found.vendor_id)[sku]

    def jobs(self) -> list[Job]:
        """Every job, oldest first."""
        return self._copy(list(self._state().jobs.values()))

    def word(self, job: Job) -> str:
        """A job's present state."""
        return self._market.word(job)

    def promotions(self) -> list[Promotion]:
        """Every promotion, ended ones too."""
        return self._copy(self._state().promotions)

    def uploads(self) -> list[Upload]:
        """Every file that was picked up, with its errors: what the portal shows."""
        return self._copy(self._state().uploads)

    def content(self, upload: Upload) -> bytes:
        """A file that was picked up. Raises SettingsError for a twin without files."""
        if self._inbox is None:
            raise SettingsError("This twin takes no files.")
        return self._inbox.content(upload)

    def deliveries(self) -> list[Delivery]:
        """What the webhook was told or is about to be told."""
        return self._copy(self._state().deliveries)

    def effects(self, sku: str | None = None) -> list[Effect]:
        """Every value that was set, in order, of one sku or of all."""
        return [effect for effect in self._copy(self._state().effects) if sku in {None, effect.sku}]

    def violations(self, kind: str | None = None) -> list[Violation]:
        """What the partner must not have done, of one kind or of all."""
        return [each for each in self._copy(self._state().violations) if kind in {None, each.kind}]

    def folders(self) -> Mapping[str, Path]:
        """Where files are looked for on this machine, by `user/feed`."""
        if self._inbox is None:
            return {}
        logins = [login for chain in self.settings.chains for login in chain.logins]
        feeds = self.settings.feeds
        return {f"{one.user}/{feed}": self._inbox.folder(one, feed) for one in logins for feed in feeds}

    def _state(self) -> PartnerState:
        self._market.settle()
        return self._market.state

    def _copy(self, found: _T) -> _T:
        with self._market.lock:
            return deepcopy(found)

    def _chain(self, chain_id: str | None) -> Chain:
        chain = self.settings.chains[0] if chain_id is None else self.settings.chain(chain_id)
        if chain is None:
            raise SettingsError(f"The twin has no chain {chain_id}.")
        return chain

    def _vendor(self, name: str, chain_id: str | None) -> Vendor:
        vendor = self._chain(chain_id).vendor(name)
        if vendor is None:
            raise SettingsError(f"The twin has no vendor {name!r}.")
        return vendor


class _Pace:
    """The twin's time for its file server."""

    def __init__(self, clock: TwinClock) -> None:
        self._clock = clock
        self._still = threading.Event()
        self.now = clock.now

    def monotonic(self) -> float:
        """Real seconds that never go back."""
        return self._clock.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Wait so many twin seconds."""
        self._still.wait(self._clock.real(seconds))
