"""What every operation of a destination must do with rows of each contract it writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from support.benches import BENCHES, CLOCK, WANTED, Bench, World

from gateway.contracts import check, contract
from gateway.contracts.prices import converted, price_issues
from gateway.contracts.reduced import discounted
from gateway.issues import WARNINGS
from gateway.model import (
    ISSUE_SCHEMA,
    KEY,
    KEY_SEPARATOR,
    LINE,
    ROW,
    Batch,
    Operation,
    Receipt,
    Reference,
    Repeat,
)
from gateway.testing.drive import as_sent, send, settle, states

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
