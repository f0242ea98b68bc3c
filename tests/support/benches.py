"""Every destination of ours with a world of its own: a twin, a folder, a double for tests. A new one gets a bench."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway.destinations.files import FilesDestination, FilesSettings
from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings
from gateway.destinations.sage import SageDestination, SageSettings
from gateway.destinations.sellerscommerce import SellersCommerceDestination, SellersCommerceSettings
from gateway.journal import open_journal
from gateway.model import (
    Destination,
)
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import RealClock
from gateway.testing.drive import FreeBudget
from gateway.testing.hostile import (
    HostileDestination,
    HostileSettings,
    final_state,
)
from gateway.testing.wanted import PRICES_ONLY
from gateway.transport.http import RetryPolicy, connect
from gateway.twin.mirakl import MiraklTwin, MiraklTwinSettings, ShopKey
from gateway.twin.partner import Chain, Item, Login, PartnerTwin, PartnerTwinSettings, Token, Vendor
from gateway.twin.sage import SageTwin, SageTwinSettings
from gateway.twin.sellerscommerce import Account, SellersCommerceTwin, SellersCommerceTwinSettings

SECRET = "conformance-key-77f1"
SKUS = tuple(f"S{number}" for number in range(12))
CLOCK = RealClock()


@dataclass
class Bench:
    """One destination with its world. `build` makes a new object over the same world."""

    build: Callable[..., Destination]
    limit: int
    size: int = 10**9
    applied: Callable[[], dict[str, str]] | None = None
    prices: Callable[[], dict[str, str]] | None = None


@dataclass
class World:
    """Where a bench may put files and what it must give back at the end."""

    root: Path
    exits: ExitStack


def mirakl(world: World) -> Bench:
    at_once = dict.fromkeys(
        ("waiting_seconds", "running_seconds", "sent_seconds", "details_seconds", "export_seconds"), 0.0
    )
    settings = MiraklTwinSettings(keys=(ShopKey(SECRET),), limits={}, currency="EUR", **at_once)
    twin = world.exits.enter_context(MiraklTwin(dict.fromkeys(SKUS, 1), settings=settings))
    budget = FreeBudget()
    categories = world.root / "categories.csv"
    categories.write_text("category;code\nClothing\\Shirts;GOODS\n", "utf-8")
    codes = {"sku": "sku_code", "name": "title", "category": "category_code", "short_description": ""}
    catalog = {
        "price_basis": "gross", "currency": "EUR", "categories": categories, "product_columns": codes,
        "image_columns": ("image_1", "image_2"), "offer_reference": "shop_sku",
        **dict.fromkeys(("product_batch_size", "offer_batch_size", "price_batch_size"), 5),
    }  # fmt: skip

    def build(**more: Any) -> Destination:
        chosen = MiraklSettings(
            **{
                "host": twin.url,
                "api_key": SecretStr(SECRET),
                "batch_size": 5,
                "timeout": 2.0,
                "report_tries": 2,
                **catalog,
                **more,
            }
        )
        transport = connect(chosen.access(), account="shop", clock=CLOCK, budget=budget, policy=RetryPolicy(attempts=1))
        world.exits.callback(transport.close)
        return MiraklDestination(chosen, transport=transport, clock=CLOCK, account="shop", name="saks")

    levels = lambda: {sku: str(quantity) for sku, quantity in twin.offers().items()}  # noqa: E731  one short reading
    return Bench(build, 5, applied=levels)


def sage(world: World) -> Bench:
    settings = SageTwinSettings(read_seconds=0.0, answer_seconds=0.0)
    twin = world.exits.enter_context(SageTwin(world.root / "out", world.root / "in", settings=settings))

    def build(**more: Any) -> Destination:
        folders = {"outbox": world.root / "out", "results": world.root / "in", "profile": "acme"}
        limits = {"max_records": 5, "picture_max_records": 5, "max_bytes": 100_000}
        return SageDestination(SageSettings(**{**folders, **limits, **more}), clock=CLOCK, account="sage", name="sage")

    return Bench(build, 5, size=100_000, applied=twin.stock)


def partner_api(world: World) -> Bench:
    """A chain of one vendor, so that rows need not name it."""
    chain = Chain("c-1", (Vendor("v1"),), tokens=(Token("all", SECRET),))
    at_once = dict.fromkeys(("queued_seconds", "running_seconds", "promotion_queued_seconds"), 0.0)
    settings = PartnerTwinSettings(chains=(chain,), calls_per_window=0, create_products=True, **at_once)
    goods = [Item(sku, price="90", active=True) for sku in (*SKUS, *(f"S{number}" for number in range(12, 30)))]
    twin = world.exits.enter_context(PartnerTwin(goods, settings=settings))
    budget, categories = FreeBudget(), world.root / "categories.csv"
    categories.write_text("category;code\nClothing\\Shirts;0b1d7a52-63a5-4b55-9a33-000000000003\n", "utf-8")
    limits = {"max_products": 5, "max_promotion_pairs": 5, "requests_per_minute": 60_000}
    keys = {"rest": {"limits": limits}, "features": {"create_products": True}}

    def build(**more: Any) -> Destination:
        told = {
            "brand": "foodpanda", "channel": "rest", "host": twin.url, "chain_id": "c-1", "vendors": {"v1": {}},
            "tokens": {"all": SecretStr(SECRET)}, "price_basis": "gross", "currency": "EUR", "timeout": 2.0,
            "archive": world.root / "sent", "keys": keys, "categories": categories,
        }  # fmt: skip
        chosen = PartnerApiSettings(**{**told, **more})
        access = chosen.access()
        assert access is not None
        transport = connect(access, account="chain", clock=CLOCK, budget=budget, policy=RetryPolicy(attempts=1))
        world.exits.callback(transport.close)
        return PartnerApiDestination(chosen, transport=transport, clock=CLOCK, account="chain", name="panda")

    levels = lambda: {row["sku"]: str(row["quantity"]) for row in twin.shelf()}  # noqa: E731  one short reading
    return Bench(build, 5, applied=levels)


def sellerscommerce(world: World) -> Bench:
    account = Account("conformance-user-77f1", SECRET)
    twin = world.exits.enter_context(
        SellersCommerceTwin(settings=SellersCommerceTwinSettings(accounts=(account,), check_upc=False))
    )
    for sku in SKUS:
        twin.put_sku(sku, 1)
    budget, tokens = FreeBudget(), open_journal(world.root / "state", CLOCK)
    world.exits.callback(tokens.close)
    keys = {"access_key": SecretStr(account.access_key), "shared_secret": SecretStr(SECRET), "host": twin.url}
    sizes = dict.fromkeys(("stock_batch_size", "price_batch_size", "product_batch_size"), 5)
    catalog = {"price_basis": "gross", "currency": "EUR", "ended": "status"}

    def build(**more: Any) -> Destination:
        chosen = SellersCommerceSettings(**{**keys, **sizes, **catalog, "timeout": 2.0, **more})
        transport = connect(
            chosen.access(), account="store", clock=CLOCK, budget=budget, policy=RetryPolicy(attempts=1),
            tokens=tokens.tokens(),
        )  # fmt: skip
        world.exits.callback(transport.close)
        return SellersCommerceDestination(chosen, transport=transport, clock=CLOCK, account="store", name="store")

    shown = lambda name: {row["sku"]: str(row[name]) for row in twin.shelf()}  # noqa: E731  one short reading
    return Bench(build, 5, applied=lambda: shown("stock"), prices=lambda: shown("price"))


def partner_api_files(world: World) -> Bench:
    """The same chain by files, numbered where one is full, and read back by calls."""
    chain = Chain("c-1", (Vendor("v1"),), tokens=(Token("all", SECRET),), logins=(Login("u", SECRET),))
    feeds = dict.fromkeys(("catalog", "promotions", "assortment"), 0.0)
    at_once = dict.fromkeys(("pickup_seconds", "min_interval_seconds"), 0.0)
    settings = PartnerTwinSettings(
        chains=(chain,), calls_per_window=0, numbered_prefixes=True, file_seconds=feeds, **at_once
    )
    goods = [Item(sku, price="90", active=True) for sku in SKUS]
    twin = world.exits.enter_context(PartnerTwin(goods, settings=settings, files=world.root / "twin"))
    assert twin.drop is not None
    known, port, budget = world.root / "known_hosts", twin.drop.port, FreeBudget()
    known.write_text(f"{twin.drop.known_hosts_line}\n", "utf-8")
    keys = {
        "sftp": {"max_rows": {"catalog": 6}, "min_interval_s": 0}, "promo": {"split_strategy": "numbered_prefix"},
        "confirm": {"window_s": {"catalog": 0}}, "features": {"read_back": "pages"},
    }  # fmt: skip

    def build(**more: Any) -> Destination:
        told = {
            "brand": "foodpanda", "channel": "sftp", "host": twin.url, "chain_id": "c-1", "vendors": {"v1": {}},
            "tokens": {"all": SecretStr(SECRET)}, "timeout": 2.0, "archive": world.root / "sent", "keys": keys,
            "sftp_host": "127.0.0.1", "sftp_port": port, "sftp_user": "u", "sftp_password": SecretStr(SECRET),
            "sftp_known_hosts": known,
        }  # fmt: skip
        chosen = PartnerApiSettings(**{**told, **more})
        access = chosen.access()
        assert access is not None
        transport = connect(access, account="chain", clock=CLOCK, budget=budget, policy=RetryPolicy(attempts=1))
        made = PartnerApiDestination(chosen, transport=transport, clock=CLOCK, account="chain", name="panda")
        world.exits.callback(made.close)
        return made

    return Bench(build, 5)


def files(world: World) -> Bench:
    def build(**more: Any) -> Destination:
        chosen = FilesSettings(**{"folder": world.root, "format": "csv", "batch_size": 5, **more})
        return FilesDestination(chosen, clock=CLOCK, account="erp", name="files")

    return Bench(build, 5)


def hostile(world: World) -> Bench:
    def build(**more: Any) -> Destination:
        chosen = HostileSettings(**{"log": world.root / "effects.jsonl", "batch_size": 5, **more})
        return HostileDestination(chosen, clock=CLOCK, account="hostile", name="hostile")

    return Bench(build, 5)


def bulk(world: World) -> Bench:
    del world

    def build(**more: Any) -> Destination:
        return BulkDestination(BulkSettings(**{"batch_size": 5, **more}), clock=CLOCK, account="bulk", name="bulk")

    return Bench(build, 5)


BENCHES = {
    "mirakl": mirakl,
    "partner_api": partner_api,
    "partner_api by files": partner_api_files,
    "sage": sage,
    "files": files,
    "hostile": hostile,
    "bulk": bulk,
    "sellerscommerce": sellerscommerce,
}


def hostile_prices(world: World) -> Bench:
    log = world.root / "effects.jsonl"

    def build(**more: Any) -> Destination:
        chosen = HostileSettings(**{"log": log, **PRICES_ONLY, **more})
        return HostileDestination(chosen, clock=CLOCK, account="hostile", name="hostile")

    prices = lambda: {key: str(one["price"]) for key, one in final_state(log).items()}  # noqa: E731  one short reading
    return Bench(build, 10**9, prices=prices)


WANTED = {"sellerscommerce": sellerscommerce, "hostile": hostile_prices}
"""Destinations that are sent wanted prices."""
