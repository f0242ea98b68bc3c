"""Stock, price and catalog rows to catalog updates of single vendors (C1); pure.

Source: Partner API documentation: one call per vendor, attributes left out are left alone, prices above 0 with three
decimals at most, whole quantities, at least one attribute beside the key (verified); names of attributes and how many
products fit into a call differ or are not stated, so they stand in the profile.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.rules import given
from gateway.destinations import _json
from gateway.destinations.partner_api.profile import Profile
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.errors import SettingsError
from gateway.model import EACH, LIST_SEPARATOR, Batch, Operation, PriceTerms, Repeat, Requirement, RowState

STOCK, PRICE = "stock", "price"
UNSENT = "unsent"
"""Memo of a batch without a call: why."""
_AROUND = len('{"products":[]}')
_QUANTITY = re.compile(r'"quantity":(\d+)')
FIELDS = ("sku", "quantity", "available", "maximum_sales_quantity", "price")
"""Fields that any catalog update looks at."""


def operations(settings: PartnerApiSettings, profile: Profile) -> tuple[Operation, ...]:
    """Describe the catalog updates; prices need to know their basis."""
    terms = price_terms(settings, profile.prices.decimals, ("price",))
    after = ("product",) if profile.features.create_products and settings.channel == "rest" else ()
    if not profile.rest.fields.partial_items:
        return (_whole_item(settings, profile, terms, after),)
    levels = ("sku", "quantity", "maximum_sales_quantity")
    stock = replace(_operation(settings, profile, STOCK, levels), requires=_requires(settings, profile, *_levels()))
    flag = ("quantity", "available", "maximum_sales_quantity")
    of_catalog = replace(
        stock, contract="catalog", fields=("sku", *flag), when=flag, after=after,
        requires=_requires(settings, profile, profiles.whole("quantity")),
    )  # fmt: skip
    if terms is None:
        return stock, replace(of_catalog, requires=(*of_catalog.requires, profiles.discount_not_sent()))
    price = replace(
        _operation(settings, profile, PRICE, ("sku", "price")), prices=terms,
        requires=_requires(settings, profile, *_prices()),
    )  # fmt: skip
    priced = replace(
        price, contract="catalog", when=("price",), after=after,
        requires=_requires(settings, profile, _above_nothing(), profiles.discount_not_sent()),
    )  # fmt: skip
    return stock, of_catalog, price, priced


def price_terms(settings: PartnerApiSettings, decimals: int, fields: tuple[str, ...]) -> PriceTerms | None:
    """Return the form prices are taken in; None where the settings do not say the basis."""
    if settings.price_basis is None:
        return None
    return PriceTerms(settings.price_basis, decimals, settings.currency, settings.tax_rate, fields)


def _whole_item(
    settings: PartnerApiSettings, profile: Profile, terms: PriceTerms | None, after: tuple[str, ...]
) -> Operation:
    if terms is None:
        raise SettingsError("Items are sent whole, with their price.", fix="Say price_basis.")
    told = (profiles.needed(name, "items are sent whole", unless=("command", "end")) for name in ("price", "quantity"))
    rules = (profiles.whole("quantity"), _above_nothing(), profiles.discount_not_sent())
    requires = _requires(settings, profile, *rules, *told)
    one = _operation(settings, profile, STOCK, FIELDS)
    return replace(one, contract="catalog", prices=terms, after=after, requires=requires)


def _operation(settings: PartnerApiSettings, profile: Profile, name: str, fields: tuple[str, ...]) -> Operation:
    limits = profile.rest.limits
    return Operation(
        name=name,
        contract=name,
        family=name,
        fields=fields,
        batch_size=limits.max_products,
        drifts=name == STOCK,
        confirms="applied",
        # The same values again are the same values, unless newer ones were sent since.
        repeat=Repeat.IF_NEWEST,
        deadline=profile.jobs.give_up_s,
        slot_until="settled",
        interval=limits.interval,
        # A product can go off sale; a price can't end.
        ends=name == STOCK,
        key=("sku",),
        measure="price" if name == PRICE else "quantity",
        each="vendor_ids",
        every=tuple(settings.vendors),
        budget=limits.budget,
    )


def _requires(settings: PartnerApiSettings, profile: Profile, *rules: Requirement) -> tuple[Requirement, ...]:
    return (*rules, known_vendors(settings), *_identifiers(profile))


def _levels() -> tuple[Requirement, ...]:
    detail = "vendors have one level per product: sum the warehouses in the mapping"
    return profiles.whole("quantity"), Requirement(
        "DEST_LIMIT", "warehouse", ("warehouse",), given("warehouse"), detail
    )


def _prices() -> tuple[Requirement, ...]:
    detail = "a price update has no discount: send it as a promotion"
    return (
        _above_nothing(),
        profiles.without_command("end"),
        Requirement("DEST_LIMIT", "discount_price", ("discount_price",), given("discount_price"), detail),
    )


def _above_nothing() -> Requirement:
    nothing = (pl.col("price").cast(pl.Decimal(38, 6), strict=False) <= 0).fill_null(value=False)
    return Requirement("DEST_LIMIT", "price", ("price",), nothing, "prices are above 0")


def known_vendors(settings: PartnerApiSettings) -> Requirement:
    """Require that vendors named by rows stand in the settings."""
    names = list(settings.vendors)
    listed = pl.col("vendor_ids").str.split(LIST_SEPARATOR).list.eval(~pl.element().is_in(names)).list.any()
    strange = given("vendor_ids") & listed.fill_null(value=False)
    return Requirement("NOT_LISTED", "vendor_ids", ("vendor_ids",), strange, ", ".join(names))


def _identifiers(profile: Profile) -> tuple[Requirement, ...]:
    if profile.rest.fields.identifier == "sku":
        return ()
    strange = ~pl.col("sku").str.contains(r"^[0-9]{1,14}\z")
    return (Requirement("DEST_LIMIT", "sku", ("sku",), strange, "barcodes of at most 14 digits"),)


# ---------------------------------------------------------------- encoding


def encode(
    operation: str, records: pl.DataFrame, account: str, settings: PartnerApiSettings, profile: Profile
) -> Iterator[Batch]:
    """Yield calls, the vendors taking turns so that none waits for the jobs of another. Lines count from 1."""
    rows = with_vendor(records, settings)
    idle = pl.lit(value=False)
    if operation == PRICE and "command" in rows.columns:
        idle = (pl.col("command") == "end").fill_null(value=False)
    for part in rows.filter(idle).iter_slices(profile.rest.limits.max_products):
        if part.height:
            yield Batch(operation, "", b"", placed(part), {UNSENT: "nothing"})
    rows = rows.filter(~idle)
    if not rows.height:
        return
    vendors = rows.partition_by(EACH, maintain_order=True, as_dict=True)
    queues = [_calls(operation, str(name), part, account, settings, profile) for (name,), part in vendors.items()]
    for turn in zip_longest(*queues):
        yield from (batch for batch in turn if batch is not None)


def _calls(
    operation: str, vendor: str, rows: pl.DataFrame, account: str, settings: PartnerApiSettings, profile: Profile
) -> Iterator[Batch]:
    limits, buffer = profile.rest.limits, sales_buffer(vendor, settings, profile)
    items = _json.objects(rows, members(rows, profile, buffer))
    size = limits.max_body_kib * 1024
    cuts = _json.cuts(items, records=limits.max_products, size=size, around=_AROUND)
    for number, (start, end) in enumerate(cuts):
        texts = items.slice(start, end - start).to_list()
        memo = {"vendor": vendor, "items": pack(texts), "buffer": str(buffer)}
        turn = number % profile.in_flight_jobs_per_vendor
        slot = f"{account}:vendor:{vendor}" + (f":{turn}" if turn else "")
        yield Batch(operation, slot, body(texts, buffer, profile), placed(rows.slice(start, end - start)), memo)


def members(rows: pl.DataFrame, profile: Profile, buffer: int) -> list[tuple[str, pl.Expr]]:
    """Return the attributes of items as names and JSON texts; null leaves one out."""
    here = {name: _cell(rows, name) for name in (*FIELDS, "command")}
    fields = profile.rest.fields
    code = pl.col("sku")
    if fields.identifier == "barcode" and fields.barcode_pad_to != "none":
        code = code.str.zfill(int(fields.barcode_pad_to))
    active, quantity = availability(here, profile, buffer)
    on = here["command"].ne_missing("end")
    return [
        (fields.identifier, _json.quoted(code)),
        ("price", pl.when(on).then(here["price"])),
        ("active", active),
        ("quantity", quantity),
        (fields.max_sales_quantity_name, pl.when(on).then(here["maximum_sales_quantity"])),
    ]


def availability(here: dict[str, pl.Expr], profile: Profile, buffer: int) -> tuple[pl.Expr, pl.Expr]:
    """Return `active` and `quantity` as JSON texts; what ends or is not available is inactive, whatever its level."""
    level = here["quantity"]
    off = (here["command"] == "end").fill_null(value=False) | (here["available"] == "false").fill_null(value=False)
    flag = pl.when(off).then(pl.lit("false")).when(here["available"] == "true").then(pl.lit("true"))
    above = level.cast(pl.Decimal(38, 3), strict=False) > buffer
    worked_out = pl.when(above).then(pl.lit("true")).when(~above).then(pl.lit("false"))
    if not profile.features.quantity_updates:
        known = pl.when(off).then(pl.lit("false")).otherwise(pl.coalesce(worked_out, flag))
        return known, pl.lit(None, pl.String)
    if profile.availability.mode == "both":
        return pl.coalesce(flag, pl.when(level.is_not_null()).then(pl.lit("true"))), level
    return pl.when(off | level.is_null()).then(flag), pl.when(~off).then(level)


def _cell(rows: pl.DataFrame, name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "").then(pl.col(name)) if name in rows.columns else pl.lit(None, pl.String)


def body(texts: Sequence[str], buffer: int, profile: Profile) -> bytes:
    """Return the body of a call."""
    return f'{{"products":[{",".join(said(texts, buffer, profile))}]}}'.encode()


def said(texts: Sequence[str], buffer: int, profile: Profile) -> Sequence[str]:
    """Return items as a call says them. A quantity alone can't deactivate the only one: it becomes a flag."""
    if not as_flag(texts, profile):
        return texts
    flag = "true" if json.loads(texts[0])["quantity"] > buffer else "false"
    return [_QUANTITY.sub(f'"active":{flag}', texts[0], count=1)]


def as_flag(texts: Sequence[str], profile: Profile) -> bool:
    """Whether a call says of its only product that it is on sale or off instead of its quantity."""
    if len(texts) != 1 or profile.availability.single_product != "active":
        return False
    item = json.loads(texts[0])
    return "quantity" in item and "active" not in item


def flag_state(texts: Sequence[str]) -> RowState:
    """Return what a row is whose quantity was taken as a flag: nothing left is off sale, another level was not sent."""
    return RowState.APPLIED if json.loads(texts[0])["quantity"] == 0 else RowState.ACCEPTED


def with_vendor(records: pl.DataFrame, settings: PartnerApiSettings) -> pl.DataFrame:
    """Return records with their vendor; those without one are for the account's only vendor. Raises SettingsError."""
    if EACH in records.columns:
        return records
    if len(settings.vendors) > 1:
        raise SettingsError("Rows name no vendor and the account has several.", fix="Report this as a fault.")
    return records.with_columns(pl.lit(next(iter(settings.vendors))).alias(EACH))


def together(records: pl.DataFrame, content: Sequence[str], settings: PartnerApiSettings) -> pl.DataFrame:
    """Return records as what is sent at once: one for all vendors that are told the same of a product.

    `content`: the columns that may differ. Besides them `effects` and `names` (lists: effects, and their vendors).
    """
    rows = with_vendor(records, settings)
    alike = rows.group_by(content, maintain_order=True)
    return alike.agg(pl.col("effect").alias("effects"), pl.col(EACH).unique(maintain_order=True).alias("names"))


def sales_buffer(vendor: str, settings: PartnerApiSettings, profile: Profile) -> int:
    """Return the stock up to which products of a vendor are inactive."""
    named = settings.vendors.get(vendor)
    return profile.availability.sales_buffer if named is None or named.sales_buffer is None else named.sales_buffer


def vendors_of(settings: PartnerApiSettings, names: pl.Expr | None = None) -> pl.Expr:
    """Return all vendors of a row as the platform calls them, sorted, joined by a bar; `*` where they are the chain.

    `names`: lists of vendors as rows call them; None: those the row lists, or all where it lists none.
    """
    ids = {name: settings.vendor_id(name) for name in settings.vendors}
    everyone = LIST_SEPARATOR.join(sorted(ids.values()))
    listed = pl.col("vendor_ids").str.split(LIST_SEPARATOR) if names is None else names
    found = listed.list.eval(pl.element().replace(ids)).list.unique().list.sort().list.join(LIST_SEPARATOR)
    if names is None:
        found = pl.when(given("vendor_ids")).then(found).otherwise(pl.lit(everyone))
    return pl.when(found == everyone).then(pl.lit("*")).otherwise(found) if settings.all_vendors else found


def placed(part: pl.DataFrame) -> pl.DataFrame:
    """Return effect and line of each row, of all its effects where it has several (`effects`); lines from 1."""
    lines = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line")
    if "effects" in part.columns:
        return part.select(pl.col("effects").alias("effect"), lines).explode("effect")
    return part.select("effect", lines)


def pack(texts: Sequence[str]) -> str:
    """Return one-line texts as one compact text."""
    return base64.b64encode(zlib.compress("\n".join(texts).encode(), 6)).decode()


def unpack(packed: str) -> list[str]:
    """Return packed texts."""
    return zlib.decompress(base64.b64decode(packed)).decode().split("\n")
