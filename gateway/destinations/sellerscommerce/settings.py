"""Settings of one Sellers Commerce store as they stand in gateway.toml.

The documentation lists methods, codes and column values, but no body of any writing method, no limits and no times: all
of that is an assumption, so each is a setting or stands in the bodies, which a file of one's own replaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from gateway.transport.http import Access, OAuth, base_url


class SellersCommerceSettings(BaseModel):
    """How one store is reached and how its products, prices, stock and categories are sent."""

    # Keys arrive here as plain text: pydantic would repeat them in its messages.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    moved: ClassVar[Mapping[str, str]] = {
        "create_categories": "each route says this by itself: take this line out, and write create_missing = true "
        "into the table of every route that may have missing categories and brands made",
    }
    """Settings that stand elsewhere now, each with what to do."""

    host: str = Field(default="https://api.sellerscommerce.com", description="Address of the API; https only.")
    access_key: SecretStr = Field(description="Access key of the user, by reference.")
    shared_secret: SecretStr = Field(description="Shared secret key of the user, by reference.")
    ca_file: Path | None = Field(default=None, description="PEM file of an own certificate authority.")
    timeout: float = Field(default=60.0, gt=0, description="Seconds without a byte after which a call is given up.")

    # ---- access tokens
    token_path: str = Field(default="/token", pattern=r"^/[^/]", description="Path of the token endpoint.")
    token_encoding: Literal["form", "json"] = Field(
        default="form", description="How the token endpoint is asked: as OAuth does, or as JSON."
    )
    token_factor: float = Field(default=0.8, gt=0, le=1, description="Share of its life after which it is renewed.")
    token_spare: float = Field(default=60.0, ge=0, description="It is renewed so many seconds before its end at last.")
    refresh_deadline: float = Field(
        default=14_100.0, ge=0, description="Seconds a refresh token is used after it came (documented: 4 hours)."
    )

    # ---- how often, how many
    call_interval: float = Field(default=0.5, ge=0, description="Least seconds between two calls of the store.")
    patience: float = Field(default=30.0, ge=0, description="Seconds a call waits for its turn before the lane does.")
    budget: str = Field(
        default="sellerscommerce", description="Name of the budget of batches; stores that name one share it."
    )
    writers: Literal["family", "store"] = Field(
        default="family", description="What writes alone: each family, or one batch of the whole store at a time."
    )
    stock_batch_size: int = Field(default=100, ge=1, description="Most SKUs per call of stock.")
    price_batch_size: int = Field(default=100, ge=1, description="Most SKUs per call of prices.")
    product_batch_size: int = Field(default=20, ge=1, description="Most products per batch; each is a call of its own.")
    stock_body: Literal["list", "single"] = Field(default="list", description="Stock: SKUs per call, many or one.")
    price_body: Literal["list", "single"] = Field(default="list", description="Prices: SKUs per call, many or one.")
    on_batch_error: Literal["bisect", "fail_all"] = Field(
        default="bisect",
        description="A refused call of many rows. bisect: halves are sent until every row has its own answer; "
        "fail_all: all its rows are refused.",
    )
    process_tries: int = Field(default=3, ge=1, description="Tries of a call that the store failed to process (29).")
    category_tries: int = Field(default=2, ge=1, description="Tries of a call whose category failed to be made (36).")
    exists_is_success: bool = Field(
        default=False, description="Rows the store has already (33) end as applied; else as skipped."
    )
    deadline: float = Field(default=3600.0, gt=0, description="Seconds after which a batch is given up.")

    # ---- reading
    page_size: int = Field(default=500, ge=1, description="Entries per page.")
    odata_paging: bool = Field(default=True, description="Whether `getall` is asked page by page ($top, $skip).")
    extra_query: dict[str, str] = Field(
        default={}, description="Further parameters of every `getall` call: what the store wants besides."
    )
    known_for: float = Field(
        default=3600.0, ge=0, description="Seconds for which SKUs, categories and brands are kept."
    )
    lookup_limit: int = Field(
        default=20, ge=0, description="Up to so many products are looked up one by one; more: all SKUs are read."
    )
    check_skus: bool = Field(
        default=False, description="Prices and stock of SKUs the store does not have are refused before they are sent."
    )

    # ---- what is sent
    bodies: Path | None = Field(
        default=None, description="TOML file with bodies of one's own; each table replaces the shipped one of its name."
    )
    price_basis: Literal["net", "gross"] | None = Field(
        default=None, description="Whether the store's prices are without or with tax; unset: prices are not written."
    )
    price_decimals: int = Field(default=2, ge=0, le=6, description="Most decimals of a price.")
    currency: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", description="Currency of the store (ISO 4217); unset: rows say it."
    )
    tax_rate: str | None = Field(
        default=None,
        pattern=r"^(0|100|[1-9][0-9]?(\.[0-9]{0,3}[1-9])?)$",
        description="Tax rate in percentage points of rows that say none; unset: rows say it.",
    )
    product_prices: Literal["kept", "new", "never"] = Field(
        default="kept",
        description="Prices inside products. kept: a new SKU has the row's, one the store has keeps the store's own, "
        "so that a product never takes back a promotion; new: only new SKUs have one; never: none has.",
    )
    price_known_for: float = Field(
        default=60.0,
        ge=0,
        description="Seconds for which the store's own prices may be repeated.",
    )
    ended: Literal["status", "refuse"] = Field(
        default="status", description="A product whose rows all end is sent with the status off, or rejected."
    )
    warehouses: Literal["refuse", "ignore"] = Field(
        default="refuse", description="There are no warehouses: rows with one are rejected, or it is left out."
    )
    vendors: Literal["refuse", "warn"] = Field(
        default="refuse",
        description="There is one store: rows for some vendors are rejected, or hold for it as a whole with a warning.",
    )
    image_separator: str = Field(default="|", min_length=1, description="Joins the addresses of pictures.")
    swatch_options: tuple[str, ...] = Field(
        default=("Color", "Colour"), description="Variants that are swatches (47); others are multiple (46)."
    )

    # ---- categories
    brand_categories: bool = Field(
        default=True, description="The first level of every product's categories is its brand (code 35 says so)."
    )
    is_brand_inverted: bool = Field(default=True, description="IsBrand says 0 for yes, as documented; false: 1.")
    categories: Path | None = Field(
        default=None, description="CSV file `category;code` (paths with backslashes); else codes are made of the path."
    )
    category_separator: str = Field(default="-", pattern=r"^[A-Za-z0-9._-]+$", description="Joins made codes.")
    category_depth: int = Field(default=5, ge=1, description="Most levels of categories.")
    category_links: Literal["body", "call", "both"] = Field(
        default="body", description="Where a product's categories stand: in its body, in a call of links, or in both."
    )
    link_attribute: str = Field(
        default="categories", description="Free attribute with further categories of a product (paths joined by |)."
    )
    category_delete: Literal["body", "query"] = Field(
        default="body", description="Where a deleted category is named: in the body or in the query."
    )

    @field_validator("host")
    @classmethod
    def _host(cls, pasted: str) -> str:
        return base_url(pasted)

    def access(self) -> Access:
        """Return where the store is reached and how its tokens are got."""
        oauth = OAuth(
            "password", self.access_key, self.shared_secret, path=self.token_path, encoding=self.token_encoding,
            factor=self.token_factor, spare=self.token_spare, life=3599.0, refresh_life=self.refresh_deadline,
        )  # fmt: skip
        return Access(self.host, ca_file=self.ca_file, timeout=self.timeout, oauth=oauth)
