"""Settings of one Mirakl shop as they stand in gateway.toml."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from gateway.contracts import contract
from gateway.contracts.barcodes import TYPES
from gateway.formats.sections import of_words, unknown
from gateway.transport.http import Access, base_url

_KEY = re.compile(r"[!-~]+", re.ASCII)

PRODUCT_COLUMNS: Mapping[str, str] = {
    "sku": "shop_sku",
    "product_id": "variant_group_code",
    "name": "name",
    "short_description": "short_description",
    "long_description": "description",
    "barcode": "ean",
    "brand": "brand",
    "category": "category",
}
OFFER_COLUMNS: Mapping[str, str] = {
    "condition": "state",
    "lead_time": "leadtime-to-ship",
    "minimum_to_sell": "min-order-quantity",
    "maximum_sales_quantity": "max-order-quantity",
}
BARCODE_TYPES: Mapping[str, str] = {"EAN-13": "EAN", "EAN-8": "EAN", "UPC-A": "UPC", "GTIN-14": "GTIN"}


def _over(defaults: Mapping[str, str], judge: Callable[[Iterable[str]], None]) -> BeforeValidator:
    """Lay a table over its defaults: an entry replaces one, an empty text takes it away. `judge`: of names."""

    def lay(given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        judge(map(str, given))
        return {key: word for key, word in {**defaults, **given}.items() if word != ""}

    return BeforeValidator(lay)


def _of_contract(names: Iterable[str]) -> None:
    """Refuse names that are no fields of the rows: they would be passed over in silence."""
    agreed = contract("catalog")
    _refuse([name for name in names if not agreed.has(name)], agreed.fields, "contract field")


def _of_barcodes(names: Iterable[str]) -> None:
    """Refuse names that are no types of barcodes as rows give them."""
    _refuse([name for name in names if name not in TYPES], TYPES, "barcode type of the contract")


def _refuse(strange: Sequence[str], known: Iterable[str], what: str) -> None:
    if strange:
        raise of_words({name: unknown(name, known, what) for name in strange})


ProductColumns = Annotated[dict[str, str], _over(PRODUCT_COLUMNS, _of_contract)]
OfferColumns = Annotated[dict[str, str], _over(OFFER_COLUMNS, _of_contract)]
BarcodeTypes = Annotated[dict[str, str], _over(BARCODE_TYPES, _of_barcodes)]


class MiraklSettings(BaseModel):
    """How one shop of a Mirakl marketplace is reached and how its products, offers, prices and stock are sent."""

    # The key arrives here as plain text: pydantic would repeat it in its messages.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = Field(
        description="Host name of the marketplace, as pasted from the back office: scheme, `/mmp/shop` and slashes "
        "are cut off. `http://` is taken for this machine only."
    )
    api_key: SecretStr = Field(description="Shop API key (My User Settings, tab API key), by reference.")
    shop_id: int | None = Field(
        default=None, ge=1, description="Shop id (Account settings). Unset: the default shop of the key's user."
    )
    ca_file: Path | None = Field(default=None, description="PEM file of an own certificate authority.")
    timeout: float = Field(default=60.0, gt=0, description="Seconds without a byte after which a call is given up.")

    # ---- stock: STO01
    batch_size: int | None = Field(
        default=50_000, ge=1, description="Most lines per import; unset in code (None): one import takes all."
    )
    import_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two stock imports (documented maximum: once a minute)."
    )
    status_interval: float = Field(
        default=15.0, ge=0, description="Least seconds between two status calls of stock (documented: every 15 s)."
    )
    report_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two error reports of stock (documented: once a minute)."
    )
    deadline: float = Field(
        default=4 * 3600.0, gt=0, description="Seconds after which a stock import without an end is `accepted`."
    )
    report_counts_header: bool = Field(
        default=True,
        description="Whether line numbers of error reports count the header as line 1. Known of offers, an assumption "
        "for products, prices and stock; a report that contradicts it is read the other way.",
    )
    report_tries: int = Field(
        default=5, ge=1, description="How often an announced error report that is not there is asked for."
    )
    end_as: Literal["zero", "delete"] = Field(
        default="zero",
        description="What the row command `end` of a stock row becomes: quantity 0, or `update-delete` = delete.",
    )
    warehouses: tuple[str, ...] | None = Field(
        default=None, description="Warehouse codes of the shop; unset: any code is sent."
    )

    # ---- products: P41
    product_columns: ProductColumns = Field(
        default_factory=lambda: dict(PRODUCT_COLUMNS),
        description="Contract field to the operator's attribute code; laid over the default, an empty text leaves a "
        "field out.",
    )
    image_columns: tuple[str, ...] = Field(
        default=("image_1", "image_2", "image_3", "image_4", "image_5"),
        description="Attribute codes of the images, in order; addresses beyond them are left out with a warning.",
    )
    variant_columns: dict[str, str] = Field(
        default_factory=dict, description="Variant type as partners write it to the attribute code of its value."
    )
    categories: Path | None = Field(
        default=None,
        description="CSV file `category;code` from the contract's category path to the operator's category code. "
        "Unset: the path is sent as it is.",
    )
    operator_format: bool = Field(
        default=True,
        description="Columns are the operator's attribute codes; false: the shop's own format, which needs a mapping "
        "in the back office.",
    )
    product_batch_size: int | None = Field(default=10_000, ge=1, description="Most products per import.")
    product_interval: float = Field(
        default=900.0, ge=0, description="Least seconds between two product imports (documented: every 15 minutes)."
    )
    product_status_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two status calls of products (documented: 1 a minute)."
    )
    product_report_interval: float = Field(
        default=0.0, ge=0, description="Least seconds between two reports of products (documented: when needed)."
    )
    product_deadline: float = Field(
        default=24 * 3600.0, gt=0, description="Seconds after which a product import without an end is `accepted`."
    )
    product_final: Literal["details", "reports"] = Field(
        default="details",
        description="What says that products are live: the integration details, which come late, or, for operators "
        "without them, the end of the import and its report.",
    )
    product_report_key: tuple[str, ...] = Field(
        default=("shop_sku", "sku", "shop-sku"),
        description="Columns of the report of rejected products that may hold the seller's code, beside the own one.",
    )
    product_report_message: tuple[str, ...] = Field(
        default=("errors", "error", "error-message", "message"),
        description="Columns of the report of rejected products that may hold the reason.",
    )

    # ---- offers: OF01
    offer_columns: OfferColumns = Field(
        default_factory=lambda: dict(OFFER_COLUMNS),
        description="Contract field (`attributes.<code>` too) to the offer column; laid over the default.",
    )
    offer_reference: Literal["barcode", "shop_sku"] = Field(
        default="barcode",
        description="How an offer names its product: by barcode where the row has one, else (or always) by the shop's "
        "product code.",
    )
    product_id_types: BarcodeTypes = Field(
        default_factory=lambda: dict(BARCODE_TYPES),
        description="Barcode type of the contract to `product-id-type` of the operator; laid over the default.",
    )
    condition: str | None = Field(
        default=None, description="Offer condition code of rows that give none (`11` usually is New)."
    )
    new_offer_quantity: int | None = Field(
        default=None, ge=0, description="Quantity a new offer begins with where the row gives none; unset: refused."
    )
    end_offers: Literal["zero", "delete"] = Field(
        default="zero", description="What the row command `end` of a catalog row does to the offer."
    )
    offer_batch_size: int | None = Field(default=20_000, ge=1, description="Most offers per import.")
    offer_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two offer imports (documented: 1 a minute)."
    )
    offer_status_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two status calls of offers (documented: 1 a minute)."
    )
    offer_report_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two error reports of offers (documented: 1 a minute)."
    )
    offer_deadline: float = Field(
        default=12 * 3600.0, gt=0, description="Seconds after which an offer import without an end is `accepted`."
    )

    # ---- prices: PRI01
    price_basis: Literal["net", "gross"] | None = Field(
        default=None,
        description="Whether the marketplace takes prices without or with tax. No default: catalog, price and "
        "promotion can't be sent before it is said.",
    )
    price_decimals: int = Field(default=2, ge=0, le=4, description="Most decimals of a price at this marketplace.")
    price_above_zero: bool = Field(
        default=True,
        description="Whether rows with a price of 0 are rejected by our checks, as the marketplace is assumed to "
        "refuse them; false: they are sent.",
    )
    currency: str | None = Field(
        default=None, pattern="^[A-Z]{3}$", description="Currency of the shop; rows that name another are rejected."
    )
    tax_rate: str | None = Field(
        default=None,
        pattern=r"^(0|100|[1-9]\d?(\.\d{1,4})?)$",
        description="Tax rate of rows that give none: 20 means 20 %.",
    )
    price_dates: Literal["instant", "day"] = Field(
        default="instant",
        description="How discount dates are written: points in time, or days in the platform's time zone.",
    )
    price_dates_within: float = Field(
        default=86_400.0,
        ge=0,
        description="Seconds by which a discount's dates may read back otherwise than they were sent (marketplaces may "
        "count whole days of their own zone) and still be the same.",
    )
    price_batch_size: int | None = Field(default=20_000, ge=1, description="Most price lines per import.")
    price_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two price imports (documented: 1 a minute)."
    )
    price_status_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two status calls of prices (documented: 1 a minute)."
    )
    price_report_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two error reports of prices (documented: 1 a minute)."
    )
    price_deadline: float = Field(
        default=4 * 3600.0, gt=0, description="Seconds after which a price import without an end is `accepted`."
    )

    # ---- what the shop has: OF21, OF52 to OF54, PC01
    offers_from: Literal["auto", "list", "export"] = Field(
        default="auto",
        description="Where present offers are read: by the list (OF21), by exports (OF52), or by number. Prices for "
        "single customers are in exports only.",
    )
    lookup_most: int = Field(default=50, ge=0, description="Up to so many offers are looked up one by one.")
    list_most: int = Field(
        default=5000, ge=0, description="Shops with more offers are read by an export where one is allowed."
    )
    known_for: float = Field(
        default=120.0, ge=0, description="Seconds for which offers once read are believed, if we wrote none meanwhile."
    )
    offers_interval: float = Field(
        default=0.0, ge=0, description="Least seconds between two calls of the list of offers (documented: none)."
    )
    export_full_interval: float = Field(
        default=86_400.0, ge=0, description="Least seconds between two full exports (documented: once a day)."
    )
    export_interval: float = Field(
        default=60.0, ge=0, description="Least seconds between two exports of changes (documented: 1 a minute)."
    )
    export_status_interval: float = Field(
        default=10.0, ge=0, description="Least seconds between two status calls of an export (documented: 10 s)."
    )
    export_fields: tuple[str, ...] = Field(
        default=("shop_sku", "currency_iso_code", "deleted", "prices", "retail_prices"),
        description="Fields an export is asked for; an empty list asks for all.",
    )
    platform_interval: float = Field(
        default=86_400.0, ge=0, description="Seconds after which the platform's configuration is read again."
    )

    # ---- lost answers
    find_interval: float = Field(
        default=180.0, ge=0, description="Seconds after a lost call before an import that is not listed is absent."
    )
    clock_tolerance: float = Field(
        default=10.0, ge=0, description="Seconds by which the marketplace's clock may differ where it does not say."
    )
    repeat_window: float = Field(
        default=900.0,
        ge=0,
        description="An import that is so many seconds older than our call was not made by it: the marketplace took "
        "the file for a repeat, and its rows are `uncertain`.",
    )

    @field_validator("host")
    @classmethod
    def _host(cls, pasted: str) -> str:
        return base_url(pasted)

    @field_validator("api_key")
    @classmethod
    def _api_key(cls, key: SecretStr) -> SecretStr:
        if not _KEY.fullmatch(key.get_secret_value()):
            msg = "the API key must be one word of printable characters, without Bearer before it"
            raise ValueError(msg)
        return key

    @field_validator("product_columns")
    @classmethod
    def _product_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        if "sku" not in columns:
            msg = "sku needs an attribute code: reports are tied to rows by it"
            raise ValueError(msg)
        return columns

    @model_validator(mode="after")
    def _one_attribute_each(self) -> MiraklSettings:
        """Two fields under one attribute would overwrite each other."""
        codes = [*self.product_columns.values(), *self.image_columns, *self.variant_columns.values()]
        twice = next((code for code in codes if codes.count(code) > 1), None)
        if twice is not None:
            msg = f"the attribute {twice!r} is named twice in product_columns, image_columns and variant_columns"
            raise ValueError(msg)
        return self

    def access(self) -> Access:
        """Return address and secret header; the key stands alone, without a scheme word."""
        return Access(self.host, (("Authorization", self.api_key),), self.ca_file, self.timeout)
