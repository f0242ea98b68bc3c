"""A destination whose every misdeed is written down beforehand, and which counts what it did to each key.

All it knows stands in one file of JSON lines, each flushed before the next step: a gateway that was killed is judged by
that file, and a new process goes on where the old one stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from gateway.destinations import _json
from gateway.errors import CallRefused, OutcomeUnknown, Refused, Throttled, Unreachable
from gateway.model import (
    ABSENT,
    EACH,
    INSTEAD,
    KEY,
    LINE,
    OUTCOME_SCHEMA,
    REGULAR,
    ROW,
    UNKNOWN,
    Batch,
    Clock,
    Operation,
    PriceTerms,
    Receipt,
    Reference,
    Repeat,
    Requirement,
    RowState,
    Sent,
    Spec,
    Verdict,
    no_issues,
)
from gateway.transport.hook import Hook
from gateway.transport.http import Transport

OPERATION = "write"
KILLED = 137
"""Exit code of a process that a step of the script killed."""

Misdeed = Literal[
    "take",
    "drop_before",
    "drop_after",
    "throttle",
    "refuse",
    "refuse_call",
    "refuse_form",
    "uncertain",
    "never_close",
    "kill_before",
    "kill_after",
]


class Step(BaseModel):
    """What happens to one call of `submit`.

    take: as it should be; drop_before: connection lost, nothing done (Unreachable); drop_after: done, no answer
    (OutcomeUnknown); throttle: Throttled after `seconds`; refuse: the rows of `keys` are refused; refuse_call: Refused;
    refuse_form: CallRefused; uncertain: the batch closes without saying what became of its rows; never_close: it stays
    open for ever; kill_before, kill_after: the process dies before or after the effects are written down.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    does: Misdeed = "take"
    keys: tuple[str, ...] = ()
    seconds: float = Field(default=1.0, ge=0)
    polls: int = Field(default=0, ge=0, description="How often the batch is asked about before it closes.")


class Further(BaseModel):
    """A further operation on the same records: a row has an effect of its own there."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: str
    family: str
    fields: tuple[str, ...]
    contract: str = ""
    """Contract of its records; "": that of the first."""
    context: tuple[str, ...] = ()
    key: tuple[str, ...] | None = None
    part: str = ""
    when: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    gathers: bool = False
    regular: str = ""
    reckoned: bool = False
    follows: bool = False
    instead: bool = False
    each: str | None = None
    every: tuple[str, ...] = ()
    budget: str = ""
    interval: float = 0.0
    prices: PriceTerms | None = None
    wanted: Literal["base", "promotion"] | None = None
    requires: tuple[Requirement, ...] = ()


class HostileSettings(BaseModel):
    """The script, and what the destination declares of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    log: Path = Field(description="File of JSON lines with every call and every effect.")
    script: tuple[Step, ...] = Field(default=(), description="One step per call of submit; then every call is taken.")
    contract: str = Field(default="stock", description="Contract of the records.")
    fields: tuple[str, ...] = Field(default=("sku", "quantity"), description="Contract fields to send.")
    batch_size: int | None = Field(default=None, ge=1, description="Records per call.")
    repeat: Repeat = Repeat.NEVER
    searchable: bool = Field(default=True, description="Whether `find` can tell; otherwise it answers unknown.")
    drifts: bool = False
    settle_first: bool = False
    budget: str = ""
    interval: float = Field(default=0.0, ge=0)
    slot_until: Literal["ticket", "settled"] = "ticket"
    deadline: float = Field(default=3600.0, gt=0)
    further: tuple[Further, ...] = Field(default=(), description="Operations beside the first.")
    unknown: tuple[str, ...] = Field(default=(), description="Keys `check` refuses once the destination was asked.")
    wanted: Literal["base", "promotion"] | None = Field(default=None, description="What the first operation sends.")
    prices: PriceTerms | None = Field(default=None, description="The form of its prices.")
    ends: bool = Field(default=True, description="Whether its records can be ended.")
    gathers: bool = Field(default=False, description="Whether it is asked about its records.")
    after: tuple[str, ...] = Field(default=(), description="Families that must be confirmed first.")
    look_interval: float = Field(default=0.05, ge=0, description="Seconds between two polls that are asked for.")
    webhook: Hook | None = Field(default=None, description="How events prove that they are the destination's.")

    def hook(self) -> Hook | None:
        """Return the webhook."""
        return self.webhook


def _operation(settings: HostileSettings) -> Operation:
    return Operation(
        name=OPERATION,
        contract=settings.contract,
        family=settings.contract,
        fields=settings.fields,
        batch_size=settings.batch_size,
        drifts=settings.drifts,
        repeat=settings.repeat,
        searchable=settings.searchable,
        deadline=settings.deadline,
        settle_first=settings.settle_first,
        budget=settings.budget,
        interval=settings.interval,
        slot_until=settings.slot_until,
        ends=settings.ends,
        wanted=settings.wanted,
        prices=settings.prices,
        gathers=settings.gathers,
        after=settings.after,
    )


def _operations(settings: HostileSettings) -> tuple[Operation, ...]:
    first = _operation(settings)
    more = [{n: getattr(one, n) for n in Further.model_fields} for one in settings.further]
    return (first, *(replace(first, **{**one, "contract": one["contract"] or first.contract}) for one in more))


class HostileDestination:
    """Does what the script says. Two objects over one file are one destination (not at the same time)."""

    SPEC: ClassVar[Spec] = Spec(
        name="hostile",
        title="Hostile destination for tests",
        settings=HostileSettings,
        operations=_operations,
    )

    def __init__(
        self, settings: HostileSettings, *, transport: Transport | None = None, clock: Clock, account: str, name: str
    ) -> None:
        del transport
        self._clock = clock
        self._settings = settings
        self._account = account
        self._name = name
        self._operations = self.SPEC.operations(settings)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Write."""
        return self._operations

    @property
    def account(self) -> str:
        """The account's name."""
        return self._account

    def gather(self, operation: str, records: pl.DataFrame) -> Reference:
        """Say which keys are unknown."""
        self._write({"gather": operation, "keys": records[KEY].to_list()})
        return Reference(taken_at=self._clock.now(), facts={"unknown": self._settings.unknown})

    def check(self, operation: str, records: pl.DataFrame, reference: Reference, today: date) -> pl.DataFrame:
        """Refuse unknown keys, once the destination was asked."""
        del operation, today
        bad = records.filter(pl.col(KEY).is_in(reference.facts.get("unknown", ()))) if KEY in records.columns else None
        if bad is None or not bad.height:
            return no_issues()
        said = {"code": "DEST_REFUSED", "field": "sku", "value": None, "detail": "unknown to the shop"}
        return bad.select(ROW, LINE, *(pl.lit(text, pl.String).alias(name) for name, text in said.items()))

    def encode(self, operation: str, records: pl.DataFrame, reference: Reference) -> Iterator[Batch]:
        """Yield JSON arrays of objects with `@key`, `command` and the fields; lines are positions from 1."""
        del reference
        if not records.height:
            return
        fields = next(one.fields for one in self._operations if one.name == operation)
        wanted = (KEY, "command", *fields, *(name for name in (EACH, INSTEAD, REGULAR) if name in records.columns))
        absent = [pl.lit(None, pl.String).alias(name) for name in wanted if name not in records.columns]
        full = records.with_columns(absent)
        items = _json.objects(full, [(name, _json.quoted(pl.col(name))) for name in wanted])
        for start, end in _json.cuts(items, records=self._settings.batch_size, size=None):
            part = full.slice(start, end - start)
            effects = part.select("effect", pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"))
            body = _json.array(items.slice(start, end - start)).encode()
            yield Batch(operation, f"{self._account}:{operation}", body, effects, {"digest": _digest(body)})

    def submit(self, batch: Batch) -> Receipt:
        """Follow the script's next step."""
        number = len(_calls(self._settings.log))
        script = self._settings.script
        step = script[number] if number < len(script) else Step()
        digest = _digest(batch.body)
        self._write({"call": number, "does": step.does, "digest": digest, "polls": step.polls, "keys": list(step.keys)})
        self._fail_before(step)
        records = json.loads(batch.body)
        effects = [record for record in records if record[KEY] not in step.keys] if step.does == "refuse" else records
        self._write({"effects": effects, "of": number, "operation": batch.operation})
        if step.does == "kill_after":
            os._exit(KILLED)
        if step.does == "drop_after":
            raise OutcomeUnknown("The hostile destination took the call and closed the connection.")
        return self._receipt(number)

    def _fail_before(self, step: Step) -> None:
        match step.does:
            case "kill_before":
                os._exit(KILLED)
            case "drop_before":
                raise Unreachable("The hostile destination closed the connection before anything was done.")
            case "throttle":
                raise Throttled("The hostile destination says: not now.", after=step.seconds)
            case "refuse_call":
                raise Refused("The hostile destination refuses the call.", status="400")
            case "refuse_form":
                raise CallRefused("The hostile destination does not take the form.", status="400")
            case _:
                return

    def poll(self, sent: Sequence[Sent]) -> dict[int, Receipt]:
        """Close each batch after as many polls as its step says."""
        receipts: dict[int, Receipt] = {}
        for item in sent:
            if item.ticket is not None:
                self._write({"poll": int(item.ticket)})
                receipts[item.batch_id] = self._receipt(int(item.ticket))
        return receipts

    def find(self, sent: Sent) -> Receipt | Verdict:
        """Look for effects of the same bytes: the last call that had any."""
        if not self._settings.searchable:
            return UNKNOWN
        entries = read_log(self._settings.log)
        done = {entry["of"] for entry in entries if "effects" in entry}
        calls = [entry["call"] for entry in entries if "call" in entry and entry["digest"] == sent.memo["digest"]]
        found = [number for number in calls if number in done]
        return self._receipt(found[-1]) if found else ABSENT

    def hear(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Receipt]:
        """Read `{"ticket": n}` or a list of them: the batch has ended, whatever polls say.

        Beside the ticket: `"refused": [keys]`, `"open": true` (not ended yet); `"later": seconds` instead of it all.
        """
        del headers
        said = json.loads(body)
        self._write({"heard": said})
        receipts: dict[str, Receipt] = {}
        for one in said if isinstance(said, list) else [said]:
            if "later" in one:
                raise Throttled("The hostile destination can't read the event now.", after=one["later"])
            ticket = str(one["ticket"])
            receipts[ticket] = Receipt(ticket) if one.get("open") else _ended(ticket, one.get("refused", ()))
        return receipts

    def probe(self) -> str:
        """Say how many calls came."""
        return f"{self._name}: {len(_calls(self._settings.log))} calls"

    def close(self) -> None:
        """Nothing is held open."""

    def _receipt(self, number: int) -> Receipt:
        entries = read_log(self._settings.log)
        call = next(entry for entry in entries if entry.get("call") == number)
        asked = sum(1 for entry in entries if entry.get("poll") == number)
        ticket = str(number)
        if call["does"] == "never_close" or asked < call["polls"]:
            return Receipt(ticket=ticket, after=self._settings.look_interval)
        if call["does"] == "uncertain":
            text = "the hostile destination does not say"
            return Receipt(ticket, closed=True, rest=RowState.UNCERTAIN, code="DEST_UNCERTAIN", message=text)
        raw = ((f"hostile-{number}.json", json.dumps(call).encode()),)
        return replace(_ended(ticket, call["keys"] if call["does"] == "refuse" else ()), raw=raw)

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._settings.log.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._settings.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            # A line feed on both sides: what comes after a line cut off by a kill must not be lost with it.
            os.write(handle, b"\n" + json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)


def _ended(ticket: str, refused: Sequence[str]) -> Receipt:
    rows = [(None, key, str(RowState.REFUSED), "DEST_REFUSED", "refused by script", None) for key in refused]
    outcomes = pl.DataFrame(rows, schema=OUTCOME_SCHEMA, orient="row")
    return Receipt(ticket, closed=True, rest=RowState.APPLIED, outcomes=outcomes)


def read_log(log: Path) -> list[dict[str, Any]]:
    """Return every entry of a log; a line cut off by a kill is left out. An absent log is empty."""
    entries: list[dict[str, Any]] = []
    for line in log.read_bytes().split(b"\n") if log.exists() else []:
        if line.startswith(b"{") and line.endswith(b"}"):
            with contextlib.suppress(ValueError):
                entries.append(json.loads(line))
    return entries


def effects_per_key(log: Path) -> Counter[str]:
    """Count how often each key was written to."""
    return Counter(record[KEY] for entry in read_log(log) for record in entry.get("effects", ()))


def final_state(log: Path) -> dict[str, dict[str, Any]]:
    """Return the last record written for each key."""
    return {record[KEY]: record for entry in read_log(log) for record in entry.get("effects", ())}


def _calls(log: Path) -> list[dict[str, Any]]:
    return [entry for entry in read_log(log) if "call" in entry]


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=12).hexdigest()
