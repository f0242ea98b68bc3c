"""What Sellers Commerce may do differently from store to store, and every rule of the twin that is an assumption.

The Sellers Commerce Open API documentation names endpoints, codes and values, but neither verbs nor one body that is
written: names and shapes of bodies are assumptions throughout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Shape = Literal["list", "single", "both"]


@dataclass(frozen=True, slots=True)
class Account:
    """Access Key and Shared Secret Key of a user (token endpoint; verified)."""

    access_key: str = field(repr=False)
    shared_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SellersCommerceTwinSettings:
    """Settings of the store and switches of assumptions; the defaults are the strictest reading."""

    accounts: tuple[Account, ...] = (Account("twin-access-key", "twin-shared-secret"),)
    expires_in: float = 3599.0
    """Twin seconds an access token lives (token endpoint; verified). The answer says real seconds."""
    refresh_seconds: float = 14_400.0
    """Twin seconds a refresh token can be used: 4 hours (token endpoint; verified)."""
    token_encoding: Literal["form", "json", "both"] = "form"  # noqa: S105 - a word, no secret
    """Encoding of `/token`. A form is OAuth 2.0's rule, the page says JSON for every request; assumption."""
    old_refresh: Literal["dead", "alive"] = "dead"
    """A refresh token that was used. Every refresh gives a new one (verified); that the old one dies: assumption."""
    old_access: Literal["dead", "alive"] = "dead"
    """The access token that came with a refresh token that was used. Not documented; assumption."""

    demand_content_type: Literal["every", "bodies", "never"] = "every"
    """Which calls must say `Content-Type: application/json`: the page says both every request and POST only."""
    demand_accept: bool = True
    """Answer 406 where `Accept` does not name application/json: the page lists it as required; verified as words."""
    ignore_case: bool = True
    """Paths in any case: the page mixes Shopper and shopper; inferred."""
    refuse_unknown: bool = True
    """Answer unknown query parameters with 400 and unknown members with code 30. Servers of this kind mostly ignore
    them silently; assumption."""
    verbs: Mapping[str, str] = field(default_factory=dict)
    """Call -> verb, where it is not the one of the table. Verbs per call are inferred from their descriptions."""
    limit_calls: int = 0
    """Calls in `limit_seconds` twin seconds per user, above which 429 is answered; 0: no limit. No numbers are given
    (status table; 429 itself verified)."""
    limit_seconds: float = 1.0
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    """What a 429 says about the time to wait. Not documented; assumption."""

    envelope: Literal["wrapped", "bare"] = "wrapped"
    """Lists in `Results` or as they are: the page says wrapped and shows a bare array; contradictory."""
    member_case: Literal["pascal", "camel"] = "pascal"
    """Spelling of member names in answers. Pascal case as in the page's sample; verified for shoppers only."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Name of the twin -> name on the wire, of any member. All names of written bodies are assumptions."""
    bodies: Mapping[str, Shape] = field(default_factory=dict)
    """Call -> shape of its body, where it is not the one of the table. "Multiple" and plural names are lists and
    `products` takes a single one (verified as words); updateskuprice and updateskuinventory: assumption."""
    batches: Literal["whole", "until_fault"] = "whole"
    """What a list with a fault does: nothing, or what stands before the fault. Not documented; assumption."""
    batch_limit: int = 1000
    """Most items of a list. Not documented; assumption."""
    numbers_as_text: bool = False
    """Whether numbers in quotes are taken. Not documented; assumption."""
    dates_need_offset: bool = True
    """Whether dates need an offset, as the sample's has. Not documented; assumption."""
    most_decimals: int = 2
    """Most decimals of an amount. Not documented; assumption."""
    absent_kept: bool = True
    """Whether members that an update leaves out are kept, else cleared. "Add or update" (verified) leaves it open."""

    additional_query: Mapping[str, str] = field(default_factory=dict)
    """Parameters that OData queries must carry, without which all values are null. The page says there are some, but
    the line that names them is lost; assumption that none is needed."""
    odata_operators: frozenset[str] = frozenset({"gt", "lt", "ge", "le", "eq"})
    """Comparisons of `$filter`. All but `eq` are shown (verified); `eq` is an assumption."""
    odata_literals: frozenset[str] = frozenset({"datetime"})
    """Kinds of value in `$filter`: datetime, text, number. Only datetime is shown (verified)."""
    odata_paging: Literal["works", "ignored", "refused"] = "works"
    """`$top` and `$skip`: "most commonly used" options work, these two are not shown; assumption."""
    most_rows: int = 1000
    """Largest page that may be asked for. Not documented; assumption."""
    over_most_rows: Literal["refuse", "clamp"] = "refuse"
    """A larger page is answered 400, or with as many rows as there may be. Not documented; assumption."""
    unpaged_rows: int = 0
    """Rows of a list that was asked for without a page; 0: all of them. Not documented; assumption."""

    is_brand_inverted: bool = True
    """IsBrand 0 is Yes, 1 is No (column table; verified, though it may be a slip of the page)."""
    missing_is_brand: Literal["refuse", "yes", "no"] = "refuse"
    """A new category without IsBrand. A number left out is 0 at servers of this kind, which is Yes; assumption."""
    brand_rule: Literal["root", "known"] = "root"
    """Code 35 unless the brand is a first-level category of the product (inferred from the code's text), or unless the
    store knows it at all."""
    products_create_categories: bool = True
    """Whether a product's new categories are created, else code 31 (inferred from codes 35 and 36)."""
    check_upc: bool = True
    """Whether a UPC needs a right check digit. Not documented; assumption."""
    missing_product_code: int = 30
    """Code for a product that is not there: the table has none; 0 is a bare 404. Assumption."""
    links: Literal["add", "replace"] = "add"
    """Whether productcategory adds to a product's categories or replaces them. Not documented; assumption."""
    refuse_known_links: bool = False
    """Answer code 33 to a product-category link that is there. Posts add or update (verified); assumption."""
    delete_in: Literal["body", "query", "both"] = "body"
    """Where a category to delete is named: the path has no parameters (verified), so in the body (inferred)."""
    delete_with_children: Literal["refuse", "orphan"] = "refuse"
    """A category with children: code 30, or they become first-level. Not documented; assumption."""
    ship_whole_order: bool = True
    """Whether one call must name every open item: "all items of a order" (verified as words)."""
    post_status: Literal["boolean", "text", "both"] = "both"
    """Type of the required OrderPostStatus: not documented, so either is taken; assumption."""
    returns_by: Literal["return", "order", "both"] = "return"
    """Number that return/get takes: path and description contradict each other."""
    embellishments: tuple[Mapping[str, object], ...] = (
        {"EmbellishmentID": 1, "EmbellishmentName": "Engraving", "DisplayTypeId": 1, "PricingType": 1, "Price": "5"},
        {"EmbellishmentID": 2, "EmbellishmentName": "Gift wrap", "DisplayTypeId": 2, "PricingType": 3, "Price": "0"},
    )
    """Decoration options of the store. Columns of values verified, names an assumption."""
    suppliers: tuple[str, ...] = ("House",)
    """Suppliers known from the start; those of products come on top."""
