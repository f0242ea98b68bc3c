"""A destination that takes everything and settles at once: what the gateway itself costs, for benchmarks and tests."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from typing import ClassVar

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from gateway.contracts import contract
from gateway.destinations import _json
from gateway.model import (
    ABSENT,
    Batch,
    Clock,
    Operation,
    Receipt,
    Reference,
    Repeat,
    RowState,
    Sent,
    Spec,
    Verdict,
    no_issues,
)
from gateway.transport.http import Transport

OPERATION = "write"


class BulkSettings(BaseModel):
    """One CSV body for all records, or JSON bodies of at most `batch_size` records."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_size: int | None = Field(default=None, ge=1, description="Records per call (JSON); unset: one CSV takes all.")
    contract: str = Field(default="stock", description="Contract of the records.")
    fields: tuple[str, ...] = Field(default=("sku", "quantity", "warehouse"), description="Contract fields to send.")
    drifts: bool = Field(default=False, description="Whether values can move without us: delta is off then.")


def _operation(settings: BulkSettings) -> Operation:
    known = contract(settings.contract)
    return Operation(
        name=OPERATION,
        contract=known.name,
        family=known.name,
        fields=settings.fields,
        batch_size=settings.batch_size,
        drifts=settings.drifts,
        repeat=Repeat.HARMLESS,
        searchable=True,
        ends="command" in known.fields,
    )


class BulkDestination:
    """Counts calls and records and keeps nothing else."""

    SPEC: ClassVar[Spec] = Spec(
        name="bulk",
        title="Bulk destination for benchmarks",
        settings=BulkSettings,
        operations=lambda settings: (_operation(settings),),
    )

    def __init__(
        self, settings: BulkSettings, *, transport: Transport | None = None, clock: Clock, account: str, name: str
    ) -> None:
        del transport, clock
        self._settings = settings
        self._account = account
        self._name = name
        self._operations = self.SPEC.operations(settings)
        self._taken: set[str] = set()
        self.calls = 0
        self.records = 0
        self.size = 0

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Write."""
        return self._operations

    @property
    def account(self) -> str:
        """The account's name."""
        return self._account

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Nothing is read."""
        del operation, records
        return Reference()

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Return no issues."""
        del operation, records, reference, today
        return no_issues()

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield one CSV (lines count the header) or JSON arrays (lines are positions from 1)."""
        del reference
        if not records.height:
            return
        absent = [pl.lit(None, pl.String).alias(name) for name in self._settings.fields if name not in records.columns]
        full = records.with_columns(absent)
        if self._settings.batch_size is None:
            out = io.BytesIO()
            full.select(self._settings.fields).write_csv(out, separator=";", quote_style="always")
            rows = full.select("effect", pl.int_range(2, pl.len() + 2, dtype=pl.Int64).alias("line"))
            yield Batch(operation, f"{self._account}:bulk", out.getvalue(), rows, _memo(full))
            return
        items = _objects(full.select(self._settings.fields))
        size = self._settings.batch_size
        line = (pl.int_range(pl.len(), dtype=pl.Int64) % size + 1).alias("line")
        rows = full.select("effect", line)
        for start, end in _json.cuts(items, records=size, size=None):
            body = _json.array(items.slice(start, end - start)).encode()
            part = rows.slice(start, end - start)
            yield Batch(operation, f"{self._account}:bulk", body, part, _memo(part))

    def submit(self, batch: Batch) -> Receipt:
        """Take it; all is applied."""
        self.calls += 1
        self.records += int(batch.memo["records"])
        self.size += len(batch.body)
        ticket = uuid.uuid4().hex
        self._taken.add(ticket)
        return Receipt(ticket=ticket, closed=True, rest=RowState.APPLIED)

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Everything was settled at once."""
        settled = Receipt(closed=True, rest=RowState.APPLIED)
        return {item.batch_id: settled for item in sent if item.ticket is not None}

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Known while this object lives."""
        if sent.ticket is None or sent.ticket not in self._taken:
            return ABSENT
        return Receipt(ticket=sent.ticket, closed=True, rest=RowState.APPLIED)

    def probe(self) -> str:
        """Say how much came."""
        return f"{self._name}: {self.calls} calls, {self.records} records"

    def close(self) -> None:
        """Nothing is held open."""


def _objects(values: pl.DataFrame) -> pl.Series:
    """One JSON object per row; a missing value has no member."""
    if not sum(values.null_count().row(0)):
        return values.select(json=pl.struct(pl.all()).struct.json_encode()).to_series()
    return _json.objects(values, [(name, _json.quoted(pl.col(name))) for name in values.columns])


def _memo(rows: pl.DataFrame) -> dict[str, str]:
    return {"records": str(rows.height)}
