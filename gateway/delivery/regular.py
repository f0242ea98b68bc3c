"""What the articles of promotions cost: the price sent last, read from the lane that writes their prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
import sqlalchemy as sa

from gateway import delta
from gateway.contracts import prices
from gateway.contracts.offers import promotion_type
from gateway.contracts.rules import given, stands
from gateway.delivery.baseline import Baseline
from gateway.journal import Journal
from gateway.journal import tables as t
from gateway.model import KEY, KEY_SEPARATOR, REGULAR, Operation, PriceTerms
from gateway.spool import Spool

REGULAR_READS = (
    *("sku", "product_id", "command", "price_basis", "tax_rate", "currency"),
    *("type", "price", "percentage", "amount", "buy_quantity"),
)
"""Fields of promotion rows that `Regular.beside` looks at."""
WRITTEN = "@written"
"""What was written last of the article whose price a row lowers, as a digest (UInt64); null where nothing is known."""
_RECKONED = ("final_price", "amount")
"""Types of promotions that mean something beside a price only."""
_DECIMALS = 6
_ARTICLE = "@article"
_ASKS = "@asks"
_TOLD = {KEY: pl.String, "seq": pl.Int64, "measure": pl.String, "ended": pl.Boolean, "digest": pl.UInt64}
_KNOWN = {_ARTICLE: pl.String, "price": pl.String, "digest": pl.UInt64}


def reckons() -> pl.Expr:
    """Return whether a promotion means something beside the price of its article only."""
    return stands() & promotion_type().is_in(_RECKONED).fill_null(value=False)


def reckoned_from() -> pl.Expr:
    """Return the article whose price a promotion lowers: its own, or the product's where it names none."""
    return pl.when(given("sku")).then("sku").otherwise("product_id")


class Regular:
    """Prices one lane has sent; nothing is read before a row asks for one."""

    def __init__(
        self, journal: Journal, spool: Spool, lane: str, written: Sequence[Operation], *, follows: bool = False
    ) -> None:
        """`written`: the operations of the lane's family. `follows`: whether rows are given WRITTEN too."""
        self._journal = journal
        self._spool = spool
        self._lane = lane
        self._follows = follows
        self._parts = tuple(one.part for one in written if one.part)
        self._terms = next((one.prices for one in written if one.prices is not None and not one.part), None)

    def beside(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add REGULAR to promotion rows: the price of their article, under way or else confirmed, in their own basis.

        Null where none is known, where it is in another currency than the row, and for rows whose type needs no price;
        empty where one is known, but no rate tells it in the row's basis. An article whose price differs between
        vendors has the highest. With `follows` every row has WRITTEN.
        """
        nothing = rows.with_columns(pl.lit(None, pl.String).alias(REGULAR))
        if self._follows:
            nothing = nothing.with_columns(pl.lit(None, pl.UInt64).alias(WRITTEN))
        if self._terms is None:
            return nothing
        absent = [pl.lit(None, pl.String).alias(name) for name in REGULAR_READS if name not in rows.columns]
        asks = reckons() & _same_currency(self._terms)
        full = rows.with_columns(absent).with_columns(asks.fill_null(value=False).alias(_ASKS))
        wanted = pl.lit(value=True) if self._follows else pl.col(_ASKS)
        full = full.with_columns(pl.when(wanted).then(reckoned_from()).alias(_ARTICLE))
        known = self._prices(full[_ARTICLE].drop_nulls().unique())
        if not known.height:
            return nothing
        full = full.join(known, on=_ARTICLE, how="left", suffix="_sent", maintain_order="left")
        full = full.with_columns(pl.when(_ASKS).then("price_sent").alias("price_sent"))
        told = rows.with_columns(_in_their_basis(full, self._terms).alias(REGULAR))
        return told.with_columns(full["digest"].alias(WRITTEN)) if self._follows else told

    def _prices(self, articles: pl.Series) -> pl.DataFrame:
        """Return `@article`, the `price` sent last (String, in the terms of its operation) and its digest, if known."""
        if not articles.len():
            return pl.DataFrame(schema=_KNOWN)
        flying = pl.concat([pl.DataFrame(schema=_TOLD), *self._about(articles, self._flying())])
        # Read last: what is under way moves to what is confirmed.
        confirmed = Baseline.of_lane(self._journal, self._spool, self._lane).frames(renewed=False)
        known = delta.fold(list(self._about(articles, confirmed)))
        newest = flying.sort("seq", maintain_order=True).unique(KEY, keep="last")
        told = pl.concat([known.join(newest, on=KEY, how="anti").select(list(_TOLD)), newest])
        told = told.filter(~pl.col("ended") & pl.col("measure").is_not_null())
        worth = pl.col("measure").cast(pl.Decimal(38, _DECIMALS), strict=False)
        priced = told.select(_article().alias(_ARTICLE), "digest", price="measure", worth=worth).sort("worth")
        return priced.unique(_ARTICLE, keep="last").select(list(_KNOWN))

    def _flying(self) -> Iterator[pl.DataFrame]:
        with self._journal.read() as tx:
            query = sa.select(t.consignment.c.id).where(t.consignment.c.lane == self._lane)
            opened = list(tx.scalars(query.where(t.consignment.c.state == "open")))
        for identity in opened:
            yield from self._spool.consignment(identity).effects(list(_TOLD))

    def _about(self, articles: pl.Series, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Leave what is about the articles, and of it the price itself: parts of it have keys of their own."""
        here = _article().is_in(articles.implode())
        for part in self._parts:
            here = here & ~pl.col(KEY).str.ends_with(f"{KEY_SEPARATOR}{part}")
        return (frame.filter(here) for frame in frames)


def _article() -> pl.Expr:
    """Return the article a key begins with."""
    return pl.col(KEY).str.splitn(KEY_SEPARATOR, 2).struct.field("field_0")


def _same_currency(terms: PriceTerms) -> pl.Expr:
    """Return whether nothing says that the row is in another currency."""
    if terms.currency is None:
        return pl.lit(value=True)
    return ~given("currency") | (pl.col("currency") == terms.currency)


def _in_their_basis(full: pl.DataFrame, terms: PriceTerms) -> pl.Series:
    """Return the known prices, converted where the row speaks in the other basis; empty where no rate tells how."""
    known = full.select(
        pl.lit(terms.basis).alias("price_basis"), "tax_rate", "command", price="price_sent",
        currency=pl.lit(None, pl.String),
    )  # fmt: skip
    other = PriceTerms("gross" if terms.basis == "net" else "net", _DECIMALS, tax_rate=terms.tax_rate)
    turned = prices.converted(known, other)["price"].fill_null("")
    basis = full["price_basis"]
    told = pl.when(basis == terms.basis).then(known["price"]).when(basis == other.basis).then(turned)
    return pl.select(pl.when(known["price"].is_not_null()).then(told)).to_series()
