"""Promotions as discounts of offers: which can be, and what price they come to; pure.

Source: Mirakl seller API documentation, PRI01: an offer has one discount price with a start and an end (verified).
Seller promotions with baskets, limits and customers are another call that many operators do not activate.
"""

from __future__ import annotations

import polars as pl

from gateway.contracts.offers import promotion_type
from gateway.contracts.profiles import needed
from gateway.contracts.rules import given, stands
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.model import INSTEAD, LIST_SEPARATOR, OPEN, Operation, PriceTerms, Reference, Repeat, Requirement

OPERATION = "discount"
PART = "discount"
FIELDS = ("type", "price", "percentage", "amount", "buy_quantity", "currency", "starts_at", "ends_at", "status")
IDLE = ("nothing", "before", "over")
"""What comes of rows for which nothing is sent: see `against`."""
WINDOW = ("discount-start-date", "discount-end-date")
_LIMITING = ("customer_id", "quantity_to", "spent_from", "spent_to", "limit_total", "limit_per_customer")
_EXACT = pl.Decimal(38, 10)


def operation(settings: MiraklSettings, prices: PriceTerms) -> Operation:
    """Describe the discount operation under the settings."""
    return Operation(
        name=OPERATION,
        contract="promotion",
        family="price",
        after=("offer",),
        fields=("sku", *FIELDS),
        batch_size=settings.price_batch_size,
        requires=_requires(),
        confirms="applied",
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.price_deadline,
        settle_first=True,
        slot_until="ticket",
        interval=settings.price_interval,
        ends=True,
        key=("sku",),
        part=PART,
        # What a full file leaves out and is over by its date need not be ended.
        measure="ends_at",
        prices=PriceTerms(prices.basis, prices.decimals, prices.currency, prices.tax_rate, ("price", "amount")),
        gathers=True,
        regular="price",
        # A price row may set or end the discount, and changes what a percentage or an amount comes to.
        follows=True,
        instead=True,
    )


def _requires() -> tuple[Requirement, ...]:
    """Refuse what a discount of one offer would turn into something wider or other than was meant."""
    columns = ("type", "price", "percentage", "amount", "buy_quantity", "get_quantity")
    more_than_one = pl.col("quantity_from").cast(pl.Decimal(38, 3), strict=False) > 1
    total = (pl.col("discount_by_unit") == "false") & (promotion_type() == "amount")
    return (
        needed("sku", "a discount belongs to one offer"),
        *_leaving_nothing(columns),
        Requirement(
            "DEST_LIMIT", "type", columns, (promotion_type() == "bundle").fill_null(value=False),
            "bundles can't be expressed as a discount",
        ),
        Requirement("DEST_LIMIT", "quantity_from", ("quantity_from",), more_than_one, "discounts count from one unit"),
        *(Requirement("DEST_LIMIT", name, (name,), given(name), "discounts have no such limit") for name in _LIMITING),
        Requirement(
            "DEST_LIMIT", "discount_by_unit", ("discount_by_unit", *columns), total,
            "an amount off the total can't be expressed as a discount",
        ),
    )  # fmt: skip


def _leaving_nothing(columns: tuple[str, ...]) -> tuple[Requirement, ...]:
    """Refuse what leaves nothing of any price, as that of every offer would be refused (an amount: once it is read)."""
    sets = stands() & pl.col("status").ne_missing("inactive")
    return tuple(
        Requirement(
            "DEST_LIMIT", field, (*columns, "status", "command"),
            ((promotion_type() == kind) & (pl.col(field) == most)).fill_null(value=False) & sets, detail,
        )
        for field, kind, most, detail in (
            ("price", "final_price", "0", "it has to be above 0"),
            ("percentage", "percentage", "100", "it would leave nothing of the price"),
        )
    )  # fmt: skip


def wanted(base: pl.Expr, decimals: int) -> list[pl.Expr]:
    """Return what the rows want: `act` (set or clear), `d_price`, `d_from`, `d_to`.

    They read FIELDS and `command` as columns. `base`: the present price (String). Discounts are rounded half up.
    """
    off = (pl.col("command") == "end").fill_null(value=False) | (pl.col("status") == "inactive").fill_null(value=False)
    now = base.cast(_EXACT, strict=False)
    kind = promotion_type()
    hundred, hundredth = pl.lit("100").cast(_EXACT), pl.lit("0.01").cast(_EXACT)
    kept = hundred - pl.col("percentage").cast(_EXACT, strict=False)
    price = (
        pl.when(kind == "final_price")
        .then(pl.col("price").cast(_EXACT, strict=False))
        .when(kind == "percentage")
        .then(now * kept * hundredth)
        .when(kind == "amount")
        .then(now - pl.col("amount").cast(_EXACT, strict=False))
    )
    return [
        pl.when(off).then(pl.lit("clear")).otherwise(pl.lit("set")).alias("act"),
        pl.when(~off).then(half_up(price, decimals)).alias("d_price"),
        pl.when(~off).then("starts_at").alias("d_from"),
        pl.when(~off).then("ends_at").alias("d_to"),
    ]


def against(rows: pl.DataFrame, reference: Reference, within: float) -> pl.DataFrame:
    """Have `act` of wanted rows say what comes of it beside the discount the offer has: it holds one, and one only.

    `rows`: with `act`, FIELDS, PRI01's discount columns as `old ...` and, where the records have it, INSTEAD.
    `within`: seconds by which dates may differ and still be the same. `nothing`: none is there that the row could end;
    `before`: the one it ends was over before another began, which stays;
    `runs`: it would end one, but another lasts; `over`: what it wants is over already; `other`: another one lasts, and
    nobody ends it; `clear`: what it wants is over too, but the one that lasts is to end; else as it was.
    """
    if reference.taken_at is None:
        return rows
    now = pl.lit(reference.taken_at)
    past = (moment("old discount-end-date") < now).fill_null(value=False)
    there = (given("old discount-price") | given("old discount-ranges")) & ~past
    over = (moment("ends_at") < now).fill_null(value=False)
    off = pl.col("act") == "clear"
    rows = rows.with_columns(_ended(rows, now, within).alias("@ended"))
    missed = off & there & ~_same(now, within, named=True)
    act = (
        pl.when(missed & ~(over & _before())).then(pl.lit("runs"))
        .when(missed).then(pl.lit("before"))
        .when(off & ~there).then(pl.lit("nothing"))
        .when(~off & over & there & pl.col("@ended") & ~_same(now, within, named=False)).then(pl.lit("clear"))
        .when(~off & over).then(pl.lit("over"))
        .when(~off & there & ~_same(now, within, named=False) & ~pl.col("@ended")).then(pl.lit("other"))
        .otherwise("act")
    )  # fmt: skip
    return rows.with_columns(act=act).drop("@ended")


def _before() -> pl.Expr:
    """Return whether what a row names had ended when the offer's discount began; it is not what the row is about."""
    return (moment("ends_at") < moment("old discount-start-date")).fill_null(value=False)


def _ended(rows: pl.DataFrame, now: pl.Expr, within: float) -> pl.Series:
    """Return which offers have the discount that another row of the file ends, or that the file says no more."""
    if INSTEAD not in rows.columns:
        return pl.repeat(value=False, n=rows.height, eager=True)
    places = rows.drop("starts_at", "ends_at").with_row_index("@place").filter(pl.col(INSTEAD).is_not_null())
    windows = places.with_columns(pl.col(INSTEAD).str.split(LIST_SEPARATOR)).explode(INSTEAD)
    dates = pl.col(INSTEAD).str.splitn("/", 2).struct
    windows = windows.with_columns(starts_at=dates.field("field_0"), ends_at=dates.field("field_1"))
    found = windows.filter(_same(now, within, named=True))["@place"].unique()
    return pl.int_range(rows.height, dtype=pl.UInt32, eager=True).is_in(found.implode())


def _same(now: pl.Expr, within: float, *, named: bool) -> pl.Expr:
    """Return whether the dates of a row are those of the offer's discount.

    Starts that have come are alike: a marketplace may show its own, or none. `named`: dates a row does not give, as
    one that ends may leave them out, fit any; OPEN fits none but an open one.
    """
    apart = pl.duration(microseconds=int(within * 1e6))
    near = [
        ((moment(mine) - moment(theirs)).abs() <= apart).fill_null(value=False)
        for mine, theirs in zip(("starts_at", "ends_at"), (f"old {name}" for name in WINDOW), strict=True)
    ]
    begun = [(moment(name) <= now).fill_null(value=True) for name in ("starts_at", "old discount-start-date")]
    open_ended = ~(given("ends_at") & (pl.col("ends_at") != OPEN)) & ~given("old discount-end-date")
    starts, ends = near[0] | (begun[0] & begun[1]), near[1] | open_ended
    return (starts | ~given("starts_at")) & (ends | ~given("ends_at")) if named else starts & ends


def moment(name: str) -> pl.Expr:
    """Return a point in time (UTC) from ISO text; null where it is none."""
    return pl.col(name).str.to_datetime("%+", time_zone="UTC", time_unit="us", strict=False)


def half_up(amount: pl.Expr, decimals: int) -> pl.Expr:
    """Return an amount as text with at most so many decimals."""
    rounded = amount.round(decimals, mode="half_away_from_zero").cast(pl.Decimal(38, decimals)).cast(pl.String)
    return rounded.str.replace(r"\.?0+\z", "") if decimals else rounded
