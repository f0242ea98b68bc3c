"""Categories, brands and links at the Sellers Commerce twin: api/category/*.

Source: Sellers Commerce Open API documentation, category endpoints, codes 31-36, columns IsBrand and ActionId. What the
codes mean for bodies is inferred from their texts.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.twin import sellerscommerce_apis as apis
from gateway.twin import sellerscommerce_bodies as bodies
from gateway.twin import sellerscommerce_codes as codes
from gateway.twin.sellerscommerce_codes import DataError
from gateway.twin.sellerscommerce_members import Row
from gateway.twin.sellerscommerce_settings import SellersCommerceTwinSettings
from gateway.twin.sellerscommerce_state import SellersCommerceState, Unit
from gateway.twin.sellerscommerce_store import Ask, Found, Handler, Store


def is_brand(category: Row, settings: SellersCommerceTwinSettings) -> bool:
    """Whether a category is a brand: IsBrand 0 is Yes (column table; verified)."""
    return bool(category.get("IsBrand") == (0 if settings.is_brand_inverted else 1))


def flagged(members: Row, settings: SellersCommerceTwinSettings, code: int) -> Row:
    """Return a new category's members with IsBrand. Raises DataError where the settings want it given."""
    if members.get("IsBrand") is not None:
        return members
    if settings.missing_is_brand == "refuse":
        raise DataError(code, f"category {members['CategoryCode']} has no IsBrand")
    yes = settings.missing_is_brand == "yes"
    return members | {"IsBrand": int(yes != settings.is_brand_inverted)}


def ancestors(code: str, state: SellersCommerceState) -> Iterator[Row]:
    """A category and all above it, the first-level one last."""
    category = state.categories.get(code)
    while category is not None:
        yield category
        category = state.categories.get(category.get("ParentCategoryCode") or "")


def path(code: str, state: SellersCommerceState) -> str:
    """Names from the first level down, joined by a backslash."""
    return "\\".join(reversed([row["CategoryName"] for row in ancestors(code, state)]))


def put_category(members: Row, unit: Unit, settings: SellersCommerceTwinSettings) -> None:
    """Add or update a category. Raises DataError: parent unknown (32), a circle or no IsBrand (30)."""
    code, parent = members["CategoryCode"], members.get("ParentCategoryCode")
    old = unit.state.categories.get(code)
    if parent and parent not in unit.state.categories and parent != code:
        raise DataError(codes.PARENT_UNKNOWN, f"category {code} has the unknown parent {parent}")
    if parent and (parent == code or code in {row["CategoryCode"] for row in ancestors(parent, unit.state)}):
        raise DataError(codes.INVALID, f"category {code} is above itself")
    if old is None:
        members = flagged(members, settings, codes.INVALID)
    elif not settings.absent_kept:
        members = {name: None for name in bodies.CATEGORY if name != "IsBrand"} | members
    unit.stamped(unit.state.categories, code, members, "CategoryID")
    unit.effect("category", code, "category", members["CategoryName"], old and old["CategoryName"])


def delete_category(members: Row, unit: Unit, settings: SellersCommerceTwinSettings) -> None:
    """Delete it with its links (ActionId 1), or make it first-level (2) (columns; verified, meaning inferred).

    Raises DataError: unknown (31), or it has children and the settings refuse that (30).
    """
    code, state = members["CategoryCode"], unit.state
    if code not in state.categories:
        raise DataError(codes.CATEGORY_UNKNOWN, f"category {code} does not exist")
    if members["ActionId"] == codes.REMOVE_FROM_PARENT:
        before = state.categories[code].get("ParentCategoryCode")
        unit.stamped(state.categories, code, {"ParentCategoryCode": None})
        unit.effect("category", code, "parent", None, before)
        return
    children = [key for key, row in state.categories.items() if row.get("ParentCategoryCode") == code]
    if children and settings.delete_with_children == "refuse":
        raise DataError(codes.INVALID, f"category {code} has children")
    for child in children:
        unit.stamped(state.categories, child, {"ParentCategoryCode": None})
    for product, linked in list(state.links.items()):
        if code in linked:
            unit.put(state.links, product, [one for one in linked if one != code])
            unit.effect("link", product, code, None, code)
    unit.effect("category", code, "category", None, state.categories[code]["CategoryName"])
    unit.remove(state.categories, code)


def put_link(members: Row, unit: Unit, settings: SellersCommerceTwinSettings) -> None:
    """Put a product into a category. Raises DataError: product (30) or category (31) unknown, link known (33)."""
    product, code, state = members["ProductCode"], members["CategoryCode"], unit.state
    if product not in state.products:
        raise DataError(codes.INVALID, f"product {product} does not exist")
    if code not in state.categories:
        raise DataError(codes.CATEGORY_UNKNOWN, f"category {code} does not exist")
    linked = state.links.get(product, [])
    if code in linked:
        if settings.refuse_known_links:
            raise DataError(codes.EXISTS, f"product {product} is in category {code}")
        return
    unit.put(state.links, product, [*linked, code])
    unit.effect("link", product, code, code)


class CategoryDesk:
    """Answers api/category/*."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def handlers(self) -> dict[apis.Api, Handler]:
        """What answers which call."""
        return {
            apis.CATEGORIES: lambda _: Found(bodies.CATEGORY_ROW, list(self._store.state.categories.values())),
            apis.CATEGORY: lambda ask: Found(bodies.CATEGORY_ROW, [self._category(ask)], one=True),
            apis.CATEGORY_PRODUCTS: self._products,
            apis.PUT_CATEGORIES: self._put,
            apis.DELETE_CATEGORY: self._delete,
            apis.PUT_LINKS: self._link,
            apis.BRANDS: self._brands,
        }

    def _category(self, ask: Ask) -> Row:
        found = self._store.state.categories.get(ask.argument)
        if found is None:
            raise DataError(codes.CATEGORY_UNKNOWN, f"category {ask.argument} does not exist")
        return found

    def _products(self, ask: Ask) -> Found:
        code, state = self._category(ask)["CategoryCode"], self._store.state
        rows = [product_row(key, state) for key, linked in state.links.items() if code in linked]
        return Found(bodies.PRODUCT_ROW, rows)

    def _put(self, ask: Ask) -> None:
        self._store.each(ask, lambda members, unit: put_category(members, unit, self._store.settings))

    def _delete(self, ask: Ask) -> None:
        self._store.each(ask, lambda members, unit: delete_category(members, unit, self._store.settings))

    def _link(self, ask: Ask) -> None:
        """Link, after taking away what else the products named had where the settings say that links replace."""
        named: set[str] = set()

        def link(members: Row, unit: Unit) -> None:
            product = members["ProductCode"]
            if self._store.settings.links == "replace" and product not in named and product in unit.state.products:
                unit.put(unit.state.links, product, [])
            named.add(product)
            put_link(members, unit, self._store.settings)

        self._store.each(ask, link)

    def _brands(self, _ask: Ask) -> Found:
        """First-level categories flagged as brand (inferred from code 35)."""
        settings, rows = self._store.settings, self._store.state.categories.values()
        brands = [row for row in rows if is_brand(row, settings) and not row.get("ParentCategoryCode")]
        return Found(bodies.BRAND_ROW, [row | {"BrandName": row["CategoryName"]} for row in brands])


def product_row(code: str, state: SellersCommerceState) -> Row:
    """A product as it is read back, with its categories and SKUs."""
    return state.products[code] | {
        "Categories": [state.categories[one] for one in state.links.get(code, [])],
        "SKUs": [row for row in state.skus.values() if row["ProductCode"] == code],
    }
