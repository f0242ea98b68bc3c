"""What every destination must do, run on all of ours: over the twins, a folder, and the doubles for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from gateway.contracts import check, contract
from gateway.contracts.prices import converted, price_issues
from gateway.contracts.reduced import discounted
from gateway.destinations import destinations
from gateway.destinations.files import FilesDestination, FilesSettings
from gateway.destinations.mirakl import MiraklDestination, MiraklSettings
from gateway.destinations.partner_api import PartnerApiDestination, PartnerApiSettings
from gateway.destinations.sage import SageDestination, SageSettings
from gateway.destinations.sellerscommerce import SellersCommerceDestination, SellersCommerceSettings
from gateway.errors import OutcomeUnknown
from gateway.issues import WARNINGS
from gateway.journal import open_journal
from gateway.journal import tables as t
from gateway.model import (
    ABSENT,
    ISSUE_SCHEMA,
    KEY,
    KEY_SEPARATOR,
    LINE,
    OUTCOME_SCHEMA,
    ROW,
    UNKNOWN,
    Batch,
    Destination,
    Operation,
    Receipt,
    Reference,
    Repeat,
    Spec,
)
from gateway.testing.bulk import BulkDestination, BulkSettings
from gateway.testing.clock import FakeClock, RealClock
from gateway.testing.drive import FreeBudget, as_sent, encode, send, settle, states
from gateway.testing.hostile import (
    HostileDestination,
    HostileSettings,
    Step,
    effects_per_key,
    final_state,
)
from gateway.testing.rig import Rig
from gateway.testing.texts import mapping
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


@pytest.fixture(params=sorted(BENCHES))
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as exits:
        yield BENCHES[request.param](World(tmp_path, exits))


def stock(count: int = 12, quantity: str = "7", **more: str) -> pl.DataFrame:
    skus = [f"S{number}" for number in range(count)]
    frame = pl.DataFrame({"sku": skus}, schema={"sku": pl.String}).with_columns(
        pl.int_range(50, 50 + pl.len(), dtype=pl.UInt32).alias("effect"),
        pl.concat_str("sku", pl.lit("\x1f")).alias(KEY),
        pl.lit(quantity).alias("quantity"),
        pl.lit("2026-11-22T09:30:00Z").alias("timestamp"),
        pl.lit(None, pl.String).alias("command"),
    )
    return frame.with_columns(pl.lit(value).alias(name) for name, value in more.items())


# ---------------------------------------------------------------- shape


def test_every_destination_of_ours_is_under_test():
    assert set(destinations()) <= set(BENCHES)


def test_it_is_a_destination_with_its_capabilities_as_data(bench):
    destination = bench.build()
    assert isinstance(destination, Destination)
    assert isinstance(destination.SPEC, Spec)
    assert destination.account
    assert destination.operations
    for operation in destination.operations:
        assert operation.batch_size is None or operation.batch_size >= 1
        assert operation.fields
        assert isinstance(operation.repeat, Repeat)
        assert operation.deadline > 0
        for requirement in operation.requires:
            assert set(requirement.where.meta.root_names()) <= set(requirement.columns)


def test_settings_refuse_what_they_do_not_know(bench):
    with pytest.raises(ValueError, match="colour"):
        bench.build(colour="red")


def test_checking_is_pure_and_gives_issues(bench):
    destination, records = (
        bench.build(),
        stock().with_columns(
            pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(ROW),
            pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias(LINE),
        ),
    )
    name = destination.operations[0].name
    found = destination.check(name, records, destination.gather(name, records), date(2026, 11, 22))
    assert found.schema == ISSUE_SCHEMA
    assert found.height == 0


# ---------------------------------------------------------------- encode


def test_encoding_is_pure_and_repeatable(bench):
    records = stock()
    before = records.clone()
    first, second = encode(bench.build(), records), encode(bench.build(), records)
    assert records.equals(before)
    assert [(one.body, one.slot, one.effects.rows(), one.memo) for one in first] == [
        (one.body, one.slot, one.effects.rows(), one.memo) for one in second
    ]


def test_encoding_loses_no_effect_and_names_each_place_once(bench):
    batches = encode(bench.build(), stock(23))
    assert sorted(effect for batch in batches for effect in batch.effects["effect"]) == list(range(50, 73))
    for batch in batches:
        assert batch.effects.schema == {"effect": pl.UInt32, "line": pl.Int64}
        assert batch.effects["line"].n_unique() == batch.effects.height
        assert all(isinstance(value, str) for value in batch.memo.values())


def test_encoding_keeps_the_limits(bench):
    batches = encode(bench.build(), stock(23))
    assert len(batches) == 5
    for batch in batches:
        assert 1 <= batch.effects.height <= bench.limit
        assert len(batch.body) <= bench.size


def test_empty_input_gives_no_batch(bench):
    assert encode(bench.build(), stock(0)) == []
    assert encode(bench.build(), stock().clear()) == []


def test_absent_columns_and_columns_of_others_do_no_harm(bench):
    bare = stock().select("effect", KEY, "sku", "quantity", "timestamp")
    other = stock().with_columns(pl.lit("x").alias("colour"))
    assert [one.body for one in encode(bench.build(), bare)] == [one.body for one in encode(bench.build(), other)]


def test_zero_is_sent_as_zero(bench):
    (batch,) = encode(bench.build(), stock(1, quantity="0"))
    assert b"0" in batch.body


# ---------------------------------------------------------------- sending


def confirmed(bench):
    """Return what rows of levels end as where all went well, as declared."""
    return bench.build().operations[0].confirms


def test_rows_are_applied_and_a_rebuilt_object_can_poll(bench):
    records = stock(5, quantity="31")
    (batch,) = encode(bench.build(), records)
    receipt = send(bench.build(), batch, clock=CLOCK)
    assert receipt.ticket
    final = settle(bench.build(), batch, receipt, clock=CLOCK)
    assert set(states(batch, records, final).values()) == {confirmed(bench)}
    assert all(isinstance(name, str) and isinstance(body, bytes) for name, body in final.raw)
    if final.outcomes is not None:
        assert final.outcomes.schema in (OUTCOME_SCHEMA, {**OUTCOME_SCHEMA, "field": pl.String})
    if bench.applied is not None:
        assert {bench.applied()[f"S{number}"] for number in range(5)} == {"31"}


def test_several_batches_of_one_consignment_settle(bench):
    records, destination = stock(12, quantity="4"), bench.build()
    result: dict[str, str] = {}
    for batch in encode(destination, records):
        result |= states(batch, records, settle(destination, batch, send(destination, batch, clock=CLOCK), clock=CLOCK))
    assert result == dict.fromkeys(records[KEY], confirmed(bench))


def test_polling_nothing_is_nothing(bench):
    assert bench.build().poll([]) == {}


def test_a_closed_batch_may_be_asked_about_again(bench):
    (batch,) = encode(bench.build(), stock(3))
    destination = bench.build()
    receipt = send(destination, batch, clock=CLOCK)
    first = settle(destination, batch, receipt, clock=CLOCK)
    again = destination.poll([as_sent(batch, first)]).get(1)
    assert again is None or states(batch, stock(3), again) == states(batch, stock(3), first)


def test_what_was_sent_is_found_as_declared(bench):
    destination = bench.build()
    (batch,) = encode(destination, stock(3))
    before = destination.find(as_sent(batch, None))
    assert before in {ABSENT, UNKNOWN}
    receipt = send(destination, batch, clock=CLOCK)
    found = destination.find(as_sent(batch, receipt))
    assert isinstance(found, Receipt)
    assert found.ticket == receipt.ticket
    lost = destination.find(as_sent(batch, None))
    if not destination.operations[0].searchable:
        assert lost is UNKNOWN
    elif isinstance(destination, BulkDestination):
        assert lost is ABSENT
    else:
        assert isinstance(lost, Receipt)


def test_a_repeat_ends_as_declared(bench):
    records, destination = stock(3, quantity="9"), bench.build()
    (batch,) = encode(destination, records)
    for _ in range(2):
        final = settle(destination, batch, send(destination, batch, clock=CLOCK), clock=CLOCK)
    if destination.operations[0].repeat is not Repeat.NEVER:
        assert set(states(batch, records, final).values()) == {confirmed(bench)}
    if bench.applied is not None:
        assert bench.applied()["S1"] == "9"


def test_probe_is_one_line_and_close_may_come_twice(bench):
    destination = bench.build()
    line = destination.probe()
    assert line
    assert "\n" not in line
    destination.close()
    destination.close()


# ---------------------------------------------------------------- every operation

OPERATIONS = (
    ("sage", "stock", "stock"),
    ("sage", "stock", "catalog"),
    ("sage", "product", "catalog"),
    ("sage", "promotion", "promotion"),
    ("sage", "picture", "picture"),
    ("mirakl", "stock", "stock"),
    ("mirakl", "product", "catalog"),
    ("mirakl", "offer", "catalog"),
    ("mirakl", "price", "catalog"),
    ("mirakl", "stock", "catalog"),
    ("mirakl", "price", "price"),
    ("mirakl", "discount", "promotion"),
    ("sellerscommerce", "stock", "stock"),
    ("sellerscommerce", "stock", "catalog"),
    ("sellerscommerce", "product", "catalog"),
    ("sellerscommerce", "price", "price"),
    ("sellerscommerce", "price", "catalog"),
    ("sellerscommerce", "promotion", "promotion"),
    ("partner_api", "stock", "stock"),
    ("partner_api", "stock", "catalog"),
    ("partner_api", "price", "price"),
    ("partner_api", "price", "catalog"),
    ("partner_api", "create", "catalog"),
    ("partner_api", "promotion", "promotion"),
)
"""Destination, operation and contract: what the tests below run."""
UNDER_TEST = {name for name, _, _ in OPERATIONS}


@dataclass
class Try:
    """One operation of a destination, and how its records are made."""

    bench: Bench
    name: str
    contract: str

    @property
    def operation(self) -> Operation:
        found = self.bench.build().operations
        return next(one for one in found if (one.name, one.contract) == (self.name, self.contract))

    @property
    def sender(self) -> Operation:
        """The operation whose encoder sends the rows: what a promotion comes to is sent by that of base prices."""
        operation = self.operation
        if operation.wanted != "promotion":
            return operation
        found = self.bench.build().operations
        return next(one for one in found if one.wanted == "base" and one.family == operation.family)

    def rows(self, count: int = 12) -> pl.DataFrame:
        """Sound rows: the contract's own examples of what is transmitted, each about another article, no variants."""
        agreed = contract(self.contract)
        skipped = {"sku", "product_id", "barcode", "barcode_type", "vendor_ids"}
        wanted = {
            *self.operation.fields,
            *self.operation.context,
            *self.operation.when,
            "price_basis",
            "tax_rate",
            "currency",
        } - skipped
        alike = {
            name: one.example
            for name, one in agreed.fields.items()
            if one.example and name in wanted and not name.startswith("variant")
        }
        alike |= {name: "true" for name in agreed.permits if name in wanted}
        return pl.select(pl.int_range(count, dtype=pl.UInt32).alias("effect")).select(
            (pl.col("effect") + 50).alias("effect"),
            (pl.col("effect") + 2).cast(pl.Int64).alias(ROW),
            (pl.col("effect") + 2).cast(pl.Int64).alias(LINE),
            pl.concat_str(pl.lit("S"), "effect").alias("sku"),
            pl.lit(None, pl.String).alias("command"),
            *(pl.lit(text).alias(name) for name, text in alike.items()),
        )

    def records(self, count: int = 12) -> pl.DataFrame:
        """The rows as `encode` gets them: effect, key, command and the sender's fields, prices in its terms."""
        operation, rows = self.sender, self.rows(count)
        if self.operation.wanted == "promotion":  # what the example comes to
            regular = pl.lit(contract(self.contract).fields["regular_price"].example)
            rows = rows.with_columns(price=discounted(regular, pl.col("percentage"), 2))
        if operation.prices is not None:
            rows = converted(rows, operation.prices)
        key = operation.key or contract(self.contract).key
        parts = [pl.col(name).fill_null("") if name in rows.columns else pl.lit("") for name in key]
        fields = [name for name in (*operation.fields, *operation.context) if name in rows.columns]
        return rows.select("effect", pl.concat_str(parts, separator=KEY_SEPARATOR).alias(KEY), "command", *fields)

    def encode(self, records: pl.DataFrame) -> list[Batch]:
        destination = self.bench.build()
        name = self.sender.name
        return list(destination.encode(name, records, destination.gather(name, records)))


@pytest.fixture(params=OPERATIONS, ids="-".join)
def attempt(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Try]:
    kind, name, agreed = request.param
    with ExitStack() as exits:
        yield Try(BENCHES[kind](World(tmp_path, exits)), name, agreed)


@pytest.mark.parametrize("name", sorted(UNDER_TEST))
def test_every_operation_is_under_test(name, tmp_path):
    with ExitStack() as exits:
        found = BENCHES[name](World(tmp_path, exits)).build().operations
    assert [(name, one.name, one.contract) for one in found] == [one for one in OPERATIONS if one[0] == name]
    assert (name in WANTED) == any(one.wanted is not None for one in found)


def test_an_operation_fits_its_contract(attempt):
    operation, agreed = attempt.operation, contract(attempt.contract)
    named = {
        *operation.fields,
        *operation.context,
        *operation.when,
        *(one for rule in operation.requires for one in rule.columns),
    }
    named |= {operation.measure} if operation.measure is not None else set()
    named |= {*operation.prices.fields} if operation.prices is not None else set()
    named -= {f"{agreed.open_prefix}*", *(set(operation.context) & agreed.permits.keys())}
    assert {name for name in named if not agreed.has(name)} == set()
    family = [one for one in attempt.bench.build().operations if one.family == operation.family]
    assert len({one.key or contract(one.contract).key for one in family}) == 1
    for rule in operation.requires:
        assert set(rule.where.meta.root_names()) <= set(rule.columns)


def test_sound_rows_pass_its_requirements_and_checks(attempt):
    operation, rows = attempt.operation, attempt.rows()
    found = check(contract(attempt.contract), rows, requires=operation.requires).issues
    told = [found, attempt.bench.build().check(attempt.name, rows, Reference(), date(2026, 11, 22))]
    told += [price_issues(rows, operation.prices)] if operation.prices is not None else []
    for one in told:
        assert one.schema == ISSUE_SCHEMA
        assert one.filter(~pl.col("code").is_in(sorted(WARNINGS))).rows() == []


def test_its_encoding_is_pure_and_loses_nothing(attempt):
    records = attempt.records(23)
    before = records.clone()
    first, second = attempt.encode(records), attempt.encode(records)
    assert records.equals(before)
    assert [(one.body, one.slot, one.memo) for one in first] == [(one.body, one.slot, one.memo) for one in second]
    assert sorted(effect for one in first for effect in one.effects["effect"]) == list(range(50, 73))
    for one in first:
        assert one.operation == attempt.sender.name
        assert one.effects.height <= attempt.bench.limit
        assert one.effects["line"].n_unique() == one.effects.height
        assert len(one.body) <= attempt.bench.size
    assert attempt.encode(attempt.records(0)) == []


def test_its_rows_are_applied_found_and_may_be_repeated_as_declared(attempt):
    records, destination = attempt.records(5), attempt.bench.build()
    (batch,) = attempt.encode(records)
    for _ in range(1 if attempt.sender.repeat is Repeat.NEVER else 2):
        receipt = send(attempt.bench.build(), batch, clock=CLOCK)
        assert isinstance(destination.find(as_sent(batch, receipt)), Receipt)
        final = settle(destination, batch, receipt, clock=CLOCK)
        assert set(states(batch, records, final).values()) == {"applied"}
    assert destination.probe()


def test_rows_that_only_know_their_key_are_ended_where_declared(attempt):
    operation = attempt.sender
    if not operation.ends:
        return  # rows without their other fields are never given to it
    key = [*(operation.key or contract(attempt.contract).key)]
    full = attempt.records(3)
    bare = full.select("effect", KEY, pl.lit("end").alias("command"), *(n for n in key if n in full.columns))
    gone = bare.with_columns(full["timestamp"]) if "timestamp" in full.columns else bare
    destination = attempt.bench.build()
    for records in (full, gone):
        (batch,) = attempt.encode(records)
        final = settle(destination, batch, send(destination, batch, clock=CLOCK), clock=CLOCK)
        assert set(states(batch, records, final).values()) == {"applied"}


# ---------------------------------------------------------------- promotions where there are prices only


def hostile_prices(world: World) -> Bench:
    log = world.root / "effects.jsonl"

    def build(**more: Any) -> Destination:
        chosen = HostileSettings(**{"log": log, **PRICES_ONLY, **more})
        return HostileDestination(chosen, clock=CLOCK, account="hostile", name="hostile")

    prices = lambda: {key: str(one["price"]) for key, one in final_state(log).items()}  # noqa: E731  one short reading
    return Bench(build, 10**9, prices=prices)


WANTED = {"sellerscommerce": sellerscommerce, "hostile": hostile_prices}
"""Destinations that are sent wanted prices."""
FIELDS = """sku = "sku"
price = { column = "price", optional = true }
price_basis = { constant = "gross" }
command = { column = "command", optional = true }
"""
PRICES = mapping("price", FIELDS)
PROMOTIONS = mapping(
    "promotion",
    FIELDS
    + """percentage = { column = "percentage", optional = true }
starts_at = { column = "starts", optional = true }
ends_at = { column = "ends", optional = true }
""",
)


class Gateway:
    """A gateway on one destination; hours are counted from its start. `again`: the one after a restart."""

    def __init__(self, bench: Bench, root: Path, clock: FakeClock) -> None:
        self.bench, self.root, self.clock, self.start, self.number = bench, root, clock, clock.now(), 0
        self.rig = Rig(root, bench.build(), clock, mapping=PRICES, more=(PROMOTIONS,))

    def again(self) -> None:
        self.rig.close()
        self.rig = Rig(self.root, self.bench.build(), self.clock, mapping=PRICES, more=(PROMOTIONS,))

    def drop(self, kind: str, columns: str, *rows: str) -> str:
        self.number += 1
        self.clock.advance(1)
        return self.rig.drop(f"{kind}-{self.number}.csv", "\n".join([columns, *rows, ""]))

    def at(self, hour: float) -> str:
        return f"{self.start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"

    def later(self, hour: float) -> None:
        self.clock.advance((self.start + timedelta(hours=hour) - self.clock.now()).total_seconds())
        self.rig.advance(2)

    def calls(self) -> list[tuple[str, int]]:
        """Operation and records of each call so far."""
        with self.rig.journal.read() as tx:
            return [(one.operation, one.records) for one in tx.execute(sa.select(t.batch).order_by(t.batch.c.id))]

    def prices(self) -> dict[str, str]:
        assert self.bench.prices is not None
        return self.bench.prices()


@pytest.fixture(params=sorted(WANTED))
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    with ExitStack() as exits:
        made = Gateway(WANTED[request.param](World(tmp_path, exits)), tmp_path / "gateway", FakeClock())
        yield made
        made.rig.close()


def test_base_and_promotion_in_force_are_one_call_and_the_end_restores_the_base(shop):
    promotion = shop.drop("promotion", "sku,price,starts,ends", f"S0,15,{shop.at(-1)},{shop.at(1)}")
    base = shop.drop("price", "sku,price", "S0,20", "S1,30")
    shop.rig.advance()
    (call,) = shop.calls()
    assert call[1] == 2
    assert shop.prices().items() >= {"S0": "15", "S1": "30"}.items()
    assert shop.rig.states(promotion) == {"applied": 1}
    assert shop.rig.states(base) == {"applied": 2}
    shop.again()
    shop.later(1.5)
    assert shop.calls()[1:] == [(call[0], 1)]
    assert shop.prices().items() >= {"S0": "20", "S1": "30"}.items()


def test_a_promotion_begins_and_ends_at_its_boundaries_and_a_base_price_between_is_what_is_restored(shop):
    shop.drop("price", "sku,price", "S0,20")
    shop.rig.advance()
    run = shop.drop("promotion", "sku,percentage,starts,ends", f"S0,25,{shop.at(1)},{shop.at(3)}")
    shop.rig.advance()
    assert (shop.prices()["S0"], shop.rig.states(run)) == ("20", {"scheduled": 1})
    shop.later(1.5)
    assert (shop.prices()["S0"], shop.rig.states(run)) == ("15", {"applied": 1})
    shop.drop("promotion", "sku,price,starts,ends", f"S0,10,,{shop.at(2)}")
    hidden = shop.drop("price", "sku,price", "S0,30")
    shop.rig.advance()
    assert shop.prices()["S0"] == "10"
    assert shop.rig.results(hidden)["code"].to_list() == ["PRICE_HIDDEN"]
    shop.later(2.5)
    assert shop.prices()["S0"] == "22.5"
    shop.later(3.5)
    assert shop.prices()["S0"] == "30"
    assert {operation for operation, _ in shop.calls()} == {shop.rig.lane.base().name}


def test_an_ended_promotion_restores_the_base_at_once_and_equal_rows_send_nothing(shop):
    shop.drop("price", "sku,price", "S0,20")
    row = f"S0,15,{shop.at(-1)},{shop.at(5)}"
    shop.drop("promotion", "sku,price,starts,ends", row)
    shop.rig.advance()
    known = len(shop.calls())
    shop.drop("promotion", "sku,price,starts,ends", row, "")
    shop.rig.advance()
    assert (shop.prices()["S0"], len(shop.calls())) == ("15", known)
    shop.drop("promotion", "sku,command,starts,ends", f"S0,end,{shop.at(-1)},{shop.at(5)}")
    shop.rig.advance()
    assert (shop.prices()["S0"], len(shop.calls())) == ("20", known + 1)


# ---------------------------------------------------------------- the double for tests


def test_the_hostile_one_counts_what_a_blind_repeat_does(tmp_path):
    with ExitStack() as exits:
        bench = hostile(World(tmp_path, exits))
        destination = bench.build(script=(Step(does="drop_after"),), batch_size=None)
        (batch,) = encode(destination, stock(2))
        with pytest.raises(OutcomeUnknown):
            destination.submit(batch)
        assert isinstance(destination.find(as_sent(batch, None)), Receipt)
        destination.submit(batch)
        assert set(effects_per_key(tmp_path / "effects.jsonl").values()) == {2}
