"""Promotions to the calls that create, change and end them (P1); pure.

Source: Partner API documentation, promotions: vendors, type, window, discounts by final price; a promotion changes or
ends by the request that made it; one request gives all its SKUs to all its vendors; 2 million SKUs times vendors at
most (verified). Percentages, amounts, quantities of bundles and limits are live-reported; that name, vendors and window
tell promotions apart too. So rows alike in all of that are one promotion, whose whole last body is remembered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.offers import promotion_type
from gateway.contracts.rules import given, issues_of, stands
from gateway.destinations.partner_api import items, standing
from gateway.destinations.partner_api.memory import Record
from gateway.destinations.partner_api.profile import Profile
from gateway.destinations.partner_api.settings import PartnerApiSettings
from gateway.model import EACH, KEY, LIST_SEPARATOR, ROW, Batch, Operation, Reference, Repeat, Requirement, no_issues
from gateway.wording import filled

OPERATION = "promotion"
ENDED = "ended"
"""Name of the keys that the records at hand end among the facts of a reference."""
REMEMBERED = "promotions"
"""Name of the remembered promotions among the facts of a reference: identity to record."""
FIELDS = (
    *("sku", "promotion_id", "type", "price", "percentage", "amount", "buy_quantity", "get_quantity"),
    *("starts_at", "ends_at", "limit_total", "campaign", "reason", "status", "vendor_ids"),
)
_GIVES = ("type", "price", "percentage", "amount", "buy_quantity", "get_quantity")
_OFF = (("command", "end"), ("status", "inactive"))
_FOREIGN = ("brand", "category", "customer_id", "quantity_to", "spent_from", "spent_to", "limit_per_customer")


def operation(settings: PartnerApiSettings, profile: Profile) -> Operation | None:
    """Describe promotions by calls; None where the settings do not say the basis of prices."""
    terms = items.price_terms(settings, profile.prices.promotion_decimals, ("price", "amount", "regular_price"))
    if terms is None:
        return None
    limits, apart = profile.rest.limits, settings.promotions_per_vendor
    return Operation(
        name=OPERATION,
        contract="promotion",
        family="promotion",
        fields=tuple(name for name in FIELDS if name != "vendor_ids" or not apart),
        batch_size=limits.max_promotion_pairs,
        requires=requires(settings, profile),
        confirms="applied",
        # The same promotion again is the same promotion, or said to be a duplicate.
        repeat=Repeat.IF_NEWEST,
        deadline=profile.jobs.give_up_s,
        # What changes a promotion is built from what was sent of it last.
        settle_first=True,
        slot_until="settled",
        interval=limits.interval,
        ends=True,
        key=("sku", "promotion_id", "starts_at", "ends_at"),
        # The platform refuses what is not below the price it has by then, and products it does not have yet.
        after=("product", "price") if profile.features.create_products and settings.channel == "rest" else ("price",),
        prices=terms,
        each="vendor_ids" if apart else None,
        every=tuple(settings.vendors) if apart else (),
        gathers=True,
        # A call repeats its whole promotion, and a product may begin in one what it ends in another.
        whole=True,
        regular="price",
        budget=limits.budget,
    )


def requires(settings: PartnerApiSettings, profile: Profile) -> tuple[Requirement, ...]:
    """Refuse what these promotions can't express; rows that end one need their key only."""
    kind, live = promotion_type(), stands()
    types = profile.features.promo_types
    bundle = (kind == "bundle").fill_null(value=False)
    allowed = pl.lit("STRIKETHROUGH" in types) & ~bundle | pl.lit("SAME_ITEM_BUNDLE" in types) & bundle
    rate = pl.col("percentage").cast(pl.Decimal(38, 4), strict=False)
    out = ((kind == "percentage") & ((rate < 1) | (rate > 100))).fill_null(value=False)
    more = pl.col("quantity_from").cast(pl.Decimal(38, 3), strict=False) > 1
    price, regular = (pl.col(name).cast(pl.Decimal(38, 6), strict=False) for name in ("price", "regular_price"))
    dear = ((kind == "final_price") & (price >= regular)).fill_null(value=False)
    free = (price <= 0).fill_null(value=False)
    total = (pl.col("discount_by_unit") == "false") & (kind == "amount")
    columns = (*_GIVES, "command")
    return (
        profiles.needed("sku", "promotions are of single articles"),
        # Rows that end one, too: the same id may have several windows, and what is remembered is found by them.
        profiles.needed("starts_at", "promotions have a start, and end by the dates they were sent with"),
        profiles.needed("ends_at", "promotions have an end, and end by the dates they were sent with"),
        *(Requirement("DEST_LIMIT", name, (name,), given(name), "promotions can't say so") for name in _FOREIGN),
        Requirement("DEST_LIMIT", "quantity_from", ("quantity_from",), more, "promotions hold from one unit on"),
        Requirement("DEST_LIMIT", "type", columns, ~allowed & live, f"only {', '.join(types)}"),
        Requirement("DEST_LIMIT", "percentage", columns, out & live, "from 1 to 100"),
        Requirement("DEST_LIMIT", "price", columns, free & live, "prices are above 0"),
        Requirement("DEST_LIMIT", "price", (*columns, "regular_price"), dear & live, "it must be below regular_price"),
        Requirement(
            "DEST_LIMIT", "discount_by_unit", ("discount_by_unit", *columns), total & live, "amounts are off each unit"
        ),
        items.known_vendors(settings),
    )


# ---------------------------------------------------------------- what a row is part of


def shaped(records: pl.DataFrame, settings: PartnerApiSettings, profile: Profile) -> pl.DataFrame:
    """Return effect, `@key`, on, sku, subtype, value, vendors, until and `base`: the promotion a row is part of.

    `base`: the head of the call as JSON text, null where the row does not give all of it. Vendors are those the row
    lists, or its own where there is a row for each.
    """
    apart = pl.concat_list(EACH) if EACH in records.columns else None
    absent = [name for name in (*FIELDS, "command") if name not in records.columns]
    rows = records.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    kind = promotion_type()
    value = (
        pl.when(kind == "final_price").then("price").when(kind == "percentage").then("percentage")
        .when(kind == "amount").then("amount")
        .when(kind == "bundle").then(pl.lit(str(profile.promo.bundle_value)))
    )  # fmt: skip
    subtype = kind.replace_strict(
        {
            "final_price": "FINAL_PRICE", "percentage": "PERCENTAGE", "amount": "ABSOLUTE",
            "bundle": profile.promo.bundle_subtype,
        },
        default=None, return_dtype=pl.String,
    )  # fmt: skip
    off = (pl.col("command") == "end").fill_null(value=False) | (pl.col("status") == "inactive").fill_null(value=False)
    rows = rows.with_columns(
        on=~off, subtype=subtype, value=value, bundle=(kind == "bundle").fill_null(value=False),
        reason=_reason(profile), vendors=items.vendors_of(settings, apart), name=_name(profile),
    )  # fmt: skip
    heads = rows.select("bundle", "reason", "vendors", "name", "buy_quantity", "get_quantity", "starts_at", "ends_at",
                        "limit_total").unique(maintain_order=True)  # fmt: skip
    texts = [_head(row, profile) for row in heads.iter_rows(named=True)]
    known = heads.with_columns(pl.Series("base", texts, dtype=pl.String))
    joined = rows.join(known, on=heads.columns, how="left", nulls_equal=True, maintain_order="left")
    whole = pl.col("value").is_not_null() & given("starts_at") & given("ends_at") & given("sku")
    return joined.with_columns(base=pl.when(whole).then("base"), until=pl.col("ends_at"))


def _reason(profile: Profile) -> pl.Expr:
    word = pl.col("reason").str.strip_chars().str.to_uppercase().str.replace_all(r"[ -]+", "_")
    if not profile.promo.reasons:
        return pl.when(given("reason")).then("reason").otherwise(pl.lit(profile.promo.reason))
    return pl.when(word.is_in(list(profile.promo.reasons))).then(word).otherwise(pl.lit(profile.promo.reason))


def _name(profile: Profile) -> pl.Expr:
    """Name of the promotion: with everything promotions of one name, vendors and window may differ in."""
    name = pl.coalesce(pl.when(given(one)).then(one) for one in ("campaign", "promotion_id"))
    bundle = pl.when(promotion_type() == "bundle").then(filled(" {}+{}", "buy_quantity", "get_quantity"))
    limit = pl.when(given("limit_total")).then(filled(" max {}", "limit_total"))
    reason = _reason(profile)
    other = pl.when(reason != profile.promo.reason).then(pl.concat_str(pl.lit(" "), reason))
    return pl.concat_str(name.fill_null("Promotion"), *(part.fill_null("") for part in (bundle, limit, other)))


def _head(row: Mapping[str, Any], profile: Profile) -> str:
    conditions = {"start_time": row["starts_at"], "end_time": row["ends_at"]}
    if row["bundle"]:
        conditions |= {
            "purchased_quantity": int(row["buy_quantity"] or 0), "discounted_quantity": int(row["get_quantity"] or 0)
        }  # fmt: skip
    head: dict[str, Any] = {
        "vendors": str(row["vendors"]).split(LIST_SEPARATOR),
        "type": "SAME_ITEM_BUNDLE" if row["bundle"] else "STRIKETHROUGH",
        "reason": row["reason"],
        "display_name": {profile.promo.locale: row["name"]},
        "conditions": conditions,
    }
    if row["limit_total"]:
        head["limits"] = {"global_limit": int(row["limit_total"])}
    return json.dumps(head, ensure_ascii=False, sort_keys=True)


def check(
    records: pl.DataFrame,
    settings: PartnerApiSettings,
    profile: Profile,
    known: pl.DataFrame | None = None,
    *,
    alone: bool = False,
) -> pl.DataFrame:
    """Return issues of rows that the platform would not take beside each other, or beside what runs.

    `known`: what runs (standing.running) and is ended by none of the rows; None: nobody was asked. `alone`: a product
    has one promotion at a time, whatever its id and dates.
    """
    if not records.height:
        return no_issues()
    rows = shaped(records, settings, profile).filter(pl.col("on") & pl.col("base").is_not_null())
    found = _twice(rows, ["sku"] if alone and EACH in rows.columns else ["base", "sku"])
    if known is None:
        return found
    more = [_only_one(rows, known)] if alone else [_taken(rows, known), _beside(rows, known)]
    return pl.concat([found, *more]).unique(ROW, keep="first", maintain_order=True)


def known(reference: Reference) -> pl.DataFrame | None:
    """Return what runs by a reference and is ended by none of its rows; None where nobody was asked."""
    if reference.taken_at is None:
        return None
    return standing.without_ended(
        standing.running(reference.facts.get(REMEMBERED, {}).values()), reference.facts.get(ENDED, ())
    )


def ended(records: pl.DataFrame) -> list[str]:
    """Return the keys of records that end a promotion."""
    off = [(pl.col(n) == w).fill_null(value=False) for n, w in _OFF if n in records.columns]
    return records.filter(pl.any_horizontal(off))[KEY].to_list() if off else []


def _beside(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return issues of rows whose promotion runs with other dates that meet theirs: nobody has ended that one."""
    met = _met(rows, known, ["sku", "promotion_id"]).filter(
        (pl.col("starts_at") < pl.col("ends_at_known")) & (pl.col("starts_at_known") < pl.col("ends_at"))
    )
    window = filled("from {} to {}", "starts_at_known", "ends_at_known")
    return issues_of(_first(met), "PROMOTION_RUNS", "ends_at", value=pl.col("ends_at"), detail=window)


def _taken(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return issues of rows that would take the place of what runs by another id: to the platform they are one.

    What is remembered of the other, and what was confirmed of it, would be of a promotion that has gone.
    """
    same = pl.all_horizontal(pl.col(one) == pl.col(f"{one}_known") for one in ("name", "starts_at", "ends_at"))
    where = pl.col("vendors").list.sort() == pl.col("vendors_known").list.sort()
    other = pl.when(given("promotion_id_known")).then(filled("promotion {}", "promotion_id_known"))
    said = pl.concat_str(
        other.otherwise(pl.lit("a promotion without promotion_id")),
        pl.lit(", which runs with the same name, dates and stores and has to end before another can begin,"),
    )
    met = _met(rows, known, ["sku"]).filter(same & where)
    return issues_of(_first(met), "DEST_ONE_PER_KEY", "sku", value=pl.col("sku"), detail=said)


def _only_one(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return issues of rows whose product has another promotion that is not over."""
    said = filled(
        "a file with both prices has one promotion of a product, and {} is from {} to {}",
        pl.when(given("promotion_id_known")).then("promotion_id_known").otherwise(pl.lit("one without promotion_id")),
        "starts_at_known", "ends_at_known",
    )  # fmt: skip
    return issues_of(_first(_met(rows, known, ["sku"])), "DEST_LIMIT", "sku", value=pl.col("sku"), detail=said)


def _met(rows: pl.DataFrame, known: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Return rows with what else runs of them at one of their vendors, its columns ending in `_known`."""
    vendors = pl.col("vendors").str.split(LIST_SEPARATOR)
    met = rows.with_columns(vendors=vendors).join(known, on=by, how="inner", suffix="_known")
    everywhere = pl.col("vendors").list.contains("*") | pl.col("vendors_known").list.contains("*")
    there = everywhere | (pl.col("vendors").list.set_intersection("vendors_known").list.len() > 0)
    return met.filter((pl.col("key") != pl.col(KEY)) & there)


def _first(met: pl.DataFrame) -> pl.DataFrame:
    return met.unique(ROW, keep="first", maintain_order=True)


def _twice(rows: pl.DataFrame, entry: list[str]) -> pl.DataFrame:
    """Return issues of rows of several ids or windows that are one entry to the platform (per vendor, if rows are)."""
    entry = [*entry, *([EACH] if EACH in rows.columns else [])]
    own = pl.col("promotion_id").fill_null("")
    named = pl.concat_str(own, "starts_at", "ends_at")
    twice = rows.filter(named.n_unique().over(entry) > 1).sort(ROW)
    further = named != named.first()
    other = own.filter(further).first().over(entry)
    other = pl.when(further.over(entry)).then(own.first().over(entry)).otherwise(other)
    said = pl.when(other == own).then(pl.lit("a row with other dates")).when(other != "")
    detail = said.then(filled("promotion {}", other)).otherwise(pl.lit("a row without promotion_id"))
    return issues_of(twice, "DEST_ONE_PER_KEY", "sku", value=pl.col("sku"), detail=detail)


# ---------------------------------------------------------------- encoding


def encode(
    records: pl.DataFrame, reference: Reference, account: str, settings: PartnerApiSettings, profile: Profile
) -> Iterator[Batch]:
    """Yield one batch per promotion that changes: the calls it takes, one after the other. Lines count from 1."""
    if not records.height:
        return
    remembered: Mapping[str, Record] = reference.facts.get(REMEMBERED, {})
    shelf = standing.Shelf({identity: standing.recalled(record) for identity, record in remembered.items()}, profile)
    rows = shaped(records, settings, profile)
    placed = _placed(rows, shelf, settings)
    for (identity,), part in placed.partition_by("identity", maintain_order=True, as_dict=True).items():
        if identity is None:
            yield Batch(OPERATION, "", b"", items.placed(part), {items.UNSENT: "forgotten"})
            continue
        ran = standing.ran(shelf.known[str(identity)], part, shelf)
        steps = _steps(shelf.known[str(identity)], part, shelf)
        effects = items.placed(part)
        if not steps:
            yield Batch(OPERATION, "", b"", effects, {items.UNSENT: "nothing"})
            continue
        memo = {
            "steps": items.pack([json.dumps(one, ensure_ascii=False) for one in steps]),
            "skus": items.pack([json.dumps(sku) for sku in part["sku"]]),
            **ran,
        }
        base = shelf.known[str(identity)].base
        slot = f"{account}:promotion:{hashlib.blake2b(base.encode(), digest_size=6).hexdigest()}"
        body = "\n".join(str(one["body"]) for one in steps).encode()
        yield Batch(OPERATION, slot, body, effects, memo)


def _placed(rows: pl.DataFrame, shelf: standing.Shelf, settings: PartnerApiSettings) -> pl.DataFrame:
    """Add the identity of the promotion each row is of; null for rows that end what nobody remembers."""
    frames = []
    rising = rows.filter(pl.col("on") & pl.col("base").is_not_null())
    begun: dict[str, list[standing.Promotion]] = {}
    for one in shelf.known.values():
        begun.setdefault(one.base, []).append(one)
    for (base,), part in rising.partition_by("base", maintain_order=True, as_dict=True).items():
        frames.append(_filled(part, begun.get(str(base), ()), shelf, settings))
    ending = rows.filter(~(pl.col("on") & pl.col("base").is_not_null()))
    if ending.height:
        known = pl.DataFrame(
            {KEY: list(shelf.where), "identity": list(shelf.where.values())},
            schema={KEY: pl.String, "identity": pl.String},
        )
        frames.append(ending.join(known, on=KEY, how="left", maintain_order="left"))
    whole = pl.concat(frames, how="diagonal")
    return whole.sort("effect", maintain_order=True)


def _filled(
    rows: pl.DataFrame, begun: Sequence[standing.Promotion], shelf: standing.Shelf, settings: PartnerApiSettings
) -> pl.DataFrame:
    """Give rows of one head their part: the one of `begun` they are in already, else the first with room."""
    base = str(rows["base"][0])
    vendors = json.loads(base)["vendors"]
    count = len(settings.vendors) if vendors == ["*"] else len(vendors)
    most = max(1, shelf.profile.rest.limits.max_promotion_pairs // count)
    until = str(rows["until"][0])
    inside = {sku: one.identity for one in begun for sku in one.entries["sku"].to_list()}
    seen = {"sku": list(inside), "identity": list(inside.values())}
    there = pl.DataFrame(seen, schema=dict.fromkeys(seen, pl.String))
    joined = rows.join(there, on="sku", how="left", maintain_order="left")
    fresh = joined.filter(pl.col("identity").is_null()).drop("identity")
    frames = [joined.filter(pl.col("identity").is_not_null())]
    part = 1
    while fresh.height:
        one = shelf.part(base, part, until)
        room = max(0, most - one.entries.height)
        taken = fresh.head(room).with_columns(identity=pl.lit(one.identity))
        frames.append(taken)
        fresh, part = fresh.slice(room), part + 1
    return pl.concat(frames, how="diagonal")


def _steps(one: standing.Promotion, rows: pl.DataFrame, shelf: standing.Shelf) -> list[dict[str, Any]]:
    """Return the calls a promotion takes: what moves away from others ends there first, then its own change."""
    steps: list[dict[str, Any]] = []
    rising = rows.filter(pl.col("on") & pl.col("base").is_not_null())
    falling = rows.join(rising.select("effect"), on="effect", how="anti")
    for identity, keys in _elsewhere(rising, one, shelf).items():
        standing.end(shelf.known[identity], pl.col("key").is_in(keys), shelf, steps)
    new = rising.select("sku", pl.col(KEY).alias("key"), "subtype", "value", pl.lit(value=True).alias("active"))
    ends = pl.col("key").is_in(falling[KEY].implode())
    if shelf.profile.promo.change_strategy == "end_and_new":
        other = one.entries.filter("active").join(new, on="sku", how="inner", suffix="_new")
        other = other.filter((pl.col("subtype") != pl.col("subtype_new")) | (pl.col("value") != pl.col("value_new")))
        if other.height:
            standing.end(one, ends | pl.col("sku").is_in(other["sku"].implode()), shelf, steps)
            ends = pl.lit(value=False)
    if not new.height:
        if falling.height:
            standing.end(one, ends, shelf, steps)
        return steps
    # What has ended is repeated as such, all of it: SKUs a call leaves out stay on, or come on again with the others.
    about = [*new["sku"].to_list(), *one.entries.filter(ends & pl.col("active"))["sku"].to_list()]
    kept = one.entries.with_columns(active=pl.col("active") & ~ends)
    one.entries = pl.concat([kept, new]).unique("sku", keep="last", maintain_order=True)
    one.body = standing.body_of(one, shelf.profile)
    shelf.where.update(dict.fromkeys(new["key"].to_list(), one.identity))
    steps.append(standing.step(one, list(dict.fromkeys(about))))
    return steps


def _elsewhere(rising: pl.DataFrame, one: standing.Promotion, shelf: standing.Shelf) -> dict[str, list[str]]:
    """Keys of rows that are on in other promotions, by identity: their window, vendors or limits have changed."""
    found: dict[str, list[str]] = {}
    for key in rising[KEY].to_list() if shelf.where else ():
        identity = shelf.where.get(key)
        if identity is not None and identity != one.identity:
            found.setdefault(identity, []).append(key)
    return found
