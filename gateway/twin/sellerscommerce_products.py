"""Products, prices and stock at the Sellers Commerce twin: api/product/*.

Source: Sellers Commerce Open API documentation, product endpoints and codes 30-36. What the codes mean for bodies is
inferred from their texts: products carry a brand, categories and SKUs; the brand is tied to a first-level category.
"""

from __future__ import annotations

from stdnum import ean

from gateway.twin import sellerscommerce_apis as apis
from gateway.twin import sellerscommerce_bodies as bodies
from gateway.twin import sellerscommerce_codes as codes
from gateway.twin.sellerscommerce_categories import ancestors, flagged, is_brand, product_row
from gateway.twin.sellerscommerce_codes import DataError
from gateway.twin.sellerscommerce_members import Row
from gateway.twin.sellerscommerce_settings import SellersCommerceTwinSettings
from gateway.twin.sellerscommerce_state import Unit
from gateway.twin.sellerscommerce_store import Ask, Found, Handler, Store

_LISTS = ("Categories", "SKUs")
_PRODUCT_DEFAULTS: Row = {"Status": True}
_SKU_DEFAULTS: Row = {"Inventory": 0, "IsDefault": False}


def put_product(members: Row, unit: Unit, settings: SellersCommerceTwinSettings) -> None:
    """Add or update a product with its categories and SKUs; SKUs it does not name stay (inferred from "add or update").

    Raises DataError: category unknown (31) or without parent (32), brand (35), a SKU's data (34).
    """
    code, state = members["ProductCode"], unit.state
    for category in members["Categories"]:
        _put_category(category, unit, settings)
    linked = [category["CategoryCode"] for category in members["Categories"]]
    _check_brand(members["BrandName"], linked, unit, settings)
    old = state.products.get(code)
    plain = {name: value for name, value in members.items() if name not in _LISTS}
    if old is not None and not settings.absent_kept:
        plain = {name: None for name in bodies.PRODUCT if name not in _LISTS} | plain
    plain = _defaulted(plain, _PRODUCT_DEFAULTS, new=old is None)
    unit.stamped(state.products, code, plain, "SCProductID")
    unit.effect("product", code, "product", members["ProductName"], old and old["ProductName"])
    present = state.links.get(code, [])
    unit.put(state.links, code, list(dict.fromkeys([*present, *linked])))
    named: set[str] = set()
    for sku in members["SKUs"]:
        if sku["SKUCode"] in named:
            raise DataError(codes.INVALID_SKU, f"SKU {sku['SKUCode']} stands twice in the product")
        named.add(sku["SKUCode"])
        _put_sku(code, sku, unit, settings)


def _put_category(members: Row, unit: Unit, settings: SellersCommerceTwinSettings) -> None:
    """Create a category that a product brings along; one that is known stays as it is (assumption)."""
    code, parent, known = members["CategoryCode"], members.get("ParentCategoryCode"), unit.state.categories
    if code in known:
        return
    if not members.get("CategoryName") or not settings.products_create_categories:
        raise DataError(codes.CATEGORY_UNKNOWN, f"category {code} does not exist")
    if parent and parent not in known:
        raise DataError(codes.PARENT_UNKNOWN, f"category {code} has the unknown parent {parent}")
    unit.stamped(known, code, flagged(members, settings, codes.CATEGORY_FAILED), "CategoryID")
    unit.effect("category", code, "category", members["CategoryName"])


def _check_brand(name: str, linked: list[str], unit: Unit, settings: SellersCommerceTwinSettings) -> None:
    """Brand and first-level category must match (code 35; inferred from its text)."""
    categories = unit.state.categories
    if settings.brand_rule == "root":
        roots = [[*ancestors(code, unit.state)][-1] for code in linked]
    else:
        roots = [row for row in categories.values() if not row.get("ParentCategoryCode")]
    if not any(root["CategoryName"] == name and is_brand(root, settings) for root in roots):
        raise DataError(codes.BRAND_UNKNOWN, f"{name} is no first-level category that is a brand")


def _put_sku(product: str, members: Row, unit: Unit, settings: SellersCommerceTwinSettings) -> None:
    code = members["SKUCode"]
    old = unit.state.skus.get(code)
    if old is not None and old["ProductCode"] != product:
        raise DataError(codes.INVALID_SKU, f"SKU {code} belongs to {old['ProductCode']}")
    upc = members.get("UPC")
    if upc and settings.check_upc and not (upc.isascii() and upc.isdigit() and ean.is_valid(upc)):
        raise DataError(codes.INVALID_SKU, f"UPC {upc} of SKU {code} is not valid")
    if old is not None and not settings.absent_kept:
        members = dict.fromkeys(bodies.SKU) | members
    members = _defaulted(members, _SKU_DEFAULTS, new=old is None)
    _change_sku(code, members | {"ProductCode": product}, unit)


def _defaulted(members: Row, defaults: Row, *, new: bool) -> Row:
    """Give null, and in a new record absent, members their defaults."""
    wanted = {name: value for name, value in defaults.items() if new or name in members}
    return members | {name: value for name, value in wanted.items() if members.get(name) is None}


def _change_sku(code: str, changes: Row, unit: Unit) -> None:
    old = unit.state.skus.get(code, {})
    unit.stamped(unit.state.skus, code, changes, "SKUID")
    if "Price" in changes:
        unit.effect("price", code, "Price", changes["Price"], old.get("Price"))
    if "Inventory" in changes:
        unit.effect("stock", code, "Inventory", changes["Inventory"], old.get("Inventory"))


def update_sku(members: Row, unit: Unit) -> None:
    """Set prices or stock of a SKU; stock is absolute (inferred). Raises DataError: unknown, or of another product."""
    code = members["SKUCode"]
    old = unit.state.skus.get(code)
    if old is None:
        raise DataError(codes.INVALID_SKU, f"SKU {code} does not exist")
    if members.get("ProductCode") not in {None, old["ProductCode"]}:
        raise DataError(codes.INVALID_SKU, f"SKU {code} belongs to {old['ProductCode']}")
    _change_sku(code, {name: value for name, value in members.items() if name != "ProductCode"}, unit)


class ProductDesk:
    """Answers api/product/* and api/embellishments/*."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def handlers(self) -> dict[apis.Api, Handler]:
        """What answers which call."""
        return {
            apis.PRODUCTS: self._list,
            apis.ALL_PRODUCTS: self._list,
            apis.SKUS: self._skus,
            apis.PRODUCT: lambda ask: Found(bodies.PRODUCT_ROW, [self._row(ask.argument)], one=True),
            apis.PUT_PRODUCT: self._put,
            apis.PUT_PRICES: self._update,
            apis.PUT_INVENTORY: self._update,
            apis.SUPPLIERS: self._suppliers,
            apis.EMBELLISHMENTS: self._embellishments,
            apis.PRODUCT_EMBELLISHMENTS: self._embellishments,
        }

    def _row(self, code: str) -> Row:
        if code not in self._store.state.products:
            raise DataError(self._store.settings.missing_product_code, f"product {code} does not exist")
        return product_row(code, self._store.state)

    def _list(self, _ask: Ask) -> Found:
        state = self._store.state
        mine: dict[str, list[Row]] = {}
        for sku in state.skus.values():
            mine.setdefault(sku["ProductCode"], []).append(sku)
        rows = [
            row
            | {"SKUs": mine.get(code, []), "Categories": [state.categories[one] for one in state.links.get(code, [])]}
            for code, row in state.products.items()
        ]
        return Found(bodies.PRODUCT_ROW, rows)

    def _skus(self, ask: Ask) -> Found:
        state = self._store.state
        rows = [row | {"SCProductID": state.products[row["ProductCode"]]["SCProductID"]} for row in state.skus.values()]
        # An empty value is none: the template of the address names all four parameters (verified).
        for name in ("SCProductID", "ProductCode"):
            wanted = ask.query.get(name.lower(), "")
            rows = [row for row in rows if wanted in {"", str(row[name])}]
        return Found(bodies.SKU_ROW, rows)

    def _put(self, ask: Ask) -> None:
        self._store.each(ask, lambda members, unit: put_product(members, unit, self._store.settings))

    def _update(self, ask: Ask) -> None:
        self._store.each(ask, update_sku)

    def _suppliers(self, _ask: Ask) -> Found:
        given = [row.get("SupplierName") for row in self._store.state.products.values()]
        names = dict.fromkeys([*self._store.settings.suppliers, *(name for name in given if name)])
        rows = [{"SupplierID": number, "SupplierName": name} for number, name in enumerate(names, 1)]
        return Found(bodies.SUPPLIER_ROW, rows)

    def _embellishments(self, ask: Ask) -> Found:
        """All of them are tagged to every product. Raises DataError for an unknown product."""
        if ask.api is apis.PRODUCT_EMBELLISHMENTS:
            self._row(ask.query.get("productcode", ""))
        return Found(bodies.EMBELLISHMENT_ROW, [dict(row) for row in self._store.settings.embellishments])
