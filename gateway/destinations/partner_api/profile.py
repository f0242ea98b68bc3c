"""Brand profiles: everything about the Partner API that differs by brand or is not verified, as data.

The sites of the brands document one API each; they differ in details and leave others open. What is not verified is a
key here with its default and evidence, never a constant in code. A brand's file (profiles/<brand>.toml) is laid over
the defaults, a file of one's own over that (brands.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.formats.sections import MOST

Feed = Literal["catalog", "promotions", "assortment"]


def _key(default: Any, description: str, evidence: str, **more: Any) -> Any:
    """A profile key. `evidence`: verified, live-reported, inferred, or the number of an assumption."""
    if isinstance(default, dict | list):
        raise TypeError("a default must not be shared: give a tuple or a model")
    if isinstance(default, float):
        more.setdefault("le", MOST)
    return Field(default=default, description=description, json_schema_extra={"evidence": evidence}, **more)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Auth(_Part):
    """How access tokens are got where client credentials are used."""

    token_path: str = _key("/v2/oauth/token", "Path of the token call.", "live-reported", pattern="^/")
    safety_margin_s: float = _key(60.0, "Seconds before its end from which a token is renewed.", "assumption", ge=0)
    life_s: float = _key(7200.0, "Life of a token whose answer names none.", "verified", gt=0)


class Limits(_Part):
    """How much goes into a call, and how often one may be made."""

    max_products: int = _key(500, "Most products of a catalog call.", "A-06", ge=1)
    max_body_kib: int = _key(4096, "Most KiB of a call's body.", "A-06", ge=1)
    floor_products: int = _key(25, "Calls too large or too slow are halved down to so many products.", "A-06", ge=1)
    requests_per_minute: float = _key(45.0, "Calls a minute of one egress address; 60 are blocked.", "A-06", gt=0)
    budget: str = _key(
        "egress", "Name of the egress address; accounts that name the same one share its calls.", "A-06", min_length=1
    )
    cool_down_s: float = _key(300.0, "Seconds without calls after a block page (403, HTML).", "assumption", gt=0)
    max_promotion_pairs: int = _key(2_000_000, "Most SKUs times vendors of one promotion.", "verified", ge=1)
    page_size: int = _key(500, "Products per page of the catalog list.", "live-reported", ge=1, le=500)

    @property
    def interval(self) -> float:
        """Least seconds between two calls."""
        return 60.0 / self.requests_per_minute


class RestFields(_Part):
    """How items are written in catalog calls."""

    max_sales_quantity_name: str = _key(
        "maximum_sales_quantity", "Name of the cap per order; some pages say `max_sales_quantity`.", "A-04"
    )
    identifier: Literal["sku", "barcode"] = _key("sku", "What the contract's `sku` is to the platform.", "verified")
    barcode_pad_to: Literal["none", "13", "14"] = _key(
        "none", "Digits barcodes are padded to with leading zeros before they are sent.", "live-reported"
    )
    partial_items: bool = _key(
        True,
        "Items may say only what changes. false: only catalog rows are taken, and each item says all of it.",
        "verified",
    )


class Rest(_Part):
    """The HTTP side."""

    base_url: str = _key("", "Address of the API; empty: the settings must name it.", "A-01")
    auth: Auth = Auth()
    limits: Limits = Limits()
    fields: RestFields = RestFields()


class Jobs(_Part):
    """How results of asynchronous calls are got and read."""

    poll_path: str = _key(
        "/v2/chains/{chain_id}/catalog/jobs/{job_id}", "Where catalog jobs are asked about; 404 is tolerated.", "A-08"
    )
    promotion_poll_path: str = _key(
        "/v2/chains/{chain_id}/promotion/jobs/{job_id}", "Where promotion jobs are asked about.", "live-reported"
    )
    poll_after_s: tuple[float, ...] = _key(
        (60.0, 120.0, 300.0, 600.0, 1200.0), "Waits between two questions about a job; the last repeats.", "assumption"
    )
    give_up_s: float = _key(7200.0, "Seconds after which a job without a result ends as accepted.", "assumption", gt=0)
    failed_words: tuple[str, ...] = _key(
        ("FAILED", "FAILURE", "ERROR", "REJECTED", "INVALID"), "States of log rows that were refused.", "live-reported"
    )
    good_words: tuple[str, ...] = _key(
        ("SUCCESS", "SUCCEEDED", "COMPLETED", "OK", "UPDATED"),
        "States of log rows that were taken; errors beside them are warnings.",
        "assumption",
    )
    log_lists: Literal["all", "failures"] = _key(
        "all", "What a log lists: rows it leaves out are not confirmed, or were taken.", "live-reported"
    )
    unknown_item: tuple[str, ...] = _key(
        (r"not[ _]?found", r"does not exist", r"unknown (sku|product|item|barcode)", r"no such"),
        "Words (regular expressions) that say that the vendor does not have the product.",
        "assumption",
    )
    download_hosts: tuple[str, ...] = _key(
        ("*",), "Hosts that logs may be fetched from besides the API's, as patterns; never with our token.", "inferred"
    )

    @field_validator("unknown_item")
    @classmethod
    def _compiled(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            try:
                re.compile(word)
            except re.error as error:
                msg = f"{word!r} is not a regular expression: {error}"
                raise ValueError(msg) from error
        return words

    @field_validator("poll_after_s")
    @classmethod
    def _waits(cls, waits: tuple[float, ...]) -> tuple[float, ...]:
        if not waits or any(not 0 < wait <= MOST for wait in waits):
            msg = f"name at least one wait, each above 0 and at most {MOST:,.0f}"
            raise ValueError(msg)
        return waits


class Features(_Part):
    """What the account may do."""

    create_products: bool = _key(
        False, "Products may be created (beta, opt-in); off: unknown ones end `refused: needs onboarding`.", "verified"
    )
    quantity_updates: bool = _key(True, "Quantities are sent; false: `active` is worked out and sent.", "verified")
    read_back: Literal["export", "pages", "none"] = _key(
        "export", "How the catalog is read where no log says what became of the rows.", "inferred"
    )
    promo_types: tuple[Literal["STRIKETHROUGH", "SAME_ITEM_BUNDLE"], ...] = _key(
        ("STRIKETHROUGH", "SAME_ITEM_BUNDLE"), "Types of promotions that are taken; others are rejected.", "A-09"
    )


class Availability(_Part):
    """How a row's availability is said."""

    mode: Literal["active_xor_quantity", "both"] = _key(
        "active_xor_quantity", "One of `active` and `quantity` per product, or both where both are known.", "verified"
    )
    sales_buffer: int = _key(
        0, "Stock up to which a product is inactive, where the settings name none for the vendor.", "A-05", ge=0
    )
    single_product: Literal["active", "as_is"] = _key(
        "active",
        "A call with one product: its quantity is sent as `active`, because a quantity alone does not deactivate it.",
        "verified",
    )


class Prices(_Part):
    """Decimals the platform keeps; it cuts, so amounts are rounded here."""

    decimals: int = _key(3, "Most decimals of a catalog price.", "verified", ge=0, le=3)
    promotion_decimals: int = _key(2, "Most decimals of a promotion price.", "live-reported", ge=0, le=3)


class Promo(_Part):
    """How promotions are written and changed."""

    timezone: str = _key(
        "vendor_local", "Time zone of dates in files: `vendor_local`, `UTC`, or a zone's name. REST is UTC.", "A-13"
    )
    date_format: str = _key("%Y-%m-%d %H:%M:%S", "Form of dates in files.", "verified")
    change_strategy: Literal["end_and_new", "replace"] = _key(
        "end_and_new", "A promotion that changes is ended as it was sent and sent anew, or just sent.", "A-14"
    )
    split_strategy: Literal["off", "numbered_prefix"] = _key(
        "off", "Files over their row limit are refused beyond it, or split with numbers at the prefix.", "A-11"
    )
    reasons: tuple[str, ...] = _key(
        ("OVERSTOCK", "DELISTING", "COMPETITIVENESS", "EXPIRING_SOON", "NMR", "TRADING"),
        "Reasons that are taken; an empty list takes any.",
        "live-reported",
    )
    reason: str = _key("COMPETITIVENESS", "Reason of rows that give none.", "verified")
    locale: str = _key("en_GB", "Locale of the display name.", "verified")
    probes: int = _key(
        4, "Rows of a refused call tried alone first: all refused in the same words, the others are, unsent. 0: none.",
        "assumption", ge=0, le=100,
    )  # fmt: skip
    bundle_subtype: str = _key("PERCENTAGE", "Discount subtype of what comes on top in a bundle.", "assumption")
    bundle_value: int = _key(100, "Discount value of what comes on top in a bundle.", "assumption", ge=1)


class RemoteDirs(_Part):
    """Folders below the home, matched without case."""

    catalog: str = _key("catalog", "Folder of catalog files.", "A-10")
    promotions: str = _key("promotions", "Folder of promotion files.", "A-10")
    assortment: str = _key("assortment", "Folder of single files.", "A-10")


class Prefixes(_Part):
    """First part of file names, as set in the portal."""

    catalog: str = _key("products", "Prefix of catalog files.", "live-reported", pattern=r"^[^_\s/.]+$")
    promotions: str = _key("promo", "Prefix of promotion files.", "live-reported", pattern=r"^[^_\s/.]+$")
    assortment: str = _key("assortment", "Prefix of single files.", "live-reported", pattern=r"^[^_\s/.]+$")


class MaxRows(_Part):
    """Most rows of a file, the header counted."""

    catalog: int = _key(1_500_000, "Of a catalog file.", "live-reported", ge=2)
    promotions: int = _key(20_000, "Of a promotion file.", "live-reported", ge=2)
    single: int = _key(20_000, "Of a single file.", "A-15", ge=2)


CATALOG_COLUMNS = ("sku", "barcode", "price", "active", "quantity", "maximum_sales_quantity", "vendors", "exclude")
PROMOTION_COLUMNS = (
    *("barcode", "sku", "campaign_name", "reason", "start_date", "end_date", "promotion_type", "promotion_sub_type"),
    *("discount_usage_limit", "bundle_details", "bundle_discount", "discounted_price", "max_no_of_orders"),
    *("campaign_status", "vendors", "exclude"),
)
SINGLE_COLUMNS = (
    *("barcode", "sku", "price", "active", "reason", "start_date", "end_date", "campaign_status"),
    *("discounted_price", "max_no_of_orders"),
)


class Sftp(_Part):
    """The file side."""

    host: str = _key("", "Host name; empty: the settings must name it.", "A-02")
    host_key: Literal["pinned"] = _key(
        "pinned", "The host key must stand in `sftp_known_hosts`; anything else fails closed.", "A-03"
    )
    port: int = _key(22, "Port.", "verified", ge=1, le=65535)
    remote_dir: RemoteDirs = RemoteDirs()
    create_missing: bool = _key(False, "A folder that is not there is created.", "A-10")
    file_prefix: Prefixes = Prefixes()
    max_rows: MaxRows = MaxRows()
    warn_mb: float = _key(50.0, "Files above so many MB carry a note.", "A-15", gt=0)
    min_interval_s: float = _key(300.0, "Least seconds between two files of one name.", "live-reported", ge=0)
    atomic_rename: Literal["auto", "always", "never"] = _key(
        "auto",
        "Files are put under a temporary name and renamed; auto: put directly where the server forbids that.",
        "A-18",
    )
    untaken: Literal["wait", "overwrite"] = _key(
        "wait",
        "A file that still lies there is waited for; overwrite: the platform leaves what it has read.",
        "assumption",
    )
    catalog_columns: tuple[str, ...] = _key(CATALOG_COLUMNS, "Columns of a catalog file.", "live-reported")
    promotion_columns: tuple[str, ...] = _key(PROMOTION_COLUMNS, "Columns of a promotion file.", "live-reported")
    single_columns: tuple[str, ...] = _key(SINGLE_COLUMNS, "Columns of a single file.", "live-reported")
    price_variant: Literal["price+discounted_price", "original_price+discounted_price", "original_price+price"] = _key(
        "price+discounted_price", "Names of the regular and the promotion price in a single file.", "live-reported"
    )
    rows_per_vendor: bool = _key(
        False,
        "A file for many vendors may have a product in several rows, each for other vendors; false: it has one, and "
        "what else is to be said of it follows in the next file of that name.",
        "A-17",
    )
    booleans: Literal["true/false", "1/0"] = _key("true/false", "How flags are written.", "verified")


class Csv(_Part):
    """How files are written."""

    delimiter: Literal[",", ";"] = _key(",", "Between cells.", "A-12")
    bom: bool = _key(False, "A byte order mark before UTF-8.", "A-12")
    newline: Literal["lf", "crlf"] = _key("lf", "Line ends; the last line has one.", "A-12")


class Window(_Part):
    """How long changes take to show."""

    catalog: float = _key(1800.0, "Seconds until a catalog change can be read back.", "A-16", ge=0)
    promotions: float = _key(3000.0, "Seconds until a promotion shows.", "A-16", ge=0)


class Confirm(_Part):
    """When what was sent can be confirmed."""

    window_s: Window = Window()
    max_rows: int = _key(100_000, "Files with more rows are not read back.", "assumption", ge=0)


class Orders(_Part):
    """Where orders are listed."""

    list_path: str = _key(
        "/v2/chains/{chain_id}/vendors/{vendor_id}/orders",
        "Path of the list of orders; some pages omit /orders. Kept for orders, which nothing asks for yet.",
        "A-19",
    )


class Webhook(_Part):
    """How deliveries prove that they are the platform's. They come at least once, in any order, or not at all."""

    header: str = _key("Authorization", "Header with the secret.", "A-20")
    accept: tuple[Literal["exact", "bearer"], ...] = _key(
        ("exact", "bearer"), "The secret as it is, or `Bearer` and the secret.", "A-20"
    )


class Errors(_Part):
    """How refusals are read."""

    members: tuple[str, ...] = _key(
        ("message", "error", "errors", "detail"),
        "Members of a refusal that say why, in this order; else its text.",
        "A-21",
    )
    fields: tuple[str, ...] = _key(
        ("field", "path", "property", "param"), "Members beside those that name what a refusal is about.", "A-21"
    )


class Profile(_Part):
    """One brand's Partner API."""

    brand: str = _key("", "Name of the brand.", "verified")
    rest: Rest = Rest()
    jobs: Jobs = Jobs()
    features: Features = Features()
    availability: Availability = Availability()
    prices: Prices = Prices()
    promo: Promo = Promo()
    sftp: Sftp = Sftp()
    csv: Csv = Csv()
    confirm: Confirm = Confirm()
    in_flight_jobs_per_vendor: int = _key(1, "Catalog jobs of one vendor under way at a time.", "A-07", ge=1, le=10)
    duplicates: Literal["error"] = _key(
        "error", "One product twice in a file is rejected; of several files the newest value is sent.", "A-17"
    )
    orders: Orders = Orders()
    webhook: Webhook = Webhook()
    errors: Errors = Errors()


def register(model: type[BaseModel] = Profile, prefix: str = "") -> Iterator[tuple[str, Any, str, str]]:
    """Yield dotted name, default, evidence and meaning of every key."""
    for name, info in model.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from register(inner, f"{prefix}{name}.")
            continue
        extra = info.json_schema_extra
        evidence = str(extra["evidence"]) if isinstance(extra, dict) else ""
        yield f"{prefix}{name}", info.default, evidence, info.description or ""
