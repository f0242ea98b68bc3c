"""What a Mirakl operator may have set differently, and every rule of the twin that is an assumption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.errors import SettingsError
from gateway.twin.mirakl_catalog import Catalog, sample

ADMIN = "ROLE_SHOP_ADMIN"
STOCK_WRITE = "ROLE_PARTNER_OFFER_STOCK_WRITE"
OFFER_READ = "ROLE_PARTNER_OFFER_READ"
OFFER_WRITE = "ROLE_PARTNER_OFFER_WRITE"
OFFER_TRACKING_READ = "ROLE_PARTNER_OFFER_TRACKING_READ"
OFFER_SETTINGS_READ = "ROLE_PARTNER_OFFER_SETTINGS_READ"
PRICING_READ = "ROLE_PARTNER_OFFER_PRICING_READ"
PRICING_WRITE = "ROLE_PARTNER_OFFER_PRICING_WRITE"
PRODUCT_READ = "ROLE_PARTNER_PRODUCT_READ"
PRODUCT_WRITE = "ROLE_PARTNER_PRODUCT_WRITE"
CHANNEL_READ = "ROLE_PARTNER_CHANNEL_READ"
ORDER_SETTINGS_READ = "ROLE_PARTNER_ORDER_SETTINGS_READ"
SHIPPING_SETTINGS_READ = "ROLE_PARTNER_SHIPPING_SETTINGS_READ"
SHOP_READ = "ROLE_PARTNER_SHOP_READ"
SHOP_SETTINGS_READ = "ROLE_PARTNER_SHOP_SETTINGS_READ"

_DAY, _HOUR, _QUARTER, _MINUTE = 86_400.0, 3600.0, 900.0, 60.0
MAXIMUM_FREQUENCY: Mapping[str, float] = (
    dict.fromkeys(("A01", "AF01", "CH11", "OF61", "SH12", "SH21", "SH31", "OF52_FULL"), _DAY)
    | dict.fromkeys(("H11", "PM11", "VL11"), _HOUR)
    | dict.fromkeys(("P41", "OF01_PRODUCTS"), _QUARTER)
    | dict.fromkeys(("P42", "P51", "OF01", "OF02", "OF03", "OF04", "OF24", "OF52"), _MINUTE)
    | dict.fromkeys(("PRI01", "PRI02", "PRI03", "STO01", "STO03"), _MINUTE)
    | {"OF53": 10.0, "STO02": 15.0}
)
"""Least seconds between two calls per API code ("Maximum usage" of each page; verified). Others state none.

OF01_PRODUCTS is OF01 with products, OF52_FULL is OF52 without a date: their pages state two limits.
"""

FEATURES = frozenset(
    {
        "channel_pricing",
        "customer_pricing",
        "discount_in_past_blocked",
        "discount_period_required",
        "maximum_order_quantity",
        "minimum_order_quantity",
        "package_order_quantity",
        "product_tax_code_mandatory",
        "retail_pricing",
        "scheduled_pricing",
        "volume_discount",
        "volume_pricing",
    }
)
"""What an operator may have activated, mostly named as PC01 names it (verified)."""


@dataclass(frozen=True, slots=True)
class ShopKey:
    """A shop API key with its user's roles and shops; the first shop is the default one."""

    key: str = field(repr=False)
    roles: frozenset[str] = frozenset({ADMIN})
    shops: tuple[int, ...] = (2110,)


@dataclass(frozen=True, slots=True)
class MiraklTwinSettings:
    """Settings of the operator and switches of assumptions; the defaults are the strictest reading.

    Raises SettingsError for a feature that is none of FEATURES.
    """

    keys: tuple[ShopKey, ...] = (ShopKey("twin-key"),)
    shop_name: str = "Twin Shop"
    shop_state: str = "OPEN"
    currency: str = "USD"
    timezone: str = "America/New_York"
    warehouses: frozenset[str] | None = None
    """Warehouse codes of the shop; None: any code is known."""
    features: frozenset[str] = frozenset()
    """Which of FEATURES are active."""
    catalog: Catalog = field(default_factory=sample)
    price_decimals: int = 2
    """Most decimals of a price (PC01 `offer_prices_decimals`; verified)."""
    values_separator: str = "|"
    """Between several values of one attribute (PC01 `list_of_multiple_values_separator`; verified)."""
    leaf_only: bool = True
    """Products go to leaf categories only (PC01 `product_import_only_on_leaf`; verified)."""
    logistic_class_mandatory: bool = False
    """Some operators want one on every offer (help pages; verified)."""
    custom_fields: tuple[tuple[str, str], ...] = (("gift-wrap", "BOOLEAN"), ("ecotax", "NUMERIC"))
    """Custom fields of offers, code and type, as AF01 lists them (names from OF01's sample; verified)."""

    waiting_seconds: float = 20.0
    running_seconds: float = 40.0
    sent_seconds: float = 120.0
    """How long products stay SENT: minutes to many hours (live-reported)."""
    details_seconds: float = 60.0
    """How long after COMPLETE `integration_details` appear (live-reported)."""
    export_seconds: float = 30.0
    in_order: bool = False
    """Whether imports of a shop run one after the other. Execution order is not documented; assumption."""
    duplicates: Literal["off", "open", "recent"] = "open"
    """Which earlier request of equal content is answered with its own id (OF01, OF24, OF52; that it happens is
    verified, the criteria are an assumption): none, one that has not ended, or one of the last `duplicate_seconds`."""
    duplicate_seconds: float = 600.0

    limits: Mapping[str, float] = field(default_factory=lambda: dict(MAXIMUM_FREQUENCY))
    """Least twin seconds between two calls per API code; 0 or absent: no limit."""
    limit_style: Literal["each", "hour"] = "each"
    """Least time between two calls, or calls counted over the last hour (general notes word it so); assumption."""
    limit_per_list: bool = True
    """Count VL11, H11 and PM11 per code asked for: "every hour" can't mean one call for hundreds of lists; inferred."""
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    """General notes, 429: seconds; verified. A date or no header come from proxies in between; inferred."""

    refuse_unknown: bool = True
    """Answer 400 to unknown parameters, parts and columns. The real one ignores them silently; live-reported."""
    operator_mapping: bool = False
    """Whether the back office holds a mapping for files in the shop's own format; without, 1004 (live-reported)."""
    attribute_faults: Literal["warning", "error"] = "warning"
    """What a faulty value of an attribute that is not required is: a warning drops the value, an error the product
    (help pages; verified). Which faults are which is an assumption."""
    unclassed_code: str = "2000"
    """Code of a faulty number, date or address: the pages read name none; assumption."""
    catalog_manager: bool = True
    """MCM: P44 and P45 are CSV in its layout, else in the operator's own (P44, P45; verified)."""
    custom_error_columns: tuple[str, str] = ("shop_sku", "error")
    custom_added_columns: tuple[str, str] = ("shop_sku", "warning")
    """The operator's own layouts: defaults of the official connector (verified)."""
    operator_rejects: Mapping[str, str] = field(default_factory=dict)
    """Seller's product sku -> why the operator turns it down in the second stage."""

    offer_columns_required: tuple[str, ...] = ("sku",)
    """Columns an offer file must have. Absent ones are left unchanged (verified); which may be absent: assumption."""
    empty_clears: bool = True
    """A present but empty cell clears the value; otherwise it is kept. Not documented; assumption."""
    duplicate_sku: Literal["all", "later"] = "all"
    """Which lines of a sku given twice in one file are in error. Not documented; assumption."""
    offer_needs_live_product: bool = True
    """An offer of a product not live yet is in error; otherwise it is taken and inactive. Inferred."""
    replace_spares_faulty: bool = True
    """REPLACE keeps an offer whose line was in error; otherwise it goes like one not in the file. Assumption."""
    offer_report_columns: Literal["sent", "standard"] = "sent"
    """OF03 echoes the columns sent (official connector) or the standard ones (live-reported): contradictory."""
    decimal_comma: bool = False
    """Whether prices may have a decimal comma: the official sample mixes both; assumption."""
    dates_only: Literal["inclusive", "midnight", "refuse"] = "inclusive"
    """A date without time is the whole day in the operator's time zone, its first moment, or a fault. Live-reported
    for one operator, assumption for others."""

    default_price_required: bool = True
    """The prices of an offer must hold one without channel, dates or customers. Assumption."""
    price_errors_count_offer: bool = True
    """`lines_in_error` of prices counts every line of an offer in error, else only faulty ones. Assumption."""

    create_unknown: bool = False
    """Create an offer of an unknown sku. Stock imports touch quantities of existing offers; inferred."""
    require_adjacent: bool = True
    """Lines of one offer stand together (STO01, PRI01; verified); that a line apart is in error is an assumption."""
    one_value_per_place: bool = True
    """Refuse two lines for one offer and warehouse, or a global line beside warehouse lines; assumption."""
    global_clears_warehouses: bool = True
    """A line without warehouse replaces the warehouses' quantities (STO01 "global"; inferred)."""
    delete_zeroes: bool = True
    """`delete` without warehouse sets 0; otherwise such a line is in error. Not documented; assumption."""
    delete_needs_quantity: bool = False
    """Whether a `delete` line needs a quantity too. Not documented; assumption."""
    fail_empty: bool = True
    """A file without lines ends FAILED; otherwise COMPLETE with nothing. Not documented; assumption."""
    accept_bom: bool = False
    """Whether a UTF-8 byte order mark is skipped. Not documented; assumption."""

    report_whole_offer: bool = True
    """One line in error puts every line of its offer in the report (STO03; verified) unapplied (inferred)."""
    report_counts_header: bool = True
    """Line numbers of the report count the header as line 1. Verified of OF03; assumption for prices and stock."""
    report_delimiter: Literal[";", ","] = ";"
    report_headers: tuple[str, str] = ("line", "reason")
    """Names of the first two columns are documented by position only (STO03, PRI03; verified)."""

    strict_accept: bool = True
    """Answer 406 where `Accept` leaves out the answer's type (general notes list 406; inferred)."""
    page_over_maximum: Literal["refuse", "clamp"] = "refuse"
    """What a page size above 100 does. Only the maximum is documented; assumption."""
    export_minimum: int = 10_000
    """Least `items_per_chunk` (OF52; verified; test environments take less)."""
    foreign_shop_status: int = 403
    """Answer to a shop_id that the user has no access to. Not documented; assumption."""
    version_needs_key: bool = False
    """V01 lists no role and no key (verified); whether a gateway in front wants one anyway is an assumption."""
    locales: tuple[str, ...] = ("en", "en_US")
    """Locales the operator has activated (general notes; verified)."""

    def __post_init__(self) -> None:
        unknown = sorted(self.features - FEATURES)
        if unknown:
            raise SettingsError(f"The twin knows no feature {unknown[0]!r}: expected some of {sorted(FEATURES)}.")

    @property
    def default_shop(self) -> int:
        """First shop of the first key."""
        return self.keys[0].shops[0]

    @property
    def shop_ids(self) -> tuple[int, ...]:
        """Every shop that a key opens, without repeats."""
        return tuple(dict.fromkeys(shop for key in self.keys for shop in key.shops))
