"""Promotions to files, and what is repeated to change and end them; pure.

Source: Partner API documentation, promotion files: columns, dates, `campaign_status`; a promotion ends by the same file
with nothing but `campaign_status` changed to 0 (verified). So all rows of a campaign are remembered as they were sent,
and a file repeats those of every campaign it touches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from gateway.contracts.offers import promotion_type
from gateway.contracts.reduced import amount, reduced
from gateway.contracts.rules import given, stands
from gateway.destinations.partner_api import items, promotions, sheets, standing
from gateway.destinations.partner_api.memory import Record
from gateway.destinations.partner_api.profile import Feed, Profile
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.model import EACH, KEY, Batch, Operation, Reference, Requirement

_STATUS = "campaign_status"
_KEYS = ("@sku", "@key", "@vendor", "@until")
"""What is remembered of a row besides its cells."""
_GIVES = ("type", "price", "percentage", "amount", "buy_quantity", "command", "regular_price")
_PROMOTION_CELLS = (
    *("campaign_name", "reason", "start_date", "end_date", "promotion_type", "promotion_sub_type", "bundle_details"),
    *("max_no_of_orders", _STATUS),
)


def operation(settings: PartnerApiSettings, profile: Profile) -> Operation | None:
    """Describe promotions by files; None where the settings do not say the basis of prices."""
    one = promotions.operation(settings, profile)
    if one is None:
        return None
    joint = settings.sftp_layout == "multi" and not settings.promotions_per_vendor
    return replace(
        one,
        fields=(*promotions.FIELDS, "regular_price") if joint else (*_without(promotions.FIELDS), "regular_price"),
        batch_size=sheets.most_rows(sheets.feed(settings, promotions=True), profile) - 1,
        requires=(*one.requires, *_requires(settings)),
        confirms="accepted",
        deadline=3 * profile.confirm.window_s.promotions + 3600.0,
        slot_until="settled",
        interval=0.0,
        budget="",
        each=None if joint else "vendor_ids",
        every=() if joint else tuple(settings.vendors),
    )


def _without(fields: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in fields if name != "vendor_ids")


def _requires(settings: PartnerApiSettings) -> tuple[Requirement, ...]:
    kind, live = promotion_type(), stands()
    off = kind.is_in(["percentage", "amount"]).fill_null(value=False)
    rules = [
        Requirement(
            "DEST_REQUIRED", "regular_price", _GIVES, off & ~given("regular_price") & live,
            "files have the price while it lasts, which is worked out from it",
        )
    ]  # fmt: skip
    if settings.sftp_layout == "single":
        bundle = (kind == "bundle").fill_null(value=False)
        rules.append(
            Requirement("DEST_LIMIT", "type", (*_GIVES, "get_quantity"), bundle & live, "a single file has no bundles")
        )
        rules.append(
            Requirement(
                "DEST_REQUIRED",
                "regular_price",
                _GIVES,
                ~given("regular_price") & live,
                "a single file has both prices",
            )
        )
    return tuple(rules)


# ---------------------------------------------------------------- rows as cells


def shaped(records: pl.DataFrame, settings: PartnerApiSettings, profile: Profile) -> pl.DataFrame:
    """Return effect, `@key`, on, `@sku`, `@vendor`, `@until`, campaign and every cell of a file but its status."""
    multi, single = settings.sftp_layout == "multi", settings.sftp_layout == "single"
    rows = records if multi else items.with_vendor(records, settings)
    rows = promotions.shaped(rows if multi else rows.drop("vendor_ids", strict=False), settings, profile)
    absent = [name for name in ("regular_price", EACH) if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    kind, decimals = promotion_type(), profile.prices.promotion_decimals
    value = pl.when(kind == "percentage").then("percentage").when(kind == "amount").then("amount")
    worked_out = amount(reduced(pl.col("regular_price"), kind, value, decimals), decimals)
    bundle = pl.col("bundle")
    regular, shown = sheets.price_columns(profile, single=single)
    cells = {
        "campaign_name": pl.col("name"),
        "start_date": _local("starts_at", settings, profile),
        "end_date": _local("ends_at", settings, profile),
        "promotion_type": pl.when(bundle).then(pl.lit("same_item_bundle")).otherwise(pl.lit("strikethrough")),
        "promotion_sub_type": pl.when(bundle).then(pl.lit("free_item")),
        "bundle_details": pl.when(bundle).then(pl.concat_str(pl.lit("B"), "buy_quantity", pl.lit("G"), "get_quantity")),
        shown: pl.when(kind == "final_price").then("price").when(~bundle).then(worked_out),
        "max_no_of_orders": pl.when(given("limit_total")).then("limit_total"),
        "@sku": pl.col("sku"), "@until": pl.col("ends_at"),
        "@vendor": pl.lit("") if multi else pl.col(EACH),
    }  # fmt: skip
    cells["vendors"] = sheets.vendors_cell(pl.col("vendors")) if multi else pl.lit(None, pl.String)
    if single:
        cells[regular] = pl.col("regular_price")
    told = rows.select(
        "effect", KEY, "on", pl.col("base").is_not_null().alias("whole"), "reason",
        *(one.alias(name) for name, one in cells.items()),
    )  # fmt: skip
    return told.with_columns(sheets.identified(rows, profile))


def _local(field: str, settings: PartnerApiSettings, profile: Profile) -> pl.Expr:
    """Return a time as files have it: in the time of the vendor's store, or of the zone the profile names."""
    at = pl.col(field).str.to_datetime("%+", time_zone="UTC", time_unit="us", strict=False)
    form, zone = profile.promo.date_format, profile.promo.timezone
    if zone != "vendor_local":
        return at.dt.convert_time_zone(ZoneInfo(zone).key).dt.strftime(form)
    found = at.dt.convert_time_zone(settings.timezone).dt.strftime(form)
    for name in settings.vendors if settings.sftp_layout != "multi" or settings.promotions_per_vendor else ():
        there = at.dt.convert_time_zone(settings.zone(name).key).dt.strftime(form)
        found = pl.when(pl.col(EACH) == name).then(there).otherwise(found)
    return found


# ---------------------------------------------------------------- encoding


def remembered(reference: Reference) -> dict[str, pl.DataFrame]:
    """Return the rows that run, as they were sent, by file and vendors; what is over is left out."""
    records: Mapping[str, Record] = reference.facts.get(promotions.REMEMBERED, {})
    now = "" if reference.taken_at is None else reference.taken_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    found = {}
    for identity, record in records.items():
        rows = pl.DataFrame(record["cells"], schema=dict.fromkeys(record["cells"], pl.String))
        found[identity] = rows.filter(pl.col("@until") >= now)
    return found


def known(reference: Reference, settings: PartnerApiSettings) -> pl.DataFrame | None:
    """Return what runs, as promotions.known does."""
    if reference.taken_at is None:
        return None
    frames = [pl.DataFrame(schema=standing.RUNNING)]
    for rows in remembered(reference).values():
        listed = pl.col("vendors") if "vendors" in rows.columns else pl.lit(None, pl.String)
        own = pl.col("@vendor").replace({name: settings.vendor_id(name) for name in settings.vendors})
        whose = pl.coalesce(listed.replace({"all": "*"}), own).str.split(",")
        name = pl.col("campaign_name").alias("name")
        frames.append(rows.select(pl.col("@key").alias("key"), whose.alias("vendors"), name))
    return standing.without_ended(standing.apart(pl.concat(frames)), reference.facts.get(promotions.ENDED, ()))


def running(reference: Reference, profile: Profile) -> pl.DataFrame | None:
    """Return promotion cells of products by vendor, for files that have both catalog and promotion columns."""
    frames = [rows for rows in remembered(reference).values() if rows.height]
    if not frames:
        return None
    whole = pl.concat(frames, how="diagonal")
    code, shown = profile.rest.fields.identifier, sheets.price_columns(profile, single=True)[1]
    kept = [name for name in whole.columns if name in {code, "@vendor", shown, "reason", *_PROMOTION_CELLS}]
    return whole.select(kept).unique([code, "@vendor"], keep="last", maintain_order=True)


@dataclass(slots=True)
class Desk:
    """What files are made from: what runs by identity, and how the account has them."""

    known: dict[str, pl.DataFrame]
    account: str
    settings: PartnerApiSettings
    profile: Profile

    @property
    def where(self) -> Feed:
        """Which file promotions go to."""
        return sheets.feed(self.settings, promotions=True)

    def name(self, vendor: str, number: int) -> str:
        """Return the name of a vendor's file."""
        return sheets.file_name(self.where, self.settings.vendor_id(vendor) if vendor else "", number, self.profile)

    def inside(self, identity: str) -> pl.DataFrame:
        """Return the rows that run under an identity."""
        return self.known.get(identity, pl.DataFrame(schema=dict.fromkeys((*_KEYS, "campaign_name"), pl.String)))


def encode(
    records: pl.DataFrame, reference: Reference, account: str, settings: PartnerApiSettings, profile: Profile
) -> Iterator[Batch]:
    """Yield one batch per file: what it must hold, one upload after the other. Lines count from 1."""
    if not records.height:
        return
    desk = Desk(remembered(reference), account, settings, profile)
    rows = shaped(records, settings, profile)
    if settings.sftp_layout == "multi":
        rows = _vendors_as_sent(rows, desk)
    # All rows of a file for many vendors must name the same ones: other vendors are another file, one after the other.
    for part in rows.partition_by("@vendor", "vendors", maintain_order=True):
        yield from _batches(part, desk)


def _vendors_as_sent(rows: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """Give rows that end the vendors they were sent with."""
    sent = [
        one.select(pl.col("@key").alias(KEY), pl.col("vendors").alias("sent"))
        for one in desk.known.values()
        if "vendors" in one.columns
    ]
    if not sent:
        return rows
    joined = rows.join(pl.concat(sent).unique(KEY, keep="last"), on=KEY, how="left", maintain_order="left")
    gone = ~(pl.col("on") & pl.col("whole")) & pl.col("sent").is_not_null()
    return joined.with_columns(vendors=pl.when(gone).then("sent").otherwise("vendors")).drop("sent")


def _batches(rows: pl.DataFrame, desk: Desk) -> Iterator[Batch]:
    vendor, vendors = str(rows["@vendor"][0]), str(rows["vendors"][0] or "")
    most = sheets.most_rows(desk.where, desk.profile) - 1
    numbered = desk.profile.promo.split_strategy == "numbered_prefix" and vendor != ""
    stands_ = pl.col("on") & pl.col("whole")
    rising, falling = rows.filter(stands_), rows.filter(~stands_)
    number = 0
    while rising.height or falling.height:
        name = desk.name(vendor, number)
        identity = f"{name}|{vendors}"
        inside = desk.inside(identity)
        here = pl.col(KEY).is_in(inside["@key"].implode())
        mine = pl.concat([rising.filter(here), rising.filter(~here).head(max(0, most - inside.height))]).sort("effect")
        ends = falling.filter(pl.col(KEY).is_in(inside["@key"].implode()))
        rising = rising.join(mine.select("effect"), on="effect", how="anti", maintain_order="left")
        falling = falling.join(ends.select("effect"), on="effect", how="anti", maintain_order="left")
        steps = _steps(identity, mine, ends, desk)
        if steps:
            effects = items.placed(pl.concat([mine, ends]).sort("effect"))
            body = "\n".join(str(one["body"]) for one in steps).encode()
            texts = [json.dumps({"file": name, **one}, ensure_ascii=False) for one in steps]
            memo = {"steps": items.pack(texts), "feed": desk.where, "vendor": vendor}
            yield Batch(promotions.OPERATION, f"{desk.account}:file:{name}", body, effects, memo)
        number += 1
        if not numbered or (not rising.height and f"{desk.name(vendor, number)}|{vendors}" not in desk.known):
            break
    for left, why in ((rising, sheets.TOO_MANY), (falling, "forgotten")):
        if left.height:
            yield Batch(promotions.OPERATION, "", b"", items.placed(left), {items.UNSENT: why})


def _steps(identity: str, mine: pl.DataFrame, ends: pl.DataFrame, desk: Desk) -> list[dict[str, Any]]:
    """Return the uploads a file takes: what changes or ends goes off as it was sent, then what is to run is sent."""
    inside, new = desk.inside(identity), _cells(mine, desk.profile)
    gone = pl.col("@key").is_in(ends[KEY].implode())
    cells = [name for name in new.columns if name in inside.columns and not name.startswith("@")]
    other = inside.filter(pl.col("@key").is_in(new["@key"].implode()))
    other = other.join(new.select("@key", *cells), on=["@key", *cells], how="anti", nulls_equal=True)
    off = gone | pl.col("@key").is_in(other["@key"].implode())
    leaving = inside.filter(off)
    anew = desk.profile.promo.change_strategy == "end_and_new"
    steps: list[dict[str, Any]] = []
    if leaving.height and (anew or not new.height):
        touched = inside.filter(pl.col("campaign_name").is_in(leaving["campaign_name"].implode()))
        status = pl.when(off).then(pl.lit("0")).otherwise(pl.lit("1")).alias(_STATUS)
        steps.append(_step(identity, touched.with_columns(status), inside.filter(~off), desk))
    after = inside.filter(~off)
    if new.height:
        after = pl.concat([after.filter(~pl.col("@key").is_in(new["@key"].implode())), new], how="diagonal")
        shown = after.filter(pl.col("campaign_name").is_in(new["campaign_name"].implode()))
        if not anew:
            shown = pl.concat([shown, inside.filter(gone).with_columns(pl.lit("0").alias(_STATUS))], how="diagonal")
        steps.append(_step(identity, shown, after, desk))
    desk.known[identity] = after
    return steps


def _cells(rows: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    """Return rows as they are remembered: keys and cells, all text."""
    columns = {*profile.sftp.promotion_columns, *profile.sftp.single_columns, *_KEYS, "campaign_name"}
    return rows.select(name for name in rows.columns if name in columns).with_columns(pl.lit("1").alias(_STATUS))


def _step(identity: str, shown: pl.DataFrame, after: pl.DataFrame, desk: Desk) -> dict[str, Any]:
    sftp, single = desk.profile.sftp, desk.where == "assortment"
    wanted = sftp.single_columns if single else sftp.promotion_columns
    always = wanted if single else tuple(one for one in wanted if one not in {"vendors", "exclude", "barcode", "sku"})
    body = sheets.written(sheets.columns_of(shown, wanted, always=always), desk.profile).decode("utf-8")
    until = max((str(one) for one in after["@until"]), default="0")
    record = {"identity": identity, "until": until, "cells": after.to_dict(as_series=False)}
    return {"body": body, "record": record}
