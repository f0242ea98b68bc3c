"""Promotions as they stand at the platform while calls are built: heads, entries, last bodies; pure.

A promotion of which nothing is left ends by its last body with `active` false and everything else equal (verified).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from gateway.destinations.partner_api import items
from gateway.destinations.partner_api.memory import Record
from gateway.destinations.partner_api.profile import Profile
from gateway.model import KEY, KEY_SEPARATOR

SCHEMA = {"sku": pl.String, "key": pl.String, "subtype": pl.String, "value": pl.String, "active": pl.Boolean}
"""Entries of a promotion as remembered: one per SKU."""
RUNNING: dict[str, pl.DataType | type[pl.DataType]] = {
    "key": pl.String, "vendors": pl.List(pl.String), "name": pl.String,
}  # fmt: skip
"""What runs, as `apart` is given it."""
UNDO = "undo"
"""Memo of a batch: what runs before its calls of rows that are to run otherwise."""
ENDS = "ends"
"""Memo of a batch: lines of rows that end beside rows of their SKU that begin."""
_COLUMNS = tuple(SCHEMA)

Undo = Mapping[str, Any]
"""An entry as it runs: `line` of its row, `identity`, `sku`, `key`, `subtype`, `value`."""


@dataclass(slots=True)
class Promotion:
    """A promotion as it stands at the platform while calls are built: its head, entries, and the last body sent."""

    identity: str
    base: str
    part: int
    entries: pl.DataFrame
    body: str = ""
    until: str = ""

    @property
    def live(self) -> bool:
        """Whether anything of it is on."""
        return bool(self.entries["active"].any())

    @property
    def record(self) -> Record:
        """What is remembered of it."""
        told = {name: self.entries[name].to_list() for name in _COLUMNS}
        return {
            "identity": self.identity, "base": self.base, "part": self.part, "until": self.until, "body": self.body,
            "entries": told,
        }  # fmt: skip


def recalled(record: Record) -> Promotion:
    """Return a promotion as remembered."""
    entries = pl.DataFrame(record["entries"], schema=SCHEMA)
    return Promotion(
        record["identity"], record["base"], int(record["part"]), entries, record["body"], str(record["until"])
    )


@dataclass(slots=True)
class Shelf:
    """All promotions while calls are built, by identity."""

    known: dict[str, Promotion]
    profile: Profile
    where: dict[str, str] = field(default_factory=dict)
    """Key of a row to the promotion it is on in."""

    def __post_init__(self) -> None:
        for identity, one in self.known.items():
            on = one.entries.filter("active")
            self.where.update(dict.fromkeys(on["key"].to_list(), identity))

    def part(self, base: str, part: int, until: str) -> Promotion:
        """Return a promotion of a head; the first has its name, others a number after it."""
        identity = f"{base}#{part}"
        if identity not in self.known:
            self.known[identity] = Promotion(identity, base, part, pl.DataFrame(schema=SCHEMA), until=until)
        return self.known[identity]


def end(one: Promotion, where: pl.Expr, shelf: Shelf, steps: list[dict[str, Any]]) -> None:
    """End entries where `where` holds; adds the call it takes, if any."""
    touched = one.entries.filter(where & pl.col("active"))
    if not touched.height:
        return
    for key in touched["key"].to_list():
        shelf.where.pop(key, None)
    one.entries = one.entries.with_columns(active=pl.col("active") & ~where)
    if one.live:
        one.body = body_of(one, shelf.profile)
    else:
        one.body = ended(one.body)
    steps.append(step(one, touched["sku"].to_list()))


def ran(one: Promotion, rows: pl.DataFrame, shelf: Shelf) -> dict[str, str]:
    """Return the memo of a batch: what runs of rows that are to run otherwise, and which end beside such of their SKU.

    `rows`: those of the batch, in their order, with `on` and `base`.
    """
    lined = rows.with_row_index("line", 1)
    rising = lined.filter(pl.col("on") & pl.col("base").is_not_null())
    before = _undo(one, rising.select("line", KEY, "subtype", "value"), shelf)
    ends = lined.join(rising.select("line"), on="line", how="anti")
    beside = ends.filter(pl.col("sku").is_in(rising["sku"].implode()))["line"].to_list()
    memo = {UNDO: items.pack([json.dumps(entry) for entry in before])} if before else {}
    return memo | ({ENDS: json.dumps(beside)} if beside else {})


def _undo(one: Promotion, rising: pl.DataFrame, shelf: Shelf) -> list[Undo]:
    """Return what runs of rows that are to run otherwise; `rising`: `line`, `@key`, `subtype`, `value` of each."""
    found: list[Undo] = []
    for line, key, subtype, value in rising.rows() if shelf.where else ():
        identity = shelf.where.get(key)
        if identity is None:
            continue
        entries = shelf.known[identity].entries.filter(pl.col("active") & (pl.col("key") == key))
        for sku, _, old, worth, _ in entries.select(list(SCHEMA)).rows():
            if identity != one.identity or (old, worth) != (subtype, value):
                found.append({"line": line, "identity": identity, "sku": sku, "key": key, "subtype": old,
                              "value": worth})  # fmt: skip
    return found


def running(records: Iterable[Record]) -> pl.DataFrame:
    """Return what is on: `key`, `sku`, `promotion_id`, `starts_at`, `ends_at`, `name`, `vendors` (ids)."""
    frames = [pl.DataFrame(schema=RUNNING)]
    for record in records:
        head = json.loads(record["base"])
        on = recalled(record).entries.filter("active").select("key")
        name = next(iter(head["display_name"].values()))
        frames.append(on.with_columns(vendors=pl.lit(head["vendors"], pl.List(pl.String)), name=pl.lit(name)))
    return apart(pl.concat(frames))


def apart(running: pl.DataFrame) -> pl.DataFrame:
    """Return what is on with the parts of its `key`."""
    names = ("sku", "promotion_id", "starts_at", "ends_at", "item")
    parts = pl.col("key").str.splitn(KEY_SEPARATOR, len(names)).struct.rename_fields(names)
    return running.with_columns(parts.alias("parts")).unnest("parts").drop("item")


def without_ended(running: pl.DataFrame, keys: Collection[str]) -> pl.DataFrame:
    """Return what is on but what rows at hand end."""
    return running.filter(~pl.col("key").is_in(list(keys)))


def without(record: Record, skus: Collection[str]) -> Record:
    """Return what is remembered of a promotion without entries that are not in it; its last body stays as it was."""
    one = recalled(record)
    one.entries = one.entries.filter(~pl.col("sku").is_in(list(skus)))
    return {**record, **one.record}


def ended(body: str) -> str:
    """Return the request that ends a promotion: its last one with nothing but `active` changed."""
    return _dumped({**json.loads(body, parse_float=_Number, parse_int=_Number), "active": False})


def step(one: Promotion, skus: list[str]) -> dict[str, Any]:
    """Return the call that brings a promotion to where it stands now, what is remembered of it then, what it is about.

    `skus`: those of entries that the call begins, changes or ends.
    """
    return {"body": one.body, "record": one.record, "skus": skus}


class _Number(str):
    """A JSON number as it was written: it goes back as it came."""

    __slots__ = ()


def body_of(one: Promotion, profile: Profile) -> str:
    """Return the request of a promotion as it is to be: entries of one value stand together."""
    head = json.loads(one.base)
    if one.part > 1:
        head["display_name"] = {profile.promo.locale: f"{head['display_name'][profile.promo.locale]} ({one.part})"}
    groups = one.entries.group_by("subtype", "value", "active", maintain_order=True).agg("sku")
    head["active"] = True
    head["discount"] = [
        {"discount_subtype": subtype, "discount_value": _Number(value), "active": active, "sku": skus}
        for subtype, value, active, skus in groups.rows()
    ]
    return _dumped(head)


def _dumped(value: Any) -> str:
    """Return JSON text; numbers keep every digit."""
    if isinstance(value, dict):
        inner = ",".join(f"{json.dumps(name)}:{_dumped(one)}" for name, one in sorted(value.items()))
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(_dumped(one) for one in value)}]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)
