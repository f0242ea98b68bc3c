"""Records of one scope to batch files; pure.

Everything about a file around its records is an assumption: names, envelope, limits, and how answers name a row.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from gateway.destinations import _json
from gateway.destinations.sage.article import VARIANTS, Member, complete, product
from gateway.destinations.sage.settings import SageSettings
from gateway.model import KEY, KEY_SEPARATOR, Batch

_TEXTS = ("name", "short_description", "long_description", "brand", "category", "description", "unit_name", *VARIANTS)


@dataclass(frozen=True, slots=True)
class Shape:
    """How records of one scope are written. `row_key`: what answers call a record by; `records`: most per file.

    `names`: whether a batch remembers the articles of its records, where that is not the product.
    """

    operation: str
    scope: str
    records: int
    fields: tuple[str, ...]
    members: tuple[Member, ...]
    row_key: pl.Expr
    names: bool = False


def encode(records: pl.DataFrame, shape: Shape, slot: str, settings: SageSettings) -> Iterator[Batch]:
    """Yield files within the limits, in the order of the records. Lines are positions inside the file, from 1.

    A row key stands once per file: records that share one follow each other in files of their own.
    """
    if not records.height:
        return
    # Effects without an input row (keys a full file left out) have no time of their own: they take the newest one.
    full = complete(records, shape.fields).with_columns(pl.col("timestamp").fill_null(pl.col("timestamp").max()))
    full = _composed(full).with_columns(shape.row_key.alias("@identity"))
    turns = [full.height]
    if full["@identity"].is_duplicated().any():
        turn = pl.int_range(pl.len()).over("@identity")
        full = full.with_columns(turn.alias("@turn")).sort("@turn", maintain_order=True)
        turns = full.group_by("@turn", maintain_order=True).len()["len"].to_list()
    start, number = 0, 1
    for height in turns:
        for batch in _files(full.slice(start, height), shape, slot, settings, number):
            yield batch
            number += 1
        start += height


def _composed(full: pl.DataFrame) -> pl.DataFrame:
    """Return the records with their texts in Unicode normal form C; codes stay as they are, for they name something."""
    plain = ((name, full[name]) for name in _TEXTS if name in full.columns)
    odd = [name for name, texts in plain if (texts.str.len_bytes() != texts.str.len_chars()).any()]
    return full.with_columns(pl.col(name).str.normalize("NFC") for name in odd) if odd else full


def _files(full: pl.DataFrame, shape: Shape, slot: str, settings: SageSettings, number: int) -> Iterator[Batch]:
    items = _json.objects(full, [(one.name, _written(one, settings)) for one in shape.members])
    rows = full.select("effect", KEY, pl.col("@identity").alias("identity"), pl.col("timestamp").alias("time"))
    articles = full["sku"] if shape.names and full.select((product() != pl.col("sku")).any()).item() else None
    tail = _tail(rows)
    around = len(_envelope("", "9" * 16, "9999-12-31T23:59:59Z", shape.records, shape.scope, settings))
    cuts = _json.cuts(items, records=shape.records, size=settings.max_bytes, around=around + 1)
    for seq, (start, end) in enumerate(cuts, start=number):
        part = rows.slice(start, end - start)
        content = _json.array(items.slice(start, end - start))
        batch_id = _batch_id(content, shape.scope, settings)
        time = str(part["time"].max() or "")
        body = _envelope(content, batch_id, time, part.height, shape.scope, settings)
        memo = {"batch": batch_id, "file": f"{settings.profile}_{shape.scope}_{batch_id}_{seq:04d}.json"}
        memo |= {"rows": pack(part["identity"].to_list())} if tail is None else {"tail": tail}
        if articles is not None:
            memo |= {"skus": pack(articles.slice(start, end - start).to_list())}
        effects = part.select("effect", pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"))
        yield Batch(shape.operation, slot, body, effects, memo)


def _written(one: Member, settings: SageSettings) -> pl.Expr:
    return one.value.fill_null(pl.lit("null")) if settings.emit_nulls and not one.required else one.value


def _tail(rows: pl.DataFrame) -> str | None:
    """Return what follows the row key in every record's key; None when row keys must be remembered with the batch."""
    for tail in (KEY_SEPARATOR, ""):
        if rows.select((pl.col(KEY) == pl.concat_str("identity", pl.lit(tail))).all()).item():
            return tail
    return None


def _batch_id(content: str, scope: str, settings: SageSettings) -> str:
    text = f"{settings.profile}\x1f{scope}\x1f{content}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _envelope(content: str, batch_id: str, time: str, count: int, scope: str, settings: SageSettings) -> bytes:
    if settings.envelope == "plain":
        return content.encode()
    # Created at: the newest time inside, because the same records must always give the same bytes.
    head = {"domain": settings.domain, "scope": scope, "batchId": batch_id, "createdAt": time, "count": count}
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    return f'{text[:-1]},"items":{content}}}'.encode()


def pack(identities: list[str]) -> str:
    """Return row keys, or other texts, in file order as compact text."""
    return base64.b64encode(zlib.compress(json.dumps(identities).encode(), 1)).decode()


def unpacked(text: str) -> list[str]:
    """Return packed texts in file order."""
    return [str(one) for one in json.loads(zlib.decompress(base64.b64decode(text)))]


def unpack(text: str) -> dict[str, list[int]]:
    """Return the lines of each packed row key."""
    lines: dict[str, list[int]] = {}
    for line, identity in enumerate(unpacked(text), start=1):
        lines.setdefault(identity, []).append(line)
    return lines
