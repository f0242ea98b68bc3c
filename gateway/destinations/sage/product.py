"""Catalog records to Sage 50 Product batch files; pure.

Source: Sage 50 Cloud API documentation, e-commerce solution, Product: names, types and required properties are
verified; net price without tax, discount a rate. A product is always written whole: there is no property that ends one
(the gateway writes `available` false: assumption) and no way to change its price alone.
"""

from __future__ import annotations

import polars as pl

from gateway.contracts import profiles
from gateway.contracts.barcodes import inferred_type, restored
from gateway.contracts.rules import given
from gateway.contracts.sage_profile import catalog_requirements
from gateway.destinations import _json
from gateway.destinations.sage import article
from gateway.destinations.sage.article import VARIANTS, Member
from gateway.destinations.sage.batches import Shape
from gateway.destinations.sage.settings import SageSettings
from gateway.model import Mention, Operation, PriceTerms, Repeat, Requirement

OPERATION = "product"
SURCHARGE = "attributes.surcharge"
_FIELDS = (
    "sku", "product_id", "reference", "name", "short_description", "long_description", "barcode_type", "barcode",
    "price", "tax_rate", "discount", "discount_by_unit", "date_added", "brand", "category", "available",
    "related_skus", *VARIANTS, "timestamp",
)  # fmt: skip
_NAME_LENGTH, _BARCODE_LENGTH = 60, 60
_RELATED_LENGTH = 4_000


def operation(settings: SageSettings) -> Operation:
    """Describe how products are written."""
    return Operation(
        name=OPERATION,
        contract="catalog",
        family="product",
        fields=(*_FIELDS, "attributes.*") if settings.contract_version == "connected_cloud" else _FIELDS,
        batch_size=settings.max_records,
        requires=_requires(settings),
        confirms="accepted" if settings.results is None else "applied",
        # A product is written whole: repeating it is harmless unless a newer one was written since.
        repeat=Repeat.IF_NEWEST,
        searchable=True,
        deadline=settings.deadline,
        slot_until="ticket",
        # A whole row with the command `end` is written as not available; a key without its row can't be ended.
        ends=False,
        measure="price",
        # The whole product again is what ends it, and its price stands in it.
        prices=PriceTerms("net", 2, settings.currency, settings.tax_rate, of_ended=True),
        # Related items are ids of products: the code of one variant is none.
        mentions=(Mention("R-REL-UNKNOWN", "related_skus", "product", listed=True, products=True),),
    )


def _requires(settings: SageSettings) -> tuple[Requirement, ...]:
    rules = [
        profiles.needed("timestamp", "the time of the last update"),
        profiles.needed("name", "products are written whole"),
        profiles.needed("price", "products are written whole"),
        *catalog_requirements(settings.company),
        *article.requires(settings),
        article.at_most("name", _NAME_LENGTH, settings),
        article.at_most("barcode", _BARCODE_LENGTH, settings),
        *(profiles.at_most_characters(one, article.TEXT_LENGTH) for one in ("reference", "short_description")),
        *(profiles.at_most_characters(one, article.TEXT_LENGTH) for one in ("barcode_type", "brand", "category")),
        profiles.at_most_characters("related_skus", _RELATED_LENGTH),
        # A third of a file in characters, four bytes each at most: the rest of a record has room in what is left.
        profiles.at_most_characters("long_description", settings.max_bytes // 12),
        Requirement(
            "DEST_LIMIT", "related_skus", ("related_skus",), pl.col("related_skus").str.contains(",", literal=True),
            "a comma separates related products",
        ),
    ]  # fmt: skip
    if settings.tax_rate is None:
        rules.append(profiles.needed("tax_rate", "products carry their tax rate"))
    return tuple(rules)


def check(records: pl.DataFrame, settings: SageSettings) -> pl.DataFrame:
    """Return issues (ISSUE_SCHEMA) of rows that are one product to Sage, or mixed, and of surcharges that are none."""
    full = article.complete(records, _FIELDS)
    # Rows that name their product are told by the contract; one whose own code is that product is seen here.
    varied = pl.any_horizontal(given(field) for field in VARIANTS)
    bare = ~varied & ~given("product_id") & varied.any().over(article.product())
    found = [
        article.issues(full.filter(bare), "DEST_LIMIT", "variant1_type", "other rows of the product have variants")
    ]
    if settings.contract_version == "connected_cloud" and SURCHARGE in full.columns:
        odd = given(SURCHARGE) & ~pl.col(SURCHARGE).is_in(["true", "false"])
        found.append(article.issues(full.filter(odd), "NOT_A_FLAG", SURCHARGE, ""))
    return pl.concat(found)


def shape(settings: SageSettings) -> Shape:
    """Return how a product is written."""
    tax = pl.when(given("tax_rate")).then(pl.col("tax_rate")).otherwise(pl.lit(settings.tax_rate, pl.String))
    available = pl.when(article.ended()).then(pl.lit("false"))
    fields: tuple[str, ...] = _FIELDS
    surcharge: tuple[Member, ...] = ()
    if settings.contract_version == "connected_cloud":
        fields = (*_FIELDS, SURCHARGE)
        surcharge = (Member("surcharge", pl.when(given(SURCHARGE)).then(pl.col(SURCHARGE))),)
    members = (
        article.product_member("id"),
        Member("reference", _json.quoted(_reference())),
        Member("name", _json.quoted(pl.col("name")), required=True),
        article.text("shortDescription", "short_description"),
        article.text("longDescription", "long_description"),
        Member("barCodeType", _json.quoted(inferred_type())),
        Member("barCode", _json.quoted(pl.when(given("barcode")).then(restored()))),
        Member("netPrice", pl.col("price"), required=True),
        Member("tax", tax, required=True),
        article.number("discount", "discount"),
        Member("discountByUnit", article.flag("discount_by_unit", default=settings.discount_by_unit), required=True),
        article.text("dateAdded", "date_added"),
        article.text("brand", "brand"),
        article.text("category", "category"),
        Member("available", available.otherwise(article.flag("available", default=settings.available)), required=True),
        Member("relatedItems", _json.quoted(pl.when(given("related_skus")).then(_related()))),
        *article.variant_members(),
        *surcharge,
        article.timestamp(),
    )
    key = article.row_key(settings.separator)
    return Shape(OPERATION, settings.product_scope, settings.max_records, fields, members, key, names=True)


def _reference() -> pl.Expr:
    """The row's reference; else, where the id is that of the product, the article's own code."""
    own = given("product_id") & (pl.col("product_id") != pl.col("sku"))
    return pl.when(given("reference")).then(pl.col("reference")).when(own).then(pl.col("sku"))


def _related() -> pl.Expr:
    return pl.col("related_skus").str.replace_all("|", ",", literal=True)
