"""What a Mirakl twin remembers: products, offers, imports, and the audit of every row it applied."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter

from gateway.twin.keeping import keep
from gateway.twin.mirakl_csv import BadLine

Plan = Literal["apply", "fail", "all_in_error"]
Action = Literal["insert", "update", "delete", "replace"]

DEFAULT_PRICE = "10"
"""Price of an offer that was put in without one."""


@dataclass(slots=True)
class Price:
    """One price of an offer; amounts are text, dates UTC text, "" where there is none. Without context: the default."""

    price: str
    discount_price: str = ""
    discount_start: str = ""
    discount_end: str = ""
    price_ranges: str = ""
    discount_ranges: str = ""
    channels: tuple[str, ...] = ()
    start: str = ""
    end: str = ""
    organizations: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    kind: str = "PRICE"

    @property
    def context(self) -> tuple[object, ...]:
        """When and for whom it holds."""
        return (self.kind, self.channels, self.start, self.end, self.organizations, self.groups)

    @property
    def default(self) -> bool:
        """Whether it holds always and for everybody."""
        return not (self.channels or self.start or self.end or self.organizations or self.groups)


@dataclass(slots=True)
class Offer:
    """One offer of a shop. With warehouses, their sum is what can be sold; else `quantity` is.

    `fields`: further columns of the offer file by their names there (state, logistic-class, ...); "" is not kept.
    """

    sku: str
    offer_id: int
    quantity: int
    warehouses: dict[str, int] = field(default_factory=dict)
    product_sku: str = ""
    prices: list[Price] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    updated: datetime | None = None

    @property
    def total(self) -> int:
        """Quantity that buyers see."""
        return sum(self.warehouses.values()) if self.warehouses else self.quantity

    @property
    def price(self) -> Price | None:
        """The default price; None when there is none."""
        return next((price for price in self.prices if price.default and price.kind == "PRICE"), None)

    @property
    def state(self) -> str:
        """Code of its condition."""
        return self.fields.get("state", "")


@dataclass(slots=True)
class Product:
    """One product of the operator's catalog; `references` by type, `values` by attribute code."""

    product_sku: str
    title: str
    category: str
    live: bool
    references: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effect:
    """One line that took effect. `warehouse` is "" for the global quantity; `before` is the place's old quantity."""

    at: datetime
    shop_id: int
    import_id: str
    line: int
    sku: str
    warehouse: str
    command: Literal["update", "delete"]
    quantity: int
    before: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One product, offer or set of prices that an import changed; `key` is the sku of the offer or the seller's own."""

    at: datetime
    shop_id: int
    import_id: str
    family: Literal["product", "offer", "price"]
    line: int
    key: str
    action: Action


@dataclass(slots=True)
class Import:
    """A stock import: what was sent, when it changes its status, and how it ended."""

    import_id: str
    shop_id: int
    created: datetime
    runs_at: datetime
    ends_at: datetime | None
    plan: Plan
    odd_status: bool
    body: str
    columns: tuple[str, ...]
    settled: bool = False
    failed: bool = False
    success: int = 0
    errors: list[BadLine] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Task:
    """Work of the marketplace that takes time. `timeline`: each status with the moment it begins, the last one last.

    `number` orders tasks and is the wire id where ids are numbers; `ends_at` None: it never ends.
    """

    import_id: str
    number: int
    shop_id: int
    created: datetime
    digest: str
    timeline: list[tuple[str, datetime]]
    ends_at: datetime | None
    plan: Plan = "apply"
    body: bytes = b""
    settled: bool = False
    reason: str = ""
    report: str = ""
    """Error report; "" where there is none."""

    def status(self, now: datetime) -> str:
        """Word for its present status."""
        return [word for word, begins in self.timeline if begins <= now or begins == self.created][-1]

    def changed(self, now: datetime) -> datetime:
        """When the present status began."""
        return max(begins for _, begins in self.timeline if begins <= now or begins == self.created)

    def fail(self, reason: str, at: datetime) -> None:
        """End as FAILED at a moment."""
        self.timeline = [(word, begins) for word, begins in self.timeline if begins < at] + [("FAILED", at)]
        self.reason, self.ends_at, self.settled, self.body = reason, at, True, b""


@dataclass(slots=True, kw_only=True)
class ProductImport(Task):
    """A product import with its two stages; `passed` are lines that wait for the second one."""

    operator_format: bool
    judged_at: datetime | None
    """When the first stage ends; None: never."""
    details_at: datetime | None
    judged: bool = False
    read: int = 0
    success: int = 0
    errors: int = 0
    warnings: int = 0
    columns: tuple[str, ...] = ()
    passed: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    details: dict[str, int] = field(default_factory=dict)
    transformed: str = ""
    source_report: str = ""
    added_report: str = ""


@dataclass(slots=True, kw_only=True)
class OfferImport(Task):
    """An offer import and its counters; `reset` where absent fields go back to their defaults."""

    mode: str
    reset: bool = False
    product_import: int | None = None
    """Number of the product import that came with it."""
    read: int = 0
    success: int = 0
    errors: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(slots=True, kw_only=True)
class PriceImport(Task):
    """A price import and its counters."""

    success: int = 0
    errors: int = 0
    offers_updated: int = 0
    offers_in_error: int = 0


@dataclass(slots=True, kw_only=True)
class Export(Task):
    """An export of offers: its request and, at the end, its files."""

    request: dict[str, Any]
    chunks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Shop:
    """One shop with its offers by sku, deleted ones, and its own skus of products."""

    shop_id: int
    offers: dict[str, Offer] = field(default_factory=dict)
    gone: list[Offer] = field(default_factory=list)
    products: dict[str, str] = field(default_factory=dict)
    """The seller's product sku -> the operator's."""


@dataclass(slots=True)
class MiraklState:
    """Everything that survives a restart of the twin."""

    shops: dict[int, Shop]
    imports: dict[str, Import] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    next_offer_id: int = 5001
    next_number: int = 2001
    products: dict[str, Product] = field(default_factory=dict)
    product_imports: dict[str, ProductImport] = field(default_factory=dict)
    offer_imports: dict[str, OfferImport] = field(default_factory=dict)
    price_imports: dict[str, PriceImport] = field(default_factory=dict)
    exports: dict[str, Export] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)

    def number(self) -> int:
        """The next free number of an import."""
        self.next_number += 1
        return self.next_number - 1

    def new_offer(self, shop_id: int, sku: str, product_sku: str, at: datetime) -> Offer:
        """Create an offer without price and stock."""
        offer = Offer(sku, self.next_offer_id, 0, product_sku=product_sku, created=at, updated=at)
        self.next_offer_id += 1
        self.shops[shop_id].offers[sku] = offer
        return offer

    def put(
        self,
        shop_id: int,
        sku: str,
        quantity: int,
        warehouses: dict[str, int] | None = None,
        at: datetime | None = None,
    ) -> Offer:
        """Create the offer, with a live product of its own, or replace its quantities."""
        shop = self.shops[shop_id]
        offer = shop.offers.get(sku)
        if offer is None:
            number = f"MKP{self.next_offer_id:012d}"
            own = shop.products.setdefault(sku, number)
            if own not in self.products:
                self.products[own] = Product(own, f"Article {sku}", "GOODS", live=True)
            offer = shop.offers[sku] = Offer(sku, self.next_offer_id, 0, product_sku=own, created=at)
            offer.prices, offer.fields = [Price(DEFAULT_PRICE)], {"state": "11"}
            self.next_offer_id += 1
        offer.quantity, offer.warehouses, offer.updated = quantity, dict(warehouses or {}), at
        return offer

    def save(self, path: Path) -> None:
        """Write the state by temporary name and rename."""
        document = {
            "offers": [(shop.shop_id, offer) for shop in self.shops.values() for offer in shop.offers.values()],
            "gone": [(shop.shop_id, offer) for shop in self.shops.values() for offer in shop.gone],
            "shop_products": [(shop.shop_id, shop.products) for shop in self.shops.values()],
            "imports": list(self.imports.values()),
            "effects": self.effects,
            "changes": self.changes,
            "products": list(self.products.values()),
            "next_offer_id": self.next_offer_id,
            "next_number": self.next_number,
        }
        for name in ("product_imports", "offer_imports", "price_imports", "exports"):
            tasks = [asdict(task) for task in getattr(self, name).values()]
            document[name] = [task | {"body": task["body"].decode("latin-1")} for task in tasks]
        keep(path, document)


@dataclass
class _Saved:
    """The document of a state file; what came later has a default, so that an older file is read too."""

    offers: list[tuple[int, Offer]]
    imports: list[Import]
    effects: list[Effect]
    next_offer_id: int
    next_number: int = 2001
    gone: list[tuple[int, Offer]] = field(default_factory=list)
    shop_products: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    product_imports: list[ProductImport] = field(default_factory=list)
    offer_imports: list[OfferImport] = field(default_factory=list)
    price_imports: list[PriceImport] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)


def load(path: Path, shop_ids: tuple[int, ...]) -> MiraklState:
    """Read a saved state; an empty one when there is no file."""
    state = MiraklState({shop_id: Shop(shop_id) for shop_id in shop_ids})
    if not path.exists():
        return state
    saved = TypeAdapter(_Saved).validate_json(path.read_bytes())
    for shop_id, offer in saved.offers:
        state.shops.setdefault(shop_id, Shop(shop_id)).offers[offer.sku] = offer
    for shop_id, offer in saved.gone:
        state.shops[shop_id].gone.append(offer)
    for shop_id, products in saved.shop_products:
        state.shops.setdefault(shop_id, Shop(shop_id)).products = products
    state.imports = {item.import_id: item for item in saved.imports}
    state.effects, state.changes = saved.effects, saved.changes
    state.next_offer_id, state.next_number = saved.next_offer_id, saved.next_number
    state.products = {product.product_sku: product for product in saved.products}
    state.product_imports = _tasks(saved.product_imports)
    state.offer_imports = _tasks(saved.offer_imports)
    state.price_imports = _tasks(saved.price_imports)
    state.exports = _tasks(saved.exports)
    _adopt(state)
    return state


_T = TypeVar("_T", bound=Task)


def _tasks(tasks: list[_T]) -> dict[str, _T]:
    """Give bodies their bytes back: they were saved as one character per byte."""
    for task in tasks:
        task.body = bytes(task.body.decode(), "latin-1")
    return {task.import_id: task for task in tasks}


def _adopt(state: MiraklState) -> None:
    """Give offers of a file written before there were products a product and a price."""
    for shop in state.shops.values():
        for offer in shop.offers.values():
            if not offer.product_sku:
                offer.product_sku = shop.products.setdefault(offer.sku, f"MKP{offer.offer_id:012d}")
                title = f"Article {offer.sku}"
                product = Product(offer.product_sku, title, "GOODS", live=True)
                state.products.setdefault(offer.product_sku, product)
                offer.prices, offer.fields = [Price(DEFAULT_PRICE)], {"state": "11"}
