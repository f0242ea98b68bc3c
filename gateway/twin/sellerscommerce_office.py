"""The back office of the Sellers Commerce twin: what the operator and buyers do, and what stands on the shelf."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson

from gateway.errors import SettingsError
from gateway.twin import sellerscommerce_codes as codes
from gateway.twin.sellerscommerce_bodies import ORDER_ROW, PRODUCT
from gateway.twin.sellerscommerce_categories import path
from gateway.twin.sellerscommerce_codes import DataError
from gateway.twin.sellerscommerce_members import Row, read
from gateway.twin.sellerscommerce_products import put_product
from gateway.twin.sellerscommerce_store import Store


class Office:
    """Works on the store without a call; nothing of it is an effect."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put_product(self, document: Row) -> None:
        """Add or update a product with the body that product/products takes. Raises SettingsError."""
        # As it comes over the wire: amounts keep their digits.
        document = json.loads(orjson.dumps(document), parse_float=Decimal)
        try:
            with self._store.unit("") as unit:
                put_product(read(document, PRODUCT, self._store.settings), unit, self._store.settings)
        except DataError as error:
            raise SettingsError(f"The twin can't take product {document.get('ProductCode')}: {error.why}.") from error

    def put_sku(self, sku: str, stock: int, price: str) -> None:
        """Put a SKU in as a product of its own, of the brand House, or replace its price and stock."""
        yes, no = (0, 1) if self._store.settings.is_brand_inverted else (1, 0)
        brand = {"CategoryCode": "HOUSE", "CategoryName": "House", "ParentCategoryCode": None, "IsBrand": yes}
        goods = {"CategoryCode": "GOODS", "CategoryName": "Goods", "ParentCategoryCode": "HOUSE", "IsBrand": no}
        with self._store.unit("") as unit:
            known = unit.state.skus.get(sku)
            if known is not None:
                unit.stamped(unit.state.skus, sku, {"Inventory": stock, "Price": price})
                return
            members: Row = {"ProductCode": sku, "ProductName": f"Article {sku}", "BrandName": "House"}
            members |= {"Categories": [brand, goods], "SKUs": [{"SKUCode": sku, "Price": price, "Inventory": stock}]}
            put_product(members, unit, self._store.settings)

    def sell(self, sku: str, quantity: int) -> int:
        """Take units from stock (negative: put back), never below zero. Raises SettingsError for an unknown SKU."""
        with self._store.unit("") as unit:
            known = unit.state.skus.get(sku)
            if known is None:
                raise SettingsError(f"The twin has no SKU {sku!r}.", fix="Send it first.")
            left = max(0, int(known["Inventory"]) - quantity)
            unit.stamped(unit.state.skus, sku, {"Inventory": left})
            return left

    def place_order(
        self, items: Mapping[str, int], number: str, user: str, status: int, payment: int, placed: datetime | None
    ) -> str:
        """Place an order; without a number it gets the next one. Returns its number. Raises SettingsError."""
        if status not in codes.ORDER_STATUS or payment not in codes.PAYMENT_STATUS or not items:
            raise SettingsError(f"An order of the twin has items {dict(items)}, status {status}, payment {payment}.")
        with self._store.unit("") as unit:
            number = number or str(100_000 + unit.state.number())
            skus = unit.state.skus
            rows = [
                {"SKUCode": sku, "Quantity": quantity, "ShippedQuantity": 0, "ReturnedQuantity": 0}
                | {"Price": skus[sku]["Price"] if sku in skus else None}
                for sku, quantity in items.items()
            ]
            row: Row = dict.fromkeys(ORDER_ROW)
            row |= {"OrderNumber": number, "OrderStatusId": status, "UserName": user, "PaymentStatusId": payment}
            row |= {"Items": rows, "ShippingInformation": [], "PaymentMethodId": 31, "PaymentGatewayId": 220}
            moment = unit.stamp if placed is None else placed.astimezone(UTC).isoformat()
            row |= dict.fromkeys(("OrderPlacedDate", "CreatedDate", "ModifiedDate"), moment)
            unit.put(unit.state.orders, number, row)
        return number

    def shelf(self) -> list[dict[str, Any]]:
        """What stands in the store, by SKU: see the twin."""
        with self._store.lock:
            state, rows = self._store.state, []
            for sku in sorted(state.skus):
                row = state.skus[sku]
                product = state.products[row["ProductCode"]]
                linked = state.links.get(row["ProductCode"], [])
                rows.append(
                    {
                        "sku": sku,
                        "product_code": row["ProductCode"],
                        "name": product["ProductName"],
                        "price": row["Price"],
                        "stock": row["Inventory"],
                        "category": path(linked[-1], state) if linked else "",
                        "active": product["Status"],
                    }
                )
        return rows
