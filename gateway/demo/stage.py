"""Twins, SFTP drop and secrets of the demo, made to fit the project's own gateway.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.errors import Fault, SettingsError, Unreachable
from gateway.journal import make_state
from gateway.model import Clock
from gateway.twin.drop import Account, Drop
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey
from gateway.twin.partner import Item, PartnerTwin
from gateway.twin.sage import SageTwin
from gateway.twin.sellerscommerce import SellersCommerceTwin

_API_KEY = "demo-key-of-the-twin"
_ACCESS, _SECRET, _TOKEN = "twin-access-key", "twin-shared-secret", "twin-token"
_PASSWORD = "demo-password-of-the-drop"  # noqa: S105  opens nothing but the drop on this machine


class PortTakenError(Unreachable):
    """A port of gateway.toml is used by another program."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs around the gateway. `settings` is gateway.toml as written; `home` the folder it lies in."""

    home: Path
    settings: Mapping[str, Any]
    shop: MiraklTwin
    sage: SageTwin
    drop: Drop
    store: SellersCommerceTwin
    chain: PartnerTwin

    def source(self, name: str) -> Mapping[str, Any]:
        """Settings of a source as written."""
        table: Mapping[str, Any] = self.settings["sources"][name]
        return table

    def secret(self, reference: Mapping[str, str]) -> str:
        """Return a secret that the stage wrote."""
        return (self.home / reference["file"]).read_text("utf-8").strip()


@contextmanager
def staged(
    config: Path, offers: Mapping[str, int], ranged: Mapping[str, int], *, speed: float, clock: Clock
) -> Iterator[Stage]:
    """Start twins and drop where gateway.toml looks for them. Raises SettingsError and PortTakenError.

    Their state is kept in the state folder, so that the next demo finds the shop as this one left it. `offers`: what
    the marketplace sells before the first file comes; `ranged`: what every store of the chain lists.
    """
    home = config.resolve().parent
    settings = _settings(config)
    shop, sage, source, store, chain = _kinds(config, settings)
    _write_secrets(home, shop, source, store, chain)
    address = urlsplit(str(shop["host"]))
    state = home / settings.get("state", "state") / "demo"
    make_state(state.parent)
    state.mkdir(exist_ok=True)
    with ExitStack() as stack:
        market = MiraklTwin(
            offers, settings=_operator(shop), speed=speed,
            host=address.hostname or "127.0.0.1", port=address.port or 0, state_file=state / "mirakl.json",
        )  # fmt: skip
        _enter(stack, market, address.port or 0, "host of the destination of kind mirakl")
        erp = SageTwin(home / sage["outbox"], home / sage["results"], speed=speed, state_file=state / "sage.json")
        stack.enter_context(erp)
        root = state / "drop" / str(source["user"])
        for folder in ("folder", "answers"):
            (root / str(source[folder])).mkdir(parents=True, exist_ok=True)
        account = Account(str(source["user"]), root, _PASSWORD)
        drop = Drop(state / "drop", [account], clock, host=str(source["host"]), port=int(source["port"]))
        _enter(stack, drop, int(source["port"]), "port of the source of kind sftp")
        _write(home / str(source["known_hosts"]), drop.known_hosts_line)
        for one in settings["sources"].values():
            if one["kind"] == "local":
                (home / one["folder"]).mkdir(parents=True, exist_ok=True)
        commerce, platform = _further(stack, state, store, chain, ranged, speed=speed)
        yield Stage(home, settings, market, erp, drop, commerce, platform)


def _further(
    stack: ExitStack,
    state: Path,
    store: Mapping[str, Any],
    chain: Mapping[str, Any],
    ranged: Mapping[str, int],
    *,
    speed: float,
) -> tuple[SellersCommerceTwin, PartnerTwin]:
    """Start the twins of the store and of the chain of stores."""
    ports = [urlsplit(str(one["host"])).port or 0 for one in (store, chain)]
    commerce = SellersCommerceTwin(speed=speed, port=ports[0], state_file=state / "sellerscommerce.json")
    _enter(stack, commerce, ports[0], "host of the destination of kind sellerscommerce")
    items = [Item(sku, f"Article {sku}", "30", active=False) for sku in ranged]
    platform = PartnerTwin(items, speed=speed, port=ports[1], state_file=state / "partner_api.json")
    _enter(stack, platform, ports[1], "host of the destination of kind partner_api")
    return commerce, platform


def _operator(shop: Mapping[str, Any]) -> MiraklTwinSettings:
    """An operator whose shop has the currency that gateway.toml says."""
    return MiraklTwinSettings(keys=(ShopKey(_API_KEY),), currency=str(shop.get("currency", "USD")))


def _enter(stack: ExitStack, thing: AbstractContextManager[object], port: int, setting: str) -> None:
    try:
        stack.enter_context(thing)
    except Unreachable as error:
        raise PortTakenError(
            f"Port {port} can't be listened on: another program uses it, perhaps another demo.",
            fix=f"End that program, or change the {setting} in gateway.toml.",
        ) from error


def _settings(config: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(config.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            [Fault(str(config), "the file can't be read")], fix="Run the demo in the project's folder."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([Fault(str(config), f"this is not TOML: {error}")]) from error


_KINDS = (
    ("destinations", "mirakl"), ("destinations", "sage"), ("sources", "sftp"), ("destinations", "sellerscommerce"),
    ("destinations", "partner_api"),
)  # fmt: skip


def _kinds(config: Path, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the first destination or source of each kind in gateway.toml, of which the demo needs one each."""
    found: list[dict[str, Any]] = []
    for table, kind in _KINDS:
        one = next((s for s in settings.get(table, {}).values() if s.get("kind") == kind), None)
        if one is None:
            raise SettingsError([Fault(str(config), f"the demo needs one of {table} of kind {kind}")])
        found.append(one)
    return found


def _write_secrets(
    home: Path, shop: Mapping[str, Any], source: Mapping[str, Any], store: Mapping[str, Any], chain: Mapping[str, Any]
) -> None:
    secrets = (
        (shop["api_key"], _API_KEY), (source["password"], _PASSWORD), (store["access_key"], _ACCESS),
        (store["shared_secret"], _SECRET), (chain["tokens"]["all"], _TOKEN),
    )  # fmt: skip
    for reference, secret in secrets:
        if not isinstance(reference, dict) or "file" not in reference:
            raise SettingsError("The demo writes its secrets to files: expected { file = ... } in gateway.toml.")
        _write(home / reference["file"], secret)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n", "utf-8")
    path.chmod(0o600)
