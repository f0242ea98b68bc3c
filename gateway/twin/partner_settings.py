"""What a Partner API platform may have set differently, and every rule of its twin that is an assumption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from gateway.errors import SettingsError

MAX_TOKENS = 11
"""Most portal tokens at a time (portal documentation, token management; verified)."""
REASONS = frozenset({"OVERSTOCK", "DELISTING", "COMPETITIVENESS", "EXPIRING_SOON", "NMR", "TRADING"})
"""Reasons of a promotion (promotions use cases name COMPETITIVENESS; verified; the others inferred)."""
Layout = Literal["single", "double", "multi"]
Feed = Literal["catalog", "promotions", "assortment"]
FEEDS: Mapping[Layout, tuple[Feed, ...]] = {
    "single": ("assortment",),
    "double": ("catalog", "promotions"),
    "multi": ("catalog", "promotions"),
}


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token of the portal, named by its use; it never expires and opens every vendor of its chain."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """Client credentials of a chain."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """An account of the file server; a chain of several legal entities has several. `keys` as authorized_keys."""

    user: str
    password: str | None = field(default=None, repr=False)
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vendor:
    """One store. `external_id`: the partner's own id as mapped in the portal, accepted wherever `vendor_id` is."""

    vendor_id: str
    external_id: str = ""
    timezone: str = "UTC"
    sales_buffer: int = 0
    """Safety stock, set by the account manager and not by calls (catalog API FAQ; verified)."""

    @property
    def zone(self) -> ZoneInfo:
        """The store's time zone."""
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Chain:
    """A group of stores with its credentials. Raises SettingsError for too many tokens or two vendors of one id."""

    chain_id: str
    vendors: tuple[Vendor, ...]
    tokens: tuple[Token, ...] = ()
    clients: tuple[Client, ...] = ()
    logins: tuple[Login, ...] = ()

    def __post_init__(self) -> None:
        if len(self.tokens) > MAX_TOKENS:
            raise SettingsError(f"Chain {self.chain_id} has {len(self.tokens)} tokens: expected at most {MAX_TOKENS}.")
        names = [name for vendor in self.vendors for name in {vendor.vendor_id, vendor.external_id} if name]
        for name in names:
            if names.count(name) > 1:
                raise SettingsError(f"Chain {self.chain_id} has two vendors {name!r}: expected different ids.")

    def vendor(self, name: str) -> Vendor | None:
        """The vendor of that id, the platform's or the partner's own; None when there is none."""
        return next((one for one in self.vendors if name and name in {one.vendor_id, one.external_id}), None)


CHAIN = "6f1c2f1e-7a1c-4e0f-9a55-2b7a3c9d0001"


def _sample() -> tuple[Chain, ...]:
    vendors = (Vendor("v001", "STORE-001"), Vendor("v002", "STORE-002"))
    tokens = (Token("Catalog Management", "twin-token"), Token("Promotion Management", "twin-promotions"))
    clients, logins = (Client("twin-client", "twin-secret"),), (Login("XX_YY_twin", "twin-password"),)
    return (Chain(CHAIN, vendors, tokens, clients, logins),)


@dataclass(frozen=True, slots=True)
class PartnerTwinSettings:
    """Settings of the platform and switches of assumptions; the defaults are the strictest reading.

    Raises SettingsError for two chains of one id.
    """

    chains: tuple[Chain, ...] = field(default_factory=_sample)

    # ------------------------------------------------------------ the door
    token_seconds: float = 7200.0
    """Life of a token got by client credentials (general FAQ; verified)."""
    calls_per_window: int = 60
    """Calls of one address per window before it is blocked (catalog API FAQ; verified). 0: no limit."""
    window_seconds: float = 60.0
    block_seconds: float = 60.0
    """How long a blocked address stays blocked; assumption."""
    over_limit: Literal["429", "403"] = "429"
    """A block is a 429, or a page of the proxy in front with 403; the FAQ names the block only; assumption."""
    retry_after: bool = True
    """Whether a 429 says how long to wait; assumption."""
    foreign_status: int = 403
    """Answer about a chain that the token does not open; assumption."""
    refuse_unknown: bool = True
    """Answer 400 to unknown fields of a body. Unknown parameters of an address are ignored (live-reported)."""
    max_quantity_name: str = "maximum_sales_quantity"
    """The use cases of one brand name it so, the FAQ of another `max_sales_quantity` (both verified): contradictory."""
    error_shape: Literal["message", "error", "errors", "detail", "text"] = "message"
    """How a refusal is worded; no page shows one; assumption."""

    # ------------------------------------------------------------ catalog calls
    max_products: int = 500
    """Most products of a call, more is answered with 413. Not stated; assumption. 0: no limit."""
    max_body_bytes: int = 4 * 1024 * 1024
    """Most bytes of a call, else 413. Not stated, 100 MB by one implementer's word; assumption."""
    one_identifier: bool = False
    """One brand wants either sku or barcode per product (its use cases; verified), another takes both (verified)."""
    active_or_quantity: bool = False
    """One brand wants either active or quantity per product (its use cases; verified)."""
    buffer_is_inactive: bool = True
    """A quantity equal to the sales buffer means inactive (use cases); the FAQ says below only: contradictory."""
    single_quantity_keeps_active: bool = True
    """A quantity in a call with one product never deactivates it (catalog API FAQ; verified for an older edition)."""
    single_answer: Literal["job", "done"] = "job"
    """A call with one product is a job, or is done with 200 at once (older edition; verified there)."""
    bad_price: Literal["product", "call"] = "product"
    """A price of 0 or less refuses its product in the log, or the whole call; assumption."""
    duplicates: Literal["last", "error"] = "last"
    """What a product given twice in one call or file does (the FAQ asks it, its answer is not known); assumption."""
    overlap: Literal["overtake", "queue", "refuse"] = "overtake"
    """Jobs of a vendor under way together: the later one ends first, waits, or is answered 409. No order is promised;
    assumption."""
    queued_seconds: float = 20.0
    running_seconds: float = 40.0
    storefront_seconds: float = 0.0
    """From the end of a job until reads and shoppers see it: up to 30 minutes (catalog API FAQ; verified as the most
    for shoppers; that reads lag too is an assumption)."""

    # ------------------------------------------------------------ results of jobs
    polls: Literal["all", "creation"] = "all"
    """Which jobs the status call knows: the page documents it for creation (verified), update and export
    live-reported."""
    status_name: Literal["job_status", "status"] = "job_status"
    vendor_name: Literal["platform_vendor_id", "vendor_id"] = "platform_vendor_id"
    """Field names of a delivery; implementers met either (live-reported)."""
    downloads: Literal["api", "signed"] = "api"
    """Where logs and exports are fetched: here with the token (verified), or from a storage that refuses a token
    (live-reported)."""
    signed_seconds: float = 3600.0
    """How long a signed address works; assumption."""
    gzip: bool = False
    """Whether logs and exports are compressed (live-reported)."""
    export_bom: bool = False
    """Whether exports begin with a byte order mark; assumption."""
    log_words: tuple[str, str] = ("SUCCESS", "FAILED")
    """`state` of a good and of a refused row; the columns are live-reported, the words an assumption."""
    no_error: str = "null"
    """`errors` of a good row: the text `null` (live-reported)."""
    barcode_separator: str = ","
    """Between several barcodes in one cell of an export: comma or semicolon (live-reported)."""
    barcode_digits: int = 14
    """Reads show barcodes padded to so many digits (live-reported); 0: as they are."""
    barcode_field: Literal["barcodes", "barcode"] = "barcodes"
    title_map: bool = True
    """Reads show titles per locale, or as plain text (live-reported either way)."""
    page_size: int = 50
    """Products per page where the call names no size; assumption."""
    max_page_size: int = 500
    """Largest page (live-reported); that a larger one is refused is an assumption."""
    create_products: bool = False
    """Whether the account may create products (beta, opt-in; verified); without, 501 (live-reported)."""
    created_active: bool = True
    """Whether created products are on sale at once; assumption."""
    feedback_words: tuple[str, str] = ("SUCCESS", "REJECTED")
    """`status` of created and refused products; assumption."""
    locales: tuple[str, ...] = ("en_GB",)
    status_answer: Literal["body", "empty"] = "body"
    """A changed outlet is answered with itself, or with 204 (live-reported as possible)."""

    # ------------------------------------------------------------ promotions
    promotion_types: frozenset[str] = frozenset({"STRIKETHROUGH", "SAME_ITEM_BUNDLE"})
    """Types that exist (use cases; verified)."""
    promotion_queued_seconds: float = 60.0
    promotion_results: bool = True
    """Whether a promotion's job lists what was refused (live-reported; the FAQ says there is no such list)."""
    promotion_polls: bool = True
    promotion_all_or_nothing: bool = False
    """Whether one refused sku refuses all of its promotion; "is not created" can be read so; assumption."""
    dear_promotion: Literal["job", "call"] = "job"
    """A promotion price that is not lower refuses its sku in the job's list (live-reported), or the whole call with
    400; "is not created" can be read so too; assumption."""
    end_needs_same_body: bool = True
    """A promotion ends only by the request that made it with `active` false (promotions FAQ; verified)."""
    absent_skus: Literal["kept", "removed"] = "kept"
    """What a changed promotion does to skus it no longer names: there is a flag to remove some; assumption."""
    max_promotion_pairs: int = 2_000_000
    """Most skus times vendors of one request (promotions FAQ; verified); that 413 is the answer: assumption."""

    # ------------------------------------------------------------ webhook
    hook_header: str = "Authorization"
    """The secret comes in this header as it is (verified that it is static; the name live-reported)."""
    hook_bearer: bool = False
    """Some deliveries carry `Bearer` before the secret (live-reported)."""
    hook_retry_seconds: tuple[float, ...] = (60.0, 300.0, 900.0)
    """Waits before another attempt after no 2xx answer. Asked by the FAQ, its answer is not known; assumption."""
    hook_timeout: float = 5.0
    """Real seconds that a receiver has for its answer; assumption."""

    # ------------------------------------------------------------ files
    layout: Layout = "double"
    """Agreed with the account manager: one file with promotion columns, two files, or two files for many vendors
    (catalog files, how to integrate; verified)."""
    folders: Mapping[Feed, str] = field(
        default_factory=lambda: {"catalog": "catalog", "promotions": "promotions", "assortment": "assortment"}
    )
    """Folders below the home; pages and implementers write them in different cases (live-reported)."""
    prefixes: Mapping[Feed, str] = field(
        default_factory=lambda: {"catalog": "products", "promotions": "promo", "assortment": "assortment"}
    )
    """First part of file names, set in the portal (verified)."""
    numbered_prefixes: bool = False
    """Whether `promo1`, `promo2` are taken for `promo` (one implementer sends them so); assumption."""
    home: str = "/vendor-automation-sftp-storage-live-xx-1/home/{user}"
    """Where a login starts (live-reported)."""
    create_folders: bool = True
    """Whether the folders exist from the start; implementers create missing ones (live-reported)."""
    pickup_seconds: float = 30.0
    """How long a file must lie unchanged before it is picked up; assumption."""
    vanishes: bool = True
    """Whether a file is gone once picked up; assumption."""
    min_interval_seconds: float = 300.0
    """Least time between two files of one name (one implementer's rule); assumption. 0: none."""
    too_soon: Literal["lost", "waits"] = "lost"
    """What happens to a file that comes too soon after the last one of its name; assumption."""
    file_seconds: Mapping[Feed, float] = field(
        default_factory=lambda: {"catalog": 1800.0, "promotions": 3000.0, "assortment": 3000.0}
    )
    """From pick-up to effect: 30 and 50 minutes are the most for calls (FAQs; verified); for files: assumption."""
    max_rows: Mapping[Feed, int] = field(
        default_factory=lambda: {"catalog": 1_500_000, "promotions": 20_000, "assortment": 20_000}
    )
    """Most rows with the header (live-reported from one brand's pages; of single files: assumption)."""
    accept_bom: bool = False
    unknown_columns: Literal["refuse", "ignore"] = "refuse"
    """A public checker refuses unknown columns; the platform's stance is unknown; assumption."""
    needs_final_newline: bool = False
    price_variant: Literal["price+discounted_price", "original_price+discounted_price", "original_price+price"] = (
        "price+discounted_price"
    )
    """Which price columns a single file has, agreed per partner (live-reported)."""
    promotion_decimals: int = 2
    """Most decimals of prices in promotion files (a public checker); inferred."""
    promotion_times: Literal["vendor", "utc"] = "vendor"
    """Time zone of dates in files: the store's, or UTC. Not stated; assumption."""
    date_only: Literal["midnight", "refuse"] = "midnight"
    """Dates without time: taken (newer page; verified) as midnight (assumption), or refused (older page)."""
    file_reasons: frozenset[str] | None = None
    """Reasons that promotion files may give; None: free text, as feeds send it (live-reported)."""
    same_vendors: bool = True
    """Whether all rows of a file for many vendors must name the same ones (a public checker); inferred."""

    def __post_init__(self) -> None:
        ids = [chain.chain_id for chain in self.chains]
        for chain_id in ids:
            if ids.count(chain_id) > 1:
                raise SettingsError(f"The twin has two chains {chain_id}: expected different ids.")

    def chain(self, chain_id: str) -> Chain | None:
        """The chain of that id; None when there is none."""
        return next((chain for chain in self.chains if chain.chain_id == chain_id), None)

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """What the agreed layout consists of."""
        return FEEDS[self.layout]
