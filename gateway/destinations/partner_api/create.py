"""Catalog rows to calls that create products at vendors (C5, beta, only where the account may); pure.

Source: Partner API specification: vendors, products with sku, title and description per locale, categories as ids,
price (verified); lists of feedback and of duplicates are live-reported. A product that is there already is a success.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.rules import given, issues_of
from gateway.destinations import _json
from gateway.destinations.partner_api import items
from gateway.destinations.partner_api.profile import Profile
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.model import LIST_SEPARATOR, Batch, Operation, Reference, Repeat, no_issues

OPERATION = "create"
CATEGORIES = "categories"
"""Name of the categories among the facts of a reference: name in lower case, or id, to id."""
_FIELDS = ("sku", "name", "long_description", "short_description", "barcode", "category", "price")
_AROUND = 64


def operation(settings: PartnerApiSettings, profile: Profile) -> Operation | None:
    """Describe creation; None where the account may not, or the basis of prices is not said."""
    terms = items.price_terms(settings, profile.prices.decimals, ("price",))
    if terms is None or not profile.features.create_products:
        return None
    limits = profile.rest.limits
    return Operation(
        name=OPERATION,
        contract="catalog",
        family="product",
        fields=_FIELDS,
        batch_size=limits.max_products * len(settings.vendors),  # one product is an effect for each of its vendors
        requires=(
            *(profiles.needed(name, "new products need it", unless=("command", "end")) for name in ("name", "price")),
            items.known_vendors(settings),
        ),
        confirms="applied",
        # What exists already is reported as a duplicate and left as it is.
        repeat=Repeat.HARMLESS,
        deadline=profile.jobs.give_up_s,
        slot_until="ticket",
        interval=limits.interval,
        key=("sku",),
        prices=terms,
        each="vendor_ids",
        every=tuple(settings.vendors),
        gathers=True,
        budget=limits.budget,
    )


def categories(data: Mapping[str, Any]) -> dict[str, str]:
    """Return ids of categories by id and by name (in lower case, of any locale), as the list of categories has them."""
    listed = data.get("categories")
    found: dict[str, str] = {}
    for one in listed if isinstance(listed, list) else []:
        if not isinstance(one, dict):
            continue
        code = next((str(one[name]) for name in ("global_id", "id", "category_id") if one.get(name)), "")
        names = one.get("name")
        words = names.values() if isinstance(names, dict) else [names]
        found[code.lower()] = code
        found.update({str(word).strip().lower(): code for word in words if isinstance(word, str)})
    found.pop("", None)
    return found


def check(records: pl.DataFrame, reference: Reference, table: Mapping[str, str] | None) -> pl.DataFrame:
    """Return issues of categories that are not in the table, or that the platform does not have once it was asked."""
    if "category" not in records.columns or (table is None and CATEGORIES not in reference.facts):
        return no_issues()
    listed = (
        _leaf().is_in(list(reference.facts[CATEGORIES])) if table is None else pl.col("category").is_in(list(table))
    )
    strange = records.filter(given("category") & ~listed)
    detail = pl.lit(
        "the platform has no such category" if table is None else "the table of categories has no id for it"
    )
    return issues_of(strange, "DEST_LIMIT", "category", value=pl.col("category"), detail=detail)


def _leaf() -> pl.Expr:
    return pl.col("category").str.split("\\").list.last().str.strip_chars().str.to_lowercase()


def encode(
    records: pl.DataFrame,
    reference: Reference,
    table: Mapping[str, str] | None,
    settings: PartnerApiSettings,
    profile: Profile,
) -> Iterator[Batch]:
    """Yield calls, each for products of the same vendors: those of one product that say the same. Lines count from 1.

    Vendors that share a line share its answer: feedback names products, and no vendors.
    """
    absent = [name for name in (*_FIELDS, "command") if name not in records.columns]
    rows = records.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    ends = (pl.col("command") == "end").fill_null(value=False)
    if rows.filter(ends).height:
        yield Batch(OPERATION, "", b"", items.placed(rows.filter(ends)), {items.UNSENT: "nothing"})
    rows = items.together(rows.filter(~ends), _FIELDS, settings)
    rows = rows.with_columns(vendors=items.vendors_of(settings, pl.col("names")))
    limits = profile.rest.limits
    for (vendors,), part in rows.partition_by("vendors", maintain_order=True, as_dict=True).items():
        products = _json.objects(part, _members(_category(reference, table), profile))
        around = _AROUND + len(str(vendors)) * 2
        for start, end in _json.cuts(
            products, records=limits.max_products, size=limits.max_body_kib * 1024, around=around
        ):
            texts = products.slice(start, end - start).to_list()
            memo = {
                "vendors": str(vendors),
                "first": part["names"][start][0],
                "items": items.pack(texts),
                "buffer": "0",
            }
            yield Batch(OPERATION, "", body(texts, str(vendors)), items.placed(part.slice(start, end - start)), memo)


def body(texts: list[str], vendors: str) -> bytes:
    """Return the body of a call."""
    return f'{{"vendors":{json.dumps(vendors.split(LIST_SEPARATOR))},"products":[{",".join(texts)}]}}'.encode()


def _category(reference: Reference, table: Mapping[str, str] | None) -> pl.Expr:
    known = dict(reference.facts.get(CATEGORIES, {})) if table is None else dict(table)
    path = _leaf() if table is None else pl.col("category")
    found = (
        path.replace_strict(known, default=pl.col("category"), return_dtype=pl.String) if known else pl.col("category")
    )
    return pl.when(given("category")).then(found)


def _members(category: pl.Expr, profile: Profile) -> list[tuple[str, pl.Expr]]:
    locale = json.dumps(profile.promo.locale)
    described = pl.coalesce(pl.when(given(one)).then(one) for one in ("long_description", "short_description"))
    return [
        ("sku", _json.quoted(pl.col("sku"))),
        ("title", pl.concat_str(pl.lit(f"{{{locale}:"), _json.quoted(pl.col("name")), pl.lit("}"))),
        ("description", pl.concat_str(pl.lit(f"{{{locale}:"), _json.quoted(described), pl.lit("}"))),
        ("barcode", _json.quoted(pl.when(given("barcode")).then("barcode"))),
        ("categories", pl.concat_str(pl.lit("["), _json.quoted(category), pl.lit("]"))),
        ("price", pl.when(given("price")).then("price")),
    ]
