"""What Sage calls our articles: product and variants under which their catalog rows were written; pure.

All combinations of one article keep one product id there (Sage 50 Cloud API documentation, e-commerce solution;
verified), so a row that gives only the code of a combination names nothing Sage has.
"""

from __future__ import annotations

import base64
import json
import zlib
from io import BytesIO

import polars as pl

from gateway.contracts.rules import given
from gateway.destinations.sage import article
from gateway.destinations.sage.article import VARIANTS
from gateway.destinations.sage.batches import unpacked
from gateway.model import Batch
from gateway.wording import filled

FACT = "articles"
"""Name under which it is kept, and of the frame among what was gathered."""
MOVING = "moving"
"""Name under which the former places of articles are kept that the newest file of products moves."""
_NAMES = ("id", "variant1Type", "variant1Value", "variant2Type", "variant2Value")
_FIELDS = ("product_id", *VARIANTS)
_VARIED = "the product has variants, and a level is of one of them: name it, or give the article's own code as sku"
_THERE = "_there"
SCHEMA: dict[str, type[pl.DataType]] = dict.fromkeys(("sku", *_FIELDS), pl.String)


def read(text: str | None) -> pl.DataFrame:
    """Return what was kept (SCHEMA): one row per article that Sage knows by more than its own code."""
    if not text:
        return pl.DataFrame(schema=SCHEMA)
    return pl.read_csv(BytesIO(zlib.decompress(base64.b64decode(text))), schema=SCHEMA)


def written(known: pl.DataFrame) -> str:
    """Return `known` as compact text."""
    return base64.b64encode(zlib.compress(known.write_csv().encode(), 1)).decode()


def told(batch: Batch) -> pl.DataFrame:
    """Return what a file of products says of its articles (SCHEMA), those included that have nothing but their code."""
    content = json.loads(batch.body)
    records = content["items"] if isinstance(content, dict) else content
    said = [{field: one.get(name) for field, name in zip(_FIELDS, _NAMES, strict=True)} for one in records]
    found = pl.DataFrame(said, schema=dict.fromkeys(_FIELDS, pl.String))
    skus = unpacked(batch.memo["skus"]) if "skus" in batch.memo else found["product_id"].to_list()
    return found.insert_column(0, pl.Series("sku", skus, dtype=pl.String)).unique(
        "sku", keep="last", maintain_order=True
    )


def learnt(known: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Return `known` with what a file says instead; an article that has nothing but its code needs no row."""
    more = (pl.col("product_id") != pl.col("sku")) | pl.any_horizontal(given(name) for name in VARIANTS)
    kept = known.join(fresh, on="sku", how="anti")
    return pl.concat([kept, fresh.filter(more)]).sort("sku")


def moving(before: pl.DataFrame, known: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Return the former places (SCHEMA) of articles that a file moves, and `before` without the others of the file."""
    kept = before.join(fresh, on="sku", how="anti")
    here = known.join(fresh, on="sku", how="semi")
    return pl.concat([kept, here.join(fresh, on=["sku", *_FIELDS], how="anti", nulls_equal=True)]).sort("sku")


def elsewhere(records: pl.DataFrame, known: pl.DataFrame, separator: str, *, whole: bool) -> pl.Series:
    """Return where articles are by what was written (String), null where that is what the record says.

    `whole`: records say all of their place, and only what is `known` is another; else what they leave out agrees.
    """
    full = article.complete(records, ("sku", *_FIELDS)).select("sku", *_FIELDS)
    full = full.join(known, on="sku", how="left", suffix=_THERE, maintain_order="left")
    there = full.select(
        "sku",
        *(pl.col(f"{name}{_THERE}").alias(name) for name in _FIELDS),
    )
    full = full.with_columns(there.select(article.product().alias(f"product_id{_THERE}")).to_series())
    product = article.product() if whole else pl.when(given("product_id")).then("product_id")
    other = product != pl.col(f"product_id{_THERE}")
    values = [pl.col(name).fill_null("") != pl.col(f"{name}{_THERE}").fill_null("") for name in article.VALUES]
    told = pl.lit(value=True) if whole else pl.any_horizontal(given(name) for name in article.VALUES)
    moved = other.fill_null(value=False) | (told & pl.any_horizontal(values))
    if whole:
        moved &= there["product_id"].is_not_null()
    return full.select(pl.when(moved).then(there.select(article.row_key(separator)).to_series())).to_series()


def occupied(records: pl.DataFrame, known: pl.DataFrame, separator: str) -> pl.Series:
    """Return the places (String, as row keys) where articles are once the records, which say all, are written."""
    here = article.complete(records, ("sku", *_FIELDS)).select("sku", *_FIELDS)
    places = pl.concat([here, known.join(here, on="sku", how="anti")])
    return places.select(article.row_key(separator)).to_series()


def placed(records: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the records with product and variants of articles that give only their code, or that and their product.

    What a record says itself stands: one that names another product, or variants, is left as it is.
    """
    if not known.height or "sku" not in records.columns:
        return records
    full = article.complete(records, _FIELDS)
    full = full.join(known, on="sku", how="left", suffix=_THERE, maintain_order="left")
    silent = ~pl.any_horizontal(given(name) for name in VARIANTS)
    same = ~given("product_id") | (pl.col("product_id") == pl.col(f"product_id{_THERE}"))
    here = silent & same & pl.col(f"product_id{_THERE}").is_not_null()
    filled = [pl.when(here).then(f"{name}{_THERE}").otherwise(name).alias(name) for name in _FIELDS]
    return full.with_columns(filled).drop(f"{name}{_THERE}" for name in _FIELDS)


def check_levels(records: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of levels that name no variant of a product whose catalog rows have some (V-REF).

    A level that ends may be one that was written so before.
    """
    full = article.complete(placed(records, known), ("sku", *_FIELDS))
    varied = known.filter(pl.any_horizontal(given(name) for name in VARIANTS))["product_id"]
    silent = ~pl.any_horizontal(given(name) for name in VARIANTS)
    found = full.filter(silent & article.product().is_in(varied.implode()) & ~article.ended())
    return article.issues(found, "DEST_REQUIRED", VARIANTS[1], _VARIED)


def check_apart(records: pl.DataFrame, known: pl.DataFrame, identity: pl.Expr) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of rows of several articles that are one record to Sage, with all that is known."""
    full = article.complete(placed(records, known), ("sku", "order", *_FIELDS)).with_columns(identity.alias(_THERE))
    alike = full.filter(pl.col("sku").n_unique().over(_THERE) > 1)
    first = pl.col("sku").first().over(_THERE)
    second = pl.col("sku").filter(pl.col("sku") != pl.col("sku").first()).first().over(_THERE)
    other = pl.when(pl.col("sku") == first).then(second).otherwise(first)
    return article.issues(alike, "DEST_ONE_RECORD", "product_id", filled("that of {}", other))


def wholes(known: pl.DataFrame) -> pl.DataFrame:
    """Return articles (`sku`, `of`) that are all of their product: no variant, and no other article of it is known."""
    bare = ~pl.any_horizontal(given(name) for name in VARIANTS)
    return known.filter(bare & (pl.col("sku").n_unique().over("product_id") == 1)).select("sku", of="product_id")


def placed_wholes(records: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the records with the product of articles that give only their code and are all of it."""
    articles = wholes(known)
    if not articles.height or "sku" not in records.columns:
        return records
    full = article.complete(records, ("product_id",)).join(articles, on="sku", how="left", maintain_order="left")
    here = ~given("product_id") & pl.col("of").is_not_null()
    return full.with_columns(pl.when(here).then("of").otherwise("product_id").alias("product_id")).drop("of")


def check_wholes(records: pl.DataFrame, known: pl.DataFrame, record: pl.Expr) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of live rows that are one record only where their articles are, by what is known.

    `record`: of a row by what it says itself; what reads it finds all its columns in the records.
    """
    full = placed_wholes(records, known).with_columns(record.alias(_THERE), records.select(own=record).to_series())
    alike = full.filter(~article.ended()).filter(pl.col("own").n_unique().over(_THERE) > 1)
    named = pl.when(given("sku")).then("sku").otherwise("product_id")
    first = pl.col("own") == pl.col("own").first().over(_THERE)
    further = named.filter(pl.col("own") != pl.col("own").first()).first().over(_THERE)
    other = pl.when(first).then(further).otherwise(named.first().over(_THERE))
    return article.issues(alike, "DEST_ONE_RECORD", "sku", filled("that of {}", other))
