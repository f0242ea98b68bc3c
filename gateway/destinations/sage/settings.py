"""Settings of one Sage 50 exchange folder as they stand in gateway.toml.

The public guides describe the data of a record only; envelope, names, sizes and states of the exchange are
assumptions, so each is a setting.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gateway.contracts.sage_profile import SageProfile
from gateway.contracts.taxes import Territory

State = Literal["applied", "accepted", "refused", "superseded", "pending"]
_WORD = r"^[A-Za-z0-9-]{1,40}$"


class SageSettings(BaseModel):
    """Where batch files go, where answers come from, what both look like, and what rows leave to the company."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outbox: Path = Field(description="Folder the batch files are put into.")
    results: Path | None = Field(
        default=None,
        description="Folder the answers come from; unset: nobody answers, rows end as accepted when a file is taken.",
    )
    profile: str = Field(pattern=_WORD, description="Name of the connection, first part of each file name.")
    transport: Literal["folder"] = Field(
        default="folder", description="Files in a folder; there is no public contract for an upload over HTTP."
    )
    product_scope: str = Field(default="products", pattern=_WORD, description="Scope of product files.")
    scope: str = Field(default="productstocks", pattern=_WORD, description="Scope of stock files.")
    promotion_scope: str = Field(
        default="productspecialprices", pattern=_WORD, description="Scope of special price files."
    )
    picture_scope: str = Field(default="productpictures", pattern=_WORD, description="Scope of picture files.")
    domain: str = Field(default="ecommerce", description="Domain in the wrapped envelope.")
    envelope: Literal["plain", "wrapped"] = Field(
        default="plain", description="plain: an array of records; wrapped: an object with batch id, count and items."
    )
    contract_version: Literal["sage50cloud", "connected_cloud"] = Field(
        default="sage50cloud",
        description="connected_cloud: products may say `surcharge`, taken from attributes.surcharge.",
    )
    emit_nulls: bool = Field(default=False, description="Properties that are not given are written as null.")
    max_records: int = Field(default=500, ge=1, description="Most records per file.")
    picture_max_records: int = Field(default=20, ge=1, description="Most records per file of pictures.")
    max_bytes: int = Field(default=5_000_000, ge=100_000, description="Most bytes per file.")
    picture_max_bytes: int = Field(
        default=5_000_000, ge=1, description="Most bytes of one picture; its text must also fit into a file."
    )
    dedupe: Literal["refuse", "last"] = Field(
        default="refuse",
        description="Several rows of one file about one record of Sage. refuse: all are rejected; last: the last one "
        "is sent, the others are superseded by it.",
    )
    currency: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", description="Currency of the company (ISO 4217); unset: rows say it."
    )
    tax_rate: str | None = Field(
        default=None,
        pattern=r"^(0|100|[1-9][0-9]?(\.[0-9]{0,3}[1-9])?)$",
        description="Tax rate in percentage points of rows that say none; unset: rows say it.",
    )
    country: Territory | None = Field(
        default=None,
        description="Whose tax rates must hold (GB, ES and ES-CN are shipped); unset: rates are not looked at.",
    )
    tax_table: Path | None = Field(default=None, description="CSV file of tax rates instead of the shipped one.")
    strict: bool = Field(
        default=False,
        description="An unknown tax rate, or a promotion for everything, rejects the row; else a warning.",
    )
    available: bool = Field(default=True, description="Whether products are on sale where the row does not say.")
    discount_by_unit: bool = Field(
        default=False, description="Whether discounts count per unit where the row does not say."
    )
    special_price_bare_discount: Literal["rate", "amount"] = Field(
        default="rate", description="What a special price's discount without a percent sign means to Sage."
    )
    special_price_percent_sign: bool = Field(
        default=False, description="Rates of special prices are written with a percent sign."
    )
    promotion_end: Literal["date_to", "refuse"] = Field(
        default="date_to",
        description="date_to: what ends is sent again with dateTo at the row's timestamp; refuse: it is rejected.",
    )
    promotion_variants: Literal["refuse", "ignore"] = Field(
        default="refuse",
        description="Special prices hold for whole products. refuse: a row whose sku is not its product is rejected; "
        "ignore: it holds for the product.",
    )
    separator: str = Field(
        default="/", min_length=1, max_length=3, description="Joins product and variants in the row key of answers."
    )
    length_profile: Literal["uk_csv", "none"] = Field(
        default="uk_csv", description="uk_csv: lengths of the Sage 50 UK import; none: only what a file can hold."
    )
    warehouses: Literal["refuse", "ignore"] = Field(
        default="refuse",
        description="Sage stock has no warehouse. refuse: a row with one is rejected (sum them in the mapping); "
        "ignore: the warehouse is left out.",
    )
    states: dict[str, State] = Field(
        default={"accepted": "applied", "rejected": "refused", "pending": "pending", "skipped": "superseded"},
        description="What the states of answers mean, compared without case. Others leave the row open with a note.",
    )
    look_interval: float = Field(default=30.0, gt=0, description="Seconds between two looks into the folders.")
    deadline: float = Field(
        default=24 * 3600.0,
        gt=0,
        description="Seconds after which rows without an answer, or in a file nobody took, are accepted.",
    )

    @property
    def company(self) -> SageProfile:
        """What the checks know of the company."""
        return SageProfile(country=self.country, strict=self.strict, tax_table=self.tax_table)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Scopes in the order in which their records refer to each other."""
        return self.product_scope, self.scope, self.promotion_scope, self.picture_scope

    @field_validator("states")
    @classmethod
    def _states(cls, given: dict[str, State]) -> dict[str, State]:
        folded = {word.strip().casefold(): state for word, state in given.items()}
        if len(folded) < len(given):
            msg = "a state stands twice (states are compared without case)"
            raise ValueError(msg)
        return folded

    @model_validator(mode="after")
    def _scopes(self) -> SageSettings:
        if len({*self.scopes}) < len(self.scopes):
            msg = f"two scopes have one name: {', '.join(self.scopes)}"
            raise ValueError(msg)
        return self
