"""Products among the store's categories: who may not stand where it says, and which calls make and link what; pure.

What the store lacks is made for rows that may: their route says so, row by row. A row that may not is judged by what
the store had when it was asked, whatever other rows make meanwhile: so it ends alike in whatever order rows come.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.contracts.rules import given, issues_of
from gateway.destinations.sellerscommerce.bodies import Bodies
from gateway.destinations.sellerscommerce.known import Category, plain
from gateway.destinations.sellerscommerce.making import Missing, memo_of
from gateway.destinations.sellerscommerce.settings import SellersCommerceSettings
from gateway.destinations.sellerscommerce.tree import Tree

PERMIT = "create_missing"
"""Whether what a row needs may be made: a permit of the contract, which the row's route gives."""
ATTRIBUTE = "attributes."
_MAY = "@may"
_LINK_SCHEMA = {"number": pl.Int64, "product_code": pl.String, "category_code": pl.String}


# ---------------------------------------------------------------- checking


def misplaced(rows: pl.DataFrame, tree: Tree, brands: frozenset[str] | None) -> pl.DataFrame:
    """Return issues of rows whose brand or category the store lacks, where it may not or can't be made.

    `brands`: names of the store's brands, as `plain` makes them; None: nobody asked.
    """
    stands = rows.with_columns(_may())
    told: list[tuple[str | None, str | None, bool, str, str]] = []
    for brand, category, may in stands.select("brand", "category", _MAY).unique(maintain_order=True).rows():
        place = tree.place(brand, category, make=may)
        field, text = "brand" if place.of_brand else "category", place.fault
        if not text and place.missing and not may:
            lack = place.missing[0]
            field, text = "brand" if lack.is_brand else "category", _lacking(lack)
        if not text and brand and brands is not None and not may:
            there = plain(brand) in brands or any(one.is_brand for one in place.chain)
            field, text = "brand", "" if there else _lacking(Category("", brand, None, is_brand=True))
        if text:
            told.append((brand, category, may, field, text))
    schema = {"brand": pl.String, "category": pl.String, _MAY: pl.Boolean, "named": pl.String, "text": pl.String}
    faults = pl.DataFrame(told, schema=schema, orient="row")
    on = ["brand", "category", _MAY]
    wrong = stands.join(faults, on=on, how="inner", nulls_equal=True, maintain_order="left")
    found = [
        issues_of(
            wrong.filter(pl.col("named") == field), "DEST_LIMIT", field, value=pl.col(field), detail=pl.col("text")
        )
        for field in ("brand", "category")
    ]
    return pl.concat(found)


def unlinked(rows: pl.DataFrame, tree: Tree, settings: SellersCommerceSettings) -> Iterator[pl.DataFrame]:
    """Yield issues of rows with a further category that the store lacks, where it may not or can't be made."""
    more = ATTRIBUTE + settings.link_attribute
    if more not in rows.columns:
        return
    stands = rows.filter(given(more)).with_columns(_may())
    told: list[tuple[str | None, str, bool, str]] = []
    for brand, paths, may in stands.select("brand", more, _MAY).unique(maintain_order=True).rows():
        places = [tree.place(brand, path, make=may) for path in paths.split("|") if path]
        texts = [one.fault for one in places if one.fault]
        if not may:
            texts += [_lacking(one.missing[0]) for one in places if one.missing]
        if texts:
            told.append((brand, paths, may, texts[0]))
    schema = {"brand": pl.String, more: pl.String, _MAY: pl.Boolean, "text": pl.String}
    faults = pl.DataFrame(told, schema=schema, orient="row")
    wrong = stands.join(faults, on=["brand", more, _MAY], how="inner", nulls_equal=True, maintain_order="left")
    yield issues_of(wrong, "DEST_LIMIT", more, value=pl.col(more), detail=pl.col("text"))


def _may() -> pl.Expr:
    return (pl.col(PERMIT) == "true").fill_null(value=False).alias(_MAY)


def _lacking(category: Category) -> str:
    kind = "brand" if category.is_brand else "category"
    return (
        f"the store has no {kind} {category.name!r}, and the file's route does not allow that it is made; "
        f"{PERMIT} = true in the route's table of gateway.toml allows it to files that come from then on"
    )


# ---------------------------------------------------------------- encoding


@dataclass(frozen=True, slots=True)
class Placed:
    """Products with their categories, and the calls around them by product."""

    frame: pl.DataFrame
    before: Sequence[Sequence[Missing]]
    after: Sequence[Sequence[str]]

    def memo(self, which: range) -> dict[str, str]:
        """Return the calls around some of the products, each once; links with the product's place among them."""
        after = [[n - which.start, item] for n in which for item in self.after[n]]
        return memo_of([self.before[n] for n in which]) | ({"after": json.dumps(after)} if after else {})


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where products of one brand, category and further categories stand: JSON texts, and codes to be linked."""

    text: str | None
    before: tuple[Missing, ...]
    linked: tuple[str, ...]


def placed(products: pl.DataFrame, tree: Tree, settings: SellersCommerceSettings, bodies: Bodies) -> Placed:
    """Add images and categories, and gather the calls around each product; one may what one of its rows may."""
    more = ATTRIBUTE + settings.link_attribute
    if more not in products.columns:
        products = products.with_columns(pl.lit(None, pl.String).alias(more))
    named = products.select("brand", "category", more, _may()).rows()
    stands = {one: _stand(one, tree, settings, bodies) for one in dict.fromkeys(named)}
    images = pl.col("image_urls").str.split("|")
    frame = products.with_columns(
        images.list.first().alias("image"),
        images.list.join(settings.image_separator).alias("images"),
        pl.Series("categories", [stands[one].text for one in named], dtype=pl.String),
    )
    pairs = [(n, code, word) for n, (code, one) in enumerate(zip(products["product_code"], named, strict=True))
             for word in stands[one].linked]  # fmt: skip
    links = pl.DataFrame(pairs, schema=_LINK_SCHEMA, orient="row")
    after: list[list[str]] = [[] for _ in named]
    for number, text in zip(links["number"], bodies["link"].render(links), strict=True):
        after[number].append(text)
    return Placed(frame, [stands[one].before for one in named], after)


def _stand(
    named: tuple[str | None, str | None, str | None, bool],
    tree: Tree,
    settings: SellersCommerceSettings,
    bodies: Bodies,
) -> _Stand:
    brand, category, further, may = named
    place = tree.place(brand, category, make=may)
    extra = [tree.place(brand, path, make=may) for path in (further or "").split("|") if path]
    made = tuple(dict.fromkeys(one for each in (place, *extra) for one in each.missing)) if may else ()
    linked = [each.chain[-1].code for each in extra if each.chain]
    if settings.category_links != "body" and place.chain:
        linked.insert(0, place.chain[-1].code)
    inside = settings.category_links != "call" and place.chain
    text = f"[{','.join(category_bodies(place.chain, settings, bodies))}]" if inside else None
    before = [Missing(*one) for one in zip(made, category_bodies(made, settings, bodies), strict=True)]
    return _Stand(text, tuple(before), tuple(dict.fromkeys(linked)))


def category_bodies(categories: Sequence[Category], settings: SellersCommerceSettings, bodies: Bodies) -> list[str]:
    """Return categories as JSON objects, in their order."""
    rows = [(one.code, one.name, one.parent, "Yes" if one.is_brand else "No") for one in categories]
    names = ("category_code", "category_name", "parent_code", "is_brand")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return bodies["category"].render(frame, inverted=settings.is_brand_inverted).to_list()
