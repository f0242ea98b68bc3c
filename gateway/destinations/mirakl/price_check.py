"""What present prices and the platform forbid of prices and discounts; pure.

Source: Mirakl seller API documentation, PRI01 and PC01: a discount is below the price, periods may be mandatory, ends
in the past may be blocked, decimals are capped (verified).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from gateway.contracts.rules import given, issues_of
from gateway.destinations.mirakl import discount, price
from gateway.destinations.mirakl.offer import other_currency
from gateway.destinations.mirakl.platform import Platform
from gateway.destinations.mirakl.settings import MiraklSettings
from gateway.model import ROW, Reference, no_issues
from gateway.wording import filled

_AMOUNT = pl.Decimal(38, 10)
_INSTEAD = (
    "; to change that, send in one file a row that ends it (command end, with these dates) and this row; "
    "or send this row when it is over"
)


def check(
    operation: str, records: pl.DataFrame, reference: Reference, today: date, settings: MiraklSettings
) -> pl.DataFrame:
    """Say which offers are not there, which prices are not known, and which discounts can't be."""
    if "offers" not in reference.facts or not records.height:
        return no_issues()
    rows = price.wished(operation, records, reference, settings)
    if operation == price.OPERATION:
        rows = rows.filter((pl.col("command") != "end").fill_null(value=True))
    here = pl.col("exists").fill_null(value=False)
    platform: Platform = reference.facts.get("platform") or Platform()
    # What ends nothing, or is over, is not sent: nothing is wrong with it.
    idle = pl.col("act").is_in(discount.IDLE)
    able = rows.filter(here & given("base") & ~idle)
    found = [
        _issues(rows.filter(~here), "DEST_NO_OFFER", "sku", pl.lit("the shop does not have it")),
        _issues(rows.filter(here & ~given("base")), "DEST_NO_OFFER", "sku", pl.lit("its present price is not known")),
        _others(able),
        _missed(able),
        *_amounts(able.filter(~pl.col("act").is_in(["other", "runs"]))),
        *_limits(able.filter(~pl.col("act").is_in(["other", "runs"])), platform, today),
        other_currency(rows),
    ]
    return pl.concat(found).sort(ROW, maintain_order=True)


def _others(rows: pl.DataFrame) -> pl.DataFrame:
    """Refuse what would take the place of a discount that lasts: an offer holds one, and the other would not return."""
    first, last = _window()
    other = filled("an offer holds one discount, and this one has {} from {} to {}", "old discount-price", first, last)
    detail = pl.concat_str(other, pl.lit(_INSTEAD))
    return _issues(rows.filter(pl.col("act") == "other"), "DEST_DISCOUNT", "starts_at", detail)


def _missed(rows: pl.DataFrame) -> pl.DataFrame:
    """Refuse what would end a discount of other dates than the one the offer has: that goes on."""
    return _issues(rows.filter(pl.col("act") == "runs"), "PROMOTION_RUNS", "ends_at", filled("{} to {}", *_window()))


def _window() -> tuple[pl.Expr, pl.Expr]:
    """Return from when until when the offer has its discount, in words."""
    first, last = (pl.when(given(f"old {name}")).then(f"old {name}") for name in discount.WINDOW)
    return first.fill_null("always"), last.fill_null("further notice")


def _amounts(rows: pl.DataFrame) -> list[pl.DataFrame]:
    now, off = (pl.col(name).cast(_AMOUNT, strict=False) for name in ("price", "discount-price"))
    kept, own = pl.col("act") == "keep", filled("the price {} is not below the price {}", "discount-price", "price")
    way = "the running discount price {} is not below the price {}; end that discount first, then send the price, then "
    running = filled(f"{way}the promotion again", "discount-price", "price")
    not_below, nothing_left = (off >= now).fill_null(value=False), (off <= 0).fill_null(value=False)
    left = filled("of the price {} it would leave {}", "price", "discount-price")
    return [
        _issues(rows.filter(not_below & kept), "DEST_PRICE", "price", running),
        _issues(rows.filter(not_below & ~kept), "DEST_DISCOUNT", "price", own),
        _issues(rows.filter(nothing_left & ~not_below), "DEST_DISCOUNT", "price", left),
    ]


def _limits(rows: pl.DataFrame, platform: Platform, today: date) -> list[pl.DataFrame]:
    found: list[pl.DataFrame] = []
    given_now = (pl.col("act") == "set").fill_null(value=False)
    if platform.discount_period_required:
        open_ended = rows.filter(given_now & ~(given("d_from") & given("d_to")))
        detail = "the marketplace wants a start and an end of every discount"
        found.append(_issues(open_ended, "DEST_DISCOUNT", "price", pl.lit(detail)))
    if platform.discount_in_past_blocked:
        over = rows.filter(given_now & (pl.col("d_to").str.slice(0, 10) < today.isoformat()).fill_null(value=False))
        detail_of = filled("its end {} is past, which the marketplace does not take", "d_to")
        found.append(_issues(over, "DEST_DISCOUNT", "price", detail_of))
    most = platform.price_decimals
    if most is not None:
        for column in ("price", "discount-price"):
            fine = pl.col(column).str.extract(r"\.([0-9]*[1-9])0*\z").str.len_chars().fill_null(0) <= most
            detail = f"the marketplace takes at most {most} decimals"
            found.append(
                issues_of(rows.filter(~fine), "DEST_LIMIT", "price", value=pl.col(column), detail=pl.lit(detail))
            )
    return found


def _issues(rows: pl.DataFrame, code: str, field: str, detail: pl.Expr) -> pl.DataFrame:
    return issues_of(rows, code, field, value=pl.col("sku"), detail=detail)
