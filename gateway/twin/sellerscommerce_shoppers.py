"""Shoppers at the Sellers Commerce twin: api/shopper/*.

Source: Sellers Commerce Open API documentation, shopper endpoints and the sample of a shopper (verified, with gaps:
that shoppers are known by `UserName` is inferred from the path of shopper/get).
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


def shopper(name: str, state: SellersCommerceState) -> Row:
    """Return one shopper. Raises DataError (22)."""
    if name not in state.shoppers:
        raise DataError(codes.USER_UNKNOWN, f"shopper {name} does not exist")
    return state.shoppers[name]


def put_shopper(members: Row, unit: Unit, settings: SellersCommerceTwinSettings) -> None:
    """Add or update a shopper; addresses by their names, others stay (inferred from "add or update")."""
    name = members["UserName"]
    old = unit.state.shoppers.get(name)
    if members.get("Address") is not None:
        members = members | {"Address": _merged(old or {}, members["Address"])}
    if old is None:
        members = {"Deleted": False, "Address": []} | members
    elif not settings.absent_kept:
        members = {one: None for one in bodies.SHOPPER if one != "Address"} | {"Deleted": False} | members
    unit.stamped(unit.state.shoppers, name, members, "ShopperID")
    unit.effect("shopper", name, "shopper", members.get("LastName"), old and old.get("LastName"))


def put_addresses(members: Row, unit: Unit) -> None:
    """Add or update addresses of a shopper. Raises DataError (22)."""
    old = shopper(members["UserName"], unit.state)
    unit.stamped(unit.state.shoppers, members["UserName"], {"Address": _merged(old, members["Address"])})
    for address in members["Address"]:
        unit.effect("shopper", members["UserName"], "address", address["AddressName"])


def _merged(old: Row, addresses: list[Row]) -> list[Row]:
    known = {address["AddressName"]: address for address in old.get("Address") or []}
    for address in addresses:
        known[address["AddressName"]] = known.get(address["AddressName"], {}) | address
    return list(known.values())


class ShopperDesk:
    """Answers api/shopper/*."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def handlers(self) -> dict[apis.Api, Handler]:
        """What answers which call."""
        return {
            apis.SHOPPERS: lambda _: Found(bodies.SHOPPER_ROW, list(self._store.state.shoppers.values())),
            apis.SHOPPER: lambda ask: Found(bodies.SHOPPER_ROW, [shopper(ask.argument, self._store.state)], one=True),
            apis.PUT_SHOPPERS: self._put,
            apis.PUT_ADDRESS: lambda ask: self._store.each(ask, put_addresses),
        }

    def _put(self, ask: Ask) -> None:
        self._store.each(ask, lambda members, unit: put_shopper(members, unit, self._store.settings))
