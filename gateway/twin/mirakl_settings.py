"""What a Mirakl operator may have set differently, and every rule of the twin that is an assumption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ADMIN = "ROLE_SHOP_ADMIN"
STOCK_WRITE = "ROLE_PARTNER_OFFER_STOCK_WRITE"
OFFER_READ = "ROLE_PARTNER_OFFER_READ"
SHOP_READ = "ROLE_PARTNER_SHOP_READ"

MAXIMUM_FREQUENCY: Mapping[str, float] = {"A01": 86_400.0, "STO01": 60.0, "STO02": 15.0, "STO03": 60.0}
"""Least seconds between two calls per API code ("Maximum usage" of each page; verified). Others state none."""


@dataclass(frozen=True, slots=True)
class ShopKey:
    """A shop API key with its user's roles and shops; the first shop is the default one."""

    key: str = field(repr=False)
    roles: frozenset[str] = frozenset({ADMIN})
    shops: tuple[int, ...] = (2110,)


@dataclass(frozen=True, slots=True)
class MiraklTwinSettings:
    """Settings of the operator and switches of assumptions; the defaults are the strictest reading."""

    keys: tuple[ShopKey, ...] = (ShopKey("twin-key"),)
    shop_name: str = "Twin Shop"
    shop_state: str = "OPEN"
    currency: str = "USD"
    warehouses: frozenset[str] | None = None
    """Warehouse codes of the shop; None: any code is known."""

    waiting_seconds: float = 20.0
    running_seconds: float = 40.0
    in_order: bool = False
    """Whether imports of a shop run one after the other. Execution order is not documented; assumption."""

    limits: Mapping[str, float] = field(default_factory=lambda: dict(MAXIMUM_FREQUENCY))
    """Least twin seconds between two calls per API code; 0 or absent: no limit."""
    limit_style: Literal["each", "hour"] = "each"
    """Least time between two calls, or calls counted over the last hour (general notes word it so); assumption."""
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    """General notes, 429: seconds; verified. A date or no header come from proxies in between; inferred."""

    refuse_unknown: bool = True
    """Answer 400 to unknown parameters, parts and columns. The real one ignores them silently; live-reported."""
    create_unknown: bool = False
    """Create an offer of an unknown sku. Stock imports touch quantities of existing offers; inferred."""
    require_adjacent: bool = True
    """Lines of one offer stand together (STO01; verified); that a line apart is in error is an assumption."""
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
    """Line numbers of the report count the header as line 1. Known of other reports; assumption for stock."""
    report_delimiter: Literal[";", ","] = ";"
    report_headers: tuple[str, str] = ("line", "reason")
    """Names of the first two columns are documented by position only (STO03; verified)."""

    strict_accept: bool = True
    """Answer 406 where `Accept` leaves out the answer's type (general notes list 406; inferred)."""
    page_over_maximum: Literal["refuse", "clamp"] = "refuse"
    """What `max` above 100 does. Only the maximum is documented; assumption."""
    foreign_shop_status: int = 403
    """Answer to a shop_id that the user has no access to. Not documented; assumption."""
    version_needs_key: bool = False
    """V01 lists no role and no key (verified); whether a gateway in front wants one anyway is an assumption."""

    @property
    def default_shop(self) -> int:
        """First shop of the first key."""
        return self.keys[0].shops[0]

    @property
    def shop_ids(self) -> tuple[int, ...]:
        """Every shop that a key opens, without repeats."""
        return tuple(dict.fromkeys(shop for key in self.keys for shop in key.shops))
