"""Orders and returns at the Sellers Commerce twin: api/order/* and api/return/*.

Source: Sellers Commerce Open API documentation, order and return endpoints, codes 24-28, column tables.
"""

from __future__ import annotations

from gateway.twin import sellerscommerce_apis as apis
from gateway.twin import sellerscommerce_bodies as bodies
from gateway.twin import sellerscommerce_codes as codes
from gateway.twin.sellerscommerce_codes import DataError
from gateway.twin.sellerscommerce_members import Row
from gateway.twin.sellerscommerce_settings import SellersCommerceTwinSettings
from gateway.twin.sellerscommerce_state import SellersCommerceState, Unit
from gateway.twin.sellerscommerce_store import Ask, Found, Handler, Store


def order(number: str, state: SellersCommerceState) -> Row:
    """Return one order. Raises DataError (24)."""
    if number not in state.orders:
        raise DataError(codes.ORDER_UNKNOWN, f"order {number} does not exist")
    return state.orders[number]


def ship(members: Row, unit: Unit, settings: SellersCommerceTwinSettings) -> None:
    """Ship items of an order.

    Raises DataError: order (24) or SKU in it (25) unknown, more than is open (26), a service of another carrier, a dead
    order, or an open item not named (30).
    """
    number, shipments = members["OrderNumber"], members["ShippingInformation"]
    row = order(number, unit.state)
    if row["OrderStatusId"] in codes.DEAD_ORDERS:
        raise DataError(codes.INVALID, f"order {number} has the status {row['OrderStatusId']}")
    items = {item["SKUCode"]: dict(item) for item in row["Items"]}
    for shipment in shipments:
        _check_service(shipment)
        item = items.get(shipment["SKUCode"])
        if item is None:
            raise DataError(codes.SKU_NOT_IN_ORDER, f"order {number} has no SKU {shipment['SKUCode']}")
        item["ShippedQuantity"] += shipment["Quantity"]
        if item["ShippedQuantity"] > item["Quantity"]:
            raise DataError(codes.TOO_MANY, f"order {number} has fewer open of SKU {shipment['SKUCode']}")
    named = {shipment["SKUCode"] for shipment in shipments}
    left = [one for one in row["Items"] if one["ShippedQuantity"] < one["Quantity"] and one["SKUCode"] not in named]
    if left and settings.ship_whole_order:
        raise DataError(codes.INVALID, f"SKU {left[0]['SKUCode']} of order {number} is open and not named")
    whole = all(item["ShippedQuantity"] == item["Quantity"] for item in items.values())
    changes = {
        "Items": list(items.values()),
        "ShippingInformation": [*row["ShippingInformation"], *shipments],
        "OrderStatusId": codes.SHIPPED if whole else codes.PARTIALLY_SHIPPED,
    }
    unit.stamped(unit.state.orders, number, changes)
    for shipment in shipments:
        unit.effect("order", number, f"shipped {shipment['SKUCode']}", shipment["Quantity"])


def _check_service(shipment: Row) -> None:
    """A service belongs to its carrier (column table; verified); carriers without services take none (inferred)."""
    carrier, service = shipment["CarrierId"], shipment.get("ServiceTypeId")
    known = {code for code, of in codes.SERVICES.items() if of == carrier}
    if (service not in known) if known else (service is not None):
        raise DataError(codes.INVALID, f"carrier {carrier} has no service {service}")


def pay(members: Row, unit: Unit) -> None:
    """Capture what was authorized. Raises DataError: 24, the same payment again (27), captured otherwise (28).

    That the same transaction is 27 and another one 28 is inferred from the texts.
    """
    row = order(members["OrderNumber"], unit.state)
    if row.get("TransactionNumber") == members["TransactionNumber"]:
        raise DataError(codes.PAYMENT_EXISTS, f"order {members['OrderNumber']} has this payment")
    if row["PaymentStatusId"] != codes.AUTHORIZE_ONLY:
        raise DataError(
            codes.CAPTURED, f"order {members['OrderNumber']} has the payment status {row['PaymentStatusId']}"
        )
    changes = {name: value for name, value in members.items() if name in bodies.ORDER_ROW and value is not None}
    unit.stamped(unit.state.orders, members["OrderNumber"], changes | {"PaymentStatusId": codes.PRIOR_AUTH_CAPTURE})
    unit.effect("order", members["OrderNumber"], "captured", members["TransactionNumber"])


def set_status(members: Row, unit: Unit) -> None:
    """Take an order from placed to processing, the only step described (verified). Others: code 30 (inferred)."""
    row = order(members["OrderNumber"], unit.state)
    before, wanted = row["OrderStatusId"], members["OrderStatusId"]
    if wanted != codes.PROCESSING:
        raise DataError(codes.INVALID, f"order {members['OrderNumber']} can't be given the status {wanted}")
    if before == codes.PROCESSING:
        raise DataError(codes.EXISTS, f"order {members['OrderNumber']} is processing")
    if before != codes.PLACED:
        raise DataError(codes.INVALID, f"order {members['OrderNumber']} has the status {before}")
    unit.stamped(unit.state.orders, members["OrderNumber"], {"OrderStatusId": wanted})
    unit.effect("order", members["OrderNumber"], "status", wanted, before)


def take_back(members: Row, unit: Unit) -> None:
    """Open a return request. Raises DataError: 24, 25, more than was shipped and is not returned (26; inferred)."""
    number = members["OrderNumber"]
    row = order(number, unit.state)
    items = {item["SKUCode"]: dict(item) for item in row["Items"]}
    for wanted in members["ReturnItems"]:
        item = items.get(wanted["SKUCode"])
        if item is None:
            raise DataError(codes.SKU_NOT_IN_ORDER, f"order {number} has no SKU {wanted['SKUCode']}")
        item["ReturnedQuantity"] += wanted["Quantity"]
        if item["ReturnedQuantity"] > item["ShippedQuantity"]:
            raise DataError(codes.TOO_MANY, f"fewer of SKU {wanted['SKUCode']} of order {number} can be returned")
    unit.stamped(unit.state.orders, number, {"Items": list(items.values())})
    name = f"R{unit.state.number()}"
    started = {"ReturnNumber": name, "ReturnStatusId": codes.RETURN_INITIATED}
    unit.stamped(unit.state.returns, name, members | started)
    unit.effect("return", name, "opened", number)


class OrderDesk:
    """Answers api/order/* and api/return/*."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def handlers(self) -> dict[apis.Api, Handler]:
        """What answers which call."""
        return {
            apis.ORDERS: lambda _: Found(bodies.ORDER_ROW, list(self._store.state.orders.values())),
            apis.ALL_ORDERS: lambda _: Found(bodies.ORDER_ROW, list(self._store.state.orders.values())),
            apis.ORDER: lambda ask: Found(bodies.ORDER_ROW, [order(ask.argument, self._store.state)], one=True),
            apis.SHIP: lambda ask: self._store.each(ask, lambda row, unit: ship(row, unit, self._store.settings)),
            apis.PAY: lambda ask: self._store.each(ask, pay),
            apis.SET_STATUS: lambda ask: self._store.each(ask, set_status),
            apis.RETURNS: lambda _: Found(bodies.RETURN_ROW, list(self._store.state.returns.values())),
            apis.RETURN: self._return,
            apis.PUT_RETURN: lambda ask: self._store.each(ask, take_back),
        }

    def _return(self, ask: Ask) -> Found:
        names = {"return": ("ReturnNumber",), "order": ("OrderNumber",), "both": ("ReturnNumber", "OrderNumber")}
        by = names[self._store.settings.returns_by]
        for row in self._store.state.returns.values():
            if ask.argument in {row[name] for name in by}:
                return Found(bodies.RETURN_ROW, [row], one=True)
        # No code of the table fits but that of orders, after which the page describes it (assumption).
        raise DataError(codes.ORDER_UNKNOWN, f"return {ask.argument} does not exist")
