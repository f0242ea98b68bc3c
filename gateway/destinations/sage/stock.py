"""Stock records to Sage 50 ProductStock batch files; pure.

Source: Sage 50 Cloud API documentation, e-commerce solution, ProductStock: productId, stock (an absolute level),
unitName, minimumToSell, up to two variants, timestamp in UTC; names and types are verified, everything about the file
around the records is an assumption.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.rules import given
from gateway.destinations import _json
from gateway.destinations.sage.settings import SageSettings
from gateway.model import KEY, KEY_SEPARATOR, LINE, ROW, Batch, Operation, Repeat, Requirement

OPERATION = "stock"
_VARIANTS = ("variant1_type", "variant1_value", "variant2_type", "variant2_value")
_FIELDS = ("sku", "product_id", "quantity", "unit_name", "minimum_to_sell", *_VARIANTS, "timestamp", "warehouse")
_VALUES = ("variant1_value", "variant2_value")
_LENGTHS = dict.fromkeys(("sku", "product_id", "unit_name", *_VARIANTS), 1_000)
"""Characters per text field, whatever the profile: one record must fit the smallest file allowed."""
_UK_LENGTHS = {"sku": 30, "product_id": 30, "unit_name": 8}
"""Sage 50 UK import: stock code 30 without spaces, unit of sale 8 (verified; that they bind here is an assumption)."""


def operation(settings: SageSettings) -> Operation:
    """Describe the stock operation under the settings."""
    return Operation(
        name=OPERATION,
        contract="stock",
        family="stock",
        fields=tuple(field for field in _FIELDS if field != "warehouse"),
        batch_size=settings.max_records,
        requires=_requires(settings),
        drifts=True,
        confirms="accepted" if settings.results is None else "applied",
        # A level is absolute: repeating it is harmless unless a newer one was written since.
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.deadline,
        # The folder itself holds back the next file until this one is taken or answered: `submit` raises Busy.
        slot_until="ticket",
        ends=True,
    )


def _requires(settings: SageSettings) -> tuple[Requirement, ...]:
    fields = ("sku", "product_id", *_VALUES)
    rules = [
        profiles.needed("timestamp", "the time at which the level was true"),
        *(_limited(field, limit) for field, limit in _limits(settings).items()),
        *(_separated(field, settings.separator) for field in fields),
        _lone_variant(),
    ]
    if settings.length_profile == "uk_csv":
        rules += [profiles.without_spaces("product_id"), _if_sent(profiles.without_spaces("sku"))]
    if settings.warehouses == "refuse":
        detail = "there are no warehouses: sum them in the mapping"
        rules.append(Requirement("DEST_LIMIT", "warehouse", ("warehouse",), given("warehouse"), detail))
    return tuple(rules)


def _limits(settings: SageSettings) -> dict[str, int]:
    return _LENGTHS | (_UK_LENGTHS if settings.length_profile == "uk_csv" else {})


def _limited(field: str, limit: int) -> Requirement:
    rule = profiles.at_most_characters(field, limit)
    return _if_sent(rule) if field == "sku" else rule


def _separated(field: str, separator: str) -> Requirement:
    found = pl.col(field).str.contains(separator, literal=True)
    detail = f"{separator!r} separates product and variants in answers"
    rule = Requirement("DEST_LIMIT", field, (field,), found, detail)
    return _if_sent(rule) if field == "sku" else rule


def _if_sent(rule: Requirement) -> Requirement:
    """The sku itself is sent only where no product is named."""
    return replace(rule, columns=(*rule.columns, "product_id"), where=rule.where & ~given("product_id"))


def _lone_variant() -> Requirement:
    first = _VALUES[0]
    lone = given(first) & ~given("product_id")
    detail = "a row with variants names its product"
    return Requirement("DEST_REQUIRED", "product_id", ("product_id", first), lone, detail)


def check(records: pl.DataFrame) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of rows that name one product and the same variants under different skus."""
    full = _complete(records)
    values = [pl.when(given(name)).then(pl.col(name)).otherwise(pl.lit("")).alias(name) for name in _VALUES]
    origin = [pl.col(name) if name in records.columns else pl.lit(None, pl.Int64).alias(name) for name in (ROW, LINE)]
    several = pl.col("sku").n_unique().over("product", *_VALUES) > 1  # rows of one sku are summed, or told apart before
    placed = full.with_columns(_product().alias("product"), *values)
    return placed.filter(several).select(
        *origin,
        pl.lit("DUPLICATE_KEY").alias("code"),
        pl.lit("product_id").alias("field"),
        pl.col("product_id").alias("value"),
        pl.lit("one product and variants under several skus").alias("detail"),
    )


def _complete(records: pl.DataFrame) -> pl.DataFrame:
    absent = [name for name in (*_FIELDS, "command") if name not in records.columns]
    return records.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)


def _product() -> pl.Expr:
    return pl.when(given("product_id")).then(pl.col("product_id")).otherwise(pl.col("sku"))


def _identity(separator: str) -> pl.Expr:
    """Row key of answers: the product, then the values of its variants."""
    tails = [
        pl.when(given(name)).then(pl.concat_str(pl.lit(separator), pl.col(name))).otherwise(pl.lit(""))
        for name in _VALUES
    ]
    return pl.concat_str(_product(), *tails)


def _members() -> list[tuple[str, pl.Expr]]:
    ended = (pl.col("command") == "end").fill_null(False)
    names = ("variant1Type", "variant1Value", "variant2Type", "variant2Value")
    return [
        ("productId", _json.quoted(_product())),
        # Numbers are canonical text: no exponent, no spare zeros, which is what a JSON number may look like.
        ("stock", pl.when(ended).then(pl.lit("0")).otherwise(pl.col("quantity"))),
        ("unitName", _optional("unit_name")),
        ("minimumToSell", pl.when(given("minimum_to_sell")).then(pl.col("minimum_to_sell"))),
        *((name, _optional(field)) for name, field in zip(names, _VARIANTS, strict=True)),
        ("timestamp", _json.quoted(pl.col("timestamp"))),
    ]


def _optional(name: str) -> pl.Expr:
    return _json.quoted(pl.when(given(name)).then(pl.col(name)))


def encode(records: pl.DataFrame, slot: str, settings: SageSettings) -> Iterator[Batch]:
    """Yield files within the limits, in the order of the records. Lines are positions inside the file, from 1."""
    if not records.height:
        return
    # Effects without an input row (keys a full file left out) have no time of their own: they take the newest one.
    full = _complete(records).with_columns(pl.col("timestamp").fill_null(pl.col("timestamp").max()))
    items = _json.objects(full, _members())
    rows = full.select(
        "effect", KEY, _identity(settings.separator).alias("identity"), pl.col("timestamp").alias("time")
    )
    tail = _tail(rows)
    around = len(_envelope("", "9" * 16, "9999-12-31T23:59:59Z", settings.max_records, settings))
    cuts = _json.cuts(items, records=settings.max_records, size=settings.max_bytes, around=around + 1)
    for number, (start, end) in enumerate(cuts, start=1):
        part = rows.slice(start, end - start)
        content = _json.array(items.slice(start, end - start))
        batch_id = _batch_id(content, settings)
        time = str(part["time"].max() or "")
        body = _envelope(content, batch_id, time, part.height, settings)
        memo = {"batch": batch_id, "file": f"{settings.profile}_{settings.scope}_{batch_id}_{number:04d}.json"}
        memo |= {"rows": pack(part["identity"].to_list())} if tail is None else {"tail": tail}
        effects = part.select("effect", pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"))
        yield Batch(OPERATION, slot, body, effects, memo)


def _tail(rows: pl.DataFrame) -> str | None:
    """Return what follows the row key in every record's key; None when row keys must be remembered with the batch."""
    for tail in (KEY_SEPARATOR, ""):
        if rows.select((pl.col(KEY) == pl.concat_str("identity", pl.lit(tail))).all()).item():
            return tail
    return None


def _batch_id(content: str, settings: SageSettings) -> str:
    text = f"{settings.profile}\x1f{settings.scope}\x1f{content}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _envelope(content: str, batch_id: str, time: str, count: int, settings: SageSettings) -> bytes:
    if settings.envelope == "plain":
        return content.encode()
    # Created at: the newest level inside, because the same records must always give the same bytes.
    head = {"domain": settings.domain, "scope": settings.scope, "batchId": batch_id, "createdAt": time, "count": count}
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return f'{text[:-1]},"items":{content}}}'.encode()


def pack(identities: list[str]) -> str:
    """Return row keys in file order as compact text."""
    return base64.b64encode(zlib.compress(json.dumps(identities).encode(), 1)).decode()


def unpack(text: str) -> dict[str, list[int]]:
    """Return the lines of each packed row key."""
    lines: dict[str, list[int]] = {}
    for line, identity in enumerate(json.loads(zlib.decompress(base64.b64decode(text))), start=1):
        lines.setdefault(identity, []).append(line)
    return lines
